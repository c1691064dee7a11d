/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this vmlinux of the build that wrote the dump? Asked in the order of trust:
 *   1. the build-id of vmcoreinfo equals vmlinux';
 *   2. the build-id note that lies in memory where vmlinux says its notes begin;
 *   3. the banner in memory where vmlinux says it is, byte for byte (it holds the build's date);
 *   4. the release.
 * A vmcoreinfo build-id that differs proves nothing: several stable kernels (6.1.113 to 6.1.118,
 * 6.6.55 to 6.6.62 and others) wrote garbage there. Memory that can't be read proves nothing
 * either.
 *
 * Sources: Linux' kernel/vmcore_info.c, include/linux/buildid.h, init/version.c.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/base/checked.h"
#include "engine/kern/impl.h"

#define NOTES_MAX 4096
#define BANNER_MAX 512
#define BUILD_ID_MAX 64

static bool search_symtab(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, const char *name,
			  uint64_t *ret)
{
	Elf_Data *syms = elf_getdata(scn, NULL);
	Elf_Data *strs = elf_getdata(elf_getscn(elf, sh->sh_link), NULL);
	size_t len = strlen(name) + 1;

	if (!syms || !strs || !syms->d_buf || !strs->d_buf)
		return false;
	const Elf64_Sym *v = syms->d_buf;
	for (size_t i = 0; i < syms->d_size / sizeof(*v); i++)
		if (v[i].st_shndx != SHN_UNDEF && range_ok(v[i].st_name, len, strs->d_size) &&
		    !memcmp((const char *)strs->d_buf + v[i].st_name, name, len)) {
			*ret = v[i].st_value;
			return true;
		}
	return false;
}

bool identity_symbol(struct object *o, const char *name, uint64_t *ret)
{
	bool found = false;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	object_lock(o);
	Elf *elf = object_elf(o);
	while (elf && !found && (scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_SYMTAB)
			found = search_symtab(elf, scn, &sh, name, ret);
	object_unlock(o);
	return found;
}

struct build_id {
	uint8_t v[BUILD_ID_MAX];
	size_t n;
};

static bool same_id(const struct build_id *a, const struct build_id *b)
{
	return a->n && a->n == b->n && !memcmp(a->v, b->v, a->n);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c | 0x20) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* Hexadecimal text, as vmcoreinfo has it; empty when it isn't that. */
static struct build_id parse_id(const char *s)
{
	struct build_id id = {.n = 0};

	for (; s && s[0] && id.n < BUILD_ID_MAX; s += 2) {
		int hi = hex_digit(s[0]), lo = hi < 0 ? -1 : hex_digit(s[1]);
		if (lo < 0)
			return (struct build_id){.n = 0};
		id.v[id.n++] = (uint8_t)(hi << 4 | lo);
	}
	return id;
}

size_t identity_told(struct session *s, uint8_t *ret, size_t max)
{
	struct build_id id = parse_id(vmcoreinfo_str(s->vmcoreinfo, "BUILD-ID"));
	size_t n = id.n < max ? id.n : max;

	memcpy(ret, id.v, n);
	return n;
}

/* The GNU build-id note among n bytes of notes. */
static struct build_id find_id_note(const uint8_t *p, size_t n)
{
	struct build_id id = {.n = 0};

	for (size_t at = 0; range_ok(at, 12, n);) {
		uint64_t name = load_u32(p + at), desc = load_u32(p + at + 4);
		uint64_t desc_at = at + 12 + ((name + 3) & ~UINT64_C(3));
		if (!range_ok(desc_at, desc, n))
			break;
		if (load_u32(p + at + 8) == NT_GNU_BUILD_ID && name == 4 &&
		    !memcmp(p + at + 12, "GNU", 4) && desc <= BUILD_ID_MAX) {
			memcpy(id.v, p + desc_at, desc);
			id.n = desc;
			break;
		}
		at = desc_at + ((desc + 3) & ~UINT64_C(3));
	}
	return id;
}

size_t identity_of_dump(struct session *s, uint8_t *ret, size_t max)
{
	struct sym start, stop;
	uint8_t notes[NOTES_MAX];
	struct build_id id = {.n = 0};

	if (sym_find(s->symtab, "__start_notes", &start) && sym_find(s->symtab, "__stop_notes", &stop) &&
	    start.addr < stop.addr) {
		size_t n = stop.addr - start.addr < NOTES_MAX ? stop.addr - start.addr : NOTES_MAX;
		id = find_id_note(notes, mem_read_some(s->mem, KERNEL, start.addr, notes, n, NULL));
	}
	if (!id.n || id.n > max)
		return identity_told(s, ret, max);
	memcpy(ret, id.v, id.n);
	return id.n;
}

static struct build_id object_id(struct object *o)
{
	struct build_id id;
	const uint8_t *p;

	id.n = object_build_id(o, &p);
	id.n = id.n < BUILD_ID_MAX ? id.n : BUILD_ID_MAX;
	if (id.n)
		memcpy(id.v, p, id.n);
	return id;
}

/* The build-id in the kernel's own memory, if this vmlinux' address for its notes leads to one. */
static struct build_id memory_id(struct session *s, struct object *o)
{
	uint64_t start, stop, offset = mem_layout(s->mem)->kernel_offset;
	uint8_t notes[NOTES_MAX];

	if (!identity_symbol(o, "__start_notes", &start) ||
	    !identity_symbol(o, "__stop_notes", &stop) || stop <= start)
		return (struct build_id){.n = 0};
	size_t n = stop - start < NOTES_MAX ? stop - start : NOTES_MAX;
	n = mem_read_some(s->mem, KERNEL, start + offset, notes, n, NULL);
	return find_id_note(notes, n);
}

/* The banner out of vmlinux; false when it can't be found there. */
static bool object_banner(struct object *o, uint64_t addr, char *buf, size_t cap)
{
	static const char *const places[] = {".rodata", ".text", ".data"};
	struct object_section sec;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!object_section(o, places[i], &sec) || addr < sec.addr ||
		    addr - sec.addr >= sec.size)
			continue;
		size_t n = sec.size - (addr - sec.addr);
		snprintf(buf, cap, "%.*s", n < cap ? (int)n : (int)cap - 1,
			 (const char *)sec.data + (addr - sec.addr));
		return !strncmp(buf, "Linux version ", 14);
	}
	return false;
}

enum verdict { DIFFERENT, UNKNOWN, SAME };

static enum verdict compare_banner(struct session *s, struct object *o, char *in_memory, size_t cap)
{
	char own[BANNER_MAX];
	uint64_t addr;

	in_memory[0] = 0;
	if (!identity_symbol(o, "linux_banner", &addr) ||
	    !object_banner(o, addr, own, sizeof(own)) ||
	    !err_ok(mem_str(s->mem, KERNEL, addr + mem_layout(s->mem)->kernel_offset, in_memory,
			    cap)))
		return UNKNOWN;
	if (!strcmp(own, in_memory))
		return SAME;
	if (!strncmp(in_memory, "Linux version ", 14))
		return DIFFERENT;
	in_memory[0] = 0;
	return UNKNOWN;
}

static const char *dump_release(struct session *s)
{
	const char *r = vmcoreinfo_str(s->vmcoreinfo, "OSRELEASE");

	return r ? r : dump_info(s->dump)->release;
}

static void put_id(struct buf *b, const struct build_id *id)
{
	if (id->n)
		buf_puts(b, ", build-id ");
	for (size_t i = 0; i < id->n; i++)
		buf_printf(b, "%02x", id->v[i]);
}

static char *both(struct session *s, struct object *o, const struct build_id *dump_id,
		  const struct build_id *own)
{
	const char *release = dump_release(s);
	struct buf b = {0};

	buf_puts(&b, "dump: ");
	buf_put_safe(&b, release[0] ? release : "release unknown",
		     strlen(release[0] ? release : "release unknown"));
	put_id(&b, dump_id);
	buf_puts(&b, "; vmlinux: ");
	buf_puts(&b, object_release(o)[0] ? object_release(o) : "release unknown");
	put_id(&b, own);
	return buf_steal(&b);
}

/* Neither build-id nor banner decided: by the release, with a word of doubt. */
static bool by_release(struct session *s, struct object *o, const struct build_id *dump_id,
		       const struct build_id *own, char **why)
{
	const char *a = dump_release(s), *b = object_release(o);
	bool ids_differ = dump_id->n && own->n; /* equal ones never come here */

	*why = both(s, o, dump_id, own);
	if (ids_differ || (a[0] && b[0] && strcmp(a, b)))
		return false;
	char *doubt = xasprintf("it can't be verified that vmlinux is this dump's (%s): it is used "
				"as if it were",
				*why);
	free(*why);
	*why = doubt;
	return true;
}

bool identity_matches(struct session *s, struct object *o, char **why)
{
	struct build_id own = object_id(o);
	struct build_id told = parse_id(vmcoreinfo_str(s->vmcoreinfo, "BUILD-ID"));
	char banner[BANNER_MAX];

	if (same_id(&told, &own))
		return true;
	struct build_id found = memory_id(s, o);
	if (same_id(&found, &own))
		return true;
	enum verdict v = compare_banner(s, o, banner, sizeof(banner));
	if (v == SAME && !found.n)
		return true;
	if (found.n || v == DIFFERENT) {
		*why = both(s, o, found.n ? &found : &told, &own);
		return false;
	}
	return by_release(s, o, &told, &own, why);
}
