/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Declarations with everything that C can do to a layout. type_sample_test.c is compiled with them,
 * so it knows the truth from the compiler; and it lets the compiler write debug info about them,
 * which the engine then reads.
 */
#ifndef TYPE_SAMPLE_H
#define TYPE_SAMPLE_H

#include <stdbool.h>

enum sample_color { RED, GREEN = 5, BLUE = -2 };
__extension__ enum sample_flags { FLAG_LOW = 1, FLAG_HIGH = 0x80000000u };
__extension__ enum sample_wide { WIDE_ONE = 1, WIDE_BIG = 0x1ffffffffull };
enum __attribute__((packed)) sample_tiny { TINY_A, TINY_B = 200 };

struct sample_never;
struct sample_elsewhere; /* defined in another unit */

struct sample_inner {
	char tag;
	short len;
};

typedef unsigned long long sample_u64;
typedef int (*sample_fn)(struct sample_inner *in, const char *fmt, ...);

struct sample {
	int first;
	unsigned int a : 3;
	unsigned int b : 7;
	int c : 5;
	unsigned long d : 40;
	bool e : 1;
	struct {
		int anon_x;
		union {
			long anon_y;
			char anon_z[8];
		};
	};
	struct sample_inner inner[3];
	int matrix[2][5];
	struct sample_never *never;
	struct sample_elsewhere *elsewhere;
	sample_fn fn;
	int (*table[4])(void *);
	char (*row)[16];
	const char *const name;
	enum sample_color color;
	enum sample_flags flags;
	enum sample_wide wide;
	enum sample_tiny tiny;
	float f;
	double g;
	bool truth;
	char text[16];
	unsigned char byte;
	signed char small;
	sample_u64 u64;
	__extension__ unsigned __int128 huge;
	struct {
		int k;
	} named;
	volatile int v;
	struct sample_inner tail[];
};

struct __attribute__((packed)) sample_packed {
	char x;
	unsigned long p : 61;
	unsigned int q : 5;
	int r;
};

union sample_union {
	int i;
	struct sample_inner s;
	long l[3];
};

#endif
