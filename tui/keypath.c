/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the keymap files are: where the user said, installed, or beside the program in a build
 * tree. */
#include "engine/base/alloc.h"
#include "tui/keymap.h"
#include <string.h>
#include <unistd.h>

static bool readable(const char *path)
{
	return !access(path, R_OK);
}

/* DIR/NAME, with ".keys" added if it has no such end; NULL if that isn't there. */
static char *in_dir(const char *dir, const char *name)
{
	size_t n = strlen(name);
	bool has_end = n > 5 && !strcmp(name + n - 5, ".keys");
	char *path = xasprintf("%s/%s%s", dir, name, has_end ? "" : ".keys");

	if (readable(path))
		return path;
	free(path);
	return NULL;
}

/* The keymaps/ folder in the program's own folder or one above it. */
static char *in_build_tree(const char *name)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash, *found;

	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	for (int up = 0; up < 4 && (slash = strrchr(exe, '/')); up++) {
		*slash = '\0';
		AUTO_FREE char *dir = xasprintf("%s/keymaps", exe);
		if ((found = in_dir(dir, name)))
			return found;
	}
	return NULL;
}

char *keymap_path(const char *name)
{
	char *found = NULL;

	if (name && strchr(name, '/'))
		return xstrdup(name);
	if (name && readable(name))
		return xstrdup(name);
	if (!name)
		name = "default";
#ifdef KEYMAP_DIR
	found = in_dir(KEYMAP_DIR, name);
#endif
	return found ? found : in_build_tree(name);
}
