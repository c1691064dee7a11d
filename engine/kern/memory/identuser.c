/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An address of a task's user space.
 */
#include "engine/kern/memory/identimpl.h"

struct err *ident_user(struct asking *a)
{
	(void)a;
	return NULL;
}
