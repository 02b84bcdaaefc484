/*
 * Rows of decisions. All SQL on platform_decision is here. Invariant: an
 * outcome is written once.
 */
#include <stddef.h>
#include <string.h>

#include "modules/platform/decision.h"

#define D(m, ...) FIELD(struct platform_decision, m, __VA_ARGS__)
static const struct field fields[] = {
	D(id, .doc = "Identifier"),
	D(tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	D(module, .doc = "System that decided"),
	D(kind, .doc = "What kind of decision"),
	D(subject, .doc = "What it is about"),
	D(subject_id, .doc = "Which one"),
	D(chosen, .doc = "What was decided"),
	D(reason, .doc = "Why, in a sentence"),
	D(refused, .doc = "Alternatives and why they were refused"),
	D(inputs, .doc = "Values it was decided on, each with its time"),
	D(oldest_at, .flags = FF_NULLABLE, .doc = "Time of the oldest input"),
	D(expected, .doc = "What was expected of it"),
	D(model_id, .flags = FF_NULLABLE, .doc = "Model that judged"),
	D(model, .doc = "Its name and version"),
	D(outcome, .doc = "What came of it; empty while open"),
	D(outcome_doc, .flags = FF_NULLABLE, .doc = "Details of the outcome"),
	D(outcome_at, .flags = FF_NULLABLE, .doc = "When it was known"),
	D(made_by, .doc = "Person or program"),
	D(created_at, .doc = "When it was decided"),
	FIELD_END
};
const struct schema platform_decision_schema = {
	.name = "Decision", .doc = "A decision and what came of it",
	.size = sizeof(struct platform_decision), .fields = fields
};

#define COLUMNS "id, tenant_id, module, kind, subject, subject_id, chosen, " \
	"reason, refused, inputs, oldest_at, expected, model_id, model, " \
	"outcome, outcome_doc, outcome_at, made_by, created_at"

static const struct query DECISION_INSERT = { "platform_decision.insert",
	"INSERT INTO platform_decision (" COLUMNS ") VALUES (?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query DECISION_BY_ID = { "platform_decision.by_id",
	"SELECT " COLUMNS " FROM platform_decision WHERE tenant_id = ? "
	"AND id = ? LIMIT 1", &platform_decision_schema };
static const struct query DECISION_PAGE = { "platform_decision.page",
	"SELECT " COLUMNS " FROM platform_decision WHERE tenant_id = ? "
	"AND (? IS NULL OR id < ?) AND (? IS NULL OR module = ?) "
	"AND (? IS NULL OR kind = ?) AND (? IS NULL OR outcome = ?) "
	"AND (? = 0 OR outcome = '') ORDER BY id DESC LIMIT ?",
	&platform_decision_schema };
static const struct query DECISION_OF = { "platform_decision.of",
	"SELECT " COLUMNS " FROM platform_decision WHERE tenant_id = ? "
	"AND module = ? AND subject = ? AND subject_id = ? "
	"AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
	&platform_decision_schema };
static const struct query DECISION_END = { "platform_decision.end",
	"UPDATE platform_decision SET outcome = ?, outcome_doc = ?, "
	"outcome_at = ? WHERE tenant_id = ? AND id = ? AND outcome = ''",
	NULL };

const struct query *const platform_decision_queries[] = {
	&DECISION_INSERT, &DECISION_BY_ID, &DECISION_PAGE, &DECISION_OF,
	&DECISION_END, NULL
};

const struct table platform_decision_tables[] = {
	{ .name = "platform_decision", .row = &platform_decision_schema,
	  .tenant_column = "tenant_id", .retention_days = 400,
	  .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

enum { INSERT_COLS = 19, CHUNK = 16 };

int
platform_decision_insert(struct db *db, const struct platform_decision *v,
    size_t n, struct err *e)
{
	struct val w[CHUNK * INSERT_COLS];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct platform_decision *d = &v[i];
		const struct val row[INSERT_COLS] = { V(d->id), val_id(
		    d->tenant_id), V(d->module), V(d->kind), V(d->subject),
		    V(d->subject_id), V(d->chosen), V(d->reason),
		    V(d->refused), V(d->inputs), V(d->oldest_at),
		    V(d->expected), V(d->model_id), V(d->model),
		    V(d->outcome), V(d->outcome_doc), V(d->outcome_at),
		    V(d->made_by), V(d->created_at) };

		memcpy(w + k++ * INSERT_COLS, row, sizeof(row));
		if (k < CHUNK && i + 1 < n)
			continue;
		if (db_exec_many(db, &DECISION_INSERT, w, INSERT_COLS, k,
		    NULL, e) == -1)
			return -1;
		k = 0;
	}
	return 0;
}

int
platform_decision_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct platform_decision *out, struct err *e)
{
	return db_one(db, a, &DECISION_BY_ID, ARGS(val_id(tenant), V(id)),
	    out, e);
}

int
platform_decision_page(struct db *db, struct arena *a,
    const struct platform_decision_filter *f, struct rows *out,
    struct err *e)
{
	if (f->subject_id != NULL && f->subject != NULL && f->module != NULL)
		return db_all(db, a, &DECISION_OF, ARGS(val_id(f->tenant),
		    V(f->module), V(f->subject), V(f->subject_id),
		    V(f->below), V(f->below), V(f->limit)), out, e);
	return db_all(db, a, &DECISION_PAGE, ARGS(val_id(f->tenant),
	    V(f->below), V(f->below), V(f->module), V(f->module), V(f->kind),
	    V(f->kind), V(f->outcome), V(f->outcome), V(f->open),
	    V(f->limit)), out, e);
}

int
platform_decision_end(struct db *db, struct uuid tenant, struct uuid id,
    const char *outcome, struct json doc, struct utc at, struct err *e)
{
	uint64_t hit;

	if (db_exec(db, &DECISION_END, ARGS(V(outcome), V(doc), V(at),
	    val_id(tenant), V(id)), &hit, e) == -1)
		return -1;
	return hit == 0;
}
