/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel died of, out of its log. The last "Kernel panic" says it, unless it only says
 * that an oops was fatal: then the oops' own first line does.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"
#include "engine/kern/log/log.h"

static const char *const panics[] = {"Kernel panic - not syncing: ", "Kernel panic: "};
/* Panics that only repeat that something else went wrong. */
static const char *const echoes[] = {"Fatal exception", "Fatal machine check"};
static const char *const oopses[] = {
	"BUG: ",
	"kernel BUG at ",
	"Unable to handle kernel",
	"general protection fault",
	"Oops: ",
	"divide error: ",
	"double fault: ",
	"stack segment: ",
	"invalid opcode: ",
	"sysrq: Trigger a crash",
	"SysRq : Trigger a crash",
	"sysrq: SysRq : Trigger a crash",
};

struct search {
	char *panic, *oops; /* the last of each */
	bool echo;	    /* the panic is one */
};

static bool starts(const char *s, size_t n, const char *prefix)
{
	return n >= strlen(prefix) && !memcmp(s, prefix, strlen(prefix));
}

static bool starts_any(const char *s, size_t n, const char *const *v, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (starts(s, n, v[i]))
			return true;
	return false;
}

#define STARTS_ANY(s, n, v) starts_any(s, n, v, sizeof(v) / sizeof((v)[0]))

static void look(struct search *x, const char *s, size_t n)
{
	for (size_t i = 0; i < sizeof(panics) / sizeof(panics[0]); i++) {
		size_t len = strlen(panics[i]);
		if (!starts(s, n, panics[i]))
			continue;
		free(x->panic);
		x->panic = xstrndup(s, n);
		x->echo = STARTS_ANY(s + len, n - len, echoes);
		return;
	}
	if (!STARTS_ANY(s, n, oopses))
		return;
	/* "BUG: unable to handle ..." is followed by "Oops: 0002 ...", which tells less. */
	if (starts(s, n, "Oops: ") && x->oops && starts(x->oops, strlen(x->oops), "BUG: "))
		return;
	free(x->oops);
	x->oops = xstrndup(s, n);
}

static struct err *on_record(void *ctx, const struct log_record *r)
{
	for (size_t at = 0; at < r->n;) {
		const char *nl = memchr(r->text + at, '\n', r->n - at);
		size_t end = nl ? (size_t)(nl - r->text) : r->n;
		look(ctx, r->text + at, end - at);
		at = end + 1;
	}
	return NULL;
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct search x = {0};
	uint64_t lost;

	err_free(log_each(s, job, on_record, &x, &lost)); /* no log, no text */
	bool use_oops = x.oops && (!x.panic || x.echo);
	*ret = xstrdup(use_oops ? x.oops : x.panic ? x.panic : "");
	free(x.panic);
	free(x.oops);
	return NULL;
}

const char *session_panic_text(struct session *s)
{
	void *text;

	return err_ok(loader_get(&s->priv->panic_text, s, NULL, load, &text)) ? text : "";
}
