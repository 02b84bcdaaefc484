/*
 * Bars out of a JSON array, an element at a time: each is found by its
 * brackets and read by itself, so that the tree in memory is never larger than
 * one bar. Names the element that is wrong; batches before it are stored.
 */
#include <json.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/trade/bar.h"
#include "modules/trade/message.h"

enum { BATCH = 1000, BODY_MAX = 64 << 20, PIECE = 64 * 1024, CELLS = 6,
	NAMES = 6 };

struct reading {
	struct db *db;
	struct arena *a;
	int64_t instrument;
	const char *timeframe;
	struct trade_bar *bars;
	size_t n;
	struct trade_bar_report *out;
};

static int
flush(struct reading *r, struct err *e)
{
	struct arena_mark m = arena_mark(r->a);
	uint64_t changed;

	if (trade_bar_put(r->db, r->instrument, r->timeframe, r->bars, r->n,
	    r->a, &changed, e) == -1)
		return -1;
	arena_rewind(r->a, m);
	r->out->changed += (int64_t)changed;
	r->n = 0;
	return 0;
}

/* ---- one bar ---------------------------------------------------------------------- */

static const char *const names[CELLS][NAMES] = {
	{ "at", "date", "time", "timestamp", "t", NULL },
	{ "open", "o", NULL }, { "high", "h", NULL }, { "low", "l", NULL },
	{ "close", "c", NULL }, { "volume", "v", NULL }
};

static const char *
cell(struct json_object *o, int i)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_array))
		v = json_object_array_get_idx(o, (size_t)i);
	else
		for (int k = 0; k < NAMES && names[i][k] != NULL && v == NULL;
		    k++)
			json_object_object_get_ex(o, names[i][k], &v);
	return trade_message_text(v);
}

static int
bar_of(struct json_object *o, struct trade_bar *b, struct err *e)
{
	struct dec *const to[CELLS] = { NULL, &b->open, &b->high, &b->low,
	    &b->close, &b->volume };
	const char *s = cell(o, 0);

	*b = (struct trade_bar){ .version = 1 };
	if (s == NULL || trade_message_instant(s, &b->at) == -1)
		return err_set(e, 422, "bar", "it has no time");
	for (int i = 1; i < CELLS; i++) {
		s = cell(o, i);
		if (s == NULL && i == CELLS - 1)
			break;		/* no volume */
		if (s == NULL || trade_message_decimal(s, to[i]) == -1)
			return err_set(e, 422, "bar", "%s is no number",
			    names[i][0]);
	}
	return trade_bar_check(b, e);
}

static int
take(struct reading *r, const char *s, size_t n, struct err *e)
{
	struct json_tokener *t = json_tokener_new_ex(8);
	struct json_object *o = json_tokener_parse_ex(t, s, (int)n);
	bool whole = json_tokener_get_error(t) == json_tokener_success;
	int rc = -1;

	if (!whole || o == NULL || json_object_is_type(o, json_type_string))
		err_set(e, 422, "bar", "it is no bar");
	else
		rc = bar_of(o, &r->bars[r->n], e);
	if (rc == -1) {
		struct err bad = *e;

		err_clear(e);
		err_set(e, 422, "bar", "Element %lld: %s",
		    (long long)r->out->rows, bad.detail);
	}
	json_object_put(o);
	json_tokener_free(t);
	if (rc == -1)
		return -1;
	r->out->rows++;
	return ++r->n == BATCH ? flush(r, e) : 0;
}

/* ---- the array ---------------------------------------------------------------------- */

/* Bytes of the element that begins here; 0: it does not end. */
static size_t
element(const char *s, size_t n)
{
	bool text = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (text && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			text = !text;
		else if (!text && (s[i] == '[' || s[i] == '{'))
			depth++;
		else if (!text && (s[i] == ']' || s[i] == '}') &&
		    --depth == 0)
			return i + 1;
	}
	return 0;
}

static int
all(struct reading *r, const char *s, size_t n, struct err *e)
{
	size_t i = strspn(s, " \t\r\n"), len;

	if (i == n || s[i] != '[')
		return err_set(e, 422, "bar", "The file is no JSON array");
	for (i++;; i += len) {
		i += strspn(s + i, " \t\r\n,");
		if (i < n && s[i] == ']')
			return flush(r, e);
		len = i < n && (s[i] == '[' || s[i] == '{') ?
		    element(s + i, n - i) : 0;
		if (len == 0)
			return err_set(e, 422, "bar", "Element %lld: it is "
			    "no bar", (long long)r->out->rows);
		if (take(r, s + i, len, e) == -1)
			return -1;
	}
}

int
trade_bar_upload_json(struct db *db, struct arena *a, int64_t instrument,
    const char *timeframe, const struct trade_bar_source *source,
    struct trade_bar_report *out, struct err *e)
{
	struct reading r = { .db = db, .instrument = instrument,
	    .timeframe = timeframe, .out = out };
	struct arena *own = arena_new((size_t)3 * BODY_MAX);
	char *piece = arena_alloc(own, PIECE);
	struct str body;
	long got;
	int rc = 0;

	(void)a;
	*out = (struct trade_bar_report){ .rows = 0 };
	r.a = own;
	r.bars = arena_array(own, BATCH, sizeof(*r.bars));
	str_init(&body, own);
	while (rc == 0 && (got = source->read(source->arg, piece, PIECE, e)) !=
	    0) {
		if (got == -1)
			rc = -1;
		else if (body.len + (size_t)got > BODY_MAX)
			rc = err_set(e, 413, "too_large", "At most 64 MiB of "
			    "JSON: use CSV");
		else
			str_addn(&body, piece, (size_t)got);
	}
	if (rc == 0 && memchr(body.p, '\0', body.len) != NULL)
		rc = err_set(e, 422, "bar", "The file is no JSON array");
	if (rc == 0)
		rc = all(&r, body.p, body.len, e);
	arena_free(own);
	return rc;
}
