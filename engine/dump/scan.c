/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmcoreinfo, when no note has it (QEMU without the vmcoreinfo device): the kernel keeps its text
 * in a page of its own, which begins with "OSRELEASE=", and once it has crashed also as an ELF note
 * at the start of a page. All pages of the dump are looked at, by all cores, but only at their
 * first bytes.
 *
 * A dump taken while the kdump kernel ran has two, and the page cache can hold copies of older
 * ones: the one that has a CRASHTIME, the latest, is of the kernel that crashed. Once one is found,
 * only the next few gigabytes are searched for a better one.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dump/impl.h"

#define CHUNK_PFNS 4096u
#define TEXT_MAX 65536u
#define MORE_BYTES (UINT64_C(8) << 30) /* searched after the first find */
#define PEEK 24u		       /* of a note: header, "VMCOREINFO" */

struct scan {
	struct dump *d;
	struct job *job;
	uint64_t max_chunk; /* atomic: where to stop */
	pthread_mutex_t lock;
	struct vmcoreinfo *best;
	uint64_t best_pa;
	bool differ; /* there are several, and they don't say the same */
};

static uint64_t crash_time(const struct vmcoreinfo *v)
{
	const char *s = vmcoreinfo_str(v, "CRASHTIME");
	return s ? strtoull(s, NULL, 10) : 0;
}

/* Does it speak of the kernel that the header names? */
static bool same_release(const struct dump *d, const struct vmcoreinfo *v)
{
	const char *s = vmcoreinfo_str(v, "OSRELEASE");
	return s && !strcmp(s, d->info.release);
}

static bool better(const struct scan *s, const struct vmcoreinfo *a, uint64_t pa)
{
	if (!s->best)
		return true;
	bool ra = same_release(s->d, a), rb = same_release(s->d, s->best);
	if (ra != rb)
		return ra;
	uint64_t ta = crash_time(a), tb = crash_time(s->best);
	return ta != tb ? ta > tb : pa < s->best_pa;
}

/* A whole one has these; a file or a program that only mentions OSRELEASE= has not. */
static bool plausible(const struct vmcoreinfo *v)
{
	return vmcoreinfo_str(v, "OSRELEASE") && vmcoreinfo_str(v, "PAGESIZE") &&
	       strstr(vmcoreinfo_text(v), "\nSYMBOL(");
}

static void found(struct scan *s, uint64_t pfn, struct vmcoreinfo *v)
{
	uint64_t more = MORE_BYTES / s->d->info.page_size / CHUNK_PFNS + pfn / CHUNK_PFNS + 1;

	pthread_mutex_lock(&s->lock);
	s->differ |= s->best && strcmp(vmcoreinfo_text(s->best), vmcoreinfo_text(v));
	if (more < s->max_chunk)
		__atomic_store_n(&s->max_chunk, more, __ATOMIC_RELAXED);
	uint64_t pa = pfn << s->d->page_shift;
	if (better(s, v, pa)) {
		vmcoreinfo_destroy(s->best);
		s->best = v;
		s->best_pa = pa;
		v = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	vmcoreinfo_destroy(v);
}

/* Reads the text at pa, n bytes if that is known, else as far as it goes in one page. */
static void try_text(struct scan *s, uint64_t pfn, uint64_t skip, size_t n)
{
	size_t page = s->d->info.page_size;

	if (!n)
		n = page;
	if (n > TEXT_MAX)
		return;
	AUTO_FREE char *text = xmalloc(n);
	n = dump_read(s->d, (pfn << s->d->page_shift) + skip, text, n, NULL);
	struct vmcoreinfo *v = vmcoreinfo_create(text, n);
	if (plausible(v))
		found(s, pfn, v);
	else
		vmcoreinfo_destroy(v);
}

static void look_at(struct scan *s, struct codec *c, uint64_t pfn)
{
	unsigned char head[PEEK];

	if (!s->d->ops->peek(s->d, c, pfn, head, sizeof(head)))
		return;
	if (!memcmp(head, "OSRELEASE=", 10))
		try_text(s, pfn, 0, 0);
	else if (load_u32(head) == sizeof("VMCOREINFO") && !memcmp(head + 12, "VMCOREINFO", 11))
		try_text(s, pfn, PEEK, load_u32(head + 4));
}

static struct err *scan_chunk(void *ctx, size_t i)
{
	struct scan *s = ctx;
	uint64_t pfn = (uint64_t)i * CHUNK_PFNS, end = pfn + CHUNK_PFNS, n = 0;
	struct err *e = NULL;

	if (i >= __atomic_load_n(&s->max_chunk, __ATOMIC_RELAXED))
		return NULL;
	struct codec *c = codec_take(&s->d->codecs);
	while (!e && (pfn = s->d->ops->next(s->d, pfn)) < end) {
		look_at(s, c, pfn++);
		if (++n % 64 == 0)
			e = job_tick(s->job, 64);
	}
	codec_give(&s->d->codecs, c);
	return e;
}

struct err *scan_vmcoreinfo(struct dump *d, struct job *job)
{
	uint64_t max = d->info.max_pfn < DUMP_PFN_MAX ? d->info.max_pfn : DUMP_PFN_MAX;
	struct scan s = {.d = d, .job = job, .max_chunk = max / CHUNK_PFNS + 1};

	pthread_mutex_init(&s.lock, NULL);
	job_set_phase(job, "search for vmcoreinfo");
	job_set_total(job, d->info.pages);
	struct err *e = job_parallel(job, 0, (size_t)s.max_chunk, scan_chunk, &s);
	pthread_mutex_destroy(&s.lock);
	d->vmcoreinfo = s.best;
	if (e)
		return e;
	if (!s.best)
		dump_warn(d, "no vmcoreinfo: neither in the notes nor in memory");
	else if (s.differ)
		dump_warn(d,
			  "vmcoreinfo isn't in the notes; of several in memory that at %" PRIx64
			  " is taken (kernel %s)",
			  s.best_pa, vmcoreinfo_str(s.best, "OSRELEASE"));
	return NULL;
}
