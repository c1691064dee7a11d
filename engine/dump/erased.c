/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makedumpfile erased on request (--config, --eppic): secrets, which it overwrites with X's
 * that look like data. It leaves a list in the dump, a line a place: "erase NAME size N", or for
 * eppic "erase_info ADDRESS ..."; NAME comes again for every element of a list.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/dump/kdump.h"

#define NAMES 6u	    /* so many different ones are named in the warning */
#define TEXT_MAX (64u << 10) /* bytes of the list that are read */

struct names {
	struct {
		const char *s;
		size_t len;
		uint64_t count;
	} v[NAMES];
	unsigned n;
	uint64_t others; /* places under further names */
};

static void count_name(struct names *ns, const char *s, size_t len)
{
	unsigned i = 0;

	if (!len)
		return;
	while (i < ns->n && (ns->v[i].len != len || memcmp(ns->v[i].s, s, len)))
		i++;
	if (i == NAMES) {
		ns->others++;
		return;
	}
	ns->v[i].s = s;
	ns->v[i].len = len;
	ns->v[i].count++;
	ns->n += i == ns->n;
}

/* The second word of each line. */
static void count_names(struct names *ns, const char *text, size_t n)
{
	const char *end = text + strnlen(text, n);

	for (const char *line = text; line < end;) {
		const char *eol = memchr(line, '\n', (size_t)(end - line));
		eol = eol ? eol : end;
		const char *name = memchr(line, ' ', (size_t)(eol - line));
		if (name++) {
			const char *stop = memchr(name, ' ', (size_t)(eol - name));
			count_name(ns, name, (size_t)((stop ? stop : eol) - name));
		}
		line = eol + 1;
	}
}

void dump_warn_erased(struct dump *d, const char *text, size_t n)
{
	struct names ns = {.n = 0};
	struct buf b = {0};

	count_names(&ns, text, n);
	for (unsigned i = 0; i < ns.n; i++) {
		buf_puts(&b, i ? ", " : "");
		buf_put_safe(&b, ns.v[i].s, ns.v[i].len < 64 ? ns.v[i].len : 64);
		if (ns.v[i].count > 1)
			buf_printf(&b, " (%" PRIu64 " times)", ns.v[i].count);
	}
	if (ns.others)
		buf_printf(&b, " and %" PRIu64 " more", ns.others);
	if (ns.n)
		dump_warn(d,
			  "data was erased on purpose when the dump was written (makedumpfile "
			  "--config): %s; X's stand in its place",
			  buf_str(&b));
	buf_free(&b);
}

void kdump_warn_erased(struct dump *d, const struct dfile *f, uint64_t off, uint64_t size)
{
	size_t want = size < TEXT_MAX ? (size_t)size : TEXT_MAX;

	if (!off || !size)
		return;
	AUTO_FREE char *text = xmalloc(want);
	dump_warn_erased(d, text, dfile_read(f, off, text, want));
}
