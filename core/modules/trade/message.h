/*
 * What others say of a market, in their words: JSON from streams, channels and
 * quote servers into ticks. Pure. Numbers are judged by their text; nothing
 * that the rules of ticks refuse comes out.
 */
#ifndef TRADE_MESSAGE_H
#define TRADE_MESSAGE_H

#include "modules/trade/tick.h"

struct json_object;
struct pair;

struct trade_message {
	const char *symbol, *exchange;
	const char *topic;		/* of type, topic, event, channel; "" */
	struct trade_tick tick;		/* without its instrument */
};
/* One message. Members may have any of the usual names (price, last, ltp …),
 * numbers may be texts, times ISO or seconds to nanoseconds since 1970, and
 * the whole may stand in a member data, payload, tick … as an object or as its
 * text. -1 and 422: why not. */
int trade_message_read(struct arena *, const char *json, size_t n,
    struct utc heard, struct trade_message *, struct err *);
/* Fields of a stream's entry as JSON: one nested field, or all of them. */
const char *trade_message_json(struct arena *, const struct pair *, size_t n);
/* The innermost object of such a message, as JSON text, and its topic.
 * -1: no JSON object. */
int trade_message_unwrap(struct arena *, const char *json, size_t n,
    const char **inner, const char **topic, struct err *);
/* An answer of a quote server: a list, or a map by symbol, bare or in a
 * member items, data, quotes, result, trades or ticks. At most max; what
 * cannot be read is left out and counted. -1: no JSON. */
int trade_message_list(struct arena *, const char *json, size_t n,
    struct utc heard, struct trade_message *out, size_t max, size_t *count,
    size_t *bad, struct err *);

/* Text of a string or number; NULL: neither. */
const char *trade_message_text(struct json_object *);
/* Text of a number, rounded to eight places; of a time. -1: it is none. */
int trade_message_decimal(const char *, struct dec *);
int trade_message_instant(const char *, struct utc *);

#endif
