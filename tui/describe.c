/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/describe.h"
#include "engine/base/alloc.h"
#include <inttypes.h>
#include <string.h>

struct asking {
	struct work work; /* first */
	struct shell *shell;
	struct ref ref;
	struct buf text;
};

static void destroy(struct work *w)
{
	struct asking *q = (struct asking *)w;

	buf_free(&q->text);
	free(q);
}

static void ask(struct work *w)
{
	struct asking *q = (struct asking *)w;
	struct buf raw = {0};

	shell_describe(q->shell, &q->ref, &raw);
	buf_put_safe(&q->text, buf_str(&raw), raw.len);
	buf_free(&raw);
}

static void drop(struct describer *d)
{
	if (d->asked)
		work_drop(&d->asked->work);
	d->asked = NULL;
	free(d->text);
	d->text = NULL;
}

/* The row says already which type and address it is, where more than that is known. */
static const char *beyond(const struct ref *r, const char *text)
{
	AUTO_BUF struct buf known = {0}, same = {0};

	ref_print(r, &same);
	if (!strcmp(text, buf_str(&same))) /* nothing else is known */
		return "";
	if (r->kind == REF_OBJECT)
		buf_printf(&known, "%s ", r->name);
	buf_printf(&known, "0x%" PRIx64 " ", r->addr);
	return !strncmp(text, buf_str(&known), known.len) && text[known.len] ? text + known.len : text;
}

static bool take(struct describer *d)
{
	struct asking *q = d->asked;

	if (!q || !work_done(&q->work))
		return false;
	d->asked = NULL;
	const char *text = q->text.len ? beyond(&q->ref, q->text.p) : "";
	d->text = *text ? xstrdup(text) : NULL;
	work_unref(&q->work);
	return d->text != NULL;
}

bool describer_settle(struct describer *d, struct pool *pool, struct shell *sh, const struct ref *r)
{
	unsigned generation = shell_generation(sh);

	if (ref_equal(r, &d->about) && d->generation == generation)
		return take(d);
	bool had = d->text != NULL;
	drop(d);
	d->about = *r;
	d->generation = generation;
	if (!r->kind)
		return had;
	d->asked = xcalloc(1, sizeof(*d->asked));
	d->asked->shell = sh;
	d->asked->ref = *r;
	work_start(pool, &d->asked->work, "what is this", ask, destroy);
	return had;
}

void describer_free(struct describer *d)
{
	drop(d);
}
