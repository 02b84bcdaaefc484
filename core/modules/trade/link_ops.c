/*
 * Logging in at a broker and out again, and asking it for a person. The
 * broker is asked before the transaction begins, never inside one. Refuses to
 * open the way for anything but a live session with a live adapter, and a
 * state that is not the caller's own. Invariant: a password is never stored;
 * keys and tokens only sealed, bound to their session.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/platform/platform.h"
#include "modules/trade/link.h"
#include "schema/tree.h"

enum { STATE_BYTES = 32, LOGIN_S = 600, ACCOUNT_MAX = 60, DETAIL_MAX = 200 };
#define DAY_US (INT64_C(86400) * US_PER_S)

const struct event trade_link_events[] = {
	{ .name = "trade.link", .doc = "A login at a broker began or ended",
	  .payload = &trade_link_schema, .permission = "trade:read" },
	{ .name = "trade.difference", .doc = "We and a broker do not agree, "
	  "or do again", .payload = &trade_difference_schema,
	  .permission = "trade:read" },
	EVENT_END
};

static const char *
aad(struct arena *a, struct uuid session)
{
	return keyring_aad(a, "trade_link", "secret", session);
}

static int
tell(struct db *db, const struct trade_link *l, struct err *e)
{
	char id[UUID_TEXT];

	return event_publish(db, &trade_link_events[0], l->tenant_id,
	    uuid_format(l->session_id, id), l->updated_at.us, l, e);
}

/* ---- secrets ------------------------------------------------------------------------- */

static const char *
seal(struct env *env, struct arena *a, struct uuid session,
    const struct trade_secret *s)
{
	struct str j;

	str_init(&j, a);
	str_add(&j, "{\"key\":");
	str_json(&j, s->key);
	str_add(&j, ",\"secret\":");
	str_json(&j, s->secret);
	str_add(&j, ",\"token\":");
	str_json(&j, s->token);
	str_addc(&j, '}');
	return keyring_seal(env->keys, a, j.p, j.len, aad(a, session));
}

int
trade_link_open(struct env *env, struct arena *a, const struct trade_link *l,
    struct utc now, struct trade_access *x, struct err *e)
{
	const struct trade_broker *b = trade_broker_find(l->broker);
	const struct tree *t;
	struct blob text;

	if (b == NULL || !b->live || l->mode == NULL ||
	    strcmp(l->mode, "live") != 0)
		return err_set(e, 403, "paper_session", "A paper session "
		    "never reaches a broker");
	if (l->secret == NULL || strcmp(l->state, "ok") != 0)
		return err_set(e, 409, "login_over", "The login at the "
		    "broker has ended: log in again");
	if (keyring_open_value(env->keys, a, l->secret, aad(a,
	    l->session_id), &text, e) == -1 || tree_parse(a, text.p, text.n,
	    &t, e) == -1)
		return -1;
	*x = (struct trade_access){ .env = env, .a = a, .broker = b,
	    .mode = l->mode, .expires_at = l->expires_at, .now = now,
	    .secret = { .username = "", .password = "", .request_token = "",
		.key = trade_answer_text(a, t, "key"),
		.secret = trade_answer_text(a, t, "secret"),
		.token = trade_answer_text(a, t, "token") } };
	return 0;
}

/* ---- logging in ------------------------------------------------------------------------ */

struct enter {
	struct env *env;
	struct arena *a;
	const struct principal *by;
	const struct trade_broker *b;
	struct trade_secret secret;
	const struct trade_broker_answer *ans;
	const struct trade_broker_funds *funds;
	const struct trade_link_terms *terms;
	struct utc now;
	struct trade_link *out;
};

static int
new_session(struct db *db, const struct enter *n, struct trade_session *s,
    struct err *e)
{
	const struct dec cash = n->funds->cash.e8 != 0 ? n->funds->cash :
	    n->terms->cash;
	struct trade_cash c;

	*s = (struct trade_session){ .id = uuid_new(),
	    .tenant_id = n->by->tenant_id, .user_id = n->by->user_id,
	    .broker = n->b->name, .mode = "live", .state = "active",
	    .currency = strlen(n->funds->currency) == 3 ?
	    n->funds->currency : "USD", .start_cash = cash, .cash = cash,
	    .day = { n->now.us / DAY_US * DAY_US }, .day_equity = cash,
	    .entries = 1, .created_at = n->now, .updated_at = n->now,
	    .equity = cash };
	c = (struct trade_cash){ .session_id = s->id, .seq = 1,
	    .kind = "deposit", .amount = cash, .balance = cash,
	    .at = n->now };
	return trade_session_insert(db, s, e) == -1 ||
	    trade_cash_add(db, &c, e) == -1 ? -1 : 0;
}

static int
enter(struct db *db, void *arg, struct err *e)
{
	const struct enter *n = arg;
	struct trade_session s;
	struct trade_link l;
	int rc = trade_live_session(db, n->a, n->by->tenant_id,
	    n->by->user_id, n->b->name, &s, e);

	if (rc == -1 || (rc == 1 && new_session(db, n, &s, e) == -1))
		return -1;
	l = (struct trade_link){ .session_id = s.id,
	    .tenant_id = s.tenant_id, .user_id = s.user_id,
	    .broker = n->b->name, .account = arena_strndup(n->a,
	    n->ans->account, strnlen(n->ans->account, ACCOUNT_MAX)),
	    .secret = seal(n->env, n->a, s.id, &n->secret),
	    .product = n->terms->product,
	    .variety = n->terms->variety, .state = "ok",
	    .detail = "", .expires_at = n->ans->expires_at, .due_at = n->now,
	    .check_at = n->now, .created_at = n->now, .updated_at = n->now };
	if (trade_link_put(db, &l, e) == -1 ||
	    trade_link_get(db, n->a, s.id, n->out, e) != 0)
		return -1;
	trade_broker_ring(db);
	return tell(db, n->out, e);
}

int
trade_link_login(struct env *env, struct arena *a, const struct principal *by,
    const struct trade_broker *b, const struct trade_secret *given,
    const struct trade_link_terms *terms, struct utc now,
    struct trade_link *out, struct err *e)
{
	struct trade_access x = { .env = env, .a = a, .broker = b,
	    .mode = "live", .secret = *given, .now = now };
	struct trade_broker_answer ans, money;
	struct enter n = { .env = env, .a = a, .by = by, .b = b,
	    .secret = *given, .ans = &ans, .terms = terms, .now = now, .out = out };

	if (!b->live)
		return err_set(e, 422, "not_offered", "A paper session has "
		    "no login");
	if (trade_broker_ask(&x, BROKER_LOGIN, NULL, &ans, e) == -1) {
		/* nothing was ordered: the login was lost, that is all */
		return strcmp(e->code, "outcome_unknown") == 0 ? err_set(e,
		    502, "broker_error", "The broker gave no answer: try "
		    "again") : -1;
	}
	if (*ans.token != '\0')
		x.secret.token = n.secret.token = ans.token;
	n.funds = &ans.funds;
	if (b->login != LOGIN_KEYS && b->login != LOGIN_NONE) {
		x.expires_at = ans.expires_at;
		if (trade_broker_ask(&x, BROKER_FUNDS, NULL, &money, e) == -1)
			return -1;
		n.funds = &money.funds;
	}
	return db_txn(env->db, a, enter, &n, e);
}

/* ---- by a link ---------------------------------------------------------------------------- */

static struct blob
digest_of(struct arena *a, const char *state)
{
	uint8_t *d = arena_alloc(a, SHA256_LEN);

	crypto_sha256(state, strlen(state), d);
	return (struct blob){ d, SHA256_LEN };
}

int
trade_login_begin(struct db *db, struct arena *a, const struct principal *by,
    const struct trade_broker *b, const struct trade_broker_conf *c,
    struct utc now, const char **url, struct err *e)
{
	uint8_t raw[STATE_BYTES];
	struct trade_login g = { .tenant_id = by->tenant_id,
	    .user_id = by->user_id, .auth_session = by->session_id,
	    .broker = b->name, .created_at = now,
	    .expires_at = { now.us + LOGIN_S * US_PER_S } };
	const char *state;

	random_bytes(raw, sizeof(raw));
	state = base64_encode(a, raw, sizeof(raw), true);
	g.digest = digest_of(a, state);
	*url = trade_broker_login_url(b, c, a, state);
	return trade_login_add(db, &g, e);
}

struct take {
	struct arena *a;
	struct blob digest;
	struct utc now;
	struct trade_login g;
	int rc;
};

static int
take(struct db *db, void *arg, struct err *e)
{
	struct take *t = arg;

	t->rc = trade_login_take(db, t->a, t->digest, t->now, &t->g, e);
	return t->rc == -1 ? -1 : 0;
}

int
trade_login_end(struct env *env, struct arena *a, const struct principal *by,
    const char *state, const char *request_token, struct utc now,
    struct trade_link *out, struct err *e)
{
	struct take t = { .a = a, .digest = digest_of(a, state), .now = now };
	const struct trade_secret s = { "", "", request_token, "", "", "" };
	const struct trade_link_terms none = { "", "", { 0 } };

	if (db_txn(env->db, a, take, &t, e) == -1)
		return -1;
	if (t.rc == 1 || !uuid_equal(t.g.user_id, by->user_id) ||
	    !uuid_equal(t.g.tenant_id, by->tenant_id) ||
	    !uuid_equal(t.g.auth_session, by->session_id))
		return err_set(e, 401, "state", "This login was not begun "
		    "here, is used or too old: begin again");
	return trade_link_login(env, a, by, trade_broker_find(t.g.broker), &s,
	    &none, now, out, e);
}

/* ---- the end of it -------------------------------------------------------------------------- */

int
trade_link_flag(struct db *db, struct trade_link *l, const char *state,
    const char *detail, struct utc now, struct err *e)
{
	l->state = state;
	l->detail = detail;
	l->updated_at = now;
	return trade_link_update(db, l, e) == -1 ? -1 : tell(db, l, e);
}

struct flag {
	struct trade_link *l;
	const char *detail;
	struct utc now;
};

static int
flag(struct db *db, void *arg, struct err *e)
{
	const struct flag *f = arg;

	return trade_link_flag(db, f->l, "expired", f->detail, f->now, e);
}

int
trade_link_lost(struct db *db, struct arena *a, struct trade_link *l,
    const struct err *why, struct utc now, struct err *e)
{
	struct flag f = { l, arena_strndup(a, why->detail,
	    strnlen(why->detail, DETAIL_MAX)), now };

	return db_txn(db, a, flag, &f, e);
}

struct leave {
	struct arena *a;
	const struct trade_link *l;
	struct utc now;
};

static int
leave(struct db *db, void *arg, struct err *e)
{
	const struct leave *v = arg;
	struct trade_session s;
	struct trade_link l;

	if (db_found(trade_session_lock(db, v->a, v->l->session_id, &s, e),
	    "Session", e) == -1 || trade_link_get(db, v->a, s.id, &l, e) !=
	    0)
		return -1;
	if (l.open > 0)
		return err_set(e, 409, "open_orders", "%lld orders are open: "
		    "cancel them first", (long long)l.open);
	if (trade_link_close(db, s.id, v->now, e) == -1)
		return -1;
	l.state = "closed";
	l.updated_at = v->now;
	return tell(db, &l, e);
}

int
trade_link_logout(struct env *env, struct arena *a,
    const struct trade_link *l, struct utc now, struct err *e)
{
	struct leave v = { a, l, now };
	struct trade_access x;
	struct trade_broker_answer ans;
	struct err ignored = { 0 };
	bool open = trade_link_open(env, a, l, now, &x, &ignored) == 0;

	if (db_txn(env->db, a, leave, &v, e) == -1)
		return -1;
	/* told to the broker if it can be told; with us it is over */
	if (open)
		(void)trade_broker_ask(&x, BROKER_LOGOUT, NULL, &ans,
		    &ignored);
	return 0;
}

/* ---- small ones ------------------------------------------------------------------------------ */

struct paper {
	struct arena *a;
	const struct principal *by;
	struct dec cash;
	const char *currency;
	struct utc now;
	struct trade_session *out;
};

static int
paper(struct db *db, void *arg, struct err *e)
{
	const struct paper *p = arg;

	return trade_session_open(db, p->a, p->by->tenant_id, p->by->user_id,
	    p->cash, p->currency, p->now, p->out, e);
}

int
trade_login_paper(struct env *env, struct arena *a,
    const struct principal *by, struct dec cash, const char *currency,
    struct utc now, struct trade_session *s, struct err *e)
{
	struct paper p = { a, by, cash, currency, now, s };

	return db_txn(env->db, a, paper, &p, e);
}

struct hint {
	const struct rows *links;
	struct utc now;
};

static int
hint(struct db *db, void *arg, struct err *e)
{
	const struct hint *h = arg;

	for (size_t i = 0; i < h->links->n; i++)
		if (trade_link_due(db, ROW(h->links, struct trade_link,
		    i)->session_id, h->now, e) == -1)
			return -1;
	trade_broker_ring(db);
	return 0;
}

int
trade_link_hint_all(struct env *env, struct arena *a,
    const struct rows *links, struct utc now, struct err *e)
{
	struct hint h = { links, now };

	return db_txn(env->db, a, hint, &h, e);
}

/* ---- what a broker says, for people --------------------------------------------------------- */

static void
encode_list(const struct schema *s, const struct list *l, const char *name,
    struct str *out)
{
	str_addf(out, "\"%s\":[", name);
	for (size_t i = 0; i < l->n; i++) {
		if (i > 0)
			str_addc(out, ',');
		schema_encode(s, (const char *)l->items + i * s->size, out);
	}
	str_addc(out, ']');
}

static const char *
encode(struct arena *a, enum trade_verb v, const struct trade_broker_answer *ans)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '{');
	if (v == BROKER_FUNDS) {
		str_add(&s, "\"funds\":");
		schema_encode(&trade_broker_funds_schema, &ans->funds, &s);
	} else if (v == BROKER_ORDERS) {
		encode_list(&trade_broker_order_schema, &ans->orders,
		    "orders", &s);
	} else if (v == BROKER_TRADES) {
		encode_list(&trade_broker_trade_schema, &ans->trades,
		    "trades", &s);
	} else if (v == BROKER_HOLDINGS) {
		encode_list(&trade_broker_position_schema, &ans->positions,
		    "holdings", &s);
	} else {
		encode_list(&trade_broker_position_schema, &ans->positions,
		    "net", &s);
		str_addc(&s, ',');
		encode_list(&trade_broker_position_schema, &ans->day, "day",
		    &s);
	}
	str_addc(&s, '}');
	return s.p;
}

int
trade_link_ask(struct env *env, struct arena *a, const struct trade_link *l,
    enum trade_verb v, struct utc now, const char **json, struct utc *at,
    struct err *e)
{
	const struct utc since = { now.us - US_PER_S };
	struct trade_access x;
	struct trade_broker_answer ans;
	struct trade_link copy = *l;
	struct err ignored = { 0 };
	int rc = trade_answer_kept(env->db, a, l->session_id, trade_verbs[v],
	    since, json, at, e);

	if (rc != 1)
		return rc;
	if (trade_link_open(env, a, l, now, &x, e) == -1)
		return -1;
	if (trade_broker_ask(&x, v, NULL, &ans, e) == -1) {
		if (strcmp(e->code, "broker_login") == 0)
			(void)trade_link_lost(env->db, a, &copy, e, now,
			    &ignored);
		return -1;
	}
	*json = encode(a, v, &ans);
	*at = clock_now();
	return trade_answer_keep(env->db, l->session_id, trade_verbs[v],
	    *json, *at, e);
}

static int
one_position(struct arena *a, const struct tree *m, struct uuid session,
    struct utc at, struct trade_position *p, struct err *e)
{
	*p = (struct trade_position){ .session_id = session,
	    .symbol = trade_answer_text(a, m, "symbol"), .updated_at = at,
	    .last_at = at };
	return trade_answer_dec(m, "quantity", &p->quantity, e) == -1 ||
	    trade_answer_dec(m, "avg_price", &p->avg_price, e) == -1 ||
	    trade_answer_dec(m, "last", &p->last, e) == -1 ||
	    trade_answer_dec(m, "pnl", &p->unrealized, e) == -1 ? -1 : 0;
}

int
trade_link_positions(struct env *env, struct arena *a, struct uuid session,
    bool holdings, struct utc now, struct rows *out, struct err *e)
{
	struct trade_link l;
	const struct tree *j, *list;
	struct trade_position *p;
	const char *json, *name;
	struct utc at;

	if (db_found(trade_link_get(env->db, a, session, &l, e), "Session",
	    e) == -1 || trade_link_ask(env, a, &l, holdings ?
	    BROKER_HOLDINGS : BROKER_POSITIONS, now, &json, &at, e) == -1 ||
	    tree_parse(a, json, strlen(json), &j, e) == -1)
		return -1;
	list = tree_get(j, holdings ? "holdings" : "net");
	*out = (struct rows){ .n = tree_count(list),
	    .schema = &trade_position_schema };
	out->v = p = arena_array(a, out->n + 1, sizeof(*p));
	for (size_t i = 0; i < out->n; i++)
		if (one_position(a, tree_at(list, i, &name), session, at,
		    &p[i], e) == -1)
			return -1;
	return 0;
}
