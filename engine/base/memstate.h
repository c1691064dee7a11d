/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What a dump can say about a byte of memory. A read never turns one of these into a silent zero:
 * whoever asks gets the bytes, or the reason why there are none.
 *
 * Thread: any.
 * Source: makedumpfile's IMPLEMENTATION (page descriptors, bitmaps), ELF p_filesz/p_memsz.
 */
#ifndef BASE_MEMSTATE_H
#define BASE_MEMSTATE_H

enum mem_state {
	MEM_PRESENT,  /* the dump holds the bytes */
	MEM_ZERO,     /* the dump says that the page is all zero; reads give zeroes, and rightly so */
	MEM_EXCLUDED, /* RAM that the dump filter (makedumpfile -d) left out */
	MEM_LOST,     /* should be in the dump, but is cut off or can't be decoded */
	MEM_NOT_RAM,  /* no RAM at this physical address */
	MEM_UNMAPPED, /* no translation for this virtual address */
	MEM_STATES
};

/* Can bytes be had? */
static inline int mem_readable(enum mem_state s)
{
	return s == MEM_PRESENT || s == MEM_ZERO;
}

/* The one-word name, as JSON's "fault" carries it: "excluded", "lost", "not-ram" ... Never NULL. */
const char *mem_state_name(enum mem_state s);

/* A sentence for a person: what it means and what to do about it. Never NULL. */
const char *mem_state_help(enum mem_state s);

#endif
