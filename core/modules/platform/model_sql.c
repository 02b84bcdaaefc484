/*
 * Rows of models. All SQL on platform_model is here. Invariant: one version of
 * a name is live at most (the unique key over "live" says so).
 */
#include <stddef.h>

#include "base/arena.h"
#include "base/codec.h"
#include "modules/platform/model.h"

#define M(m, ...) FIELD(struct platform_model, m, __VA_ARGS__)
static const struct field fields[] = {
	M(id, .doc = "Identifier"),
	M(tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	M(module, .doc = "System it serves"), M(name, .doc = "Name"),
	M(version, .doc = "Number of the version"),
	M(format, .doc = "Format of the content"),
	M(state, .oneof = ONEOF("candidate", "live", "retired"),
	    .doc = "State"),
	M(metrics, .doc = "How good it was on data it was not fitted to"),
	M(about, .doc = "Parameters, counts, notes"),
	M(data_hash, .flags = FF_HIDDEN | FF_NULLABLE,
	    .doc = "Hash of the training data"),
	M(blob_hash, .flags = FF_HIDDEN, .doc = "Hash of the content"),
	M(trained_at, .flags = FF_NULLABLE, .doc = "When it was fitted"),
	M(window_from, .flags = FF_NULLABLE, .doc = "Data from"),
	M(window_to, .flags = FF_NULLABLE, .doc = "Data to"),
	M(made_by, .doc = "Person or program"),
	M(promoted_at, .flags = FF_NULLABLE, .doc = "Live since"),
	M(retired_at, .flags = FF_NULLABLE, .doc = "Retired since"),
	M(created_at, .doc = "When it was stored"),
	M(sha256, .flags = FF_NOSQL, .doc = "SHA-256 of the content"),
	FIELD_END
};
const struct schema platform_model_schema = {
	.name = "Model", .doc = "A version of a model",
	.size = sizeof(struct platform_model), .fields = fields
};

static const struct field live_fields[] = {
	FIELD(struct platform_model_live, id, .doc = "Identifier"),
	FIELD(struct platform_model_live, version, .doc = "Version"),
	FIELD(struct platform_model_live, format, .doc = "Format"),
	FIELD(struct platform_model_live, metrics, .doc = "Metrics"),
	FIELD(struct platform_model_live, content, .doc = "Content"),
	FIELD(struct platform_model_live, trained, .column = "trained_at",
	    .flags = FF_NULLABLE, .doc = "When it was fitted"), FIELD_END
};
static const struct schema live_schema = {
	.name = "ModelLive", .size = sizeof(struct platform_model_live),
	.fields = live_fields
};
struct top {
	int64_t version;
};
static const struct field top_fields[] = {
	FIELD(struct top, version, .doc = "Version"), FIELD_END
};
static const struct schema top_schema = {
	.name = "ModelTop", .size = sizeof(struct top), .fields = top_fields
};

#define COLUMNS "id, tenant_id, module, name, version, format, state, " \
	"metrics, about, data_hash, blob_hash, trained_at, window_from, " \
	"window_to, made_by, promoted_at, retired_at, created_at"

static const struct query MODEL_INSERT = { "platform_model.insert",
	"INSERT INTO platform_model (" COLUMNS ", content) VALUES (?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query MODEL_BY_ID = { "platform_model.by_id",
	"SELECT " COLUMNS " FROM platform_model WHERE tenant_id = ? "
	"AND id = ? LIMIT 1", &platform_model_schema };
static const struct query MODEL_LOCK = { "platform_model.lock",
	"SELECT " COLUMNS " FROM platform_model WHERE tenant_id = ? "
	"AND id = ? LIMIT 1 FOR UPDATE", &platform_model_schema };
static const struct query MODEL_PAGE = { "platform_model.page",
	"SELECT " COLUMNS " FROM platform_model WHERE tenant_id IN (?, "
	"X'00000000000000000000000000000000') "
	"AND (? IS NULL OR module = ?) AND (? IS NULL OR name = ?) "
	"AND (? IS NULL OR state = ?) AND (? IS NULL OR id < ?) "
	"ORDER BY id DESC LIMIT ?", &platform_model_schema };
static const struct query MODEL_TOP = { "platform_model.top",
	"SELECT version FROM platform_model WHERE tenant_id = ? "
	"AND module = ? AND name = ? ORDER BY version DESC LIMIT 1 FOR UPDATE",
	&top_schema };
static const struct query MODEL_LIVE = { "platform_model.live",
	"SELECT id, version, format, metrics, content, trained_at "
	"FROM platform_model WHERE tenant_id = ? AND module = ? AND name = ? "
	"AND live = 1 LIMIT 1", &live_schema };
static const struct query MODEL_RETIRE = { "platform_model.retire",
	"UPDATE platform_model SET state = 'retired', live = NULL, "
	"retired_at = ? WHERE tenant_id = ? AND module = ? AND name = ? "
	"AND live = 1", NULL };
static const struct query MODEL_PROMOTE = { "platform_model.promote",
	"UPDATE platform_model SET state = 'live', live = 1, "
	"promoted_at = ?, retired_at = NULL WHERE id = ?", NULL };

const struct query *const platform_model_queries[] = {
	&MODEL_INSERT, &MODEL_BY_ID, &MODEL_LOCK, &MODEL_PAGE, &MODEL_TOP,
	&MODEL_LIVE, &MODEL_RETIRE, &MODEL_PROMOTE, NULL
};

static const char *const sql_only[] = { "live", "content", NULL };
const struct table platform_model_tables[] = {
	{ .name = "platform_model", .row = &platform_model_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL,
	  .sql_only = sql_only },
	{ .name = NULL }
};

static void
show_hash(struct arena *a, struct platform_model *m)
{
	m->sha256 = hex_encode(m->blob_hash.p, m->blob_hash.n, arena_alloc(a,
	    2 * m->blob_hash.n + 1));
}

static int
one(struct db *db, struct arena *a, const struct query *q,
    struct uuid tenant, struct uuid id, struct platform_model *out,
    struct err *e)
{
	int rc = db_one(db, a, q, ARGS(val_id(tenant), V(id)), out, e);

	if (rc == 0)
		show_hash(a, out);
	return rc;
}

int
platform_model_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct platform_model *out, struct err *e)
{
	struct uuid nil = { { 0 } };
	int rc = one(db, a, &MODEL_BY_ID, tenant, id, out, e);

	return rc != 1 ? rc : one(db, a, &MODEL_BY_ID, nil, id, out, e);
}

int
platform_model_lock(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct platform_model *out, struct err *e)
{
	return one(db, a, &MODEL_LOCK, tenant, id, out, e);
}

int
platform_model_page(struct db *db, struct arena *a,
    const struct platform_model_filter *f, struct rows *out, struct err *e)
{
	if (db_all(db, a, &MODEL_PAGE, ARGS(val_id(f->tenant), V(f->module),
	    V(f->module), V(f->name), V(f->name), V(f->state), V(f->state),
	    V(f->below), V(f->below), V(f->limit)), out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		show_hash(a, ROW(out, struct platform_model, i));
	return 0;
}

int
platform_model_insert(struct db *db, const struct platform_model *m,
    struct blob content, struct err *e)
{
	return db_exec(db, &MODEL_INSERT, ARGS(V(m->id), val_id(
	    m->tenant_id), V(m->module), V(m->name), V(m->version),
	    V(m->format), V(m->state), V(m->metrics), V(m->about),
	    V(m->data_hash), V(m->blob_hash), V(m->trained_at),
	    V(m->window_from), V(m->window_to), V(m->made_by),
	    V(m->promoted_at), V(m->retired_at), V(m->created_at),
	    V(content)), NULL, e);
}

int
platform_model_top(struct db *db, struct arena *a, struct uuid tenant,
    const char *module, const char *name, int64_t *version, struct err *e)
{
	struct top t = { 0 };
	int rc = db_one(db, a, &MODEL_TOP, ARGS(val_id(tenant), V(module),
	    V(name)), &t, e);

	*version = t.version;
	return rc == -1 ? -1 : 0;
}

int
platform_model_live(struct db *db, struct arena *a, struct uuid tenant,
    const char *module, const char *name, struct platform_model_live *out,
    struct err *e)
{
	return db_one(db, a, &MODEL_LIVE, ARGS(val_id(tenant), V(module),
	    V(name)), out, e);
}

int
platform_model_retire_live(struct db *db, struct uuid tenant,
    const char *module, const char *name, struct utc at, struct err *e)
{
	return db_exec(db, &MODEL_RETIRE, ARGS(V(at), val_id(tenant),
	    V(module), V(name)), NULL, e);
}

int
platform_model_set_live(struct db *db, struct uuid id, struct utc at,
    struct err *e)
{
	return db_exec(db, &MODEL_PROMOTE, ARGS(V(at), V(id)), NULL, e);
}
