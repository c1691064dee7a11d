/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The marks of one dump and their file, $XDG_STATE_HOME/vmbrowse/marks/ID, where ID is made of what the
 * crash itself left (vmcoreinfo, the CPUs' registers): a dump that was copied, renamed or filtered anew
 * has the same marks.
 *
 * Thread: any; internally locked.
 */
#ifndef CMD_MARKSFILE_H
#define CMD_MARKSFILE_H

#include "engine/cmd/cmd.h"
#include "engine/dump/dump.h"

struct marks;

/* Nothing is read before the first call that needs it. */
struct marks *marks_create(const struct dump *d);
void marks_destroy(struct marks *m);
/* Calls f for each mark, in the order of the letters, until it returns an error. What is wrong with the
 * file is put into *why (may be left empty). */
struct err *marks_each(struct marks *m, struct buf *why,
		       struct err *(*f)(void *arg, const struct mark *mark), void *arg);
struct err *marks_get(struct marks *m, char letter, struct mark *ret);
/* mark NULL: takes the letter's mark away, ERR_NOTFOUND if there is none. ERR_OS: done, but not written. */
struct err *marks_set(struct marks *m, char letter, const struct mark *mark);

#endif
