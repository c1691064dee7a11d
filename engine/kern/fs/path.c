/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths are put together backwards as the kernel's d_path does: up the dentries to the mount's root,
 * on from the place in the parent mount, until a mount that has no parent. Without a mount the walk
 * ends at the filesystem's own root.
 */
#include "engine/kern/fs/path.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/fs/blockdev.h"
#include "engine/kern/impl.h"

#define COMPONENTS_MAX 4096
#define NAME_LEN_MAX 255 /* NAME_MAX */
#define MOUNTS_TRIED 64

/* 0 when it can't be read. */
static uint64_t get(struct path_reader *r, uint64_t obj, const struct kern_member *m)
{
	uint64_t v;

	return kern_pointer(r->s, obj) && err_ok(kern_read(r->s, obj, m, &v)) ? v : 0;
}

/* The mount namespace of the first task. */
static uint64_t first_namespace(struct path_reader *r)
{
	struct kern_member proxy = {.names = "nsproxy"}, ns = {.names = "mnt_ns"};
	uint64_t task;

	kern_members(r->s, "struct task_struct", &proxy, 1);
	kern_members(r->s, "struct nsproxy", &ns, 1);
	return err_ok(kern_symbol(r->s, "init_task", &task)) ? get(r, get(r, task, &proxy), &ns) : 0;
}

void path_reader_init(struct path_reader *r, struct session *s)
{
	*r = (struct path_reader){
		.s = s,
		.mt = {[PM_PARENT] = {.names = "mnt_parent"}, [PM_MOUNTPOINT] = {.names = "mnt_mountpoint"},
		       [PM_MNT] = {.names = "mnt"}, [PM_ROOT] = {.names = "mnt.mnt_root"},
		       [PM_INSTANCE] = {.names = "mnt_instance"}, [PM_NEXT] = {.names = "mnt_next_for_sb"},
		       [PM_NS] = {.names = "mnt_ns"}},
		.de = {[PD_PARENT] = {.names = "d_parent"}, [PD_NAME] = {.names = "d_name.name|__d_name.name"},
		       [PD_LEN] = {.names = "d_name.len|__d_name.len"}, [PD_SB] = {.names = "d_sb"},
		       [PD_HASH] = {.names = "d_hash.pprev"}, [PD_INODE] = {.names = "d_inode"},
		       [PD_ALIAS] = {.names = "d_u.d_alias|d_alias"}, [PD_OP] = {.names = "d_op"}},
		.fi = {[PL_MNT] = {.names = "f_path.mnt|__f_path.mnt"},
		       [PL_DENTRY] = {.names = "f_path.dentry|__f_path.dentry"}},
		.in = {[PI_FIRST] = {.names = "i_dentry.first"}, [PI_NUMBER] = {.names = "i_ino"}},
		.sb = {[PS_MOUNTS] = {.names = "s_mounts"}, [PS_TYPE] = {.names = "s_type"}, [PS_ID] = {.names = "s_id"}},
		.dname = {.names = "d_dname"},
		.type_name = {.names = "name"},
	};
	kern_members(s, "struct mount", r->mt, PM_MEMBERS);
	kern_members(s, "struct dentry", r->de, PD_MEMBERS);
	kern_members(s, "struct file", r->fi, PL_MEMBERS);
	kern_members(s, "struct inode", r->in, PI_MEMBERS);
	kern_members(s, "struct super_block", r->sb, PS_MEMBERS);
	kern_members(s, "struct dentry_operations", &r->dname, 1);
	kern_members(s, "struct file_system_type", &r->type_name, 1);
	r->ns = first_namespace(r);
}

/* ---- walking up ---- */

struct path {
	char **part; /* from the last to the first */
	size_t n, cap;
};

static void path_free(struct path *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->part[i]);
	free(p->part);
}

static struct err *read_name(struct path_reader *r, uint64_t dentry, char name[NAME_LEN_MAX + 1])
{
	uint64_t at, len;

	TRY(kern_read(r->s, dentry, &r->de[PD_NAME], &at));
	if (!err_ok(kern_read(r->s, dentry, &r->de[PD_LEN], &len)) || len > NAME_LEN_MAX)
		len = NAME_LEN_MAX;
	return mem_str(r->s->mem, KERNEL, at, name, (size_t)len + 1);
}

/* The dentry's own name into out, made safe; false: it can't be read. */
static bool path_name(struct path_reader *r, uint64_t dentry, struct buf *out)
{
	char name[NAME_LEN_MAX + 1];

	if (!err_ok(read_name(r, dentry, name)))
		return false;
	buf_put_safe(out, name, strlen(name));
	return true;
}

/* One step up: within the mount, or into its parent. *done: there is nothing above. */
static struct err *step(struct path_reader *r, uint64_t *mount, uint64_t *dentry, struct path *p,
			bool *done)
{
	uint64_t root = 0, parent;
	char name[NAME_LEN_MAX + 1];

	if (*mount)
		TRY(kern_read(r->s, *mount, &r->mt[PM_ROOT], &root));
	if (*mount && *dentry == root) {
		TRY(kern_read(r->s, *mount, &r->mt[PM_PARENT], &parent));
		*done = parent == *mount || !parent;
		if (*done)
			return NULL;
		TRY(kern_read(r->s, *mount, &r->mt[PM_MOUNTPOINT], dentry));
		*mount = parent;
		return NULL;
	}
	TRY(kern_read(r->s, *dentry, &r->de[PD_PARENT], &parent));
	if (parent == *dentry) { /* the root of a filesystem that isn't this mount's: unreachable */
		*done = true;
		return NULL;
	}
	TRY(read_name(r, *dentry, name));
	GROW(p->part, p->n, p->cap);
	p->part[p->n++] = xstrdup(name);
	*dentry = parent;
	return NULL;
}

char *path_text(struct path_reader *r, uint64_t mount, uint64_t dentry, bool *fault)
{
	struct path p = {0};
	struct buf b = {0};
	bool done = false, bad = false;
	size_t steps = 0;

	while (!done && !bad)
		bad = !err_ok(step(r, &mount, &dentry, &p, &done)) || ++steps > COMPONENTS_MAX;
	if (bad)
		buf_puts(&b, "...");
	for (size_t i = p.n; i-- > 0;)
		buf_printf(&b, "/%s", p.part[i]);
	if (!b.len)
		buf_putc(&b, '/');
	path_free(&p);
	if (fault)
		*fault = bad;
	return buf_steal(&b);
}

/* ---- super_blocks ---- */

/* The mount after one of a super_block's, or the first (of 0); 0: there is none. */
static uint64_t next_mount(struct path_reader *r, uint64_t sb, uint64_t mount)
{
	bool list = r->mt[PM_INSTANCE].found; /* a list_head's next is its first word */
	uint64_t head = kern_at(sb, &r->sb[PS_MOUNTS]), next;
	uint64_t at = mount ? kern_at(mount, &r->mt[list ? PM_INSTANCE : PM_NEXT]) : head;

	if (!kern_pointer(r->s, at) || !err_ok(mem_u64(r->s->mem, KERNEL, at, &next)) || next == head ||
	    !kern_pointer(r->s, next) || (!list && !r->mt[PM_NEXT].found))
		return 0;
	return list ? next - r->mt[PM_INSTANCE].place.offset : next;
}

uint64_t path_sb_mount(struct path_reader *r, uint64_t sb)
{
	uint64_t best = next_mount(r, sb, 0), m = best;
	int rank = 0;

	/* not the kernel's own mount, which hangs nowhere, nor one of another namespace, if there is a choice */
	for (int i = 0; m && i < MOUNTS_TRIED; i++, m = next_mount(r, sb, m)) {
		int is = 2 * (r->ns && get(r, m, &r->mt[PM_NS]) == r->ns) + (get(r, m, &r->mt[PM_PARENT]) != m);
		if (is > rank) {
			rank = is;
			best = m;
		}
	}
	return best;
}

char *path_sb_place(struct path_reader *r, uint64_t sb)
{
	uint64_t mount = path_sb_mount(r, sb), root = get(r, mount, &r->mt[PM_ROOT]);

	return root ? path_text(r, mount, root, NULL) : NULL;
}

void path_sb_type(struct path_reader *r, uint64_t sb, char *buf, size_t n)
{
	uint64_t name = get(r, get(r, sb, &r->sb[PS_TYPE]), &r->type_name);

	if (!name || !err_ok(mem_str(r->s->mem, KERNEL, name, buf, n)))
		buf[0] = '\0';
}

/* ---- dentries, inodes, files ---- */

uint64_t path_inode_dentry(struct path_reader *r, uint64_t inode)
{
	uint64_t node = get(r, inode, &r->in[PI_FIRST]);

	return node && r->de[PD_ALIAS].found ? node - r->de[PD_ALIAS].place.offset : 0;
}

/* A file that the kernel opened itself, for a filesystem that it mounts. NULL: the device has no name. */
static char *block_device(struct path_reader *r, uint64_t inode)
{
	struct buf name = {0};

	if (inode && blockdev_name_of_inode(r->s, inode, &name))
		buf_puts(&name, " (block device)");
	return name.len ? buf_steal(&name) : NULL;
}

/* What has no place in a tree: the kernel makes its name up when asked. NULL: this isn't one. */
static char *made_up(struct path_reader *r, uint64_t dentry)
{
	static const struct {
		const char *type, *prefix;
		bool number; /* the inode's number, else the dentry's name */
	} kinds[] = {
		{"pipefs", "pipe:", true}, {"sockfs", "socket:", true}, {"anon_inodefs", "anon_inode:", false},
		{"nsfs", NULL, true},
	};
	AUTO_BUF struct buf name = {0};
	char type[32];

	if (!get(r, get(r, dentry, &r->de[PD_OP]), &r->dname))
		return NULL;
	path_sb_type(r, get(r, dentry, &r->de[PD_SB]), type, sizeof(type));
	path_name(r, dentry, &name);
	uint64_t number = get(r, get(r, dentry, &r->de[PD_INODE]), &r->in[PI_NUMBER]);
	if (!strcmp(type, "bdev")) {
		char *device = block_device(r, get(r, dentry, &r->de[PD_INODE]));
		if (device)
			return device;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(type, kinds[i].type))
			continue;
		if (!kinds[i].number)
			return xasprintf("%s%s", kinds[i].prefix, buf_str(&name));
		return xasprintf("%s[%" PRIu64 "]", kinds[i].prefix ? kinds[i].prefix : "ns:", number);
	}
	return xasprintf("/%s (deleted)", buf_str(&name)); /* simple_dname: memfd, SYSV shm */
}

char *path_of_path(struct path_reader *r, uint64_t vfsmount, uint64_t dentry)
{
	if (!kern_pointer(r->s, dentry))
		return NULL;
	char *text = made_up(r, dentry);
	if (text)
		return text;
	uint64_t mount = vfsmount && r->mt[PM_MNT].found ? vfsmount - r->mt[PM_MNT].place.offset : 0;
	text = path_text(r, mount, dentry, NULL);
	if (!r->de[PD_HASH].found || get(r, dentry, &r->de[PD_HASH]) ||
	    get(r, dentry, &r->de[PD_PARENT]) == dentry)
		return text;
	char *gone = xasprintf("%s (deleted)", text); /* unhashed, and no root */
	free(text);
	return gone;
}

char *path_of_dentry(struct path_reader *r, uint64_t dentry)
{
	uint64_t mount = path_sb_mount(r, get(r, dentry, &r->de[PD_SB]));

	return path_of_path(r, kern_at(mount, &r->mt[PM_MNT]), dentry);
}

char *path_of_file(struct path_reader *r, uint64_t file)
{
	return path_of_path(r, get(r, file, &r->fi[PL_MNT]), get(r, file, &r->fi[PL_DENTRY]));
}
