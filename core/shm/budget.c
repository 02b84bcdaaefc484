/*
 * Budgets for repeated calls: a token bucket of one word per dependency,
 *	bits 0-31	milliseconds of the boot clock of the last reading
 *	bits 32-63	thousandths of a repeat at that time
 * A word of zero was never used and is full. First calls fill it by their
 * share, time by so many a second; repeats empty it: when everything fails, no
 * more than that is added to the trouble. More than the cap, or a time no
 * clock could have written, counts as full.
 */
#include "shm/segment.h"

enum { SLACK_MS = 10000 };

const struct metric retry_budget_empty_total = {
	"retry_budget_empty_total", "Repeats of calls that were not made "
	"because the budget was used up.", METRIC_COUNTER,
	{ &dependency_label, NULL } };

static uint64_t
cap_of(const struct budget_rule *r)
{
	uint64_t cap = (r->per_s == 0 ? 1 : (uint64_t)r->per_s) * r->cap_s *
	    1000;

	return cap > INT32_MAX ? INT32_MAX : cap;
}

static uint64_t
fill(uint64_t word, const struct budget_rule *r, uint64_t now_ms,
    uint32_t *at_ms)
{
	int32_t d = (int32_t)((uint32_t)now_ms - (uint32_t)word);
	uint64_t cap = cap_of(r), n = word >> 32;

	*at_ms = d < 0 && d >= -SLACK_MS ? (uint32_t)word : (uint32_t)now_ms;
	if (word == 0 || d < -SLACK_MS)
		return cap;
	if (d > 0)
		n += (uint64_t)d * r->per_s;
	return n > cap ? cap : n;
}

/* Zero means "never used", so it is not written. */
static uint64_t
pack(uint64_t n, uint32_t at_ms)
{
	uint64_t w = n << 32 | at_ms;

	return w == 0 ? 1 : w;
}

static const struct budget_rule *
find(struct shm *s, int dependency, uint64_t **word)
{
	if (s == NULL || dependency < 0 || (size_t)dependency >= s->nguards)
		return NULL;
	*word = &seg_breaker(s, dependency)->budget;
	return &s->guards[dependency].budget;
}

void
budget_add(struct shm *s, int dependency, uint64_t now_ns)
{
	const struct budget_rule *r;
	uint64_t *w, old, n, cap;
	uint32_t at;

	if ((r = find(s, dependency, &w)) == NULL)
		return;
	cap = cap_of(r);
	do {
		old = seg_get(w);
		n = fill(old, r, now_ns / 1000000, &at) + r->per_call;
		if (n > cap)
			n = cap;
		if (n == cap && old >> 32 == cap)
			return;		/* full it was, full it is */
	} while (!seg_cas(w, old, pack(n, at)));
}

bool
budget_take(struct shm *s, int dependency, uint64_t now_ns)
{
	const struct budget_rule *r;
	uint64_t *w, old, n;
	uint32_t at;

	if ((r = find(s, dependency, &w)) == NULL)
		return true;
	do {
		old = seg_get(w);
		n = fill(old, r, now_ns / 1000000, &at);
		if (n < 1000) {
			metric_add(&retry_budget_empty_total,
			    (size_t)dependency, 0, 1);
			return false;
		}
	} while (!seg_cas(w, old, pack(n - 1000, at)));
	return true;
}

uint64_t
budget_left(struct shm *s, int dependency, uint64_t now_ns)
{
	const struct budget_rule *r;
	uint64_t *w;
	uint32_t at;

	if ((r = find(s, dependency, &w)) == NULL)
		return 0;
	return fill(seg_get(w), r, now_ns / 1000000, &at);
}
