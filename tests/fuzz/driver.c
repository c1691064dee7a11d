/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fuzzers' own engine. A child process runs the inputs, so that the parent can tell what ended it: a
 * signal, a sanitizer, too much processor time or memory. The parent then keeps that input in a file and goes
 * on with the next one in a new child. Limits count the child's processor time and not the clock, so that
 * a busy machine changes nothing.
 *
 *	fuzz [-t SECONDS] [-s SEED] [-k FOLDER] [TARGET...]    as many inputs as the target says, or for SECONDS
 *	                                                       (0: until it is stopped); TAP
 *	fuzz -r TARGET FILE...                                 runs kept inputs again, in this process
 *	fuzz -w FOLDER TARGET                                  writes the target's seeds, for another engine
 *	fuzz -l                                                lists the targets
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "tests/fuzz/fuzz.h"

#define CPU_LIMIT 20	/* seconds for one input, with sanitizers */
#define MEMORY_LIMIT 1024 /* MiB for one input, in all */
#define TROUBLE_MAX 5	/* then a target is given up */

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=512:quarantine_size_mb=16:detect_leaks=1:exitcode=99:"
	       "allocator_may_return_null=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1:exitcode=99";
}

struct run {
	const struct fuzz_target *t;
	struct corpus corpus;
	uint64_t seed, end; /* inputs to be run */
	double seconds;	    /* instead of a number of inputs; 0: as long as it runs; < 0: not asked for */
	time_t began;
	const char *keep;
	volatile uint64_t *at; /* shared: the input that the child is at */
	unsigned trouble;
};

static bool go_on(const struct run *r, uint64_t i)
{
	if (r->seconds < 0)
		return i < r->end;
	return !r->seconds || time(NULL) - r->began < (time_t)r->seconds;
}

static void check_memory(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	if (u.ru_maxrss / 1024 > MEMORY_LIMIT) {
		fprintf(stderr, "more than %d MiB of memory\n", MEMORY_LIMIT);
		abort();
	}
}

static void run_one(const struct run *r, uint64_t i)
{
	const struct itimerval limit = {.it_value = {.tv_sec = CPU_LIMIT}};
	size_t n;
	uint8_t *p = mutate(&r->corpus, r->t, r->seed, i, &n);

	*r->at = i;
	setitimer(ITIMER_PROF, &limit, NULL);
	r->t->one(p, n);
	check_memory();
	free(p);
}

/* The child: what it prints goes to a file that the parent shows when something went wrong. */
static void child(struct run *r, uint64_t from, int out)
{
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	for (uint64_t i = from; go_on(r, i); i++) {
		run_one(r, i);
		if (r->t->alone)
			_exit(0);
	}
	corpus_free(&r->corpus);
	exit(0);
}

static void keep_input(struct run *r, uint64_t i)
{
	size_t n;
	uint8_t *p = mutate(&r->corpus, r->t, r->seed, i, &n);
	AUTO_FREE char *path = xasprintf("%s/%s-%llu-%llu", r->keep, r->t->name, (unsigned long long)r->seed,
					 (unsigned long long)i);

	mkdir("build", 0777);
	mkdir(r->keep, 0777);
	FILE *f = fopen(path, "w");
	if (f && fwrite(p, 1, n, f) == n && !fclose(f))
		printf("#   its input is kept: build/asan/tests/fuzz/fuzz -r %s %s\n", r->t->name, path);
	free(p);
}

static void show(int fd)
{
	char line[400];
	FILE *f = fdopen(dup(fd), "r");

	if (!f)
		return;
	rewind(f);
	for (int n = 0; n < 45 && fgets(line, sizeof(line), f); n++)
		printf("#   %s%s", line, strchr(line, '\n') ? "" : "\n");
	fclose(f);
}

static const char *what_ended(int status)
{
	static char text[80];

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
		snprintf(text, sizeof(text), "takes more than %d s", CPU_LIMIT);
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "ended by %s", strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "ended with status %d", WEXITSTATUS(status));
	return text;
}

/* Runs inputs from `from` on in a child; where to go on. */
static uint64_t run_child(struct run *r, uint64_t from)
{
	FILE *out = tmpfile();
	int status = 0;

	*r->at = from;
	fflush(stdout);
	pid_t pid = fork();
	if (!pid)
		child(r, from, fileno(out));
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status) {
		printf("#   input %llu: %s\n", (unsigned long long)*r->at, what_ended(status));
		show(fileno(out));
		keep_input(r, *r->at);
		r->trouble++;
	}
	fclose(out);
	return *r->at + 1;
}

static double processor_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* True if all is well. */
static bool run_target(struct run *r, unsigned number)
{
	uint64_t i = 0;

	if (!r->t->begin(&r->corpus) || !r->corpus.n) {
		printf("ok %u - %s # SKIP the lab has no files for it\n", number, r->t->name);
		corpus_free(&r->corpus);
		return true;
	}
	r->end = r->t->inputs + r->corpus.n;
	r->began = time(NULL);
	double before = processor_seconds();
	while (go_on(r, i) && r->trouble < TROUBLE_MAX)
		i = run_child(r, i);
	printf("%sok %u - %s: %s\n# %s: %llu inputs from %zu seeds, %.1f s\n", r->trouble ? "not " : "", number,
	       r->t->name, r->t->what, r->t->name, (unsigned long long)i, r->corpus.n,
	       processor_seconds() - before);
	fflush(stdout);
	corpus_free(&r->corpus);
	return !r->trouble;
}

static int run_all(struct run *r, char **names, int n)
{
	const struct fuzz_target *t;
	unsigned number = 0;
	bool good = true;

	for (size_t i = 0; !n && (t = fuzz_at(i)); i++) {
		r->t = t;
		r->trouble = 0;
		good &= run_target(r, ++number);
	}
	for (int i = 0; i < n; i++) {
		r->t = fuzz_find(names[i]);
		r->trouble = 0;
		if (!r->t) {
			fprintf(stderr, "fuzz: no target '%s' (-l lists them)\n", names[i]);
			return 2;
		}
		good &= run_target(r, ++number);
	}
	printf("1..%u\n", number);
	return !good;
}

static int again(const struct fuzz_target *t, char **files, int n)
{
	struct corpus c = {0};

	if (!t || !t->begin(&c))
		return 2;
	for (int i = 0; i < n; i++) {
		size_t size;
		uint8_t *p = read_file(files[i], 64u << 20, &size), *q;
		if (!p) {
			perror(files[i]);
			return 2;
		}
		q = exact_copy((struct bytes){p, size});
		free(p);
		t->one(q, size);
		free(q);
	}
	corpus_free(&c);
	return 0;
}

static int write_seeds(const struct fuzz_target *t, const char *dir)
{
	struct corpus c = {0};

	if (!t || !t->begin(&c))
		return 2;
	for (size_t i = 0; i < c.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/seed-%zu", dir, i);
		FILE *f = fopen(path, "w");
		if (!f || fwrite(c.v[i].p, 1, c.v[i].n, f) != c.v[i].n || fclose(f)) {
			perror(path);
			return 2;
		}
	}
	corpus_free(&c);
	return 0;
}

static int list(void)
{
	const struct fuzz_target *t;

	for (size_t i = 0; (t = fuzz_at(i)); i++)
		printf("%-12s %s\n", t->name, t->what);
	return 0;
}

int main(int argc, char **argv)
{
	struct run r = {.seed = 1, .seconds = -1, .keep = "build/fuzz-found"};
	const char *seeds_to = NULL;
	bool replay = false;
	int c;

	r.at = mmap(NULL, sizeof(*r.at), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r.at == MAP_FAILED)
		return 2;
	while ((c = getopt(argc, argv, "t:s:k:w:rl")) != -1) {
		switch (c) {
		case 't': r.seconds = atof(optarg); break;
		case 's': r.seed = strtoull(optarg, NULL, 0); break;
		case 'k': r.keep = optarg; break;
		case 'w': seeds_to = optarg; break;
		case 'r': replay = true; break;
		case 'l': return list();
		default: return 2;
		}
	}
	argv += optind;
	argc -= optind;
	if (replay || seeds_to) {
		const struct fuzz_target *t = argc ? fuzz_find(argv[0]) : NULL;
		return replay ? again(t, argv + 1, argc - 1) : write_seeds(t, seeds_to);
	}
	return run_all(&r, argv, argc);
}
