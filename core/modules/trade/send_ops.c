/*
 * The sender: takes what is due and gives it to the broker, once.
 *
 * A loop of the worker does it, woken by a bell after the commit, and not the
 * process that took the request: that one may be killed by its deadline or by
 * a client that went away, it would hold a place of the web pool while a broker
 * thinks, and after a crash somebody else must be able to see what became of
 * the order anyway. There is then one way only, and one order of events for a
 * session: compared, sent, asked.
 *
 * Invariants: sent_at is committed before the first byte leaves, with the
 * session and the order held, so of two senders one gets it; stop switch,
 * session and login are asked in that transaction and the switch again after
 * it; what was sent and has no answer is never sent again.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/platform/platform.h"
#include "modules/trade/conf.h"
#include "modules/trade/instrument.h"
#include "modules/trade/link.h"
#include "proc/bell.h"

#define O struct trade_order
enum { SEND_BATCH = 200, AWAY_MAX_S = 10 };

static bool
is(const char *s, const char *word)
{
	return s != NULL && strcmp(s, word) == 0;
}

static void
ring(void *arg)
{
	(void)arg;
	bell_ring("broker", "");
}

void
trade_broker_ring(struct db *db)
{
	db_on_commit(db, ring, NULL);
}

struct trade_desk
trade_turn_desk(struct trade_turn *t, const struct trade_link *l)
{
	return (struct trade_desk){ .db = t->env->db, .a = t->a,
	    .tenant = l->tenant_id, .user = l->user_id,
	    .session = l->session_id, .now = clock_now() };
}

/* Words of ours that brokers share. */
struct trade_ticket
trade_ticket_of(struct arena *a, const O *o, const struct trade_link *l,
    const char *exchange)
{
	char id[BROKER_CLIENT_ID + 1];
	struct trade_ticket t = { .client_id = arena_strdup(a,
	    trade_broker_client_id(o->id, id)), .broker_id =
	    o->broker_order_id != NULL ? o->broker_order_id : "",
	    .symbol = o->symbol, .exchange = exchange, .side = o->side,
	    .type = o->type, .tif = o->tif, .product = l->product,
	    .variety = l->variety, .class = "", .quantity = o->quantity,
	    .limit_price = o->limit_price, .stop_price = o->stop_price,
	    .trail = o->trail_amount, .trail_ppm = o->trail_ppm,
	    .partly_filled = o->filled.e8 > 0, .placed_at = o->created_at };

	if (o->expires_at.us > o->created_at.us)
		t.minutes = (o->expires_at.us - o->created_at.us) / US_PER_S /
		    60;
	if (is(o->send, "replace")) {
		t.client_id = arena_printf(a, "%s-%lld", t.client_id,
		    (long long)o->version);
		if (o->want_quantity.e8 != 0)
			t.quantity = o->want_quantity;
		if (o->want_limit_price.e8 != 0)
			t.limit_price = o->want_limit_price;
		if (o->want_stop_price.e8 != 0)
			t.stop_price = o->want_stop_price;
	}
	return t;
}

/* ---- what may go ---------------------------------------------------------------------- */

/* One act on its way out. */
struct act {
	struct trade_turn *t;
	struct trade_link *l;
	struct trade_desk d;
	struct trade_session s;
	O o;
	enum trade_verb verb;
	bool ours;			/* we have the claim */
};

static int
ask_switch(struct act *x, struct err *e)
{
	char id[UUID_TEXT];
	const struct platform_scope scope = { .module = "trade",
	    .tenant = x->l->tenant_id,
	    .session = uuid_format(x->l->session_id, id) };

	return platform_switch_ask(x->d.db, x->d.a, &scope, e);
}

static int
reduces(struct act *x, bool *yes, struct err *e)
{
	struct trade_position p = { .quantity = { 0 } };
	bool buy = is(x->o.side, "buy");
	int rc = trade_position_get(x->d.db, x->d.a, x->s.id,
	    x->o.instrument_id, &p, e);
	int64_t held = rc == 0 ? p.quantity.e8 : 0;

	*yes = held != 0 && (held > 0) != buy &&
	    x->o.quantity.e8 <= (held < 0 ? -held : held);
	return rc == -1 ? -1 : 0;
}

/* 0 it may go, 1 it may not (*why is set), -1. A cancel always may: it takes
 * something back. */
static int
may_go(struct act *x, struct err *why, struct err *e)
{
	const struct trade_broker_conf *c = conf_get(x->t->env->conf,
	    &trade_broker_settings);
	bool less;

	if (!is(x->s.mode, "live"))
		return err_set(why, 403, "paper_session", "A paper session "
		    "never reaches a broker"), 1;
	if (!c->live)
		return err_set(why, 403, "live_off", "Trading with real "
		    "brokers is switched off"), 1;
	if (!is(x->l->state, "ok") || x->l->secret == NULL ||
	    (x->l->expires_at.us != 0 &&
	    x->l->expires_at.us <= x->d.now.us))
		return err_set(why, 409, "login_over", "The login at the "
		    "broker has ended"), 1;
	if (x->verb == BROKER_CANCEL)
		return 0;
	if (is(x->s.state, "halted") || is(x->s.state, "closed"))
		return err_set(why, 409, "halted", "The session is %s",
		    x->s.state), 1;
	if (is(x->s.state, "reducing")) {
		if (reduces(x, &less, e) == -1)
			return -1;
		if (!less)
			return err_set(why, 409, "reducing", "The session "
			    "only takes orders that reduce a position"), 1;
	}
	if (x->verb == BROKER_SUBMIT && x->d.now.us - x->o.created_at.us >
	    c->patience_s * US_PER_S)
		return err_set(why, 503, "broker_away", "It could not be "
		    "sent for %lld s", (long long)c->patience_s), 1;
	if (ask_switch(x, why) == -1) {
		/* unreadable is stopped; inside the transaction a lost
		 * database is everybody's error */
		if (db_retryable(why) || why->status >= 500) {
			*e = *why;
			return -1;
		}
		return 1;
	}
	return 0;
}

static int
report(struct act *x, enum trade_report_kind kind, const char *broker_id,
    const char *reason, struct err *e)
{
	const struct trade_report r = { .kind = kind,
	    .broker_order_id = broker_id, .reason = reason };

	/* a replacement is another order at some brokers */
	if (kind == REPORT_REPLACED)
		x->o.broker_order_id = NULL;
	return trade_order_report(&x->d, &x->s, &x->o, &r, e) == -1 ? -1 : 0;
}

static enum trade_report_kind
refusal_of(enum trade_verb v)
{
	return v == BROKER_SUBMIT ? REPORT_REJECTED : v == BROKER_REPLACE ?
	    REPORT_REPLACE_REFUSED : REPORT_CANCEL_REFUSED;
}

/* ---- claim -------------------------------------------------------------------------------- */

/* Both rows held. 1: the order is not what it was. */
static int
hold(struct act *x, struct err *e)
{
	struct uuid id = x->o.id, session = x->l->session_id;
	int rc = trade_session_lock(x->d.db, x->d.a, session, &x->s, e);

	if (rc == 0)
		rc = trade_order_by_id(x->d.db, x->d.a, session, id, true,
		    &x->o, e);
	return rc;
}

static int
claim(struct db *db, void *arg, struct err *e)
{
	struct act *x = arg;
	struct err why = { 0 };
	int rc;

	(void)db;
	x->ours = false;
	x->d.now = clock_now();
	if ((rc = hold(x, e)) != 0)
		return rc == 1 ? 0 : -1;
	if (x->o.send == NULL || x->o.sent_at.us != 0 ||
	    x->o.send_at.us > x->d.now.us)
		return 0;		/* another sender has it */
	x->verb = is(x->o.send, "submit") ? BROKER_SUBMIT :
	    is(x->o.send, "replace") ? BROKER_REPLACE : BROKER_CANCEL;
	if ((rc = may_go(x, &why, e)) == -1)
		return -1;
	if (rc == 1)
		return report(x, refusal_of(x->verb), NULL,
		    arena_strdup(x->d.a, why.detail), e);
	x->o.sent_at = x->d.now;
	x->o.send_tries++;
	if (trade_order_send_mark(x->d.db, &x->o, e) == -1)
		return -1;
	x->ours = true;
	return 0;
}

/* ---- what came of it ---------------------------------------------------------------------- */

struct outcome {
	struct act *x;
	const struct err *failed;	/* NULL: it was taken */
	const char *broker_id;
};

/* It has not left, or was turned away at the door: later again. */
static int
later(struct act *x, int64_t wait_s, struct err *e)
{
	x->o.sent_at.us = 0;
	x->o.send_at.us = x->d.now.us + wait_s * US_PER_S;
	return trade_order_send_mark(x->d.db, &x->o, e);
}

static int
settle_failure(struct act *x, const struct err *f, struct err *e)
{
	const char *why = arena_strdup(x->d.a, f->detail);
	int64_t wait = f->retry_after_s;

	if (is(f->code, "broker_busy") || is(f->code, "broker_away")) {
		if (wait <= 0)
			wait = x->o.send_tries < AWAY_MAX_S ?
			    x->o.send_tries : AWAY_MAX_S;
		if (is(f->code, "broker_busy")) {
			x->l->quiet_until.us = x->d.now.us + wait * US_PER_S;
			if (trade_link_update(x->d.db, x->l, e) == -1)
				return -1;
		}
		return later(x, wait, e);
	}
	if (is(f->code, "outcome_unknown")) {
		/* asked about from now on; a cancel or change stays pending */
		return x->verb == BROKER_SUBMIT ? report(x, REPORT_UNKNOWN,
		    NULL, why, e) : 0;
	}
	if ((is(f->code, "broker_login") || is(f->code, "login_over")) &&
	    trade_link_flag(x->d.db, x->l, "expired", why, x->d.now, e) == -1)
		return -1;
	return report(x, refusal_of(x->verb), NULL, why, e);
}

static int
settle(struct db *db, void *arg, struct err *e)
{
	struct outcome *c = arg;
	struct act *x = c->x;
	int rc;

	(void)db;
	x->d.now = clock_now();
	if ((rc = hold(x, e)) != 0)
		return rc == 1 ? 0 : -1;
	/* the answer is of the act we sent; heard of otherwise meanwhile, the
	 * report finds nothing to do */
	if (c->failed != NULL)
		return settle_failure(x, c->failed, e);
	if (x->verb == BROKER_SUBMIT)
		return report(x, REPORT_ACCEPTED, c->broker_id, NULL, e);
	if (x->verb == BROKER_REPLACE)
		return report(x, REPORT_REPLACED, c->broker_id, NULL, e);
	return 0;	/* a cancel that was taken is not yet a cancel */
}

/* Outside of a transaction. -1: the database; what the broker did is in *f. */
static int
put_out(struct act *x, struct trade_broker_answer *ans, struct err *f,
    struct err *e)
{
	struct trade_instrument i;
	struct trade_access way;
	struct trade_ticket t;

	if (trade_instrument_any(x->d.db, x->d.a, x->o.instrument_id, &i,
	    e) != 0)
		return -1;
	t = trade_ticket_of(x->d.a, &x->o, x->l, i.exchange);
	/* once more, as close to the sending as can be: nothing has left */
	if (x->verb != BROKER_CANCEL && ask_switch(x, f) == -1)
		return 0;
	if (trade_link_open(x->t->env, x->d.a, x->l, x->d.now, &way, f) == -1)
		return 0;
	way.deadline_boot_ns = x->t->end_boot_ns;
	(void)trade_broker_ask(&way, x->verb, &t, ans, f);
	return 0;
}

/* 0, or 1: the broker wants to be left alone. */
static int
send_one(struct trade_turn *t, const O *o, struct trade_link *l,
    struct err *e)
{
	struct act x = { .t = t, .l = l, .o = *o,
	    .d = trade_turn_desk(t, l) };
	struct trade_broker_answer ans = { .order_id = "" };
	struct err failed = { 0 };
	struct outcome c = { .x = &x };

	if (db_txn(t->env->db, t->a, claim, &x, e) == -1)
		return -1;
	if (!x.ours)
		return 0;
	if (put_out(&x, &ans, &failed, e) == -1)
		return -1;
	if (failed.status != 0)
		c.failed = &failed;
	c.broker_id = ans.order_id;
	if (db_txn(t->env->db, t->a, settle, &c, e) == -1)
		return -1;
	/* what it became, soon */
	if (trade_link_due(t->env->db, l->session_id, x.d.now, e) == -1)
		return -1;
	return is(failed.code, "broker_busy");
}

int
trade_send_due(struct trade_turn *t, struct err *e)
{
	struct trade_link l = { .session_id = { { 0 } } };
	struct rows rows;
	int rc;

	if (trade_order_to_send(t->env->db, t->a, clock_now(), SEND_BATCH,
	    &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const O *o = ROW(&rows, O, i);

		if (clock_boot_ns() >= t->until_boot_ns) {
			t->next_ms = 10;
			return 0;
		}
		rc = trade_link_get(t->env->db, t->a, o->session_id, &l, e);
		if (rc == -1)
			return -1;
		/* not compared with the broker since we began: first that */
		if (rc == 1 || (is(l.state, "ok") &&
		    l.checked_at.us < t->started.us) ||
		    l.quiet_until.us > clock_now().us)
			continue;
		if (send_one(t, o, &l, e) == -1)
			return -1;
	}
	return 0;
}
