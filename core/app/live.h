/*
 * Inside of quincunx-live: the pure parts (ring, topics, messages, frames).
 * The processes and their talk are in live_proc.h.
 */
#ifndef APP_LIVE_H
#define APP_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/types.h"
#include "base/vec.h"
#include "http/live.h"

struct err;
struct event;
struct module;

/* ---- topics: declared events as bits -------------------------------------- */

enum { LIVE_TOPICS = 256, LIVE_WORDS = LIVE_TOPICS / 64 };

struct live_bits {
	uint64_t w[LIVE_WORDS];
};
static inline bool
live_has(const struct live_bits *b, size_t i)
{
	return b->w[i / 64] >> (i % 64) & 1;
}
static inline void
live_set(struct live_bits *b, size_t i)
{
	b->w[i / 64] |= UINT64_C(1) << (i % 64);
}
struct live_bits live_and(struct live_bits, struct live_bits);
struct live_bits live_or(struct live_bits, struct live_bits);
struct live_bits live_without(struct live_bits, struct live_bits);
bool live_none(const struct live_bits *);
size_t live_count(const struct live_bits *);

struct live_topics {
	const struct event **v;		/* by bit */
	size_t n;
	struct live_bits all;		/* those of the installation (EV_ALL) */
};
/* -1: more topics than bits. */
int live_topics_open(struct live_topics *, struct arena *,
    const struct module *const *, struct err *);
/* Bit of a topic's name; -1 unknown. */
int live_topic_find(const struct live_topics *, const char *name);
/* What a name means: a topic ("job.succeeded"), a prefix ("job.*", "*"), or a
 * name of the documents ("job_updates", "agents_only", "all"). 0 known, also
 * when no module declares anything of it yet; -1 unknown. *single tells a
 * topic by its full name. */
int live_topic_match(const struct live_topics *, const char *name,
    struct live_bits *out, bool *single);
/* Names of the documents' subscriptions, NULL-terminated. */
extern const char *const live_subscriptions[];
/* Type of a frame in the documents' dialects. */
const char *live_type(const struct event *);

/* ---- events in memory -------------------------------------------------------- */

enum live_item_flag {
	LIVE_STATE = 1 << 0,		/* only the latest matters */
	LIVE_PAST = 1 << 1,		/* and this one is not the latest */
	LIVE_ALL = 1 << 2,		/* of the installation */
	LIVE_BRIEF = 1 << 3		/* not numbered: off is 0 */
};
struct live_item {
	int64_t off, version;
	struct utc at;
	uint16_t topic;
	uint16_t flags;
	uint32_t entity_len, data_len;
	uint64_t key;			/* of topic and entity */
	const char *entity, *data;	/* not NUL-terminated */
};
uint64_t live_key(size_t topic, const char *entity, size_t n);
/* Hash of an entity alone, from such a key. */
uint64_t live_key_entity(size_t topic, uint64_t key);

/* The latest events of one stream, by a running number of this process. */
struct live_chunk {
	struct arena *a;
	uint64_t last;			/* newest item in it */
};
struct live_ring {
	struct arena *a;
	struct live_item *v;		/* cap is a power of two */
	size_t cap, max, max_bytes, bytes;
	uint64_t first, next;		/* numbers held: first … next - 1 */
	VEC(struct live_chunk) chunks;
};
/* When what came at now_ns goes out: at once if the last flush of its kind is a
 * tick ago, else with the next one. States of the moment that are not stored
 * are a kind of their own: a busy market does not hold up the rest. */
int64_t live_flush_at(int64_t now_ns, int64_t last_ns, int64_t tick_ms);

void live_ring_open(struct live_ring *, struct arena *, size_t max_items,
    size_t max_bytes);
/* True if the oldest item has to go before one of n bytes comes in. */
bool live_ring_full(const struct live_ring *, size_t n);
void live_ring_drop(struct live_ring *);
/* Copies the item in; returns its number. What falls out is what came first. */
uint64_t live_ring_push(struct live_ring *, const struct live_item *);
const struct live_item *live_ring_at(const struct live_ring *, uint64_t);
/* Number after the item with this offset, if everything after it is held;
 * false: something after it is not. */
bool live_ring_after(const struct live_ring *, int64_t off, uint64_t *number);
void live_ring_clear(struct live_ring *);

/* ---- messages of clients ------------------------------------------------------ */

enum live_op {
	LIVE_OP_NONE, LIVE_OP_SUB, LIVE_OP_UNSUB, LIVE_OP_PING, LIVE_OP_PONG,
	LIVE_OP_AUTH, LIVE_OP_REPLACE,	/* the documents' subscribe */
	LIVE_OP_REQUEST, LIVE_OP_ACTION
};
struct live_since {
	int64_t epoch, off;
	bool given;
};
struct live_message {
	enum live_op op;
	bool native;			/* said in the native dialect */
	const char *word;		/* type, op or action as it was sent */
	const char *id;			/* JSON text to give back, or NULL */
	struct list names;		/* topics or subscriptions */
	struct live_since since[2];	/* LIVE_TENANT, LIVE_INSTALLATION */
	const char *token, *ticket, *entity;
	const char *request_type, *action, *agent_id;
	const char *timestamp;		/* JSON text, or NULL */
};
enum live_stream_kind { LIVE_TENANT, LIVE_INSTALLATION, LIVE_STREAMS };
/* -1: no message; *why is a sentence. */
int live_parse(enum live_dialect, const char *, size_t n, size_t max_names,
    struct arena *, struct live_message *, const char **why);
/* "epoch:off" or "epoch:off;epoch:off". -1: neither. */
int live_since_parse(const char *, struct live_since out[LIVE_STREAMS]);
/* "a,b" into names. */
struct list live_names_split(struct arena *, const char *);

/* ---- frames --------------------------------------------------------------------- */

/* What a frame of one client knows beside the event. */
struct live_about {
	uint64_t sequence;
	int64_t epoch[LIVE_STREAMS], off[LIVE_STREAMS];	/* SSE id */
};
/* Header of an unmasked WebSocket frame of n bytes; opcode with FIN. Returns
 * its length, at most 10. */
size_t live_ws_head(uint8_t opcode, size_t n, uint8_t out[10]);
/* Complete bytes of one event in a dialect, header included, appended. about
 * may be NULL for dialects that are the same for all. */
void live_frame(enum live_dialect, const struct live_topics *,
    const struct live_item *, const struct live_about *, struct str *);
/* True if all clients of the dialect get the same bytes. */
bool live_shared(enum live_dialect);
/* A text frame around ready JSON. */
void live_text(struct str *, const char *, size_t n);

#endif
