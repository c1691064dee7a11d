/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which members somebody may have meant who named one that there isn't: kernels rename (state, __state), and
 * fingers slip (comn).
 */
#include <string.h>
#include "engine/expr/impl.h"

#define NEAR_MAX 4	/* names told */
#define NAME_MAX_LEN 64 /* of those that are compared by letters */
#define DEPTH_NEAR 8	/* anonymous structs in each other */
#define STEPS_NEAR 20000 /* members looked at: a damaged file may have a struct in itself */

/* How many letters differ, are missing or too many. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_LEN + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > NAME_MAX_LEN || m > NAME_MAX_LEN)
		return UINT32_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]), least;
			diagonal = row[j];
			least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			row[j] = change < least ? change : least;
		}
	}
	return row[m];
}

static bool is_near(const char *name, const char *asked)
{
	size_t n = strlen(asked);

	if (n >= 4 && strlen(name) < n + 4 && strstr(name, asked))
		return true;
	return n >= 3 && distance(name, asked) <= (n > 5 ? 2 : 1);
}

struct search {
	const char *asked;
	unsigned found, steps;
	struct buf *out;
};

static void collect(struct search *s, const struct type *t, int depth)
{
	size_t n;
	const struct member *m = type_members(type_strip(t), &n);

	for (size_t i = 0; i < n && s->found < NEAR_MAX && depth < DEPTH_NEAR && s->steps++ < STEPS_NEAR; i++)
		if (!m[i].name[0])
			collect(s, m[i].type, depth + 1);
		else if (is_near(m[i].name, s->asked))
			buf_printf(s->out, "%s%s", s->found++ ? ", " : "; near it: ", m[i].name);
}

void near_members(const struct type *t, const char *asked, struct buf *out)
{
	collect(&(struct search){.asked = asked, .out = out}, t, 0);
}
