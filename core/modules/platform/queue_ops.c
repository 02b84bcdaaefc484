/*
 * Queues: looking and turning the valves. Refuses the installation's queues to
 * whoever does not run it.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "modules/platform/job.h"
#include "modules/platform/queue.h"

#define Q(m, ...) FIELD(struct platform_queue, m, __VA_ARGS__)
static const struct field queue_fields[] = {
	Q(name, .doc = "Name"),
	Q(external, .doc = "Pulled over HTTP; belongs to the tenant"),
	Q(paused, .doc = "Nothing is claimed from it"),
	Q(rate_n, .doc = "Starts at most …; 0 = no limit"),
	Q(rate_s, .doc = "… in so many seconds"),
	Q(max_running, .doc = "At once over all hosts; 0 = no limit"),
	Q(ready, .doc = "Jobs of the tenant that could start now"),
	Q(critical, .doc = "Of them in this lane"),
	Q(high, .doc = "Of them in this lane"),
	Q(normal, .doc = "Of them in this lane"),
	Q(low, .doc = "Of them in this lane"),
	Q(oldest_at, .flags = FF_NULLABLE,
	    .doc = "The longest waiting one is ready since"),
	Q(oldest_age_s, .doc = "The same in seconds"), FIELD_END
};
const struct schema platform_queue_schema = {
	.name = "Queue", .doc = "Where jobs wait",
	.size = sizeof(struct platform_queue), .fields = queue_fields
};

static void
add_depth(struct platform_queue *q, const struct jobs_depth *d)
{
	int64_t *const lanes[] = { &q->critical, &q->high, &q->normal,
	    &q->low };

	q->ready += d->ready;
	if (d->lane >= 0 && d->lane < LANES)
		*lanes[d->lane] += d->ready;
	if (d->oldest.us != 0 && (q->oldest_at.us == 0 ||
	    d->oldest.us < q->oldest_at.us))
		q->oldest_at = d->oldest;
	if (q->oldest_at.us != 0)
		q->oldest_age_s = (clock_now().us - q->oldest_at.us) /
		    US_PER_S;
}

static void
show(const struct jobs_queue_row *r, const struct rows *depths,
    struct platform_queue *q)
{
	*q = (struct platform_queue){ .name = r->name,
	    .external = r->external, .paused = r->paused,
	    .rate_n = r->rate_n, .rate_s = r->rate_s,
	    .max_running = r->max_running };
	for (size_t i = 0; i < depths->n; i++) {
		const struct jobs_depth *d = ROW(depths, struct jobs_depth,
		    i);

		if (d->queue_id == r->id)
			add_depth(q, d);
	}
}

int
platform_queue_all(struct db *db, struct arena *a, struct uuid tenant,
    bool mine, struct rows *out, struct err *e)
{
	struct uuid nil = { { 0 } };
	struct rows rows, depths;
	struct platform_queue *v;

	if (jobs_queue_all(db, a, tenant, &rows, e) == -1 ||
	    jobs_depths(db, a, mine ? tenant : nil, &depths, e) == -1)
		return -1;
	v = arena_array(a, rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++)
		show(ROW(&rows, struct jobs_queue_row, i), &depths, &v[i]);
	*out = (struct rows){ v, rows.n, &platform_queue_schema };
	return 0;
}

static int
shown(struct db *db, struct arena *a, struct uuid tenant,
    const struct jobs_queue_row *r, struct platform_queue *out,
    struct err *e)
{
	struct rows depths;

	if (jobs_depths(db, a, tenant, &depths, e) == -1)
		return -1;
	show(r, &depths, out);
	return 0;
}

static struct uuid
owner(struct uuid tenant, bool external)
{
	return external ? tenant : (struct uuid){ { 0 } };
}

int
platform_queue_get(struct db *db, struct arena *a, struct uuid tenant,
    const char *name, bool external, struct platform_queue *out,
    struct err *e)
{
	struct jobs_queue_row r;

	if (db_found(jobs_queue_get(db, a, owner(tenant, external), name,
	    external, false, &r, e), "Queue", e) == -1)
		return -1;
	return shown(db, a, tenant, &r, out, e);
}

/* A tenant may have so many queues, and no more. */
static int
may_make(struct db *db, struct arena *a, struct uuid tenant, struct err *e)
{
	struct rows rows;
	size_t n = 0;

	if (jobs_queue_all(db, a, tenant, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		n += ROW(&rows, struct jobs_queue_row, i)->external;
	return n < PLATFORM_QUEUES_MAX ? 0 : err_set(e, 409, "quota",
	    "This tenant has as many queues as it may have");
}

int
platform_queue_change(struct db *db, struct arena *a,
    const struct principal *who, const struct platform_queue_set *set,
    struct platform_queue *out, struct err *e)
{
	struct uuid tenant = owner(who->tenant_id, set->external);
	struct jobs_queue_row r;
	int rc;

	if (!set->external && !principal_may(who, "system:control"))
		return err_set(e, 403, "forbidden", "The queue belongs to the "
		    "installation: permission system:control is required");
	rc = jobs_queue_get(db, a, tenant, set->name, set->external, false,
	    &r, e);
	if (rc == 1 && set->external) {
		if (may_make(db, a, tenant, e) == -1)
			return -1;
		rc = jobs_queue_get(db, a, tenant, set->name, true, true, &r,
		    e);
	}
	if (db_found(rc, "Queue", e) == -1)
		return -1;
	if (set->has_paused)
		r.paused = set->paused;
	if (set->has_rate) {
		r.rate_n = set->rate_n;
		r.rate_s = set->rate_n > 0 ? set->rate_s : 0;
	}
	if (set->has_max)
		r.max_running = set->max_running;
	if (jobs_queue_set(db, &r, e) == -1)
		return -1;
	return shown(db, a, who->tenant_id, &r, out, e);
}
