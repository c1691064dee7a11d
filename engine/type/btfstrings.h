/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Where a string lies in the string table of a BTF section. BTF has each string once, so whoever looks for a type by
 * name looks for the string's offset first, and then compares numbers. The table is indexed as far as somebody had to
 * look: strings stand in the order of their first use, and what everybody asks for is used first.
 *
 * Thread: one at a time.
 *
 * Source: Linux' Documentation/bpf/btf.rst (BTF String Encoding).
 */
#ifndef TYPE_BTFSTRINGS_H
#define TYPE_BTFSTRINGS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/err.h"

struct btf_strings {
	const char *text; /* borrowed; ends in NUL */
	uint32_t len, at; /* bytes of it; as far as it is indexed */
	uint32_t seen;	  /* bytes from there on that are known to be of one string */
	uint32_t *head, mask; /* index into entry + 1; once it is sealed: into sealed, where each chain begins */
	struct btf_string {
		uint32_t offset, next;
	} *entry;
	uint32_t n, room;
	uint32_t *sealed; /* offsets, chain by chain; NULL: entry has them */
};

struct err *btf_strings_init(struct btf_strings *t, const char *text, uint32_t len);
void btf_strings_done(struct btf_strings *t);

/* Indexes the strings that end within the first `have` bytes: those are there. */
void btf_strings_index(struct btf_strings *t, uint32_t have);
/* One that begins in the middle of another, as a compact table may have it. */
void btf_strings_add(struct btf_strings *t, uint32_t offset);
/* Nothing will be added: takes half the memory from now on. */
void btf_strings_seal(struct btf_strings *t);
/* The next offset of this string among what is indexed, the newest first; *e: 0 at the start. false: there is none. When
 * it is sealed meanwhile some may be missed or told again. */
bool btf_strings_next(const struct btf_strings *t, const char *s, uint32_t *e, uint32_t *offset);

#endif
