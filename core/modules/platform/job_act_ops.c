/*
 * One act on many jobs: dead letters run again or are discarded, live jobs are
 * cancelled. Works in batches of their own transactions, so that claimers are
 * not held up; each leaves an audit row with what was asked, by whom and why.
 * Refuses nothing by itself: a job that refuses the act is skipped and
 * counted. Runs again are spread over spread_s, so that a thousand dead
 * letters do not arrive at once.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/auth/auth.h"
#include "modules/platform/job.h"

enum { BATCH = 100, SAMPLE = 20 };

struct act {
	struct db *db;
	struct arena *a;		/* of the batch */
	const struct platform_job_act *want;
	struct platform_job_acted *out;
	int64_t all;			/* how many will be matched */
	struct rows rows;		/* job_row, the batch */
	int64_t done, skipped, before;	/* before: matched in earlier ones */
	struct uuid id;			/* the job in hand */
	struct utc at;
};

/* ---- one job ------------------------------------------------------------------ */

static int
one(struct db *db, void *arg, struct err *e)
{
	struct act *x = arg;
	struct uuid tenant = x->want->filter.tenant;
	struct job_row now;

	if (strcmp(x->want->action, "retry") == 0)
		return jobs_retry(db, x->a, tenant, x->id, x->at, &now, e);
	if (strcmp(x->want->action, "cancel") == 0)
		return jobs_cancel(db, x->a, tenant, x->id, &now, e);
	return jobs_discard(db, x->a, tenant, x->id, e);
}

/* A refusal (404, 409) is of this job only; its savepoint is undone. */
static int
try_one(struct act *x, struct err *e)
{
	struct err mine = { 0 };

	if (db_savepoint(x->db, one, x, &mine) == 0) {
		x->done++;
		return 0;
	}
	if (mine.status == 404 || mine.status == 409) {
		x->skipped++;
		return 0;
	}
	*e = mine;
	return -1;
}

/* The i-th of all gets its share of the spread; the first starts now. */
static struct utc
start_of(const struct act *x, size_t i)
{
	int64_t n = x->before + (int64_t)i;

	if (x->want->spread_s <= 0 || x->all <= 1 || n == 0)
		return (struct utc){ 0 };
	return (struct utc){ clock_now().us + x->want->spread_s * US_PER_S *
	    n / x->all };
}

/* ---- a batch -------------------------------------------------------------------- */

static const char *
audit_text(const struct act *x)
{
	const struct jobs_filter *f = &x->want->filter;
	struct str s;

	str_init(&s, x->a);
	str_addf(&s, "{\"done\":%lld,\"skipped\":%lld,\"type\":",
	    (long long)x->done, (long long)x->skipped);
	str_json(&s, f->type);
	str_add(&s, ",\"queue\":");
	str_json(&s, f->queue);
	str_add(&s, ",\"error_class\":");
	str_json(&s, f->error_class);
	str_addf(&s, ",\"spread_s\":%lld,\"reason\":",
	    (long long)x->want->spread_s);
	str_json(&s, x->want->reason);
	str_addc(&s, '}');
	return s.p;
}

static int
batch(struct db *db, void *arg, struct err *e)
{
	struct act *x = arg;

	x->done = x->skipped = 0;	/* this may be another try */
	for (size_t i = 0; i < x->rows.n; i++) {
		x->id = ROW(&x->rows, struct job_row, i)->id;
		x->at = start_of(x, i);
		if (try_one(x, e) == -1)
			return -1;
	}
	return auth_audit_note(db, x->want->filter.tenant, x->want->actor,
	    arena_printf(x->a, "system.job.%s", x->want->action), "jobs",
	    arena_printf(x->a, "%zu", x->rows.n), audit_text(x), e);
}

static void
keep_sample(struct act *x, struct uuid *sample)
{
	struct list *l = &x->out->sample;

	for (size_t i = 0; i < x->rows.n && l->n < SAMPLE; i++)
		sample[l->n++] = ROW(&x->rows, struct job_row, i)->id;
}

/* The next rows below the last one; 1 when there are none. */
static int
next(struct act *x, struct jobs_filter *f, struct err *e)
{
	int64_t left = x->want->max - x->out->matched;
	struct uuid reached = f->below;

	f->limit = left < BATCH ? left + 1 : BATCH;
	do {
		f->below = reached;
		if (jobs_page(x->db, x->a, f, &x->rows, &reached, e) == -1)
			return -1;
	} while (x->rows.n == 0 && !uuid_is_nil(reached));
	if (left < (int64_t)x->rows.n) {
		x->out->more = true;
		x->rows.n = (size_t)left;
	}
	if (x->rows.n == 0)
		return 1;
	f->below = ROW(&x->rows, struct job_row, x->rows.n - 1)->id;
	return 0;
}

/* A dry run first: what is spread must be known by number. */
static int
count_all(struct db *db, struct arena *a, const struct platform_job_act *want,
    int64_t *all, struct err *e)
{
	struct platform_job_act dry = *want;
	struct platform_job_acted out;

	*all = 0;
	if (want->dry_run || want->spread_s <= 0 ||
	    strcmp(want->action, "retry") != 0)
		return 0;
	dry.dry_run = true;
	if (platform_job_act(db, a, &dry, &out, e) == -1)
		return -1;
	*all = out.matched;
	return 0;
}

int
platform_job_act(struct db *db, struct arena *a,
    const struct platform_job_act *want, struct platform_job_acted *out,
    struct err *e)
{
	struct act x = { .db = db, .a = arena_new(64 << 20), .want = want,
	    .out = out };
	struct uuid *sample = arena_array(a, SAMPLE, sizeof(*sample));
	struct jobs_filter f = want->filter;
	int rc;

	if (count_all(db, a, want, &x.all, e) == -1) {
		arena_free(x.a);
		return -1;
	}
	*out = (struct platform_job_acted){ .action = want->action,
	    .dry_run = want->dry_run, .sample = { sample, 0 } };
	f.dead = strcmp(want->action, "cancel") != 0;
	f.live = !f.dead;
	while ((rc = next(&x, &f, e)) == 0) {
		keep_sample(&x, sample);
		if (!want->dry_run && db_txn(db, a, batch, &x, e) == -1) {
			rc = -1;
			break;
		}
		x.before = out->matched += (int64_t)x.rows.n;
		out->done += x.done;
		out->skipped += x.skipped;
		arena_reset(x.a);
	}
	arena_free(x.a);
	return rc == -1 ? -1 : 0;
}
