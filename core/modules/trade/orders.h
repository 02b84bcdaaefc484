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
	int64_t version;
	const char *tag;
	struct utc created_at, updated_at;
};
struct trade_order_event {
	struct uuid order_id;
	int64_t seq;
	const char *from_state, *to_state, *cause;
	struct dec quantity, price;
	struct utc at;
};
struct trade_fill {
	struct uuid id, tenant_id, session_id, order_id;
	int64_t seq;
	const char *symbol, *side;
	struct dec quantity, price, fee;
	struct utc at;
};
struct trade_quote {
	int64_t instrument_id;
	struct dec bid, ask, last;
	struct utc at, heard_at;
};
/* What is open in a session: for the checks. */
struct trade_open {
	int64_t orders, last_second, last_minute;
	struct dec notional, same_side;
	int64_t alike, crossing;
};
extern const struct schema trade_order_schema, trade_order_event_schema,
    trade_fill_schema, trade_quote_schema;
extern const struct query *const trade_order_queries[];
extern const struct table trade_order_tables[];
extern const struct event trade_order_events[];
extern const struct route trade_order_routes[];

int trade_order_insert(struct db *, const struct trade_order *, struct err *);
int trade_order_update(struct db *, const struct trade_order *, struct err *);
int trade_order_by_client(struct db *, struct arena *, struct uuid session,
    const char *client, struct trade_order *, struct err *);
/* lock: until the transaction ends. */
int trade_order_by_id(struct db *, struct arena *, struct uuid session,
    struct uuid id, bool lock, struct trade_order *, struct err *);
int trade_order_page(struct db *, struct arena *, struct uuid session,
    const char *state, bool open, struct uuid below, int64_t limit,
    struct rows *, struct err *);
/* Open ones of an instrument, over all sessions, oldest first. */
int trade_order_resting(struct db *, struct arena *, int64_t instrument,
    struct rows *, struct err *);
int trade_order_open(struct db *, struct arena *, const struct trade_order *,
    struct utc now, struct trade_open *, struct err *);
int trade_order_event_add(struct db *, const struct trade_order *,
    const char *from, const char *cause, struct dec quantity,
    struct dec price, struct utc at, struct err *);
int trade_order_event_all(struct db *, struct arena *, struct uuid order,
    struct rows *, struct err *);
int trade_fill_add(struct db *, const struct trade_fill *, struct err *);
int trade_fill_page(struct db *, struct arena *, struct uuid session,
    struct uuid below, int64_t limit, struct rows *, struct err *);
int trade_quote_get(struct db *, struct arena *, int64_t instrument,
    struct trade_quote *, struct err *);
/* An older quote does not replace a newer one: 1. */
int trade_quote_put(struct db *, const struct trade_quote *, struct err *);

struct ctx;

/* ---- use-cases: inside the caller's transaction ------------------------------- */

struct trade_desk {
	struct db *db;
	struct arena *a;
	struct uuid tenant, user;
	struct trade_limits limits;
	const char *const *restricted;	/* symbols; ends with NULL */
	double fee;			/* part of the value */
	struct utc now;
	bool quiet;			/* preview: nothing is written */
};
/* The caller's, with the limits of the settings. */
struct trade_desk trade_desk_of(struct ctx *);
/* Places; 1: the same order was placed before, *o is that one. -1: 404 (no
 * session, no instrument), 409 "id_reuse", "stopped", 422 with a check's
 * code; *o is then the row to keep as denied. */
int trade_order_place(struct trade_desk *, struct trade_order *o,
    const char *exchange, struct dec *reserve, struct err *);
/* Cancels; 409 "state" when it is not open. */
int trade_order_cancel(struct trade_desk *, struct uuid id,
    const char *cause, struct trade_order *, struct err *);
/* A quote or bar came: fills what it fills. */
int trade_paper_on_quote(struct trade_desk *, const struct trade_quote *,
    struct err *);
int trade_paper_on_bars(struct trade_desk *, int64_t instrument,
    const struct trade_bar *, size_t n, struct err *);

#endif
