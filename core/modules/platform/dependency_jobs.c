/*
 * The loop that keeps the segment of its host told of what was ordered, also
 * on other hosts and after the segment was replaced.
 */
#include "modules/platform/dependency.h"

static int
tell(struct loop_ctx *c, struct err *e)
{
	return platform_dependency_tell(c->env, c->a, e);
}

const struct loop platform_dependency_loops[] = {
	{ .name = "platform.dependency", .doc = "Tells breakers what "
	  "operators ordered", .period_ms = 3000, .scope = LOOP_HOST,
	  .humble = LOOP_TICK, .run = tell },
	LOOP_END
};
