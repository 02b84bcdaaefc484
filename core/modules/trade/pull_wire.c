/*
 * Asking a quote server. No SQL.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/pull.h"
#include "net/net.h"

enum { ANSWER_MAX = 4 << 20, TIMEOUT_MS = 5000 };

int
trade_pull_ask(struct net *net, struct arena *a, const char *url,
    struct utc now, struct trade_message *out, size_t max, size_t *n,
    size_t *bad, struct err *e)
{
	const struct net_header accept = { "Accept", "application/json" };
	const struct net_call call = { .service = "quotes", .method = "GET",
	    .url = url, .headers = &accept, .nheaders = 1,
	    .timeout_ms = TIMEOUT_MS, .max_bytes = ANSWER_MAX,
	    .no_breaker = true };
	struct net_reply r;

	if (net_http(net, a, &call, &r, e) == -1)
		return -1;
	if (r.status != 200)
		return err_set(e, 502, "quotes", "The quote server answers "
		    "%d", r.status);
	if (trade_message_list(a, r.body, r.len, now, out, max, n, bad, e) ==
	    0)
		return 0;
	err_clear(e);
	return err_set(e, 502, "quotes", "The quote server's answer is no "
	    "JSON");
}
