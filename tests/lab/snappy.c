/*
 * snappy: rewrites a kdump-compressed dump with its pages compressed by snappy.
 *
 *     snappy ZLIB-DUMP SNAPPY-DUMP
 *
 * Debian builds makedumpfile without snappy (asked for it, it writes the pages uncompressed, without a word),
 * but other distributions' dumps have it. What comes out is what 'makedumpfile -p' writes: the same headers,
 * notes and bitmaps, each page compressed on its own, the one zero page shared.
 */
#include <fcntl.h>
#include <snappy-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { STATUS = 424, BLOCK_SIZE = 428, SUB_HEADER_BLOCKS = 432, BITMAP_BLOCKS = 436 };
enum { ZLIB = 1, SNAPPY = 4 };

struct page { uint64_t offset; uint32_t size, flags; uint64_t page_flags; };

static void die(const char *why)
{
	fprintf(stderr, "snappy: %s\n", why);
	exit(1);
}

int main(int argc, char **argv)
{
	struct stat st;
	uint32_t block, sub, bitmap, status;
	size_t count = 0;
	int zero_page = 0;

	if (argc != 3)
		return 2;
	int in = open(argv[1], O_RDONLY), out = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (in < 0 || out < 0 || fstat(in, &st))
		die("cannot open the files");
	char *old = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, in, 0);

	if (old == MAP_FAILED || memcmp(old, "KDUMP   ", 8))
		die("not a kdump-compressed dump");
	memcpy(&block, old + BLOCK_SIZE, 4);
	memcpy(&sub, old + SUB_HEADER_BLOCKS, 4);
	memcpy(&bitmap, old + BITMAP_BLOCKS, 4);

	/* the second of two bitmaps has a bit for each page in the dump; the descriptors follow it */
	const char *pages = old + (1 + sub + bitmap) * (size_t)block;

	for (const char *b = pages - bitmap / 2 * (size_t)block; b < pages; b++)
		count += __builtin_popcount((unsigned char)*b);

	size_t data = pages - old + count * sizeof(struct page), end = data;
	struct page *desc = malloc(count * sizeof *desc);
	size_t bound = snappy_max_compressed_length(block);
	char *plain = malloc(block), *packed = malloc(bound);

	if (!desc || !plain || !packed)
		die("no memory");
	memcpy(desc, pages, count * sizeof *desc);

	/* all zero pages are one: raw, and first of the data */
	for (size_t i = 0; i < count && !zero_page; i++)
		zero_page = desc[i].offset == data && !desc[i].flags;
	if (zero_page) {
		if (pwrite(out, old + data, block, data) != (ssize_t)block)
			die("cannot write");
		end += block;
	}
	for (size_t i = 0; i < count; i++) {
		struct page *p = &desc[i];
		const char *from = old + p->offset;
		size_t size = bound;
		uLongf length = block;

		if (zero_page && p->offset == data)
			continue;
		if (!(p->flags & ZLIB))
			memcpy(plain, from, block);
		else if (uncompress((Bytef *)plain, &length, (const Bytef *)from, p->size) || length != block)
			die("a page does not decompress");
		if (snappy_compress(plain, block, packed, &size) == SNAPPY_OK && size < block) {
			p->flags = SNAPPY;
			p->size = size;
		} else {
			p->flags = 0;
			p->size = block;
		}
		if (pwrite(out, p->flags ? packed : plain, p->size, end) != (ssize_t)p->size)
			die("cannot write");
		p->offset = end;
		end += p->size;
	}
	if (pwrite(out, old, pages - old, 0) != pages - old ||
	    pwrite(out, desc, count * sizeof *desc, pages - old) != (ssize_t)(count * sizeof *desc))
		die("cannot write");
	memcpy(&status, old + STATUS, 4);
	status = (status & ~ZLIB) | SNAPPY;
	if (pwrite(out, &status, 4, STATUS) != 4 || close(out))
		die("cannot write");
	return 0;
}
