/*
 * Rows of sights. All SQL that writes spot_sight is here. Invariant:
 * complete_at is the start of the last scan that saw the whole region.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "modules/spot/sight.h"

#define S struct spot_sight
static const struct field sight_fields[] = {
	FIELD(S, account_id, .flags = FF_HIDDEN, .doc = "Account"),
	FIELD(S, region, .doc = "Region"),
	FIELD(S, service, .doc = "What is listed"),
	FIELD(S, state, .oneof = ONEOF("complete", "partial", "denied",
	    "unreachable"), .doc = "How the last try ended"),
	FIELD(S, timeouts, .doc = "Tries in a row without an answer"),
	FIELD(S, complete_at, .flags = FF_NULLABLE,
	    .doc = "Start of the last scan that saw all of it"),
	FIELD(S, tried_at, .doc = "Last try"),
	FIELD(S, next_try_at, .flags = FF_NULLABLE,
	    .doc = "Not tried before; null = with the next scan"),
	FIELD(S, error_code, .doc = "Class of the error"),
	FIELD(S, error, .doc = "What went wrong"),
	FIELD_END
};
#undef S
const struct schema spot_sight_schema = {
	.name = "SpotSight", .doc = "How well a region and service is known",
	.size = sizeof(struct spot_sight), .fields = sight_fields
};

static const struct query SIGHT_PUT = { "spot_sight.put",
	"INSERT INTO spot_sight (account_id, region, service, state, "
	"timeouts, complete_at, tried_at, next_try_at, error_code, error) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?) ON DUPLICATE KEY UPDATE "
	"timeouts = IF(VALUES(timeouts) = 0, 0, timeouts + 1), "
	"complete_at = CASE WHEN VALUES(complete_at) IS NULL "
	"THEN complete_at WHEN complete_at > VALUES(complete_at) "
	"THEN complete_at ELSE VALUES(complete_at) END, "
	"next_try_at = IF(timeouts >= ?, ?, NULL), state = VALUES(state), "
	"tried_at = VALUES(tried_at), error_code = VALUES(error_code), "
	"error = VALUES(error)", NULL };
static const struct query SIGHT_ONE = { "spot_sight.one",
	"SELECT account_id, region, service, state, timeouts, complete_at, "
	"tried_at, next_try_at, error_code, error FROM spot_sight "
	"WHERE account_id = ? AND region = ? AND service = ? LIMIT 1 "
	"FOR UPDATE", &spot_sight_schema };
static const struct query SIGHT_ALL = { "spot_sight.all",
	"SELECT account_id, region, service, state, timeouts, complete_at, "
	"tried_at, next_try_at, error_code, error FROM spot_sight "
	"WHERE account_id = ? ORDER BY region, service LIMIT 1000",
	&spot_sight_schema };
static const struct query SIGHT_FORGET = { "spot_sight.forget",
	"DELETE FROM spot_sight WHERE account_id = ? AND tried_at < ? "
	"AND service NOT IN ('spot-prices', 'instance-types') "
	"AND (next_try_at IS NULL OR next_try_at < ?)", NULL };

const struct query *const spot_sight_queries[] = {
	&SIGHT_PUT, &SIGHT_ONE, &SIGHT_ALL, &SIGHT_FORGET, NULL
};

int
spot_sight_put(struct db *db, struct uuid account, const char *region,
    const char *service, const char *state, const char *error_code,
    const char *error, struct utc started, struct utc now, struct err *e)
{
	bool whole = strcmp(state, "complete") == 0;
	int64_t timed_out = strcmp(state, "unreachable") == 0;
	struct utc next = { now.us + SPOT_RETRY_S * US_PER_S };

	return db_exec(db, &SIGHT_PUT, ARGS(V(account), V(region),
	    V(service), V(state), V(timed_out), whole ? V(started) :
	    val_null(), V(now), V(error_code), V(error),
	    V((int64_t)SPOT_TIMEOUTS), V(next)), NULL, e);
}

int
spot_sight_complete(struct db *db, struct arena *a, struct uuid account,
    const char *region, const char *service, struct utc *out, struct err *e)
{
	struct spot_sight s = { .timeouts = 0 };

	if (db_one(db, a, &SIGHT_ONE, ARGS(V(account), V(region),
	    V(service)), &s, e) == -1)
		return -1;
	*out = s.complete_at;
	return 0;
}

int
spot_sight_all(struct db *db, struct arena *a, struct uuid account,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SIGHT_ALL, ARGS(V(account)), out, e);
}

const struct spot_sight *
spot_sight_resting(const struct rows *rows, const char *region,
    const char *service, struct utc now)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct spot_sight *s = ROW(rows, struct spot_sight, i);

		if (strcmp(s->region, region) == 0 &&
		    strcmp(s->service, service) == 0)
			return s->timeouts >= SPOT_TIMEOUTS &&
			    s->next_try_at.us > now.us ? s : NULL;
	}
	return NULL;
}

int
spot_sight_forget(struct db *db, struct uuid account, struct utc before,
    struct err *e)
{
	return db_exec(db, &SIGHT_FORGET, ARGS(V(account), V(before),
	    V(before)), NULL, e);
}
