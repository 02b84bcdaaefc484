/*
 * The gateway's loop: libwebsockets does handshakes, frames that come in and
 * closing; sockets are accepted here, from the manager's listening socket.
 * Nothing in this process waits for anything but poll(): the database belongs
 * to the helper, which is forked from here and replaced when it dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/live_proc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "db/env.h"
#include "http/http.h"
#include "proc/bell.h"
#include "proc/proc.h"
#include "shm/shm.h"

enum { RX = 512, MESSAGE_MAX = 64 * 1024, ACCEPT_MAX = 64, PROCESS_CAP =
	512 << 20, SPARE_FDS = 256, ECHO_MAX = 4 << 20, FRAME_BUF = 128 * 1024, SECOND_US =
	1000000, STAT_EVERY = 30, DRAIN_STEP_US = 100000 };

static const int64_t ns_per_s = INT64_C(1000000000);

/* One gateway per process; its timers' handlers get no argument. */
static struct gateway *the;
static lws_sorted_usec_list_t second_timer, flush_timer, drain_timer;

/* ---- ephemeral events --------------------------------------------------- */

static void
frames_readable(struct gateway *g)
{
	static char buf[FRAME_BUF];
	ssize_t n;

	for (int i = 0; i < 1000 && (n = recv(g->frames_fd, buf,
	    sizeof(buf) - 1, MSG_DONTWAIT)) > 0; i++) {
		buf[n] = '\0';
		gateway_frame(g, buf, (size_t)n);
	}
}

/* An older gateway that drains may still have the name. */
static void
frames_listen(struct gateway *g)
{
	lws_sock_file_fd_type fd;
	struct err e = { 0 };

	if (g->frames_wsi != NULL || g->draining)
		return;
	if (bell_listen("frames", &g->frames_fd, &e) == -1) {
		g->frames_fd = -1;
		return;
	}
	fd.filefd = dup(g->frames_fd);
	g->frames_wsi = lws_adopt_descriptor_vhost(g->vhost,
	    LWS_ADOPT_RAW_FILE_DESC, fd, "live", NULL);
}

/* ---- accepting ---------------------------------------------------------- */

static void
accept_some(struct gateway *g)
{
	int fd, one = 1;

	for (int i = 0; i < ACCEPT_MAX; i++) {
		fd = accept4(g->listen_fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1)
			return;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		lws_adopt_socket_vhost(g->vhost, fd);
	}
}

/* ---- timers ------------------------------------------------------------- */

static void
flush_due(lws_sorted_usec_list_t *t)
{
	(void)t;
	the->flush_planned = false;
	streams_flush(the);
}

void
gateway_plan_flush(struct gateway *g, bool prompt)
{
	int64_t now = clock_boot_ns(), at = live_flush_at(now, prompt ?
	    g->prompt_ns : g->flushed_ns, g->conf->tick_ms);

	g->flush_prompt = g->flush_prompt || prompt;
	if (g->flush_planned && at >= g->flush_ns)
		return;
	g->flush_planned = true;
	g->flush_ns = at;
	lws_sul_schedule(g->lws, 0, &flush_timer, flush_due,
	    at > now ? (at - now) / 1000 : 1);
}

static void
second_due(lws_sorted_usec_list_t *t)
{
	struct gateway *g = the;
	int64_t now = clock_boot_ns();
	static unsigned turn;

	lws_sul_schedule(g->lws, 0, t, second_due, SECOND_US);
	turn++;
	spawn_watch(g, now);
	frames_listen(g);
	for (size_t i = 0; i < g->conns.n; i++) {
		struct arena_mark m = arena_mark(g->scratch);
		struct live_conn *c = g->conns.v[i];

		if (c == NULL)
			continue;
		conn_second(c, now);
		if (c->state == CONN_READY && c->sent != c->told_sent &&
		    (i + turn) % STAT_EVERY == 0)
			conn_listed(c);
		arena_rewind(g->scratch, m);
	}
	link_push(g);
	streams_forget_idle(g, now);
	metric_set(&platform_ws_connections, 0, 0, (int64_t)g->nconns);
	metric_set(&platform_ws_subscriptions, 0, 0, (int64_t)g->nsubs);
	if (!g->draining)
		shm_word_set(g->env->shm, platform_live_beat, g->nconns);
	if (proc_reopen_asked())
		log_reopen();
	log_flush();
}

/* ---- drain -------------------------------------------------------------- */

/* Some clients each tenth of a second, so that they do not all come back to
 * the next gateway at once. */
static void
drain_due(lws_sorted_usec_list_t *t)
{
	struct gateway *g = the;
	int64_t past = clock_boot_ns() - g->drain_ns;
	int64_t all = g->conf->drain_s * ns_per_s;
	size_t upto = past >= all ? g->conns.n :
	    (size_t)((double)g->conns.n * (double)past / (double)all) + 1;

	for (size_t i = 0; i < upto && i < g->conns.n; i++)
		if (g->conns.v[i] != NULL)
			conn_close(g->conns.v[i], 4000, "drain");
	lws_sul_schedule(g->lws, 0, t, drain_due, DRAIN_STEP_US);
}

static void
drain_begin(struct gateway *g)
{
	g->draining = true;
	g->drain_ns = clock_boot_ns();
	if (g->listen_wsi != NULL)
		lws_set_timeout(g->listen_wsi,
		    PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	if (g->frames_wsi != NULL)
		lws_set_timeout(g->frames_wsi,
		    PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	if (g->frames_fd != -1)
		bell_close("frames", g->frames_fd);
	g->frames_fd = -1;
	drain_due(&drain_timer);
}

static bool
drained(const struct gateway *g)
{
	return g->draining && (g->nconns == 0 ||
	    clock_boot_ns() - g->drain_ns > (g->conf->drain_s + 3) *
	    ns_per_s);
}

/* ---- clients ------------------------------------------------------------ */

static int
say_close(struct live_conn *c)
{
	char text[124];
	int n = c->close_code == 4000 ?
	    snprintf(text, sizeof(text), "drain retry_ms=%llu",
	    (unsigned long long)random_below(5000)) :
	    snprintf(text, sizeof(text), "%s", c->close_text);

	if (!c->http)
		lws_close_reason(c->wsi, c->close_code == 0 ? 1000 :
		    (enum lws_close_status)c->close_code,
		    (unsigned char *)text, (size_t)n);
	return -1;
}

static void
echo_send(struct live_conn *c)
{
	struct arena *mem = c->wait_a;

	c->wait_a = NULL;
	if (mem != NULL)
		conn_out(c, c->wait.p, c->wait.len);
	arena_free(mem);
}

static int
writeable(struct live_conn *c)
{
	if (c->state == CONN_CLOSING)
		return lws_partial_buffered(c->wsi) ? 0 : say_close(c);
	if (c->dialect == LIVE_ECHO)
		echo_send(c);
	conn_writeable(c);
	return 0;
}

/* After the pongs that libwebsockets owes. */
static void
echo(struct live_conn *c, bool binary)
{
	uint8_t head[10];

	if (c->wait_a == NULL) {
		c->wait_a = arena_new(64 << 20);
		str_init(&c->wait, c->wait_a);
	}
	str_addn(&c->wait, head, live_ws_head(binary ? 2 : 1, c->in.len,
	    head));
	str_addn(&c->wait, c->in.p, c->in.len);
	if (c->wait.len > ECHO_MAX)
		conn_close(c, 4001, "too slow");
	lws_callback_on_writable(c->wsi);
}

/* A message may come in many parts; only the whole is looked at. */
static int
receive(struct live_conn *c, const void *p, size_t n)
{
	bool binary = lws_frame_is_binary(c->wsi);

	c->heard_ns = clock_boot_ns();
	c->missed = 0;
	if (c->in_a == NULL) {
		c->in_a = arena_new(1 << 20);
		str_init(&c->in, c->in_a);
	}
	if (c->in.len + n > MESSAGE_MAX + (c->dialect == LIVE_ECHO ? 1 : 0)) {
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
		    NULL, 0);
		return -1;
	}
	str_addn(&c->in, p, n);
	if (!lws_is_final_fragment(c->wsi) ||
	    lws_remaining_packet_payload(c->wsi) > 0)
		return 0;
	if (c->dialect == LIVE_ECHO)
		echo(c, binary);
	else if (binary)
		conn_close(c, 1003, "text only");
	else
		conn_message(c, c->in.p, c->in.len);
	arena_free(c->in_a);
	c->in_a = NULL;
	return 0;
}

static void
forget_raw(struct gateway *g, struct lws *wsi)
{
	if (wsi == g->helper_wsi)
		spawn_gone(g);
	else if (wsi == g->listen_wsi)
		g->listen_wsi = NULL;
	else if (wsi == g->frames_wsi)
		g->frames_wsi = NULL;
}

static int
raw_readable(struct gateway *g, struct lws *wsi)
{
	if (wsi == g->helper_wsi)
		return spawn_readable(g);
	if (wsi == g->listen_wsi)
		accept_some(g);
	else if (wsi == g->frames_wsi && g->frames_fd != -1)
		frames_readable(g);
	return 0;
}

static int
event(struct gateway *g, struct lws *wsi, enum lws_callback_reasons why,
    struct live_conn *c, void *in, size_t len)
{
	switch (why) {
	case LWS_CALLBACK_RAW_RX_FILE:
		return raw_readable(g, wsi);
	case LWS_CALLBACK_RAW_WRITEABLE_FILE:
		if (wsi == g->helper_wsi)
			link_push(g);
		return 0;
	case LWS_CALLBACK_RAW_CLOSE_FILE:
		forget_raw(g, wsi);
		return 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return in != NULL && strcmp(in, "websocket") == 0 ? 0 : -1;
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return live_upgrade_check(g, wsi);
	case LWS_CALLBACK_ESTABLISHED:
		return live_begin(g, wsi, c, false);
	case LWS_CALLBACK_HTTP:
		if (live_begin(g, wsi, c, true) == -1)
			return -1;
		lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
		lws_http_headers_detach(wsi);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return receive(c, in, len);
	case LWS_CALLBACK_RECEIVE_PONG:
		c->heard_ns = clock_boot_ns();
		c->missed = 0;
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return c != NULL && c->g != NULL && c->state != CONN_FREE ?
		    writeable(c) : 0;
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLOSED_HTTP:
		if (c != NULL && c->g != NULL)
			conn_gone(c);
		return 0;
	default:
		return 0;
	}
}

static int
callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
    size_t len)
{
	struct gateway *g = the;
	struct arena_mark m;
	int rc;

	if (g == NULL || g->scratch == NULL)
		return 0;
	m = arena_mark(g->scratch);
	rc = event(g, wsi, why, user, in, len);
	arena_rewind(g->scratch, m);
	return rc;
}

/* ---- start and end ------------------------------------------------------ */

static const struct lws_protocols protocols[] = {
	{ .name = "live", .callback = callback,
	  .per_session_data_size = sizeof(struct live_conn),
	  .rx_buffer_size = RX },
	{ .name = NULL }
};

static void
lws_line(int level, const char *line)
{
	char text[400];

	(void)level;
	snprintf(text, sizeof(text), "%s", line);
	text[strcspn(text, "\n")] = '\0';
	log_warn("server.live", "libwebsockets", KV("said",
	    (const char *)text));
}

static int
limits(const struct platform_live_conf *cf, struct err *e)
{
	rlim_t want = (rlim_t)cf->clients + SPARE_FDS;
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return 0;
	if (r.rlim_max < want)
		return err_set(e, 500, "nofile", "live.clients needs %llu "
		    "open files, the limit is %llu (LimitNOFILE, ulimit -n)",
		    (unsigned long long)want,
		    (unsigned long long)r.rlim_max);
	r.rlim_cur = want;
	setrlimit(RLIMIT_NOFILE, &r);
	return 0;
}

static int
open_lws(struct gateway *g, struct err *e)
{
	struct lws_context_creation_info i;
	lws_sock_file_fd_type fd;

	memset(&i, 0, sizeof(i));
	i.port = CONTEXT_PORT_NO_LISTEN;
	i.protocols = protocols;
	i.options = LWS_SERVER_OPTION_VALIDATE_UTF8 |
	    LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
	    LWS_SERVER_OPTION_DISABLE_IPV6;
	i.pt_serv_buf_size = 4096;
	i.max_http_header_data = 16384;
	i.max_http_header_pool = 512;
	i.timeout_secs = 15;
	i.keepalive_timeout = 15;
	lws_set_log_level(LLL_ERR, lws_line);
	if ((g->lws = lws_create_context(&i)) == NULL ||
	    (g->vhost = lws_create_vhost(g->lws, &i)) == NULL)
		return err_set(e, 500, "lws", "libwebsockets does not start");
	fcntl(g->listen_fd, F_SETFL, O_NONBLOCK);
	fd.filefd = dup(g->listen_fd);
	g->listen_wsi = lws_adopt_descriptor_vhost(g->vhost,
	    LWS_ADOPT_RAW_FILE_DESC, fd, "live", NULL);
	return g->listen_wsi != NULL ? 0 :
	    err_set(e, 500, "lws", "cannot watch the listening socket");
}

static int
gateway_open(struct gateway *g, struct err *e)
{
	size_t n = ((size_t)g->conf->clients + 1) * sizeof(*g->seats);

	g->by_tenant = map_new(g->a);
	g->frames_fd = -1;
	g->seats = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (g->seats == MAP_FAILED)
		return err_set(e, 500, "memory", "no memory for %lld clients",
		    (long long)g->conf->clients);
	madvise(g->seats, n, MADV_DONTDUMP);
	if (live_topics_open(&g->topics, g->a, g->env->modules, e) == -1 ||
	    limits(g->conf, e) == -1 || open_lws(g, e) == -1)
		return -1;
	return 0;
}

static void
gateway_serve(struct gateway *g)
{
	spawn_helper(g);
	frames_listen(g);
	lws_sul_schedule(g->lws, 0, &second_timer, second_due, SECOND_US);
	proc_child_signals();
	while (!drained(g)) {
		if (proc_draining() && !g->draining)
			drain_begin(g);
		lws_service(g->lws, 0);
	}
}

int
gateway_run(struct env *env, int listen_fd)
{
	struct gateway g = { .env = env, .listen_fd = listen_fd };
	struct err e = { 0 };
	int rc = 0;

	g.conf = conf_get(env->conf, &platform_live_settings);
	g.a = arena_new(PROCESS_CAP);
	g.scratch = arena_new(PROCESS_CAP);
	the = &g;
	link_open(&g.link, -1);
	if (gateway_open(&g, &e) == -1) {
		log_error("server.live", "the gateway does not start",
		    KV("detail", (const char *)e.detail));
		fprintf(stderr, "quincunx-live: %s\n", e.detail);
		rc = 1;
	} else
		gateway_serve(&g);
	link_close(&g.link);
	if (g.frames_fd != -1)
		bell_close("frames", g.frames_fd);
	if (g.lws != NULL)
		lws_context_destroy(g.lws);
	if (g.helper > 0)
		waitpid(g.helper, NULL, 0);
	the = NULL;
	arena_free(g.scratch);
	arena_free(g.a);
	return rc;
}
