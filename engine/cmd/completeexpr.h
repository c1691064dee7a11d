/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Completion inside of expressions: members behind `.` and `->`, types behind struct and union, else
 * variables of the frame that ctx (may be NULL) has chosen, and symbols. Thread: any.
 */
#ifndef CMD_COMPLETEEXPR_H
#define CMD_COMPLETEEXPR_H

#include "engine/cmd/cmd.h"
#include "engine/kern/session.h"

/* What the last word of text may become: names, sorted, at most max, valid as long as the session;
 * *start: where that word begins. Returns how many there are. */
size_t expr_complete(struct session *s, const struct context *ctx, const char *text, const char **ret,
		     size_t max, size_t *start);

#endif
