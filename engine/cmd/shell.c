/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session with what commands need around it: a line is taken apart, its command found, its rows
 * handed to the caller's sink, through a program after `|` if there is one. What else the screen
 * asks for (which command opens a ref, a line about an address) is here too, since tui/ sees
 * nothing below engine/cmd.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/elements.h"
#include "engine/cmd/marksfile.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/pipe.h"
#include "engine/kern/memory/identify.h"
#include "engine/kern/system.h"
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

struct shell {
	struct session *s;
	pthread_mutex_t lock;
	char *headline; /* made when first asked for; under lock */
	char *old_headline; /* of the generation before: somebody may have borrowed it */
	unsigned generation; /* of headline */
	struct marks *marks;
	struct kept_table *tables; /* under lock; only ever prepended */
};

/* A table whose columns are chosen while the program runs. */
struct kept_table {
	struct kept_table *next;
	struct table table;
	struct col cols[];
};

static bool same_table(const struct table *a, const struct table *b)
{
	if (a->ncols != b->ncols || a->name != b->name || a->child != b->child)
		return false;
	for (size_t i = 0; i < a->ncols; i++)
		if (strcmp(a->cols[i].key, b->cols[i].key) ||
		    strcmp(a->cols[i].title, b->cols[i].title) ||
		    a->cols[i].flags != b->cols[i].flags)
			return false;
	return true;
}

const struct table *shell_table(struct shell *sh, const struct table *t)
{
	struct kept_table *k;

	pthread_mutex_lock(&sh->lock);
	for (k = sh->tables; k && !same_table(&k->table, t); k = k->next)
		;
	if (!k) {
		k = xcalloc(1, sizeof(*k) + t->ncols * sizeof(*t->cols));
		k->table = *t;
		memcpy(k->cols, t->cols, t->ncols * sizeof(*t->cols));
		k->table.cols = k->cols;
		k->next = sh->tables;
		sh->tables = k;
	}
	pthread_mutex_unlock(&sh->lock);
	return &k->table;
}

struct err *shell_open(const struct shell_options *o, const char *const *files, size_t n,
		       struct job *job, struct shell **ret)
{
	struct session_options so = {.src = o->src, .debug_dirs = o->debug_dirs, .no_cache = o->no_cache};
	struct session *s;

	TRY(session_open(&so, files, n, job, &s));
	struct shell *sh = xcalloc(1, sizeof(*sh));
	sh->s = s;
	pthread_mutex_init(&sh->lock, NULL);
	sh->marks = marks_create(s->dump);
	*ret = sh;
	return NULL;
}

void shell_close(struct shell *sh)
{
	if (!sh)
		return;
	marks_destroy(sh->marks);
	session_close(sh->s);
	pthread_mutex_destroy(&sh->lock);
	for (struct kept_table *k = sh->tables, *next; k; k = next) {
		next = k->next;
		free(k);
	}
	free(sh->headline);
	free(sh->old_headline);
	free(sh);
}

const char *shell_warning(const struct shell *sh, size_t i)
{
	return session_warning(sh->s, i);
}

struct session *shell_session(struct shell *sh)
{
	return sh->s;
}

struct marks *shell_marks(struct shell *sh)
{
	return sh->marks;
}

struct err *shell_mark_set(struct shell *sh, const struct mark *m)
{
	return marks_set(sh->marks, m->letter, m);
}

struct err *shell_mark_get(struct shell *sh, char letter, struct mark *ret)
{
	return marks_get(sh->marks, letter, ret);
}

struct intern *shell_intern(struct shell *sh)
{
	return sh->s->intern;
}

unsigned shell_generation(const struct shell *sh)
{
	return session_generation(sh->s);
}

static char *make_headline(struct session *s)
{
	const struct dump_info *i = dump_info(s->dump);
	const char *release = vmcoreinfo_str(s->vmcoreinfo, "OSRELEASE");
	const char *panic = session_panic_text(s);
	struct buf b = {0};

	buf_put_safe(&b, release ? release : i->release, strlen(release ? release : i->release));
	buf_printf(&b, "%s%u CPU%s", b.len ? "  " : "", s->ncpus, s->ncpus == 1 ? "" : "s");
	char memory[32];
	system_memory(s, memory, sizeof(memory));
	buf_printf(&b, "  %s", memory);
	if (!object_has_dwarf(s->vmlinux))
		buf_puts(&b, "  no debug info");
	if (panic[0]) {
		static const char said[] = "Kernel panic - not syncing: ";
		if (!strncmp(panic, said, sizeof(said) - 1))
			panic += sizeof(said) - 1;
		buf_puts(&b, "  PANIC: ");
		buf_put_safe(&b, panic, strlen(panic));
	}
	return buf_steal(&b);
}

const char *shell_headline(const struct shell *sh)
{
	struct shell *w = (struct shell *)(uintptr_t)sh;

	pthread_mutex_lock(&w->lock);
	if (w->headline && w->generation != session_generation(w->s)) {
		free(w->old_headline);
		w->old_headline = w->headline;
		w->headline = NULL;
	}
	if (!w->headline) {
		w->generation = session_generation(w->s);
		w->headline = make_headline(w->s);
	}
	pthread_mutex_unlock(&w->lock);
	return w->headline;
}

void shell_default_context(struct shell *sh, struct context *ret)
{
	const struct tasks *ts;
	const struct task *t = NULL;

	*ret = (struct context){0};
	if (!err_ok(tasks_load(sh->s, NULL, &ts)))
		return;
	t = task_panicking(ts);
	for (unsigned cpu = 0; !t && cpu < sh->s->ncpus; cpu++)
		t = task_active(ts, cpu);
	if (t)
		ret->task = ref_addr(REF_TASK, t->addr);
}

static struct err *run_command(struct shell *sh, const struct cmd *k, const char *line,
			       const struct words *w, struct context *ctx, struct job *job,
			       struct sink *out)
{
	AUTO_BUF struct buf why = {0};
	struct cmd_args *args = xcalloc(1, sizeof(*args));
	struct err *e;

	if (sh && k->unusable && k->unusable(sh->s, &why))
		e = err_new(ERR_UNSUPPORTED, "%s can't be used here: %s", k->name, buf_str(&why));
	else
		e = args_parse(k, line, w, args);
	if (!e) {
		struct cmd_call call = {sh, sh ? sh->s : NULL, ctx, job, args, out, NULL};
		e = k->run(&call);
	}
	free(args);
	return e;
}

/* "task_struct", "*task_struct.comm": a type where a command should be, as crash takes it. */
static bool names_type(struct session *s, const char *word, struct job *job)
{
	const struct type *t;

	word += word[0] == '*';
	AUTO_FREE char *name = xstrndup(word, strcspn(word, ".@"));
	return name[0] && err_ok(type_find(s->types, name, job, &t));
}

static struct err *run_words(struct shell *sh, const char *line, const struct words *w,
			     struct context *ctx, struct job *job, struct sink *out)
{
	AUTO_BUF struct buf command = {0};
	struct sym sym;
	struct ref r;

	if (!w->n)
		return NULL;
	const struct cmd *k = cmd_find(w->v[0].text);
	if (!sh && (!k || !k->bare))
		return err_new(ERR_USAGE, "'%s' needs a dump", w->v[0].text);
	if (k)
		return run_command(sh, k, line, w, ctx, job, out);
	if (strpbrk(line, ":@") && err_ok(ref_parse(line, sh->s->intern, &r)) &&
	    shell_command_for(sh, &r, &command))
		return shell_run(sh, buf_str(&command), ctx, job, out);
	if (w->n == 1 && sym_find(sh->s->symtab, w->v[0].text, &sym)) { /* a name alone, as gdb's people type it */
		AUTO_FREE char *full = xasprintf("%s %s", strchr("tTwW", sym.type) ? "whatis" : "p", w->v[0].text);
		return shell_run(sh, full, ctx, job, out);
	}
	if (names_type(sh->s, w->v[0].text, job)) {
		AUTO_FREE char *full = xasprintf("struct %s", line + w->v[0].start + (w->v[0].text[0] == '*'));
		return shell_run(sh, full, ctx, job, out);
	}
	return cmd_unknown(w->v[0].text);
}

bool shell_needs_dump(const char *line)
{
	struct words w;

	words_split(line, &w);
	const struct cmd *k = w.n ? cmd_find(w.v[0].text) : NULL;
	words_free(&w);
	return !k || !k->bare;
}

/* `ps -m | grep UN`. */
static struct err *run_piped(struct shell *sh, const char *line, struct context *ctx, struct job *job,
			     struct sink *out)
{
	const char *bar = pipe_find(line);
	AUTO_FREE char *command = xstrndup(line, (size_t)(bar - line));
	struct pipe *pipe;

	TRY(pipe_create(bar, out, &pipe));
	struct err *e = shell_run(sh, command, ctx, job, pipe_sink(pipe));
	if (e && pipe_is_full(pipe)) {
		err_free(e);
		e = NULL;
	}
	if (!e)
		e = pipe_finish(pipe);
	pipe_destroy(pipe);
	return e;
}

struct err *shell_run(struct shell *sh, const char *line, struct context *ctx, struct job *job,
		      struct sink *out)
{
	struct words w;

	if (pipe_find(line))
		return run_piped(sh, line, ctx, job, out);
	words_split(line, &w);
	struct err *e = run_words(sh, line, &w, ctx, job, out);
	words_free(&w);
	return e;
}

/* "struct super_block" and "struct super_block.s_writers" are for `struct`; other types for `p`. */
static void object_command(const struct ref *r, struct buf *out)
{
	bool tagged = !strncmp(r->name, "struct ", 7) || !strncmp(r->name, "union ", 6);
	const char *dot = strchr(r->name, '.');

	if (tagged && (dot || !strpbrk(r->name, "*[(")))
		buf_printf(out, "%s 0x%" PRIx64, r->name, r->addr);
	else if (dot)
		buf_printf(out, "struct %s 0x%" PRIx64, r->name, r->addr);
	else
		buf_printf(out, "p %s@0x%" PRIx64, r->name, r->addr);
}

bool shell_command_for(struct shell *sh, const struct ref *r, struct buf *out)
{
	struct sym sym;

	switch (r->kind) {
	case REF_TASK:
		buf_printf(out, "struct task_struct 0x%" PRIx64, r->addr);
		return true;
	case REF_FRAME:
		buf_printf(out, "bt -V 0x%" PRIx64, r->addr);
		return true;
	case REF_OBJECT:
		if (!elements_command(sh->s, r, out))
			object_command(r, out);
		return true;
	case REF_MEM:
		buf_printf(out, "rd 0x%" PRIx64 " 64", r->addr);
		return true;
	case REF_PHYS:
		buf_printf(out, "rd -p 0x%" PRIx64 " 64", r->addr);
		return true;
	case REF_SYM:
		if (sym_find(sh->s->symtab, r->name, &sym) && strchr("tTwW", sym.type))
			buf_printf(out, "sym %s", r->name);
		else
			buf_printf(out, "p %s", r->name);
		return true;
	case REF_LOG:
		buf_puts(out, "log");
		return true;
	case REF_CPU:
		buf_printf(out, "ps cpu:%" PRIu64, r->addr);
		return true;
	case REF_SRC:
		buf_printf(out, "src %s:%" PRIu64, r->name, r->aux);
		return true;
	case REF_WAITERS:
		buf_printf(out, "waiters %s 0x%" PRIx64, r->name, r->addr);
		return true;
	case REF_USER:
		buf_puts(out, "rd ");
		ref_print(r, out);
		buf_puts(out, " 64");
		return true;
	case REF_NONE:
		break;
	}
	return false;
}

static void describe_task(struct shell *sh, uint64_t addr, struct buf *out)
{
	const struct tasks *ts;
	const struct task *t = err_ok(tasks_load(sh->s, NULL, &ts)) ? task_by_addr(ts, addr) : NULL;

	if (!t)
		return;
	buf_puts(out, "task ");
	buf_put_safe(out, t->comm, strlen(t->comm));
	buf_printf(out, " pid %d %.2s ", t->pid, t->letters);
	print_ns(t->since_ns, out);
}

static void describe_address(struct shell *sh, uint64_t addr, struct buf *out)
{
	enum mem_state st = mem_state_at(sh->s->mem, KERNEL, addr, NULL);

	buf_printf(out, "0x%" PRIx64 " ", addr);
	identify_line(sh->s, addr, NULL, out);
	if (!mem_readable(st) && sh->s->arch->is_kernel(mem_layout(sh->s->mem), addr))
		buf_printf(out, ", %s: %s", mem_state_name(st), mem_state_help(st));
}

static void describe_symbol(struct shell *sh, const struct ref *r, struct buf *out)
{
	struct sym sym;

	if (r->addr)
		describe_address(sh, r->addr, out);
	else if (sym_find(sh->s->symtab, r->name, &sym) && !sym.percpu)
		describe_address(sh, sym.addr, out);
	else
		ref_print(r, out);
}

static void describe_user(struct shell *sh, const struct ref *r, struct buf *out)
{
	const struct tasks *ts;
	const struct task *t = err_ok(tasks_load(sh->s, NULL, &ts)) ? task_by_addr(ts, r->addr) : NULL;

	buf_printf(out, "0x%" PRIx64 " ", r->aux);
	identify_line(sh->s, r->aux, t, out);
}

void shell_describe(struct shell *sh, const struct ref *r, struct buf *out)
{
	switch (r->kind) {
	case REF_TASK:
	case REF_FRAME:
		describe_task(sh, r->addr, out);
		break;
	case REF_OBJECT:
		buf_printf(out, "%s ", r->name);
		describe_address(sh, r->addr, out);
		break;
	case REF_MEM:
		describe_address(sh, r->addr, out);
		break;
	case REF_SYM:
		describe_symbol(sh, r, out);
		break;
	case REF_USER:
		describe_user(sh, r, out);
		break;
	default:
		ref_print(r, out);
		break;
	}
}

struct err *shell_background(struct shell *sh, struct job *job)
{
	return sh->s->index ? dwarfindex_build(sh->s->index, job) : NULL;
}
