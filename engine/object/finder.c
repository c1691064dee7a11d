/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A module's file is looked for when somebody first needs debug info of that module: a dump has
 * scores of modules, and few of them have a frame that anybody looks at. Whoever asks first does the
 * looking, others wait for it; what the finder itself asks of the object it gets as it stands.
 *
 * The finder's lock is taken before any other of the object, and never with one held by the finder's
 * own calls: object_attach() and object_place_section() take only `parts`.
 */
#include "engine/object/impl.h"

enum { FINDER_NONE, FINDER_SET, FINDER_RUNS, FINDER_DONE };

void object_finder_init(struct object *o)
{
	pthread_mutexattr_t attr;

	atomic_init(&o->finder_state, FINDER_NONE);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&o->finder_lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

void object_finder_done(struct object *o)
{
	pthread_mutex_destroy(&o->finder_lock);
}

void object_set_finder(struct object *o, object_finder *find, void *ctx)
{
	pthread_mutex_lock(&o->finder_lock);
	o->find = find;
	o->find_ctx = ctx;
	atomic_store(&o->finder_state, FINDER_SET);
	pthread_mutex_unlock(&o->finder_lock);
}

void object_find_debug(struct object *o)
{
	int state = atomic_load_explicit(&o->finder_state, memory_order_acquire);

	if (state == FINDER_NONE || state == FINDER_DONE)
		return;
	pthread_mutex_lock(&o->finder_lock);
	if (atomic_load(&o->finder_state) == FINDER_SET) {
		atomic_store(&o->finder_state, FINDER_RUNS);
		o->find(o, o->find_ctx);
		atomic_store_explicit(&o->finder_state, FINDER_DONE, memory_order_release);
	}
	pthread_mutex_unlock(&o->finder_lock);
}
