/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Running command lines on a dump of the lab, for the targets that do.
 */
#ifndef TESTS_FUZZ_RUN_H
#define TESTS_FUZZ_RUN_H

#include "engine/cmd/cmd.h"

/* NULL: the lab doesn't have it. */
struct shell *open_lab_dump(void);
/* Runs the line, formats all that it answers, stops after a few thousand rows or ticks of its job. */
void run_command(struct shell *sh, const char *line, bool json);
/* Doesn't write files or start programs. */
bool command_is_harmless(const char *line);

#endif
