/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The yardstick for a search: nothing but decompressing all pages of a kdump file, by as many threads as told,
 * out of a mapping of the file. Prints one JSON object: milliseconds, pages, and how many of them had data.
 *
 * decompress THREADS VMCORE
 *
 * Knows just enough of the format for that (makedumpfile's IMPLEMENTATION), and none of the program's code.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

enum { PAGE = 4096, CHUNK = 4096, DESC = 24, MAX_THREADS = 64 };

static const unsigned char *file;
static size_t size;
static uint64_t descs, npages;
static atomic_size_t next;
static atomic_uint_fast64_t with_data, sum;

static uint32_t u32(size_t at)
{
	uint32_t v;
	memcpy(&v, file + at, 4);
	return v;
}

static uint64_t u64(size_t at)
{
	uint64_t v;
	memcpy(&v, file + at, 8);
	return v;
}

static int decode(ZSTD_DCtx *z, uint32_t flags, const unsigned char *in, size_t n, unsigned char *out)
{
	lzo_uint len = PAGE;
	uLongf zlen = PAGE;

	switch (flags & 0x27) {
	case 0x1:
		return uncompress(out, &zlen, in, n) == Z_OK;
	case 0x2:
		return lzo1x_decompress_safe(in, n, out, &len, NULL) == LZO_E_OK;
	case 0x20:
		return ZSTD_decompressDCtx(z, out, PAGE, in, n) == PAGE;
	}
	memcpy(out, in, n < PAGE ? n : PAGE);
	return 1;
}

static void *work(void *arg)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	unsigned char *out = malloc(PAGE);
	uint64_t zero = u64(descs), data = 0, check = 0;
	size_t first;

	(void)arg;
	while ((first = atomic_fetch_add(&next, CHUNK)) < npages) {
		for (size_t i = first; i < first + CHUNK && i < npages; i++) {
			size_t at = descs + i * DESC;
			uint64_t off = u64(at);
			uint32_t n = u32(at + 8), flags = u32(at + 12);
			if ((off == zero && !(flags & 0x27)) || off > size || n > size - off)
				continue;
			data++;
			if (decode(z, flags, file + off, n, out))
				check += out[i % PAGE];
		}
	}
	atomic_fetch_add(&with_data, data);
	atomic_fetch_add(&sum, check);
	free(out);
	ZSTD_freeDCtx(z);
	return NULL;
}

static double now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	unsigned threads = argc == 3 ? (unsigned)atoi(argv[1]) : 0;
	pthread_t tids[MAX_THREADS];
	struct stat st;

	int fd = argc == 3 ? open(argv[2], O_RDONLY) : -1;
	if (fd < 0 || fstat(fd, &st) || !threads || threads > MAX_THREADS) {
		fprintf(stderr, "usage: decompress THREADS VMCORE\n");
		return 2;
	}
	double began = now_ms();
	size = (size_t)st.st_size;
	file = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED || size < 8192 || memcmp(file, "KDUMP   ", 8) || lzo_init() != LZO_E_OK) {
		fprintf(stderr, "%s: not a kdump file\n", argv[2]);
		return 2;
	}
	/* struct disk_dump_header: block_size, sub_hdr_size and bitmap_blocks behind the utsname */
	uint64_t block = u32(428), sub = u32(432), bitmap = u32(436);
	if (block != PAGE) {
		fprintf(stderr, "%s: pages of %llu bytes\n", argv[2], (unsigned long long)block);
		return 2;
	}
	descs = (1 + sub + bitmap) * block;
	const unsigned char *dumped = file + (1 + sub) * block + bitmap * block / 2;
	for (size_t i = 0; i < bitmap * block / 2; i++)
		npages += (unsigned)__builtin_popcount(dumped[i]);
	for (unsigned i = 0; i < threads; i++)
		pthread_create(&tids[i], NULL, work, NULL);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(tids[i], NULL);
	printf("{\"ms\": %.1f, \"pages\": %llu, \"with_data\": %llu, \"sum\": %llu}\n", now_ms() - began,
	       (unsigned long long)npages, (unsigned long long)with_data, (unsigned long long)sum);
	return 0;
}
