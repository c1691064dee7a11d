/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Inside of engine/object: one mapped ELF file, and the object made of one or two of them.
 */
#ifndef OBJECT_IMPL_H
#define OBJECT_IMPL_H

#include <elfutils/libdwfl.h>
#include <pthread.h>
#include <stdatomic.h>
#include "engine/object/object.h"

/* One section of a file, as its header tells; name is borrowed from the mapping. */
struct elf_section {
	const char *name;
	uint64_t addr, offset, size, flags;
	uint32_t type, link;
	void *copy; /* its bytes when the mapping's can't be used; under object->parts */
	size_t copy_size;
	bool broken; /* couldn't be decompressed: don't try again */
};

/* A little-endian ELF64 file, mapped read-only for as long as it is open. */
struct elf_file {
	char *path; /* what the user calls it, even when an inflated copy of it is mapped */
	int fd;
	const unsigned char *map;
	size_t size;
	Elf *elf;
	uint16_t type, machine;
	struct elf_section *sections; /* by section index; [0] is the empty one */
	size_t nsections;
	const uint8_t *build_id;
	size_t build_id_size;
};

/* Where the dump has a section of a module. */
struct placement {
	char *name;
	uint64_t addr;
};

struct object {
	char *name, *path;
	char *old_path, *old_missing; /* before a file was attached: somebody may have borrowed them */
	struct elf_file *file;	   /* NULL: known from memory only */
	struct elf_file *debug;	   /* separate debug file, or NULL */
	struct elf_file *inflated; /* plain copy of the file whose DWARF is compressed, or NULL */
	bool inflate_tried;
	bool no_cache;
	char *missing;
	uint64_t bias;
	atomic_uint generation;

	pthread_mutex_t lock; /* object_lock(): libelf and libdw */
	Dwarf *dwarf;
	Dwfl *dwfl; /* owns dwarf, when it had to be relocated */
	bool dwarf_tried;

	pthread_mutex_t finder_lock; /* before the others; recursive */
	atomic_int finder_state;
	object_finder *find;
	void *find_ctx;

	pthread_rwlock_t parts; /* what follows, the sections' copies, and attaching */
	struct placement *places; /* of a module's sections */
	size_t nplaces, places_cap;
	struct object_range *ranges;
	size_t nranges, ranges_cap;
	struct given_section *given;
	size_t ngiven, given_cap;
	struct object_shdr *shdrs; /* of object_symbols() */
	char *release; /* NULL: not looked for yet */
};

/* elffile.c */
struct err *elf_file_open(const char *path, bool no_cache, struct job *job, struct elf_file **ret);
/* Maps fd, which becomes the file's (closed on errors too). */
struct err *elf_file_from_fd(int fd, const char *path, struct elf_file **ret);
void elf_file_close(struct elf_file *f);
struct elf_section *elf_file_section(const struct elf_file *f, const char *name);
/* The raw bytes in the file: NULL when it has none (NOBITS). */
const void *elf_section_raw(const struct elf_file *f, const struct elf_section *s);
/* The bytes, inflated and aligned to 8. Under object->parts held for writing. false: none. */
bool elf_section_bytes(const struct elf_file *f, struct elf_section *s, struct object_section *ret);
/* Is there DWARF in it; is any of it compressed? */
bool elf_file_has_dwarf(const struct elf_file *f, bool *compressed);
bool elf_section_compressed(const struct elf_section *s);

/* finder.c */
void object_finder_init(struct object *o);
void object_finder_done(struct object *o);

/* dwarf.c */
void object_close_dwarf(struct object *o);
/* A DWARF section of a module's file, relocated. */
bool object_dwarf_section(struct object *o, const char *name, struct object_section *ret);

/* debugfile.c: the separate debug file of f, or NULL. */
struct elf_file *debug_file_find(const struct elf_file *f, const struct object_options *o,
				 struct job *job);

/* inflate.c */
enum stream { STREAM_NONE, STREAM_GZIP, STREAM_XZ, STREAM_ZSTD };
enum stream stream_kind(const unsigned char *head, size_t n);
/* The inflated content of a compressed file as a new descriptor, from the cache folder when it is
 * there already. */
struct err *inflate_file(int fd, const char *path, enum stream kind, bool no_cache,
			 struct job *job, int *ret);
/* Uncompressed section bytes; *ret is malloc'ed. What a section holds: */
struct packed {
	enum stream kind;
	const unsigned char *data; /* the compressed stream */
	size_t data_size, size;	   /* size: after inflating */
};
bool packed_section(const struct elf_file *f, const struct elf_section *s, struct packed *ret);
struct err *inflate_section(const struct packed *p, void *out, struct job *job);
/* A plain ELF copy of f's debug sections. */
struct err *inflate_dwarf(const struct elf_file *f, bool no_cache, struct job *job,
			  struct elf_file **ret);

#endif
