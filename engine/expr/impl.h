/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files of this room share: tokens, the tree, conversions.
 *
 * Thread: one at a time, as expr.h has it.
 */
#ifndef EXPR_IMPL_H
#define EXPR_IMPL_H

#include "engine/base/arena.h"
#include "engine/expr/expr.h"

#define TEXT_MAX 4096  /* bytes of an expression */
#define NODES_MAX 1000 /* parts of one: also bounds how deep evaluation recurses */
#define REPEAT_MAX 65536 /* elements of what @ makes an array */
#define DEPTH_MAX 100  /* parentheses in each other */

enum token_kind {
	T_END,
	T_NUMBER,
	T_WORD, /* letters, digits, _ and $ that are no number */
	T_REG,	/* $word: the token is the word */
	T_OP,
};

enum op {
	OP_NONE,
	OP_LPAREN, OP_RPAREN, OP_LBRACKET, OP_RBRACKET, OP_DOT, OP_ARROW, OP_QUESTION, OP_COLON,
	OP_COMMA, OP_AT,
	OP_STAR, OP_SLASH, OP_PERCENT, OP_PLUS, OP_MINUS, OP_SHL, OP_SHR, OP_LT, OP_GT, OP_LE,
	OP_GE, OP_EQ, OP_NE, OP_AND, OP_XOR, OP_OR, OP_ANDAND, OP_OROR,
	OP_NOT, OP_TILDE,
	OP_ASSIGN, /* = and its relatives, ++ and --: not to be had */
};

struct token {
	enum token_kind kind;
	enum op op;
	size_t start, len; /* in the text */
	uint64_t number;
	const char *type;	/* of a number: the C type's name; "char": a character constant */
};

/* The token at *pos of text, which moves behind it. ERR_USAGE with the column. */
struct err *lex(const char *text, size_t *pos, struct token *ret);
/* All of s's n characters as hexadecimal digits. */
bool lex_hex(const char *s, size_t n, uint64_t *ret);
/* "expected X at column 5 of '...'" and the like: what, then where. */
struct err *error_at(const char *text, size_t pos, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

enum node_kind {
	N_VALUE,	/* value: a number, a variable of the frame, an object's place */
	N_SYMBOL,	/* sym, on a CPU if it is per-CPU */
	N_REG,		/* name */
	N_MEMBER,	/* a.name or a->name */
	N_INDEX,	/* a[b] */
	N_UNARY,	/* op a */
	N_CAST,		/* (type)a */
	N_BINARY,	/* a op b */
	N_COND,		/* a ? b : c */
	N_SIZEOF,	/* sizeof a */
	N_PERCPU,	/* per_cpu(a, b) */
	N_PERCPU_PTR,	/* per_cpu_ptr(a, b) */
	N_CONTAINER,	/* container_of(a, type, member): place is the member's */
};

enum cpu_kind {
	CPU_NONE,  /* not per-CPU, or inside of per_cpu() */
	CPU_ONE,   /* cpu */
	CPU_MANY,  /* as the expression's mask says */
};

struct node {
	enum node_kind kind;
	enum op op;
	size_t pos; /* in the text */
	struct node *a, *b, *c;
	const char *name;
	const struct type *type;
	struct sym sym;
	enum cpu_kind cpu_kind;
	unsigned cpu;
	uint64_t offset; /* N_CONTAINER */
	struct expr_value value;
};

struct expr {
	const struct expr_env *env;
	struct arena arena;
	char *text;
	struct node *root;
	bool many;	    /* evaluated for several CPUs */
	uint8_t *cpus;	    /* a bit each; of env->ncpus */
	size_t cpu_at, cpu_len; /* where the text has its list of CPUs, or where one would be */
};

struct parser {
	const struct expr_env *env;
	struct expr *e;
	const char *text;
	size_t pos;	 /* behind the token */
	struct token t;	 /* the next one, not consumed */
	unsigned depth, nodes;
	unsigned conditions; /* `?` whose `:` is still to come */
	unsigned offsets;    /* > 0: per-CPU names are meant without a CPU */
};

/* parse.c */
struct err *parse_expr(struct parser *p, struct node **ret);
struct err *parse_unary(struct parser *p, struct node **ret);
struct err *node_new(struct parser *p, enum node_kind kind, struct node **ret);
struct err *advance(struct parser *p);
struct err *expect(struct parser *p, enum op op, const char *what);
bool at_op(const struct parser *p, enum op op);
bool at_word(const struct parser *p, const char *word);
char *token_text(struct parser *p); /* in the arena */

/* names.c: what a word at the cursor is. */
struct err *parse_name(struct parser *p, struct node **ret);
/* builtin.c: sizeof, offsetof, ...; *ret NULL: it is none of them. Types. */
struct err *parse_builtin(struct parser *p, struct node **ret);
/* The type whose name is the text from the cursor up to one of `ends` outside of brackets. */
struct err *parse_type(struct parser *p, const char *ends, const struct type **ret);
/* Does a type's name begin at the cursor, which is behind a '('? */
bool at_type(struct parser *p);
bool at_type_keyword(const struct parser *p);
/* "struct file.f_path@0x..." */
struct err *parse_object(struct parser *p, struct node **ret);

/* value.c */
struct evaluation {
	const struct expr *e;
	const struct expr_env *env;
	unsigned cpu;
	bool types_only; /* memory reads as zeroes */
};
struct err *base_type(const struct expr_env *env, const char *name, const struct type **ret);
/* One that the text names. */
struct err *named_type(const struct expr_env *env, const char *name, const struct type **ret);
struct err *number_of(const struct expr_env *env, const char *type, uint64_t u,
		      struct expr_value *ret);
/* The value as t has it: truncated and extended. */
uint64_t fit(const struct type *t, uint64_t u);
struct err *load(const struct evaluation *ev, const struct expr_value *v, struct expr_value *ret);
/* load(), then the integer promotions. */
struct err *promote(const struct evaluation *ev, const struct expr_value *v,
		    struct expr_value *ret);
/* Two promoted arithmetic values get one type. */
struct err *common_type(struct expr_value *a, struct expr_value *b);
struct err *convert(const struct evaluation *ev, const struct expr_value *v, const struct type *to,
		    struct expr_value *ret);
bool is_kind(const struct type *t, enum type_kind k);
bool is_integer(const struct type *t);

/* near.c: "; near it: comm" for a member that t doesn't have; nothing when none is like it. */
void near_members(const struct type *t, const char *asked, struct buf *out);

/* arith.c */
struct err *arith(const struct evaluation *ev, const struct node *n, const struct expr_value *a,
		  const struct expr_value *b, struct expr_value *ret);
struct err *pointer_add(const struct expr_value *p, uint64_t n, bool minus,
			struct expr_value *ret);

#endif
