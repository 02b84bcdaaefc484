/*
 * SQS in its JSON protocol (X-Amz-Target AmazonSQS.*). Refuses addresses that
 * are no queue of the region's own host, and answers of another form.
 * Invariant: a call goes to the host that its queue's address names, which
 * was judged before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/sqs_wire.h"
#include "schema/schema.h"

enum { ANSWER_VALUES = 5000, SPARE_MS = 10000, VISIBLE_S = 60 };

/* ---- addresses ------------------------------------------------------------- */

static bool
digits12(const char *s, size_t n)
{
	return n == 12 && strspn(s, "0123456789") >= 12;
}

/* "/ACCOUNT/NAME" behind the host. */
static bool
split_path(struct arena *a, const char *p, const char **account)
{
	size_t n = *p == '/' ? strcspn(p + 1, "/") : 0, m;

	if (!digits12(p + 1, n) || p[1 + n] != '/')
		return false;
	*account = arena_strndup(a, p + 1, n);
	p += n + 2;
	m = strspn(p, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
	return m > 0 && m <= 85 && p[m] == '\0';
}

int
spot_sqs_queue(struct arena *a, const char *endpoint, const char *url,
    const char **region, const char **account, struct err *e)
{
	size_t n = endpoint == NULL ? 0 : strlen(endpoint), d;
	const char *p;

	if (n > 0 && endpoint[n - 1] == '/')
		n--;
	if (n > 0 && strncmp(url, endpoint, n) == 0 && url[n] == '/') {
		if (split_path(a, url + n, account))
			return 0;
	} else if (strncmp(url, "https://sqs.", 12) == 0) {
		p = url + 12;
		d = strcspn(p, "./");
		*region = arena_strndup(a, p, d);
		if (p[d] == '.' && spot_aws_region_ok(*region)) {
			const char *domain = spot_aws_domain(*region);

			p += d + 1;
			if (strncmp(p, domain, strlen(domain)) == 0 &&
			    split_path(a, p + strlen(domain), account))
				return 0;
		}
	}
	return err_set(e, 502, "aws_bug",
	    "\"%.80s\" is not the URL of an SQS queue", url);
}

const char *
spot_sqs_url(struct arena *a, const char *endpoint, const char *region,
    const char *account, const char *name)
{
	size_t n = endpoint == NULL ? 0 : strlen(endpoint);

	if (n == 0)
		return arena_printf(a, "https://sqs.%s.%s/%s/%s", region,
		    spot_aws_domain(region), account, name);
	return arena_printf(a, "%s%s%s/%s", endpoint, endpoint[n - 1] == '/' ?
	    "" : "/", account, name);
}

/* ---- calls --------------------------------------------------------------------- */

static int
request(struct arena *a, const struct aws_client *c, const char *region,
    const char *url, const char *action, struct str *body, struct utc now,
    struct net_call *call, struct err *e)
{
	struct net_header *h = arena_array(a, 6, sizeof(*h));
	const char *host, *rest;
	struct sigv4_result res;
	struct sigv4_request sr;
	size_t n;

	if (net_url_check(url, e) == -1)
		return -1;
	host = strstr(url, "://") + 3;
	n = strcspn(host, "/");
	rest = host + n;
	h[0] = (struct net_header){ "Host", arena_strndup(a, host, n) };
	h[1] = (struct net_header){ "Content-Type",
	    "application/x-amz-json-1.0" };
	h[2] = (struct net_header){ "X-Amz-Target",
	    arena_printf(a, "AmazonSQS.%s", action) };
	sr = (struct sigv4_request){ .method = "POST",
	    .path = *rest == '\0' ? "/" : rest, .query = "", .headers = h,
	    .nheaders = 3, .body = body->p, .body_len = body->len,
	    .region = region, .service = "sqs", .normalize = true,
	    .when = { now.us + c->clock_skew_us } };
	sigv4_sign(a, &c->key, &sr, &res);
	h[3] = (struct net_header){ "X-Amz-Date", res.amz_date };
	h[4] = (struct net_header){ "Authorization", res.authorization };
	*call = (struct net_call){ .service = "aws.sqs", .method = "POST",
	    .url = url, .headers = h, .nheaders = 5, .body = body->p,
	    .body_len = body->len,
	    /* one of many queues: a dead one must not stop the others */
	    .no_breaker = true };
	if (c->key.session_token != NULL && *c->key.session_token != '\0')
		h[call->nheaders++] = (struct net_header){
		    "X-Amz-Security-Token", c->key.session_token };
	return 0;
}

int
spot_sqs_receive(struct arena *a, const struct aws_client *c,
    const char *region, const char *url, int wait_s, int max, struct utc now,
    struct net_call *call, struct err *e)
{
	struct str b;

	str_init(&b, a);
	str_add(&b, "{\"QueueUrl\":");
	str_json(&b, url);
	str_addf(&b, ",\"MaxNumberOfMessages\":%d,\"WaitTimeSeconds\":%d,"
	    "\"VisibilityTimeout\":%d,\"AttributeNames\":"
	    "[\"SentTimestamp\",\"ApproximateReceiveCount\"]}", max, wait_s,
	    VISIBLE_S);
	if (request(a, c, region, url, "ReceiveMessage", &b, now, call, e) ==
	    -1)
		return -1;
	call->timeout_ms = wait_s * 1000 + SPARE_MS;
	/* a lost answer hides its messages for a while; they come again */
	call->repeatable = true;
	return 0;
}

int
spot_sqs_delete(struct arena *a, const struct aws_client *c,
    const char *region, const char *url, const char *const *receipts,
    size_t n, struct utc now, struct net_call *call, struct err *e)
{
	struct str b;

	str_init(&b, a);
	str_add(&b, "{\"QueueUrl\":");
	str_json(&b, url);
	str_add(&b, ",\"Entries\":[");
	for (size_t i = 0; i < n && i < SQS_BATCH; i++) {
		str_addf(&b, "%s{\"Id\":\"m%zu\",\"ReceiptHandle\":",
		    i > 0 ? "," : "", i);
		str_json(&b, receipts[i]);
		str_addc(&b, '}');
	}
	str_add(&b, "]}");
	if (request(a, c, region, url, "DeleteMessageBatch", &b, now, call,
	    e) == -1)
		return -1;
	call->timeout_ms = SPARE_MS;
	call->repeatable = true;	/* gone is gone */
	return 0;
}

/* ---- answers ------------------------------------------------------------------- */

struct attributes {
	const char *sent, *count;
};
static const struct field attribute_fields[] = {
	{ .name = "SentTimestamp", .off = offsetof(struct attributes, sent),
	    .type = FT_STR, .max = 32, .flags = FF_NULLABLE, .doc = "Sent" },
	{ .name = "ApproximateReceiveCount", .type = FT_STR, .max = 32,
	    .off = offsetof(struct attributes, count),
	    .flags = FF_NULLABLE, .doc = "How often" }, FIELD_END
};
static const struct schema attribute_schema = {
	.name = "SqsAttributes", .doc = "Attributes of a message",
	.size = sizeof(struct attributes), .fields = attribute_fields
};

struct message {
	const char *id, *receipt, *body;
	const void *attributes;
};
#define M_(m, n, ...) { .name = n, .off = offsetof(struct message, m), \
	.type = FTYPE_OF(struct message, m), .doc = n, \
	.flags = FF_NULLABLE, __VA_ARGS__ }
static const struct field message_fields[] = {
	M_(id, "MessageId", .max = 200), M_(receipt, "ReceiptHandle", .max =
	    2048), M_(body, "Body", .max = SQS_BODY_MAX + 1024),
	M_(attributes, "Attributes", .sub = &attribute_schema), FIELD_END
};
static const struct schema message_schema = {
	.name = "SqsMessage", .doc = "A message",
	.size = sizeof(struct message), .fields = message_fields
};

struct entry {
	const char *id;
};
static const struct field entry_fields[] = {
	{ .name = "Id", .off = offsetof(struct entry, id), .type = FT_STR,
	    .max = 100, .flags = FF_NULLABLE, .doc = "Id" }, FIELD_END
};
static const struct schema entry_schema = {
	.name = "SqsEntry", .doc = "An entry of a batch",
	.size = sizeof(struct entry), .fields = entry_fields
};

struct answer {
	struct list messages, failed;
	const char *type, *message, *message2;	/* of a fault */
};
#define A_(m, n, ...) { .name = n, .off = offsetof(struct answer, m), \
	.type = FTYPE_OF(struct answer, m), .doc = n, \
	.flags = FF_NULLABLE, __VA_ARGS__ }
static const struct field answer_fields[] = {
	A_(messages, "Messages", .sub = &message_schema, .max = SQS_BATCH),
	A_(failed, "Failed", .sub = &entry_schema, .max = SQS_BATCH),
	A_(type, "__type", .max = 200), A_(message, "message", .max = 2000),
	A_(message2, "Message", .max = 2000), FIELD_END
};
static const struct schema answer_schema = {
	.name = "SqsAnswer", .doc = "An answer of SQS",
	.size = sizeof(struct answer), .fields = answer_fields
};

static int
malformed(const char *what, struct err *e)
{
	err_clear(e);
	return err_set(e, 502, "aws_malformed", "SQS answered %s", what);
}

/* Faults name themselves "com.amazonaws.sqs#QueueDoesNotExist". */
static int
read_answer(struct arena *a, const struct aws_client *c,
    const struct net_reply *r, struct utc signed_at, struct answer *out,
    struct err *e)
{
	struct err parse = { 0 };
	const char *code = NULL;
	uint64_t seen;
	bool good;

	memset(out, 0, sizeof(*out));
	good = json_scan(r->body, r->len, ANSWER_VALUES, "answer", a, &parse)
	    == 0 && schema_decode_json(&answer_schema, r->body, r->len,
	    "answer", false, a, out, &seen, &parse) == 0;
	if (r->status >= 200 && r->status < 300)
		return good ? 0 : malformed("something that is not its JSON",
		    e);
	if (good && out->type != NULL)
		code = strrchr(out->type, '#') != NULL ?
		    strrchr(out->type, '#') + 1 : out->type;
	(void)spot_aws_fault(a, c, r, signed_at, code, !good ? NULL :
	    out->message != NULL ? out->message : out->message2, e);
	if (code != NULL && (strcmp(code, "QueueDoesNotExist") == 0 ||
	    strcmp(code, "AWS.SimpleQueueService.NonExistentQueue") == 0))
		e->code = "aws_gone";
	return -1;
}

static int64_t
number(const char *s)
{
	size_t n = s == NULL ? 0 : strspn(s, "0123456789");

	return n == 0 || n > 15 || s[n] != '\0' ? 0 : strtoll(s, NULL, 10);
}

int
spot_sqs_received(struct arena *a, const struct aws_client *c,
    const struct net_reply *r, struct utc signed_at, struct list *out,
    struct err *e)
{
	struct sqs_message *v;
	struct answer ans;
	const struct message *m;

	if (read_answer(a, c, r, signed_at, &ans, e) == -1)
		return -1;
	m = ans.messages.items;
	v = arena_array(a, ans.messages.n, sizeof(*v));
	for (size_t i = 0; i < ans.messages.n; i++) {
		const struct attributes *at = m[i].attributes;

		if (m[i].receipt == NULL || m[i].body == NULL)
			return malformed("a message without receipt or body",
			    e);
		v[i] = (struct sqs_message){ .id = m[i].id != NULL ? m[i].id :
		    "", .receipt = m[i].receipt, .body = m[i].body,
		    .received = at == NULL ? 1 : number(at->count),
		    .sent_at = { at == NULL ? 0 : number(at->sent) * 1000 } };
	}
	*out = (struct list){ v, ans.messages.n };
	return 0;
}

int
spot_sqs_deleted(struct arena *a, const struct aws_client *c,
    const struct net_reply *r, struct utc signed_at, size_t *failed,
    struct err *e)
{
	struct answer ans;

	if (read_answer(a, c, r, signed_at, &ans, e) == -1)
		return -1;
	*failed = ans.failed.n;
	return 0;
}
