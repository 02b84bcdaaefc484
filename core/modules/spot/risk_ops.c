/*
 * The risk model in force, put onto pools, and its renewal. Refuses to make a
 * model live that is not better, on what was held out, than the one in force.
 * Invariant: candidate, its promotion and the new counts of pools appear
 * together.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "db/env.h"
#include "modules/platform/platform.h"
#include "modules/spot/conf.h"
#include "modules/spot/price.h"
#include "modules/spot/risk_ops.h"

#define FIT 0.7				/* of the window; the rest judges */
#define BETTER 1e-6
#define DAY_US (INT64_C(86400) * 1000000)

static const struct uuid nobody;	/* the installation's models */

const char *
spot_risk_name(const char *market)
{
	return strcmp(market, "aws") == 0 ? "risk" : "risk.simulated";
}

int
spot_risk_load(struct db *db, struct arena *a, const char *market,
    struct spot_risk_live *out, struct err *e)
{
	struct platform_model_live l;
	int rc;

	*out = (struct spot_risk_live){ .found = false };
	rc = platform_model_live(db, a, nobody, "spot",
	    spot_risk_name(market), &l, e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (strcmp(l.format, SPOT_RISK_FORMAT) != 0)
		return 0;		/* somebody's own: not ours to read */
	if (spot_risk_read(a, l.content.p, l.content.n, &out->m, e) == -1)
		return -1;
	out->found = true;
	out->id = l.id;
	out->version = l.version;
	out->trained = l.trained;
	out->metrics = l.metrics;
	out->label = arena_printf(a, "spot.%s v%lld", spot_risk_name(market),
	    (long long)l.version);
	return 0;
}

/* ---- onto pools ------------------------------------------------------------------ */

static const void *
find(const struct rows *r, size_t size, int64_t pool)
{
	const char *v = r->v;
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int64_t id;

		memcpy(&id, v + mid * size, sizeof(id));	/* first member */
		if (id == pool)
			return v + mid * size;
		if (id < pool)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

struct spot_hazard
spot_risk_of(struct arena *a, const struct spot_risk_live *live,
    const struct spot_offer *o, const struct spot_pool_state *s,
    const struct spot_pool_risk *r, double age_h, struct utc now)
{
	const struct spot_exposure none = { .hours = { 0 } };
	struct spot_exposure x = r != NULL ? spot_pool_exposure(r) : none;
	struct spot_hazard prior, base;
	struct spot_risk_view v = { .age_h = age_h, .avail_fast = 0.5,
	    .avail_slow = 0.5, .interruption = o->interruption };

	prior = spot_risk_prior(&live->m, spot_risk_group_name(a,
	    o->instance_type, o->az));
	base = spot_hazard_shrunk(&x, &prior, live->m.shrink_hours);
	if (s != NULL) {
		v.avail_fast = s->avail_fast;
		v.avail_slow = s->avail_slow;
		v.notice = s->notice_at.us != 0 && (double)(now.us -
		    s->notice_at.us) <= SPOT_NOTICE_HOURS * 3600e6;
		v.score = s->score;
	}
	return spot_risk_now(&live->m, &base, &v);
}

static void
put_on(struct arena *a, struct spot_offer *v, size_t n,
    const struct spot_risk_live *live, const struct rows *states,
    const struct rows *risks, struct utc now)
{
	for (size_t i = 0; i < n; i++) {
		const struct spot_pool_state *s = find(states,
		    sizeof(struct spot_pool_state), v[i].pool_id);
		struct spot_hazard z;

		if (s != NULL)
			v[i].full_until = s->full_until;
		if (!live->found)
			continue;
		z = spot_risk_of(a, live, &v[i], s, find(risks,
		    sizeof(struct spot_pool_risk), v[i].pool_id), 0, now);
		v[i].hazard = arena_memdup(a, &z, sizeof(z));
	}
}

int
spot_offers_load(struct db *db, struct arena *a, const char *market,
    const char *region, const char *product, struct utc now,
    struct spot_offer **out, size_t *n, const char **label,
    struct uuid *model_id, struct err *e)
{
	struct rows states, risks = { .n = 0 };
	struct spot_risk_live live;

	if (spot_pool_offers(db, a, market, region, product, out, n, e) ==
	    -1 || spot_pool_states(db, a, market, region, &states, e) == -1 ||
	    spot_risk_load(db, a, market, &live, e) == -1 || (live.found &&
	    spot_pool_risks(db, a, market, region, &risks, e) == -1))
		return -1;
	put_on(a, *out, *n, &live, &states, &risks, now);
	*label = live.found ? live.label : NULL;
	*model_id = live.id;
	return 0;
}

/* ---- anew ------------------------------------------------------------------------- */

static int
watch(struct db *db, struct arena *a, const struct spot_refit_ask *ask,
    struct spot_watches *w, struct err *e)
{
	const struct spot_refit *in = ask->in;
	struct utc from = { ask->now.us - in->window_days * DAY_US };
	const struct spot_conf *c = conf_get(ask->env->conf, &spot_settings);

	if (strcmp(in->source, "prices") == 0)
		return spot_watches_prices(db, a, in->market, from, ask->now,
		    FIT, w, e);
	if (strcmp(in->source, "traces") == 0) {
		if (*c->trace_dir == '\0')
			return err_set(e, 422, "no_traces", "spot.trace_dir "
			    "names no folder of recorded traces");
		return spot_traces_read(a, c->trace_dir, FIT, w, e);
	}
	return spot_watches_episodes(db, a, in->market, from, ask->now, FIT,
	    w, e);
}

/* A digest of what was fitted to, so that two models on the same data can be
 * told from two on different data. */
static struct blob
data_hash(struct arena *a, const struct spot_watches *w)
{
	uint8_t *hash = arena_alloc(a, SHA256_LEN);
	struct str s;

	str_init(&s, a);
	for (size_t i = 0; i < w->n; i++) {
		str_add(&s, w->v[i].pool);
		str_addn(&s, w->v[i].up, w->v[i].n);
		str_addn(&s, w->v[i].runs, w->v[i].nruns *
		    sizeof(struct spot_run));
	}
	crypto_sha256(s.p, s.len, hash);
	return (struct blob){ hash, SHA256_LEN };
}

static struct spot_pool_risk
counted(const struct spot_watch *w, struct utc now)
{
	const double *t = w->all.hours, *d = w->all.lost;

	return (struct spot_pool_risk){ w->pool_id, t[0], t[1], t[2], t[3],
	    t[4], t[5], t[6], d[0], d[1], d[2], d[3], d[4], d[5], d[6], now };
}

static int
store_counts(struct db *db, struct arena *a, const struct spot_watches *w,
    struct utc now, struct spot_refit_result *out, struct err *e)
{
	struct spot_pool_risk *v = arena_array(a, w->n, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].pool_id != 0)
			v[n++] = counted(&w->v[i], now);
	out->pools_counted = (int64_t)n;
	return spot_pool_risk_put(db, a, v, n, e);
}

static int
store_model(struct db *db, struct arena *a, const struct spot_refit_ask *ask,
    const struct spot_watches *w, const struct spot_risk_model *m,
    const struct spot_risk_report *r, struct spot_refit_result *out,
    struct err *e)
{
	struct platform_model_new n = { .module = "spot",
	    .name = spot_risk_name(ask->in->market),
	    .format = SPOT_RISK_FORMAT, .data_hash = data_hash(a, w),
	    .trained = ask->now, .from = { ask->now.us -
	    ask->in->window_days * DAY_US }, .to = ask->now, .by = ask->by };
	struct str text, metrics;

	str_init(&text, a);
	str_init(&metrics, a);
	schema_encode(&spot_risk_model_schema, m, &text);
	schema_encode(&spot_risk_report_schema, r, &metrics);
	n.content = (struct blob){ text.p, text.len };
	n.metrics.p = metrics.p;
	n.about.p = arena_printf(a, "{\"source\":\"%s\",\"window_days\":%lld,"
	    "\"fit\":%.2f}", ask->in->source,
	    (long long)ask->in->window_days, FIT);
	if (platform_model_add(db, a, &n, &out->version, e) == -1)
		return -1;
	out->model_id = n.id;
	if (!out->promoted)
		return 0;
	return platform_model_promote(db, nobody, n.id, ask->by, e);
}

/* Whether it may go into force. */
static bool
better(struct arena *a, const struct spot_refit *in,
    const struct spot_risk_live *live, const struct spot_risk_report *r,
    struct spot_refit_result *out)
{
	double than = live->found ? r->brier_live : r->brier_constant;

	if (!in->promote)
		out->note = "stored as a candidate, as asked";
	else if (!(r->brier < than - BETTER))
		out->note = arena_printf(a, "stored as a candidate: Brier "
		    "%.4f on what was held out, %s has %.4f", r->brier,
		    live->found ? live->label : "the constant guess", than);
	else
		return true;
	return false;
}

static void
take_figures(const struct spot_risk_report *r, struct spot_refit_result *out)
{
	out->auc = r->auc;
	out->brier = r->brier;
	out->brier_live = r->brier_live;
	out->skill_constant = r->skill_constant;
	out->skill_pool = r->skill_pool;
	out->fit_windows = r->fit_windows;
	out->held_windows = r->held_windows;
}

int
spot_risk_refit(struct db *db, struct arena *a,
    const struct spot_refit_ask *ask, struct spot_refit_result *out,
    struct err *e)
{
	struct spot_watches w = { .n = 0 };
	struct spot_risk_live live;
	struct spot_risk_report r;
	struct spot_risk_model m;
	bool fitted = true;

	*out = (struct spot_refit_result){ .note = "" };
	if (watch(db, a, ask, &w, e) == -1 ||
	    spot_risk_load(db, a, ask->in->market, &live, e) == -1)
		return -1;
	if (spot_risk_fit(a, w.v, w.n, live.found ? &live.m : NULL, &m, &r,
	    e) == -1) {
		if (strcmp(e->code, "too_little") != 0)
			return -1;
		out->note = arena_strdup(a, e->detail);
		fitted = false;
		err_clear(e);
	}
	take_figures(&r, out);
	out->promoted = fitted && better(a, ask->in, &live, &r, out);
	if (ask->begin(ask->arg, e) == -1)
		return -1;
	if ((strcmp(ask->in->source, "episodes") == 0 &&
	    store_counts(db, a, &w, ask->now, out, e) == -1) ||
	    (fitted && store_model(db, a, ask, &w, &m, &r, out, e) == -1)) {
		db_rollback(db);
		return -1;
	}
	return ask->commit(ask->arg, e);
}

int
spot_risk_count(struct db *db, struct arena *a, const char *market,
    struct utc now, int64_t *n, struct err *e)
{
	enum { DAYS = 30 };
	struct spot_refit_result r = { .note = "" };
	struct spot_watches w = { .n = 0 };

	if (spot_watches_episodes(db, a, market, (struct utc){ now.us -
	    DAYS * DAY_US }, now, 1, &w, e) == -1)
		return -1;
	for (size_t i = 0; i < w.n; i++)
		spot_watch_count(&w.v[i]);
	if (store_counts(db, a, &w, now, &r, e) == -1)
		return -1;
	*n = r.pools_counted;
	return 0;
}
