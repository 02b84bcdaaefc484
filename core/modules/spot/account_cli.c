/*
 * Operator's commands around accounts: the demonstration account.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/principal.h"
#include "conf/conf.h"
#include "modules/spot/account.h"
#include "modules/spot/conf.h"

static int
complain(const struct err *e)
{
	fprintf(stderr, "spot demo-account: %s\n", e->detail);
	return 1;
}

/* Makes the account once, for the oldest tenant; says what it did. */
static int
demo_account(struct env *env, int argc, char **argv)
{
	const struct spot_conf *cf = conf_get(env->conf, &spot_settings);
	struct spot_connect n = { .name = "demo",
	    .connection_method = "simulated" };
	struct principal by = { .kind = PRINCIPAL_SYSTEM, .name = "demo" };
	struct spot_account x;
	struct err e = { 0 };
	int rc;

	(void)argv;
	if (argc > 0) {
		fprintf(stderr, "usage: quincunx spot demo-account\n");
		return 2;
	}
	if (!cf->demo_account) {
		printf("spot.demo_account is off: nothing was made\n");
		return 0;
	}
	rc = spot_first_tenant(env->db, env->a, &by.tenant_id, &e);
	if (rc != 0) {
		if (rc == 1)
			err_set(&e, 404, "no_tenant", "there is no tenant yet");
		return complain(&e);
	}
	rc = spot_account_make(env, env->a, &by, &n, clock_now(), &x, &e);
	if (rc == -1 && e.code != NULL && strcmp(e.code, "name_taken") == 0) {
		printf("the account \"demo\" is there already\n");
		return 0;
	}
	if (rc == -1)
		return complain(&e);
	printf("account \"demo\" (simulated, %s) was made; quincunx-discover "
	    "fills it\n", x.aws_account);
	return 0;
}

/* Takes the demonstration account out again, with all that was found in it. */
static int
demo_reset(struct env *env, int argc, char **argv)
{
	struct principal by = { .kind = PRINCIPAL_SYSTEM, .name = "demo" };
	struct spot_account x;
	struct err e = { 0 };
	int64_t instances;
	int rc;

	(void)argv;
	if (argc > 0) {
		fprintf(stderr, "usage: quincunx demo reset\n");
		return 2;
	}
	rc = spot_first_tenant(env->db, env->a, &by.tenant_id, &e);
	if (rc == 0)
		rc = spot_account_by_name(env->db, env->a, by.tenant_id,
		    "demo", &x, &e);
	if (rc == 1 || (rc == 0 &&
	    strcmp(x.connection_method, "simulated") != 0)) {
		printf("there is no demonstration account\n");
		return 0;
	}
	if (rc == -1 || spot_account_remove(env, env->a, &by, x.id,
	    &instances, &e) == -1)
		return complain(&e);
	printf("the account \"demo\" and its %lld instances are gone\n",
	    (long long)instances);
	return 0;
}

const struct command spot_account_commands[] = {
	{ .name = "demo reset", .usage = "",
	    .doc = "Removes the simulated account \"demo\" with all that was "
	    "found in it", .run = demo_reset },
	{ .name = "spot demo-account", .usage = "",
	    .doc = "Makes the simulated account \"demo\" of the oldest "
	    "tenant, once", .run = demo_account },
	{ .name = NULL }
};
