/*
 * Storing published feeds. Not inside a transaction: each batch is one
 * statement, and a repeat changes nothing.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/spot/feed.h"

enum { BATCH = 1000 };

#define R struct spot_feed_report
static const struct field report_fields[] = {
	FIELD(R, feed, .doc = "advisor or on-demand"),
	FIELD(R, rows, .doc = "Rows stored"),
	FIELD(R, regions, .doc = "Regions among them"),
	FIELD(R, asof, .doc = "As of"), FIELD_END
};
#undef R
const struct schema spot_feed_report_schema = {
	.name = "SpotFeed", .doc = "What a feed held",
	.size = sizeof(struct spot_feed_report), .fields = report_fields
};

static int
advisor(struct db *db, struct arena *a, const char *text, size_t n,
    struct spot_feed_report *r, struct err *e)
{
	struct spot_advisor *v;
	size_t rows;

	if (spot_feed_advisor(a, text, n, r->asof, &v, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows; i += BATCH)
		if (spot_advisor_put(db, a, v + i, rows - i < BATCH ?
		    rows - i : BATCH, e) == -1)
			return -1;
	for (size_t i = 0; i < rows; i++)
		r->regions += i == 0 || strcmp(v[i].region,
		    v[i - 1].region) != 0;
	r->rows = (int64_t)rows;
	return 0;
}

static int
prices(struct db *db, struct arena *a, const char *text, size_t n,
    const char *src, struct spot_feed_report *r, struct err *e)
{
	struct spot_od_price *v;
	size_t rows;

	if (spot_feed_prices(a, text, n, r->asof, src, &v, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows; i += BATCH)
		if (spot_od_price_put(db, a, v + i, rows - i < BATCH ?
		    rows - i : BATCH, e) == -1)
			return -1;
	for (size_t i = 0; i < rows; i++)
		r->regions += i == 0 || strcmp(v[i].region,
		    v[i - 1].region) != 0;
	r->rows = (int64_t)rows;
	return 0;
}

int
spot_feed_store(struct db *db, struct arena *a, const char *feed,
    const char *text, size_t n, struct utc asof, const char *src,
    struct spot_feed_report *r, struct err *e)
{
	*r = (struct spot_feed_report){ .feed = feed, .asof = asof };
	return strcmp(feed, "advisor") == 0 ? advisor(db, a, text, n, r, e) :
	    prices(db, a, text, n, src, r, e);
}
