/*
 * Rows of episodes. Invariant: a machine has one open episode at most (the
 * unique key says so), and an end is written once.
 */
#include <string.h>

#include "base/arena.h"
#include "modules/spot/episode.h"

#define P struct spot_episode
static const struct field episode_fields[] = {
	FIELD(P, id, .doc = "Identifier"),
	FIELD(P, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(P, account_id, .doc = "Account"),
	FIELD(P, pool_id, .flags = FF_NULLABLE, .doc = "Pool"),
	FIELD(P, region, .doc = "Region"),
	FIELD(P, instance_id, .doc = "The machine"),
	FIELD(P, began, .doc = "Since when it ran"),
	FIELD(P, ended, .flags = FF_NULLABLE, .doc = "When it ended"),
	FIELD(P, why, .oneof = ONEOF("open", "interrupted", "rebalanced",
	    "user", "scale_in", "unknown"), .doc = "How it ended"),
	FIELD_END
};
#undef P
const struct schema spot_episode_schema = {
	.name = "SpotEpisode", .doc = "The life of a spot machine",
	.size = sizeof(struct spot_episode), .fields = episode_fields
};

static const struct query OPEN = { "spot_episode.open",
	"INSERT INTO spot_episode (tenant_id, account_id, pool_id, region, "
	"instance_id, began, why, still) VALUES (?, ?, NULLIF(?, 0), ?, ?, ?, "
	"'open', 1) ON DUPLICATE KEY UPDATE id = id", NULL };
static const struct query CLOSE = { "spot_episode.close",
	"UPDATE spot_episode SET ended = GREATEST(?, began), why = ?, "
	"still = NULL WHERE account_id = ? AND region = ? AND "
	"instance_id = ? AND still = 1", NULL };
static const struct query REWORD = { "spot_episode.reword",
	"UPDATE spot_episode SET why = ? WHERE account_id = ? AND region = ? "
	"AND instance_id = ? AND why IN ('unknown', 'user') AND "
	"ended BETWEEN ? - INTERVAL 1 HOUR AND ? + INTERVAL 1 HOUR LIMIT 1",
	NULL };
/* The machine that runs is found by its row; its launch is its beginning. */
static const struct query BEGIN_SEEN = { "spot_episode.begin_seen",
	"INSERT INTO spot_episode (tenant_id, account_id, pool_id, region, "
	"instance_id, began, why, still) SELECT i.tenant_id, i.account_id, "
	"p.id, i.region, i.instance_id, COALESCE(i.launched_at, "
	"i.first_seen), 'open', 1 FROM spot_instance i JOIN spot_account a "
	"ON a.id = i.account_id LEFT JOIN spot_pool p ON p.market = "
	"a.provider AND p.region = i.region AND p.az = i.az AND "
	"p.instance_type = i.instance_type AND p.product = i.product "
	"LEFT JOIN spot_episode e ON e.account_id = i.account_id AND "
	"e.region = i.region AND e.instance_id = i.instance_id AND "
	"e.began = COALESCE(i.launched_at, i.first_seen) "
	"WHERE i.tenant_id = ? AND i.account_id = ? AND i.region = ? AND "
	"i.lifecycle = 'spot' AND i.gone_at IS NULL AND i.state IN "
	"('pending', 'running') AND e.id IS NULL "
	"ON DUPLICATE KEY UPDATE spot_episode.id = spot_episode.id", NULL };
static const struct query END_GONE = { "spot_episode.end_gone",
	"UPDATE spot_episode e JOIN spot_instance i ON i.account_id = "
	"e.account_id AND i.region = e.region AND i.instance_id = "
	"e.instance_id LEFT JOIN spot_interruption x ON x.tenant_id = "
	"e.tenant_id AND x.account_id = e.account_id AND x.region = e.region "
	"AND x.instance_id = e.instance_id AND x.live = 1 AND "
	"x.kind = 'interruption' SET e.ended = GREATEST(e.began, "
	"COALESCE(i.gone_at, ?)), e.why = IF(x.id IS NULL, 'unknown', "
	"'interrupted'), e.still = NULL WHERE e.account_id = ? AND "
	"e.region = ? AND e.still = 1 AND (i.gone_at IS NOT NULL OR "
	"i.state IN ('shutting-down', 'terminated', 'stopping', 'stopped'))",
	NULL };

/* A life that began before prices named its pool belongs to it all the same. */
static const struct query FIND_POOL = { "spot_episode.find_pool",
	"UPDATE spot_episode e JOIN spot_instance i ON i.account_id = "
	"e.account_id AND i.region = e.region AND i.instance_id = "
	"e.instance_id JOIN spot_account a ON a.id = e.account_id "
	"JOIN spot_pool p ON p.market = a.provider AND p.region = i.region "
	"AND p.az = i.az AND p.instance_type = i.instance_type "
	"AND p.product = i.product SET e.pool_id = p.id "
	"WHERE e.account_id = ? AND e.region = ? AND e.pool_id IS NULL", NULL };

const struct query *const spot_episode_queries[] = {
	&OPEN, &CLOSE, &REWORD, &BEGIN_SEEN, &END_GONE, &FIND_POOL, NULL
};

int
spot_episode_open(struct db *db, const struct spot_episode *x, struct err *e)
{
	return db_exec(db, &OPEN, ARGS(V(x->tenant_id), V(x->account_id),
	    V(x->pool_id), V(x->region), V(x->instance_id), V(x->began)),
	    NULL, e);
}

int
spot_episode_close(struct db *db, struct uuid account, const char *region,
    const char *instance, const char *why, struct utc at, bool *closed,
    struct err *e)
{
	uint64_t n = 0;

	if (db_exec(db, &CLOSE, ARGS(V(at), V(why), V(account), V(region),
	    V(instance)), &n, e) == -1)
		return -1;
	if (closed != NULL)
		*closed = n > 0;
	return 0;
}

enum { CLOSE_COLS = 5, REWORD_COLS = 6 };

int
spot_episode_close_many(struct db *db, struct arena *a, struct uuid account,
    const struct spot_episode_end *v, size_t n, uint64_t *closed,
    struct err *e)
{
	struct val *w = arena_array(a, n * CLOSE_COLS, sizeof(*w));

	for (size_t i = 0; i < n; i++) {
		const struct val row[CLOSE_COLS] = { V(v[i].at), V(v[i].why),
		    V(account), V(v[i].region), V(v[i].instance_id) };

		memcpy(w + i * CLOSE_COLS, row, sizeof(row));
	}
	*closed = 0;
	return n == 0 ? 0 : db_exec_many(db, &CLOSE, w, CLOSE_COLS, n, closed,
	    e);
}

int
spot_episode_reword_many(struct db *db, struct arena *a, struct uuid account,
    const struct spot_episode_end *v, size_t n, struct err *e)
{
	struct val *w = arena_array(a, n * REWORD_COLS, sizeof(*w));

	for (size_t i = 0; i < n; i++) {
		const struct val row[REWORD_COLS] = { V(v[i].why),
		    V(account), V(v[i].region), V(v[i].instance_id),
		    V(v[i].at), V(v[i].at) };

		memcpy(w + i * REWORD_COLS, row, sizeof(row));
	}
	return n == 0 ? 0 : db_exec_many(db, &REWORD, w, REWORD_COLS, n, NULL,
	    e);
}

int
spot_episode_reconcile(struct db *db, struct uuid tenant,
    struct uuid account, const char *region, struct utc at, struct err *e)
{
	if (db_exec(db, &END_GONE, ARGS(V(at), V(account), V(region)), NULL,
	    e) == -1 || db_exec(db, &FIND_POOL, ARGS(V(account), V(region)),
	    NULL, e) == -1)
		return -1;
	return db_exec(db, &BEGIN_SEEN, ARGS(V(tenant), V(account),
	    V(region)), NULL, e);
}
