/*
 * Inside of quincunx-live: its processes. The manager (core/proc) keeps one
 * gateway alive; the gateway runs the libwebsockets loop and forks a helper,
 * the only one that talks to the database. They speak over a socketpair in
 * messages with a length; a helper that dies is replaced, with a new pair,
 * and no client notices.
 */
#ifndef APP_LIVE_PROC_H
#define APP_LIVE_PROC_H

#include <sys/types.h>

#include "app/live.h"
#include "base/err.h"
#include "modules/platform/live.h"

struct env;
struct lws;
struct lws_context;
struct lws_vhost;

/* ---- the link --------------------------------------------------------------- */

enum live_kind {
	/* to the helper */
	LINK_START = 1,		/* pos: follow from here; 0 = from now */
	LINK_AUTH,		/* id: how, ip, agent, endpoint, credential */
	LINK_DROP,		/* id: the client is gone */
	LINK_READ,		/* id: turn, stream, tenant, since, epoch, limit,
				 * bits */
	LINK_ASK,		/* id: request_type */
	LINK_SUBS,		/* id: sent, microseconds unheard, names */
	LINK_ADOPT,		/* id: a client from before this helper */
	/* to the gateway */
	LINK_POS = 32,		/* pos, restored */
	LINK_ROW,		/* pos, tenant, first, n, then items */
	LINK_AUTHED,		/* id: status, expiry, ids, bits or a sentence */
	LINK_PAGE,		/* id: turn, stream, epoch, top, next, recovered, items */
	LINK_DATA		/* id: JSON text */
};
enum { LINK_TICKET = 1, LINK_CREDENTIAL };

/* What the helper must not forget when it is replaced: a page-backed table
 * that both processes map and only helpers touch, by slot of the client. */
enum { SEAT_CREDENTIAL = 720 };
struct live_seat {
	uint64_t id;			/* 0 = free */
	struct uuid row, tenant, user;
	struct utc since;
	int64_t sent;
	uint8_t how;			/* LINK_TICKET: not redeemed yet */
	bool verified, listed, key, orphan;
	char ip[46], name[40], agent[72];
	const struct live_endpoint *ep;
	char credential[SEAT_CREDENTIAL];
};

struct live_head {
	uint32_t len;		/* of what follows */
	uint32_t kind;
	uint64_t id;
};
struct live_link {
	int fd;
	struct arena *in_a, *out_a;
	struct str in, out;
	size_t in_at, out_at, start;
};
struct live_packet {
	uint32_t kind;
	uint64_t id;
	const char *p, *end;	/* what is left to take */
	bool bad;		/* more was taken than there was */
};
void link_open(struct live_link *, int fd);
void link_close(struct live_link *);
/* A message is built in l->out between these two. */
void link_begin(struct live_link *, enum live_kind, uint64_t id);
void link_end(struct live_link *);
void link_i64(struct live_link *, int64_t);
void link_bytes(struct live_link *, const void *, size_t);
void link_text(struct live_link *, const char *);	/* NULL = "" */
void link_item(struct live_link *, const struct live_item *);
/* Sends what waits: 0 all, 1 the rest later, -1 the other side is gone. */
int  link_flush(struct live_link *);
/* Reads what is there: 1 something, 0 nothing now, -1 end. */
int  link_fill(struct live_link *);
/* Next whole message; false = none. Its bytes stay until the next fill. */
bool link_next(struct live_link *, struct live_packet *);
int64_t packet_i64(struct live_packet *);
const void *packet_bytes(struct live_packet *, size_t n);
const char *packet_text(struct live_packet *);
bool packet_item(struct live_packet *, struct live_item *);

/* ---- the gateway ------------------------------------------------------------- */

enum live_state {
	CONN_FREE, CONN_GUEST,		/* has to say who it is */
	CONN_ASKED,			/* the helper is looking */
	CONN_READY, CONN_CLOSING
};

struct live_stream {
	struct uuid tenant;
	enum live_stream_kind kind;
	struct arena *a;
	struct live_ring ring;
	bool known;			/* epoch and top are */
	int64_t epoch, top;
	int64_t row_top;		/* end of the last row seen; 0 = none */
	VEC(struct live_conn *) conns;
	bool dirty;
	uint64_t served;		/* all clients were, up to here */
	size_t unserved_bytes;
	struct live_stream *next_dirty, *next;
	int64_t left_ns;		/* when the last client went */
	/* frames of what is new in this tick, by dialect */
	struct live_cache {
		uint64_t first, next;
		struct arena *a;
		struct str bytes;
		VEC(size_t) at;
	} cache[LIVE_ECHO + 1];
};

/* Where a client stands in one stream. */
struct live_place {
	struct live_stream *s;
	size_t index;			/* in s->conns */
	uint64_t cur, counted;		/* next to send; lag counted up to */
	int64_t skip;			/* numbers up to here are not sent */
	int64_t off;			/* last one sent or skipped */
	struct live_since since;
	bool on, fixed, recovered, paging;
};

struct live_conn {
	struct lws *wsi;
	struct gateway *g;
	const struct live_endpoint *ep;
	uint32_t slot, gen;
	uint8_t dialect, state;
	bool blocked, http, head_sent, waits_page, guest_told, subscribed,
	    authed, asked;
	uint8_t missed;			/* pings without an answer */
	uint16_t close_code;
	const char *close_text;		/* static */
	struct live_bits see, sub, named, want;
	struct uuid tenant, user;
	uint64_t entity;		/* hash, 0 = any */
	int64_t expires_us, tat_us, heard_ns, blocked_ns, close_ns, born_ns;
	int64_t next_status_ns, refused;
	int64_t page_ns, page_seq;	/* last page asked for; 0 = answered */
	struct live_place at[LIVE_STREAMS];
	uint64_t sent, told_sent, sequence;
	size_t lag_frames, lag_bytes;
	struct arena *in_a;		/* fragments of a message */
	struct str in;
	struct arena *wait_a;		/* messages while the helper looks */
	struct str wait;
	char id[24];			/* of a sub, to give back */
};

struct gateway {
	struct env *env;
	const struct platform_live_conf *conf;
	const char *const *cors;
	struct arena *a, *scratch;
	struct live_topics topics;
	struct lws_context *lws;
	struct lws_vhost *vhost;
	int listen_fd, frames_fd;
	struct lws *helper_wsi, *listen_wsi, *frames_wsi;
	struct live_link link;
	pid_t helper;
	int64_t helper_ns;		/* when it was started */
	struct live_seat *seats;	/* clients + 1 of them */
	bool helper_up;			/* it has spoken lately */
	int64_t heard_ns;		/* when */
	int64_t pos;
	struct live_stream *streams, *dirty;
	struct map *by_tenant;
	VEC(struct live_conn *) conns;	/* by slot, NULL = free */
	VEC(uint32_t) free;
	size_t nconns, nsubs, nguests;
	uint32_t gen;
	int64_t second_ns, drain_ns;
	/* the next flush; the last one, and the last one that was prompt */
	int64_t flush_ns, flushed_ns, prompt_ns;
	bool flush_planned, flush_prompt;
	bool draining, accepting;
	uint64_t sent;
};

/* live_loop.c */
int  gateway_run(struct env *, int listen_fd);
/* prompt: what is new is not a state that the next one replaces. */
void gateway_plan_flush(struct gateway *, bool prompt);
/* live_spawn.c: its helper. */
void spawn_helper(struct gateway *);
void spawn_gone(struct gateway *);
void spawn_watch(struct gateway *, int64_t now_ns);
int  spawn_readable(struct gateway *);
/* live_link_in.c: what the helper says. */
void gateway_packet(struct gateway *, struct live_packet *);
void gateway_frame(struct gateway *, const char *, size_t);
void link_push(struct gateway *);
/* live_stream.c */
struct live_stream *stream_get(struct gateway *, struct uuid tenant,
    enum live_stream_kind);
void stream_join(struct live_stream *, struct live_conn *);
void stream_leave(struct live_stream *, struct live_conn *);
void stream_push(struct gateway *, struct live_stream *,
    const struct live_item *);
/* Numbers are missing, or mean something else now: all resume. */
void stream_broken(struct gateway *, struct live_stream *);
void streams_flush(struct gateway *);
void streams_forget_idle(struct gateway *, int64_t now_ns);
/* live_send.c */
void conn_flush(struct live_conn *);
void conn_out(struct live_conn *, const void *, size_t);
/* JSON as a text frame or an SSE event of this name. */
void conn_say(struct live_conn *, const char *event, const char *json,
    size_t n);
void conn_writeable(struct live_conn *);
bool conn_wants(const struct live_conn *, const struct live_item *);
/* live_sync.c */
void conn_subscribe(struct live_conn *, struct live_bits add);
void conn_unsubscribe(struct live_conn *, struct live_bits less);
void conn_page(struct live_conn *, struct live_packet *);
void conn_page_next(struct live_conn *);
/* live_conn.c */
struct live_conn *conn_by_id(struct gateway *, uint64_t id);
uint64_t conn_id(const struct live_conn *);
void conn_open(struct live_conn *, struct gateway *, struct lws *,
    const struct live_endpoint *, uint64_t entity, bool http);
void conn_gone(struct live_conn *);
void conn_close(struct live_conn *, uint16_t code, const char *text);
void conn_authenticate(struct live_conn *, int how, const char *credential,
    const char *ip, const char *agent);
void conn_authed(struct live_conn *, struct live_packet *);
void conn_second(struct live_conn *, int64_t now_ns);
/* live_talk.c */
void conn_hello(struct live_conn *);
void conn_message(struct live_conn *, const char *, size_t);
/* What was said while the helper looked. */
void conn_waiting(struct live_conn *);
void conn_subscribed(struct live_conn *);
/* The numbers that it follows have an epoch now. */
void conn_position(struct live_conn *, enum live_stream_kind);
void conn_error(struct live_conn *, const char *code, const char *text);
void conn_data(struct live_conn *, const char *json);
void conn_status(struct live_conn *);
/* Tells the helper what the list of clients should say. */
void conn_listed(struct live_conn *);
void conn_default_topics(struct live_conn *);
/* live_http.c: what HTTP asks before it becomes a connection. */
int  live_upgrade_check(struct gateway *, struct lws *);
void live_http_refuse(struct lws *, int status, const char *detail);
/* Takes the request into a fresh connection. -1: it was refused. */
int  live_begin(struct gateway *, struct lws *, struct live_conn *,
    bool http);
void live_sse_head(struct live_conn *);

/* ---- the helper ---------------------------------------------------------------- */

struct live_helper {
	struct env *env;
	struct db *db;
	struct live_topics *topics;
	struct live_link link;
	struct live_seat *seats;
	size_t nseats;
	int bell;
	int64_t pos;
	bool following;
	struct arena *a;		/* of one turn */
	struct arena *memory;		/* epochs of streams */
	struct map *epochs;
	int64_t auth_epoch, keys_ns, second_ns, beat_ns, expire_ns;
	struct utc started;
	bool db_failed;			/* said so already */
	bool orphans;
	struct http *http;
	struct arena *list_a;		/* rows that wait to be written */
	VEC(struct platform_live_client) list;
	int64_t list_ns;
	int64_t nclients;
};
/* Runs until the gateway is gone; returns the exit status. */
int  helper_run(struct env *, int fd, struct live_topics *,
    struct live_seat *, size_t nseats);
/* live_helper_auth.c */
void helper_auth(struct live_helper *, struct live_packet *);
void helper_adopt(struct live_helper *, struct live_packet *);
void helper_drop(struct live_helper *, struct live_packet *);
void helper_recheck(struct live_helper *, bool keys_only);
void helper_orphans(struct live_helper *);
struct live_seat *helper_seat(struct live_helper *, uint64_t id);
/* live_helper_list.c: rows of the client list. */
void helper_listed(struct live_helper *, struct live_packet *);
void helper_unlist(struct live_helper *, struct live_seat *);
void helper_list_write(struct live_helper *, bool now);
void helper_beat(struct live_helper *);
/* live_helper_ask.c */
void helper_ask(struct live_helper *, struct live_packet *);
void helper_failed(struct live_helper *, const char *what, struct err *);

#endif
