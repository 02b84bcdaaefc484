/*
 * Storing a file of prices: streamed in batches, each in a transaction of its
 * own. A file that breaks in the middle leaves whole batches, and the same
 * file again completes it. Refuses to begin inside a transaction.
 */
#include "base/arena.h"
#include "base/check.h"
#include "modules/spot/price.h"

struct upload {
	struct db *db;
	struct arena *batch;
	const struct spot_price *v;
	size_t n;
};

static int
store(struct db *db, void *arg, struct err *e)
{
	struct upload *u = arg;

	return spot_price_put_many(db, u->batch, u->v, u->n, e);
}

static int
put(void *arg, struct arena *batch, const struct spot_price *v, size_t n,
    struct err *e)
{
	struct upload *u = arg;

	u->batch = batch;
	u->v = v;
	u->n = n;
	return db_txn(u->db, batch, store, u, e);
}

int
spot_price_upload(struct db *db, struct arena *a,
    const struct spot_price_source *source, struct spot_price_report *report,
    struct err *e)
{
	struct upload u = { .db = db };
	const struct spot_price_sink sink = { put, &u };

	ASSERT(!db_in_txn(db));
	return spot_price_read(a, source, &sink, report, e);
}
