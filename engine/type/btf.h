/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The bytes of a .BTF section: checked, indexed by id and by name as far as somebody has looked, nothing
 * copied. Only this room uses it; everybody else sees types through type.h.
 *
 * Ids count from 1 (0 is void). A module's section is "split": its ids and string offsets go on
 * where its base ends, and both are looked up here across that border.
 *
 * Thread: any once opened.
 *
 * Sources: Linux' Documentation/bpf/btf.rst, include/uapi/linux/btf.h.
 */
#ifndef TYPE_BTF_H
#define TYPE_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/checked.h"
#include "engine/base/err.h"
#include "engine/object/object.h"

enum btf_kind {
	BTF_VOID, BTF_INT, BTF_PTR, BTF_ARRAY, BTF_STRUCT, BTF_UNION, BTF_ENUM, BTF_FWD,
	BTF_TYPEDEF, BTF_VOLATILE, BTF_CONST, BTF_RESTRICT, BTF_FUNC, BTF_FUNC_PROTO, BTF_VAR,
	BTF_DATASEC, BTF_FLOAT, BTF_DECL_TAG, BTF_TYPE_TAG, BTF_ENUM64, BTF_LOC_PARAM,
	BTF_LOC_PROTO, BTF_LOCSEC,
	BTF_KINDS
};

#define BTF_BIT(kind) (1u << (kind))

struct btf;

/* The section's bytes are borrowed and must outlive the btf; base (may be NULL) too. ERR_CORRUPT,
 * ERR_UNSUPPORTED. */
struct err *btf_open(const struct object_section *s, const struct object_coming *how, struct btf *base,
		     struct btf **ret);
void btf_close(struct btf *b);

/* The first id that isn't the base's, and one past the last. */
uint32_t btf_first_id(const struct btf *b);
uint32_t btf_end_id(struct btf *b);
/* The id at which an unknown kind or damage ended the walk; 0: all types are known. */
uint32_t btf_unknown_id(struct btf *b);
/* Does some enum tell that it is signed? Before pahole 1.24 none did. */
bool btf_enums_signed(struct btf *b);

/* One type. extra: what follows the 12-byte record, vlen elements; all of it lies within the
 * section. */
struct btf_type {
	enum btf_kind kind;
	bool kind_flag;
	uint32_t vlen, name;
	uint32_t size; /* or the id of the target */
	const uint8_t *extra;
};
/* false: no such id (0, void, included). */
bool btf_get(struct btf *b, uint32_t id, struct btf_type *ret);
/* A name; "" when there is none, or it is damaged or unreasonable. Lives as long as the data. */
const char *btf_name(struct btf *b, uint32_t offset);
/* The lowest id of this section (not of its base) with this name and one of the kinds; 0: none. */
uint32_t btf_find(struct btf *b, uint32_t kinds, const char *name);
/* The lowest id of an enum that has this enumerator; 0: none. Looks through all enums (1 ms). */
uint32_t btf_find_enumerator(struct btf *b, const char *name);

#endif
