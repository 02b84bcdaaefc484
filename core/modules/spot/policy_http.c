/*
 * Policies over HTTP: of the tenant, and of single accounts.
 */
#include <string.h>

#include "http/http.h"
#include "modules/spot/account.h"
#include "modules/spot/policy.h"

struct policy_put {
	struct uuid id;
	struct spot_policy p;
};

static int
need_account(struct ctx *c, struct uuid id)
{
	struct spot_account acc;

	return spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    id, &acc, &c->err), "Account", &c->err);
}

static int
show(struct ctx *c, struct uuid account)
{
	struct spot_policy p;

	if (spot_policy_get(c->db, c->a, c->who.tenant_id, account, &p,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &p);
}

static int
store(struct ctx *c, struct uuid account, const struct spot_policy *in)
{
	struct spot_policy p = *in;

	p.tenant_id = c->who.tenant_id;
	p.account_id = account;
	p.updated_at = c->now;
	p.updated_by = c->who.name != NULL ? c->who.name : "";
	if (spot_policy_check(&p, c->a, &c->err) == -1 ||
	    spot_policy_put(c->db, c->a, &p, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_policy", account);
	return show(c, account);
}

static int
tenant_get(struct ctx *c, const void *in)
{
	(void)in;
	return show(c, (struct uuid){ { 0 } });
}

static int
tenant_put(struct ctx *c, const void *in)
{
	return store(c, (struct uuid){ { 0 } }, in);
}

static int
account_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *p = in;

	if (need_account(c, p->id) == -1)
		return fail_err(c);
	return show(c, p->id);
}

/* The policy's own members, and the account from the path. */
#define P struct policy_put
#define B(...) FIELD_IN(P, p., __VA_ARGS__)
static const struct field put_fields[] = {
	FIELD(P, id, .flags = FF_REQUIRED, .doc = "Account"),
	SPOT_POLICY_FIELDS(B),
	FIELD_END
};
#undef B
#undef P
static const struct schema put_schema = {
	.name = "SpotPolicyPut", .doc = "A policy of an account",
	.size = sizeof(struct policy_put), .fields = put_fields
};

static int
account_put(struct ctx *c, const void *in)
{
	const struct policy_put *p = in;

	if (need_account(c, p->id) == -1)
		return fail_err(c);
	return store(c, p->id, &p->p);
}

static int
account_reset(struct ctx *c, const void *in)
{
	const struct spot_id_in *p = in;

	if (need_account(c, p->id) == -1 ||
	    spot_found(spot_policy_delete(c->db, c->who.tenant_id, p->id,
	    &c->err), "Policy", &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_policy", p->id);
	return show(c, p->id);
}

const struct route spot_policy_routes[] = {
	{ .id = "spot.policy.get", .method = HTTP_GET,
	  .path = "/api/spot/policy", .summary = "What is allowed, by default",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .out = &spot_policy_schema, .ok = 200, .run = tenant_get },
	{ .id = "spot.policy.put", .method = HTTP_PUT,
	  .path = "/api/spot/policy",
	  .summary = "Allow something else, by default",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_policy_schema, .out = &spot_policy_schema, .ok = 200,
	  .errors = ERRORS(409), .flags = R_TXN | R_AUDIT,
	  .run = tenant_put },
	{ .id = "spot.policy.account", .method = HTTP_GET,
	  .path = "/api/spot/accounts/{id:uuid}/policy",
	  .summary = "What is allowed in an account",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_policy_schema, .ok = 200,
	  .errors = ERRORS(404), .run = account_get },
	{ .id = "spot.policy.account_put", .method = HTTP_PUT,
	  .path = "/api/spot/accounts/{id:uuid}/policy",
	  .summary = "Allow something else in an account",
	  .auth = AUTH_USER, .permission = "spot:write", .in = &put_schema,
	  .out = &spot_policy_schema, .ok = 200, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT, .run = account_put },
	{ .id = "spot.policy.account_reset", .method = HTTP_DELETE,
	  .path = "/api/spot/accounts/{id:uuid}/policy",
	  .summary = "Back to the tenant's policy", .auth = AUTH_USER,
	  .permission = "spot:write", .in = &spot_id_in_schema,
	  .out = &spot_policy_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = account_reset },
	ROUTE_END
};
