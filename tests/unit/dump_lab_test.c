/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves on the real dumps of the lab ($VMBROWSE_LAB) that all files of one crash, whatever wrote
 * them, hold the same memory: each is compared page by page with the fullest of its folder, and the
 * states agree: what one calls zero is zero in the others, what one excludes is RAM in the others.
 * Also that every dump has the notes of its CPUs and the vmcoreinfo of its kernel, and that cut
 * copies of real dumps never give a wrong byte. Skipped where there is no lab.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/dump/dump.h"
#include "engine/dump/vmcoreinfo.h"

#define PAGE 4096u
#define STEP                                                                                       \
	7u /* every seventh page: enough to meet every kind of page in every block of a bitmap */

static const char *lab(void)
{
	const char *s = getenv("VMBROWSE_LAB");
	return s && *s ? s : NULL;
}

static struct dump *open_dump(const char *path)
{
	struct dump *d = NULL;
	char *second = NULL;
	const char *paths[2] = {path, NULL};
	size_t n = strlen(path);

	if (n > 2 && !strcmp(path + n - 2, ".1")) {
		second = xstrdup(path);
		second[n - 1] = '2';
		paths[1] = second;
	}
	struct err *e = dump_open(paths, second ? 2 : 1, NULL, &d);
	if (e)
		fail_msg("%s", err_text(e));
	free(second);
	return d;
}

static bool all_zero(const unsigned char *p)
{
	return !p[0] && !memcmp(p, p + 1, PAGE - 1);
}

/* One page in both dumps. Returns whether its bytes were compared. */
static bool compare_page(struct dump *a, struct dump *b, uint64_t pfn, const char *name)
{
	unsigned char pa[PAGE], pb[PAGE];
	enum mem_state sa = dump_page_state(a, pfn), sb = dump_page_state(b, pfn), why = MEM_STATES;
	bool ra = dump_read(a, pfn * PAGE, pa, PAGE, NULL) == PAGE;
	bool rb = dump_read(b, pfn * PAGE, pb, PAGE, &why) == PAGE;

	if (sb == MEM_ZERO && !(rb && all_zero(pb)))
		fail_msg("%s: page %lx is zero, but not all of it", name, (long)pfn);
	if (ra && rb && memcmp(pa, pb, PAGE))
		fail_msg("%s: page %lx differs", name, (long)pfn);
	if (sb == MEM_EXCLUDED && sa == MEM_NOT_RAM)
		fail_msg("%s: page %lx is excluded, but isn't RAM", name, (long)pfn);
	if (!rb && why != sb && why != MEM_LOST)
		fail_msg("%s: page %lx: %s, then %s", name, (long)pfn, mem_state_name(sb),
			 mem_state_name(why));
	return ra && rb;
}

static void compare(struct dump *a, struct dump *b, const char *name)
{
	uint64_t end = dump_info(b)->max_pfn, compared = 0;

	for (uint64_t pfn = 0; pfn < end; pfn += STEP) {
		/* the gap below 4 GiB of a QEMU dump: both must know, one jump is enough */
		if (dump_page_state(b, pfn) == MEM_NOT_RAM && pfn % 1024)
			continue;
		compared += compare_page(a, b, pfn, name);
	}
	if (compared * STEP * 10 < dump_info(b)->pages)
		fail_msg("%s: only %lu of %lu pages compared", name, (long)compared * STEP,
			 (long)dump_info(b)->pages);
}

static void check_facts(const struct dump *d, const char *name)
{
	const char *release = vmcoreinfo_str(dump_vmcoreinfo(d), "OSRELEASE");
	const struct dump_info *info = dump_info(d);
	struct dump_note n;
	size_t cpus = 0;

	for (size_t i = 0; dump_note(d, i, &n); i++)
		cpus += n.type == 1 && !strcmp(n.name, "CORE") && n.desc_size == 336;
	if (cpus < 2 || !release || info->machine != 62 || info->page_size != PAGE)
		fail_msg("%s: %zu CPUs, release %s, machine %u", name, cpus,
			 release ? release : "none", info->machine);
	if (info->release[0] && strcmp(info->release, release))
		fail_msg("%s: %s in the header, %s in vmcoreinfo", name, info->release, release);
	if (info->incomplete != (strstr(name, "incomplete") != NULL))
		fail_msg("%s: incomplete %d", name, info->incomplete);
	if (!info->incomplete && strstr(name, "zstd") && strncmp(info->codecs, "zstd", 4))
		fail_msg("%s: codecs %s", name, info->codecs);
}

/* The dump of a folder that has the most pages. */
static char *fullest(const glob_t *g)
{
	uint64_t most = 0;
	char *best = NULL;

	for (size_t i = 0; i < g->gl_pathc; i++) {
		struct dump *d = open_dump(g->gl_pathv[i]);
		if (dump_info(d)->pages > most) {
			most = dump_info(d)->pages;
			best = g->gl_pathv[i];
		}
		dump_close(d);
	}
	return best;
}

static void check_folder(const char *dir)
{
	char *pattern = xasprintf("%s/vmcore.*", dir);
	glob_t g = {0};

	if (!glob(pattern, 0, NULL, &g)) {
		const char *best = fullest(&g);
		struct dump *ref = open_dump(best);
		for (size_t i = 0; i < g.gl_pathc; i++) {
			const char *name = g.gl_pathv[i];
			struct dump *d = open_dump(name);
			check_facts(d, name);
			if (strcmp(name, best))
				compare(ref, d, name);
			dump_close(d);
		}
		dump_close(ref);
	}
	globfree(&g);
	free(pattern);
}

static void test_folders(void **state)
{
	glob_t g = {0};

	(void)state;
	if (!lab())
		skip();
	char *pattern = xasprintf("%s/dumps/*/*", lab());
	int none = glob(pattern, GLOB_ONLYDIR, NULL, &g);
	for (size_t i = 0; !none && i < g.gl_pathc; i++)
		check_folder(g.gl_pathv[i]);
	globfree(&g);
	free(pattern);
	if (none)
		skip();
}

/* Half of a split dump: the other half's pages are lost, and a warning says so. */
static void test_half_split(void **state)
{
	glob_t g = {0};
	size_t lost = 0;

	(void)state;
	char *pattern = xasprintf("%s/dumps/*/*/vmcore.split.2", lab() ? lab() : "/nonexistent");
	int none = glob(pattern, 0, NULL, &g);
	for (size_t i = 0; !none && i < g.gl_pathc; i++) {
		struct dump *d = open_dump(g.gl_pathv[i]);
		assert_int_equal(dump_info(d)->parts_have, 1);
		assert_int_equal(dump_info(d)->parts, 2);
		assert_non_null(strstr(dump_warning(d, 0), "is missing"));
		assert_null(dump_warning(d, 1));
		for (uint64_t pfn = 0; pfn < dump_info(d)->max_pfn; pfn++)
			lost += dump_page_state(d, pfn) == MEM_LOST;
		assert_true(lost > 1000);
		dump_close(d);
	}
	globfree(&g);
	free(pattern);
	if (none)
		skip();
}

static bool copy_head(const char *from, const char *to, size_t n)
{
	AUTO_FREE char *buf = xmalloc(n);
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t got = in && out ? fread(buf, 1, n, in) : 0;
	bool ok = got && fwrite(buf, 1, got, out) == got;

	if (in)
		fclose(in);
	if (out)
		fclose(out);
	return ok;
}

/* A copy that broke off: no byte is wrong, and the dump says that it is cut. */
static void check_cut(const char *path, size_t n)
{
	char copy[] = "/tmp/vmbrowse-cut-XXXXXX";
	struct dump *whole = open_dump(path), *cut = NULL;
	const char *paths[1] = {copy};
	int fd = mkstemp(copy);

	assert_true(fd >= 0 && !close(fd) && copy_head(path, copy, n));
	struct err *e = dump_open(paths, 1, NULL, &cut);
	if (!e) {
		for (uint64_t pfn = 0; pfn < dump_info(whole)->max_pfn; pfn += 5)
			compare_page(whole, cut, pfn, path);
		assert_non_null(dump_warning(cut, 0));
		assert_non_null(strstr(dump_warning(cut, 0), "truncated"));
		dump_close(cut);
	}
	err_free(e);
	dump_close(whole);
	unlink(copy);
}

static void test_cut(void **state)
{
	static const char *const names[] = {"fsfreeze/vmcore.zstd", "fsfreeze/vmcore.flat",
					    "fsfreeze/vmcore.elf", "qemu/vmcore.qemu.zlib"};
	size_t done = 0;

	(void)state;
	for (size_t i = 0; lab() && i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = xasprintf("%s/dumps/6.1/%s", lab(), names[i]);
		struct stat st;
		for (unsigned k = 1; !stat(path, &st) && k < 4; k++, done++)
			check_cut(path, (size_t)st.st_size / 50 * (k == 1 ? 1 : k * 12));
		free(path);
	}
	if (!done)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_half_split),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
