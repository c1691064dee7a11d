/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Things that load once. The lock is held while loading: whoever comes later waits for the result
 * instead of doing the work twice. An error belongs to the thread that got it, so a failure is kept
 * as its words and made anew for each that asks.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"

void loader_init(struct loader *l)
{
	*l = (struct loader){0};
	pthread_mutex_init(&l->lock, NULL);
}

void loader_done(struct loader *l)
{
	free(l->text);
	pthread_mutex_destroy(&l->lock);
}

/* Without BTF, types are DWARF's, and the first that is looked for waits for the index of its names:
 * seconds for a big kernel. Members are looked up in many places that have no job; all of them come
 * after the first loader, which has one. */
static struct err *types_first(struct session *s, struct job *job)
{
	struct err *e = s->types && s->vmlinux ? types_prepare(s->types, s->vmlinux, job) : NULL;

	if (e && err_code(e) == ERR_CANCELLED)
		return e;
	err_free(e); /* who needs a type says so */
	return NULL;
}

static void load_now(struct loader *l, struct session *s, struct job *job,
		     struct err *(*load)(struct session *s, struct job *job, void **ret))
{
	struct err *e = types_first(s, job);

	if (!e)
		e = load(s, job, &l->value);

	l->loaded = true;
	if (!e)
		return;
	l->value = NULL;
	l->code = err_code(e);
	l->text = xstrdup(err_text(e));
	l->loaded = l->code != ERR_CANCELLED;
	err_free(e);
}

void *loader_peek(struct loader *l)
{
	void *value = NULL;

	if (!pthread_mutex_trylock(&l->lock)) {
		value = l->loaded ? l->value : NULL;
		pthread_mutex_unlock(&l->lock);
	}
	return value;
}

struct err *loader_get(struct loader *l, struct session *s, struct job *job,
		       struct err *(*load)(struct session *s, struct job *job, void **ret),
		       void **ret)
{
	struct err *e = NULL;

	pthread_mutex_lock(&l->lock);
	if (!l->loaded)
		load_now(l, s, job, load);
	if (!l->loaded) {
		free(l->text);
		l->text = NULL;
		e = err_cancelled();
	} else if (l->text) {
		e = err_new(l->code, "%s", l->text);
	} else {
		*ret = l->value;
	}
	pthread_mutex_unlock(&l->lock);
	return e;
}
