/*
 * Reading a strategy. Every name must be known, every count is bounded, a
 * shift never points forward: what was read can be judged without checks.
 */
#include <json.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "schema/schema.h"
#include "modules/trade/strategy_inner.h"

enum { DEPTH = 16 };

/* ---- the outer shape ----------------------------------------------------------- */

static const struct field size_fields[] = {
	FIELD(struct trade_size_doc, kind, .def = "\"fraction\"",
	    .oneof = ONEOF("fraction", "units", "risk"), .doc = "fraction of "
	    "the free margin, units, or a part of equity lost at the stop"),
	FIELD(struct trade_size_doc, value, .flags = FF_REQUIRED | FF_XMIN,
	    .min = 0, .max = 1000000000, .doc = "How much"), FIELD_END
};
static const struct schema size_schema = {
	.name = "StrategySize", .doc = "How much is bought or sold",
	.size = sizeof(struct trade_size_doc), .fields = size_fields
};

#define D struct trade_spec_doc
#define RULE(i, key, text) { .name = key, .off = offsetof(D, rule[i]), \
	.type = FT_JSON, .flags = FF_NULLABLE, .doc = text }
static const struct field doc_fields[] = {
	FIELD(D, indicators, .flags = FF_NULLABLE, .doc = "{name: [kind, "
	    "source?, parameters…]}", .example = "{\"f\":[\"sma\",\"close\",10]}"),
	FIELD(D, params, .flags = FF_NULLABLE,
	    .doc = "{name: [low, high, step]} for a grid, or {name: number}"),
	FIELD(D, constraint, .flags = FF_NULLABLE,
	    .doc = "Expression over parameters; other points are left out"),
	RULE(RULE_ENTRY_LONG, "entry_long", "Buys where it becomes true"),
	RULE(RULE_EXIT_LONG, "exit_long", "Closes what was bought"),
	RULE(RULE_ENTRY_SHORT, "entry_short", "Sells short"),
	RULE(RULE_EXIT_SHORT, "exit_short", "Closes what was sold short"),
	FIELD(D, size, .sub = &size_schema, .flags = FF_NULLABLE,
	    .doc = "All there is when left out"),
	FIELD(D, sl, .flags = FF_NULLABLE, .doc = "[\"pct\", 0.05] or "
	    "[\"atr\", 2] from the close; with a third value \"entry\" from "
	    "the price paid"),
	FIELD(D, tp, .flags = FF_NULLABLE, .doc = "Likewise, the other way"),
	FIELD(D, limit, .flags = FF_NULLABLE, .doc = "Entries wait a bar for "
	    "a price this much better than the close"),
	FIELD(D, trail, .flags = FF_NULLABLE, .doc = "[\"pct\", 0.05] or "
	    "[\"atr\", 2], and the profit from which it trails: a stop that "
	    "follows the best price"),
	FIELD(D, hold, .def = "0", .min = 0, .max = 1000000,
	    .doc = "Closes so many bars after the entry; 0 = never"),
	FIELD(D, tif, .flags = FF_NULLABLE, .doc = "How long an entry waits: "
	    "\"gtc\", \"day\", \"ioc\", \"fok\" or [\"bars\", n]"),
	FIELD(D, symbols, .flags = FF_NULLABLE, .elem = FT_STR,
	    .max = TRADE_SYMBOLS_MAX, .doc = "Symbols of one account"),
	FIELD(D, tf, .flags = FF_NULLABLE, .max = 4,
	    .doc = "Length of a bar"),
	FIELD(D, exclusive_orders, .flags = FF_NULLABLE,
	    .doc = "See exclusive"),
	FIELD(D, trade_on_close, .flags = FF_NULLABLE,
	    .doc = "See on_close"),
	FIELD(D, finalize_trades, .flags = FF_NULLABLE,
	    .doc = "See finish"),
	TRADE_ACCOUNT_FIELDS(D, account.),
	FIELD_END
};
const struct schema trade_strategy_schema = {
	.name = "StrategySpec", .doc = "Indicators, rules, size and exits",
	.size = sizeof(D), .fields = doc_fields
};

/* ---- expressions ----------------------------------------------------------------- */

int
trade_spec_bad(struct trade_reader *r, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_field(r->e, (struct err_field){ .type = "value_error",
	    .loc = arena_printf(r->a, "[\"body\",\"%s\"]", r->where),
	    .msg = arena_strdup(r->a, text), .input = "null" });
	return -1;
}

/* The same thing said twice is computed once. */
static int
node(struct trade_reader *r, struct trade_node n)
{
	for (size_t i = 0; i < r->s->nnodes; i++) {
		const struct trade_node *o = &r->s->nodes[i];

		if (o->op == n.op && o->number == n.number &&
		    o->index == n.index && o->output == n.output &&
		    o->arg[0] == n.arg[0] && o->arg[1] == n.arg[1])
			return (int)i;
	}
	if (r->s->nnodes == TRADE_NODES_MAX)
		return trade_spec_bad(r, "More than %d operands and operators",
		    TRADE_NODES_MAX);
	r->s->nodes[r->s->nnodes] = n;
	return (int)r->s->nnodes++;
}

static int
find_param(const struct trade_strategy *s, const char *name)
{
	for (size_t i = 0; i < s->nparams; i++)
		if (strcmp(s->params[i].name, name) == 0)
			return (int)i;
	return -1;
}

static const char *const fields[] = {
	"open", "high", "low", "close", "volume", NULL
};

/* "name" or "name.output" */
static int
column(struct trade_reader *r, const char *name)
{
	const char *dot = strchr(name, '.');
	size_t n = dot == NULL ? strlen(name) : (size_t)(dot - name);

	for (size_t i = 0; i < r->s->ncolumns; i++) {
		const struct trade_column *c = &r->s->columns[i];

		if (strncmp(c->name, name, n) != 0 || c->name[n] != '\0')
			continue;
		for (int o = 0; c->kind->outputs[o] != NULL; o++)
			if (dot == NULL ||
			    strcmp(c->kind->outputs[o], dot + 1) == 0)
				return node(r, (struct trade_node){
				    .op = OP_COLUMN, .index = (int)i,
				    .output = o, .arg = { -1, -1 } });
		return trade_spec_bad(r, "%s has no output \"%s\"", c->kind->name,
		    dot + 1);
	}
	return trade_spec_bad(r, "Nothing is called \"%.60s\"", name);
}

static int
name(struct trade_reader *r, const char *text)
{
	int p = find_param(r->s, text);

	if (p >= 0)
		return node(r, (struct trade_node){ .op = OP_PARAM,
		    .index = p, .arg = { -1, -1 } });
	if (r->only_params)
		return trade_spec_bad(r, "\"%.60s\" is no parameter", text);
	for (int i = 0; fields[i] != NULL; i++)
		if (strcmp(fields[i], text) == 0)
			return node(r, (struct trade_node){ .op = OP_FIELD,
			    .index = i, .arg = { -1, -1 } });
	return column(r, text);
}

static const struct {
	const char *name;
	enum trade_op op;
	int args;			/* expressions */
	bool count;			/* a number of bars follows */
} operators[] = {
	{ "+", OP_ADD, 2, false }, { "-", OP_SUB, 2, false },
	{ "*", OP_MUL, 2, false }, { "/", OP_DIV, 2, false },
	{ "<", OP_LT, 2, false }, { "<=", OP_LE, 2, false },
	{ ">", OP_GT, 2, false }, { ">=", OP_GE, 2, false },
	{ "==", OP_EQ, 2, false }, { "!=", OP_NE, 2, false },
	{ "and", OP_AND, 2, false }, { "or", OP_OR, 2, false },
	{ "not", OP_NOT, 1, false },
	{ "cross_above", OP_CROSS_ABOVE, 2, false },
	{ "cross_below", OP_CROSS_BELOW, 2, false },
	{ "highest", OP_HIGHEST, 1, true }, { "lowest", OP_LOWEST, 1, true },
	{ "shift", OP_SHIFT, 1, true }
};
enum { OPERATORS = sizeof(operators) / sizeof(operators[0]) };

static int expression(struct trade_reader *, struct json_object *, int depth);

static int
pattern(struct trade_reader *r, struct json_object *list)
{
	const char *text = json_object_get_string(
	    json_object_array_get_idx(list, 1));
	int k = text == NULL ? -1 : trade_candle_find(text);

	if (json_object_array_length(list) != 2 || k < 0)
		return trade_spec_bad(r, "pattern takes the name of a candlestick "
		    "pattern");
	r->s->patterns = true;
	return node(r, (struct trade_node){ .op = OP_PATTERN, .index = k,
	    .arg = { -1, -1 } });
}

static int
bars(struct trade_reader *r, struct json_object *v, bool shift, double *out)
{
	*out = json_object_get_double(v);
	if (!json_object_is_type(v, json_type_int) ||
	    *out < (shift ? 0 : 1) || *out > 10000)
		return trade_spec_bad(r, "A number of bars from %d to 10000 is wanted; "
		    "the future cannot be asked", shift ? 0 : 1);
	return 0;
}

static int
operation(struct trade_reader *r, struct json_object *list, int depth)
{
	struct json_object *head = json_object_array_get_idx(list, 0);
	const char *op = json_object_is_type(head, json_type_string) ?
	    json_object_get_string(head) : "";
	size_t n = json_object_array_length(list), i;
	struct trade_node x = { .arg = { -1, -1 } };

	if (strcmp(op, "pattern") == 0 && !r->only_params)
		return pattern(r, list);
	for (i = 0; i < OPERATORS; i++)
		if (strcmp(operators[i].name, op) == 0)
			break;
	if (i == OPERATORS)
		return trade_spec_bad(r, "\"%.40s\" is no operator", op);
	if (n != 1 + (size_t)operators[i].args + operators[i].count)
		return trade_spec_bad(r, "%s takes %d operands", op,
		    operators[i].args + operators[i].count);
	x.op = operators[i].op;
	for (int k = 0; k < operators[i].args; k++) {
		x.arg[k] = expression(r, json_object_array_get_idx(list,
		    (size_t)k + 1), depth + 1);
		if (x.arg[k] == -1)
			return -1;
	}
	if (operators[i].count && bars(r, json_object_array_get_idx(list, 2),
	    x.op == OP_SHIFT, &x.number) == -1)
		return -1;
	return node(r, x);
}

/* Index of its node, -1 with the error. */
static int
expression(struct trade_reader *r, struct json_object *v, int depth)
{
	if (depth > DEPTH)
		return trade_spec_bad(r, "Nested more than %d deep", DEPTH);
	switch (json_object_get_type(v)) {
	case json_type_int:
	case json_type_double:
		return node(r, (struct trade_node){ .op = OP_NUMBER,
		    .number = json_object_get_double(v),
		    .arg = { -1, -1 } });
	case json_type_string:
		return name(r, json_object_get_string(v));
	case json_type_array:
		if (json_object_array_length(v) > 0)
			return operation(r, v, depth);
		/* fallthrough */
	default:
		return trade_spec_bad(r, "An expression is a number, a name or "
		    "[operator, operands…]");
	}
}

/* ---- parts ------------------------------------------------------------------------ */

static void
put(void *tree)
{
	json_object_put(tree);
}

struct json_object *
trade_spec_tree(struct trade_reader *r, struct json text, const char *where)
{
	struct json_object *v;

	r->where = where;
	if (text.p == NULL)
		return NULL;
	v = json_tokener_parse(text.p);
	if (v != NULL)
		arena_defer(r->a, put, v);
	return v;
}

static int
read_param(struct trade_reader *r, const char *key, struct json_object *v)
{
	struct trade_param *p = &r->s->params[r->s->nparams];

	if (r->s->nparams == TRADE_PARAMS_MAX)
		return trade_spec_bad(r, "More than %d parameters", TRADE_PARAMS_MAX);
	p->name = arena_strdup(r->a, key);
	if (json_object_is_type(v, json_type_int) ||
	    json_object_is_type(v, json_type_double)) {
		p->low = p->high = json_object_get_double(v);
		p->step = 1;
	} else if (json_object_is_type(v, json_type_array) &&
	    json_object_array_length(v) == 3) {
		p->low = json_object_get_double(
		    json_object_array_get_idx(v, 0));
		p->high = json_object_get_double(
		    json_object_array_get_idx(v, 1));
		p->step = json_object_get_double(
		    json_object_array_get_idx(v, 2));
	} else {
		return trade_spec_bad(r, "%.60s: a number or [low, high, step]", key);
	}
	if (!(p->step > 0) || !(p->low <= p->high) ||
	    (p->high - p->low) / p->step >= TRADE_GRID_MAX)
		return trade_spec_bad(r, "%.60s: low ≤ high, step > 0 and at most %d "
		    "points", key, TRADE_GRID_MAX);
	r->s->nparams++;
	return 0;
}

static int
read_params(struct trade_reader *r, struct json text)
{
	struct json_object *all = trade_spec_tree(r, text, "params");

	if (all == NULL)
		return 0;
	if (!json_object_is_type(all, json_type_object))
		return trade_spec_bad(r, "An object {name: [low, high, step]}");
	json_object_object_foreach(all, key, v)
		if (read_param(r, key, v) == -1)
			return -1;
	if (trade_strategy_points(r->s) > TRADE_GRID_MAX)
		return trade_spec_bad(r, "The grid has more than %d points",
		    TRADE_GRID_MAX);
	return 0;
}

static int
indicator_params(struct trade_reader *r, struct json_object *list, size_t from,
    struct trade_column *c)
{
	for (size_t i = from; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		int p = -1;

		if (c->n == TRADE_PARAMS)
			return trade_spec_bad(r, "%s: too many parameters", c->name);
		if (json_object_is_type(v, json_type_string))
			p = find_param(r->s, json_object_get_string(v));
		if (p < 0 && !json_object_is_type(v, json_type_int) &&
		    !json_object_is_type(v, json_type_double))
			return trade_spec_bad(r, "%s: a parameter is a number or the "
			    "name of one in params", c->name);
		c->param[c->n] = p;
		c->value[c->n++] = json_object_get_double(v);
	}
	return 0;
}

static int
read_indicator(struct trade_reader *r, const char *key, struct json_object *list)
{
	struct trade_column *c = &r->s->columns[r->s->ncolumns];
	struct json_object *head;
	size_t from = 1;

	if (r->s->ncolumns == TRADE_INDICATORS_MAX)
		return trade_spec_bad(r, "More than %d indicators",
		    TRADE_INDICATORS_MAX);
	head = json_object_is_type(list, json_type_array) ?
	    json_object_array_get_idx(list, 0) : NULL;
	*c = (struct trade_column){ .name = arena_strdup(r->a, key),
	    .source = -1 };
	if (head != NULL && json_object_is_type(head, json_type_string))
		c->kind = trade_indicator_find(json_object_get_string(head));
	if (c->kind == NULL)
		return trade_spec_bad(r, "%.60s: [kind, source, parameters…] with a "
		    "known kind is wanted", key);
	if (!c->kind->of_bar) {
		c->source = expression(r, json_object_array_get_idx(list, 1),
		    1);
		if (c->source == -1)
			return -1;
		from = 2;
	}
	if (indicator_params(r, list, from, c) == -1)
		return -1;
	c->before = r->s->nnodes;
	r->s->ncolumns++;
	return 0;
}

static int
read_indicators(struct trade_reader *r, struct json text)
{
	struct json_object *all = trade_spec_tree(r, text, "indicators");

	if (all == NULL)
		return 0;
	if (!json_object_is_type(all, json_type_object))
		return trade_spec_bad(r, "An object {name: [kind, source, …]}");
	json_object_object_foreach(all, key, v)
		if (read_indicator(r, key, v) == -1)
			return -1;
	return 0;
}

static int
read_rules(struct trade_reader *r, const D *d)
{
	static const char *const names[RULES] = {
		"entry_long", "exit_long", "entry_short", "exit_short"
	};
	struct json_object *v;

	for (int i = 0; i < RULES; i++) {
		v = trade_spec_tree(r, d->rule[i], names[i]);
		r->s->rule[i] = v == NULL ? -1 : expression(r, v, 0);
		if (v != NULL && r->s->rule[i] == -1)
			return -1;
	}
	r->where = "entry_long";
	if (r->s->rule[RULE_ENTRY_LONG] == -1 &&
	    r->s->rule[RULE_ENTRY_SHORT] == -1)
		return trade_spec_bad(r, "entry_long or entry_short is wanted");
	v = trade_spec_tree(r, d->constraint, "constraint");
	r->only_params = true;
	r->s->constraint = v == NULL ? -1 : expression(r, v, 0);
	return v != NULL && r->s->constraint == -1 ? -1 : 0;
}

int
trade_strategy_read(struct arena *a, const char *text, size_t n,
    struct trade_strategy *s, struct err *e)
{
	struct trade_reader r = { a, s, e, "", false };
	D d = { .size = NULL };
	uint64_t seen;

	*s = (struct trade_strategy){ .constraint = -1 };
	if (schema_decode_json(&trade_strategy_schema, text, n, "body", true,
	    a, &d, &seen, e) == -1)
		return -1;
	s->nodes = arena_array(a, TRADE_NODES_MAX, sizeof(*s->nodes));
	s->columns = arena_array(a, TRADE_INDICATORS_MAX,
	    sizeof(*s->columns));
	if (read_params(&r, d.params) == -1 ||
	    read_indicators(&r, d.indicators) == -1 ||
	    read_rules(&r, &d) == -1)
		return -1;
	return trade_spec_terms(&r, &d, seen);
}
