/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thing under the cursor: in a few words in the last line, whole on one key. */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include <inttypes.h>
#include <string.h>

/* Where the row's link leads, else the place in memory that the row is about. False: nowhere. */
bool thing_under_cursor(struct app *a, struct ref *ret)
{
	struct view *v = app_view(a);
	const struct row *r = v ? view_current(v) : NULL;
	uint64_t addr;

	*ret = (struct ref){0};
	if (!r || !a->shell)
		return false;
	*ret = row_link(rows_table(v->run->rows, r), r);
	bool member = ret->kind == REF_OBJECT && strchr(ret->name, '.');
	if ((!ret->kind || member) && view_row_address(v, v->cursor_row, &addr))
		*ret = ref_addr(REF_MEM, addr);
	return ret->kind != REF_NONE;
}

void thing_settle(struct app *a)
{
	struct view *v = app_view(a);
	const struct row *r = v ? view_current(v) : NULL;
	struct ref ref = {0};

	if (!a->shell)
		return;
	if (r)
		ref = row_link(rows_table(v->run->rows, r), r);
	/* tasks and frames say themselves who they are; members of what is shown are where they are */
	bool itself = r && ref_equal(&ref, &r->ref) &&
		      (ref.kind == REF_TASK || ref.kind == REF_FRAME || ref.kind == REF_LOG);
	if (itself || (ref.kind == REF_OBJECT && strchr(ref.name, '.')))
		ref = (struct ref){0};
	a->dirty |= describer_settle(&a->describer, a->pool, a->shell, &ref);
}

static uint64_t address_of(const struct ref *r)
{
	return r->kind == REF_TASK || r->kind == REF_FRAME || r->kind == REF_OBJECT ||
			       r->kind == REF_MEM || r->kind == REF_SYM
		       ? r->addr
		       : 0;
}

/* The engine's word for it, in the inspector. */
void thing_identify(struct app *a)
{
	const struct cmd *what = cmd_find("what");
	AUTO_BUF struct buf line = {0};
	struct ref ref;

	if (!thing_under_cursor(a, &ref)) {
		app_say(a, STYLE_MESSAGE, "there is no address under the cursor");
		return;
	}
	/* not a longer name that begins like it */
	buf_printf(&line, "%s ", what && !strcmp(what->name, "what") ? "what" : "sym");
	if (address_of(&ref))
		buf_printf(&line, "0x%" PRIx64, address_of(&ref));
	else
		ref_print(&ref, &line);
	a->overlay_on = false;
	app_run(a, app_inspector(a), buf_str(&line), "", true);
	app_focus(a, app_inspector(a));
}
