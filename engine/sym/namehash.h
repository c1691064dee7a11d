/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The hash of a name in the symbol and DWARF indices: eight bytes at a step, as a hundred thousand
 * names are hashed before the first screen. Stored in cache files: a change of it needs a new
 * version there. Thread: any.
 */
#ifndef SYM_NAMEHASH_H
#define SYM_NAMEHASH_H

#include <stdint.h>
#include <string.h>

static inline uint32_t name_hash(const char *name)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15), word = 0;
	size_t n = strlen(name);

	if (n < 8) {
		for (size_t i = 0; i < n; i++)
			word = word << 8 | (unsigned char)name[i];
	} else {
		for (size_t i = 0; i + 8 < n; i += 8) {
			memcpy(&word, name + i, 8);
			h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
			h ^= h >> 32;
		}
		memcpy(&word, name + n - 8, 8); /* may overlap what was there before */
	}
	h = (h ^ word ^ (uint64_t)n << 56) * UINT64_C(0xff51afd7ed558ccd);
	return (uint32_t)(h ^ h >> 32);
}

#endif
