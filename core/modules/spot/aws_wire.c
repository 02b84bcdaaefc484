/*
 * Signed Query-protocol calls, error classes, and rows out of XML by table.
 * Refuses region names and endpoints that would lead elsewhere, and answers
 * that lack what the API promises. Invariant: foreign text reaches an error
 * only escaped and bounded, and secrets never do.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/aws_wire.h"
#include "net/xml.h"

#define SKEW_US (240 * US_PER_S)	/* AWS tolerates five minutes */

struct domain {
	const char *prefix, *name;
};

static const struct domain domains[] = {
	{ "cn-", "amazonaws.com.cn" }, { "eusc-", "amazonaws.eu" },
	{ "us-isob-", "sc2s.sgov.gov" }, { "us-isof-", "csp.hci.ic.gov" },
	{ "us-iso-", "c2s.ic.gov" }, { "eu-isoe-", "cloud.adc-e.uk" }
};

bool
spot_aws_region_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return name[n] == '\0' && n >= 4 && n <= 32 && name[0] != '-' &&
	    name[n - 1] != '-';
}

const char *
spot_aws_domain(const char *region)
{
	for (size_t i = 0; i < NITEMS(domains); i++)
		if (strncmp(region, domains[i].prefix,
		    strlen(domains[i].prefix)) == 0)
			return domains[i].name;
	return "amazonaws.com";
}

/* ---- request ----------------------------------------------------------- */
struct place {
	const char *url, *host, *path;
};

static int
split_endpoint(struct arena *a, const char *endpoint, struct place *out,
    struct err *err)
{
	const char *host, *rest;
	size_t n;

	if (net_url_check(endpoint, err) == -1)
		return err_set(err, 502, "aws_bug", "the endpoint is not an "
		    "http or https URL without credentials");
	host = strstr(endpoint, "://") + 3;
	n = strcspn(host, "/?#");
	rest = host + n;
	if (strpbrk(rest, "?#") != NULL)
		return err_set(err, 502, "aws_bug",
		    "the endpoint must not have a query or fragment");
	out->host = arena_strndup(a, host, n);
	out->path = *rest == '\0' ? "/" : rest;
	out->url = *rest == '\0' ? arena_printf(a, "%s/", endpoint) : endpoint;
	return 0;
}

static int
place_of(struct arena *a, const struct aws_client *c,
    const struct aws_request *r, struct place *out, struct err *err)
{
	const char *endpoint = strcmp(r->service, "sts") == 0 ?
	    c->sts_endpoint : c->ec2_endpoint;

	if (strcmp(r->service, "autoscaling") == 0 &&
	    c->asg_endpoint != NULL && *c->asg_endpoint != '\0')
		endpoint = c->asg_endpoint;
	if (r->region == NULL || !spot_aws_region_ok(r->region))
		return err_set(err, 502, "aws_bug",
		    "not the name of an AWS region");
	if (endpoint == NULL || *endpoint == '\0')
		endpoint = arena_printf(a, "https://%s.%s.%s/", r->service,
		    r->region, spot_aws_domain(r->region));
	return split_endpoint(a, endpoint, out, err);
}

static void
add_param(struct str *s, const char *name, const char *value)
{
	if (s->len > 0)
		str_addc(s, '&');
	url_encode(s, name, strlen(name), false);
	str_addc(s, '=');
	url_encode(s, value, strlen(value), false);
}

static void
sign(struct arena *a, const struct aws_client *c, const struct aws_post *p,
    const struct place *at, struct utc now, struct net_call *call)
{
	struct net_header *h = arena_array(a, 6, sizeof(*h));
	struct sigv4_result res;
	struct sigv4_request sr = { .method = "POST", .path = at->path,
	    .query = "", .headers = h, .nheaders = 2, .body = p->body,
	    .body_len = p->body_len, .region = p->region,
	    .service = p->service, .normalize = true,
	    .when = { now.us + c->clock_skew_us } };

	h[0] = (struct net_header){ "Host", at->host };
	h[1] = (struct net_header){ "Content-Type", p->content_type };
	if (p->target != NULL)
		h[sr.nheaders++] = (struct net_header){ "X-Amz-Target",
		    p->target };
	sigv4_sign(a, &c->key, &sr, &res);
	call->nheaders = sr.nheaders;
	h[call->nheaders++] = (struct net_header){ "X-Amz-Date",
	    res.amz_date };
	h[call->nheaders++] = (struct net_header){ "Authorization",
	    res.authorization };
	if (c->key.session_token != NULL && *c->key.session_token != '\0')
		h[call->nheaders++] = (struct net_header){
		    "X-Amz-Security-Token", c->key.session_token };
	call->headers = h;
}

int
spot_aws_post(struct arena *a, const struct aws_client *c,
    const struct aws_post *p, struct utc now, struct net_call *call,
    struct err *err)
{
	struct place at = { 0 };

	if (p->region == NULL || !spot_aws_region_ok(p->region))
		return err_set(err, 502, "aws_bug",
		    "not the name of an AWS region");
	if (split_endpoint(a, p->url, &at, err) == -1)
		return -1;
	*call = (struct net_call){ .service = "aws", .method = "POST",
	    .url = at.url, .body = p->body, .body_len = p->body_len,
	    .timeout_ms = c->timeout_ms,
	    /* most only ask; who acts once only takes it back */
	    .repeatable = true };
	sign(a, c, p, &at, now, call);
	return 0;
}

int
spot_aws_request(struct arena *a, const struct aws_client *c,
    const struct aws_request *r, struct utc now, struct net_call *call,
    struct err *err)
{
	struct aws_post post = { .service = r->service, .region = r->region,
	    .content_type = "application/x-www-form-urlencoded; charset=utf-8" };
	struct place at = { 0 };
	struct str body;

	if (place_of(a, c, r, &at, err) == -1)
		return -1;
	str_init(&body, a);
	add_param(&body, "Action", r->action);
	add_param(&body, "Version", r->version);
	for (size_t i = 0; i < r->nparams; i++)
		add_param(&body, r->params[i].name, r->params[i].value);
	post.url = at.url;
	post.body = body.p;
	post.body_len = body.len;
	return spot_aws_post(a, c, &post, now, call, err);
}

/* ---- errors ------------------------------------------------------------ */
static const char *const throttles[] = {
	"BandwidthLimitExceeded", "EC2ThrottledException",
	"LimitExceededException", "PriorRequestNotComplete",
	"ProvisionedThroughputExceededException", "RequestLimitExceeded",
	"RequestThrottled", "RequestThrottledException", "SlowDown",
	"ThrottledException", "Throttling", "ThrottlingException",
	"TooManyRequestsException", "TransactionInProgressException", NULL
};
static const char *const transients[] = {
	"InternalError", "InternalFailure", "InternalServerError",
	"RequestTimeout", "RequestTimeoutException", "ServiceUnavailable",
	"ResourceContention", "ResourceContentionFault", "Unavailable", NULL
};
static const char *const auths[] = {
	"AuthFailure", "ExpiredToken", "ExpiredTokenException",
	"IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId",
	"InvalidSecurity", "InvalidToken", "MissingAuthenticationToken",
	"MissingAuthenticationTokenException", "NotSignedUp",
	"SignatureDoesNotMatch", "UnrecognizedClientException", NULL
};
static const char *const denials[] = {
	"AccessDenied", "AccessDeniedException", "Blocked", "NotAuthorized",
	"PendingVerification", "UnauthorizedOperation", NULL
};
static const char *const optins[] = { "OptInRequired",
    "SubscriptionRequiredException", NULL };
static const char *const tokens[] = { "ExpiredNextToken",
    "InvalidNextToken", "InvalidPaginationToken", NULL };
static const char *const clocks[] = { "RequestExpired", "RequestInTheFuture",
    "RequestTimeTooSkewed", NULL };
static const char *const capacities[] = { "InsufficientCapacity",
    "InsufficientFreeAddressesInSubnet", "InsufficientHostCapacity",
    "InsufficientInstanceCapacity", "MaxSpotInstanceCountExceeded",
    "SpotMaxPriceTooLow", "UnfulfillableCapacity", "Unsupported", NULL };
static const char *const quotas[] = { "AddressLimitExceeded",
    "InstanceLimitExceeded", "LimitExceeded", "MaxScheduledInstanceCapacity"
    "Exceeded", "ResourceCountExceeded", "TagLimitExceeded",
    "VcpuLimitExceeded", "VolumeLimitExceeded", NULL };
static const char *const gones[] = { "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "AWS.SimpleQueueService.QueueDeletedRecently", NULL };
static const char *const mismatches[] = { "IdempotentParameterMismatch",
    "IdempotentInstanceExists", NULL };
static const char *const states[] = { "IncorrectInstanceState",
    "IncorrectState", "OperationNotPermitted", "ResourceInUse",
    "ResourceInUseFault", "ScalingActivityInProgress",
    "ScalingActivityInProgressFault", NULL };
static const char *const dry_runs[] = { "DryRunOperation", NULL };

struct class {
	const char *code;
	const char *const *names;
};

static const struct class classes[] = {
	{ "aws_throttle", throttles }, { "aws_transient", transients },
	{ "aws_auth", auths }, { "aws_denied", denials },
	{ "aws_optin", optins }, { "aws_token", tokens },
	{ "aws_clock", clocks }, { "aws_capacity", capacities },
	{ "aws_quota", quotas }, { "aws_gone", gones },
	{ "aws_mismatch", mismatches }, { "aws_state", states },
	{ "aws_dry_run", dry_runs }
};

/* What the answer itself said. */
struct fault {
	struct arena *a;
	const char *code, *message;
};

static bool
ends_with(const struct xml_node *n, const char *what)
{
	size_t k = strlen(n->path), w = strlen(what);

	if (strcmp(n->root, "Error") == 0 && strcmp(n->path,
	    strchr(what, '/') + 1) == 0)
		return true;
	return k >= w && strcmp(n->path + k - w, what) == 0 &&
	    (k == w || n->path[k - w - 1] == '/');
}

static int
on_fault(void *arg, const struct xml_node *n, struct err *err)
{
	struct fault *f = arg;

	(void)err;
	if (f->code == NULL && ends_with(n, "Error/Code"))
		f->code = arena_strdup(f->a, n->text);
	if (f->message == NULL && ends_with(n, "Error/Message"))
		f->message = arena_strdup(f->a, n->text);
	return 0;
}

/* Escaped for a terminal and a log, white space at the ends gone. */
static const char *
shown(struct arena *a, const char *text, size_t max)
{
	struct str s;
	size_t n;

	if (text == NULL)
		return "";
	text += strspn(text, " \t\r\n");
	n = strlen(text);
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
		n--;
	if (n > max)
		n = max;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;	/* not in the middle of a character */
	str_init(&s, a);
	str_term(&s, text, n);
	return s.p;
}

static const char *
class_by_status(int status)
{
	if (status == 429 || status == 503 || status == 509)
		return "aws_throttle";
	if (status >= 500 || status == 408)
		return "aws_transient";
	if (status == 401)
		return "aws_auth";
	if (status == 403)
		return "aws_denied";
	return "aws_bug";
}

/* Auto Scaling has one code for everything; its sentences tell. */
static const char *
class_of_validation(const char *message)
{
	static const char *const gone[] = { "not found", "does not exist",
	    "is not part of Auto Scaling group", NULL };
	static const char *const state[] = { "please update the AutoScaling"
	    "Group sizes", "min size constraint", "is not in correct state",
	    "is not in InService", "already part of", "must be between the "
	    "specified min size", "is in the process of being deleted",
	    "pending delete", NULL };

	for (const char *const *p = gone; *p != NULL; p++)
		if (strstr(message, *p) != NULL)
			return "aws_gone";
	for (const char *const *p = state; *p != NULL; p++)
		if (strstr(message, *p) != NULL)
			return "aws_state";
	return "aws_bug";
}

const char *
spot_aws_class(const char *code, const char *message, int status)
{
	size_t n = strlen(code);

	if (strncmp(code, "Client.", 7) == 0 ||
	    strncmp(code, "Server.", 7) == 0)
		code += 7;
	/* STS reports a wrong clock as a wrong signature. */
	if (strcmp(code, "SignatureDoesNotMatch") == 0 &&
	    (strstr(message, "Signature expired") != NULL ||
	    strstr(message, "Signature not yet current") != NULL))
		return "aws_clock";
	for (size_t i = 0; i < NITEMS(classes); i++)
		for (const char *const *p = classes[i].names; *p != NULL; p++)
			if (strcmp(code, *p) == 0)
				return classes[i].code;
	if (strcmp(code, "ValidationError") == 0)
		return class_of_validation(message);
	if (n > 9 && strcmp(code + n - 9, ".NotFound") == 0)
		return "aws_gone";
	return class_by_status(status);
}

const char *
spot_aws_code(struct arena *a, const struct err *err)
{
	const char *p = err->detail;
	size_t n;

	if (strncmp(p, "AWS: ", 5) != 0)
		return "";
	p += 5;
	n = strcspn(p, ": ");
	return arena_strndup(a, p, n);
}

static int
set_fault(struct arena *a, const struct fault *f, int status, struct err *err)
{
	const char *message = f->message != NULL ? f->message : "";
	const char *class = spot_aws_class(f->code, message, status);

	err_set(err, strcmp(class, "aws_throttle") == 0 ? 503 : 502, class,
	    "AWS: %s: %s", shown(a, f->code, 64), shown(a, message, 160));
	err_cause(err, "HTTP %d", status);
	if (err != NULL)
		err->native = status;
	return -1;
}

static bool
is_skewed(const struct aws_client *c, const struct net_reply *r, struct utc at)
{
	int64_t d = r->date.us - at.us - c->clock_skew_us;

	return r->date.us != 0 && (d > SKEW_US || d < -SKEW_US);
}

/* EC2 calls a signature of another time merely AuthFailure, and a session
 * that has ended an expired request; the Date header tells them apart. */
static void
settle_clock(const struct aws_client *c, const struct net_reply *r,
    struct utc signed_at, struct err *err)
{
	bool skewed = is_skewed(c, r, signed_at);

	if (strcmp(err->code, "aws_auth") == 0 && skewed)
		err->code = "aws_clock";
	else if (strcmp(err->code, "aws_clock") == 0 && !skewed &&
	    r->date.us != 0 && c->key.session_token != NULL &&
	    *c->key.session_token != '\0')
		err->code = "aws_auth";
}

int
spot_aws_fault(struct arena *a, const struct aws_client *c,
    const struct net_reply *r, struct utc signed_at, const char *code,
    const char *message, struct err *err)
{
	const struct fault f = { a, code, message };
	const char *class;

	if (code != NULL && *code != '\0') {
		set_fault(a, &f, r->status, err);
	} else {
		class = class_by_status(r->status);
		err_set(err, strcmp(class, "aws_throttle") == 0 ? 503 : 502,
		    class, "AWS answered HTTP %d without an error code",
		    r->status);
	}
	if (err == NULL)
		return -1;
	settle_clock(c, r, signed_at, err);
	err->native = r->status;
	err->retry_after_s = (int)r->retry_after_s;
	return -1;
}

int
spot_aws_check(struct arena *a, const struct aws_client *c,
    const struct net_reply *r, struct utc signed_at, struct err *err)
{
	struct fault f = { .a = a };
	struct xml_reader reader = { .close = on_fault, .arg = &f };

	if (r->status >= 200 && r->status < 300)
		return 0;
	/* A balancer's HTML has no code; then the status has to do. */
	if (xml_read(a, r->body, r->len, &reader, NULL) == -1)
		f.code = NULL;
	return spot_aws_fault(a, c, r, signed_at, f.code, f.message, err);
}

void
spot_aws_net_failed(struct err *err)
{
	if (strcmp(err->code, "net_failed") == 0 ||
	    strcmp(err->code, "net_timeout") == 0 ||
	    dependency_refused(err))
		err->code = "aws_transient";
}

bool
spot_aws_clock_correct(struct aws_client *c, const struct net_reply *r,
    struct utc now)
{
	int64_t skew, d;

	if (r->date.us == 0)
		return false;
	skew = r->date.us - now.us;
	d = skew - c->clock_skew_us;
	if (d <= US_PER_S && d >= -US_PER_S)
		return false;
	c->clock_skew_us = skew;
	return true;
}

bool
spot_aws_retryable(const struct err *err)
{
	return err->code != NULL && (strcmp(err->code, "aws_throttle") == 0 ||
	    strcmp(err->code, "aws_transient") == 0);
}

int64_t
spot_aws_backoff_us(unsigned attempt, uint64_t random)
{
	int64_t top = 20 * US_PER_S;

	if (attempt < 8)
		top = (US_PER_S / 10) << attempt;
	if (top > 20 * US_PER_S)
		top = 20 * US_PER_S;
	return (int64_t)(random % (uint64_t)(top + 1));
}

/* One attempt; *reply has status 0 when none came. */
static int
send_once(struct arena *a, struct aws_client *c, const struct aws_request *r,
    struct net_reply *reply, struct utc *at, struct err *err)
{
	struct net_call call;

	memset(reply, 0, sizeof(*reply));
	*at = clock_now();
	if (spot_aws_request(a, c, r, *at, &call, err) == -1)
		return -1;
	if (net_http(c->net, a, &call, reply, err) == -1) {
		spot_aws_net_failed(err);
		return -1;
	}
	return spot_aws_check(a, c, reply, *at, err);
}

int
spot_aws_send(struct arena *a, struct aws_client *c, const struct aws_request *r,
    struct net_reply *reply, struct err *err)
{
	struct utc at;

	if (send_once(a, c, r, reply, &at, err) == 0)
		return 0;
	if (strcmp(err->code, "aws_clock") != 0 ||
	    !spot_aws_clock_correct(c, reply, clock_now()))
		return -1;
	err_clear(err);
	return send_once(a, c, r, reply, &at, err);
}
