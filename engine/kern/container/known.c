/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of what containers hold. Lines are only taken apart when they are read; whether this
 * kernel has what they name is asked when somebody needs it, so that a table for all kernels costs
 * nothing on any of them.
 */
#include "engine/kern/container/known.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/base/xdg.h"
#include "engine/kern/container/buckets.h"
#include "engine/kern/container/builtin.h"
#include "engine/kern/impl.h"

#define FILE_MAX (1 << 20)

struct line {
	const char *head, *element, *link; /* "a|b": alternatives */
	const char *count;		   /* member that counts an array's elements; NULL */
	bool pointers, percpu, of_type;
};

struct holdings {
	struct line *v;
	size_t n, cap;
	struct smap columns; /* type -> interned string */
	const char *problem; /* of the user's file */
};

void holdings_destroy(struct holdings *h)
{
	if (!h)
		return;
	smap_free(&h->columns);
	free(h->v);
	free(h);
}

/* ---- reading ---- */

static const char *take(struct session *s, const char *p, size_t n)
{
	AUTO_FREE char *word = xstrndup(p, n);

	return intern_str(s->intern, word);
}

/* "*file", "percpu:kmem_cache_cpu", "inode.i_sb_list": the second word. */
static void take_element(struct session *s, struct line *l, const char *p, size_t n)
{
	if (n && *p == '*') {
		l->pointers = true;
		p++;
		n--;
	} else if (n > 7 && !strncmp(p, "percpu:", 7)) {
		l->percpu = true;
		p += 7;
		n -= 7;
	}
	const char *dot = memchr(p, '.', n);
	size_t name = dot ? (size_t)(dot - p) : n;
	l->element = take(s, p, name);
	l->link = dot ? take(s, dot + 1, n - name - 1) : "";
}

/* "fdtable.fd[max_fds]", "type:sk_buff_head", "modules": the first one. */
static void take_head(struct session *s, struct line *l, const char *p, size_t n)
{
	if (n > 5 && !strncmp(p, "type:", 5)) {
		l->of_type = true;
		p += 5;
		n -= 5;
	}
	const char *open = memchr(p, '[', n);
	if (open && p[n - 1] == ']') {
		l->count = take(s, open + 1, n - (size_t)(open - p) - 2);
		n = (size_t)(open - p);
	}
	l->head = take(s, p, n);
}

static bool take_line(struct session *s, struct holdings *h, const char *p, size_t n)
{
	const char *word[4];
	size_t len[4], words = 0;

	for (size_t i = 0; i < n;) {
		i += strspn(p + i, " \t\r");
		size_t k = strcspn(p + i, " \t\r\n#");
		if (!k || i >= n)
			break;
		if (words == 4)
			return false;
		word[words] = p + i;
		len[words++] = k;
		i += k;
	}
	if (!words)
		return true;
	if (len[0] == 7 && !strncmp(word[0], "columns", 7)) {
		if (words == 3)
			*smap_put(&h->columns, take(s, word[1], len[1]), NULL) =
				(uint64_t)(uintptr_t)take(s, word[2], len[2]);
		return words == 3;
	}
	if (words != 2)
		return false;
	GROW(h->v, h->n, h->cap);
	struct line *l = &h->v[h->n++];
	*l = (struct line){0};
	take_head(s, l, word[0], len[0]);
	take_element(s, l, word[1], len[1]);
	if (l->head[0] && l->element[0])
		return true;
	h->n--;
	return false;
}

static void read_text(struct session *s, struct holdings *h, const char *text, const char *name,
		      char **problem)
{
	unsigned number = 0;

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		number++;
		if (!take_line(s, h, p, n) && problem && !*problem)
			*problem = xasprintf("%s:%u: expected 'HEAD ELEMENT[.LINK]' or 'columns TYPE "
					     "MEMBER,...'", name, number);
		p += n + (p[n] == '\n');
	}
}

struct holdings *holdings_parse(struct session *s, const char *text, char **problem)
{
	struct holdings *h = xcalloc(1, sizeof(*h));

	*problem = NULL;
	read_text(s, h, text, "text", problem);
	return h;
}

/* The user's file; "" when there is none. */
static char *own_text(const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	char *text = xcalloc(1, FILE_MAX + 1);

	if (f) {
		size_t n = fread(text, 1, FILE_MAX, f);
		text[n] = '\0';
		fclose(f);
	}
	return text;
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct holdings *h = xcalloc(1, sizeof(*h));
	AUTO_FREE char *path = xdg_path(XDG_CONFIG, "lists");
	AUTO_FREE char *own = own_text(path);
	AUTO_FREE char *problem = NULL;

	(void)job;
	for (const char *const *p = holdings_builtin; *p; p++)
		take_line(s, h, *p, strlen(*p));
	read_text(s, h, own, path ? path : "", &problem);
	h->problem = problem ? intern_str(s->intern, problem) : NULL;
	*ret = h;
	return NULL;
}

static const struct holdings *table(struct session *s)
{
	void *h = NULL;

	return err_ok(loader_get(&s->priv->holdings, s, NULL, load, &h)) ? h : NULL;
}

const char *holdings_problem(struct session *s)
{
	const struct holdings *h = table(s);

	return h ? h->problem : NULL;
}

/* ---- looking up ---- */

/* The next name of "a|b|c", which *rest then is behind, and its length; NULL: there are no more. */
static const char *next_name(const char **rest, size_t *n)
{
	const char *name = *rest;

	*n = strcspn(name, "|");
	*rest += *n + (name[*n] == '|');
	return *name ? name : NULL;
}

/* Is name one of "a|b|c"? */
static bool one_of(const char *alternatives, const char *name, size_t n)
{
	const char *one;
	size_t k;

	while ((one = next_name(&alternatives, &k)))
		if (k == n && !strncmp(one, name, n))
			return true;
	return false;
}

/* Member `path` (without indexes at its end) of a struct named owner. */
static const struct line *find_member(const struct holdings *h, const char *owner, const char *path)
{
	size_t n = strlen(owner), k = strlen(path);

	while (k && path[k - 1] == ']')
		while (k && path[--k] != '[')
			;
	for (size_t i = h ? h->n : 0; i-- > 0;)
		if (!strncmp(h->v[i].head, owner, n) && h->v[i].head[n] == '.' && !h->v[i].of_type &&
		    one_of(h->v[i].head + n + 1, path, k))
			return &h->v[i];
	return NULL;
}

static const struct line *find_name(const struct holdings *h, const char *name, bool of_type)
{
	for (size_t i = h ? h->n : 0; i-- > 0;)
		if (h->v[i].of_type == of_type && !strcmp(h->v[i].head, name))
			return &h->v[i];
	return NULL;
}

/* The line whose elements are `owner`, linked by `path`. */
static const struct line *find_link(const struct holdings *h, const char *owner, const char *path)
{
	for (size_t i = h ? h->n : 0; i-- > 0;)
		if (one_of(h->v[i].element, owner, strlen(owner)) &&
		    one_of(h->v[i].link, path, strlen(path)))
			return &h->v[i];
	return NULL;
}

static const struct type *type_by_name(struct session *s, const char *name, size_t n)
{
	AUTO_FREE char *tagged = xasprintf("struct %.*s", (int)n, name);
	const struct type *t;

	return err_ok(type_find(s->types, tagged, NULL, &t)) ||
	       err_ok(type_find(s->types, tagged + 7, NULL, &t)) ? t : NULL;
}

/* The first alternative of link that t has; "" is fine without one. */
static bool place_link(struct session *s, const struct type *t, const char *link, struct holding *ret)
{
	struct type_place place;
	const char *rest = link, *one;
	size_t k;

	while ((one = next_name(&rest, &k))) {
		AUTO_FREE char *path = xstrndup(one, k);
		if (err_ok(type_member(t, path, &place))) {
			ret->link = intern_str(s->intern, path);
			ret->c.link = place.offset;
			return true;
		}
	}
	ret->link = "";
	return !*link;
}

/* What the line says, if this dump's types agree. */
static bool apply(struct session *s, const struct line *l, struct holding *ret)
{
	const char *rest = l->element, *one;
	size_t k;

	while ((one = next_name(&rest, &k))) {
		const struct type *t = type_by_name(s, one, k);
		if (t && place_link(s, t, l->link, ret)) {
			AUTO_BUF struct buf name = {0};
			type_print_name(t, &name);
			ret->element = t;
			ret->element_name = intern_str(s->intern, buf_str(&name));
			return true;
		}
	}
	return false;
}

/* A member as the table would know it, and the line that does. */
struct known {
	const struct line *line; /* NULL: none */
	const struct type *owner; /* the named struct that it is in */
	const char *member;	  /* its path in that */
};

/* Goes from the innermost named struct that path leads through to the outermost. */
static struct known find_path(struct session *s, const struct type *t, const char *path,
			      const struct line *(*find)(const struct holdings *, const char *, const char *))
{
	const struct holdings *h = table(s);
	struct type_place place;

	for (const char *end = path + strlen(path); end-- > path;) {
		if (*end != '.')
			continue;
		AUTO_FREE char *prefix = xstrndup(path, (size_t)(end - path));
		if (!err_ok(type_member(t, prefix, &place)) || !type_name(type_strip(place.type))[0])
			continue;
		const struct type *owner = type_strip(place.type);
		const struct line *l = find(h, type_name(owner), end + 1);
		if (l)
			return (struct known){l, owner, end + 1};
	}
	t = type_strip(t);
	return (struct known){find(h, type_name(t), path), t, path};
}

/* The heads of a hash table: side by side in the object, or where a pointer in it leads. owner NULL: a variable. */
static struct err *take_buckets(struct session *s, const struct line *l, const struct type *owner, uint64_t owner_addr,
				const struct type *t, uint64_t at, struct holding *h)
{
	struct container *c = &h->c;

	if (buckets_of_type(s, t, false, c)) {
		c->root += at;
		return NULL;
	}
	if (!l || !l->count || !buckets_of_type(s, t, true, c))
		return err_new(ERR_NOTFOUND, "%s is no list, tree or array that is known", h->head);
	uint64_t first;
	TRY(mem_u64(s->mem, KERNEL, at, &first));
	c->root += first;
	return buckets_count(s, l->count, owner, owner_addr, &c->buckets);
}

/* An array or per-CPU variable needs more than where it is. */
static struct err *complete(struct session *s, const struct line *l, const struct type *owner,
			    uint64_t owner_addr, const struct type_place *place, struct holding *h)
{
	struct kern_member count = {.found = true};
	bool pointer = type_kind(type_strip(place->type)) == TYPE_POINTER;

	if (pointer)
		TRY(mem_u64(s->mem, KERNEL, h->c.root, &h->c.root));
	if (l->percpu) {
		h->c.kind = CONTAINER_PERCPU;
		return NULL;
	}
	h->c.kind = CONTAINER_ARRAY;
	h->c.pointers = l->pointers;
	h->c.size = h->element ? type_size(h->element) : 0;
	TRY(type_member(owner, l->count, &count.place));
	count.names = l->count;
	return kern_read(s, owner_addr, &count, &h->c.count);
}

/* Where in `path` of base the struct begins that has `member` in its end. */
static uint64_t owner_at(const struct type *t, const char *path, const char *member, uint64_t base)
{
	struct type_place place;

	if (member == path)
		return base;
	AUTO_FREE char *prefix = xstrndup(path, (size_t)(member - path) - 1);
	return err_ok(type_member(t, prefix, &place)) ? base + place.offset : base;
}

/* A list_head that is no head but a link: the ring that its element is in. */
static void take_ring(struct session *s, const struct type *t, const char *path, struct holding *ret)
{
	if (ret->c.kind != CONTAINER_LIST)
		return;
	struct known k = find_path(s, t, path, find_link);
	if (!k.line)
		return;
	AUTO_FREE char *text = xasprintf("%s.%s", type_name(k.owner), k.member);
	struct line l = {.element = type_name(k.owner), .link = k.member, .head = text};
	ret->c.at_node = apply(s, &l, ret);
}

struct err *holding_of_member(struct session *s, const struct type *t, const char *path,
			      uint64_t base, struct holding *ret)
{
	struct type_place place;
	uint64_t at;

	*ret = (struct holding){.element_name = "", .link = ""};
	TRY(type_member(t, path, &place));
	AUTO_FREE char *head = xasprintf("%s.%s", type_name(type_strip(t)), path);
	ret->head = intern_str(s->intern, head);
	ret->c.kind = container_of_type(s, place.type, &at);
	ret->c.root = base + place.offset + at;
	struct known k = find_path(s, t, path, find_member);
	uint64_t owner_addr = owner_at(t, path, k.member, base);
	const struct line *l = k.line;
	if (!l)
		l = find_name(table(s), type_name(type_strip(place.type)), true);
	if (l && !apply(s, l, ret))
		l = NULL;
	if (ret->c.kind == CONTAINER_NONE && (!l || ret->link[0]))
		return take_buckets(s, l, k.owner, owner_addr, place.type, base + place.offset, ret);
	if (l && (l->count || l->percpu))
		return complete(s, l, k.owner, owner_addr, &place, ret);
	if (ret->c.kind == CONTAINER_NONE)
		return err_new(ERR_NOTFOUND, "%s is no list, tree or array that is known", head);
	if (ret->c.kind == CONTAINER_BITMAP)
		ret->c.count = type_size(place.type) * 8;
	/* init_task.tasks, and other rings whose elements are all alike */
	if (!l || (ret->c.link == ret->c.root - base && ret->element == type_strip(t)))
		take_ring(s, t, path, ret);
	return NULL;
}

/* Without the variable's type its elements' link tells the kind, and that a count is needed that it is allocated. */
static struct err *take_untyped(struct session *s, const struct line *l, uint64_t addr, struct holding *h)
{
	static const struct {
		const char *link, *head;
	} kinds[] = {
		{"list_head", "struct list_head"}, {"hlist_node", "struct hlist_head"},
		{"hlist_bl_node", "struct hlist_bl_head"}, {"hlist_nulls_node", "struct hlist_nulls_head"},
	};
	struct type_place place;
	const struct type *head;
	uint64_t at;
	size_t i = 0;

	if (l && h->link[0] && err_ok(type_member(h->element, h->link, &place)))
		for (; i < sizeof(kinds) / sizeof(*kinds); i++)
			if (!strcmp(type_name(type_strip(place.type)), kinds[i].link) &&
			    err_ok(type_find(s->types, kinds[i].head, NULL, &head)))
				break;
	if (!l || !h->link[0] || i == sizeof(kinds) / sizeof(*kinds) || (i && !l->count))
		return err_new(ERR_NOTFOUND, "%s is no list, tree or array that is known", h->head);
	h->c.kind = container_of_type(s, head, &at);
	if (!l->count)
		return NULL;
	h->c.stride = type_size(head);
	TRY(mem_u64(s->mem, KERNEL, addr, &h->c.root));
	return buckets_count(s, l->count, NULL, 0, &h->c.buckets);
}

struct err *holding_of_symbol(struct session *s, const char *name, const struct type *t,
			      uint64_t addr, struct holding *ret)
{
	const struct line *l = find_name(table(s), name, false);
	uint64_t at;

	*ret = (struct holding){.element_name = "", .link = "", .head = intern_str(s->intern, name)};
	ret->c.kind = t ? container_of_type(s, t, &at) : CONTAINER_NONE;
	ret->c.root = addr + (ret->c.kind ? at : 0);
	if (!l && t)
		l = find_name(table(s), type_name(type_strip(t)), true);
	if (l)
		apply(s, l, ret);
	if (ret->c.kind == CONTAINER_BITMAP)
		ret->c.count = type_size(t) * 8;
	if (ret->c.kind)
		return NULL;
	if (t)
		return take_buckets(s, l, NULL, 0, t, addr, ret);
	return take_untyped(s, l, addr, ret);
}

struct err *holdings_each_variable(struct session *s, struct err *(*fn)(void *ctx, const struct holding *h), void *ctx)
{
	const struct holdings *all = table(s);
	const struct type *t;
	struct holding h;
	struct sym sym;

	for (size_t i = 0; all && i < all->n; i++) {
		const char *name = all->v[i].head;
		if (all->v[i].of_type || strchr(name, '.') || !sym_find(s->symtab, name, &sym) || sym.percpu)
			continue;
		if (!err_ok(type_of_symbol(s->types, sym.object, name, NULL, &t)))
			t = NULL;
		if (err_ok(holding_of_symbol(s, name, t, sym.addr, &h)) && h.element)
			TRY(fn(ctx, &h));
	}
	return NULL;
}

bool holding_is_member(struct session *s, const struct type *t, const char *path,
		       enum container_kind *kind)
{
	struct type_place place;
	uint64_t at;

	if (!err_ok(type_member(t, path, &place)))
		return false;
	*kind = container_of_type(s, place.type, &at);
	if (*kind != CONTAINER_NONE)
		return true;
	const struct line *l = find_path(s, t, path, find_member).line;
	struct container c = {0};
	bool pointer = l && l->count;
	if (l && l->link[0] && buckets_of_type(s, place.type, pointer, &c))
		*kind = c.kind;
	else if (l && (l->count || l->percpu))
		*kind = l->percpu ? CONTAINER_PERCPU : CONTAINER_ARRAY;
	return *kind != CONTAINER_NONE;
}

const char *holding_columns_known(struct session *s, const char *type)
{
	const struct holdings *h = table(s);
	uint64_t *v = h ? smap_get(&h->columns, type) : NULL;

	return v ? (const char *)(uintptr_t)*v : NULL;
}
