/*
 * The way to a broker: the one place from which a trading session reaches the
 * outside. Refuses, whoever asks, for a session that is not live, for an
 * adapter that is not, while trade.live is off and after the login has ended.
 * Invariant: what is not a question is sent once; when its outcome is not
 * known, the error says so and nothing else.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "db/env.h"
#include "modules/trade/broker.h"
#include "net/net.h"

enum { ANSWER_MAX = 8 << 20 };

static bool
is(const struct err *e, const char *code)
{
	return e->code != NULL && strcmp(e->code, code) == 0;
}

/* Questions may be asked again; what acts may not. */
static bool
acts(enum trade_verb v)
{
	return v == BROKER_LOGIN || v == BROKER_SUBMIT ||
	    v == BROKER_REPLACE || v == BROKER_CANCEL;
}

static int
allowed(const struct trade_access *x, const struct trade_broker_conf *c,
    enum trade_verb v, struct err *e)
{
	if (!x->broker->live || x->mode == NULL ||
	    strcmp(x->mode, "live") != 0)
		return err_set(e, 403, "paper_session", "A paper session "
		    "never reaches a broker");
	if (!c->live && v != BROKER_LOGOUT)
		return err_set(e, 403, "live_off", "Trading with real "
		    "brokers is switched off (trade.live)");
	if (*x->broker->url(c) == '\0')
		return err_set(e, 503, "broker_away", "No address of the "
		    "broker %s is set", x->broker->name);
	if (v != BROKER_LOGIN && x->expires_at.us != 0 &&
	    x->expires_at.us <= x->now.us)
		return err_set(e, 409, "login_over", "The login at the "
		    "broker has ended: log in again");
	return 0;
}

/* No answer came. */
static int
unanswered(enum trade_verb v, struct err *e)
{
	/* curl could not resolve or connect: no byte has left */
	bool never = dependency_refused(e) || is(e, "net_refused") ||
	    is(e, "breaker_open") || is(e, "bulkhead_full") ||
	    is(e, "deadline_passed") || e->native == 6 || e->native == 7;
	int64_t retry = e->retry_after_s;
	struct err was = *e;

	if (acts(v) && !never)
		err_set(e, 504, "outcome_unknown", "The broker gave no "
		    "answer: whether it has the order is not known yet");
	else
		err_set(e, 503, "broker_away", "The broker cannot be reached "
		    "now");
	e->retry_after_s = (int)retry;
	return err_cause(e, "%s: %s", was.detail, was.cause);
}

static int
refused(const struct trade_access *x, enum trade_verb v,
    const struct net_reply *r, struct err *e)
{
	bool expired = false;
	const char *why = x->broker->refusal(x->a, r->status, r->body,
	    r->len, &expired);
	int after = (int)(r->retry_after_s > 0 ? r->retry_after_s : 1);

	if (r->status == 429) {
		err_set(e, 503, "broker_busy", "The broker was asked too "
		    "often");
		e->retry_after_s = after;
		return -1;
	}
	if (expired || r->status == 401)
		return err_set(e, 409, "broker_login", "The broker refuses "
		    "the login: %.160s", *why != '\0' ? why : "log in again");
	if (r->status >= 500 || r->status < 400) {
		if (acts(v))
			return err_set(e, 504, "outcome_unknown", "The "
			    "broker answered %d: whether it has the order is "
			    "not known yet", r->status);
		return err_set(e, 502, "broker_error", "The broker answered "
		    "%d", r->status);
	}
	return err_set(e, 422, "broker_refused", "The broker refuses: "
	    "%.200s", *why != '\0' ? why : "it gives no reason");
}

static int
send(const struct trade_access *x, const struct trade_broker_conf *c,
    enum trade_verb v, const struct trade_wording *q, struct net_reply *r,
    struct err *e)
{
	struct net_header h[8];
	struct net_call call = { .service = x->broker->name,
	    .method = q->method, .headers = h, .body = q->body,
	    .body_len = strlen(q->body), .timeout_ms = c->timeout_ms,
	    .once = acts(v),	/* a change is no question either */
	    .deadline_boot_ns = x->deadline_boot_ns, .max_bytes = ANSWER_MAX };

	for (; call.nheaders < q->nheaders; call.nheaders++)
		h[call.nheaders] = (struct net_header){
		    q->headers[call.nheaders][0],
		    q->headers[call.nheaders][1] };
	if (*q->type != '\0')
		h[call.nheaders++] = (struct net_header){ "Content-Type",
		    q->type };
	call.url = arena_printf(x->a, "%s%s", x->broker->url(c), q->path);
	net_allow(x->env->net, x->broker->url(c));
	return net_http(x->env->net, x->a, &call, r, e) == -1 ?
	    unanswered(v, e) : 0;
}

int
trade_broker_ask(const struct trade_access *x, enum trade_verb v,
    const struct trade_ticket *t, struct trade_broker_answer *out, struct err *e)
{
	const struct trade_broker_conf *c = conf_get(x->env->conf,
	    &trade_broker_settings);
	struct trade_wording q;
	struct net_reply r;
	struct err why = { 0 };

	*out = (struct trade_broker_answer){ .order_id = "" };
	if (allowed(x, c, v, e) == -1 || x->broker->build(x->a, c,
	    &x->secret, v, t, x->now, &q, e) == -1 ||
	    send(x, c, v, &q, &r, e) == -1)
		return -1;
	if (v == BROKER_FIND && r.status == 404)
		return 0;
	if (r.status < 200 || r.status > 299)
		return refused(x, v, &r, e);
	if (x->broker->parse(x->a, v, t, r.body, r.len, x->now, out, &why) ==
	    0)
		return 0;
	/* a good status with words that are not understood: it may be there */
	if (!acts(v) || v == BROKER_LOGIN || !is(&why, "broker_answer")) {
		*e = why;
		return -1;
	}
	err_set(e, 504, "outcome_unknown", "The broker's answer cannot be "
	    "understood: whether it has the order is not known yet");
	return err_cause(e, "%s", why.detail);
}
