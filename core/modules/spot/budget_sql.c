/*
 * Caps on launches and money, and the room that moves have made in groups.
 * All SQL on spot_budget and spot_move_group is here. Invariant: a cap is
 * taken by one conditional UPDATE in the reserving transaction, so that two
 * hosts can never take the last of it twice.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/spot/move_inner.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

#define B struct spot_budget
static const struct field budget_fields[] = {
	FIELD(B, account_id, .flags = FF_READONLY,
	    .doc = "Account; zeros: the installation"),
	FIELD(B, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(B, hour, .flags = FF_READONLY, .doc = "Hours since 1970"),
	FIELD(B, launches, .flags = FF_READONLY,
	    .doc = "Launches reserved in that hour"),
	FIELD(B, day, .flags = FF_READONLY, .doc = "Days since 1970"),
	FIELD(B, spend, .flags = FF_READONLY,
	    .doc = "USD reserved in that day: a day of each launch"),
	FIELD(B, max_launches, .min = -1, .max = 1000000,
	    .doc = "Launches per hour; -1: the setting"),
	FIELD(B, max_spend, .doc = "USD per day; -1: the setting"),
	FIELD_END
};
#undef B
const struct schema spot_budget_schema = {
	.name = "SpotBudget", .doc = "Caps of an account and what is taken",
	.size = sizeof(struct spot_budget), .fields = budget_fields
};

#define G struct spot_move_group
static const struct field group_fields[] = {
	FIELD(G, account_id, .doc = "Account"),
	FIELD(G, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(G, region, .doc = "Region"), FIELD(G, name, .doc = "Group"),
	FIELD(G, old_max, .doc = "Maximum before"),
	FIELD(G, raised_to, .doc = "Maximum as we set it"),
	FIELD(G, updated_at, .doc = "Last change"), FIELD_END
};
#undef G
const struct schema spot_move_group_schema = {
	.name = "SpotMoveGroup", .doc = "A group with a raised maximum",
	.size = sizeof(struct spot_move_group), .fields = group_fields
};

static const struct field subnet_fields[] = {
	FIELD(struct spot_move_subnet, az, .doc = "Zone"),
	FIELD(struct spot_move_subnet, subnet_id, .doc = "Subnet"),
	FIELD_END
};
static const struct schema subnet_schema = {
	.name = "SpotMoveSubnet", .size = sizeof(struct spot_move_subnet),
	.fields = subnet_fields
};

static const struct field holders_fields[] = {
	FIELD(struct spot_holders, n, .doc = "Moves"),
	FIELD(struct spot_holders, restoring, .doc = "Of them, at the end"),
	FIELD_END
};
static const struct schema holders_schema = {
	.name = "SpotHolders", .size = sizeof(struct spot_holders),
	.fields = holders_fields
};

#define BUDGET_FROM "SELECT account_id, tenant_id, hour, launches, day, " \
	"spend, COALESCE(max_launches, -1) AS max_launches, " \
	"COALESCE(max_spend, -1) AS max_spend FROM spot_budget "
static const struct query BUDGET_GET = { "spot_budget.get",
	BUDGET_FROM "WHERE account_id = ? AND tenant_id = ? LIMIT 1",
	&spot_budget_schema };
static const struct query BUDGET_PUT = { "spot_budget.put",
	"INSERT INTO spot_budget (account_id, tenant_id, hour, launches, day, "
	"spend) VALUES (?, ?, 0, 0, 0, 0) "
	"ON DUPLICATE KEY UPDATE tenant_id = tenant_id", NULL };
/* Assigned from left to right: hour and day are read before they change. */
static const struct query BUDGET_TAKE = { "spot_budget.take",
	"UPDATE spot_budget SET launches = IF(hour = ?, launches, 0) + ?, "
	"spend = IF(day = ?, spend, 0) + ?, hour = ?, day = ? "
	"WHERE account_id = ? AND tenant_id = ? "
	"AND IF(hour = ?, launches, 0) + ? <= COALESCE(max_launches, ?) "
	"AND IF(day = ?, spend, 0) + ? <= COALESCE(max_spend, ?)", NULL };
static const struct query BUDGET_GIVE = { "spot_budget.give",
	"UPDATE spot_budget SET launches = IF(hour = ?, "
	"GREATEST(launches - ?, 0), launches), spend = IF(day = ?, "
	"GREATEST(spend - ?, 0), spend) WHERE account_id = ?", NULL };
static const struct query BUDGET_LIMIT = { "spot_budget.limit",
	"UPDATE spot_budget SET max_launches = ?, max_spend = ? "
	"WHERE account_id = ? AND tenant_id = ?", NULL };

#define GROUP_FROM "SELECT account_id, tenant_id, region, name, old_max, " \
	"raised_to, updated_at FROM spot_move_group WHERE account_id = ? " \
	"AND region = ? "
static const struct query GROUP_GET = { "spot_move_group.get",
	GROUP_FROM "AND name = ? LIMIT 1 FOR UPDATE",
	&spot_move_group_schema };
static const struct query GROUP_ALL = { "spot_move_group.all",
	GROUP_FROM "ORDER BY name LIMIT 1000", &spot_move_group_schema };
static const struct query GROUP_PUT = { "spot_move_group.put",
	"INSERT INTO spot_move_group (account_id, tenant_id, region, name, "
	"old_max, raised_to, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE raised_to = VALUES(raised_to), "
	"updated_at = VALUES(updated_at)", NULL };
static const struct query GROUP_DROP = { "spot_move_group.drop",
	"DELETE FROM spot_move_group WHERE account_id = ? AND region = ? "
	"AND name = ?", NULL };
static const struct query GROUP_HOLDERS = { "spot_move_group.holders",
	"SELECT COUNT(*) AS n, COUNT(IF(step IN (7, 13), 1, NULL)) "
	"AS restoring FROM spot_move WHERE account_id = ? AND region = ? "
	"AND asg = ? AND holds AND state IN ('ready', 'running', 'undoing', "
	"'parked') AND id <> ?", &holders_schema };
static const struct query SUBNETS = { "spot_move.subnets",
	"SELECT az, MIN(subnet_id) AS subnet_id FROM spot_instance "
	"WHERE account_id = ? AND region = ? AND vpc_id = ? "
	"AND gone_at IS NULL AND subnet_id <> '' GROUP BY az LIMIT 50",
	&subnet_schema };

const struct query *const spot_budget_queries[] = {
	&BUDGET_GET, &BUDGET_PUT, &BUDGET_TAKE, &BUDGET_GIVE, &BUDGET_LIMIT,
	&GROUP_GET, &GROUP_ALL, &GROUP_PUT, &GROUP_DROP, &GROUP_HOLDERS,
	&SUBNETS, NULL
};

static int64_t
hour_of(struct utc t)
{
	return t.us / US_PER_S / HOUR_S;
}

static int64_t
day_of(struct utc t)
{
	return t.us / US_PER_S / DAY_S;
}

static const struct uuid everything;

int
spot_budget_get(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct spot_budget *out, struct err *e)
{
	int rc = db_one(db, a, &BUDGET_GET, ARGS(val_id(account),
	    val_id(tenant)), out, e);

	if (rc == 1) {
		*out = (struct spot_budget){ .account_id = account,
		    .tenant_id = tenant, .max_launches = -1,
		    .max_spend = { -DEC_ONE } };
		return 0;
	}
	return rc;
}

static int
row(struct db *db, struct uuid tenant, struct uuid account, struct err *e)
{
	return db_exec(db, &BUDGET_PUT, ARGS(val_id(account),
	    val_id(tenant)), NULL, e);
}

int
spot_budget_limit(struct db *db, struct arena *a, const struct spot_budget *b,
    struct err *e)
{
	(void)a;
	if (row(db, b->tenant_id, b->account_id, e) == -1)
		return -1;
	return db_exec(db, &BUDGET_LIMIT, ARGS(b->max_launches < 0 ?
	    val_null() : V(b->max_launches), b->max_spend.e8 < 0 ?
	    val_null() : V(b->max_spend), val_id(b->account_id),
	    val_id(b->tenant_id)), NULL, e);
}

/* ---- taking ---------------------------------------------------------------------- */

struct cap {
	const char *whose;
	struct uuid tenant, account;
	int64_t launches, spend;	/* of the settings */
};

/* Says which of the two it was. */
static int
reached(struct db *db, struct arena *a, const struct cap *c,
    struct spot_take *t, struct err *e)
{
	char have[DEC_TEXT], want[DEC_TEXT];
	int64_t max = c->launches;
	struct dec spend = { c->spend * DEC_ONE };
	struct spot_budget b;

	if (spot_budget_get(db, a, c->tenant, c->account, &b, e) == -1)
		return -1;
	if (b.max_launches >= 0)
		max = b.max_launches;
	if (b.max_spend.e8 >= 0)
		spend = b.max_spend;
	if ((b.hour == hour_of(t->now) ? b.launches : 0) + t->launches > max) {
		t->word = "cap_launches";
		t->text = arena_printf(a, "%s may launch %lld instances an "
		    "hour, and has", c->whose, (long long)max);
		return 1;
	}
	t->word = "cap_spend";
	t->text = arena_printf(a, "%s may spend %s USD a day on launches; "
	    "a day of this one is %s more than is left", c->whose,
	    dec_format(spend, have), dec_format(t->spend, want));
	return 1;
}

static int
take(struct db *db, struct arena *a, const struct cap *c,
    struct spot_take *t, struct err *e)
{
	int64_t hour = hour_of(t->now), day = day_of(t->now);
	struct dec spend = { c->spend * DEC_ONE };
	struct spot_budget b;
	uint64_t hit;
	int rc = db_one(db, a, &BUDGET_GET, ARGS(val_id(c->account),
	    val_id(c->tenant)), &b, e);

	if (rc == -1 || (rc == 1 && row(db, c->tenant, c->account, e) == -1))
		return -1;
	if (db_exec(db, &BUDGET_TAKE, ARGS(V(hour), V(t->launches), V(day),
	    V(t->spend), V(hour), V(day), val_id(c->account),
	    val_id(c->tenant), V(hour), V(t->launches), V(c->launches),
	    V(day), V(t->spend), V(spend)), &hit, e) == -1)
		return -1;
	return hit == 1 ? 0 : reached(db, a, c, t, e);
}

static int
give(struct db *db, struct uuid account, int64_t launches, struct dec spend,
    struct utc at, struct err *e)
{
	return db_exec(db, &BUDGET_GIVE, ARGS(V(hour_of(at)), V(launches),
	    V(day_of(at)), V(spend), val_id(account)), NULL, e);
}

int
spot_budget_take(struct db *db, struct arena *a, struct spot_take *t,
    struct err *e)
{
	struct cap own = { "This account", t->tenant, t->account,
	    t->conf->launches_per_hour, t->conf->spend_per_day };
	struct cap all = { "This installation", everything, everything,
	    t->conf->launches_per_hour_all, t->conf->spend_per_day_all };
	int rc = take(db, a, &own, t, e);

	if (rc != 0)
		return rc;
	rc = take(db, a, &all, t, e);
	if (rc == 1 && give(db, t->account, t->launches, t->spend,
	    t->now, e) == -1)
		return -1;
	return rc;
}

int
spot_budget_give(struct db *db, struct uuid account, struct dec spend,
    struct utc reserved, struct err *e)
{
	if (spend.e8 <= 0)
		return 0;
	if (give(db, account, 0, spend, reserved, e) == -1)
		return -1;
	return give(db, everything, 0, spend, reserved, e);
}

/* ---- groups ---------------------------------------------------------------------- */

int
spot_move_group_get(struct db *db, struct arena *a, struct uuid account,
    const char *region, const char *name, struct spot_move_group *out,
    struct err *e)
{
	return db_one(db, a, &GROUP_GET, ARGS(V(account), V(region),
	    V(name)), out, e);
}

int
spot_move_group_all(struct db *db, struct arena *a, struct uuid account,
    const char *region, struct rows *out, struct err *e)
{
	return db_all(db, a, &GROUP_ALL, ARGS(V(account), V(region)), out, e);
}

int
spot_move_group_put(struct db *db, const struct spot_move_group *g, struct err *e)
{
	return db_exec(db, &GROUP_PUT, ARGS(V(g->account_id),
	    V(g->tenant_id), V(g->region), V(g->name), V(g->old_max),
	    V(g->raised_to), V(g->updated_at)), NULL, e);
}

int
spot_move_group_drop(struct db *db, const struct spot_move_group *g, struct err *e)
{
	return db_exec(db, &GROUP_DROP, ARGS(V(g->account_id), V(g->region),
	    V(g->name)), NULL, e);
}

int
spot_move_group_holders(struct db *db, struct arena *a, const struct spot_move *m,
    struct spot_holders *out, struct err *e)
{
	return db_one(db, a, &GROUP_HOLDERS, ARGS(V(m->account_id),
	    V(m->region), V(m->asg), val_id(m->id)), out, e) == 0 ? 0 : -1;
}

int
spot_move_subnets(struct db *db, struct arena *a, struct uuid account,
    const char *region, const char *vpc, struct rows *out, struct err *e)
{
	return db_all(db, a, &SUBNETS, ARGS(V(account), V(region), V(vpc)),
	    out, e);
}
