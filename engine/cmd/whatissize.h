/* SPDX-License-Identifier: GPL-2.0-or-later */
/** `whatis -r SIZE[-SIZE] -m TYPE`. Thread: any. */
#ifndef CMD_WHATISSIZE_H
#define CMD_WHATISSIZE_H

#include "engine/cmd/cmd.h"

struct err *whatis_sizes(const struct cmd_call *c);

#endif
