/*
 * Looking at a session's orders at its broker: what is there is asked outside
 * of the transaction, then every order of ours is brought to what the broker
 * says, with the session held. An order that changed while we looked is left
 * for the next look. Invariant: only an answer that would contain an order, and
 * that came after the broker's own time for it, frees an order as "not there".
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/trade/reconcile_inner.h"

#define O struct trade_order
enum { OPEN_MAX = 1000, RECENT_MAX = 200, FIND_MAX = 20, ASK_BATCH = 200 };
#define DAY_US (INT64_C(86400) * US_PER_S)

static const struct trade_order_filter standing = { "", "", "", true, { 0 },
    { 0 }, { { 0 } } }, any = { "", "", "", false, { 0 }, { 0 }, { { 0 } } };

static bool
is(const char *s, const char *word)
{
	return s != NULL && strcmp(s, word) == 0;
}

/* ---- what the broker has --------------------------------------------------------------- */

static const char *
client_of(struct arena *a, const O *o)
{
	char id[BROKER_CLIENT_ID + 1];

	return arena_strdup(a, trade_broker_client_id(o->id, id));
}

/* A list that is not the whole truth: those of ours that are not in it are
 * asked for by name. */
static int
find_rest(struct trade_look *k, struct err *e)
{
	struct trade_broker_order *all;
	size_t n = k->orders.n, asked = 0;
	struct rows rows;

	if (trade_order_page(k->t->env->db, k->t->a, k->l->session_id,
	    &standing, (struct uuid){ { 0 } }, OPEN_MAX, &rows, e) == -1)
		return -1;
	all = arena_array(k->t->a, n + FIND_MAX + 1, sizeof(*all));
	if (n > 0)
		memcpy(all, k->orders.items, n * sizeof(*all));
	for (size_t i = 0; i < rows.n && asked < FIND_MAX; i++) {
		const O *o = ROW(&rows, O, i);
		struct trade_ticket t = trade_ticket_of(k->t->a, o, k->l, "");
		struct trade_broker_answer ans;
		struct trade_seen s;

		if (o->sent_at.us == 0 && o->broker_order_id == NULL)
			continue;
		if (trade_reconcile_gather(o, t.client_id, all, n, NULL, &s,
		    e) == -1)
			return -1;
		if (s.n > 0)
			continue;
		asked++;
		if (trade_broker_ask(&k->way, BROKER_FIND, &t, &ans, e) == -1)
			return -1;
		if (ans.orders.n > 0)
			all[n++] = *(struct trade_broker_order *)
			    ans.orders.items;
	}
	k->orders = (struct list){ all, n };
	return 0;
}

static int
fetch(struct trade_look *k, struct err *e)
{
	struct trade_broker_answer ans;

	k->from = clock_now();
	if (trade_link_open(k->t->env, k->t->a, k->l, k->from, &k->way, e) ==
	    -1)
		return -1;
	k->way.deadline_boot_ns = k->t->end_boot_ns;
	if (trade_broker_ask(&k->way, BROKER_ORDERS, NULL, &ans, e) == -1)
		return -1;
	k->orders = ans.orders;
	if (!k->way.broker->whole_list && find_rest(k, e) == -1)
		return -1;
	if (!k->compare)
		return 0;
	if (trade_broker_ask(&k->way, BROKER_POSITIONS, NULL, &ans, e) == -1)
		return -1;
	k->positions = ans.positions;
	if (k->way.broker->tells_cash) {
		if (trade_broker_ask(&k->way, BROKER_FUNDS, NULL, &ans, e) ==
		    -1)
			return -1;
		k->cash = ans.funds.cash;
	}
	if (!k->way.broker->add_holdings)
		return 0;
	if (trade_broker_ask(&k->way, BROKER_HOLDINGS, NULL, &ans, e) == -1)
		return -1;
	k->holdings = ans.positions;
	return 0;
}

/* ---- one order of ours ----------------------------------------------------------------- */

static bool
waits(const O *o)
{
	return is(o->state, "submitting") || is(o->state, "unknown");
}

/* Changed since we asked: the answer may be older than it. */
static bool
newer(const struct trade_look *k, const O *o)
{
	return o->updated_at.us >= k->from.us || o->sent_at.us >= k->from.us;
}

static int
report(struct trade_look *k, O *o, const struct trade_report *r,
    struct err *e)
{
	int rc;

	if (r->kind == REPORT_REPLACED)
		o->broker_order_id = NULL;
	rc = trade_order_report(&k->d, &k->s, o, r, e);
	k->changes += rc == 0;
	return rc == -1 ? -1 : 0;
}

/* The broker's own day, in India's time: its list begins there. */
static bool
listed_then(const struct trade_look *k, struct utc sent)
{
	int64_t ahead = k->way.broker->list_day_us;

	return ahead == 0 || (sent.us + ahead) / DAY_US == (k->from.us +
	    ahead) / DAY_US;
}

static bool
definite(const struct trade_look *k, const O *o)
{
	const struct trade_broker_conf *c = conf_get(k->t->env->conf,
	    &trade_broker_settings);

	return waits(o) && o->sent_at.us != 0 && o->sent_at.us + c->window_s *
	    US_PER_S < k->from.us && listed_then(k, o->sent_at);
}

/* Asked, and no answer: a word for the books; a person after a while. */
static int
asked(struct trade_look *k, O *o, struct err *e)
{
	const struct trade_broker_conf *c = conf_get(k->t->env->conf,
	    &trade_broker_settings);
	int64_t since = k->d.now.us - o->sent_at.us;

	o->asked_at = k->d.now;
	o->asks++;
	/* taking back twice harms nothing */
	if (is(o->state, "pending_cancel") && since > c->window_s * US_PER_S)
		o->sent_at.us = 0;
	if (trade_order_send_mark(k->d.db, o, e) == -1)
		return -1;
	return since > c->human_s * US_PER_S ? trade_look_unknown(k, o, e) :
	    0;
}

/* Not what was asked for after the broker's time: it never took the change. */
static int
unchanged(struct trade_look *k, O *o, struct err *e)
{
	const struct trade_broker_conf *c = conf_get(k->t->env->conf,
	    &trade_broker_settings);
	const struct trade_report r = { .kind = REPORT_REPLACE_REFUSED,
	    .reason = "the broker does not know of the change" };

	return is(o->state, "pending_replace") && o->sent_at.us != 0 &&
	    o->sent_at.us + c->window_s * US_PER_S < k->from.us ?
	    report(k, o, &r, e) : 0;
}

static int
absent(struct trade_look *k, O *o, struct trade_seen *s, struct err *e)
{
	const struct trade_broker_order *v = k->orders.items;
	const struct trade_report gone = { .kind = REPORT_REJECTED,
	    .reason = "not_there: it never reached the broker" };
	size_t which, count = 0;

	if (!waits(o) || o->sent_at.us == 0)
		return 0;
	if (!k->way.broker->by_client) {
		trade_reconcile_guess(o, v, k->orders.n, k->mine, &which,
		    &count);
		if (count == 1) {
			k->mine[which] = true;
			*s = (struct trade_seen){ 1, v[which].id,
			    v[which].state, v[which].reason,
			    v[which].quantity, v[which].filled,
			    v[which].avg_price, v[which].limit_price,
			    v[which].stop_price, v[which].at };
			return 0;
		}
	}
	return count == 0 && definite(k, o) ? report(k, o, &gone, e) : 0;
}

static int
one_order(struct trade_look *k, O *o, struct trade_seen *s, struct err *e)
{
	struct trade_report r[RECONCILE_REPORTS];
	size_t n;

	if (trade_reconcile_gather(o, client_of(k->t->a, o), k->orders.items,
	    k->orders.n, k->mine, s, e) == -1)
		return -1;
	if (newer(k, o))
		return 1;
	if (s->n == 0 && absent(k, o, s, e) == -1)
		return -1;
	n = trade_reconcile_reports(k->t->a, o, s, r);
	for (size_t i = 0; i < n; i++)
		if (report(k, o, &r[i], e) == -1)
			return -1;
	if (s->n > 0 && unchanged(k, o, e) == -1)
		return -1;
	return o->has_open && o->sent_at.us != 0 && (waits(o) ||
	    is(o->state, "pending_cancel") || is(o->state,
	    "pending_replace")) ? asked(k, o, e) : 0;
}

/* ---- all of them ------------------------------------------------------------------------- */

static int
each_order(struct trade_look *k, const struct rows *rows, struct err *e)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct trade_seen s;
		O o;
		int rc = trade_order_by_id(k->d.db, k->t->a, k->s.id,
		    ROW(rows, O, i)->id, true, &o, e);

		if (rc == 1)
			continue;
		if (rc == -1 || (rc = one_order(k, &o, &s, e)) == -1)
			return -1;
		if (k->compare && rc == 0 &&
		    trade_look_order(k, &o, &s, e) == -1)
			return -1;
	}
	return 0;
}

/* The open ones, then late words about those that are over. */
static int
look(struct db *db, void *arg, struct err *e)
{
	struct trade_look *k = arg;
	struct rows open, recent;
	int rc;

	k->d.now = clock_now();
	k->changes = 0;
	k->found.n = 0;
	k->mine = arena_array(k->t->a, k->orders.n + 1, sizeof(bool));
	if ((rc = trade_session_lock(db, k->t->a, k->l->session_id, &k->s,
	    e)) != 0)
		return rc == 1 ? 0 : -1;
	if (trade_order_page(db, k->t->a, k->s.id, &standing,
	    (struct uuid){ { 0 } }, OPEN_MAX, &open, e) == -1 ||
	    each_order(k, &open, e) == -1 ||
	    trade_order_page(db, k->t->a, k->s.id, &any,
	    (struct uuid){ { 0 } }, RECENT_MAX, &recent, e) == -1)
		return -1;
	for (size_t i = 0, n = recent.n; i < n; i++)
		if (ROW(&recent, O, i)->has_open) {
			*ROW(&recent, O, i) = *ROW(&recent, O, n - 1);
			recent.n = --n;
			i--;
		}
	k->recent = true;
	rc = each_order(k, &recent, e);
	k->recent = false;
	if (rc == -1 || (k->compare && trade_look_rest(k, e) == -1))
		return -1;
	return trade_link_update(db, k->l, e);
}

/* When it is looked at next. */
static void
plan(struct trade_look *k)
{
	const struct trade_broker_conf *c = conf_get(k->t->env->conf,
	    &trade_broker_settings);

	k->l->due_at.us = k->from.us + (k->l->open > 0 ? c->poll_s :
	    c->check_s) * US_PER_S;
	k->l->updated_at = k->from;
	if (!k->compare)
		return;
	k->l->checked_at = k->from;
	k->l->check_at.us = k->from.us + c->check_s * US_PER_S;
}

/* The broker did not tell: said in the link, not an error of the loop. */
static int
not_told(struct trade_look *k, const struct err *f, struct err *e)
{
	struct utc now = clock_now();

	if (is(f->code, "broker_login") || is(f->code, "login_over"))
		return trade_link_lost(k->t->env->db, k->t->a, k->l, f, now,
		    e);
	if (f->status >= 500 && f->code != NULL && strncmp(f->code, "db_",
	    3) == 0) {
		*e = *f;
		return -1;
	}
	k->l->quiet_until.us = now.us + (f->retry_after_s > 0 ?
	    f->retry_after_s : 2) * US_PER_S;
	k->l->detail = arena_strndup(k->t->a, f->detail, strnlen(f->detail,
	    200));
	k->l->updated_at = now;
	return trade_link_update(k->t->env->db, k->l, e);
}

static int
run(struct trade_turn *t, struct trade_link *l, const char *cause,
    bool compare, struct err *e)
{
	struct trade_look k = { .t = t, .l = l, .cause = cause,
	    .compare = compare, .d = trade_turn_desk(t, l) };
	struct err f = { 0 };

	/* a position that was filled between two questions differs: twice is
	 * a difference */
	for (k.pass = 1; k.pass <= 2; k.pass++) {
		if (fetch(&k, &f) == -1)
			return not_told(&k, &f, e);
		l->detail = "";
		plan(&k);
		if (db_txn(t->env->db, t->a, look, &k, e) == -1)
			return -1;
		if (!compare || !k.again)
			break;
	}
	return 0;
}

/* ---- the loop's part -------------------------------------------------------------------- */

/* Sessions of orders that have left and whose answer is due to be asked. */
static int
due_orders(struct trade_turn *t, struct uuid **out, size_t *n, struct err *e)
{
	struct utc now = clock_now();
	struct rows rows;

	if (trade_order_to_ask(t->env->db, t->a, now, ASK_BATCH, &rows, e) ==
	    -1)
		return -1;
	*out = arena_array(t->a, rows.n + 1, sizeof(**out));
	for (size_t i = *n = 0; i < rows.n; i++) {
		const O *o = ROW(&rows, O, i);
		int64_t from = o->asked_at.us != 0 ? o->asked_at.us :
		    o->sent_at.us;

		if (from + trade_reconcile_pause(o->asks) * US_PER_S <=
		    now.us)
			(*out)[(*n)++] = o->session_id;
	}
	return 0;
}

static bool
listed(const struct uuid *v, size_t n, struct uuid id)
{
	for (size_t i = 0; i < n; i++)
		if (uuid_equal(v[i], id))
			return true;
	return false;
}

/* What the loop does with one session. */
static int
one_link(struct trade_turn *t, struct trade_link *l, bool asks,
    struct err *e)
{
	struct utc now = clock_now();

	if (!is(l->state, "ok") || !is(l->mode, "live") ||
	    l->quiet_until.us > now.us)
		return 0;
	if (l->checked_at.us < t->started.us)
		return run(t, l, l->checked_at.us == 0 ? "login" : "start",
		    true, e);
	if (l->check_at.us <= now.us)
		return run(t, l, "time", true, e);
	return asks || l->due_at.us <= now.us ? run(t, l, "look", false, e) :
	    0;
}

int
trade_reconcile_due(struct trade_turn *t, struct err *e)
{
	const struct trade_broker_conf *c = conf_get(t->env->conf,
	    &trade_broker_settings);
	struct uuid *asks;
	struct rows rows;
	size_t n;

	if (!c->live)
		return 0;
	if (due_orders(t, &asks, &n, e) == -1 ||
	    trade_link_active(t->env->db, t->a, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_link *l = ROW(&rows, struct trade_link, i);

		if (clock_boot_ns() >= t->until_boot_ns) {
			t->next_ms = 10;
			return 0;
		}
		if (one_link(t, l, listed(asks, n, l->session_id), e) == -1)
			return -1;
	}
	return 0;
}
