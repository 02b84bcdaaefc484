/*
 * The gateway's side of its helper: forking it, telling a new one what the
 * one before knew, and reading what it says. Invariant: a client that was in
 * stays in while there is no helper; what it asked meanwhile is asked again.
 */
#include <fcntl.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/env.h"
#include "shm/shm.h"

enum { HELPER_SILENT_S = 5 };

static const int64_t ns_per_s = INT64_C(1000000000);

/* In the child: clients' and listening sockets are not ours to hold open. */
static void
let_go(int keep)
{
	struct rlimit r;
	struct stat st;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		r.rlim_cur = 20000;
	for (int fd = 3; fd < (int)r.rlim_cur; fd++)
		if (fd != keep && fstat(fd, &st) == 0 &&
		    (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode)))
			close(fd);
}

static _Noreturn void
helper_child(struct gateway *g, int fd, pid_t parent)
{
	struct err e = { 0 };

	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	signal(SIGTERM, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	if (getppid() != parent)
		_exit(0);
	sigprocmask(SIG_SETMASK, &none, NULL);
	let_go(fd);
	shm_after_fork(g->env->shm);
	shm_slot_take(g->env->shm, "live.sql", &e);
	_exit(helper_run(g->env, fd, &g->topics, g->seats,
	    (size_t)g->conf->clients + 1));
}

/* What the helper before knew, and what was asked of it. */
static void
helper_introduce(struct gateway *g)
{
	link_begin(&g->link, LINK_START, 0);
	link_i64(&g->link, g->pos);
	link_end(&g->link);
	for (size_t i = 0; i < g->conns.n; i++) {
		struct live_conn *c = g->conns.v[i];

		if (c == NULL || !c->asked || c->state == CONN_CLOSING)
			continue;
		link_begin(&g->link, LINK_ADOPT, conn_id(c));
		link_end(&g->link);
		if (c->state == CONN_READY)
			conn_page_next(c);
	}
}

void
spawn_helper(struct gateway *g)
{
	lws_sock_file_fd_type fd;
	int pair[2];
	pid_t self = getpid();

	g->helper_ns = clock_boot_ns();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return;
	fflush(NULL);
	g->helper = fork();
	if (g->helper == 0)
		helper_child(g, pair[1], self);
	close(pair[1]);
	if (g->helper == -1) {
		close(pair[0]);
		return;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	link_close(&g->link);
	link_open(&g->link, pair[0]);
	fd.filefd = dup(pair[0]);
	g->helper_wsi = lws_adopt_descriptor_vhost(g->vhost,
	    LWS_ADOPT_RAW_FILE_DESC, fd, "live", NULL);
	helper_introduce(g);
	link_push(g);
}

void
spawn_gone(struct gateway *g)
{
	g->helper_wsi = NULL;
	g->helper_up = false;
	link_close(&g->link);
	link_open(&g->link, -1);	/* what is said now is lost */
}

void
spawn_watch(struct gateway *g, int64_t now)
{
	int status;

	if (g->helper > 0 && waitpid(g->helper, &status, WNOHANG) ==
	    g->helper) {
		log_warn("server.live", "the helper ended",
		    KV("status", status));
		g->helper = 0;
	}
	if (g->helper <= 0 && g->helper_wsi == NULL &&
	    now - g->helper_ns >= ns_per_s)
		spawn_helper(g);
	if (now - g->heard_ns > HELPER_SILENT_S * ns_per_s)
		g->helper_up = false;
}

void
link_push(struct gateway *g)
{
	if (g->link.fd != -1 && link_flush(&g->link) == 1 &&
	    g->helper_wsi != NULL)
		lws_callback_on_writable(g->helper_wsi);
}

int
spawn_readable(struct gateway *g)
{
	struct live_packet p;
	int rc = link_fill(&g->link);

	while (link_next(&g->link, &p)) {
		struct arena_mark m = arena_mark(g->scratch);

		gateway_packet(g, &p);
		arena_rewind(g->scratch, m);
	}
	return rc == -1 ? -1 : 0;
}
