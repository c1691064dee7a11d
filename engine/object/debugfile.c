/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The separate debug file: by build-id in <dir>/.build-id/xx/yyyy.debug, else by the name and CRC
 * in .gnu_debuglink, next to the file, in .debug/ there, and under the debug folders. A file is
 * taken only when its build-id is the same or, where there is none to compare, its CRC.
 *
 * Source: GDB manual, "Debugging Information in Separate Files".
 */
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/base/checked.h"
#include "engine/object/impl.h"

struct search {
	const struct elf_file *of;
	const struct object_options *opt;
	struct job *job;
	const char *link; /* .gnu_debuglink's file name, or NULL */
	uint32_t crc;
};

static bool crc_matches(const struct elf_file *f, uint32_t crc)
{
	return crc32_z(0, f->map, f->size) == crc;
}

static struct elf_file *try_path(const struct search *s, const char *path)
{
	const struct elf_file *of = s->of;
	struct elf_file *f;
	bool compressed;

	if (!err_ok(elf_file_open(path, s->opt->no_cache, s->job, &f)))
		return NULL;
	bool same = false;
	if (of->build_id_size)
		same = of->build_id_size == f->build_id_size &&
		       !memcmp(of->build_id, f->build_id, f->build_id_size);
	else if (s->link)
		same = crc_matches(f, s->crc);
	if (same && (elf_file_has_dwarf(f, &compressed) || elf_file_section(f, ".symtab")))
		return f;
	elf_file_close(f);
	return NULL;
}

static struct elf_file *try_format(const struct search *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static struct elf_file *try_format(const struct search *s, const char *fmt, ...)
{
	AUTO_BUF struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return try_path(s, buf_str(&b));
}

static struct elf_file *by_build_id(const struct search *s, const char *dir)
{
	char hex[2 * 64 + 1] = "";

	if (s->of->build_id_size < 2)
		return NULL;
	for (size_t i = 0; i < s->of->build_id_size; i++)
		sprintf(hex + 2 * i, "%02x", s->of->build_id[i]);
	return try_format(s, "%s/.build-id/%.2s/%s.debug", dir, hex, hex + 2);
}

/* dir of the file, with its '/'; "" when the path has none */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return xstrndup(path, slash ? (size_t)(slash + 1 - path) : 0);
}

static struct elf_file *by_link_near(const struct search *s)
{
	AUTO_FREE char *dir = folder_of(s->of->path);
	const char *base = strrchr(s->of->path, '/');
	struct elf_file *f = NULL;

	if (!s->link)
		return NULL;
	if (strcmp(base ? base + 1 : s->of->path, s->link)) /* a link to itself finds nothing new */
		f = try_format(s, "%s%s", dir, s->link);
	return f ? f : try_format(s, "%s.debug/%s", dir, s->link);
}

static struct elf_file *by_link_in(const struct search *s, const char *dir)
{
	if (!s->link)
		return NULL;
	AUTO_FREE char *of_dir = folder_of(s->of->path);
	AUTO_FREE char *full = of_dir[0] ? realpath(of_dir, NULL) : realpath(".", NULL);
	struct elf_file *f = full ? try_format(s, "%s%s/%s", dir, full, s->link) : NULL;
	return f ? f : try_format(s, "%s/%s", dir, s->link);
}

static void read_link(struct search *s)
{
	struct elf_section *sec = elf_file_section(s->of, ".gnu_debuglink");
	const char *raw = sec ? elf_section_raw(s->of, sec) : NULL;
	size_t len = raw ? strnlen(raw, sec->size) : 0;
	size_t crc = (len + 1 + 3) & ~(size_t)3;

	if (!len || memchr(raw, '/', len) || !range_ok(crc, 4, sec->size))
		return;
	s->link = raw;
	s->crc = load_u32(raw + crc);
}

struct elf_file *debug_file_find(const struct elf_file *f, const struct object_options *o,
				 struct job *job)
{
	static const char system_dir[] = "/usr/lib/debug";
	struct search s = {.of = f, .opt = o, .job = job};
	struct elf_file *found = NULL;
	const char *const *d;

	read_link(&s);
	for (d = o->debug_dirs; d && *d && !found; d++)
		found = by_build_id(&s, *d);
	if (!found)
		found = by_build_id(&s, system_dir);
	if (!found)
		found = by_link_near(&s);
	for (d = o->debug_dirs; d && *d && !found; d++)
		found = by_link_in(&s, *d);
	return found ? found : by_link_in(&s, system_dir);
}
