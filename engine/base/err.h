/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Errors are returned values: a function that can fail returns `struct err *`, NULL when all is well,
 * and gives its results through pointers that come last. Whoever gets an error passes it on (TRY),
 * adds to it (err_wrap) or ends it (err_free). No longjmp, no global errno, no printing on the way.
 *
 * Reading memory fails all the time in a filtered dump, so a fault costs no allocation: it lives in a
 * slot of the calling thread until that thread's next fault. Keep one longer with err_keep().
 *
 * Thread: any. An error belongs to the thread that got it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/memstate.h"

enum err_code {
	ERR_NOMEM,
	ERR_CANCELLED,	 /* the user stopped the job */
	ERR_FAULT,	 /* bytes that the dump doesn't have: see err_state(), err_addr() */
	ERR_NOTFOUND,	 /* no such symbol, type, member, task ... */
	ERR_NODEBUG,	 /* needs debug info that isn't there */
	ERR_CORRUPT,	 /* the file or the kernel's data contradicts itself */
	ERR_UNSUPPORTED, /* a kind of file, kernel or machine that we can't read */
	ERR_USAGE,	 /* the user's words can't be understood */
	ERR_OS,		 /* a system call failed */
	ERR_MISMATCH,	 /* vmlinux and dump are of different builds */
};

struct err;

/* A new error with a printf text: what, where, and where it helps what to do. Free with err_free. */
struct err *err_new(enum err_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* ERR_OS; ": " and strerror(errnum) are added to the text. */
struct err *err_os(int errnum, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* ERR_FAULT at addr (an address of the space that was read), in the thread's slot: no allocation. */
struct err *err_fault(enum mem_state why, uint64_t addr);
/* Static errors; err_free on them does nothing. */
struct err *err_nomem(void);
struct err *err_cancelled(void);

/* "<text>: <text of e>", same code, state and address; consumes e. NULL stays NULL. */
struct err *err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Moves a fault out of the thread's slot onto the heap, so that it can be stored. NULL stays NULL. */
struct err *err_keep(struct err *e);
/* Ends an error. NULL is fine. */
void err_free(struct err *e);

enum err_code err_code(const struct err *e);
/* The text; borrowed from e. */
const char *err_text(const struct err *e);
/* For ERR_FAULT: why, and at which address. MEM_PRESENT and 0 for other codes. */
enum mem_state err_state(const struct err *e);
uint64_t err_addr(const struct err *e);

/* Pass an error on. */
#define TRY(expr)                                                                                  \
	do {                                                                                       \
		struct err *try_err_ = (expr);                                                     \
		if (try_err_)                                                                      \
			return try_err_;                                                           \
	} while (0)

/* Did it work? For callers that have another way when it didn't: the error is ended. */
static inline bool err_ok(struct err *e)
{
	if (!e)
		return true;
	err_free(e);
	return false;
}

#endif
