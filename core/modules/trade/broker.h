/*
 * Brokers. An adapter is one row of trade_brokers[]: how a request is worded
 * and how an answer is read, both pure. Only broker_wire.c talks to a broker,
 * and it refuses for every session that is not live, whatever was asked.
 */
#ifndef TRADE_BROKER_H
#define TRADE_BROKER_H

#include "base/types.h"
#include "conf/conf.h"
#include "schema/schema.h"

struct arena;
struct env;
struct err;
struct tree;

struct trade_broker_conf {
	bool live;			/* trade.live */
	const char *mcp_url;		/* MCP_URL */
	const char *kite_url, *kite_login_url, *kite_key, *kite_secret;
	const char *kite_product;
	const char *alpaca_url;
	const char *postback_secret;	/* HMAC of events that are posted */
	int64_t timeout_ms, poll_s, check_s, window_s, patience_s, human_s;
};
extern const struct settings trade_broker_settings;

/* ---- what is said to a broker ---------------------------------------------------- */

enum trade_verb {
	BROKER_LOGIN, BROKER_LOGOUT, BROKER_SUBMIT, BROKER_REPLACE,
	BROKER_CANCEL, BROKER_FIND, BROKER_ORDERS, BROKER_TRADES,
	BROKER_POSITIONS, BROKER_HOLDINGS, BROKER_FUNDS, BROKER_VERBS
};
extern const char *const trade_verbs[];	/* "submit"; ends with NULL */

/* An order as it leaves the house. Members that do not belong: "" or 0. */
struct trade_ticket {
	const char *client_id;		/* trade_broker_client_id() */
	const char *broker_id;		/* the broker's, when it is known */
	const char *symbol, *exchange, *side, *type, *tif, *product, *variety;
	const char *class;		/* simple bracket oco oto */
	struct dec quantity, limit_price, stop_price, trail;
	struct dec take_profit, stop_loss, stop_loss_limit;
	int64_t trail_ppm, minutes, disclosed, legs;
	bool extended_hours, partly_filled;
	struct utc placed_at;
};

/* What a session enters its broker with; all text. */
struct trade_secret {
	const char *username, *password;	/* used once, never kept */
	const char *request_token;		/* the same */
	const char *key, *secret, *token;
};

struct trade_wording {
	const char *method, *path;	/* path with its query, below the URL */
	const char *body, *type;	/* type "" = no body */
	const char *headers[6][2];
	size_t nheaders;
};

/* ---- what a broker says ------------------------------------------------------------ */

struct trade_broker_order {
	const char *id, *client_id, *symbol, *exchange, *side, *type, *tif;
	const char *product;
	const char *state;		/* in our words; "pending": the broker
					 * has not made up its mind */
	const char *broker_state, *reason;
	struct dec quantity, filled, avg_price, limit_price, stop_price;
	struct utc at;
};
struct trade_broker_trade {
	const char *id, *order_id, *symbol, *exchange, *side;
	struct dec quantity, price;
	struct utc at;
};
struct trade_broker_position {
	const char *symbol, *exchange, *product;
	struct dec quantity, avg_price, last, value, pnl;
};
struct trade_broker_funds {
	const char *currency;
	struct dec cash, available, used, equity;
};
extern const struct schema trade_broker_order_schema,
    trade_broker_trade_schema, trade_broker_position_schema,
    trade_broker_funds_schema;

struct trade_broker_answer {
	const char *order_id;		/* SUBMIT REPLACE CANCEL */
	struct list orders, trades, positions, day;
	struct trade_broker_funds funds;
	/* LOGIN */
	const char *account, *token;
	struct utc expires_at;		/* 0 = it does not say */
};

/* ---- adapters ------------------------------------------------------------------------ */

enum trade_login_kind { LOGIN_NONE, LOGIN_PASSWORD, LOGIN_LINK, LOGIN_KEYS };

struct trade_broker {
	const char *name, *doc;
	bool live;
	enum trade_login_kind login;
	bool by_client;			/* orders bear our id: it is found by it
					 * and by nothing else */
	bool add_holdings;		/* positions do not include holdings */
	bool tells_cash;		/* FUNDS has it */
	bool whole_list;		/* ORDERS tells all, of the day when
					 * list_day_us is not 0 */
	int64_t list_day_us;		/* its day begins so much before ours */
	const char *(*url)(const struct trade_broker_conf *);
	/* 0, or -1 with 422 "not_offered": nothing is sent. */
	int (*build)(struct arena *, const struct trade_broker_conf *,
	    const struct trade_secret *, enum trade_verb,
	    const struct trade_ticket *, struct utc now,
	    struct trade_wording *, struct err *);
	/* Reads an answer of 200 to 299. -1: 502 "broker_answer". FIND: the
	 * order in orders, or none. */
	int (*parse)(struct arena *, enum trade_verb,
	    const struct trade_ticket *, const char *body, size_t n,
	    struct utc now, struct trade_broker_answer *, struct err *);
	/* The sentence in an answer of 300 and more, "" = none; *expired: it
	 * says that the login is over. */
	const char *(*refusal)(struct arena *, int status, const char *body,
	    size_t n, bool *expired);
	/* A pushed event: the order in it. NULL = it pushes none. */
	int (*event)(struct arena *, const char *body, size_t n,
	    struct trade_broker_order *, struct err *);
};
extern const struct trade_broker trade_broker_paper, trade_broker_mcp,
    trade_broker_kite, trade_broker_alpaca;
extern const struct trade_broker *const trade_brokers[];	/* ends: NULL */
const struct trade_broker *trade_broker_find(const char *name);

/* Our id of an order for the broker: 20 of A-Z 2-7, from the order's own, so
 * that whoever holds the order can ask for it again. buf holds 21. */
enum { BROKER_CLIENT_ID = 20 };
const char *trade_broker_client_id(struct uuid order, char *buf);

/* Address for a person to log in at; state comes back with it. "" when the
 * broker has none. */
const char *trade_broker_login_url(const struct trade_broker *,
    const struct trade_broker_conf *, struct arena *, const char *state);

/* ---- reading answers ------------------------------------------------------------------ */

/* Parsed after the scan that refuses duplicates, NaN and the like; -1: 502
 * "broker_answer". */
int trade_answer_tree(struct arena *, const char *, size_t n,
    const struct tree **, struct err *);
/* Member as an exact decimal from its text; null and absent are 0; digits
 * beyond the eighth place are rounded half to even. -1: 502. */
int trade_answer_dec(const struct tree *, const char *member, struct dec *,
    struct err *);
/* The same, but none may be lost: quantities. */
int trade_answer_exact(const struct tree *, const char *member, struct dec *,
    struct err *);
/* Text of a member in the arena, "" when null or absent. */
const char *trade_answer_text(struct arena *, const struct tree *,
    const char *member);
/* 502 "broker_answer". */
int trade_answer_bad(struct err *, const char *what);
/* A list for n structs of this size. */
void *trade_answer_list(struct arena *, struct list *, size_t n, size_t size);
/* A list of orders, each read by one(); client: only those with this id of ours,
 * NULL = all. */
int trade_answer_orders(struct arena *, const struct tree *list,
    const char *client, int (*one)(struct arena *, const struct tree *,
    struct trade_broker_order *, struct err *), struct list *out,
    struct err *);
/* The entry of a map, ends with NULL names; NULL = none. */
struct trade_broker_word {
	const char *theirs, *ours;
};
const char *trade_broker_word(const struct trade_broker_word *, const char *theirs);
const char *trade_broker_unword(const struct trade_broker_word *, const char *ours);

/* ---- the way there (broker_wire.c) ---------------------------------------------------- */

struct trade_access {
	struct env *env;
	struct arena *a;
	const struct trade_broker *broker;
	const char *mode;		/* of the session */
	struct trade_secret secret;
	struct utc expires_at, now;
	int64_t deadline_boot_ns;
};
/* Asks once. -1:
 *  403 "paper_session", "live_off"	it is not allowed
 *  409 "login_over"			log in again; nothing was sent
 *  422 "not_offered"			nothing was sent
 *  422 "broker_refused"		the broker says no, and why
 *  409 "broker_login"			the broker says that the login is over
 *  503 "broker_busy"			asked too often, retry_after_s
 *  503 "broker_away"			nothing was sent
 *  502 "broker_error", "broker_answer"	a question was not answered well
 *  504 "outcome_unknown"		an order may have reached it
 */
int trade_broker_ask(const struct trade_access *, enum trade_verb,
    const struct trade_ticket *, struct trade_broker_answer *, struct err *);

#endif
