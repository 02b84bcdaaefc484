/*
 * Rows of links, of logins under way and of kept answers. All SQL on
 * trade_link, trade_login and trade_broker_answer is here.
 */
#include <string.h>

#include "base/err.h"
#include "modules/trade/link.h"

#define L struct trade_link
#define LINK_FIELDS \
	FIELD(L, session_id, .doc = "Session"), \
	FIELD(L, tenant_id, .flags = FF_HIDDEN), \
	FIELD(L, user_id, .doc = "Whose it is"), \
	FIELD(L, broker, .doc = "Broker"), \
	FIELD(L, account, .doc = "The broker's name for the account"), \
	FIELD(L, secret, .flags = FF_NULLABLE | FF_HIDDEN, \
	    .doc = "Sealed"), \
	FIELD(L, product, .doc = "Product of orders that name none"), \
	FIELD(L, variety, .doc = "Variety of orders that name none"), \
	FIELD(L, state, .oneof = ONEOF("ok", "expired", "refused", \
	    "closed"), .doc = "Whether the login counts"), \
	FIELD(L, detail, .doc = "What the broker said"), \
	FIELD(L, reduced, .doc = "Only reducing orders until a difference " \
	    "is closed"), \
	FIELD(L, expires_at, .flags = FF_NULLABLE, \
	    .doc = "End of the login"), \
	FIELD(L, due_at, .doc = "Orders are asked for then"), \
	FIELD(L, check_at, .doc = "Next comparison"), \
	FIELD(L, checked_at, .flags = FF_NULLABLE, \
	    .doc = "Last comparison"), \
	FIELD(L, quiet_until, .flags = FF_NULLABLE, \
	    .doc = "The broker asked for silence until then"), \
	FIELD(L, created_at, .doc = "First login"), \
	FIELD(L, updated_at, .doc = "Last change")
static const struct field row_fields[] = { LINK_FIELDS, FIELD_END };
static const struct schema row_schema = {
	.name = "BrokerLinkRow", .doc = "A link as it is stored",
	.size = sizeof(L), .fields = row_fields
};
static const struct field link_fields[] = {
	LINK_FIELDS,
	FIELD(L, mode, .doc = "Of the session"),
	FIELD(L, session_state, .doc = "Of the session"),
	FIELD(L, open, .doc = "Open orders"), FIELD_END
};
const struct schema trade_link_schema = {
	.name = "BrokerLink", .doc = "How a session enters its broker",
	.size = sizeof(L), .fields = link_fields
};
#define LINK "session_id, tenant_id, user_id, broker, account, secret, " \
	"product, variety, state, detail, reduced, expires_at, due_at, " \
	"check_at, checked_at, quiet_until, created_at, updated_at"
#define JOINED "SELECT l.session_id, l.tenant_id, l.user_id, l.broker, " \
	"l.account, l.secret, l.product, l.variety, l.state, l.detail, " \
	"l.reduced, l.expires_at, l.due_at, l.check_at, l.checked_at, " \
	"l.quiet_until, l.created_at, l.updated_at, s.mode, s.state AS " \
	"session_state, (SELECT COUNT(*) FROM trade_order o WHERE " \
	"o.session_id = s.id AND o.open = 1) AS open FROM trade_link l JOIN " \
	"trade_session s ON s.id = l.session_id WHERE "

#define G struct trade_login
static const struct field login_fields[] = {
	FIELD(G, digest), FIELD(G, tenant_id), FIELD(G, user_id),
	FIELD(G, auth_session), FIELD(G, broker), FIELD(G, created_at),
	FIELD(G, expires_at), FIELD_END
};
static const struct schema login_schema = {
	.name = "BrokerLogin", .doc = "A login under way",
	.size = sizeof(G), .fields = login_fields
};

struct kept {
	const char *body;
	struct utc heard_at;
};
static const struct field kept_fields[] = {
	FIELD(struct kept, body), FIELD(struct kept, heard_at), FIELD_END
};
static const struct schema kept_schema = {
	.name = "BrokerAnswer", .doc = "An answer that was kept",
	.size = sizeof(struct kept), .fields = kept_fields
};

struct key {
	struct uuid id;
};
static const struct field key_fields[] = { FIELD(struct key, id), FIELD_END };
static const struct schema key_schema = {
	.name = "LiveSessionKey", .doc = "A session's id",
	.size = sizeof(struct key), .fields = key_fields
};

static const struct query LINK_PUT = { "trade_link.put",
	"INSERT INTO trade_link (" LINK ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE account = "
	"VALUE(account), secret = VALUE(secret), product = IF(VALUE(product) "
	"= '', product, VALUE(product)), variety = IF(VALUE(variety) = '', "
	"variety, VALUE(variety)), state = VALUE(state), detail = "
	"VALUE(detail), expires_at = VALUE(expires_at), due_at = "
	"VALUE(due_at), check_at = VALUE(check_at), updated_at = "
	"VALUE(updated_at)", NULL };
static const struct query LINK_GET = { "trade_link.get",
	JOINED "l.session_id = ? LIMIT 1", &trade_link_schema };
static const struct query LINK_MINE = { "trade_link.mine",
	JOINED "l.tenant_id = ? AND l.user_id = ? ORDER BY l.session_id DESC "
	"LIMIT 100", &trade_link_schema };
static const struct query LINK_ACTIVE = { "trade_link.active",
	JOINED "l.state <> 'closed' ORDER BY l.session_id LIMIT 5000",
	&trade_link_schema };
static const struct query LINK_ACCOUNT = { "trade_link.by_account",
	JOINED "l.state <> 'closed' AND l.broker = ? AND l.account = ? LIMIT "
	"100", &trade_link_schema };
static const struct query LINK_UPDATE = { "trade_link.update",
	"UPDATE trade_link SET state = IF(state = 'closed', state, ?), detail "
	"= ?, reduced = ?, due_at = ?, check_at = ?, checked_at = ?, "
	"quiet_until = ?, updated_at = ? WHERE session_id = ?", NULL };
static const struct query LINK_HINT = { "trade_link.hint",
	"UPDATE trade_link SET due_at = ?, check_at = ? WHERE session_id = ?",
	NULL };
static const struct query LINK_DUE = { "trade_link.due",
	"UPDATE trade_link SET due_at = ? WHERE session_id = ?", NULL };
static const struct query LINK_CLOSE = { "trade_link.close",
	"UPDATE trade_link SET secret = NULL, state = 'closed', updated_at = "
	"? WHERE session_id = ?", NULL };
static const struct query SESSION_CLOSE = { "trade_link.close_session",
	"UPDATE trade_session SET state = 'closed', live = NULL, updated_at "
	"= ? WHERE id = ? AND mode = 'live'", NULL };
static const struct query LOGIN_ADD = { "trade_login.add",
	"INSERT INTO trade_login (digest, tenant_id, user_id, auth_session, "
	"broker, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
	NULL };
static const struct query LOGIN_GET = { "trade_login.get",
	"SELECT digest, tenant_id, user_id, auth_session, broker, created_at, "
	"expires_at FROM trade_login WHERE digest = ? AND expires_at > ? "
	"LIMIT 1 FOR UPDATE", &login_schema };
static const struct query LOGIN_DROP = { "trade_login.drop",
	"DELETE FROM trade_login WHERE digest = ?", NULL };
static const struct query LIVE_SESSION = { "trade_link.live_session",
	"SELECT id FROM trade_session WHERE tenant_id = ? AND user_id = ? "
	"AND broker = ? AND mode = 'live' AND live = 1 LIMIT 1",
	&key_schema };
static const struct query ANSWER_GET = { "trade_broker_answer.get",
	"SELECT body, heard_at FROM trade_broker_answer WHERE session_id = ? "
	"AND verb = ? AND heard_at > ? LIMIT 1", &kept_schema };
static const struct query ANSWER_PUT = { "trade_broker_answer.put",
	"INSERT INTO trade_broker_answer (session_id, verb, body, heard_at) "
	"VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE body = VALUE(body), "
	"heard_at = VALUE(heard_at)", NULL };

const struct metric trade_orders_unknown = { "trade_orders_unknown",
	"Live orders without an outcome for ten minutes", METRIC_GAUGE,
	{ NULL, NULL } };
const struct query trade_orders_unknown_count = { "trade_link.orders_unknown",
	"SELECT CAST(COUNT(*) AS DOUBLE) AS value FROM trade_order WHERE open "
	"= 1 AND state IN ('submitting', 'unknown') AND mode = 'live' AND "
	"sent_at < UTC_TIMESTAMP(6) - INTERVAL 600 SECOND",
	&gauge_value_schema };
const struct query *const trade_link_queries[] = {
	&LINK_PUT, &LINK_GET, &LINK_MINE, &LINK_ACTIVE, &LINK_ACCOUNT,
	&LINK_UPDATE, &LINK_HINT, &LINK_DUE, &LINK_CLOSE, &SESSION_CLOSE, &LOGIN_ADD,
	&LOGIN_GET, &LOGIN_DROP, &LIVE_SESSION, &ANSWER_GET, &ANSWER_PUT,
	&trade_orders_unknown_count, NULL
};

const struct table trade_link_tables[] = {
	{ .name = "trade_link", .row = &row_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL,
	  .sealed = ONEOF("secret") },
	{ .name = "trade_login", .row = &login_schema,
	  .tenant_column = "tenant_id", .retention_days = 1,
	  .retention_column = "expires_at", .snapshot = SNAP_NEVER },
	{ .name = "trade_broker_answer", .retention_days = 1,
	  .retention_column = "heard_at", .snapshot = SNAP_NEVER,
	  .sql_only = ONEOF("session_id", "verb", "body", "heard_at") },
	{ .name = "user_tokens", .snapshot = SNAP_NEVER },	/* a view */
	{ .name = NULL }
};

/* ---- links ------------------------------------------------------------------------- */

int
trade_link_put(struct db *db, const L *l, struct err *e)
{
	return db_exec(db, &LINK_PUT, ARGS(V(l->session_id), V(l->tenant_id),
	    V(l->user_id), V(l->broker), V(l->account), V(l->secret),
	    V(l->product), V(l->variety), V(l->state), V(l->detail),
	    V(l->reduced), V(l->expires_at), V(l->due_at),
	    V(l->check_at), V(l->checked_at), V(l->quiet_until),
	    V(l->created_at), V(l->updated_at)), NULL, e);
}

int
trade_link_get(struct db *db, struct arena *a, struct uuid session, L *out,
    struct err *e)
{
	return db_one(db, a, &LINK_GET, ARGS(V(session)), out, e);
}

int
trade_link_mine(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid user, struct rows *out, struct err *e)
{
	return db_all(db, a, &LINK_MINE, ARGS(V(tenant), V(user)), out, e);
}

int
trade_link_active(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &LINK_ACTIVE, NULL, 0, out, e);
}

int
trade_link_by_account(struct db *db, struct arena *a, const char *broker,
    const char *account, struct rows *out, struct err *e)
{
	return db_all(db, a, &LINK_ACCOUNT, ARGS(V(broker), V(account)), out,
	    e);
}

int
trade_link_update(struct db *db, const L *l, struct err *e)
{
	return db_exec(db, &LINK_UPDATE, ARGS(V(l->state), V(l->detail),
	    V(l->reduced), V(l->due_at), V(l->check_at),
	    V(l->checked_at), V(l->quiet_until),
	    V(l->updated_at), V(l->session_id)), NULL, e);
}

int
trade_link_hint(struct db *db, struct uuid session, struct utc now,
    struct err *e)
{
	return db_exec(db, &LINK_HINT, ARGS(V(now), V(now), V(session)), NULL,
	    e);
}

int
trade_link_due(struct db *db, struct uuid session, struct utc now,
    struct err *e)
{
	return db_exec(db, &LINK_DUE, ARGS(V(now), V(session)), NULL, e);
}

int
trade_link_close(struct db *db, struct uuid session, struct utc now,
    struct err *e)
{
	return db_exec(db, &LINK_CLOSE, ARGS(V(now), V(session)), NULL, e) ==
	    -1 || db_exec(db, &SESSION_CLOSE, ARGS(V(now), V(session)), NULL,
	    e) == -1 ? -1 : 0;
}

int
trade_live_session(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid user, const char *broker, struct trade_session *out,
    struct err *e)
{
	struct key k;
	int rc = db_one(db, a, &LIVE_SESSION, ARGS(V(tenant), V(user),
	    V(broker)), &k, e);

	return rc != 0 ? rc : trade_session_lock(db, a, k.id, out, e);
}

/* ---- logins under way ----------------------------------------------------------------- */

int
trade_login_add(struct db *db, const G *g, struct err *e)
{
	return db_exec(db, &LOGIN_ADD, ARGS(V(g->digest), V(g->tenant_id),
	    V(g->user_id), V(g->auth_session), V(g->broker),
	    V(g->created_at), V(g->expires_at)), NULL, e);
}

int
trade_login_take(struct db *db, struct arena *a, struct blob digest,
    struct utc now, G *out, struct err *e)
{
	int rc = db_one(db, a, &LOGIN_GET, ARGS(V(digest), V(now)), out, e);

	return rc != 0 ? rc : db_exec(db, &LOGIN_DROP, ARGS(V(digest)), NULL,
	    e);
}

/* ---- kept answers ------------------------------------------------------------------------ */

int
trade_answer_kept(struct db *db, struct arena *a, struct uuid session,
    const char *verb, struct utc since, const char **body, struct utc *at,
    struct err *e)
{
	struct kept k;
	int rc = db_one(db, a, &ANSWER_GET, ARGS(V(session), V(verb),
	    V(since)), &k, e);

	if (rc == 0) {
		*body = k.body;
		*at = k.heard_at;
	}
	return rc;
}

int
trade_answer_keep(struct db *db, struct uuid session, const char *verb,
    const char *body, struct utc at, struct err *e)
{
	return db_exec(db, &ANSWER_PUT, ARGS(V(session), V(verb), V(body),
	    V(at)), NULL, e);
}
