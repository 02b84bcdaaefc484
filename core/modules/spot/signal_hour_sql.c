/*
 * Signals by the hour. Invariant: an hour's sums are those of its single
 * signals as long as these are kept, and stay as they were afterwards.
 */
#include "base/arena.h"
#include "modules/spot/signal.h"

#define S struct spot_signal_hour
static const struct field hour_fields[] = {
	FIELD(S, pool_id, .doc = "Pool"),
	FIELD(S, hour, .doc = "Begin of the hour"),
	FIELD(S, kind, .doc = "What was heard"),
	FIELD(S, n, .doc = "How often"),
	FIELD(S, value_sum, .doc = "Sum of the values"),
	FIELD(S, mean, .flags = FF_NOSQL, .doc = "Their mean"), FIELD_END
};
#undef S
const struct schema spot_signal_hour_schema = {
	.name = "SpotSignalHour", .doc = "Signals of a pool in an hour",
	.size = sizeof(struct spot_signal_hour), .fields = hour_fields
};
struct last {
	struct utc at;
};
static const struct field last_fields[] = {
	FIELD(struct last, at, .flags = FF_NULLABLE, .doc = "Hour"), FIELD_END
};
static const struct schema last_schema = {
	.name = "SpotSignalHourLast", .size = sizeof(struct last),
	.fields = last_fields
};

static const struct query SUM = { "spot_signal_hour.sum",
	"INSERT INTO spot_signal_hour (pool_id, hour, kind, n, value_sum) "
	"SELECT pool_id, DATE_FORMAT(at, '%Y-%m-%d %H:00:00') AS h, kind, "
	"COUNT(*), SUM(value) FROM spot_signal WHERE at >= ? AND at < ? "
	"GROUP BY pool_id, h, kind ON DUPLICATE KEY UPDATE n = VALUES(n), "
	"value_sum = VALUES(value_sum)", NULL };
static const struct query LAST = { "spot_signal_hour.last",
	"SELECT MAX(hour) AS at FROM spot_signal_hour", &last_schema };
static const struct query PAGE = { "spot_signal_hour.page",
	"SELECT pool_id, hour, kind, n, value_sum FROM spot_signal_hour "
	"WHERE pool_id = ? AND hour < ? ORDER BY hour DESC, kind LIMIT ?",
	&spot_signal_hour_schema };

const struct query *const spot_signal_hour_queries[] = {
	&SUM, &LAST, &PAGE, NULL
};

int
spot_signal_hours_sum(struct db *db, struct utc from, struct utc to,
    uint64_t *rows, struct err *e)
{
	return db_exec(db, &SUM, ARGS(V(from), V(to)), rows, e);
}

int
spot_signal_hours_last(struct db *db, struct arena *a, struct utc *out,
    struct err *e)
{
	struct last x = { { 0 } };

	if (db_one(db, a, &LAST, NO_ARGS, &x, e) == -1)
		return -1;
	*out = x.at;
	return 0;
}

int
spot_signal_hour_page(struct db *db, struct arena *a, int64_t pool,
    struct utc below, int64_t limit, struct rows *out, struct err *e)
{
	if (db_all(db, a, &PAGE, ARGS(V(pool), V(below), V(limit)), out, e) ==
	    -1)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		struct spot_signal_hour *h = ROW(out, struct spot_signal_hour,
		    i);

		h->mean = h->n > 0 ? h->value_sum / (double)h->n : 0;
	}
	return 0;
}
