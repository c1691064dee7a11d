/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States as two letters, those of crash's `ps`. The lowest bits of task_struct.__state never
 * changed; "dead", "parked" and what comes with them moved in 4.14, and the two exit states changed
 * places in 3.14. The kernel's own task_state_array names a letter for each bit it reports, in
 * order, so the place of "P (parked)", "Z (zombie)" and "X (dead)" tells which kernel this is.
 *
 * Sources: Linux' include/linux/sched.h, fs/proc/array.c (v3.10, v4.13, v6.12).
 */
#include <string.h>
#include "engine/kern/task/taskimpl.h"

#define STATE_INTERRUPTIBLE 0x1u
#define STATE_UNINTERRUPTIBLE 0x2u
#define STATE_STOPPED 0x4u
#define STATE_TRACED 0x8u
#define STATE_RTLOCK 0x1000u /* sleeps on a lock that PREEMPT_RT made of a spinlock */
#define STATE_FROZEN 0x8000u /* 6.1; the kernel itself reports it as D */

#define REPORTED_MAX 12

/* Bit i - 1 of the state is reported with the letter of entry i. */
static void read_letters(struct session *s, char *letters)
{
	uint64_t array, str;
	char text[4];

	memset(letters, 0, REPORTED_MAX);
	if (!err_ok(kern_static(s, "task_state_array", &array)))
		return;
	for (unsigned i = 0; i < REPORTED_MAX; i++) {
		if (!err_ok(mem_u64(s->mem, KERNEL, array + 8 * i, &str)) ||
		    !kern_pointer(s, str) ||
		    !err_ok(mem_str(s->mem, KERNEL, str, text, sizeof(text))) || text[1] != ' ')
			return;
		letters[i] = text[0];
	}
}

static uint64_t bit_of(const char *letters, char letter, uint64_t otherwise)
{
	for (unsigned i = 1; i < REPORTED_MAX; i++)
		if (letters[i] == letter)
			return UINT64_C(1) << (i - 1);
	return otherwise;
}

void state_bits_init(struct state_bits *b, struct session *s)
{
	char letters[REPORTED_MAX];

	read_letters(s, letters);
	b->zombie = bit_of(letters, 'Z', 0x20);
	b->exit_dead = bit_of(letters, 'X', 0x10);
	/* From 4.2 to 4.13 the array ends before "parked", which then is where it was before. */
	b->parked = bit_of(letters, 'P', letters[0] ? 0x200 : 0x40);
	bool moved = b->parked == 0x40;
	b->dead = moved ? 0x80 : 0x40;
	b->wakekill = moved ? 0x100 : 0x80;
	b->waking = moved ? 0x200 : 0x100;
	b->noload = 0x400;
	b->new = 0x800;
}

static const char *running_letters(const struct state_bits *b, uint64_t st)
{
	if (!st)
		return "RU";
	if (st & STATE_INTERRUPTIBLE)
		return "IN";
	if (st & STATE_UNINTERRUPTIBLE)
		return st & b->noload ? "ID" : "UN";
	if (st & STATE_STOPPED)
		return "ST";
	if (st & STATE_TRACED)
		return "TR";
	if (st & b->parked)
		return "PA";
	if (st & b->dead)
		return "DE";
	if (st & (STATE_RTLOCK | STATE_FROZEN))
		return "UN";
	if (st & b->new)
		return "NE";
	return st & (b->wakekill | b->waking) ? "WA" : "??";
}

void state_letters(const struct state_bits *b, uint64_t state, char *letters)
{
	uint64_t exit = state >> 32;
	const char *l = exit & b->zombie      ? "ZO"
			: exit & b->exit_dead ? "DE"
					      : running_letters(b, state & UINT32_MAX);

	memcpy(letters, l, 3);
}
