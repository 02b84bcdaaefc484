/*
 * Real signed calls to the fake EC2, which checks the signatures: listings of
 * several pages, temporary credentials, and each accident with its class.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "modules/spot/ec2_wire.h"
#include "modules/spot/sts_wire.h"
#include "tests/harness/fakeec2.h"

#define ROLE "arn:aws:iam::111122223333:role/reader"

static const char *const no_allow[] = { NULL };
static const struct net_conf conf = { .allow = no_allow, .ca_file = "",
    .connect_timeout_ms = 1000, .timeout_ms = 10000,
    .max_bytes = 4 << 20 };
static const char *const options[] = { "--instances", "60", "--regions", "5",
    "--role", ROLE ":outside-1", "--key",
    FAKE_ACCESS_KEY ":" FAKE_SECRET_KEY ":" FAKE_ACCOUNT, "--key",
    "AKIADENIED0000000001:secretsecretsecret:" FAKE_ACCOUNT ":denied", NULL };

static struct fake fake;
static struct arena *arena;
static struct net *net;

static int
start(void **state)
{
	struct err err = { 0 };

	(void)state;
	arena = arena_new(256 << 20);
	fakeec2_start(&fake, arena, options);
	if (net_open(&net, arena, &conf, NULL, &err) == -1)
		return -1;
	net_allow(net, fake.url);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	fake_stop(&fake);
	arena_free(arena);
	return 0;
}

static struct aws_client
client(void)
{
	return (struct aws_client){ .net = net, .ec2_endpoint = fake.url,
	    .sts_endpoint = fake.url, .timeout_ms = 3000,
	    .key = { FAKE_ACCESS_KEY, FAKE_SECRET_KEY, NULL } };
}

static void
script(const char *rules)
{
	fakeec2_control(&fake, arena, net, "/_control",
	    arena_printf(arena, "{\"rules\":[%s]}", rules));
}

static void
fetch(struct aws_client *c, enum ec2_call which, const struct ec2_query *q,
    struct ec2_page *page)
{
	struct err err = { 0 };

	if (spot_ec2_fetch(arena, c, which, q, page, &err) == -1)
		fail_msg("%s: %s (%s)", err.code, err.detail, err.cause);
}

/* All pages of a listing into one map by key(row); number of pages. */
static size_t
fetch_all(struct aws_client *c, enum ec2_call which, struct ec2_query q,
    struct map *out, size_t *rows)
{
	struct ec2_page page;
	size_t pages = 0;

	*rows = 0;
	do {
		fetch(c, which, &q, &page);
		for (size_t i = 0; i < page.rows.n; i++) {
			const struct ec2_instance *one =
			    EC2_ROW(&page, ec2_instance, i);

			if (which == EC2_INSTANCES)
				map_put(out, one->instance_id,
				    (void *)(uintptr_t)one);
		}
		*rows += page.rows.n;
		q.next_token = page.next_token;
		assert_true(++pages < 1000);
	} while (*page.next_token != '\0');
	return pages;
}

static void
test_regions(void **state)
{
	struct aws_client c = client();
	struct ec2_query q = { .region = "us-east-1" };
	struct ec2_page page;
	size_t closed = 0;

	(void)state;
	fetch(&c, EC2_REGIONS, &q, &page);
	assert_int_equal(page.rows.n, 5);
	assert_string_equal(EC2_ROW(&page, ec2_region, 0)->opt_in,
	    "opt-in-not-required");
	assert_true(spot_aws_region_ok(EC2_ROW(&page, ec2_region, 0)->name));
	q.all_regions = true;
	fetch(&c, EC2_REGIONS, &q, &page);
	for (size_t i = 0; i < page.rows.n; i++)
		closed += strcmp(EC2_ROW(&page, ec2_region, i)->opt_in,
		    "not-opted-in") == 0;
	assert_true(closed > 0);
	assert_int_equal(page.rows.n, 5 + closed);
}

static void
test_instances(void **state)
{
	static const char *const running[] = { "running", NULL };
	struct aws_client c = client();
	struct ec2_query q = { .region = "us-east-1" };
	struct map *whole = map_new(arena), *parts = map_new(arena);
	size_t n, k, it = 0;
	const char *id;
	void *v;

	(void)state;
	assert_int_equal(fetch_all(&c, EC2_INSTANCES, q, whole, &n), 1);
	assert_true(n >= 10);
	assert_int_equal(map_count(whole), n);
	q.page_size = 5;
	assert_true(fetch_all(&c, EC2_INSTANCES, q, parts, &k) > 1);
	assert_int_equal(k, n);
	while (map_next(whole, &it, &id, &v)) {
		const struct ec2_instance *i = v, *j = map_get(parts, id);

		assert_non_null(j);
		assert_string_equal(i->tags, j->tags);
		assert_true(i->launched_at.us > 0);
		assert_true(*i->az != '\0' && *i->product != '\0');
	}
	q.states = running;
	fetch_all(&c, EC2_INSTANCES, q, parts = map_new(arena), &k);
	assert_true(k > 0 && k <= n);
	it = 0;
	while (map_next(parts, &it, &id, &v))
		assert_string_equal(((struct ec2_instance *)v)->state,
		    "running");
}

static void
test_types_and_prices(void **state)
{
	static const char *const types[] = { "m5.large", NULL };
	static const char *const products[] = { "Linux/UNIX", NULL };
	struct aws_client c = client();
	struct ec2_query q = { .region = "us-east-1", .page_size = 5 };
	struct map *m = map_new(arena);
	struct ec2_page page;
	size_t n;

	(void)state;
	assert_true(fetch_all(&c, EC2_TYPES, q, m, &n) > 1);
	assert_true(n > 5);
	q.types = types;
	q.page_size = 0;
	fetch(&c, EC2_TYPES, &q, &page);
	assert_int_equal(page.rows.n, 1);
	assert_int_equal(EC2_ROW(&page, ec2_type, 0)->vcpu, 2);
	assert_int_equal(EC2_ROW(&page, ec2_type, 0)->mem_mib, 8192);
	assert_true(EC2_ROW(&page, ec2_type, 0)->spot);
	q.products = products;
	q.from.us = clock_now().us - 86400 * US_PER_S;
	fetch(&c, EC2_PRICES, &q, &page);
	assert_true(page.rows.n > 0);
	for (size_t i = 0; i < page.rows.n; i++) {
		const struct ec2_price *p = EC2_ROW(&page, ec2_price, i);

		assert_string_equal(p->instance_type, "m5.large");
		assert_string_equal(p->product, "Linux/UNIX");
		assert_true(p->price.e8 > 0 && p->at.us > 0);
	}
	q.page_size = 3;
	assert_true(fetch_all(&c, EC2_PRICES, q, m, &n) > 1);
}

static void
test_sts(void **state)
{
	struct aws_client c = client();
	struct sts_role role = { .arn = ROLE, .session_name = "quincunx-1",
	    .external_id = "outside-1", .duration_s = 900 };
	struct ec2_query q = { .region = "us-east-1" };
	struct sts_identity who;
	struct sts_session s;
	struct ec2_page page;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(spot_sts_identity(arena, &c, "us-east-1", &who, &err), 0);
	assert_string_equal(who.account, FAKE_ACCOUNT);
	assert_int_equal(spot_sts_assume_role(arena, &c, "us-east-1", &role, &s,
	    &err), 0);
	assert_true(s.expires_at.us > clock_now().us);
	c.key = (struct sigv4_key){ s.access_key, s.secret_key,
	    s.session_token };
	fetch(&c, EC2_INSTANCES, &q, &page);
	assert_true(page.rows.n > 0);
	assert_int_equal(spot_sts_identity(arena, &c, "us-east-1", &who, &err), 0);
	assert_non_null(strstr(who.arn, "reader"));
	fakeec2_control(&fake, arena, net, "/_control/expire", "{}");
	assert_int_equal(spot_ec2_fetch(arena, &c, EC2_INSTANCES, &q, &page, &err),
	    -1);
	assert_string_equal(err.code, "aws_auth");
	c = client();
	role.external_id = "outside-2";
	assert_int_equal(spot_sts_assume_role(arena, &c, "us-east-1", &role, &s,
	    &err), -1);
	assert_string_equal(err.code, "aws_denied");
	role.session_name = "a b";
	assert_int_equal(spot_sts_assume_role(arena, &c, "us-east-1", &role, &s,
	    &err), -1);
	assert_string_equal(err.code, "aws_bug");
}

struct fault {
	const char *rule, *class;
};

static const struct fault faults[] = {
	{ "{\"error\":\"RequestLimitExceeded\"}", "aws_throttle" },
	{ "{\"error\":\"Throttling\"}", "aws_throttle" },
	{ "{\"throttle\":{\"bucket\":0,\"rate\":0}}", "aws_throttle" },
	{ "{\"error\":\"InternalError\"}", "aws_transient" },
	{ "{\"error\":\"ServiceUnavailable\"}", "aws_transient" },
	{ "{\"error\":\"AuthFailure\"}", "aws_auth" },
	{ "{\"error\":\"SignatureDoesNotMatch\"}", "aws_auth" },
	{ "{\"error\":\"InvalidClientTokenId\"}", "aws_auth" },
	{ "{\"denied\":true}", "aws_denied" },
	{ "{\"error\":\"OptInRequired\"}", "aws_optin" },
	{ "{\"error\":\"InvalidNextToken\"}", "aws_token" },
	{ "{\"error\":\"InvalidParameterValue\"}", "aws_bug" },
	{ "{\"close\":\"before\"}", "aws_transient" },
	{ "{\"close\":\"mid\"}", "aws_transient" },
	{ "{\"close\":\"after\"}", "aws_transient" },
	{ "{\"unreachable\":true}", "aws_transient" },
	{ "{\"delay_s\":4}", "aws_transient" },
	{ "{\"garbage\":true}", "aws_malformed" },
	{ "{\"truncate\":300}", "aws_malformed" },
	{ "{\"truncate\":0}", "aws_malformed" },
	{ "{\"dtd\":true}", "aws_malformed" },
	{ "{\"deep\":100000}", "aws_malformed" },
	{ "{\"huge\":67108864}", "aws_transient" },
	{ "{\"gzip_bomb\":268435456}", "aws_transient" },
	{ "{\"redirect\":\"http://169.254.169.254/latest/\"}", "aws_bug" },
};

static void
test_faults(void **state)
{
	struct ec2_query q = { .region = "us-east-1" };

	(void)state;
	for (size_t i = 0; i < NITEMS(faults); i++) {
		struct aws_client c = client();
		struct arena *a = arena_new(24 << 20);
		struct ec2_page page;
		struct err err = { 0 };

		script(faults[i].rule);
		if (spot_ec2_fetch(a, &c, EC2_INSTANCES, &q, &page, &err) == 0)
			fail_msg("%s was accepted", faults[i].rule);
		if (strcmp(err.code, faults[i].class) != 0)
			fail_msg("%s: %s: %s (%s)", faults[i].rule, err.code,
			    err.detail, err.cause);
		assert_true(err.detail[0] != '\0');
		assert_null(strstr(err.detail, FAKE_SECRET_KEY));
		script("");
		fetch(&c, EC2_INSTANCES, &q, &page);
		arena_free(a);
	}
}

static void
expect_class(struct aws_client *c, const char *region, const char *class)
{
	struct ec2_query q = { .region = region };
	struct ec2_page page;
	struct err err = { 0 };

	assert_int_equal(spot_ec2_fetch(arena, c, EC2_INSTANCES, &q, &page, &err),
	    -1);
	if (strcmp(err.code, class) != 0)
		fail_msg("%s, not %s: %s", err.code, class, err.detail);
}

static void
test_credentials(void **state)
{
	struct aws_client c = client();

	(void)state;
	c.key.secret_key = "wrong";
	expect_class(&c, "us-east-1", "aws_auth");
	c.key.access_key = "AKIAUNKNOWN";
	expect_class(&c, "us-east-1", "aws_auth");
	c = client();
	c.key.session_token = "not-mine";
	expect_class(&c, "us-east-1", "aws_auth");
	c = client();
	c.key = (struct sigv4_key){ "AKIADENIED0000000001",
	    "secretsecretsecret", NULL };
	expect_class(&c, "us-east-1", "aws_denied");
	c = client();
	expect_class(&c, "zz-nowhere-9", "aws_auth");
}

/* A clock an hour off is corrected from the Date header by one more call. */
static void
test_clock(void **state)
{
	static const char *const offsets[] = { "3600", "-3600" };
	struct ec2_query q = { .region = "us-east-1" };
	struct sts_identity who;
	struct ec2_page page;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < NITEMS(offsets); i++) {
		struct aws_client c = client();
		int64_t want = (i == 0 ? 3600 : -3600) * US_PER_S, off;

		fakeec2_control(&fake, arena, net, "/_control/clock",
		    arena_printf(arena, "{\"offset_s\":%s}", offsets[i]));
		fetch(&c, EC2_REGIONS, &q, &page);
		off = c.clock_skew_us - want;
		assert_true(off < 3 * US_PER_S && off > -3 * US_PER_S);
		c = client();
		if (spot_sts_identity(arena, &c, "us-east-1", &who, &err) == -1)
			fail_msg("%s", err.detail);
		c = client();
		c.key.secret_key = "wrong";	/* does not loop */
		expect_class(&c, "us-east-1", "aws_auth");
	}
	fakeec2_control(&fake, arena, net, "/_control/clock",
	    "{\"offset_s\":0}");
}

/* ---- regions side by side ------------------------------------------------- */
struct scan {
	struct aws_client c;
	const char *regions[8];
	size_t n, started, rows, failed;
};

static bool
next_region(void *arg, struct arena *a, struct net_call *call, void **tag)
{
	struct scan *s = arg;
	struct ec2_query q = { 0 };
	struct err err = { 0 };

	if (s->started == s->n)
		return false;
	q.region = s->regions[s->started++];
	assert_int_equal(spot_ec2_request(a, &s->c, EC2_INSTANCES, &q, clock_now(),
	    call, &err), 0);
	*tag = (void *)(uintptr_t)q.region;
	return true;
}

static void
region_done(void *arg, void *tag, struct arena *a, const struct net_reply *r,
    const struct err *failure)
{
	struct scan *s = arg;
	struct ec2_page page;
	struct err err = { 0 };

	assert_null(failure);
	if (spot_aws_check(a, &s->c, r, clock_now(), &err) == -1) {
		assert_string_equal(tag, s->regions[1]);
		assert_string_equal(err.code, "aws_denied");
		s->failed++;
		return;
	}
	assert_int_equal(spot_ec2_parse(a, EC2_INSTANCES, r->body, r->len, &page,
	    &err), 0);
	s->rows += page.rows.n;
}

static void
test_parallel(void **state)
{
	struct scan s = { .c = client() };
	struct net_batch b = { next_region, region_done, &s, 4 };
	struct ec2_query q = { .region = "us-east-1" };
	struct ec2_page page;
	struct err err = { 0 };

	(void)state;
	fetch(&s.c, EC2_REGIONS, &q, &page);
	for (; s.n < page.rows.n; s.n++)
		s.regions[s.n] = EC2_ROW(&page, ec2_region, s.n)->name;
	script(arena_printf(arena, "{\"denied\":true,\"region\":\"%s\"}",
	    s.regions[1]));
	assert_int_equal(net_run(net, &b, &err), 0);
	assert_int_equal(s.failed, 1);
	assert_true(s.rows > 20);
	script("");
	s.started = s.rows = 0;
	assert_int_equal(net_run(net, &b, &err), 0);
	assert_int_equal(s.rows, 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_types_and_prices),
		cmocka_unit_test(test_sts),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_parallel),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
