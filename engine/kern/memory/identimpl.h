/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files that identify an address share: one question that is being asked. Thread: the asker's.
 */
#ifndef KERN_IDENTIMPL_H
#define KERN_IDENTIMPL_H

#include "engine/kern/impl.h"
#include "engine/kern/memory/identify.h"

struct asking {
	struct session *s;
	const struct ident_ask *ask;
	uint64_t va;
	struct err *(*fn)(void *ctx, const struct ident *id, bool *more);
	void *ctx;
	bool more;	/* fn wants more answers */
	bool final;	/* nothing more telling is to come: only regions and pages are left */
	bool told;	/* something was said */
	struct buf text; /* of the answer that is being made */
};

/* Gives the answer with a->text as its text. */
struct err *ident_tell(struct asking *a, struct ident *id);
/* "+0x40", nothing for 0. */
void ident_offset(struct buf *out, uint64_t offset);
/* ", in .d_name.len" when the type has a member there; nothing for where it begins, or for NULL: no type is known. */
void ident_member(struct asking *a, const struct type *t, uint64_t offset);

/* identobject.c */
struct err *ident_task_or_stack(struct asking *a);
struct err *ident_slab(struct asking *a);
/* identplace.c */
/* "text", "read-only data" ...: the part of the image; NULL: va is in none. */
const char *ident_section(struct session *s, uint64_t va);
/* Is it in a string of the kernel's constants? Then a->text begins with it. */
bool ident_string(struct asking *a);
struct err *ident_percpu(struct asking *a);
struct err *ident_cpu_stack(struct asking *a);
struct err *ident_descriptor(struct asking *a);
struct err *ident_vmalloc(struct asking *a);
struct err *ident_module(struct asking *a);
struct err *ident_region(struct asking *a);
/* identpage.c */
struct page_info;
/* ", slab of dentry, flags ...": what a page is used for, as its descriptor says. id->ref becomes its owner. */
void ident_use(struct asking *a, const struct page_info *p, struct ident *id);
struct err *ident_page(struct asking *a);
/* identframe.c */
struct err *ident_frame(struct asking *a, const struct task *t);
/* identuser.c */
struct err *ident_user(struct asking *a);

#endif
