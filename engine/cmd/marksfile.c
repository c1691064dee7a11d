/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file is text, a line a mark with its fields between tabs, so that it can be read, mended and sent to
 * a colleague. Before a mark is written the file is read again, because another window may have the same
 * dump open; it is written beside and renamed, so that there is always a whole one. Lines that make no
 * sense are kept as they are.
 */
#include "engine/cmd/marksfile.h"
#include "engine/base/alloc.h"
#include "engine/base/xdg.h"
#include "engine/dump/vmcoreinfo.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE (1u << 20) /* bytes */
#define MAX_LETTERS 128
#define FIRST_LINE "# vmbrowse marks 1"

struct marks {
	pthread_mutex_t lock;
	char id[24];
	char *head;			    /* second line of the file, for people */
	bool read;			    /* the file has been */
	struct mark v[MAX_LETTERS];	    /* letter 0: none */
	struct buf strange;		    /* lines that make no sense, as they are */
	unsigned nstrange;
	char *trouble;			    /* why the file can't be read; NULL: it can */
};

/* ---- which dump ---- */

/* FNV-1a */
static uint64_t hash(uint64_t h, const void *p, size_t n)
{
	for (const unsigned char *c = p; n--; c++)
		h = (h ^ *c) * 0x100000001b3u;
	return h;
}

static void identify(struct marks *m, const struct dump *d)
{
	const struct dump_info *info = dump_info(d);
	const char *text = vmcoreinfo_text(dump_vmcoreinfo(d));
	const char *release = vmcoreinfo_str(dump_vmcoreinfo(d), "OSRELEASE");
	uint64_t h = hash(0xcbf29ce484222325u, text, strlen(text));
	struct dump_note note;
	bool any = *text != '\0';

	for (size_t i = 0; dump_note(d, i, &note); i++)
		if (note.type == 1 && !strcmp(note.name, "CORE")) { /* NT_PRSTATUS */
			h = hash(h, note.desc, note.desc_size);
			any = true;
		}
	if (!any) { /* nothing of the crash: the file has to do */
		h = hash(h, &info->max_pfn, sizeof(info->max_pfn));
		h = hash(h, &info->file_size, sizeof(info->file_size));
	}
	snprintf(m->id, sizeof(m->id), "%016" PRIx64, h);
	struct buf head = {0};
	buf_put_safe(&head, release ? release : info->release,
		     strlen(release ? release : info->release));
	buf_puts(&head, "  ");
	buf_put_safe(&head, info->nodename, strlen(info->nodename));
	m->head = buf_steal(&head);
}

struct marks *marks_create(const struct dump *d)
{
	struct marks *m = xcalloc(1, sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	identify(m, d);
	return m;
}

void mark_free(struct mark *m)
{
	for (int i = 0; i < MARK_FIELDS; i++)
		free(m->field[i]);
	*m = (struct mark){0};
}

static void forget(struct marks *m)
{
	for (int i = 0; i < MAX_LETTERS; i++)
		mark_free(&m->v[i]);
	buf_free(&m->strange);
	m->nstrange = 0;
	free(m->trouble);
	m->trouble = NULL;
}

void marks_destroy(struct marks *m)
{
	if (!m)
		return;
	forget(m);
	pthread_mutex_destroy(&m->lock);
	free(m->head);
	free(m);
}

static struct mark mark_copy(const struct mark *from)
{
	struct mark to = {.letter = from->letter};

	for (int i = 0; i < MARK_FIELDS; i++)
		to.field[i] = xstrdup(from->field[i] ? from->field[i] : "");
	return to;
}

/* ---- reading ---- */

static bool good_letter(char c)
{
	return isalnum((unsigned char)c) != 0;
}

/* Takes the line apart; its fields are borrowed. False: it is no mark. */
static bool parse_line(char *line, struct mark *ret)
{
	*ret = (struct mark){.letter = line[0]};
	if (!good_letter(line[0]) || line[1] != '\t')
		return false;
	for (int i = 0; i < MARK_FIELDS; i++) {
		char *tab = strchr(line, '\t');
		if (!tab)
			return false;
		*tab = '\0';
		ret->field[i] = line = tab + 1;
	}
	return !strchr(line, '\t') && ret->field[MARK_PLACE][0];
}

static void take_line(struct marks *m, const char *line, size_t n)
{
	AUTO_FREE char *text = xstrndup(line, n);
	struct mark mark;

	if (!n || line[0] == '#')
		return;
	if (strlen(text) == n && parse_line(text, &mark)) {
		struct mark *to = &m->v[(unsigned char)mark.letter];
		mark_free(to);
		*to = mark_copy(&mark);
	} else {
		buf_put(&m->strange, line, n);
		buf_putc(&m->strange, '\n');
		m->nstrange++;
	}
}

static char *file_of(const struct marks *m)
{
	AUTO_FREE char *name = xasprintf("marks/%s", m->id);
	return xdg_path(XDG_STATE, name);
}

static void read_file(struct marks *m)
{
	AUTO_FREE char *path = file_of(m);
	AUTO_BUF struct buf text = {0};
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	ssize_t n = 1;

	forget(m);
	m->read = true;
	if (fd < 0) {
		if (path && errno != ENOENT)
			m->trouble = xasprintf("%s: %s", path, strerror(errno));
		return;
	}
	while (n > 0 && text.len <= MAX_FILE) {
		char part[4096];
		n = read(fd, part, sizeof(part));
		if (n > 0)
			buf_put(&text, part, (size_t)n);
	}
	if (n < 0 || text.len > MAX_FILE)
		m->trouble = xasprintf("%s: %s", path,
				       n < 0 ? strerror(errno) : "too large for a file of marks");
	close(fd);
	if (m->trouble)
		return;
	for (const char *p = buf_str(&text), *end = p + text.len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = nl ? (size_t)(nl - p) : (size_t)(end - p);
		take_line(m, p, len);
		p += len + 1;
	}
}

/* ---- writing ---- */

static void put_field(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_putc(out, (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s);
}

static void put_all(const struct marks *m, struct buf *out)
{
	buf_printf(out, "%s\n# %s\n", FIRST_LINE, m->head);
	for (int i = 0; i < MAX_LETTERS; i++) {
		if (!m->v[i].letter)
			continue;
		buf_putc(out, m->v[i].letter);
		for (int f = 0; f < MARK_FIELDS; f++) {
			buf_putc(out, '\t');
			put_field(out, m->v[i].field[f]);
		}
		buf_putc(out, '\n');
	}
	buf_put(out, buf_str(&m->strange), m->strange.len);
}

static bool write_whole(int fd, const struct buf *text)
{
	for (size_t done = 0; done < text->len;) {
		ssize_t n = write(fd, text->p + done, text->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return !fsync(fd);
}

static struct err *write_file(const struct marks *m)
{
	AUTO_FREE char *name = xasprintf("marks/%s", m->id), *path = NULL;
	AUTO_BUF struct buf text = {0};

	TRY(xdg_path_make(XDG_STATE, name, &path));
	AUTO_FREE char *beside = xasprintf("%s.%d", path, (int)getpid());
	put_all(m, &text);
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_os(errno, "%s", beside);
	bool ok = write_whole(fd, &text);
	int why = errno;
	ok = !close(fd) && ok;
	if (ok && !rename(beside, path))
		return NULL;
	why = ok ? errno : why;
	unlink(beside);
	return err_os(why, "%s", path);
}

/* ---- for all ---- */

struct err *marks_each(struct marks *m, struct buf *why,
		       struct err *(*f)(void *arg, const struct mark *mark), void *arg)
{
	struct err *e = NULL;

	pthread_mutex_lock(&m->lock);
	read_file(m);
	if (m->trouble)
		buf_printf(why, "the file of marks can't be read: %s", m->trouble);
	else if (m->nstrange)
		buf_printf(why, "%u line%s in marks/%s make%s no sense and %s left alone", m->nstrange,
			   m->nstrange == 1 ? "" : "s", m->id, m->nstrange == 1 ? "s" : "",
			   m->nstrange == 1 ? "is" : "are");
	for (int i = 0; i < MAX_LETTERS && !e; i++)
		if (m->v[i].letter)
			e = f(arg, &m->v[i]);
	pthread_mutex_unlock(&m->lock);
	return e;
}

struct err *marks_get(struct marks *m, char letter, struct mark *ret)
{
	struct err *e = NULL;

	pthread_mutex_lock(&m->lock);
	if (!m->read)
		read_file(m);
	if (good_letter(letter) && m->v[(unsigned char)letter].letter)
		*ret = mark_copy(&m->v[(unsigned char)letter]);
	else
		e = err_new(ERR_NOTFOUND, "there is no mark '%c'; `marks` lists them", letter);
	pthread_mutex_unlock(&m->lock);
	return e;
}

struct err *marks_set(struct marks *m, char letter, const struct mark *mark)
{
	struct err *e = NULL;

	if (!good_letter(letter))
		return err_new(ERR_USAGE, "a mark is a letter or a digit, not '%c'", letter);
	pthread_mutex_lock(&m->lock);
	if (!m->trouble) /* else what this session knows is all there is */
		read_file(m);
	struct mark *to = &m->v[(unsigned char)letter];
	if (!mark && !to->letter)
		e = err_new(ERR_NOTFOUND, "there is no mark '%c'; `marks` lists them", letter);
	if (!e) {
		mark_free(to);
		if (mark)
			*to = mark_copy(mark);
		to->letter = mark ? letter : '\0';
		e = m->trouble ? err_new(ERR_OS, "%s", m->trouble) : write_file(m);
		if (e)
			e = err_wrap(e, "the mark is kept in this session only");
	}
	pthread_mutex_unlock(&m->lock);
	return e;
}
