/*
 * What was pulled from published feeds. Invariant: one row a feed, that of
 * the last pull that was stored.
 */
#include "modules/spot/feed.h"

#define F struct spot_feed_mark
static const struct field mark_fields[] = {
	FIELD(F, feed, .doc = "advisor or on-demand"),
	FIELD(F, url, .doc = "Where it is published"),
	FIELD(F, etag, .doc = "Of what was read; empty = none was said"),
	FIELD(F, n, .doc = "Rows in it"),
	FIELD(F, pulled_at, .doc = "When it was read"),
	FIELD(F, checked_at, .doc = "When it was the same still"), FIELD_END
};
#undef F
const struct schema spot_feed_mark_schema = {
	.name = "SpotFeedMark", .doc = "What was pulled last",
	.size = sizeof(struct spot_feed_mark), .fields = mark_fields
};

static const struct query MARK_GET = { "spot_feed_mark.get",
	"SELECT feed, url, etag, n, pulled_at, checked_at FROM spot_feed_mark "
	"WHERE feed = ? LIMIT 1", &spot_feed_mark_schema };
static const struct query MARK_PUT = { "spot_feed_mark.put",
	"INSERT INTO spot_feed_mark (feed, url, etag, n, pulled_at, "
	"checked_at) VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"url = VALUES(url), etag = VALUES(etag), n = VALUES(n), "
	"pulled_at = VALUES(pulled_at), checked_at = VALUES(checked_at)",
	NULL };

const struct query *const spot_feed_queries[] = {
	&MARK_GET, &MARK_PUT, NULL
};

int
spot_feed_mark_get(struct db *db, struct arena *a, const char *feed,
    struct spot_feed_mark *out, struct err *e)
{
	return db_one(db, a, &MARK_GET, ARGS(V(feed)), out, e);
}

int
spot_feed_mark_put(struct db *db, const struct spot_feed_mark *m,
    struct err *e)
{
	return db_exec(db, &MARK_PUT, ARGS(V(m->feed), V(m->url), V(m->etag),
	    V(m->n), V(m->pulled_at), V(m->checked_at)), NULL, e);
}
