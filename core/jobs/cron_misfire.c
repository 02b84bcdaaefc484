/*
 * Which of the missed fires are run. Knows a source of fires only by "the next
 * one after": up to CRON_COUNT_MAX are counted one by one; beyond that the
 * latest ones are found by halving the time between the last one known and
 * now, so that a month of missed seconds costs some thousand steps and not
 * millions.
 *
 * Invariant: next_at of the plan is later than now, or none, whatever the
 * source answers; nothing older than the window is run.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "jobs/cron.h"

enum { KEPT = CRON_CATCHUP_MAX + 1 };

/* The latest fires seen, oldest first from `head`. */
struct ring {
	int64_t v[KEPT];
	size_t head, n;
};

static void
ring_add(struct ring *r, int64_t t)
{
	if (r->n < KEPT) {
		r->v[(r->head + r->n++) % KEPT] = t;
	} else {
		r->v[r->head] = t;
		r->head = (r->head + 1) % KEPT;
	}
}

/* The i-th from the latest, 0 = the latest. */
static int64_t
ring_back(const struct ring *r, size_t i)
{
	return r->v[(r->head + r->n - 1 - i) % KEPT];
}

/* A source that does not move on has no next fire. */
static int64_t
next_of(const struct cron_source *s, int64_t after)
{
	struct utc t;

	if (s->next(s->arg, (struct utc){ after }, &t) != 0 || t.us <= after)
		return INT64_MAX;
	return t.us;
}

/* The latest fire <= t, given one fire f <= t. */
static int64_t
last_of(const struct cron_source *s, int64_t f, int64_t t)
{
	int64_t next, mid;

	while ((next = next_of(s, f)) <= t) {
		f = next;
		mid = f + (t - f) / 2;
		if ((next = next_of(s, mid)) <= t)
			f = next;
		else
			t = mid;
	}
	return f;
}

/* Adds the `want` latest fires in [f, now], f being one, oldest first. If there
 * are fewer, they follow what the ring holds without a hole. */
static void
add_latest(struct ring *r, const struct cron_source *s, int64_t f,
    int64_t now, size_t want)
{
	int64_t v[KEPT], t = now;
	size_t n = 0;

	while (n < want && f <= t) {
		v[n] = last_of(s, f, t);
		t = v[n++] - 1;
	}
	while (n > 0)
		ring_add(r, v[--n]);
}

/* Fires older than this are not run. */
static int64_t
oldest_allowed(const struct cron_misfire_rule *r, int64_t now)
{
	int64_t age = r->window_s > 0 ? r->window_s : INT64_MAX, grace, at;

	if (r->policy == CRON_MISFIRE_SKIP) {
		grace = r->grace_s > 0 ? r->grace_s : CRON_GRACE_S;
		age = grace < age ? grace : age;
	}
	if (__builtin_mul_overflow(age, US_PER_S, &age) ||
	    __builtin_sub_overflow(now, age, &at))
		return INT64_MIN;
	return at;
}

static size_t
most(const struct cron_misfire_rule *r)
{
	if (r->policy != CRON_MISFIRE_EACH || r->max_catchup < 1)
		return 1;
	return r->max_catchup < CRON_CATCHUP_MAX ? (size_t)r->max_catchup :
	    CRON_CATCHUP_MAX;
}

void
cron_misfires(const struct cron_misfire_rule *rule,
    const struct cron_source *s, struct utc next_at, struct utc now,
    struct cron_plan *out)
{
	int64_t f = next_at.us, next, total = 1;
	int64_t allowed = oldest_allowed(rule, now.us);
	size_t want = most(rule), run = 0;
	struct ring ring = { 0 };

	memset(out, 0, sizeof(*out));
	out->next_at = next_at;
	if (f == 0 || f > now.us)
		return;
	ring_add(&ring, f);
	while ((next = next_of(s, f)) <= now.us && total < CRON_COUNT_MAX) {
		ring_add(&ring, f = next);
		total++;
	}
	if (next <= now.us) {
		/* One more than can be run: the latest that is skipped. */
		add_latest(&ring, s, next, now.us, want + 1);
		next = next_of(s, ring_back(&ring, 0));
		total++;
		out->skipped_more = true;
	}
	while (run < want && run < ring.n && ring_back(&ring, run) >= allowed)
		run++;
	for (size_t i = 0; i < run; i++)
		out->run[i] = (struct utc){ ring_back(&ring, run - 1 - i) };
	out->nrun = run;
	out->skipped = total - (int64_t)run;
	if (out->skipped > 0) {
		out->skipped_first = next_at;
		out->skipped_last = (struct utc){ ring_back(&ring, run) };
	}
	out->next_at = (struct utc){ next == INT64_MAX ? 0 : next };
}
