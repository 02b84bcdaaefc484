/*
 * What a scan stores: a page's rows together with the token of the next page,
 * and the end of a shard together with its sweep, each in one transaction
 * that renews the hold on the scan. Refuses to sweep a region that was not
 * seen completely, and to write for a scan that somebody else took over.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "modules/spot/asset.h"
#include "modules/spot/catalog.h"
#include "modules/spot/cloud.h"
#include "modules/spot/episode.h"
#include "modules/spot/group.h"
#include "modules/spot/episode.h"
#include "modules/spot/price.h"
#include "modules/spot/saving.h"
#include "modules/spot/scan_event.h"
#include "modules/spot/shard.h"
#include "modules/spot/sight.h"

enum { ERROR_MAX = 450 };

/* One page, for its transaction. */
struct page_store {
	struct spot_run *run;
	struct spot_shard *shard;
	struct spot_shard next;
	struct arena *a;
	const struct ec2_page *page;
	enum ec2_call what;
};

struct spot_seen
spot_run_seen(const struct spot_run *run, const char *region)
{
	return (struct spot_seen){ .tenant = run->scan->tenant_id,
	    .account = run->scan->account_id, .region = region,
	    .generation = run->scan->generation,
	    .at = run->scan->started_at };
}

const char *
spot_run_text(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strnlen(s, ERROR_MAX));
}

/* ---- storing a page ------------------------------------------------------ */

static int
store_instances(struct page_store *s, struct db *db, struct err *e)
{
	struct spot_run *run = s->run;
	struct spot_seen seen = spot_run_seen(run, s->shard->region);
	size_t n = s->page->rows.n;
	struct spot_seen_row *rows = arena_array(s->a, n, sizeof(*rows));

	for (size_t i = 0; i < n; i++) {
		rows[i].i = EC2_ROW(s->page, ec2_instance, i);
		rows[i].signal = run->p->signal(&run->x, rows[i].i,
		    run->scan->started_at);
	}
	return spot_instance_upsert(db, s->a, &seen, rows, n, e);
}

static int
store_prices(struct page_store *s, struct db *db, struct err *e)
{
	size_t n = s->page->rows.n;
	struct spot_price *rows = arena_array(s->a, n, sizeof(*rows));

	for (size_t i = 0; i < n; i++) {
		const struct ec2_price *p = EC2_ROW(s->page, ec2_price, i);

		rows[i] = (struct spot_price){ .market = s->run->acc.provider,
		    .region = s->shard->region, .availability_zone = p->az,
		    .instance_type = p->instance_type, .product = p->product,
		    .timestamp = p->at, .price = p->price,
		    .src = s->run->acc.provider };
	}
	return spot_price_put_many(db, s->a, rows, n, e);
}

/* Only the simulated cloud tells on-demand prices and classes itself. */
static int
store_simulated_facts(struct page_store *s, struct db *db, struct err *e)
{
	const struct cloud_region *regions;
	size_t nr = spot_cloud_regions(&regions), n = s->page->rows.n, k = 0;
	struct spot_od_price *od = arena_array(s->a, nr * n, sizeof(*od));
	struct spot_advisor *adv = arena_array(s->a, nr * n, sizeof(*adv));
	struct utc at = s->run->scan->started_at;

	for (size_t i = 0; i < nr; i++)
		for (size_t j = 0; j < n; j++) {
			const char *type = EC2_ROW(s->page, ec2_type, j)->type;
			struct dec price = spot_cloud_od_price(regions[i].name,
			    type);

			if (price.e8 == 0)
				continue;
			od[k] = (struct spot_od_price){ "simulated",
			    regions[i].name, type, "Linux/UNIX", price, at,
			    "simulated" };
			adv[k++] = (struct spot_advisor){ "simulated",
			    regions[i].name, type, "Linux",
			    spot_cloud_interruption(regions[i].name, type), 0, at };
		}
	if (spot_od_price_put(db, s->a, od, k, e) == -1)
		return -1;
	return spot_advisor_put(db, s->a, adv, k, e);
}

static int
store_types(struct page_store *s, struct db *db, struct err *e)
{
	size_t n = s->page->rows.n;
	struct spot_type *rows = arena_array(s->a, n, sizeof(*rows));

	for (size_t i = 0; i < n; i++) {
		const struct ec2_type *t = EC2_ROW(s->page, ec2_type, i);

		rows[i] = (struct spot_type){ .instance_type = t->type,
		    .arch = t->arch, .vcpu = t->vcpu, .mem_mib = t->mem_mib,
		    .gpu = t->gpu, .gpu_name = t->gpu_name == NULL ? "" :
		    arena_strndup(s->a, t->gpu_name, strnlen(t->gpu_name, 64)),
		    .nvme_gb = t->nvme_gb, .ebs_mbps = t->ebs_mbps,
		    .interfaces = t->interfaces, .network = t->network == NULL
		    ? "" : t->network, .hypervisor = t->hypervisor == NULL ?
		    "" : t->hypervisor, .burstable = t->burstable,
		    .bare_metal = t->bare_metal,
		    .current_generation = t->current, .spot = t->spot,
		    .src = s->run->acc.provider,
		    .asof = s->run->scan->started_at };
	}
	if (spot_type_put(db, s->a, rows, n, e) == -1)
		return -1;
	return s->run->p == &spot_provider_simulated ?
	    store_simulated_facts(s, db, e) : 0;
}

static int
store_groups(struct page_store *s, struct db *db, struct err *e)
{
	struct spot_seen seen = spot_run_seen(s->run, s->shard->region);

	return spot_group_upsert(db, s->a, &seen, s->page->rows.items,
	    s->page->rows.n, e);
}

static int
store_assets(struct page_store *s, struct db *db, struct err *e)
{
	struct spot_seen seen = spot_run_seen(s->run, s->shard->region);

	return spot_asset_upsert(db, s->a, &seen, spot_asset_kind(s->what),
	    s->page->rows.items, s->page->rows.n, e);
}

static int
store_page(struct db *db, void *arg, struct err *e)
{
	struct page_store *s = arg;
	int rc = 0;

	if (spot_scan_hold(db, s->run->scan->id, s->run->env->process,
	    clock_now(), e) == -1)
		return -1;
	switch (s->what) {
	case EC2_INSTANCES: rc = store_instances(s, db, e); break;
	case EC2_PRICES: rc = store_prices(s, db, e); break;
	case EC2_TYPES: rc = store_types(s, db, e); break;
	case EC2_GROUPS: rc = store_groups(s, db, e); break;
	case EC2_REGIONS: break;
	default: rc = store_assets(s, db, e); break;
	}
	return rc == -1 ? -1 : spot_shard_update(db, &s->next, e);
}

int
spot_shard_page(void *arg, struct spot_listing *l, struct arena *a,
    const struct ec2_page *page, struct err *e)
{
	struct spot_run *run = arg;
	struct spot_shard *shard = l->tag;
	struct page_store s = { .run = run, .shard = shard, .next = *shard,
	    .a = a, .page = page, .what = l->what };

	s.next.state = "running";
	s.next.pages++;
	s.next.items += (int64_t)page->rows.n;
	s.next.page_token = *page->next_token == '\0' ? NULL :
	    page->next_token;
	s.next.updated_at = clock_now();
	if (db_txn(run->env->db, a, store_page, &s, e) == -1)
		return -1;
	*shard = s.next;
	shard->page_token = NULL;	/* its text goes with the page */
	return 0;
}

/* ---- the end of a shard -------------------------------------------------- */

static const char *
shard_state(const struct spot_shard *s, const struct err *why)
{
	if (why == NULL)
		return "complete";
	if (why->code != NULL && (strcmp(why->code, "aws_auth") == 0 ||
	    strcmp(why->code, "aws_denied") == 0 ||
	    strcmp(why->code, "aws_optin") == 0))
		return "denied";
	return s->pages > 0 ? "partial" : "unreachable";
}

struct end_store {
	struct spot_run *run;
	struct spot_shard *shard;
	struct arena *a;
	uint64_t gone;
};

static int
sweep(const struct spot_run *run, struct db *db, const struct spot_shard *s,
    uint64_t *gone, struct err *e)
{
	struct spot_seen seen = spot_run_seen(run, s->region);
	enum ec2_call what = spot_shard_call(s->service);
	uint64_t others;

	if (what == EC2_INSTANCES)
		return spot_instance_sweep(db, &seen, gone, e) == -1 ? -1 :
		    spot_episode_reconcile(db, seen.tenant, seen.account,
		    seen.region, seen.at, e);
	if (what == EC2_GROUPS)
		return spot_group_sweep(db, &seen, &others, e);
	return what < EC2_VOLUMES ? 0 : spot_asset_sweep(db, &seen,
	    spot_asset_kind(what), &others, e);
}

int
spot_shard_miss(const struct spot_run *run, struct db *db,
    const struct spot_shard *s, struct err *e)
{
	struct spot_seen seen = spot_run_seen(run, s->region);
	enum ec2_call what = spot_shard_call(s->service);

	if (what == EC2_INSTANCES)
		return spot_instance_miss(db, &seen, e);
	if (what == EC2_GROUPS)
		return spot_group_miss(db, &seen, e);
	return what < EC2_VOLUMES ? 0 : spot_asset_miss(db, &seen,
	    spot_asset_kind(what), e);
}

/* Told when another tenth of the shards is done, and at the end. */
static int
tell_progress(struct spot_run *run, struct db *db, struct err *e)
{
	size_t ended = 0, whole = 0;

	for (size_t i = 0; i < run->n; i++) {
		const struct spot_shard *s = &run->shards[i];

		ended += strcmp(s->state, "queued") != 0 &&
		    strcmp(s->state, "running") != 0;
		whole += strcmp(s->state, "complete") == 0;
	}
	if (run->n == 0 || (ended < run->n &&
	    ended * 10 / run->n == run->told * 10 / run->n))
		return 0;
	run->told = ended;
	return spot_scan_progress(db, run->scan, (int64_t)ended,
	    (int64_t)whole, (int64_t)run->n, e);
}

/* What ran when this scan saw the region and the one before did, ran in
 * between. Before the sight is renewed. */
static int
add_uptime(struct end_store *s, struct db *db, struct err *e)
{
	struct spot_seen seen = spot_run_seen(s->run, s->shard->region);
	struct utc from;

	if (strcmp(s->shard->state, "complete") != 0 ||
	    spot_shard_call(s->shard->service) != EC2_INSTANCES)
		return 0;
	if (spot_sight_complete(db, s->a, seen.account, seen.region,
	    s->shard->service, &from, e) == -1)
		return -1;
	return spot_uptime_add(db, &seen, from, e);
}

static int
tell_prices(struct end_store *s, struct db *db, struct err *e)
{
	const struct spot_run *run = s->run;
	struct utc since;

	if (strcmp(s->shard->state, "complete") != 0 ||
	    spot_shard_call(s->shard->service) != EC2_PRICES)
		return 0;
	if (spot_sight_complete(db, s->a, run->acc.id, s->shard->region,
	    s->shard->service, &since, e) == -1)
		return -1;
	return spot_price_tell_moves(db, s->a, &run->acc, s->shard->region,
	    since, e);
}

static int
store_end(struct db *db, void *arg, struct err *e)
{
	struct end_store *s = arg;
	struct spot_run *run = s->run;
	const struct spot_shard *x = s->shard;

	if (add_uptime(s, db, e) == -1 || tell_prices(s, db, e) == -1)
		return -1;
	if (spot_scan_hold(db, run->scan->id, run->env->process,
	    clock_now(), e) == -1 || spot_shard_update(db, x, e) == -1 ||
	    spot_sight_put(db, run->scan->account_id, x->region, x->service,
	    x->state, x->error_code, x->error, run->scan->started_at,
	    x->updated_at, e) == -1 || tell_progress(run, db, e) == -1)
		return -1;
	return strcmp(x->state, "complete") == 0 ? sweep(run, db, x,
	    &s->gone, e) : spot_shard_miss(run, db, x, e);
}

int
spot_shard_end(struct spot_run *run, struct spot_shard *shard,
    const struct err *why, struct err *e)
{
	struct end_store s = { .run = run, .shard = shard };
	struct arena *a = arena_new((size_t)1 << 20);
	int rc;

	s.a = a;
	shard->state = shard_state(shard, why);
	shard->page_token = NULL;
	shard->updated_at = clock_now();
	if (why != NULL) {
		shard->error_code = why->code != NULL ? why->code : "";
		shard->error = spot_run_text(run->a, why->detail);
	}
	rc = db_txn(run->env->db, a, store_end, &s, e);
	arena_free(a);
	run->scan->gone += (int64_t)s.gone;
	return rc;
}

int
spot_shard_ended(void *arg, struct spot_listing *l, const struct err *why)
{
	struct err e = { 0 };
	struct spot_shard *shard = l->tag;

	shard->attempts = l->attempts;
	return spot_shard_end(arg, shard, why, &e);
}
