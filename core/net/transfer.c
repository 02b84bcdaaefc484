/*
 * One HTTP exchange on a curl handle: what is sent, what is kept of the
 * answer, which error an accident becomes, and what breaker and metrics are
 * told. Refuses requests that could say more than they should (foreign
 * methods, control bytes in headers) and answers over their byte caps.
 * A refusal of ours never counts against the peer.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "net/internal.h"

enum outcome {
	OUT_OK, OUT_REDIRECT, OUT_CLIENT_ERROR, OUT_SERVER_ERROR, OUT_TIMEOUT,
	OUT_FAILED, OUT_REFUSED, OUT_BREAKER
};

static const char *const services[] = { "aws", "webhook", "other", NULL };
static const char *const outcomes[] = { "2xx", "3xx", "4xx", "5xx", "timeout",
    "failed", "refused", "breaker", NULL };
static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH",
    "DELETE", "OPTIONS" };

static const struct metric_label service_label = { "service", services };
static const struct metric_label outcome_label = { "outcome", outcomes };

const struct metric net_calls_total = { .name = "net_calls_total",
    .help = "Outgoing HTTP calls", .kind = METRIC_COUNTER,
    .labels = { &service_label, &outcome_label } };
const struct metric net_call_seconds = { .name = "net_call_seconds",
    .help = "Duration of outgoing HTTP calls", .kind = METRIC_HISTOGRAM,
    .labels = { &service_label } };

static size_t
service_index(const char *service)
{
	size_t i = 0;

	while (i < NITEMS(services) - 2 &&
	    (service == NULL || strcmp(services[i], service) != 0))
		i++;
	return i;
}

static void
count(const struct transfer *t, enum outcome o)
{
	metric_add(&net_calls_total, service_index(t->call.service),
	    (size_t)o, 1);
}

static const char *
service_name(const struct transfer *t)
{
	return t->call.service != NULL ? t->call.service : "http";
}

static int
refuse(struct transfer *t, struct err *err, const char *why)
{
	count(t, OUT_REFUSED);
	return err_set(err, 502, "net_refused", "%s: call refused: %s",
	    service_name(t), why);
}

/* ---- breaker ----------------------------------------------------------- */
static struct breaker_rule
rule(const struct transfer *t)
{
	const struct net_conf *c = t->net->conf;

	return (struct breaker_rule){ .failures = (uint32_t)c->breaker_failures,
	    .open_s = (uint32_t)c->breaker_open_s,
	    .probes = (uint32_t)c->breaker_probes };
}

static bool
has_breaker(const struct transfer *t)
{
	return t->net->shm != NULL && t->call.service != NULL &&
	    !t->call.no_breaker;
}

static int
ask_breaker(struct transfer *t, struct err *err)
{
	uint64_t now = (uint64_t)t->started_ns;

	if (!has_breaker(t))
		return 0;
	if (!breaker_allow(t->net->shm, t->call.service, rule(t), now)) {
		count(t, OUT_BREAKER);
		err_set(err, 503, "breaker_open",
		    "%s does not answer; not tried again for the moment",
		    t->call.service);
		if (err != NULL)
			err->retry_after_s = (int)t->net->conf->breaker_open_s;
		return -1;
	}
	t->half_open = breaker_state(t->net->shm, t->call.service, now) ==
	    BREAKER_HALF_OPEN;
	return 0;
}

/* 429 and 503 come from a peer that lives and says when to come back. Our
 * own refusal says nothing about it, but a probe must be given back. */
static void
tell_breaker(const struct transfer *t, enum outcome o, int status)
{
	bool ok = o <= OUT_CLIENT_ERROR || status == 503;

	if (!has_breaker(t) || (o == OUT_REFUSED && !t->half_open))
		return;
	breaker_result(t->net->shm, t->call.service, rule(t), ok,
	    (uint64_t)clock_boot_ns());
}

/* ---- request ----------------------------------------------------------- */
static bool
token(const char *p)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";
	const char *start = p;

	while ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
	    (*p >= 'A' && *p <= 'Z') || (*p != '\0' && strchr(extra, *p)))
		p++;
	return *p == '\0' && p != start;
}

static bool
printable(const char *p)
{
	while (*p == '\t' || ((unsigned char)*p >= ' ' && *p != 0x7f))
		p++;
	return *p == '\0';
}

static void
add_header(struct transfer *t, const char *name, const char *value)
{
	struct curl_slist *list = curl_slist_append(t->headers,
	    arena_printf(t->a, "%s%s%s", name, *value == '\0' ? ";" : ": ",
	    value));

	if (list == NULL)
		check_oom();
	t->headers = list;
}

/* curl's own additions that would leave the signed or meant request. */
static void
quiet(struct transfer *t, const char *name)
{
	struct curl_slist *list = curl_slist_append(t->headers, name);

	if (list == NULL)
		check_oom();
	t->headers = list;
}

static bool
has_header(const struct net_call *c, const char *name)
{
	for (size_t i = 0; i < c->nheaders; i++)
		if (strcasecmp(c->headers[i].name, name) == 0)
			return true;
	return false;
}

static int
set_headers(struct transfer *t, struct err *err)
{
	const struct net_call *c = &t->call;

	if (c->nheaders > NET_HEADERS_MAX)
		return refuse(t, err, "too many headers");
	for (size_t i = 0; i < c->nheaders; i++)
		if (!token(c->headers[i].name) ||
		    !printable(c->headers[i].value))
			return refuse(t, err, "impossible header");
	for (size_t i = 0; i < c->nheaders; i++)
		add_header(t, c->headers[i].name, c->headers[i].value);
	quiet(t, "Expect:");
	if (!has_header(c, "Content-Type"))
		quiet(t, "Content-Type:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return 0;
}

static int
set_method(struct transfer *t, struct err *err)
{
	const struct net_call *c = &t->call;
	size_t i = 0;

	while (i < NITEMS(methods) && strcmp(methods[i], c->method) != 0)
		i++;
	if (i == NITEMS(methods))
		return refuse(t, err, "impossible method");
	if (strcmp(c->method, "HEAD") == 0) {
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
		return 0;
	}
	if (c->body_len > 0 || strcmp(c->method, "POST") == 0) {
		curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)c->body_len);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS,
		    c->body_len > 0 ? c->body : "");
	}
	curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, c->method);
	return 0;
}

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

static void
set_limits(struct transfer *t)
{
	const struct net_conf *c = t->net->conf;
	CURL *e = t->easy;
	int64_t ms = t->call.timeout_ms > 0 ? t->call.timeout_ms :
	    c->timeout_ms;

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

static void
set_gate(struct transfer *t)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, gate_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (t->net->conf->ca_file != NULL && *t->net->conf->ca_file != '\0')
		curl_easy_setopt(e, CURLOPT_CAINFO, t->net->conf->ca_file);
}

static void
set_rest(struct transfer *t)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_URL, t->call.url);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "quincunx/" QX_VERSION);
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->message);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
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
    struct arena *a, const struct net_call *call, struct err *err)
{
	struct err why = { 0 };

	memset(t, 0, sizeof(*t));
	t->net = net;
	t->easy = easy;
	t->a = a;
	t->call = *call;
	t->started_ns = clock_boot_ns();
	if (gate_parse(call->url, &t->target, &why) == -1)
		return refuse(t, err, why.detail);
	t->private_ok = gate_allowed(net, &t->target);
	str_init(&t->body, a);
	curl_easy_reset(easy);
	set_gate(t);
	set_limits(t);
	set_rest(t);
	if (set_method(t, err) == -1 || set_headers(t, err) == -1 ||
	    ask_breaker(t, err) == -1) {
		let_go(t);
		return -1;
	}
	crumb(service_name(t));
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

	memset(r, 0, sizeof(*r));
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	r->status = (int)status;
	r->len = t->body.len;
	r->body = out == t->a ? t->body.p :
	    arena_memdup(out, t->body.p, t->body.len + 1);
	r->content_type = arena_strdup(out, type != NULL ? type : "");
	r->date = http_date(header_of(t, "Date"));
	r->retry_after_s = retry_after(t, r->date);
	r->elapsed_us = elapsed_ns / 1000;
}

static enum outcome
accident(const struct transfer *t, CURLcode rc, struct err *err)
{
	enum outcome o = OUT_FAILED;

	if (t->refused && !t->too_big && !t->header_flood) {
		o = OUT_REFUSED;
		err_set(err, 502, "net_refused", "%s: %s is not a public "
		    "address and not a configured endpoint", service_name(t),
		    t->target.host);
	} else if (t->too_big || rc == CURLE_FILESIZE_EXCEEDED) {
		err_set(err, 502, "net_failed", "%s: the answer is longer "
		    "than %zu bytes", service_name(t), t->max_bytes);
	} else if (t->header_flood) {
		err_set(err, 502, "net_failed", "%s: the answer's headers are "
		    "longer than %d bytes", service_name(t), NET_HEADER_BYTES);
	} else if (rc == CURLE_OPERATION_TIMEDOUT) {
		o = OUT_TIMEOUT;
		err_set(err, 504, "net_timeout", "%s did not answer in time",
		    service_name(t));
	} else {
		err_set(err, 502, "net_failed", "%s could not be reached",
		    service_name(t));
	}
	err_cause(err, "%s:%u: %s", t->target.host, t->target.port,
	    t->message[0] != '\0' ? t->message : curl_easy_strerror(rc));
	if (err != NULL)
		err->native = (int)rc;
	return o;
}

static enum outcome
outcome_of(int status)
{
	return status >= 500 ? OUT_SERVER_ERROR : status >= 400 ?
	    OUT_CLIENT_ERROR : status >= 300 ? OUT_REDIRECT : OUT_OK;
}

int
transfer_end(struct transfer *t, CURLcode rc, struct arena *out,
    struct net_reply *r, struct err *err)
{
	int64_t ns = clock_boot_ns() - t->started_ns;
	enum outcome o;

	if (rc == CURLE_OK) {
		fill(t, out, r, ns);
		o = outcome_of(r->status);
	} else {
		memset(r, 0, sizeof(*r));
		o = accident(t, rc, err);
	}
	count(t, o);
	metric_observe_ns(&net_call_seconds, service_index(t->call.service), 0,
	    (uint64_t)ns);
	tell_breaker(t, o, r->status);
	let_go(t);
	return rc == CURLE_OK ? 0 : -1;
}
