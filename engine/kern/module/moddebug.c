/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a module in the dump to its debug file. The kernel keeps what /sys/module/NAME/sections and
 * .../notes show: each section's address, and where the build-id note lies. The former places the
 * file, the latter tells whether it is the right one.
 *
 * Where that isn't in the dump (a kernel without sysfs, pages that were left out), the module's
 * symbols do both: each tells where its section must have been loaded, and when they don't agree
 * the file is of another build.
 */
#include "engine/kern/module/moddebug.h"
#include <elf.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/kernel.h"
#include "engine/kern/module/modfiles.h"
#include "engine/kern/module/taint.h"

#define ATTRS_MAX 4096 /* sections or notes of one module */
#define NAME_MAX_LEN 128
#define ID_MAX 64
#define NOTE_MAX 256

enum { M_BUILD_ID, M_SECTIONS, M_NOTES, M_MEMBERS };
/* struct module_sect_attrs and module_notes_attrs: up to 6.13 a count and an array; later the
 * array's elements are pointed to by a NULL-terminated array of the attribute group. */
enum { L_COUNT, L_FIRST, L_POINTERS, L_MEMBERS };
/* Their elements. */
enum { A_NAME, A_ADDR, A_SIZE, A_MEMBERS };

struct attr_list {
	struct kern_member list[L_MEMBERS], attr[A_MEMBERS];
	uint64_t stride;
};

struct build_id {
	struct session *s;
	uint8_t v[ID_MAX];
	size_t n;
};

/* One module that may be looked for; the finder's context. */
struct wanted {
	struct mod_debug *d;
	struct object *object;
	uint64_t addr; /* struct module */
	bool foreign;  /* built outside of the kernel's tree */
	struct dwarfindex *index;
	struct wanted *next;
	/* set by the finder, when it found nothing */
	struct build_id id;
	char *refused; /* a file of the module's name, and why it wasn't taken; NULL: there was none */
};

struct mod_debug {
	struct session *s;
	struct mod_files *files;
	struct kern_member m[M_MEMBERS];
	struct attr_list sections, notes;
	uint64_t id_size; /* of module.build_id */
	struct wanted *all;
};

static void list_members(struct session *s, struct attr_list *l, const char *type, const char *count,
			 const char *element)
{
	l->list[L_COUNT].names = count;
	l->list[L_FIRST].names = "attrs";
	l->list[L_POINTERS].names = "grp.bin_attrs";
	kern_members(s, type, l->list, L_MEMBERS);
	/* 5.8 to 6.13; before, a module_attribute and a name; a plain bin_attribute has no address */
	l->attr[A_NAME].names = "battr.attr.name|name|attr.name";
	l->attr[A_ADDR].names = "address|private";
	l->attr[A_SIZE].names = "size";
	const struct type *t;
	if (!kern_members(s, element, l->attr, A_MEMBERS)) {
		element = "struct bin_attribute";
		kern_members(s, element, l->attr, A_MEMBERS);
	}
	if (err_ok(type_find(s->types, element, NULL, &t)))
		l->stride = type_size(t);
}

struct mod_debug *mod_debug_create(struct session *s)
{
	struct mod_debug *d = xcalloc(1, sizeof(*d));
	const char *release = vmcoreinfo_str(s->vmcoreinfo, "OSRELEASE");

	d->s = s;
	d->files = mod_files_create(s->options.debug_dirs,
				    release ? release : dump_info(s->dump)->release);
	d->m[M_BUILD_ID].names = "build_id"; /* 5.14, CONFIG_STACKTRACE_BUILD_ID */
	d->m[M_SECTIONS].names = "sect_attrs";
	d->m[M_NOTES].names = "notes_attrs";
	kern_members(s, "struct module", d->m, M_MEMBERS);
	if (d->m[M_BUILD_ID].found)
		d->id_size = type_size(d->m[M_BUILD_ID].place.type);
	list_members(s, &d->sections, "struct module_sect_attrs", "nsections",
		     "struct module_sect_attr");
	list_members(s, &d->notes, "struct module_notes_attrs", "notes", "struct bin_attribute");
	return d;
}

void mod_debug_destroy(struct mod_debug *d)
{
	if (!d)
		return;
	for (struct wanted *w = d->all, *next; w; w = next) {
		next = w->next;
		dwarfindex_destroy(w->index);
		free(w->refused);
		free(w);
	}
	mod_files_destroy(d->files);
	free(d);
}

/* ---- what the kernel's memory says ---- */

struct attr {
	char name[NAME_MAX_LEN];
	uint64_t addr, size; /* size 0: not told */
};

static bool read_attr(struct session *s, const struct attr_list *l, uint64_t at, struct attr *ret)
{
	uint64_t name;

	if (!err_ok(kern_read(s, at, &l->attr[A_NAME], &name)) ||
	    !err_ok(kern_read(s, at, &l->attr[A_ADDR], &ret->addr)) ||
	    !err_ok(mem_str(s->mem, KERNEL, name, ret->name, sizeof(ret->name))))
		return false;
	if (!err_ok(kern_read(s, at, &l->attr[A_SIZE], &ret->size)))
		ret->size = 0;
	return kern_pointer(s, ret->addr);
}

/* Where the i-th element is; false: there is none. */
static bool attr_at(struct session *s, const struct attr_list *l, uint64_t list, uint64_t i,
		    uint64_t *ret)
{
	uint64_t n;

	if (l->list[L_COUNT].found) {
		*ret = kern_at(list, &l->list[L_FIRST]) + i * l->stride;
		return l->list[L_FIRST].found && l->stride &&
		       err_ok(kern_read(s, list, &l->list[L_COUNT], &n)) && i < n;
	}
	return err_ok(kern_read(s, list, &l->list[L_POINTERS], &n)) &&
	       err_ok(mem_u64(s->mem, KERNEL, n + 8 * i, ret)) && *ret;
}

/* Calls fn for each attribute of the list that a member of the module points to; how many it took. */
static size_t each_attr(struct wanted *w, const struct kern_member *m, const struct attr_list *l,
			bool (*fn)(void *ctx, const struct attr *a), void *ctx)
{
	struct session *s = w->d->s;
	uint64_t list, at;
	size_t taken = 0;
	struct attr a;

	if (!err_ok(kern_read(s, w->addr, m, &list)) || !kern_pointer(s, list))
		return 0;
	for (uint64_t i = 0; i < ATTRS_MAX && attr_at(s, l, list, i, &at); i++)
		taken += read_attr(s, l, at, &a) && fn(ctx, &a);
	return taken;
}

static bool take_note(void *ctx, const struct attr *a)
{
	struct build_id *id = ctx;
	uint8_t note[NOTE_MAX];

	if (id->n || strcmp(a->name, ".note.gnu.build-id"))
		return false;
	size_t have = mem_read_some(id->s->mem, KERNEL, a->addr, note,
				    a->size && a->size < NOTE_MAX ? a->size : 36, NULL);
	if (have < 16 || load_u32(note) != 4 || load_u32(note + 8) != NT_GNU_BUILD_ID ||
	    memcmp(note + 12, "GNU", 4))
		return false;
	uint32_t n = load_u32(note + 4);
	if (!n || n > ID_MAX || !range_ok(16, n, have))
		return false;
	memcpy(id->v, note + 16, n);
	id->n = n;
	return true;
}

static void read_build_id(struct wanted *w, struct build_id *ret)
{
	struct mod_debug *d = w->d;

	*ret = (struct build_id){.s = d->s};
	if (d->id_size && d->id_size <= ID_MAX &&
	    err_ok(mem_read(d->s->mem, KERNEL, kern_at(w->addr, &d->m[M_BUILD_ID]), ret->v,
			    d->id_size)))
		for (size_t i = 0; i < d->id_size && !ret->n; i++)
			ret->n = ret->v[i] ? d->id_size : 0;
	if (!ret->n)
		each_attr(w, &d->m[M_NOTES], &d->notes, take_note, ret);
	if (!ret->n)
		each_attr(w, &d->m[M_SECTIONS], &d->sections, take_note, ret);
}

/* ---- what the symbols say ---- */

/* A section's place by majority of its symbols: few of them are left from two files of one name. */
struct vote {
	uint64_t base;
	size_t weight;
};

struct votes {
	struct vote *v; /* by section index */
	size_t n, agree, differ;
};

/* The module's one symbol of that name. */
static bool symbol_of(struct session *s, const struct object *o, const char *name, uint64_t *ret)
{
	struct sym sym;
	size_t found = 0;

	for (size_t i = 0; i < ATTRS_MAX && sym_find_nth(s->symtab, name, i, &sym); i++)
		if (sym.object == o && !sym.percpu) {
			*ret = sym.addr;
			found++;
		}
	return found == 1;
}

static bool has_place(const struct object_symbols *st, const Elf64_Sym *y)
{
	unsigned type = ELF64_ST_TYPE(y->st_info);

	return (type == STT_FUNC || type == STT_OBJECT) && y->st_shndx < st->nsections &&
	       y->st_shndx != SHN_UNDEF && st->sections[y->st_shndx].alloc &&
	       !st->sections[y->st_shndx].percpu && y->st_name < st->strings_size;
}

static void take_vote(struct vote *v, uint64_t base)
{
	if (v->weight && v->base != base) {
		v->weight--;
		return;
	}
	v->base = base;
	v->weight++;
}

static bool count_votes(struct session *s, const struct object *o, const struct object_symbols *st,
			struct votes *ret)
{
	uint64_t addr;

	*ret = (struct votes){.v = xcalloc(st->nsections + 1, sizeof(*ret->v)), .n = st->nsections};
	for (size_t i = 1; i < st->n; i++)
		if (has_place(st, &st->v[i]) &&
		    symbol_of(s, o, st->strings + st->v[i].st_name, &addr))
			take_vote(&ret->v[st->v[i].st_shndx], addr - st->v[i].st_value);
	for (size_t i = 1; i < st->n; i++)
		if (has_place(st, &st->v[i]) &&
		    symbol_of(s, o, st->strings + st->v[i].st_name, &addr)) {
			bool same = addr - st->v[i].st_value == ret->v[st->v[i].st_shndx].base;
			ret->agree += same;
			ret->differ += !same;
		}
	return ret->agree > 10 * ret->differ;
}

/* ---- the file ---- */

struct trial {
	struct wanted *w;
	struct object_options options;
};

static bool place_section(void *ctx, const struct attr *a)
{
	object_place_section(ctx, a->name, a->addr);
	return true;
}

/* Is it of the build that was loaded, and worth having? NULL: yes; else why not. votes: also for placing. */
static const char *wrong_file(struct trial *t, struct object *file, struct votes *votes, bool *by_symbols)
{
	struct object_symbols st;
	const uint8_t *id;
	size_t n = object_build_id(file, &id);

	if (t->w->id.n && (n != t->w->id.n || memcmp(id, t->w->id.v, n)))
		return "is of another build";
	if (!object_has_dwarf(file))
		return "is of the right build, but has no debug info";
	if (!object_symbols(file, &st) || !st.relocatable)
		return "is no module";
	*by_symbols = count_votes(t->w->d->s, t->w->object, &st, votes);
	return t->w->id.n || *by_symbols ? NULL : "doesn't agree with the module's symbols";
}

/* The one that came nearest is worth telling. */
static void refuse(struct wanted *w, const char *path, const char *why)
{
	if (w->refused && !strstr(why, "right build"))
		return;
	free(w->refused);
	w->refused = xasprintf("%s %s", path, why);
}

static void place(struct trial *t, struct object *file, const struct votes *votes, bool by_symbols)
{
	struct mod_debug *d = t->w->d;
	struct object_symbols st;

	if (each_attr(t->w, &d->m[M_SECTIONS], &d->sections, place_section, t->w->object) ||
	    !by_symbols || !object_symbols(file, &st))
		return;
	for (size_t i = 0; i < votes->n; i++)
		if (votes->v[i].weight)
			object_place_section(t->w->object, st.sections[i].name, votes->v[i].base);
}

static bool take_file(void *ctx, const char *path)
{
	struct trial *t = ctx;
	struct votes votes = {0};
	struct object *file;
	bool by_symbols = false;

	if (!err_ok(object_open(path, &t->options, NULL, &file)))
		return false;
	const char *why = wrong_file(t, file, &votes, &by_symbols);
	bool taken = !why && err_ok(object_attach(t->w->object, path, &t->options, NULL));
	if (taken)
		place(t, file, &votes, by_symbols);
	else
		refuse(t->w, path, why ? why : "can't be used");
	free(votes.v);
	object_close(file);
	return taken;
}

static void find(struct object *o, void *ctx)
{
	struct wanted *w = ctx;
	struct session *s = w->d->s;
	struct trial t = {.w = w, .options = {s->options.debug_dirs, s->options.no_cache}};

	read_build_id(w, &w->id);
	mod_files_try(w->d->files, object_name(o), w->id.v, w->id.n, take_file, &t);
	if (!object_path(o)[0])
		return;
	w->index = dwarfindex_create(o, s->options.no_cache);
	err_free(types_add_object(s->types, o, w->index));
}

void mod_debug_add(struct mod_debug *d, const struct module *mod)
{
	struct wanted *w = xcalloc(1, sizeof(*w));

	*w = (struct wanted){.d = d,
			     .object = mod->object,
			     .addr = mod->addr,
			     .foreign = mod->taints >> TAINT_OOT_MODULE & 1,
			     .next = d->all};
	d->all = w;
	object_set_finder(mod->object, find, w);
}

/* ---- what to tell when there is none ---- */

static void tell_missing(const struct wanted *w, struct buf *out)
{
	buf_printf(out, "no lines and variables for module %s: ", object_name(w->object));
	if (w->refused)
		buf_puts(out, w->refused);
	else
		buf_printf(out, "there is no %s.ko with debug info", object_name(w->object));
	buf_puts(out, w->id.n ? " (wanted: build-id " : "");
	for (size_t i = 0; i < w->id.n; i++)
		buf_printf(out, "%02x", w->id.v[i]);
	buf_puts(out, w->id.n ? ")" : "");
	if (w->foreign) {
		buf_puts(out, ". It was built outside of the kernel's tree: who built it has the file; "
			      "name its folder with --debug-dir");
		return;
	}
	buf_puts(out, ". To have it: ");
	kernel_debug_hint(w->d->s, out);
	buf_puts(out, ", or name its folder with --debug-dir");
}

bool mod_debug_missing(struct mod_debug *d, struct object *o, struct buf *out)
{
	const struct wanted *w = d ? d->all : NULL;

	while (w && w->object != o)
		w = w->next;
	if (!w || (object_find_debug(o), object_has_dwarf(o)))
		return false;
	tell_missing(w, out);
	return true;
}
