/*
 * What SNS signs, and whom we believe. Refuses every certificate that does
 * not come from the one host of the topic's region over https, topics that
 * are not the configured one, and old messages. Invariant: no address out of
 * a message is visited unless it was judged here.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/spot/aws_wire.h"
#include "modules/spot/sns.h"
#include "schema/schema.h"

enum { SIGNATURE_MAX = 1024 };

struct wire {
	const char *type, *message_id, *topic, *message, *subject, *timestamp;
	const char *version, *signature, *cert_url, *token, *subscribe_url;
};
#define W_(m, n, ...) { .name = n, .off = offsetof(struct wire, m), \
	.type = FT_STR, .doc = n, .flags = FF_NULLABLE, __VA_ARGS__ }
static const struct field wire_fields[] = {
	W_(type, "Type", .max = 64), W_(message_id, "MessageId", .max = 128),
	W_(topic, "TopicArn", .max = 512),
	W_(message, "Message", .max = SNS_MAX),
	W_(subject, "Subject", .max = 200),
	W_(timestamp, "Timestamp", .max = 64),
	W_(version, "SignatureVersion", .max = 8),
	W_(signature, "Signature", .max = SIGNATURE_MAX),
	W_(cert_url, "SigningCertURL", .max = 512),
	W_(token, "Token", .max = 1024),
	W_(subscribe_url, "SubscribeURL", .max = 2048), FIELD_END
};
static const struct schema wire_schema = {
	.name = "SpotSns", .doc = "A message of SNS",
	.size = sizeof(struct wire), .fields = wire_fields
};

static int
wrong(struct err *e, const char *what)
{
	err_clear(e);
	return err_set(e, 422, "sns", "The SNS message %s", what);
}

static enum sns_type
type_of(const char *s)
{
	if (s == NULL)
		return 0;
	return strcmp(s, "Notification") == 0 ? SNS_NOTIFICATION :
	    strcmp(s, "SubscriptionConfirmation") == 0 ? SNS_SUBSCRIBE :
	    strcmp(s, "UnsubscribeConfirmation") == 0 ? SNS_UNSUBSCRIBE : 0;
}

int
spot_sns_parse(struct arena *a, const char *text, size_t n,
    struct spot_sns *out, struct err *e)
{
	struct wire w = { 0 };
	uint64_t seen;

	*out = (struct spot_sns){ 0 };
	if (n > SNS_MAX)
		return wrong(e, "is too large");
	if (json_scan(text, n, 100, "body", a, e) == -1 ||
	    schema_decode_json(&wire_schema, text, n, "body", false, a, &w,
	    &seen, e) == -1)
		return wrong(e, "is not of the form that SNS posts");
	if ((out->type = type_of(w.type)) == 0)
		return wrong(e, "is of no known type");
	if (w.message_id == NULL || w.topic == NULL || w.message == NULL ||
	    w.timestamp == NULL || w.version == NULL || w.signature == NULL ||
	    w.cert_url == NULL || clock_parse(w.timestamp, &out->at) == -1)
		return wrong(e, "lacks a member");
	if (out->type != SNS_NOTIFICATION &&
	    (w.token == NULL || w.subscribe_url == NULL))
		return wrong(e, "lacks its confirmation");
	out->message_id = w.message_id;
	out->topic = w.topic;
	out->message = w.message;
	out->subject = w.subject;
	out->token = w.token;
	out->subscribe_url = w.subscribe_url;
	out->timestamp = w.timestamp;
	out->version = w.version;
	out->signature = w.signature;
	out->cert_url = w.cert_url;
	return 0;
}

static void
line(struct str *s, const char *name, const char *value)
{
	str_addf(s, "%s\n", name);
	str_add(s, value);
	str_addc(s, '\n');
}

const char *
spot_sns_canonical(struct arena *a, const struct spot_sns *m)
{
	struct str s;

	str_init(&s, a);
	line(&s, "Message", m->message);
	line(&s, "MessageId", m->message_id);
	if (m->type == SNS_NOTIFICATION) {
		if (m->subject != NULL)
			line(&s, "Subject", m->subject);
		line(&s, "Timestamp", m->timestamp);
		line(&s, "TopicArn", m->topic);
		line(&s, "Type", "Notification");
		return s.p;
	}
	line(&s, "SubscribeURL", m->subscribe_url);
	line(&s, "Timestamp", m->timestamp);
	line(&s, "Token", m->token);
	line(&s, "TopicArn", m->topic);
	line(&s, "Type", m->type == SNS_SUBSCRIBE ?
	    "SubscriptionConfirmation" : "UnsubscribeConfirmation");
	return s.p;
}

/* ---- whom we believe ---------------------------------------------------------- */

int
spot_sns_topic(struct arena *a, const char *arn, const char **region,
    const char **account, struct err *e)
{
	static const char *const heads[] = { "arn:aws:sns:",
	    "arn:aws-cn:sns:", "arn:aws-us-gov:sns:", NULL };
	const char *p = NULL;
	size_t n;

	for (size_t i = 0; heads[i] != NULL && p == NULL; i++)
		if (strncmp(arn, heads[i], strlen(heads[i])) == 0)
			p = arn + strlen(heads[i]);
	if (p != NULL) {
		n = strcspn(p, ":");
		*region = arena_strndup(a, p, n);
		p = p[n] == ':' ? p + n + 1 : "";
		n = strcspn(p, ":");
		*account = arena_strndup(a, p, n);
		p = p[n] == ':' ? p + n + 1 : "";
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
		if (spot_aws_region_ok(*region) && strlen(*account) == 12 &&
		    strspn(*account, "0123456789") == 12 && n > 0 &&
		    n <= 256 && p[n] == '\0')
			return 0;
	}
	return err_set(e, 422, "topic",
	    "\"%.80s\" is not the ARN of an SNS topic", arn);
}

/* What follows the pinned scheme and host, or NULL. */
static const char *
after_host(const char *url, const char *endpoint, const char *region)
{
	const char *domain = spot_aws_domain(region);
	size_t n = strlen(endpoint), r = strlen(region), d = strlen(domain);

	if (n > 0 && endpoint[n - 1] == '/')
		n--;
	if (n > 0 && strncmp(url, endpoint, n) == 0 && url[n] == '/')
		return url + n;
	if (strncmp(url, "https://sns.", 12) != 0 ||
	    strncmp(url + 12, region, r) != 0 || url[12 + r] != '.' ||
	    strncmp(url + 13 + r, domain, d) != 0 || url[13 + r + d] != '/')
		return NULL;
	return url + 13 + r + d;
}

int
spot_sns_pinned(const char *url, const char *endpoint, const char *region,
    bool confirm, struct err *e)
{
	static const char cert[] = "/SimpleNotificationService-";
	static const char action[] = "/?Action=ConfirmSubscription&";
	const char *p = url == NULL ? NULL : after_host(url, endpoint, region);
	size_t n;

	for (const char *c = p; c != NULL && *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			p = c = NULL;
	if (p != NULL && confirm) {
		if (strncmp(p, action, sizeof(action) - 1) == 0 &&
		    strpbrk(p, "#\\\"'") == NULL)
			return 0;
	} else if (p != NULL && strncmp(p, cert, sizeof(cert) - 1) == 0) {
		p += sizeof(cert) - 1;
		n = strspn(p, "0123456789abcdef");
		if (n >= 16 && n <= 64 && strcmp(p + n, ".pem") == 0)
			return 0;
	}
	return err_set(e, 401, "pinned", "The SNS message points to a host or "
	    "path that is not the region's own");
}

int
spot_sns_judge(struct arena *a, const struct spot_sns *m, const char *topic,
    const char *endpoint, struct utc now, struct err *e)
{
	const char *region, *account;

	if (strcmp(m->topic, topic) != 0)
		return err_set(e, 401, "topic",
		    "The SNS message is of another topic");
	if (now.us - m->at.us > SNS_AGE_S * US_PER_S ||
	    m->at.us - now.us > SNS_AGE_S * US_PER_S)
		return err_set(e, 401, "clock",
		    "The SNS message is more than an hour away from now");
	if (strcmp(m->version, "1") != 0 && strcmp(m->version, "2") != 0)
		return err_set(e, 401, "signature",
		    "The signature's version is not known");
	if (spot_sns_topic(a, topic, &region, &account, e) == -1 ||
	    spot_sns_pinned(m->cert_url, endpoint, region, false, e) == -1)
		return -1;
	return m->type == SNS_NOTIFICATION ? 0 : spot_sns_pinned(
	    m->subscribe_url, endpoint, region, true, e);
}

int
spot_sns_verify(struct arena *a, const struct spot_sns *m, const char *pem,
    const char *common_name, struct utc now, struct err *e)
{
	const char *text = spot_sns_canonical(a, m);
	uint8_t sig[SIGNATURE_MAX];
	struct utc until;
	long n = base64_decode(m->signature, strlen(m->signature), false,
	    true, sig, sizeof(sig));

	if (n <= 0)
		return err_set(e, 401, "signature",
		    "The signature cannot be read");
	if (crypto_cert_check(pem, common_name, now, &until, e) == -1)
		return -1;
	return crypto_cert_verify(pem, strcmp(m->version, "1") == 0, text,
	    strlen(text), sig, (size_t)n, e);
}
