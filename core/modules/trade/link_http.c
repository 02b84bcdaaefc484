/*
 * Logging in at brokers over HTTP: a link for people, credentials for
 * programs, the way back, the end. A login at a real broker takes a person who
 * has just proved the password; the way back takes the very session that
 * began it. Secrets go in and never come out.
 */
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "http/ctx.h"
#include "modules/trade/conf.h"
#include "modules/trade/link.h"

#define BROKERS ONEOF("paper", "mcp", "kite", "alpaca")

/* What every login answers. */
struct login_out {
	const char *broker, *mode, *status, *login_url;
	struct list fields;		/* what POST wants */
	struct uuid session_id;
	const char *state, *account;
	struct utc expires_at;
};
#define O struct login_out
static const struct field out_fields[] = {
	FIELD(O, broker, .doc = "Broker"), FIELD(O, mode, .doc = "Mode"),
	FIELD(O, status, .doc = "open: a session is there; login: a person "
	    "logs in at login_url; credentials: POST them"),
	FIELD(O, login_url, .doc = "Where a person logs in"),
	FIELD(O, fields, .elem = FT_STR, .doc = "What the POST needs"),
	FIELD(O, session_id, .flags = FF_NULLABLE, .doc = "Session"),
	FIELD(O, state, .doc = "State of the session"),
	FIELD(O, account, .doc = "The broker's name for the account"),
	FIELD(O, expires_at, .flags = FF_NULLABLE,
	    .doc = "End of the login"), FIELD_END
};
#undef O
static const struct schema out_schema = {
	.name = "BrokerLogin", .doc = "How to get at a broker",
	.size = sizeof(struct login_out), .fields = out_fields
};

static const struct trade_broker_conf *
conf(struct ctx *c)
{
	return conf_get(c->env->conf, &trade_broker_settings);
}

static struct login_out
blank(const char *broker, const char *mode, const char *status)
{
	return (struct login_out){ .broker = broker, .mode = mode,
	    .status = status, .login_url = "", .state = "", .account = "" };
}

static struct login_out
of_link(const struct trade_link *l)
{
	struct login_out o = blank(l->broker, "live", strcmp(l->state,
	    "ok") == 0 ? "open" : l->state);

	o.session_id = l->session_id;
	o.state = l->session_state;
	o.account = l->account;
	o.expires_at = l->expires_at;
	return o;
}

/* ---- a link ---------------------------------------------------------------------------- */

struct link_in {
	const char *broker;
};
static const struct field link_in_fields[] = {
	FIELD(struct link_in, broker, .oneof = BROKERS, .def = "\"paper\"",
	    .doc = "Broker"), FIELD_END
};
static const struct schema link_in_schema = {
	.name = "BrokerLoginAsk", .doc = "Which broker",
	.size = sizeof(struct link_in), .fields = link_in_fields
};

static int
paper_link(struct ctx *c)
{
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);
	struct login_out o = blank("paper", "paper", "open");
	struct trade_session s;
	int rc = trade_session_mine(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, false, &s, &c->err);

	if (rc == 1) {
		if (!principal_may(&c->who, "trade:order"))
			return fail(c, 404, "not_found", "Session not "
			    "found");
		rc = trade_session_open(c->db, c->a, c->who.tenant_id,
		    c->who.user_id, (struct dec){ f->paper_cash * DEC_ONE },
		    "USD", c->now, &s, &c->err);
	}
	if (rc == -1)
		return fail_err(c);
	o.session_id = s.id;
	o.state = s.state;
	return reply(c, &o);
}

static void
want(struct ctx *c, struct login_out *o, const char *const *names)
{
	const char **v;

	while (names[o->fields.n] != NULL)
		o->fields.n++;
	v = arena_memdup(c->a, names, o->fields.n * sizeof(*v));
	o->fields.items = v;
}

static int
login_link(struct ctx *c, const void *in)
{
	const struct trade_broker *b = trade_broker_find(((const struct
	    link_in *)in)->broker);
	struct login_out o = blank(b->name, "live", "credentials");

	if (!b->live)
		return paper_link(c);
	if (!conf(c)->live)
		return fail(c, 403, "live_off", "Trading with real brokers "
		    "is switched off (trade.live)");
	if (!principal_may(&c->who, "trade:order"))
		return fail(c, 403, "forbidden", "Permission trade:order is "
		    "required");
	o.login_url = ctx_url(c, "/mcp/login");
	if (b->login == LOGIN_PASSWORD)
		want(c, &o, ONEOF("broker", "username", "password"));
	else if (b->login == LOGIN_KEYS)
		want(c, &o, ONEOF("broker", "key", "secret"));
	if (b->login != LOGIN_LINK)
		return reply(c, &o);
	/* what comes back is money: only a person who is there now */
	if (ctx_step_up(c) == -1 || trade_login_begin(c->db, c->a, &c->who,
	    b, conf(c), c->now, &o.login_url, &c->err) == -1)
		return fail_err(c);
	o.status = "login";
	return reply(c, &o);
}

/* ---- credentials ------------------------------------------------------------------------ */

struct enter_in {
	const char *broker, *username, *password, *key, *secret;
	const char *product, *variety, *currency;
	struct dec cash;
};
#define E struct enter_in
static const struct field enter_fields[] = {
	FIELD(E, broker, .flags = FF_NULLABLE, .oneof = BROKERS,
	    .doc = "Broker; left out: mcp with a username, else paper"),
	FIELD(E, username, .max = 200, .def = "\"\"", .doc = "mcp"),
	FIELD(E, password, .flags = FF_SECRET, .max = 200, .def = "\"\"",
	    .doc = "mcp: used once, never kept"),
	FIELD(E, key, .flags = FF_SECRET, .max = 200, .def = "\"\"",
	    .doc = "alpaca: key id"),
	FIELD(E, secret, .flags = FF_SECRET, .max = 200, .def = "\"\"",
	    .doc = "alpaca: secret key"),
	FIELD(E, product, .max = 16, .pattern = "^[A-Za-z]*$", .def = "\"\"",
	    .doc = "Product of orders that name none"),
	FIELD(E, variety, .oneof = ONEOF("", "regular", "amo", "co",
	    "iceberg", "auction"), .def = "\"\"",
	    .doc = "Variety of orders that name none"),
	FIELD(E, cash, .flags = FF_NULLABLE, .min = 0, .max = 1000000000,
	    .doc = "paper: cash to begin with; mcp: what the books begin "
	    "with, as such a broker does not tell"),
	FIELD(E, currency, .pattern = "^[A-Z]{3}$", .def = "\"USD\"",
	    .doc = "paper: currency"), FIELD_END
};
#undef E
static const struct schema enter_schema = {
	.name = "BrokerCredentials", .doc = "How to enter a broker",
	.size = sizeof(struct enter_in), .fields = enter_fields
};

static int
enter_paper(struct ctx *c, const struct enter_in *in)
{
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);
	struct login_out o = blank("paper", "paper", "open");
	struct trade_session s;

	if (trade_login_paper(c->env, c->a, &c->who, in->cash.e8 > 0 ?
	    in->cash : (struct dec){ f->paper_cash * DEC_ONE },
	    in->currency, c->now, &s, &c->err) == -1)
		return fail_err(c);
	o.session_id = s.id;
	o.state = s.state;
	ctx_target_id(c, "session", s.id);
	return reply(c, &o);
}

static int
login_enter(struct ctx *c, const void *in)
{
	const struct enter_in *i = in;
	const struct trade_broker *b = trade_broker_find(i->broker != NULL ?
	    i->broker : *i->username != '\0' ? "mcp" : "paper");
	const struct trade_secret s = { i->username, i->password, "", i->key,
	    i->secret, "" };
	const struct trade_link_terms terms = { i->product, i->variety, i->cash };
	struct trade_link l;
	struct login_out o;

	if (!b->live)
		return enter_paper(c, i);
	if (!conf(c)->live)
		return fail(c, 403, "live_off", "Trading with real brokers "
		    "is switched off (trade.live)");
	if (ctx_step_up(c) == -1)
		return fail_err(c);
	if (b->login == LOGIN_LINK)
		return fail(c, 422, "login_link", "A person logs in at this "
		    "broker: GET /mcp/login?broker=%s gives the address",
		    b->name);
	if (b->login == LOGIN_PASSWORD ? *i->username == '\0' ||
	    *i->password == '\0' : *i->key == '\0' || *i->secret == '\0')
		return fail(c, 400, "credentials", "The broker needs %s",
		    b->login == LOGIN_PASSWORD ? "username and password" :
		    "key and secret");
	if (trade_link_login(c->env, c->a, &c->who, b, &s, &terms, c->now,
	    &l, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "session", l.session_id);
	o = of_link(&l);
	return reply(c, &o);
}

/* ---- the way back ------------------------------------------------------------------------- */

struct back_in {
	const char *state, *request_token, *status, *action, *type;
};
#define B struct back_in
static const struct field back_fields[] = {
	FIELD(B, state, .flags = FF_REQUIRED, .min = 1, .max = 100,
	    .doc = "As the link had it"),
	FIELD(B, request_token, .flags = FF_REQUIRED, .min = 1, .max = 200,
	    .doc = "The broker's"),
	FIELD(B, status, .max = 40, .def = "\"success\"",
	    .doc = "The broker's word"),
	FIELD(B, action, .max = 40, .def = "\"\"", .doc = "login"),
	FIELD(B, type, .max = 40, .def = "\"\"", .doc = "login"), FIELD_END
};
#undef B
static const struct schema back_schema = {
	.name = "BrokerCallback", .doc = "A person comes back from a broker",
	.size = sizeof(struct back_in), .fields = back_fields
};

static int
login_back(struct ctx *c, const void *in)
{
	const struct back_in *i = in;
	struct trade_link l;
	struct login_out o;

	if (strcmp(i->status, "success") != 0)
		return fail(c, 401, "login_failed", "The broker says: "
		    "%.40s", i->status);
	if (trade_login_end(c->env, c->a, &c->who, i->state,
	    i->request_token, c->now, &l, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "session", l.session_id);
	o = of_link(&l);
	return reply(c, &o);
}

/* ---- the end of it, and what there is --------------------------------------------------- */

struct which_in {
	struct uuid session;
};
static const struct field which_fields[] = {
	FIELD(struct which_in, session, .flags = FF_REQUIRED,
	    .ref = "trade_session", .doc = "Live session"), FIELD_END
};
static const struct schema which_schema = {
	.name = "BrokerSessionWhich", .doc = "Which live session",
	.size = sizeof(struct which_in), .fields = which_fields
};

int
trade_link_own(struct ctx *c, struct uuid session, struct trade_link *l)
{
	int rc = trade_link_get(c->db, c->a, session, l, &c->err);

	if (rc == 0 && (!uuid_equal(l->tenant_id, c->who.tenant_id) ||
	    !uuid_equal(l->user_id, c->who.user_id)))
		rc = 1;
	return db_found(rc, "Session", &c->err);
}

static int
logout(struct ctx *c, const void *in)
{
	struct uuid id = ((const struct which_in *)in)->session;
	struct trade_link l;

	ctx_target_id(c, "session", id);
	if (trade_link_own(c, id, &l) == -1 || trade_link_logout(c->env, c->a, &l,
	    c->now, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

static int
link_list(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	if (trade_link_mine(c->db, c->a, c->who.tenant_id, c->who.user_id,
	    &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

#define SEED(path_) .aliases = ALIASES({ path_, "002", false })
const struct route trade_link_routes[] = {
	{ .id = "trade.login.link", .method = HTTP_GET,
	  .path = "/api/trade/login", SEED("/mcp/login"),
	  .summary = "How to get at a broker", .doc = "paper: the session, "
	  "opened when there is none. kite: an address at which a person logs "
	  "in; it is this login's own and lasts ten minutes. Others: what to "
	  "POST here.", .auth = AUTH_USER, .permission = "trade:read",
	  .in = &link_in_schema, .out = &out_schema, .ok = 200,
	  .errors = ERRORS(403, 404), .flags = R_TXN, .run = login_link },
	{ .id = "trade.login.enter", .method = HTTP_POST,
	  .path = "/api/trade/login", SEED("/mcp/login"),
	  .summary = "Log in at a broker, or open a paper session",
	  .doc = "A real broker takes trade.live and a password proved in "
	  "the last minutes. Keys and tokens are kept sealed, passwords not "
	  "at all.", .auth = AUTH_USER, .permission = "trade:order",
	  .in = &enter_schema, .out = &out_schema, .ok = 200,
	  .errors = ERRORS(400, 403, 409, 422, 502, 503), .flags = R_AUDIT,
	  .pool = POOL_SLOW, .natural_key = "one live session a broker",
	  .run = login_enter },
	{ .id = "trade.login.back", .method = HTTP_GET,
	  .path = "/api/trade/login/callback", SEED("/mcp/callback"),
	  .summary = "Back from a broker's login", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &back_schema,
	  .out = &out_schema, .ok = 200,
	  .errors = ERRORS(401, 409, 422, 502, 503), .flags = R_AUDIT,
	  .pool = POOL_SLOW, .run = login_back },
	{ .id = "trade.login.end", .method = HTTP_DELETE,
	  .path = "/api/trade/login", SEED("/mcp/session"),
	  .summary = "Log out of a broker", .doc = "The secret is forgotten "
	  "and the session is over; open orders forbid it.",
	  .auth = AUTH_USER, .permission = "trade:order",
	  .in = &which_schema, .ok = 204, .errors = ERRORS(404, 409),
	  .flags = R_AUDIT, .pool = POOL_SLOW, .run = logout },
	{ .id = "trade.link.list", .method = HTTP_GET,
	  .path = "/api/trade/links", .summary = "Own sessions with brokers",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .out = &trade_link_schema, .ok = 200, .flags = R_LIST,
	  .run = link_list },
	ROUTE_END
};
