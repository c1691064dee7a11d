/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builders map their folders away in many ways: in a tree of their own ("./fs/namespace.c"), out
 * of tree ("../../../fs/namespace.c" or "/build/linux-6.1/fs/namespace.c" in
 * .../debian/build/amd64), with -fdebug-prefix-map on C but not on assembler files, Rust with
 * nothing relative at all. What they share: the build folder is the tree's top, below it, or
 * beside it.
 */
#include <stdbool.h>
#include <string.h>
#include "engine/sym/srcpath.h"

/* The tree's own top-level folders; they mark the top where the folders above tell nothing. */
static const char *const top_dirs[] = {
	"arch",	 "block",   "certs", "crypto",	 "drivers",  "fs",    "include", "init",
	"io_uring", "ipc",  "kernel", "lib",	 "mm",	     "net",   "rust",	 "samples",
	"scripts", "security", "sound", "tools", "virt",
};

static bool starts_at_top(const char *path)
{
	size_t len = strcspn(path, "/");

	for (size_t i = 0; path[len] && i < sizeof(top_dirs) / sizeof(top_dirs[0]); i++)
		if (strlen(top_dirs[i]) == len && !memcmp(top_dirs[i], path, len))
			return true;
	return false;
}

/* "a/./b//../c" to "a/c". ".." at the start of a relative path stays. */
static void put_normal(struct buf *b, const char *path)
{
	bool absolute = path[0] == '/';

	while (*path) {
		size_t len = strcspn(path, "/");
		const char *last = b->len ? memrchr(b->p, '/', b->len) : NULL;
		size_t last_off = last ? (size_t)(last - b->p) : 0;
		const char *part = last ? last + 1 : buf_str(b);
		if (!len || (len == 1 && path[0] == '.')) {
			; /* nothing */
		} else if (len == 2 && !memcmp(path, "..", 2) && (b->len || absolute) &&
			   strcmp(part, "..")) {
			b->len = last_off;
			if (b->p)
				b->p[b->len] = '\0';
		} else {
			if (b->len || absolute)
				buf_putc(b, '/');
			buf_put(b, path, len);
		}
		path += len;
		path += *path == '/';
	}
}

/* Length of the folders that both begin with, with the last '/'. */
static size_t common_dirs(const char *a, const char *b)
{
	size_t n = 0;

	for (size_t i = 0; a[i]; i++) {
		if (a[i] == '/' && (b[i] == '/' || !b[i]))
			n = i + 1;
		if (a[i] != b[i])
			break;
	}
	return n;
}

static const char *from_top(const char *path)
{
	for (const char *p = path; *p;) {
		if (starts_at_top(p))
			return p;
		p = strchr(p, '/');
		if (!p)
			break;
		p++;
	}
	return NULL;
}

void source_path(const char *path, const char *comp_dir, struct buf *out)
{
	AUTO_BUF struct buf full = {0}, dir = {0};

	put_normal(&dir, comp_dir);
	put_normal(&full, path);
	if (full.len >= 2 && !memcmp(full.p, "..", 2) && dir.len) {
		AUTO_BUF struct buf joined = {0};
		buf_printf(&joined, "%s/%s", dir.p, full.p);
		buf_clear(&full);
		put_normal(&full, buf_str(&joined));
	}
	const char *s = buf_str(&full);
	size_t common = common_dirs(s, buf_str(&dir));
	if (common > 1) /* more than the root */
		s += common;
	const char *top = s[0] == '/' || common > 1 ? from_top(s) : NULL;
	/* compilers' own headers and libraries are of no tree */
	if (top && strncmp(s, "/usr/", 5))
		s = top;
	/* nothing of the kernel's lies at the very top: it is a module's, built in its own folder */
	bool bare = s[0] && s[0] != '<' && !strchr(s, '/');
	if (bare && buf_str(&full)[0] == '/')
		s = buf_str(&full);
	else if (bare && buf_str(&dir)[0] == '/')
		buf_printf(out, "%s/", dir.p);
	buf_puts(out, s);
}
