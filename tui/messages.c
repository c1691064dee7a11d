/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "tui/app.h"
#include <stdarg.h>

#define SHOWN_NS 5000000000u

void app_say(struct app *a, enum style style, const char *fmt, ...)
{
	AUTO_BUF struct buf raw = {0};
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&raw, fmt, ap);
	va_end(ap);
	buf_put_safe(&text, buf_str(&raw), raw.len);
	size_t i = a->nmessages++ % MESSAGES;
	free(a->messages[i].text);
	a->messages[i].text = buf_steal(&text);
	a->messages[i].style = style;
	a->message_until = clock_ns() + SHOWN_NS;
	a->dirty = true;
}

void app_say_error(struct app *a, struct err *e)
{
	if (!e)
		return;
	app_say(a, STYLE_ERROR, "%s", err_text(e));
	err_free(e);
}

const char *app_message(const struct app *a, enum style *style)
{
	size_t i = (a->nmessages + MESSAGES - 1) % MESSAGES;

	if (!a->nmessages || clock_ns() >= a->message_until)
		return NULL;
	*style = a->messages[i].style;
	return a->messages[i].text;
}
