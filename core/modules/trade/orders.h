/*
 * Orders as rows, and what is done with them. Whoever places, fills, changes
 * or cancels holds the session's row, so that no two can pass a limit
 * together; an id of the caller's makes an order once.
 */
#ifndef TRADE_ORDERS_H
#define TRADE_ORDERS_H

#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/trade/bar.h"
#include "modules/trade/order.h"
#include "modules/trade/paper.h"
#include "modules/trade/session.h"

struct trade_order {
	struct uuid id, tenant_id, session_id;
	const char *client_order_id;
	int64_t instrument_id;
	const char *symbol, *side, *type, *tif;
	struct dec quantity, limit_price, stop_price;
	bool reduce_only;
	const char *state;
	int64_t open;			/* 1, or NULL */
	bool has_open;
	struct dec filled, avg_price, reserved;
	const char *reject_code, *reject_detail;
	struct blob digest;
	int64_t version;		/* of the last event */
	const char *tag;
	struct utc created_at, updated_at;
	const char *mode;		/* of its session */
	const char *role;		/* single entry take_profit stop_loss */
	struct uuid parent_id;		/* the entry it protects */
	struct uuid oco_group;		/* a fill of one reduces the others */
	struct dec take_profit, stop_loss;	/* prices of the exits to make
						 * at each fill; 0 = none */
	struct dec trail_amount;	/* of trailing_stop: distance, or */
	int64_t trail_ppm;
	struct dec trail_mark;		/* best price so far */
	bool post_only;
	struct utc expires_at;		/* of gtd */
	struct utc triggered_at;
	const char *broker_order_id;	/* NULL until it is known */
	/* What is to be sent to the broker (NULL nothing, submit, replace,
	 * cancel), when at the earliest, how often it was tried; sent_at:
	 * it has left, committed before the first byte. */
	const char *send;
	struct utc send_at;
	int64_t send_tries;
	struct utc sent_at;
	struct utc asked_at;		/* reconciler's last question */
	int64_t asks;
	bool cancel_wanted;		/* as soon as the broker knows it */
	/* A replace that is on its way; 0 quantity = none. */
	struct dec want_quantity, want_limit_price, want_stop_price,
	    want_reserved;
	struct dec display;		/* of an iceberg: what shows; 0 = all */
	bool late;			/* filled after it was over */
	int64_t refused;		/* heard of it and impossible */
};
struct trade_order_event {
	struct uuid order_id;
	int64_t seq;
	const char *from_state, *to_state, *cause;
	struct dec quantity, price;
	struct utc at;
	bool applied;			/* false: kept, changed nothing */
	struct utc broker_at;
};
struct trade_fill {
	struct uuid id, tenant_id, session_id, order_id;
	int64_t seq;
	const char *symbol, *side;
	struct dec quantity, price, fee;
	struct utc at, market_at;	/* market_at: its market's own time; 0 =
					 * not known */
	int64_t instrument_id;
	const char *broker_fill_id, *liquidity;
	bool late;
};
struct trade_quote {
	int64_t instrument_id;
	struct dec bid, ask, last;
	struct utc at, heard_at;
};
/* What is open in a session: for the checks. */
struct trade_open {
	int64_t orders, versions, last_second, last_minute;
	struct dec notional, same_side;
	int64_t alike, crossing;
};
/* An order of an account, as routes ask for it. */
struct trade_order_which {
	struct uuid id, session;
};
extern const struct schema trade_order_which_schema;
extern const struct schema trade_order_schema, trade_order_event_schema,
    trade_fill_schema, trade_quote_schema;
extern const struct query *const trade_order_queries[],
    *const trade_fill_queries[];
extern const struct table trade_order_tables[], trade_fill_tables[];
extern const struct event trade_order_events[];
extern const struct metric *const trade_order_metrics[];
extern const struct route trade_order_routes[], trade_order_read_routes[];

struct trade_order_filter {
	const char *state, *symbol, *side;	/* "": all */
	bool open;			/* only open ones */
	struct utc from, to;		/* placed from ≤ t < to; 0: no bound */
	struct uuid parent_id;		/* nil: all */
};

int trade_order_insert(struct db *, const struct trade_order *, struct err *);
int trade_order_update(struct db *, const struct trade_order *, struct err *);
/* Asked only (db_ask): no row, or one. */
int trade_order_by_client(struct db *, struct arena *, struct uuid session,
    const char *client, struct rows *, struct err *);
/* lock: until the transaction ends. */
int trade_order_by_id(struct db *, struct arena *, struct uuid session,
    struct uuid id, bool lock, struct trade_order *, struct err *);
int trade_order_page(struct db *, struct arena *, struct uuid session,
    const struct trade_order_filter *, struct uuid below, int64_t limit,
    struct rows *, struct err *);
/* How many are open in a session, and the sum of their versions: who has seen
 * the same two has seen the same orders. */
struct trade_order_sum {
	int64_t orders, versions;
};
int trade_order_sum_open(struct db *, struct arena *, struct uuid session,
    struct trade_order_sum *, struct err *);
/* Open ones of a session that an order's fill or end touches: exits of this
 * entry, others of its pair (nil: none), and what is reduce_only on the
 * instrument; locked. */
int trade_order_kin(struct db *, struct arena *, const struct trade_order *,
    struct rows *, struct err *);
/* All open ones of a session, locked, oldest first. */
int trade_order_all_open(struct db *, struct arena *, struct uuid session,
    struct rows *, struct err *);
/* The rows of trade_order_cancel_all(). */
int trade_order_sweep(struct db *, struct uuid session, struct utc now,
    struct err *);
/* Orders of live sessions with something to send, due at `now`, oldest
 * first; and those that have left and wait for an answer (submitting,
 * unknown, pending), least lately asked first. Rows only: lock again. */
int trade_order_to_send(struct db *, struct arena *, struct utc now,
    int64_t limit, struct rows *, struct err *);
int trade_order_to_ask(struct db *, struct arena *, struct utc before,
    int64_t limit, struct rows *, struct err *);
/* Writes send, send_at, send_tries, sent_at, asked_at, asks only. */
int trade_order_send_mark(struct db *, const struct trade_order *,
    struct err *);
/* All but this one; at: the price it would trade at. */
int trade_order_open(struct db *, struct arena *, const struct trade_order *,
    struct dec at, struct utc now, struct trade_open *, struct err *);
int trade_order_event_add(struct db *, const struct trade_order_event *,
    struct err *);
int trade_order_event_add_all(struct db *, struct arena *,
    const struct trade_order_event *, size_t n, struct err *);
int trade_order_event_all(struct db *, struct arena *, struct uuid order,
    struct rows *, struct err *);
/* -1 with 409 "duplicate": the broker's fill is known. */
int trade_fill_add(struct db *, const struct trade_fill *, struct err *);
/* 0: a fill with this identifier is there, 1 none, -1. */
int trade_fill_known(struct db *, struct arena *, struct uuid order,
    const char *broker_fill_id, struct err *);
/* Those of one order, oldest first. */
int trade_fill_of(struct db *, struct arena *, struct uuid order,
    struct rows *, struct err *);
/* symbol "": of all. */
int trade_fill_page(struct db *, struct arena *, struct uuid session,
    const char *symbol, struct uuid below, int64_t limit, struct rows *, struct err *);
int trade_quote_get(struct db *, struct arena *, int64_t instrument,
    struct trade_quote *, struct err *);
/* An older quote does not replace a newer one: 1. */
int trade_quote_put(struct db *, const struct trade_quote *, struct err *);

struct ctx;
struct trade_paper_run;

/* ---- use-cases: inside the caller's transaction ------------------------------- */

struct trade_desk {
	struct db *db;
	struct arena *a;
	struct uuid tenant, user;
	struct uuid session;		/* nil: the user's paper session */
	struct trade_limits limits;	/* of the settings */
	const char *const *restricted;	/* symbols; ends with NULL */
	double fee;			/* part of the value */
	struct utc now;
	bool twice;			/* a repeat within half a second is meant */
	struct trade_paper_run *paper;	/* NULL, or the paper market at work */
	const struct trade_basis *basis;	/* NULL, or what an order that is being
					 * placed was judged by */
	struct trade_paper_terms paper_terms;	/* of a new paper market */
};
struct trade_conf;
struct trade_desk trade_desk_make(const struct trade_conf *, struct db *,
    struct arena *, struct uuid tenant, struct uuid user, struct utc now);
/* The caller's, with the limits of the settings. */
struct trade_desk trade_desk_of(struct ctx *);
/* The desk's session; 404. lock: until the transaction ends. */
int trade_session_of(struct trade_desk *, bool lock, struct trade_session *,
    struct err *);
/* A new order of the caller's terms: what nobody said is empty. client NULL:
 * it gets a name of its own, which a live session refuses. */
struct trade_order trade_order_new(const struct trade_desk *,
    const char *client);
/* Places; 1: the same order was placed before, *o is that one. -1: 404 (no
 * session, no instrument), 409 "id_reuse", "stopped", 422 "terms",
 * "client_order_id" or a check's code; *o is then the row to keep as denied
 * (trade_order_deny). Nothing was written unless the status is 500 or more or
 * "overflow": whoever goes on in the same transaction uses a savepoint. */
int trade_order_place(struct trade_desk *, struct trade_order *o,
    const char *exchange, struct err *);
/* Keeps a refused order and its refusal (of daily_loss: the session is reducing
 * from now on); false: it is none that is kept (no
 * session or instrument, a fault of ours). why: what placing said. */
bool trade_order_deniable(const struct trade_order *, const struct err *why);
int trade_order_deny(struct db *, struct arena *, struct trade_order *,
    const char *code, const char *detail, struct err *);
/* What would happen to it; nothing is written. */
struct trade_preview {
	bool accepted;
	const char *code, *detail;
	struct dec reserve, fee, price, available;
	struct list rulings;		/* struct trade_ruling */
};
extern const struct schema trade_preview_schema;
int trade_order_preview(struct trade_desk *, struct trade_order *,
    const char *exchange, struct trade_preview *, struct err *);
/* Other terms: 0 of a member = as it is. Judged again by every check. On
 * paper at once, live when the broker says so (pending_replace). 409 "state",
 * 422. */
struct trade_terms {
	struct dec quantity, limit_price, stop_price;
};
int trade_order_replace(struct trade_desk *, struct uuid id,
    const struct trade_terms *, struct trade_order *, struct err *);
/* Cancels, or asks the broker to (pending_cancel; an order that has left and
 * has no answer yet is cancelled as soon as it has one); 409 "state" when it
 * is over or a cancel is on its way. Of a pair both go; exits of an entry
 * stay: they protect what was bought. */
int trade_order_cancel(struct trade_desk *, struct uuid id,
    const char *cause, struct trade_order *, struct err *);
/* The same of one row with session and order held. */
int trade_order_end(struct trade_desk *, struct trade_session *,
    struct trade_order *, const char *cause, struct err *);
/* All open ones of the session (held), few statements however many. */
int trade_order_cancel_all(struct trade_desk *, struct trade_session *,
    const char *cause, int64_t *n, struct err *);
/* Steps to pending_cancel or pending_replace and queues it for the sender
 * (live) or shows that it waits (a paper broker that takes its time). */
int trade_order_ask(struct trade_desk *, struct trade_session *,
    struct trade_order *, enum trade_order_happening, const char *cause,
    struct err *);
/* Two exits of what is held, of which one reduces the other: both placed or
 * neither; 1: both were placed before. Left without a name, the second takes
 * the first one's with ".2". */
int trade_order_pair(struct trade_desk *, struct trade_order *first,
    struct trade_order *second, const char *exchange, struct err *);
/* May a resting order fill now? 1; 0: the session or the stop switch holds it
 * back, because it would open something: it goes on resting. What only closes
 * a position always may. -1. Session held. */
int trade_order_may_fill(struct trade_desk *, const struct trade_session *,
    const struct trade_order *, struct err *);
/* A trailing stop moved. */
int trade_order_trail(struct trade_desk *, struct trade_session *,
    struct trade_order *, struct dec mark, struct dec stop, struct err *);

/* ---- what is heard about an order ------------------------------------------------ */

enum trade_report_kind {
	REPORT_ACCEPTED, REPORT_REJECTED, REPORT_TRIGGERED, REPORT_FILL,
	REPORT_CANCELLED, REPORT_REPLACED, REPORT_EXPIRED,
	REPORT_CANCEL_REFUSED, REPORT_REPLACE_REFUSED, REPORT_UNKNOWN
};
struct trade_report {
	enum trade_report_kind kind;
	const char *broker_order_id;	/* NULL: not said */
	const char *broker_fill_id;	/* NULL: the fill has no name, so it
					 * is new */
	const char *reason;		/* for people; NULL */
	/* FILL: this fill's units, price, fee. REPLACED: what it is now, 0 =
	 * as it was asked for (price: the limit, of a stop the stop). */
	struct dec quantity, price, fee;
	struct utc at;			/* by the broker's clock; 0 = now */
	struct utc market_at;		/* FILL: by the market's, that of a
					 * replayed one; 0 = not known */
	const char *liquidity;		/* "maker", "taker" or NULL */
};
/* Everything heard about an order, in any order and any number of times; in
 * the caller's transaction, session (trade_session_lock) and order
 * (trade_order_by_id lock) held; both are written and *s, *o are what they are
 * now. Fills make position, cash, avg_price, the exits of a bracket and what
 * is left of the other of a pair. 0 applied; 1 known already (no trace) or
 * impossible here (kept as an event with applied = false, counted in
 * .refused); -1. */
int trade_order_report(struct trade_desk *, struct trade_session *,
    struct trade_order *, const struct trade_report *, struct err *);

/* ---- the paper broker --------------------------------------------------------------- */

/* A paper order was placed and is accepted: fills what fills at once, ends
 * what may not rest. */
int trade_paper_submit(struct trade_desk *, struct trade_session *,
    struct trade_order *, struct err *);
/* It answers with trade_order_report(): CANCELLED; REPLACED or
 * REPLACE_REFUSED, where 0 is as it is and the row's want_* say the same. */
int trade_paper_cancel(struct trade_desk *, struct trade_session *,
    struct trade_order *, const char *cause, struct err *);
int trade_paper_replace(struct trade_desk *, struct trade_session *,
    struct trade_order *, struct dec quantity, struct dec limit_price,
    struct dec stop_price, struct err *);
/* A quote came: it is kept, and fills what it fills. 1: older than the known
 * one. */
int trade_paper_on_quote(struct trade_desk *, const struct trade_quote *,
    struct err *);

#endif
