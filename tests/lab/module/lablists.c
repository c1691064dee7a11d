// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lablists: lists and trees of every kind, each sound or damaged in one way. A global head names each;
 * tests/truth/lists.py knows how many elements come before the damage, and what it is. An element's link
 * lies 8 bytes behind its number, in all kinds.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rbtree.h>
#include <linux/rculist_nulls.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>
#if __has_include(<linux/maple_tree.h>)
#include <linux/maple_tree.h>
#define LAB_MAPLE
#endif

#define NODES 10
#define MIDDLE 5 /* the element whose link is spoilt */
#define ENTRIES 200

struct lab_node {
	u64 number;
	union {
		struct list_head link;
		struct hlist_node hlink;
		struct rb_node rb;
		struct lab_node *next;
	};
};

LIST_HEAD(lab_list_good);
LIST_HEAD(lab_list_empty);
LIST_HEAD(lab_list_cycle);
LIST_HEAD(lab_list_null);
LIST_HEAD(lab_list_poison);
LIST_HEAD(lab_list_unmapped);
LIST_HEAD(lab_list_excluded);
LIST_HEAD(lab_list_unaligned);
LIST_HEAD(lab_list_prev);
HLIST_HEAD(lab_hlist_good);
HLIST_HEAD(lab_hlist_cycle);
HLIST_HEAD(lab_hlist_poison);
HLIST_HEAD(lab_hlist_unmapped);
HLIST_HEAD(lab_hlist_pprev);
struct rb_root lab_rb_good = RB_ROOT, lab_rb_cycle = RB_ROOT, lab_rb_poison = RB_ROOT, lab_rb_parent = RB_ROOT;
struct lab_node *lab_chain_good, *lab_chain_cycle;
DEFINE_XARRAY(lab_xa_good);
DEFINE_XARRAY(lab_xa_cycle);
DEFINE_XARRAY(lab_xa_bad);
#ifdef LAB_MAPLE
DEFINE_MTREE(lab_maple_good);
DEFINE_MTREE(lab_maple_cycle);
DEFINE_MTREE(lab_maple_pivot);
#endif
static u64 lab_things[ENTRIES];

static struct lab_node *lab_nodes(void)
{
	struct lab_node *v = kcalloc(NODES, sizeof(*v), GFP_KERNEL | __GFP_NOFAIL);
	int i;

	for (i = 0; i < NODES; i++)
		v[i].number = 100 + i;
	return v;
}

static struct lab_node *lab_list(struct list_head *head)
{
	struct lab_node *v = lab_nodes();
	int i;

	for (i = 0; i < NODES; i++)
		list_add_tail(&v[i].link, head);
	return v;
}

static struct lab_node *lab_hlist(struct hlist_head *head)
{
	struct lab_node *v = lab_nodes();
	int i;

	for (i = NODES; i-- > 0;)
		hlist_add_head(&v[i].hlink, head);
	return v;
}

static struct lab_node *lab_chain(void)
{
	struct lab_node *v = lab_nodes();
	int i;

	for (i = 0; i + 1 < NODES; i++)
		v[i].next = &v[i + 1];
	return v;
}

static struct lab_node *lab_rbtree(struct rb_root *root)
{
	struct lab_node *v = lab_nodes();
	int i;

	for (i = 0; i < NODES; i++) {
		struct rb_node **at = &root->rb_node, *parent = NULL;

		while (*at) {
			parent = *at;
			at = &parent->rb_right; /* they come in order */
		}
		rb_link_node(&v[i].rb, parent, at);
		rb_insert_color(&v[i].rb, root);
	}
	return v;
}

static void lab_xarray(struct xarray *xa)
{
	unsigned long i;

	for (i = 0; i < ENTRIES; i++)
		xa_store(xa, i * 3, i % 10 ? (void *)&lab_things[i] : xa_mk_value(i), GFP_KERNEL);
}

#ifdef LAB_MAPLE
static struct maple_node *lab_maple(struct maple_tree *mt)
{
	unsigned long i;

	for (i = 0; i < ENTRIES; i++)
		mtree_store_range(mt, i * 100, i * 100 + 49, &lab_things[i], GFP_KERNEL);
	return (struct maple_node *)((unsigned long)mt->ma_root & ~255UL);
}
#endif

/* Memory that was mapped and is no more. */
static void *lab_unmapped(void)
{
	void *p = vmalloc(PAGE_SIZE);

	vfree(p);
	vm_unmap_aliases();
	return p;
}

/* A page of the process that loads us, which a filter leaves out: user data. */
static void *lab_excluded(void)
{
	struct page *page = NULL;

	if (!current->mm || get_user_pages_fast(current->mm->start_stack & PAGE_MASK, 1, FOLL_WRITE, &page) != 1)
		return NULL;
	return page_address(page) + 64;
}

static void lab_spoil_lists(void)
{
	struct lab_node *v;

	lab_list(&lab_list_good);
	v = lab_list(&lab_list_cycle);
	v[MIDDLE + 2].link.next = &v[MIDDLE - 2].link;
	lab_list(&lab_list_null)[MIDDLE].link.next = NULL;
	v = lab_list(&lab_list_poison);
	v[MIDDLE].link.next = LIST_POISON1;
	v[MIDDLE].link.prev = LIST_POISON2;
	lab_list(&lab_list_unmapped)[MIDDLE].link.next = lab_unmapped();
	lab_list(&lab_list_excluded)[MIDDLE].link.next = lab_excluded();
	v = lab_list(&lab_list_unaligned);
	v[MIDDLE].link.next = (void *)v[MIDDLE].link.next + 1;
	v = lab_list(&lab_list_prev);
	v[MIDDLE].link.prev = &v[1].link;
}

static void lab_spoil_hlists(void)
{
	struct lab_node *v;

	lab_hlist(&lab_hlist_good);
	v = lab_hlist(&lab_hlist_cycle);
	v[MIDDLE + 2].hlink.next = &v[MIDDLE - 2].hlink;
	lab_hlist(&lab_hlist_poison)[MIDDLE].hlink.next = LIST_POISON1;
	lab_hlist(&lab_hlist_unmapped)[MIDDLE].hlink.next = lab_unmapped();
	v = lab_hlist(&lab_hlist_pprev);
	v[MIDDLE].hlink.pprev = &v[1].hlink.next;
	lab_chain_good = lab_chain();
	lab_chain_cycle = lab_chain();
	lab_chain_cycle[MIDDLE + 2].next = &lab_chain_cycle[MIDDLE - 2];
}

static void lab_spoil_trees(void)
{
	struct lab_node *v;
	struct xa_node *top;

	lab_rbtree(&lab_rb_good);
	v = lab_rbtree(&lab_rb_cycle);
	v[NODES - 1].rb.rb_right = lab_rb_cycle.rb_node;
	v = lab_rbtree(&lab_rb_poison);
	v[NODES - 1].rb.rb_right = (void *)LIST_POISON1;
	v = lab_rbtree(&lab_rb_parent);
	v[0].rb.__rb_parent_color = (unsigned long)&v[NODES - 1].rb;

	lab_xarray(&lab_xa_good);
	lab_xarray(&lab_xa_cycle);
	lab_xarray(&lab_xa_bad);
	top = (struct xa_node *)((unsigned long)lab_xa_cycle.xa_head - 2);
	top->slots[3] = lab_xa_cycle.xa_head;
	top = (struct xa_node *)((unsigned long)lab_xa_bad.xa_head - 2);
	top->slots[3] = (void *)((unsigned long)lab_unmapped() + 2);
}

static void lab_spoil_maples(void)
{
#ifdef LAB_MAPLE
	struct maple_node *top;

	lab_maple(&lab_maple_good);
	top = lab_maple(&lab_maple_cycle);
	/* itself, in the place of its second child */
	top->mr64.slot[1] = (void *)((unsigned long)lab_maple_cycle.ma_root & ~3UL);
	top = lab_maple(&lab_maple_pivot);
	top->mr64.pivot[1] = 1;
#endif
}

static int __init lablists_init(void)
{
	lab_spoil_lists();
	lab_spoil_hlists();
	lab_spoil_trees();
	lab_spoil_maples();
	pr_info("lablists: %d elements a list\n", NODES);
	return 0;
}
module_init(lablists_init);

MODULE_DESCRIPTION("lists and trees, sound and damaged");
MODULE_LICENSE("GPL");
