/*
 * Makes the demonstration: the market (feed_demo_ops.c), a paper account, a
 * strategy and its arming, each once. A strategy of two means is no advice; it
 * trades often enough to be watched.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/principal.h"
#include "base/random.h"
#include "db/env.h"
#include "modules/trade/arming.h"
#include "modules/trade/conf.h"
#include "modules/trade/demo.h"
#include "modules/trade/feed.h"
#include "modules/trade/mock.h"
#include "modules/trade/session.h"
#include "modules/trade/strategies.h"

static const char spec[] = "{\"indicators\":{\"fast\":[\"ema\",\"close\",8],"
    "\"slow\":[\"ema\",\"close\",21]},"
    "\"entry_long\":[\"cross_above\",\"fast\",\"slow\"],"
    "\"exit_long\":[\"cross_below\",\"fast\",\"slow\"],"
    "\"size\":{\"kind\":\"fraction\",\"value\":0.15},\"sl\":[\"pct\",0.02]}";

struct work {
	struct env *env;
	struct arena *a;
	const struct demo_owner *o;
};

static int
strategy(struct db *db, const struct work *w, struct uuid *id, struct err *e)
{
	struct trade_strategy_row s = { .id = uuid_new(),
	    .tenant_id = w->o->tenant, .name = TRADE_DEMO, .version = 1,
	    .spec = { spec }, .made_by = TRADE_DEMO,
	    .created_at = w->o->now, .updated_at = w->o->now };

	s.digest = trade_digest(w->a, spec, strlen(spec), &s.sha256);
	*id = s.id;
	return trade_strategy_insert(db, &s, e);
}

static int
arm(struct db *db, const struct work *w, struct uuid id, struct err *e)
{
	const struct principal by = { .kind = PRINCIPAL_SYSTEM,
	    .name = TRADE_DEMO, .tenant_id = w->o->tenant,
	    .user_id = w->o->user };
	struct trade_arming r = { .name = TRADE_DEMO, .strategy_id = id,
	    .params = { "{}" }, .timeframe = "1m", .follow = "",
	    .exchange = TRADE_DEMO_EXCHANGE, .sizing = "strategy" };
	struct trade_arming_new n = { .arming = &r, .arm = true };
	const char *symbols[TRADE_ARMED_SYMBOLS];

	while (n.symbols.n < TRADE_ARMED_SYMBOLS &&
	    trade_mock_symbols[n.symbols.n].symbol != NULL) {
		symbols[n.symbols.n] =
		    trade_mock_symbols[n.symbols.n].symbol;
		n.symbols.n++;
	}
	n.symbols.items = symbols;
	return trade_arming_make(db, w->a, &by, &n, w->o->now, e);
}

static int
work(struct db *db, void *arg, struct err *e)
{
	const struct work *w = arg;
	const struct trade_conf *cf = conf_get(w->env->conf, &trade_settings);
	const struct dec cash = { cf->paper_cash * DEC_ONE };
	struct trade_session s;
	struct uuid id;

	return trade_session_open(db, w->a, w->o->tenant, w->o->user, cash,
	    "USD", w->o->now, &s, e) == -1 || strategy(db, w, &id, e) == -1 ||
	    arm(db, w, id, e) == -1 ? -1 : 0;
}

static int
make(struct env *env, const struct demo_owner *o, const char **told,
    struct err *e)
{
	struct work w = { env, env->a, o };
	bool made;

	if (trade_feed_demo(env->db, env->a, o->tenant, TRADE_DEMO, o->now,
	    &made, e) == -1)
		return -1;
	*told = "the paper account and its replayed day are there already";
	if (!made)
		return 0;
	*told = "a paper account trades a replayed day, 60 times as fast";
	return db_txn(env->db, env->a, work, &w, e);
}

static int
take_out(struct db *db, void *arg, struct err *e)
{
	uint64_t *gone = ((void **)arg)[1];

	return trade_demo_delete(db, ((void **)arg)[0], gone, e);
}

static int
reset(struct env *env, const struct demo_owner *o, const char **told,
    struct err *e)
{
	struct demo_owner who = *o;
	uint64_t gone = 0;
	void *arg[2] = { &who, &gone };

	if (db_txn(env->db, env->a, take_out, arg, e) == -1)
		return -1;
	*told = gone == 0 ? "there is no demonstration" : arena_printf(env->a,
	    "%llu simulated instruments, what they did and what traded them "
	    "are gone", (unsigned long long)gone);
	return 0;
}

const struct demo trade_demo = { make, reset };
