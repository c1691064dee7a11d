/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tells an object apart from the others of its type: one line of what a person would call it.
 * The same for a struct that is shown and for one that a pointer leads to.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/fs/blockdev.h"
#include "engine/kern/impl.h"
#include "engine/kern/meaning/groups.h"
#include "engine/kern/meaning/kinds.h"
#include "engine/kern/memory/vmas.h"
#include "engine/type/value.h"

#define COMM_LEN 16
#define MAC_LEN 6
#define MAC_LONG 20
#define ARGS_MAX 200 /* of a command line */

/* ---- members ---- */

bool meaning_field(const struct meaning_ask *a, const char *paths, uint64_t *ret)
{
	const struct meaning_query *q = a->q;
	struct type_place place;
	struct scalar v;
	uint8_t bytes[16];

	if (!kern_place(a->q->type, paths, &place))
		return false;
	size_t n = place.bit_size ? (place.bit_offset + place.bit_size + 7) / 8 : type_size(place.type);
	if (!n || n > sizeof(bytes))
		return false;
	if (q->bytes && place.offset <= q->n && n <= q->n - place.offset)
		memcpy(bytes, q->bytes + place.offset, n);
	else if (!q->addr || !err_ok(mem_read(a->s->mem, KERNEL, q->addr + place.offset, bytes, n)))
		return false;
	place.offset = 0;
	if (!err_ok(scalar_decode(&place, bytes, n, &v)))
		return false;
	*ret = v.u;
	return true;
}

uint64_t meaning_field_addr(const struct meaning_ask *a, const char *paths, const struct type **type)
{
	struct type_place place;

	if (!a->q->addr || !kern_place(a->q->type, paths, &place))
		return 0;
	if (type)
		*type = place.type;
	return a->q->addr + place.offset;
}

static uint64_t field(const struct meaning_ask *a, const char *paths)
{
	uint64_t v;

	return meaning_field(a, paths, &v) ? v : 0;
}

static bool word(const struct meaning_ask *a, const char *text)
{
	struct buf *b = &a->ret->text;

	if (!text || !text[0])
		return false;
	if (b->len)
		buf_putc(b, ' ');
	buf_put_safe(b, text, strlen(text));
	return true;
}

static void own_word(const struct meaning_ask *a, char *text)
{
	word(a, text);
	free(text);
}

static void quoted(const struct meaning_ask *a, uint64_t at)
{
	char text[64];
	struct buf *b = &a->ret->text;

	if (!at || !err_ok(mem_str(a->s->mem, KERNEL, at, text, sizeof(text))) || !text[0])
		return;
	buf_puts(b, b->len ? " \"" : "\"");
	buf_put_safe(b, text, strlen(text));
	buf_putc(b, '"');
}

/* ---- tasks ---- */

bool meaning_put_task(const struct meaning_ask *a, uint64_t task, struct buf *out)
{
	const struct kern_member *m = a->m->task;
	char comm[COMM_LEN + 1] = "";
	uint64_t pid;

	if (!kern_pointer(a->s, task) || !m[0].found || !m[1].found ||
	    !err_ok(kern_read(a->s, task, &m[0], &pid)) || pid > 1u << 22 ||
	    !err_ok(mem_str(a->s->mem, KERNEL, kern_at(task, &m[1]), comm, COMM_LEN)))
		return false;
	buf_printf(out, "pid %" PRIu64 " ", pid);
	buf_put_safe(out, comm, strlen(comm));
	return true;
}

static void put_task(const struct meaning_ask *a)
{
	if (a->q->addr && meaning_put_task(a, a->q->addr, &a->ret->text))
		a->ret->ref = ref_addr(REF_TASK, a->q->addr);
}

/* The arguments, when their page is in the dump. */
static void put_args(const struct meaning_ask *a)
{
	uint64_t from = field(a, "arg_start"), to = field(a, "arg_end"), pgd = field(a, "pgd"), pa;
	struct buf *b = &a->ret->text;
	char text[ARGS_MAX];
	struct arch_xlat x;

	if (!pgd || from >= to || !err_ok(mem_vtop(a->s->mem, KERNEL, pgd, &x)))
		return;
	pa = x.pa;
	size_t want = to - from < sizeof(text) ? (size_t)(to - from) : sizeof(text);
	size_t n = mem_read_some(a->s->mem, (struct space){SPACE_USER, pa}, from, text, want, NULL);
	bool more = n == sizeof(text) && to - from > n;
	while (n && !text[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		text[i] = text[i] ? text[i] : ' ';
	if (!n)
		return;
	buf_puts(b, b->len ? ": " : "");
	buf_put_safe(b, text, n);
	buf_puts(b, more ? "..." : "");
}

static void put_mm(const struct meaning_ask *a)
{
	meaning_put_task(a, field(a, "owner"), &a->ret->text);
	put_args(a);
}

static void put_vma(const struct meaning_ask *a)
{
	uint64_t from, to, file = field(a, "vm_file");
	uint64_t flags = field(a, "vm_flags|__vm_flags|flags");
	char rights[5];

	if (!meaning_field(a, "vm_start", &from) || !meaning_field(a, "vm_end", &to))
		return;
	vma_permissions(flags, rights);
	buf_printf(&a->ret->text, "%" PRIx64 "-%" PRIx64 " %s", from, to, rights);
	if (file)
		own_word(a, path_of_file(&a->m->paths, file));
}

/* Whose: the ids that count, and those that it began with where they differ. */
static void put_cred(const struct meaning_ask *a)
{
	uint64_t uid, gid, euid, egid;
	struct buf *b = &a->ret->text;

	if (!meaning_field(a, "uid.val|uid", &uid) || !meaning_field(a, "gid.val|gid", &gid) ||
	    !meaning_field(a, "euid.val|euid", &euid) || !meaning_field(a, "egid.val|egid", &egid))
		return;
	buf_printf(b, "uid %" PRIu32 " gid %" PRIu32, (uint32_t)uid, (uint32_t)gid);
	if (euid != uid)
		buf_printf(b, " euid %" PRIu32, (uint32_t)euid);
	if (egid != gid)
		buf_printf(b, " egid %" PRIu32, (uint32_t)egid);
}

/* ---- files ---- */

static void put_dentry(const struct meaning_ask *a)
{
	if (a->q->addr)
		own_word(a, path_of_dentry(&a->m->paths, a->q->addr));
}

static void put_qstr(const struct meaning_ask *a)
{
	quoted(a, field(a, "name"));
}

static void put_inode(const struct meaning_ask *a)
{
	uint64_t dentry = path_inode_dentry(&a->m->paths, a->q->addr);

	if (a->q->addr)
		buf_printf(&a->ret->text, "ino %" PRIu64, field(a, "i_ino"));
	if (dentry)
		own_word(a, path_of_dentry(&a->m->paths, dentry));
}

static void put_file(const struct meaning_ask *a)
{
	if (a->q->addr)
		own_word(a, path_of_file(&a->m->paths, a->q->addr));
}

static void put_path(const struct meaning_ask *a)
{
	uint64_t mnt = field(a, "mnt"), dentry = field(a, "dentry");

	own_word(a, path_of_path(&a->m->paths, mnt, dentry));
}

/* Where it works, and its root if that isn't everybody's. */
static void put_fs(const struct meaning_ask *a)
{
	AUTO_FREE char *pwd = path_of_path(&a->m->paths, field(a, "pwd.mnt"), field(a, "pwd.dentry"));
	AUTO_FREE char *root = path_of_path(&a->m->paths, field(a, "root.mnt"), field(a, "root.dentry"));

	if (pwd && word(a, "in"))
		word(a, pwd);
	if (root && strcmp(root, "/") && word(a, "root"))
		word(a, root);
}

static void sb_words(const struct meaning_ask *a, uint64_t sb)
{
	struct path_reader *p = &a->m->paths;
	char type[32];

	if (!kern_pointer(a->s, sb))
		return;
	path_sb_type(p, sb, type, sizeof(type));
	word(a, type);
	quoted(a, kern_at(sb, &p->sb[PS_ID]));
}

static void put_super_block(const struct meaning_ask *a)
{
	if (!a->q->addr)
		return;
	sb_words(a, a->q->addr);
	char *place = path_sb_place(&a->m->paths, a->q->addr);
	if (place)
		buf_puts(&a->ret->text, " on");
	own_word(a, place);
}

static void put_vfsmount(const struct meaning_ask *a)
{
	struct path_reader *p = &a->m->paths;
	uint64_t root = field(a, "mnt_root");

	sb_words(a, field(a, "mnt_sb"));
	if (a->q->addr && root && p->mt[PM_MNT].found) {
		buf_puts(&a->ret->text, " on");
		own_word(a, path_text(p, a->q->addr - p->mt[PM_MNT].place.offset, root, NULL));
	}
}

static void put_mount(const struct meaning_ask *a)
{
	uint64_t root = field(a, "mnt.mnt_root");

	sb_words(a, field(a, "mnt.mnt_sb"));
	if (a->q->addr && root) {
		buf_puts(&a->ret->text, " on");
		own_word(a, path_text(&a->m->paths, a->q->addr, root, NULL));
	}
}

static void put_block_device(const struct meaning_ask *a)
{
	uint64_t dev = field(a, "bd_dev");

	if (a->q->addr && blockdev_name(a->s, a->q->addr, &a->ret->text))
		buf_printf(&a->ret->text, " %" PRIu32 ":%" PRIu32, DEV_MAJOR(dev), DEV_MINOR(dev));
}

/* ---- network ---- */

static void put_address(const struct meaning_ask *a, const char *addr, const char *port, bool swap)
{
	uint64_t v = field(a, addr), p = field(a, port);

	if (swap)
		p = (p & 255) << 8 | (p >> 8 & 255);
	buf_printf(&a->ret->text, " %u.%u.%u.%u:%u", (unsigned)v & 255, (unsigned)(v >> 8) & 255,
		   (unsigned)(v >> 16) & 255, (unsigned)(v >> 24) & 255, (unsigned)p);
}

static void put_enum(const struct meaning_ask *a, const char *enumerator, uint64_t value)
{
	const char *name = meaning_enum_name(a->m, enumerator, value);

	if (name)
		word(a, name);
}

static void put_sock(const struct meaning_ask *a)
{
	uint64_t family, *g = smap_get(&a->m->table->groups, "AF");

	if (!meaning_field(a, "__sk_common.skc_family", &family) || !g)
		return;
	meaning_group_put(a->s, a->m->table, (struct meaning_group *)(uintptr_t)*g, family,
			  &a->ret->text);
	put_enum(a, "SOCK_STREAM", field(a, "sk_type"));
	if (family == 2) {
		put_enum(a, "TCP_ESTABLISHED", field(a, "__sk_common.skc_state"));
		put_address(a, "__sk_common.skc_rcv_saddr", "__sk_common.skc_num", false);
		put_address(a, "__sk_common.skc_daddr", "__sk_common.skc_dport", true);
	}
}

static void put_socket(const struct meaning_ask *a)
{
	put_enum(a, "SS_CONNECTED", field(a, "state"));
	put_enum(a, "SOCK_STREAM", field(a, "type"));
}

static const uint8_t *object_bytes(const struct meaning_ask *a, uint8_t *keep, size_t n)
{
	if (a->q->bytes && a->q->n >= n)
		return a->q->bytes;
	return a->q->addr && err_ok(mem_read(a->s->mem, KERNEL, a->q->addr, keep, n)) ? keep : NULL;
}

/* As RFC 5952 writes them, but for the choice of the longest run of zeros: the first one is taken. */
static void put_ipv6(const struct meaning_ask *a)
{
	uint8_t keep[16];
	const uint8_t *p = object_bytes(a, keep, sizeof(keep));
	bool gap = false;

	for (int i = 0; p && i < 8; i++) {
		unsigned v = (unsigned)p[2 * i] << 8 | p[2 * i + 1];
		int run = i;
		while (!gap && run < 8 && !p[2 * run] && !p[2 * run + 1])
			run++;
		if (run > i + 1) {
			buf_puts(&a->ret->text, i ? ":" : "::");
			gap = true;
			i = run - 1;
			continue;
		}
		buf_printf(&a->ret->text, "%x%s", v, i < 7 ? ":" : "");
	}
}

/* An address of the link layer, in the room for the longest one, or behind a pointer: of Ethernet, or, if there is
 * something behind that, of InfiniBand. */
static void put_mac(const struct meaning_ask *a)
{
	uint8_t keep[MAC_LONG] = {0};
	const uint8_t *p = a->q->bytes;
	size_t room = a->q->n, n = MAC_LEN;

	if (type_kind(type_strip(a->q->type)) == TYPE_POINTER) {
		room = sizeof(keep);
		p = a->q->scalar && err_ok(mem_read(a->s->mem, KERNEL, a->q->u, keep, room)) ? keep : NULL;
	}
	if (!p || room < MAC_LEN)
		return;
	for (size_t i = MAC_LEN; i < MAC_LONG && i < room; i++)
		if (p[i] && room >= MAC_LONG)
			n = MAC_LONG;
	for (size_t i = 0; i < n; i++)
		buf_printf(&a->ret->text, "%s%02x", i ? ":" : "", p[i]);
}

/* ---- identifiers ---- */

static void put_id(const struct meaning_ask *a, const uint8_t order[16])
{
	uint8_t keep[16];
	const uint8_t *p = object_bytes(a, keep, sizeof(keep));

	for (int i = 0; p && i < 16; i++)
		buf_printf(&a->ret->text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			   p[order[i]]);
}

static void put_uuid(const struct meaning_ask *a)
{
	static const uint8_t order[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

	put_id(a, order);
}

static void put_guid(const struct meaning_ask *a)
{
	static const uint8_t order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	put_id(a, order);
}

/* ---- functions to be called, locks, waiters ---- */

static void put_symbol(const struct meaning_ask *a, uint64_t at)
{
	struct sym sym;
	uint64_t off;

	if (at && sym_at(a->s->symtab, at, &sym, &off) && !off)
		word(a, sym.name);
}

static void put_work(const struct meaning_ask *a)
{
	put_symbol(a, field(a, "func"));
}

static void put_timer(const struct meaning_ask *a)
{
	const struct meaning_clock *c = &a->m->clock;
	uint64_t expires;

	put_symbol(a, field(a, "function"));
	if (!c->hz || !c->jiffies || !field(a, "entry.pprev") || !meaning_field(a, "expires", &expires))
		return;
	int64_t d = (int64_t)(c->jiffies - expires);
	if (d > -(INT64_C(1) << 32) && d < INT64_C(1) << 32) {
		buf_putc(&a->ret->text, ' ');
		meaning_put_age(d * (int64_t)(1000000000 / c->hz), &a->ret->text);
	}
}

static void put_hrtimer(const struct meaning_ask *a)
{
	put_symbol(a, field(a, "function|_function"));
}

static void put_owned(const struct meaning_ask *a, uint64_t task)
{
	if (!task)
		return;
	size_t from = a->ret->text.len;
	buf_puts(&a->ret->text, "held by ");
	if (meaning_put_task(a, task, &a->ret->text))
		a->ret->ref = ref_addr(REF_TASK, task);
	else
		a->ret->text.len = from;
}

static void put_mutex(const struct meaning_ask *a)
{
	put_owned(a, field(a, "owner.counter") & ~UINT64_C(7));
}

static void put_rwsem(const struct meaning_ask *a)
{
	uint64_t count = field(a, "count.counter");

	if (count & 1)
		put_owned(a, field(a, "owner.counter") & ~UINT64_C(7));
	else if (count >> 8 & 0xffffff)
		buf_printf(&a->ret->text, "%" PRIu64 " readers", count >> 8 & 0xffffff);
}

/* What waits is a task where private is one; func tells what wakes it. */
static void put_waiter(const struct meaning_ask *a)
{
	uint64_t task = field(a, "private");

	if (meaning_put_task(a, task, &a->ret->text))
		a->ret->ref = ref_addr(REF_TASK, task);
	put_symbol(a, field(a, "func"));
}

const struct meaning_kind meaning_object_kinds[] = {
	{"task", true, put_task},
	{"mm", true, put_mm},
	{"vma", true, put_vma},
	{"cred", true, put_cred},
	{"fs", true, put_fs},
	{"dentry", true, put_dentry},
	{"qstr", true, put_qstr},
	{"inode", true, put_inode},
	{"file", true, put_file},
	{"path", true, put_path},
	{"super-block", true, put_super_block},
	{"vfsmount", true, put_vfsmount},
	{"mount", true, put_mount},
	{"block-device", true, put_block_device},
	{"sock", true, put_sock},
	{"socket", true, put_socket},
	{"ipv6", true, put_ipv6},
	{"mac", true, put_mac},
	{"uuid", true, put_uuid},
	{"guid", true, put_guid},
	{"work", true, put_work},
	{"timer", true, put_timer},
	{"hrtimer", true, put_hrtimer},
	{"mutex", true, put_mutex},
	{"rwsem", true, put_rwsem},
	{"waiter", true, put_waiter},
};
const size_t meaning_object_nkinds = sizeof(meaning_object_kinds) / sizeof(*meaning_object_kinds);
