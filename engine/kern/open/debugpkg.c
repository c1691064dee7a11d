/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/open/debugpkg.h"
#include <string.h>
#include "engine/base/alloc.h"

#define WORD_MAX 200

/* A release as packages have them; anything else is not put into a path or a command. */
static bool plain_word(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-");

	return n && n < WORD_MAX && !s[n] && s[0] != '.' && s[0] != '-';
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && !strcmp(s + n - t, tail);
}

/* ".el9", ".fc40", ".amzn2023": a dot, the word, a digit. */
static bool has_dist(const char *release, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = release; (p = strchr(p, '.')); p++)
		if (!strncmp(p + 1, word, n) && p[1 + n] >= '0' && p[1 + n] <= '9')
			return true;
	return false;
}

/* 4.18.0-553.rt7.342.el8_10.x86_64: the real-time kernel, as it was named up to RHEL 9. */
static bool is_old_rt(const char *release)
{
	const char *p = strstr(release, ".rt");

	return p && p[3] >= '0' && p[3] <= '9';
}

/* Red Hat and what is built like it: kernel[-VARIANT]-debuginfo-RELEASE. The variant is part of the
 * release after '+', or of its middle. */
static void red_hat(const char *release, struct buf *out)
{
	static const char *const variants[] = {"debug", "rt", "rt-debug", "64k", "64k-debug", "16k"};
	const char *plus = strchr(release, '+');
	const char *variant = "";

	if (strstr(release, "uek"))
		variant = "uek-";
	else if (is_old_rt(release))
		variant = "rt-";
	for (size_t i = 0; plus && i < sizeof(variants) / sizeof(variants[0]); i++)
		if (!strcmp(plus + 1, variants[i]))
			variant = variants[i];
	bool named = plus && variant[0];
	int n = named ? (int)(plus - release) : (int)strlen(release);
	buf_printf(out, "`dnf debuginfo-install kernel-%s%s%.*s`, or the package "
			"kernel-%s%sdebuginfo-%.*s",
		   variant, named ? "-" : "", n, release, variant, named ? "-" : "", n, release);
}

static const char *suse_flavour(const char *release)
{
	static const char *const flavours[] = {"-default", "-azure", "-rt", "-kvmsmall", "-preempt",
					       "-64kb", "-longterm", "-vanilla", "-debug"};

	for (size_t i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++)
		if (ends_with(release, flavours[i]))
			return flavours[i] + 1;
	return NULL;
}

/* 6.4.0-150600.23.7-default is package kernel-default-debuginfo, version 6.4.0-150600.23.7. */
static void suse(const char *release, const char *flavour, struct buf *out)
{
	int n = (int)(strlen(release) - strlen(flavour) - 1);

	buf_printf(out, "the package kernel-%s-debuginfo, version %.*s (`zypper install "
			"kernel-%s-debuginfo` with the debug repositories on)",
		   flavour, n, release, flavour);
}

void debug_package(const char *release, const char *version, struct buf *out)
{
	static const char *const rpm[] = {"el", "fc", "amzn", "oe", "an", "al", "tl", "cm",
					  "azl", "ocs", "ky", "uel"};
	const char *flavour = suse_flavour(release), *build = strchr(version, '#');

	version = build ? build : version; /* what stands before it in the banner tells the compiler's distribution */

	if (!plain_word(release)) {
		buf_puts(out, "the vmlinux of that very build");
		return;
	}
	if (strstr(version, "Ubuntu")) {
		buf_printf(out, "`apt install linux-image-unsigned-%s-dbgsym`, or linux-image-%s-dbgsym (Ubuntu's "
				"archive of debug symbols, ddebs.ubuntu.com)", release, release);
		return;
	}
	if (strstr(version, "Debian")) {
		buf_printf(out, "`apt install linux-image-%s-dbg` (the release's own or its "
				"security archive; older ones: Debian's snapshot archive)", release);
		return;
	}
	for (size_t i = 0; i < sizeof(rpm) / sizeof(rpm[0]); i++)
		if (has_dist(release, rpm[i])) {
			red_hat(release, out);
			return;
		}
	if (flavour)
		suse(release, flavour, out);
	else if (strstr(release, "-arch"))
		buf_printf(out, "a vmlinux with debug info of %s: Arch Linux has no package of it (linux-headers' "
				"is stripped), so build the package linux of that version anew", release);
	else
		buf_printf(out, "the vmlinux of the build of %s, with debug info", release);
}

/* ---- places ---- */

/* R: the release; I: the build-id as "ab/cdef". */
static const char *const system_places[] = {
	"/usr/lib/debug/.build-id/I.debug",
	"/usr/lib/debug/boot/vmlinux-R",
	"/usr/lib/debug/lib/modules/R/vmlinux",
	"/usr/lib/debug/usr/lib/modules/R/vmlinux",
	"/usr/lib/debug/usr/lib/modules/R/vmlinux.debug", /* SUSE */
	"/usr/lib/debug/boot/vmlinux-R.debug",
	"/boot/vmlinux-R",
	"/lib/modules/R/build/vmlinux",
	"/lib/modules/R/vmlinux",
	"/usr/lib/modules/R/vmlinux",
};

static const char *const dir_places[] = {
	"/.build-id/I.debug",		   "/vmlinux-R",
	"/R/vmlinux",			   "/boot/vmlinux-R",
	"/lib/modules/R/vmlinux",	   "/usr/lib/modules/R/vmlinux",
	"/usr/lib/debug/.build-id/I.debug", "/usr/lib/debug/boot/vmlinux-R",
	"/usr/lib/debug/lib/modules/R/vmlinux", "/usr/lib/debug/usr/lib/modules/R/vmlinux",
	"/vmlinux",			   "/vmlinux.debug",
};

bool debug_place(size_t i, const char *dir, const char *release, const uint8_t *id, size_t n,
		 struct buf *out)
{
	size_t count = dir ? sizeof(dir_places) / sizeof(dir_places[0])
			   : sizeof(system_places) / sizeof(system_places[0]);

	buf_clear(out);
	if (i >= count)
		return false;
	const char *p = dir ? dir_places[i] : system_places[i];
	if ((strchr(p, 'R') && !plain_word(release)) || (strchr(p, 'I') && n < 2))
		return true; /* empty: not to be had, go on */
	if (dir)
		buf_puts(out, dir);
	for (; *p; p++) {
		if (*p == 'R')
			buf_puts(out, release);
		else if (*p != 'I')
			buf_putc(out, *p);
		for (size_t j = 0; *p == 'I' && j < n; j++)
			buf_printf(out, j == 1 ? "/%02x" : "%02x", id[j]);
	}
	return true;
}
