/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * An object is vmlinux or one module: it owns what was found for it (ELF file, separate debug
 * file, DWARF, BTF, ORC, symbols from memory), its load bias, its build-id and a generation number
 * that grows whenever a part is added. Types, symbols and unwinding are views on objects and key
 * their caches by the generation.
 *
 * vmlinux comes as it comes: plain, gzip, xz or zstd compressed (inflated once into a bounded
 * cache file), with compressed debug sections, or with its debug info in a separate file found by
 * build-id or .gnu_debuglink.
 *
 * Thread: immutable after open but for the generation; libdw and libelf handles are single-owner:
 * hold object_lock() around every use of object_elf()/object_dwarf() and what comes out of them.
 *
 * Sources: ELF gABI, DWARF 5, GDB's "Separate Debug Files", Linux' scripts/link-vmlinux.sh.
 */
#ifndef OBJECT_OBJECT_H
#define OBJECT_OBJECT_H

#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"
#include "engine/job/job.h"

struct object;

struct object_options {
	/* further places for separate debug files; NULL-terminated; may be NULL */
	const char *const *debug_dirs;
	/* keep nothing in the user's cache folder (inflate to a deleted temporary file) */
	bool no_cache;
};

/* Opens vmlinux (or a module's .ko/.ko.debug). Fast: no DWARF is read yet. Errors: not ELF, 32 bit,
 * foreign byte order, unreadable, damaged section table. */
struct err *object_open(const char *path, const struct object_options *o, struct job *job,
			struct object **ret);
/* A module known from the dump's memory only: name and the place of its text and data. */
struct object *object_create_module(const char *name);
/* Gives such a module its file (.ko, .ko.debug) with DWARF, and says where the dump has one of the
 * file's sections (".text", ".data" ...: a run-time address). Without places, types and names are
 * right and addresses aren't. Both before others use the object, or from its finder. Errors of
 * attaching: as object_open()'s, and ERR_MISMATCH for a file that isn't a module's, or when the
 * object has one. */
struct err *object_attach(struct object *o, const char *path, const struct object_options *opt,
			  struct job *job);
void object_place_section(struct object *o, const char *name, uint64_t addr);
/* Lets somebody look for that file when debug info of the object is first asked for (its lines,
 * variables, types by DIE, CFI). find attaches and places, or leaves the object as it is; it is
 * called once, on the thread that asks, and must not take object_lock(). Set before others use the
 * object. */
typedef void object_finder(struct object *o, void *ctx);
void object_set_finder(struct object *o, object_finder *find, void *ctx);
/* Has the finder look now, if it hasn't yet. Thread: any. */
void object_find_debug(struct object *o);
/* The kernel known from the dump's memory only. */
struct object *object_create_kernel(void);
/* Gives a kernel that has no file, or one without DWARF, what `with` has: another object of the very
 * same build, which is used up on success. Thread: others may be using o. ERR_MISMATCH: o has debug
 * info already, or with is a module's. */
struct err *object_take(struct object *o, struct object *with);
void object_close(struct object *o);

const char *object_name(const struct object *o); /* "vmlinux", "ext4" */
const char *object_path(const struct object *o); /* as given; "" when it has no file */
uint16_t object_machine(const struct object *o); /* ELF e_machine */
/* Build-id bytes; 0 when there is none. Borrowed. */
size_t object_build_id(const struct object *o, const uint8_t **ret);
/* The kernel release out of vmlinux' own linux_banner ("6.1.0-..."): "" when it can't be found. */
const char *object_release(const struct object *o);
/* Why there is no DWARF or BTF, for a person; "" when all is there. */
const char *object_missing(const struct object *o);

/* Load bias: run-time minus link-time address. Set once, before others use the object. */
uint64_t object_bias(const struct object *o);
void object_set_bias(struct object *o, uint64_t bias);
unsigned object_generation(const struct object *o);

/* Run-time address ranges that belong to the object. */
struct object_range {
	uint64_t start, end; /* end is one past */
	bool text;
};
void object_add_range(struct object *o, struct object_range r);
bool object_range(const struct object *o, size_t i, struct object_range *ret);
bool object_contains(const struct object *o, uint64_t addr);

/* A section's bytes, decompressed, from the file or its separate debug file (or set below).
 * Borrowed until the object is closed. addr: link-time address. false: there is no such section.
 * Of a module's file, DWARF sections come relocated, and others that would have to be are not
 * given. */
struct object_section {
	const void *data;
	size_t size;
	uint64_t addr;
};
bool object_section(struct object *o, const char *name, struct object_section *ret);
/* The same for one that may still be on its way: need() waits until its bytes [from, to) are there (any thread);
 * NULL: all are. What never comes reads as zeroes, and so does the byte behind the last. */
struct object_coming {
	void (*need)(void *ctx, size_t from, size_t to);
	void *ctx;
};
bool object_section_coming(struct object *o, const char *name, struct object_section *ret,
			   struct object_coming *how);
/* Gives the object a section that came from the dump's memory (".BTF", ".orc_unwind_ip",
 * ".orc_unwind", ".orc_header"); data (malloc'ed) becomes the object's. addr: run-time minus
 * bias. */
void object_set_section(struct object *o, const char *name, void *data, size_t size, uint64_t addr);
/* One whose bytes are still coming in; s->data (malloc'ed) becomes the object's. */
void object_begin_section(struct object *o, const char *name, const struct object_section *s,
			  const struct object_coming *how);
/* The same as object_set_section() with data that is borrowed and outlives the object. */
void object_lend_section(struct object *o, const char *name, const void *data, size_t size,
			 uint64_t addr);

/* The symbol table (.symtab with its .strtab) of the file that has one, as it lies in the file, and
 * what its symbols' st_shndx mean. strings ends with a NUL. Borrowed until the object is closed. */
struct object_shdr {
	const char *name; /* ".text" */
	uint64_t addr, size;
	bool alloc, exec, write, nobits;
	bool percpu; /* .data..percpu: linked at 0, or at an ordinary address by newer kernels */
};
struct object_symbols {
	const Elf64_Sym *v;
	size_t n;
	const char *strings;
	size_t strings_size;
	const struct object_shdr *sections;
	size_t nsections;
	bool relocatable; /* a module's file: st_value counts from the section's start */
};
bool object_symbols(struct object *o, struct object_symbols *ret);

/* The ELF and DWARF handles; NULL when there is none. Under object_lock() only. DWARF's addresses
 * are link-time ones (run-time minus bias), for placed modules too. */
void object_lock(struct object *o);
void object_unlock(struct object *o);
Elf *object_elf(struct object *o);
Dwarf *object_dwarf(struct object *o);
/* object_dwarf() ready to be called without a long wait: inflates compressed debug sections into
 * the cache folder, with progress and cancel. Errors: why there is no DWARF. Don't hold
 * object_lock(). */
struct err *object_prepare_dwarf(struct object *o, struct job *job);
/* Is there a .debug_info to be had? Cheap, no DWARF is read, no lock needed. */
bool object_has_dwarf(const struct object *o);
/* Another, independent Dwarf handle on the same file for one more worker thread; dwarf_end() it.
 * NULL when there is none, and for modules' files, whose DWARF must be relocated: share
 * object_dwarf().
 * Thread: any. */
Dwarf *object_dwarf_private(struct object *o);

#endif
