/*
 * Arming and stopping strategies. Refuses a spec that cannot run, a session
 * that is not the caller's, and live trading without another person's yes to
 * exactly this plan. Invariant: what was armed is what runs; a later change of
 * the strategy changes nothing.
 */
#include <json.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/trade/arming.h"
#include "modules/trade/orders.h"
#include "modules/trade/session.h"
#include "modules/trade/strategies.h"

#define A struct trade_arming
#define LIVE_US (INT64_C(24) * 3600 * US_PER_S)

const struct event trade_arming_events[] = {
	{ .name = "trade.arming", .doc = "A strategy was armed or stopped",
	  .payload = &trade_arming_schema, .permission = "trade:read" },
	EVENT_END
};

static int
tell(struct db *db, const A *r, struct err *e)
{
	char id[UUID_TEXT];

	return event_publish(db, &trade_arming_events[0], r->tenant_id,
	    uuid_format(r->id, id), r->version, r, e);
}

/* ---- reading it ----------------------------------------------------------------- */

static int
param(const struct trade_strategy *s, const char *name)
{
	for (size_t i = 0; i < s->nparams; i++)
		if (strcmp(s->params[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int
read_params(const A *r, const struct trade_strategy *s, double *values,
    struct err *e)
{
	struct json_object *o;
	int rc = 0;

	o = json_tokener_parse(r->params.p);
	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return err_set(e, 422, "params",
		    "params is an object: {\"n\": 10}");
	}
	json_object_object_foreach(o, key, v) {
		int i = param(s, key);

		if (i == -1 || !(json_object_is_type(v, json_type_int) ||
		    json_object_is_type(v, json_type_double))) {
			rc = err_set(e, 422, "params", "The strategy has no "
			    "number called \"%.40s\"", key);
			break;
		}
		values[i] = json_object_get_double(v);
	}
	json_object_put(o);
	return rc;
}

int
trade_arming_strategy(struct arena *a, const A *r, struct trade_strategy *s,
    double values[TRADE_PARAMS_MAX], struct err *e)
{
	memset(values, 0, TRADE_PARAMS_MAX * sizeof(*values));
	if (trade_strategy_read(a, r->spec.p, strlen(r->spec.p), s, e) == -1)
		return -1;
	(void)trade_strategy_point(s, 0, values);
	return read_params(r, s, values, e);
}

struct trade_sizing
trade_arming_sizing(const A *r)
{
	struct trade_sizing z = { .kind = SIZING_STRATEGY, .size = r->size,
	    .risk_pct = r->risk_pct };

	if (strcmp(r->sizing, "units") == 0)
		z.kind = SIZING_UNITS;
	else if (strcmp(r->sizing, "value") == 0)
		z.kind = SIZING_VALUE;
	else if (strcmp(r->sizing, "risk") == 0)
		z.kind = SIZING_RISK;
	return z;
}

bool
trade_arming_follows(const A *r, const struct trade_signal *s)
{
	size_t n = strlen(s->source);

	if (*r->follow == '\0' || fabs(s->score) < r->min_score ||
	    strcmp(s->side, "neutral") == 0 ||
	    strcmp(s->source, TRADE_SOURCE_STRATEGY) == 0)
		return false;
	if (strcmp(s->timeframe, TRADE_TICKS) != 0 &&
	    strcmp(s->timeframe, r->timeframe) != 0)
		return false;
	for (const char *p = r->follow; *p != '\0'; p += strcspn(p, ",")) {
		p += *p == ',';
		if (*p == '*' || (strncmp(p, s->source, n) == 0 &&
		    (p[n] == ',' || p[n] == '\0')))
			return true;
	}
	return false;
}

/* ---- making -------------------------------------------------------------------- */

static int
take_spec(struct db *db, struct arena *a, A *r, struct err *e)
{
	struct trade_strategy_row row;
	struct trade_strategy s;
	struct trade_rules *rules;
	double values[TRADE_PARAMS_MAX];

	r->spec.p = "{}";
	if (uuid_is_nil(r->strategy_id)) {
		if (*r->follow == '\0')
			return err_set(e, 422, "nothing", "Name a strategy, "
			    "or in follow the sources of signals to act on");
	} else {
		if (db_found(trade_strategy_by_id(db, a, r->tenant_id,
		    r->strategy_id, &row, e), "Strategy", e) == -1)
			return -1;
		r->spec = row.spec;
		if (trade_arming_strategy(a, r, &s, values, e) == -1 ||
		    trade_strategy_live(&s, e) == -1 ||
		    trade_rules_new(a, &s, values, &rules, e) == -1)
			return -1;
		if (*r->name == '\0')
			r->name = row.name;
	}
	if (*r->name == '\0')
		r->name = arena_printf(a, "follows %.80s", r->follow);
	if (uuid_is_nil(r->strategy_id) && strcmp(r->sizing, "strategy") == 0)
		return err_set(e, 422, "sizing", "Without a strategy the size "
		    "is said by units, value or risk");
	r->spec_digest = trade_digest(a, r->spec.p, strlen(r->spec.p), NULL);
	return 0;
}

static int
take_session(struct db *db, struct arena *a, A *r, struct uuid session,
    struct err *e)
{
	struct trade_session s;
	int rc = uuid_is_nil(session) ? trade_session_mine(db, a,
	    r->tenant_id, r->user_id, false, &s, e) :
	    trade_session_lock(db, a, session, &s, e);

	if (rc == 0 && (!uuid_equal(s.tenant_id, r->tenant_id) ||
	    !uuid_equal(s.user_id, r->user_id)))
		rc = 1;
	if (db_found(rc, "Session", e) == -1)
		return -1;
	if (!s.has_live)
		return err_set(e, 409, "over", "The session is over");
	r->session_id = s.id;
	r->mode = s.mode;
	return 0;
}

static int
take_symbols(struct db *db, struct arena *a, A *r, const struct list *list,
    int64_t *ids, struct err *e)
{
	const char *const *v = list->items;
	struct trade_instrument i;
	struct str s;

	str_init(&s, a);
	for (size_t k = 0; k < list->n; k++) {
		int rc = trade_instrument_find(db, a, r->tenant_id, v[k],
		    r->exchange, &i, e);

		if (rc == 1)
			return err_set(e, 404, "not_found",
			    "Instrument %.40s not found", v[k]);
		if (rc == -1)
			return -1;
		ids[k] = i.id;
		str_add(&s, k == 0 ? "[" : ",");
		str_json(&s, i.symbol);
	}
	str_add(&s, "]");
	r->symbols.p = s.p;
	return 0;
}

int
trade_arming_make(struct db *db, struct arena *a, const struct principal *by,
    const struct trade_arming_new *n, struct utc now, struct err *e)
{
	A *r = n->arming;
	int64_t ids[TRADE_ARMED_SYMBOLS];

	r->id = uuid_new();
	r->tenant_id = by->tenant_id;
	r->user_id = by->user_id;
	r->made_by = by->name != NULL ? by->name : "";
	r->state = "disarmed";
	r->detail = "";
	r->version = 1;
	r->created_at = r->updated_at = now;
	if (n->symbols.n > TRADE_ARMED_SYMBOLS)
		return err_set(e, 422, "symbols", "At most %d symbols",
		    TRADE_ARMED_SYMBOLS);
	if (take_session(db, a, r, n->session, e) == -1 ||
	    take_spec(db, a, r, e) == -1 ||
	    take_symbols(db, a, r, &n->symbols, ids, e) == -1)
		return -1;
	if (n->arm && strcmp(r->mode, "paper") == 0) {
		r->state = "armed";
		r->armed_at = now;
	} else if (strcmp(r->mode, "live") == 0) {
		r->detail = "Live trading takes another person's approval";
	}
	if (trade_arming_insert(db, r, e) == -1)
		return e->status == 409 ? err_set(e, 409, "duplicate",
		    "An arming of this name exists") : -1;
	for (size_t k = 0; k < n->symbols.n; k++)
		if (trade_arming_on(db, r, ids[k], e) == -1)
			return -1;
	return tell(db, r, e);
}

/* ---- arming --------------------------------------------------------------------- */

/* What is approved: everything that says what may be ordered. */
static struct json
plan(struct arena *a, const A *r)
{
	struct str s;
	const char *hex;
	char id[UUID_TEXT];

	(void)trade_digest(a, r->spec.p, strlen(r->spec.p), &hex);
	str_init(&s, a);
	str_addf(&s, "{\"arming\":\"%s\",", uuid_format(r->id, id));
	str_addf(&s, "\"session\":\"%s\",\"mode\":\"%s\",\"spec_sha256\":"
	    "\"%s\",\"params\":%s,\"symbols\":%s,\"timeframe\":\"%s\",",
	    uuid_format(r->session_id, id), r->mode, hex,
	    r->params.p, r->symbols.p, r->timeframe);
	str_add(&s, "\"follow\":");
	str_json(&s, r->follow);
	str_addf(&s, ",\"min_score\":%.6g,\"sizing\":\"%s\",\"size\":%.10g,"
	    "\"risk_pct\":%.6g,\"cooldown_s\":%lld}", r->min_score,
	    r->sizing, r->size, r->risk_pct, (long long)r->cooldown_s);
	return (struct json){ s.p };
}

static int
ask(struct db *db, struct arena *a, const struct principal *by, A *r,
    struct err *e)
{
	char id[UUID_TEXT];
	struct platform_approval_new n = { .tenant = r->tenant_id,
	    .module = "trade", .kind = "arm_live",
	    .title = arena_printf(a, "Live trading of \"%.80s\" on %.100s",
	    r->name, r->symbols.p), .subject = "arming",
	    .subject_id = uuid_format(r->id, id), .risk = RISK_HIGH,
	    .plan = plan(a, r), .author = by, .valid_s = LIVE_US / US_PER_S };

	if (platform_approval_ask(db, a, &n, e) == -1)
		return -1;
	r->approval_id = n.id;
	r->state = "waiting";
	r->detail = "Another person has to approve it; then arm it again";
	return 0;
}

/* 1: there is none that could be used. */
static int
pending(struct db *db, struct arena *a, const A *r, struct err *e)
{
	const char *state = "";

	if (uuid_is_nil(r->approval_id))
		return 1;
	if (platform_approval_state(db, a, r->tenant_id, r->approval_id,
	    &state, e) == -1)
		return -1;
	return strcmp(state, "pending") != 0 &&
	    strcmp(state, "approved") != 0;
}

static int
go_live(struct db *db, struct arena *a, const struct principal *by, A *r,
    struct utc now, struct err *e)
{
	int rc = pending(db, a, r, e);

	if (rc == -1)
		return -1;
	if (rc == 1)
		return ask(db, a, by, r, e);
	if (platform_approval_use(db, a, r->tenant_id, r->approval_id,
	    plan(a, r), e) == -1)
		return -1;
	r->state = "armed";
	r->armed_at = now;
	r->armed_until.us = now.us + LIVE_US;
	r->detail = "";
	return 0;
}

int
trade_arming_arm(struct db *db, struct arena *a, const struct principal *by,
    struct uuid id, bool live, struct utc now, A *r, struct err *e)
{
	if (db_found(trade_arming_find(db, a, by->tenant_id, id, true, r, e),
	    "Arming", e) == -1)
		return -1;
	if (!uuid_equal(r->user_id, by->user_id))
		return err_set(e, 403, "not_yours",
		    "Only who made it may arm it");
	if (strcmp(r->state, "armed") == 0)
		return 0;
	r->updated_at = now;
	if (strcmp(r->mode, "live") == 0) {
		if (!live)
			return err_set(e, 409, "step_up", "Live trading is "
			    "armed at …/live, with a fresh password");
		if (go_live(db, a, by, r, now, e) == -1)
			return -1;
	} else {
		r->state = "armed";
		r->armed_at = now;
		r->detail = "";
	}
	return trade_arming_update(db, r, e) == -1 ? -1 : tell(db, r, e);
}

int
trade_arming_stop(struct db *db, struct arena *a, A *r, const char *state,
    const char *detail, struct utc now, struct err *e)
{
	if (strcmp(r->state, state) == 0)
		return 0;
	if (strcmp(r->state, "waiting") == 0 &&
	    platform_approval_withdraw(db, r->tenant_id, r->approval_id,
	    "The arming was withdrawn", e) == -1)
		return -1;
	r->state = state;
	r->detail = arena_strdup(a, detail);
	r->armed_until.us = 0;
	r->updated_at = now;
	return trade_arming_update(db, r, e) == -1 ? -1 : tell(db, r, e);
}
