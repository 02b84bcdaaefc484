/*
 * The demonstration of the spot optimizer: an account of the simulated cloud,
 * which the next scan fills.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/principal.h"
#include "db/demo.h"
#include "modules/spot/account.h"
#include "modules/spot/instance.h"

#define NAME "demo"

static int
make(struct env *env, const struct demo_owner *o, const char **told,
    struct err *e)
{
	const struct spot_connect n = { .name = NAME,
	    .connection_method = "simulated" };
	const struct principal by = { .kind = PRINCIPAL_SYSTEM, .name = NAME,
	    .tenant_id = o->tenant };
	struct spot_account x;
	int rc = spot_account_make(env, env->a, &by, &n, o->now, &x, e);

	if (rc == -1 && e->code != NULL && strcmp(e->code, "name_taken") ==
	    0) {
		*told = "the account \"" NAME "\" is there already";
		err_clear(e);
		return 0;
	}
	if (rc == 0)
		*told = arena_printf(env->a, "the account \"" NAME "\" "
		    "(simulated, %s) was made; a scan fills it",
		    x.aws_account);
	return rc;
}

/* Moves or not: nothing of a simulated cloud stays behind. */
static int
take_out(struct db *db, void *account, struct err *e)
{
	const struct spot_account *x = account;

	return spot_account_delete(db, x->tenant_id, x->id, e);
}

static int
reset(struct env *env, const struct demo_owner *o, const char **told,
    struct err *e)
{
	struct spot_account x;
	int64_t instances;
	int rc = spot_account_by_name(env->db, env->a, o->tenant, NAME, &x, e);

	if (rc == 1 || (rc == 0 &&
	    strcmp(x.connection_method, "simulated") != 0)) {
		*told = "there is no demonstration account";
		return 0;
	}
	if (rc == -1 || spot_instance_count(env->db, env->a, o->tenant, x.id,
	    &instances, e) == -1 || db_txn(env->db, env->a, take_out, &x,
	    e) == -1)
		return -1;
	*told = arena_printf(env->a, "the account \"" NAME "\" and its %lld "
	    "instances are gone", (long long)instances);
	return 0;
}

const struct demo spot_demo = { make, reset };
