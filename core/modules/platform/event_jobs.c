/*
 * The relay as a control loop. Its memory lives as long as its child; the
 * loop's lease only saves idle work, the relay holds one of its own.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "events/relay.h"
#include "jobs/loop.h"
#include "modules/platform/event.h"

enum { MEASURE_S = 2, RETAIN_S = 60 };

struct memory {
	struct relay *relay;
	int64_t measured_ns, retained_ns;
};

static bool
due(int64_t *last_ns, int64_t every_s)
{
	int64_t now = clock_boot_ns();

	if (*last_ns != 0 && now - *last_ns < every_s * 1000000000)
		return false;
	*last_ns = now;
	return true;
}

static struct memory *
memory_of(struct loop_ctx *c)
{
	struct memory *m = c->memory;

	if (m == NULL) {
		m = c->memory = arena_alloc(c->keep, sizeof(*m));
		m->relay = relay_new(c->keep, c->env->process);
	}
	return m;
}

static int
relay_run(struct loop_ctx *c, struct err *e)
{
	struct memory *m = memory_of(c);
	bool more, older = false;

	if (platform_event_turn(c->db, m->relay, &more, e) == -1)
		return -1;
	if (due(&m->measured_ns, MEASURE_S) &&
	    platform_event_measure(c->db, e) == -1)
		return -1;
	if (due(&m->retained_ns, RETAIN_S) &&
	    platform_event_retain(c->env, c->db, &older, e) == -1)
		return -1;
	if (older)
		m->retained_ns = 0;
	if (more || older)
		c->next_ms = 1;
	return 0;
}

static void
relay_end_loop(struct loop_ctx *c)
{
	struct memory *m = c->memory;

	relay_end(m->relay, c->db);
}

const struct loop platform_event_loops[] = {
	{ .name = "events.relay", .doc = "Numbers committed events and moves "
	  "them into the stream", .period_ms = 1000, .scope = LOOP_CLUSTER,
	  .humble = LOOP_TICK, .bell = "relay", .run = relay_run,
	  .end = relay_end_loop },
	LOOP_END
};
