/*
 * Gauges that no process sets because the segment itself knows them: states of
 * breakers, budgets, permits held by live processes.
 */
#include "base/clock.h"
#include "shm/segment.h"

void
seg_own_gauges(struct shm *s, void (*fn)(void *, const struct metric_cell *),
    void *arg)
{
	struct metric_cell c = { .kind = METRIC_GAUGE, .label = { "name" } };
	uint64_t now = (uint64_t)clock_boot_ns();
	size_t i;

	c.name = "breaker_state";
	for (i = 0; i < s->nguards; i++) {
		c.value[0] = s->guards[i].name;
		c.v = (double)breaker_state(s, (int)i);
		fn(arg, &c);
	}
	c.name = "retry_budget";
	for (i = 0; i < s->nguards; i++) {
		c.value[0] = s->guards[i].name;
		c.v = (double)(budget_left(s, (int)i, now) / 1000);
		fn(arg, &c);
	}
	c.name = "bulkhead_used";
	for (i = 0; i < s->nbulkheads; i++) {
		c.value[0] = s->bulkheads[i].b->name;
		c.v = (double)bulkhead_used(s, s->bulkheads[i].b);
		fn(arg, &c);
	}
	for (i = 0; i < s->nguards; i++) {
		c.value[0] = s->guards[i].name;
		c.v = (double)dependency_used(s, (int)i);
		fn(arg, &c);
	}
}
