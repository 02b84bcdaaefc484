/*
 * The loop that carries errors from this host's segment into the table. Two
 * of them on one host would count twice: a step of the segment lets one.
 */
#include "base/clock.h"
#include "base/err.h"
#include "modules/platform/error.h"
#include "modules/platform/setting.h"

static int
drain(struct loop_ctx *c, struct err *e)
{
	const struct platform_conf *cf = conf_get(c->env->conf,
	    &platform_settings);
	struct utc old = clock_now();
	size_t n;
	int rc;

	if (!shm_step_begin(c->env->shm, "platform.error"))
		return 0;
	rc = platform_error_drain(c->env, c->a, &n, e);
	shm_step_end(c->env->shm, "platform.error");
	old.us -= cf->error_days * 86400 * US_PER_S;
	return rc == -1 ? -1 : platform_error_purge(c->db, old, e);
}

const struct loop platform_error_loops[] = {
	{ .name = "platform.error", .doc = "Carries what went wrong on this "
	    "host into the table of errors", .period_ms = 5000,
	    .scope = LOOP_HOST, .humble = LOOP_TICK, .run = drain },
	LOOP_END
};
