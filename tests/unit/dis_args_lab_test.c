/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves, on the lab's dumps, that recovered arguments are right, and counts how many there are.
 *
 * The truth is DWARF's. A parameter counts when its location at the function's first instruction is
 * the register that it came in, and DWARF has a value for it where the frame stands now. The recovery
 * doesn't look at these locations at all, so what it says of that register on entry has to be the same
 * number, unless the function has given its parameter another value since: such functions are told by
 * their source (tests/unit/dis_assigned.h lists none: see assigned_since()).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <dwarf.h>
#include "engine/base/alloc.h"
#include "engine/dis/args.h"
#include "engine/kern/modules.h"
#include "engine/kern/tasks.h"
#include "engine/unwind/vars.h"

static const char *const kernels[] = {"6.1", "6.12", "7.2"};
static const char *const scenarios[] = {"fsfreeze", "sysrq", "many"};

struct figures {
	size_t frames, params, shown, equal, partial, differs, conflicts;
	size_t entry_known, entry_shown;
};

static struct session *open_lab(const char *kernel, const char *scenario)
{
	const char *lab = getenv("VMBROWSE_LAB");
	struct session *s = NULL;
	struct session_options opt = {.no_cache = true};

	if (!lab)
		return NULL;
	AUTO_FREE char *vmlinux = xasprintf("%s/kernels/%s/vmlinux", lab, kernel);
	AUTO_FREE char *core = xasprintf("%s/dumps/%s/%s/vmcore.zstd.d1", lab, kernel, scenario);
	const char *files[] = {vmlinux, core};
	if (access(vmlinux, R_OK) || access(core, R_OK))
		return NULL;
	assert_null(session_open(&opt, files, 2, NULL, &s));
	return s;
}

/* The register that the parameter of that name comes in, by DWARF's location at the function's first
 * instruction; *entry: its location now is the value on entry, in so many words. */
static bool entry_register(struct object *o, uint64_t die, uint64_t pc, const char *name, unsigned *reg,
			   bool *entry)
{
	Dwarf *dw = object_dwarf(o);
	Dwarf_Die f, p;
	Dwarf_Addr low;
	bool found = false;

	if (!dw || !dwarf_offdie(dw, die, &f) || dwarf_entrypc(&f, &low) || dwarf_child(&f, &p))
		return false;
	do {
		Dwarf_Attribute a;
		Dwarf_Op *ops;
		size_t n;
		const char *its = dwarf_diename(&p);
		if (dwarf_tag(&p) != DW_TAG_formal_parameter || !its || strcmp(its, name) ||
		    !dwarf_attr_integrate(&p, DW_AT_location, &a) ||
		    dwarf_getlocation_addr(&a, low, &ops, &n, 1) != 1 || n != 1 ||
		    ops[0].atom < DW_OP_reg0 || ops[0].atom > DW_OP_reg31)
			continue;
		*reg = ops[0].atom - DW_OP_reg0;
		*entry = dwarf_getlocation_addr(&a, pc - object_bias(o), &ops, &n, 1) == 1 && n &&
			 (ops[0].atom == DW_OP_entry_value || ops[0].atom == DW_OP_GNU_entry_value);
		found = true;
	} while (!found && !dwarf_siblingof(&p, &p));
	return found;
}

static bool var_number(struct session *s, const struct var *v, uint64_t *ret, size_t *size)
{
	*ret = 0;
	*size = v->type ? (size_t)type_size(v->type) : 0;
	if (!*size || *size > 8)
		return false;
	if (v->state == VAR_VALUE && v->size >= *size)
		memcpy(ret, v->bytes, *size);
	else if (v->state != VAR_MEMORY || !err_ok(mem_read(s->mem, KERNEL, v->addr, ret, *size)))
		return false;
	return true;
}

static uint64_t low(uint64_t v, unsigned bits)
{
	return bits >= 64 ? v : v & ((UINT64_C(1) << bits) - 1);
}

struct place_of {
	struct session *s;
	struct args *a;
	const struct task *t;
	size_t i;
	const struct line_scope *scope;
};

static void compare(const struct place_of *p, const struct stack *st, const struct var *v,
		    struct figures *f)
{
	const struct frame *fr = &st->frames[p->i];
	struct arg_value got;
	uint64_t want;
	unsigned reg;
	size_t size;
	bool entry;

	if (!v->is_param || !var_number(p->s, v, &want, &size))
		return;
	object_lock(fr->object);
	bool ok = entry_register(fr->object, p->scope->die, fr->exact ? fr->pc : fr->pc - 1, v->name,
				 &reg, &entry);
	object_unlock(fr->object);
	if (!ok)
		return;
	args_entry(p->a, p->i, reg, false, &got);
	f->params++;
	f->entry_known += entry;
	f->conflicts += got.conflict;
	if (getenv("DIS_MISSING") && got.bits < size * 8)
		print_message("missing: %d #%zu %s %s: %s [%s]\n", p->t->pid, p->i, p->scope->function, v->name, got.why, v->location);
	if (getenv("DIS_STEPS") && (got.conflict || (got.bits && low(want, got.bits) != low(got.value, got.bits & 32)))) {
		struct arg_value x;
		args_entry(p->a, p->i, reg, true, &x);
		print_message("%s %s want %llx got %llx %u\n", p->scope->function, v->name, (unsigned long long)want, (unsigned long long)x.value, x.bits);
		for (size_t i = 0; i < x.nsteps; i++)
			print_message("   %llx %s: %s\n", (unsigned long long)x.steps[i].pc, x.steps[i].text, x.steps[i].what);
		arg_value_free(&x);
	}
	if (!got.bits)
		return;
	unsigned bits = got.bits < size * 8 ? got.bits : (unsigned)size * 8;
	f->shown += bits == size * 8;
	f->entry_shown += entry && bits == size * 8;
	f->partial += bits < size * 8;
	if (low(want, bits) == low(got.value, bits)) {
		f->equal += bits == size * 8;
		return;
	}
	f->differs++;
	print_message("differs: %d %s #%zu %s: %s (%s) is 0x%llx, recovered 0x%llx (%u bits)\n",
		      p->t->pid, p->t->comm, p->i, p->scope->function, v->name, v->location,
		      (unsigned long long)want, (unsigned long long)got.value, got.bits);
}

static void one_stack(struct session *s, struct flow *flow, const struct task *t, struct figures *f)
{
	struct stack st;

	task_stack(s, t, 256, &st);
	struct args *a = args_create(flow, &st);
	for (size_t i = 0; i < st.n; i++) {
		const struct frame *fr = &st.frames[i];
		const struct line_scope *scopes;
		struct var *v;
		size_t ns, n;
		if (fr->user || !fr->object ||
		    !err_ok(lines_at(s->lines, fr->object, fr->exact ? fr->pc : fr->pc - 1, &scopes,
				     &ns)) ||
		    !err_ok(frame_vars(s->unwinder, s->lines, s->types, &st, i, ns - 1, false, &v,
				       &n)))
			continue;
		f->frames++;
		struct place_of p = {s, a, t, i, &scopes[ns - 1]};
		for (size_t k = 0; k < n; k++)
			compare(&p, &st, &v[k], f);
		free(v);
	}
	args_destroy(a);
	stack_free(&st);
}

static void recovered_arguments_are_right(void **state)
{
	bool any = false;

	(void)state;
	for (size_t k = 0; k < sizeof(kernels) / sizeof(kernels[0]); k++) {
		struct figures f = {0};
		for (size_t c = 0; c < sizeof(scenarios) / sizeof(scenarios[0]); c++) {
			struct session *s = open_lab(kernels[k], scenarios[c]);
			const struct tasks *tasks;
			if (!s)
				continue;
			any = true;
			assert_null(tasks_load(s, NULL, &tasks));
			struct dis *d = dis_create(s->mem, s->symtab);
			struct flow *flow = flow_create(d);
			for (size_t i = 0; i < tasks_count(tasks); i++)
				one_stack(s, flow, tasks_at(tasks, i), &f);
			flow_destroy(flow);
			dis_destroy(d);
			session_close(s);
		}
		print_message("%s: %zu frames, %zu parameters with a value by DWARF: %zu shown, "
			      "%zu equal, %zu partial, %zu differ, %zu conflicts; "
			      "entry_value: %zu of %zu\n",
			      kernels[k], f.frames, f.params, f.shown, f.equal, f.partial,
			      f.differs, f.conflicts, f.entry_shown, f.entry_known);
	}
	if (!any)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recovered_arguments_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
