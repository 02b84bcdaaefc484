/*
 * Streams and channels of Redis as sources of ticks and signals. The settings
 * say which there are and whose they are; nothing else is ever read. What was
 * taken is committed before it is acknowledged, and the last entry's id with
 * it: a crash in between repeats the reading, not the effect.
 */
#ifndef TRADE_STREAM_H
#define TRADE_STREAM_H

#include "modules/trade/feed_inner.h"

struct redis;

struct trade_entry {
	const char *id;			/* of a stream; "" of a channel */
	const char *json;
	size_t n;
};
/* ---- over the network: no SQL ------------------------------------------------- */

/* Makes group and stream where they are missing; after: last entry handled, ""
 * = begin with the oldest. */
int trade_stream_join(struct redis *, struct arena *, const char *stream,
    const char *group, const char *after, struct err *);
/* Entries given to us before and not acknowledged, or new ones. 0, or -1: 503,
 * or 404 "no_group" (join again). */
int trade_stream_read(struct redis *, struct arena *, const char *stream,
    const char *group, bool pending, int64_t block_ms, size_t max,
    struct trade_entry **, size_t *n, struct err *);
int trade_stream_ack(struct redis *, struct arena *, const char *stream,
    const char *group, const struct trade_entry *, size_t n, struct err *);

/* ---- use-cases ------------------------------------------------------------------ */

enum trade_stream_what { STREAM_TICKS, STREAM_SIGNALS };
struct trade_taking {
	struct trade_feed *feed;	/* its row */
	const struct lease *lease;
	enum trade_stream_what what;
	const char *source;
	const char *const *topics;	/* allowed; ends with NULL */
	struct trade_entry *entries;
	size_t n;
	bool again;			/* given to us before */
	struct utc now;
	int64_t taken, dead;		/* counted */
};
/* Takes them in one transaction; entries up to the feed's position were taken
 * before and are passed. */
int trade_stream_take(struct db *, struct arena *, struct trade_taking *,
    struct err *);
/* The row of a stream or channel the settings name; made and started when it
 * is not there. 0, 1 = it is stopped, -1. */
int trade_stream_feed(struct db *, struct arena *, struct uuid tenant,
    const char *stream, bool signals, struct utc now, struct trade_feed *,
    struct err *);
/* Tells that Redis is away, or there again; nothing if that is known. */
int trade_stream_say(struct db *, struct arena *, struct trade_feed *,
    const struct lease *, bool away, struct utc now, struct err *);

extern const struct loop trade_stream_loops[];
extern const struct metric *const trade_stream_metrics[];

#endif
