/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own structures: task lists, stacks, page tables, the log, modules, mounts, slab caches and
 * whatever else the commands of the registry read. A dump of the lab is opened once. For each command it is
 * recorded which bytes of physical memory it looks at; these bytes, behind two that name the command, are the
 * seed. An input is laid over the dump's memory, and the command runs again, in a process of its own.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/session.h"
#include "engine/model/sinks.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/run.h"

#define SEED_MAX (192u << 10)
#define LINES_MAX 128u
#define TICKS 600
#define ROWS 1000

struct stretch {
	uint64_t pa;
	size_t n, at; /* at: in the seed's bytes */
};
static struct line {
	const char *text;
	struct stretch *spans; /* sorted, disjoint */
	size_t n, bytes;
} lines[LINES_MAX];
static size_t nlines;

static struct shell *shell;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stretch *seen; /* while recording */
static size_t nseen, seen_cap;
static bool recording;
static const struct line *over; /* whose bytes are laid over the memory */
static struct bytes over_bytes;

/* ---- in the place of reading the dump ---- */

static void record(uint64_t pa, size_t n)
{
	pthread_mutex_lock(&lock);
	GROW(seen, nseen, seen_cap);
	seen[nseen++] = (struct stretch){pa, n, 0};
	pthread_mutex_unlock(&lock);
}

static void lay_over(uint64_t pa, uint8_t *buf, size_t n)
{
	size_t lo = 0, hi = over->n;

	while (lo < hi) { /* the first span that ends behind pa */
		size_t mid = lo + (hi - lo) / 2;
		if (over->spans[mid].pa + over->spans[mid].n <= pa)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < over->n && over->spans[lo].pa < pa + n; lo++) {
		const struct stretch *s = &over->spans[lo];
		uint64_t from = s->pa > pa ? s->pa : pa, to = s->pa + s->n < pa + n ? s->pa + s->n : pa + n;
		size_t at = s->at + (size_t)(from - s->pa), len = (size_t)(to - from);
		if (at < over_bytes.n)
			memcpy(buf + (from - pa), over_bytes.p + at,
			       len < over_bytes.n - at ? len : over_bytes.n - at);
	}
}

static void changed(uint64_t pa, void *buf, size_t n)
{
	if (recording && n)
		record(pa, n);
	if (over && n)
		lay_over(pa, buf, n);
}

size_t __real_dump_read(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why);
size_t __wrap_dump_read(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why);
size_t __wrap_dump_read(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why)
{
	size_t got = __real_dump_read(d, pa, buf, n, why);

	changed(pa, buf, got);
	return got;
}

size_t __real_dump_read_once(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why);
size_t __wrap_dump_read_once(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why);
size_t __wrap_dump_read_once(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why)
{
	size_t got = __real_dump_read_once(d, pa, buf, n, why);

	changed(pa, buf, got);
	return got;
}

/* ---- running a command, until somebody has seen enough ---- */

struct patient {
	struct sink sink;
	struct sink *to;
	unsigned rows;
};

static struct err *pass_begin(struct sink *s, const struct heading *h)
{
	struct patient *p = (struct patient *)s;

	return p->to->begin(p->to, h);
}

static struct err *pass_row(struct sink *s, const struct row *r)
{
	struct patient *p = (struct patient *)s;

	return p->rows++ < ROWS ? sink_row(p->to, r) : err_cancelled();
}

static void pass_note(struct sink *s, enum role role, const char *text)
{
	struct patient *p = (struct patient *)s;

	p->to->note(p->to, role, text);
}

void run_command(struct shell *sh, const char *line, bool json)
{
	FILE *null = fopen("/dev/null", "w");
	struct writer *w = writer_create(null, json ? OUT_JSON : OUT_TEXT, 0);
	struct patient p = {{pass_begin, pass_row, pass_note, ROW_FOR_ALL}, writer_sink(w), 0};
	struct job *job = limited_job();
	struct context ctx = {0};

	limit_work(TICKS);
	shell_default_context(sh, &ctx);
	writer_begin(w, line);
	struct err *e = shell_run(sh, line, &ctx, job, &p.sink);
	err_free(writer_end(w, e));
	err_free(e);
	job_unref(job);
	writer_destroy(w);
	fclose(null);
}

struct shell *open_lab_dump(void)
{
	static const struct shell_options o = {.no_cache = true};
	AUTO_FREE char *path = lab_dump("6.1", "fsfreeze", "lzo");
	const char *const files[] = {path};
	struct object_section btf;
	struct shell *sh;

	setenv("XDG_STATE_HOME", scratch_folder(), 1);
	setenv("XDG_CONFIG_HOME", scratch_folder(), 1);
	if (!path || !err_ok(shell_open(&o, files, 1, NULL, &sh)))
		return NULL;
	/* children have none of the threads that would bring these */
	symtab_count(shell_session(sh)->symtab);
	return object_section(shell_session(sh)->vmlinux, ".BTF", &btf) ? sh : NULL;
}

/* ---- seeds ---- */

static int by_place(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	return x->pa < y->pa ? -1 : x->pa > y->pa;
}

/* Sorted, overlaps joined, no more than a seed may hold. */
static size_t tidy(struct stretch *v, size_t n)
{
	size_t out = 0, bytes = 0;

	if (n)
		qsort(v, n, sizeof(*v), by_place);
	for (size_t i = 0; i < n; i++) {
		struct stretch *last = out ? &v[out - 1] : NULL;
		if (last && v[i].pa <= last->pa + last->n) {
			uint64_t end = v[i].pa + v[i].n;
			if (end > last->pa + last->n)
				last->n = (size_t)(end - last->pa);
			continue;
		}
		v[out++] = v[i];
	}
	for (size_t i = 0; i < out; i++) {
		if (bytes + v[i].n > SEED_MAX)
			v[i].n = SEED_MAX - bytes;
		v[i].at = bytes;
		bytes += v[i].n;
	}
	return out;
}

static bool write_spans(int fd)
{
	return write(fd, seen, nseen * sizeof(*seen)) == (ssize_t)(nseen * sizeof(*seen));
}

/* In a child, so that nothing is remembered here: what does this command read? */
static void record_line(struct line *l)
{
	int fd = memfd_create("spans", MFD_CLOEXEC), status = 1;
	pid_t pid = fd < 0 ? -1 : fork();

	if (!pid) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		recording = true;
		run_command(shell, l->text, false);
		recording = false;
		nseen = tidy(seen, nseen);
		_exit(write_spans(fd) ? 0 : 1);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	off_t size = lseek(fd, 0, SEEK_END);
	l->n = status || size < 0 ? 0 : (size_t)size / sizeof(*l->spans);
	l->spans = xcalloc(l->n, sizeof(*l->spans));
	if (l->n && pread(fd, l->spans, l->n * sizeof(*l->spans), 0) != (ssize_t)(l->n * sizeof(*l->spans)))
		l->n = 0;
	if (l->n)
		l->bytes = l->spans[l->n - 1].at + l->spans[l->n - 1].n;
	close(fd);
}

static void add_seed(struct corpus *c, const struct line *l)
{
	struct dump *d = shell_session(shell)->dump;
	const uint16_t which = (uint16_t)(l - lines);
	uint8_t *p = xcalloc(1, l->bytes + 2);

	memcpy(p, &which, 2);
	for (size_t i = 0; i < l->n; i++)
		dump_read(d, l->spans[i].pa, p + 2 + l->spans[i].at, l->spans[i].n, NULL);
	corpus_add(c, p, l->bytes + 2);
	free(p);
}

static void add_line(struct corpus *c, const char *text)
{
	struct line *l = &lines[nlines];

	if (nlines == LINES_MAX)
		return;
	*l = (struct line){.text = text};
	record_line(l);
	if (l->bytes < 64) {
		free(l->spans);
		return;
	}
	add_seed(c, l);
	nlines++;
}

/* The examples of all commands: what is added to the program is tried here without a further word. */
static bool begin(struct corpus *c)
{
	size_t n;
	const struct cmd *const *all = cmd_all(&n);

	shell = open_lab_dump();
	if (!shell)
		return false;
	for (size_t i = 0; i < n; i++)
		for (const struct cmd_example *e = all[i]->examples; e && e->line; e++)
			if (command_is_harmless(e->line))
				add_line(c, e->line);
	return nlines;
}

static void one(const uint8_t *p, size_t n)
{
	struct bytes b = {p, n};
	size_t which = take_number(&b, 2) % nlines;

	over_bytes = b;
	over = &lines[which];
	run_command(shell, over->text, n & 1);
	over = NULL;
}

const struct fuzz_target fuzz_memory = {
	.name = "memory",
	.what = "the kernel's structures, as all commands read them",
	.inputs = 100,
	.fixed = true,
	.alone = true,
	.begin = begin,
	.one = one,
};
