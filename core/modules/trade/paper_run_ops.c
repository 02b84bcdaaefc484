/*
 * The paper market of a session at work: state in, inputs, effects reported
 * to the orders, state out, all in the transaction that holds the session's
 * row. Invariants: an effect is reported before the market goes on; what the
 * orders' rows say is open is what the market has; every input that changed
 * something is in the log.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/order_inner.h"
#include "modules/trade/paper_inner.h"
#include "modules/trade/paper_run.h"

#define O struct trade_order
#define RUN struct trade_paper_run
enum { MARK = 8, HASH = 32, LOOKED_CAP = 256 << 20, EVERY = 10000 };
static const int64_t day_us = INT64_C(86400) * US_PER_S;

/* ---- in ------------------------------------------------------------------------------ */

static void
hash_of(RUN *r, const char *kind, struct trade_paper_hash *h)
{
	uint8_t *sum = arena_alloc(r->d->a, HASH);
	struct str text;

	str_init(&text, r->d->a);
	trade_paper_write(&r->p, &text);
	trade_paper_hash(&r->p, sum);
	*h = (struct trade_paper_hash){ .session_id = r->s->id,
	    .seq = r->p.seq, .kind = kind, .hash = { sum, HASH },
	    .state = text.p, .at = { r->p.now_us } };
}

int
trade_paper_run_hash(RUN *r, const char *kind, struct err *e)
{
	struct trade_paper_hash h;

	hash_of(r, kind, &h);
	r->row.hashed_seq = r->p.seq;
	r->changed = true;
	return trade_paper_hash_add(r->d->db, &h, e);
}

static void
begin_fresh(RUN *r)
{
	struct trade_paper_terms t = r->d->paper_terms;
	uint64_t seed;

	if (t.every == 0)
		t = (struct trade_paper_terms){ .every = EVERY,
		    .fee_ppm = (int64_t)(r->d->fee * 1e6 + 0.5) };
	random_bytes(&seed, sizeof(seed));
	trade_paper_start(&r->p, r->d->a, &t, seed);
	r->p.now_us = r->d->now.us;
	r->fresh = true;
	r->row = (struct trade_paper_row){ .session_id = r->s->id,
	    .tenant_id = r->s->tenant_id };
	r->seen = (struct trade_order_sum){ -1, 0 };
}

static int
read_state(RUN *r, struct err *e)
{
	struct str text;

	str_init(&text, r->d->a);
	str_add(&text, r->row.head);
	for (size_t i = 0; i < r->lines.n; i++)
		str_add(&text, ROW(&r->lines, struct trade_paper_line,
		    i)->line);
	return trade_paper_read(&r->p, r->d->a, text.p) == 0 ? 0 :
	    err_set(e, 500, "paper_state", "The state of the paper market "
	    "cannot be read");
}

static void
drop(void *looked)
{
	arena_free(looked);
}

int
trade_paper_run_open(RUN *r, struct trade_desk *d, struct trade_session *s,
    struct err *e)
{
	struct rows row;

	*r = (RUN){ .d = d, .s = s, .looked = arena_new(LOOKED_CAP) };
	arena_defer(d->a, drop, r->looked);
	if (d->basis != NULL) {
		row = d->basis->row;
		r->lines = d->basis->lines;
	} else if (trade_paper_ask(d->db, d->a, s->id, &row, &r->lines,
	    e) == -1 || db_hear(d->db, e) == -1)
		return -1;
	if (row.n == 0) {
		begin_fresh(r);
		return 0;
	}
	r->row = *ROW(&row, struct trade_paper_row, 0);
	r->seen = (struct trade_order_sum){ r->row.seen_orders,
	    r->row.seen_versions };
	if (read_state(r, e) == -1)
		return -1;
	/* the last state of a day that is over */
	if (r->p.now_us / day_us < d->now.us / day_us &&
	    r->p.seq > r->row.hashed_seq)
		return trade_paper_run_hash(r, "day", e);
	return 0;
}

/* ---- out ----------------------------------------------------------------------------- */

static void
least(int64_t *to, int64_t us)
{
	if (us != 0 && (*to == 0 || us < *to))
		*to = us;
}

static int
keep_line(RUN *r, const struct trade_paper_resting *o, struct err *e)
{
	struct trade_paper_line l = { .session_id = r->s->id,
	    .order_id = o->id, .instrument_id = o->instrument };
	struct str text;

	least(&l.due_at.us, o->expires_us);
	/* what is late waits for news, not for time */
	if (o->place == PAPER_FLIGHT && o->from_us > r->p.now_us)
		least(&l.due_at.us, o->from_us);
	str_init(&text, r->d->a);
	trade_paper_write_order(o, &text);
	l.line = text.p;
	return trade_paper_line_put(r->d->db, &l, e);
}

static int
keep_lines(RUN *r, struct err *e)
{
	for (size_t i = 0; i < r->p.orders.n; i++)
		if (r->p.orders.v[i].dirty &&
		    keep_line(r, &r->p.orders.v[i], e) == -1)
			return -1;
	for (size_t i = 0; i < r->lines.n; i++) {
		struct uuid id = ROW(&r->lines, struct trade_paper_line,
		    i)->order_id;

		if (trade_paper_find(&r->p, id) == NULL &&
		    trade_paper_line_drop(r->d->db, r->s->id, id, e) == -1)
			return -1;
	}
	return 0;
}

static bool
nothing_changed(const RUN *r)
{
	if (r->changed)
		return false;
	for (size_t i = 0; i < r->p.orders.n; i++)
		if (r->p.orders.v[i].dirty)
			return false;
	for (size_t i = 0; i < r->p.depths.n; i++)
		if (r->p.depths.v[i].dirty)
			return false;
	return true;
}

static int
keep_all(RUN *r, struct err *e)
{
	struct str head;

	for (size_t i = 0; i < r->log.n; i++)
		if (trade_paper_log_add(r->d->db, &r->log.v[i], e) == -1)
			return -1;
	if (keep_lines(r, e) == -1 || (r->p.terms.every > 0 && r->p.seq -
	    r->row.hashed_seq >= r->p.terms.every &&
	    trade_paper_run_hash(r, "count", e) == -1))
		return -1;
	str_init(&head, r->d->a);
	trade_paper_write_head(&r->p, &head);
	r->row.head = head.p;
	r->row.spread_ppm = r->p.terms.spread_ppm;
	r->row.seq = r->p.seq;
	r->row.heard_at.us = r->p.now_us;
	r->row.seen_orders = r->seen.orders;
	r->row.seen_versions = r->seen.versions;
	return trade_session_fee_put(r->d->db, r->s, r->p.terms.fee_ppm, e) ==
	    -1 ? -1 : trade_paper_row_put(r->d->db, &r->row, e);
}

int
trade_paper_run_close(RUN *r, struct err *e)
{
	return nothing_changed(r) ? 0 : keep_all(r, e);
}

/* ---- inputs --------------------------------------------------------------------------- */

int
trade_paper_run_known(struct trade_desk *d, int64_t instrument,
    const char *kind, struct trade_paper_input *in, struct err *e)
{
	struct trade_sight k;
	int64_t age;

	if (d->basis != NULL && d->basis->sight.i.id == instrument)
		k = d->basis->sight;
	else if (trade_sight_any(d->db, d->a, instrument, &k, e) == -1)
		return -1;
	age = d->now.us - k.q.heard_at.us;
	*in = (struct trade_paper_input){ .kind = kind, .at = d->now,
	    .instrument_id = instrument, .bid = k.q.bid, .ask = k.q.ask,
	    .last = k.q.last, .flow = k.flow, .tick = k.i.tick,
	    .lot = k.i.lot, .market_at = k.q.at };
	in->held = k.q.last.e8 == 0 || (d->limits.quote_age_s > 0 &&
	    age > d->limits.quote_age_s * US_PER_S);
	return 0;
}

static size_t
note(RUN *r, const struct trade_paper_input *in)
{
	struct trade_paper_log *g = VEC_ADD(r->d->a, &r->log);
	struct str body;

	str_init(&body, r->d->a);
	schema_encode(&trade_paper_input_schema, in, &body);
	*g = (struct trade_paper_log){ .session_id = r->s->id,
	    .seq = in->seq, .parent = in->parent, .step = in->step,
	    .kind = in->kind, .instrument_id = in->instrument_id,
	    .market_at = in->market_at, .body = body.p, .at = in->at };
	return r->log.n - 1;
}

static void
sign(RUN *r, size_t i)
{
	r->log.v[i].mark = (struct blob){ arena_memdup(r->d->a, r->p.mark,
	    MARK), MARK };
}

/* For people. */
static const char *
reason(const char *why)
{
	static const char *const texts[][2] = {
		{ "no_depth", "not filled at once" },
		{ "post_only", "it would have been filled at once" },
		{ "self_trade", "it would have met an own order" }
	};

	for (size_t i = 0; why != NULL && i < 3; i++)
		if (strcmp(texts[i][0], why) == 0)
			return texts[i][1];
	return why;
}

/* The best price a trailing stop has seen, from where it stands. */
static struct dec
mark_of(const O *o, struct dec stop)
{
	int64_t far = o->trail_amount.e8;

	if (o->trail_ppm > 0)
		far = (int64_t)((paper_wide)stop.e8 * o->trail_ppm /
		    (1000000 + (trade_order_buys(o) ? o->trail_ppm :
		    -o->trail_ppm)));
	return (struct dec){ trade_order_buys(o) ? stop.e8 - far :
	    stop.e8 + far };
}

/* What is now in place of what was; NULL: nothing was. */
static void
saw(RUN *r, const O *was, const O *o)
{
	if (was != NULL && was->has_open) {
		r->seen.orders--;
		r->seen.versions -= was->version;
	}
	if (o->has_open) {
		r->seen.orders++;
		r->seen.versions += o->version;
	}
}

static int
report(RUN *r, const struct trade_paper_effect *f, struct err *e)
{
	static const enum trade_report_kind kinds[] = {
		[PAPER_TRIGGERED] = REPORT_TRIGGERED,
		[PAPER_FILL] = REPORT_FILL, [PAPER_ENDED] = REPORT_CANCELLED,
		[PAPER_EXPIRED] = REPORT_EXPIRED
	};
	struct trade_report t = { .kind = kinds[f->what],
	    .quantity = f->quantity, .price = f->price, .fee = f->fee,
	    .reason = reason(f->why), .at = { r->p.now_us } };
	O row, was, *o = r->own != NULL && uuid_equal(r->own->id,
	    f->order_id) ? r->own : &row;
	int rc;

	r->told = true;
	if (o == &row && db_found(trade_order_by_id(r->d->db, r->d->a,
	    r->s->id, f->order_id, true, o, e), "Order", e) == -1)
		return -1;
	was = *o;
	if (f->what == PAPER_TRAILED) {
		rc = trade_order_trail(r->d, r->s, o, mark_of(o, f->price),
		    f->price, e);
		saw(r, &was, o);
		return rc;
	}
	if (f->what == PAPER_FILL) {
		t.broker_fill_id = arena_printf(r->d->a, "paper-%lld",
		    (long long)f->number);
		t.liquidity = f->maker ? "maker" : "taker";
		t.market_at = r->market_at;
	} else {
		t.quantity.e8 = t.price.e8 = 0;
	}
	rc = trade_order_report(r->d, r->s, o, &t, e);
	saw(r, &was, o);
	return rc == -1 ? -1 : 0;
}

int
trade_paper_run_input(RUN *r, struct trade_paper_input *in, struct err *e)
{
	bool nested = r->p.work != NULL;
	struct trade_paper_effect f;
	size_t at;
	int rc = 0;

	trade_paper_begin(&r->p, in);
	at = note(r, in);
	if (!nested) {
		r->d->paper = r;
		r->market_at = in->market_at;
	}
	while (rc == 0 && !nested && trade_paper_step(&r->p, &f)) {
		r->changed = true;
		rc = report(r, &f, e);
		if (rc == 0 && (f.what == PAPER_FILL || f.what ==
		    PAPER_ENDED || f.what == PAPER_EXPIRED))
			rc = trade_paper_run_check(r, e);
	}
	if (!nested)
		r->d->paper = NULL;
	sign(r, at);
	return rc;
}

/* ---- in line with the orders ----------------------------------------------------------- */

static int64_t
ends(const O *o)
{
	if (strcmp(o->tif, "day") == 0)
		return (o->created_at.us / day_us + 1) * day_us;
	return strcmp(o->tif, "gtd") == 0 ? o->expires_at.us : 0;
}

static void
describe(const O *o, struct trade_paper_input *in)
{
	in->order_id = o->id;
	in->side = o->side;
	in->type = o->type;
	in->tif = o->tif;
	in->post_only = o->post_only;
	in->quantity = trade_order_leaves(o);
	in->limit_price = o->limit_price;
	in->stop_price = o->stop_price;
	in->trail = o->trail_amount;
	in->trail_ppm = o->trail_ppm;
	in->display = o->display;
	in->expires_at.us = ends(o);
}

static bool
differs(const O *o, const struct trade_paper_resting *m)
{
	bool limit = m->o.type == BOOK_LIMIT || m->o.type == BOOK_STOP_LIMIT;
	bool stop = (m->o.type == BOOK_STOP || m->o.type == BOOK_STOP_LIMIT) &&
	    !m->o.triggered;

	return trade_order_leaves(o).e8 != m->o.quantity ||
	    ends(o) != m->expires_us ||
	    (limit && o->limit_price.e8 != m->o.limit) ||
	    (stop && o->stop_price.e8 != m->o.stop);
}

/* An order that is to arrive, or to change. */
static int
bring(RUN *r, const O *o, const char *kind, struct err *e)
{
	struct trade_paper_input in;

	if (trade_paper_run_known(r->d, o->instrument_id, kind, &in, e) == -1)
		return -1;
	describe(o, &in);
	r->changed = true;
	if (r->p.work != NULL)
		*VEC_ADD(r->d->a, &r->wake) = o->instrument_id;
	return trade_paper_run_input(r, &in, e);
}

static int
take_away(RUN *r, struct uuid id, int64_t instrument, struct err *e)
{
	struct trade_paper_input in = { .kind = "cancel", .at = r->d->now,
	    .order_id = id, .instrument_id = instrument };

	r->changed = true;
	return trade_paper_run_input(r, &in, e);
}

static int
by_id(const void *x, const void *y)
{
	const O *p = x, *q = y;

	return memcmp(p->id.b, q->id.b, sizeof(p->id.b));
}

/* The first difference; each may lead to others. 1: nothing differs. */
static int
one_difference(RUN *r, struct rows *open, struct err *e)
{
	bool *known = arena_array(r->looked, open->n + 1, sizeof(*known));
	O *v = open->v, key;

	/* oldest first to the market */
	if (open->n > 1)
		qsort(v, open->n, sizeof(*v), by_id);
	for (size_t i = 0; i < r->p.orders.n; i++) {
		const struct trade_paper_resting *m = &r->p.orders.v[i];
		const O *o;

		if (m->place == PAPER_OVER)
			continue;
		key.id = m->id;
		o = open->n == 0 ? NULL : bsearch(&key, v, open->n, sizeof(*v),
		    by_id);
		if (o == NULL)
			return take_away(r, m->id, m->instrument, e);
		if (differs(o, m))
			return bring(r, o, "replace", e);
		known[o - v] = true;
	}
	for (size_t i = 0; i < open->n; i++)
		if (!known[i])
			return bring(r, &v[i], "submit", e);
	return 1;
}

int
trade_paper_run_sync(RUN *r, struct err *e)
{
	enum { ORDERS = 5000, MORE = 16 };
	const struct trade_order_filter filter = { .state = "", .symbol = "",
	    .side = "", .open = true };
	const struct uuid none = { { 0 } };
	struct rows open = { .n = 0 };
	int rc = 0;

	/* bounded: an order that could not be brought in is not tried for
	 * ever */
	for (size_t i = 0; i <= r->p.orders.n + open.n + MORE && rc == 0;
	    i++) {
		arena_reset(r->looked);
		if (trade_order_page(r->d->db, r->looked, r->s->id, &filter,
		    none, ORDERS, &open, e) == -1)
			return -1;
		rc = one_difference(r, &open, e);
	}
	return rc == -1 ? -1 : trade_order_sum_open(r->d->db, r->d->a,
	    r->s->id, &r->seen, e);
}

int
trade_paper_run_check(RUN *r, struct err *e)
{
	struct trade_order_sum now;

	if (r->d->basis != NULL && !r->told)
		now = r->d->basis->open;
	else if (trade_order_sum_open(r->d->db, r->d->a, r->s->id, &now, e) == -1)
		return -1;
	return now.orders == r->seen.orders && now.versions ==
	    r->seen.versions ? 0 : trade_paper_run_sync(r, e);
}

int
trade_paper_run_order(RUN *r, const O *o, const O *before, struct err *e)
{
	const struct trade_paper_resting *m = trade_paper_find(&r->p, o->id);
	int rc = 0;

	saw(r, before, o);
	if (m == NULL && o->has_open)
		rc = bring(r, o, "submit", e);
	else if (m != NULL && !o->has_open)
		rc = take_away(r, o->id, o->instrument_id, e);
	else if (m != NULL && differs(o, m))
		rc = bring(r, o, "replace", e);
	return rc == -1 ? -1 : trade_paper_run_check(r, e);
}

int
trade_paper_run_rest(RUN *r, struct err *e)
{
	for (size_t i = 0; i < r->wake.n && i < 1000; i++) {
		struct trade_paper_input in;

		if (trade_paper_run_known(r->d, r->wake.v[i], "wake", &in,
		    e) == -1 || trade_paper_run_input(r, &in, e) == -1)
			return -1;
	}
	return 0;
}

/* What only closes a position always may; the rest stands still while the
 * session or the stop switch does. */
int
trade_paper_run_freeze(RUN *r, int64_t instrument, struct err *e)
{
	for (size_t i = 0; i < r->p.orders.n; i++) {
		const struct trade_paper_resting *m = &r->p.orders.v[i];
		struct trade_paper_input in = { .at = r->d->now,
		    .order_id = m->id, .instrument_id = instrument };
		O o;
		int may;

		if (m->instrument != instrument || m->place == PAPER_OVER)
			continue;
		if (db_found(trade_order_by_id(r->d->db, r->d->a, r->s->id,
		    m->id, true, &o, e), "Order", e) == -1 || (may =
		    trade_order_may_fill(r->d, r->s, &o, e)) == -1)
			return -1;
		if (m->frozen == (may == 0))
			continue;
		in.kind = may == 0 ? "freeze" : "thaw";
		r->changed = true;
		if (trade_paper_run_input(r, &in, e) == -1)
			return -1;
	}
	return 0;
}

int
trade_paper_run_enter(struct trade_paper_run *r, struct trade_paper_visit *v,
    const struct trade_desk *d, struct uuid session, int64_t instrument,
    struct err *e)
{
	int rc = trade_session_lock(d->db, d->a, session, &v->session, e);

	if (rc != 0)
		return rc;
	v->desk = *d;
	v->desk.tenant = v->session.tenant_id;
	v->desk.user = v->session.user_id;
	v->desk.session = v->session.id;
	return trade_paper_run_open(r, &v->desk, &v->session, e) == -1 ||
	    trade_paper_run_sync(r, e) == -1 ||
	    trade_paper_run_freeze(r, instrument, e) == -1 ? -1 : 0;
}
