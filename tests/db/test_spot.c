/*
 * The spot optimizer against MariaDB, the simulated cloud and the fake EC2:
 * connect, discover, faults that must not sweep, prices, decisions, and two
 * tenants that never see each other.
 */
#include "tests/harness/spot_env.h"

/* ---- tests ---------------------------------------------------------------------------- */

static void
test_queries(void **state)
{
	(void)state;
	for (const struct query *const *const *set = spot_module.queries;
	    *set != NULL; set++)
		for (const struct query *const *q = *set; *q != NULL; q++) {
			size_t n;

			if (db_prepare_check(env.db, *q, &n, &err) == -1)
				fail_msg("%s: %s %s", (*q)->name, err.detail,
				    err.cause);
		}
}

static void
test_simulated(void **state)
{
	struct spot_account x = connect_as(&one, "demo", "simulated", NULL,
	    NULL);
	struct spot_instance_filter f = { .tenant = one.tenant_id,
	    .stale = -1, .limit = 200 };
	struct spot_summary s;
	struct spot_advice adv;
	struct rows rows, groups;
	struct spot_instance *i = NULL;
	size_t under_notice = 0;

	(void)state;
	assert_string_equal(x.status, "connected");
	assert_int_equal(strlen(x.aws_account), 12);
	discover();
	x = account(&one, x.id);
	assert_string_equal(x.status, "active");
	good(spot_instance_page(env.db, a, &f, &rows, &err));
	assert_true(rows.n >= 30);
	for (size_t k = 0; k < rows.n; k++) {
		i = ROW(&rows, struct spot_instance, k);
		if (strcmp(i->state, "running") == 0 &&
		    strcmp(i->lifecycle, "spot") == 0)
			break;
	}
	assert_true(i->hourly_price.e8 > 0);
	good(spot_evaluate(env.db, a, one.tenant_id, &(struct spot_ask){
	    .instance_type = i->instance_type, .availability_zone = i->az,
	    .instance_id = i->instance_id }, clock_now(), &adv, &err));
	assert_string_equal(adv.market, "simulated");
	assert_true(adv.reasons.n >= 2);
	assert_true(adv.candidates_evaluated > 50);
	/* whoever is under notice goes, but for what is not ours to touch; one
	 * is always under notice, whatever the seed has drawn */
	mariadb_sql(DB, "UPDATE spot_instance SET aws_signal = 'TERMINATION' "
	    "WHERE lifecycle = 'spot' AND state = 'running' AND auth_status "
	    "= 'AUTHORIZED' ORDER BY id LIMIT 1");
	good(spot_instance_page(env.db, a, &f, &rows, &err));
	for (size_t k = 0; k < rows.n; k++) {	/* each has an answer */
		const struct spot_instance *y = ROW(&rows,
		    struct spot_instance, k);

		good(spot_evaluate(env.db, a, one.tenant_id,
		    &(struct spot_ask){ .instance_type = y->instance_type,
		    .availability_zone = y->az,
		    .instance_id = y->instance_id }, clock_now(), &adv,
		    &err));
		if (strcmp(y->aws_signal, "TERMINATION") != 0)
			continue;
		under_notice++;
		if (strcmp(y->auth_status, "AUTHORIZED") == 0)
			assert_string_equal(adv.decision, "EVACUATE");
		else
			assert_string_equal(adv.decision, "STAY");
	}
	assert_true(under_notice > 0);
	good(spot_summary_load(env.db, a, one.tenant_id,
	    (struct uuid){ { 0 } }, &s, &groups, &err));
	assert_true(s.nodes == (int64_t)rows.n && s.running > 0);
	assert_int_equal(s.unpriced, 0);
	assert_true(s.hourly_cost.e8 > 0 && s.coverage == 1.0);
	/* the other tenant sees nothing and may use the same name */
	f.tenant = two.tenant_id;
	good(spot_instance_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 0);
	bad(spot_evaluate(env.db, a, two.tenant_id, &(struct spot_ask){
	    .instance_type = i->instance_type, .availability_zone = i->az,
	    .instance_id = i->instance_id }, clock_now(), &adv, &err), 404,
	    "not_found");
	assert_int_equal(spot_account_by_id(env.db, a, two.tenant_id, x.id,
	    &x, &err), 1);
	drop(&two, connect_as(&two, "demo", "simulated", NULL, NULL).id);
	drop(&one, i->account_id);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_scan"), 0);
}

static void
test_connect(void **state)
{
	struct spot_connect n = { .name = "prod",
	    .connection_method = "access_keys",
	    .access_key = FAKE_ACCESS_KEY, .secret_key = "wrong" };
	struct spot_account x, y;
	struct spot_credential c;

	(void)state;
	bad(spot_account_make(&env, a, &one, &n, clock_now(), &x, &err), 422,
	    "credentials_refused");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_account"), 0);
	n.secret_key = FAKE_SECRET_KEY;
	good(spot_account_make(&env, a, &one, &n, clock_now(), &x, &err));
	assert_string_equal(x.aws_account, FAKE_ACCOUNT);
	assert_string_equal(x.access_key_last4, "0001");
	good(spot_credential_get(env.db, a, one.tenant_id, x.id, &c, &err));
	assert_non_null(c.secret);
	assert_null(strstr(c.secret, FAKE_SECRET_KEY));
	bad(spot_account_make(&env, a, &one, &n, clock_now(), &y, &err), 409,
	    "name_taken");
	/* the same AWS account in another tenant */
	bad(spot_account_make(&env, a, &two, &n, clock_now(), &y, &err), 409,
	    "account_taken");
	/* keys of another AWS account never replace these */
	bad(spot_account_enter(&env, a, &one, x.id, DENIED_KEY, DENIED_SECRET,
	    NULL, clock_now(), &y, &err), 409, "other_account");
	drop(&one, x.id);
}

static void
test_role(void **state)
{
	struct spot_account x = connect_as(&one, "role", "iam_role", NULL,
	    NULL), y;

	(void)state;
	assert_string_equal(x.status, "pending");
	assert_true(strlen(x.external_id) >= 32);
	/* the fake's role wants another external id than ours */
	bad(spot_account_enter(&env, a, &one, x.id, NULL, NULL, ROLE,
	    clock_now(), &y, &err), 422, "credentials_refused");
	bad(spot_account_enter(&env, a, &one, x.id, NULL, NULL, "arn:nonsense",
	    clock_now(), &y, &err), 422, "role_arn");
	mariadb_sql(DB, "UPDATE spot_credential SET external_id = "
	    "'outside-1'");
	good(spot_account_enter(&env, a, &one, x.id, NULL, NULL, ROLE,
	    clock_now(), &y, &err));
	assert_string_equal(y.status, "connected");
	assert_string_equal(y.aws_account, FAKE_ACCOUNT);
	/* the session ends in the middle: assumed once more */
	script("{\"action\":\"DescribeInstances\",\"nth\":3,"
	    "\"error\":\"ExpiredToken\"}");
	discover();
	script("");
	x = account(&one, x.id);
	assert_string_equal(x.status, "active");
	assert_string_equal(x.credential_state, "ok");
	assert_true(present(&x) > 200);
	drop(&one, x.id);
}

static void
test_discover(void **state)
{
	struct spot_account x = connect_as(&one, "prod", "access_keys",
	    FAKE_ACCESS_KEY, FAKE_SECRET_KEY);
	struct spot_scan s;
	int64_t n;

	(void)state;
	script("");
	discover();
	x = account(&one, x.id);
	assert_string_equal(x.status, "active");
	n = present(&x);
	assert_true(n > 200 && n <= 300);
	/* again: nothing new, nothing gone */
	s = rescan(&one, x.id, "inventory");
	assert_string_equal(s.state, "complete");
	assert_int_equal(s.added, 0);
	assert_int_equal(s.gone, 0);
	assert_int_equal(s.instances, n);
	assert_true(s.coverage == 1.0);
	/* a dead region and a forbidden one: nothing is swept */
	script("{\"action\":\"DescribeInstances\",\"region\":\"us-east-1\","
	    "\"error\":\"UnauthorizedOperation\"},"
	    "{\"action\":\"DescribeInstances\",\"region\":\"us-west-2\","
	    "\"error\":\"OptInRequired\"}");
	s = rescan(&one, x.id, "inventory");
	assert_string_equal(s.state, "partial");
	assert_true(s.coverage < 1.0 && s.coverage > 0.0);
	assert_non_null(strstr(s.error, "us-east-1 denied"));
	assert_int_equal(s.gone, 0);
	assert_int_equal(present(&x), n);
	assert_int_equal(number("SELECT SUM(stale) FROM spot_instance"), 0);
	assert_string_equal(account(&one, x.id).status, "degraded");
	s = rescan(&one, x.id, "inventory");
	assert_true(number("SELECT SUM(stale) FROM spot_instance "
	    "WHERE region = 'us-east-1'") > 0);
	assert_int_equal(number("SELECT SUM(stale) FROM spot_instance "
	    "WHERE region NOT IN ('us-east-1', 'us-west-2')"), 0);
	assert_int_equal(present(&x), n);
	script("");
	s = rescan(&one, x.id, "inventory");
	assert_string_equal(s.state, "complete");
	assert_int_equal(number("SELECT SUM(stale) FROM spot_instance"), 0);
	drop(&one, x.id);
}

static void
test_faults(void **state)
{
	struct env small = boot("spot.page_size=20");
	struct spot_account x = connect_as(&one, "prod", "access_keys",
	    FAKE_ACCESS_KEY, FAKE_SECRET_KEY);
	struct spot_scan s;
	struct env was = env;
	int64_t n;

	(void)state;
	env = small;
	script("{\"action\":\"DescribeInstances\",\"times\":4,"
	    "\"error\":\"RequestLimitExceeded\"},"
	    "{\"action\":\"DescribeInstances\",\"times\":1,"
	    "\"expire_tokens\":true},"
	    "{\"action\":\"DescribeInstances\",\"times\":1,"
	    "\"close\":\"mid\"}");
	discover();
	good(spot_scan_last(env.db, a, one.tenant_id, x.id, "inventory", &s,
	    &err));
	assert_string_equal(s.state, "complete");
	n = present(&x);
	assert_true(n > 200);
	/* what a complete scan no longer sees is gone */
	mariadb_sql(DB, "UPDATE spot_instance SET instance_id = "
	    "'i-0000000000000dead' ORDER BY id LIMIT 1");
	s = rescan(&one, x.id, "inventory");
	assert_int_equal(s.gone, 1);
	assert_int_equal(s.added, 1);
	assert_int_equal(present(&x), n);
	/* credentials revoked: one failed scan, no storm, then silence */
	script("{\"action\":\"*\",\"error\":\"AuthFailure\"}");
	s = rescan(&one, x.id, "inventory");
	assert_string_equal(s.state, "failed");
	x = account(&one, x.id);
	assert_string_equal(x.status, "degraded");
	assert_string_equal(x.credential_state, "invalid");
	assert_int_equal(present(&x), n);
	mariadb_sql(DB, "UPDATE spot_account SET next_scan_at = NOW(6) - "
	    "INTERVAL 1 DAY");
	discover();
	assert_int_equal(number("SELECT COUNT(*) FROM spot_scan WHERE "
	    "requested_by = 'schedule'"), 0);
	script("");
	good(spot_account_enter(&env, a, &one, x.id, NULL, NULL, NULL,
	    clock_now(), &x, &err));
	assert_string_equal(x.credential_state, "ok");
	discover();
	assert_string_equal(account(&one, x.id).status, "active");
	drop(&one, x.id);
	env = was;
	shut(&small);
}

static void
test_clock(void **state)
{
	struct spot_account x;

	(void)state;
	(void)fakeec2_control(&fake, a, control, "/_control/clock",
	    "{\"offset_s\":900}");
	x = connect_as(&one, "late", "access_keys", FAKE_ACCESS_KEY,
	    FAKE_SECRET_KEY);
	discover();
	assert_string_equal(account(&one, x.id).status, "active");
	(void)fakeec2_control(&fake, a, control, "/_control/clock",
	    "{\"offset_s\":0}");
	drop(&one, x.id);
}

static void
test_takeover(void **state)
{
	struct spot_account x = connect_as(&one, "prod", "access_keys",
	    FAKE_ACCESS_KEY, FAKE_SECRET_KEY);
	struct spot_scan s, again;
	struct uuid other = uuid_new();

	(void)state;
	good(spot_scan_request(env.db, a, one.tenant_id, x.id, "inventory",
	    "x", clock_now(), &s, &err));
	good(spot_scan_request(env.db, a, one.tenant_id, x.id, "inventory",
	    "y", clock_now(), &again, &err));
	assert_true(uuid_equal(s.id, again.id));
	good(spot_scan_take(env.db, s.id, other, clock_now(), &err));
	assert_int_equal(spot_scan_take(env.db, s.id, env.process,
	    clock_now(), &err), 1);
	discover();		/* not ours: stays as it is */
	good(spot_scan_by_id(env.db, a, one.tenant_id, s.id, &again, &err));
	assert_string_equal(again.state, "running");
	mariadb_sql(DB, "UPDATE spot_scan SET held_at = held_at - "
	    "INTERVAL 11 MINUTE WHERE state = 'running'");
	discover();
	good(spot_scan_by_id(env.db, a, one.tenant_id, s.id, &again, &err));
	assert_string_equal(again.state, "complete");
	bad(spot_scan_hold(env.db, s.id, other, clock_now(), &err), 409,
	    "scan_lost");
	drop(&one, x.id);
}

/* kill -9 in the middle: the scan is taken over and goes on at its tokens. */
static void
test_killed(void **state)
{
	struct spot_account x = connect_as(&one, "prod", "access_keys",
	    FAKE_ACCESS_KEY, FAKE_SECRET_KEY);
	const char *pages = "SELECT COALESCE(SUM(s.pages), 0) FROM "
	    "spot_scan_shard s JOIN spot_scan c ON c.id = s.scan_id "
	    "WHERE c.kind = 'inventory' AND s.service = 'ec2'";
	struct spot_scan s;
	int64_t before, n;
	pid_t pid;

	(void)state;
	script("{\"action\":\"DescribeInstances\",\"delay_s\":0.05}");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct env child = boot("spot.page_size=10");

		(void)spot_discover(&child, 0, NULL, &err);
		_exit(0);
	}
	for (int i = 0; i < 1000 && number(pages) < 8; i++)
		(void)poll(NULL, 0, 10);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	before = number(pages);
	assert_true(before >= 8);
	n = number("SELECT COUNT(*) FROM spot_instance");
	assert_true(n >= 80 && n < 290);	/* whole pages only */
	script("");
	mariadb_sql(DB, "UPDATE spot_scan SET held_at = held_at - "
	    "INTERVAL 11 MINUTE WHERE state = 'running'");
	discover();
	good(spot_scan_last(env.db, a, one.tenant_id, x.id, "inventory", &s,
	    &err));
	assert_string_equal(s.state, "complete");
	assert_true(present(&x) > 280);
	assert_int_equal(s.instances, present(&x));
	/* the pages before the kill were not read again: with a thousand
	 * rows a page, each region needed one more, at most two */
	assert_true(number(pages) <= before + 10);
	assert_int_equal(number("SELECT SUM(items) FROM spot_scan_shard WHERE "
	    "service = 'ec2'"), present(&x));
	drop(&one, x.id);
}

/* ---- prices ---------------------------------------------------------------------------- */

struct text {
	const char *p;
};

static long
text_read(void *arg, void *buf, size_t n, struct err *e)
{
	struct text *t = arg;
	size_t k = strnlen(t->p, n < 7 ? n : 7);	/* in small pieces */

	(void)e;
	memcpy(buf, t->p, k);
	t->p += k;
	return (long)k;
}

static int
db_put(void *arg, struct arena *b, const struct spot_price *v, size_t n,
    struct err *e)
{
	(void)arg;
	return spot_price_put_many(env.db, b, v, n, e);
}

static int
import(const char *text, struct spot_price_report *r)
{
	struct text t = { text };

	return spot_price_read(a, &(struct spot_price_source){ text_read, &t },
	    &(struct spot_price_sink){ db_put, NULL }, r, &err);
}

static void
test_prices(void **state)
{
	static const char aws[] = "{\"SpotPriceHistory\":[{"
	    "\"AvailabilityZone\":\"eu-north-1a\",\"InstanceType\":"
	    "\"m5.large\",\"ProductDescription\":\"Linux/UNIX (Amazon VPC)\","
	    "\"SpotPrice\":\"0.043700\",\"Timestamp\":"
	    "\"2021-02-09T01:40:10+00:00\"} , {\"AvailabilityZone\":"
	    "\"eu-north-1a\",\"InstanceType\":\"m5.large\",\"SpotPrice\":"
	    "\"0.0438\",\"Timestamp\":\"2021-02-09T02:40:10Z\"}],"
	    "\"NextToken\":\"\"}\n";
	struct spot_price_report r;
	struct spot_price p = { .market = "aws", .region = "eu-north-1",
	    .availability_zone = "eu-north-1a", .instance_type = "m5.large",
	    .product = "Linux/UNIX", .src = "t",
	    .timestamp = { 1700000000000000 }, .price = { 5000000 } };
	const char *count = "SELECT COUNT(*) FROM spot_price p JOIN "
	    "spot_pool o ON o.id = p.pool_id WHERE o.region = 'eu-north-1'";
	struct spot_offer *offers;
	struct rows pools;
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		good(import(aws, &r));
		assert_string_equal(r.format, "aws-json");
		assert_int_equal(r.rows, 2);
		assert_int_equal(number(count), 2);
	}
	good(import("# instance_type=m5.large az=eu-north-1a os=Linux "
	    "on_demand_usd_per_hour=5.52\ntimestamp,spot_price_usd\n"
	    "2015-03-31 06:35:56+00:00,0.56\n2015-03-31 15:36:43+00:00,0.5635"
	    "\n", &r));
	assert_string_equal(r.format, "csv");
	assert_int_equal(r.rows, 2);
	assert_int_equal(number(count), 4);
	good(import("{\"availability_zone\":\"eu-north-1a\",\"instance_type\":"
	    "\"m5.large\",\"timestamp\":\"2022-01-01T00:00:00Z\",\"price\":"
	    "0.05}\n", &r));
	assert_string_equal(r.format, "ndjson");
	assert_int_equal(number(count), 5);
	for (int i = 0; i < 2; i++)
		good(spot_price_put(env.db, &p, &err));
	assert_int_equal(number(count), 6);
	assert_int_equal(number("SELECT price FROM spot_price p JOIN "
	    "spot_pool o ON o.id = p.pool_id WHERE o.region = 'eu-north-1' "
	    "ORDER BY ts DESC LIMIT 1"), 5000000);
	bad(import("{\"SpotPriceHistory\":[{\"AvailabilityZone\":\"x\"}]}",
	    &r), 422, "validation");
	bad(import("", &r), 422, "bad_file");
	bad(import("{\"SpotPriceHistory\":[", &r), 422, "bad_file");
	bad(import("az,instance_type,timestamp,price\neu-north-1a,m5.large,"
	    "2022-01-01T00:00:00Z,NaN\n", &r), 422, "validation");
	assert_int_equal(number(count), 6);
	/* of a type that the catalog does not have yet */
	p.instance_type = "x9.large";
	p.region = "eu-west-9";
	good(spot_price_put(env.db, &p, &err));
	good(spot_pool_page(env.db, a, NULL, p.region, NULL, 0, 2, &pools,
	    &err));
	assert_int_equal(pools.n, 1);
	good(spot_pool_offers(env.db, a, "aws", p.region, p.product, &offers,
	    &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(offers[0].arch, "");
	assert_int_equal(offers[0].vcpu, 0);
}

/* Rows that the server has read for this connection. */
static int64_t
rows_read(void)
{
	static const struct query q = { "t.read", "SELECT CAST(SUM("
	    "VARIABLE_VALUE) AS SIGNED) AS n FROM information_schema."
	    "SESSION_STATUS WHERE VARIABLE_NAME LIKE 'HANDLER_READ_%' AND "
	    "VARIABLE_NAME NOT LIKE '%_RND%'", &spot_count_schema };
	struct spot_count c;

	good(db_one(env.db, a, &q, NO_ARGS, &c, &err));
	return c.n;
}

/* Years of prices make neither the newest price of a pool nor a page of
 * prices read all of them. */
static void
test_prices_of_years(void **state)
{
	enum { POOLS = 40, EACH = 1000, LIMIT = 51 };
	struct spot_price_filter f = { .region = "eu-west-8",
	    .limit = LIMIT };
	struct rows r;
	int64_t before, prices, pools;

	(void)state;
	mariadb_sql(DB, "INSERT INTO spot_pool (market, region, az, "
	    "instance_type, product) SELECT 'aws', 'eu-west-8', "
	    "CONCAT('eu-west-8', seq), 'm5.large', 'Linux/UNIX' FROM "
	    "seq_1_to_40; INSERT INTO spot_price (pool_id, ts, price, src) "
	    "SELECT o.id, '2020-01-01' + INTERVAL s.seq HOUR, 1000 + s.seq, "
	    "'t' FROM spot_pool o, seq_1_to_1000 s WHERE o.region = "
	    "'eu-west-8'");
	before = rows_read();
	good(spot_pool_page(env.db, a, "aws", f.region, NULL, 0, 100, &r,
	    &err));
	pools = rows_read() - before;
	assert_int_equal(r.n, POOLS);
	assert_int_equal(ROW(&r, struct spot_pool, 7)->price.e8, 1000 + EACH);
	before = rows_read();
	good(spot_price_page(env.db, a, &f, &r, &err));
	prices = rows_read() - before;
	assert_int_equal(r.n, LIMIT);
	assert_int_equal(ROW(&r, struct spot_price, 0)->price.e8, 1000 + EACH);
	print_message("rows read: %ld for %d pools, %ld for %d prices\n",
	    (long)pools, POOLS, (long)prices, LIMIT);
	assert_true(pools < POOLS * EACH / 10);
	assert_true(prices < POOLS * EACH / 2);
}

/* Pages that end where a group of pools does, and one that no pool fills. */
static void
test_price_pages(void **state)
{
	struct spot_price_filter f = { .region = "eu-west-8", .limit = 7 };
	struct rows r;
	int64_t seen = 0, last = INT64_MAX, pool = 0;

	(void)state;
	assert_int_equal(clock_parse("2020-02-11T15:00:00Z", &f.from), 0);
	for (;;) {
		good(spot_price_page(env.db, a, &f, &r, &err));
		for (size_t i = 0; i < r.n; i++) {
			const struct spot_price *p = ROW(&r, struct spot_price,
			    i);

			assert_true(p->pool_id > pool || (p->pool_id == pool &&
			    p->timestamp.us < last));
			pool = p->pool_id;
			last = p->timestamp.us;
			seen++;
		}
		if ((int64_t)r.n < f.limit)
			break;
		f.pool_after = pool;
		f.ts_below.us = last;
	}
	assert_int_equal(seen, number("SELECT COUNT(*) FROM spot_price p JOIN "
	    "spot_pool o ON o.id = p.pool_id WHERE o.region = 'eu-west-8' AND "
	    "p.ts >= '2020-02-11 15:00'"));
	assert_true(seen > 40);
	f = (struct spot_price_filter){ .region = "nowhere", .limit = 7 };
	good(spot_price_page(env.db, a, &f, &r, &err));
	assert_int_equal(r.n, 0);
}

static void
test_evaluate_missing(void **state)
{
	struct spot_advice adv;
	struct spot_ask ask = { .instance_type = "zz9.large",
	    .availability_zone = "eu-north-1a" };

	(void)state;
	bad(spot_evaluate(env.db, a, one.tenant_id, &ask, clock_now(), &adv,
	    &err), 422, "no_type");
	ask.instance_type = "m5.large";
	ask.availability_zone = "mars";
	bad(spot_evaluate(env.db, a, one.tenant_id, &ask, clock_now(), &adv,
	    &err), 422, "zone");
	ask.availability_zone = "mars-north-1a";
	bad(spot_evaluate(env.db, a, one.tenant_id, &ask, clock_now(), &adv,
	    &err), 422, "no_pool");
	ask.availability_zone = "us-east-1a";
	ask.instance_id = "i-unknown";
	bad(spot_evaluate(env.db, a, one.tenant_id, &ask, clock_now(), &adv,
	    &err), 404, "not_found");
}

/* A region as large as AWS's largest: 6,000 pools with a week of prices. */
static void
test_large_region(void **state)
{
	struct spot_ask ask = { .instance_type = "t1.size",
	    .availability_zone = "xx-large-1a", .market = "aws" };
	struct spot_advice adv;
	int64_t start;

	(void)state;
	mariadb_sql(DB, "INSERT INTO spot_type (instance_type, arch, vcpu, "
	    "mem_mib, src, asof) SELECT CONCAT('t', seq, '.size'), 'x86_64', "
	    "1 + seq % 64, 1024 * (1 + seq % 64), 'test', NOW(6) "
	    "FROM seq_1_to_1000; "
	    "INSERT INTO spot_pool (market, region, az, instance_type, "
	    "product) SELECT 'aws', 'xx-large-1', CONCAT('xx-large-1', "
	    "CHAR(97 + z.seq)), CONCAT('t', t.seq, '.size'), 'Linux/UNIX' "
	    "FROM seq_1_to_1000 t JOIN seq_0_to_5 z; "
	    "INSERT INTO spot_price (pool_id, ts, price, src) SELECT o.id, "
	    "NOW(6) - INTERVAL h.seq HOUR, 1000000 + o.id * 7 % 100000 + "
	    "h.seq, 'test' FROM spot_pool o JOIN seq_1_to_28 h "
	    "WHERE o.region = 'xx-large-1'; "
	    "INSERT INTO spot_od_price (market, region, instance_type, "
	    "product, price, asof, src) SELECT 'aws', 'xx-large-1', "
	    "CONCAT('t', seq, '.size'), 'Linux/UNIX', 5000000, NOW(6), "
	    "'test' FROM seq_1_to_1000");
	for (int i = 0; i < 2; i++) {
		struct arena_mark m = arena_mark(a);

		start = clock_boot_ns();
		good(spot_evaluate(env.db, a, one.tenant_id, &ask,
		    clock_now(), &adv, &err));
		print_message("6,000 pools: %s in %.0f ms\n", adv.decision,
		    (double)(clock_boot_ns() - start) / 1e6);
		assert_int_equal(adv.candidates_evaluated, 6000);
		arena_rewind(a, m);
	}
}

/* What goes out comes in again. */
static void
test_exchanges(void **state)
{
	struct spot_account x = connect_as(&one, "kept", "simulated", NULL,
	    NULL);

	(void)state;
	for (const struct exchange *const *p = spot_module.exchanges;
	    *p != NULL; p++) {
		struct val tenant = V(one.tenant_id);
		struct rows rows;
		struct query few = *(*p)->all;
		uint64_t seen;
		struct str s;
		bool changed;
		void *row = arena_alloc(a, (*p)->row->size);

		few.sql = arena_printf(a, "%s LIMIT 3", few.sql);
		good(db_all(env.db, a, arena_memdup(a, &few, sizeof(few)),
		    &tenant, (*p)->global ? 0 : 1, &rows, &err));
		if (strcmp((*p)->noun, "spot.instance") == 0)
			continue;
		assert_true(rows.n > 0);
		str_init(&s, a);
		schema_encode((*p)->row, rows.v, &s);
		if (schema_decode_json((*p)->row, s.p, s.len, "row", true, a,
		    row, &seen, &err) == -1)
			fail_msg("%s: %s: %s", (*p)->noun, s.p,
			    err.nfields > 0 ? err.fields[0].msg : "");
		good((*p)->put(env.db, a, one.tenant_id, row, &changed,
		    &err));
	}
	drop(&one, x.id);
}

/* ---- the figure ------------------------------------------------------------------------------ */

/* The fleet counted without discovery: page by page, all states. */
static int64_t
count_fleet(void)
{
	struct aws_client c = { .net = env.net, .ec2_endpoint = fake.url,
	    .key = { .access_key = FAKE_ACCESS_KEY,
	    .secret_key = FAKE_SECRET_KEY } };
	struct ec2_query all = { .region = "us-east-1" };
	struct ec2_page regions, page;
	int64_t n = 0;

	good(spot_ec2_fetch(a, &c, EC2_REGIONS, &all, &regions, &err));
	for (size_t i = 0; i < regions.rows.n; i++) {
		struct ec2_query q = { .region =
		    EC2_ROW(&regions, ec2_region, i)->name };

		do {
			good(spot_ec2_fetch(a, &c, EC2_INSTANCES, &q, &page,
			    &err));
			for (size_t k = 0; k < page.rows.n; k++)
				n += strcmp(EC2_ROW(&page, ec2_instance,
				    k)->state, "terminated") != 0;
			q.next_token = page.next_token;
		} while (*q.next_token != '\0');
	}
	return n;
}

static void
test_ten_thousand(void **state)
{
	static const char *const many[] = { "--instances", "10000",
	    "--regions", "17", NULL };
	struct fake small = fake;
	struct env was = env;
	struct spot_account x;
	struct spot_scan s;
	struct rusage use;
	int64_t start, ms;

	(void)state;
	fakeec2_start(&fake, a, many);
	env = boot(NULL);
	x = connect_as(&one, "large", "access_keys", FAKE_ACCESS_KEY,
	    FAKE_SECRET_KEY);
	mariadb_sql(DB, "DELETE FROM spot_scan WHERE kind = 'prices'");
	start = clock_boot_ns();
	discover();
	ms = (clock_boot_ns() - start) / 1000000;
	good(spot_scan_last(env.db, a, one.tenant_id, x.id, "inventory", &s,
	    &err));
	getrusage(RUSAGE_SELF, &use);
	print_message("10,000 instances, 17 regions: %lld ms, %lld found, "
	    "peak %ld MiB\n", (long long)ms, (long long)s.instances,
	    use.ru_maxrss / 1024);
	assert_string_equal(s.state, "complete");
	assert_true(s.instances > 9000);
	assert_int_equal(s.instances, count_fleet());
	drop(&one, x.id);
	shut(&env);
	fake_stop(&fake);
	env = was;
	fake = small;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_simulated),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_role),
		cmocka_unit_test(test_discover),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_takeover),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_prices),
		cmocka_unit_test(test_prices_of_years),
		cmocka_unit_test(test_price_pages),
		cmocka_unit_test(test_evaluate_missing),
		cmocka_unit_test(test_large_region),
		cmocka_unit_test(test_exchanges),
		cmocka_unit_test(test_ten_thousand)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
