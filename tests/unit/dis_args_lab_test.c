/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves, on all of the lab's dumps, that recovered arguments are right, and counts how many there
 * are.
 *
 * The truth is DWARF's. A parameter counts when its location at the function's first instruction is
 * the register that it came in, and DWARF has a value for it where the frame stands now. The
 * recovery looks at none of these locations, so what it says of that register on entry has to be
 * the same number: unless the function assigns something else to its parameter, which its source
 * tells.
 *
 * The same once more without what the unwinder knows of registers by CFI: then the registers that
 * calls preserve come from the data flow, too.
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
#include <dirent.h>
#include <dwarf.h>
#include <regex.h>
#include "engine/base/alloc.h"
#include "engine/dis/args.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/task/tasks.h"
#include "engine/unwind/vars.h"

static const char *const kernels[] = {"5.10", "6.1", "6.12", "7.2"};
/* of every scenario: all of the guest's pages, what the usual filter leaves of them, a running guest */
static const char *const formats[] = {"zstd.d1", "lzo", "qemu.elf"};

struct figures {
	size_t dumps, frames, params, shown, partial, assigned, wrong, conflicts;
};

static struct session *open_lab(const char *kernel, const char *scenario, const char *format)
{
	const char *lab = getenv("VMBROWSE_LAB");
	struct session *s = NULL;
	struct session_options opt = {.no_cache = true};

	if (!lab)
		return NULL;
	AUTO_FREE char *vmlinux = xasprintf("%s/kernels/%s/vmlinux", lab, kernel);
	AUTO_FREE char *core = xasprintf("%s/dumps/%s/%s/vmcore.%s", lab, kernel, scenario, format);
	const char *files[] = {vmlinux, core};
	if (access(vmlinux, R_OK) || access(core, R_OK))
		return NULL;
	assert_null(session_open(&opt, files, 2, NULL, &s));
	return s;
}

/* The register that the parameter of that name comes in, by DWARF's location at the function's
 * first instruction. */
static bool entry_register(struct object *o, uint64_t die, const char *name, unsigned *reg)
{
	Dwarf *dw = object_dwarf(o);
	Dwarf_Die f, p;
	Dwarf_Addr low;

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
		return true;
	} while (!dwarf_siblingof(&p, &p));
	return false;
}

/* Does the function's source assign to the parameter? Reads the lab's copy of the file from the
 * line where the function begins (its name in the first column's word, a '(' behind it) to its
 * closing '}'. */
static bool assigned_since(const char *kernel, const struct line_scope *scope, const char *name)
{
	AUTO_FREE char *path =
		xasprintf("%s/kernels/%s/src/%s", getenv("VMBROWSE_LAB"), kernel, scope->file);
	AUTO_FREE char *pattern =
		xasprintf("(^|[^.>_[:alnum:]])%s[[:space:]]*([-+*/|&^%%]|<<|>>)?=[^=]|"
			  "(\\+\\+|--)%s([^_[:alnum:]]|$)|[^_[:alnum:]]%s(\\+\\+|--)",
			  name, name, name);
	AUTO_FREE char *head = xasprintf("%s(", scope->function);
	FILE *f = fopen(path, "r");
	bool inside = false, found = false;
	char line[512];
	regex_t re;

	if (!f)
		return false;
	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	while (!found && fgets(line, sizeof(line), f)) {
		if (line[0] == '}')
			inside = false;
		else if (line[0] > ' ' && strstr(line, head))
			inside = true;
		found = inside && !regexec(&re, line, 0, NULL, 0);
	}
	regfree(&re);
	fclose(f);
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

/* What a comparison is about. */
struct about {
	const char *kernel;
	struct session *s;
	const struct task *t;
	struct args *args;
	const struct stack *st;
	size_t i;
	const struct line_scope *scope;
	struct figures *f;
};

static void compare(const struct about *p, const struct var *v)
{
	const struct frame *fr = &p->st->frames[p->i];
	struct figures *f = p->f;
	struct arg_value got;
	uint64_t want;
	unsigned reg;
	size_t size;

	if (!v->is_param || !var_number(p->s, v, &want, &size))
		return;
	object_lock(fr->object);
	bool ok = entry_register(fr->object, p->scope->die, v->name, &reg);
	object_unlock(fr->object);
	if (!ok)
		return;
	args_entry(p->args, p->i, reg, false, &got);
	f->params++;
	f->conflicts += got.conflict;
	if (!got.bits)
		return;
	unsigned bits = got.bits < size * 8 ? got.bits : (unsigned)size * 8;
	f->shown += bits == size * 8;
	f->partial += bits < size * 8;
	if (low(want, bits) == low(got.value, bits))
		return;
	if (assigned_since(p->kernel, p->scope, v->name)) {
		f->assigned++;
		return;
	}
	f->wrong++;
	print_message("%s: pid %d %s #%zu %s: %s (%s) is 0x%llx, recovered 0x%llx (%u bits)\n",
		      p->kernel, p->t->pid, p->t->comm, p->i, p->scope->function, v->name,
		      v->location, (unsigned long long)want, (unsigned long long)got.value,
		      got.bits);
}

/* The truth is taken from the stack as it is, the recovery works on `blind` where that is given. */
static void one_stack(struct about *p, const struct stack *truth, const struct stack *blind)
{
	p->st = truth;
	p->args = args_create(p->s->flow, blind);
	for (p->i = 0; p->i < truth->n; p->i++) {
		const struct frame *fr = &truth->frames[p->i];
		const struct line_scope *scopes;
		struct var *v;
		size_t ns, n;
		if (fr->user || !fr->object ||
		    !err_ok(lines_at(p->s->lines, fr->object, fr->exact ? fr->pc : fr->pc - 1,
				     &scopes, &ns)))
			continue;
		const struct frame_scope at = {p->s->unwinder, p->s->lines, p->s->types, truth, p->i, ns - 1};
		if (!err_ok(frame_vars(&at, false, &v, &n)))
			continue;
		p->f->frames++;
		p->scope = &scopes[ns - 1];
		for (size_t k = 0; k < n; k++)
			compare(p, &v[k]);
		free(v);
	}
	args_destroy(p->args);
}

/* All registers but pc and sp are forgotten in the frames above the innermost. */
static void make_blind(const struct stack *st, struct stack *ret)
{
	*ret = (struct stack){.frames = xcalloc(st->n ? st->n : 1, sizeof(*st->frames)),
			      .n = st->n};
	if (st->n)
		memcpy(ret->frames, st->frames, st->n * sizeof(*st->frames));
	for (size_t i = 1; i < st->n; i++)
		if (!st->frames[i].exact)
			ret->frames[i].regs.known = 0;
}

static void one_dump(const char *kernel, struct session *s, struct figures *f,
		     struct figures *by_flow)
{
	const struct modules *modules;
	const struct tasks *tasks;

	err_free(modules_load(s, NULL, &modules));
	assert_null(tasks_load(s, NULL, &tasks));
	for (size_t i = 0; i < tasks_count(tasks); i++) {
		struct about p = {.kernel = kernel, .s = s, .t = tasks_at(tasks, i), .f = f};
		struct stack st, blind;
		task_stack(s, p.t, 256, &st);
		make_blind(&st, &blind);
		one_stack(&p, &st, &st);
		p.f = by_flow;
		one_stack(&p, &st, &blind);
		stack_free(&blind);
		stack_free(&st);
	}
}

static void report(const char *kernel, const char *how, const struct figures *f)
{
	print_message(
		"# %s, %s: %zu dumps, %zu frames, %zu parameters whose value DWARF knows: %zu shown "
		"(%zu %%), %zu of them wrong; %zu in part; %zu assigned since; %zu contradictions\n",
		kernel, how, f->dumps, f->frames, f->params, f->shown, f->shown * 100 / f->params, f->wrong,
		f->partial, f->assigned, f->conflicts);
	assert_int_equal(f->wrong, 0);
	assert_int_equal(f->conflicts, 0);
	assert_in_range(f->shown, f->params * 6 / 10, f->params);
}

static void one_kernel(const char *kernel, struct figures *f, struct figures *by_flow)
{
	AUTO_FREE char *path = xasprintf("%s/dumps/%s", getenv("VMBROWSE_LAB"), kernel);
	const size_t n = sizeof(formats) / sizeof(formats[0]);
	DIR *dir = opendir(path);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		/* as many tasks as ten times `many`, doing the same */
		if (d->d_name[0] == '.' || !strcmp(d->d_name, "many10k"))
			continue;
		for (size_t i = 0; i < n; i++) {
			struct session *s = open_lab(kernel, d->d_name, formats[i]);
			if (!s)
				continue;
			one_dump(kernel, s, f, by_flow);
			session_close(s);
			f->dumps++;
			by_flow->dumps++;
		}
	}
	if (dir)
		closedir(dir);
}

static void recovered_arguments_are_right(void **state)
{
	bool any = false;

	(void)state;
	for (size_t k = 0; getenv("VMBROWSE_LAB") && k < sizeof(kernels) / sizeof(kernels[0]);
	     k++) {
		struct figures f = {0}, by_flow = {0};
		one_kernel(kernels[k], &f, &by_flow);
		if (!f.params)
			continue;
		any = true;
		report(kernels[k], "with CFI", &f);
		report(kernels[k], "by data flow alone", &by_flow);
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
