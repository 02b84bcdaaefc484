/*
 * The fleet in numbers, and the documents' dashboard of a client. The seed's
 * dashboard looks at the first account only; so does its compat row here.
 */
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "http/http.h"
#include "modules/spot/account.h"
#include "modules/spot/instance.h"
#include "modules/spot/summary.h"

static int
summary_get(struct ctx *c, const void *in)
{
	struct spot_summary s;
	struct rows groups;

	(void)in;
	if (spot_summary_load(c->db, c->a, c->who.tenant_id,
	    (struct uuid){ { 0 } }, &s, &groups, &c->err) == -1)
		return fail_err(c);
	return reply(c, &s);
}

/* ---- GET /api/v1/client/dashboard ---------------------------------------- */

struct info {
	struct uuid id;
	const char *account_id, *account_name, *status, *connection_method;
	const char *region;
};
static const struct field info_fields[] = {
	FIELD(struct info, id, .doc = "Identifier"),
	FIELD(struct info, account_id, .flags = FF_NULLABLE,
	    .doc = "AWS account"),
	FIELD(struct info, account_name, .doc = "Label"),
	FIELD(struct info, status, .doc = "State of the connection"),
	FIELD(struct info, connection_method, .doc = "How it is entered"),
	FIELD(struct info, region, .doc = "Home region"),
	FIELD_END
};
static const struct schema info_schema = {
	.name = "ClientAccountInfo", .doc = "The account of a dashboard",
	.size = sizeof(struct info), .fields = info_fields
};

struct stats {
	int64_t nodes, clusters, running_instances, stopped_instances;
	struct dec savings;
	double optimization_rate;
};
static const struct field stats_fields[] = {
	FIELD(struct stats, nodes, .doc = "Instances"),
	FIELD(struct stats, clusters, .doc = "Zones with instances"),
	FIELD(struct stats, savings, .doc = "USD per month of 730 hours"),
	FIELD(struct stats, optimization_rate,
	    .doc = "Running instances in percent of all"),
	FIELD(struct stats, running_instances, .doc = "Running"),
	FIELD(struct stats, stopped_instances, .doc = "Stopped"),
	FIELD_END
};
static const struct schema stats_schema = {
	.name = "ClientStats", .doc = "Numbers of a dashboard",
	.size = sizeof(struct stats), .fields = stats_fields
};

struct node {
	struct uuid id;
	const char *instance_id, *instance_type, *state, *availability_zone;
	const char *region;
	struct dec spot_price;
	struct utc launch_time;
};
static const struct field node_fields[] = {
	FIELD(struct node, id, .doc = "Identifier"),
	FIELD(struct node, instance_id, .doc = "The cloud's own id"),
	FIELD(struct node, instance_type, .doc = "Type"),
	FIELD(struct node, state, .doc = "State"),
	FIELD(struct node, availability_zone, .doc = "Zone"),
	FIELD(struct node, region, .doc = "Region"),
	FIELD(struct node, spot_price, .flags = FF_NULLABLE,
	    .doc = "What it costs, USD per hour"),
	FIELD(struct node, launch_time, .flags = FF_NULLABLE,
	    .doc = "Launch"),
	FIELD_END
};
static const struct schema node_schema = {
	.name = "ClientNode", .doc = "An instance of a dashboard",
	.size = sizeof(struct node), .fields = node_fields
};

struct cluster {
	const char *zone;
	int64_t instance_count, running;
};
static const struct field cluster_fields[] = {
	FIELD(struct cluster, zone, .doc = "Zone"),
	FIELD(struct cluster, instance_count, .doc = "Instances"),
	FIELD(struct cluster, running, .doc = "Running ones"),
	FIELD_END
};
static const struct schema cluster_schema = {
	.name = "ClientCluster", .doc = "A zone of a dashboard",
	.size = sizeof(struct cluster), .fields = cluster_fields
};

struct dashboard {
	const char *status, *account_status, *message;
	bool has_account, setup_required;
	const void *account_info, *stats;
	struct list instances, clusters, recent_optimizations, next_steps;
};
static const struct field dashboard_fields[] = {
	FIELD(struct dashboard, status, .oneof = ONEOF("ok", "no_account",
	    "pending_setup"), .doc = "What there is to show"),
	FIELD(struct dashboard, has_account, .doc = "Is there an account"),
	FIELD(struct dashboard, setup_required,
	    .doc = "Must it be connected first"),
	FIELD(struct dashboard, account_status, .flags = FF_NULLABLE,
	    .doc = "State of the account"),
	FIELD(struct dashboard, account_info, .flags = FF_NULLABLE,
	    .sub = &info_schema, .doc = "The account"),
	FIELD(struct dashboard, stats, .sub = &stats_schema,
	    .doc = "Numbers"),
	FIELD(struct dashboard, instances, .sub = &node_schema,
	    .doc = "At most 50 instances"),
	FIELD(struct dashboard, clusters, .sub = &cluster_schema,
	    .doc = "Zones"),
	FIELD(struct dashboard, recent_optimizations, .elem = FT_STR,
	    .doc = "What was done lately"),
	FIELD(struct dashboard, message, .doc = "A sentence for people"),
	FIELD(struct dashboard, next_steps, .elem = FT_STR,
	    .doc = "What to do next"),
	FIELD_END
};
static const struct schema dashboard_schema = {
	.name = "ClientDashboard", .doc = "What a client sees first",
	.size = sizeof(struct dashboard), .fields = dashboard_fields
};

static void
fill_stats(const struct spot_summary *s, struct stats *out)
{
	const struct dec month = { 730 * DEC_ONE };

	*out = (struct stats){ .nodes = s->nodes, .clusters = s->zones,
	    .running_instances = s->running, .stopped_instances = s->stopped,
	    .optimization_rate = s->nodes > 0 ? 100.0 * (double)s->running /
	    (double)s->nodes : 0 };
	(void)dec_mul(s->hourly_savings, month, &out->savings);
}

static void
fill_clusters(struct arena *a, const struct rows *groups, struct list *out)
{
	struct cluster *v = arena_array(a, groups->n, sizeof(*v));
	size_t n = 0, k;

	for (size_t i = 0; i < groups->n; i++) {
		const struct spot_alike *g = ROW(groups, struct spot_alike, i);

		for (k = 0; k < n && strcmp(v[k].zone, g->az) != 0; k++)
			;
		if (k == n)
			v[n++].zone = g->az;
		v[k].instance_count += g->n;
		if (strcmp(g->state, "running") == 0)
			v[k].running += g->n;
	}
	*out = (struct list){ v, n };
}

static int
fill_nodes(struct ctx *c, struct uuid account, struct list *out)
{
	struct rows rows;
	struct node *v;

	if (spot_instance_all(c->db, c->a, c->who.tenant_id, account, 50,
	    &rows, &c->err) == -1)
		return -1;
	v = arena_array(c->a, rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_instance *x = ROW(&rows,
		    struct spot_instance, i);

		v[i] = (struct node){ x->id, x->instance_id,
		    x->instance_type, x->state, x->az, x->region,
		    x->hourly_price, x->launched_at };
	}
	*out = (struct list){ v, rows.n };
	return 0;
}

static int
one_step(struct dashboard *d, const char *const *step)
{
	d->next_steps = (struct list){ (void *)(uintptr_t)step, 1 };
	return 0;
}

static int
fill(struct ctx *c, const struct spot_account *x, struct dashboard *d,
    struct stats *stats)
{
	static const char *const look[] = { "Ask for a decision: POST "
	    "/api/v1/evaluate" };
	struct spot_summary s;
	struct rows groups;

	if (spot_summary_load(c->db, c->a, c->who.tenant_id, x->id, &s,
	    &groups, &c->err) == -1 ||
	    fill_nodes(c, x->id, &d->instances) == -1)
		return -1;
	fill_stats(&s, stats);
	fill_clusters(c->a, &groups, &d->clusters);
	d->message = arena_printf(c->a, "%lld instances, %lld of them "
	    "running", (long long)s.nodes, (long long)s.running);
	return one_step(d, look);
}

static int
dashboard_get(struct ctx *c, const void *in)
{
	static const char *const make[] = { "Connect an account: POST "
	    "/api/v1/onboarding/create" };
	static const char *const finish[] = { "Finish the connection: POST "
	    "/api/v1/onboarding/{id}/verify" };
	struct spot_account x;
	struct info info;
	struct stats stats = { 0 };
	struct dashboard d = { .status = "no_account", .stats = &stats,
	    .setup_required = true, .message = "No account is connected" };
	int rc = spot_account_first(c->db, c->a, c->who.tenant_id, &x,
	    &c->err);

	(void)in;
	if (rc == -1)
		return fail_err(c);
	if (rc == 1) {
		one_step(&d, make);
		return reply(c, &d);
	}
	info = (struct info){ x.id, x.aws_account, x.name, x.status,
	    x.connection_method, x.region };
	d.account_info = &info;
	d.has_account = true;
	d.account_status = x.status;
	d.setup_required = strcmp(x.status, "pending") == 0;
	d.status = d.setup_required ? "pending_setup" : "ok";
	d.message = "The account is not connected yet";
	if (d.setup_required)
		one_step(&d, finish);
	else if (fill(c, &x, &d, &stats) == -1)
		return fail_err(c);
	return reply(c, &d);
}

/* ---- GET /api/v1/client/summary ------------------------------------------ */

struct brief {
	bool has_account;
	const char *account_status, *account_name, *status;
	int64_t instance_count;
};
static const struct field brief_fields[] = {
	FIELD(struct brief, has_account, .doc = "Is there an account"),
	FIELD(struct brief, account_status, .flags = FF_NULLABLE,
	    .doc = "Its state"),
	FIELD(struct brief, account_name, .flags = FF_NULLABLE,
	    .doc = "Its label"),
	FIELD(struct brief, instance_count, .doc = "Instances"),
	FIELD(struct brief, status, .doc = "ok, no_account, pending_setup"),
	FIELD_END
};
static const struct schema brief_schema = {
	.name = "ClientSummary", .doc = "A client in five words",
	.size = sizeof(struct brief), .fields = brief_fields
};

static int
brief_get(struct ctx *c, const void *in)
{
	struct brief b = { .status = "no_account" };
	struct spot_account x;
	int rc = spot_account_first(c->db, c->a, c->who.tenant_id, &x,
	    &c->err);

	(void)in;
	if (rc == -1)
		return fail_err(c);
	if (rc == 1)
		return reply(c, &b);
	b.has_account = true;
	b.account_status = x.status;
	b.account_name = x.name;
	b.status = strcmp(x.status, "pending") == 0 ? "pending_setup" : "ok";
	if (spot_instance_count(c->db, c->a, c->who.tenant_id, x.id,
	    &b.instance_count, &c->err) == -1)
		return fail_err(c);
	return reply(c, &b);
}

const struct route spot_summary_routes[] = {
	{ .id = "spot.summary.get", .method = HTTP_GET,
	  .path = "/api/spot/summary", .summary = "The fleet in numbers",
	  .doc = "Totals always come with the coverage of the scans behind "
	  "them and the instant of the oldest.",
	  .aliases = ALIASES(
	  { "/api/v1/admin/stats", "001", false },
	  { "/api/v1/metrics/live", "001", false }),
	  .auth = AUTH_USER, .permission = "spot:read",
	  .out = &spot_summary_schema, .ok = 200, .run = summary_get },
	{ .id = "spot.compat.dashboard", .method = HTTP_GET,
	  .path = "/api/v1/client/dashboard", .summary = "Dashboard",
	  .seed = "001", .auth = AUTH_USER, .permission = "spot:read",
	  .out = &dashboard_schema, .ok = 200, .run = dashboard_get },
	{ .id = "spot.compat.summary", .method = HTTP_GET,
	  .path = "/api/v1/client/summary", .summary = "Summary",
	  .seed = "001", .auth = AUTH_USER, .permission = "spot:read",
	  .out = &brief_schema, .ok = 200, .run = brief_get },
	ROUTE_END
};
