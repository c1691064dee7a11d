/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the keymap files are: where the user said, beside the program (a build tree, or wherever it was installed
 * to), or where it was built to be installed. Its own come first: another version's may bind what it hasn't.
 */
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

/* keymaps/ of a build tree, or share/vmbrowse/keymaps/, in the program's own folder or one above it. */
static char *beside_program(const char *name)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash, *found;

	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	for (int up = 0; up < 4 && (slash = strrchr(exe, '/')); up++) {
		*slash = '\0';
		AUTO_FREE char *tree = xasprintf("%s/keymaps", exe);
		AUTO_FREE char *installed = xasprintf("%s/share/vmbrowse/keymaps", exe);
		if ((found = in_dir(tree, name)) || (found = in_dir(installed, name)))
			return found;
	}
	return NULL;
}

char *keymap_path(const char *name)
{
	if (name && strchr(name, '/'))
		return xstrdup(name);
	if (name && readable(name))
		return xstrdup(name);
	if (!name)
		name = "default";
	char *found = beside_program(name);
	return found ? found : in_dir(KEYMAP_DIR, name);
}
