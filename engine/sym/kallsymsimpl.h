/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What reading kallsyms and finding them share: bytes of a dump with holes, tokens, walks.
 */
#ifndef SYM_KALLSYMSIMPL_H
#define SYM_KALLSYMSIMPL_H

#include "engine/sym/kallsyms.h"

#define KS_BLOCK 256u	       /* names between two markers */
#define KS_NAME_MAX 1024u      /* KSYM_NAME_LEN is 512 */
#define KS_SYMS_MAX (4u << 20)
#define KS_TOKENS 256u
#define KS_TOKEN_FAST 16u
#define KS_TOKEN_TEXT 16384u   /* bytes that all tokens may have */

/* Letters that begin a name. */
static inline bool ks_is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

struct ks_token {
	const char *text; /* readable for KS_TOKEN_FAST bytes */
	uint32_t len;
	uint32_t cost; /* its length, or too much for any name: it holds what can't be shown */
};

struct ks_tokens {
	struct ks_token v[KS_TOKENS];
	char text[KS_TOKEN_TEXT + KS_TOKEN_FAST];
};

/* Ranges of bytes that the dump doesn't have; ascending. */
struct ks_holes {
	struct {
		size_t start, end;
	} *v;
	size_t n, cap;
};

/* A table's bytes; of names, how they are to be walked. */
struct ks_names {
	uint8_t *p;
	size_t size;
	struct ks_holes holes;
	const struct ks_tokens *tokens;
	uint32_t *block; /* where every 256th name begins */
	bool two_bytes;
};

/* Reads n bytes, lost ones as zeroes. An error when there is nothing at all. */
struct err *ks_read(const struct kallsyms_source *src, uint64_t addr, size_t n,
		    struct ks_names *ret);
void ks_names_free(struct ks_names *v);
bool ks_lost(const struct ks_holes *h, uint64_t start, uint64_t end);
struct err *ks_read_tokens(const struct kallsyms_source *src, const struct kallsyms_tables *t,
			   struct ks_tokens *ret);
/* Splits 256 strings; how many bytes they take, 0: there are not 256, or too long. */
size_t ks_split_tokens(const char *p, size_t n, struct ks_tokens *ret);
/* Walks n names in both ways of counting them, and fills in block and two_bytes. *marked: the table
 * of markers behind agrees. false: neither way leads through. */
bool ks_walk_names(struct ks_names *v, uint32_t n, bool *marked);

#endif
