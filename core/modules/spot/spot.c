/*
 * The spot optimizer, first part: accounts, inventory, prices, decisions.
 * This file gathers the module's tables and has no functions. Read the nouns
 * in this order: account, provider, scan, instance, catalog, price, advice,
 * summary.
 */
#include "db/table.h"
#include "shm/dependency.h"
#include "modules/spot/account.h"
#include "modules/spot/advice_ops.h"
#include "modules/spot/asset.h"
#include "modules/spot/batch.h"
#include "modules/spot/catalog.h"
#include "modules/spot/compat.h"
#include "modules/spot/conf.h"
#include "modules/spot/deadline.h"
#include "modules/spot/demo.h"
#include "modules/spot/episode.h"
#include "modules/spot/feed.h"
#include "modules/spot/governance.h"
#include "modules/spot/group.h"
#include "modules/spot/health_ops.h"
#include "modules/spot/instance.h"
#include "modules/spot/interruption.h"
#include "modules/spot/move.h"
#include "modules/spot/price.h"
#include "modules/spot/queue.h"
#include "modules/spot/recommendation.h"
#include "modules/spot/risk_ops.h"
#include "modules/spot/saving.h"
#include "modules/spot/scan.h"
#include "modules/spot/signal.h"
#include "modules/spot/scan_event.h"
#include "modules/spot/settle.h"
#include "modules/spot/sight.h"
#include "modules/spot/sim.h"
#include "modules/spot/source.h"
#include "modules/spot/simulation.h"
#include "modules/spot/spot.h"
#include "modules/spot/status.h"
#include "modules/spot/summary.h"
#include "modules/spot/ui.h"
#include "modules/spot/waste.h"

#define C struct spot_conf
static const struct setting setting_rows[] = {
	SETTING(C, aws_region, "aws.region", .def = "us-east-1",
	    .env = "AWS_REGION", .doc = "Home region of accounts that name "
	    "none"),
	SETTING(C, endpoint, "aws.endpoint", .def = "", .flags = SET_URL,
	    .doc = "EC2-compatible server to ask instead of AWS"),
	SETTING(C, sts_endpoint, "aws.sts_endpoint", .def = "",
	    .flags = SET_URL, .doc = "STS-compatible server to ask instead "
	    "of AWS"),
	SETTING(C, asg_endpoint, "aws.asg_endpoint", .def = "",
	    .flags = SET_URL, .doc = "Auto Scaling-compatible server to ask "
	    "instead of AWS, or of aws.endpoint"),
	SETTING(C, rate_percent, "aws.rate_percent", .def = "50", .min = 0,
	    .max = 100, .unit = "percent", .doc = "Of the request rates that "
	    "AWS publishes, per account, region and action; 0 = no limit"),
	SETTING(C, sqs_endpoint, "aws.sqs_endpoint", .def = "",
	    .flags = SET_URL, .doc = "SQS-compatible server whose queues are "
	    "taken besides those of AWS"),
	SETTING(C, sns_endpoint, "aws.sns_endpoint", .def = "",
	    .flags = SET_URL, .doc = "SNS-compatible server whose "
	    "certificates are believed besides those of AWS"),
	SETTING(C, access_key, "aws.access_key", .def = "",
	    .env = "AWS_ACCESS_KEY_ID",
	    .doc = "Our own access key id, to assume clients' roles with"),
	SETTING(C, secret_key, "aws.secret_key", .def = "",
	    .flags = SET_SECRET, .env = "AWS_SECRET_ACCESS_KEY",
	    .doc = "Our own secret access key"),
	SETTING(C, account_id, "aws.account_id", .def = "",
	    .doc = "Our own AWS account, named in the role template"),
	SETTING(C, scan_every_s, "spot.scan_every", .def = "3600",
	    .min = 60, .max = 604800, .unit = "seconds",
	    .doc = "From scan to scan of an account that does not say"),
	SETTING(C, fleet_every_s, "spot.fleet_every", .def = "300",
	    .min = 60, .max = 604800, .unit = "seconds",
	    .doc = "Between scans of instances and groups alone"),
	SETTING(C, grace_s, "spot.governance_grace", .def = "86400",
	    .min = 60, .max = 31536000, .unit = "seconds",
	    .doc = "In which an instance that nobody authorized may be "
	    "claimed"),
	SETTING(C, ask_terminate, "spot.governance_ask", .def = "false",
	    .doc = "After the grace, put a termination into the inbox"),
	SETTING(C, parallel, "spot.parallel", .def = "8", .min = 1,
	    .max = 32, .unit = "calls", .doc = "Regions asked at once"),
	SETTING(C, page_size, "spot.page_size", .def = "1000", .min = 5,
	    .max = 1000, .unit = "rows", .doc = "Instances per page"),
	SETTING(C, price_days, "spot.price_days", .def = "7", .min = 1,
	    .max = 90, .unit = "days",
	    .doc = "Price history pulled by the first scan"),
	SETTING(C, advisor_url, "spot.advisor_url", .def = "",
	    .flags = SET_URL, .doc = "Where the spot advisor's feed is pulled "
	    "from once a day (https://spot-bid-advisor.s3.amazonaws.com/"
	    "spot-advisor-data.json)"),
	SETTING(C, od_price_url, "spot.od_price_url", .def = "",
	    .flags = SET_URL, .doc = "Where on-demand prices are pulled from "
	    "once a day: {region:{type:USD}}"),
	SETTING(C, trace_dir, "spot.trace_dir", .def = "",
	    .doc = "Folder of recorded availability traces that the risk "
	    "model may be fitted to"),
	SETTING(C, sim_boot_s, "spot.sim_boot", .def = "20", .min = 0,
	    .max = 3600, .unit = "seconds", .doc = "A machine of the "
	    "simulated cloud boots for so long"),
	SETTING_END
};
#undef C
const struct settings spot_settings = {
	.name = "spot", .size = sizeof(struct spot_conf), .rows = setting_rows
};

static const struct permission permissions[] = {
	{ "spot:read", "See accounts, instances, prices and decisions",
	    "admin operator trader analyst agent client lab auditor user",
	    false },
	{ "spot:write", "Connect, scan and remove accounts",
	    "admin operator client lab", false },
	{ "spot:act", "Plan, start and cancel moves, set their caps",
	    "admin operator", false },
	{ "spot:prices", "Store prices, which all tenants see",
	    "", false },
	{ NULL, NULL, NULL, false }
};

/* Rows that are read joined with others have no struct of their own here. */
static const struct table tables[] = {
	{ .name = "spot_account", .tenant_column = "tenant_id",
	    .snapshot = SNAP_FULL },
	{ .name = "spot_credential", .row = &spot_credential_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL,
	    .sealed = (const char *const[]){ "secret", NULL } },
	{ .name = "spot_scan",
	    .sql_only = ONEOF("live", "holder", "held_at"), .row = &spot_scan_schema,
	    .tenant_column = "tenant_id", .retention_days = 90,
	    .retention_column = "created_at", .snapshot = SNAP_NEVER },
	{ .name = "spot_scan_shard", .row = &spot_shard_schema,
	    .snapshot = SNAP_NEVER },
	{ .name = "spot_instance", .tenant_column = "tenant_id",
	    .snapshot = SNAP_REBUILDABLE },
	{ .name = "spot_asset", .tenant_column = "tenant_id",
	    .sql_only = ONEOF("changed_at", "missed"),
	    .row = &spot_asset_schema, .snapshot = SNAP_REBUILDABLE },
	{ .name = "spot_group", .tenant_column = "tenant_id",
	    .sql_only = ONEOF("changed_at", "missed"),
	    .row = &spot_group_schema, .snapshot = SNAP_REBUILDABLE },
	{ .name = "spot_sight", .row = &spot_sight_schema,
	    .snapshot = SNAP_REBUILDABLE },
	{ .name = "spot_digest", .row = &spot_digest_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_REBUILDABLE },
	{ .name = "spot_waste", .row = &spot_waste_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "spot_termination",
	    .tenant_column = "tenant_id", .sql_only = ONEOF("open"),
	    .snapshot = SNAP_FULL },
	{ .name = "spot_uptime", .tenant_column = "tenant_id",
	    .retention_days = 90, .retention_column = "hour",
	    .snapshot = SNAP_FULL },
	{ .name = "spot_saving", .row = &spot_saving_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "spot_origin", .tenant_column = "tenant_id",
	    .retention_days = 1100, .retention_column = "since",
	    .snapshot = SNAP_FULL },
	{ .name = "spot_sim_cloud", .snapshot = SNAP_NEVER },
	{ .name = "spot_sim_machine", .row = &spot_sim_machine_schema,
	    .sql_only = ONEOF("account_id", "region"),
	    .snapshot = SNAP_NEVER },
	{ .name = "spot_sim_group", .row = &spot_sim_group_schema,
	    .sql_only = ONEOF("account_id", "region"),
	    .snapshot = SNAP_NEVER },
	{ .name = "spot_type", .row = &spot_type_schema,
	    .snapshot = SNAP_REBUILDABLE },
	{ .name = "spot_pool", .snapshot = SNAP_FULL },
	{ .name = "spot_price", .snapshot = SNAP_FULL },
	{ .name = "spot_od_price", .row = &spot_od_price_schema,
	    .snapshot = SNAP_FULL },
	{ .name = "spot_advisor", .row = &spot_advisor_schema,
	    .snapshot = SNAP_FULL },
	{ .name = "spot_signal", .row = &spot_signal_row_schema,
	    .sql_only = ONEOF("folded"), .retention_days = 90,
	    .retention_column = "at", .snapshot = SNAP_REBUILDABLE },
	{ .name = "spot_signal_hour", .row = &spot_signal_hour_schema,
	    .retention_days = 730, .retention_column = "hour",
	    .snapshot = SNAP_FULL },
	{ .name = "spot_feed_mark", .row = &spot_feed_mark_schema,
	    .snapshot = SNAP_REBUILDABLE },
	{ .name = "spot_policy", .row = &spot_policy_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "spot_recommendation",
	    .row = &spot_recommendation_schema, .sql_only = ONEOF("waits"),
	    .tenant_column = "tenant_id", .retention_days = 180,
	    .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = "spot_batch", .row = &spot_batch_schema,
	    .tenant_column = "tenant_id", .retention_days = 365,
	    .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = "spot_batch_step", .row = &spot_batch_step_schema,
	    .snapshot = SNAP_FULL },
	{ .name = "spot_pool_state", .row = &spot_pool_state_schema,
	    .snapshot = SNAP_FULL },
	{ .name = "spot_pool_risk", .row = &spot_pool_risk_schema,
	    .snapshot = SNAP_FULL },
	{ .name = NULL }
};

static const struct health_check health[] = {
	{ .name = "spot.inventory", .doc = "Age of the oldest inventory",
	    .required = false, .run = spot_inventory_probe },
	{ .name = "spot.notices", .doc = "Sources of interruption notices: "
	    "who speaks, who is silent", .required = false,
	    .run = spot_source_probe },
	{ .name = NULL }
};

static const struct component components[] = {
	{ .name = "spot.discover", .doc = "Scans of cloud accounts: "
	    "inventory and prices", .health = "spot.inventory" },
	{ .name = "spot.notices", .doc = "Notices of interruptions: queues, "
	    "statuses, the simulated cloud", .health = "spot.notices" },
	{ .name = "spot.move", .doc = "Starting and waking moves" },
	{ .name = NULL }
};

/* EC2 says 503 RequestLimitExceeded when it is asked too often. */
static const struct dependency dependencies[] = {
	{ .name = "aws", .doc = "The cloud's own API: EC2 and STS",
	    .busy_503 = true },
	{ .name = "aws.sqs", .doc = "Queues of notices, which are polled for "
	    "long", .busy_503 = true },
	{ .name = "aws.sns", .doc = "Certificates and confirmations of "
	    "topics", .busy_503 = true },
	DEPENDENCY_END
};

static const struct exchange accounts = { .noun = "spot.account",
    .doc = "Cloud accounts without their secrets",
    .row = &spot_account_file_schema, .put = spot_account_import,
    .all = &spot_account_export };
static const struct exchange instances = { .noun = "spot.instance",
    .doc = "Instances found (export only)", .row = &spot_instance_schema,
    .put = spot_instance_import, .all = &spot_instance_export };
static const struct exchange types = { .noun = "spot.type",
    .doc = "Catalogue of instance types", .row = &spot_type_schema,
    .put = spot_type_import, .all = &spot_type_all,
    .global = true };
static const struct exchange prices = { .noun = "spot.price",
    .doc = "History of spot prices", .row = &spot_price_schema,
    .put = spot_price_import, .all = &spot_price_export,
    .global = true };
static const struct exchange od_prices = { .noun = "spot.od_price",
    .doc = "On-demand prices", .row = &spot_od_price_schema,
    .put = spot_od_price_import, .all = &spot_od_price_all,
    .global = true };
static const struct exchange advisors = { .noun = "spot.advisor",
    .doc = "Interruption classes", .row = &spot_advisor_schema,
    .put = spot_advisor_import, .all = &spot_advisor_all,
    .global = true };

static const struct metric *const counts[] = {
	&spot_scans_total, &spot_instances, &spot_notices_total,
	&spot_interruption_seconds, NULL
};
static const struct metric *const *const metrics[] = { counts,
	spot_settle_metrics, NULL };

const struct module spot_module = {
	.name = "spot",
	.doc = "Cloud spot instances: accounts, inventory, prices, decisions",
	.needs = (const char *const[]){ "auth", "platform", NULL },
	.tables = (const struct table *const[]){ tables, spot_source_tables,
		spot_interruption_tables, spot_move_tables, NULL },
	.queries = (const struct query *const *const[]){
		spot_account_queries, spot_scan_queries,
		spot_instance_queries, spot_catalog_queries,
		spot_price_queries, spot_summary_queries, spot_asset_queries,
		spot_group_queries, spot_sight_queries, spot_digest_queries,
		spot_waste_queries, spot_governance_queries,
		spot_signal_queries, spot_signal_hour_queries,
		spot_feed_queries, spot_price_move_queries,
		spot_risk_queries, spot_policy_queries,
		spot_plan_queries, spot_recommendation_queries,
		spot_batch_queries,
		spot_source_queries,
		spot_interruption_queries, spot_downtime_queries,
		spot_episode_queries, spot_saving_queries, spot_sim_queries,
		spot_move_queries, spot_budget_queries, NULL },
	.pages = (const struct page *const[]){
		spot_pages, NULL },
	.routes = (const struct route *const[]){
		spot_account_routes, spot_account_view_routes,
		spot_scan_routes, spot_instance_routes,
		spot_catalog_routes, spot_price_routes, spot_advice_routes,
		spot_summary_routes, spot_onboarding_routes,
		spot_asset_routes, spot_group_routes, spot_waste_routes,
		spot_governance_routes, spot_source_routes,
		spot_interruption_routes, spot_saving_routes,
		spot_compat_routes, spot_compat_metric_routes, spot_risk_routes,
		spot_move_routes, spot_policy_routes, spot_plan_routes,
		spot_recommendation_routes, spot_simulation_routes,
		spot_batch_routes, spot_feed_routes, NULL },
	.settings = (const struct settings *const[]){
		&spot_settings, &spot_move_settings, NULL },
	.permissions = permissions,
	.metrics = metrics,
	.jobs = (const struct job *const[]){
		spot_signal_jobs, spot_placement_jobs, spot_feed_jobs,
		spot_settle_jobs, spot_saving_jobs,
		spot_risk_jobs, spot_move_jobs, spot_decide_jobs,
		spot_simulation_jobs, NULL },
	.schedules = (const struct schedule *const[]){
		spot_signal_schedules, spot_placement_schedules,
		spot_feed_schedules,
		spot_saving_schedules,
		spot_risk_schedules, spot_move_schedules, spot_decide_schedules,
		NULL },
	.loops = (const struct loop *const[]){
		spot_scan_loops, spot_interruption_loops, spot_queue_loops,
		spot_move_loops, spot_status_loops, NULL },
	.events = (const struct event *const[]){
		spot_scan_events, spot_waste_events, spot_governance_events,
		spot_interruption_events, spot_source_events,
		spot_saving_events, spot_move_events,
		spot_price_events,
		spot_recommendation_events, NULL },
	.health = health,
	.components = components,
	.dependencies = dependencies,
	.exchanges = (const struct exchange *const[]){ &accounts, &instances,
		&types, &prices, &od_prices, &advisors, NULL },
	.commands = (const struct command *const[]){ spot_demo_commands,
		spot_deadline_commands,
		spot_interruption_commands, spot_risk_commands,
		spot_move_commands, NULL },
	.demo = &spot_demo
};
