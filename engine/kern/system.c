/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts about the machine, the kernel and the dump, in the order of crash's `sys`. Each is told on
 * its own: one that can't be known gives its reason and hides no other.
 */
#include "engine/kern/system.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"
#include "engine/kern/module/taint.h"
#include "engine/kern/log/log.h"
#include "engine/kern/memory/zones.h"
#include "engine/kern/task/tasks.h"

#define FSHIFT 11 /* of avenrun's fixed point, include/linux/sched/loadavg.h */

struct facts {
	struct session *s;
	struct job *job;
	struct err *(*fn)(void *ctx, const char *key, const char *value, const char *why);
	void *ctx;
};

static struct err *tell(struct facts *f, const char *key, const char *value)
{
	return f->fn(f->ctx, key, value, NULL);
}

static struct err *tellf(struct facts *f, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static struct err *tellf(struct facts *f, const char *key, const char *fmt, ...)
{
	AUTO_BUF struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return tell(f, key, buf_str(&b));
}

/* Consumes e, the reason. */
static struct err *unknown(struct facts *f, const char *key, struct err *why)
{
	struct err *e = f->fn(f->ctx, key, NULL, err_text(why));

	err_free(why);
	return e;
}

static const char *or_null(const char *s)
{
	return s && s[0] ? s : NULL;
}

/* ---- the files ---- */

static struct err *files(struct facts *f)
{
	struct session *s = f->s;
	const struct dump_info *d = dump_info(s->dump);

	const char *unused = s->priv->unused;
	TRY(tellf(f, "kernel", "%s%s%s%s",
		  object_path(s->vmlinux)[0] ? object_path(s->vmlinux)
					     : "the dump's own symbols and types; no lines, variables",
		  unused ? " (" : "", unused ? unused : "",
		  unused ? " is of another build, not used)" : ""));
	TRY(tellf(f, "format", "%s%s%s%s%s%s", d->format, d->codecs[0] ? ", " : "", d->codecs,
		  d->flattened ? ", flattened" : "", d->parts > 1 ? ", split" : "",
		  d->incomplete ? ", incomplete" : ""));
	if (d->dump_level >= 0)
		TRY(tellf(f, "dump level", "%d", d->dump_level));
	if (d->ram_pages)
		return tellf(f, "pages", "%" PRIu64 " of %" PRIu64, d->pages, d->ram_pages);
	return tellf(f, "pages", "%" PRIu64, d->pages);
}

/* ---- time ---- */

/* TICK_NSEC, as the clocksource of ticks has it. */
uint64_t system_tick(struct session *s)
{
	struct kern_member m[] = {{.names = "mult"}, {.names = "shift"}};
	uint64_t at, mult, shift;

	if (!err_ok(kern_symbol(s, "clocksource_jiffies", &at)) ||
	    kern_members(s, "struct clocksource", m, 2) < 2 ||
	    !err_ok(kern_read(s, at, &m[0], &mult)) || !err_ok(kern_read(s, at, &m[1], &shift)) ||
	    shift > 31)
		return 0;
	mult >>= shift;
	return mult >= 100000 && mult <= 100000000 ? mult : 0;
}

/* vmcoreinfo's word, else the kernel's own clock. */
struct err *system_time(struct session *s, int64_t *ret)
{
	struct kern_member sec = {.names = "timekeeper.xtime_sec"};
	const char *text = vmcoreinfo_str(s->vmcoreinfo, "CRASHTIME");
	uint64_t at, v;
	char *end;

	if (text) {
		*ret = strtoll(text, &end, 10);
		if (*ret > 0 && !*end)
			return NULL;
	}
	if (!err_ok(kern_symbol(s, "tk_core", &at)))
		TRY(kern_symbol(s, "timekeeper_data", &at)); /* since 6.17 an array, the core's first */
	if (!kern_members(s, "struct tk_data", &sec, 1)) {
		/* Up to 6.12 an anonymous struct: a seqcount and, at 8, the timekeeper. */
		sec.names = "xtime_sec";
		at += 8;
		if (!kern_members(s, "struct timekeeper", &sec, 1))
			return err_new(ERR_NOTFOUND, "there is neither vmcoreinfo's CRASHTIME nor "
						     "timekeeper.xtime_sec");
	}
	TRY(kern_read(s, at, &sec, &v));
	*ret = (int64_t)v;
	return v > 0 && v < UINT64_C(1) << 40
		       ? NULL
		       : err_new(ERR_CORRUPT, "timekeeper.xtime_sec makes no sense");
}

static struct err *date(struct facts *f)
{
	int64_t sec = 0;
	struct tm tm;
	char text[64];

	struct err *e = system_time(f->s, &sec);
	if (e)
		return unknown(f, "date", e);
	time_t t = (time_t)sec;
	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%a %b %e %H:%M:%S UTC %Y", &tm))
		return tellf(f, "date", "%" PRId64 " s since 1970", sec);
	return tell(f, "date", text);
}

static struct err *last_stamp(void *ctx, const struct log_record *r)
{
	uint64_t *last = ctx;

	if (r->time_ns > *last)
		*last = r->time_ns;
	return NULL;
}

uint64_t system_clock(struct session *s)
{
	struct kern_member clock = {.names = "clock"};
	uint64_t rq, v, last = 0;

	if (!kern_members(s, "struct rq", &clock, 1))
		return 0;
	for (unsigned cpu = 0; cpu < s->ncpus; cpu++)
		if (err_ok(kern_percpu(s, "runqueues", cpu, &rq)) &&
		    err_ok(kern_read(s, rq, &clock, &v)) && v > last && v < UINT64_MAX / 2)
			last = v;
	return last;
}

/* The newest moment that anything in the dump speaks of: CPUs' clocks, the log. */
static struct err *uptime(struct facts *f)
{
	uint64_t last = 0, lost;

	struct err *e = log_each(f->s, f->job, last_stamp, &last, &lost);
	if (e && err_code(e) == ERR_CANCELLED)
		return e;
	uint64_t clock = system_clock(f->s);
	last = clock > last ? clock : last;
	if (!last)
		return unknown(f, "uptime", e ? e : err_new(ERR_NOTFOUND, "the log is empty"));
	err_free(e);
	uint64_t sec = last / 1000000000u;
	if (sec >= 86400)
		return tellf(f, "uptime", "%" PRIu64 " days, %02u:%02u:%02u", sec / 86400,
			     (unsigned)(sec / 3600 % 24), (unsigned)(sec / 60 % 60),
			     (unsigned)(sec % 60));
	return tellf(f, "uptime", "%02u:%02u:%02u", (unsigned)(sec / 3600),
		     (unsigned)(sec / 60 % 60), (unsigned)(sec % 60));
}

static struct err *load_average(struct facts *f)
{
	uint64_t at, v[3];
	unsigned x[3], y[3];

	struct err *e = kern_symbol(f->s, "avenrun", &at);
	if (!e)
		e = mem_read(f->s->mem, KERNEL, at, v, sizeof(v));
	if (e)
		return unknown(f, "load average", e);
	for (int i = 0; i < 3; i++) {
		uint64_t rounded = v[i] + (1u << FSHIFT) / 200;
		x[i] = (unsigned)(rounded >> FSHIFT);
		y[i] = (unsigned)((rounded & ((1u << FSHIFT) - 1)) * 100 >> FSHIFT);
	}
	return tellf(f, "load average", "%u.%02u, %u.%02u, %u.%02u", x[0], y[0], x[1], y[1], x[2],
		     y[2]);
}

/* ---- the machine ---- */

static struct err *cpus(struct facts *f)
{
	unsigned online = 0;

	for (unsigned i = 0; i < f->s->ncpus; i++)
		online += kern_cpu_online(f->s, i);
	if (online == f->s->ncpus)
		return tellf(f, "cpus", "%u", online);
	return tellf(f, "cpus", "%u (%u of them online)", f->s->ncpus, online);
}

/* A word of uname: the dump's header has it, or the kernel itself. */
static struct err *uts(struct facts *f, const char *key, const char *header, const char *member)
{
	struct kern_member m = {.names = member};
	uint64_t at;
	char text[66];

	if (or_null(header))
		return tell(f, key, header);
	struct err *e = kern_symbol(f->s, "init_uts_ns", &at);
	if (!e && !kern_members(f->s, "struct uts_namespace", &m, 1))
		e = err_new(ERR_NOTFOUND, "neither the dump's header nor types tell");
	if (!e)
		e = mem_str(f->s->mem, KERNEL, kern_at(at, &m), text, sizeof(text));
	return e ? unknown(f, key, e) : tell(f, key, text);
}

static struct err *machine(struct facts *f)
{
	const struct dump_info *d = dump_info(f->s->dump);
	const char *release = d->release;

	TRY(uts(f, "nodename", d->nodename, "name.nodename"));
	if (!or_null(release))
		release = vmcoreinfo_str(f->s->vmcoreinfo, "OSRELEASE");
	TRY(uts(f, "release", release, "name.release"));
	TRY(uts(f, "version", d->version, "name.version"));
	return uts(f, "machine", d->uts_machine, "name.machine");
}

/* What the kernel's memory nodes say they have; 0: that can't be read. */
static uint64_t node_pages(struct session *s)
{
	struct kern_member present = {.names = "node_present_pages"};
	uint64_t nodes[NODES_MAX], pages, sum = 0;

	if (!kern_members(s, "struct pglist_data", &present, 1))
		return 0;
	size_t n = zones_nodes(s, nodes, NODES_MAX);
	for (size_t i = 0; i < n; i++)
		if (err_ok(kern_read(s, nodes[i], &present, &pages)))
			sum += pages;
	return sum;
}

/* The dump's own count leaves out what was reserved, for the capture kernel above all. */
void system_memory(struct session *s, char *buf, size_t n)
{
	const struct dump_info *d = dump_info(s->dump);
	uint64_t pages = node_pages(s);

	if (!pages)
		pages = d->ram_pages ? d->ram_pages : d->pages;
	double mib = (double)pages * d->page_size / (1 << 20);
	snprintf(buf, n, mib >= 1024 ? "%.1f GB" : "%.1f MB", mib >= 1024 ? mib / 1024 : mib);
}

static struct err *memory(struct facts *f)
{
	char text[32];

	system_memory(f->s, text, sizeof(text));
	return tell(f, "memory", text);
}

/* ---- the panic ---- */

static struct err *panic_task(struct facts *f, const struct tasks *ts)
{
	const struct task *t = task_panicking(ts);

	if (!t)
		return f->fn(f->ctx, "pid", NULL, "no CPU says that it panicked");
	TRY(tellf(f, "pid", "%d", t->pid));
	TRY(tell(f, "command", t->comm));
	TRY(tellf(f, "task", "0x%" PRIx64, t->addr));
	TRY(tellf(f, "cpu", "%u", t->cpu));
	return tellf(f, "state", "%s (panic)", t->letters);
}

static struct err *panic(struct facts *f)
{
	const struct tasks *ts;
	const char *text = session_panic_text(f->s);

	struct err *e = tasks_load(f->s, f->job, &ts);
	if (e && err_code(e) == ERR_CANCELLED)
		return e;
	if (!e)
		TRY(tellf(f, "tasks", "%zu", tasks_count(ts)));
	if (text[0])
		TRY(tell(f, "panic", text));
	else
		TRY(f->fn(f->ctx, "panic", NULL, "the log tells of none"));
	return e ? unknown(f, "tasks", e) : panic_task(f, ts);
}

static struct err *tainted(struct facts *f)
{
	AUTO_BUF struct buf text = {0};
	uint64_t mask;

	struct err *e = taint_of_kernel(f->s, &mask);
	if (e)
		return unknown(f, "tainted", e);
	taint_text(mask, &text);
	return tell(f, "tainted", mask ? buf_str(&text) : "no");
}

/* ---- the engine's own ---- */

static struct err *build_id(struct facts *f)
{
	const char *told = vmcoreinfo_str(f->s->vmcoreinfo, "BUILD-ID");
	const uint8_t *id = NULL;
	size_t n = object_build_id(f->s->vmlinux, &id);
	AUTO_BUF struct buf b = {0};

	if (n) {
		for (size_t i = 0; i < n; i++)
			buf_printf(&b, "%02x", id[i]);
		return tell(f, "build-id", buf_str(&b));
	}
	return f->fn(f->ctx, "build-id", told, told ? NULL : "vmcoreinfo has none");
}

static struct err *engine(struct facts *f)
{
	const struct arch_layout *l = mem_layout(f->s->mem);

	TRY(build_id(f));
	TRY(tellf(f, "kaslr", "0x%" PRIx64 " (from %s)", l->kernel_offset, l->evidence));
	TRY(tellf(f, "page tables", "%u levels", l->levels));
	TRY(tell(f, "types", types_source(f->s->types)));
	for (size_t i = 0; session_warning(f->s, i); i++)
		TRY(tell(f, "problem", session_warning(f->s, i)));
	return NULL;
}

struct err *system_each(struct session *s, struct job *job,
			struct err *(*fn)(void *ctx, const char *key, const char *value,
					  const char *why),
			void *ctx)
{
	static struct err *(*const parts[])(struct facts *) = {
		files, cpus, date, uptime, load_average, machine, memory, panic, tainted, engine,
	};
	struct facts f = {s, job, fn, ctx};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		TRY(job_tick(job, 1));
		TRY(parts[i](&f));
	}
	return NULL;
}
