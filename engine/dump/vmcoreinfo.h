/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * vmcoreinfo: the lines NAME=value that the kernel leaves in a dump about itself, read tolerantly:
 * a line that makes no sense is skipped.
 *
 * Thread: any; immutable.
 * Source: Linux' kernel/vmcore_info.c, arch/x86/kernel/vmcore_info_64.c.
 */
#ifndef DUMP_VMCOREINFO_H
#define DUMP_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmcoreinfo;

/* Parses n bytes of text, which is copied. Never fails: what can't be read is left out. */
struct vmcoreinfo *vmcoreinfo_create(const char *text, size_t n);
void vmcoreinfo_destroy(struct vmcoreinfo *v);

bool vmcoreinfo_empty(const struct vmcoreinfo *v);
/* The whole text, NUL-terminated; borrowed. */
const char *vmcoreinfo_text(const struct vmcoreinfo *v);
/* The value of a whole key ("OSRELEASE", "BUILD-ID", "SYMBOL(prb)"); NULL when there is none. */
const char *vmcoreinfo_str(const struct vmcoreinfo *v, const char *key);
/* Numbers, false when absent or malformed. SYMBOL() is hexadecimal, the others are
 * decimal. */
bool vmcoreinfo_symbol(const struct vmcoreinfo *v, const char *name, uint64_t *ret);
bool vmcoreinfo_number(const struct vmcoreinfo *v, const char *name, int64_t *ret);
bool vmcoreinfo_length(const struct vmcoreinfo *v, const char *name, uint64_t *ret);
bool vmcoreinfo_size(const struct vmcoreinfo *v, const char *type, uint64_t *ret);
bool vmcoreinfo_offset(const struct vmcoreinfo *v, const char *type_dot_member, uint64_t *ret);

#endif
