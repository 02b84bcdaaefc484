/*
 * Notices and governance from the outside: web server, responder and worker
 * against the fake AWS, whose own list of acts is the judge. What is unsigned,
 * forged, replayed, of another account or region launches nothing; a real
 * warning launches one replacement and only then ends the old machine, however
 * often and in whatever order it is told; what nobody authorized ends by the
 * executor, once another person or the grace has said so, and nothing else.
 */
#include <json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/notice.h"
#include "modules/spot/sns.h"
#include "net/net.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/signer.h"
#include "tests/harness/stack.h"

#define REGION "us-east-1"
#define TOPIC "arn:aws:sns:" REGION ":" FAKE_ACCOUNT ":notices"
#define CERT "/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
#define KEYS "\"access_key\":\"" FAKE_ACCESS_KEY "\",\"secret_key\":\"" \
	FAKE_SECRET_KEY "\""

enum { SOON_MS = 60000, MACHINES = 5 };

static struct stack st;
static struct fake fake;
static struct net *net;
static const char *token, *account, *hook, *secret;
static int counter;

/* ---- the cloud ---------------------------------------------------------------------- */

static const char *
control(const char *path, const char *json)
{
	return fakeec2_control(&fake, st.a, net, path, json);
}

/* Acts of a kind that name an id in their text; NULL: any. *at: the place of
 * the last of them. */
static int
count_at(const char *what, const char *id, size_t *at)
{
	struct json_object *all = json_tokener_parse(control("/_control/acts",
	    "{\"since\":0}")), *v = json_at(all, "acts");
	int n = 0;

	for (size_t i = 0; v != NULL && i < json_object_array_length(v); i++) {
		struct json_object *o = json_object_array_get_idx(v, i);

		if (strcmp(json_text_at(o, "what"), what) != 0 || (id != NULL
		    && strstr(json_object_to_json_string(o), id) == NULL))
			continue;
		n++;
		*at = i;
	}
	json_object_put(all);
	return n;
}

static int
count(const char *what, const char *id)
{
	size_t at;

	return count_at(what, id, &at);
}

static void
machine(const char *id, const char *lifecycle, const char *tags)
{
	control("/_control/fleet", http_text(&st, "{\"add\":[{\"region\":\""
	    REGION "\",\"count\":1,\"instanceId\":\"%s\",\"instanceType\":"
	    "\"m5.large\",\"availabilityZone\":\"us-east-1a\",\"state\":"
	    "\"running\",\"lifecycle\":\"%s\",\"platformDetails\":"
	    "\"Linux/UNIX\",\"tags\":%s}]}", id, lifecycle, tags));
}

static const char *
member(int k)
{
	return http_text(&st, "i-0bbb%013d", k);
}

static const char *
group(int k)
{
	return http_text(&st, "web%d", k);
}

/* ---- ours --------------------------------------------------------------------------- */

static bool
scan_asked(void *arg)
{
	(void)arg;
	return http_send(&st, "POST", http_text(&st,
	    "/api/spot/accounts/%s/rediscover", account), token,
	    NULL)->status == 202;
}

static bool
all_known(void *arg)
{
	int *want = arg;

	return atoi(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "spot_instance WHERE gone_at IS NULL")) >= *want &&
	    strcmp(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM spot_scan "
	    "WHERE state IN ('queued', 'running')"), "0") == 0;
}

static void
scan(int want)
{
	assert_true(eventually(scan_asked, NULL, SOON_MS));
	assert_true(eventually(all_known, &want, SOON_MS));
}

static const char *
value(const char *fmt, const char *id)
{
	char sql[500];

	snprintf(sql, sizeof(sql), fmt, id);
	return mariadb_value(st.a, st.db, sql);
}

struct posting {
	const char *secret, *nonce, *body;
	int64_t age_s;
};

static const struct reply *
post(struct posting p)
{
	const char *ts = http_text(&st, "%lld", (long long)(clock_now().us /
	    US_PER_S - p.age_s));
	const char *const headers[] = {
	    http_text(&st, "X-Quincunx-Timestamp: %s", ts),
	    http_text(&st, "X-Quincunx-Nonce: %s", p.nonce),
	    http_text(&st, "X-Quincunx-Signature: %s", spot_notice_sign(st.a,
	    p.secret, ts, p.nonce, p.body, strlen(p.body))), NULL };

	return http_call(&st, &(struct call){ .method = "POST", .path = hook,
	    .body = p.body, .headers = headers });
}

static const char *
nonce(void)
{
	return http_text(&st, "nonce%05d", ++counter);
}

static const char *
warning(const char *signal, const char *aws, const char *region,
    const char *instance, int64_t age_s)
{
	return spot_notice_write(st.a, signal, http_text(&st, "event-%d",
	    ++counter), aws, region, instance, (struct utc){ clock_now().us -
	    age_s * US_PER_S });
}

static const char *
ours(const char *instance)
{
	return warning("TERMINATION", FAKE_ACCOUNT, REGION, instance, 1);
}

static void
expect_taken(const struct reply *r, int accepted, int duplicates,
    int dropped)
{
	expect_status(r, 200);
	assert_int_equal(json_int_at(r->json, "accepted"), accepted);
	assert_int_equal(json_int_at(r->json, "duplicates"), duplicates);
	assert_int_equal(json_int_at(r->json, "dropped"), dropped);
}

static void
nothing_done(const char *instance)
{
	assert_string_equal(value("SELECT COUNT(*) FROM spot_interruption "
	    "WHERE instance_id = '%s'", instance), "0");
	assert_string_equal(value("SELECT COUNT(*) FROM spot_move WHERE "
	    "instance_id = '%s'", instance), "0");
	assert_int_equal(count("launched", NULL), 0);
}

static bool
replaced(void *arg)
{
	return strcmp(value("SELECT COUNT(*) FROM spot_move WHERE kind = "
	    "'replace' AND state = 'succeeded' AND instance_id = '%s'", arg),
	    "1") == 0;
}

/* One new machine serves in the group before the old one is out; the group
 * has its size. */
static void
swapped(int k)
{
	const char *old = member(k), *next;
	size_t up = 0, out = 0;
	struct json_object *o;

	if (!eventually(replaced, (void *)(uintptr_t)old, SOON_MS))
		fail_msg("%s: %s", old, value("SELECT CONCAT(m.state, ' ', "
		    "m.step, ' ', m.error) FROM spot_move m WHERE instance_id "
		    "= '%s'", old));
	next = value("SELECT new_instance FROM spot_move WHERE kind = "
	    "'replace' AND instance_id = '%s'", old);
	assert_int_equal(count("launched", next), 1);
	assert_int_equal(count_at("attached", next, &up), 1);
	assert_int_equal(count_at("group_terminated", old, &out), 1);
	assert_true(up < out);
	o = json_tokener_parse(control("/_control/group", http_text(&st,
	    "{\"region\":\"" REGION "\",\"name\":\"%s\"}", group(k))));
	assert_int_equal(json_int_at(o, "max"), 1);
	assert_int_equal(json_int_at(o, "desired"), 1);
	json_object_put(o);
}

/* ---- what is not believed ------------------------------------------------------------ */

static void
not_believed(void **state)
{
	const char *i = member(0), *body = ours(i), *used = nonce();
	const struct reply *r;

	(void)state;
	expect_status(http_send(&st, "POST", hook, NULL, body), 401);
	expect_status(http_send(&st, "POST", hook, token, body), 401);
	expect_status(post((struct posting){ "guessed", nonce(), body, 0 }),
	    401);
	expect_status(post((struct posting){ secret, nonce(), body, 900 }),
	    401);
	/* of another account, of a region that is not the source's, of long
	 * ago: signed well, dropped and counted */
	expect_taken(post((struct posting){ secret, nonce(), warning(
	    "TERMINATION", "999988887777", REGION, i, 1), 0 }), 0, 0, 1);
	expect_taken(post((struct posting){ secret, nonce(), warning(
	    "TERMINATION", FAKE_ACCOUNT, "eu-west-1", i, 1), 0 }), 0, 0, 1);
	expect_taken(post((struct posting){ secret, nonce(), warning(
	    "TERMINATION", FAKE_ACCOUNT, REGION, i, 3 * 86400), 0 }), 0, 0,
	    1);
	expect_taken(post((struct posting){ secret, used, "{}", 0 }), 0, 0,
	    1);
	/* its nonce was used for something else */
	r = post((struct posting){ secret, used, body, 0 });
	expect_status(r, 401);
	assert_non_null(strstr(r->body, "nonce"));
	nothing_done(i);
	assert_string_equal(value("SELECT CONCAT(forged, ' ', strangers) FROM "
	    "spot_source WHERE kind = '%s'", "webhook"), "5 2");
}

/* ---- what is ------------------------------------------------------------------------ */

static void
warned(void **state)
{
	const char *i = member(0), *body = ours(i), *text;

	(void)state;
	expect_taken(post((struct posting){ secret, nonce(), body, 0 }), 1, 0,
	    0);
	for (int k = 0; k < 2; k++)
		expect_taken(post((struct posting){ secret, nonce(), body,
		    0 }), 0, 1, 0);
	expect_taken(post((struct posting){ secret, nonce(), ours(i), 0 }), 1,
	    0, 0);
	/* the recommendation was sent first and comes last */
	expect_taken(post((struct posting){ secret, nonce(), warning(
	    "REBALANCE", FAKE_ACCOUNT, REGION, i, 300), 0 }), 1, 0, 0);
	swapped(0);
	assert_int_equal(count("launched", NULL), 1);
	text = http_get(&st, http_text(&st,
	    "/api/spot/interruptions?instance_id=%s", i), token)->body;
	assert_non_null(strstr(text, "\"requested_at\":\"2"));
	assert_string_equal(value("SELECT COUNT(*) FROM spot_interruption "
	    "WHERE instance_id = '%s'", i), "1");
	assert_string_equal(value("SELECT COUNT(*) FROM spot_downtime WHERE "
	    "instance_id = '%s'", i), "1");
}

/* ---- a queue that repeats itself and shuffles -------------------------------------- */

static bool
no_more_than(void *arg)
{
	return count("launched", NULL) - count("terminated", NULL) ==
	    *(int *)arg;
}

static void
queued(void **state)
{
	const struct reply *r;
	int living = 3;

	(void)state;
	control("/_control/queue", "{\"name\":\"notices\",\"region\":\""
	    REGION "\",\"visibility_s\":2,\"duplicate\":0.7,\"shuffle\":"
	    "true}");
	r = http_send(&st, "POST", "/api/spot/sources", token, http_text(&st,
	    "{\"account_id\":\"%s\",\"kind\":\"sqs\",\"address\":"
	    "\"%s/" FAKE_ACCOUNT "/notices\",\"region\":\"" REGION "\"}",
	    account, fake.url));
	expect_status(r, 201);
	control("/_control/interrupt", http_text(&st, "{\"ids\":[\"%s\","
	    "\"%s\"]}", member(1), member(2)));
	control("/_control/interrupt", http_text(&st, "{\"ids\":[\"%s\"],"
	    "\"kind\":\"rebalance\"}", member(1)));
	swapped(1);
	swapped(2);
	/* the recommendation may have come first: its standby has taken over,
	 * or is given up */
	if (!eventually(no_more_than, &living, SOON_MS))
		fail_msg("%d launched, %d terminated", count("launched", NULL),
		    count("terminated", NULL));
}

/* ---- a topic ------------------------------------------------------------------------ */

static const char *
sns(EVP_PKEY *k, const char *message, const char *cert)
{
	char now[CLOCK_TEXT];
	struct spot_sns m = { .type = SNS_NOTIFICATION, .topic = TOPIC,
	    .message_id = http_text(&st, "m-%d", ++counter),
	    .message = message, .cert_url = cert, .version = "2",
	    .timestamp = clock_format(clock_now(), now) };
	struct str s;

	str_init(&s, st.a);
	str_addf(&s, "{\"Type\":\"Notification\",\"MessageId\":\"%s\","
	    "\"TopicArn\":\"" TOPIC "\",\"Timestamp\":\"%s\","
	    "\"SignatureVersion\":\"2\",\"SigningCertURL\":\"%s\","
	    "\"Signature\":\"%s\",\"Message\":", m.message_id, m.timestamp,
	    cert, signer_sign(st.a, k, EVP_sha256(), spot_sns_canonical(st.a,
	    &m)));
	str_json(&s, message);
	str_add(&s, "}");
	return s.p;
}

static void
topic(void **state)
{
	EVP_PKEY *k = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
	const char *i = member(3), *cert = http_text(&st, "%s" CERT,
	    fake.url), *door;
	const struct reply *r;

	(void)state;
	control("/_control/file", http_text(&st, "{\"path\":\"" CERT "\","
	    "\"body\":%s}", http_quote(&st, signer_cert(st.a, k,
	    "sns.amazonaws.com", -60, 3600))));
	r = http_send(&st, "POST", "/api/spot/sources", token, http_text(&st,
	    "{\"account_id\":\"%s\",\"kind\":\"sns\",\"address\":\"" TOPIC
	    "\"}", account));
	expect_status(r, 201);
	door = http_text(&st, "/api/spot/notices/%s/sns", json_text_at(r->json,
	    "id"));
	expect_status(http_send(&st, "POST", door, NULL, sns(other, ours(i),
	    cert)), 401);
	/* a certificate that everybody could have written */
	expect_status(http_send(&st, "POST", door, NULL, sns(k, ours(i),
	    "https://sns.us-east-1.amazonaws.com.evil.example" CERT)), 401);
	assert_string_equal(value("SELECT COUNT(*) FROM spot_interruption "
	    "WHERE instance_id = '%s'", i), "0");
	expect_taken(http_send(&st, "POST", door, NULL, sns(k, ours(i),
	    cert)), 1, 0, 0);
	swapped(3);
	/* fetched once, from its pinned place */
	assert_string_equal(control("/_control/file", "{\"path\":\"" CERT
	    "\"}"), "{\"asked\": 1, \"unchanged\": 0}");
	EVP_PKEY_free(k);
	EVP_PKEY_free(other);
}

/* ---- governance ---------------------------------------------------------------------- */

#define NOBODY "i-0ccc0000000000001"
#define CLAIMED "i-0ccc0000000000002"
#define MANAGED "i-0ccc0000000000003"

static const char *
row_id(const char *instance)
{
	const struct reply *r = http_get(&st, "/api/spot/instances?limit=200",
	    token);
	struct json_object *v = json_object_is_type(r->json,
	    json_type_array) ? r->json : json_at(r->json, "items");

	for (size_t i = 0; v != NULL && i < json_object_array_length(v); i++) {
		struct json_object *o = json_object_array_get_idx(v, i);

		if (strcmp(json_text_at(o, "instance_id"), instance) == 0)
			return http_text(&st, "%s", json_text_at(o, "id"));
	}
	fail_msg("%s is not known: %s", instance, r->body);
	return NULL;
}

static const char *
status_of(const char *instance)
{
	return value("SELECT auth_status FROM spot_instance WHERE instance_id "
	    "= '%s'", instance);
}

static const struct reply *
terminate(const char *instance)
{
	return http_send(&st, "POST", http_text(&st,
	    "/api/spot/instances/%s/terminate", row_id(instance)), token,
	    "{\"reason\":\"nobody claims it\"}");
}

static bool
ended(void *arg)
{
	(void)arg;
	return count("terminated", NOBODY) == 1;
}

static bool
told_done(void *arg)
{
	const struct reply *r = http_send(&st, "POST",
	    "/api/spot/governance/review", token, "{}");

	(void)arg;
	return r->status == 200 && strcmp(value("SELECT state FROM "
	    "spot_termination WHERE instance_id = '%s'", NOBODY),
	    "done") == 0;
}

static void
governed(void **state)
{
	const struct reply *r;
	const char *approval, *digest;

	(void)state;
	assert_string_equal(status_of(NOBODY), "FLAGGED");
	assert_string_equal(status_of(CLAIMED), "FLAGGED");
	assert_string_equal(status_of(MANAGED), "AUTHORIZED");
	r = terminate(MANAGED);
	expect_status(r, 409);
	assert_non_null(strstr(r->body, "authorized"));
	/* a person's word, which outlasts a scan */
	expect_status(http_send(&st, "POST", http_text(&st,
	    "/api/spot/instances/%s/authorize", row_id(CLAIMED)), token,
	    NULL), 200);
	scan(3);
	assert_string_equal(status_of(CLAIMED), "AUTHORIZED");
	/* in its grace nothing is asked; an own request is not for oneself */
	expect_status(http_send(&st, "POST", "/api/spot/governance/review",
	    token, "{}"), 200);
	assert_string_equal(value("SELECT COUNT(*) FROM spot_termination%s",
	    ""), "0");
	mariadb_sql(st.db, "UPDATE spot_instance SET grace_until = NOW(6) - "
	    "INTERVAL 1 SECOND WHERE instance_id IN ('" NOBODY "', '" CLAIMED
	    "')");
	expect_status(http_send(&st, "POST", "/api/spot/governance/review",
	    token, "{}"), 200);
	approval = value("SELECT LOWER(INSERT(INSERT(INSERT(INSERT(HEX("
	    "approval_id), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')) "
	    "FROM spot_termination WHERE instance_id = '%s'", NOBODY);
	assert_int_equal(strlen(approval), 36);
	assert_string_equal(value("SELECT COUNT(*) FROM spot_termination%s",
	    ""), "1");
	expect_status(terminate(NOBODY), 409);
	assert_int_equal(count("terminated", NOBODY), 0);
	r = http_get(&st, http_text(&st, "/api/system/approvals/%s",
	    approval), token);
	expect_status(r, 200);
	digest = http_text(&st, "%s", json_text_at(r->json, "plan_digest"));
	expect_status(http_send(&st, "POST", http_text(&st,
	    "/api/system/approvals/%s/approve", approval), token,
	    http_text(&st, "{\"digest\":\"%s\"}", digest)), 200);
	if (!eventually(ended, NULL, SOON_MS))
		fail_msg("%s", value("SELECT CONCAT(state, ' ', error) FROM "
		    "spot_move WHERE instance_id = '%s'", NOBODY));
	assert_true(eventually(told_done, NULL, SOON_MS));
	/* and nothing else */
	assert_int_equal(count("terminated", CLAIMED), 0);
	assert_int_equal(count("terminated", MANAGED), 0);
	assert_int_equal(count("terminated", "i-0ccc"), 1);
}

static void
own_plan(void **state)
{
	const struct reply *r;
	const char *approval;

	(void)state;
	expect_status(http_send(&st, "POST", http_text(&st,
	    "/api/spot/instances/%s/revoke", row_id(CLAIMED)), token, NULL),
	    200);
	assert_string_equal(status_of(CLAIMED), "FLAGGED");
	r = terminate(CLAIMED);
	expect_status(r, 202);
	approval = http_text(&st, "%s", json_text_at(r->json, "approval_id"));
	r = http_get(&st, http_text(&st, "/api/system/approvals/%s",
	    approval), token);
	r = http_send(&st, "POST", http_text(&st,
	    "/api/system/approvals/%s/approve", approval), token,
	    http_text(&st, "{\"digest\":\"%s\"}", json_text_at(r->json,
	    "plan_digest")));
	expect_status(r, 403);
	assert_int_equal(count("terminated", CLAIMED), 0);
}

/* ---- feeds, and the weekly fit ------------------------------------------------------- */

static bool
job_over(void *arg)
{
	const struct reply *r = http_get(&st, http_text(&st,
	    "/api/system/jobs/%s", (const char *)arg), token);

	return r->status == 200 && strcmp(json_text_at(r->json, "status"),
	    "succeeded") == 0;
}

static struct json_object *
job(const char *type)
{
	const struct reply *r = http_send(&st, "POST", "/api/system/jobs",
	    token, http_text(&st, "{\"type\":\"%s\",\"payload\":{}}",
	    type));
	const char *id;

	if (r->status / 100 != 2)
		fail_msg("%s: %d %s", type, r->status, r->body);
	id = http_text(&st, "%s", json_text_at(r->json, "id"));
	if (!eventually(job_over, (void *)(uintptr_t)id, SOON_MS))
		fail_msg("%s: %s", type, http_get(&st, http_text(&st,
		    "/api/system/jobs/%s", id), token)->body);
	r = http_get(&st, http_text(&st, "/api/system/jobs/%s", id), token);
	return json_at(r->json, "result");
}

#define PRICES "/prices.json"

static void
publish(const char *etag, const char *usd)
{
	control("/_control/file", http_text(&st, "{\"path\":\"" PRICES
	    "\",\"etag\":%s,\"body\":\"{\\\"eu-west-1\\\":{"
	    "\\\"m5.large\\\":%s}}\"}", etag, usd));
}

static const char *
price(void)
{
	return value("SELECT CAST(price AS CHAR) FROM spot_od_price WHERE "
	    "market = 'aws' AND region = '%s'", "eu-west-1");
}

static void
fed(void **state)
{
	struct json_object *out;

	(void)state;
	publish("\"\\\"one\\\"\"", "0.107");
	out = job("spot.feed_pull");
	assert_int_equal(json_int_at(out, "prices"), 1);
	assert_int_equal(json_int_at(out, "unchanged"), 0);
	assert_int_equal(strcmp(price(), "10700000"), 0);
	/* the same is not read again */
	out = job("spot.feed_pull");
	assert_int_equal(json_int_at(out, "prices"), 0);
	assert_int_equal(json_int_at(out, "unchanged"), 1);
	assert_string_equal(control("/_control/file", "{\"path\":\"" PRICES
	    "\"}"), "{\"asked\": 2, \"unchanged\": 1}");
	publish("\"\\\"two\\\"\"", "0.108");
	assert_int_equal(json_int_at(job("spot.feed_pull"), "prices"), 1);
	assert_int_equal(strcmp(price(), "10800000"), 0);
	/* a server that says nothing of versions is read each time */
	publish("null", "0.109");
	assert_int_equal(json_int_at(job("spot.feed_pull"), "prices"), 1);
	assert_int_equal(json_int_at(job("spot.feed_pull"), "prices"), 1);
}

static bool
fits_over(void *arg)
{
	return strcmp(value("SELECT COUNT(*) FROM jobs_job WHERE type = "
	    "'spot.risk_fit' AND state = 10%s", ""), arg) == 0;
}

/* A market more, and it is fitted too. */
static void
weekly(void **state)
{
	const char *markets;

	(void)state;
	mariadb_sql(st.db, "INSERT IGNORE INTO spot_pool (market, region, az, "
	    "instance_type, product) VALUES ('simulated', '" REGION "', '"
	    REGION "a', 'm5.large', 'Linux/UNIX')");
	markets = value("SELECT COUNT(DISTINCT market) FROM spot_pool%s", "");
	assert_string_equal(markets, "2");
	assert_int_equal(json_int_at(job("spot.risk_weekly"), "markets"), 2);
	assert_true(eventually(fits_over, (void *)(uintptr_t)markets,
	    SOON_MS));
	job("spot.signal_hours");
}

/* ---- the program --------------------------------------------------------------------- */

static void
fleet(void)
{
	for (int k = 0; k < MACHINES; k++) {
		machine(member(k), "spot", "{}");
		control("/_control/group", http_text(&st, "{\"region\":\""
		    REGION "\",\"name\":\"%s\",\"min\":1,\"max\":1,"
		    "\"desired\":1,\"azs\":[\"us-east-1a\"],\"members\":"
		    "[\"%s\"]}", group(k), member(k)));
	}
	machine(NOBODY, "on-demand", "{}");
	machine(CLAIMED, "on-demand", "{}");
	machine(MANAGED, "on-demand", "{\"ManagedBy\":\"SpotOptimizer\"}");
}

static int
setup(void **state)
{
	static const char *const nothing[] = { NULL };
	static const struct net_conf conf = { .allow = nothing,
	    .ca_file = "", .connect_timeout_ms = 1000, .timeout_ms = 10000,
	    .max_bytes = 4 << 20 };
	static struct arena *a;
	const struct reply *r;
	struct err e = { 0 };

	(void)state;
	a = arena_new(16 << 20);
	stack_user();
	fakeec2_start(&fake, a, (const char *const[]){ "--instances", "0",
	    "--regions", "1", NULL });
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .worker = true, .settings = (const char *const[]){
	    arena_printf(a, "aws.endpoint=%s", fake.url),
	    arena_printf(a, "aws.sts_endpoint=%s", fake.url),
	    arena_printf(a, "aws.sqs_endpoint=%s", fake.url),
	    arena_printf(a, "aws.sns_endpoint=%s", fake.url),
	    arena_printf(a, "spot.od_price_url=%s" PRICES, fake.url),
	    "spot.move_poll=1", "spot.governance_ask=true", NULL } });
	assert_int_equal(net_open(&net, st.a, &conf, NULL, &e), 0);
	net_allow(net, fake.url);
	control("/_control/world", "{\"boot_s\":1,\"check_s\":1}");
	fleet();
	token = arena_strdup(a, http_admin(&st));
	r = http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"prod\",\"connection_method\":\"access_keys\","
	    "\"region\":\"" REGION "\",\"regions\":[\"" REGION "\"]," KEYS
	    "}");
	expect_status(r, 201);
	account = arena_strdup(a, json_text_at(r->json, "id"));
	scan(MACHINES + 3);
	r = http_send(&st, "POST", "/api/spot/sources", token, http_text(&st,
	    "{\"account_id\":\"%s\",\"kind\":\"webhook\",\"region\":\"" REGION
	    "\"}", account));
	expect_status(r, 201);
	hook = arena_printf(a, "/api/spot/notices/%s/webhook",
	    json_text_at(r->json, "id"));
	secret = arena_strdup(a, json_text_at(r->json, "secret"));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fake_stop(&fake);	/* first: a poll of the queue waits 20 s */
	stack_stop(&st);
	return 0;
}

static int
each(void **state)
{
	(void)state;
	http_forget(&st);
	return 0;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, each)
	const struct CMUnitTest tests[] = { T(not_believed), T(warned),
		T(queued), T(topic), T(governed), T(own_plan), T(fed),
		T(weekly) };

	return cmocka_run_group_tests_name("notices", tests, setup, teardown);
}
