/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table is a text for people to read and to add to, and it belongs to the program: it is linked
 * in as it stands, so there is no file that could be missing.
 */
#include "engine/kern/meaning/table.h"

__asm__(".pushsection .rodata\n"
	"meaning_text_begin:\n"
	".incbin \"engine/kern/meaning/linux.meanings\"\n"
	"meaning_text_end:\n"
	".popsection\n");

extern const char meaning_text_begin[], meaning_text_end[];

const char *meaning_builtin(size_t *n)
{
	*n = (size_t)(meaning_text_end - meaning_text_begin);
	return meaning_text_begin;
}
