/*
 * Seed 001's own paths around accounts, where their shape differs from ours:
 * the list of a client, removal by the AWS account, and the steps of the
 * onboarding wizard. Each is a thin cover of the same use-cases.
 */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "conf/conf.h"
#include "http/http.h"
#include "modules/spot/account.h"
#include "modules/spot/conf.h"
#include "modules/spot/instance.h"
#include "modules/spot/scan.h"
#include "modules/spot/summary.h"

/* ---- GET /api/v1/client/accounts ----------------------------------------- */

struct row {
	struct uuid id;
	const char *account_id, *account_name, *status, *connection_method;
	const char *region;
	struct utc created_at, updated_at;
};
static const struct field row_fields[] = {
	FIELD(struct row, id, .doc = "Identifier"),
	FIELD(struct row, account_id, .flags = FF_NULLABLE,
	    .doc = "AWS account"),
	FIELD(struct row, account_name, .doc = "Label"),
	FIELD(struct row, status, .doc = "State of the connection"),
	FIELD(struct row, connection_method, .doc = "How it is entered"),
	FIELD(struct row, region, .doc = "Home region"),
	FIELD(struct row, created_at, .doc = "When it was made"),
	FIELD(struct row, updated_at, .doc = "Last change"),
	FIELD_END
};
static const struct schema row_schema = {
	.name = "ClientAccount", .doc = "An account of a client",
	.size = sizeof(struct row), .fields = row_fields
};

enum { ACCOUNTS = 200 };

static int
client_accounts(struct ctx *c, const void *in)
{
	const struct uuid start = { { 0 } };
	struct rows rows, out;
	struct row *v;

	(void)in;
	if (spot_account_page(c->db, c->a, c->who.tenant_id, start, ACCOUNTS,
	    &rows, &c->err) == -1)
		return fail_err(c);
	v = arena_array(c->a, rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_account *x = ROW(&rows, struct spot_account,
		    i);

		v[i] = (struct row){ x->id, x->aws_account, x->name,
		    x->status, x->connection_method, x->region,
		    x->created_at, x->updated_at };
	}
	out = (struct rows){ v, rows.n, &row_schema };
	return reply_list(c, &out, NULL);
}

/* ---- DELETE /api/v1/client/accounts/{aws_account} ------------------------ */

struct aws_in {
	const char *aws_account;
};
static const struct field aws_fields[] = {
	FIELD(struct aws_in, aws_account, .flags = FF_REQUIRED, .min = 1,
	    .max = 40, .doc = "AWS account, twelve digits"), FIELD_END
};
static const struct schema aws_schema = {
	.name = "ClientAccountKey", .doc = "Which account",
	.size = sizeof(struct aws_in), .fields = aws_fields
};

struct removed {
	bool success;
	const char *message, *account_id;
	int64_t instances_deleted;
};
static const struct field removed_fields[] = {
	FIELD(struct removed, success, .doc = "True"),
	FIELD(struct removed, message, .doc = "A sentence for people"),
	FIELD(struct removed, account_id, .doc = "AWS account"),
	FIELD(struct removed, instances_deleted,
	    .doc = "Instances that went with it"),
	FIELD_END
};
static const struct schema removed_schema = {
	.name = "ClientAccountRemoved", .doc = "What was removed",
	.size = sizeof(struct removed), .fields = removed_fields
};

static int
client_remove(struct ctx *c, const void *in)
{
	const struct aws_in *p = in;
	struct removed out = { .success = true,
	    .account_id = p->aws_account };
	struct spot_account x;
	char id[UUID_TEXT];

	if (spot_found(spot_account_by_aws(c->db, c->a, c->who.tenant_id,
	    p->aws_account, &x, &c->err), "Account", &c->err) == -1 ||
	    spot_account_remove(c->env, c->a, &c->who, x.id,
	    &out.instances_deleted, &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "spot_account", arena_strdup(c->a,
	    uuid_format(x.id, id)), NULL);
	out.message = arena_printf(c->a, "Account %s and %lld instances were "
	    "removed", p->aws_account, (long long)out.instances_deleted);
	return reply(c, &out);
}

/* ---- POST /api/v1/onboarding/create -------------------------------------- */

struct start_in {
	const char *name;
};
static const struct field start_fields[] = {
	FIELD(struct start_in, name, .flags = FF_NULLABLE, .min = 1,
	    .max = 100, .doc = "Label; one is made up if absent"), FIELD_END
};
static const struct schema start_schema = {
	.name = "OnboardingCreate", .doc = "Start to connect by a role",
	.size = sizeof(struct start_in), .fields = start_fields
};

struct started {
	struct uuid id;
	const char *external_id, *status;
	struct utc created_at;
};
static const struct field started_fields[] = {
	FIELD(struct started, id, .doc = "Identifier"),
	FIELD(struct started, external_id,
	    .doc = "External id for the role's trust policy"),
	FIELD(struct started, status, .doc = "pending_setup"),
	FIELD(struct started, created_at, .doc = "When it was made"),
	FIELD_END
};
static const struct schema started_schema = {
	.name = "OnboardingCreated", .doc = "An account to be connected",
	.size = sizeof(struct started), .fields = started_fields
};

static const char *
made_up_name(struct arena *a, const char *prefix)
{
	char text[9];

	random_text(text, 8);
	return arena_printf(a, "%s-%s", prefix, text);
}

static int
onboarding_create(struct ctx *c, const void *in)
{
	const struct start_in *p = in;
	struct spot_connect n = { .connection_method = "iam_role",
	    .name = p->name != NULL ? p->name :
	    made_up_name(c->a, "pending") };
	struct spot_account x;
	struct started out;

	if (spot_account_make(c->env, c->a, &c->who, &n, c->now, &x,
	    &c->err) == -1)
		return fail_err(c);
	out = (struct started){ x.id, x.external_id, "pending_setup",
	    x.created_at };
	return reply(c, &out);
}

/* ---- POST /api/v1/onboarding/connect/credentials ------------------------- */

struct keys_in {
	const char *access_key, *secret_key, *region;
};
static const struct field keys_fields[] = {
	FIELD(struct keys_in, access_key, .flags = FF_REQUIRED, .min = 1,
	    .max = 128, .doc = "Access key id"),
	FIELD(struct keys_in, secret_key, .flags = FF_REQUIRED | FF_SECRET,
	    .min = 1, .max = 256, .doc = "Secret access key"),
	FIELD(struct keys_in, region, .flags = FF_NULLABLE, .min = 4,
	    .max = 32, .doc = "Home region"),
	FIELD_END
};
static const struct schema keys_schema = {
	.name = "OnboardingCredentials", .doc = "Keys of an account",
	.size = sizeof(struct keys_in), .fields = keys_fields
};

struct connected {
	const char *status, *connection_method, *aws_account_id, *region;
	struct uuid account_id;
	struct utc verified_at;
	const char *message, *discovery_status;
};
static const struct field connected_fields[] = {
	FIELD(struct connected, status, .oneof = ONEOF("connected",
	    "failed"), .doc = "Outcome"),
	FIELD(struct connected, connection_method, .doc = "access_keys"),
	FIELD(struct connected, aws_account_id, .flags = FF_NULLABLE,
	    .doc = "AWS account"),
	FIELD(struct connected, account_id, .flags = FF_NULLABLE,
	    .doc = "Identifier"),
	FIELD(struct connected, region, .doc = "Home region"),
	FIELD(struct connected, verified_at, .flags = FF_NULLABLE,
	    .doc = "When the keys were tried"),
	FIELD(struct connected, message, .doc = "A sentence for people"),
	FIELD(struct connected, discovery_status,
	    .doc = "in_progress or not_started"),
	FIELD_END
};
static const struct schema connected_schema = {
	.name = "OnboardingConnected", .doc = "What became of the keys",
	.size = sizeof(struct connected), .fields = connected_fields
};

static int
onboarding_keys(struct ctx *c, const void *in)
{
	const struct spot_conf *cf = conf_get(c->env->conf, &spot_settings);
	const struct keys_in *p = in;
	struct spot_connect n = { .connection_method = "access_keys",
	    .name = made_up_name(c->a, "aws"), .access_key = p->access_key,
	    .secret_key = p->secret_key, .region = p->region };
	struct connected out = { .connection_method = "access_keys",
	    .region = p->region != NULL ? p->region : cf->aws_region };
	struct spot_account x;

	if (spot_account_make(c->env, c->a, &c->who, &n, c->now, &x,
	    &c->err) == -1) {
		if (strcmp(c->err.code, "credentials_refused") != 0)
			return fail_err(c);
		out.status = "failed";
		out.message = arena_strdup(c->a, c->err.detail);
		out.discovery_status = "not_started";
		err_clear(&c->err);
		return reply(c, &out);
	}
	out.status = "connected";
	out.aws_account_id = x.aws_account;
	out.account_id = x.id;
	out.verified_at = x.credential_checked_at;
	out.message = "The account is connected and will be scanned now";
	out.discovery_status = "in_progress";
	return reply(c, &out);
}

/* ---- GET /api/v1/onboarding/{id}/discovery ------------------------------- */

struct resources {
	int64_t ec2_instances, authorized_instances, unauthorized_instances;
	int64_t optimizable_instances;
};
static const struct field resources_fields[] = {
	FIELD(struct resources, ec2_instances, .doc = "Instances"),
	FIELD(struct resources, authorized_instances,
	    .doc = "Those that may be touched"),
	FIELD(struct resources, unauthorized_instances, .doc = "The others"),
	FIELD(struct resources, optimizable_instances,
	    .doc = "Running ones that may be touched"),
	FIELD_END
};
static const struct schema resources_schema = {
	.name = "OnboardingResources", .doc = "What was found",
	.size = sizeof(struct resources), .fields = resources_fields
};

struct discovery {
	const char *status;
	const void *resources, *scan_info;
};
static const struct field discovery_fields[] = {
	FIELD(struct discovery, status, .oneof = ONEOF("not_started",
	    "in_progress", "failed", "completed"), .doc = "How far it is"),
	FIELD(struct discovery, resources, .sub = &resources_schema,
	    .doc = "What was found"),
	FIELD(struct discovery, scan_info, .flags = FF_NULLABLE,
	    .sub = &spot_scan_schema, .doc = "The last scan"),
	FIELD_END
};
static const struct schema discovery_schema = {
	.name = "OnboardingDiscovery", .doc = "Progress of the inventory",
	.size = sizeof(struct discovery), .fields = discovery_fields
};

static const char *
discovery_status(const struct spot_scan *s, bool any)
{
	if (!any)
		return "not_started";
	if (strcmp(s->state, "failed") == 0)
		return "failed";
	return s->finished_at.us == 0 ? "in_progress" : "completed";
}

static int
find(struct ctx *c, struct uuid id, struct spot_account *x)
{
	return spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    id, x, &c->err), "Account", &c->err);
}

static int
count(struct ctx *c, struct uuid account, struct resources *out)
{
	struct rows rows;

	if (spot_instance_all(c->db, c->a, c->who.tenant_id, account, 10000,
	    &rows, &c->err) == -1)
		return -1;
	out->ec2_instances = (int64_t)rows.n;
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_instance *x = ROW(&rows,
		    struct spot_instance, i);
		bool ours = strcmp(x->auth_status, "AUTHORIZED") == 0;

		out->authorized_instances += ours;
		out->unauthorized_instances += !ours;
		out->optimizable_instances += ours &&
		    strcmp(x->state, "running") == 0;
	}
	return 0;
}

static int
onboarding_discovery(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct resources r = { 0 };
	struct spot_account x;
	struct spot_scan s;
	struct discovery out = { .resources = &r };
	int rc;

	if (find(c, w->id, &x) == -1 ||
	    (rc = spot_scan_last(c->db, c->a, c->who.tenant_id, w->id,
	    "inventory", &s, &c->err)) == -1 || count(c, w->id, &r) == -1)
		return fail_err(c);
	out.status = discovery_status(&s, rc == 0);
	out.scan_info = rc == 0 ? &s : NULL;
	return reply(c, &out);
}

/* ---- POST /api/v1/onboarding/{id}/rediscover ----------------------------- */

static int
onboarding_rediscover(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_account x;
	struct spot_scan s;

	if (find(c, w->id, &x) == -1)
		return fail_err(c);
	if (strcmp(x.status, "active") != 0)
		return fail(c, 400, "not_active",
		    "The account is %s, not active", x.status);
	if (spot_scan_request(c->db, c->a, c->who.tenant_id, w->id,
	    "inventory", c->who.name, c->now, &s, &c->err) == -1)
		return fail_err(c);
	return reply(c, &s);
}

/* ---- GET /api/v1/onboarding/{id}/dashboard-summary ----------------------- */

struct share {
	const char *instance_type;
	int64_t count;
};
static const struct field share_fields[] = {
	FIELD(struct share, instance_type, .doc = "Type"),
	FIELD(struct share, count, .doc = "Instances"),
	FIELD_END
};
static const struct schema share_schema = {
	.name = "OnboardingShare", .doc = "Instances of a type",
	.size = sizeof(struct share), .fields = share_fields
};

struct overview {
	const void *instance_counts, *cost_analysis;
	struct list instance_distribution, next_steps;
};
static const struct field overview_fields[] = {
	FIELD(struct overview, instance_counts, .sub = &resources_schema,
	    .doc = "What was found"),
	FIELD(struct overview, cost_analysis, .sub = &spot_summary_schema,
	    .doc = "What it costs, from real prices"),
	FIELD(struct overview, instance_distribution, .sub = &share_schema,
	    .doc = "The five most frequent types"),
	FIELD(struct overview, next_steps, .elem = FT_STR,
	    .doc = "What to do next"),
	FIELD_END
};
static const struct schema overview_schema = {
	.name = "OnboardingOverview", .doc = "An account after its first scan",
	.size = sizeof(struct overview), .fields = overview_fields
};

static int
by_count(const void *va, const void *vb)
{
	const struct share *a = va, *b = vb;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return strcmp(a->instance_type, b->instance_type);
}

static void
distribute(struct arena *a, const struct rows *groups, struct list *out)
{
	struct share *v = arena_array(a, groups->n, sizeof(*v));
	size_t n = 0, k;

	for (size_t i = 0; i < groups->n; i++) {
		const struct spot_alike *g = ROW(groups, struct spot_alike, i);

		for (k = 0; k < n && strcmp(v[k].instance_type,
		    g->instance_type) != 0; k++)
			;
		if (k == n)
			v[n++].instance_type = g->instance_type;
		v[k].count += g->n;
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), by_count);
	*out = (struct list){ v, n < 5 ? n : 5 };
}

static int
onboarding_overview(struct ctx *c, const void *in)
{
	static const char *const next[] = { "Tag what may be moved: "
	    "ManagedBy = spotoptimizer", "Ask for decisions: POST "
	    "/api/v1/evaluate" };
	const struct spot_id_in *w = in;
	struct resources r = { 0 };
	struct spot_summary s;
	struct spot_account x;
	struct rows groups;
	struct overview out = { .instance_counts = &r, .cost_analysis = &s,
	    .next_steps = { (void *)(uintptr_t)next, 2 } };

	if (find(c, w->id, &x) == -1 || count(c, w->id, &r) == -1 ||
	    spot_summary_load(c->db, c->a, c->who.tenant_id, w->id, &s,
	    &groups, &c->err) == -1)
		return fail_err(c);
	distribute(c->a, &groups, &out.instance_distribution);
	return reply(c, &out);
}

const struct route spot_onboarding_routes[] = {
	{ .id = "spot.compat.accounts", .method = HTTP_GET,
	  .path = "/api/v1/client/accounts", .summary = "A client's accounts",
	  .seed = "001", .auth = AUTH_USER, .permission = "spot:read",
	  .out = &row_schema, .ok = 200, .flags = R_ARRAY,
	  .run = client_accounts },
	{ .id = "spot.compat.remove", .method = HTTP_DELETE,
	  .path = "/api/v1/client/accounts/{aws_account}",
	  .summary = "Remove an account", .seed = "001", .auth = AUTH_USER,
	  .permission = "spot:write", .in = &aws_schema,
	  .out = &removed_schema, .ok = 200, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT, .run = client_remove },
	{ .id = "spot.compat.create", .method = HTTP_POST,
	  .path = "/api/v1/onboarding/create",
	  .summary = "Start to connect by a role", .seed = "001",
	  .auth = AUTH_USER, .permission = "spot:write", .in = &start_schema,
	  .out = &started_schema, .ok = 200, .errors = ERRORS(409),
	  .flags = R_AUDIT, .natural_key = "the name in the tenant",
	  .run = onboarding_create },
	{ .id = "spot.compat.connect", .method = HTTP_POST,
	  .path = "/api/v1/onboarding/connect/credentials",
	  .summary = "Connect by keys", .seed = "001", .auth = AUTH_USER,
	  .permission = "spot:write", .in = &keys_schema,
	  .out = &connected_schema, .ok = 200,
	  .errors = ERRORS(409, 422, 502, 503, 504), .flags = R_AUDIT,
	  .pool = POOL_SLOW, .natural_key = "the AWS account",
	  .run = onboarding_keys },
	{ .id = "spot.compat.discovery", .method = HTTP_GET,
	  .path = "/api/v1/onboarding/{id}/discovery",
	  .summary = "Progress of the inventory", .seed = "001",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &discovery_schema, .ok = 200,
	  .errors = ERRORS(404), .run = onboarding_discovery },
	{ .id = "spot.compat.rediscover", .method = HTTP_POST,
	  .path = "/api/v1/onboarding/{id}/rediscover",
	  .summary = "Ask for an inventory", .seed = "001",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .out = &spot_scan_schema, .ok = 202,
	  .errors = ERRORS(400, 404, 409),
	  .flags = R_TXN | R_AUDIT | R_ACCEPTED,
	  .run = onboarding_rediscover },
	{ .id = "spot.compat.overview", .method = HTTP_GET,
	  .path = "/api/v1/onboarding/{id}/dashboard-summary",
	  .summary = "An account after its first scan", .seed = "001",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &overview_schema, .ok = 200,
	  .errors = ERRORS(404), .run = onboarding_overview },
	ROUTE_END
};
