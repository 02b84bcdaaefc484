/*
 * Accounts over HTTP. Connecting and verifying ask the cloud, so those routes
 * run in the slow pool and open their transaction themselves, afterwards.
 */
#include <string.h>

#include "base/random.h"
#include "base/str.h"
#include "conf/conf.h"
#include "http/http.h"
#include "modules/spot/account.h"
#include "modules/spot/aws_wire.h"
#include "modules/spot/conf.h"

#define N struct spot_connect
static const struct field connect_fields[] = {
	FIELD(N, name, .flags = FF_REQUIRED, .min = 1, .max = 100,
	    .doc = "Label, unique in the tenant"),
	FIELD(N, connection_method, .flags = FF_REQUIRED,
	    .oneof = ONEOF("access_keys", "iam_role", "simulated"),
	    .example = "\"simulated\"", .doc = "How we enter: keys, a role "
	    "we assume, or the simulated cloud"),
	FIELD(N, access_key, .flags = FF_NULLABLE, .min = 1, .max = 128,
	    .doc = "Access key id (access_keys)"),
	FIELD(N, secret_key, .flags = FF_NULLABLE | FF_SECRET, .min = 1,
	    .max = 256, .doc = "Secret access key (access_keys)"),
	FIELD(N, role_arn, .flags = FF_NULLABLE, .min = 1, .max = 2048,
	    .doc = "Role to assume (iam_role); may come later"),
	FIELD(N, regions, .elem = FT_STR, .max = 64,
	    .doc = "Regions to scan; empty = all that are enabled"),
	FIELD(N, region, .flags = FF_NULLABLE, .min = 4, .max = 32,
	    .doc = "Home region; the setting aws.region if absent"),
	FIELD(N, scan_every_s, .min = 60, .max = 604800,
	    .doc = "Seconds from scan to scan; the setting if absent"),
	FIELD(N, fleet_every_s, .min = 60, .max = 604800,
	    .doc = "Seconds between scans of instances and groups alone; the "
	    "setting if absent"),
	FIELD_END
};
#undef N
static const struct schema connect_schema = {
	.name = "SpotConnect", .doc = "An account to connect",
	.size = sizeof(struct spot_connect), .fields = connect_fields
};

struct enter_in {
	struct uuid id;
	const char *access_key, *secret_key, *role_arn;
};
static const struct field enter_fields[] = {
	FIELD(struct enter_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	FIELD(struct enter_in, access_key, .flags = FF_NULLABLE, .min = 1,
	    .max = 128, .doc = "Access key id"),
	FIELD(struct enter_in, secret_key,
	    .flags = FF_NULLABLE | FF_SECRET, .min = 1, .max = 256,
	    .doc = "Secret access key"),
	FIELD(struct enter_in, role_arn, .flags = FF_NULLABLE, .min = 1,
	    .max = 2048, .doc = "Role to assume"),
	FIELD_END
};
static const struct schema enter_schema = {
	.name = "SpotCredentialPut", .doc = "What enters the account; write "
	"only", .size = sizeof(struct enter_in), .fields = enter_fields
};

struct verify_in {
	struct uuid id;
	const char *role_arn;
};
static const struct field verify_fields[] = {
	FIELD(struct verify_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	FIELD(struct verify_in, role_arn, .flags = FF_NULLABLE, .min = 1,
	    .max = 2048, .doc = "Role to assume, if it is new"),
	FIELD_END
};
static const struct schema verify_schema = {
	.name = "SpotVerify", .doc = "Try the credentials",
	.size = sizeof(struct verify_in), .fields = verify_fields
};

struct patch_in {
	struct uuid id;
	const char *name;
	struct list regions;
	int64_t scan_every_s, fleet_every_s;
};
static const struct field patch_fields[] = {
	FIELD(struct patch_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	FIELD(struct patch_in, name, .min = 1, .max = 100, .doc = "Label"),
	FIELD(struct patch_in, regions, .elem = FT_STR, .max = 64,
	    .doc = "Regions to scan; empty = all that are enabled"),
	FIELD(struct patch_in, scan_every_s, .min = 60, .max = 604800,
	    .doc = "Seconds from scan to scan"),
	FIELD(struct patch_in, fleet_every_s, .min = 60, .max = 604800,
	    .doc = "Seconds between scans of instances and groups alone"),
	FIELD_END
};
static const struct schema patch_schema = {
	.name = "SpotAccountPatch", .doc = "Members that change",
	.size = sizeof(struct patch_in), .fields = patch_fields
};

struct list_in {
	struct page_in page;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in), FIELD_END
};
static const struct schema list_schema = {
	.name = "SpotAccountPage", .doc = "Page of accounts",
	.size = sizeof(struct list_in), .fields = list_fields
};

struct template_out {
	struct json template;
	const char *external_id, *instructions;
};
static const struct field template_fields[] = {
	FIELD(struct template_out, template,
	    .doc = "Role with its trust and permission policies"),
	FIELD(struct template_out, external_id,
	    .doc = "External id the trust policy asks for"),
	FIELD(struct template_out, instructions, .doc = "What to do with it"),
	FIELD_END
};
static const struct schema template_schema = {
	.name = "SpotRoleTemplate", .doc = "The role we ask a client to make",
	.size = sizeof(struct template_out), .fields = template_fields
};

static void
target(struct ctx *c, struct uuid id)
{
	char text[UUID_TEXT];

	ctx_target(c, "spot_account", arena_strdup(c->a,
	    uuid_format(id, text)), NULL);
}

static int
account_list(struct ctx *c, const void *in)
{
	const struct list_in *p = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    spot_account_page(c->db, c->a, c->who.tenant_id, after,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_account, id)));
}

static int
account_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_account x;

	if (spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &x, &c->err), "Account", &c->err) == -1)
		return fail_err(c);
	return reply(c, &x);
}

static int
account_create(struct ctx *c, const void *in)
{
	struct spot_account x;

	if (spot_account_make(c->env, c->a, &c->who, in, c->now, &x,
	    &c->err) == -1)
		return fail_err(c);
	target(c, x.id);
	return reply(c, &x);
}

static int
account_patch(struct ctx *c, const void *in)
{
	const struct patch_in *p = in;
	struct spot_account x;

	if (spot_found(spot_account_lock(c->db, c->a, c->who.tenant_id,
	    p->id, &x, &c->err), "Account", &c->err) == -1)
		return fail_err(c);
	if (SEEN(c->seen, &patch_schema, struct patch_in, name))
		x.name = p->name;
	if (SEEN(c->seen, &patch_schema, struct patch_in, regions)) {
		const char *const *r = p->regions.items;

		for (size_t i = 0; i < p->regions.n; i++)
			if (!spot_aws_region_ok(r[i]))
				return fail_field(c, "regions", "value_error",
				    "Value error, not the name of a region");
		x.region_names = spot_names_join(c->a, p->regions);
		x.regions = p->regions;
	}
	if (SEEN(c->seen, &patch_schema, struct patch_in, scan_every_s))
		x.scan_every_s = p->scan_every_s;
	if (SEEN(c->seen, &patch_schema, struct patch_in, fleet_every_s))
		x.fleet_every_s = p->fleet_every_s;
	x.updated_at = c->now;
	if (spot_account_update(c->db, &x, &c->err) == -1) {
		if (c->err.code != NULL && strcmp(c->err.code,
		    "duplicate") == 0)
			return fail(c, 409, "name_taken",
			    "An account of this name exists already");
		return fail_err(c);
	}
	target(c, x.id);
	return reply(c, &x);
}

static int
account_delete(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	int64_t n;

	if (spot_account_remove(c->env, c->a, &c->who, w->id, &n,
	    &c->err) == -1)
		return fail_err(c);
	target(c, w->id);
	return reply_none(c);
}

static int
account_enter(struct ctx *c, const void *in)
{
	const struct enter_in *p = in;
	struct spot_account x;

	if (p->access_key == NULL && p->role_arn == NULL)
		return fail(c, 422, "keys_missing",
		    "access_key and secret_key, or role_arn, are needed");
	if (spot_account_enter(c->env, c->a, &c->who, p->id, p->access_key,
	    p->secret_key, p->role_arn, c->now, &x, &c->err) == -1)
		return fail_err(c);
	target(c, x.id);
	return reply(c, &x);
}

static int
account_verify(struct ctx *c, const void *in)
{
	const struct verify_in *p = in;
	struct spot_account x;

	if (spot_account_enter(c->env, c->a, &c->who, p->id, NULL, NULL,
	    p->role_arn, c->now, &x, &c->err) == -1)
		return fail_err(c);
	target(c, x.id);
	return reply(c, &x);
}

static int
account_template(struct ctx *c, const void *in)
{
	const struct spot_conf *cf = conf_get(c->env->conf, &spot_settings);
	const struct spot_id_in *w = in;
	struct spot_account x;
	struct template_out out = { .instructions = "Create the role with "
	    "this trust and permission policy in the account to connect, "
	    "then POST its ARN to verify." };

	if (spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &x, &c->err), "Account", &c->err) == -1)
		return fail_err(c);
	if (x.external_id == NULL || *x.external_id == '\0')
		return fail(c, 409, "method",
		    "This account is not entered by a role");
	out.external_id = x.external_id;
	out.template.p = spot_role_template(c->a, cf->account_id,
	    x.external_id);
	return reply(c, &out);
}

const struct route spot_account_routes[] = {
	{ .id = "spot.account.list", .method = HTTP_GET,
	  .path = "/api/spot/accounts", .summary = "Cloud accounts",
	  .aliases = ALIASES(
	  { "/api/v1/lab/accounts", "001", false }),
	  .auth = AUTH_USER, .permission = "spot:read", .in = &list_schema,
	  .out = &spot_account_schema, .ok = 200, .flags = R_LIST,
	  .run = account_list },
	{ .id = "spot.account.get", .method = HTTP_GET,
	  .path = "/api/spot/accounts/{id}", .summary = "One account",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_account_schema, .ok = 200,
	  .errors = ERRORS(404), .run = account_get },
	{ .id = "spot.account.create", .method = HTTP_POST,
	  .path = "/api/spot/accounts", .summary = "Connect an account",
	  .doc = "The credentials are tried before anything is stored. "
	  "Two scans are queued at once: inventory and prices.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &connect_schema, .out = &spot_account_schema, .ok = 201,
	  .errors = ERRORS(409, 422, 502, 503, 504), .flags = R_AUDIT,
	  .pool = POOL_SLOW, .natural_key = "the name in the tenant",
	  .run = account_create },
	{ .id = "spot.account.update", .method = HTTP_PATCH,
	  .path = "/api/spot/accounts/{id}", .summary = "Change an account",
	  .auth = AUTH_USER, .permission = "spot:write", .in = &patch_schema,
	  .out = &spot_account_schema, .ok = 200, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT, .run = account_patch },
	{ .id = "spot.account.delete", .method = HTTP_DELETE,
	  .path = "/api/spot/accounts/{id}", .summary = "Remove an account",
	  .doc = "Its instances, scans and credentials go with it.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .ok = 204, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT, .run = account_delete },
	{ .id = "spot.account.credentials", .method = HTTP_PUT,
	  .path = "/api/spot/accounts/{id}/credentials",
	  .summary = "Replace the credentials",
	  .doc = "Write-only: they are tried, sealed and never shown again.",
	  .auth = AUTH_USER, .permission = "spot:write", .in = &enter_schema,
	  .out = &spot_account_schema, .ok = 200,
	  .errors = ERRORS(404, 409, 422, 502, 503, 504), .flags = R_AUDIT,
	  .pool = POOL_SLOW, .natural_key = "the account",
	  .run = account_enter },
	{ .id = "spot.account.verify", .method = HTTP_POST,
	  .path = "/api/spot/accounts/{id}/verify",
	  .aliases = ALIASES({ "/api/v1/onboarding/{id}/verify", "001",
	  false }), .summary = "Try the credentials",
	  .doc = "A refusal by the cloud is stored in the account and told "
	  "in status, credential_state and credential_error.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &verify_schema, .out = &spot_account_schema, .ok = 200,
	  .errors = ERRORS(404, 409, 422, 502, 503, 504), .flags = R_AUDIT,
	  .pool = POOL_SLOW, .natural_key = "the account",
	  .run = account_verify },
	{ .id = "spot.account.template", .method = HTTP_GET,
	  .path = "/api/spot/accounts/{id}/template",
	  .aliases = ALIASES({ "/api/v1/onboarding/template/{id}", "001",
	  false }), .summary = "Role to make in the account",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &template_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .run = account_template },
	ROUTE_END
};
