/*
 * A turn of the evaluator: gauges, what the rules look at, the rules, then one
 * transaction that moves the alerts, tells and remembers. Refuses nothing: a
 * rule that cannot be parsed is set aside with its fault and the others go
 * on. Invariant: states and notices are committed together, after the lease
 * was written; whatever dies half way has said nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "db/lease.h"
#include "modules/platform/alert.h"
#include "modules/platform/sample.h"
#include "modules/platform/setting.h"

enum { EV_NOTICE, EV_CHANGED, KEPT_DAYS = 7 };

#define N(m, ...) FIELD(struct platform_notice, m, __VA_ARGS__)
static const struct field notice_fields[] = {
	N(key, .doc = "Rule, labels and start of the first alert: the same "
	    "for the same story"),
	N(status, .oneof = ONEOF("firing", "flapping", "resolved", "late"),
	    .doc = "firing while any of the alerts is"),
	N(severity, .doc = "The worst of them"),
	N(title, .doc = "A line for people"),
	N(group, .doc = "What the notice gathers"),
	N(repeated, .doc = "Nothing new: it goes on"),
	N(alerts, .sub = &platform_alert_schema, .doc = "The alerts"),
	N(at, .doc = "When it was told"),
	FIELD_END
};
const struct schema platform_notice_schema = {
	.name = "SystemAlert", .doc = "A notice about a group of alerts",
	.size = sizeof(struct platform_notice), .fields = notice_fields
};

const struct event platform_alert_events[] = {
	[EV_NOTICE] = { .name = "system_alert", .doc = "A notice about one or "
	    "more alerts", .payload = &platform_notice_schema,
	    .permission = "system:read", .flags = EV_ALL,
	    .seed_type = "system_alert" },
	[EV_CHANGED] = { .name = "alert.changed", .doc = "An alert changed "
	    "its state", .payload = &platform_alert_schema,
	    .permission = "system:read", .flags = EV_ALL | EV_STATE },
	EVENT_END
};

/* ---- one turn ---------------------------------------------------------------------- */

/* A rule and what it found. */
struct found {
	const struct platform_rule *rule;
	struct platform_expr *expr;
	const char *fault;		/* NULL: none */
	struct platform_vector v;
};
struct turn {
	struct env *env;
	struct arena *a;
	const struct platform_alert_work *w;
	VEC(struct found) found;
	int64_t began_ns;
	size_t firing, pending, flapping, faulty;
	/* within the transaction */
	struct platform_alert_turn last;
	VEC(struct platform_alert) alerts;
	struct map *by_id;		/* index + 1 */
	VEC(bool) held, write;		/* by alert */
	struct event_pack *pack;
};

static struct uuid
digest_id(const char *a, const char *b)
{
	uint8_t digest[SHA256_LEN];
	struct uuid id;
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s\n%s", a, b);

	crypto_sha256(text, n < (int)sizeof(text) ? (size_t)n :
	    sizeof(text) - 1, digest);
	memcpy(id.b, digest, sizeof(id.b));
	return id;
}

static int
rules_read(struct turn *t, int64_t *window_s, struct err *e)
{
	struct rows rules;

	if (platform_rules(t->env->modules, t->env->db, t->a, &rules,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < rules.n; i++) {
		const struct platform_rule *r = ROW(&rules,
		    struct platform_rule, i);
		struct err bad = { 0 };
		struct found *f;
		int64_t s;

		if (!r->enabled)
			continue;
		f = VEC_ADD(t->a, &t->found);
		f->rule = r;
		f->expr = platform_expr_parse(t->a, r->expr, &bad);
		if (f->expr == NULL) {
			f->fault = arena_strdup(t->a, bad.detail);
			t->faulty++;
		}
		s = f->expr == NULL ? 0 : platform_expr_window_s(f->expr);
		*window_s = s > *window_s ? s : *window_s;
	}
	return 0;
}

static const char *
labels_of(struct arena *a, const struct platform_element *el)
{
	return platform_labels_json(a, el->label, el->nlabels);
}

static const char *
label_value(const struct platform_element *el, const char *name)
{
	for (size_t i = 0; i < el->nlabels && *name != '\0'; i++)
		if (strcmp(el->label[i].name, name) == 0)
			return el->label[i].value;
	return "";
}

static struct platform_alert *
alert_of(struct turn *t, const struct platform_rule *r,
    const struct platform_element *el)
{
	const char *labels = labels_of(t->a, el), *key;
	const char *group = label_value(el, r->group_by);
	struct uuid id = digest_id(r->name, labels);
	char text[UUID_TEXT];
	struct platform_alert *x;
	size_t at;

	key = uuid_format(id, text);
	at = (size_t)(uintptr_t)map_get(t->by_id, key);
	if (at > 0)
		return &t->alerts.v[at - 1];
	if (t->alerts.n >= ALERTS_MAX)
		return NULL;
	x = VEC_ADD(t->a, &t->alerts);
	*x = (struct platform_alert){ .id = id, .rule = r->name,
	    .labels.p = labels, .host = label_value(el, "host"),
	    .state = "inactive", .changes = "", .told = "", .muted_by = "",
	    .severity = r->severity, .summary = r->summary };
	x->group_id = digest_id(*group != '\0' ? r->group_by : "rule",
	    *group != '\0' ? group : r->name);
	*VEC_ADD(t->a, &t->held) = false;
	*VEC_ADD(t->a, &t->write) = false;
	map_put(t->by_id, arena_strdup(t->a, key),
	    (void *)(uintptr_t)t->alerts.n);
	return x;
}

static int
alerts_load(struct turn *t, struct db *db, struct err *e)
{
	struct rows rows;
	char text[UUID_TEXT];

	if (platform_alert_all(db, t->a, &rows, e) == -1)
		return -1;
	/* nothing of an attempt before: its memory is gone */
	memset(&t->alerts, 0, sizeof(t->alerts));
	memset(&t->held, 0, sizeof(t->held));
	memset(&t->write, 0, sizeof(t->write));
	t->by_id = map_new(t->a);
	for (size_t i = 0; i < rows.n; i++) {
		const struct platform_alert *x = ROW(&rows,
		    struct platform_alert, i);

		*VEC_ADD(t->a, &t->alerts) = *x;
		*VEC_ADD(t->a, &t->held) = false;
		*VEC_ADD(t->a, &t->write) = false;
		map_put(t->by_id, arena_strdup(t->a, uuid_format(x->id,
		    text)), (void *)(uintptr_t)(i + 1));
	}
	return 0;
}

static const struct found *
found_of(const struct turn *t, const char *rule)
{
	for (size_t i = 0; i < t->found.n; i++)
		if (strcmp(t->found.v[i].rule->name, rule) == 0)
			return &t->found.v[i];
	return NULL;
}

static void
step(struct turn *t, struct platform_alert *x, const struct platform_rule *r,
    bool holds, double v)
{
	size_t i = (size_t)(x - t->alerts.v);
	const char *was = x->state;
	bool flapping = x->flapping;

	if (r != NULL) {
		x->severity = r->severity;
		x->summary = r->summary;
	}
	t->write.v[i] |= platform_alert_step(t->a, x, r, holds, v, t->w->now,
	    t->last.at);
	t->held.v[i] |= holds;
	if (strcmp(was, x->state) == 0 && flapping == x->flapping)
		return;
	x->version++;
	x->updated_at = t->w->now;
	event_pack_add(t->pack, &platform_alert_events[EV_CHANGED],
	    (struct uuid){ { 0 } }, x->rule, x->version, x);
}

static void
alerts_step(struct turn *t)
{
	for (size_t i = 0; i < t->found.n; i++) {
		const struct found *f = &t->found.v[i];

		for (size_t k = 0; k < f->v.n; k++) {
			struct platform_alert *x = alert_of(t, f->rule,
			    &f->v.v[k]);

			if (x != NULL)
				step(t, x, f->rule, true, f->v.v[k].v);
		}
	}
	for (size_t i = 0; i < t->alerts.n; i++) {
		struct platform_alert *x = &t->alerts.v[i];
		const struct found *f = found_of(t, x->rule);

		if (t->held.v[i] || (f != NULL && f->fault != NULL))
			continue;
		step(t, x, f == NULL ? NULL : f->rule, false, 0);
	}
}

static int
alerts_mute(struct turn *t, struct db *db, struct err *e)
{
	struct uuid none = { { 0 } };
	struct rows s;

	if (platform_silence_page(db, t->a, false, t->w->now, none, 1000, &s,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < t->alerts.n; i++) {
		const struct found *f = found_of(t, t->alerts.v[i].rule);

		t->write.v[i] |= platform_alert_mute(t->a, &t->alerts.v[i],
		    f == NULL ? NULL : f->rule, t->alerts.v, t->alerts.n, s.v,
		    s.n, t->w->now);
	}
	return 0;
}

/* ---- telling ------------------------------------------------------------------------- */

static int
rank(const char *severity)
{
	for (int i = 0; platform_severities[i] != NULL; i++)
		if (strcmp(platform_severities[i], severity) == 0)
			return i;
	return 0;
}

static void
notice_add(struct turn *t, const struct platform_alert_group *g,
    struct platform_alert **v, size_t n, bool repeated)
{
	struct platform_notice x = { .status = "resolved", .severity = "info",
	    .group = g->name, .repeated = repeated, .at = t->w->now };
	VEC(struct platform_alert) list = { 0 };
	char id[UUID_TEXT];

	for (size_t i = 0; i < n; i++) {
		if (*v[i]->muted_by != '\0' || *v[i]->told == '\0' ||
		    (strcmp(v[i]->told, "resolved") == 0 &&
		    v[i]->told_at.us != t->w->now.us))
			continue;
		*VEC_ADD(t->a, &list) = *v[i];
		if (strcmp(v[i]->told, "firing") == 0 ||
		    (strcmp(v[i]->told, "flapping") == 0 &&
		    strcmp(x.status, "firing") != 0))
			x.status = v[i]->told;
		if (rank(v[i]->severity) > rank(x.severity))
			x.severity = v[i]->severity;
	}
	if (list.n == 0)
		return;
	x.alerts = (struct list){ list.v, list.n };
	x.key = arena_printf(t->a, "%s/%.8s/%lld", list.v[0].rule,
	    uuid_format(list.v[0].id, id), (long long)list.v[0].fired_at.us);
	x.title = list.n == 1 ? arena_printf(t->a, "%s: %s", x.status,
	    list.v[0].summary) : arena_printf(t->a, "%s: %s and %zu more",
	    x.status, list.v[0].summary, list.n - 1);
	event_pack_add(t->pack, &platform_alert_events[EV_NOTICE],
	    (struct uuid){ { 0 } }, uuid_format(g->id, id), g->notices, &x);
}

static const char *
group_name(const struct turn *t, const struct platform_alert *x)
{
	const struct found *f = found_of(t, x->rule);

	return f != NULL && strcmp(f->rule->group_by, "host") == 0 &&
	    *x->host != '\0' ? arena_printf(t->a, "host %s", x->host) :
	    x->rule;
}

static int
group_tell(struct turn *t, struct db *db, struct platform_alert_group *g,
    struct platform_alert **v, size_t n, struct err *e)
{
	const struct platform_conf *cf = conf_get(t->env->conf,
	    &platform_settings);
	const struct platform_alert_timing timing = { cf->group_wait_s,
	    cf->group_interval_s, cf->group_repeat_s };
	bool repeated;
	enum platform_group_act act = platform_group_step(g, v, n, &timing,
	    t->w->now, &repeated);

	if (act == GROUP_QUIET)
		return 0;
	if (act == GROUP_TELL) {
		for (size_t i = 0; i < n; i++)
			t->write.v[v[i] - t->alerts.v] = true;
		notice_add(t, g, v, n, repeated);
	}
	return platform_group_put(db, g, e);
}

static int
groups_step(struct turn *t, struct db *db, struct err *e)
{
	VEC(struct platform_alert_group) groups = { 0 };
	struct rows rows;

	if (platform_group_all(db, t->a, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		*VEC_ADD(t->a, &groups) = *ROW(&rows,
		    struct platform_alert_group, i);
	for (size_t i = 0; i < t->alerts.n; i++) {
		const struct platform_alert *x = &t->alerts.v[i];
		size_t k = 0;

		while (k < groups.n && !uuid_equal(groups.v[k].id,
		    x->group_id))
			k++;
		if (k == groups.n)
			*VEC_ADD(t->a, &groups) = (struct platform_alert_group)
			    { .id = x->group_id, .name = group_name(t, x) };
	}
	for (size_t k = 0; k < groups.n; k++) {
		VEC(struct platform_alert *) v = { 0 };

		for (size_t i = 0; i < t->alerts.n; i++)
			if (uuid_equal(t->alerts.v[i].group_id,
			    groups.v[k].id))
				*VEC_ADD(t->a, &v) = &t->alerts.v[i];
		if (group_tell(t, db, &groups.v[k], v.v, v.n, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- the transaction ------------------------------------------------------------------- */

static int
faults_write(struct turn *t, struct db *db, struct err *e)
{
	for (size_t i = 0; i < t->found.n; i++) {
		const struct found *f = &t->found.v[i];
		const char *fault = f->fault != NULL ? f->fault : "";

		if (strcmp(fault, f->rule->fault) != 0 &&
		    platform_rule_fault(db, f->rule->id, fault, e) == -1)
			return -1;
	}
	return 0;
}

static void
count(struct turn *t)
{
	t->firing = t->pending = t->flapping = 0;
	for (size_t i = 0; i < t->alerts.n; i++) {
		t->firing += strcmp(t->alerts.v[i].state, "firing") == 0;
		t->pending += strcmp(t->alerts.v[i].state, "pending") == 0;
		t->flapping += t->alerts.v[i].flapping;
	}
}

static int
turn_txn(struct db *db, void *arg, struct err *e)
{
	struct turn *t = arg;
	struct utc now = t->w->now;
	struct platform_alert_turn next = { .at = now,
	    .due_at.us = now.us + t->w->period_ms * 1000,
	    .host = platform_host_name() };

	if ((t->w->lease != NULL && lease_guard(db, t->w->lease, e) == -1) ||
	    platform_turn_get(db, t->a, true, &t->last, e) == -1 ||
	    alerts_load(t, db, e) == -1)
		return -1;
	t->pack = event_pack_new(t->a);
	alerts_step(t);
	if (alerts_mute(t, db, e) == -1 || groups_step(t, db, e) == -1)
		return -1;
	for (size_t i = 0; i < t->alerts.n; i++) {
		if (!t->write.v[i])
			continue;
		t->alerts.v[i].updated_at = now;
		if (platform_alert_put(db, &t->alerts.v[i], e) == -1)
			return -1;
	}
	if (t->last.lag_told)
		platform_alert_late(t->pack, t->a, now, t->last.due_at, false);
	next.took_ms = (clock_boot_ns() - t->began_ns) / 1000000;
	if (faults_write(t, db, e) == -1 ||
	    platform_turn_put(db, &next, e) == -1)
		return -1;
	count(t);
	return event_pack_publish(db, t->pack, e);
}

static const char *const states[] = { "pending", "firing", "flapping", NULL };
static const struct metric_label state_label = { "state", states };
const struct metric platform_alerts = { "alerts", "Alerts by state",
	METRIC_GAUGE, { &state_label, NULL } };
const struct metric platform_alert_lag = { "alert_evaluation_lag_seconds",
	"How late the last turn of the evaluator began", METRIC_GAUGE,
	{ NULL, NULL } };
const struct metric platform_rules_faulty = { "alert_rules_faulty",
	"Alert rules that cannot be evaluated", METRIC_GAUGE, { NULL, NULL } };

int
platform_alert_evaluate(struct env *env, struct arena *a,
    const struct platform_alert_work *w, size_t *firing, struct err *e)
{
	struct turn t = { .env = env, .a = a, .w = w,
	    .began_ns = clock_boot_ns() };
	struct platform_view view;
	struct utc old = { w->now.us - KEPT_DAYS * 86400 * US_PER_S };
	int64_t window_s = 60;

	if (platform_turn_get(env->db, a, false, &t.last, e) == -1)
		return -1;
	metric_set(&platform_alert_lag, 0, 0, platform_alert_late_s(&t.last, w->now));
	if (rules_read(&t, &window_s, e) == -1)
		return -1;
	if (w->view != NULL)
		view = *w->view;
	else {
		platform_gauges_read(env, a);
		if (platform_alert_view(env, a, w->now, window_s, &view,
		    e) == -1)
			return -1;
	}
	for (size_t i = 0; i < t.found.n; i++)
		if (t.found.v[i].expr != NULL)
			platform_expr_eval(a, t.found.v[i].expr, &view,
			    &t.found.v[i].v);
	if (db_txn(env->db, a, turn_txn, &t, e) == -1)
		return -1;
	metric_set(&platform_alerts, 0, 0, (int64_t)t.pending);
	metric_set(&platform_alerts, 1, 0, (int64_t)t.firing);
	metric_set(&platform_alerts, 2, 0, (int64_t)t.flapping);
	metric_set(&platform_rules_faulty, 0, 0, (int64_t)t.faulty);
	*firing = t.firing;
	return platform_alert_purge(env->db, old, e) == -1 ? -1 :
	    platform_silence_purge(env->db, old, e);
}
