/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The way from a function to its caller by its own instructions, for the unwinder.
 * Thread: any.
 */
#ifndef DIS_CODESTEP_H
#define DIS_CODESTEP_H

#include "engine/unwind/unwind.h"

/* A code_step_fn; ctx: a struct flow. */
bool code_step(void *flow, uint64_t pc, bool is_return, struct code_step *ret);

#endif
