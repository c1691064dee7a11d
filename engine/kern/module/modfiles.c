/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's --debug-dir comes first and the system's folders last; in each of them a build-id link,
 * which is exact, goes before names. A folder of names is that of the release where there is one
 * (a debug folder may hold many kernels), else for --debug-dir the folder itself. Reading such a
 * tree (some thousand names) is put off until a module is looked for.
 *
 * A module may have several files: .ko.debug is tried before .ko, whose debug info most
 * distributions strip.
 */
#include "engine/kern/module/modfiles.h"
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"

#define MAX_DEPTH 16
#define MAX_FILES (1u << 18)
#define MAX_ENTRIES (1u << 20) /* looked at in one tree */
#define ID_MAX 64

/* A file that a module may have. */
struct named {
	char *module; /* the kernel's spelling */
	char *path;
	bool debug; /* .ko.debug */
	size_t order;
};

struct mod_files {
	const char *const *debug_dirs;
	char *release;
	pthread_mutex_t lock;
	bool read;
	struct named *v; /* sorted by module, then debug, then order */
	size_t n, cap, entries;
};

static const char *const id_dirs[] = {"/usr/lib/debug"};
static const char *const system_trees[] = {
	"/usr/lib/debug/lib/modules", "/usr/lib/debug/usr/lib/modules", "/lib/modules",
	"/usr/lib/modules"};
/* Below a --debug-dir, where the release's folder may be. */
static const char *const under[] = {"lib/modules", "usr/lib/modules", "usr/lib/debug/lib/modules",
				    "usr/lib/debug/usr/lib/modules", "."};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct mod_files *mod_files_create(const char *const *debug_dirs, const char *release)
{
	struct mod_files *f = xcalloc(1, sizeof(*f));

	f->debug_dirs = debug_dirs;
	/* it becomes a part of paths */
	f->release = xstrdup(strchr(release, '/') || release[0] == '.' ? "" : release);
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void mod_files_destroy(struct mod_files *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].module);
		free(f->v[i].path);
	}
	free(f->v);
	free(f->release);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* ---- by name ---- */

/* NAME.ko, with what follows it; file names may have '-' where the kernel has '_'. */
static void take_name(struct mod_files *f, const char *dir, const char *file)
{
	const char *ko = strstr(file, ".ko");

	if (!ko || ko == file || (ko[3] && ko[3] != '.') || f->n == MAX_FILES)
		return;
	GROW(f->v, f->n, f->cap);
	struct named *x = &f->v[f->n];
	*x = (struct named){.module = xstrndup(file, (size_t)(ko - file)),
			    .path = xasprintf("%s/%s", dir, file),
			    .debug = !strncmp(ko, ".ko.debug", 9),
			    .order = f->n};
	for (char *p = x->module; *p; p++)
		if (*p == '-')
			*p = '_';
	f->n++;
}

static bool is_dir(const char *dir, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK)
		return e->d_type == DT_DIR;
	AUTO_FREE char *path = xasprintf("%s/%s", dir, e->d_name);
	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Links are followed, which may lead in circles: depth and entries are bounded. */
static void read_tree(struct mod_files *f, const char *dir, unsigned depth)
{
	DIR *d = depth ? opendir(dir) : NULL;

	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d)) && f->entries < MAX_ENTRIES;) {
		f->entries++;
		/* "build" and "source" lead to the kernel's tree; hidden ones are .build-id and
		 * the like */
		if (e->d_name[0] == '.' || !strcmp(e->d_name, "build") ||
		    !strcmp(e->d_name, "source"))
			continue;
		if (is_dir(dir, e)) {
			AUTO_FREE char *sub = xasprintf("%s/%s", dir, e->d_name);
			read_tree(f, sub, depth - 1);
		} else {
			take_name(f, dir, e->d_name);
		}
	}
	closedir(d);
}

/* The release's folder in a tree of modules. */
static bool read_release(struct mod_files *f, const char *modules)
{
	size_t before = f->n;

	if (!f->release[0])
		return false;
	AUTO_FREE char *dir = xasprintf("%s/%s", modules, f->release);
	read_tree(f, dir, MAX_DEPTH);
	return f->n > before;
}

static void read_debug_dir(struct mod_files *f, const char *dir)
{
	bool found = false;

	for (size_t i = 0; i < COUNT(under); i++) {
		AUTO_FREE char *modules = xasprintf("%s/%s", dir, under[i]);
		found |= read_release(f, modules);
	}
	if (!found)
		read_tree(f, dir, MAX_DEPTH);
}

static int compare(const void *va, const void *vb)
{
	const struct named *a = va, *b = vb;
	int c = strcmp(a->module, b->module);

	if (c)
		return c;
	if (a->debug != b->debug)
		return a->debug ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static void read_names(struct mod_files *f)
{
	pthread_mutex_lock(&f->lock);
	if (!f->read) {
		for (const char *const *d = f->debug_dirs; d && *d; d++)
			read_debug_dir(f, *d);
		for (size_t i = 0; i < COUNT(system_trees); i++)
			read_release(f, system_trees[i]);
		if (f->n)
			qsort(f->v, f->n, sizeof(*f->v), compare);
		f->read = true;
	}
	pthread_mutex_unlock(&f->lock);
}

static size_t first_of(const struct mod_files *f, const char *module)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(f->v[mid].module, module) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- by build-id ---- */

static bool try_id(const char *dir, const char *hex, bool (*take)(void *ctx, const char *path),
		   void *ctx)
{
	static const char *const ends[] = {".debug", ""};

	for (size_t i = 0; i < COUNT(ends); i++) {
		AUTO_FREE char *path =
			xasprintf("%s/.build-id/%.2s/%s%s", dir, hex, hex + 2, ends[i]);
		if (!access(path, R_OK) && take(ctx, path))
			return true;
	}
	return false;
}

static bool by_id(struct mod_files *f, const uint8_t *id, size_t n,
		  bool (*take)(void *ctx, const char *path), void *ctx)
{
	char hex[2 * ID_MAX + 1];

	if (!id || n < 2 || n > ID_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	for (const char *const *d = f->debug_dirs; d && *d; d++)
		if (try_id(*d, hex, take, ctx))
			return true;
	for (size_t i = 0; i < COUNT(id_dirs); i++)
		if (try_id(id_dirs[i], hex, take, ctx))
			return true;
	return false;
}

void mod_files_try(struct mod_files *f, const char *module, const uint8_t *id, size_t id_size,
		   bool (*take)(void *ctx, const char *path), void *ctx)
{
	if (by_id(f, id, id_size, take, ctx))
		return;
	read_names(f);
	for (size_t i = first_of(f, module); i < f->n && !strcmp(f->v[i].module, module); i++)
		if (take(ctx, f->v[i].path))
			return;
}
