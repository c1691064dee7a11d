/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/complete.h"
#include "engine/base/alloc.h"
#include <string.h>

struct completing {
	struct work work; /* first */
	struct shell *shell;
	struct context ctx;
	char *line;
	size_t cursor, skip;
	bool insert;
	struct completions found;
};

static void destroy(struct work *w)
{
	struct completing *c = (struct completing *)w;

	completions_free(&c->found);
	free(c->line);
	free(c);
}

static void run(struct work *w)
{
	struct completing *c = (struct completing *)w;
	shell_complete(c->shell, &c->ctx, c->line, c->cursor, &c->found);
}

void completer_clear(struct completer *c)
{
	if (c->asked)
		work_drop(&c->asked->work);
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i]);
	free(c->v);
	*c = (struct completer){.chosen = -1};
}

void completer_ask(struct completer *c, struct pool *pool, struct shell *sh, const struct context *ctx,
		   const char *line, size_t cursor, size_t skip, bool insert)
{
	struct completing *q = xcalloc(1, sizeof(*q));

	if (c->asked)
		work_drop(&c->asked->work);
	q->shell = sh;
	q->ctx = *ctx;
	q->line = xstrdup(line);
	q->cursor = cursor;
	q->skip = skip;
	q->insert = insert;
	c->asked = q;
	work_start(pool, &q->work, "completion", run, destroy);
}

void completer_add(struct completer *c, const char *word)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->v[i], word))
			return;
	c->v = xrealloc(c->v, c->n + 1, sizeof(char *));
	c->v[c->n++] = xstrdup(word);
}

bool completer_take(struct completer *c)
{
	struct completing *q = c->asked;

	if (!q || !work_done(&q->work))
		return false;
	c->asked = NULL; /* completer_clear would drop it */
	completer_clear(c);
	for (size_t i = 0; i < q->found.n; i++)
		completer_add(c, q->found.v[i]);
	c->start = q->found.start > q->skip ? q->found.start - q->skip : 0;
	c->more = q->found.more;
	c->insert = q->insert;
	work_unref(&q->work);
	return true;
}

size_t completer_common(const struct completer *c)
{
	size_t n = c->n ? strlen(c->v[0]) : 0;

	for (size_t i = 1; i < c->n; i++)
		for (size_t k = 0; k < n; k++)
			if (c->v[i][k] != c->v[0][k])
				n = k;
	return n;
}
