/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files that read kallsyms share: bytes of a dump with holes, tokens, names and addresses.
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
/* Room for a name while it is put together. */
#define KS_NAME_ROOM (KS_NAME_MAX + KS_TOKEN_FAST)
#define KS_LOST UINT32_MAX
#define KS_TABLE_MAX (256u << 20) /* bytes */

/* Letters that begin a name. */
static inline bool ks_is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '?'; /* nm's: in a section of no kind */
}

struct ks_token {
	const char *text; /* readable for KS_TOKEN_FAST bytes */
	uint32_t len;
	bool shown; /* of characters that can be shown */
};

struct ks_tokens {
	struct ks_token v[KS_TOKENS];
	/* What a token adds to its name's hash and length, in one word (kallsymsnames.c); and as the first one, which
	 * begins with the symbol's letter. */
	uint64_t sum[KS_TOKENS], first[KS_TOKENS];
	char text[KS_TOKEN_TEXT + KS_TOKEN_FAST];
	size_t text_len; /* of the 256 strings */
};

/* Ranges of bytes that the dump doesn't have; ascending. */
struct ks_holes {
	struct {
		size_t start, end;
	} *v;
	size_t n, cap;
};

/* A table's bytes, as they come in. */
struct ks_bytes {
	uint8_t *p;
	size_t size;
	struct ks_holes holes;
	/* While they come in: */
	const struct kallsyms_source *src; /* NULL: all is there */
	void *piece;			   /* of src->begin(), still on its way */
	uint64_t addr;
	size_t have;
};

/* Blocks [from, to) of names on their way. */
struct ks_stretch {
	uint32_t from, to;
	void *piece; /* of src->begin(); or NULL */
	size_t have; /* bytes of it that are there */
};

/* Names by number and by hash. */
struct ks_names {
	struct ks_bytes bytes;
	const struct ks_tokens *tokens;
	bool two_bytes;
	uint32_t n;
	uint32_t *at;	       /* n: where each begins in bytes; KS_LOST */
	uint32_t *heads, *next; /* chains of numbers, ascending, by hash; KS_LOST: the end */
	uint32_t mask;	       /* of heads */
	uint32_t lost;	       /* names that no chain has */
	/* While only the blocks [0, low) and from high on have been walked (kallsymsblocks.c): */
	const struct kallsyms_source *src; /* NULL: all have been */
	uint64_t addr;			   /* of the names */
	uint32_t *block;		   /* where each begins in bytes, and the end */
	uint32_t low, high;
	struct ks_stretch next_stretch; /* what is being read ahead */
};

/* n bytes at addr, lost ones as zeroes. An error when there is nothing at all. */
struct err *ks_read(const struct kallsyms_source *src, uint64_t addr, size_t n,
		    struct ks_bytes *ret);
/* The same, but only begins to: ks_need() waits until the first `upto` bytes are there. */
struct err *ks_begin(const struct kallsyms_source *src, uint64_t addr, size_t n,
		     struct ks_bytes *ret);
void ks_need(struct ks_bytes *b, size_t upto);
/* No more than the first `size` bytes are wanted. */
void ks_settle(struct ks_bytes *b, size_t size);
void ks_bytes_free(struct ks_bytes *b);
bool ks_lost(const struct ks_holes *h, uint64_t start, uint64_t end);

struct err *ks_read_tokens(const struct kallsyms_source *src, const struct kallsyms_tables *t,
			   struct ks_tokens *ret);
/* Splits 256 strings; how many bytes they take, 0: there are not 256, or too long. */
size_t ks_split_tokens(const char *p, size_t n, struct ks_tokens *ret);

/* Fills in sum and first. */
void ks_sum_tokens(struct ks_tokens *t);

/* Finds the v->n names in v->bytes, in both ways of counting their tokens. *end: where they end.
 * *marked: the table of markers behind agrees. false: neither way leads through. */
bool ks_walk_names(struct ks_names *v, size_t *end, bool *marked);
/* The same across lost pages, by the markers; false: those can't be found either. */
bool ks_find_names(struct ks_names *v);
/* Fills in heads, next, mask and lost. */
void ks_index_names(struct ks_names *v);
/* As they were before anything was read. */
void ks_names_free(struct ks_names *v);

/* Begins to walk them by stretches: the first ones and the last ones are known then. false: they must be walked all at
 * once. t and src are needed until ks_end_blocks(). */
bool ks_begin_blocks(struct ks_names *v, const struct kallsyms_source *src, const struct kallsyms_tables *t);
/* The next stretch, towards the first ones; not when high is low. false: as above. */
bool ks_more_blocks(struct ks_names *v);
void ks_end_blocks(struct ks_names *v);

/* Of both ways: */
uint32_t ks_blocks(uint32_t n);
uint32_t ks_block_size(uint32_t n, uint32_t b);
uint64_t ks_marker(const uint8_t *p, unsigned width, uint32_t i);
/* Could these n be the markers of names that end at `end`? */
bool ks_plausible_markers(const uint8_t *p, unsigned width, uint32_t n, uint64_t end);
/* Walks up to n names from *at, the first of which is number i; how many there are. Their hashes are kept where the
 * chains will be. */
uint32_t ks_walk(struct ks_names *v, bool two_bytes, uint32_t i, uint32_t n, size_t *at);
/* Empty chains. */
void ks_make_heads(struct ks_names *v);
/* Puts the names [from, to) into them: behind those below `behind`, before all others. false: too many are. */
bool ks_chain(struct ks_names *v, uint32_t from, uint32_t to, uint32_t behind);
/* The first one from *i on with this name (without its letter); *i moves behind it. Whatever the chains hold, they
 * are followed forwards only. */
bool ks_find_name(const struct ks_names *v, const char *name, uint32_t *i, uint32_t *ret);
/* The i-th: its letter and its name, NUL-terminated, into out (KS_NAME_ROOM bytes); its length without the letter;
 * 0: it is lost. */
size_t ks_name(const struct ks_names *v, uint32_t i, char *letter, char *out);
/* The last one. */
bool ks_find_last(const struct ks_names *v, const char *name, uint32_t *ret);
/* Its letter and the two characters behind that; false: lost. */
bool ks_name_begins(const struct ks_names *v, uint32_t i, char out[3]);

enum ks_encoding { KS_ABSOLUTE, KS_BASE_RELATIVE, KS_ABSOLUTE_PERCPU, KS_PLACE_RELATIVE, KS_ENCODINGS };

/* Raw values and what turns them into addresses. */
struct ks_addresses {
	struct ks_bytes raw;
	unsigned width; /* 4 or 8 */
	uint32_t n;
	enum ks_encoding encoding;
	bool has_base;
	uint64_t place, base;  /* where the table is; what offsets count from */
	uint64_t low, high;    /* the lowest and the highest address in the image */
	uint64_t moved;	       /* KS_ABSOLUTE: what all from low_raw on are to be moved by */
	uint64_t low_raw;
};

/* Begins to read n addresses. */
struct err *ks_begin_addresses(const struct kallsyms_source *src, const struct kallsyms_tables *t, uint32_t n,
			       struct ks_addresses *ret);
/* Waits for them, and finds out their encoding by the anchors, which are found in names. */
struct err *ks_finish_addresses(const struct kallsyms_source *src, const struct ks_names *names,
				struct ks_addresses *a);
uint64_t ks_address(const struct ks_addresses *a, uint32_t i);
bool ks_address_lost(const struct ks_addresses *a, uint32_t i);
const char *ks_encoding_name(enum ks_encoding e);

#endif
