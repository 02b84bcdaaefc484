/*
 * One POST to a receiver. Network only; no redirect is followed and no private
 * address reached, as of every call. The reply's body is not looked at.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/platform/webhook.h"
#include "net/net.h"

enum { REPLY_MAX = 64 << 10 };

int
platform_webhook_post(struct env *env, struct arena *a,
    const struct platform_webhook *w, const char *secret, int64_t first,
    bool kept, const char *body, int *status, int64_t *retry_after_s,
    struct err *e)
{
	const struct platform_webhook_conf *cf = conf_get(env->conf,
	    &platform_webhook_settings);
	int64_t now = clock_now().us / US_PER_S;
	char id[UUID_TEXT];
	struct net_header h[] = {
		{ "Content-Type", "application/json" },
		{ "X-Quincunx-Webhook", uuid_format(w->id, id) },
		{ "X-Quincunx-Delivery", arena_printf(a, "%s:%lld", id,
		    (long long)first) },
		{ "X-Quincunx-Timestamp", arena_printf(a, "%lld",
		    (long long)now) },
		{ "X-Quincunx-Signature", platform_webhook_signature(a,
		    secret, now, body, strlen(body)) },
		{ "X-Quincunx-Recovered", kept ? "true" : "false" },
	};
	struct net_call call = { .service = "webhook", .method = "POST",
	    .url = w->url, .headers = h,
	    .nheaders = sizeof(h) / sizeof(h[0]), .body = body,
	    .body_len = strlen(body), .timeout_ms = cf->timeout_ms,
	    .max_bytes = REPLY_MAX,
	    /* the receiver tells repeats by X-Quincunx-Delivery */
	    .repeatable = true, .no_breaker = true };
	struct net_reply p;

	*status = 0;
	*retry_after_s = 0;
	if (net_http(env->net, a, &call, &p, e) == -1)
		return -1;
	*status = p.status;
	*retry_after_s = p.retry_after_s;
	return 0;
}
