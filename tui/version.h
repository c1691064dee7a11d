/* SPDX-License-Identifier: GPL-2.0-or-later */
/** Versions of the program and of the libraries that it runs with. Thread: any. */
#ifndef TUI_VERSION_H
#define TUI_VERSION_H

#include <stdio.h>

void version_print(FILE *out);

#endif
