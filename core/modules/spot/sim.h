/*
 * The simulated cloud that can be acted on: its own fleet (cloud.h, pure) with
 * rows laid over it for what was launched, ended, tagged or moved between
 * groups. A place of the fleet whose machine was touched belongs to the row
 * from then on; nothing grows there by itself again.
 *
 * Times: a machine boots for spot.sim_boot seconds, is checked for as long
 * again, and shuts down for a few. A spot machine that is given notice (an hour
 * of the simulation) is gone at the hour's end; one of the fleet's own only if
 * somebody looks in the hour after. A group replaces what it misses after
 * spot.sim_boot seconds, when somebody next looks.
 */
#ifndef SPOT_SIM_H
#define SPOT_SIM_H

#include "db/db.h"
#include "modules/spot/act.h"
#include "modules/spot/cloud.h"

struct sim_machine {
	const char *instance_id;
	int64_t slot;			/* -1: launched */
	const char *az, *type, *lifecycle, *image_id;
	const char *token, *question;
	bool stopped, protected;
	const char *grp;		/* "" = none */
	const char *tags;		/* "a=b&c=d", url-encoded */
	struct utc launched_at, joined_at, ended_at;
	const char *why;
	bool dirty;			/* to be stored */
};
extern const struct schema spot_sim_machine_schema;

struct sim_group {
	const char *name;
	int64_t min_size, max_size, desired;
	const char *type, *zones;	/* of what it launches */
	struct utc short_since;
	bool kept;			/* has a row; else as its tag says */
	bool dirty;
};
extern const struct schema spot_sim_group_schema;

/* A region as it is now. */
struct sim {
	struct arena *a;
	uint64_t seed;
	struct uuid account;
	const char *region;
	struct utc now;
	int64_t boot_s;
	struct sim_machine *v;		/* all, dead ones of late too */
	size_t n, cap;
	struct sim_group *groups;
	size_t ngroups, gcap;
};

enum { SIM_MACHINES_MAX = 400, SIM_DOWN_S = 5, SIM_FORGET_S = 3600 };

/* ---- pure (sim.c) ------------------------------------------------------------ */

/* Lays rows over the fleet, lets time pass: interruptions, what groups do.
 * Changed machines and groups are dirty. */
void spot_sim_begin(struct sim *, const struct rows *machines,
    const struct rows *groups);
/* Instances as EC2 lists them; dead: also those that ended of late. */
void spot_sim_list(const struct sim *, bool dead, struct list *instances);
void spot_sim_instance(const struct sim *, const struct sim_machine *,
    struct ec2_instance *);
bool spot_sim_dead(const struct sim *, const struct sim_machine *);
struct sim_machine *spot_sim_find(const struct sim *, const char *id);
struct sim_group *spot_sim_group_find(const struct sim *, const char *name);
/* Groups with their members' count, as a listing shows them. */
void spot_sim_group_view(const struct sim *, const struct sim_group *,
    struct spot_group *);
/* NULL, or AWS's code of the refusal. */
const char *spot_sim_refusal(const struct sim *, const char *az,
    const char *type, bool spot, struct dec max_price);
/* A new machine, dirty; its tags and group are set by the caller. */
struct sim_machine *spot_sim_launch(struct sim *, const char *az,
    const char *type, bool spot);
void spot_sim_end(struct sim *, struct sim_machine *, const char *why);
/* Of a group, alive. */
size_t spot_sim_members(const struct sim *, const char *group);
/* Value of a tag, or NULL. */
const char *spot_sim_tag(const struct sim *, const struct sim_machine *,
    const char *name);
void spot_sim_tag_set(struct sim *, struct sim_machine *,
    const struct pair *, size_t n);

/* ---- rows (sim_sql.c) ---------------------------------------------------------- */

extern const struct query *const spot_sim_queries[];
/* Waits for this account's turn, inside the caller's transaction. */
int spot_sim_lock(struct db *, struct uuid account, struct err *);
int spot_sim_read(struct db *, struct arena *, struct uuid account,
    const char *region, struct rows *machines, struct rows *groups,
    struct err *);
/* Stores what is dirty and forgets machines that ended a day ago. */
int spot_sim_write(struct db *, const struct sim *, struct err *);

/* ---- use (sim_ops.c) ------------------------------------------------ */

/* One turn on a region, in a transaction of its own: fn acts on what it is
 * given, then that is stored. Errors of the database are aws_transient. */
int spot_sim_turn(struct spot_access *, struct arena *, const char *region,
    int (*fn)(struct sim *, void *arg, struct err *), void *arg,
    struct err *);
/* The region as it is: no turn is taken unless time did something to it. The
 * fleet alone when there is no database. */
int spot_sim_look(struct spot_access *, struct arena *, const char *region,
    struct utc now, struct sim *, struct err *);
uint64_t spot_sim_seed(struct uuid account);

/* ---- groups (sim_group_ops.c) ------------------------------------------------ */

int spot_sim_group(struct spot_access *, struct arena *, const char *region,
    const char *name, struct spot_group *, struct err *);
int spot_sim_groups(struct spot_access *, struct arena *, const char *region,
    struct list *, struct err *);
int spot_sim_resize(struct spot_access *, struct arena *, const char *region,
    const char *name, const struct spot_resize *, struct err *);
int spot_sim_attach(struct spot_access *, struct arena *, const char *name,
    const struct spot_ids *, struct err *);
int spot_sim_detach(struct spot_access *, struct arena *, const char *name,
    const struct spot_ids *, bool decrement, struct err *);
int spot_sim_terminate_in(struct spot_access *, struct arena *,
    const char *region, const char *id, bool decrement, struct err *);
int spot_sim_protect(struct spot_access *, struct arena *, const char *name,
    const struct spot_ids *, bool on, struct err *);

#endif
