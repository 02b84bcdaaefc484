/*
 * Metrics over HTTP for people and dashboards: as they are now, and their past.
 * They tell of the whole installation.
 */
#include <string.h>

#include "base/str.h"
#include "base/vec.h"
#include "http/ctx.h"
#include "modules/platform/sample.h"
#include "modules/platform/system.h"

/* ---- now ------------------------------------------------------------------------ */

struct metric_now {
	const char *name, *kind;
	struct json labels;
	double value, mean_s, p50, p95, p99;
};
#define M(m, ...) FIELD(struct metric_now, m, __VA_ARGS__)
static const struct field metric_fields[] = {
	M(name, .doc = "Metric"), M(kind, .doc = "counter, gauge, histogram"),
	M(labels, .doc = "Labels"),
	M(value, .doc = "Value; of a histogram the observations"),
	M(mean_s, .flags = FF_NULLABLE, .doc = "Mean seconds"),
	M(p50, .flags = FF_NULLABLE, .doc = "Median in seconds"),
	M(p95, .flags = FF_NULLABLE, .doc = "95 % took no longer"),
	M(p99, .flags = FF_NULLABLE, .doc = "99 % took no longer"),
	FIELD_END
};
static const struct schema metric_schema = {
	.name = "MetricNow", .doc = "A metric as it is",
	.size = sizeof(struct metric_now), .fields = metric_fields
};

#define F(m, ...) FIELD(struct platform_host_facts, m, __VA_ARGS__)
static const struct field host_fields[] = {
	F(load1, .doc = "Load average over a minute"),
	F(cpu_busy_s, .doc = "Processor seconds used since the host booted"),
	F(cpu_idle_s, .doc = "Processor seconds not used"),
	F(memory_total, .doc = "Bytes of memory"),
	F(memory_available, .doc = "Bytes to be had without swapping"),
	F(net_in, .doc = "Bytes received, loopback left out"),
	F(net_out, .doc = "Bytes sent"),
	F(disk_total, .doc = "Bytes of the file system under base.dir"),
	F(disk_free, .doc = "Free bytes of it"),
	FIELD_END
};
static const struct schema host_schema = {
	.name = "HostNow", .doc = "This host",
	.size = sizeof(struct platform_host_facts), .fields = host_fields
};

struct system_now {
	struct utc timestamp;
	const char *host_name;
	const void *host;
	struct list pools, metrics;
	/* The document's members. */
	struct json websocket, agents, tasks, workloads, coordination,
	    message_queue;
};
#define S(m, ...) FIELD(struct system_now, m, __VA_ARGS__)
static const struct field now_fields[] = {
	S(timestamp, .doc = "Time of this answer"),
	S(host_name, .doc = "Host that answers"),
	S(host, .sub = &host_schema, .doc = "Its numbers"),
	S(pools, .sub = &platform_pool_schema, .doc = "Our processes"),
	S(metrics, .sub = &metric_schema,
	    .doc = "Metrics whose past is kept, as they are now"),
	S(websocket, .doc = "Gateway: connections and messages"),
	S(agents, .doc = "Agents"), S(tasks, .doc = "Jobs"),
	S(workloads, .doc = "Load by agent"),
	S(coordination, .doc = "Coordination service"),
	S(message_queue, .doc = "Events on their way"),
	FIELD_END
};
static const struct schema now_schema = {
	.name = "SystemMetrics", .doc = "The installation in numbers",
	.size = sizeof(struct system_now), .fields = now_fields
};

static void
metric_of(struct arena *a, const struct platform_value *v,
    struct metric_now *m)
{
	*m = (struct metric_now){ .name = v->name, .kind = v->kind,
	    .value = v->v, .mean_s = v->v > 0 ? v->sum / v->v : 0 };
	m->labels.p = platform_labels_json(a, v->label, v->nlabels);
	if (v->bucket == NULL) {
		m->mean_s = m->p50 = m->p95 = m->p99 = __builtin_nan("");
		return;
	}
	m->p50 = platform_quantile(v->bucket, 0.5);
	m->p95 = platform_quantile(v->bucket, 0.95);
	m->p99 = platform_quantile(v->bucket, 0.99);
	if (v->v <= 0)
		m->mean_s = m->p50 = m->p95 = m->p99 = __builtin_nan("");
}

/* {"<name without prefix>": sum, …} over the metrics that begin so; what is
 * not there is said as the document says it. */
static const char *
document(struct arena *a, const struct platform_take *t, const char *prefix,
    const char *service)
{
	size_t n = strlen(prefix);
	bool any = false;
	struct str s;

	str_init(&s, a);
	for (size_t i = 0; i < t->v.n; i++) {
		const struct platform_value *v = &t->v.v[i];
		double sum = 0;
		size_t k = i;

		if (strncmp(v->name, prefix, n) != 0 || (i > 0 &&
		    strcmp(t->v.v[i - 1].name, v->name) == 0))
			continue;
		for (; k < t->v.n && strcmp(t->v.v[k].name, v->name) == 0;
		    k++)
			sum += t->v.v[k].v;
		str_add(&s, any ? "," : "{");
		str_json(&s, v->name + n);
		str_addf(&s, ":%.15g", sum);
		any = true;
	}
	if (any)
		str_addc(&s, '}');
	else
		str_addf(&s, "{\"error\":\"%s not available\"}", service);
	return s.p;
}

static int
metrics_now(struct ctx *c, const void *in)
{
	struct platform_take t = { .a = c->a };
	struct platform_host_facts host;
	struct platform_status st;
	VEC(struct metric_now) v = { 0 };
	struct system_now now = { .timestamp = c->now, .host = &host,
	    .host_name = platform_host_name() };

	(void)in;
	platform_host_read(c->env, &host);
	platform_status_fill(c->env, c->a, c->now, &st);
	platform_take_segment(c->env, &t);
	for (size_t i = 0; i < t.v.n; i++)
		metric_of(c->a, &t.v.v[i], VEC_ADD(c->a, &v));
	now.pools = st.pools;
	now.metrics = (struct list){ v.v, v.n };
	now.websocket.p = document(c->a, &t, "ws_", "WebSocket manager");
	now.tasks.p = document(c->a, &t, "job_", "Task orchestrator");
	now.message_queue.p = document(c->a, &t, "outbox_", "Message queue");
	now.agents.p = document(c->a, &t, "agent_", "Agent manager");
	now.workloads.p = document(c->a, &t, "agent_load_", "Agent manager");
	now.coordination.p = document(c->a, &t, "lock_",
	    "Coordination service");
	return reply(c, &now);
}

/* ---- the past ---------------------------------------------------------------------- */

struct history_in {
	const char *metric, *host, *format;
	struct utc from, to;
	int64_t step;
};
#define I(m, ...) FIELD(struct history_in, m, __VA_ARGS__)
static const struct field history_fields[] = {
	I(metric, .flags = FF_REQUIRED, .max = 100,
	    .pattern = "^[a-z_][a-z0-9_]*$", .doc = "Name without prefix",
	    .example = "\"http_requests_total\""),
	I(from, .flags = FF_NULLABLE, .doc = "Begin; an hour before the end "
	    "when it is absent"),
	I(to, .flags = FF_NULLABLE, .doc = "End; now when it is absent"),
	I(step, .def = "0", .min = 0, .max = 2678400, .doc = "Seconds of a "
	    "step, in whole minutes; 0: as suits the range"),
	I(host, .flags = FF_NULLABLE, .max = 128, .doc = "Only this host"),
	I(format, .def = "\"json\"", .oneof = ONEOF("json", "csv"),
	    .doc = "csv: text/csv with a row for each step"),
	FIELD_END
};
static const struct schema history_schema = {
	.name = "MetricHistoryQuery", .doc = "What past of which metric",
	.size = sizeof(struct history_in), .fields = history_fields
};

static int
metrics_history(struct ctx *c, const void *in)
{
	const struct history_in *i = in;
	struct platform_history_in q = { .metric = i->metric, .host = i->host,
	    .from = i->from, .to = i->to, .step_s = i->step };
	struct platform_past past;
	struct str s;

	if (q.to.us == 0)
		q.to.us = c->now.us - c->now.us % 60000000 + 60000000;
	if (q.from.us == 0)
		q.from.us = q.to.us - INT64_C(3600000000);
	if (platform_history(c->env, c->db, c->a, &q, &past, &c->err) == -1)
		return fail_err(c);
	if (*i->format == 'j')
		return reply(c, &past);
	str_init(&s, c->a);
	platform_past_csv(&past, &s);
	return reply_text(c, 200, "text/csv; charset=utf-8", s.p, s.len);
}

const struct route platform_sample_routes[] = {
	{ .id = "system.metrics.now", .method = HTTP_GET,
	  .path = "/api/system/metrics",
	  .aliases = ALIASES({ "/api/metrics/system", "003", false },
	  { "/api/v1/metrics/performance", "001", false },
	  { "/api/v1/metrics/system-load", "001", false }),
	  .auth = AUTH_USER, .permission = "system:metrics",
	  .out = &now_schema, .ok = 200, .run = metrics_now,
	  .summary = "Metrics of this host as they are now" },
	{ .id = "system.metrics.history", .method = HTTP_GET,
	  .path = "/api/system/metrics/history",
	  .aliases = ALIASES({ "/api/metrics/history", "003", false }),
	  .auth = AUTH_USER, .permission = "system:metrics",
	  .in = &history_schema, .out = &platform_past_schema, .ok = 200,
	  .errors = ERRORS(404), .run = metrics_history,
	  .summary = "The past of a metric",
	  .doc = "Minutes for a week, hours for a quarter. Counters as growth "
	  "per second, gauges as means, histograms with quantiles." },
	ROUTE_END
};
