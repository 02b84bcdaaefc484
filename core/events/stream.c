/*
 * Reading the stream: by tenant and offset for clients, by position for the
 * gateway and webhooks. Honest about what is missing: `recovered` is false
 * when rows after the caller's offset were dropped by retention or belong to
 * another epoch. Reads in portions, so that a filter that matches little
 * costs bounded memory.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/vec.h"
#include "db/table.h"
#include "events/event.h"

enum {
	PORTION = 8,		/* stream rows at once */
	SCAN_BYTES = 8 << 20,	/* of bodies per page */
	DROP_ROWS = 500
};

/* ---- schemas --------------------------------------------------------------- */

static const struct field item_fields[] = {
	FIELD(struct event_item, off, .doc = "Number in the stream"),
	FIELD(struct event_item, topic, .doc = "What happened"),
	FIELD(struct event_item, entity, .doc = "What it happened to"),
	FIELD(struct event_item, version, .doc = "Version of the entity; 0 = "
	    "not counted"),
	FIELD(struct event_item, at, .doc = "When it was published"),
	FIELD(struct event_item, data, .doc = "Payload of the topic"),
	FIELD_END
};
const struct schema event_item_schema = { .name = "Event",
    .doc = "Something that happened", .size = sizeof(struct event_item),
    .fields = item_fields };

static const struct field row_fields[] = {
	FIELD(struct event_row, pos, .doc = "Position in the installation"),
	FIELD(struct event_row, tenant_id, .doc = "Whose; zeros = the "
	    "installation's"),
	FIELD(struct event_row, first, .doc = "Number of its first event"),
	FIELD(struct event_row, n, .doc = "Events in it"),
	FIELD(struct event_row, at, .doc = "When it was relayed"),
	FIELD(struct event_row, body, .doc = "One JSON line per event"),
	FIELD_END
};
const struct schema event_row_schema = { .name = "EventRow",
    .doc = "Row of the stream", .size = sizeof(struct event_row),
    .fields = row_fields };

struct head {
	int64_t epoch, top;
};
static const struct field head_fields[] = {
	FIELD(struct head, epoch, .doc = "Changes when it was restored"),
	FIELD(struct head, top, .doc = "Last number given"),
	FIELD_END
};
static const struct schema head_schema = { .name = "EventHead",
    .doc = "Head of a stream", .size = sizeof(struct head),
    .fields = head_fields };

static const struct field backlog_fields[] = {
	FIELD(struct event_backlog, pending, .doc = "Rows not yet relayed"),
	FIELD(struct event_backlog, oldest, .flags = FF_NULLABLE,
	    .doc = "When the oldest of them was written"),
	FIELD_END
};
static const struct schema backlog_schema = { .name = "EventBacklog",
    .doc = "What waits for the relay", .size = sizeof(struct event_backlog),
    .fields = backlog_fields };

struct number {
	int64_t n;
};
static const struct field number_fields[] = {
	FIELD(struct number, n, .doc = "Number"), FIELD_END
};
static const struct schema number_schema = { .name = "EventNumber",
    .doc = "A number", .size = sizeof(struct number),
    .fields = number_fields };

/* ---- statements ------------------------------------------------------------ */

#define ROWS "SELECT pos, tenant_id, first, n, at, body FROM events_stream "

static const struct query HEAD = { "events_head.get",
	"SELECT epoch, top FROM events_head WHERE tenant_id = ?",
	&head_schema };
/* From the row that holds the offset, or the first one after it. */
static const struct query STREAM_FROM = { "events_stream.from",
	ROWS "WHERE tenant_id = ? AND first >= COALESCE((SELECT x.first FROM "
	"events_stream x WHERE x.tenant_id = ? AND x.first <= ? "
	"ORDER BY x.first DESC LIMIT 1), 0) ORDER BY first LIMIT ?",
	&event_row_schema };
static const struct query STREAM_FOLLOW = { "events_stream.follow",
	ROWS "WHERE pos > ? ORDER BY pos LIMIT ?", &event_row_schema };
static const struct query POSITION = { "events_position.read",
	"SELECT pos AS n FROM events_position WHERE one = 1", &number_schema };
static const struct query BACKLOG = { "events_outbox.backlog",
	"SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM events_outbox LIMIT "
	"100000) x) AS pending, (SELECT at FROM events_outbox ORDER BY id "
	"LIMIT 1) AS oldest", &backlog_schema };
static const struct query DROP_TO = { "events_stream.drop_to",
	"SELECT COALESCE(MAX(x.pos), 0) AS n FROM (SELECT pos, at FROM "
	"events_stream ORDER BY pos LIMIT ?) x WHERE x.at < ?",
	&number_schema };
static const struct query DROP = { "events_stream.drop",
	"DELETE FROM events_stream WHERE pos <= ?", NULL };
static const struct query EPOCHS = { "events_head.restored",
	"UPDATE events_head SET epoch = ?", NULL };
static const struct query JUMP = { "events_position.restored",
	"UPDATE events_position SET pos = GREATEST(pos + 1, ?) "
	"WHERE one = 1", NULL };

const struct query *const event_stream_queries[] = {
	&HEAD, &STREAM_FROM, &STREAM_FOLLOW, &POSITION, &BACKLOG, &DROP_TO,
	&DROP, &EPOCHS, &JUMP, NULL
};

/* ---- tables ---------------------------------------------------------------- */

const struct table event_tables[] = {
	{ .name = "events_outbox", .snapshot = SNAP_FULL },
	{ .name = "events_head", .snapshot = SNAP_FULL },
	{ .name = "events_stream", .row = &event_row_schema,
	  .snapshot = SNAP_FULL },
	{ .name = "events_dead", .snapshot = SNAP_FULL, .retention_days = 90,
	  .retention_column = "set_aside" },
	{ .name = "events_position", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

/* ---- lines ----------------------------------------------------------------- */

struct wrapped {
	const char *s;
};
static const struct field wrapped_fields[] = {
	FIELD(struct wrapped, s, .doc = "Text"), FIELD_END
};
static const struct schema wrapped_schema = { .name = "EventText",
    .doc = "A text", .size = sizeof(struct wrapped),
    .fields = wrapped_fields };

static const char *
unescape(struct arena *a, const char *quoted, size_t n)
{
	const char *text = arena_printf(a, "{\"s\":%.*s}", (int)n, quoted);
	struct wrapped w;
	struct err e = { 0 };
	uint64_t seen;

	return schema_decode_json(&wrapped_schema, text, n + 6, "line", true,
	    a, &w, &seen, &e) == -1 ? NULL : w.s;
}

/* The text between quotes at *p, which moves behind it. NULL: not one. */
static const char *
line_text(struct arena *a, const char **p)
{
	const char *start = *p, *q;
	bool escaped = false;

	if (*start != '"')
		return NULL;
	for (q = start + 1; *q != '"'; q++) {
		if (*q == '\0')
			return NULL;
		if (*q == '\\') {
			escaped = true;
			if (*++q == '\0')
				return NULL;
		}
	}
	*p = q + 1;
	if (escaped)
		return unescape(a, start, (size_t)(q + 1 - start));
	return arena_strndup(a, start + 1, (size_t)(q - start - 1));
}

static bool
skip(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

/* Members stand in the order in which event_publish() writes them. */
static bool
line_read(struct arena *a, const char *line, size_t n, struct event_item *out)
{
	const char *p = arena_strndup(a, line, n), *at, *end;
	struct err e = { 0 };
	size_t digits;

	end = p + n;
	if (n < 2 || end[-1] != '}' || !skip(&p, "{\"t\":") ||
	    (out->topic = line_text(a, &p)) == NULL ||
	    !skip(&p, ",\"e\":") ||
	    (out->entity = line_text(a, &p)) == NULL || !skip(&p, ",\"v\":"))
		return false;
	digits = strspn(p, "-0123456789");
	if (num_i64(p, digits, &out->version) != NUM_OK)
		return false;
	p += digits;
	if (!skip(&p, ",\"at\":") || (at = line_text(a, &p)) == NULL ||
	    clock_parse(at, &out->at) == -1 || !skip(&p, ",\"d\":") ||
	    p >= end)
		return false;
	out->data.p = arena_strndup(a, p, (size_t)(end - 1 - p));
	return json_scan(out->data.p, (size_t)(end - 1 - p), 0, "line", a,
	    &e) == 0;
}

int
event_unpack(struct arena *a, const struct event_row *row, struct rows *out,
    struct err *e)
{
	struct event_item *items;
	const char *p = row->body;

	if (row->n < 0 || row->n > 1 << 20) {
		err_set(e, 500, "bad_stream", "Internal error");
		return err_cause(e, "stream row %lld has %lld events",
		    (long long)row->pos, (long long)row->n);
	}
	items = arena_array(a, (size_t)row->n + 1, sizeof(*items));
	*out = (struct rows){ items, 0, &event_item_schema };
	for (int64_t i = 0; i < row->n && *p != '\0'; i++) {
		size_t n = strcspn(p, "\n");

		if (line_read(a, p, n, &items[out->n]))
			items[out->n++].off = row->first + i;
		p += n + (p[n] == '\n');
	}
	return 0;
}

/* ---- topics ---------------------------------------------------------------- */

bool
event_topic_matches(const char *const *topics, const char *name)
{
	if (topics == NULL || *topics == NULL)
		return true;
	for (; *topics != NULL; topics++) {
		size_t n = strlen(*topics);

		if (strcmp(*topics, name) == 0 || strcmp(*topics, "*") == 0 ||
		    (n > 2 && strcmp(*topics + n - 2, ".*") == 0 &&
		    strncmp(*topics, name, n - 1) == 0))
			return true;
	}
	return false;
}

/* ---- by tenant and offset -------------------------------------------------- */

struct reading {
	const struct event_query *q;
	struct event_page *page;
	VEC(struct event_item) items;
	int64_t since, bytes;
	bool free, full;	/* free: starts at the oldest kept */
};

int
event_head(struct db *db, struct uuid tenant, int64_t *epoch, int64_t *top,
    struct err *e)
{
	struct arena *a = arena_new(64 << 10);
	struct head h;
	int rc = db_one(db, a, &HEAD, ARGS(val_id(tenant)), &h, e);

	arena_free(a);
	*epoch = rc == 0 ? h.epoch : 0;
	*top = rc == 0 ? h.top : 0;
	return rc == -1 ? -1 : 0;
}

/* A topic that no module declares any more is nobody's business. */
static bool
wanted(const struct event_query *q, const struct event_item *it)
{
	const struct event *ev;

	if (!event_topic_matches(q->topics, it->topic))
		return false;
	if (q->may_see == NULL)
		return true;
	ev = event_find(q->modules, it->topic);
	return ev != NULL && q->may_see(q->arg, ev);
}

static int
take_row(struct reading *r, struct arena *a, const struct event_row *row,
    struct err *e)
{
	struct rows items;

	if (!r->free && row->first > r->since + 1)
		r->page->recovered = false;
	r->free = false;
	if (event_unpack(a, row, &items, e) == -1)
		return -1;
	for (size_t i = 0; i < items.n && !r->full; i++) {
		const struct event_item *it = ROW(&items, struct event_item,
		    i);

		if (it->off <= r->since)
			continue;
		if (wanted(r->q, it))
			*VEC_ADD(a, &r->items) = *it;
		r->since = it->off;
		r->full = (int64_t)r->items.n >= r->q->limit;
	}
	if (!r->full)
		r->since = row->first + row->n - 1 > r->since ?
		    row->first + row->n - 1 : r->since;
	r->bytes += (int64_t)strlen(row->body);
	return 0;
}

static int
read_rows(struct db *db, struct arena *a, struct reading *r, struct err *e)
{
	struct uuid t = r->q->tenant;
	struct rows rows;

	do {
		if (db_all(db, a, &STREAM_FROM, ARGS(val_id(t), val_id(t),
		    V(r->since + 1), V(PORTION)), &rows, e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n && !r->full; i++)
			if (take_row(r, a, ROW(&rows, struct event_row, i),
			    e) == -1)
				return -1;
	} while (rows.n == PORTION && !r->full && r->bytes < SCAN_BYTES);
	return 0;
}

/* Where reading starts, and whether that place is known at all. */
static bool
start(struct reading *r)
{
	const struct event_query *q = r->q;
	struct event_page *p = r->page;
	bool other = q->epoch != 0 && q->epoch != p->epoch;

	p->next = p->top;
	p->recovered = true;
	if (q->since < 0)
		return false;
	if (other || q->since > p->top) {
		/* numbers of another epoch mean nothing here */
		p->recovered = false;
		return false;
	}
	p->next = r->since = q->since;
	r->free = q->since == 0 && q->epoch == 0;
	return q->since < p->top;
}

int
event_read(struct db *db, struct arena *a, const struct event_query *q,
    struct event_page *page, struct err *e)
{
	struct reading r = { .q = q, .page = page };

	memset(page, 0, sizeof(*page));
	page->items.schema = &event_item_schema;
	if (event_head(db, q->tenant, &page->epoch, &page->top, e) == -1)
		return -1;
	if (!start(&r))
		return 0;
	if (read_rows(db, a, &r, e) == -1)
		return -1;
	if (r.since == q->since && !r.full && q->since < page->top) {
		/* all that there was is gone */
		page->recovered = page->recovered && r.free;
		r.since = page->top;
	}
	page->items.v = r.items.v;
	page->items.n = r.items.n;
	page->next = r.since;
	if (page->top < page->next)
		page->top = page->next;
	return 0;
}

/* ---- by position ----------------------------------------------------------- */

int
event_follow(struct db *db, struct arena *a, int64_t pos, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &STREAM_FOLLOW, ARGS(V(pos), V(limit)), out, e);
}

static int
number(struct db *db, const struct query *q, const struct val *v, size_t n,
    int64_t *out, struct err *e)
{
	struct arena *a = arena_new(64 << 10);
	struct number row;
	int rc = db_one(db, a, q, v, n, &row, e);

	arena_free(a);
	*out = rc == 0 ? row.n : 0;
	return rc == -1 ? -1 : 0;
}

int
event_position(struct db *db, int64_t *pos, struct err *e)
{
	return number(db, &POSITION, NO_ARGS, pos, e);
}

/* ---- upkeep ---------------------------------------------------------------- */

int
event_backlog(struct db *db, struct event_backlog *out, struct err *e)
{
	struct arena *a = arena_new(64 << 10);
	int rc = db_one(db, a, &BACKLOG, NO_ARGS, out, e);

	arena_free(a);
	return rc == -1 ? -1 : 0;
}

int
event_drop_before(struct db *db, struct utc before, bool *more,
    struct err *e)
{
	int64_t pos;
	uint64_t n = 0;

	if (number(db, &DROP_TO, ARGS(V(DROP_ROWS), V(before)), &pos, e) ==
	    -1 || (pos != 0 && db_exec(db, &DROP, ARGS(V(pos)), &n, e) == -1))
		return -1;
	*more = n == DROP_ROWS;
	return 0;
}

static int
restored(struct db *db, void *arg, struct err *e)
{
	int64_t now = clock_now().us;

	(void)arg;
	if (db_exec(db, &EPOCHS, ARGS(V(now)), NULL, e) == -1)
		return -1;
	return db_exec(db, &JUMP, ARGS(V(now)), NULL, e);
}

int
event_restored(struct db *db, struct err *e)
{
	struct arena *a = arena_new(64 << 10);
	int rc = db_txn(db, a, restored, NULL, e);

	arena_free(a);
	return rc;
}
