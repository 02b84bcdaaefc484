/*
 * Notices as the cloud words them (samples of its documentation), whose they
 * are, in which order, what is answered, and the signatures that prove them:
 * ours against published vectors, those of SNS with a certificate made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/spot/interruption.h"
#include "modules/spot/notice.h"
#include "modules/spot/sns.h"
#include "modules/spot/source.h"
#include "modules/spot/sqs_wire.h"
#include "tests/harness/signer.h"

#include <cmocka.h>

static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
}

static void
bad(int rc, int status, const char *code)
{
	assert_int_equal(rc, -1);
	assert_int_equal(err.status, status);
	assert_string_equal(err.code, code);
	err_clear(&err);
}

static struct utc
at(const char *text)
{
	struct utc t;

	assert_int_equal(clock_parse(text, &t), 0);
	return t;
}

static struct spot_notice
parse(const char *text)
{
	struct spot_notice n;

	good(spot_notice_parse(a, text, strlen(text), &n, &err));
	return n;
}

/* ---- events: samples of the EC2, Auto Scaling and Health user guides -------- */

#define WARNING "{\"version\":\"0\",\"id\":\"12345678-1234-1234-1234-" \
	"123456789012\",\"detail-type\":\"EC2 Spot Instance Interruption " \
	"Warning\",\"source\":\"aws.ec2\",\"account\":\"123456789012\"," \
	"\"time\":\"2026-11-27T20:00:00Z\",\"region\":\"us-east-2\"," \
	"\"resources\":[\"arn:aws:ec2:us-east-2a:instance/i-1234567890abcdef0" \
	"\"],\"detail\":{\"instance-id\":\"i-1234567890abcdef0\"," \
	"\"instance-action\":\"terminate\"}}"

static void
warning(void **state)
{
	struct spot_notice n = parse(WARNING);

	(void)state;
	assert_int_equal(n.kind, NOTICE_INTERRUPTION);
	assert_string_equal(n.event_id, "12345678-1234-1234-1234-123456789012");
	assert_string_equal(n.account, "123456789012");
	assert_string_equal(n.region, "us-east-2");
	assert_int_equal(n.n, 1);
	assert_string_equal(n.instances[0], "i-1234567890abcdef0");
	assert_string_equal(n.action, "terminate");
	assert_int_equal(n.at.us, at("2026-11-27T20:00:00Z").us);
	assert_int_equal(spot_notice_deadline(&n).us,
	    at("2026-11-27T20:02:00Z").us);
}

static void
other_kinds(void **state)
{
	struct spot_notice n;

	(void)state;
	n = parse("{\"version\":\"0\",\"id\":\"e1\",\"detail-type\":\"EC2 "
	    "Instance Rebalance Recommendation\",\"source\":\"aws.ec2\","
	    "\"account\":\"123456789012\",\"time\":\"2026-11-27T20:00:00Z\","
	    "\"region\":\"us-east-2\",\"resources\":[\"arn:aws:ec2:us-east-2:"
	    "123456789012:instance/i-1234567890abcdef0\"],\"detail\":"
	    "{\"instance-id\":\"i-1234567890abcdef0\"}}");
	assert_int_equal(n.kind, NOTICE_REBALANCE);
	n = parse("{\"id\":\"7bf73129-1428-4cd3-a780-95db273d1602\","
	    "\"detail-type\":\"EC2 Instance State-change Notification\","
	    "\"source\":\"aws.ec2\",\"account\":\"123456789012\",\"time\":"
	    "\"2021-11-11T21:29:54Z\",\"region\":\"us-east-1\",\"resources\":"
	    "[\"arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111\"],"
	    "\"detail\":{\"instance-id\":\"i-abcd1111\",\"state\":"
	    "\"pending\"}}");
	assert_int_equal(n.kind, NOTICE_STATE);
	assert_string_equal(n.action, "pending");
	assert_string_equal(n.instances[0], "i-abcd1111");
	n = parse("{\"version\":\"0\",\"id\":\"12345678-1234-1234-1234-"
	    "123456789012\",\"detail-type\":\"EC2 Instance-terminate "
	    "Lifecycle Action\",\"source\":\"aws.autoscaling\",\"account\":"
	    "\"123456789012\",\"time\":\"2026-11-27T20:00:00Z\",\"region\":"
	    "\"us-west-2\",\"resources\":[\"auto-scaling-group-arn\"],"
	    "\"detail\":{\"LifecycleActionToken\":\"87654321-4321-4321-4321-"
	    "210987654321\",\"AutoScalingGroupName\":\"my-asg\","
	    "\"LifecycleHookName\":\"my-lifecycle-hook\",\"EC2InstanceId\":"
	    "\"i-1234567890abcdef0\",\"LifecycleTransition\":"
	    "\"autoscaling:EC2_INSTANCE_TERMINATING\",\"NotificationMetadata\""
	    ":\"additional-info\",\"Origin\":\"AutoScalingGroup\","
	    "\"Destination\":\"EC2\"}}");
	assert_int_equal(n.kind, NOTICE_ASG);
	assert_string_equal(n.asg, "my-asg");
	assert_string_equal(n.hook, "my-lifecycle-hook");
	assert_string_equal(n.action, "autoscaling:EC2_INSTANCE_TERMINATING");
	assert_string_equal(n.instances[0], "i-1234567890abcdef0");
}

static void
health(void **state)
{
	struct spot_notice n = parse("{\"version\":\"0\",\"id\":\"7bf73129-"
	    "1428-4cd3-a780-95db273d1602\",\"detail-type\":\"AWS Health "
	    "Event\",\"source\":\"aws.health\",\"account\":\"123456789012\","
	    "\"time\":\"2026-11-27T05:00:00Z\",\"region\":\"us-west-2\","
	    "\"resources\":[\"i-abcd1111\"],\"detail\":{\"eventArn\":"
	    "\"arn:aws:health:us-west-2::event/EC2/x\",\"service\":\"EC2\","
	    "\"eventTypeCode\":\"AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED\","
	    "\"eventTypeCategory\":\"scheduledChange\",\"startTime\":"
	    "\"Fri, 27 Jan 2023 06:02:51 GMT\",\"eventDescription\":"
	    "[{\"language\":\"en_US\",\"latestDescription\":\"A description "
	    "of the event will be provided here\"}],\"affectedEntities\":"
	    "[{\"entityValue\":\"i-abcd1111\",\"tags\":{\"stage\":\"prod\"}},"
	    "{\"entityValue\":\"vol-1\"},{\"entityValue\":\"i-abcd2222\"}]}}");

	(void)state;
	assert_int_equal(n.kind, NOTICE_HEALTH);
	assert_int_equal(n.n, 2);
	assert_string_equal(n.instances[1], "i-abcd2222");
	assert_string_equal(n.action, "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED");
	assert_int_equal(n.due.us, at("2023-01-27T06:02:51Z").us);
	n = parse("{\"id\":\"x\",\"detail-type\":\"AWS Health Event\","
	    "\"source\":\"aws.health\",\"account\":\"123456789012\",\"time\":"
	    "\"2026-11-27T05:00:00Z\",\"region\":\"us-west-2\",\"detail\":"
	    "{\"service\":\"ELASTICLOADBALANCING\"}}");
	assert_int_equal(n.kind, NOTICE_OTHER);
}

/* A type out of another source is somebody's own event with that name. */
static void
foreign_source(void **state)
{
	struct spot_notice n = parse("{\"id\":\"x\",\"detail-type\":\"EC2 "
	    "Spot Instance Interruption Warning\",\"source\":\"my.app\","
	    "\"account\":\"123456789012\",\"time\":\"2026-11-27T05:00:00Z\","
	    "\"region\":\"us-west-2\",\"detail\":{\"instance-id\":"
	    "\"i-12345678\"}}");

	(void)state;
	assert_int_equal(n.kind, NOTICE_OTHER);
}

static void
wrapped(void **state)
{
	struct spot_notice n;
	struct str s;

	(void)state;
	str_init(&s, a);
	str_add(&s, "{\"Type\":\"Notification\",\"MessageId\":\"m\","
	    "\"Message\":");
	str_json(&s, WARNING);
	str_add(&s, "}");
	n = parse(s.p);
	assert_int_equal(n.kind, NOTICE_INTERRUPTION);
	assert_string_equal(n.instances[0], "i-1234567890abcdef0");
}

static void
malformed(void **state)
{
	static const char *const texts[] = {
		"", "null", "[]", "{", "{}", "\"x\"", "{\"id\":5}",
		"{\"id\":\"x\"}",
		/* account, region, time, detail-type missing or wrong */
		"{\"id\":\"x\",\"account\":\"12345678901\",\"region\":\"r\","
		"\"time\":\"2026-11-27T05:00:00Z\",\"detail-type\":\"t\"}",
		"{\"id\":\"x\",\"account\":\"123456789012\","
		"\"time\":\"2026-11-27T05:00:00Z\",\"detail-type\":\"t\"}",
		"{\"id\":\"x\",\"account\":\"123456789012\",\"region\":\"r\","
		"\"time\":\"yesterday\",\"detail-type\":\"t\"}",
		"{\"id\":\"x\",\"account\":\"123456789012\",\"region\":\"r\","
		"\"time\":\"2026-11-27T05:00:00Z\"}",
		/* detail missing, not an object, without an instance */
		"{\"id\":\"x\",\"account\":\"123456789012\",\"region\":\"r\","
		"\"time\":\"2026-11-27T05:00:00Z\",\"detail-type\":\"EC2 Spot "
		"Instance Interruption Warning\",\"source\":\"aws.ec2\"}",
		"{\"id\":\"x\",\"account\":\"123456789012\",\"region\":\"r\","
		"\"time\":\"2026-11-27T05:00:00Z\",\"detail-type\":\"EC2 Spot "
		"Instance Interruption Warning\",\"source\":\"aws.ec2\","
		"\"detail\":[]}",
		"{\"id\":\"x\",\"account\":\"123456789012\",\"region\":\"r\","
		"\"time\":\"2026-11-27T05:00:00Z\",\"detail-type\":\"EC2 Spot "
		"Instance Interruption Warning\",\"source\":\"aws.ec2\","
		"\"detail\":{\"instance-id\":\"i-1'; DROP TABLE x\"}}",
		"{\"id\":\"x\",\"account\":\"123456789012\",\"region\":\"r\","
		"\"id\":\"y\",\"time\":\"2026-11-27T05:00:00Z\","
		"\"detail-type\":\"t\"}"
	};
	struct spot_notice n;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int rc = spot_notice_parse(a, texts[i], strlen(texts[i]), &n,
		    &err);

		if (rc != -1)
			fail_msg("was taken: %s", texts[i]);
		bad(rc, 422, "notice");
	}
}

static void
ids(void **state)
{
	(void)state;
	assert_true(spot_instance_id_ok("i-12345678"));
	assert_true(spot_instance_id_ok("i-0123456789abcdef0"));
	assert_false(spot_instance_id_ok("i-1234567"));
	assert_false(spot_instance_id_ok("i-0123456789abcdef01"));
	assert_false(spot_instance_id_ok("i-1234567G"));
	assert_false(spot_instance_id_ok("vol-12345678"));
	assert_false(spot_instance_id_ok(""));
	assert_false(spot_instance_id_ok(NULL));
}

/* What the simulated cloud says is read back as it was meant. */
static void
written(void **state)
{
	const char *text = spot_notice_write(a, "REBALANCE", "ev-1",
	    "000000000001", "us-east-1", "i-0123456789abcdef0",
	    at("2026-11-27T20:00:00Z"));
	struct spot_notice n = parse(text);

	(void)state;
	assert_int_equal(n.kind, NOTICE_REBALANCE);
	assert_string_equal(n.event_id, "ev-1");
	n = parse(spot_notice_write(a, "TERMINATION", "ev-2", "000000000001",
	    "us-east-1", "i-0123456789abcdef0", at("2026-11-27T20:00:00Z")));
	assert_int_equal(n.kind, NOTICE_INTERRUPTION);
	assert_string_equal(n.action, "terminate");
}

/* ---- whose, when, what then ---------------------------------------------------- */

static void
judged(void **state)
{
	struct spot_notice n = parse(WARNING);
	struct utc now = at("2026-11-27T20:00:10Z");

	(void)state;
	assert_int_equal(spot_notice_judge(&n, "123456789012", "us-east-2",
	    now), NOTICE_MINE);
	assert_int_equal(spot_notice_judge(&n, "123456789012", "", now),
	    NOTICE_MINE);
	assert_int_equal(spot_notice_judge(&n, "123456789012", "us-east-1",
	    now), NOTICE_FOREIGN);
	assert_int_equal(spot_notice_judge(&n, "210987654321", "us-east-2",
	    now), NOTICE_FOREIGN);
	assert_int_equal(spot_notice_judge(&n, NULL, "", now),
	    NOTICE_FOREIGN);
	assert_int_equal(spot_notice_judge(&n, "123456789012", "",
	    at("2026-11-28T20:00:00Z")), NOTICE_LATE);
	assert_int_equal(spot_notice_judge(&n, "123456789012", "",
	    at("2026-11-27T19:54:00Z")), NOTICE_LATE);
	assert_int_equal(spot_notice_judge(&n, "123456789012", "",
	    at("2026-11-27T19:56:00Z")), NOTICE_MINE);
}

static void
sorted(void **state)
{
	struct spot_notice v[4] = { { .at = { 5 }, .event_id = "a" },
	    { .at = { 3 }, .event_id = "b" }, { .at = { 5 }, .event_id = "c" },
	    { .at = { 1 }, .event_id = "d" } };
	struct spot_notice *p[4] = { &v[0], &v[1], &v[2], &v[3] };

	(void)state;
	spot_notice_sort(p, 4);
	assert_string_equal(p[0]->event_id, "d");
	assert_string_equal(p[1]->event_id, "b");
	assert_string_equal(p[2]->event_id, "a");
	assert_string_equal(p[3]->event_id, "c");
}

static void
answers(void **state)
{
	struct spot_notice_policy p = spot_notice_policy_default;
	struct spot_notice warn = { .kind = NOTICE_INTERRUPTION,
	    .at = at("2026-11-27T20:00:00Z") };
	struct spot_notice hint = { .kind = NOTICE_REBALANCE,
	    .at = at("2026-11-27T20:00:00Z") };
	struct spot_noticed i = { .lifecycle = "spot",
	    .auth_status = "AUTHORIZED", .state = "running" };
	struct spot_interruption open = { .kind = "rebalance",
	    .state = "replica" };
	struct utc now = at("2026-11-27T20:00:05Z");
	const char *why;

	(void)state;
#define ANSWER(n, i, o, t) spot_interruption_answer(&p, n, i, o, t, &why)
	assert_int_equal(ANSWER(&warn, &i, NULL, now), ANSWER_REPLACE);
	assert_int_equal(ANSWER(&hint, &i, NULL, now), ANSWER_REPLICA);
	assert_int_equal(ANSWER(&warn, &i, &open, now), ANSWER_PROMOTE);
	assert_int_equal(ANSWER(&hint, &i, &open, now), ANSWER_WATCH);
	/* a recommendation that overtook its warning asks for nothing */
	open.kind = "interruption";
	open.state = "replacing";
	assert_int_equal(ANSWER(&hint, &i, &open, now), ANSWER_WATCH);
	assert_int_equal(ANSWER(&warn, &i, &open, now), ANSWER_WATCH);
	/* a replacement for the recommendation is replacement enough */
	open.kind = "rebalance";
	assert_int_equal(ANSWER(&warn, &i, &open, now), ANSWER_WATCH);
	/* what could not be done then is tried again */
	open.state = "refused";
	assert_int_equal(ANSWER(&warn, &i, &open, now), ANSWER_REPLACE);
	/* closed after it happened: answered; before: another matter */
	open.ended_at = at("2026-11-27T20:00:01Z");
	assert_int_equal(ANSWER(&warn, &i, &open, now), ANSWER_WATCH);
	open.ended_at = at("2026-11-27T19:00:00Z");
	assert_int_equal(ANSWER(&warn, &i, &open, now), ANSWER_REPLACE);
	assert_int_equal(ANSWER(&warn, NULL, NULL, now), ANSWER_WATCH);
	assert_int_equal(ANSWER(&warn, &i, NULL, at("2026-11-27T20:16:00Z")),
	    ANSWER_WATCH);
	i.lifecycle = "on-demand";
	assert_int_equal(ANSWER(&warn, &i, NULL, now), ANSWER_WATCH);
	i.lifecycle = "spot";
	i.auth_status = "UNAUTHORIZED";
	assert_int_equal(ANSWER(&warn, &i, NULL, now), ANSWER_WATCH);
	p.instances = "all";
	assert_int_equal(ANSWER(&warn, &i, NULL, now), ANSWER_REPLACE);
	p.on_rebalance = "replace";
	assert_int_equal(ANSWER(&hint, &i, NULL, now), ANSWER_REPLACE);
	p.on_rebalance = p.on_interruption = "watch";
	assert_int_equal(ANSWER(&hint, &i, NULL, now), ANSWER_WATCH);
	assert_int_equal(ANSWER(&warn, &i, NULL, now), ANSWER_WATCH);
	warn.kind = NOTICE_HEALTH;
	assert_int_equal(ANSWER(&warn, &i, NULL, now), ANSWER_WATCH);
#undef ANSWER
}

static void
gaps(void **state)
{
	struct spot_downtime d = { .drained_at = at("2026-11-27T20:02:00Z") };

	(void)state;
	assert_true(spot_downtime_gap(&d) == 0);
	d.serving_at = at("2026-11-27T20:01:00Z");
	assert_true(spot_downtime_gap(&d) == 0);
	d.serving_at = at("2026-11-27T20:02:30.5Z");
	assert_true(spot_downtime_gap(&d) == 30.5);
}

static void
silence(void **state)
{
	struct spot_source s = { .kind = "sqs", .state = "new",
	    .created_at = at("2026-11-27T20:00:00Z") };
	struct utc soon = at("2026-11-27T20:09:59Z"),
	    later = at("2026-11-27T20:10:00Z");

	(void)state;
	assert_string_equal(spot_source_judge(&s, soon), "new");
	assert_false(spot_source_status_due(&s, soon));
	assert_string_equal(spot_source_judge(&s, later), "silent");
	assert_true(spot_source_status_due(&s, later));
	s.last_status_at = at("2026-11-27T20:09:45Z");
	assert_false(spot_source_status_due(&s, later));
	/* it speaks again */
	s.last_message_at = at("2026-11-27T20:09:00Z");
	assert_string_equal(spot_source_judge(&s, later), "ok");
	s.failures = 3;
	assert_string_equal(spot_source_judge(&s, later), "failing");
	s.last_status_at.us = 0;
	assert_true(spot_source_status_due(&s, later));
	s.state = "off";
	assert_string_equal(spot_source_judge(&s, later), "off");
	assert_false(spot_source_status_due(&s, later));
}

/* ---- our signature ------------------------------------------------------------- */

/* Computed by `printf '%s' '1700000000.nonce-0001.{}' | openssl dgst -sha256
 * -hmac Jefe`. */
#define VECTOR "v1=c2f5cf88c3a6e813de5f9ed0e82a1a39b422704b73681849f202c7b2" \
	"0a9bcaac"

static void
hmac(void **state)
{
	struct utc now = { INT64_C(1700000000) * US_PER_S };
	const char *ts = "1700000000", *nonce = "nonce-0001", *sig;

	(void)state;
	sig = spot_notice_sign(a, "Jefe", ts, nonce, "{}", 2);
	assert_string_equal(sig, VECTOR);
#define CHECK(s, t, n, g, b) spot_notice_verify(a, s, t, n, g, b, strlen(b), \
	now, &err)
	good(CHECK("Jefe", ts, nonce, sig, "{}"));
	bad(CHECK("Jefe", ts, nonce, sig, "{ }"), 401, "signature");
	bad(CHECK("jefe", ts, nonce, sig, "{}"), 401, "signature");
	bad(CHECK("Jefe", "1700000001", nonce, sig, "{}"), 401, "signature");
	bad(CHECK("Jefe", ts, "nonce-0002", sig, "{}"), 401, "signature");
	bad(CHECK("Jefe", ts, nonce, sig + 3, "{}"), 401, "signature");
	bad(CHECK("Jefe", NULL, nonce, sig, "{}"), 401, "signature");
	bad(CHECK("Jefe", ts, NULL, sig, "{}"), 401, "signature");
	bad(CHECK("Jefe", ts, nonce, NULL, "{}"), 401, "signature");
	bad(CHECK("Jefe", ts, "short", sig, "{}"), 401, "signature");
	bad(CHECK("Jefe", "-1", nonce, sig, "{}"), 401, "signature");
	now.us += 300 * US_PER_S;
	good(CHECK("Jefe", ts, nonce, sig, "{}"));
	now.us += US_PER_S;
	bad(CHECK("Jefe", ts, nonce, sig, "{}"), 401, "clock");
	now.us -= 602 * US_PER_S;
	bad(CHECK("Jefe", ts, nonce, sig, "{}"), 401, "clock");
#undef CHECK
}

/* ---- SNS ------------------------------------------------------------------------- */

#define TOPIC "arn:aws:sns:us-west-2:123456789012:MyTopic"
#define CERT_URL "https://sns.us-west-2.amazonaws.com/" \
	"SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"

static EVP_PKEY *key;
static const char *pem;

static const char *
make_cert(EVP_PKEY *k, const char *name, long from_s, long to_s)
{
	return signer_cert(a, k, name, from_s, to_s);
}

static const char *
sign(const struct spot_sns *m, const EVP_MD *md)
{
	return signer_sign(a, key, md, spot_sns_canonical(a, m));
}

static struct spot_sns
notification(void)
{
	char now[CLOCK_TEXT];
	const char *text = arena_printf(a, "{\"Type\":\"Notification\","
	    "\"MessageId\":\"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\","
	    "\"TopicArn\":\"" TOPIC "\",\"Subject\":\"My First Message\","
	    "\"Message\":\"Hello world!\\nsecond line\",\"Timestamp\":\"%s\","
	    "\"SignatureVersion\":\"1\",\"Signature\":\"x\","
	    "\"SigningCertURL\":\"" CERT_URL "\",\"UnsubscribeURL\":"
	    "\"https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe\"}",
	    clock_format(clock_now(), now));
	struct spot_sns m;

	good(spot_sns_parse(a, text, strlen(text), &m, &err));
	return m;
}

static void
canonical(void **state)
{
	struct spot_sns m = notification();

	(void)state;
	m.timestamp = "2012-05-02T00:54:06.655Z";
	assert_string_equal(spot_sns_canonical(a, &m), "Message\nHello world!"
	    "\nsecond line\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
	    "Subject\nMy First Message\nTimestamp\n2012-05-02T00:54:06.655Z\n"
	    "TopicArn\n" TOPIC "\nType\nNotification\n");
	m.subject = NULL;
	assert_null(strstr(spot_sns_canonical(a, &m), "Subject"));
	m.type = SNS_SUBSCRIBE;
	m.subscribe_url = "https://s";
	m.token = "tok";
	assert_string_equal(spot_sns_canonical(a, &m), "Message\nHello world!"
	    "\nsecond line\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
	    "SubscribeURL\nhttps://s\nTimestamp\n2012-05-02T00:54:06.655Z\n"
	    "Token\ntok\nTopicArn\n" TOPIC "\nType\n"
	    "SubscriptionConfirmation\n");
}

static void
sns_signature(void **state)
{
	struct spot_sns m = notification();
	struct utc now = clock_now();
	const char *other;

	(void)state;
	m.signature = sign(&m, EVP_sha1());
	good(spot_sns_verify(a, &m, pem, "sns.amazonaws.com", now, &err));
	m.version = "2";	/* says SHA-256, is SHA-1 */
	bad(spot_sns_verify(a, &m, pem, NULL, now, &err), 401, "signature");
	m.signature = sign(&m, EVP_sha256());
	good(spot_sns_verify(a, &m, pem, NULL, now, &err));
	m.message = "Hello world?";
	bad(spot_sns_verify(a, &m, pem, NULL, now, &err), 401, "signature");
	m = notification();
	m.signature = "!!";
	bad(spot_sns_verify(a, &m, pem, NULL, now, &err), 401, "signature");
	m.signature = sign(&m, EVP_sha1());
	bad(spot_sns_verify(a, &m, pem, "evil.example", now, &err), 401,
	    "certificate");
	bad(spot_sns_verify(a, &m, "not a certificate", NULL, now, &err),
	    401, "certificate");
	other = make_cert(key, "sns.amazonaws.com", -7200, -3600);
	bad(spot_sns_verify(a, &m, other, NULL, now, &err), 401,
	    "certificate");
	other = make_cert(key, "sns.amazonaws.com", 3600, 7200);
	bad(spot_sns_verify(a, &m, other, NULL, now, &err), 401,
	    "certificate");
}

static void
weak_key(void **state)
{
	struct utc until;
	EVP_PKEY *weak = EVP_RSA_gen(1024), *ec = EVP_EC_gen("P-256");

	(void)state;
	bad(crypto_cert_check(make_cert(weak, "n", -60, 3600), NULL,
	    clock_now(), &until, &err), 401, "certificate");
	bad(crypto_cert_check(make_cert(ec, "n", -60, 3600), NULL,
	    clock_now(), &until, &err), 401, "certificate");
	EVP_PKEY_free(weak);
	EVP_PKEY_free(ec);
}

static void
pinned(void **state)
{
	static const char *const refused[] = {
		"http://sns.us-west-2.amazonaws.com/SimpleNotificationService-"
		"f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"https://sns.us-west-2.amazonaws.com.evil.example/"
		"SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-"
		"f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"https://evil.example/SimpleNotificationService-"
		"f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"https://evil@sns.us-west-2.amazonaws.com/"
		"SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"https://sns.us-west-2.amazonaws.com:8443/"
		"SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"https://sns.us-west-2.amazonaws.com@evil.example/"
		"SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"https://sns.us-west-2.amazonaws.com/x.pem",
		"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-"
		"f3ecfb7224c7233fe7bb5f59f96de52f.pem?x=1",
		"https://sns.us-west-2.amazonaws.com/../"
		"SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"https://s3.amazonaws.com/SimpleNotificationService-"
		"f3ecfb7224c7233fe7bb5f59f96de52f.pem",
		"file:///etc/passwd", "", "https://169.254.169.254/x.pem"
	};

	(void)state;
	good(spot_sns_pinned(CERT_URL, "", "us-west-2", false, &err));
	good(spot_sns_pinned("https://sns.cn-north-1.amazonaws.com.cn/"
	    "SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
	    "", "cn-north-1", false, &err));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		bad(spot_sns_pinned(refused[i], "", "us-west-2", false, &err),
		    401, "pinned");
	bad(spot_sns_pinned(NULL, "", "us-west-2", false, &err), 401,
	    "pinned");
	good(spot_sns_pinned("https://sns.us-west-2.amazonaws.com/?Action="
	    "ConfirmSubscription&TopicArn=" TOPIC "&Token=2336", "",
	    "us-west-2", true, &err));
	bad(spot_sns_pinned("https://sns.us-west-2.amazonaws.com/?Action="
	    "DeleteTopic&TopicArn=" TOPIC, "", "us-west-2", true, &err), 401,
	    "pinned");
	bad(spot_sns_pinned(CERT_URL, "", "us-west-2", true, &err), 401,
	    "pinned");
}

static void
sns_judged(void **state)
{
	struct spot_sns m = notification();
	struct utc now = m.at;

	(void)state;
	good(spot_sns_judge(a, &m, TOPIC, "", now, &err));
	bad(spot_sns_judge(a, &m, TOPIC "2", "", now, &err), 401, "topic");
	now.us = m.at.us + 3601 * US_PER_S;
	bad(spot_sns_judge(a, &m, TOPIC, "", now, &err), 401, "clock");
	now.us = m.at.us - 3601 * US_PER_S;
	bad(spot_sns_judge(a, &m, TOPIC, "", now, &err), 401, "clock");
	m.version = "3";
	bad(spot_sns_judge(a, &m, TOPIC, "", m.at, &err), 401, "signature");
	m.version = "2";
	m.cert_url = "https://evil.example/a.pem";
	bad(spot_sns_judge(a, &m, TOPIC, "", m.at, &err), 401, "pinned");
	/* a confirmation that leads elsewhere */
	m = notification();
	m.type = SNS_SUBSCRIBE;
	m.subscribe_url = "http://169.254.169.254/?Action="
	    "ConfirmSubscription&x";
	bad(spot_sns_judge(a, &m, TOPIC, "", m.at, &err), 401, "pinned");
}

static void
topics(void **state)
{
	static const char *const refused[] = { "", "arn:aws:sns:us-west-2",
	    "arn:aws:sqs:us-west-2:123456789012:x",
	    "arn:aws:sns:us-west-2:12345678901:x",
	    "arn:aws:sns:us/west:123456789012:x",
	    "arn:aws:sns:us-west-2:123456789012:",
	    "arn:aws:sns:us-west-2:123456789012:a/b" };
	const char *region, *account;

	(void)state;
	good(spot_sns_topic(a, TOPIC, &region, &account, &err));
	assert_string_equal(region, "us-west-2");
	assert_string_equal(account, "123456789012");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		bad(spot_sns_topic(a, refused[i], &region, &account, &err),
		    422, "topic");
}

/* ---- queues ------------------------------------------------------------------------ */

static struct net_reply
reply_of(int status, const char *body)
{
	return (struct net_reply){ .status = status, .body = body,
	    .len = strlen(body) };
}

static void
queue_answers(void **state)
{
	struct aws_client c = { 0 };
	struct utc now = clock_now();
	struct net_reply r = reply_of(200, "{\"Messages\":[{\"Attributes\":"
	    "{\"SentTimestamp\":\"1677112829337\",\"ApproximateReceiveCount\":"
	    "\"2\"},\"Body\":\"This is a test message\",\"MD5OfBody\":"
	    "\"fafb00f5732ab283681e124bf8747ed1\",\"MessageId\":"
	    "\"219f8380-5770-4cc2-8c3e-5c715e145f5e\",\"ReceiptHandle\":"
	    "\"AQEBaZ+j5qUoOAoxlmrCQPkBm9njMWXqemmIG6shMHCO6fV20JrQYg/\"}]}");
	const struct sqs_message *m;
	struct list l;
	size_t failed;

	(void)state;
	good(spot_sqs_received(a, &c, &r, now, &l, &err));
	assert_int_equal(l.n, 1);
	m = l.items;
	assert_string_equal(m->body, "This is a test message");
	assert_int_equal(m->received, 2);
	assert_int_equal(m->sent_at.us, INT64_C(1677112829337000));
	r = reply_of(200, "{}");
	good(spot_sqs_received(a, &c, &r, now, &l, &err));
	assert_int_equal(l.n, 0);
	r = reply_of(400, "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist"
	    "\",\"message\":\"The specified queue does not exist.\"}");
	bad(spot_sqs_received(a, &c, &r, now, &l, &err), 502, "aws_gone");
	r = reply_of(403, "{\"__type\":\"com.amazon.coral.service#"
	    "AccessDeniedException\",\"Message\":\"no\"}");
	bad(spot_sqs_received(a, &c, &r, now, &l, &err), 502, "aws_denied");
	r = reply_of(200, "<html>");
	bad(spot_sqs_received(a, &c, &r, now, &l, &err), 502,
	    "aws_malformed");
	r = reply_of(200, "{\"Messages\":[{\"Body\":\"x\"}]}");
	bad(spot_sqs_received(a, &c, &r, now, &l, &err), 502,
	    "aws_malformed");
	r = reply_of(503, "oops");
	bad(spot_sqs_received(a, &c, &r, now, &l, &err), 503,
	    "aws_throttle");
	r = reply_of(200, "{\"Failed\":[{\"Id\":\"m1\",\"SenderFault\":true,"
	    "\"Code\":\"x\"}],\"Successful\":[{\"Id\":\"m0\"}]}");
	good(spot_sqs_deleted(a, &c, &r, now, &failed, &err));
	assert_int_equal(failed, 1);
}

static void
queue_addresses(void **state)
{
	static const char *const refused[] = { "",
	    "https://sqs.us-east-1.amazonaws.com",
	    "https://sqs.us-east-1.amazonaws.com/12345678901/q",
	    "https://sqs.us-east-1.amazonaws.com/123456789012/",
	    "https://sqs.us-east-1.amazonaws.com/123456789012/a/b",
	    "https://sqs.us-east-1.amazonaws.com.evil.example/123456789012/q",
	    "http://sqs.us-east-1.amazonaws.com/123456789012/q",
	    "https://evil.example/123456789012/q",
	    "https://sqs.us-east-1.amazonaws.com@evil/123456789012/q" };
	const char *region = "", *account;

	(void)state;
	good(spot_sqs_queue(a, "", "https://sqs.eu-central-1.amazonaws.com/"
	    "123456789012/notices.fifo", &region, &account, &err));
	assert_string_equal(region, "eu-central-1");
	assert_string_equal(account, "123456789012");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		bad(spot_sqs_queue(a, "", refused[i], &region, &account,
		    &err), 502, "aws_bug");
	region = "us-west-1";
	good(spot_sqs_queue(a, "http://127.0.0.1:9324/",
	    "http://127.0.0.1:9324/123456789012/q", &region, &account, &err));
	assert_string_equal(region, "us-west-1");
	assert_string_equal(spot_sqs_url(a, "", "us-west-1", account, "q"),
	    "https://sqs.us-west-1.amazonaws.com/123456789012/q");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warning), cmocka_unit_test(other_kinds),
		cmocka_unit_test(health), cmocka_unit_test(foreign_source),
		cmocka_unit_test(wrapped), cmocka_unit_test(malformed),
		cmocka_unit_test(ids), cmocka_unit_test(written),
		cmocka_unit_test(judged), cmocka_unit_test(sorted),
		cmocka_unit_test(answers), cmocka_unit_test(gaps),
		cmocka_unit_test(silence), cmocka_unit_test(hmac),
		cmocka_unit_test(canonical), cmocka_unit_test(sns_signature),
		cmocka_unit_test(weak_key), cmocka_unit_test(pinned),
		cmocka_unit_test(sns_judged), cmocka_unit_test(topics),
		cmocka_unit_test(queue_answers),
		cmocka_unit_test(queue_addresses)
	};
	int rc;

	setup(NULL);
	key = EVP_RSA_gen(2048);
	pem = make_cert(key, "sns.amazonaws.com", -3600, 3600);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(key);
	teardown(NULL);
	return rc;
}
