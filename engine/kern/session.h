/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * An opened dump with all that was found for it: the one object that everything else hangs on. No
 * globals, so two can be open side by side.
 *
 * Opening goes in stages, and each may fail without ending the others: dump, vmlinux, where the
 * kernel lives, symbols, types, unwinder. What failed becomes a warning that says what doesn't work
 * and what to do. Only a dump that can't be read at all is an error.
 *
 * Thread: immutable after session_open but for internally locked caches; loaders (tasks, modules,
 * log) run once, whoever asks first waits for them.
 */
#ifndef KERN_SESSION_H
#define KERN_SESSION_H

#include "engine/dump/dump.h"
#include "engine/dump/vmcoreinfo.h"
#include "engine/mem/mem.h"
#include "engine/object/object.h"
#include "engine/sym/dwarfindex.h"
#include "engine/sym/line.h"
#include "engine/sym/sym.h"
#include "engine/type/type.h"
#include "engine/unwind/unwind.h"

struct dis;	/* engine/dis/dis.h */
struct flow;	/* engine/dis/flow.h */
struct tasks;	/* tasks.h */
struct modules; /* modules.h */

struct session_options {
	const char *src;
	const char *const *debug_dirs;
	bool no_cache;
};

struct session {
	struct intern *intern;
	struct dump *dump;
	const struct vmcoreinfo *vmcoreinfo;
	const struct arch *arch;
	struct mem *mem;
	/* The kernel: vmlinux' file, or what the dump's memory holds of it (then its path is ""). Never
	 * NULL after opening. */
	struct object *vmlinux;
	bool matches; /* it has a file, of the build that wrote the dump */
	struct dwarfindex *index; /* NULL without DWARF */
	struct symtab *symtab;	  /* maybe empty */
	struct types *types;	  /* maybe empty */
	struct lines *lines;
	struct unwinder *unwinder;
	struct dis *dis;   /* disassembly */
	struct flow *flow; /* data flow of functions, for what calls were given */
	unsigned ncpus; /* possible CPUs that the dump tells of; at least 1 */
	struct session_options options;
	struct session_private *priv; /* loaders, warnings */
};

/* files: vmlinux and dump parts in any order, told apart by content; two vmlinuxes, or no dump, are
 * ERR_USAGE. */
struct err *session_open(const struct session_options *o, const char *const *files, size_t n,
			 struct job *job, struct session **ret);
void session_close(struct session *s);
const char *session_warning(const struct session *s, size_t i);
/* Gives a session that has no debug info of its kernel a vmlinux with it. Errors: as object_open()'s;
 * ERR_MISMATCH: of another build, or there is debug info already. Thread: any one; others may go on
 * reading. What was shown before stays right but lacks lines and variables. */
struct err *session_add_vmlinux(struct session *s, const char *path, struct job *job);
/* The same with what the debuginfod servers of $DEBUGINFOD_URLS have for the dump's build-id. Errors: as above, and
 * debuginfod_fetch()'s. */
struct err *session_fetch_vmlinux(struct session *s, struct job *job);
/* Grows when something was added that makes answers better. */
unsigned session_generation(const struct session *s);

/* ---- reading the kernel's data by name ---- */

/* Run-time address of a symbol of vmlinux; ERR_NOTFOUND says which is missing. */
struct err *kern_symbol(struct session *s, const char *name, uint64_t *ret);
/* The same for a static variable of the kernel's own; of several of that name the one at the highest address. */
struct err *kern_static(struct session *s, const char *name, uint64_t *ret);
/* The base that per-CPU symbols' addresses are added to, for a CPU: __per_cpu_offset[cpu]. */
struct err *kern_percpu_offset(struct session *s, unsigned cpu, uint64_t *ret);
/* The address of a per-CPU variable on a CPU. */
struct err *kern_percpu(struct session *s, const char *symbol, unsigned cpu, uint64_t *ret);
/* The value of a per-CPU pointer: of variable `symbol`, or where the kernel keeps what its hottest paths
 * need in one struct (pcpu_hot), of that struct's member `hot`. */
struct err *kern_percpu_pointer(struct session *s, const char *symbol, const char *hot, unsigned cpu,
				uint64_t *ret);
/* Per-CPU offset of a pointer with __percpu. */

/* Is the CPU possible/online? From __cpu_online_mask / __cpu_possible_mask; true when not known. */
bool kern_cpu_online(struct session *s, unsigned cpu);

/* A struct's members under their names of all kernels, newest first ("__state", "state"): the table
 * that each subsystem has at its top. Resolved once by kern_members(). */
struct kern_member {
	const char *names; /* alternatives, separated by '|': "__state|state", paths are fine */
	struct type_place place;
	bool found;
};
/* Resolves n members of the struct; the count of those found. 0 if the struct itself is missing. */
size_t kern_members(struct session *s, const char *type_name, struct kern_member *v, size_t n);
/* Reads the scalar member at obj + place; ERR_NOTFOUND when it wasn't found on this kernel. */
struct err *kern_read(struct session *s, uint64_t obj, const struct kern_member *m, uint64_t *ret);

/* The value of an enumerator of the kernel's ("NR_FREE_PAGES"); false: no enum has it. */
bool kern_enum_value(struct session *s, const char *enumerator, uint64_t *ret);

/* What the panic was: the text of "Kernel panic - not syncing: ..." or the oops' first line out of
 * the log; "" when there is none. Borrowed. */
const char *session_panic_text(struct session *s);

#endif
