/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/memory/word.h"
#include "engine/kern/memory/slab.h"
#include "engine/kern/memory/page.h"
#include "engine/kern/memory/percpu.h"
#include "engine/kern/memory/vmap.h"
#include "engine/kern/stack/stackscan.h"
#include <inttypes.h>
#include <string.h>

static void put_name(struct buf *out, const char *name, uint64_t offset)
{
	buf_put_safe(out, name, strlen(name));
	if (offset)
		buf_printf(out, "+0x%" PRIx64, offset);
}

static bool as_symbol(struct session *s, uint64_t word, struct word_info *ret)
{
	struct sym sym;
	uint64_t offset;

	if (!sym_at(s->symtab, word, &sym, &offset))
		return false;
	ret->kind = "symbol";
	put_name(&ret->text, sym.name, offset);
	ret->ref = offset ? ref_addr(REF_MEM, word)
			  : (struct ref){REF_SYM, word, 0, intern_str(s->intern, sym.name)};
	return true;
}

static void put_task(struct buf *out, const struct task *t)
{
	buf_printf(out, "task %d ", t->pid);
	buf_put_safe(out, t->comm, strnlen(t->comm, sizeof(t->comm)));
}

static bool as_stack(struct session *s, const struct tasks *ts, uint64_t word, struct word_info *ret)
{
	const struct task *t = task_by_stack(ts, word, task_stack_size(s));

	if (!t)
		return false;
	ret->kind = "stack";
	buf_puts(&ret->text, "stack of ");
	put_task(&ret->text, t);
	ret->ref = ref_addr(REF_MEM, word);
	return true;
}

static struct ref object_ref(struct session *s, const struct slab_place *p)
{
	char name[80];

	if (!slab_type(s, p, NULL, name))
		return (struct ref){0};
	return ref_object(intern_str(s->intern, name), p->object);
}

static bool as_slab(struct session *s, const struct tasks *ts, uint64_t word, struct word_info *ret)
{
	struct slab_place p;
	struct slab_state st = {0};

	if (!slab_at(s, word, &p))
		return false;
	const struct task *t = ts && p.object ? task_by_addr(ts, p.object) : NULL;
	ret->kind = t ? "task" : "slab";
	ret->ref = t ? ref_addr(REF_TASK, t->addr) : object_ref(s, &p);
	if (!ret->ref.kind)
		ret->ref = ref_addr(REF_MEM, word);
	buf_putc(&ret->text, '[');
	put_name(&ret->text, p.cache, p.object && word >= p.object ? word - p.object : 0);
	buf_putc(&ret->text, ']');
	if (p.object)
		slab_state_of(s, &p, &st);
	if (st.use == SLAB_FREE) /* a pointer that should not be there any more, or a free list */
		buf_puts(&ret->text, " free");
	if (t) {
		buf_putc(&ret->text, ' ');
		put_task(&ret->text, t);
	}
	return true;
}

static bool as_percpu(struct session *s, uint64_t word, struct word_info *ret)
{
	struct percpu_place p;

	if (!percpu_at(s, word, &p))
		return false;
	ret->kind = "per-cpu";
	buf_puts(&ret->text, p.kind == PERCPU_MODULE ? "per-CPU data of module " : "");
	put_name(&ret->text, p.name ? p.name : "per-CPU memory", word - p.start);
	buf_printf(&ret->text, ", CPU %u", p.cpu);
	ret->ref = ref_addr(REF_MEM, word);
	return true;
}

static bool as_cpu_stack(struct session *s, uint64_t word, struct word_info *ret)
{
	struct cpu_stack_place p;

	if (!cpu_stack_at(s, word, &p))
		return false;
	ret->kind = "cpu-stack";
	buf_printf(&ret->text, "%s%s of CPU %u", p.name, p.area ? "" : p.guard ? " stack's guard" : " stack", p.cpu);
	ret->ref = ref_addr(REF_MEM, word);
	return true;
}

static bool as_vmalloc(struct session *s, uint64_t word, struct word_info *ret)
{
	struct vmap_place p;
	struct sym sym;
	uint64_t offset;

	if (!vmap_at(s, word, &p))
		return false;
	ret->kind = "vmalloc";
	buf_puts(&ret->text, "vmalloc area");
	if (p.caller && sym_at(s->symtab, p.caller, &sym, &offset)) {
		buf_puts(&ret->text, " of ");
		put_name(&ret->text, sym.name, 0);
	}
	ret->ref = ref_addr(REF_MEM, word);
	return true;
}

static bool as_page(struct session *s, uint64_t word, struct word_info *ret)
{
	uint64_t pa;

	if (!page_at(s, word, &pa))
		return false;
	ret->kind = "page";
	buf_printf(&ret->text, "page of phys 0x%" PRIx64, pa);
	ret->ref = ref_object(intern_str(s->intern, "struct page"), word);
	return true;
}

void word_info_at(struct session *s, const struct tasks *ts, uint64_t word, bool symbols_only,
		  struct word_info *ret)
{
	const struct task *t;

	*ret = (struct word_info){0};
	if (!s->arch->is_kernel(mem_layout(s->mem), word) || as_symbol(s, word, ret) || symbols_only)
		return;
	if (as_percpu(s, word, ret) || as_slab(s, ts, word, ret) || as_page(s, word, ret) ||
	    as_cpu_stack(s, word, ret))
		return;
	if (ts && (t = task_by_addr(ts, word))) { /* whose slab can't be told */
		ret->kind = "task";
		put_task(&ret->text, t);
		ret->ref = ref_addr(REF_TASK, t->addr);
	} else if (!ts || !as_stack(s, ts, word, ret)) {
		as_vmalloc(s, word, ret);
	}
}

void word_info_free(struct word_info *w)
{
	buf_free(&w->text);
}
