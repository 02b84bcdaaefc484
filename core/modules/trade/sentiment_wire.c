/*
 * The external sentiment engine of document 002: POST /analyze {text, source}
 * gives {sentiment_score, authenticity_score, summary}. It stands behind the
 * dependency "sentiment"; what it says outside of -1..1 is no answer.
 */
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/trade/news.h"
#include "net/net.h"
#include "schema/tree.h"

enum { REPLY_MAX = 64 << 10 };

static int
number(const struct tree *t, const char *name, double low, double *out)
{
	const struct tree *x = tree_get(t, name);
	const char *text = tree_text(x);

	return tree_kind(x) == TREE_NUMBER && num_real(text, strlen(text),
	    out) == NUM_OK && *out >= low && *out <= 1 ? 0 : -1;
}

int
trade_sentiment_ask(struct env *env, struct arena *a, const char *text,
    const char *source, double *score, double *authenticity,
    const char **summary, struct err *e)
{
	const struct trade_news_conf *f = conf_get(env->conf,
	    &trade_news_settings);
	struct net_header h = { "Content-Type", "application/json" };
	struct net_call call = { .service = "sentiment", .method = "POST",
	    .url = arena_printf(a, "%s/analyze", f->engine), .headers = &h,
	    .nheaders = 1, .timeout_ms = f->engine_ms,
	    .max_bytes = REPLY_MAX, .repeatable = true };
	const struct tree *t;
	struct net_reply r;
	struct str body;

	str_init(&body, a);
	str_add(&body, "{\"text\":");
	str_json(&body, text);
	str_add(&body, ",\"source\":");
	str_json(&body, source);
	str_addc(&body, '}');
	call.body = body.p;
	call.body_len = body.len;
	net_allow(env->net, f->engine);
	if (net_http(env->net, a, &call, &r, e) == -1)
		return -1;
	if (r.status != 200 || tree_parse(a, r.body, r.len, &t, e) == -1 ||
	    number(t, "sentiment_score", -1, score) == -1)
		return err_set(e, 502, "sentiment_engine", "The sentiment "
		    "engine gave no score (status %d)", r.status);
	if (number(t, "authenticity_score", 0, authenticity) == -1)
		*authenticity = trade_authenticity(text, source);
	*summary = arena_strdup(a, tree_text(tree_get(t, "summary")));
	return 0;
}
