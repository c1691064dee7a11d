/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following links, and what follows the cursors: the stack belongs to the task under the cursor,
 * the frame under the cursor is what commands mean.
 */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include "tui/cexpr.h"
#include "tui/view_list.h"
#include <inttypes.h>
#include <string.h>

#define TASKS_COMMAND "ps -B" /* blocked ones first */

/* ---- tasks and their stacks ---- */

void nav_load_tasks(struct app *a)
{
	struct view *old = pane_view(&a->panes[PANE_TASKS]), *v;
	const struct row *r = old ? view_current(old) : NULL;
	AUTO_FREE char *line = a->task_filter ? xasprintf(TASKS_COMMAND " %s", a->task_filter)
					      : xstrdup(TASKS_COMMAND);
	struct ref ref = r ? r->ref : (struct ref){0};

	v = app_run(a, PANE_TASKS, line, "", false);
	if (v && ref.kind)
		view_wish(v, WISH_REF, NULL, 0, &ref);
	if (v && old && old->sort_col != SIZE_MAX)
		view_sort(v, a->pool, old->sort_col, old->sort_descending);
}

/* push: a link led to it, so there is a way back to the stack before. */
static struct view *load_stack(struct app *a, uint64_t task, bool push)
{
	AUTO_FREE char *line = xasprintf("bt %s%s0x%" PRIx64, a->all_vars ? "-V " : "-P ",
					 a->no_inlined ? "-I " : "", task);

	a->followed = task;
	a->ctx = (struct context){.task = ref_addr(REF_TASK, task)};
	return app_run(a, PANE_BT, line, "", push);
}

void nav_stack(struct app *a)
{
	struct context at = a->ctx;
	struct view *v = a->followed ? load_stack(a, a->followed, false) : NULL;
	struct ref frame = ref_frame(at.task.addr, at.frame, at.level);

	if (v)
		view_wish(v, WISH_REF, NULL, 0, &frame);
}

/* Puts the cursor of the tasks on it where it is listed; its stack is shown in any case. */
static struct view *select_task(struct app *a, uint64_t task)
{
	struct view *v = pane_view(&a->panes[PANE_TASKS]);
	struct ref ref = ref_addr(REF_TASK, task);

	struct view *stack = load_stack(a, task, true); /* first: it notes where the cursor was */
	for (size_t i = 0; v && i < v->nrows; i++)
		if (ref_equal(&view_row(v, i)->ref, &ref)) {
			view_to_row(v, i);
			a->cursor_task = task;
			break;
		}
	if (v && view_current(v) && !ref_equal(&view_current(v)->ref, &ref) && a->task_filter)
		app_say(a, STYLE_MESSAGE, "this task is not among those that the filter shows");
	a->overlay_on = false;
	app_focus(a, PANE_BT);
	return stack;
}

static size_t frame_row(const struct view *v)
{
	size_t row = v->cursor_row, parent;

	while (row != NO_ROW && (parent = view_parent(v, row)) != NO_ROW)
		row = parent;
	return row;
}

static void settle_context(struct app *a)
{
	struct view *v = pane_view(&a->panes[PANE_BT]);
	const struct row *r = v && v->cursor_row != NO_ROW ? view_row(v, frame_row(v)) : NULL;

	if (!r || r->ref.kind != REF_FRAME || r->ref.addr != a->ctx.task.addr)
		return;
	a->ctx.frame = (unsigned)(r->ref.aux >> 16);
	a->ctx.level = (unsigned)(r->ref.aux & 0xffff);
}

/* A command of an inspector may have chosen another task (`set`) or frame (`frame`). */
static void settle_set(struct app *a, enum pane_id id)
{
	struct view *v = pane_view(&a->panes[id]), *stack = pane_view(&a->panes[PANE_BT]);

	if (!v || !work_done(&v->run->work))
		return;
	struct context was = v->ctx, now = v->run->ctx;
	v->ctx = now;
	if (was.task.addr != now.task.addr) {
		select_task(a, now.task.addr);
		app_focus(a, id);
	} else if ((was.frame != now.frame || was.level != now.level) && stack) {
		struct ref frame = ref_frame(now.task.addr, now.frame, now.level);
		for (size_t i = 0; i < stack->nrows; i++)
			if (ref_equal(&view_row(stack, i)->ref, &frame))
				view_to_row(stack, i);
	}
}

static void put_field(const struct view *v, const struct row *r, const char *key,
		      const char *before, struct buf *out)
{
	size_t col = table_column(view_heading(v)->table, key);

	if (col == SIZE_MAX)
		return;
	buf_puts(out, before);
	cell_print(&r->cells[col], out);
}

/* Whose stack it is: as the list of tasks has it, else as the engine knows it. */
static void describe_task(struct app *a, const struct ref *task, struct buf *out)
{
	const struct view *v = pane_view(&a->panes[PANE_TASKS]);
	const struct row *r = v ? view_current(v) : NULL;

	if (!r || !ref_equal(&r->ref, task)) {
		shell_describe(a->shell, task, out);
		return;
	}
	put_field(v, r, "pid", "PID ", out);
	put_field(v, r, "comm", "  ", out);
	put_field(v, r, "state", "  ", out);
	put_field(v, r, "since_ns", " ", out);
	put_field(v, r, "cpu", "  CPU ", out);
}

/* The title of the stack says whose it is. */
static void settle_subject(struct app *a)
{
	struct pane *p = &a->panes[PANE_BT];
	const struct view *v = pane_view(p);
	struct buf text = {0};

	if (!v || p->described == v || view_loading(v))
		return;
	p->described = v;
	describe_task(a, &v->ctx.task, &text);
	free(p->subject);
	p->subject = text.len ? buf_steal(&text) : NULL;
	buf_free(&text);
	a->dirty = true;
}

void nav_settle(struct app *a)
{
	struct view *v = pane_view(&a->panes[PANE_TASKS]);
	const struct row *r = v && v->wish == WISH_NONE ? view_current(v) : NULL;

	/* only a cursor that has moved asks: a link may have led to the stack of another task */
	if (r && r->ref.kind == REF_TASK && r->ref.addr != a->cursor_task) {
		a->cursor_task = r->ref.addr;
		if (a->followed != r->ref.addr)
			load_stack(a, r->ref.addr, false);
	}
	settle_set(a, PANE_INSPECTOR);
	settle_set(a, PANE_SECOND);
	settle_context(a);
	settle_subject(a);
}

/* ---- links ---- */

/* The same rows seen anew, so that the view that is left stays as it was. */
static void open_log(struct app *a, uint64_t seq)
{
	struct pane *p = &a->panes[PANE_LOG];
	struct view *v = pane_view(p);

	if (v && v->finished && !p->next.view) {
		v = view_create((struct run *)work_ref(&v->run->work), "");
		app_show(a, PANE_LOG, v, true);
	} else if (p->next.view) {
		v = p->next.view;
	}
	if (v)
		view_wish(v, WISH_LOG, NULL, seq, NULL);
	app_focus(a, PANE_LOG);
}

static void open_frame(struct app *a, const struct ref *r)
{
	struct view *v = select_task(a, r->addr);

	if (v)
		view_wish(v, WISH_REF, NULL, 0, r);
}

/* "m > mnt_sb" and "s_writers" make "m > mnt_sb > s_writers". */
static char *longer_crumbs(struct app *a, const char *label)
{
	struct view *v = app_view(a);
	const struct heading *h = v ? view_heading(v) : NULL;
	bool inside = v && pane_is_inspector(app_pane(a));

	if (inside && v->crumbs[0])
		return xasprintf("%s > %s", v->crumbs, label);
	if (inside && h && h->ref.kind == REF_OBJECT)
		return xasprintf("%s > %s", h->ref.name, label);
	return xstrdup(label);
}

void nav_open_ref(struct app *a, const struct ref *r, const char *label)
{
	AUTO_BUF struct buf line = {0};

	switch (r->kind) {
	case REF_TASK:
		select_task(a, r->addr);
		return;
	case REF_LOG:
		open_log(a, r->addr);
		return;
	case REF_FRAME:
		open_frame(a, r);
		return;
	case REF_SYM: /* what it is takes a look into the symbol table: the command's thread does
			 that */
		ref_print(r, &line);
		break;
	default:
		if (!a->shell || !shell_command_for(a->shell, r, &line)) {
			AUTO_BUF struct buf text = {0};
			ref_print(r, &text);
			app_say(a, STYLE_MESSAGE, "no view shows %s yet", buf_str(&text));
			return;
		}
	}
	AUTO_FREE char *crumbs = longer_crumbs(a, label);
	struct view *from = a->overlay_on ? NULL : app_view(a);
	char *path = from ? cexpr_follow(from, from->cursor_row, r) : NULL;
	a->overlay_on = false;
	struct view *v = app_run(a, app_inspector(a), buf_str(&line), crumbs, true);
	v->path = path;
	app_focus(a, app_inspector(a));
}

static bool runs_its_key(const char *table)
{
	return !strcmp(table, "keys") || !strcmp(table, "history");
}

/* A row of the list of keys runs its command. */
static void follow_in_overlay(struct app *a, const struct view *v, const struct row *r)
{
	struct ref ref = row_link(rows_table(v->run->rows, r), r);

	if (ref.kind) {
		a->overlay_on = false;
		nav_open_ref(a, &ref, r->key ? r->key : "link");
	} else if (runs_its_key(view_heading(v)->table->name) && r->key && r->key[0]) {
		AUTO_FREE char *command = xstrdup(r->key);
		a->overlay_on = false;
		command_run(a, command);
	}
}

/* What a step is called in the breadcrumb: the row's name, unless that is but a number or an address. */
static const char *step_name(const struct row *r, const struct ref *to)
{
	const char *key = r->key ? r->key : "";

	bool number = !key[strspn(key, "0123456789abcdefx")] && strpbrk(key, "0123456789");

	if (*key && !number)
		return key;
	if (to->kind == REF_OBJECT)
		return !strncmp(to->name, "struct ", 7) ? to->name + 7 : to->name;
	return "link";
}

void nav_follow(struct app *a)
{
	struct pane *p = app_pane(a);
	struct view *v = app_view(a);
	const struct row *r = v ? view_current(v) : NULL;

	if (p->next.view) {
		app_say(a, STYLE_MESSAGE, "still loading; these are the rows before");
		return;
	}
	if (!r) {
		app_say(a, STYLE_MESSAGE, "there is nothing to follow");
		return;
	}
	if (a->overlay_on) {
		follow_in_overlay(a, v, r);
		return;
	}
	if (r->key && !strcmp(view_heading(v)->table->name, "marks")) {
		mark_jump(a, r->key);
		return;
	}
	struct ref ref = row_link(rows_table(v->run->rows, r), r);
	bool deeper = view_has_deeper(v, v->cursor_row);
	if (p->id == PANE_BT && r->ref.kind == REF_FRAME) /* the cursor has chosen it already */
		ref.kind = REF_NONE;
	if (ref.kind)
		nav_open_ref(a, &ref, step_name(r, &ref));
	else if (deeper)
		view_toggle(v, v->cursor_row);
	else
		app_say(a, STYLE_MESSAGE,
			p->id == PANE_BT ? "no variables are known in this frame"
					 : "this row leads nowhere");
}

/* ---- back and forward ---- */

/* What the tasks looked like while a visit was shown is part of it: a link may move their cursor. */
void visit_leave(struct app *a, struct pane *p)
{
	struct visit *visit = pane_visit(p);
	const struct view *tasks = pane_view(&a->panes[PANE_TASKS]);

	if (visit && tasks)
		visit->tasks = (struct spot){tasks->run, tasks->cursor_row, tasks->top};
}

static void tasks_as_they_were(struct app *a, const struct spot *spot)
{
	struct view *v = pane_view(&a->panes[PANE_TASKS]);

	if (!v || v->run != spot->run || spot->row >= v->nrows)
		return;
	view_to_row(v, spot->row);
	v->top = spot->top;
	if (view_current(v))
		a->cursor_task = view_current(v)->ref.addr;
}

/* Has the command of the visit been run before a vmlinux came? */
static bool outdated(const struct app *a, const struct visit *visit)
{
	return visit->view && visit->generation != a->generation && view_can_run_again(visit->view);
}

/* Runs the command of what the pane shows again; everything stays in its place. */
static void run_again(struct app *a, struct pane *p)
{
	struct visit visit = *pane_visit(p);
	struct view *was = visit.view;

	visit.past = NULL;
	visit.view = past_run(past_of(was), a->pool, a->shell);
	view_hand_twin(was, visit.view);
	visit.generation = a->generation;
	pane_open(p, &visit, false);
	a->dirty = true;
}

static void visit_arrive(struct app *a, struct pane *p)
{
	struct visit *visit = pane_visit(p);

	if (!visit->view) {
		visit->view = past_run(visit->past, a->pool, a->shell);
		visit->past = NULL;
		visit->generation = a->generation;
	}
	if (outdated(a, visit))
		run_again(a, p);
	if (p->id != PANE_BT)
		return;
	a->followed = visit->view->ctx.task.addr;
	a->ctx = visit->view->ctx;
	tasks_as_they_were(a, &visit->tasks);
}

void nav_back(struct app *a)
{
	struct pane *p = app_pane(a);
	const struct visit *visit = p->next.view ? &p->next : pane_visit(p);

	if (a->overlay_on) {
		a->overlay_on = false;
		return;
	}
	enum pane_id from = visit ? visit->from : p->id;
	visit_leave(a, p);
	if (!pane_back(p)) {
		app_say(a, STYLE_MESSAGE, "this is where it began");
		return;
	}
	visit_arrive(a, p);
	if (from != PANE_SECOND || a->split)
		app_focus(a, from);
}

/* The link that was followed first from here: in this pane, or into another one. */
void nav_forward(struct app *a)
{
	struct pane *best = NULL;

	for (int i = 0; i < PANES && !a->overlay_on; i++) {
		struct pane *p = &a->panes[i];
		if (p->at + 1 >= p->n || p->hist[p->at + 1].from != a->focus ||
		    (i == PANE_SECOND && !a->split))
			continue;
		if (!best || p->hist[p->at + 1].seq < best->hist[best->at + 1].seq)
			best = p;
	}
	if (!best) {
		app_say(a, STYLE_MESSAGE, "there is nothing ahead");
		return;
	}
	visit_leave(a, best);
	pane_forward(best);
	visit_arrive(a, best);
	app_focus(a, best->id);
}

void nav_reload(struct app *a)
{
	if (app_view(a) && !a->overlay_on && a->shell)
		run_again(a, app_pane(a));
}

/* A vmlinux has come: what is shown may tell more now. What lies in the histories waits until somebody goes
 * back to it. */
void nav_settle_generation(struct app *a)
{
	if (!a->shell || a->generation == shell_generation(a->shell))
		return;
	a->generation = shell_generation(a->shell);
	a->headline = shell_headline(a->shell);
	a->dirty = true;
	for (int i = 0; i < PANES; i++) {
		struct visit *visit = pane_visit(&a->panes[i]);
		if (visit && !a->panes[i].next.view && outdated(a, visit))
			run_again(a, &a->panes[i]);
	}
}
