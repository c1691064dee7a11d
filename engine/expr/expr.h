/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * C expressions over a dump: symbols, members, pointers, arrays, casts, arithmetic, sizeof,
 * container_of, offsetof, per-CPU variables, enumerators, and the variables and registers of a
 * frame. C's own rules hold for precedence, promotion, signedness and pointer arithmetic; besides:
 *
 *   runqueues:1, runqueues:a, runqueues:0-1    a per-CPU variable on one CPU, all, some
 *   per_cpu(var, cpu), per_cpu_ptr(ptr, cpu)   as the kernel writes them
 *   task:0x..., mem:0x..., sym:NAME            refs (engine/model/ref.h)
 *   struct file@0x..., struct file.f_path@0x.. the same
 *   init_task.comm[2]@4                        4 of them in a row, as gdb has it
 *   $rdi                                       a register of the frame
 *   ffff888003c2a000                           hexadecimal without 0x, where no name has these letters
 *   64k, 2M, 1G                                sizes
 *
 * `.` and `->` may stand for each other. Nothing can be assigned or called: a dump doesn't run.
 *
 * An expression is parsed once and can then be evaluated for several CPUs. Text and types are not
 * trusted: length, nesting and number of parts are bounded.
 *
 * Thread: any; a struct expr and its env belong to one thread at a time.
 */
#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

#include "engine/mem/mem.h"
#include "engine/sym/sym.h"
#include "engine/type/type.h"

struct job;
struct expr;

#define EXPR_BYTES_MAX 16

enum expr_kind {
	EXPR_PLACE,  /* an lvalue: lies in memory at addr */
	EXPR_NUMBER, /* a scalar: u */
	EXPR_BYTES,  /* a struct or union that isn't in memory (a variable in registers): bytes */
};

struct expr_value {
	enum expr_kind kind;
	const struct type *type; /* of a place whose type nobody knows: void */
	struct space space;
	uint64_t addr;
	uint32_t bit_offset, bit_size; /* of a bitfield in the bytes at addr; 0: none */
	uint64_t u;	/* sign- or zero-extended to 64 bits */
	uint8_t bytes[EXPR_BYTES_MAX];
	size_t size;	/* of bytes */
	const struct type *in; /* the struct that it was just taken out of, as a member; NULL: it wasn't */
};

/* What names mean. Functions may be NULL when there is no such thing. */
struct expr_env {
	struct types *types;
	struct mem *mem;
	struct job *job;
	void *ctx;
	unsigned ncpus;
	/* An argument that wants an address, with crash's habits: a symbol that nothing is done to
	 * but arithmetic is its address, in bytes. */
	bool address;
	bool one_cpu; /* a per-CPU variable without a CPU is an error, not one of each CPU */
	bool (*symbol)(void *ctx, const char *name, struct sym *ret);
	/* Appends " (near it: ...)" for a name that nobody has. NULL: nothing is known to be near. */
	void (*near)(void *ctx, const char *name, struct buf *out);
	/* A type that the text names. NULL: type_find(). */
	struct err *(*type)(void *ctx, const char *name, const struct type **ret);
	/* What is added to a per-CPU symbol's address. */
	struct err *(*percpu)(void *ctx, unsigned cpu, uint64_t *ret);
	/* A variable of the frame; *found false: it has none of this name. An error says why a
	 * variable that is there has no value. */
	struct err *(*variable)(void *ctx, const char *name, bool *found, struct expr_value *ret);
	/* A register of the frame ("rdi"). */
	struct err *(*reg)(void *ctx, const char *name, uint64_t *ret);
};

/* Names are looked up here. env must outlive the expression. ERR_USAGE says what was expected at
 * which column; ERR_NOTFOUND names what there is not. */
struct err *expr_parse(const struct expr_env *env, const char *text, struct expr **ret);
void expr_free(struct expr *e);

/* Is it to be evaluated for several CPUs (`:a`, a list, or a per-CPU variable without a CPU)? Then
 * expr_has_cpu() says for which. */
bool expr_for_cpus(const struct expr *e);
bool expr_has_cpu(const struct expr *e, unsigned cpu);
/* The text of the expression for one of them: "runqueues:1.nr_running". */
void expr_cpu_text(const struct expr *e, unsigned cpu, struct buf *out);

/* cpu: for an expression of several CPUs; else of no matter. Errors: faults with the address that
 * can't be read; ERR_USAGE for what C doesn't allow. */
struct err *expr_eval(const struct expr *e, unsigned cpu, struct expr_value *ret);
/* The type only: no memory is read. */
struct err *expr_type(const struct expr *e, const struct type **ret);

/* A place's scalar becomes a number (bitfields and small integers are not promoted); arrays and
 * functions become pointers. What is a number already stays. */
struct err *expr_load(const struct expr_env *env, const struct expr_value *v,
		      struct expr_value *ret);
/* The address that a value stands for as an argument: of a struct, array or function where it lies,
 * of a pointer or integer its value. */
struct err *expr_address(const struct expr_env *env, const struct expr_value *v, uint64_t *ret);

/* "BASE->path" or "BASE.path", "BASE[0]...", with parentheses around BASE where C needs them; pointer:
 * BASE's value is a pointer. An empty path gives "*BASE", or BASE. */
void expr_join(const char *base, bool pointer, const char *path, struct buf *out);
/* May "." and "->" follow the text as it stands ("a.b[1]", "(*p)", "per_cpu(x, 1)"; no "(T *)p")? */
bool expr_is_postfix(const char *text);

#endif
