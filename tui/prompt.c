/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line is short, so every edit makes it anew. The history's file is only ever appended to, so
 * that two programs can share it, and rewritten when it has grown to twice what is kept.
 */
#include "tui/prompt.h"
#include "engine/base/alloc.h"
#include "engine/base/utf8.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP_LINES 1000

/* ---- history ---- */

static void push_line(struct history *h, char *line)
{
	for (size_t i = 0; i < h->n; i++) /* a line is kept once, where it was used last */
		if (!strcmp(h->v[i], line)) {
			free(h->v[i]);
			memmove(&h->v[i], &h->v[i + 1], (h->n - i - 1) * sizeof(*h->v));
			h->n--;
			break;
		}
	if (h->n >= KEEP_LINES) {
		free(h->v[0]);
		memmove(&h->v[0], &h->v[1], (h->n - 1) * sizeof(*h->v));
		h->n--;
	}
	GROW(h->v, h->n, h->cap);
	h->v[h->n++] = line;
}

/* Writes the file anew when it has grown to twice what is kept. */
static void compact(const struct history *h)
{
	AUTO_FREE char *tmp = xasprintf("%s.new", h->path);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (size_t i = 0; i < h->n; i++)
		fprintf(f, "%s\n", h->v[i]);
	bool ok = !ferror(f);
	if (fclose(f) || !ok || rename(tmp, h->path))
		unlink(tmp);
}

void history_load(struct history *h, const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	char *line = NULL;
	size_t cap = 0, count = 0;

	*h = (struct history){.path = path ? xstrdup(path) : NULL};
	while (f && getline(&line, &cap, f) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strchr(":/&", line[0]) && line[0] && line[1]) {
			push_line(h, xstrdup(line));
			count++;
		}
	}
	free(line);
	if (f)
		fclose(f);
	if (count > 2 * KEEP_LINES)
		compact(h);
}

void history_add(struct history *h, char kind, const char *line)
{
	if (!*line || strchr(line, '\n'))
		return;
	char *entry = xasprintf("%c%s", kind, line);
	int fd = h->path ? open(h->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (fd >= 0) {
		dprintf(fd, "%s\n", entry);
		close(fd);
	}
	push_line(h, entry);
}

void history_free(struct history *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->v[i]);
	free(h->v);
	free(h->path);
	*h = (struct history){0};
}

/* ---- the line ---- */

void prompt_init(struct prompt *p, char kind, const char *text, struct history *h)
{
	*p = (struct prompt){.kind = kind, .history = h, .at = h ? h->n : 0};
	prompt_set(p, text ? text : "");
}

void prompt_free(struct prompt *p)
{
	buf_free(&p->text);
	buf_free(&p->wanted);
	free(p->killed);
	free(p->draft);
	*p = (struct prompt){0};
}

const char *prompt_text(const struct prompt *p)
{
	return buf_str(&p->text);
}

void prompt_set(struct prompt *p, const char *text)
{
	buf_clear(&p->text);
	buf_puts(&p->text, text);
	p->cursor = p->text.len;
}

/* Puts n bytes in the place of those from a to b; the cursor goes behind them. */
static void substitute(struct prompt *p, size_t a, size_t b, const char *s, size_t n)
{
	struct buf now = {0};

	buf_put(&now, buf_str(&p->text), a);
	buf_put(&now, s, n);
	buf_puts(&now, buf_str(&p->text) + b);
	buf_free(&p->text);
	p->text = now;
	p->cursor = a + n;
}

/* Where the character before `at` begins. */
static size_t before(const struct buf *text, size_t at)
{
	if (at)
		at--;
	while (at && ((unsigned char)text->p[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static size_t after(const struct prompt *p, size_t at)
{
	if (at < p->text.len)
		at++;
	while (at < p->text.len && ((unsigned char)p->text.p[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static bool word_byte(const struct prompt *p, size_t at)
{
	unsigned char c = (unsigned char)p->text.p[at];
	return c >= 0x80 || c == '_' || (c >= '0' && c <= '9') ||
	       ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static size_t word_left(const struct prompt *p)
{
	size_t at = p->cursor;

	while (at && !word_byte(p, at - 1))
		at--;
	while (at && word_byte(p, at - 1))
		at--;
	return at;
}

static size_t word_right(const struct prompt *p)
{
	size_t at = p->cursor;

	while (at < p->text.len && !word_byte(p, at))
		at++;
	while (at < p->text.len && word_byte(p, at))
		at++;
	return at;
}

/* ^W goes by blanks, as in a shell. */
static size_t blank_left(const struct prompt *p)
{
	size_t at = p->cursor;

	while (at && p->text.p[at - 1] == ' ')
		at--;
	while (at && p->text.p[at - 1] != ' ')
		at--;
	return at;
}

static void cut_out(struct prompt *p, size_t a, size_t b)
{
	if (a == b)
		return;
	free(p->killed);
	p->killed = xstrndup(p->text.p + a, b - a);
	substitute(p, a, b, "", 0);
}

void prompt_insert_text(struct prompt *p, const char *text)
{
	substitute(p, p->cursor, p->cursor, text, strlen(text));
}

void prompt_replace(struct prompt *p, size_t start, const char *text)
{
	if (start <= p->cursor)
		substitute(p, start, p->cursor, text, strlen(text));
}

/* ---- history keys ---- */

static bool fits(const struct prompt *p, size_t i, const char *prefix)
{
	const char *line = p->history->v[i];
	return line[0] == p->kind && !strncmp(line + 1, prefix, strlen(prefix));
}

/* Older or newer lines that begin with what was typed. */
static void history_step(struct prompt *p, bool older)
{
	size_t i = p->at;

	if (!p->history)
		return;
	if (p->at >= p->history->n) {
		free(p->draft);
		p->draft = xstrdup(prompt_text(p));
	}
	while (older ? i > 0 : i < p->history->n) {
		i = older ? i - 1 : i + 1;
		if (i == p->history->n) {
			p->at = i;
			prompt_set(p, p->draft ? p->draft : "");
			return;
		}
		if (!fits(p, i, p->draft ? p->draft : ""))
			continue;
		p->at = i;
		prompt_set(p, p->history->v[i] + 1);
		return;
	}
}

/* ^R: the newest line before `from` with the wanted text in it. */
static void search_back(struct prompt *p, size_t from)
{
	for (size_t i = from; p->history && i-- > 0;) {
		const char *line = p->history->v[i];
		if (line[0] != p->kind || !strstr(line + 1, buf_str(&p->wanted)))
			continue;
		p->at = i;
		prompt_set(p, line + 1);
		return;
	}
}

static void history_search(struct prompt *p)
{
	if (p->searching) {
		search_back(p, p->at);
		return;
	}
	p->searching = true;
	buf_clear(&p->wanted);
	p->at = p->history ? p->history->n : 0;
}

void prompt_insert(struct prompt *p, uint32_t cp)
{
	char utf8[5];
	size_t n = utf8_encode(cp, utf8);

	utf8[n] = '\0';
	if (p->searching) {
		buf_puts(&p->wanted, utf8);
		search_back(p, p->history ? p->history->n : 0);
		return;
	}
	prompt_insert_text(p, utf8);
}

/* ---- by name ---- */

enum edit {
	LEFT,
	RIGHT,
	HOME,
	END,
	WORD_LEFT,
	WORD_RIGHT,
	BACKSPACE,
	DELETE,
	KILL_WORD_LEFT,
	KILL_WORD_RIGHT,
	KILL_BLANK,
	KILL_START,
	KILL_END,
	YANK,
	OLDER,
	NEWER,
	SEARCH,
	EDITS
};

static const char *const names[] = {
	[LEFT] = "left",
	[RIGHT] = "right",
	[HOME] = "home",
	[END] = "end",
	[WORD_LEFT] = "word-left",
	[WORD_RIGHT] = "word-right",
	[BACKSPACE] = "backspace",
	[DELETE] = "delete",
	[KILL_WORD_LEFT] = "kill-word-left",
	[KILL_WORD_RIGHT] = "kill-word-right",
	[KILL_BLANK] = "kill-blank",
	[KILL_START] = "kill-start",
	[KILL_END] = "kill-end",
	[YANK] = "yank",
	[OLDER] = "history-prev",
	[NEWER] = "history-next",
	[SEARCH] = "history-search",
	"accept",
	"abort",
	"complete",
	"complete-prev",
	"paste",
};

const char *prompt_edit_name(size_t i)
{
	return i < sizeof(names) / sizeof(*names) ? names[i] : NULL;
}

static void erase(struct prompt *p, enum edit what)
{
	switch (what) {
	case BACKSPACE:
		substitute(p, before(&p->text, p->cursor), p->cursor, "", 0);
		break;
	case DELETE: {
		size_t at = p->cursor;
		substitute(p, at, after(p, at), "", 0);
		break;
	}
	case KILL_WORD_LEFT:
		cut_out(p, word_left(p), p->cursor);
		break;
	case KILL_WORD_RIGHT:
		cut_out(p, p->cursor, word_right(p));
		break;
	case KILL_BLANK:
		cut_out(p, blank_left(p), p->cursor);
		break;
	case KILL_START:
		cut_out(p, 0, p->cursor);
		break;
	default:
		cut_out(p, p->cursor, p->text.len);
		break;
	}
}

static void edit(struct prompt *p, enum edit what)
{
	switch (what) {
	case LEFT:
		p->cursor = before(&p->text, p->cursor);
		break;
	case RIGHT:
		p->cursor = after(p, p->cursor);
		break;
	case HOME:
		p->cursor = 0;
		break;
	case END:
		p->cursor = p->text.len;
		break;
	case WORD_LEFT:
		p->cursor = word_left(p);
		break;
	case WORD_RIGHT:
		p->cursor = word_right(p);
		break;
	case YANK:
		if (p->killed)
			prompt_insert_text(p, p->killed);
		break;
	case OLDER:
		history_step(p, true);
		break;
	case NEWER:
		history_step(p, false);
		break;
	case SEARCH:
		history_search(p);
		break;
	default:
		erase(p, what);
		break;
	}
}

bool prompt_edit(struct prompt *p, const char *what)
{
	for (int i = 0; i < EDITS; i++) {
		if (strcmp(names[i], what))
			continue;
		if (p->searching && i == BACKSPACE) {
			if (p->wanted.len) /* a character, not a byte of it */
				p->wanted.p[p->wanted.len = before(&p->wanted, p->wanted.len)] = '\0';
			search_back(p, p->history ? p->history->n : 0);
			return true;
		}
		if (i != SEARCH)
			p->searching = false;
		edit(p, (enum edit)i);
		return true;
	}
	return false;
}
