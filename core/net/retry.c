/*
 * Repeats of calls. Refuses to wait past the caller's deadline, to repeat more
 * than the rule says, and what the budget has nothing left for. Without a
 * known dependency nothing is repeated: there is no rule.
 */
#include "net/retry.h"

#define NS_PER_MS INT64_C(1000000)
enum { WORTH_MS = 10 };		/* less time than this is not worth a call */

const struct metric retries_total = { "retries_total",
    "Calls that were made again.", METRIC_COUNTER,
    { &dependency_label, NULL } };

int64_t
retry_wait_ms(unsigned n, const struct retry_rule *r, uint64_t random)
{
	int64_t d = r->base_ms == 0 ? 1 : r->base_ms, cap = r->cap_ms;

	while (n-- > 1 && d < cap)
		d *= 2;
	if (d > cap && cap > 0)
		d = cap;
	return d / 2 + (int64_t)(random % (uint64_t)(d - d / 2 + 1));
}

int64_t
retry_next(struct retry *t, int64_t retry_after_s, int64_t now_ns,
    uint64_t random)
{
	const struct guard *g = dependency_guard(t->shm, t->dependency);
	int64_t ms;

	if (!t->on || g == NULL || t->made >= g->retry.max)
		return -1;
	ms = retry_after_s > 0 ? retry_after_s * 1000 :
	    retry_wait_ms(t->made + 1, &g->retry, random);
	if (t->deadline_boot_ns == 0 && ms > (int64_t)g->retry.cap_ms)
		return -1;
	if (t->deadline_boot_ns != 0 &&
	    now_ns + (ms + WORTH_MS) * NS_PER_MS >= t->deadline_boot_ns)
		return -1;
	if (!budget_take(t->shm, t->dependency, (uint64_t)now_ns))
		return -1;
	t->made++;
	metric_add(&retries_total, dependency_label_index(t->shm,
	    t->dependency), 0, 1);
	return ms;
}
