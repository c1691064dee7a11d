/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/crash.h"
#include "tui/term.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST 65536 /* of held output that is shown */

/* A signal handler can't be given a pointer: this is one of the two places with static state. */
static volatile sig_atomic_t held_fd = -1, real_fd = -1;

/* Only there under a sanitizer, which ends the process without a signal. */
extern void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

void crash_stderr(int held, int real)
{
	held_fd = held;
	real_fd = real;
}

void crash_copy(int from, int to)
{
	char block[4096];
	off_t at = 0;
	ssize_t n;

	while (at < MOST && (n = pread(from, block, sizeof(block), at)) > 0) {
		if (write(to, block, (size_t)n) != n)
			return;
		at += n;
	}
}

static void rescue(void)
{
	term_restore_now();
	if (held_fd >= 0 && real_fd >= 0)
		crash_copy(held_fd, real_fd);
	held_fd = -1;
}

static void on_crash(int sig)
{
	static const char said[] = "vmbrowse: this is a bug of the program: please report it\n";

	rescue();
	if (real_fd >= 0 && write(real_fd, said, sizeof(said) - 1) < 0)
		_exit(128 + sig);
	raise(sig); /* the handler is gone (SA_RESETHAND): this ends the process */
}

void crash_catch(void)
{
	static const int which[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
	struct sigaction sa = {.sa_handler = on_crash,
			       .sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK)};

	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(rescue);
		return;
	}
	/* a stack that has run over can't carry a handler; 64 KiB, kept for the life of the process
	 */
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	sigaltstack(&ss, NULL);
	for (size_t i = 0; i < sizeof(which) / sizeof(*which); i++)
		sigaction(which[i], &sa, NULL);
}
