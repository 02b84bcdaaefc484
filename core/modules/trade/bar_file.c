/*
 * Bars out of CSV, a batch at a time: memory does not grow with the file.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "schema/csv.h"
#include "modules/trade/bar.h"

enum { BATCH = 1000 };

static const struct field report_fields[] = {
	FIELD(struct trade_bar_report, rows, .doc = "Bars in the file"),
	FIELD(struct trade_bar_report, changed,
	    .doc = "Rows written (a correction counts twice)"),
	FIELD_END
};
const struct schema trade_bar_report_schema = {
	.name = "BarImport", .doc = "What an import did",
	.size = sizeof(struct trade_bar_report), .fields = report_fields
};

struct upload {
	struct db *db;
	struct arena *a, *batch;
	int64_t instrument;
	const char *timeframe;
	const struct trade_bar_source *source;
	struct trade_bar *bars;
	size_t n;
	struct trade_bar_report *out;
	struct err *e;
};

static ssize_t
cookie_read(void *cookie, char *buf, size_t n)
{
	struct upload *u = cookie;

	return u->source->read(u->source->arg, buf, n, u->e);
}

static int
flush(struct upload *u)
{
	struct arena_mark m = arena_mark(u->a);
	uint64_t changed;

	if (trade_bar_put(u->db, u->instrument, u->timeframe, u->bars, u->n,
	    u->a, &changed, u->e) == -1)
		return -1;
	arena_rewind(u->a, m);
	u->out->changed += (int64_t)changed;
	u->n = 0;
	return 0;
}

const char *
trade_bar_column(const char *name)
{
	/* "": the index column that pandas writes first */
	static const char *const times[] = {
		"", "date", "time", "timestamp", "datetime", NULL
	};

	for (int i = 0; times[i] != NULL; i++)
		if (strcasecmp(times[i], name) == 0)
			return "at";
	for (const struct field *f = trade_bar_schema.fields; f->name != NULL;
	    f++)
		if (strcasecmp(f->name, name) == 0)
			return f->name;
	return NULL;
}

/* "2026-01-03", "2026-01-03 10:00", "2026-01-03 10:00:00" and with T: UTC
 * unless it says so. */
static const char *
instant(struct arena *a, const char *text)
{
	size_t n = strlen(text);
	char *t;

	if (n == 10 && text[4] == '-')
		return arena_printf(a, "%sT00:00:00Z", text);
	if (n == 16 && text[13] == ':')
		return arena_printf(a, "%.10sT%s:00Z", text, text + 11);
	if (n < 19 || (text[10] != ' ' && text[10] != 'T'))
		return text;
	t = arena_printf(a, "%s%s", text,
	    strpbrk(text + 19, "Z+-") == NULL ? "Z" : "");
	t[10] = 'T';
	return t;
}

static int
row(struct upload *u, const struct pair *cells, size_t n, size_t line)
{
	struct pair known[8];
	struct schema_input in = { .query = known, .from_query = true };
	struct trade_bar *b = &u->bars[u->n];
	uint64_t seen;

	for (size_t i = 0; i < n && in.nquery < 8; i++) {
		const char *name = trade_bar_column(cells[i].name);

		if (name != NULL)
			known[in.nquery++] = (struct pair){ name,
			    strcmp(name, "at") == 0 ? instant(u->a,
			    cells[i].value) : cells[i].value };
	}
	if (schema_decode(&trade_bar_schema, &in, u->a, b, &seen, u->e) ==
	    -1 || trade_bar_check(b, u->e) == -1) {
		const char *what = u->e->nfields > 0 ? arena_printf(u->a,
		    "%s: %s", u->e->fields[0].loc, u->e->fields[0].msg) :
		    arena_strdup(u->a, u->e->detail);

		err_clear(u->e);
		return err_set(u->e, 422, "bar", "Line %zu: %s", line, what);
	}
	u->out->rows++;
	return ++u->n == BATCH ? flush(u) : 0;
}

static int
rows(struct upload *u, struct csv *csv)
{
	const struct pair *cells;
	size_t n;
	int rc;

	for (;;) {
		struct arena_mark m = arena_mark(u->a);

		rc = csv_next(csv, u->a, &cells, &n, u->e);
		if (rc != 0)
			break;
		if (row(u, cells, n, csv_line(csv)) == -1)
			return -1;
		arena_rewind(u->a, m);
	}
	return rc == -1 ? -1 : flush(u);
}

int
trade_bar_upload(struct db *db, struct arena *a, int64_t instrument,
    const char *timeframe, const struct trade_bar_source *source,
    struct trade_bar_report *out, struct err *e)
{
	const cookie_io_functions_t io = { .read = cookie_read };
	struct upload u = { .db = db, .a = a, .instrument = instrument,
	    .timeframe = timeframe, .source = source, .out = out, .e = e };
	struct csv *csv;
	FILE *f;
	int rc;

	*out = (struct trade_bar_report){ .rows = 0 };
	u.bars = arena_array(a, BATCH, sizeof(*u.bars));
	f = fopencookie(&u, "r", io);
	if (f == NULL)
		return err_set(e, 500, "memory", "No stream");
	rc = csv_open(&csv, f, a, e) == -1 ? -1 : rows(&u, csv);
	fclose(f);
	return rc;
}
