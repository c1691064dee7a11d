/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The task filter language. A text is compiled into terms; a task matches when all hold, where the
 * states without "!" count as one term together. A field that the dump lost matches no term, and so
 * matches the opposite of any: "!kernel" shows the tasks of which nobody knows.
 *
 * Names are searched with smart case, as patterns are: a word without capitals ignores case.
 */
#include "engine/kern/task/taskfilter.h"
#include <ctype.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/model/match.h"

enum term_kind {
	TERM_STATE,
	TERM_LONGER,
	TERM_SHORTER,
	TERM_NAME,
	TERM_REGEX,
	TERM_PID,
	TERM_TGID,
	TERM_PPID,
	TERM_CPU,
	TERM_KERNEL,
	TERM_USER,
	TERM_ACTIVE,
	TERM_GROUP,
};

struct term {
	enum term_kind kind;
	bool negate;
	uint64_t min, max;	 /* numbers; min: a time in ns */
	char word[64];		 /* a state, a part of the name */
	struct pattern *pattern; /* TERM_REGEX */
};

struct taskfilter {
	struct term *v;
	size_t n, cap;
};

static const char *const states[] = {"RU", "IN", "UN", "ID", "ST", "TR", "ZO",
				     "DE", "PA", "WA", "NE", "SW", "??"};

static const struct {
	const char *word;
	enum term_kind kind;
} flags[] = {
	{"kernel", TERM_KERNEL},
	{"user", TERM_USER},
	{"active", TERM_ACTIVE},
	{"group", TERM_GROUP},
};

static const struct {
	const char *key;
	enum term_kind kind;
} keys[] = {
	{"comm:", TERM_NAME}, {"pid:", TERM_PID}, {"tgid:", TERM_TGID},
	{"ppid:", TERM_PPID}, {"cpu:", TERM_CPU},
};

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

/* ---- numbers ---- */

static bool parse_number(const char **p, uint64_t *ret)
{
	*ret = 0;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); ++*p)
		if (__builtin_mul_overflow(*ret, 10, ret) ||
		    __builtin_add_overflow(*ret, (uint64_t)(**p - '0'), ret))
			return false;
	return true;
}

/* "12" or "100-200" */
static bool parse_range(const char *s, struct term *t)
{
	if (!parse_number(&s, &t->min))
		return false;
	t->max = t->min;
	if (*s != '-')
		return !*s;
	s++;
	return parse_number(&s, &t->max) && !*s && t->min <= t->max;
}

/* The digits behind a point, as billionths. */
static uint64_t parse_fraction(const char **p)
{
	uint64_t v = 0, unit = 100000000;

	if (**p != '.')
		return 0;
	for (++*p; isdigit((unsigned char)**p); ++*p, unit /= 10)
		v += unit * (uint64_t)(**p - '0');
	return v;
}

/* "10s", "1h2m", "1.5ms"; a bare number is seconds. */
static bool parse_time(const char *s, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		/* longer names before their own beginnings */
		{"ns", 1},	    {"us", 1000},	  {"ms", 1000000},	 {"s", 1000000000},
		{"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000},
	};

	*ret = 0;
	if (!*s)
		return false;
	while (*s) {
		uint64_t n, part, unit = 1000000000;
		if (!parse_number(&s, &n))
			return false;
		uint64_t fraction = parse_fraction(&s);
		for (size_t i = 0; i < COUNT(units) && *s; i++) {
			if (strncmp(s, units[i].name, strlen(units[i].name)))
				continue;
			unit = units[i].ns;
			s += strlen(units[i].name);
			break;
		}
		fraction = (uint64_t)((double)fraction / 1e9 * (double)unit);
		if (__builtin_mul_overflow(n, unit, &part) ||
		    __builtin_add_overflow(part, fraction, &part) ||
		    __builtin_add_overflow(*ret, part, ret) || (*s && !isdigit((unsigned char)*s)))
			return false;
	}
	return true;
}

/* ---- words ---- */

static struct err *wrong(const char *word, size_t n, const char *expected)
{
	return err_new(ERR_USAGE, "'%.*s' is not understood: expected %s", (int)n, word, expected);
}

static struct err *set_word(struct term *t, const char *s, const char *whole, size_t n)
{
	if (!*s || strlen(s) >= sizeof(t->word))
		return wrong(whole, n, "a part of a name, as comm:kworker or comm:/^kworker/");
	memcpy(t->word, s, strlen(s) + 1);
	return NULL;
}

static struct err *parse_comm(struct term *t, const char *s, const char *whole, size_t n)
{
	size_t len = strlen(s);

	if (*s != '/')
		return set_word(t, s, whole, n);
	if (len < 3 || s[len - 1] != '/')
		return wrong(whole, n, "a pattern between slashes, as comm:/^kworker/");
	AUTO_FREE char *regex = xstrndup(s + 1, len - 2);
	t->kind = TERM_REGEX;
	return pattern_create(regex, &t->pattern);
}

static struct err *parse_key(struct term *t, const char *s, bool *taken)
{
	*taken = true;
	for (size_t i = 0; i < COUNT(keys); i++) {
		size_t n = strlen(keys[i].key);
		if (strncmp(s, keys[i].key, n))
			continue;
		t->kind = keys[i].kind;
		if (t->kind == TERM_NAME)
			return parse_comm(t, s + n, s, strlen(s));
		return parse_range(s + n, t)
			       ? NULL
			       : wrong(s, strlen(s),
				       "a number, as pid:123, or a range, as pid:100-200");
	}
	*taken = false;
	return NULL;
}

static bool parse_plain(struct term *t, const char *s)
{
	for (size_t i = 0; i < COUNT(states); i++)
		if (!strcmp(s, states[i])) {
			t->kind = TERM_STATE;
			memcpy(t->word, s, 3);
			return true;
		}
	for (size_t i = 0; i < COUNT(flags); i++)
		if (!strcmp(s, flags[i].word)) {
			t->kind = flags[i].kind;
			return true;
		}
	return false;
}

static struct err *parse_term(struct term *t, const char *s)
{
	bool taken;

	for (; *s == '!'; s++)
		t->negate = !t->negate;
	if (!*s)
		return wrong("!", 1, "a word after it, as !kernel");
	if (*s == '>' || *s == '<') {
		t->kind = *s == '>' ? TERM_LONGER : TERM_SHORTER;
		return parse_time(s + 1, &t->min)
			       ? NULL
			       : wrong(s, strlen(s),
				       "a time, as >10s, <5m, >1h2m or >20 (seconds)");
	}
	struct err *e = parse_key(t, s, &taken);
	if (e || taken || parse_plain(t, s))
		return e;
	if (parse_range(s, t) && t->min == t->max) {
		t->kind = TERM_PID;
		return NULL;
	}
	t->kind = TERM_NAME;
	return set_word(t, s, s, strlen(s));
}

/* The end of the word at s: a space, but for those in comm:/a b/. */
static const char *word_end(const char *s)
{
	const char *p = s + strspn(s, "!");

	if (!strncmp(p, "comm:/", 6)) {
		for (p += 6; *p; p++)
			if (*p == '/' && (!p[1] || isspace((unsigned char)p[1])))
				return p + 1;
		return p;
	}
	while (*p && !isspace((unsigned char)*p))
		p++;
	return p;
}

struct err *taskfilter_create(const char *text, struct taskfilter **ret)
{
	struct taskfilter *f = xcalloc(1, sizeof(*f));

	for (const char *s = text; *s;) {
		if (isspace((unsigned char)*s)) {
			s++;
			continue;
		}
		const char *end = word_end(s);
		AUTO_FREE char *word = xstrndup(s, (size_t)(end - s));
		GROW(f->v, f->n, f->cap);
		memset(&f->v[f->n], 0, sizeof(f->v[0]));
		struct err *e = parse_term(&f->v[f->n++], word);
		if (e) {
			taskfilter_destroy(f);
			return e;
		}
		s = end;
	}
	*ret = f;
	return NULL;
}

void taskfilter_destroy(struct taskfilter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].pattern)
			pattern_destroy(f->v[i].pattern);
	free(f->v);
	free(f);
}

/* ---- matching ---- */

static bool known(const struct task *t, enum task_field f)
{
	return !((t->faults | t->absent) >> f & 1);
}

static bool in_range(const struct term *x, const struct task *t, enum task_field f, int64_t v)
{
	return known(t, f) && v >= 0 && (uint64_t)v >= x->min && (uint64_t)v <= x->max;
}

static bool contains(const char *name, const char *word)
{
	bool exact = false;
	size_t n = strlen(word);

	for (const char *p = word; *p; p++)
		exact |= isupper((unsigned char)*p);
	if (exact)
		return strstr(name, word) != NULL;
	for (; *name; name++)
		if (!strncasecmp(name, word, n))
			return true;
	return false;
}

static bool holds(const struct term *x, const struct task *t)
{
	switch (x->kind) {
	case TERM_STATE:
		return !strncmp(t->letters, x->word, 2);
	case TERM_LONGER:
		return known(t, TF_SINCE) && t->since_ns > x->min;
	case TERM_SHORTER:
		return known(t, TF_SINCE) && t->since_ns < x->min;
	case TERM_NAME:
		return known(t, TF_COMM) && contains(t->comm, x->word);
	case TERM_REGEX:
		return known(t, TF_COMM) &&
		       pattern_find(x->pattern, t->comm, strlen(t->comm), 0, NULL, NULL);
	case TERM_PID:
		return in_range(x, t, TF_PID, t->pid);
	case TERM_TGID:
		return in_range(x, t, TF_TGID, t->tgid);
	case TERM_PPID:
		return in_range(x, t, TF_PPID, t->ppid);
	case TERM_CPU:
		return in_range(x, t, TF_CPU, t->cpu);
	case TERM_KERNEL:
		return known(t, TF_FLAGS) && t->kthread;
	case TERM_USER:
		return known(t, TF_FLAGS) && !t->kthread;
	case TERM_ACTIVE:
		return t->active;
	case TERM_GROUP:
		return known(t, TF_PID) && known(t, TF_TGID) && t->pid == t->tgid;
	}
	return false;
}

bool taskfilter_match(const struct taskfilter *f, const struct task *t)
{
	bool any_state = false, state = false;

	for (size_t i = 0; i < f->n; i++) {
		const struct term *x = &f->v[i];
		bool h = holds(x, t);
		if (x->kind == TERM_STATE && !x->negate) {
			any_state = true;
			state |= h;
		} else if (h == x->negate) {
			return false;
		}
	}
	return !any_state || state;
}

/* ---- completion ---- */

#define BOTH(s) s, "!" s

size_t taskfilter_complete(const char *text, const char **ret, size_t max)
{
	static const char *const words[] = {
		BOTH("UN"),    BOTH("RU"),     BOTH("IN"),    BOTH("ID"),    BOTH("ST"),
		BOTH("TR"),    BOTH("ZO"),     BOTH("PA"),    BOTH("DE"),    BOTH("kernel"),
		BOTH("user"),  BOTH("active"), BOTH("group"), BOTH("comm:"), BOTH("pid:"),
		BOTH("tgid:"), BOTH("ppid:"),  BOTH("cpu:"),
	};
	const char *last = text + strlen(text);
	size_t n = 0;

	while (last > text && !isspace((unsigned char)last[-1]))
		last--;
	for (size_t i = 0; i < COUNT(words) && n < max; i++)
		if (!strncmp(words[i], last, strlen(last)) && (*last || words[i][0] != '!'))
			ret[n++] = words[i];
	return n;
}
