// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lablocks: one thread holds locks of every kind, others wait for them, each under a name that says for what.
 * tests/truth/waiters.py knows how many there are of each.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu-rwsem.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/wait.h>

struct lab_inner {
	u64 number;
	wait_queue_head_t queue;
};

struct lab_locks {
	struct mutex mutex;
	struct rw_semaphore write; /* held by a writer */
	struct rw_semaphore read;  /* held by a reader */
	struct semaphore sem;
	struct completion done;
	struct percpu_rw_semaphore percpu; /* held by a reader */
	struct lab_inner inner[3];
	struct mutex idle; /* nobody's */
};

static struct lab_locks lab_locks;
static struct completion lab_held;

static int lab_sleep(void)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule();
	}
	return 0;
}

static int lab_owner(void *unused)
{
	mutex_lock(&lab_locks.mutex);
	down_write(&lab_locks.write);
	down_read(&lab_locks.read);
	down(&lab_locks.sem);
	percpu_down_read(&lab_locks.percpu);
	complete(&lab_held);
	return lab_sleep();
}

static int lab_mutex(void *unused)
{
	mutex_lock(&lab_locks.mutex);
	return lab_sleep();
}

static int lab_reader(void *unused)
{
	down_read(&lab_locks.write);
	return lab_sleep();
}

static int lab_writer(void *unused)
{
	down_write(&lab_locks.read);
	return lab_sleep();
}

static int lab_sem(void *unused)
{
	down(&lab_locks.sem);
	return lab_sleep();
}

static int lab_done(void *unused)
{
	wait_for_completion(&lab_locks.done);
	return lab_sleep();
}

static int lab_percpu(void *unused)
{
	percpu_down_write(&lab_locks.percpu);
	return lab_sleep();
}

static int lab_queue(void *inner)
{
	struct lab_inner *in = inner;

	wait_event(in->queue, READ_ONCE(in->number) == 77);
	return lab_sleep();
}

static void lab_start(int (*fn)(void *), const char *name, int n)
{
	int i;

	for (i = 0; i < n; i++)
		kthread_run(fn, &lab_locks.inner[2], "%s", name);
}

static int __init lablocks_init(void)
{
	int i, error = percpu_init_rwsem(&lab_locks.percpu);

	if (error)
		return error;
	mutex_init(&lab_locks.mutex);
	mutex_init(&lab_locks.idle);
	init_rwsem(&lab_locks.write);
	init_rwsem(&lab_locks.read);
	sema_init(&lab_locks.sem, 1);
	init_completion(&lab_locks.done);
	init_completion(&lab_held);
	for (i = 0; i < ARRAY_SIZE(lab_locks.inner); i++)
		init_waitqueue_head(&lab_locks.inner[i].queue);
	lab_start(lab_owner, "lab_owner", 1);
	wait_for_completion(&lab_held);
	lab_start(lab_mutex, "lab_mutex", 3);
	lab_start(lab_reader, "lab_reader", 2);
	lab_start(lab_writer, "lab_writer", 1);
	lab_start(lab_sem, "lab_sem", 2);
	lab_start(lab_done, "lab_done", 2);
	lab_start(lab_percpu, "lab_percpu", 1);
	lab_start(lab_queue, "lab_queue", 3);
	msleep(1000);
	return 0;
}

module_init(lablocks_init);
MODULE_DESCRIPTION("locks of every kind, held and waited for");
MODULE_LICENSE("GPL");
