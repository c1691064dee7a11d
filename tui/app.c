/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loop. It sleeps in one poll() on the keyboard, on an eventfd that workers ring, and on
 * signals; when it wakes it takes what there is, lets every view take up its new rows for a few
 * milliseconds, and paints once. Nothing in here waits for a worker or reads the dump.
 */
#include "tui/app.h"
#include "engine/base/alloc.h"
#include "engine/base/xdg.h"
#include "tui/actions.h"
#include "tui/crash.h"
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SLICE_NS 4000000u	   /* of filtering or searching between looks at the keyboard */
#define OPENING_SHOWN_NS 60000000u /* a dump that opens faster needs no "opening" */
#define PROGRESS_NS 100000000u	   /* between two paintings of a progress */
#define BACKGROUND_NICE 10
#define THREADS 4		   /* so that a slow command leaves room for quick ones */

struct opening {
	struct work work; /* first */
	const struct app_options *options;
	struct shell *shell;
	struct err *err;
	uint64_t began_ns;
};

static void opening_destroy(struct work *w)
{
	struct opening *o = (struct opening *)w;

	shell_close(o->shell);
	err_free(o->err);
	free(o);
}

static void opening_run(struct work *w)
{
	struct opening *o = (struct opening *)w;

	o->err = err_keep(shell_open(&o->options->shell, o->options->files, o->options->nfiles,
				     w->job, &o->shell));
	if (!o->err)
		shell_headline(o->shell); /* made here, so that the screen needn't wait for it */
}

/* A worker has something: ends the loop's poll(). Thread: any. */
static void wake(void *arg)
{
	struct app *a = arg;
	uint64_t one = 1;

	if (write(a->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: it rings anyway */
}

struct pane *app_pane(struct app *a)
{
	return a->overlay_on ? &a->overlay : &a->panes[a->focus];
}

struct view *app_view(struct app *a)
{
	return pane_view(app_pane(a));
}

void app_focus(struct app *a, enum pane_id id)
{
	if (a->focus == id)
		return;
	a->partner = a->focus;
	a->focus = id;
	if (pane_is_inspector(&a->panes[id]))
		a->inspector = id;
	if (id == PANE_LOG || id == PANE_SECOND)
		a->log_wanted = id == PANE_LOG;
	a->dirty = true;
}

enum pane_id app_inspector(const struct app *a)
{
	return a->split ? a->inspector : PANE_INSPECTOR;
}

/* Another way than before is taken from the pane that has the keyboard: nothing is ahead of it any more. */
static void drop_ways(struct app *a)
{
	for (int i = 0; i < PANES; i++) {
		struct pane *p = &a->panes[i];
		if (p->at + 1 < p->n && p->hist[p->at + 1].from == a->focus)
			pane_drop_ahead(p);
	}
}

void app_show(struct app *a, enum pane_id id, struct view *v, bool push)
{
	struct visit visit = {.view = v,
			      .from = push ? a->focus : id,
			      .seq = ++a->visits,
			      .generation = a->generation};

	if (push) {
		visit_leave(a, &a->panes[id]);
		drop_ways(a);
	}
	pane_open(&a->panes[id], &visit, push);
	a->dirty = true;
}

struct view *app_run(struct app *a, enum pane_id id, const char *line, const char *crumbs,
		     bool push)
{
	struct view *v;

	if (!a->shell)
		return NULL;
	v = view_create(run_start(a->pool, a->shell, line, &a->ctx), crumbs);
	app_show(a, id, v, push);
	return v;
}

/* ---- start ---- */

static void load_keymap(struct app *a)
{
	AUTO_BUF struct buf errors = {0};
	AUTO_FREE char *path = keymap_path(a->options->keymap);
	AUTO_FREE char *own = a->options->keymap ? NULL : xdg_path(XDG_CONFIG, "keys");

	a->keymap = keymap_create(&action_names);
	if (!path || !keymap_load(a->keymap, path, &errors)) {
		keymap_emergency(a->keymap);
		app_say(a, STYLE_ERROR,
			"no keymap file%s%s: only the built-in keys work (arrows, Enter, "
			": / ? q)",
			a->options->keymap ? " " : "",
			a->options->keymap ? a->options->keymap : "");
	}
	if (own)
		keymap_load(a->keymap, own, &errors); /* on top; it's fine if there is none */
	for (char *p = errors.p, *nl; p && *p; p = nl + 1) {
		nl = strchrnul(p, '\n');
		app_say(a, STYLE_ERROR, "%.*s", (int)(nl - p), p);
		if (!*nl)
			break;
	}
}

static void open_signals(struct app *a)
{
	static const int which[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT, SIGQUIT};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(which) / sizeof(*which); i++)
		sigaddset(&set, which[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread is made: they inherit it */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* tmux, see yank.c: nobody waits for it */
	a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* What libraries write to stderr would land on the screen: it is held back until the screen is
 * gone. */
static void hold_stderr(struct app *a)
{
	a->held_stderr = memfd_create("stderr", MFD_CLOEXEC);
	a->saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (a->held_stderr >= 0 && a->saved_stderr >= 0)
		dup2(a->held_stderr, STDERR_FILENO);
	crash_stderr(a->held_stderr, a->saved_stderr);
}

static void release_stderr(struct app *a)
{
	crash_stderr(-1, -1);
	if (a->saved_stderr >= 0)
		dup2(a->saved_stderr, STDERR_FILENO);
	if (a->held_stderr >= 0 && a->saved_stderr >= 0)
		crash_copy(a->held_stderr, STDERR_FILENO);
	if (a->saved_stderr >= 0)
		close(a->saved_stderr);
	if (a->held_stderr >= 0)
		close(a->held_stderr);
}

/* Views that are read, not looked at: their text is shown whole. */
static void choose_wrap(struct view *v)
{
	static const char *const tables[] = {"help", "sys", "what", "marks"};
	const struct heading *h = view_heading(v);

	for (size_t i = 0; h && i < sizeof(tables) / sizeof(*tables) && !v->measured; i++)
		v->wrap |= !strcmp(h->table->name, tables[i]);
}

static void start_opening(struct app *a)
{
	struct opening *o = xcalloc(1, sizeof(*o));

	o->options = a->options;
	o->began_ns = clock_ns();
	a->opening = o;
	work_start(a->pool, &o->work, "opening", opening_run, opening_destroy);
}

static struct err *app_open(struct app *a, const struct app_options *o)
{
	AUTO_FREE char *history = NULL;

	*a = (struct app){.options = o, .partner = PANE_BT, .inspector = PANE_INSPECTOR, .saved_stderr = -1, .held_stderr = -1};
	a->completer.chosen = -1;
	for (int i = 0; i < PANES; i++)
		pane_init(&a->panes[i], (enum pane_id)i);
	pane_init(&a->overlay, PANE_OVERLAY);
	open_signals(a);
	a->pool = pool_create(THREADS, wake, a);
	start_opening(a);
	TRY(term_open(o->color, &a->term));
	crash_catch();
	hold_stderr(a);
	a->screen = surface_create(1, 1);
	a->screen->ascii = o->ascii || strcmp(nl_langinfo(CODESET), "UTF-8");
	load_keymap(a);
	if (!err_ok(xdg_path_make(XDG_STATE, "history", &history)))
		history = NULL;
	history_load(&a->history, history);
	return NULL;
}

static void app_close(struct app *a)
{
	term_close(a->term);
	release_stderr(a);
	if (a->opening)
		work_drop(&a->opening->work);
	prompt_close(a);
	completer_clear(&a->completer);
	describer_free(&a->describer);
	for (int i = 0; i < PANES; i++)
		pane_free(&a->panes[i]);
	pane_free(&a->overlay);
	pool_destroy(a->pool);
	pool_destroy(a->background);
	shell_close(a->shell);
	surface_destroy(a->screen);
	keymap_destroy(a->keymap);
	history_free(&a->history);
	for (size_t i = 0; i < MESSAGES; i++)
		free(a->messages[i].text);
	free(a->task_filter);
	free(a->origin_text);
	free(a->origin_folds);
	free(a->last_search);
	free(a->yanked);
	free(a->wants_letter);
	close(a->signal_fd);
	close(a->wake_fd);
}

/* ---- what has happened ---- */

static void settle_opening(struct app *a)
{
	struct opening *o = a->opening;

	if (!o || !work_done(&o->work))
		return;
	a->opening = NULL;
	a->dirty = true;
	a->shell = o->shell;
	a->error = o->err;
	o->shell = NULL;
	o->err = NULL;
	work_unref(&o->work);
	if (!a->shell) {
		a->quit = true;
		a->status = 3;
		return;
	}
	a->generation = shell_generation(a->shell);
	a->headline = shell_headline(a->shell);
	if (shell_warning(a->shell, 0))
		app_say(a, (enum style)ROLE_WARN, "%s", shell_warning(a->shell, 0));
	nav_load_tasks(a);
	struct view *log = app_run(a, PANE_LOG, "log", "", false);
	view_wish(log, WISH_END, NULL, 0, NULL); /* the newest lines tell of the panic */
	a->overview_due = true;
}

static void settle_overview(struct app *a)
{
	const struct pane *p = &a->panes[PANE_INSPECTOR];

	if (!a->overview_due || pane_busy(&a->panes[PANE_TASKS]))
		return;
	a->overview_due = false;
	if (!p->n && !p->next.view) /* nobody was faster */
		app_run(a, PANE_INSPECTOR, "sys", "", false);
}

static void settle_pane(struct app *a, struct pane *p)
{
	bool more = false;
	struct view *v;

	if (pane_promote(p))
		a->dirty = true;
	v = pane_view(p);
	if (!v)
		return;
	choose_wrap(v);
	if (view_sync(v, a->pool, SLICE_NS, &more))
		a->dirty = true;
	a->more |= more;
	app_announce(a, v);
}

static void settle(struct app *a)
{
	a->more = false;
	settle_opening(a);
	nav_settle_generation(a);
	for (int i = 0; i < PANES; i++)
		settle_pane(a, &a->panes[i]);
	settle_pane(a, &a->overlay);
	if (a->overview_due && a->dirty) {
		a->more = true; /* the first tasks are painted before anything else takes a core */
	} else {
		settle_overview(a);
		nav_settle(a);
		thing_settle(a);
	}
	a->dirty |= prompt_settle(a);
	if (a->npending && a->pending_until && clock_ns() >= a->pending_until)
		app_key_timeout(a);
}

/* A job that runs long enough to be shown. */
static bool long_job(const struct app *a)
{
	for (int i = 0; i < PANES; i++)
		if (pane_busy(&a->panes[i]))
			return true;
	return a->opening != NULL;
}

/* Keys typed ahead mean the view that was asked for, not the one that is still there: `:log`, Enter and a search in one go.
 * Until when they wait for it; 0: they needn't. */
static uint64_t keys_wait_until(struct app *a)
{
	uint64_t until = pane_comes_by(app_pane(a));

	return until > clock_ns() ? until : 0;
}

/* When a progress, a message or a pending key wants the loop again; UINT64_MAX: never. */
static uint64_t deadline(struct app *a)
{
	uint64_t now = clock_ns(), least = keys_wait_until(a);

	if (!least)
		least = UINT64_MAX;
	if (a->pending_until && a->pending_until < least)
		least = a->pending_until;
	if (a->message_until > now && a->message_until < least)
		least = a->message_until;
	if (long_job(a) && now + PROGRESS_NS < least)
		least = now + PROGRESS_NS;
	return a->more ? now : least;
}

/* ---- input ---- */

static void on_signal(struct app *a, int sig)
{
	switch (sig) {
	case SIGWINCH:
		term_resized(a->term);
		a->dirty = true;
		break;
	case SIGTERM:
	case SIGHUP:
	case SIGQUIT:
		a->quit = true;
		a->status = 128 + sig;
		break;
	case SIGINT:
		app_key(a, KEYSYM_CTRL | 'c');
		break;
	case SIGTSTP:
		term_suspend(a->term);
		a->dirty = true;
		break;
	default: /* SIGCONT: we are back; another program may have drawn */
		term_redraw(a->term);
		a->dirty = true;
		break;
	}
}

static void read_signals(struct app *a)
{
	struct signalfd_siginfo si;

	while (read(a->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		a->active = true;
		a->signals_read++;
		on_signal(a, (int)si.ssi_signo);
	}
}

/* One key at a time: what it changed is settled before the next one is looked at. */
static bool read_input(struct app *a)
{
	if (keys_wait_until(a))
		return false;
	struct input in = term_read(a->term);
	if (in.kind == INPUT_NONE)
		return false;
	a->active = true;
	if (in.kind == INPUT_MOUSE) {
		mouse_input(a, &in);
	} else {
		a->keys_read++;
		if (in.key)
			app_key(a, in.key);
	}
	a->dirty = true;
	return true;
}

static bool anything_busy(const struct app *a)
{
	return pool_busy(a->pool) || a->more || a->opening || (a->npending && a->pending_until);
}

/* A worker rings before it counts as ended: when nobody is busy and nothing has rung, all has been
 * settled. */
static bool has_rung(const struct app *a)
{
	struct pollfd p = {a->wake_fd, POLLIN, 0};
	return poll(&p, 1, 0) > 0;
}

/* What commands would wait for later is prepared when there is nothing else to do, by a thread that yields to
 * all others. It changes nothing on the screen, so it doesn't count as being busy. */
static void prepare(struct job *job, void *arg)
{
	struct app *a = arg;

	setpriority(PRIO_PROCESS, (id_t)gettid(), BACKGROUND_NICE);
	err_free(shell_background(a->shell, job));
}

static void start_background(struct app *a)
{
	struct job *job = job_create("preparing names");

	a->background = pool_create(1, NULL, NULL);
	pool_submit(a->background, job, prepare, a);
	job_unref(job);
}

static void tell_idle(struct app *a)
{
	if (anything_busy(a)) {
		a->active = true;
		return;
	}
	if (has_rung(a) || !a->active)
		return;
	a->active = false;
	if (a->shell && !a->background)
		start_background(a);
	if (a->options->idle_fd >= 0 &&
	    dprintf(a->options->idle_fd, "%lu %lu\n", a->keys_read, a->signals_read) < 0)
		a->active = true;
}

static int poll_timeout(struct app *a)
{
	uint64_t until = deadline(a), now = clock_ns();

	if (until == UINT64_MAX)
		return -1;
	return until <= now ? 0 : (int)((until - now) / 1000000u) + 1;
}

static void wait_for_news(struct app *a)
{
	struct pollfd p[] = {
		{STDIN_FILENO, keys_wait_until(a) ? 0 : POLLIN, 0}, {a->wake_fd, POLLIN, 0}, {a->signal_fd, POLLIN, 0}};
	uint64_t rings;

	int n = poll(p, 3, poll_timeout(a));
	if (n < 0 && errno != EINTR)
		a->quit = true;
	if (n > 0 && p[1].revents && read(a->wake_fd, &rings, sizeof(rings)) < 0)
		return;
	if (n > 0 && p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) {
		a->quit = true; /* the terminal is gone */
		a->status = 128 + SIGHUP;
	}
}

static void paint_if_due(struct app *a)
{
	enum style style;
	bool message = app_message(a, &style) != NULL;
	uint64_t now = clock_ns();

	if (a->message_until && !message) {
		a->message_until = 0;
		a->dirty = true;
	}
	if (long_job(a) ? now - a->shown_progress >= PROGRESS_NS : a->progress_on)
		a->dirty = true;
	if (!a->dirty)
		return;
	if (a->opening && now - a->opening->began_ns < OPENING_SHOWN_NS)
		return;
	a->dirty = false;
	a->shown_progress = now;
	paint(a);
}

static void loop(struct app *a)
{
	a->dirty = a->active = true;
	while (!a->quit) {
		settle(a);
		read_signals(a);
		if (a->quit || read_input(a))
			continue;
		paint_if_due(a);
		tell_idle(a);
		wait_for_news(a);
	}
}

int app_main(const struct app_options *o, struct err **why)
{
	struct app a;
	int status;

	*why = app_open(&a, o);
	if (*why)
		a.status = 2;
	else
		loop(&a);
	status = a.status;
	if (!*why) {
		*why = a.error;
		a.error = NULL;
	}
	err_free(a.error);
	app_close(&a);
	return status;
}
