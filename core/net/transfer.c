/*
 * One HTTP exchange on a curl handle: whether it may be made, what is kept of
 * the answer, which error an accident becomes, and what dependency and metrics
 * are told. Refuses calls after their deadline and answers over their byte
 * caps. A refusal of ours never counts against the peer.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "net/internal.h"

enum ended {
	END_OK, END_REDIRECT, END_CLIENT_ERROR, END_SERVER_ERROR, END_TIMEOUT,
	END_FAILED, END_REFUSED, END_BREAKER
};

enum { HURRY_MS = 1000 };	/* a deadline nobody is blamed for */
#define NS_PER_MS INT64_C(1000000)
#define ORDERS_NS INT64_C(1000000000)

static const char *const outcomes[] = { "2xx", "3xx", "4xx", "5xx", "timeout",
    "failed", "refused", "breaker", NULL };

static const struct metric_label outcome_label = { "outcome", outcomes };

const struct metric net_calls_total = { .name = "net_calls_total",
    .help = "Outgoing HTTP calls", .kind = METRIC_COUNTER,
    .labels = { &dependency_service_label, &outcome_label } };
const struct metric net_call_seconds = { .name = "net_call_seconds",
    .help = "Duration of outgoing HTTP calls", .kind = METRIC_HISTOGRAM,
    .labels = { &dependency_service_label } };

static void
count(const struct transfer *t, enum ended o)
{
	metric_add(&net_calls_total, dependency_label_index(t->net->shm,
	    t->dependency), (size_t)o, 1);
}

const char *
transfer_service(const struct transfer *t)
{
	return t->call.service != NULL ? t->call.service : "http";
}

int
transfer_refuse(struct transfer *t, struct err *err, const char *why)
{
	count(t, END_REFUSED);
	return err_set(err, 502, "net_refused", "%s: call refused: %s",
	    transfer_service(t), why);
}

/* ---- the dependency -------------------------------------------------------- */

void
net_orders(struct net *net, int dependency)
{
	int64_t now;

	if (net == NULL || net->fresh.fn == NULL ||
	    !breaker_orders_missing(net->shm, dependency))
		return;
	now = clock_boot_ns();
	if (net->fresh.asked_ns != 0 &&
	    now - net->fresh.asked_ns < ORDERS_NS)
		return;
	net->fresh.asked_ns = now;
	net->fresh.fn(net->fresh.arg);
}

static int
enter(struct transfer *t, bool wait, struct err *err)
{
	unsigned flags = (wait ? DEPENDENCY_WAIT : 0) |
	    (t->call.no_breaker ? DEPENDENCY_UNJUDGED : 0);
	int rc;

	net_orders(t->net, t->dependency);
	rc = dependency_enter(t->net->shm, t->dependency, flags, &t->pass,
	    err);
	if (rc == -1)
		count(t, END_BREAKER);
	return rc;
}

/* 429 comes from a peer that lives and says when to come back. Our own
 * refusal, and a call that we had no time for, say nothing about it. */
static enum outcome
verdict(const struct transfer *t, enum ended o, int status)
{
	const struct guard *g = dependency_guard(t->net->shm, t->dependency);

	if (o == END_REFUSED || (o == END_TIMEOUT && t->hurried))
		return OUTCOME_NONE;
	if (o <= END_REDIRECT)
		return OUTCOME_OK;
	if (o == END_CLIENT_ERROR ||
	    (status == 503 && g != NULL && g->busy_503))
		return OUTCOME_USER;
	return OUTCOME_FAIL;
}

/* ---- limits ------------------------------------------------------------------ */

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= size;
	if (n > t->max_bytes - t->body.len) {
		t->too_big = true;
		return 0;
	}
	str_addn(&t->body, p, n);
	return n;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)p;
	n *= size;
	t->header_bytes += n;
	if (t->header_bytes > NET_HEADER_BYTES) {
		t->header_flood = true;
		return 0;
	}
	return n;
}

int64_t
transfer_deadline(const struct net *net, const struct net_call *c)
{
	int64_t a = net->deadline_ns, b = c->deadline_boot_ns;

	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Nothing is sent that nobody waits for any more. */
static int
set_deadline(struct transfer *t, struct err *err)
{
	int64_t at = transfer_deadline(t->net, &t->call), left;

	if (at == 0)
		return 0;
	left = (at - t->started_ns) / NS_PER_MS;
	if (left <= 0) {
		count(t, END_REFUSED);
		return err_set(err, 504, "deadline_passed", "%s was not "
		    "called: its answer would come too late",
		    transfer_service(t));
	}
	t->left_ms = left;
	return 0;
}

static void
set_limits(struct transfer *t)
{
	const struct net_conf *c = t->net->conf;
	CURL *e = t->easy;
	int64_t ms = t->call.timeout_ms > 0 ? t->call.timeout_ms :
	    c->timeout_ms;

	t->hurried = t->left_ms > 0 && t->left_ms < ms &&
	    t->left_ms < HURRY_MS;
	if (t->left_ms > 0 && t->left_ms < ms)
		ms = t->left_ms;
	t->max_bytes = (size_t)c->max_bytes;
	if (t->call.max_bytes > 0 && t->call.max_bytes < t->max_bytes)
		t->max_bytes = t->call.max_bytes;
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)ms);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(c->connect_timeout_ms < ms ? c->connect_timeout_ms : ms));
	curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE,
	    (curl_off_t)t->max_bytes);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
}

/* The handle outlives the list and the buffers it points to. */
static void
let_go(struct transfer *t)
{
	curl_easy_reset(t->easy);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
}

int
transfer_begin(struct transfer *t, struct net *net, CURL *easy,
    struct arena *a, const struct net_call *call, bool wait, struct err *err)
{
	struct err why = { 0 };
	int rc;

	memset(t, 0, sizeof(*t));
	t->net = net;
	t->easy = easy;
	t->a = a;
	t->call = *call;
	t->started_ns = clock_boot_ns();
	t->dependency = dependency_find(net->shm, call->service);
	if (gate_parse(call->url, &t->target, &why) == -1)
		return transfer_refuse(t, err, why.detail);
	if (set_deadline(t, err) == -1)
		return -1;
	t->private_ok = gate_allowed(net, &t->target);
	str_init(&t->body, a);
	curl_easy_reset(easy);
	set_limits(t);
	rc = request_set(t, err);
	if (rc == 0)
		rc = enter(t, wait, err);
	if (rc != 0) {
		let_go(t);
		return rc;
	}
	if (!call->repeated)
		budget_add(net->shm, t->dependency, (uint64_t)t->started_ns);
	crumb(transfer_service(t));
	return 0;
}

/* ---- answer ------------------------------------------------------------ */
static const char *
header_of(const struct transfer *t, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(t->easy, name, 0, CURLH_HEADER, -1, &h) ==
	    CURLHE_OK ? h->value : NULL;
}

static struct utc
http_date(const char *text)
{
	time_t s = text != NULL ? curl_getdate(text, NULL) : -1;

	return (struct utc){ s > 0 ? (int64_t)s * US_PER_S : 0 };
}

static int64_t
retry_after(const struct transfer *t, struct utc date)
{
	const char *text = header_of(t, "Retry-After");
	struct utc at, now = date.us != 0 ? date : clock_now();
	int64_t s = 0;

	if (text == NULL)
		return 0;
	if (num_i64(text, strlen(text), &s) != NUM_OK) {
		at = http_date(text);
		s = at.us != 0 ? (at.us - now.us) / US_PER_S : 0;
	}
	return s < 0 ? 0 : s > NET_RETRY_MAX_S ? NET_RETRY_MAX_S : s;
}

static void
fill(const struct transfer *t, struct arena *out, struct net_reply *r,
    int64_t elapsed_ns)
{
	long status = 0;
	const char *type = header_of(t, "Content-Type");
	const char *etag = header_of(t, "ETag");

	memset(r, 0, sizeof(*r));
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	r->status = (int)status;
	r->len = t->body.len;
	r->body = out == t->a ? t->body.p :
	    arena_memdup(out, t->body.p, t->body.len + 1);
	r->content_type = arena_strdup(out, type != NULL ? type : "");
	r->etag = arena_strdup(out, etag != NULL ? etag : "");
	r->date = http_date(header_of(t, "Date"));
	r->retry_after_s = retry_after(t, r->date);
	r->elapsed_us = elapsed_ns / 1000;
}

static enum ended
accident(const struct transfer *t, CURLcode rc, struct err *err)
{
	enum ended o = END_FAILED;

	if (t->refused && !t->too_big && !t->header_flood) {
		o = END_REFUSED;
		err_set(err, 502, "net_refused", "%s: %s is not a public "
		    "address and not a configured endpoint", transfer_service(t),
		    t->target.host);
	} else if (t->too_big || rc == CURLE_FILESIZE_EXCEEDED) {
		err_set(err, 502, "net_failed", "%s: the answer is longer "
		    "than %zu bytes", transfer_service(t), t->max_bytes);
	} else if (t->header_flood) {
		err_set(err, 502, "net_failed", "%s: the answer's headers are "
		    "longer than %d bytes", transfer_service(t), NET_HEADER_BYTES);
	} else if (rc == CURLE_OPERATION_TIMEDOUT) {
		o = END_TIMEOUT;
		err_set(err, 504, "net_timeout", "%s did not answer in time",
		    transfer_service(t));
	} else {
		err_set(err, 502, "net_failed", "%s could not be reached",
		    transfer_service(t));
	}
	err_cause(err, "%s:%u: %s", t->target.host, t->target.port,
	    t->message[0] != '\0' ? t->message : curl_easy_strerror(rc));
	if (err != NULL)
		err->native = (int)rc;
	return o;
}

static enum ended
ended_with(int status)
{
	return status >= 500 ? END_SERVER_ERROR : status >= 400 ?
	    END_CLIENT_ERROR : status >= 300 ? END_REDIRECT : END_OK;
}

/* May the same call succeed if it is made again? Not when an answer had begun:
 * then it is too late to call it unanswered. */
static bool
may_succeed(const struct transfer *t, CURLcode rc, int status)
{
	if (rc == CURLE_OK)
		return status == 429 || status == 502 || status == 503 ||
		    status == 504;
	if (t->refused || t->header_bytes > 0 || t->body.len > 0)
		return false;
	return rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_CONNECT ||
	    rc == CURLE_OPERATION_TIMEDOUT || rc == CURLE_GOT_NOTHING ||
	    rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR;
}

int
transfer_end(struct transfer *t, CURLcode rc, struct arena *out,
    struct net_reply *r, struct err *err)
{
	int64_t ns = clock_boot_ns() - t->started_ns;
	enum ended o;

	if (rc == CURLE_OK) {
		fill(t, out, r, ns);
		o = ended_with(r->status);
	} else {
		memset(r, 0, sizeof(*r));
		o = accident(t, rc, err);
	}
	t->again = request_repeatable(&t->call) &&
	    may_succeed(t, rc, r->status);
	count(t, o);
	metric_observe_ns(&net_call_seconds, dependency_label_index(
	    t->net->shm, t->dependency), 0, (uint64_t)ns);
	dependency_leave(t->net->shm, t->dependency, &t->pass,
	    verdict(t, o, r->status));
	let_go(t);
	return rc == CURLE_OK ? 0 : -1;
}
