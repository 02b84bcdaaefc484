/*
 * Orders over HTTP: placing, changing, cancelling. A refused order is kept with
 * its reason, in a transaction of its own, although the request fails. The
 * name that makes an order once is the caller's client_order_id or, without
 * one, his Idempotency-Key; never the clock.
 */
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/number.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "http/ctx.h"
#include "modules/trade/conf.h"
#include "modules/trade/limit.h"
#include "modules/trade/papers.h"

#define O struct trade_order

struct place_in {
	const char *symbol, *exchange, *side, *type, *tif, *client_order_id;
	struct dec quantity, limit_price, stop_price, take_profit, stop_loss;
	struct dec trail_amount, display;
	int64_t trail_ppm;
	bool reduce_only, post_only, twice;
	struct utc expires_at;
	struct uuid session;
	const char *tag;
};
#define P(m, ...) FIELD(struct place_in, m, __VA_ARGS__)
#define PRICE(m, text) P(m, .min = 0, .max = 40000000, .def = "0", \
	.doc = text)
static const struct field place_fields[] = {
	P(symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, TRADE_SYMBOL,
	    .doc = "Symbol"),
	P(exchange, .max = 16, .def = "\"\"", .doc = "Exchange"),
	P(side, .flags = FF_REQUIRED, .oneof = ONEOF("buy", "sell"),
	    .doc = "buy or sell"),
	P(type, .oneof = ONEOF("market", "limit", "stop", "stop_limit",
	    "trailing_stop"), .def = "\"market\"", .doc = "Kind"),
	P(tif, .oneof = ONEOF("day", "gtc", "ioc", "fok", "gtd"),
	    .def = "\"day\"", .doc = "How long it stands"),
	P(client_order_id, .flags = FF_NULLABLE, .fmt = FMT_SLUG, .max = 64,
	    .doc = "Makes the order once, however often it is sent; a live "
	    "order needs one, or an Idempotency-Key"),
	P(quantity, .flags = FF_REQUIRED | FF_XMIN, .min = 0,
	    .max = 90000000000, .doc = "Units"),
	PRICE(limit_price, "Of limit and stop_limit"),
	PRICE(stop_price, "Of stop and stop_limit"),
	PRICE(take_profit, "Limit of an exit that each fill makes; 0: none"),
	PRICE(stop_loss, "Stop of an exit that each fill makes; 0: none"),
	PRICE(trail_amount, "Of trailing_stop: distance from the best "
	    "price"),
	P(trail_ppm, .min = 0, .max = 1000000, .def = "0",
	    .doc = "The same in millionths of the best price"),
	P(display, .min = 0, .max = 90000000000, .def = "0",
	    .doc = "Units of a limit that show; 0: all"),
	P(reduce_only, .def = "false",
	    .doc = "Refused if it would open or turn a position; shrinks "
	    "with the position"),
	P(post_only, .def = "false",
	    .doc = "Cancelled rather than filled at once"),
	P(twice, .def = "false", .doc = "A repeat within half a second is "
	    "meant"),
	P(expires_at, .flags = FF_NULLABLE, .doc = "End of gtd"),
	P(session, .flags = FF_NULLABLE,
	    .doc = "Account; the paper account when left out"),
	P(tag, .max = 100, .def = "\"\"", .doc = "Your note"), FIELD_END
};
static const struct schema place_schema = {
	.name = "OrderPlace", .doc = "An order to place",
	.size = sizeof(struct place_in), .fields = place_fields
};

struct trade_desk
trade_desk_of(struct ctx *c)
{
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);

	return trade_desk_make(f, c->db, c->a, c->who.tenant_id,
	    c->who.user_id, c->now);
}

/* The Idempotency-Key as a name; NULL without one. */
static const char *
key_name(struct ctx *c)
{
	const char *key = ctx_header(c, "Idempotency-Key");
	uint8_t sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	if (key == NULL || *key == '\0')
		return NULL;
	crypto_sha256(key, strlen(key), sum);
	return arena_printf(c->a, "ik-%.56s", hex_encode(sum, SHA256_LEN,
	    hex));
}

static O
order_of(struct trade_desk *d, const struct place_in *p, const char *key)
{
	O o = trade_order_new(d, p->client_order_id != NULL ?
	    p->client_order_id : key);
	bool trails = strcmp(p->type, "trailing_stop") == 0;

	d->session = p->session;
	d->twice = p->twice;
	o.symbol = p->symbol;
	o.side = p->side;
	o.type = p->type;
	o.tif = p->tif;
	o.quantity = p->quantity;
	if (strstr(p->type, "limit") != NULL)
		o.limit_price = p->limit_price;
	if (strncmp(p->type, "stop", 4) == 0)
		o.stop_price = p->stop_price;
	o.take_profit = p->take_profit;
	o.stop_loss = p->stop_loss;
	if (trails) {
		o.trail_amount = p->trail_amount;
		o.trail_ppm = p->trail_ppm;
	}
	o.display = p->display;
	o.reduce_only = p->reduce_only;
	o.post_only = p->post_only;
	o.expires_at = p->expires_at;
	o.tag = p->tag;
	return o;
}

/* ---- a refusal is kept ------------------------------------------------------------ */

struct denied {
	struct arena *a;
	O o;
	const char *code, *detail;
};

static int
keep_denied(struct db *db, void *arg, struct err *e)
{
	struct denied *k = arg;
	int rc = trade_order_deny(db, k->a, &k->o, k->code, k->detail, e);

	if (rc == -1 && e->status == 409) {
		err_clear(e);
		return 0;	/* kept by a request beside this one */
	}
	return rc;
}

static int
refused(struct ctx *c, const O *o)
{
	struct denied *k = arena_alloc(c->a, sizeof(*k));

	if (trade_order_deniable(o, &c->err)) {
		*k = (struct denied){ c->a, *o, c->err.code,
		    arena_strdup(c->a, c->err.detail) };
		ctx_keep(c, keep_denied, k);
	}
	return fail_err(c);
}

static int
keep_hit(struct db *db, void *arg, struct err *e)
{
	return trade_risk_hit_add(db, arg, e);
}

/* A change or a pair: no order of its own is kept, but the refusal is. */
static int
refused_change(struct ctx *c, const O *o)
{
	struct trade_risk_hit *h = arena_alloc(c->a, sizeof(*h));

	if (trade_order_deniable(o, &c->err)) {
		*h = (struct trade_risk_hit){ .id = uuid_new(),
		    .tenant_id = o->tenant_id, .session_id = o->session_id,
		    .order_id = o->state != NULL ? o->id :
		    (struct uuid){ { 0 } },
		    .client_order_id = o->client_order_id,
		    .symbol = o->symbol, .rule = c->err.code,
		    .detail = arena_strdup(c->a, c->err.detail),
		    .at = c->now };
		ctx_keep(c, keep_hit, h);
	}
	return fail_err(c);
}

/* ---- one order ---------------------------------------------------------------------- */

static int
order_create(struct ctx *c, const void *in)
{
	const struct place_in *p = in;
	struct trade_desk d = trade_desk_of(c);
	O o = order_of(&d, p, key_name(c));
	int rc = trade_order_place(&d, &o, p->exchange, &c->err);

	if (rc == -1)
		return refused(c, &o);
	if (rc == 1 && strcmp(o.state, "denied") == 0)
		return fail(c, 422, "denied", "%s (%s)", o.reject_detail,
		    o.reject_code);
	ctx_target_id(c, "order", o.id);
	return rc == 1 ? reply_as(c, 200, &trade_order_schema, &o) :
	    reply(c, &o);
}

#define PV(m, ...) FIELD(struct trade_preview, m, __VA_ARGS__)
static const struct field preview_fields[] = {
	PV(accepted, .doc = "It would be taken now"),
	PV(code, .doc = "First check that would refuse it"),
	PV(detail, .doc = "Why"),
	PV(reserve, .doc = "Cash it would hold"),
	PV(fee, .doc = "Fee if it fills at the price"),
	PV(price, .doc = "Price it is weighed at"),
	PV(available, .doc = "Cash that nothing binds"),
	PV(rulings, .sub = &trade_ruling_schema,
	    .doc = "What each check says by itself"), FIELD_END
};
const struct schema trade_preview_schema = {
	.name = "OrderPreview", .doc = "What would happen to an order",
	.size = sizeof(struct trade_preview), .fields = preview_fields
};

static int
order_preview(struct ctx *c, const void *in)
{
	const struct place_in *p = in;
	struct trade_desk d = trade_desk_of(c);
	O o = order_of(&d, p, "preview");
	struct trade_preview out;

	return trade_order_preview(&d, &o, p->exchange, &out, &c->err) == -1 ?
	    fail_err(c) : reply(c, &out);
}

struct change_in {
	struct uuid id, session;
	struct dec quantity, limit_price, stop_price;
};
#define C(m, ...) FIELD(struct change_in, m, __VA_ARGS__)
static const struct field change_fields[] = {
	C(id, .flags = FF_REQUIRED, .doc = "Order"),
	C(session, .flags = FF_NULLABLE,
	    .doc = "Account; the paper account when left out"),
	C(quantity, .min = 0, .max = 90000000000, .def = "0",
	    .doc = "Units, with those that are filled; 0: as it is"),
	C(limit_price, .min = 0, .max = 40000000, .def = "0",
	    .doc = "0: as it is"),
	C(stop_price, .min = 0, .max = 40000000, .def = "0",
	    .doc = "0: as it is"), FIELD_END
};
static const struct schema change_schema = {
	.name = "OrderChange", .doc = "Other terms of an order",
	.size = sizeof(struct change_in), .fields = change_fields
};

static int
order_replace(struct ctx *c, const void *in)
{
	const struct change_in *i = in;
	const struct trade_terms t = { i->quantity, i->limit_price,
	    i->stop_price };
	struct trade_desk d = trade_desk_of(c);
	O o = { .instrument_id = 0 };

	ctx_target_id(c, "order", i->id);
	d.session = i->session;
	if (t.quantity.e8 == 0 && t.limit_price.e8 == 0 &&
	    t.stop_price.e8 == 0)
		return fail(c, 422, "terms", "Nothing would change");
	return trade_order_replace(&d, i->id, &t, &o, &c->err) == -1 ?
	    refused_change(c, &o) : reply(c, &o);
}

#define W struct trade_order_which
static const struct field which_fields[] = {
	FIELD(W, id, .flags = FF_REQUIRED, .doc = "Order"),
	FIELD(W, session, .flags = FF_NULLABLE,
	    .doc = "Account; the paper account when left out"), FIELD_END
};
const struct schema trade_order_which_schema = {
	.name = "OrderWhich", .doc = "Which order",
	.size = sizeof(W), .fields = which_fields
};
#undef W

static int
order_cancel(struct ctx *c, const void *in)
{
	const struct trade_order_which *i = in;
	struct trade_desk d = trade_desk_of(c);
	O o;

	ctx_target_id(c, "order", i->id);
	d.session = i->session;
	return trade_order_cancel(&d, i->id, "by its owner", &o, &c->err) ==
	    -1 ? fail_err(c) : reply(c, &o);
}

/* ---- several ------------------------------------------------------------------------ */

struct basket_in {
	struct list orders;
	bool atomic;
};
static const struct field basket_fields[] = {
	FIELD(struct basket_in, orders, .flags = FF_REQUIRED, .min = 1,
	    .max = 100, .sub = &place_schema, .doc = "Orders, placed in this "
	    "order"),
	FIELD(struct basket_in, atomic, .def = "false",
	    .doc = "All of them, or none when one is refused"), FIELD_END
};
static const struct schema basket_schema = {
	.name = "OrderBasket", .doc = "Several orders at once",
	.size = sizeof(struct basket_in), .fields = basket_fields
};

struct placed {
	bool placed;
	const char *client_order_id, *code, *detail;
	const void *order;		/* as it is kept, also when refused */
};
static const struct field placed_fields[] = {
	FIELD(struct placed, placed, .doc = "It was taken, now or before"),
	FIELD(struct placed, client_order_id, .flags = FF_NULLABLE,
	    .doc = "Its name"),
	FIELD(struct placed, code, .doc = "Why not"),
	FIELD(struct placed, detail, .doc = "The same for people"),
	FIELD(struct placed, order, .flags = FF_NULLABLE,
	    .sub = &trade_order_schema, .doc = "The order"), FIELD_END
};
static const struct schema placed_schema = {
	.name = "OrderPlaced", .doc = "What became of one order of a basket",
	.size = sizeof(struct placed), .fields = placed_fields
};
struct basket_out {
	int64_t placed, refused;
	struct list results;
};
static const struct field basket_out_fields[] = {
	FIELD(struct basket_out, placed, .doc = "Taken"),
	FIELD(struct basket_out, refused, .doc = "Refused"),
	FIELD(struct basket_out, results, .sub = &placed_schema,
	    .doc = "One result for each, in the same order"), FIELD_END
};
static const struct schema basket_out_schema = {
	.name = "OrderBasketResult", .doc = "What became of a basket",
	.size = sizeof(struct basket_out), .fields = basket_out_fields
};

struct basket {
	struct ctx *c;
	const struct place_in *in;
	size_t n, at;			/* which is being placed */
	struct placed *out;
	O *o;
	bool atomic;
	struct basket_out sum;
};

static int
place_one(struct db *db, void *arg, struct err *e)
{
	struct basket *b = arg;
	struct trade_desk d = trade_desk_of(b->c);
	const struct place_in *p = &b->in[b->at];
	O *o = &b->o[b->at];
	int rc;

	(void)db;
	*o = order_of(&d, p, NULL);
	rc = trade_order_place(&d, o, p->exchange, e);
	if (rc == 1 && strcmp(o->state, "denied") == 0)
		return err_set(e, 422, "denied", "%s (%s)", o->reject_detail,
		    o->reject_code);
	if (rc == -1)
		return -1;
	b->out[b->at] = (struct placed){ .placed = true, .code = "",
	    .detail = "", .client_order_id = o->client_order_id,
	    .order = o };
	return 0;
}

/* Written down, kept as a denied order; -1 when it is no refusal. */
static int
note_refusal(struct basket *b, struct err *e)
{
	O *o = &b->o[b->at];
	struct err why = *e;
	struct placed *out = &b->out[b->at];

	if (e->status >= 500)
		return -1;
	err_clear(e);
	*out = (struct placed){ .code = why.code,
	    .detail = arena_strdup(b->c->a, why.detail),
	    .client_order_id = o->client_order_id };
	if (o->state != NULL && strcmp(o->state, "denied") == 0) {
		out->order = o;		/* it was refused before */
		return 0;
	}
	if (!trade_order_deniable(o, &why))
		return 0;
	if (trade_order_deny(b->c->db, b->c->a, o, out->code, out->detail,
	    e) == -1)
		return -1;
	out->order = o;
	return 0;
}

static int
place_all(struct db *db, void *arg, struct err *e)
{
	struct basket *b = arg;

	for (b->at = 0; b->at < b->n; b->at++)
		if (b->atomic ? place_one(db, b, e) == -1 :
		    db_savepoint(db, place_one, b, e) == -1 &&
		    note_refusal(b, e) == -1)
			return -1;
	return 0;
}

static int
order_basket(struct ctx *c, const void *in)
{
	const struct basket_in *i = in;
	struct basket b = { .c = c, .in = i->orders.items,
	    .n = i->orders.n, .atomic = i->atomic };
	struct err *e = &c->err;

	b.out = arena_array(c->a, b.n, sizeof(*b.out));
	b.o = arena_array(c->a, b.n, sizeof(*b.o));
	if ((b.atomic ? db_savepoint(c->db, place_all, &b, e) :
	    place_all(c->db, &b, e)) == -1) {
		size_t bad = b.at;

		if (!b.atomic || note_refusal(&b, e) == -1)
			return fail_err(c);
		for (size_t k = 0; k < b.n; k++)
			if (k != bad)
				b.out[k] = (struct placed){ .code =
				    "not_placed", .detail = "Another of the "
				    "basket was refused", .client_order_id =
				    b.in[k].client_order_id };
	}
	for (size_t k = 0; k < b.n; k++)
		b.out[k].placed ? b.sum.placed++ : b.sum.refused++;
	b.sum.results = (struct list){ b.out, b.n };
	return reply(c, &b.sum);
}

struct pair_in {
	const void *first, *second;
};
static const struct field pair_fields[] = {
	FIELD(struct pair_in, first, .flags = FF_REQUIRED,
	    .sub = &place_schema, .doc = "A limit or a stop"),
	FIELD(struct pair_in, second, .flags = FF_REQUIRED,
	    .sub = &place_schema, .doc = "The other kind, of the same "
	    "symbol, side and quantity"), FIELD_END
};
static const struct schema pair_schema = {
	.name = "OrderPair", .doc = "Two exits of which one cancels the "
	"other", .size = sizeof(struct pair_in), .fields = pair_fields
};

static int
order_pair(struct ctx *c, const void *in)
{
	const struct pair_in *i = in;
	const struct place_in *p = i->first;
	struct trade_desk d = trade_desk_of(c);
	struct placed out[2];
	struct basket_out sum = { .placed = 2, .results = { out, 2 } };
	O o[2] = { order_of(&d, p, key_name(c)),
	    order_of(&d, i->second, NULL) };

	int rc;

	d.session = p->session;
	rc = trade_order_pair(&d, &o[0], &o[1], p->exchange, &c->err);
	if (rc == -1)
		return refused_change(c, o[1].instrument_id != 0 ? &o[1] :
		    &o[0]);
	for (int k = 0; k < 2; k++)
		out[k] = (struct placed){ .placed = true, .code = "",
		    .detail = "", .client_order_id = o[k].client_order_id,
		    .order = &o[k] };
	ctx_target_id(c, "order", o[0].id);
	return rc == 1 ? reply_as(c, 200, &basket_out_schema, &sum) :
	    reply(c, &sum);
}

#define SEED(path_) .aliases = ALIASES({ path_, "002", false })
const struct route trade_order_routes[] = {
	{ .id = "trade.order.create", .method = HTTP_POST,
	  .path = "/api/trade/orders", SEED("/mcp/orders"),
	  .summary = "Place an order", .doc = "Judged by every check before "
	  "anything happens; a refusal is 422 with the check's code and kept "
	  "as a denied order. The same client_order_id again answers 200 with "
	  "the same order.", .auth = AUTH_USER, .permission = "trade:order",
	  .in = &place_schema, .out = &trade_order_schema, .ok = 201,
	  .errors = ERRORS(200, 404, 409, 422),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = order_create },
	{ .id = "trade.order.preview", .method = HTTP_POST,
	  .path = "/api/trade/orders/preview", SEED("/mcp/orders/preview"),
	  .summary = "What would happen to an order", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &place_schema,
	  .out = &trade_preview_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN, .run = order_preview },
	{ .id = "trade.order.basket", .method = HTTP_POST,
	  .path = "/api/trade/orders/basket", SEED("/mcp/orders/basket"),
	  .summary = "Place several orders", .doc = "Each has its own result; "
	  "with atomic all are placed or none.", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &basket_schema,
	  .out = &basket_out_schema, .ok = 200, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = order_basket },
	{ .id = "trade.order.pair", .method = HTTP_POST,
	  .path = "/api/trade/orders/pair", SEED("/mcp/orders/oco"),
	  .summary = "Place two exits of which one cancels the other",
	  .doc = "A limit and a stop that both close the same units: what one "
	  "fills, the other has less.", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &pair_schema,
	  .out = &basket_out_schema, .ok = 201,
	  .errors = ERRORS(200, 404, 409),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = order_pair },
	{ .id = "trade.order.replace", .method = HTTP_PUT,
	  .path = "/api/trade/orders/{id:uuid}",
	  SEED("/mcp/orders/{id:uuid}"), .summary = "Change an order",
	  .doc = "Judged by every check again; on paper at once, live when "
	  "the broker says so.", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &change_schema,
	  .out = &trade_order_schema, .ok = 200, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT, .run = order_replace },
	{ .id = "trade.order.cancel", .method = HTTP_DELETE,
	  .path = "/api/trade/orders/{id:uuid}",
	  SEED("/mcp/orders/{id:uuid}"), .summary = "Cancel an order",
	  .doc = "The exits of an entry stay: they protect what was bought. "
	  "Of a pair both go.", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &trade_order_which_schema,
	  .out = &trade_order_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = order_cancel },
	ROUTE_END
};
