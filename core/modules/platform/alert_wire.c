/*
 * What leaves after a turn: the dead-man signal (whoever misses it raises the
 * alarm) and the firing alerts for a Prometheus Alertmanager (POST
 * /api/v2/alerts). Both are best effort, at most five seconds, outside of any
 * transaction; a failure is logged and tried again a minute later.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "http/http.h"
#include "modules/platform/alert.h"
#include "modules/platform/sample.h"
#include "modules/platform/setting.h"
#include "net/net.h"

static void
post(struct env *env, struct arena *a, const char *what, const char *url,
    const struct str *body)
{
	static const struct net_header json[] = {
		{ "Content-Type", "application/json" }
	};
	struct net_call c = { .service = "alertmanager", .method = "POST",
	    .url = url, .headers = json, .nheaders = 1, .body = body->p,
	    .body_len = body->len, .timeout_ms = 5000, .max_bytes = 65536,
	    .repeatable = true, .no_breaker = true };
	struct net_reply r;
	struct err e = { 0 };

	net_allow(env->net, url);
	if (net_http(env->net, a, &c, &r, &e) == -1)
		log_warn("server", "signal not sent", KV("what", what),
		    KV("detail", (const char *)e.detail),
		    KV("cause", (const char *)e.cause));
	else if (r.status / 100 != 2)
		log_warn("server", "signal refused", KV("what", what),
		    KV("code", r.status));
}

/* Labels of an alert as Alertmanager has them, with its name and severity. */
static void
labels(const struct platform_alert *x, struct str *s)
{
	const char *own = x->labels.p;

	str_add(s, "{\"alertname\":");
	str_json(s, x->rule);
	str_add(s, ",\"severity\":");
	str_json(s, x->severity);
	if (strlen(own) > 2) {
		str_addc(s, ',');
		str_addn(s, own + 1, strlen(own) - 2);
	}
	str_addc(s, '}');
}

void
platform_alert_push_body(const struct platform_alert *v, size_t n,
    const char *url, struct utc now, struct str *s)
{
	enum { HOLDS_S = 240 };		/* four missed pushes end it */
	char at[CLOCK_TEXT];
	bool first = true;

	str_addc(s, '[');
	for (size_t i = 0; i < n; i++) {
		bool firing = strcmp(v[i].state, "firing") == 0;
		struct utc ends = { now.us + HOLDS_S * US_PER_S };

		if (!firing && (strcmp(v[i].state, "resolved") != 0 ||
		    now.us - v[i].resolved_at.us > HOLDS_S * US_PER_S))
			continue;
		str_add(s, first ? "{\"labels\":" : ",{\"labels\":");
		first = false;
		labels(&v[i], s);
		str_add(s, ",\"annotations\":{\"summary\":");
		str_json(s, v[i].summary);
		str_addf(s, ",\"value\":\"%g\"},\"startsAt\":\"%s\"",
		    v[i].value, clock_format(v[i].fired_at, at));
		str_addf(s, ",\"endsAt\":\"%s\",\"generatorURL\":",
		    clock_format(firing ? ends : v[i].resolved_at, at));
		str_json(s, url);
		str_addc(s, '}');
	}
	str_addc(s, ']');
}

static void
push(struct env *env, struct arena *a, const char *base, struct utc now)
{
	const struct http_conf *http = conf_get(env->conf, &http_settings);
	struct err e = { 0 };
	struct rows rows;
	struct str s;

	if (platform_alert_all(env->db, a, &rows, &e) == -1)
		return;
	str_init(&s, a);
	platform_alert_push_body(rows.v, rows.n, arena_printf(a,
	    "%s/api/system/alerts", http->public_url), now, &s);
	post(env, a, "alertmanager", arena_printf(a, "%s%sapi/v2/alerts",
	    base, base[strlen(base) - 1] == '/' ? "" : "/"), &s);
}

void
platform_alert_signals(struct env *env, struct arena *a, struct utc now)
{
	const struct platform_conf *cf = conf_get(env->conf,
	    &platform_settings);
	char at[CLOCK_TEXT];
	struct str s;

	if (env->net == NULL)
		return;
	if (*cf->deadman_url != '\0') {
		str_init(&s, a);
		str_addf(&s, "{\"alive\":true,\"at\":\"%s\",\"host\":",
		    clock_format(now, at));
		str_json(&s, platform_host_name());
		str_addc(&s, '}');
		post(env, a, "deadman", cf->deadman_url, &s);
	}
	if (*cf->alertmanager_url != '\0')
		push(env, a, cf->alertmanager_url, now);
}
