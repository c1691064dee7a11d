/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool whole_number(const char *s, int base, uint64_t *ret)
{
	char *end;

	if (!*s || strchr("+- ", *s))
		return false;
	errno = 0;
	*ret = strtoull(s, &end, base);
	return !errno && !*end;
}

struct err *arg_number(const char *text, uint64_t *ret)
{
	bool hex = !strncmp(text, "0x", 2);

	if (whole_number(text, hex ? 16 : 10, ret))
		return NULL;
	return err_new(ERR_USAGE, "'%s' is not a number", text);
}

/* "SYMBOL", "SYMBOL+0x10" or "SYMBOL:CPU". */
static struct err *symbol_address(struct session *s, const char *text, uint64_t *ret)
{
	size_t n = strcspn(text, "+:");
	AUTO_FREE char *name = xstrndup(text, n);
	uint64_t more = 0;
	struct sym sym;

	if (!sym_find(s->symtab, name, &sym))
		return err_new(ERR_NOTFOUND, "'%s' is neither an address nor a symbol", name);
	if (text[n] && text[n + 1])
		TRY(arg_number(text + n + 1, &more));
	if (text[n] == ':')
		return kern_percpu(s, name, (unsigned)more, ret);
	*ret = sym.addr + more;
	return NULL;
}

static bool ref_address(struct session *s, const char *text, uint64_t *ret)
{
	struct ref r;

	if (!strpbrk(text, ":@") || !err_ok(ref_parse(text, s->intern, &r)))
		return false;
	if (r.kind == REF_SYM)
		return err_ok(symbol_address(s, r.name, ret));
	if (r.kind == REF_LOG || r.kind == REF_CPU || r.kind == REF_SRC)
		return false;
	*ret = r.kind == REF_USER ? r.aux : r.addr;
	return true;
}

struct err *arg_address(struct session *s, const char *text, uint64_t *ret)
{
	struct sym sym;

	if (!strncmp(text, "0x", 2) && whole_number(text, 16, ret))
		return NULL;
	if (ref_address(s, text, ret))
		return NULL;
	if (!sym_find(s->symtab, text, &sym) && whole_number(text, 16, ret))
		return NULL;
	return symbol_address(s, text, ret);
}

/* "pid", "task address", "task:0x...", "frame:0x...:4.1". */
static const struct task *find_task(struct session *s, const struct tasks *ts, const char *text)
{
	uint64_t v;
	const struct task *t;

	if (whole_number(text, 10, &v) && v <= INT32_MAX && (t = task_by_pid(ts, (int32_t)v)))
		return t;
	return err_ok(arg_address(s, text, &v)) ? task_by_addr(ts, v) : NULL;
}

struct err *arg_task(const struct cmd_call *c, const char *text, const struct task **ret)
{
	const struct tasks *ts;

	TRY(tasks_load(c->session, c->job, &ts));
	if (!text || !*text) {
		*ret = c->ctx->task.kind ? task_by_addr(ts, c->ctx->task.addr) : NULL;
		return *ret ? NULL : err_new(ERR_USAGE, "no task is chosen: give a pid, or `set PID`");
	}
	*ret = find_task(c->session, ts, text);
	if (*ret)
		return NULL;
	return err_new(ERR_NOTFOUND, "no task '%s': expected a pid or the address of a task_struct "
				     "(`ps` lists them)", text);
}
