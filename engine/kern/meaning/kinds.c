/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers that hold more than one thing, or a time. Each says only what the kernel's own encoding says;
 * where that changed from kernel to kernel, an enum or member of the dump decides.
 *
 * Sources: Linux' include/linux/{mutex,rwsem,timer,workqueue,jiffies,kdev_t,stat,mm}.h,
 * kernel/locking/{mutex,rwsem}.c, include/asm-generic/qspinlock_types.h, include/linux/page-flags-layout.h.
 */
#include "engine/kern/meaning/kinds.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "engine/base/checked.h"
#include "engine/kern/fs/blockdev.h"
#include "engine/kern/impl.h"
#include "engine/kern/meaning/groups.h"
#include "engine/model/model.h"

#define NS UINT64_C(1000000000)
#define YEAR_NS (UINT64_C(366) * 86400 * NS)
#define PID_BITS 8	  /* LAST__PID_SHIFT */
#define NR_CPUS_MOST 65536
#define NODES_MOST 1024 /* CONFIG_NODES_SHIFT is 10 at the most */

/* ---- times ---- */

void meaning_put_age(int64_t ns, struct buf *out)
{
	if (ns < 0)
		buf_puts(out, "in ");
	print_ns(ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns, out);
	if (ns >= 0)
		buf_puts(out, " ago");
}

/* As print_ns, but small ones are told too. */
static void put_short(uint64_t ns, struct buf *out)
{
	if (ns >= NS)
		print_ns(ns, out);
	else
		buf_printf(out, "%" PRIu64 ".%03" PRIu64 " ms", ns / 1000000, ns / 1000 % 1000);
}

static void put_jiffies(const struct meaning_ask *a)
{
	const struct meaning_clock *c = &a->m->clock;
	int64_t d, ns;

	if (!c->hz || !c->jiffies || !a->q->u)
		return;
	d = (int64_t)(c->jiffies - a->q->u);
	if (__builtin_mul_overflow(d, (int64_t)(NS / c->hz), &ns) || ns > (int64_t)YEAR_NS * 10 ||
	    ns < -(int64_t)YEAR_NS * 10)
		return;
	meaning_put_age(ns, &a->ret->text);
}

/* The kernel lets them begin five minutes before they overflow 32 bits. */
static void put_jiffies_now(const struct meaning_ask *a)
{
	uint64_t hz = a->m->clock.hz, first = (uint32_t)(0 - 300 * hz), ns;

	if (!hz || a->q->u < first || __builtin_mul_overflow(a->q->u - first, NS / hz, &ns))
		return;
	print_ns(ns, &a->ret->text);
	buf_puts(&a->ret->text, " after boot");
}

/* ns since boot */
static void put_nanoseconds(const struct meaning_ask *a)
{
	uint64_t now = a->m->clock.uptime_ns, v = a->q->u;

	if (!v || v > YEAR_NS * 100)
		return;
	print_ns(v, &a->ret->text);
	buf_puts(&a->ret->text, " after boot");
	if (!now)
		return;
	buf_puts(&a->ret->text, ", ");
	meaning_put_age((int64_t)(now - v), &a->ret->text);
}

static void put_ktime(const struct meaning_ask *a)
{
	if (a->q->u == INT64_MAX)
		buf_puts(&a->ret->text, "KTIME_MAX");
	else
		put_nanoseconds(a);
}

static void put_duration(const struct meaning_ask *a)
{
	if (a->q->u == INT64_MAX)
		buf_puts(&a->ret->text, "KTIME_MAX");
	else if (a->q->u && a->q->u < YEAR_NS * 100)
		put_short(a->q->u, &a->ret->text);
}

static void put_date(const struct meaning_ask *a, int64_t sec)
{
	time_t t = (time_t)sec;
	char text[64];
	struct tm tm;

	if (sec <= 0 || sec > INT64_C(1) << 40 || !gmtime_r(&t, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		return;
	buf_puts(&a->ret->text, text);
	int64_t now = a->m->clock.realtime;
	if (now > 0 && now < INT64_C(1) << 33 && sec < INT64_C(1) << 33) {
		buf_puts(&a->ret->text, ", ");
		meaning_put_age((now - sec) * (int64_t)NS, &a->ret->text);
	}
}

static void put_realtime(const struct meaning_ask *a)
{
	put_date(a, (int64_t)a->q->u);
}

/* Small ones are durations, or times since boot: what began in 1985 isn't a file's time. */
static void put_timespec(const struct meaning_ask *a)
{
	uint64_t sec, nsec;

	if (!meaning_field(a, "tv_sec", &sec) || !meaning_field(a, "tv_nsec", &nsec) || nsec >= NS)
		return;
	if (sec >= 500000000)
		put_date(a, (int64_t)sec);
	else if (sec || nsec)
		put_short(sec * NS + nsec, &a->ret->text);
}

/* ---- identifiers ---- */

static void put_mode(const struct meaning_ask *a)
{
	static const char *const types[16] = {
		[1] = "fifo", [2] = "character device", [4] = "directory", [6] = "block device",
		[8] = "file", [10] = "symbolic link", [12] = "socket",
	};
	uint64_t v = a->q->u & 0xffff;
	struct buf *b = &a->ret->text;

	if (!v)
		return;
	buf_printf(b, "0%" PRIo64, v);
	if (v >> 12 && types[v >> 12])
		buf_printf(b, " %s", types[v >> 12]);
	buf_putc(b, ' ');
	for (int i = 8; i >= 0; i--)
		buf_putc(b, v >> i & 1 ? "xwr"[i % 3] : '-');
	buf_printf(b, "%s%s%s", v & 04000 ? " setuid" : "", v & 02000 ? " setgid" : "",
		   v & 01000 ? " sticky" : "");
}

static void put_dev(const struct meaning_ask *a)
{
	if (a->q->u)
		buf_printf(&a->ret->text, "%" PRIu32 ":%" PRIu32, DEV_MAJOR(a->q->u), DEV_MINOR(a->q->u));
}

/* A number that is a block device's, or a filesystem's that has none: that one's super_block has a name, too. */
static void put_block_dev(const struct meaning_ask *a)
{
	bool own = !DEV_MAJOR(a->q->u) && a->q->in && !strcmp(type_name(type_strip(a->q->in)), "super_block");
	const char *name = own ? "" : blockdev_by_dev(a->s, a->q->u);

	put_dev(a);
	if (name[0])
		buf_printf(&a->ret->text, " %s", name);
}

/* Who has registered the numbers of a character device: "mem", "ttyS". fs/char_dev.c hashes them by major. */
static void put_char_dev(const struct meaning_ask *a)
{
	enum { HASH = 255, CHAIN = 256, NEXT = 0, MAJOR, MINOR, COUNT, NAME, N };
	struct kern_member m[N] = {{.names = "next"}, {.names = "major"}, {.names = "baseminor"}, {.names = "minorct"},
				   {.names = "name"}};
	uint64_t major = DEV_MAJOR(a->q->u), minor = DEV_MINOR(a->q->u), table, at, v[NAME];
	char name[64];

	put_dev(a);
	if (!err_ok(kern_symbol(a->s, "chrdevs", &table)) ||
	    kern_members(a->s, "struct char_device_struct", m, N) != N ||
	    !err_ok(mem_u64(a->s->mem, KERNEL, table + major % HASH * 8, &at)))
		return;
	for (unsigned i = 0; i < CHAIN && kern_pointer(a->s, at); i++, at = v[NEXT]) {
		for (size_t k = 0; k < NAME; k++)
			if (!err_ok(kern_read(a->s, at, &m[k], &v[k])))
				return;
		if (v[MAJOR] != major || minor < v[MINOR] || minor - v[MINOR] >= v[COUNT] ||
		    !err_ok(mem_str(a->s->mem, KERNEL, kern_at(at, &m[NAME]), name, sizeof(name))))
			continue;
		buf_putc(&a->ret->text, ' ');
		buf_put_safe(&a->ret->text, name, strlen(name));
		return;
	}
}

/* inode.i_rdev: character devices have numbers of their own. */
static void put_inode_dev(const struct meaning_ask *a)
{
	struct kern_member m[] = {{.names = "i_rdev"}, {.names = "i_mode"}};
	uint64_t mode = 0;

	if (a->q->addr && kern_members(a->s, "struct inode", m, 2) == 2)
		err_free(kern_read(a->s, a->q->addr - m[0].place.offset, &m[1], &mode));
	if ((mode & 0170000) == 060000)
		put_block_dev(a);
	else if ((mode & 0170000) == 020000)
		put_char_dev(a);
	else
		put_dev(a);
}

static void put_ipv4(const struct meaning_ask *a)
{
	uint32_t v = (uint32_t)a->q->u; /* as it lies in memory: network order */

	buf_printf(&a->ret->text, "%u.%u.%u.%u", v & 255, v >> 8 & 255, v >> 16 & 255, v >> 24);
}

static void put_port(const struct meaning_ask *a)
{
	if (a->q->u)
		buf_printf(&a->ret->text, "port %u", (unsigned)((a->q->u & 255) << 8 | (a->q->u >> 8 & 255)));
}

/* ---- locks ---- */

static void put_owner(const struct meaning_ask *a, uint64_t task)
{
	if (!task) {
		buf_puts(&a->ret->text, "not held");
		return;
	}
	if (meaning_put_task(a, task, &a->ret->text))
		a->ret->ref = ref_addr(REF_TASK, task);
}

static void put_flags(const struct meaning_ask *a, const char *const *names, size_t n, uint64_t bits)
{
	for (size_t i = 0; i < n; i++)
		if (bits >> i & 1)
			buf_printf(&a->ret->text, "%s%s", a->ret->text.len ? " " : "", names[i]);
}

static void put_mutex_owner(const struct meaning_ask *a)
{
	static const char *const flags[] = {"MUTEX_FLAG_WAITERS", "MUTEX_FLAG_HANDOFF",
					    "MUTEX_FLAG_PICKUP"};

	a->ret->hex = true;
	put_owner(a, a->q->u & ~UINT64_C(7));
	put_flags(a, flags, 3, a->q->u & 7);
}

static void put_rwsem_owner(const struct meaning_ask *a)
{
	uint64_t task = a->q->u & ~UINT64_C(7);

	a->ret->hex = true;
	if (a->q->u & 1) { /* a hint only: the last of the readers that took it */
		buf_puts(&a->ret->text, "reader-owned");
		if (task) {
			buf_puts(&a->ret->text, ", last by ");
			put_owner(a, task);
		}
	} else if (task) {
		put_owner(a, task);
	}
	if (a->q->u & 2)
		buf_puts(&a->ret->text, " RWSEM_NONSPINNABLE");
}

static void put_rwsem_count(const struct meaning_ask *a)
{
	static const char *const flags[] = {"RWSEM_WRITER_LOCKED", "RWSEM_FLAG_WAITERS",
					    "RWSEM_FLAG_HANDOFF"};
	uint64_t v = a->q->u, readers = v >> 8 & ((UINT64_C(1) << 55) - 1);

	a->ret->hex = true;
	if (!v)
		buf_puts(&a->ret->text, "unlocked");
	put_flags(a, flags, 3, v & 7);
	if (readers)
		buf_printf(&a->ret->text, "%s%" PRIu64 " reader%s", a->ret->text.len ? " " : "",
			   readers, readers == 1 ? "" : "s");
	if (v >> 63)
		buf_puts(&a->ret->text, " RWSEM_FLAG_READFAIL");
}

/* Not all of these are queued ones: without struct qspinlock this kernel's are something else. */
static void put_qspinlock(const struct meaning_ask *a)
{
	uint64_t v;
	const struct type *t;
	struct buf *b = &a->ret->text;

	if (!err_ok(type_find(a->s->types, "struct qspinlock", NULL, &t)) ||
	    !meaning_field(a, "val.counter|raw_lock.val.counter|rlock.raw_lock.val.counter", &v))
		return;
	buf_puts(b, v ? "" : "unlocked");
	if (v & 0xff)
		buf_puts(b, "locked");
	if (v & 0xff00)
		buf_printf(b, "%spending", b->len ? ", " : "");
	if (v >> 18 & 0x3fff)
		buf_printf(b, "%slast waiter on CPU %" PRIu64, b->len ? ", " : "",
			   (v >> 18 & 0x3fff) - 1);
}

/* ---- work and timers ---- */

static void put_work_data(const struct meaning_ask *a)
{
	uint64_t pwq = 4, shift, v = a->q->u, none;
	struct buf *b = &a->ret->text;

	a->ret->hex = true;
	if (v & 1)
		buf_puts(b, "PENDING");
	if (!kern_enum_value(a->s, "WORK_STRUCT_PWQ", &pwq))
		return;
	if (v & pwq) {
		uint64_t bits = 8;
		if (!kern_enum_value(a->s, "WORK_STRUCT_PWQ_SHIFT", &bits) &&
		    !kern_enum_value(a->s, "WORK_STRUCT_FLAG_BITS", &bits))
			return;
		if (bits < 64)
			buf_printf(b, "%spool_workqueue 0x%" PRIx64, b->len ? " " : "", v >> bits << bits);
	} else if (kern_enum_value(a->s, "WORK_OFFQ_POOL_SHIFT", &shift) && shift < 64) {
		none = (UINT64_C(1) << (64 - shift < 31 ? 64 - shift : 31)) - 1;
		if ((v >> shift & none) == none)
			buf_printf(b, "%sno pool", b->len ? " " : "");
		else
			buf_printf(b, "%slast in pool %" PRIu64, b->len ? " " : "", v >> shift & none);
	}
}

static void put_timer_flags(const struct meaning_ask *a)
{
	static const char *const flags[] = {"TIMER_MIGRATING", "TIMER_DEFERRABLE", "TIMER_PINNED",
					    "TIMER_IRQSAFE"};

	a->ret->hex = true;
	buf_printf(&a->ret->text, "CPU %" PRIu64, a->q->u & 0x3ffff);
	put_flags(a, flags, 4, a->q->u >> 18 & 15);
	buf_printf(&a->ret->text, " bucket %" PRIu64, a->q->u >> 22 & 0x3ff);
}

/* ---- pages ---- */

static unsigned width_of(uint64_t count)
{
	unsigned n = 0;

	while (n < 63 && UINT64_C(1) << n < count)
		n++;
	return n;
}

/* How many nodes the kernel was built for: it has that many pointers in each slab cache. */
static uint64_t max_nodes(struct session *s)
{
	struct kern_member m = {.names = "node|per_node"};
	uint64_t n;

	if (!kern_members(s, "struct kmem_cache", &m, 1) || !type_array_count(type_strip(m.place.type), &n))
		return 0;
	return n;
}

/* How many bits below the zone tell who touched the page last (LAST_CPUPID_WIDTH: a CPU, and eight bits of a pid); 0:
 * none, or that can't be told. */
static unsigned cpupid_width(struct session *s)
{
	struct kern_member balancing = {.names = "numa_faults"}, own = {.names = "_last_cpupid"};
	struct sym offsets; /* has a word for each CPU that the kernel was built for */

	if (!kern_members(s, "struct task_struct", &balancing, 1) || kern_members(s, "struct page", &own, 1) ||
	    !sym_find(s->symtab, "__per_cpu_offset", &offsets) || offsets.size < 8 ||
	    offsets.size / 8 > NR_CPUS_MOST)
		return 0;
	return PID_BITS + width_of(offsets.size / 8);
}

/* Takes the field of `width` bits below bit `top` out of the flags, and tells it unless it is empty: all ones. */
static uint64_t take_cpupid(uint64_t flags, unsigned top, unsigned width, struct buf *out)
{
	uint64_t none = (UINT64_C(1) << width) - 1, v = flags >> (top - width) & none;

	if (v != none)
		buf_printf(out, " last touched on CPU %" PRIu64, v >> PID_BITS);
	return flags & ~(none << (top - width));
}

/* Node and zone are the topmost bits, where the kernel has a memory map (so no section in them). */
static void put_page_flags(const struct meaning_ask *a)
{
	const uint64_t *g = smap_get(&a->m->table->groups, "PG");
	uint64_t nodes = max_nodes(a->s), zones, v = a->q->u;
	unsigned nw = width_of(nodes), zw;
	struct buf *b = &a->ret->text;
	size_t from;

	a->ret->hex = true;
	if (!g)
		return;
	if (!nodes || nodes > NODES_MOST || !kern_enum_value(a->s, "__MAX_NR_ZONES", &zones) || zones < 2 ||
	    zones > 8) {
		meaning_group_put(a->s, a->m->table, (struct meaning_group *)(uintptr_t)*g, v, b);
		return;
	}
	zw = width_of(zones);
	uint64_t node = nw ? v >> (64 - nw) : 0, zone = zw ? v >> (64 - nw - zw) & ((1u << zw) - 1) : 0;
	AUTO_BUF struct buf last = {0};
	unsigned top = 64 - nw - zw, cpupid = cpupid_width(a->s);
	uint64_t flags = v & ((UINT64_C(1) << top) - 1);
	if (cpupid)
		flags = take_cpupid(flags, top, cpupid, &last);
	from = b->len;
	meaning_group_put(a->s, a->m->table, (struct meaning_group *)(uintptr_t)*g, flags, b);
	const char *name = meaning_enum_name(a->m, "__MAX_NR_ZONES", zone);
	buf_printf(b, "%snode %" PRIu64 " %s", b->len > from ? " " : "", node, name ? name : "zone ?");
	buf_puts(b, buf_str(&last));
}

/* ---- sets ---- */

/* "0-3,5", of the first `bits` bits */
static void put_bits(const struct meaning_ask *a, uint64_t bits)
{
	uint8_t bytes[1024];
	size_t n = a->q->n, shown = 0;
	const uint8_t *p = a->q->bytes;
	struct buf *b = &a->ret->text;

	if (!p) {
		n = type_size(a->q->type);
		n = n < sizeof(bytes) ? n : sizeof(bytes);
		if (!a->q->addr || !err_ok(mem_read(a->s->mem, KERNEL, a->q->addr, bytes, n)))
			return;
		p = bytes;
	}
	n = n * 8 < bits ? n * 8 : (size_t)bits;
	for (size_t i = 0; i < n && shown < 64; i++) {
		size_t from = i;
		if (!(p[i / 8] >> i % 8 & 1))
			continue;
		while (i + 1 < n && p[(i + 1) / 8] >> (i + 1) % 8 & 1)
			i++;
		buf_printf(b, shown++ ? ",%zu" : "%zu", from);
		if (i > from)
			buf_printf(b, "-%zu", i);
	}
	if (!shown)
		buf_puts(b, "none");
}

static void put_bitmap(const struct meaning_ask *a)
{
	put_bits(a, UINT64_MAX);
}

/* A mask may have any bits behind the last CPU or node that there can be. */
static uint64_t count_of(const struct meaning_ask *a, const char *symbol, uint64_t otherwise)
{
	uint64_t at;
	uint32_t n;

	return err_ok(kern_symbol(a->s, symbol, &at)) && err_ok(mem_u32(a->s->mem, KERNEL, at, &n)) && n
		       ? n : otherwise;
}

static void put_cpus(const struct meaning_ask *a)
{
	put_bits(a, count_of(a, "nr_cpu_ids", a->s->ncpus));
}

static void put_nodes(const struct meaning_ask *a)
{
	put_bits(a, count_of(a, "nr_node_ids", UINT64_MAX));
}

static const struct meaning_kind kinds[] = {
	{"jiffies", false, put_jiffies},
	{"jiffies-now", false, put_jiffies_now},
	{"nanoseconds", false, put_nanoseconds},
	{"ktime", false, put_ktime},
	{"duration", false, put_duration},
	{"realtime", false, put_realtime},
	{"timespec", true, put_timespec},
	{"mode", false, put_mode},
	{"dev", false, put_dev},
	{"block-dev", false, put_block_dev},
	{"inode-dev", false, put_inode_dev},
	{"ipv4", false, put_ipv4},
	{"port", false, put_port},
	{"mutex-owner", false, put_mutex_owner},
	{"rwsem-owner", false, put_rwsem_owner},
	{"rwsem-count", false, put_rwsem_count},
	{"qspinlock", true, put_qspinlock},
	{"work-data", false, put_work_data},
	{"timer-flags", false, put_timer_flags},
	{"page-flags", false, put_page_flags},
	{"bitmap", true, put_bitmap},
	{"cpus", true, put_cpus},
	{"nodes", true, put_nodes},
	{"fs-info", false, meaning_put_fs_info},
	{"file-data", false, meaning_put_file_data},
};

const struct meaning_kind *meaning_kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	for (size_t i = 0; i < meaning_object_nkinds; i++)
		if (!strcmp(meaning_object_kinds[i].name, name))
			return &meaning_object_kinds[i];
	return NULL;
}

/* ---- what they share ---- */

const char *meaning_enum_name(struct meanings *m, const char *enumerator, uint64_t value)
{
	const struct type *t = NULL;
	bool added;

	pthread_mutex_lock(&m->table->lock);
	uint64_t *slot = smap_put(&m->enums, enumerator, &added);
	if (added && err_ok(type_find_enumerator(m->s->types, enumerator, NULL, &t)))
		*slot = (uintptr_t)t;
	t = (const struct type *)(uintptr_t)*slot;
	pthread_mutex_unlock(&m->table->lock);
	return t ? type_enum_name(t, (int64_t)value) : NULL;
}
