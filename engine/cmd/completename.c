/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/cmd/completename.h"
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include "engine/base/alloc.h"
#include "engine/kern/memory/slab.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/stack/framefind.h"

#define MAX_FRAMES 256

static bool begins(const char *word, const char *prefix)
{
	return !strncmp(word, prefix, strlen(prefix));
}

void complete_module(struct session *s, const char *prefix, struct completions *ret)
{
	const struct modules *m;

	if (!err_ok(modules_load(s, NULL, &m)))
		return;
	for (size_t i = 0; i < modules_count(m); i++)
		if (begins(modules_at(m, i)->name, prefix))
			complete_add(ret, modules_at(m, i)->name);
}

void complete_cache(struct session *s, const char *prefix, struct completions *ret)
{
	const char *name;

	for (size_t i = 0; (name = slab_cache_name(s, i)); i++)
		if (begins(name, prefix))
			complete_add(ret, name);
}

static bool is_known(const struct completions *c, const char *word)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->v[i], word))
			return true;
	return false;
}

void complete_frame(struct session *s, const struct context *ctx, const char *prefix, struct completions *ret)
{
	const struct tasks *ts;
	struct code_place place;
	struct stack st = {0};

	if (!ctx || ctx->task.kind != REF_TASK || !err_ok(tasks_load(s, NULL, &ts)))
		return;
	const struct task *t = task_by_addr(ts, ctx->task.addr);
	if (t)
		task_stack(s, t, MAX_FRAMES, &st);
	for (size_t i = 0; i < st.n && !st.frames[i].user; i++) {
		size_t n = code_place_at(s, st.frames[i].object, st.frames[i].pc, st.frames[i].exact, &place);
		for (size_t level = 0; level < n; level++) {
			struct code_call call = code_place_call(&place, level);
			if (call.function && begins(call.function, prefix) && !is_known(ret, call.function))
				complete_add(ret, call.function);
		}
	}
	stack_free(&st);
	complete_choice("up down", prefix, ret);
}

void complete_file(const char *prefix, struct completions *ret)
{
	const char *slash = strrchr(prefix, '/'), *name = slash ? slash + 1 : prefix;
	AUTO_FREE char *folder = slash ? xstrndup(prefix, (size_t)(slash + 1 - prefix)) : xstrdup("");
	DIR *d = opendir(slash ? folder : ".");
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d))) {
		if (!begins(e->d_name, name) || (e->d_name[0] == '.' && !name[0]))
			continue;
		AUTO_FREE char *path = xasprintf("%s%s", folder, e->d_name);
		AUTO_FREE char *inside = xasprintf("%s/", path);
		complete_add(ret, !stat(path, &st) && S_ISDIR(st.st_mode) ? inside : path);
	}
	if (d)
		closedir(d);
}

void complete_choice(const char *words, const char *prefix, struct completions *ret)
{
	for (const char *p = words; p && *p; p += strspn(p, " ")) {
		AUTO_FREE char *word = xstrndup(p, strcspn(p, " "));
		p += strlen(word);
		if (begins(word, prefix))
			complete_add(ret, word);
	}
}
