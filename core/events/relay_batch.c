/*
 * One batch of the relay: which rows there are, their bodies, their numbers,
 * and their place in the stream. Several outbox rows of one tenant become one
 * stream row. Refuses to believe a body: what is not n lines of events goes to
 * events_dead with a reason. Invariant: offsets of a tenant have no holes, and
 * every row that was numbered is deleted by the same transaction.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "events/event.h"
#include "events/inner.h"
#include "events/relay.h"

enum {
	BATCH_BYTES = 8 << 20,
	ROW_BYTES = 1 << 20,	/* a row above it is not relayed */
	ROW_EVENTS = 1000,
	PACK_BYTES = 64 << 10,	/* a stream row is closed above it */
	PACK_EVENTS = 250,
	FEW = 4,		/* rows that are not worth a packet of arrays */
	LINE_VALUES = 20000
};

/* ---- statements ----------------------------------------------------------------- */

static const struct field id_fields[] = {
	FIELD(struct relay_id, id, .doc = "Row"),
	FIELD(struct relay_id, size, .doc = "Bytes of its body"),
	FIELD_END
};
static const struct schema id_schema = { .name = "RelayId",
    .doc = "Row of the outbox", .size = sizeof(struct relay_id),
    .fields = id_fields };

static const struct field row_fields[] = {
	FIELD(struct relay_row, id, .doc = "Row"),
	FIELD(struct relay_row, tenant_id, .doc = "Whose"),
	FIELD(struct relay_row, n, .doc = "Events in it"),
	FIELD(struct relay_row, body, .doc = "Lines"),
	FIELD(struct relay_row, epoch, .doc = "Of the stream; 0 = none yet"),
	FIELD(struct relay_row, top, .doc = "Last number given in it"),
	FIELD_END
};
static const struct schema row_schema = { .name = "RelayRow",
    .doc = "Row of the outbox", .size = sizeof(struct relay_row),
    .fields = row_fields };

struct number {
	int64_t n;
};
static const struct field number_fields[] = {
	FIELD(struct number, n, .doc = "Number"), FIELD_END
};
static const struct schema number_schema = { .name = "RelayNumber",
    .doc = "A number", .size = sizeof(struct number),
    .fields = number_fields };

#define IDS "SELECT o.id, LENGTH(o.body) AS size FROM "
static const struct query IDS_NEW = { "events_outbox.new",
	IDS "events_outbox o WHERE o.id > ? ORDER BY o.id LIMIT ?",
	&id_schema };
static const struct query IDS_BELOW = { "events_outbox.below",
	IDS "events_outbox o WHERE o.id BETWEEN ? AND ? ORDER BY o.id "
	"LIMIT ?", &id_schema };
static const struct query IDS_LISTED = { "events_outbox.listed",
	IDS ID_TABLE "STRAIGHT_JOIN events_outbox o FORCE INDEX (PRIMARY) "
	"ON o.id = j.id ORDER BY o.id LIMIT ?", &id_schema };
/* Sorted here: there, bodies would go through a temporary table on disk. */
static const struct query BODIES = { "events_outbox.bodies",
	"SELECT o.id, o.tenant_id, o.n, IF(LENGTH(o.body) > ?, '', o.body) "
	"AS body, COALESCE(h.epoch, 0) AS epoch, COALESCE(h.top, 0) AS top "
	"FROM " ID_TABLE "STRAIGHT_JOIN events_outbox o FORCE INDEX (PRIMARY) "
	"ON o.id = j.id LEFT JOIN events_head h ON h.tenant_id = o.tenant_id "
	"LIMIT ?", &row_schema };
/* By key only: a scan would wait for the rows of slow writers. */
static const struct query DELETE_LISTED = { "events_outbox.delete",
	"DELETE FROM events_outbox WHERE id = ?", NULL };
static const struct query SET_ASIDE = { "events_dead.set_aside",
	"INSERT INTO events_dead (id, tenant_id, n, body, at, reason, "
	"set_aside) SELECT id, tenant_id, n, body, at, ?, ? "
	"FROM events_outbox WHERE id = ? "
	"ON DUPLICATE KEY UPDATE n = VALUES(n), body = VALUES(body), "
	"at = VALUES(at), reason = VALUES(reason), "
	"set_aside = VALUES(set_aside)", NULL };
static const struct query HEAD_PUT = { "events_head.put",
	"INSERT INTO events_head (tenant_id, epoch, top) VALUES (?, ?, ?) "
	"ON DUPLICATE KEY UPDATE top = VALUES(top)", NULL };
static const struct query STREAM_ADD = { "events_stream.add",
	"INSERT INTO events_stream (pos, tenant_id, first, n, at, body) "
	"VALUES (?, ?, ?, ?, ?, ?)", NULL };
static const struct query POSITION = { "events_position.get",
	"SELECT pos AS n FROM events_position WHERE one = 1", &number_schema };
static const struct query POSITION_PUT = { "events_position.put",
	"UPDATE events_position SET pos = ?, relayed = ? WHERE one = 1",
	NULL };
static const struct query POSITION_MEND = { "events_position.mend",
	"INSERT INTO events_position (one, pos) "
	"SELECT 1, COALESCE(MAX(pos), 0) FROM events_stream "
	"ON DUPLICATE KEY UPDATE pos = GREATEST(pos, VALUES(pos))", NULL };
static const struct query HEADS_MEND = { "events_head.mend",
	"INSERT INTO events_head (tenant_id, epoch, top) "
	"SELECT s.tenant_id, ?, s.top FROM (SELECT tenant_id, "
	"MAX(first + n - 1) AS top FROM events_stream GROUP BY tenant_id) s "
	"LEFT JOIN events_head h ON h.tenant_id = s.tenant_id "
	"WHERE h.top IS NULL OR h.top < s.top "
	"ON DUPLICATE KEY UPDATE top = VALUES(top), epoch = VALUES(epoch)",
	NULL };

const struct query *const relay_queries[] = {
	&IDS_NEW, &IDS_BELOW, &IDS_LISTED, &BODIES, &DELETE_LISTED,
	&SET_ASIDE, &HEAD_PUT, &STREAM_ADD, &POSITION, &POSITION_PUT,
	&POSITION_MEND, &HEADS_MEND, NULL
};

/* ---- which rows there are --------------------------------------------------------- */

const char *
relay_id_list(struct arena *a, const struct relay_id *ids, size_t n)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_add_i64(&s, ids[i].id);
	}
	str_addc(&s, ']');
	return s.p;
}

/* Rows that turned up below what was seen: by their ids, or, when the gaps
 * are many or a sweep is due, by a scan from the first gap or from zero. */
static int
ids_below(struct db *db, struct relay_batch *b, struct rows *out,
    struct err *e)
{
	const struct relay *r = b->r;
	int64_t limit = (int64_t)b->limit;
	int64_t from = b->swept ? 0 : r->ngaps > 0 ? r->gaps[0].lo : 0;

	*out = (struct rows){ .schema = &id_schema };
	if (r->low == 0 || (r->ngaps == 0 && !b->swept))
		return 0;
	if (b->swept || relay_gap_ids(r) > GAP_IDS)
		return db_all(db, b->a, &IDS_BELOW, ARGS(V(from), V(r->low),
		    V(limit)), out, e);
	return db_all(db, b->a, &IDS_LISTED, ARGS(V(relay_gap_text(r, b->a)),
	    V(limit)), out, e);
}

int
relay_batch_ids(struct db *db, struct relay_batch *b, struct err *e)
{
	struct rows fresh, old;
	int64_t bytes = 0;

	b->swept = clock_boot_ns() - b->r->swept_ns > b->r->sweep_ns;
	if (db_all(db, b->a, &IDS_NEW, ARGS(V(b->r->low),
	    V((int64_t)b->limit)), &fresh, e) == -1 ||
	    ids_below(db, b, &old, e) == -1)
		return -1;
	b->ids = arena_array(b->a, fresh.n + old.n + 1, sizeof(*b->ids));
	if (old.n > 0)
		memcpy(b->ids, old.v, old.n * sizeof(*b->ids));
	b->n = old.n;
	if (old.n < b->limit && fresh.n > 0) {
		memcpy(b->ids + b->n, fresh.v, fresh.n * sizeof(*b->ids));
		b->n += fresh.n;
	}
	b->more = old.n == b->limit || fresh.n == b->limit;
	for (size_t i = 0; i < b->n; i++) {
		bytes += b->ids[i].size < ROW_BYTES ? b->ids[i].size : 0;
		if (i == b->limit || (i > 0 && bytes > BATCH_BYTES)) {
			b->n = i;
			b->more = true;
		}
	}
	b->swept = b->swept && old.n < b->limit && b->n >= old.n;
	return 0;
}

/* ---- is it sound? ------------------------------------------------------------------- */

static const char *
line_fault(struct arena *a, const char *p, size_t n)
{
	static const char start[] = "{\"t\":\"";
	struct err e = { 0 };

	if (n < sizeof(start) || memcmp(p, start, sizeof(start) - 1) != 0)
		return "a line that is not an event";
	if (json_scan(p, n, LINE_VALUES, "line", a, &e) == -1)
		return "a line that is not JSON";
	return NULL;
}

const char *
relay_fault(struct arena *a, const struct relay_row *row)
{
	const char *p = row->body.p, *end = p + row->body.n, *why;
	int64_t lines = 0;

	if (row->body.n == 0)
		return "no body, or one of more than a MiB";
	if (row->n < 1 || row->n > ROW_EVENTS)
		return "a number of events that cannot be";
	if (memchr(p, '\0', row->body.n) != NULL)
		return "a NUL byte";
	for (; p < end; lines++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = nl == NULL ? (size_t)(end - p) : (size_t)(nl - p);
		struct arena_mark m = arena_mark(a);

		why = line_fault(a, p, n);
		arena_rewind(a, m);
		if (why != NULL)
			return why;
		p += n + 1;
	}
	if (lines != row->n || end[-1] == '\n')
		return "other lines than were counted";
	return NULL;
}

/* ---- moving ---------------------------------------------------------------------------- */

struct pack {
	struct uuid tenant_id;
	int64_t first, n, pos;
	struct str body;
};

/* A tenant of the batch. */
struct lane {
	struct uuid tenant_id;
	int64_t epoch, top;
	struct pack *open;		/* not full yet */
};

struct moving {
	struct relay_batch *b;
	struct rows rows;		/* relay_row */
	VEC(struct lane) lanes;
	VEC(struct pack *) packs;
	int64_t pos;
	struct utc now;
};

static struct lane *
lane_of(struct moving *m, const struct relay_row *r)
{
	struct lane *l;

	for (size_t i = m->lanes.n; i > 0; i--)
		if (uuid_equal(m->lanes.v[i - 1].tenant_id, r->tenant_id))
			return &m->lanes.v[i - 1];
	l = VEC_ADD(m->b->a, &m->lanes);
	l->tenant_id = r->tenant_id;
	/* Microseconds: never one that the stream had before. */
	l->epoch = r->epoch != 0 ? r->epoch : m->now.us;
	l->top = r->top;
	return l;
}

static int
by_id(const void *a, const void *b)
{
	const struct relay_row *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int
load(struct db *db, struct moving *m, struct err *e)
{
	struct relay_batch *b = m->b;
	struct rows pos;

	if (db_ask(db, b->a, &BODIES, ARGS(V((int64_t)ROW_BYTES),
	    V(relay_id_list(b->a, b->ids, b->n)), V((int64_t)b->n)), &m->rows,
	    e) == -1 || db_ask(db, b->a, &POSITION, NO_ARGS, &pos, e) == -1 ||
	    db_hear(db, e) == -1)
		return -1;
	if (m->rows.n > 0)
		qsort(m->rows.v, m->rows.n, sizeof(struct relay_row), by_id);
	for (size_t i = 0; i < m->rows.n; i++) {
		struct relay_row *r = ROW(&m->rows, struct relay_row, i);

		r->fault = r->id == b->r->doomed ? b->r->doom :
		    relay_fault(b->a, r);
	}
	if (pos.n == 0)
		return err_set(e, 409, "duplicate",
		    "events_position is empty");
	m->pos = ROW(&pos, struct number, 0)->n;
	return 0;
}

static void
pack_row(struct moving *m, const struct relay_row *r)
{
	struct lane *l = lane_of(m, r);
	struct pack *p = l->open;

	if (p == NULL || p->n + r->n > PACK_EVENTS ||
	    p->body.len + r->body.n > PACK_BYTES) {
		p = l->open = arena_alloc(m->b->a, sizeof(*p));
		p->tenant_id = r->tenant_id;
		p->first = l->top + 1;
		p->pos = ++m->pos;
		str_init(&p->body, m->b->a);
		*VEC_ADD(m->b->a, &m->packs) = p;
	} else
		str_addc(&p->body, '\n');
	str_addn(&p->body, r->body.p, r->body.n);
	p->n += r->n;
	l->top += r->n;
	m->b->events += (size_t)r->n;
}

/* Few without waiting, many in one packet. */
static int
write_rows(struct db *db, const struct query *q, const struct val *v,
    size_t ncols, size_t nrows, struct err *e)
{
	if (nrows > FEW)
		return db_exec_many(db, q, v, ncols, nrows, NULL, e);
	for (size_t i = 0; i < nrows; i++)
		if (db_post(db, q, v + i * ncols, ncols, e) == -1)
			return -1;
	return 0;
}

static int
store_packs(struct db *db, struct moving *m, struct err *e)
{
	struct val *v = arena_array(m->b->a, m->packs.n, 6 * sizeof(*v));
	struct val *h = arena_array(m->b->a, m->lanes.n, 3 * sizeof(*h));

	for (size_t i = 0; i < m->packs.n; i++) {
		const struct pack *p = m->packs.v[i];
		struct val row[] = { V(p->pos), val_id(p->tenant_id),
		    V(p->first), V(p->n), V(m->now),
		    val_sn(p->body.p, p->body.len) };

		memcpy(v + i * 6, row, sizeof(row));
	}
	for (size_t i = 0; i < m->lanes.n; i++) {
		const struct lane *l = &m->lanes.v[i];
		struct val row[] = { val_id(l->tenant_id), V(l->epoch),
		    V(l->top) };

		memcpy(h + i * 3, row, sizeof(row));
	}
	if (write_rows(db, &STREAM_ADD, v, 6, m->packs.n, e) == -1 ||
	    write_rows(db, &HEAD_PUT, h, 3, m->lanes.n, e) == -1)
		return -1;
	return db_post(db, &POSITION_PUT, ARGS(V(m->pos), V(m->now)), e);
}

static int
set_aside(struct db *db, struct moving *m, const struct relay_row *r,
    struct err *e)
{
	m->b->dead++;
	return db_exec(db, &SET_ASIDE, ARGS(val_sn(r->fault,
	    strnlen(r->fault, REASON_MAX - 1)), V(m->now), V(r->id)), NULL, e);
}

static const struct db_miss taken = { 409, "relay_count",
	"Somebody else takes outbox rows" };

static int
delete_moved(struct db *db, struct moving *m, struct err *e)
{
	struct val *v = arena_array(m->b->a, m->b->n, sizeof(*v));
	uint64_t gone = m->b->n;

	for (size_t i = 0; i < m->b->n; i++)
		v[i] = V(m->b->ids[i].id);
	for (size_t i = 0; m->b->n <= FEW && i < m->b->n; i++)
		if (db_post_must(db, &DELETE_LISTED, v + i, 1, &taken, e) ==
		    -1)
			return -1;
	if (m->b->n > FEW && db_exec_many(db, &DELETE_LISTED, v, 1, m->b->n,
	    &gone, e) == -1)
		return -1;
	if (gone == m->b->n && m->rows.n == m->b->n)
		return 0;
	err_set(e, taken.status, taken.code, "%s", taken.text);
	return err_cause(e, "%zu rows, %zu read, %llu deleted", m->b->n,
	    m->rows.n, (unsigned long long)gone);
}

int
relay_batch_move(struct db *db, struct relay_batch *b, struct err *e)
{
	struct moving m = { .b = b, .now = clock_now() };

	if (load(db, &m, e) == -1)
		return -1;
	for (size_t i = 0; i < m.rows.n; i++) {
		const struct relay_row *r = ROW(&m.rows, struct relay_row, i);

		if (r->fault == NULL)
			pack_row(&m, r);
		else if (set_aside(db, &m, r, e) == -1)
			return -1;
	}
	if (m.packs.n > 0 && store_packs(db, &m, e) == -1)
		return -1;
	b->pos = m.pos;
	return delete_moved(db, &m, e);
}

/* ---- repair ---------------------------------------------------------------------------- */

static int
repair(struct db *db, void *arg, struct err *e)
{
	(void)arg;
	if (db_exec(db, &POSITION_MEND, NO_ARGS, NULL, e) == -1)
		return -1;
	return db_exec(db, &HEADS_MEND, ARGS(V(clock_now().us)), NULL, e);
}

int
relay_repair(struct db *db, struct err *e)
{
	struct arena *a = arena_new(1 << 20);
	int rc = db_txn(db, a, repair, NULL, e);

	arena_free(a);
	return rc;
}
