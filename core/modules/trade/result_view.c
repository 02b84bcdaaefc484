/*
 * Results beside each other, and for a spreadsheet. Pure.
 */
#include <json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/trade/result.h"

/* ---- CSV --------------------------------------------------------------------- */

static void
cell(struct json_object *v, struct str *s)
{
	bool text = json_object_is_type(v, json_type_string);

	str_csv(s, v == NULL ? "" : json_object_get_string(v), !text);
}

static void
object_row(struct json_object *row, bool names, struct str *s)
{
	const char *sep = "";

	json_object_object_foreach(row, key, v) {
		str_add(s, sep);
		if (names)
			str_csv(s, key, false);
		else
			cell(v, s);
		sep = ",";
	}
	str_add(s, "\r\n");
}

static void
array_row(struct json_object *row, struct str *s)
{
	for (size_t i = 0; i < json_object_array_length(row); i++) {
		str_add(s, i > 0 ? "," : "");
		cell(json_object_array_get_idx(row, i), s);
	}
	str_add(s, "\r\n");
}

void
trade_result_csv(struct json text, const char *names, struct str *s)
{
	struct json_object *all = json_tokener_parse(text.p);

	if (names != NULL)
		str_addf(s, "%s\r\n", names);
	for (size_t i = 0; all != NULL &&
	    i < json_object_array_length(all); i++) {
		struct json_object *row = json_object_array_get_idx(all, i);

		if (json_object_is_type(row, json_type_array)) {
			array_row(row, s);
			continue;
		}
		if (i == 0 && names == NULL)
			object_row(row, true, s);
		object_row(row, false, s);
	}
	json_object_put(all);
}

/* ---- beside each other ---------------------------------------------------------- */

struct compared {
	const char *name;
	double v[TRADE_COMPARED_MAX];
	double spread, weight;
};

static int
by_weight(const void *x, const void *y)
{
	const struct compared *p = x, *q = y;

	return p->weight > q->weight ? -1 : p->weight < q->weight ? 1 :
	    strcmp(p->name, q->name);
}

static void
spread(struct compared *c, size_t n)
{
	double low = INFINITY, high = -INFINITY, size = 0;

	for (size_t i = 0; i < n; i++) {
		if (isnan(c->v[i]))
			continue;
		low = fmin(low, c->v[i]);
		high = fmax(high, c->v[i]);
		size = fmax(size, fabs(c->v[i]));
	}
	c->spread = high >= low ? high - low : NAN;
	c->weight = c->spread > 0 ? c->spread / size : 0;
}

static void
number(struct str *s, double v)
{
	char buf[DEC_TEXT];

	str_add(s, real_format(v, buf));
}

static void
add_row(const struct compared *c, size_t n, bool first, struct str *s)
{
	str_add(s, first ? "" : ",");
	str_add(s, "{\"name\":");
	str_json(s, c->name);
	str_add(s, ",\"spread\":");
	number(s, c->spread);
	for (size_t i = 0; i < n; i++) {
		str_add(s, i == 0 ? ",\"values\":[" : ",");
		number(s, c->v[i]);
	}
	str_add(s, "]}");
}

void
trade_result_table(struct arena *a, const struct trade_result *r, size_t n,
    struct str *s)
{
	struct json_object *stats[TRADE_COMPARED_MAX];
	struct compared *rows = arena_array(a, 64, sizeof(*rows));
	size_t count = 0;

	n = n < TRADE_COMPARED_MAX ? n : TRADE_COMPARED_MAX;
	for (size_t i = 0; i < n; i++)
		stats[i] = json_tokener_parse(r[i].stats.p);
	for (const struct field *f = trade_stats_schema.fields;
	    f->name != NULL && count < 64; f++, count++) {
		rows[count].name = f->name;
		for (size_t i = 0; i < n; i++) {
			struct json_object *v = json_object_object_get(
			    stats[i], f->name);

			rows[count].v[i] = v == NULL ? NAN :
			    json_object_get_double(v);
		}
		spread(&rows[count], n);
	}
	qsort(rows, count, sizeof(*rows), by_weight);
	str_addc(s, '[');
	for (size_t i = 0; i < count; i++)
		add_row(&rows[i], n, i == 0, s);
	str_addc(s, ']');
	for (size_t i = 0; i < n; i++)
		json_object_put(stats[i]);
}
