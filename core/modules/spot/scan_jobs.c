/*
 * quincunx-discover: takes queued scans, makes those that are due, runs their
 * shards. A scan belongs to one process (holder, renewed with every page); a
 * crashed one is taken over after ten minutes and goes on at the page tokens
 * it had stored. Refuses to sweep what it did not see completely.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "conf/conf.h"
#include "modules/auth/auth.h"
#include "modules/platform/platform.h"
#include "modules/spot/asset.h"
#include "modules/spot/conf.h"
#include "modules/spot/recommendation.h"
#include "modules/spot/scan_event.h"
#include "modules/spot/settle.h"
#include "modules/spot/shard.h"
#include "modules/spot/sight.h"
#include "modules/spot/spot.h"

enum { RUN_CAP = 512 << 20 };

/* ---- running the shards -------------------------------------------------- */

static int
price_window(struct spot_run *run, struct utc *from, struct err *e)
{
	const struct spot_conf *cf = conf_get(run->env->conf, &spot_settings);
	struct utc last;

	if (spot_scan_complete_at(run->env->db, run->a, run->scan->account_id,
	    "prices", &last, e) == -1)
		return -1;
	from->us = run->scan->started_at.us - cf->price_days * 86400 *
	    US_PER_S;
	if (last.us > from->us)
		*from = last;
	return 0;
}

static bool
open_shard(const struct spot_shard *s)
{
	return strcmp(s->state, "queued") == 0 ||
	    strcmp(s->state, "running") == 0;
}

/* A scan that was killed between a shard's last page and its end. */
static bool
read_whole(const struct spot_shard *s)
{
	return s->pages > 0 && s->page_token == NULL;
}

static int
fetch_shards(struct spot_run *run, struct err *e)
{
	struct spot_fetch f = { .now = run->scan->started_at,
	    .page = spot_shard_page,
	    .ended = spot_shard_ended, .arg = run };
	struct utc from = { 0 };

	if (run->kind == SCAN_PRICES && price_window(run, &from, e) == -1)
		return -1;
	f.v = arena_array(run->a, run->n, sizeof(*f.v));
	for (size_t i = 0; i < run->n; i++) {
		struct spot_shard *s = &run->shards[i];

		if (!open_shard(s))
			continue;
		if (read_whole(s)) {
			if (spot_shard_end(run, s, NULL, e) == -1)
				return -1;
			continue;
		}
		f.v[f.n++] = (struct spot_listing){ .region = s->region,
		    .what = spot_shard_call(s->service), .token = s->page_token, .from = from,
		    .to = run->scan->started_at, .tag = s };
	}
	return run->p->fetch(&run->x, &f, e);
}

/* Credentials failed in the middle: what is open ends with that. */
static int
end_rest(struct spot_run *run, struct err *e)
{
	for (size_t i = 0; i < run->n; i++)
		if (open_shard(&run->shards[i]) &&
		    spot_shard_end(run, &run->shards[i], &run->why, e) == -1)
			return -1;
	return 0;
}

/* ---- the end of a scan --------------------------------------------------- */

static void
sum_up(struct spot_run *run)
{
	struct spot_scan *s = run->scan;
	struct str why;

	str_init(&why, run->a);
	s->wanted = s->done = 0;
	for (size_t i = 0; i < run->n; i++) {
		const struct spot_shard *x = &run->shards[i];

		if (strcmp(x->state, "skipped") == 0)
			continue;
		s->wanted++;
		if (strcmp(x->state, "complete") == 0)
			s->done++;
		else
			str_addf(&why, "%s%s %s%s%s: %s", why.len > 0 ? "; " :
			    "", x->region, strcmp(x->service, "ec2") == 0 ?
			    "" : x->service, strcmp(x->service, "ec2") == 0 ?
			    "" : " ", x->state, x->error);
		if (run->kind == SCAN_PRICES)
			s->instances += x->items;
	}
	if (why.len == 0 && run->why.status != 0)
		str_add(&why, run->why.detail);
	s->error = spot_run_text(run->a, why.p);
	s->coverage = s->wanted > 0 ? (double)s->done / (double)s->wanted : 0;
	s->state = s->wanted > 0 && s->done == s->wanted ? "complete" :
	    s->done > 0 ? "partial" : "failed";
	s->finished_at = clock_now();
}

static int
settle_account(struct spot_run *run, struct db *db, struct err *e)
{
	const char *verdict = run->why.status == 0 ? NULL :
	    spot_credential_verdict(&run->why);
	bool good = strcmp(run->scan->state, "complete") == 0;
	struct utc now = run->scan->finished_at;
	struct utc fleet = { now.us + run->acc.fleet_every_s * US_PER_S };

	if (verdict != NULL && spot_credential_failed(db, &run->acc, verdict,
	    run->scan->error, now, e) == -1)
		return -1;
	if (run->kind != SCAN_INVENTORY && verdict == NULL)
		return run->kind == SCAN_FLEET ? spot_account_next(db,
		    run->scan->account_id, (struct utc){ 0 }, fleet, e) : 0;
	if (run->kind == SCAN_INVENTORY && spot_sight_forget(db,
	    run->scan->account_id, run->scan->started_at, e) == -1)
		return -1;
	return spot_account_scanned(db, run->scan->account_id,
	    good ? "active" : "degraded", run->scan->error, now,
	    (struct utc){ now.us + run->acc.scan_every_s * US_PER_S }, e);
}

/* What the scan found, told; and the work that follows from it. */
static int
conclude(struct spot_run *run, struct db *db, struct err *e)
{
	const struct spot_scan *s = run->scan;

	if (run->kind == SCAN_PRICES)	/* other prices, other decisions */
		return spot_decide_queue(db, run->a, s->tenant_id,
		    s->account_id, e);
	if (s->added + s->changed + s->gone > 0 && spot_scan_tell(db, s,
	    e) == -1)
		return -1;
	return spot_settle_queue(db, run->a, s, e);
}

static int
store_scan(struct db *db, void *arg, struct err *e)
{
	struct spot_run *run = arg;
	struct spot_seen seen = spot_run_seen(run, "");
	struct spot_tally t;

	if (run->kind != SCAN_PRICES) {
		if (spot_instance_tally(db, run->a, &seen, &t, e) == -1 ||
		    spot_asset_tally(db, run->a, &seen, &run->scan->assets,
		    e) == -1)
			return -1;
		run->scan->instances = t.instances;
		run->scan->added = t.added;
		run->scan->changed = t.changed;
	}
	if (spot_scan_finish(db, run->scan, run->env->process, e) == -1 ||
	    settle_account(run, db, e) == -1)
		return -1;
	return conclude(run, db, e);
}

static void
report(const struct spot_run *run)
{
	static const char *const states[] = { "complete", "partial",
	    "failed" };

	for (size_t i = 0; i < NITEMS(states); i++)
		if (strcmp(run->scan->state, states[i]) == 0)
			metric_add(&spot_scans_total, i, 0, 1);
	log_info("scheduler", "scan ended", KV("account", run->acc.name),
	    KV("kind", run->scan->kind), KV("state", run->scan->state),
	    KV("rows", run->scan->instances),
	    KV("coverage", run->scan->coverage), KV("ms",
	    (run->scan->finished_at.us - run->scan->started_at.us) / 1000));
}

/* ---- one scan ------------------------------------------------------------ */

static bool
lost(const struct err *e)
{
	return e->code != NULL && strcmp(e->code, "scan_lost") == 0;
}

/* True for errors that say something about the cloud, not about us. */
static bool
foreign(const struct err *e)
{
	return e->code != NULL && (strncmp(e->code, "aws_", 4) == 0 ||
	    strncmp(e->code, "net_", 4) == 0 ||
	    strcmp(e->code, "no_role") == 0 ||
	    strcmp(e->code, "no_own_keys") == 0);
}

static int
load_account(struct spot_run *run, struct err *e)
{
	struct spot_credential c;
	struct env *env = run->env;
	struct spot_scan *s = run->scan;

	if (spot_found(spot_account_by_id(env->db, run->a, s->tenant_id,
	    s->account_id, &run->acc, e), "Account", e) == -1 ||
	    spot_found(spot_credential_get(env->db, run->a, s->tenant_id,
	    s->account_id, &c, e), "Credential", e) == -1)
		return -1;
	run->p = spot_provider_of(run->acc.provider);
	if (spot_access_open(&run->x, env, run->a, &run->acc, &c, e) == -1)
		return -1;
	return run->p->open(&run->x, e);
}

static int
run_shards(struct spot_run *run, struct err *e)
{
	int rc = load_account(run, e);

	if (rc == 0)
		rc = spot_shard_load(run, e);
	if (rc == 0)
		rc = fetch_shards(run, e);
	if (rc == 0)
		return 0;
	if (run->why.status == 0)
		run->why = *e;
	if (!foreign(&run->why))
		return -1;
	err_clear(e);
	return end_rest(run, e);
}

static int
run_scan(struct env *env, struct spot_scan *scan, struct err *e)
{
	struct arena *a = arena_new(RUN_CAP);
	struct spot_run run = { .env = env, .a = a, .scan = scan,
	    .kind = spot_shard_kind(scan->kind) };
	struct utc now = clock_now();
	int rc;

	arena_set_secret(a);
	rc = spot_scan_take(env->db, scan->id, env->process, now, e);
	if (rc == 0) {
		if (scan->started_at.us == 0)
			scan->started_at = now;
		rc = run_shards(&run, e);
	} else {
		arena_free(a);
		return rc == 1 ? 0 : -1;
	}
	if (rc == 0) {
		sum_up(&run);
		rc = db_txn(env->db, a, store_scan, &run, e);
	}
	if (rc == 0)
		report(&run);
	else if (lost(e)) {
		log_warn("scheduler", "scan taken over by another process",
		    KV("account", run.acc.name));
		err_clear(e);
		rc = 0;
	}
	arena_free(a);
	return rc;
}

/* ---- one pass ------------------------------------------------------------ */

static int
queue_account(struct env *env, struct arena *a, const struct spot_account *x,
    struct utc now, struct err *e)
{
	struct utc next = { 0 };
	struct utc fleet = { now.us + x->fleet_every_s * US_PER_S };
	struct spot_scan scan;
	bool all = x->next_scan_at.us <= now.us;

	if (all)
		next.us = now.us + x->scan_every_s * US_PER_S;
	if (spot_scan_queue(env->db, a, x->tenant_id, x->id, all ?
	    "inventory" : "fleet", "schedule", now, &scan, e) == -1)
		return -1;
	if (all && spot_scan_queue(env->db, a, x->tenant_id, x->id, "prices",
	    "schedule", now, &scan, e) == -1)
		return -1;
	return spot_account_next(env->db, x->id, next, fleet, e);
}

static int
queue_due(struct env *env, struct arena *a, struct err *e)
{
	struct utc now = clock_now();
	struct rows due;

	if (spot_account_due(env->db, a, now, &due, e) == -1)
		return -1;
	for (size_t i = 0; i < due.n; i++)
		if (queue_account(env, a, ROW(&due, struct spot_account, i),
		    now, e) == -1)
			return -1;
	return 0;
}

static int
run_waiting(struct env *env, struct arena *a, struct err *e)
{
	struct rows waiting;
	struct err one = { 0 };
	int rc = 0;

	if (spot_scan_waiting(env->db, a, clock_now(), &waiting, e) == -1)
		return -1;
	for (size_t i = 0; i < waiting.n; i++) {
		struct spot_scan *s = ROW(&waiting, struct spot_scan, i);

		if (run_scan(env, s, &one) == 0)
			continue;
		log_error("scheduler", "scan stopped",
		    KV("detail", (const char *)one.detail),
		    KV("cause", (const char *)one.cause));
		*e = one;
		err_clear(&one);
		rc = -1;
	}
	return rc;
}

int
spot_scan_now(struct env *env, struct arena *a, struct uuid tenant,
    struct uuid account, const char *kind, const char *by,
    struct spot_scan *s, struct err *e)
{
	struct spot_scan asked;

	if (spot_scan_request(env->db, a, tenant, account, kind, by,
	    clock_now(), &asked, e) == -1 ||
	    run_scan(env, &asked, e) == -1 ||
	    spot_found(spot_scan_by_id(env->db, a, tenant, asked.id, s, e),
	    "Scan", e) == -1)
		return -1;
	return s->finished_at.us != 0 ? 0 : err_set(e, 503, "busy",
	    "Another process works at this scan");
}

int
spot_discover(struct env *env, int argc, char **argv, struct err *e)
{
	struct arena *a;
	int64_t n;
	int rc;

	(void)argc, (void)argv;
	rc = platform_component_active(env->db, "spot.discover", e);
	if (rc != 1)
		return rc;
	a = arena_new((size_t)64 << 20);
	rc = queue_due(env, a, e);
	if (rc == 0)
		rc = run_waiting(env, a, e);
	if (rc == 0 && spot_instance_total(env->db, a, &n, e) == 0)
		metric_set(&spot_instances, 0, 0, n);
	arena_free(a);
	return rc;
}

static int
discover(struct loop_ctx *c, struct err *e)
{
	return spot_discover(c->env, 0, NULL, e);
}

/* quincunx-discover is the same for hosts without a worker. */
const struct loop spot_scan_loops[] = {
	{ .name = "spot.discover", .doc = "Scans of cloud accounts that are "
	  "due or asked for", .period_ms = 5000, .scope = LOOP_HOST,
	  .humble = LOOP_NEVER, .bell = "discover",
	  .component = "spot.discover", .run = discover },
	LOOP_END
};
