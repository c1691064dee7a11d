/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves on every dump of the lab ($VMBROWSE_LAB) that the kernel is found, and found in the same
 * place by each kind of evidence that the dump carries when the others are hidden (so CR3 gives
 * what vmcoreinfo says); and that linux_banner, init_task's name and the direct map read right
 * through the address spaces. Skipped where there is no lab.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/dump/vmcoreinfo.h"
#include "engine/mem/mem.h"

/* The few symbols that matter here, straight from .symtab. */
struct sym {
	const char *name;
	uint64_t addr, size;
};

struct vmlinux {
	struct sym syms[9];
};

static const struct vmlinux wanted = {{
	{"_text", 0, 0},
	{"_stext", 0, 0},
	{"_end", 0, 0},
	{"linux_banner", 0, 0},
	{"init_task", 0, 0},
	{"swapper_pg_dir", 0, 0},
	{"init_top_pgt", 0, 0},
	{"page_offset_base", 0, 0},
	{"vmalloc_base", 0, 0},
}};
#define NSYMS (sizeof(wanted.syms) / sizeof(wanted.syms[0]))

static void take_symbols(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, struct vmlinux *v)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Sym sym;

	for (int i = 0; gelf_getsym(data, i, &sym); i++) {
		const char *name = elf_strptr(elf, sh->sh_link, sym.st_name);
		for (size_t k = 0; name && k < NSYMS; k++)
			if (strcmp(name, v->syms[k].name) == 0) {
				v->syms[k].addr = sym.st_value;
				v->syms[k].size = sym.st_size;
			}
	}
}

static bool load_vmlinux(const char *path, struct vmlinux *v)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*v = wanted;
	if (fd < 0)
		return false;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		GElf_Shdr sh;
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_SYMTAB)
			take_symbols(elf, scn, &sh, v);
	}
	elf_end(elf);
	close(fd);
	return true;
}

static bool symbol(void *ctx, const char *name, uint64_t *ret)
{
	const struct vmlinux *v = ctx;

	for (size_t k = 0; k < NSYMS; k++)
		if (strcmp(name, v->syms[k].name) == 0 && v->syms[k].addr) {
			*ret = v->syms[k].addr;
			return true;
		}
	return false;
}

/* An arch_env of the dump that shows one kind of evidence only. */
struct only {
	struct dump *d;
	struct vmlinux *v;
	const char *evidence;
};

static bool shows(const struct only *o, const char *evidence)
{
	return strcmp(o->evidence, evidence) == 0;
}

static struct err *only_read(void *ctx, uint64_t pa, void *buf, size_t n)
{
	const struct only *o = ctx;
	enum mem_state why = MEM_LOST;
	size_t got = dump_read(o->d, pa, buf, n, &why);

	return got == n ? NULL : err_fault(why, pa + got);
}

static bool only_symbol(void *ctx, const char *name, uint64_t *ret)
{
	return symbol(((struct only *)ctx)->v, name, ret);
}

static bool only_info(void *ctx, const char *key, const char **ret)
{
	const struct only *o = ctx;

	return shows(o, "vmcoreinfo") && (*ret = vmcoreinfo_str(dump_vmcoreinfo(o->d), key));
}

static bool only_note(void *ctx, size_t i, const char **name, uint32_t *type, const void **desc,
		      size_t *size)
{
	const struct only *o = ctx;
	struct dump_note n;

	if (!shows(o, "cr3") || !dump_note(o->d, i, &n))
		return false;
	*name = n.name;
	*type = n.type;
	*desc = n.desc;
	*size = n.desc_size;
	return true;
}

static bool only_segment(void *ctx, size_t i, uint64_t *pa, uint64_t *va, uint64_t *size)
{
	const struct only *o = ctx;
	struct dump_segment s;

	if (!shows(o, "segments") || !dump_segment(o->d, i, &s))
		return false;
	*pa = s.pa;
	*va = s.va;
	*size = s.size;
	return true;
}

static struct arch_layout layout_by(struct dump *d, struct vmlinux *v, const char *evidence)
{
	const struct dump_info *info = dump_info(d);
	struct only o = {d, v, evidence};
	struct arch_env env = {
		.ctx = &o,
		.read_phys = only_read,
		.symbol = only_symbol,
		.vmcoreinfo = only_info,
		.note = only_note,
		.segment = only_segment,
		.max_pa = info->max_pfn * info->page_size,
	};
	struct arch_layout l;

	arch_x86_64.layout(&env, &l);
	return l;
}

/* All evidence tells the same; how many kinds there were. */
static int check_evidence(struct dump *d, struct vmlinux *v, const struct arch_layout *want)
{
	static const char *const kinds[] = {"vmcoreinfo", "cr3", "segments", "scan"};
	int found = 0;

	for (size_t i = 0; i < 4; i++) {
		struct arch_layout l = layout_by(d, v, kinds[i]);
		if (strcmp(l.evidence, kinds[i]) != 0)
			continue;
		printf(" %s", kinds[i]);
		found++;
		assert_true(l.exact);
		assert_int_equal(l.kernel_offset, want->kernel_offset);
		assert_int_equal(l.phys_base, want->phys_base);
		assert_int_equal(l.levels, want->levels);
		assert_int_equal(l.direct_va, want->direct_va);
	}
	return found;
}

/* A string of init_task's comm somewhere in the struct: types aren't this test's matter. */
static void check_init_task(struct mem *m, struct vmlinux *v)
{
	const struct sym *task = &v->syms[4];
	uint64_t va = task->addr + mem_layout(m)->kernel_offset;
	size_t n = task->size ? task->size : 4096;
	char *image = xcalloc(1, n);

	assert_null(mem_read(m, KERNEL, va, image, n));
	assert_non_null(memmem(image, n, "swapper/0", 10));
	free(image);
}

/* The banner through the image's mapping, and through the direct map. */
static void check_banner(struct mem *m, struct vmlinux *v)
{
	uint64_t va = 0, pa, alias;
	char text[64], again[64];
	struct arch_xlat x;

	assert_true(symbol(v, "linux_banner", &va));
	va += mem_layout(m)->kernel_offset;
	assert_null(mem_str(m, KERNEL, va, text, sizeof(text)));
	assert_memory_equal(text, "Linux version ", 14);
	assert_true(mem_readable(mem_state_at(m, KERNEL, va, &pa)));
	assert_null(mem_vtop(m, KERNEL, va, &x));
	assert_int_equal(x.pa, pa);
	assert_true(mem_phys_to_direct(m, pa, &alias));
	assert_null(mem_str(m, KERNEL, alias, again, sizeof(again)));
	assert_string_equal(text, again);
	assert_null(mem_str(m, PHYS, pa, again, sizeof(again)));
	assert_string_equal(text, again);
}

/* The kernel's own variables for what we found by the page tables. */
static void check_direct(struct mem *m, struct vmlinux *v)
{
	uint64_t at, base;

	if (!symbol(v, "page_offset_base", &at))
		return;
	assert_null(mem_u64(m, KERNEL, at + mem_layout(m)->kernel_offset, &base));
	assert_int_equal(base, mem_layout(m)->direct_va);
	/* vmalloc space begins with a hole, and the linear maps don't fill it. */
	assert_true(symbol(v, "vmalloc_base", &at));
	assert_null(mem_u64(m, KERNEL, at + mem_layout(m)->kernel_offset, &base));
	assert_int_equal(mem_state_at(m, KERNEL, base - 1, NULL), MEM_UNMAPPED);
}

/* A dump that lost pages: the kernel is where it was, and what's missing says so. */
static void check_partial(struct mem *m, struct vmlinux *v)
{
	uint64_t va = 0;
	char text[64];
	enum mem_state why = MEM_PRESENT;

	/* An ELF file that was cut has nothing but the image, its first segment. */
	if (strcmp(dump_info(mem_dump(m))->format, "ELF") != 0)
		assert_true(mem_layout(m)->direct_size > 0);
	assert_true(symbol(v, "linux_banner", &va));
	if (mem_read_some(m, KERNEL, va + mem_layout(m)->kernel_offset, text, 14, &why) == 14)
		assert_memory_equal(text, "Linux version ", 14);
	else
		assert_int_equal(why, MEM_LOST);
}

static bool check_dump(const char *const *paths, size_t n, struct vmlinux *v)
{
	bool partial = strstr(paths[0], "incomplete");
	struct dump *d;
	struct err *e = dump_open(paths, n, NULL, &d);

	if (e) {
		/* The reader's own tests say whether it should have opened. */
		printf("  %s: %s\n", paths[0], err_text(e));
		err_free(e);
		return false;
	}
	struct mem *m = mem_create(d, &arch_x86_64, symbol, v);
	const struct arch_layout *l = mem_layout(m);
	printf("  %s: %s offset %llx phys_base %llx direct %llx levels %u;", paths[0], l->evidence,
	       (unsigned long long)l->kernel_offset, (unsigned long long)l->phys_base,
	       (unsigned long long)l->direct_va, l->levels);
	assert_true(l->exact);
	if (partial) {
		check_partial(m, v);
	} else {
		check_banner(m, v);
		check_init_task(m, v);
		check_direct(m, v);
		assert_true(check_evidence(d, v, l) > 0);
	}
	printf("\n");
	mem_destroy(m);
	dump_close(d);
	return true;
}

/* The parts of a split dump, all at once; found by the first. */
static size_t check_split(const char *first, struct vmlinux *v)
{
	AUTO_FREE char *pattern = xstrdup(first);
	glob_t g;
	size_t n = 0;

	pattern[strlen(pattern) - 1] = '?';
	if (glob(pattern, 0, NULL, &g) == 0) {
		n = check_dump((const char *const *)g.gl_pathv, g.gl_pathc, v);
		globfree(&g);
	}
	return n;
}

static size_t check_kernel(const char *lab, const char *name)
{
	char path[1024];
	struct vmlinux v;
	glob_t g;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/kernels/%s/vmlinux", lab, name);
	if (!load_vmlinux(path, &v))
		return 0;
	snprintf(path, sizeof(path), "%s/dumps/%s/*/vmcore.*", lab, name);
	if (glob(path, 0, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *file = g.gl_pathv[i];
		if (strstr(file, "vmcore.split.1"))
			n += check_split(file, &v);
		else if (!strstr(file, "vmcore.split"))
			n += check_dump(&file, 1, &v);
	}
	globfree(&g);
	return n;
}

static void test_lab(void **state)
{
	const char *lab = getenv("VMBROWSE_LAB");
	char path[1024];
	glob_t g;
	size_t n = 0;

	(void)state;
	if (!lab)
		skip();
	snprintf(path, sizeof(path), "%s/kernels/*", lab);
	if (glob(path, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			n += check_kernel(lab, strrchr(g.gl_pathv[i], '/') + 1);
		globfree(&g);
	}
	if (!n)
		skip();
	printf("  %zu dumps\n", n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lab)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
