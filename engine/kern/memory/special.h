/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Words that are no addresses: NULL and an offset, error numbers, poison. Thread: any.
 */
#ifndef KERN_SPECIAL_H
#define KERN_SPECIAL_H

#include <stdint.h>
#include "engine/base/buf.h"

enum special_kind { SPECIAL_NONE, SPECIAL_NULL, SPECIAL_ERROR, SPECIAL_POISON };
/* What v means; its text is appended to out. */
enum special_kind special_word(uint64_t v, struct buf *out);

#endif
