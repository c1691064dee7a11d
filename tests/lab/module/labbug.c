// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * labbug: a module of the lab's own that goes wrong on request, a few calls deep, with arguments that the tests
 * know: tests/truth/stacks.py has the same numbers. What to do is written to /sys/module/labbug/parameters/bug.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/string.h>

struct lab_item {
	long serial;
	int weight;
};

struct lab_order {
	int id;
	const char *customer;
	struct lab_item *item; /* NULL: that is the bug */
};

static struct lab_order lab_order = {.id = 4711, .customer = "vmbrowse"};
static unsigned long lab_total;

/*
 * A call as it is written, with all its arguments. They are used after the calls in a function, so that
 * its frame still has them.
 */
#define lab_call __attribute__((__noipa__))

static lab_call int lab_weigh(struct lab_item *item, int count)
{
	return READ_ONCE(item->weight) * count;
}

static lab_call int lab_pack(struct lab_order *order, int count, unsigned long limit)
{
	int weight = lab_weigh(order->item, count);

	WRITE_ONCE(lab_total, lab_total + weight + limit + count);
	return weight + READ_ONCE(order->id);
}

static lab_call int lab_ship(struct lab_order *order, int count)
{
	int sum = lab_pack(order, count + 5, 0x1000);

	return sum + READ_ONCE(order->id) + count;
}

/* The processor is never given back; interrupts still come. */
static lab_call int lab_spin(struct lab_order *order, unsigned long rounds)
{
	unsigned long i;

	preempt_disable();
	for (i = 0; i < rounds; i++) {
		WRITE_ONCE(lab_total, i);
		cpu_relax();
	}
	preempt_enable();
	return READ_ONCE(order->id);
}

static lab_call int lab_wait(struct lab_order *order, int count)
{
	int id = lab_spin(order, ~0UL - count);

	return id + READ_ONCE(order->id) + count;
}

/* The stack is full long before depth gets there. */
static lab_call int lab_dig(struct lab_order *order, int depth)
{
	volatile char earth[512];

	earth[depth & 511] = 1;
	if (depth < READ_ONCE(order->id))
		return lab_dig(order, depth + 1) + earth[depth & 511];
	return depth;
}

static int lab_set(const char *word, const struct kernel_param *param)
{
	int v = 0;

	if (sysfs_streq(word, "nullderef"))
		v = lab_ship(&lab_order, 37);
	else if (sysfs_streq(word, "lockup"))
		v = lab_wait(&lab_order, 37);
	else if (sysfs_streq(word, "overflow"))
		v = lab_dig(&lab_order, 1);
	else
		return -EINVAL;
	pr_info("labbug: %s: %d\n", param->name, v);
	return 0;
}

static const struct kernel_param_ops lab_ops = {.set = lab_set};
module_param_cb(bug, &lab_ops, NULL, 0200);

static int __init lab_init(void)
{
	pr_info("labbug: %d for %s\n", lab_order.id, lab_order.customer);
	return 0;
}
module_init(lab_init);

MODULE_DESCRIPTION("goes wrong on request");
MODULE_LICENSE("GPL");
