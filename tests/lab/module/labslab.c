// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * labslab: takes memory of many kinds, gives some of it back, and keeps books: lab_objects[] says of each object
 * where it is and whether it is in use. tests/truth/slabs.py has the same numbers for what each is.
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>

#define OBJECTS 300 /* of each cache: several slabs */

enum lab_what {
	LAB_PLAIN,   /* a cache of its own */
	LAB_DEBUG,   /* with red zones, poison and tracking */
	LAB_CTOR,    /* with a constructor: the free pointer lies behind the object */
	LAB_RCU,     /* type-safe by RCU */
	LAB_KMALLOC, /* only what is in use: others would take what is given back */
	LAB_PERCPU0, /* per-CPU memory, on CPU 0 */
	LAB_PERCPU1,
	LAB_STATIC1, /* the module's own per-CPU variable, on CPU 1 */
	LAB_VMALLOC,
	LAB_PAGES,
};

enum lab_state {
	LAB_FREE,
	LAB_USED,
	LAB_GONE, /* given back, with all its neighbours: the slab may be gone, too */
};

struct lab_object {
	u64 at, size;
	u32 state, what;
};

static struct lab_object lab_objects[6 * OBJECTS];
static u64 lab_count;
static struct kmem_cache *lab_caches[LAB_KMALLOC];
static DEFINE_PER_CPU(u64, lab_counter);

static struct lab_object *lab_note(const void *at, u64 size, enum lab_what what)
{
	struct lab_object *o = &lab_objects[lab_count];

	if (!at || lab_count == ARRAY_SIZE(lab_objects))
		return NULL;
	*o = (struct lab_object){(unsigned long)at, size, LAB_USED, what};
	lab_count++;
	return o;
}

static void lab_ctor(void *object)
{
	memset(object, 0x11, 16);
}

/* On another processor than that which took the objects: they come back on other lists. */
static void lab_free_here(void *unused)
{
	u64 i;

	for (i = 0; i < lab_count; i++) {
		struct lab_object *o = &lab_objects[i];
		if (o->what >= LAB_KMALLOC || o->state != LAB_USED || i % 7 != 3)
			continue;
		kmem_cache_free(lab_caches[o->what], (void *)(unsigned long)o->at);
		o->state = LAB_FREE;
	}
}

static int lab_cache(enum lab_what what, const char *name, unsigned int size, slab_flags_t flags,
		     void (*ctor)(void *))
{
	struct kmem_cache *c = kmem_cache_create(name, size, 0, flags, ctor);
	u64 first = lab_count, i;

	if (!c)
		return -ENOMEM;
	lab_caches[what] = c;
	for (i = 0; i < OBJECTS; i++)
		lab_note(kmem_cache_alloc(c, GFP_KERNEL), size, what);
	for (i = first; i < lab_count; i++) {
		struct lab_object *o = &lab_objects[i];
		bool last = i >= first + OBJECTS * 2 / 3; /* a row of them: whole slabs */
		if (!last && i % 3)
			continue;
		kmem_cache_free(c, (void *)(unsigned long)o->at);
		o->state = last ? LAB_GONE : LAB_FREE;
	}
	return 0;
}

/* Slowly, so that kfence takes its samples where it is on. */
static void lab_kmalloc(void)
{
	static const u16 sizes[] = {24, 64, 200, 1000, 1024, 3000, 8192};
	int i;

	for (i = 0; i < 60; i++) {
		u16 size = sizes[i % ARRAY_SIZE(sizes)];
		lab_note(kmalloc(size, GFP_KERNEL), size, LAB_KMALLOC);
		msleep(10);
	}
}

static void lab_others(void)
{
	u64 __percpu *p = alloc_percpu(u64);
	struct page *pages = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	void *v = vmalloc(5 * PAGE_SIZE);

	if (p) {
		lab_note(per_cpu_ptr(p, 0), sizeof(u64), LAB_PERCPU0);
		lab_note(per_cpu_ptr(p, 1), sizeof(u64), LAB_PERCPU1);
	}
	lab_note(per_cpu_ptr(&lab_counter, 1), sizeof(u64), LAB_STATIC1);
	if (v)
		memset(v, 1, 5 * PAGE_SIZE);
	lab_note(v, 5 * PAGE_SIZE, LAB_VMALLOC);
	if (pages)
		lab_note(page_address(pages), 4 * PAGE_SIZE, LAB_PAGES);
}

static int __init labslab_init(void)
{
	int error;

	error = lab_cache(LAB_PLAIN, "labslab_plain", 200, 0, NULL);
	if (!error)
		error = lab_cache(LAB_DEBUG, "labslab_debug", 120, SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER,
				  NULL);
	if (!error)
		error = lab_cache(LAB_CTOR, "labslab_ctor", 96, 0, lab_ctor);
	if (!error)
		error = lab_cache(LAB_RCU, "labslab_rcu", 320, SLAB_TYPESAFE_BY_RCU, NULL);
	if (error)
		return error;
	lab_kmalloc();
	lab_others();
	smp_call_function_single(1, lab_free_here, NULL, 1);
	rcu_barrier();
	return 0;
}

module_init(labslab_init);
MODULE_DESCRIPTION("memory of many kinds, with books");
MODULE_LICENSE("GPL");
