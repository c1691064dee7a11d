/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Fuzzers: one for each parser of what comes from a file, from the dump's memory or from the user. A
 * target makes seeds out of the lab's real files, and is then given changed copies of them. A parser
 * passes when nothing crashes, nothing takes long and nothing takes much memory, whatever the bytes are.
 *
 * Two engines run them: driver.c, which needs nothing and repeats itself exactly, and libFuzzer
 * (libfuzzer.c), which follows the code's branches.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/job/job.h"

struct corpus {
	struct fuzz_input {
		uint8_t *p;
		size_t n;
	} *v;
	size_t n, cap;
};
/* Copies it. */
void corpus_add(struct corpus *c, const void *p, size_t n);
void corpus_free(struct corpus *c);

struct fuzz_target {
	const char *name, *what;
	unsigned inputs; /* in `make test` */
	bool fixed;	 /* an input keeps its seed's length */
	bool alone;	 /* every input in a process of its own: the target remembers things */
	bool (*begin)(struct corpus *c); /* adds seeds; false: the lab's files aren't there */
	void (*one)(const uint8_t *p, size_t n);
};
extern const struct fuzz_target fuzz_btf, fuzz_cache, fuzz_cfi, fuzz_command, fuzz_dump, fuzz_kallsyms,
	fuzz_keymap, fuzz_lines, fuzz_location, fuzz_marks, fuzz_meanings, fuzz_memory,
	fuzz_object, fuzz_orc, fuzz_pages,
	fuzz_vmcoreinfo;
const struct fuzz_target *fuzz_find(const char *name);
/* The i-th; NULL at the end. */
const struct fuzz_target *fuzz_at(size_t i);

/* mutate.c: a changed copy of one seed, always the same one for these two numbers; free() it. */
uint8_t *mutate(const struct corpus *c, const struct fuzz_target *t, uint64_t seed, uint64_t i, size_t *n);

/* support.c */

/* The lab's files: "<lab>/kernels/6.1/vmlinux"; free() it. NULL: it isn't there. */
char *lab_vmlinux(const char *kernel);
char *lab_dump(const char *kernel, const char *scenario, const char *format);
/* Takes seeds out of each of the kernels (NULL at the end) that the lab has. add() says whether it keeps
 * the object; else it is closed. False: there are no seeds. */
struct object;
bool seeds_of_kernels(struct corpus *c, const char *const *kernels,
		      bool (*add)(struct corpus *c, struct object *o, const char *path));
/* The first n bytes of a file at most; free() them. NULL: can't be read. */
uint8_t *read_file(const char *path, size_t max, size_t *n);
/* A file with these bytes, without a place on the disk; path is of FUZZ_PATH bytes. close() it. */
#define FUZZ_PATH 64
int memory_file(const uint8_t *p, size_t n, char *path);
/* A new folder that is removed when the process that made it ends. */
const char *scratch_folder(void);
/* Little-endian numbers off the front of the input; 0 when there are none left. */
struct bytes {
	const uint8_t *p;
	size_t n;
};
uint64_t take_number(struct bytes *b, unsigned size);
struct bytes take_bytes(struct bytes *b, size_t n);
/* A heap copy of just these bytes, so that ASan sees what reads beyond; free() it. */
uint8_t *exact_copy(struct bytes b);
/* How many job_tick()s and rows one input may have before it is cancelled, as a user would. */
void limit_work(unsigned ticks);
struct job *limited_job(void);

#endif
