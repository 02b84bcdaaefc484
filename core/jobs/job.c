/*
 * The child's side of a job. Invariant: whatever a job writes, it writes in a
 * transaction whose first statement wrote the job's own row by token; so a
 * worker that lost the job cannot commit anything, however late it wakes up.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/random.h"
#include "base/str.h"
#include "jobs/inner.h"
#include "jobs/port.h"
#include "module.h"

/* A change of value: Galera certifies rows that changed. */
static const struct query JOB_TOUCH = { "jobs_job.touch",
	"UPDATE jobs_job SET touched = 1 - touched WHERE id = ? "
	"AND tenant_id = ? AND token = ? AND state = 5", NULL };

struct payload_row {
	const char *payload;
};
static const struct field payload_fields[] = {
	FIELD(struct payload_row, payload, .doc = "On what"), FIELD_END
};
static const struct schema payload_schema = {
	.name = "JobsPayload", .size = sizeof(struct payload_row),
	.fields = payload_fields
};
static const struct query JOB_PAYLOAD = { "jobs_job.payload",
	"SELECT payload FROM jobs_job WHERE id = ? AND tenant_id = ? "
	"AND token = ? LIMIT 1", &payload_schema };
static const struct query JOB_RESULT = { "jobs_job.result",
	"UPDATE jobs_job SET result = ? WHERE id = ? AND tenant_id = ? "
	"AND token = ? AND state = 5", NULL };
static const struct query JOB_PROGRESS = { "jobs_job.progress",
	"UPDATE jobs_job SET progress = ?, note = ? WHERE id = ? "
	"AND tenant_id = ? AND token = ? AND state = 5", NULL };

const struct query *const jobs_child_queries[] = {
	&JOB_TOUCH, &JOB_PAYLOAD, &JOB_RESULT, &JOB_PROGRESS, NULL
};

int
jobs_payload(struct db *db, struct arena *a, const struct jobs_hold *h,
    const char **out, struct err *e)
{
	struct payload_row row;
	int rc = db_one(db, a, &JOB_PAYLOAD, ARGS(V(h->id),
	    val_id(h->tenant), V(h->token)), &row, e);

	if (rc == 1)
		return err_set(e, 409, "job_lost",
		    "Another attempt owns this job");
	if (rc == 0)
		*out = row.payload;
	return rc;
}

int
jobs_store_result(struct db *db, const struct jobs_hold *h,
    const char *result, struct err *e)
{
	return db_exec(db, &JOB_RESULT, ARGS(V(result), V(h->id),
	    val_id(h->tenant), V(h->token)), NULL, e);
}

int
jobs_store_progress(struct db *db, const struct jobs_hold *h,
    int64_t permille, const char *note, struct err *e)
{
	return db_exec(db, &JOB_PROGRESS, ARGS(V(permille), V(note),
	    V(h->id), val_id(h->tenant), V(h->token)), NULL, e);
}

int
job_begin(struct job_ctx *c, struct err *e)
{
	uint64_t hit;

	if (db_begin(c->db, e) == -1)
		return -1;
	if (db_exec(c->db, &JOB_TOUCH, ARGS(V(c->id), val_id(c->tenant),
	    V(c->token)), &hit, e) == 0 && hit == 1)
		return 0;
	db_rollback(c->db);
	if (e->status == 0)
		err_set(e, 409, "job_lost", "Another attempt owns this job");
	return -1;
}

static const char *
result_text(struct job_ctx *c)
{
	struct str s;

	if (c->result_text != NULL || c->result_schema == NULL ||
	    c->result == NULL)
		return c->result_text;
	str_init(&s, c->a);
	schema_encode(c->result_schema, c->result, &s);
	return s.p;
}

int
job_finish(struct job_ctx *c, struct err *e)
{
	struct jobs_outcome o = { .tenant = c->tenant, .id = c->id,
	    .token = c->token, .end = END_DONE, .result = result_text(c) };

	ASSERT(db_in_txn(c->db));
	if (jobs_settle(c->db, c->a, &o, 1, 0, NULL, e) == -1)
		return -1;
	c->finished = true;
	return 0;
}

const char *
job_key(struct job_ctx *c, const char *step)
{
	char id[UUID_TEXT];

	return arena_printf(c->a, "%s/%s", uuid_format(c->id, id), step);
}

void
job_progress(struct job_ctx *c, int permille, const char *note)
{
	const struct job_port *p = c->port;

	if (p != NULL && p->progress != NULL)
		p->progress(p->arg, permille, note != NULL ? note : "");
}

bool
job_stopping(struct job_ctx *c)
{
	const struct job_port *p = c->port;

	return p != NULL && p->stopping != NULL && p->stopping(p->arg);
}

const struct job *
job_find(const struct module *const *mods, const char *type)
{
	for (; *mods != NULL; mods++) {
		const struct job *const *set = (*mods)->jobs;

		for (; set != NULL && *set != NULL; set++)
			for (const struct job *j = *set; j->name != NULL; j++)
				if (strcmp(j->name, type) == 0)
					return j;
	}
	return NULL;
}
