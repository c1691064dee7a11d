/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole dump files: kdump-compressed, ELF, flattened; their headers, bitmaps, descriptors, notes and
 * vmcoreinfo. Seeds are small dumps that hold everything, and the beginnings of the lab's real ones.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/dump_fake.h"

#define BEGINNING (96u << 10)

static void add_fakes(struct corpus *c)
{
	static const struct fake_kdump kdumps[] = {
		{.flags = 0x2, .version = 6},
		{.flags = 0x20, .version = 6, .split = true, .start = 0, .end = 150},
		{.flags = 0x1, .version = 3, .one_bitmap = true},
		{.flags = 0x4, .version = 6, .no_info = true, .lost_from = 200},
	};
	static const struct fake_elf elfs[] = {{0}, {.xnum = true}, {.no_info = true, .incomplete = true}};

	for (size_t i = 0; i < sizeof(kdumps) / sizeof(kdumps[0]); i++) {
		struct buf b = {0}, flat = {0};
		fake_kdump(&b, &kdumps[i]);
		corpus_add(c, b.p, b.len);
		fake_flatten(&flat, &b, i);
		corpus_add(c, flat.p, flat.len);
		buf_free(&b);
		buf_free(&flat);
	}
	for (size_t i = 0; i < sizeof(elfs) / sizeof(elfs[0]); i++) {
		struct buf b = {0};
		fake_elf(&b, &elfs[i]);
		corpus_add(c, b.p, b.len);
		buf_free(&b);
	}
}

static bool begin(struct corpus *c)
{
	static const char *const formats[] = {"lzo", "zstd", "flat", "elf", "raw", "split.1"};

	if (lzo_init() != LZO_E_OK)
		return false;
	add_fakes(c);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		AUTO_FREE char *path = lab_dump("6.1", "fsfreeze", formats[i]);
		size_t n;
		uint8_t *p = read_file(path, BEGINNING, &n);
		if (p)
			corpus_add(c, p, n);
		free(p);
	}
	return true;
}

static void look_at(struct dump *d)
{
	const struct dump_info *info = dump_info(d);
	struct dump_segment seg;
	struct dump_note note;
	uint8_t page[4096 * 2];
	uint64_t pfn = 0;
	unsigned n = 0;

	for (size_t i = 0; i < 64 && dump_note(d, i, &note); i++)
		n += (unsigned)strlen(note.name) + (note.desc_size ? *(const uint8_t *)note.desc : 0);
	for (size_t i = 0; i < 64 && dump_segment(d, i, &seg); i++)
		n += (unsigned)seg.size;
	for (size_t i = 0; dump_warning(d, i); i++)
		n += (unsigned)strlen(dump_warning(d, i));
	n += (unsigned)strlen(vmcoreinfo_text(dump_vmcoreinfo(d)));
	for (unsigned i = 0; i < 300 && (pfn = dump_next_page(d, pfn)) != UINT64_MAX; i++, pfn++) {
		n += dump_page_state(d, pfn);
		dump_read(d, pfn * info->page_size + i, page, sizeof(page), NULL);
	}
	for (unsigned i = 0; i < 64; i++)
		n += dump_page_state(d, info->max_pfn / 64 * i) + dump_page_state(d, i);
	n += dump_page_state(d, UINT64_MAX) + dump_page_state(d, info->max_pfn);
	dump_read(d, UINT64_MAX - 100, page, sizeof(page), NULL);
	*(volatile unsigned *)&n = n;
}

static void one(const uint8_t *p, size_t n)
{
	char path[FUZZ_PATH];
	const char *const paths[] = {path};
	int fd = memory_file(p, n, path);
	struct job *job = limited_job();
	struct dump *d;

	limit_work(20000);
	struct err *e = dump_open(paths, 1, job, &d);
	if (!e) {
		look_at(d);
		dump_close(d);
	} else {
		err_free(file_refuse(path));
	}
	err_free(e);
	job_unref(job);
	close(fd);
}

const struct fuzz_target fuzz_dump = {
	.name = "dump",
	.what = "dump files of every format",
	.inputs = 250,
	.begin = begin,
	.one = one,
};
