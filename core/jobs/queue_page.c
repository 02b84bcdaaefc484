/*
 * Pages of jobs and dead letters, newest first. There is no index for every
 * filter, as each would cost every enqueue; so a page with a filter looks at a
 * window of ids and says how far it came. Ids hold the time they were made,
 * which narrows what since and until ask for.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/inner.h"

enum { SLACK_S = 60 };	/* clocks of hosts differ */

/* Pages leave the data out: a page of the largest payloads is 800 MiB. */
#define LISTED "j.id, j.tenant_id, j.queue_id, j.lane, j.state, j.type, " \
	"'' AS payload, NULL AS result, j.progress, j.note, j.attempt, " \
	"j.tries, j.crashes, j.lost, j.timeout_s, j.backoff_s, j.run_at, " \
	"j.expires_at, j.token, j.lease_id, j.cancel, j.needed, j.waits, " \
	"j.unique_key, j.limit_key, j.counted, j.workflow, j.actor, " \
	"j.traceparent, j.error_class, j.error, j.replay_of, j.replays, " \
	"j.version, j.created_at, j.started_at, j.finished_at, j.fire_at"
#define IDS "SELECT id FROM jobs_job WHERE tenant_id = ? " \
	"AND (? IS NULL OR id < ?) AND id >= ? ORDER BY id DESC "

static const struct query PAGE_ALL = { "jobs_job.page",
	"SELECT " LISTED " FROM jobs_job j WHERE j.tenant_id = ? "
	"AND (? IS NULL OR j.id < ?) AND j.id >= ? ORDER BY j.id DESC "
	"LIMIT ?", &job_row_schema };
static const struct query PAGE_SOME = { "jobs_job.page_some",
	"SELECT STRAIGHT_JOIN " LISTED " FROM (" IDS "LIMIT 20000) w "
	"JOIN jobs_job j ON j.id = w.id WHERE (? = 0 OR j.state = ?) "
	"AND (? = 0 OR j.state < 10) AND (? IS NULL OR j.type = ?) "
	"AND (? IS NULL OR j.queue_id IN (SELECT q.id FROM jobs_queue q "
	"WHERE q.name = ?)) AND (? IS NULL OR j.error_class = ?) "
	"AND (? IS NULL OR j.workflow = ?) "
	"AND (? IS NULL OR j.created_at >= ?) "
	"AND (? IS NULL OR j.created_at < ?) ORDER BY w.id DESC LIMIT ?",
	&job_row_schema };

static const struct query PAGE_END = { "jobs_job.page_end",
	IDS "LIMIT 1 OFFSET 19999", &db_id_schema };

static const struct query DEAD_PAGE = { "jobs_dead.page",
	"SELECT " LISTED " FROM jobs_dead d JOIN jobs_job j "
	"ON j.id = d.job_id WHERE d.tenant_id = ? "
	"AND (? IS NULL OR d.job_id < ?) AND (? = 0 OR d.state = ?) "
	"AND (? IS NULL OR d.type = ?) AND (? IS NULL OR d.queue_id IN "
	"(SELECT q.id FROM jobs_queue q WHERE q.name = ?)) "
	"AND (? IS NULL OR d.error_class = ?) "
	"AND (? IS NULL OR j.workflow = ?) "
	"AND (? IS NULL OR d.died_at >= ?) AND (? IS NULL OR d.died_at < ?) "
	"ORDER BY d.job_id DESC LIMIT ?", &job_row_schema };

const struct query *const jobs_page_queries[] = {
	&PAGE_ALL, &PAGE_SOME, &PAGE_END, &DEAD_PAGE, NULL
};

static int
dead_page(struct db *db, struct arena *a, const struct jobs_filter *f,
    struct rows *out, struct err *e)
{
	const struct val below = V(f->below), type = V(f->type);
	const struct val queue = V(f->queue), class = V(f->error_class);
	const struct val wf = V(f->workflow);
	const struct val since = V(f->since), until = V(f->until);

	return db_all(db, a, &DEAD_PAGE, ARGS(val_id(f->tenant), below,
	    below, V(f->state), V(f->state), type, type, queue, queue, class,
	    class, wf, wf, since, since, until, until, V(f->limit)), out, e);
}

static struct uuid
id_near(struct utc t, int64_t seconds)
{
	return uuid_first((struct utc){ t.us + seconds * US_PER_S });
}

static bool
filtered(const struct jobs_filter *f)
{
	return f->state != 0 || f->live || f->type != NULL ||
	    f->queue != NULL || f->error_class != NULL ||
	    !uuid_is_nil(f->workflow) || f->since.us != 0 ||
	    f->until.us != 0;
}

/* Ids between which the jobs of that time lie, at least. */
static void
bounds(const struct jobs_filter *f, struct val *below, struct val *from)
{
	struct uuid top;

	*below = V(f->below);
	*from = val_id(f->since.us == 0 ? (struct uuid){ { 0 } } :
	    id_near(f->since, -SLACK_S));
	if (f->until.us == 0)
		return;
	top = id_near(f->until, SLACK_S);
	if (uuid_is_nil(f->below) || memcmp(top.b, f->below.b, 16) < 0)
		*below = V(top);
}

static int
some(struct db *db, struct arena *a, const struct jobs_filter *f,
    struct rows *out, struct uuid *reached, struct err *e)
{
	const struct val type = V(f->type), queue = V(f->queue);
	const struct val class = V(f->error_class), wf = V(f->workflow);
	const struct val since = V(f->since), until = V(f->until);
	const struct val tenant = val_id(f->tenant);
	struct val below, from;
	struct db_id last;
	int rc;

	bounds(f, &below, &from);
	if (db_all(db, a, &PAGE_SOME, ARGS(tenant, below, below, from,
	    V(f->state), V(f->state), V(f->live), type, type, queue, queue,
	    class, class, wf, wf, since, since, until, until, V(f->limit)),
	    out, e) == -1)
		return -1;
	if ((int64_t)out->n >= f->limit)
		return 0;
	rc = db_one(db, a, &PAGE_END, ARGS(tenant, below, below, from), &last,
	    e);
	if (rc == 0)
		*reached = last.id;
	return rc == -1 ? -1 : 0;
}

int
jobs_page(struct db *db, struct arena *a, const struct jobs_filter *f,
    struct rows *out, struct uuid *reached, struct err *e)
{
	struct val below, from;

	*reached = (struct uuid){ { 0 } };
	if (f->dead)
		return dead_page(db, a, f, out, e);
	if (filtered(f))
		return some(db, a, f, out, reached, e);
	bounds(f, &below, &from);
	return db_all(db, a, &PAGE_ALL, ARGS(val_id(f->tenant), below, below,
	    from, V(f->limit)), out, e);
}
