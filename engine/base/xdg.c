/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/xdg.h"
#include "engine/base/alloc.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *var, *under_home;
} dirs[] = {
	[XDG_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
	[XDG_STATE] = {"XDG_STATE_HOME", ".local/state"},
	[XDG_CACHE] = {"XDG_CACHE_HOME", ".cache"},
};

char *xdg_path(enum xdg_dir dir, const char *name)
{
	const char *base = getenv(dirs[dir].var), *home = getenv("HOME");
	const char *sep = name[0] ? "/" : "";

	if (base && base[0] == '/') /* the specification: relative paths are to be ignored */
		return xasprintf("%s/vmbrowse%s%s", base, sep, name);
	if (home && home[0])
		return xasprintf("%s/%s/vmbrowse%s%s", home, dirs[dir].under_home, sep, name);
	return NULL;
}

struct err *xdg_path_make(enum xdg_dir dir, const char *name, char **ret)
{
	char *path = xdg_path(dir, name);
	if (!path)
		return err_new(ERR_OS, "neither %s nor HOME is set: no place for %s", dirs[dir].var,
			       name);
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		int failed = mkdir(path, 0700) && errno != EEXIST;
		int why = errno;
		if (failed) {
			struct err *e = err_os(why, "%s: can't make the folder", path);
			free(path);
			return e;
		}
		*p = '/';
	}
	*ret = path;
	return NULL;
}
