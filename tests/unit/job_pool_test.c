/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pool does what it is given: on its threads, and where the system gives it none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/job/job.h"

#define JOBS 100
#define NOBODY 64999

struct seen {
	atomic_uint ran, news;
};

static void work(struct job *j, void *arg)
{
	struct seen *s = arg;

	s->ran += err_ok(job_tick(j, 1));
}

static void notify(void *ctx)
{
	struct seen *s = ctx;

	s->news++;
}

static bool all_done(struct seen *s)
{
	struct job_progress progress;
	struct pool *p = pool_create(2, notify, s);
	struct job *j = job_create("test");

	for (int i = 0; i < JOBS; i++)
		pool_submit(p, j, work, s);
	while (pool_busy(p))
		usleep(100);
	pool_destroy(p);
	job_progress(j, &progress);
	job_unref(j);
	return s->ran == JOBS && s->news == JOBS && progress.done == JOBS && progress.finished;
}

static void with_threads(void **state)
{
	struct seen s = {0};

	(void)state;
	assert_true(all_done(&s));
}

static void without_threads(void **state)
{
	const struct rlimit none = {1, 1};
	int status;
	pid_t child = fork();

	(void)state;
	if (!child) { /* the limit isn't root's */
		struct seen s = {0};
		alarm(60); /* rather than wait for ever */
		if (setrlimit(RLIMIT_NPROC, &none) || (!getuid() && setuid(NOBODY)))
			_exit(2);
		_exit(all_done(&s) ? 0 : 1);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_threads),
		cmocka_unit_test(without_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
