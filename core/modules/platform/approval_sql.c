/*
 * Rows of approvals. All SQL on platform_approval is here.
 */
#include <stddef.h>

#include "base/arena.h"
#include "base/codec.h"
#include "modules/platform/approval.h"

#define A(m, ...) FIELD(struct platform_approval, m, __VA_ARGS__)
static const struct field fields[] = {
	A(id, .doc = "Identifier"),
	A(tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	A(module, .doc = "System that asks"),
	A(kind, .doc = "What kind of act"),
	A(title, .doc = "What it is, in a sentence"),
	A(subject, .doc = "What it is about"),
	A(subject_id, .doc = "Which one"),
	A(decision_id, .flags = FF_NULLABLE, .doc = "The decision behind it"),
	A(risk, .oneof = ONEOF("low", "medium", "high", "critical"),
	    .doc = "How much can go wrong"),
	A(plan, .doc = "What will be done"),
	A(digest, .flags = FF_HIDDEN, .doc = "SHA-256 of the plan"),
	A(author_id, .flags = FF_NULLABLE, .doc = "Who asked"),
	A(author, .doc = "Their name, or the program"),
	A(state, .oneof = ONEOF("pending", "approved", "rejected", "expired",
	    "withdrawn", "executed"), .doc = "How far it is"),
	A(decided_id, .flags = FF_NULLABLE, .doc = "Who decided"),
	A(decided_by, .doc = "Their name"),
	A(comment, .doc = "What they said"),
	A(expires_at, .doc = "No yes counts after that"),
	A(decided_at, .flags = FF_NULLABLE, .doc = "When it was decided"),
	A(executed_at, .flags = FF_NULLABLE, .doc = "When it was used"),
	A(version, .doc = "Grows with each change"),
	A(created_at, .doc = "When it was asked for"),
	A(plan_digest, .flags = FF_NOSQL,
	    .doc = "SHA-256 of the plan, to be sent with a yes"),
	FIELD_END
};
const struct schema platform_approval_schema = {
	.name = "Approval", .doc = "A plan that waits for another person",
	.size = sizeof(struct platform_approval), .fields = fields
};

#define COLUMNS "id, tenant_id, module, kind, title, subject, subject_id, " \
	"decision_id, risk, plan, digest, author_id, author, state, " \
	"decided_id, decided_by, comment, expires_at, decided_at, " \
	"executed_at, version, created_at"

static const struct query APPROVAL_INSERT = { "platform_approval.insert",
	"INSERT INTO platform_approval (" COLUMNS ") VALUES (?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query APPROVAL_BY_ID = { "platform_approval.by_id",
	"SELECT " COLUMNS " FROM platform_approval WHERE tenant_id = ? "
	"AND id = ? LIMIT 1", &platform_approval_schema };
static const struct query APPROVAL_LOCK = { "platform_approval.lock",
	"SELECT " COLUMNS " FROM platform_approval WHERE tenant_id = ? "
	"AND id = ? LIMIT 1 FOR UPDATE", &platform_approval_schema };
static const struct query APPROVAL_PAGE = { "platform_approval.page",
	"SELECT " COLUMNS " FROM platform_approval WHERE tenant_id = ? "
	"AND (? IS NULL OR state = ?) AND (? IS NULL OR module = ?) "
	"AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
	&platform_approval_schema };
static const struct query APPROVAL_UPDATE = { "platform_approval.update",
	"UPDATE platform_approval SET state = ?, decided_id = ?, "
	"decided_by = ?, comment = ?, decided_at = ?, executed_at = ?, "
	"version = version + 1 WHERE tenant_id = ? AND id = ?", NULL };

const struct query *const platform_approval_queries[] = {
	&APPROVAL_INSERT, &APPROVAL_BY_ID, &APPROVAL_LOCK, &APPROVAL_PAGE,
	&APPROVAL_UPDATE, NULL
};

const struct table platform_approval_tables[] = {
	{ .name = "platform_approval", .row = &platform_approval_schema,
	  .tenant_column = "tenant_id", .retention_days = 400,
	  .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

static void
show_digest(struct arena *a, struct platform_approval *p)
{
	p->plan_digest = hex_encode(p->digest.p, p->digest.n, arena_alloc(a,
	    2 * p->digest.n + 1));
}

int
platform_approval_insert(struct db *db, const struct platform_approval *p,
    struct err *e)
{
	return db_exec(db, &APPROVAL_INSERT, ARGS(V(p->id), val_id(
	    p->tenant_id), V(p->module), V(p->kind), V(p->title),
	    V(p->subject), V(p->subject_id), V(p->decision_id), V(p->risk),
	    V(p->plan), V(p->digest), V(p->author_id), V(p->author),
	    V(p->state), V(p->decided_id), V(p->decided_by), V(p->comment),
	    V(p->expires_at), V(p->decided_at), V(p->executed_at),
	    V(p->version), V(p->created_at)), NULL, e);
}

static int
one(struct db *db, struct arena *a, const struct query *q,
    struct uuid tenant, struct uuid id, struct platform_approval *out,
    struct err *e)
{
	int rc = db_one(db, a, q, ARGS(val_id(tenant), V(id)), out, e);

	if (rc == 0)
		show_digest(a, out);
	return rc;
}

int
platform_approval_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct platform_approval *out, struct err *e)
{
	return one(db, a, &APPROVAL_BY_ID, tenant, id, out, e);
}

int
platform_approval_lock(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct platform_approval *out, struct err *e)
{
	return one(db, a, &APPROVAL_LOCK, tenant, id, out, e);
}

int
platform_approval_page(struct db *db, struct arena *a,
    const struct platform_approval_filter *f, struct rows *out,
    struct err *e)
{
	if (db_all(db, a, &APPROVAL_PAGE, ARGS(val_id(f->tenant),
	    V(f->state), V(f->state), V(f->module), V(f->module),
	    V(f->below), V(f->below), V(f->limit)), out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		show_digest(a, ROW(out, struct platform_approval, i));
	return 0;
}

int
platform_approval_update(struct db *db, struct platform_approval *p,
    struct err *e)
{
	p->version++;
	return db_exec(db, &APPROVAL_UPDATE, ARGS(V(p->state),
	    V(p->decided_id), V(p->decided_by), V(p->comment),
	    V(p->decided_at), V(p->executed_at), val_id(p->tenant_id),
	    V(p->id)), NULL, e);
}
