/*
 * How far the bridge has come.
 */
#include "base/clock.h"
#include "modules/platform/redis.h"

struct reached_row {
	const char *name, *reached;
	struct utc at;
};
static const struct field fields[] = {
	FIELD(struct reached_row, name, .doc = "Direction and stream"),
	FIELD(struct reached_row, reached, .doc = "Position or entry"),
	FIELD(struct reached_row, at, .doc = "When"),
	FIELD_END
};
static const struct schema reached_schema = { .name = "RedisReached",
    .doc = "How far the bridge to Redis has come",
    .size = sizeof(struct reached_row), .fields = fields };

static const struct query GET = { "platform_redis.get",
	"SELECT name, reached, at FROM platform_redis WHERE name = ?",
	&reached_schema };
static const struct query PUT = { "platform_redis.put",
	"INSERT INTO platform_redis (name, reached, at) VALUES (?, ?, ?) "
	"ON DUPLICATE KEY UPDATE reached = VALUES(reached), at = VALUES(at)",
	NULL };

const struct query *const platform_redis_queries[] = { &GET, &PUT, NULL };
const struct table platform_redis_tables[] = {
	{ .name = "platform_redis", .row = &reached_schema,
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
platform_redis_reached(struct db *db, struct arena *a, const char *name,
    const char **reached, struct err *e)
{
	struct reached_row row;
	int rc = db_one(db, a, &GET, ARGS(V(name)), &row, e);

	*reached = rc == 0 ? row.reached : NULL;
	return rc;
}

int
platform_redis_reach(struct db *db, const char *name, const char *reached,
    struct err *e)
{
	return db_exec(db, &PUT, ARGS(V(name), V(reached), V(clock_now())),
	    NULL, e);
}
