/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An object's members under a row of another table: `list -s TYPE`, `vm -v`. */
#include "engine/cmd/show.h"

struct child_sink {
	struct sink sink; /* first: the sink is this */
	struct sink *out;
};

static struct err *child_row(struct sink *s, const struct row *r)
{
	struct row row = *r;

	row.child = true;
	return sink_row(((struct child_sink *)s)->out, &row);
}

static void child_note(struct sink *s, enum role role, const char *text)
{
	sink_note(((struct child_sink *)s)->out, role, "%s", text);
}

struct err *show_children(const struct cmd_call *c, const struct show_object *o,
			  const struct show_style *style)
{
	struct child_sink sink = {.sink = {.row = child_row, .note = child_note}, .out = c->out};
	struct cmd_call under = *c;

	under.out = &sink.sink;
	return show_object(&under, o, style);
}
