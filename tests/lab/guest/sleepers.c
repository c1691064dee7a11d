/*
 * sleepers: threads asleep in as many kinds of system call as there are rows in the table below.
 *
 *     sleepers PROCESSES THREADS
 *
 * starts PROCESSES processes of THREADS threads each (besides their first one, which waits in pause), and
 * returns when every thread is asleep. A thread's comm is its kind, so a test knows where to expect it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Shared by the threads of a process: nobody ever writes, wakes, connects or ends. */
static int silent[2], queue, listener, vsock;
static pid_t child;

static void in_nanosleep(void)
{
	struct timespec t = {1000000, 0};

	nanosleep(&t, NULL);
}

static void in_pipe_read(void)
{
	char c;

	(void)!read(silent[0], &c, 1);
}

static void in_poll(void)
{
	struct pollfd p = {silent[0], POLLIN, 0};

	poll(&p, 1, -1);
}

static void in_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(silent[0], &set);
	select(silent[0] + 1, &set, NULL, NULL, NULL);
}

static void in_futex(void)
{
	static int word;

	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void in_epoll_wait(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0);

	epoll_ctl(ep, EPOLL_CTL_ADD, silent[0], &e);
	epoll_wait(ep, &e, 1, -1);
}

static void in_accept(void)
{
	accept(listener, NULL, NULL);
}

static void in_wait4(void)
{
	waitpid(child, NULL, __WALL);
}

static void in_sigsuspend(void)
{
	sigset_t all;

	sigfillset(&all);
	sigsuspend(&all);
}

static void in_msgrcv(void)
{
	struct { long type; char text[8]; } m;

	msgrcv(queue, &m, sizeof m.text, 0, 0);
}

/* Sleeps inside a module's code where vsock is a module. */
static void in_vsock_accept(void)
{
	if (vsock < 0)
		pause();
	accept(vsock, NULL, NULL);
}

static const struct kind { const char *name; void (*sleep)(void); } kinds[] = {
	{"nanosleep", in_nanosleep}, {"pipe_read", in_pipe_read}, {"poll", in_poll},
	{"select", in_select}, {"futex", in_futex}, {"epoll_wait", in_epoll_wait},
	{"accept", in_accept}, {"wait4", in_wait4}, {"sigsuspend", in_sigsuspend},
	{"msgrcv", in_msgrcv}, {"vsock_accept", in_vsock_accept},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void *sleeper(void *arg)
{
	const struct kind *k = arg;

	pthread_setname_np(pthread_self(), k->name);
	for (;;)
		k->sleep();
	return NULL;
}

/* Sockets that listen and never hear anything; -1 where the kernel has no such family. */
static int listen_on(const struct sockaddr *a, socklen_t size)
{
	int s = socket(a->sa_family, SOCK_STREAM, 0);

	if (s >= 0 && (bind(s, a, size) || listen(s, 1))) {
		close(s);
		s = -1;
	}
	return s;
}

static void set_scene(int number)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_vm vm = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = 5000 + number + getppid()};

	if (pipe(silent))
		_exit(1);
	queue = msgget(IPC_PRIVATE, 0600);
	listener = listen_on((void *)&in, sizeof in);
	vsock = listen_on((void *)&vm, sizeof vm);
	child = fork();
	if (!child)
		for (;;)
			pause();
}

/* Is each thread of this process but the caller asleep? The state follows the name's closing parenthesis. */
static int all_asleep(void)
{
	DIR *d = opendir("/proc/self/task");
	int asleep = d != NULL;

	for (struct dirent *e; asleep && (e = readdir(d));) {
		char path[300], text[256];

		if (e->d_name[0] == '.' || atoi(e->d_name) == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/stat", e->d_name);
		FILE *f = fopen(path, "r");

		if (!f)
			break;
		text[fread(text, 1, sizeof text - 1, f)] = 0;
		fclose(f);
		char *state = strrchr(text, ')');

		asleep = state && state[2] == 'S';
	}
	closedir(d);
	return asleep;
}

static void process(int number, int threads, int ready)
{
	pthread_attr_t attr;
	pthread_t t;

	set_scene(number);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN + 16384);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&t, &attr, sleeper, (void *)&kinds[(number + i) % KINDS]))
			_exit(1);
	while (!all_asleep())
		usleep(50000);
	if (write(ready, "", 1) != 1)
		_exit(1);
	close(ready);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int ready[2], processes, threads;
	char c;

	if (argc != 3)
		return 2;
	processes = atoi(argv[1]);
	threads = atoi(argv[2]);
	if (pipe(ready))
		return 1;
	for (int i = 0; i < processes; i++)
		if (fork() == 0) {
			close(ready[0]);
			process(i, threads, ready[1]);
		}
	close(ready[1]);
	for (int i = 0; i < processes; i++)
		if (read(ready[0], &c, 1) != 1)
			return 1;
	return 0;
}
