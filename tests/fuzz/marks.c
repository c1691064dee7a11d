/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file that a dump's marks are kept in. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/cmd/marksfile.h"
#include "tests/fuzz/fuzz.h"

static struct dump *dump;
static char *path; /* of the file */

/* Its name is made of the dump: the only one in the folder. */
static bool find_file(void)
{
	AUTO_FREE char *dir = xasprintf("%s/vmbrowse/marks", scratch_folder());
	DIR *d = opendir(dir);

	for (struct dirent *e; d && !path && (e = readdir(d));)
		if (e->d_name[0] != '.')
			path = xasprintf("%s/%s", dir, e->d_name);
	if (d)
		closedir(d);
	return path;
}

static bool begin(struct corpus *c)
{
	AUTO_FREE char *file = lab_dump("6.1", "fsfreeze", "lzo");
	const char *const paths[] = {file};
	char word[] = "bt 151", note[] = "a\tnote\\";
	struct mark mark = {.letter = 'a', .field = {word, note}};
	size_t n;

	setenv("XDG_STATE_HOME", scratch_folder(), 1);
	if (!file || !err_ok(dump_open(paths, 1, NULL, &dump)))
		return false;
	struct marks *m = marks_create(dump);
	for (char letter = 'a'; letter < 'f'; letter++)
		err_free(marks_set(m, letter, &mark));
	marks_destroy(m);
	uint8_t *p = find_file() ? read_file(path, 1u << 16, &n) : NULL;
	if (p)
		corpus_add(c, p, n);
	free(p);
	return c->n;
}

static struct err *nothing(void *arg, const struct mark *mark)
{
	(void)arg, (void)mark;
	return NULL;
}

static void one(const uint8_t *p, size_t n)
{
	struct marks *m = marks_create(dump);
	AUTO_BUF struct buf why = {0};
	struct mark mark;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || (n && write(fd, p, n) != (ssize_t)n))
		abort();
	close(fd);
	err_free(marks_each(m, &why, nothing, NULL));
	if (err_ok(marks_get(m, 'a', &mark)))
		mark_free(&mark);
	err_free(marks_set(m, 'b', NULL)); /* writes it anew */
	marks_destroy(m);
}

const struct fuzz_target fuzz_marks = {
	.name = "marks",
	.what = "the file of a dump's marks",
	.inputs = 800,
	.begin = begin,
	.one = one,
};
