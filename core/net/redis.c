/*
 * Connections and redirects. A node is a host and port with at most one
 * connection; the map of slots is what MOVED taught us. A connection with an
 * unanswered command is closed, never reused. After a failure nobody tries
 * again before a random moment has passed, longer each time.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "net/redis_inner.h"
#include "shm/dependency.h"

enum { REDIRECTS = 6, BACKOFF_MS = 50, BACKOFF_MAX_MS = 5000, WINDOW = 500 };

struct node {
	struct redis_host at;
	redisContext *c;
};

struct redis {
	struct arena *a;
	struct redis_url url;
	int64_t timeout_ms;
	struct shm *shm;
	int dependency;
	struct breaker_pass pass;
	struct node nodes[REDIS_NODES];
	size_t nnodes, seed;
	uint8_t slots[REDIS_SLOTS];	/* 1 + index of the node; 0 = seed */
	int64_t not_before_ns;
	int failures;
};

/* ---- connections -------------------------------------------------------------- */

static void
hang_up(struct node *n)
{
	if (n->c != NULL)
		redisFree(n->c);
	n->c = NULL;
}

void
redis_close(struct redis *r)
{
	for (size_t i = 0; i < r->nnodes; i++)
		hang_up(&r->nodes[i]);
}

static void
close_at_end(void *r)
{
	redis_close(r);
}

int
redis_open(struct redis **out, struct arena *a, const char *url,
    int64_t timeout_ms, struct shm *shm, struct err *e)
{
	struct redis *r = arena_alloc(a, sizeof(*r));

	if (redis_url_parse(&r->url, a, url, e) == -1)
		return -1;
	r->a = a;
	r->timeout_ms = timeout_ms;
	r->shm = shm;
	r->dependency = dependency_find(shm, "redis");
	r->nnodes = r->url.path != NULL ? 1 : r->url.nhosts;
	for (size_t i = 0; i < r->url.nhosts; i++)
		r->nodes[i].at = r->url.hosts[i];
	arena_defer(a, close_at_end, r);
	*out = r;
	return 0;
}

/* The connection is over, with a reason for the log. */
static int
down(struct node *n, const char *why, struct err *e)
{
	char text[200];

	snprintf(text, sizeof(text), "%s", why);
	hang_up(n);
	err_set(e, 503, "redis_down", "Redis is not available");
	e->retry_after_s = 1;
	return err_cause(e, "%s", text);
}

static int
greet(struct redis *r, struct node *n, struct err *e)
{
	const struct redis_url *u = &r->url;
	redisReply *p = NULL;
	bool ok = true;

	if (*u->password != '\0')
		p = *u->user != '\0' ? redisCommand(n->c, "AUTH %s %s",
		    u->user, u->password) : redisCommand(n->c, "AUTH %s",
		    u->password);
	if (*u->password != '\0')
		ok = p != NULL && p->type != REDIS_REPLY_ERROR;
	if (ok && u->db > 0) {
		if (p != NULL)
			freeReplyObject(p);
		p = redisCommand(n->c, "SELECT %lld", (long long)u->db);
		ok = p != NULL && p->type != REDIS_REPLY_ERROR;
	}
	if (!ok)
		down(n, p != NULL ? p->str : "no answer", e);
	if (p != NULL)
		freeReplyObject(p);
	return ok ? 0 : -1;
}

static int
dial(struct redis *r, struct node *n, struct err *e)
{
	struct timeval tv = { r->timeout_ms / 1000,
	    r->timeout_ms % 1000 * 1000 };

	if (n->c != NULL)
		return 0;
	n->c = r->url.path != NULL ? redisConnectUnixWithTimeout(r->url.path,
	    tv) : redisConnectWithTimeout(n->at.host, n->at.port, tv);
	if (n->c == NULL)
		check_oom();
	if (n->c->err != 0)
		return down(n, "no connection", e);
	redisSetTimeout(n->c, tv);
	return greet(r, n, e);
}

/* Index of the node at an address, new if it must be; -1 = too many. */
static int
node_at(struct redis *r, const char *host, int port)
{
	for (size_t i = 0; i < r->nnodes; i++)
		if (r->nodes[i].at.port == port &&
		    strcmp(r->nodes[i].at.host, host) == 0)
			return (int)i;
	if (r->nnodes == REDIS_NODES)
		return -1;
	r->nodes[r->nnodes].at = (struct redis_host){
	    arena_strdup(r->a, host), port };
	return (int)r->nnodes++;
}

/* ---- replies ---------------------------------------------------------------------- */

static void
copy_one(struct arena *a, const redisReply *p, struct redis_reply *out)
{
	*out = (struct redis_reply){ .kind = REDIS_NIL };
	switch (p->type) {
	case REDIS_REPLY_INTEGER:
		out->kind = REDIS_INT;
		out->i = p->integer;
		break;
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
	case REDIS_REPLY_ERROR:
		out->kind = p->type == REDIS_REPLY_ERROR ? REDIS_REFUSED :
		    REDIS_TEXT;
		out->n = (size_t)p->len;
		out->s = arena_strndup(a, p->str, out->n);
		if (memchr(p->str, '\0', out->n) != NULL)
			out->s = memcpy(arena_alloc(a, out->n + 1), p->str,
			    out->n);
		break;
	case REDIS_REPLY_ARRAY:
		out->kind = REDIS_LIST;
		out->n = p->elements;
		out->items = arena_array(a, out->n + 1, sizeof(*out->items));
		break;
	}
}

/* Depth is what hiredis lets through: seven levels. */
static void
copy_reply(struct arena *a, const redisReply *p, struct redis_reply *out)
{
	copy_one(a, p, out);
	for (size_t i = 0; out->kind == REDIS_LIST && i < out->n; i++)
		copy_reply(a, p->element[i], &out->items[i]);
}

static int
append(struct node *n, const struct redis_cmd *cmd)
{
	const char *argv[64];
	size_t len[64];

	ASSERT(cmd->n > 0 && cmd->n <= NITEMS(argv));
	for (size_t i = 0; i < cmd->n; i++) {
		argv[i] = cmd->words[i].p;
		len[i] = cmd->words[i].n;
	}
	return redisAppendCommandArgv(n->c, (int)cmd->n, argv, len) ==
	    REDIS_OK ? 0 : -1;
}

static int
receive(struct node *n, struct arena *a, struct redis_reply *out,
    struct err *e)
{
	void *p = NULL;

	if (redisGetReply(n->c, &p) != REDIS_OK || p == NULL)
		return down(n, n->c->err == REDIS_ERR_PROTOCOL ?
		    n->c->errstr : "no answer", e);
	copy_reply(a, p, out);
	freeReplyObject(p);
	return 0;
}

/* ---- redirects ----------------------------------------------------------------------- */

static size_t
node_of(const struct redis *r, const struct redis_cmd *cmd)
{
	uint8_t slot = 0;

	if (cmd->key != 0 && r->url.path == NULL)
		slot = r->slots[redis_slot(cmd->words[cmd->key].p,
		    cmd->words[cmd->key].n)];
	return slot == 0 ? r->seed : (size_t)slot - 1;
}

static bool
starts(const struct redis_reply *p, const char *word)
{
	return p->kind == REDIS_REFUSED &&
	    strncmp(p->s, word, strlen(word)) == 0;
}

/* "MOVED 3999 127.0.0.1:6381", "ASK …": index of the node named; -1 = no. An
 * empty host is the one that answered. */
static int
redirect(struct redis *r, struct arena *a, const struct redis_reply *p,
    size_t from, int64_t *slot)
{
	const char *at = strchr(p->s, ' '), *host = NULL;
	int port;

	if (at == NULL)
		return -1;
	at++;
	if (num_i64(at, strcspn(at, " "), slot) != NUM_OK || *slot < 0 ||
	    *slot >= REDIS_SLOTS || (at = strchr(at, ' ')) == NULL)
		return -1;
	at++;
	if (*at == ':')
		at = arena_printf(a, "%s%s", r->nodes[from].at.host, at);
	if (redis_host_parse(a, at, strlen(at), &host, &port) == -1)
		return -1;
	return node_at(r, host, port);
}

static int
busy(const struct redis_reply *p, struct err *e)
{
	err_set(e, 503, "redis_busy", "Redis is not ready");
	e->retry_after_s = 1;
	return err_cause(e, "%.200s", p->s);
}

static bool
not_ready(const struct redis_reply *p)
{
	return starts(p, "LOADING") || starts(p, "CLUSTERDOWN") ||
	    starts(p, "TRYAGAIN") || starts(p, "MASTERDOWN") ||
	    starts(p, "BUSY ") || starts(p, "READONLY");
}

/* A node that is gone: its slots are asked of another one we know. */
static void
lose(struct redis *r, size_t i)
{
	for (size_t s = 0; s < REDIS_SLOTS; s++)
		if (r->slots[s] == i + 1)
			r->slots[s] = 0;
	if (r->seed == i && r->nnodes > 1)
		r->seed = (i + 1) % r->nnodes;
}

static int
ask(struct redis *r, struct arena *a, size_t i, const struct redis_cmd *cmd,
    bool asking, struct redis_reply *out, struct err *e)
{
	static const struct redis_word word = { "ASKING", 6 };
	static const struct redis_cmd first = { &word, 1, 0 };
	struct node *n = &r->nodes[i];

	if (dial(r, n, e) == -1 || (asking && (append(n, &first) == -1 ||
	    receive(n, a, out, e) == -1)) || (append(n, cmd) == -1 &&
	    down(n, "cannot send", e) == -1) || receive(n, a, out, e) == -1) {
		lose(r, i);
		return -1;
	}
	return 0;
}

/* Follows redirects that begin with an answer already there. */
static int
follow(struct redis *r, struct arena *a, const struct redis_cmd *cmd,
    size_t from, struct redis_reply *out, struct err *e)
{
	int64_t slot;

	for (int k = 0; k < REDIRECTS; k++) {
		bool asking = starts(out, "ASK ");
		int to;

		if (!asking && !starts(out, "MOVED "))
			return not_ready(out) ? busy(out, e) : 0;
		to = redirect(r, a, out, from, &slot);
		if (to == -1)
			return busy(out, e);
		if (!asking)
			r->slots[slot] = (uint8_t)(to + 1);
		if (ask(r, a, (size_t)to, cmd, asking, out, e) == -1)
			return -1;
		from = (size_t)to;
	}
	return busy(out, e);
}

/* ---- the gate ----------------------------------------------------------------------------- */

static int
enter(struct redis *r, struct err *e)
{
	ASSERT(txn_depth() == 0);
	if (clock_boot_ns() < r->not_before_ns ||
	    !breaker_allow(r->shm, r->dependency, (uint64_t)clock_boot_ns(),
	    &r->pass)) {
		err_set(e, 503, "breaker_open", "Redis is not available");
		e->retry_after_s = 1;
		return -1;
	}
	return 0;
}

/* Each failure in a row doubles the pause, of which a random part is taken. */
static int
leave(struct redis *r, int rc)
{
	int64_t ms = BACKOFF_MS;

	breaker_result(r->shm, r->dependency, &r->pass, rc == 0 ? OUTCOME_OK :
	    OUTCOME_FAIL, (uint64_t)clock_boot_ns());
	if (rc == 0) {
		r->failures = 0;
		r->not_before_ns = 0;
		return 0;
	}
	for (int i = 0; i < r->failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	r->failures++;
	ms = ms / 2 + (int64_t)random_below((uint64_t)ms);
	r->not_before_ns = clock_boot_ns() + ms * 1000000;
	return rc;
}

int
redis_do(struct redis *r, struct arena *a, const struct redis_cmd *cmd,
    struct redis_reply *out, struct err *e)
{
	size_t i = node_of(r, cmd);

	if (enter(r, e) == -1)
		return -1;
	if (ask(r, a, i, cmd, false, out, e) == -1)
		return leave(r, -1);
	return leave(r, follow(r, a, cmd, i, out, e));
}

/* ---- pipelines ------------------------------------------------------------------------------ */

/* Sends the commands of one node and reads their answers. */
static int
pipe_node(struct redis *r, struct arena *a, const struct redis_cmd *cmds,
    const uint8_t *at, size_t n, size_t node, struct redis_reply *out,
    struct err *e)
{
	struct node *p = &r->nodes[node];

	if (dial(r, p, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (at[i] == node && append(p, &cmds[i]) == -1)
			return down(p, "cannot send", e);
	for (size_t i = 0; i < n; i++)
		if (at[i] == node && receive(p, a, &out[i], e) == -1)
			return -1;
	return 0;
}

/* Nodes are fixed before anything is sent: what MOVED teaches meanwhile must
 * not let a later command of a key overtake an earlier one. Once a key was
 * redirected, its later commands were, too, and follow in order. */
static int
pipe_window(struct redis *r, struct arena *a, const struct redis_cmd *cmds,
    size_t n, struct redis_reply *out, struct err *e)
{
	bool used[REDIS_NODES] = { false };
	uint8_t at[WINDOW];

	for (size_t i = 0; i < n; i++) {
		at[i] = (uint8_t)node_of(r, &cmds[i]);
		used[at[i]] = true;
	}
	for (size_t k = 0; k < REDIS_NODES; k++)
		if (used[k] && pipe_node(r, a, cmds, at, n, k, out, e) == -1) {
			lose(r, k);
			return -1;
		}
	for (size_t i = 0; i < n; i++)
		if (follow(r, a, &cmds[i], at[i], &out[i], e) == -1)
			return -1;
	return 0;
}

int
redis_pipe(struct redis *r, struct arena *a, const struct redis_cmd *cmds,
    size_t n, struct redis_reply *out, struct err *e)
{
	int rc = 0;

	if (enter(r, e) == -1)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i += WINDOW)
		rc = pipe_window(r, a, cmds + i, n - i < WINDOW ? n - i :
		    WINDOW, out + i, e);
	return leave(r, rc);
}

/* ---- channels ------------------------------------------------------------------------------- */

int
redis_subscribe(struct redis *r, struct arena *a, const char *const *channels,
    size_t n, struct err *e)
{
	struct redis_word words[32] = { { "SUBSCRIBE", 9 } };
	struct redis_cmd cmd = { words, n + 1, 0 };
	struct node *node = &r->nodes[r->seed];
	struct redis_reply p;

	ASSERT(n + 1 <= NITEMS(words));
	for (size_t i = 0; i < n; i++)
		words[i + 1] = (struct redis_word){ channels[i],
		    strlen(channels[i]) };
	if (enter(r, e) == -1)
		return -1;
	hang_up(node);
	if (dial(r, node, e) == -1 || (append(node, &cmd) == -1 &&
	    down(node, "cannot send", e) == -1)) {
		lose(r, r->seed);
		return leave(r, -1);
	}
	for (size_t i = 0; i < n; i++) {
		if (receive(node, a, &p, e) == -1)
			return leave(r, -1);
		if (p.kind != REDIS_LIST)
			return leave(r, down(node, p.kind == REDIS_REFUSED ?
			    p.s : "no subscription", e));
	}
	return leave(r, 0);
}

/* [message, channel, text]; anything else is not for us. */
static bool
message_of(const struct redis_reply *p, struct redis_message *out)
{
	if (p->kind != REDIS_LIST || p->n != 3 ||
	    p->items[0].kind != REDIS_TEXT ||
	    strcmp(p->items[0].s, "message") != 0 ||
	    p->items[1].kind != REDIS_TEXT || p->items[2].kind != REDIS_TEXT)
		return false;
	*out = (struct redis_message){ p->items[1].s, p->items[2].s,
	    p->items[2].n };
	return true;
}

int
redis_hear(struct redis *r, struct arena *a, int64_t wait_ms,
    struct redis_message *out, struct err *e)
{
	struct node *node = &r->nodes[r->seed];
	int64_t end = clock_boot_ns() + wait_ms * 1000000;

	if (node->c == NULL)
		return err_set(e, 503, "redis_down", "Redis is not available");
	for (;;) {
		struct pollfd fd = { node->c->fd, POLLIN, 0 };
		struct redis_reply p;
		void *raw = NULL;
		int64_t left = (end - clock_boot_ns()) / 1000000;

		if (redisGetReplyFromReader(node->c, &raw) != REDIS_OK)
			return down(node, "no answer", e);
		if (raw != NULL) {
			copy_reply(a, raw, &p);
			freeReplyObject(raw);
			if (message_of(&p, out))
				return 1;
			continue;
		}
		if (poll(&fd, 1, left > 0 ? (int)left : 0) <= 0)
			return 0;
		if (redisBufferRead(node->c) != REDIS_OK)
			return down(node, "the connection was closed", e);
	}
}
