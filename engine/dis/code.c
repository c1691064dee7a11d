/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of code, page by page: the dump's, else the file's. Two kinds of bytes are taken from the
 * file although the dump has that memory: init text, which is freed after the boot and used for
 * other things, and instructions that a breakpoint (kprobes, text patching) was put over, as nobody
 * could tell the instruction's length from 0xcc.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dis/impl.h"

#define MAX_CODE (UINT64_C(4) << 20) /* bytes; the longest function of 7.2 is 70 KB */
#define INT3 0xcc

/* The executable section's bytes at a link-time address. Under object_lock(). */
static bool section_bytes(Elf *elf, uint64_t addr, void *buf, size_t n)
{
	Elf_Scn *scn = NULL;
	GElf_Ehdr eh;
	GElf_Shdr sh;

	/* A module's file isn't relocated: its calls go nowhere. */
	if (!elf || !gelf_getehdr(elf, &eh) || eh.e_type == ET_REL)
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &sh) || !(sh.sh_flags & SHF_EXECINSTR) ||
		    sh.sh_type == SHT_NOBITS || addr < sh.sh_addr ||
		    !range_ok(addr - sh.sh_addr, n, sh.sh_size))
			continue;
		Elf_Data *d = elf_rawdata(scn, NULL);
		if (!d || !d->d_buf || !range_ok(addr - sh.sh_addr, n, d->d_size))
			return false;
		memcpy(buf, (const char *)d->d_buf + (addr - sh.sh_addr), n);
		return true;
	}
	return false;
}

bool file_text(struct object *o, uint64_t addr, void *buf, size_t n)
{
	bool ok;

	if (!o || !object_path(o)[0])
		return false;
	object_lock(o);
	ok = section_bytes(object_elf(o), addr - object_bias(o), buf, n);
	object_unlock(o);
	return ok;
}

static struct object *owner(struct dis *d, uint64_t addr)
{
	struct sym s;
	uint64_t off;

	return d->symtab && sym_func_at(d->symtab, addr, &s, &off) ? s.object : NULL;
}

/* What is given back after the boot (init and exit code of vmlinux), by the markers around it. */
static bool is_init(struct dis *d, uint64_t addr)
{
	struct sym lo, hi;

	return d->symtab && sym_find(d->symtab, "__init_begin", &lo) &&
	       sym_find(d->symtab, "__init_end", &hi) && addr >= lo.addr && addr < hi.addr;
}

/* One page's part of the range; false: neither the dump nor a file has it. */
static bool read_part(struct dis *d, struct code *c, uint64_t at, size_t n, bool *from_file)
{
	uint8_t *to = c->bytes + (at - c->start);

	*from_file = false;
	if (c->init && file_text(owner(d, at), at, to, n)) {
		*from_file = true;
		return true;
	}
	if (mem_read_some(d->mem, KERNEL, at, to, n, &c->why) == n)
		return true;
	*from_file = file_text(owner(d, at), at, to, n);
	return *from_file;
}

struct err *code_read(struct dis *d, uint64_t start, uint64_t end, struct code *ret)
{
	uint64_t first = start / CODE_PAGE;

	*ret = (struct code){.start = start};
	if (end <= start || end - start > MAX_CODE)
		return err_new(ERR_USAGE, "0x%llx to 0x%llx is no range of code",
			       (unsigned long long)start, (unsigned long long)end);
	ret->init = is_init(d, start);
	ret->bytes = xmalloc((size_t)(end - start));
	ret->from_file = xcalloc((size_t)((end - 1) / CODE_PAGE - first + 1), 1);
	for (uint64_t at = start, next; at < end; at = next) {
		bool from_file;

		next = (at / CODE_PAGE + 1) * CODE_PAGE;
		next = next > end ? end : next;
		if (!read_part(d, ret, at, (size_t)(next - at), &from_file))
			break;
		ret->from_file[at / CODE_PAGE - first] = from_file;
		ret->any_file |= from_file;
		ret->n = (size_t)(next - start);
	}
	if (ret->n)
		return NULL;
	code_free(ret);
	return err_fault(ret->why, start);
}

void code_free(struct code *c)
{
	free(c->bytes);
	free(c->from_file);
	c->bytes = c->from_file = NULL;
	c->n = 0;
}

bool code_from_file(const struct code *c, uint64_t pc)
{
	return pc >= c->start && pc - c->start < c->n &&
	       c->from_file[pc / CODE_PAGE - c->start / CODE_PAGE];
}
