/*
 * Rows of what was done to simulated clouds. All SQL on spot_sim_* is here.
 * Invariant: acts on one account take turns by its row in spot_sim_cloud, so
 * what one reads it may write.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/spot/sim.h"

#define M struct sim_machine
static const struct field machine_fields[] = {
	FIELD(M, instance_id, .flags = FF_KEY, .doc = "Instance"),
	FIELD(M, slot, .doc = "Place of the fleet it closes, or -1"),
	FIELD(M, az, .doc = "Zone"),
	FIELD(M, type, .doc = "Type"),
	FIELD(M, lifecycle, .doc = "spot or on-demand"),
	FIELD(M, image_id, .doc = "Image"),
	FIELD(M, token, .doc = "Client token of its launch"),
	FIELD(M, question, .doc = "Digest of what its launch asked for"),
	FIELD(M, stopped, .doc = "It is stopped"),
	FIELD(M, protected, .doc = "Protected when its group shrinks"),
	FIELD(M, grp, .doc = "Its group"),
	FIELD(M, tags, .doc = "Tags, url-encoded"),
	FIELD(M, launched_at, .doc = "Launched"),
	FIELD(M, joined_at, .flags = FF_NULLABLE, .doc = "Joined its group"),
	FIELD(M, ended_at, .flags = FF_NULLABLE, .doc = "Ended"),
	FIELD(M, why, .doc = "Why it ended"),
	FIELD_END
};
#undef M
const struct schema spot_sim_machine_schema = {
	.name = "SpotSimMachine", .doc = "A machine of a simulated cloud",
	.size = sizeof(struct sim_machine), .fields = machine_fields
};

#define G struct sim_group
static const struct field group_fields[] = {
	FIELD(G, name, .flags = FF_KEY, .doc = "Group"),
	FIELD(G, min_size, .doc = "Fewest"),
	FIELD(G, max_size, .doc = "Most"),
	FIELD(G, desired, .doc = "Wanted"),
	FIELD(G, type, .doc = "Type that it launches"),
	FIELD(G, zones, .doc = "Zones, with commas"),
	FIELD(G, short_since, .flags = FF_NULLABLE,
	    .doc = "It has fewer than wanted since then"),
	FIELD_END
};
#undef G
const struct schema spot_sim_group_schema = {
	.name = "SpotSimGroup", .doc = "A changed group of a simulated cloud",
	.size = sizeof(struct sim_group), .fields = group_fields
};

static const struct query SIM_LOCK = { "spot_sim.lock",
	"INSERT INTO spot_sim_cloud (account_id, acts) VALUES (?, 1) "
	"ON DUPLICATE KEY UPDATE acts = acts + 1", NULL };
static const struct query SIM_MACHINES = { "spot_sim.machines",
	"SELECT instance_id, slot, az, type, lifecycle, image_id, token, "
	"question, stopped, protected, grp, tags, launched_at, joined_at, "
	"ended_at, why FROM spot_sim_machine WHERE account_id = ? "
	"AND region = ? ORDER BY ended_at IS NULL DESC, launched_at DESC, "
	"instance_id LIMIT 5000",
	&spot_sim_machine_schema };
static const struct query SIM_GROUPS = { "spot_sim.groups",
	"SELECT name, min_size, max_size, desired, type, zones, short_since "
	"FROM spot_sim_group WHERE account_id = ? AND region = ? "
	"ORDER BY name LIMIT 500", &spot_sim_group_schema };
static const struct query SIM_PUT = { "spot_sim.put",
	"INSERT INTO spot_sim_machine (account_id, region, instance_id, slot, "
	"az, type, lifecycle, image_id, token, question, stopped, protected, "
	"grp, tags, launched_at, joined_at, ended_at, why) VALUES (?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE protected = VALUES(protected), "
	"grp = VALUES(grp), tags = VALUES(tags), "
	"joined_at = VALUES(joined_at), "
	"ended_at = COALESCE(ended_at, VALUES(ended_at)), "
	"why = IF(why = '', VALUES(why), why)", NULL };
static const struct query SIM_PUT_GROUP = { "spot_sim.put_group",
	"INSERT INTO spot_sim_group (account_id, region, name, min_size, "
	"max_size, desired, type, zones, short_since) VALUES (?, ?, ?, ?, ?, "
	"?, ?, ?, ?) ON DUPLICATE KEY UPDATE min_size = VALUES(min_size), "
	"max_size = VALUES(max_size), desired = VALUES(desired), "
	"short_since = VALUES(short_since)", NULL };
static const struct query SIM_FORGET = { "spot_sim.forget",
	"DELETE FROM spot_sim_machine WHERE account_id = ? AND region = ? "
	"AND slot < 0 AND ended_at < ? LIMIT 1000", NULL };

const struct query *const spot_sim_queries[] = {
	&SIM_LOCK, &SIM_MACHINES, &SIM_GROUPS, &SIM_PUT, &SIM_PUT_GROUP,
	&SIM_FORGET, NULL
};

int
spot_sim_lock(struct db *db, struct uuid account, struct err *e)
{
	return db_exec(db, &SIM_LOCK, ARGS(V(account)), NULL, e);
}

int
spot_sim_read(struct db *db, struct arena *a, struct uuid account,
    const char *region, struct rows *machines, struct rows *groups,
    struct err *e)
{
	if (db_all(db, a, &SIM_MACHINES, ARGS(V(account), V(region)),
	    machines, e) == -1)
		return -1;
	return db_all(db, a, &SIM_GROUPS, ARGS(V(account), V(region)), groups,
	    e);
}

static int
put(struct db *db, const struct sim *s, const struct sim_machine *m,
    struct err *e)
{
	return db_exec(db, &SIM_PUT, ARGS(V(s->account), V(s->region),
	    V(m->instance_id), V(m->slot), V(m->az), V(m->type),
	    V(m->lifecycle), V(m->image_id), V(m->token), V(m->question),
	    V(m->stopped), V(m->protected), V(m->grp), V(m->tags),
	    V(m->launched_at), V(m->joined_at), V(m->ended_at), V(m->why)),
	    NULL, e);
}

int
spot_sim_write(struct db *db, const struct sim *s, struct err *e)
{
	const struct utc old = { s->now.us - INT64_C(86400) * US_PER_S };

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].dirty && put(db, s, &s->v[i], e) == -1)
			return -1;
	for (size_t i = 0; i < s->ngroups; i++) {
		const struct sim_group *g = &s->groups[i];

		if (g->dirty && db_exec(db, &SIM_PUT_GROUP, ARGS(
		    V(s->account), V(s->region), V(g->name), V(g->min_size),
		    V(g->max_size), V(g->desired), V(g->type), V(g->zones),
		    V(g->short_since)), NULL, e) == -1)
			return -1;
	}
	return db_exec(db, &SIM_FORGET, ARGS(V(s->account), V(s->region),
	    V(old)), NULL, e);
}
