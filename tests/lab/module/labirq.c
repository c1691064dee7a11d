// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * labirq: goes wrong in interrupts, on request (a write to /sys/module/labirq/parameters/bug), with
 * arguments that the tests know: tests/truth/stacks.py has the same numbers.
 *
 * The processor that is asked: a system call lets soft interrupts run (the kernel goes over to the
 * interrupt stack, without registers), a tasklet there is interrupted by an IPI to itself (registers on
 * the interrupt stack), and that handler follows a NULL pointer (an exception's registers). The second
 * processor: a thread is interrupted by the timer (registers on its stack), whose soft interrupt runs
 * our timer's function on the interrupt stack. There it stays, until the first one's NMI stops it.
 */
#include <linux/bottom_half.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/timer.h>

#define LAB_CPU 1	/* the second processor */

struct lab_parcel {
	int weight;
};

struct lab_van {
	int plate;
	struct lab_parcel *parcel; /* NULL: that is the bug */
	struct irq_work horn;
	struct tasklet_struct load;
	struct timer_list engine;
	int parked;
};

static struct lab_van lab_van = {.plate = 1138};
static unsigned long lab_sum;

/* As in labbug.c: every argument is passed, and used after the call. */
#define lab_call __attribute__((__noipa__))

static lab_call int lab_lift(struct lab_parcel *parcel, int times)
{
	return READ_ONCE(parcel->weight) * times;
}

static lab_call int lab_honk(struct lab_van *van, int times)
{
	int v = lab_lift(van->parcel, times + 1);

	return v + READ_ONCE(van->plate) + times;
}

/* A hard interrupt. */
static void lab_horn(struct irq_work *work)
{
	struct lab_van *van = container_of(work, struct lab_van, horn);

	WRITE_ONCE(lab_sum, lab_honk(van, 3));
}

static lab_call int lab_stow(struct lab_van *van, int boxes)
{
	while (!READ_ONCE(van->parked))
		cpu_relax();
	irq_work_queue(&van->horn);
	for (;;) {
		WRITE_ONCE(lab_sum, lab_sum + boxes);
		cpu_relax();
		if (READ_ONCE(van->plate) == boxes)
			break;
	}
	return READ_ONCE(van->plate) + boxes;
}

/* A soft interrupt. */
static void lab_load(struct tasklet_struct *tasklet)
{
	struct lab_van *van = container_of(tasklet, struct lab_van, load);

	WRITE_ONCE(lab_sum, lab_stow(van, 12));
}

static lab_call int lab_deliver(struct lab_van *van, int stops)
{
	local_bh_disable();
	tasklet_schedule(&van->load);
	local_bh_enable();
	return READ_ONCE(van->plate) + stops;
}

/* A soft interrupt on the second processor, which doesn't return. */
static lab_call int lab_idle(struct lab_van *van, int gear)
{
	WRITE_ONCE(van->parked, 1);
	while (READ_ONCE(van->plate) != gear) {
		WRITE_ONCE(lab_sum, gear);
		cpu_relax();
	}
	return READ_ONCE(van->plate) + gear;
}

static void lab_engine(struct timer_list *timer)
{
	struct lab_van *van = container_of(timer, struct lab_van, engine);

	WRITE_ONCE(lab_sum, lab_idle(van, 5));
}

static lab_call int lab_drive(struct lab_van *van, int speed)
{
	preempt_disable();
	van->engine.expires = jiffies + 2;
	add_timer_on(&van->engine, LAB_CPU);
	while (READ_ONCE(van->plate) != speed)
		cpu_relax();
	preempt_enable();
	return READ_ONCE(van->plate) + speed;
}

static int lab_driver(void *van)
{
	return lab_drive(van, 130);
}

static int lab_set(const char *word, const struct kernel_param *param)
{
	struct task_struct *driver;

	if (!sysfs_streq(word, "softirq"))
		return -EINVAL;
	driver = kthread_create(lab_driver, &lab_van, "lab_driver");
	if (IS_ERR(driver))
		return PTR_ERR(driver);
	kthread_bind(driver, LAB_CPU);
	wake_up_process(driver);
	pr_info("labirq: %s: %d\n", param->name, lab_deliver(&lab_van, 37));
	return 0;
}

static const struct kernel_param_ops lab_ops = {.set = lab_set};
module_param_cb(bug, &lab_ops, NULL, 0200);

static int __init lab_init(void)
{
	init_irq_work(&lab_van.horn, lab_horn);
	tasklet_setup(&lab_van.load, lab_load);
	timer_setup(&lab_van.engine, lab_engine, 0);
	return 0;
}
module_init(lab_init);

MODULE_DESCRIPTION("goes wrong in interrupts, on request");
MODULE_LICENSE("GPL");
