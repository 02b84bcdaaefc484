/*
 * Reads the five kinds of events that matter to spot instances and judges
 * whose they are. Refuses events without id, account, region or instant, ids
 * that are no instance's, and signatures that are not exactly right.
 * Invariant: nothing of a notice is trusted for whom it concerns; that is
 * compared with the source.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "modules/spot/notice.h"
#include "schema/schema.h"

enum { IDS_MAX = 100, FUTURE_S = 300, VALUES_MAX = 5000 };

/* ---- shapes, only what is looked at --------------------------------------- */

struct envelope {
	const char *id, *type, *source, *account, *region;
	struct utc time;
	struct json detail;
	const char *wrapped, *wrapper;	/* of SNS */
};
#define E_(m, n, ...) { .name = n, .off = offsetof(struct envelope, m), \
	.type = FTYPE_OF(struct envelope, m), .doc = n, \
	.flags = FF_NULLABLE, __VA_ARGS__ }
static const struct field envelope_fields[] = {
	E_(id, "id", .max = 128), E_(type, "detail-type", .max = 200),
	E_(source, "source", .max = 100), E_(account, "account", .max = 32),
	E_(region, "region", .max = 32), E_(time, "time", .min = 0),
	E_(detail, "detail", .min = 0), E_(wrapped, "Message", .max = NOTICE_MAX),
	E_(wrapper, "Type", .max = 64), FIELD_END
};
static const struct schema envelope_schema = {
	.name = "SpotEvent", .doc = "An event of EventBridge",
	.size = sizeof(struct envelope), .fields = envelope_fields
};

struct entity {
	const char *value;
};
static const struct field entity_fields[] = {
	{ .name = "entityValue", .off = offsetof(struct entity, value),
	    .type = FT_STR, .doc = "Id", .flags = FF_NULLABLE, .max = 256 },
	FIELD_END
};
static const struct schema entity_schema = {
	.name = "SpotHealthEntity", .doc = "What a health event is about",
	.size = sizeof(struct entity), .fields = entity_fields
};

struct detail {
	const char *instance, *action, *state;		/* EC2 */
	const char *member, *asg, *hook, *token, *transition;	/* groups */
	const char *service, *code, *starts;		/* health */
	struct list entities;
};
#define D_(m, n, ...) { .name = n, .off = offsetof(struct detail, m), \
	.type = FTYPE_OF(struct detail, m), .doc = n, \
	.flags = FF_NULLABLE, __VA_ARGS__ }
static const struct field detail_fields[] = {
	D_(instance, "instance-id", .max = 64),
	D_(action, "instance-action", .max = 32),
	D_(state, "state", .max = 32),
	D_(member, "EC2InstanceId", .max = 64),
	D_(asg, "AutoScalingGroupName", .max = 255),
	D_(hook, "LifecycleHookName", .max = 255),
	D_(token, "LifecycleActionToken", .max = 128),
	D_(transition, "LifecycleTransition", .max = 64),
	D_(service, "service", .max = 64),
	D_(code, "eventTypeCode", .max = 128),
	D_(starts, "startTime", .max = 64),
	D_(entities, "affectedEntities", .sub = &entity_schema,
	    .max = IDS_MAX),
	FIELD_END
};
static const struct schema detail_schema = {
	.name = "SpotEventDetail", .doc = "The part that differs by type",
	.size = sizeof(struct detail), .fields = detail_fields
};

/* ---- reading ---------------------------------------------------------------- */

static const struct {
	const char *type, *source;
	enum notice_kind kind;
} types[] = {
	{ "EC2 Spot Instance Interruption Warning", "aws.ec2",
	    NOTICE_INTERRUPTION },
	{ "EC2 Instance Rebalance Recommendation", "aws.ec2",
	    NOTICE_REBALANCE },
	{ "EC2 Instance State-change Notification", "aws.ec2", NOTICE_STATE },
	{ "AWS Health Event", "aws.health", NOTICE_HEALTH },
	{ "EC2 Instance-launch Lifecycle Action", "aws.autoscaling",
	    NOTICE_ASG },
	{ "EC2 Instance-terminate Lifecycle Action", "aws.autoscaling",
	    NOTICE_ASG },
	{ "EC2 Instance Launch Successful", "aws.autoscaling", NOTICE_ASG },
	{ "EC2 Instance Launch Unsuccessful", "aws.autoscaling", NOTICE_ASG },
	{ "EC2 Instance Terminate Successful", "aws.autoscaling", NOTICE_ASG },
	{ "EC2 Instance Terminate Unsuccessful", "aws.autoscaling",
	    NOTICE_ASG }
};

const char *
spot_notice_name(enum notice_kind k)
{
	static const char *const names[] = { "other", "rebalance",
	    "interruption", "state", "health", "asg" };

	return (size_t)k < NITEMS(names) ? names[k] : "other";
}

bool
spot_instance_id_ok(const char *s)
{
	size_t n;

	if (s == NULL || strncmp(s, "i-", 2) != 0)
		return false;
	n = strspn(s + 2, "0123456789abcdef");
	return s[2 + n] == '\0' && n >= 8 && n <= 17;
}

static int
wrong(struct err *e, const char *what)
{
	err_clear(e);
	return err_set(e, 422, "notice", "The event %s", what);
}

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static int
ids_of(struct arena *a, const struct detail *d, struct spot_notice *out,
    struct err *e)
{
	const struct entity *v = d->entities.items;
	VEC(const char *) ids = { 0 };

	if (out->kind != NOTICE_HEALTH) {
		const char *id = out->kind == NOTICE_ASG ? d->member :
		    d->instance;

		if (out->kind == NOTICE_ASG && or_empty(id)[0] == '\0')
			return 0;	/* a launch that came to nothing */
		if (!spot_instance_id_ok(id))
			return wrong(e, "names no instance");
		*VEC_ADD(a, &ids) = id;
	} else
		for (size_t i = 0; i < d->entities.n; i++)
			if (spot_instance_id_ok(v[i].value))
				*VEC_ADD(a, &ids) = v[i].value;
	out->instances = ids.v;
	out->n = ids.n;
	return 0;
}

/* "Fri, 27 Jan 2023 06:00:00 GMT", as health events write instants. */
static bool
http_date(const char *s, struct utc *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char month[4] = "", zone[4] = "";
	const char *at;
	int day, year, h, m, sec;

	if (sscanf(s, "%*3[A-Za-z], %2d %3s %4d %2d:%2d:%2d %3s", &day, month,
	    &year, &h, &m, &sec, zone) != 7 || strcmp(zone, "GMT") != 0 ||
	    strlen(month) != 3 || (at = strstr(months, month)) == NULL ||
	    (at - months) % 3 != 0 || year < 1970 || year > 9999 || day < 1 ||
	    day > 31 || h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 ||
	    sec > 60)
		return false;
	out->us = (clock_days(year, (int)(at - months) / 3 + 1, day) * 86400 +
	    h * 3600 + m * 60 + sec) * US_PER_S;
	return true;
}

static void
fill_detail(const struct detail *d, struct spot_notice *out)
{
	struct utc due;

	switch (out->kind) {
	case NOTICE_INTERRUPTION: out->action = or_empty(d->action); break;
	case NOTICE_STATE: out->action = or_empty(d->state); break;
	case NOTICE_HEALTH: out->action = or_empty(d->code); break;
	case NOTICE_ASG: out->action = or_empty(d->transition); break;
	case NOTICE_REBALANCE: case NOTICE_OTHER: break;
	}
	out->asg = or_empty(d->asg);
	out->hook = or_empty(d->hook);
	out->token = or_empty(d->token);
	if (d->starts != NULL && (clock_parse(d->starts, &due) == 0 ||
	    http_date(d->starts, &due)))
		out->due = due;
}

static int
read_envelope(struct arena *a, const char *text, size_t n,
    struct envelope *v, struct err *e)
{
	uint64_t seen;

	memset(v, 0, sizeof(*v));
	if (n > NOTICE_MAX)
		return wrong(e, "is larger than 256 KiB");
	if (json_scan(text, n, VALUES_MAX, "body", a, e) == -1 ||
	    schema_decode_json(&envelope_schema, text, n, "body", false, a, v,
	    &seen, e) == -1)
		return wrong(e, "is not a JSON object of the form that "
		    "EventBridge sends");
	return 0;
}

static bool
digits12(const char *s)
{
	return s != NULL && strlen(s) == 12 && strspn(s, "0123456789") == 12;
}

static int
check_envelope(const struct envelope *v, struct err *e)
{
	if (or_empty(v->id)[0] == '\0')
		return wrong(e, "has no id");
	if (!digits12(v->account))
		return wrong(e, "names no account");
	if (or_empty(v->region)[0] == '\0')
		return wrong(e, "names no region");
	if (v->time.us == 0)
		return wrong(e, "has no time");
	return v->type == NULL ? wrong(e, "has no detail-type") : 0;
}

int
spot_notice_parse(struct arena *a, const char *text, size_t n,
    struct spot_notice *out, struct err *e)
{
	struct envelope v;
	struct detail d = { 0 };
	uint64_t seen;

	*out = (struct spot_notice){ .action = "", .asg = "", .hook = "",
	    .token = "" };
	if (read_envelope(a, text, n, &v, e) == -1)
		return -1;
	if (v.wrapped != NULL && v.wrapper != NULL &&
	    strcmp(v.wrapper, "Notification") == 0 &&
	    read_envelope(a, v.wrapped, strlen(v.wrapped), &v, e) == -1)
		return -1;
	if (check_envelope(&v, e) == -1)
		return -1;
	out->event_id = v.id;
	out->account = v.account;
	out->region = v.region;
	out->at = v.time;
	for (size_t i = 0; i < NITEMS(types); i++)
		if (strcmp(v.type, types[i].type) == 0 && v.source != NULL &&
		    strcmp(v.source, types[i].source) == 0)
			out->kind = types[i].kind;
	if (out->kind == NOTICE_OTHER)
		return 0;
	if (v.detail.p == NULL || schema_decode_json(&detail_schema,
	    v.detail.p, strlen(v.detail.p), "detail", false, a, &d, &seen,
	    e) == -1)
		return wrong(e, "has a detail of another form");
	fill_detail(&d, out);
	if (out->kind == NOTICE_HEALTH && strcmp(or_empty(d.service),
	    "EC2") != 0) {
		out->kind = NOTICE_OTHER;
		return 0;
	}
	return ids_of(a, &d, out, e);
}

/* ---- judging ---------------------------------------------------------------- */

enum notice_verdict
spot_notice_judge(const struct spot_notice *n, const char *aws_account,
    const char *region, struct utc now)
{
	if (aws_account == NULL || strcmp(n->account, aws_account) != 0 ||
	    (*region != '\0' && strcmp(n->region, region) != 0))
		return NOTICE_FOREIGN;
	if (now.us - n->at.us >= (NOTICE_KEEP_S - FUTURE_S) * US_PER_S ||
	    n->at.us - now.us > FUTURE_S * US_PER_S)
		return NOTICE_LATE;
	return NOTICE_MINE;
}

void
spot_notice_sort(struct spot_notice **v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j > 0 && v[j]->at.us < v[j - 1]->at.us;
		    j--) {
			struct spot_notice *t = v[j];

			v[j] = v[j - 1];
			v[j - 1] = t;
		}
}

struct utc
spot_notice_deadline(const struct spot_notice *n)
{
	return (struct utc){ n->at.us + 120 * US_PER_S };
}

/* ---- writing ---------------------------------------------------------------- */

const char *
spot_notice_write(struct arena *a, const char *signal, const char *event_id,
    const char *account, const char *region, const char *instance,
    struct utc at)
{
	bool end = strcmp(signal, "TERMINATION") == 0;
	char time[CLOCK_TEXT];

	return arena_printf(a, "{\"version\":\"0\",\"id\":\"%s\","
	    "\"detail-type\":\"%s\",\"source\":\"aws.ec2\","
	    "\"account\":\"%s\",\"time\":\"%s\",\"region\":\"%s\","
	    "\"resources\":[\"arn:aws:ec2:%s:%s:instance/%s\"],"
	    "\"detail\":{\"instance-id\":\"%s\"%s}}", event_id, end ?
	    "EC2 Spot Instance Interruption Warning" :
	    "EC2 Instance Rebalance Recommendation", account,
	    clock_format(at, time), region, region, account, instance,
	    instance, end ? ",\"instance-action\":\"terminate\"" : "");
}

/* ---- signatures ---------------------------------------------------------------- */

const char *
spot_notice_sign(struct arena *a, const char *secret, const char *timestamp,
    const char *nonce, const char *body, size_t n)
{
	uint8_t mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct str s;

	str_init(&s, a);
	str_addf(&s, "%s.%s.", timestamp, nonce);
	str_addn(&s, body, n);
	crypto_hmac_sha256(secret, strlen(secret), s.p, s.len, mac);
	return arena_printf(a, "v1=%s", hex_encode(mac, sizeof(mac), hex));
}

static bool
nonce_ok(const char *s)
{
	size_t n = s == NULL ? 0 : strspn(s, "0123456789abcdefghijklmnop"
	    "qrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-");

	return n >= 8 && n <= NOTICE_NONCE_MAX && s[n] == '\0';
}

static bool
seconds(const char *s, int64_t *out)
{
	size_t n = s == NULL ? 0 : strspn(s, "0123456789");

	if (n == 0 || n > 12 || s[n] != '\0')
		return false;
	*out = strtoll(s, NULL, 10);
	return true;
}

int
spot_notice_verify(struct arena *a, const char *secret,
    const char *timestamp, const char *nonce, const char *signature,
    const char *body, size_t n, struct utc now, struct err *e)
{
	const char *ours;
	int64_t at;

	if (!seconds(timestamp, &at) || !nonce_ok(nonce) ||
	    signature == NULL)
		return err_set(e, 401, "signature", "X-Quincunx-Timestamp "
		    "(seconds), X-Quincunx-Nonce (8 to 64 letters and digits) "
		    "and X-Quincunx-Signature (v1=…) are needed");
	ours = spot_notice_sign(a, secret, timestamp, nonce, body, n);
	if (strlen(signature) != strlen(ours) ||
	    !crypto_equal(signature, ours, strlen(ours)))
		return err_set(e, 401, "signature",
		    "The signature is not right");
	if (now.us / US_PER_S - at > NOTICE_SKEW_S ||
	    at - now.us / US_PER_S > NOTICE_SKEW_S)
		return err_set(e, 401, "clock", "The timestamp is more than "
		    "%d seconds away from now", NOTICE_SKEW_S);
	return 0;
}
