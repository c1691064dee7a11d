/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words that are no addresses though they look like some, or that point where nothing is on purpose: error
 * numbers, poison, NULL with an offset. Linux' include/linux/poison.h, magic.h, err.h.
 */
#include "engine/kern/memory/special.h"
#include <inttypes.h>
#include <string.h>

#define MAX_ERRNO 4095
#define NEAR 4096 /* a poisoned pointer's member is at most that far off */

/* Pointers. With CONFIG_ILLEGAL_POINTER_VALUE, which x86-64 has, they are in no one's space. */
static const struct {
	uint64_t value;
	const char *what;
} poison_pointers[] = {
	{UINT64_C(0xdead000000000100), "LIST_POISON1: next of an entry that was taken off its list"},
	{UINT64_C(0xdead000000000122), "LIST_POISON2: prev of an entry that was taken off its list"},
	{UINT64_C(0xdead000000000300), "TIMER_ENTRY_STATIC"},
	{UINT64_C(0xdead000000000400), "TAIL_MAPPING: mapping of a tail page"},
	{UINT64_C(0xdead000000000800), "VMEMMAP_REMAP"},
	{UINT64_C(0xdead4ead00000000), "a lock's magic number"},
};

/* Whole words of one byte. */
static const struct {
	uint8_t byte;
	const char *what;
} poison_bytes[] = {
	{0x6b, "POISON_FREE: slab memory after it was freed"},
	{0x5a, "POISON_INUSE: slab memory that was never written"},
	{0xa5, "POISON_END: last byte of freed slab memory"},
	{0xbb, "SLUB_RED_INACTIVE: red zone of a free object"},
	{0xcc, "SLUB_RED_ACTIVE: red zone of an object in use, or freed init memory"},
	{0xaa, "PAGE_POISON: a free page"},
	{0xfe, "redzone of KASAN or of a device"},
};

static const char *const errors[] = {
	[1] = "EPERM", [2] = "ENOENT", [3] = "ESRCH", [4] = "EINTR", [5] = "EIO", [6] = "ENXIO",
	[7] = "E2BIG", [8] = "ENOEXEC", [9] = "EBADF", [10] = "ECHILD", [11] = "EAGAIN",
	[12] = "ENOMEM", [13] = "EACCES", [14] = "EFAULT", [15] = "ENOTBLK", [16] = "EBUSY",
	[17] = "EEXIST", [18] = "EXDEV", [19] = "ENODEV", [20] = "ENOTDIR", [21] = "EISDIR",
	[22] = "EINVAL", [23] = "ENFILE", [24] = "EMFILE", [25] = "ENOTTY", [26] = "ETXTBSY",
	[27] = "EFBIG", [28] = "ENOSPC", [29] = "ESPIPE", [30] = "EROFS", [31] = "EMLINK",
	[32] = "EPIPE", [33] = "EDOM", [34] = "ERANGE", [35] = "EDEADLK", [36] = "ENAMETOOLONG",
	[37] = "ENOLCK", [38] = "ENOSYS", [39] = "ENOTEMPTY", [40] = "ELOOP", [61] = "ENODATA",
	[62] = "ETIME", [71] = "EPROTO", [74] = "EBADMSG", [75] = "EOVERFLOW", [84] = "EILSEQ",
	[87] = "EUSERS", [90] = "EMSGSIZE", [95] = "EOPNOTSUPP", [98] = "EADDRINUSE",
	[99] = "EADDRNOTAVAIL", [100] = "ENETDOWN", [101] = "ENETUNREACH", [104] = "ECONNRESET",
	[105] = "ENOBUFS", [107] = "ENOTCONN", [110] = "ETIMEDOUT", [111] = "ECONNREFUSED",
	[112] = "EHOSTDOWN", [113] = "EHOSTUNREACH", [114] = "EALREADY", [115] = "EINPROGRESS",
	[116] = "ESTALE", [117] = "EUCLEAN", [122] = "EDQUOT", [125] = "ECANCELED",
	/* the kernel's own, include/linux/errno.h */
	[512] = "ERESTARTSYS", [513] = "ERESTARTNOINTR", [514] = "ERESTARTNOHAND",
	[515] = "ENOIOCTLCMD", [516] = "ERESTART_RESTARTBLOCK", [517] = "EPROBE_DEFER",
	[524] = "ENOTSUPP", [529] = "EIOCBQUEUED", [530] = "ERECALLCONFLICT",
};

static const char *error_name(uint64_t n)
{
	return n < sizeof(errors) / sizeof(*errors) ? errors[n] : NULL;
}

static enum special_kind is_poison(uint64_t v, struct buf *out)
{
	for (size_t i = 0; i < sizeof(poison_pointers) / sizeof(*poison_pointers); i++) {
		uint64_t off = v - poison_pointers[i].value;
		bool next_nearer = i + 1 < sizeof(poison_pointers) / sizeof(*poison_pointers) &&
				   v >= poison_pointers[i + 1].value;
		if (v < poison_pointers[i].value || off >= NEAR || next_nearer)
			continue;
		buf_puts(out, poison_pointers[i].what);
		if (off)
			buf_printf(out, ", +0x%" PRIx64, off);
		return SPECIAL_POISON;
	}
	for (size_t i = 0; i < sizeof(poison_bytes) / sizeof(*poison_bytes); i++) {
		uint64_t word = poison_bytes[i].byte * UINT64_C(0x0101010101010101);
		bool end = poison_bytes[i].byte == 0x6b && v == (word & UINT64_MAX >> 8) + (UINT64_C(0xa5) << 56);
		if (v - word >= NEAR && !end)
			continue;
		buf_puts(out, poison_bytes[i].what);
		if (v != word && !end)
			buf_printf(out, ", +0x%" PRIx64, v - word);
		return SPECIAL_POISON;
	}
	return SPECIAL_NONE;
}

enum special_kind special_word(uint64_t v, struct buf *out)
{
	if (v < NEAR) {
		buf_puts(out, "NULL");
		if (v)
			buf_printf(out, "+0x%" PRIx64, v);
		return SPECIAL_NULL;
	}
	if (-v <= MAX_ERRNO) {
		const char *name = error_name(-v);
		buf_printf(out, "-%" PRIu64 "%s%s as an error pointer", -v, name ? " -" : "", name ? name : "");
		return SPECIAL_ERROR;
	}
	return is_poison(v, out);
}
