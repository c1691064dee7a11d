/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that every format and codec gives the same memory back, byte for byte and with the
 * reason for each missing page: kdump-compressed of all header versions with one bitmap or two,
 * split (in any order, with parts missing), incomplete, flattened (records overwritten and out of
 * order, cut), ELF (overlapping segments, excluded tails, PN_XNUM, e_ehsize 8, incomplete, pages
 * that are there in part); that ranks are right far behind holes; that threads may read at once;
 * that vmcoreinfo is read, and found in memory, the crashed kernel's among several; and that what
 * can't be read is refused by name.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/stat.h>
#include "tests/unit/dump_fake.h"

static struct dump *open_paths(const char *const *paths, size_t n)
{
	struct dump *d = NULL;
	struct err *e = dump_open(paths, n, NULL, &d);
	if (e)
		fail_msg("%s", err_text(e));
	return d;
}

static struct dump *open_buf(struct buf *b)
{
	const char *path = fake_file("vmcore", b->p, b->len);
	buf_free(b);
	return open_paths(&path, 1);
}

static bool warned(const struct dump *d, const char *text)
{
	for (size_t i = 0; dump_warning(d, i); i++)
		if (strstr(dump_warning(d, i), text))
			return true;
	return false;
}

static void check_page(struct dump *d, uint64_t pfn, enum mem_state want)
{
	unsigned char page[PAGE], good[PAGE];
	enum mem_state why = MEM_STATES;
	size_t n = dump_read(d, pfn * PAGE, page, PAGE, &why);

	fake_page(pfn, good);
	assert_int_equal(dump_page_state(d, pfn), want);
	assert_int_equal(n, mem_readable(want) ? PAGE : 0);
	assert_memory_equal(page, good, n);
	if (!n)
		assert_int_equal(why, want);
}

/* All pages and their order; zero pages are plain data in an ELF dump. */
static void check_memory(struct dump *d, bool zeroes)
{
	uint64_t next = 0;

	for (uint64_t pfn = 0; pfn < FAKE_PFNS + 20; pfn++) {
		enum mem_state want = fake_state(pfn);
		check_page(d, pfn, want == MEM_ZERO && !zeroes ? MEM_PRESENT : want);
		if (!fake_in_dump(pfn))
			continue;
		next = dump_next_page(d, next);
		assert_int_equal(next++, pfn);
	}
	assert_int_equal(dump_next_page(d, next), UINT64_MAX);
	assert_int_equal(dump_next_page(d, UINT64_MAX), UINT64_MAX);
}

static void check_notes(const struct dump *d, bool regs)
{
	struct dump_note n;
	int64_t x;

	assert_string_equal(vmcoreinfo_text(dump_vmcoreinfo(d)), fake_info);
	assert_true(vmcoreinfo_number(dump_vmcoreinfo(d), "phys_base", &x) && x == -4096);
	for (size_t i = 0; i < 2 && regs; i++) {
		assert_true(dump_note(d, i, &n));
		assert_string_equal(n.name, "CORE");
		assert_int_equal(n.desc_size, 336);
		assert_int_equal(*(const unsigned char *)n.desc, i + 1);
	}
	assert_false(dump_note(d, 100, &n));
}

static void test_kdump(void **state)
{
	static const struct {
		uint32_t flags;
		const char *name;
	} codecs[] = {
		{0, "raw"}, {1, "zlib+raw"}, {2, "lzo+raw"}, {4, "snappy+raw"}, {0x20, "zstd+raw"},
	};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (uint32_t version = 3; version <= 7; version++) {
			struct buf b = {0};
			fake_kdump(&b, &(struct fake_kdump){.flags = codecs[i].flags,
							    .version = version});
			struct dump *d = open_buf(&b);
			const struct dump_info *info = dump_info(d);
			check_memory(d, true);
			check_notes(d, version >= 4);
			assert_string_equal(info->format, "kdump-compressed");
			assert_string_equal(info->codecs, codecs[i].name);
			assert_string_equal(info->release, "6.1.0-fake");
			assert_int_equal(info->machine, EM_X86_64);
			assert_int_equal(info->max_pfn, FAKE_PFNS);
			assert_int_equal(info->ram_pages, 280);
			assert_int_equal(info->pages, 240);
			assert_int_equal(info->dump_level, 31);
			assert_true(info->has_phys_base && info->phys_base == 0x1000000);
			assert_null(dump_warning(d, 0));
			dump_close(d);
		}
}

/* With one bitmap nothing is known about pages that aren't there. */
static void test_one_bitmap(void **state)
{
	struct buf b = {0};

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.flags = 0x20, .version = 1, .one_bitmap = true});
	struct dump *d = open_buf(&b);
	for (uint64_t pfn = 0; pfn < FAKE_PFNS; pfn++)
		check_page(d, pfn, fake_in_dump(pfn) ? fake_state(pfn) : MEM_NOT_RAM);
	dump_close(d);
}

static void test_incomplete(void **state)
{
	struct buf b = {0};

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.flags = 2, .version = 6, .lost_from = 200});
	struct dump *d = open_buf(&b);
	assert_true(dump_info(d)->incomplete && warned(d, "incomplete"));
	for (uint64_t pfn = 0; pfn < FAKE_PFNS; pfn++)
		check_page(d, pfn, pfn >= 200 ? MEM_LOST : fake_state(pfn));
	dump_close(d);
}

static const char *split_part(const char *name, uint64_t start, uint64_t end)
{
	struct buf b = {0};

	fake_kdump(&b,
		   &(struct fake_kdump){
			   .flags = 0x20, .version = 6, .split = true, .start = start, .end = end});
	const char *path = fake_file(name, b.p, b.len);
	buf_free(&b);
	return path;
}

static void test_split(void **state)
{
	const char *parts[] = {split_part("c", 151, FAKE_PFNS), split_part("a", 0, 77),
			       split_part("b", 77, 151)};
	struct dump *d = open_paths(parts, 3);

	(void)state;
	check_memory(d, true);
	check_notes(d, true);
	assert_int_equal(dump_info(d)->parts, 3);
	assert_int_equal(dump_info(d)->pages, 240);
	assert_null(dump_warning(d, 0));
	dump_close(d);
	d = open_paths(parts, 2); /* without the middle one */
	assert_int_equal(dump_info(d)->parts, 3);
	assert_int_equal(dump_info(d)->parts_have, 2);
	assert_true(warned(d, "page frames 4d to 97 is missing"));
	for (uint64_t pfn = 0; pfn < FAKE_PFNS; pfn++)
		check_page(d, pfn,
			   fake_in_dump(pfn) && pfn >= 77 && pfn < 151 ? MEM_LOST
								       : fake_state(pfn));
	assert_int_equal(dump_next_page(d, 77), 151);
	dump_close(d);
}

/* What was erased on request is told: its list is at the end of the file, as long as the header says. */
static void open_erased(const char *list, uint64_t size, const char *warning)
{
	struct buf b = {0};

	fake_kdump(&b, &(struct fake_kdump){.flags = 0x20, .version = 6});
	put64(&b, PAGE + 64, b.len);
	put64(&b, PAGE + 72, size);
	buf_puts(&b, list);
	struct dump *d = open_buf(&b);
	assert_true(warned(d, warning));
	assert_null(dump_warning(d, 1));
	check_memory(d, true);
	dump_close(d);
}

static void test_erased(void **state)
{
	static const char list[] = "erase init_uts_ns size 432\nerase t.comm size 16\n"
				   "erase t.comm size 16\nerase \33[2Jx size 1";

	(void)state;
	open_erased(list, sizeof(list) - 1, "init_uts_ns, t.comm (2 times), \\x1b[2Jx; X's");
	open_erased(list, UINT64_MAX, "init_uts_ns, t.comm (2 times), ");
	open_erased("erase a size 1\nerase b size 1\n\nerase c\nerase d\nerase e\nerase \nerase g\n"
		    "erase a \nerase h\n",
		    90, "a (2 times), b, c, d, e, g and 1 more");
}

static void test_flattened(void **state)
{
	struct buf b = {0}, f = {0};

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.flags = 0x20, .version = 6});
	fake_flatten(&f, &b, true);
	buf_free(&b);
	struct dump *d = open_buf(&f);
	assert_true(dump_info(d)->flattened);
	assert_null(dump_warning(d, 0));
	check_memory(d, true);
	check_notes(d, true);
	dump_close(d);
	fake_elf(&b, &(struct fake_elf){0});
	fake_flatten(&f, &b, true);
	buf_free(&b);
	d = open_buf(&f);
	assert_string_equal(dump_info(d)->format, "ELF");
	check_memory(d, false);
	dump_close(d);
}

static void test_elf(void **state)
{
	static const struct fake_elf kinds[] = {{0}, {.xnum = true}, {.ehsize = 8}};
	struct dump_segment s;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct buf b = {0};
		fake_elf(&b, &kinds[i]);
		struct dump *d = open_buf(&b);
		check_memory(d, false);
		check_notes(d, true);
		assert_int_equal(dump_info(d)->pages, 240);
		assert_int_equal(dump_info(d)->ram_pages, 280);
		assert_true(dump_segment(d, 0, &s) && s.pa == 10 * PAGE &&
			    s.va == 0xffffffff81000000);
		assert_true(dump_segment(d, 3, &s) && !dump_segment(d, 4, &s));
		assert_null(dump_warning(d, 0));
		dump_close(d);
	}
}

/* Nothing tells RAM from holes where headers were never written. */
static void test_elf_incomplete(void **state)
{
	struct buf b = {0};

	(void)state;
	fake_elf(&b, &(struct fake_elf){.incomplete = true});
	put_phdr(&b, 5, (Elf64_Phdr){0});
	b.len -= (160 + 3) * PAGE; /* within the third segment */
	struct dump *d = open_buf(&b);
	assert_true(dump_info(d)->incomplete && warned(d, "incomplete"));
	check_page(d, 12, MEM_PRESENT);
	check_page(d, 96, MEM_PRESENT);
	check_page(d, 97, MEM_LOST);
	check_page(d, 120, MEM_EXCLUDED);
	check_page(d, 150, MEM_LOST);
	check_page(d, 50, MEM_LOST);
	dump_close(d);
}

/* Firmware's memory needn't end at a page: what is there of a page is read, the rest has its
 * reason. */
static void test_elf_partial_page(void **state)
{
	struct buf b = {0};
	unsigned char page[PAGE], good[PAGE];
	enum mem_state why;

	(void)state;
	fake_elf(&b, &(struct fake_elf){0});
	Elf64_Phdr *p = (Elf64_Phdr *)(void *)(b.p + 128) + 5;
	p->p_paddr += 0x400;
	p->p_offset += 0x400;
	p->p_filesz = p->p_memsz = 0x500;
	struct dump *d = open_buf(&b);
	fake_page(140, good);
	assert_int_equal(dump_page_state(d, 140), MEM_PRESENT);
	for (int cached = 0; cached < 2; cached++) {
		assert_int_equal(dump_read(d, 140 * PAGE + 0x480, page, PAGE, &why), 0x480);
		assert_memory_equal(page, good + 0x480, 0x480);
		assert_int_equal(why, MEM_NOT_RAM);
		assert_int_equal(dump_read(d, 140 * PAGE, page, PAGE, &why), 0);
	}
	dump_close(d);
}

/* 40 GiB with a page here and there: ranks across many blocks of the bitmap, most of them empty. */
#define FAR_PFNS 10000000u
static void test_far(void **state)
{
	static const uint64_t pfns[] = {5, 32767, 32768, 262143, 262144, 300000, 4194304, 9999999};
	size_t half = (FAR_PFNS / 8 + PAGE - 1) / PAGE, n = 8;
	struct buf b = {0};
	unsigned char page[PAGE];

	(void)state;
	fake_kdump_head(&b, &(struct fake_kdump){.version = 6}, 2 * half);
	put64(&b, PAGE + 96, FAR_PFNS);
	size_t bits = (2 + half) * PAGE, desc = (2 + 2 * half) * PAGE;
	for (size_t i = 0; i < n; i++) {
		unsigned char byte = 0;
		if (bits + pfns[i] / 8 < b.len)
			byte = (unsigned char)b.p[bits + pfns[i] / 8];
		byte |= (unsigned char)(1 << pfns[i] % 8);
		put_at(&b, bits + pfns[i] / 8, &byte, 1);
	}
	for (size_t i = 0; i < n; i++) {
		memset(page, (int)i + 1, PAGE);
		put64(&b, desc + i * 24, desc + n * 24 + i * PAGE);
		put32(&b, desc + i * 24 + 8, PAGE);
		put64(&b, desc + i * 24 + 16, 0);
	}
	for (size_t i = 0; i < n; i++) {
		memset(page, (int)i + 1, PAGE);
		put_at(&b, desc + n * 24 + i * PAGE, page, PAGE);
	}
	struct dump *d = open_buf(&b);
	uint64_t pfn = 0;
	for (size_t i = 0; i < n; i++, pfn++) {
		pfn = dump_next_page(d, pfn);
		assert_int_equal(pfn, pfns[i]);
	}
	assert_int_equal(dump_next_page(d, pfn), UINT64_MAX);
	for (size_t i = n; i--;) {
		assert_int_equal(dump_read(d, pfns[i] * PAGE + 7, page, 1, NULL), 1);
		assert_int_equal(page[0], i + 1);
		assert_int_equal(dump_page_state(d, pfns[i] + 2), MEM_NOT_RAM);
	}
	dump_close(d);
}

static struct err *read_randomly(void *ctx, size_t thread)
{
	struct dump *d = ctx;
	uint64_t seed = thread + 1;
	unsigned char page[PAGE], good[PAGE];

	for (int i = 0; i < 3000; i++) {
		uint64_t pfn = fake_rand(&seed) % FAKE_PFNS, off = fake_rand(&seed) % PAGE;
		size_t n = PAGE - off;
		if (i % 1000 == 500)
			dump_set_cache(d, thread << 20);
		fake_page(pfn, good);
		if (!fake_in_dump(pfn))
			n = 0;
		if (dump_read(d, pfn * PAGE + off, page, PAGE - off, NULL) != n ||
		    memcmp(page, good + off, n))
			return err_new(ERR_CORRUPT, "page %x", (unsigned)pfn);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct buf b = {0};

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.flags = 0x20, .version = 6});
	struct dump *d = open_buf(&b);
	struct err *e = job_parallel(NULL, 4, 4, read_randomly, d);
	if (e)
		fail_msg("%s", err_text(e));
	dump_close(d);
}

static void test_vmcoreinfo(void **state)
{
	static const char text[] =
		"junk\n=x\nOSRELEASE=6.1\r\nSYMBOL(a)=ffffffff81000000\nSYMBOL(b)=zz\n"
		"NUMBER(n)=-12\nNUMBER(x)=0x10\nNUMBER(bad)=1x\nOFFSET(a.b)=-1\n"
		"SIZE(s)=64\nLENGTH(l)=99999999999999999999\nEMPTY=";
	struct vmcoreinfo *v = vmcoreinfo_create(text, sizeof(text) - 1);
	uint64_t u = 77;
	int64_t s = 77;

	(void)state;
	assert_string_equal(vmcoreinfo_str(v, "OSRELEASE"), "6.1");
	assert_string_equal(vmcoreinfo_str(v, "EMPTY"), "");
	assert_null(vmcoreinfo_str(v, "OSREL"));
	assert_true(vmcoreinfo_symbol(v, "a", &u) && u == 0xffffffff81000000);
	assert_true(vmcoreinfo_number(v, "n", &s) && s == -12);
	assert_true(vmcoreinfo_number(v, "x", &s) && s == 16);
	assert_true(vmcoreinfo_size(v, "s", &u) && u == 64);
	u = 77;
	assert_false(vmcoreinfo_symbol(v, "b", &u) || vmcoreinfo_number(v, "bad", &s) ||
		     vmcoreinfo_offset(v, "a.b", &u) || vmcoreinfo_length(v, "l", &u) ||
		     vmcoreinfo_number(v, "none", &s));
	assert_int_equal(u, 77);
	vmcoreinfo_destroy(v);
	v = vmcoreinfo_create("", 0);
	assert_true(vmcoreinfo_empty(v));
	vmcoreinfo_destroy(v);
}

/* The page at pfn of an ELF dump gets other bytes. */
static void plant(struct buf *b, uint64_t pfn, const char *text)
{
	const Elf64_Phdr *p = (const Elf64_Phdr *)(const void *)(b->p + 128);
	for (size_t i = 2; i < 6; i++)
		if (pfn * PAGE >= p[i].p_paddr && pfn * PAGE < p[i].p_paddr + p[i].p_filesz)
			put_at(b, p[i].p_offset + (pfn * PAGE - p[i].p_paddr), text,
			       strlen(text) + 1);
}

static void test_scan(void **state)
{
	struct buf b = {0}, note = {0};

	(void)state;
	fake_elf(&b, &(struct fake_elf){.no_info = true});
	struct buf copy = {0};
	buf_put(&copy, b.p, b.len);
	struct dump *d = open_buf(&b);
	assert_true(vmcoreinfo_empty(dump_vmcoreinfo(d)) && warned(d, "no vmcoreinfo"));
	dump_close(d);
	plant(&copy, 5, "OSRELEASE=5.10-capture\nPAGESIZE=4096\nSYMBOL(_stext)=0\n");
	plant(&copy, 80, "OSRELEASE=not a whole one\n");
	plant(&copy, 200,
	      "OSRELEASE=4.19-old\nPAGESIZE=4096\nSYMBOL(_stext)=0\nCRASHTIME=1600000000\n");
	plant(&copy, 180, fake_info);
	buf_put(&b, copy.p, copy.len);
	d = open_buf(&b);
	check_notes(d, true);
	assert_true(warned(d, "of several in memory"));
	dump_close(d);
	/* in the form of a note, which can be longer than the page */
	struct buf text = {0};
	buf_put(&text, fake_info, sizeof(fake_info) - 1);
	while (text.len < 6000)
		buf_puts(&text, "SYMBOL(more)=1\n");
	put_note(&note, "VMCOREINFO", 0, text.p, text.len);
	put_at(&copy, copy.len - 3 * PAGE, note.p, note.len);
	d = open_buf(&copy);
	assert_true(warned(d, "of several in memory"));
	assert_int_equal(dump_vmcoreinfo(d) != NULL, 1);
	dump_close(d);
	buf_free(&note);
	buf_free(&text);
}

static void expect_refusal(const char *path, const char *text)
{
	struct dump *d = NULL;
	struct err *e = dump_open(&path, 1, NULL, &d);

	assert_non_null(e);
	assert_null(d);
	if (!strstr(err_text(e), text) || !strstr(err_text(e), path) || strchr(err_text(e), '\n'))
		fail_msg("expected \"%s\" in: %s", text, err_text(e));
	err_free(e);
}

static void expect_elf_refusal(unsigned char class, unsigned char data, uint16_t type,
			       uint16_t machine, const char *text)
{
	Elf64_Ehdr h = {.e_type = type, .e_machine = machine};

	memcpy(h.e_ident, ELFMAG, 4);
	h.e_ident[EI_CLASS] = class;
	h.e_ident[EI_DATA] = data;
	if (data == ELFDATA2MSB) {
		h.e_type = __builtin_bswap16(type);
		h.e_machine = __builtin_bswap16(machine);
	}
	expect_refusal(fake_file("elf", &h, sizeof(h)), text);
}

static void test_refusals(void **state)
{
	struct buf b = {0};
	char path[160];

	(void)state;
	expect_elf_refusal(ELFCLASS32, ELFDATA2LSB, ET_CORE, EM_386, "a 32-bit ELF core (i386)");
	expect_elf_refusal(ELFCLASS64, ELFDATA2MSB, ET_CORE, EM_S390,
			   "a 64-bit big-endian ELF core (s390)");
	expect_elf_refusal(ELFCLASS64, ELFDATA2LSB, ET_EXEC, EM_X86_64, "not a core dump");
	expect_elf_refusal(ELFCLASS64, ELFDATA2LSB, ET_CORE, EM_X86_64, "without any memory");
	fake_kdump_head(&b, &(struct fake_kdump){.version = 6}, 2);
	expect_refusal(fake_file("cut", b.p, 8192), "ends at 8192");
	expect_refusal(fake_file("cut", b.p, 300), "within its header");
	put64(&b, PAGE + 48, 0); /* else the sub-header would tell the truth */
	put32(&b, 428, 0x00100000);
	expect_refusal(fake_file("be", b.p, b.len), "big-endian machine (x86_64)");
	put32(&b, 428, 2);
	put32(&b, 416, PAGE);
	expect_refusal(fake_file("32", b.p, b.len), "32-bit machine (x86_64)");
	put32(&b, 416, 0);
	expect_refusal(fake_file("bad", b.p, b.len), "block size 2");
	buf_free(&b);
	expect_refusal(fake_file("text", "hello, world", 12), "not a kernel crash dump");
	expect_refusal(fake_file("empty", "", 0), "is empty");
	expect_refusal(fake_file("gz", "\x1f\x8b\x08\0", 4), "gunzip");
	expect_refusal(fake_dir, "is a directory");
	expect_refusal("/nonexistent/vmcore", "No such file");
	expect_refusal("/dev/null", "neither a file nor a disk");
	snprintf(path, sizeof(path), "%s/fifo", fake_dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refusal(path, "neither a file nor a disk");
}

/* One wrong number in the headers, or the first block lost: the rest tells what it must have been.
 */
static void test_damaged_head(void **state)
{
	static const struct {
		size_t at;
		uint32_t v;
	} damage[] = {
		{428, 8192},	 {428, 0},	    {428, 0xffffffff},
		{8, 0},		 {8, 0xff000006},   {432, 0},
		{432, 2},	 {432, 0x7fffffff}, {436, 0},
		{436, 3},	 {436, 0x40000002}, {440, 7},
		{PAGE + 96, 9},	 {PAGE + 100, 1},   {0, 0},
		{4, 0x41414141}, {12 + 260, 0},
	};

	(void)state;
	for (size_t i = 0; i <= sizeof(damage) / sizeof(damage[0]); i++) {
		struct buf b = {0};
		static const char nothing[PAGE];
		fake_kdump(&b, &(struct fake_kdump){.flags = 0x20, .version = 6});
		if (i < sizeof(damage) / sizeof(damage[0]))
			put32(&b, damage[i].at, damage[i].v);
		else
			put_at(&b, 0, nothing, PAGE);
		struct dump *d = open_buf(&b);
		check_memory(d, true);
		check_notes(d, true);
		assert_int_equal(dump_info(d)->machine, EM_X86_64);
		dump_close(d);
	}
}

/* A wrong bit shifts the pages behind it. That can't be mended, but it is said. */
static void test_damaged_bitmap(void **state)
{
	struct buf b = {0};

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.flags = 0x20, .version = 6});
	b.p[3 * PAGE + 110 / 8] ^= 1 << 110 % 8;
	struct dump *d = open_buf(&b);
	assert_true(warned(d, "the bitmap names 241 pages, but 240 are described"));
	check_page(d, 99, fake_state(99));
	dump_close(d);
}

static void test_wrong_parts(void **state)
{
	struct buf b = {0};
	struct dump *d;

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.flags = 0x20, .version = 6});
	const char *paths[] = {split_part("a", 0, 77), fake_file("whole", b.p, b.len)};
	buf_free(&b);
	struct err *e = dump_open(paths, 2, NULL, &d);
	assert_non_null(strstr(err_text(e), "not a part of a split dump"));
	err_free(e);
	fake_elf(&b, &(struct fake_elf){0});
	paths[1] = fake_file("elf", b.p, b.len);
	buf_free(&b);
	e = dump_open(paths, 2, NULL, &d);
	assert_non_null(strstr(err_text(e), "different formats"));
	err_free(e);
}

/* A dump of another machine opens: what can be done with it is for others to say. */
static void test_foreign(void **state)
{
	struct buf b = {0};

	(void)state;
	fake_elf(&b, &(struct fake_elf){0});
	((Elf64_Ehdr *)(void *)b.p)->e_machine = EM_AARCH64;
	struct dump *d = open_buf(&b);
	assert_int_equal(dump_info(d)->machine, EM_AARCH64);
	check_memory(d, false);
	dump_close(d);
}

static void expect_kind(const void *head, size_t n, enum file_kind want)
{
	enum file_kind k;
	struct err *e = file_identify(fake_file("kind", head, n), &k);

	assert_null(e);
	assert_int_equal(k, want);
}

static void test_identify(void **state)
{
	Elf64_Ehdr h = {.e_type = ET_CORE};
	enum file_kind k;

	(void)state;
	memcpy(h.e_ident, ELFMAG "\2\1\1", 7);
	expect_kind(&h, sizeof(h), FILE_DUMP);
	h.e_type = ET_REL;
	expect_kind(&h, sizeof(h), FILE_OBJECT);
	h.e_type = ET_EXEC;
	expect_kind(&h, sizeof(h), FILE_OBJECT);
	expect_kind("KDUMP   ....", 12, FILE_DUMP);
	expect_kind("makedumpfile\0\0\0\0", 16, FILE_DUMP);
	expect_kind("\xfd"
		    "7zXZ\0..",
		    8, FILE_OBJECT);
	expect_kind("\x28\xb5\x2f\xfd", 4, FILE_OBJECT);
	expect_kind("text", 4, FILE_UNKNOWN);
	struct err *e = file_identify(fake_dir, &k);
	assert_non_null(e);
	err_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kdump),
		cmocka_unit_test(test_one_bitmap),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_erased),
		cmocka_unit_test(test_flattened),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_elf_incomplete),
		cmocka_unit_test(test_elf_partial_page),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_vmcoreinfo),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_wrong_parts),
		cmocka_unit_test(test_damaged_head),
		cmocka_unit_test(test_damaged_bitmap),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_identify),
	};
	return cmocka_run_group_tests(tests, fake_setup, fake_teardown);
}
