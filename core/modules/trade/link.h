/*
 * Links: how a live session enters its broker. Secrets are sealed in their
 * row and never leave it but for the broker. A paper session has no link, and
 * a link of one is refused again where it is opened.
 */
#ifndef TRADE_LINK_H
#define TRADE_LINK_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/trade/broker.h"
#include "modules/trade/orders.h"
#include "modules/trade/session.h"

struct ctx;

struct principal;

struct trade_link {
	struct uuid session_id, tenant_id, user_id;
	const char *broker, *account;
	const char *secret;		/* sealed; NULL = logged out */
	const char *product, *variety;	/* of orders that name none */
	const char *state;		/* ok expired refused closed */
	const char *detail;
	bool reduced;			/* we set the session to reducing */
	struct utc expires_at;		/* of the login; 0 = it has no end */
	struct utc due_at;		/* when orders are asked for next */
	struct utc check_at, checked_at;	/* comparisons */
	struct utc quiet_until;		/* asked too often: not before */
	struct utc created_at, updated_at;
	const char *mode, *session_state;	/* joined: of the session */
	int64_t open;			/* joined: open orders */
};
struct trade_login {
	struct blob digest;
	struct uuid tenant_id, user_id, auth_session;
	const char *broker;
	struct utc created_at, expires_at;
};
struct trade_reconciliation {
	struct uuid id, tenant_id, session_id;
	const char *cause;
	int64_t matched, local_missing, broker_missing, qty_differs, unknown;
	int64_t accepted;
	struct utc at;
};
struct trade_difference {
	struct uuid id, tenant_id, session_id;
	const char *kind, *name, *class, *symbol;
	struct uuid order_id;
	struct dec ours, theirs, price;
	const char *state, *note, *decided_by;
	struct utc found_at, seen_at, decided_at;
};
extern const struct schema trade_link_schema, trade_reconciliation_schema,
    trade_difference_schema;
extern const struct query *const trade_link_queries[],
    *const trade_difference_queries[];
extern const struct table trade_link_tables[], trade_difference_tables[];
extern const struct event trade_link_events[];
extern const struct route trade_link_routes[], trade_broker_routes[],
    trade_difference_routes[];
extern const struct loop trade_broker_loops[];
/* Of trade_gauges[]. */
extern const struct metric trade_orders_unknown;
extern const struct query trade_orders_unknown_count;

/* ---- rows -------------------------------------------------------------------- */

/* Inserts, or gives the session another secret. */
int trade_link_put(struct db *, const struct trade_link *, struct err *);
/* 0 found, 1 none. */
int trade_link_get(struct db *, struct arena *, struct uuid session,
    struct trade_link *, struct err *);
/* The caller's own. 404, also for another's. */
int trade_link_own(struct ctx *, struct uuid session, struct trade_link *);
/* Of a person, newest first; and all that are not closed. */
int trade_link_mine(struct db *, struct arena *, struct uuid tenant,
    struct uuid user, struct rows *, struct err *);
int trade_link_active(struct db *, struct arena *, struct rows *,
    struct err *);
int trade_link_by_account(struct db *, struct arena *, const char *broker,
    const char *account, struct rows *, struct err *);
/* Writes state, detail, reduced, due_at, check_at, checked_at, quiet_until. */
int trade_link_update(struct db *, const struct trade_link *, struct err *);
/* due_at and check_at become now, so that the broker is asked. */
int trade_link_hint(struct db *, struct uuid session, struct utc now,
    struct err *);
/* Only due_at. */
int trade_link_due(struct db *, struct uuid session, struct utc now,
    struct err *);
/* Logged out: no secret any more, the session is over. */
int trade_link_close(struct db *, struct uuid session, struct utc now,
    struct err *);
int trade_login_add(struct db *, const struct trade_login *, struct err *);
/* Takes it away, so that a state is used once. 0 found, 1 none. */
int trade_login_take(struct db *, struct arena *, struct blob digest,
    struct utc now, struct trade_login *, struct err *);
/* The user's living session with this broker, locked. 0 found, 1 none. */
int trade_live_session(struct db *, struct arena *, struct uuid tenant,
    struct uuid user, const char *broker, struct trade_session *,
    struct err *);

int trade_reconciliation_add(struct db *, const struct trade_reconciliation *,
    struct err *);
int trade_reconciliation_page(struct db *, struct arena *,
    struct uuid session, struct uuid below, int64_t limit, struct rows *,
    struct err *);
/* Open ones and accepted ones of a session; of a tenant by page. */
int trade_difference_all(struct db *, struct arena *, struct uuid session,
    struct rows *, struct err *);
int trade_difference_page(struct db *, struct arena *, struct uuid tenant,
    bool open, struct uuid below, int64_t limit, struct rows *,
    struct err *);
int trade_difference_get(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct trade_difference *, struct err *);
int trade_difference_add(struct db *, const struct trade_difference *,
    struct err *);
int trade_difference_update(struct db *, const struct trade_difference *,
    struct err *);
/* 0 found, 1 none: an answer heard after `since`. */
int trade_answer_kept(struct db *, struct arena *, struct uuid session,
    const char *verb, struct utc since, const char **body, struct utc *at,
    struct err *);
int trade_answer_keep(struct db *, struct uuid session, const char *verb,
    const char *body, struct utc at, struct err *);

/* ---- use-cases: not inside a transaction, they talk to the broker ---------- */

/* The way to the broker of a link. -1: 403 "paper_session" for any other
 * session, 409 "login_over". */
int trade_link_open(struct env *, struct arena *, const struct trade_link *,
    struct utc now, struct trade_access *, struct err *);
/* Logs in and opens the user's session with this broker, or gives the one
 * that lives its new secret. cash: the books begin with it where the broker
 * does not tell. */
struct trade_link_terms {
	const char *product, *variety;	/* of orders that name none */
	struct dec cash;
};
int trade_link_login(struct env *, struct arena *, const struct principal *,
    const struct trade_broker *, const struct trade_secret *,
    const struct trade_link_terms *, struct utc now, struct trade_link *,
    struct err *);
/* A link for a person to log in at; its state is the caller's, and lasts ten
 * minutes. */
int trade_login_begin(struct db *, struct arena *, const struct principal *,
    const struct trade_broker *, const struct trade_broker_conf *,
    struct utc now, const char **url, struct err *);
/* Comes back: 401 "state" when it is not the caller's, used or too old. */
int trade_login_end(struct env *, struct arena *, const struct principal *,
    const char *state, const char *request_token, struct utc now,
    struct trade_link *, struct err *);
int trade_link_logout(struct env *, struct arena *, const struct trade_link *,
    struct utc now, struct err *);
/* The login is over: the session takes nothing more until the next one. */
int trade_link_flag(struct db *, struct trade_link *, const char *state,
    const char *detail, struct utc now, struct err *);
/* The same in a transaction of its own, after the broker said so. */
int trade_link_lost(struct db *, struct arena *, struct trade_link *,
    const struct err *why, struct utc now, struct err *);
/* The paper session, opened when there is none. */
int trade_login_paper(struct env *, struct arena *, const struct principal *,
    struct dec cash, const char *currency, struct utc now,
    struct trade_session *, struct err *);
/* The brokers of these links are asked for their orders, now. */
int trade_link_hint_all(struct env *, struct arena *, const struct rows *,
    struct utc now, struct err *);

/* One answer of the broker as JSON text, at most a second old. */
int trade_link_ask(struct env *, struct arena *, const struct trade_link *,
    enum trade_verb, struct utc now, const char **json, struct utc *at,
    struct err *);

/* What the broker holds, as positions of ours; last_at: when it said so. */
int trade_link_positions(struct env *, struct arena *, struct uuid session,
    bool holdings, struct utc now, struct rows *, struct err *);

/* ---- sender and reconciler (send_ops.c, reconcile_ops.c) -------------------- */

/* Rings the loop after the commit of an order that is to be sent. */
void trade_broker_ring(struct db *);

struct trade_turn {
	struct env *env;		/* its db is the loop's */
	struct arena *a;
	struct utc started;		/* of this process: what was compared
					 * before counts as not compared */
	int64_t until_boot_ns;		/* nothing new is begun after this */
	int64_t end_boot_ns;		/* no call lasts longer */
	int64_t next_ms;		/* when there is more to do */
};
/* Sends what is due of sessions that were compared since `started`. */
int trade_send_due(struct trade_turn *, struct err *);
/* Asks about orders without an outcome, looks at open ones, compares. */
int trade_reconcile_due(struct trade_turn *, struct err *);
/* A person accepts a difference; in a transaction. */
int trade_difference_accept(struct trade_desk *, struct trade_difference *,
    const char *who, struct err *);
struct trade_desk trade_turn_desk(struct trade_turn *,
    const struct trade_link *);
struct trade_ticket trade_ticket_of(struct arena *, const struct trade_order *,
    const struct trade_link *, const char *exchange);

#endif
