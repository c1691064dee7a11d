/*
 * truth: writes what a running kernel says about itself as a tar archive, to a file or straight to a disk.
 *
 *     truth DEVICE
 *
 * A dump of the same kernel, made moments later, is compared with it. It runs inside the guests, where a
 * shell would need minutes for a few thousand threads. Its own process is left out: it is gone by the time
 * of the dump. The order is from what changes least to what changes most, with the tasks next to last.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 512

static int out;
static char *content;      /* the file being read; grows as needed */
static size_t capacity;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void put(const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(out, p, size);

		if (n < 0)
			die("truth: write");
		p += n;
		size -= n;
	}
}

/* One regular file of the archive, in the plain old ustar layout. */
static void put_file(const char *name, const char *data, size_t size)
{
	static const char zero[BLOCK];
	char h[BLOCK] = {0};
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	memcpy(h + 100, "0000644", 8);
	memcpy(h + 108, "0000000", 8);
	memcpy(h + 116, "0000000", 8);
	snprintf(h + 124, 12, "%011zo", size);
	snprintf(h + 136, 12, "%011lo", (long)time(NULL));
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257, "ustar\00000", 8);
	for (int i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	put(h, BLOCK);
	put(data, size);
	put(zero, (BLOCK - size % BLOCK) % BLOCK);
}

/* Files under /proc have no size: read to the end. Returns -1 when there is nothing to be had. */
static ssize_t slurp(const char *path)
{
	size_t size = 0;
	int fd = open(path, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return -1;
	for (;;) {
		if (capacity - size < 65536) {
			capacity = capacity ? capacity * 2 : 1 << 20;
			content = realloc(content, capacity);
			if (!content)
				die("truth: memory");
		}
		ssize_t n = read(fd, content + size, capacity - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		size += n;
	}
	close(fd);
	return size;
}

static void copy(const char *path, const char *name)
{
	ssize_t size = slurp(path);

	if (size >= 0)
		put_file(name, content, size);
}

/* Links as lines "name -> target": all in a folder, or those listed. */
static size_t add_link(char *text, size_t size, size_t used, const char *dir, const char *name)
{
	char path[256], target[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	ssize_t n = readlink(path, target, sizeof target - 1);

	if (n < 0 || used + n + 280 > size)
		return used;
	target[n] = 0;
	return used + snprintf(text + used, size - used, "%s -> %s\n", name, target);
}

static void list_links(const char *dir, const char *const *names, const char *as)
{
	static char text[1 << 18];
	size_t used = 0;

	if (names) {
		for (; *names; names++)
			used = add_link(text, sizeof text, used, dir, *names);
	} else {
		DIR *d = opendir(dir);

		if (!d)
			return;
		for (struct dirent *e; (e = readdir(d));)
			if (e->d_name[0] != '.')
				used = add_link(text, sizeof text, used, dir, e->d_name);
		closedir(d);
	}
	put_file(as, text, used);
}

static void thread(int tgid, int tid)
{
	static const char *const each[] = {"stat", "status", "stack", "wchan", "syscall", "comm", "cmdline",
					   "schedstat", NULL};
	static const char *const leader[] = {"maps", "statm", "limits", "cgroup", NULL};
	static const char *const links[] = {"exe", "cwd", "root", NULL};
	char path[100], name[100];

	for (const char *const *f = each; *f; f++) {
		snprintf(path, sizeof path, "/proc/%d/task/%d/%s", tgid, tid, *f);
		copy(path, path + 1);
	}
	if (tgid != tid)
		return;
	/* what a process has once: in the folder of its first thread */
	for (const char *const *f = leader; *f; f++) {
		snprintf(path, sizeof path, "/proc/%d/%s", tgid, *f);
		snprintf(name, sizeof name, "proc/%d/task/%d/%s", tgid, tid, *f);
		copy(path, name);
	}
	snprintf(path, sizeof path, "/proc/%d", tgid);
	snprintf(name, sizeof name, "proc/%d/task/%d/links", tgid, tid);
	list_links(path, links, name);
	snprintf(path, sizeof path, "/proc/%d/fd", tgid);
	snprintf(name, sizeof name, "proc/%d/task/%d/fd", tgid, tid);
	list_links(path, NULL, name);
}

static int numbers(const struct dirent *e)
{
	return e->d_name[0] >= '0' && e->d_name[0] <= '9';
}

static void tasks(void)
{
	struct dirent **p, **t;
	int np = scandir("/proc", &p, numbers, versionsort);

	for (int i = 0; i < np; i++) {
		char path[64];
		int tgid = atoi(p[i]->d_name);

		if (tgid == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/%d/task", tgid);
		int nt = scandir(path, &t, numbers, versionsort);

		for (int k = 0; k < nt; k++)
			thread(tgid, atoi(t[k]->d_name));
	}
}

/* Where each module's sections lie: a line "module section address". */
static void sections(void)
{
	static char text[1 << 18];
	size_t used = 0;
	struct dirent **m, **s;
	int nm = scandir("/sys/module", &m, NULL, alphasort);

	for (int i = 0; i < nm; i++) {
		char dir[300], path[600];

		snprintf(dir, sizeof dir, "/sys/module/%s/sections", m[i]->d_name);
		int ns = scandir(dir, &s, NULL, alphasort);

		for (int k = 0; k < ns; k++) {
			snprintf(path, sizeof path, "%s/%s", dir, s[k]->d_name);
			ssize_t n = s[k]->d_type == DT_DIR ? -1 : slurp(path);

			if (n > 0 && used + n + 600 < sizeof text)
				used += snprintf(text + used, sizeof text - used, "%s %s %.*s", m[i]->d_name,
						 s[k]->d_name, (int)n, content);
		}
	}
	put_file("module-sections", text, used);
}

/* "monotonic ns, realtime ns": when the tasks were read */
static void clocks(const char *name)
{
	struct timespec m, r;
	char text[100];

	clock_gettime(CLOCK_MONOTONIC, &m);
	clock_gettime(CLOCK_REALTIME, &r);
	put_file(name, text,
		 snprintf(text, sizeof text, "monotonic_ns %lld\nrealtime_ns %lld\n",
			  m.tv_sec * 1000000000LL + m.tv_nsec, r.tv_sec * 1000000000LL + r.tv_nsec));
}

int main(int argc, char **argv)
{
	static const char *const lasting[] = {
		"kallsyms", "version", "cpuinfo", "cmdline", "filesystems", "devices", "misc", "iomem", "ioports",
		"partitions", "swaps", "modules", "mounts", "crypto", "cgroups", "consoles", "key-users", NULL};
	static const char *const changing[] = {
		"locks", "vmallocinfo", "slabinfo", "meminfo", "zoneinfo", "buddyinfo", "pagetypeinfo", "vmstat",
		"diskstats", "interrupts", "softirqs", "timer_list", "stat", "loadavg", "uptime", NULL};
	static const char *const others[][2] = {
		{"/proc/1/mountinfo", "mountinfo"}, {"/sys/kernel/notes", "notes"},
		{"/sys/kernel/vmcoreinfo", "vmcoreinfo"}, {"/proc/sys/kernel/hostname", "hostname"},
		{"/proc/sys/kernel/osrelease", "osrelease"}, {"/proc/sys/kernel/tainted", "tainted"},
		{"/proc/net/unix", "net/unix"}, {"/proc/net/tcp", "net/tcp"}, {"/proc/net/tcp6", "net/tcp6"},
		{"/proc/net/udp", "net/udp"}, {"/proc/net/dev", "net/dev"}, {"/proc/sysvipc/shm", "sysvipc/shm"},
		{"/proc/sysvipc/sem", "sysvipc/sem"}, {"/proc/sysvipc/msg", "sysvipc/msg"}};
	static const char end[2 * BLOCK];
	char path[100];

	if (argc != 2)
		return 2;
	out = open(argv[1], O_WRONLY);
	if (out < 0)
		die(argv[1]);
	for (const char *const *f = lasting; *f; f++) {
		snprintf(path, sizeof path, "/proc/%s", *f);
		copy(path, *f);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		copy(others[i][0], others[i][1]);
	sections();
	clocks("clock-before-tasks");
	tasks();
	clocks("clock-after-tasks");
	for (const char *const *f = changing; *f; f++) {
		snprintf(path, sizeof path, "/proc/%s", *f);
		copy(path, *f);
	}
	put(end, sizeof end);
	if (fsync(out))
		die("truth: fsync");
	posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED);    /* keep our own pages out of the dump */
	return 0;
}
