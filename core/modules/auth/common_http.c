/*
 * Shared by the handlers of this module. Refuses API keys and old tokens where
 * a person with a session is wanted. Invariant: a wrong password is counted
 * although its request is rolled back.
 */
#include "base/random.h"
#include "modules/auth/common.h"

void
auth_target(struct ctx *c, const char *kind, struct uuid id)
{
	char text[UUID_TEXT];

	ctx_target(c, kind, arena_strdup(c->a, uuid_format(id, text)), NULL);
}

struct auth_client
auth_client_of(struct ctx *c)
{
	const char *agent = ctx_header(c, "User-Agent");

	return (struct auth_client){ c->client_ip,
	    agent != NULL ? agent : "" };
}

int
auth_need_session(struct ctx *c)
{
	if (c->who.kind == PRINCIPAL_USER && !uuid_is_nil(c->who.session_id))
		return 0;
	return err_set(&c->err, 403, "session_required",
	    "This needs a login, not an API key or an old token");
}

struct failure {
	struct uuid account;
	struct utc now;
};

static int
count_failure(struct db *db, void *arg, struct err *e)
{
	const struct failure *f = arg;

	return auth_attempt_add(db, f->account, f->now, e);
}

int
auth_not_proved(struct ctx *c, const struct auth_proof *p)
{
	struct failure *f = arena_alloc(c->a, sizeof(*f));

	*f = (struct failure){ p->counted, c->now };
	if (p->counts)
		ctx_keep(c, count_failure, f);
	return fail_err(c);
}
