/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same targets under clang's libFuzzer: FUZZ_TARGET names the one to be run. `make fuzz` builds this
 * when there is a clang that has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");
	struct corpus seeds = {0}; /* `fuzz -w` has written them */

	(void)argc;
	(void)argv;
	target = name ? fuzz_find(name) : NULL;
	if (!target || !target->begin(&seeds)) {
		fprintf(stderr, "FUZZ_TARGET must name a target whose files the lab has\n");
		exit(2);
	}
	corpus_free(&seeds);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	target->one(p, n);
	return 0;
}
