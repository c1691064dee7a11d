/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The curses backend. Characters go out as UTF-8 cells, lines too (U+25xx), so there is no
 * alternate character set to go wrong. Signals are the loop's business: they are blocked before
 * curses starts, so its own handlers never run.
 *
 * What the crash handler needs (the sequences that leave the alternate screen, the settings of the
 * tty) is kept ready in one static place: a signal handler can't be given a pointer.
 */
#include "tui/term.h"
#include "engine/base/alloc.h"
#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#undef lines
#undef columns

#define ESC_DELAY_MS 25

struct terminal {
	SCREEN *screen;
	bool colors, mouse, redraw;
	struct input queued; /* read ahead while looking for what follows Esc */
};

static struct {
	volatile sig_atomic_t taken;
	struct termios saved;
	char leave[256];
	size_t n;
} rescue;

static void rescue_add(const char *s)
{
	size_t n = s && s != (char *)-1 ? strlen(s) : 0;

	if (!n || n > sizeof(rescue.leave) - rescue.n)
		return;
	memcpy(rescue.leave + rescue.n, s, n);
	rescue.n += n;
}

static void rescue_prepare(void)
{
	static char sgr0[] = "sgr0", cnorm[] = "cnorm", rmkx[] = "rmkx", rmcup[] = "rmcup";

	rescue.n = 0;
	rescue_add(tigetstr(sgr0));
	rescue_add(tigetstr(cnorm));
	rescue_add(tigetstr(rmkx));
	rescue_add(tigetstr(rmcup));
	rescue_add("\r");
}

void term_restore_now(void)
{
	static const char mouse_off[] = "\033[?1000l\033[?1002l\033[?1006l";

	if (!rescue.taken)
		return;
	rescue.taken = 0;
	if (write(STDOUT_FILENO, mouse_off, sizeof(mouse_off) - 1) < 0 ||
	    write(STDOUT_FILENO, rescue.leave, rescue.n) < 0)
		errno = 0; /* the terminal is gone; nothing is left to do */
	tcsetattr(STDIN_FILENO, TCSANOW, &rescue.saved);
}

/* ---- looks ---- */

static void make_pairs(struct terminal *t)
{
	if (start_color() == ERR) {
		t->colors = false;
		return;
	}
	bool own = use_default_colors() == OK;
	for (int s = 0; s < STYLES; s++) {
		const struct style_def *d = style_def((enum style)s);
		short fg = COLORS >= 256 && d->fg256 >= 0 ? d->fg256 : d->fg;
		if (fg < 0 && !own)
			fg = COLOR_WHITE;
		init_pair((short)(s + 1), fg, own ? d->bg : COLOR_BLACK);
	}
	init_pair(STYLES + 1, COLOR_BLACK, COLOR_YELLOW);
}

static attr_t curses_attr(unsigned bits)
{
	return (bits & SA_BOLD ? A_BOLD : 0) | (bits & SA_UNDERLINE ? A_UNDERLINE : 0) |
	       (bits & SA_REVERSE ? A_REVERSE : 0) | (bits & SA_DIM ? A_DIM : 0);
}

/* How a cell looks: its style, and what lies over it. */
static void looks(const struct terminal *t, const struct surface_cell *c, attr_t *attr, short *pair)
{
	const struct style_def *d = style_def((enum style)c->style);
	unsigned bits = t->colors ? d->attr : d->mono;

	/* where 256 colours have a grey of their own, dim would be too dark */
	if (t->colors && COLORS >= 256 && d->fg256 >= 0)
		bits &= ~(unsigned)SA_DIM;
	*attr = curses_attr(bits);
	*pair = t->colors ? (short)(c->style + 1) : 0;
	if (c->over & OVER_SELECTED)
		*attr |= A_BOLD;
	if (c->over & OVER_CURSOR) {
		*attr = A_REVERSE | (*attr & A_BOLD);
		*pair = 0;
	}
	if (!(c->over & OVER_MATCH))
		return;
	if (t->colors) {
		*attr = A_BOLD & *attr;
		*pair = STYLES + 1;
	} else {
		*attr = (*attr ^ A_REVERSE) | A_UNDERLINE | A_BOLD;
	}
}

/* ---- open, close ---- */

static bool want_colors(enum color_when when)
{
	const char *no = getenv("NO_COLOR");

	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	return !(no && *no) && has_colors();
}

/* What newterm would say on stderr and exit for. */
static struct err *check_terminal(void)
{
	const char *name = getenv("TERM");
	int why;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_new(ERR_USAGE,
			       "the screen needs a terminal for input and output; use -x COMMAND "
			       "to get answers without one");
	if (!name || !*name || setupterm(name, STDOUT_FILENO, &why) == ERR)
		return err_new(ERR_USAGE,
			       "the terminal type '%s' (TERM) is not known here; set TERM, or use "
			       "-x COMMAND",
			       name ? name : "");
	static char cup[] = "cup";
	const char *move_to = tigetstr(cup);
	bool can = move_to && move_to != (char *)-1;
	del_curterm(cur_term); /* newterm reads its own */
	if (!can)
		return err_new(ERR_USAGE,
			       "the terminal '%s' can't place its cursor; use -x COMMAND to get "
			       "answers without a screen",
			       name);
	return NULL;
}

struct err *term_open(enum color_when colors, struct terminal **ret)
{
	TRY(check_terminal());
	struct terminal *t = xcalloc(1, sizeof(*t));

	tcgetattr(STDIN_FILENO, &rescue.saved);
	t->screen = newterm(NULL, stdout, stdin);
	if (!t->screen) {
		free(t);
		return err_new(ERR_OS, "curses can't use this terminal; use -x COMMAND");
	}
	rescue_prepare();
	rescue.taken = 1;
	t->colors = want_colors(colors);
	if (t->colors)
		make_pairs(t);
	raw(); /* ^C, ^Z and ^\ are keys */
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	meta(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	idlok(stdscr, FALSE);
	scrollok(stdscr, FALSE);
	set_escdelay(ESC_DELAY_MS);
	mouseinterval(0);
	term_resized(t);
	*ret = t;
	return NULL;
}

void term_close(struct terminal *t)
{
	if (!t)
		return;
	term_mouse(t, false);
	move(LINES - 1,
	     0); /* where there is no alternate screen the prompt comes on a clean line */
	clrtoeol();
	refresh();
	endwin();
	rescue.taken = 0;
	delscreen(t->screen);
	free(t);
}

void term_size(const struct terminal *t, int *h, int *w)
{
	(void)t;
	*h = LINES;
	*w = COLS;
}

void term_resized(struct terminal *t)
{
	struct winsize ws;

	(void)t;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_row && ws.ws_col &&
	    (ws.ws_row != LINES || ws.ws_col != COLS))
		resizeterm(ws.ws_row, ws.ws_col);
}

void term_redraw(struct terminal *t)
{
	t->redraw = true;
}

void term_show(struct terminal *t, const struct surface *s, int y, int x)
{
	for (int row = 0; row < s->h && row < LINES; row++) {
		for (int col = 0; col < s->w && col < COLS; col++) {
			const struct surface_cell *c = surface_at(s, row, col);
			if (!c->cp)
				continue; /* the left half has drawn it */
			wchar_t text[3] = {(wchar_t)c->cp, (wchar_t)c->mark, 0};
			cchar_t cc;
			attr_t attr;
			short pair;
			looks(t, c, &attr, &pair);
			setcchar(&cc, text, attr, pair, NULL);
			mvadd_wch(row, col, &cc);
		}
	}
	if (t->redraw)
		clearok(curscr, TRUE);
	t->redraw = false;
	curs_set(y >= 0);
	if (y >= 0)
		move(y < LINES ? y : LINES - 1, x < COLS ? x : COLS - 1);
	else
		move(LINES - 1, 0);
	refresh();
}

/* ---- input ---- */

/* curses' names of keys with modifiers: "kRIT3" is Meta-Right; the digit is xterm's, minus one:
 * bits. */
static bool extended_key(int code, keysym *ret)
{
	static const struct {
		const char *name;
		keysym key;
	} bases[] = {{"kUP", KEYSYM_UP},     {"kDN", KEYSYM_DOWN},  {"kLFT", KEYSYM_LEFT},
		     {"kRIT", KEYSYM_RIGHT}, {"kHOM", KEYSYM_HOME}, {"kEND", KEYSYM_END},
		     {"kNXT", KEYSYM_PGDN},  {"kPRV", KEYSYM_PGUP}, {"kDC", KEYSYM_DEL},
		     {"kIC", KEYSYM_INS}};
	const char *name = keyname(code);

	for (size_t i = 0; name && i < sizeof(bases) / sizeof(*bases); i++) {
		size_t n = strlen(bases[i].name);
		if (strncmp(name, bases[i].name, n) || name[n] < '2' || name[n] > '8' ||
		    name[n + 1])
			continue;
		int bits = name[n] - '1';
		*ret = bases[i].key | (bits & 1 ? KEYSYM_SHIFT : 0) | (bits & 2 ? KEYSYM_META : 0) |
		       (bits & 4 ? KEYSYM_CTRL : 0);
		return true;
	}
	return false;
}

static bool function_key(int code, keysym *ret)
{
	static const struct {
		int code;
		keysym key;
	} map[] = {
		{KEY_UP, KEYSYM_UP},
		{KEY_DOWN, KEYSYM_DOWN},
		{KEY_LEFT, KEYSYM_LEFT},
		{KEY_RIGHT, KEYSYM_RIGHT},
		{KEY_HOME, KEYSYM_HOME},
		{KEY_END, KEYSYM_END},
		{KEY_LL, KEYSYM_END},
		{KEY_PPAGE, KEYSYM_PGUP},
		{KEY_NPAGE, KEYSYM_PGDN},
		{KEY_IC, KEYSYM_INS},
		{KEY_DC, KEYSYM_DEL},
		{KEY_BACKSPACE, KEYSYM_BS},
		{KEY_ENTER, KEYSYM_ENTER},
		{KEY_BTAB, KEYSYM_TAB | KEYSYM_SHIFT},
		{KEY_SLEFT, KEYSYM_LEFT | KEYSYM_SHIFT},
		{KEY_SRIGHT, KEYSYM_RIGHT | KEYSYM_SHIFT},
		{KEY_SR, KEYSYM_UP | KEYSYM_SHIFT},
		{KEY_SF, KEYSYM_DOWN | KEYSYM_SHIFT},
		{KEY_SHOME, KEYSYM_HOME | KEYSYM_SHIFT},
		{KEY_SEND, KEYSYM_END | KEYSYM_SHIFT},
		{KEY_SDC, KEYSYM_DEL | KEYSYM_SHIFT},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (map[i].code == code) {
			*ret = map[i].key;
			return true;
		}
	if (code >= KEY_F(1) && code <= KEY_F(24)) {
		*ret = KEYSYM_F1 + (keysym)(code - KEY_F(1));
		return true;
	}
	return extended_key(code, ret);
}

static keysym plain_key(wint_t c)
{
	switch (c) {
	case '\t':
		return KEYSYM_TAB;
	case '\r':
	case '\n':
		return KEYSYM_ENTER;
	case 8:
	case 127:
		return KEYSYM_BS;
	case 27:
		return KEYSYM_ESC;
	default:
		break;
	}
	if (c < 27)
		return KEYSYM_CTRL | (c ? (keysym)c + 'a' - 1 : '@');
	return c < 32 ? KEYSYM_CTRL | ((keysym)c + '@') : (keysym)c;
}

static struct input read_mouse(void)
{
	struct input in = {.kind = INPUT_MOUSE};
	MEVENT e;

	if (getmouse(&e) != OK)
		return (struct input){.kind = INPUT_KEY, .key = 0};
	in.y = e.y;
	in.x = e.x;
	if (e.bstate & BUTTON4_PRESSED)
		in.what = MOUSE_WHEEL_UP;
	else if (e.bstate & BUTTON5_PRESSED)
		in.what = MOUSE_WHEEL_DOWN;
	else if (!(e.bstate & BUTTON1_PRESSED))
		in.kind = INPUT_KEY; /* a release: key 0, which does nothing */
	return in;
}

static struct input read_one(void)
{
	struct input in = {.kind = INPUT_KEY};
	wint_t c;
	int rc = get_wch(&c);

	if (rc == ERR)
		return (struct input){INPUT_NONE, 0, 0, 0, 0};
	if (rc != KEY_CODE_YES) {
		in.key = plain_key(c);
		return in;
	}
	if (c == KEY_MOUSE)
		return read_mouse();
	if (!function_key((int)c, &in.key))
		in.key = 0; /* KEY_RESIZE and others that have no name here */
	return in;
}

struct input term_read(struct terminal *t)
{
	struct input in = t->queued;

	t->queued = (struct input){INPUT_NONE, 0, 0, 0, 0};
	if (in.kind == INPUT_NONE)
		in = read_one();
	if (in.kind != INPUT_KEY || in.key != KEYSYM_ESC)
		return in;
	struct input next = read_one(); /* Meta comes as Esc and the key */
	if (next.kind == INPUT_KEY && next.key && next.key != KEYSYM_ESC &&
	    !(next.key & KEYSYM_META)) {
		in.key = next.key | KEYSYM_META;
		return in;
	}
	t->queued = next;
	return in;
}

/* ---- the rest ---- */

void term_mouse(struct terminal *t, bool on)
{
	if (t->mouse == on)
		return;
	t->mouse = on;
	mousemask(on ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
}

void term_send(struct terminal *t, const char *p, size_t n)
{
	(void)t;
	fflush(stdout);
	while (n) {
		ssize_t w = write(STDOUT_FILENO, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

void term_suspend(struct terminal *t)
{
	bool mouse = t->mouse;
	sigset_t stop, old;

	term_mouse(t, false);
	def_prog_mode();
	endwin();
	rescue.taken = 0;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	struct sigaction dfl = {.sa_handler = SIG_DFL}, before;
	sigaction(SIGTSTP, &dfl, &before);
	kill(getpid(), SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &stop, &old); /* stops here until SIGCONT */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sigaction(SIGTSTP, &before, NULL);
	rescue.taken = 1;
	reset_prog_mode();
	term_resized(t);
	term_mouse(t, mouse);
	term_redraw(t);
}
