/*
 * Calling a handler: through the breaker of what it depends on, and without a
 * transaction of the route's own. Refuses what the breaker refuses. Invariant:
 * every call that entered a dependency leaves it with its outcome.
 */
#include <string.h>

#include "base/check.h"
#include "http/serve.h"
#include "net/net.h"

/* What a handler's answer says about the dependency behind it: nothing if it
 * was not asked, or if the trouble was our database's. */
static enum outcome
outcome_of(const struct ctx *c, int status)
{
	if (status < 400)
		return OUTCOME_OK;
	if (status < 500)
		return OUTCOME_USER;
	if (dependency_refused(&c->err) || (c->err.code != NULL &&
	    strncmp(c->err.code, "db_", 3) == 0))
		return OUTCOME_NONE;
	return OUTCOME_FAIL;
}

int
http_run(struct ctx *c, const void *in)
{
	const struct route *rt = c->route;
	struct dependency_pass pass;
	int status, d;

	if (rt->breaker == NULL)
		return rt->run(c, in);
	d = dependency_find(c->env->shm, rt->breaker);
	if (dependency_enter(c->env->shm, d, DEPENDENCY_WAIT, &pass,
	    &c->err) == -1) {
		if (rt->fallback == NULL)
			return fail_err(c);
		err_clear(&c->err);
		reply_header(c, "X-Degraded", rt->breaker);
		return rt->fallback(c, in);
	}
	status = rt->run(c, in);
	dependency_leave(c->env->shm, d, &pass, outcome_of(c, status));
	return status;
}

int
http_run_plain(struct ctx *c, const void *in)
{
	int status = http_run(c, in);

	ASSERT(status < 400 || c->err.status == status ||
	    c->resp->status == status);
	if (c->db != NULL && db_in_txn(c->db))
		db_rollback(c->db);
	return status;
}

void
http_run_get(struct ctx *c, const void *in)
{
	if (c->route->breaker != NULL)
		net_orders(c->env->net, dependency_find(c->env->shm,
		    c->route->breaker));
	http_run_plain(c, in);
}
