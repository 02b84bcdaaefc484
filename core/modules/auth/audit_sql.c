/*
 * Rows of the audit trail and its head. All SQL on auth_audit and
 * auth_audit_head is here. Rows are only ever inserted and sealed: nothing
 * here changes or deletes what was recorded. Invariant: numbers are given at
 * sealing, to rows that are not sealed yet in whatever order they committed;
 * nobody walks an auto-increment.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "modules/auth/audit.h"

static const struct field audit_fields[] = {
	FIELD(struct auth_audit_row, id, .doc = "Identifier"),
	FIELD(struct auth_audit_row, tenant_id, .flags = FF_NULLABLE,
	    .doc = "Tenant it concerns"),
	FIELD(struct auth_audit_row, at, .doc = "When it was done"),
	FIELD(struct auth_audit_row, actor_kind,
	    .doc = "user, key, system or none"),
	FIELD(struct auth_audit_row, actor_id, .flags = FF_NULLABLE,
	    .doc = "User, or owner of the key"),
	FIELD(struct auth_audit_row, actor, .doc = "Name of the actor"),
	FIELD(struct auth_audit_row, action,
	    .doc = "Route, or word of the program"),
	FIELD(struct auth_audit_row, status,
	    .doc = "Status of the reply; 0 without a request"),
	FIELD(struct auth_audit_row, target_kind, .flags = FF_NULLABLE,
	    .doc = "What it was done to"),
	FIELD(struct auth_audit_row, target_id, .flags = FF_NULLABLE,
	    .doc = "Which one"),
	FIELD(struct auth_audit_row, detail, .flags = FF_NULLABLE,
	    .doc = "More about it"),
	FIELD(struct auth_audit_row, request_id, .flags = FF_NULLABLE,
	    .doc = "X-Request-ID of the request"),
	FIELD(struct auth_audit_row, ip, .flags = FF_NULLABLE,
	    .doc = "Address of the client"),
	FIELD(struct auth_audit_row, seal_seq, .flags = FF_NULLABLE,
	    FIELD_HAS(struct auth_audit_row, sealed),
	    .doc = "Number in the sealed chain"),
	FIELD(struct auth_audit_row, seal, .flags = FF_HIDDEN | FF_NULLABLE,
	    .doc = "HMAC of this row and the one before"),
	FIELD_END
};
const struct schema auth_audit_schema = {
	.name = "AuditRow", .doc = "Who did what to what",
	.size = sizeof(struct auth_audit_row), .fields = audit_fields
};

static const struct field head_fields[] = {
	FIELD(struct auth_audit_head, seal_seq, .doc = "Rows sealed"),
	FIELD(struct auth_audit_head, seal, .doc = "Seal of the last"),
	FIELD_END
};
static const struct schema head_schema = {
	.name = "AuditHead", .doc = "End of the sealed chain",
	.size = sizeof(struct auth_audit_head), .fields = head_fields
};

#define CONTENT_COLUMNS "id, tenant_id, at, actor_kind, actor_id, actor, " \
	"action, status, target_kind, target_id, detail, request_id, ip"
#define AUDIT_COLUMNS CONTENT_COLUMNS ", seal_seq, seal"
/* Without an index for each filter a page looks at a window of ids. */
enum { SLACK_S = 60 };	/* clocks of hosts differ */
#define IDS "id < COALESCE(?, X'FF') AND id >= COALESCE(?, X'00') ORDER BY id DESC LIMIT "
#define OF_TENANT "SELECT id FROM auth_audit WHERE tenant_id = ? AND " IDS
#define OF_ALL "SELECT id FROM auth_audit WHERE " IDS
#define PAGE(ids) "SELECT STRAIGHT_JOIN " AUDIT_COLUMNS " FROM (" ids \
	"20000) w JOIN auth_audit USING (id) WHERE " \
	"(? IS NULL OR action = ?) AND (? IS NULL OR actor = ?) " \
	"AND (? IS NULL OR target_kind = ?) AND (? IS NULL OR target_id = ?) " \
	"AND at >= COALESCE(?, '1970-01-01') " \
	"AND at < COALESCE(?, '9999-12-31') ORDER BY id DESC LIMIT ?"

/* Numbers and seals are written for a few rows at a time: FIELD() compares one
 * by one, so that a longer list costs more than another statement. */
enum { MARK_ROWS = 20 };
#define Q10 "?,?,?,?,?,?,?,?,?,?"
#define Q20 Q10 "," Q10

static const struct query AUDIT_INSERT = { "auth_audit.insert",
	"INSERT INTO auth_audit (" CONTENT_COLUMNS ") "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query AUDIT_PAGE = { "auth_audit.page",
	PAGE(OF_TENANT), &auth_audit_schema };
static const struct query AUDIT_PAGE_ALL = { "auth_audit.page_all",
	PAGE(OF_ALL), &auth_audit_schema };
static const struct query AUDIT_END = { "auth_audit.end",
	OF_TENANT "1 OFFSET 19999", &db_id_schema };
static const struct query AUDIT_END_ALL = { "auth_audit.end_all",
	OF_ALL "1 OFFSET 19999", &db_id_schema };
static const struct query AUDIT_HEAD = { "auth_audit.head",
	"SELECT seal_seq, seal FROM auth_audit_head WHERE id = 1",
	&head_schema };
static const struct query AUDIT_HEAD_LOCK = { "auth_audit.head_lock",
	"SELECT seal_seq, seal FROM auth_audit_head WHERE id = 1 "
	"FOR UPDATE SKIP LOCKED", &head_schema };
static const struct query AUDIT_HEAD_SET = { "auth_audit.head_set",
	"UPDATE auth_audit_head SET seal_seq = ?, seal = ? WHERE id = 1",
	NULL };
static const struct query AUDIT_UNSEALED = { "auth_audit.unsealed",
	"SELECT " CONTENT_COLUMNS " FROM auth_audit WHERE seal_seq IS NULL "
	"ORDER BY id LIMIT 500", &auth_audit_schema };
static const struct query AUDIT_MARK = { "auth_audit.mark",
	"UPDATE auth_audit SET seal_seq = ? + FIELD(id, " Q20 ") - 1, "
	"seal = ELT(FIELD(id, " Q20 "), " Q20 ") "
	"WHERE id IN (" Q20 ") AND seal_seq IS NULL", NULL };
static const struct query AUDIT_SEALED = { "auth_audit.sealed",
	"SELECT " AUDIT_COLUMNS " FROM auth_audit "
	"WHERE seal_seq IS NOT NULL ORDER BY seal_seq", &auth_audit_schema };

const struct query *const auth_audit_queries[] = {
	&AUDIT_INSERT, &AUDIT_PAGE, &AUDIT_PAGE_ALL, &AUDIT_END,
	&AUDIT_END_ALL, &AUDIT_HEAD, &AUDIT_HEAD_LOCK, &AUDIT_HEAD_SET, &AUDIT_UNSEALED, &AUDIT_MARK,
	&AUDIT_SEALED, NULL
};

int
auth_audit_insert(struct db *db, const struct auth_audit_row *r,
    struct err *e)
{
	return db_post(db, &AUDIT_INSERT, ARGS(V(r->id), V(r->tenant_id),
	    V(r->at), V(r->actor_kind), V(r->actor_id), V(r->actor),
	    V(r->action), V(r->status), V(r->target_kind), V(r->target_id),
	    V(r->detail), V(r->request_id), V(r->ip)), e);
}

static struct uuid
below_of(const struct auth_audit_filter *f)
{
	struct uuid top;

	if (f->until.us == 0)
		return f->before;
	top = uuid_first((struct utc){ f->until.us + SLACK_S * US_PER_S });
	return uuid_is_nil(f->before) || memcmp(top.b, f->before.b, 16) < 0 ?
	    top : f->before;
}

int
auth_audit_page(struct db *db, struct arena *a,
    const struct auth_audit_filter *f, struct rows *out,
    struct uuid *reached, struct err *e)
{
	struct uuid below = below_of(f), from = f->since.us == 0 ?
	    (struct uuid){ { 0 } } : uuid_first((struct utc){ f->since.us -
	    SLACK_S * US_PER_S });
	const struct val v[] = { V(f->tenant), V(below), V(from),
	    V(f->action), V(f->action), V(f->actor), V(f->actor),
	    V(f->target_kind), V(f->target_kind), V(f->target_id),
	    V(f->target_id), V(f->since), V(f->until), V(f->limit) };
	bool all = v[0].type == VT_NULL;

	struct db_id last;
	int rc;

	*reached = (struct uuid){ { 0 } };
	if (db_all(db, a, all ? &AUDIT_PAGE_ALL : &AUDIT_PAGE, v + all,
	    NITEMS(v) - all, out, e) == -1)
		return -1;
	if ((int64_t)out->n >= f->limit)
		return 0;
	rc = db_one(db, a, all ? &AUDIT_END_ALL : &AUDIT_END, v + all,
	    3 - (size_t)all, &last, e);
	if (rc == 0)
		*reached = last.id;
	return rc == -1 ? -1 : 0;
}

int
auth_audit_head_lock(struct db *db, struct arena *a,
    struct auth_audit_head *out, struct err *e)
{
	return db_one(db, a, &AUDIT_HEAD_LOCK, NO_ARGS, out, e);
}

int
auth_audit_head_read(struct db *db, struct arena *a,
    struct auth_audit_head *out, struct err *e)
{
	return db_one(db, a, &AUDIT_HEAD, NO_ARGS, out, e);
}

int
auth_audit_head_set(struct db *db, int64_t seq, struct blob seal,
    struct err *e)
{
	return db_exec(db, &AUDIT_HEAD_SET, ARGS(V(seq), V(seal)), NULL, e);
}

int
auth_audit_unsealed(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &AUDIT_UNSEALED, NO_ARGS, out, e);
}

/* A list that is not full repeats its last row: FIELD() finds the first. */
static int
mark(struct db *db, const struct auth_audit_row *rows, size_t n,
    const uint8_t (*seals)[AUTH_SEAL_LEN], int64_t first, struct err *e)
{
	struct val v[1 + 4 * MARK_ROWS];
	uint64_t hit;

	v[0] = V(first);
	for (size_t i = 0; i < MARK_ROWS; i++) {
		size_t row = i < n ? i : n - 1;
		struct val id = V(rows[row].id);

		v[1 + i] = id;
		v[1 + MARK_ROWS + i] = id;
		v[1 + 2 * MARK_ROWS + i] = val_blob((struct blob){
		    seals[row], AUTH_SEAL_LEN });
		v[1 + 3 * MARK_ROWS + i] = id;
	}
	if (db_exec(db, &AUDIT_MARK, v, NITEMS(v), &hit, e) == -1)
		return -1;
	if (hit != n)
		return err_set(e, 500, "audit_changed",
		    "Audit rows changed while they were sealed");
	return 0;
}

int
auth_audit_mark(struct db *db, const struct auth_audit_row *rows, size_t n,
    const uint8_t (*seals)[AUTH_SEAL_LEN], int64_t first, struct err *e)
{
	for (size_t i = 0; i < n; i += MARK_ROWS) {
		size_t some = n - i < MARK_ROWS ? n - i : MARK_ROWS;

		if (mark(db, rows + i, some, seals + i, first + (int64_t)i,
		    e) == -1)
			return -1;
	}
	return 0;
}

int
auth_audit_sealed(struct db *db, struct arena *a,
    int (*fn)(void *, const void *, struct err *), void *arg, struct err *e)
{
	return db_each(db, a, &AUDIT_SEALED, NO_ARGS, fn, arg, e);
}
