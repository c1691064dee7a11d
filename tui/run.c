/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/run.h"
#include "engine/base/alloc.h"

static void destroy(struct work *w)
{
	struct run *r = (struct run *)w;

	rows_destroy(r->rows);
	free(r->line);
	free(r);
}

static void run_command(struct work *w)
{
	struct run *r = (struct run *)w;
	rows_finish(r->rows, shell_run(r->shell, r->line, &r->ctx, w->job, rows_sink(r->rows)));
}

static void news(void *pool)
{
	pool_news(pool);
}

struct run *run_start(struct pool *pool, struct shell *sh, const char *line,
		      const struct context *ctx)
{
	struct run *r = xcalloc(1, sizeof(*r));

	r->shell = sh;
	r->line = xstrdup(line);
	r->ctx = r->given = *ctx;
	r->rows = rows_create(news, pool);
	work_start(pool, &r->work, line, run_command, destroy);
	return r;
}

struct run *run_local(const char *line)
{
	struct run *r = xcalloc(1, sizeof(*r));

	r->line = xstrdup(line);
	r->rows = rows_create(NULL, NULL);
	work_ready(&r->work, destroy);
	return r;
}
