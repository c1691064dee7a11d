/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that a vmlinux is the same object however it comes: plain, compressed by gzip, xz or
 * zstd, with compressed debug sections of each kind, or stripped with its debug file found by
 * build-id or by .gnu_debuglink; that a wrong debug file is never taken; that the cache is made
 * anew when damaged; and that what is no kernel gets an error that says what it is.
 */
#include "tests/unit/object_fix.h"
#include <dwarf.h>
#include "engine/base/alloc.h"

static const struct object_options no_options;

static size_t count_units(struct object *o)
{
	Dwarf_Off off = 0, next;
	size_t header, n = 0;

	object_lock(o);
	Dwarf *d = object_dwarf(o);
	while (d && !dwarf_nextcu(d, off, &next, &header, NULL, NULL, NULL)) {
		Dwarf_Die die;
		n += dwarf_offdie(d, off + header, &die) && dwarf_diename(&die);
		off = next;
	}
	object_unlock(o);
	return n;
}

/* o has all that the plain file has. */
static void assert_whole(struct object *o)
{
	static const char *const names[] = {".debug_info", ".debug_str", ".debug_abbrev", ".rodata",
					    ".text", ".debug_line"};
	struct object *plain = must_open("vmlinux");
	struct object_section a, b;
	struct object_symbols sa, sb;
	const uint8_t *ia, *ib;

	assert_string_equal(object_name(o), "vmlinux");
	assert_string_equal(object_release(o), "6.1.0-fix");
	assert_string_equal(object_missing(o), "");
	assert_int_equal(object_machine(o), object_machine(plain));
	assert_int_equal(object_build_id(o, &ia), 20);
	assert_int_equal(object_build_id(plain, &ib), 20);
	assert_memory_equal(ia, ib, 20);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(object_section(plain, names[i], &a));
		assert_true(object_section(o, names[i], &b));
		assert_int_equal(a.size, b.size);
		assert_int_equal(a.addr, b.addr);
		assert_memory_equal(a.data, b.data, a.size);
	}
	assert_true(object_symbols(plain, &sa));
	assert_true(object_symbols(o, &sb));
	assert_int_equal(sa.n, sb.n);
	assert_true(object_has_dwarf(o));
	assert_int_equal(count_units(o), 2);
	Dwarf *d = object_dwarf_private(o);
	assert_non_null(d);
	dwarf_end(d);
	object_close(plain);
}

static void test_plain(void **state)
{
	struct object *o = must_open("vmlinux");
	struct object_section s;

	(void)state;
	assert_whole(o);
	assert_false(object_section(o, ".nowhere", &s));
	assert_false(object_section(o, ".bss", &s)); /* has no bytes */
	object_close(o);
}

static void test_compressed_file(void **state)
{
	static const char *const commands[][2] = {{"vmlinux.gz", "gzip -c vmlinux > vmlinux.gz"},
						  {"vmlinux.xz", "xz -c vmlinux > vmlinux.xz"},
						  {"vmlinux.zst", "zstd -q -c vmlinux > vmlinux.zst"}};
	struct object_options keep_nothing = {.no_cache = true};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct object *o;
		if (!run("%s", commands[i][1]))
			continue; /* that tool isn't here */
		assert_true(run("rm -rf cache"));
		assert_null(object_open(in_dir(commands[i][0]), &keep_nothing, NULL, &o));
		assert_whole(o);
		object_close(o);
		assert_false(run("find cache -type f | grep ."));
		o = must_open(commands[i][0]); /* makes the cached copy */
		assert_whole(o);
		object_close(o);
		assert_true(run("test $(find cache -type f | wc -l) = 1"));
		assert_true(run("truncate -s -100 $(find cache -type f)"));
		o = must_open(commands[i][0]); /* a damaged copy is made anew */
		assert_whole(o);
		object_close(o);
		o = must_open(commands[i][0]); /* and taken when it's good */
		assert_whole(o);
		object_close(o);
		assert_true(run("test $(find cache -type f | wc -l) = 1"));
	}
}

static void test_several_streams(void **state)
{
	(void)state;
	assert_true(run("head -c 5000 vmlinux | gzip -c > two.gz; tail -c +5001 vmlinux | gzip -c >> "
			"two.gz; head -c 512 /dev/zero >> two.gz"));
	struct object *o = must_open("two.gz");
	assert_whole(o);
	object_close(o);
}

static void test_compressed_sections(void **state)
{
	static const char *const kinds[] = {"zlib-gabi", "zlib-gnu", "zstd"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		/* padded strings make .debug_str worth compressing */
		if (!run("objcopy --compress-debug-sections=%s vmlinux packed", kinds[i]))
			continue;
		assert_false(run("cmp vmlinux packed"));
		assert_true(run("rm -rf cache"));
		for (int again = 0; again < 2; again++) {
			struct object *o = must_open("packed");
			struct err *e = object_prepare_dwarf(o, NULL);
			assert_null(e);
			assert_whole(o);
			object_close(o);
			assert_true(run("test $(find cache -type f | wc -l) = 1"));
		}
	}
}

/* The sections must also be right when nobody asked for the DWARF handle before. */
static void test_section_alone(void **state)
{
	struct object_section a, b;

	(void)state;
	if (!run("objcopy --compress-debug-sections=zstd vmlinux packed"))
		skip();
	struct object *plain = must_open("vmlinux"), *o = must_open("packed");
	assert_true(object_section(plain, ".debug_info", &a));
	assert_true(object_section(o, ".debug_info", &b));
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
	object_close(plain);
	object_close(o);
}

static void assert_missing(const char *name, const struct object_options *opt, bool found)
{
	struct object *o;

	assert_null(object_open(in_dir(name), opt, NULL, &o));
	assert_int_equal(object_has_dwarf(o), found);
	if (found) {
		assert_whole(o);
	} else {
		assert_non_null(strstr(object_missing(o), "debug"));
		assert_null(object_dwarf(o));
		assert_null(object_dwarf_private(o));
		struct err *e = object_prepare_dwarf(o, NULL);
		assert_int_equal(err_code(e), ERR_NODEBUG);
		err_free(e);
	}
	object_close(o);
}

static void test_by_build_id(void **state)
{
	AUTO_FREE char *nowhere = xstrdup(in_dir("nowhere")), *dbg = xstrdup(in_dir("dbg"));
	const char *dirs[] = {nowhere, dbg, NULL};
	struct object_options opt = {.debug_dirs = dirs};

	(void)state;
	assert_true(run("objcopy --only-keep-debug vmlinux all.debug; strip -o bare vmlinux; "
			"id=$(readelf -n vmlinux | sed -n 's/.*Build ID: //p'); "
			"mkdir -p dbg/.build-id/$(echo $id | cut -c1-2); "
			"cp all.debug dbg/.build-id/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-).debug"));
	assert_missing("bare", &no_options, false);
	assert_missing("bare", &opt, true);
	/* the debug file of another build is there under the right name */
	assert_true(build("other", "-gdwarf-4 -DOTHER"));
	assert_true(run("for f in dbg/.build-id/*/*.debug; do objcopy --only-keep-debug other $f; done"));
	assert_missing("bare", &opt, false);
	/* and a compressed one */
	assert_true(run("for f in dbg/.build-id/*/*.debug; do "
			"objcopy --compress-debug-sections all.debug $f; done"));
	assert_missing("bare", &opt, true);
}

static void test_by_link(void **state)
{
	AUTO_FREE char *links = xstrdup(in_dir("links"));
	const char *dirs[] = {links, NULL};
	struct object_options opt = {.debug_dirs = dirs};

	(void)state;
	/* with the build-id, in each of the three places */
	assert_true(run("mkdir -p links .debug; objcopy --only-keep-debug vmlinux linked.dbg; "
			"strip -o bare2 vmlinux; objcopy --add-gnu-debuglink=linked.dbg bare2; rm -rf dbg"));
	assert_missing("bare2", &no_options, true);
	assert_true(run("mv linked.dbg .debug/"));
	assert_missing("bare2", &no_options, true);
	assert_true(run("mv .debug/linked.dbg links/"));
	assert_missing("bare2", &no_options, false);
	assert_missing("bare2", &opt, true);
	/* without one, by the CRC; a changed file is not taken */
	assert_true(run("objcopy --remove-section .note.gnu.build-id vmlinux noid; "
			"objcopy --only-keep-debug noid noid.dbg; strip -o bare3 noid; "
			"objcopy --add-gnu-debuglink=noid.dbg bare3"));
	struct object *o = must_open("bare3");
	assert_true(object_has_dwarf(o));
	assert_int_equal(count_units(o), 2);
	object_close(o);
	assert_true(run("printf x >> noid.dbg"));
	assert_missing("bare3", &no_options, false);
}

static void assert_refused(const char *name, enum err_code code, const char *text)
{
	struct object *o = NULL;
	struct err *e = object_open(in_dir(name), NULL, NULL, &o);

	assert_non_null(e);
	if (err_code(e) != code || !strstr(err_text(e), text) || !strstr(err_text(e), name))
		fail_msg("%s: %s", name, err_text(e));
	err_free(e);
}

static void test_refused(void **state)
{
	size_t n;
	unsigned char *p = read_bytes("vmlinux", &n);
	unsigned char image[1024] = "MZ";

	(void)state;
	assert_refused("no-such-file", ERR_OS, "No such file");
	assert_refused("fs", ERR_OS, "directory");
	write_text("empty", "");
	assert_refused("empty", ERR_UNSUPPORTED, "empty");
	write_text("text", "Linux version 6.1\n");
	assert_refused("text", ERR_UNSUPPORTED, "not an ELF");
	memcpy(image + 0x202, "HdrS", 4);
	write_bytes("vmlinuz", image, sizeof(image));
	assert_refused("vmlinuz", ERR_UNSUPPORTED, "Give the vmlinux");
	assert_true(run("gzip -c text > text.gz"));
	assert_refused("text.gz", ERR_UNSUPPORTED, "not an ELF");
	assert_true(run("gzip -c vmlinux | head -c 3000 > cut.gz"));
	assert_refused("cut.gz", ERR_CORRUPT, "cut off");
	write_bytes("cut", p, n / 2); /* the section table is at the end */
	assert_refused("cut", ERR_CORRUPT, "section table");
	p[EI_CLASS] = ELFCLASS32;
	write_bytes("small", p, n);
	assert_refused("small", ERR_UNSUPPORTED, "32-bit");
	p[EI_DATA] = ELFDATA2MSB;
	write_bytes("big", p, n);
	assert_refused("big", ERR_UNSUPPORTED, "big-endian");
	p[EI_CLASS] = ELFCLASS64;
	p[EI_DATA] = ELFDATA2LSB;
	p[16] = ET_CORE;
	write_bytes("core", p, n);
	assert_refused("core", ERR_UNSUPPORTED, "core");
	free(p);
}

static void test_cancel(void **state)
{
	struct job *j = job_create("open");
	struct object *o;

	(void)state;
	assert_true(run("gzip -c vmlinux > stop.gz; rm -rf cache"));
	job_cancel(j);
	struct err *e = object_open(in_dir("stop.gz"), NULL, j, &o);
	assert_int_equal(err_code(e), ERR_CANCELLED);
	err_free(e);
	assert_false(run("find cache -type f | grep .")); /* nothing half-made is left */
	job_unref(j);
}

static void test_parts(void **state)
{
	struct object *o = object_create_module("ext4");
	struct object_section s;
	struct object_range r;
	unsigned before = object_generation(o);

	(void)state;
	assert_string_equal(object_name(o), "ext4");
	assert_string_equal(object_path(o), "");
	assert_string_equal(object_release(o), "");
	assert_false(object_has_dwarf(o));
	assert_null(object_elf(o));
	object_set_section(o, ".BTF", xstrdup("one"), 4, 0x100);
	assert_true(object_section(o, ".BTF", &s));
	object_set_section(o, ".BTF", xstrdup("two"), 4, 0x200);
	assert_string_equal(s.data, "one"); /* who borrowed it still has it */
	assert_true(object_section(o, ".BTF", &s));
	assert_string_equal(s.data, "two");
	assert_int_equal(s.addr, 0x200);
	object_add_range(o, (struct object_range){0x1000, 0x2000, true});
	assert_true(object_contains(o, 0x1fff));
	assert_false(object_contains(o, 0x2000));
	assert_true(object_range(o, 0, &r));
	assert_false(object_range(o, 1, &r));
	assert_true(object_generation(o) > before);
	object_close(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_compressed_file),
		cmocka_unit_test(test_several_streams),
		cmocka_unit_test(test_compressed_sections),
		cmocka_unit_test(test_section_alone),
		cmocka_unit_test(test_by_build_id),
		cmocka_unit_test(test_by_link),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_parts),
	};
	return cmocka_run_group_tests(tests, fix_setup, fix_teardown);
}
