/*
 * The part of a spec that is no expression: exits, how long orders wait, the
 * account, the size. What is out of range is refused at its member.
 */
#include <json.h>
#include <math.h>
#include <string.h>

#include "schema/schema.h"
#include "modules/trade/strategy_inner.h"

#define D struct trade_spec_doc

/* ["pct", 0.05, "entry"] */
static bool
is_entry(struct json_object *v)
{
	struct json_object *from = json_object_array_get_idx(v, 2);

	return json_object_is_type(from, json_type_string) &&
	    strcmp(json_object_get_string(from), "entry") == 0;
}

static int
exit_of(struct trade_reader *r, struct json_object *v, struct trade_exit *x)
{
	size_t n = json_object_is_type(v, json_type_array) ?
	    json_object_array_length(v) : 0;
	const char *kind = n == 2 || (n == 3 && is_entry(v)) ?
	    json_object_get_string(json_object_array_get_idx(v, 0)) : "";

	x->from_entry = n == 3;
	x->value = *kind == '\0' ? 0 :
	    json_object_get_double(json_object_array_get_idx(v, 1));
	x->kind = strcmp(kind, "pct") == 0 ? DISTANCE_PCT :
	    strcmp(kind, "atr") == 0 ? DISTANCE_ATR : DISTANCE_NONE;
	if (x->kind == DISTANCE_NONE || !(x->value > 0) ||
	    x->value > (x->kind == DISTANCE_PCT ? 10 : 1000))
		return trade_spec_bad(r, "[\"pct\", above 0 to 10] or [\"atr\", above 0 "
		    "to 1000]");
	return 0;
}

static int
read_exit(struct trade_reader *r, struct json text, const char *where,
    struct trade_exit *x)
{
	struct json_object *v = trade_spec_tree(r, text, where);

	return v == NULL ? 0 : exit_of(r, v, x);
}

static int
read_trail(struct trade_reader *r, struct json text)
{
	struct json_object *v = trade_spec_tree(r, text, "trail"), *from;

	if (v == NULL || !json_object_is_type(v, json_type_array) ||
	    json_object_array_length(v) != 3)
		return read_exit(r, text, "trail", &r->s->trail);
	from = json_object_array_get_idx(v, 2);
	r->s->trail_from = json_object_get_double(from);
	if (!(r->s->trail_from >= 0 && r->s->trail_from <= 100))
		return trade_spec_bad(r, "It trails from a profit of 0 to 100");
	json_object_array_del_idx(v, 2, 1);
	return exit_of(r, v, &r->s->trail);
}

static int
read_force(struct trade_reader *r, struct json text)
{
	static const char *const names[] = { "", "gtc", "day", "ioc", "fok" };
	struct json_object *v = trade_spec_tree(r, text, "tif"), *n;

	if (v == NULL)
		return 0;
	for (int i = 1; i < 5; i++)
		if (json_object_is_type(v, json_type_string) &&
		    strcmp(json_object_get_string(v), names[i]) == 0) {
			r->s->force = (enum trade_force)i;
			return 0;
		}
	n = json_object_is_type(v, json_type_array) &&
	    json_object_array_length(v) == 2 &&
	    strcmp(json_object_get_string(json_object_array_get_idx(v, 0)),
	    "bars") == 0 ? json_object_array_get_idx(v, 1) : NULL;
	if (!json_object_is_type(n, json_type_int) ||
	    json_object_get_int(n) < 1 || json_object_get_int(n) > 1000000)
		return trade_spec_bad(r, "\"gtc\", \"day\", \"ioc\", \"fok\" or "
		    "[\"bars\", 1 to 1000000]");
	r->s->force = FORCE_BARS;
	r->s->force_bars = (size_t)json_object_get_int(n);
	return 0;
}

/* What the spec says of its account, with the names of backtesting.py. Mode
 * compat closes nothing at the end, as its model, unless that is asked for. */
static void
read_account(struct trade_reader *r, const D *d, uint64_t seen)
{
	const struct field *f = trade_account_schema.fields;
	struct trade_strategy *s = r->s;

#define ALIAS(name, member) \
	if (SEEN(seen, &trade_strategy_schema, D, name)) { \
		s->account.member = d->name; \
		s->told |= UINT64_C(1) << schema_find( \
		    &trade_account_schema, #member); \
	}
	s->account = d->account;
	for (size_t i = 0; f[i].name != NULL; i++)
		if ((seen >> schema_at(&trade_strategy_schema,
		    offsetof(D, account) + f[i].off) & 1) != 0)
			s->told |= UINT64_C(1) << i;
	ALIAS(exclusive_orders, exclusive)
	ALIAS(trade_on_close, on_close)
	ALIAS(finalize_trades, finish)
#undef ALIAS
	if (SEEN(seen, &trade_strategy_schema, D, account.mode) &&
	    strcmp(d->account.mode, "compat") == 0 && (s->told >>
	    schema_find(&trade_account_schema, "finish") & 1) == 0) {
		s->account.finish = false;
		s->told |= UINT64_C(1) << schema_find(&trade_account_schema,
		    "finish");
	}
	s->symbols = d->symbols;
	s->timeframe = d->tf;
	s->hold = (size_t)d->hold;
}

static int
read_size(struct trade_reader *r, const struct trade_size_doc *d)
{
	struct trade_strategy *s = r->s;

	s->size_kind = SIZE_FRACTION;
	s->size = 1;
	if (d == NULL)
		return 0;
	s->size_kind = strcmp(d->kind, "units") == 0 ? SIZE_UNITS :
	    strcmp(d->kind, "risk") == 0 ? SIZE_RISK : SIZE_FRACTION;
	s->size = d->value;
	r->where = "size";
	if (s->size_kind != SIZE_UNITS && s->size > 1)
		return trade_spec_bad(r, "A part is at most 1");
	if (s->size_kind == SIZE_UNITS && s->size != floor(s->size))
		return trade_spec_bad(r, "Units are whole");
	r->where = "sl";
	if (s->size_kind == SIZE_RISK && s->sl.kind == DISTANCE_NONE)
		return trade_spec_bad(r, "A size by risk needs a stop loss");
	return 0;
}

int
trade_spec_terms(struct trade_reader *r, const D *d, uint64_t seen)
{
	struct trade_strategy *s = r->s;

	if (read_exit(r, d->sl, "sl", &s->sl) == -1 ||
	    read_exit(r, d->tp, "tp", &s->tp) == -1 ||
	    read_exit(r, d->limit, "limit", &s->limit) == -1 ||
	    read_trail(r, d->trail) == -1 || read_force(r, d->tif) == -1)
		return -1;
	read_account(r, d, seen);
	return read_size(r, d->size);
}
