/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page at the bottom of an address: whether the dump has it, what its descriptor says, whose it is.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/fs/path.h"
#include "engine/kern/memory/identimpl.h"
#include "engine/kern/memory/page.h"
#include "engine/kern/memory/slab.h"

/* Of a page of the page cache: its inode. */
static uint64_t inode_of(struct session *s, uint64_t mapping)
{
	struct kern_member host = {.names = "host"};
	uint64_t v;

	return kern_members(s, "struct address_space", &host, 1) && err_ok(kern_read(s, mapping, &host, &v))
		       ? v : 0;
}

static void put_owner(struct asking *a, const struct page_info *p, struct ident *id)
{
	struct session *s = a->s;
	struct path_reader r;
	uint64_t inode;

	if (p->anon) {
		buf_printf(&a->text, ", anonymous memory, anon_vma 0x%" PRIx64, p->mapping);
		id->ref = ref_object(intern_str(s->intern, "struct anon_vma"), p->mapping);
	} else if (p->mapping) {
		inode = inode_of(s, p->mapping);
		path_reader_init(&r, s);
		uint64_t dentry = inode ? path_inode_dentry(&r, inode) : 0;
		AUTO_FREE char *path = dentry ? path_of_dentry(&r, dentry) : NULL;
		buf_printf(&a->text, ", page cache of inode 0x%" PRIx64, inode);
		if (path)
			buf_printf(&a->text, " (%s)", path);
		buf_printf(&a->text, ", at byte 0x%" PRIx64, p->index * s->arch->page_size);
		id->ref = inode ? ref_object(intern_str(s->intern, "struct inode"), inode)
				: ref_object(intern_str(s->intern, "struct address_space"), p->mapping);
	}
}

static void put_type(struct asking *a, const struct page_info *p)
{
	struct slab_place slab;
	uint64_t va;

	if (!p->type)
		return;
	if (!strcmp(p->type, "buddy"))
		buf_printf(&a->text, ", free, in a block of %u page%s", 1u << p->order, p->order ? "s" : "");
	else if (!strcmp(p->type, "table"))
		buf_puts(&a->text, ", a page table");
	else if (!strcmp(p->type, "slab") && mem_phys_to_direct(a->s->mem, p->pa, &va) &&
		 slab_at(a->s, va, &slab))
		buf_printf(&a->text, ", slab of %s", slab.cache);
	else
		buf_printf(&a->text, ", %s", p->type);
}

void ident_use(struct asking *a, const struct page_info *p, struct ident *id)
{
	struct session *s = a->s;
	AUTO_BUF struct buf flags = {0};

	page_flags_print(s, p->flags, &flags);
	put_type(a, p);
	put_owner(a, p, id);
	bool buddy = p->type && !strcmp(p->type, "buddy");
	if (!buddy && (p->head != p->page || p->order))
		buf_printf(&a->text, ", in a compound of %u pages whose head is 0x%" PRIx64, 1u << p->order,
			   p->head);
	if (flags.len)
		buf_printf(&a->text, ", flags %s", buf_str(&flags));
	if (p->counted && !buddy) {
		if (!p->refs && !p->mapping && !p->type)
			buf_puts(&a->text, ", in no one's use");
		else
			buf_printf(&a->text, ", refs %" PRId64 ", maps %" PRId64, p->refs,
				   p->maps);
	}
}

struct err *ident_page(struct asking *a)
{
	struct session *s = a->s;
	uint64_t pa = a->ask->addr, page, size = s->arch->page_size;
	enum mem_state state = mem_state_at(s->mem, a->ask->phys ? PHYS : KERNEL, pa, &pa);
	struct page_info info;

	if (state == MEM_UNMAPPED)
		return NULL;
	if (a->ask->phys && a->told)
		return NULL; /* it came first */
	struct ident id = {.kind = IDENT_PAGE, .name = "", .start = pa & ~(size - 1), .size = size,
			   .offset = pa & (size - 1), .state = mem_state_name(state), .cpu = -1, .pid = -1};
	buf_printf(&a->text, "physical 0x%" PRIx64 ", page %s", pa, mem_state_name(state));
	if (state != MEM_NOT_RAM && page_of_phys(s, pa, &page)) {
		id.ref = ref_object(intern_str(s->intern, "struct page"), page);
		struct err *e = page_read(s, page, &info);
		if (!e)
			ident_use(a, &info, &id);
		else
			buf_printf(&a->text, ", its struct page 0x%" PRIx64 " can't be read: %s", page, err_text(e));
		err_free(e);
	}
	return ident_tell(a, &id);
}
