/*
 * The spot optimizer from the outside: accounts, scans, prices and decisions
 * over HTTP, quincunx-discover as a program, against the fake EC2 with a fleet
 * that is known to the last instance. Every scan's result is compared with
 * what the fake really has.
 */
#include <fcntl.h>
#include <json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "net/net.h"
#include "tests/harness/data.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

#define ROLE_ARN "arn:aws:iam::222233334444:role/reader"
#define KEYS "\"access_key\":\"" FAKE_ACCESS_KEY "\",\"secret_key\":\"" \
	FAKE_SECRET_KEY "\""

enum { FLEET = 120, PAGE = 10, REGIONS = 4,
    SERVICES = 8, SHARDS = REGIONS * SERVICES, RUN_MS = 120000 };

static struct stack st;
static struct fake fake;
static struct net *net;
static const char *token;
static const char *account;	/* id of the one connected by keys */

/* ---- the cloud ------------------------------------------------------------- */

static void
control(const char *path, const char *json)
{
	fakeec2_control(&fake, st.a, net, path, json);
}

static void
rules(const char *json)
{
	control("/_control", http_text(&st, "{\"rules\":[%s]}", json));
}

static void
fill_cloud(void)
{
	control("/_control/fleet", "{\"add\":["
	    "{\"region\":\"us-east-1\",\"count\":60,\"state\":\"running\"},"
	    "{\"region\":\"us-east-2\",\"count\":30,\"state\":\"running\"},"
	    "{\"region\":\"us-west-1\",\"count\":20,\"state\":\"running\"},"
	    "{\"region\":\"us-west-2\",\"count\":10,\"state\":\"running\"}"
	    "]}");
}

static void
cloud(const char *const *more)
{
	static const char *const nothing[] = { NULL };
	static const struct net_conf conf = { .allow = nothing,
	    .ca_file = "", .connect_timeout_ms = 1000, .timeout_ms = 10000,
	    .max_bytes = 4 << 20 };
	const char *argv[16] = { "--instances", "0", "--regions", "4" };
	struct err e = { 0 };
	size_t n = 4;

	for (; more != NULL && *more != NULL; more++)
		argv[n++] = *more;
	fakeec2_start(&fake, st.a, argv);
	assert_int_equal(net_open(&net, st.a, &conf, NULL, &e), 0);
	net_allow(net, fake.url);
	fill_cloud();
}

/* ---- the program -------------------------------------------------------------- */

static pid_t
discover_start(const char *run_dir)
{
	const char *bin = arena_printf(st.a, "%s/quincunx-discover",
	    stack_bin());
	const char *over = arena_printf(st.a, "base.run_dir=%s", run_dir);
	const char *out = stack_path(&st, "log/discover.out");
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	execl(bin, bin, "-c", st.conf, "-o", over, (char *)NULL);
	_exit(127);
}

static int
discover(void)
{
	int rc = forked_wait(discover_start("run"));

	if (rc != 0)
		stack_logs(&st);
	return rc;
}

/* ---- looking -------------------------------------------------------------------- */

static long long
count_sql(const char *what)
{
	return strtoll(mariadb_value(st.a, st.db, what), NULL, 10);
}

static long long
live_in(const char *region)
{
	return count_sql(http_text(&st, "SELECT COUNT(*) FROM spot_instance "
	    "WHERE gone_at IS NULL AND region LIKE '%s' AND account_id = "
	    "UNHEX(REPLACE('%s','-',''))", region, account));
}

/* The account's newest scan of a kind, with its shards. */
static struct json_object *
last_scan(const char *id, const char *kind)
{
	const struct reply *r = http_get(&st, http_text(&st,
	    "/api/spot/accounts/%s/scans?limit=20", id), token);
	int i = 0;

	expect_status(r, 200);
	while (strcmp(json_text_at(r->json, http_text(&st, "items.%d.kind",
	    i)), kind) != 0)
		assert_true(++i < 20);
	r = http_get(&st, http_text(&st, "/api/spot/scans/%s",
	    json_text_at(r->json, http_text(&st, "items.%d.id", i))), token);
	expect_status(r, 200);
	return r->json;
}

static const char *
shard_state(struct json_object *scan, const char *region)
{
	for (int i = 0; i < SHARDS; i++)
		if (strcmp(json_text_at(scan, http_text(&st,
		    "shards.%d.region", i)), region) == 0 &&
		    strcmp(json_text_at(scan, http_text(&st,
		    "shards.%d.service", i)), "ec2") == 0)
			return json_text_at(scan, http_text(&st,
			    "shards.%d.state", i));
	return "none";
}

static const struct reply *
ask(const char *what)
{
	return http_send(&st, "POST", http_text(&st,
	    "/api/spot/accounts/%s/%s", account, what), token, NULL);
}

static struct json_object *
rescan(void)
{
	expect_status(ask("rediscover"), 202);
	assert_int_equal(discover(), 0);
	return last_scan(account, "inventory");
}

static const char *
account_text(const char *member)
{
	const struct reply *r = http_get(&st, http_text(&st,
	    "/api/spot/accounts/%s", account), token);

	expect_status(r, 200);
	return json_text_at(r->json, member);
}

static void
whole(struct json_object *scan, long long fleet)
{
	assert_string_equal(json_text_at(scan, "state"), "complete");
	assert_int_equal(json_int_at(scan, "wanted"), SHARDS);
	assert_int_equal(json_int_at(scan, "done"), SHARDS);
	assert_string_equal(json_text_at(scan, "error"), "");
	assert_int_equal(live_in("%"), fleet);
}

/* ---- connecting ------------------------------------------------------------------ */

static void
connect_with_keys(void **state)
{
	const struct reply *r;

	(void)state;
	r = http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"wrong\",\"connection_method\":\"access_keys\","
	    "\"access_key\":\"" FAKE_ACCESS_KEY "\",\"secret_key\":\"nope\"}");
	expect_status(r, 422);
	assert_non_null(strstr(r->body, "refused"));
	assert_int_equal(count_sql("SELECT COUNT(*) FROM spot_account"), 0);
	r = http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"keys\",\"connection_method\":\"access_keys\"," KEYS
	    "}");
	expect_status(r, 201);
	assert_null(strstr(r->body, FAKE_SECRET_KEY));
	assert_string_equal(json_text_at(r->json, "aws_account"),
	    FAKE_ACCOUNT);
	assert_string_equal(json_text_at(r->json, "credential_state"), "ok");
	account = arena_strdup(st.a, json_text_at(r->json, "id"));
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "spot_credential WHERE secret LIKE '%fakesecret%'"), "0");
	expect_status(http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"keys\",\"connection_method\":\"access_keys\"," KEYS
	    "}"), 409);
	expect_status(http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"again\",\"connection_method\":\"access_keys\"," KEYS
	    "}"), 409);
}

static void
first_scan_has_every_instance(void **state)
{
	const struct reply *r;
	struct json_object *scan;
	const char *first, *next = "";
	size_t seen = 0;

	(void)state;
	r = ask("rediscover");
	expect_status(r, 202);
	assert_string_equal(json_text_at(r->json, "state"), "queued");
	first = arena_strdup(st.a, json_text_at(r->json, "id"));
	r = ask("rediscover");
	expect_status(r, 202);		/* the same one, not another */
	assert_string_equal(json_text_at(r->json, "id"), first);
	assert_int_equal(discover(), 0);
	r = http_get(&st, http_text(&st, "/api/spot/scans/%s", first), token);
	scan = r->json;
	whole(scan, FLEET);
	assert_int_equal(json_int_at(scan, "instances"), FLEET);
	assert_int_equal(json_int_at(scan, "added"), FLEET);
	assert_true(json_object_get_double(json_at(scan, "coverage")) == 1);
	do {
		r = http_get(&st, http_text(&st, "/api/spot/instances?"
		    "account_id=%s&limit=50&cursor=%s", account, next), token);
		expect_status(r, 200);
		seen += json_object_array_length(json_at(r->json, "items"));
		next = arena_strdup(st.a, json_text_at(r->json, "next"));
	} while (*next != '\0');
	assert_int_equal(seen, FLEET);
	assert_int_equal(live_in("us-east-2"), 30);
	/* 6 + 3 + 2 + 1 pages of ten; the fake ends each with no empty one */
	assert_int_equal(count_sql("SELECT SUM(pages) FROM spot_scan_shard "
	    "WHERE service = 'ec2'"), FLEET / PAGE);
	assert_string_equal(account_text("status"), "active");
}

/* ---- failures of a scan ------------------------------------------------------------- */

/* Takes n instances of a region out of the cloud. */
static void
take_out(const char *region, int n)
{
	const char *ids = mariadb_value(st.a, st.db, http_text(&st,
	    "SELECT CONCAT('[', GROUP_CONCAT(JSON_QUOTE(instance_id)), ']') "
	    "FROM (SELECT instance_id FROM spot_instance WHERE gone_at IS "
	    "NULL AND region = '%s' ORDER BY instance_id LIMIT %d) x",
	    region, n));

	control("/_control/fleet", http_text(&st, "{\"remove\":%s}", ids));
}

static void
broken_regions_sink_nothing(void **state)
{
	struct json_object *scan;

	(void)state;
	take_out("us-east-1", 5);
	take_out("us-east-2", 4);
	take_out("us-west-1", 3);
	take_out("us-west-2", 2);
	rules("{\"action\":\"DescribeInstances\",\"region\":\"us-east-2\","
	    "\"denied\":true},"
	    "{\"action\":\"DescribeInstances\",\"region\":\"us-west-1\","
	    "\"unreachable\":true},"
	    "{\"action\":\"DescribeInstances\",\"region\":\"us-west-2\","
	    "\"throttle\":{\"bucket\":0,\"rate\":0},\"times\":2}");
	scan = rescan();
	assert_string_equal(json_text_at(scan, "state"), "partial");
	assert_int_equal(json_int_at(scan, "wanted"), SHARDS);
	assert_int_equal(json_int_at(scan, "done"), SHARDS - 2);
	assert_true(json_object_get_double(json_at(scan, "coverage")) ==
	    (double)(SHARDS - 2) / SHARDS);
	assert_string_equal(shard_state(scan, "us-east-1"), "complete");
	assert_string_equal(shard_state(scan, "us-east-2"), "denied");
	assert_string_equal(shard_state(scan, "us-west-1"), "unreachable");
	assert_string_equal(shard_state(scan, "us-west-2"), "complete");
	assert_non_null(strstr(json_text_at(scan, "error"), "us-east-2"));
	assert_non_null(strstr(json_text_at(scan, "error"), "us-west-1"));
	/* swept where everything was seen, and nowhere else */
	assert_int_equal(json_int_at(scan, "gone"), 7);
	assert_int_equal(live_in("us-east-1"), 55);
	assert_int_equal(live_in("us-east-2"), 30);
	assert_int_equal(live_in("us-west-1"), 20);
	assert_int_equal(live_in("us-west-2"), 8);
	assert_string_equal(account_text("status"), "degraded");
	rules("");
	whole(rescan(), FLEET - 14);
	assert_string_equal(account_text("status"), "active");
}

static void
fails_in_the_middle_of_a_region(void **state)
{
	struct json_object *scan;

	(void)state;
	take_out("us-east-1", 5);
	rules("{\"action\":\"DescribeInstances\",\"region\":\"us-east-1\","
	    "\"nth\":3,\"times\":1000,\"error\":\"UnauthorizedOperation\"}");
	scan = rescan();
	assert_string_equal(json_text_at(scan, "state"), "partial");
	assert_int_equal(json_int_at(scan, "gone"), 0);
	assert_int_equal(live_in("us-east-1"), 55);
	/* a token that expires starts its region again, once */
	rules("{\"action\":\"DescribeInstances\",\"region\":\"us-east-1\","
	    "\"expire_tokens\":true,\"times\":1}");
	whole(rescan(), FLEET - 19);
	rules("");
}

static void
credentials_revoked(void **state)
{
	const struct reply *r;
	struct json_object *scan;

	(void)state;
	rules("{\"action\":\"*\",\"error\":\"AuthFailure\"}");
	scan = rescan();
	assert_string_equal(json_text_at(scan, "state"), "failed");
	assert_true(*json_text_at(scan, "error") != '\0');
	assert_int_equal(live_in("%"), FLEET - 19);
	assert_string_equal(account_text("credential_state"), "invalid");
	r = ask("verify");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "credential_state"),
	    "invalid");
	rules("");
	r = ask("verify");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "credential_state"), "ok");
	whole(rescan(), FLEET - 19);
}

static void
clock_is_wrong(void **state)
{
	(void)state;
	control("/_control/clock", "{\"offset_s\":900}");
	whole(rescan(), FLEET - 19);
	control("/_control/clock", "{\"offset_s\":-900}");
	whole(rescan(), FLEET - 19);
	control("/_control/clock", "{\"offset_s\":0}");
}

/* ---- processes --------------------------------------------------------------------- */

#define PAGES_OF_LAST "SELECT COALESCE(SUM(pages), 0) FROM spot_scan_shard " \
	"WHERE service = 'ec2' AND scan_id = (SELECT MAX(id) FROM spot_scan WHERE kind = " \
	"'inventory')"

static bool
some_pages(void *arg)
{
	(void)arg;
	return count_sql(PAGES_OF_LAST) >= 3;
}

static void
killed_scan_goes_on(void **state)
{
	struct json_object *scan;
	long long before;
	pid_t pid;

	(void)state;
	rules("{\"action\":\"DescribeInstances\",\"delay_s\":0.3}");
	expect_status(ask("rediscover"), 202);
	pid = discover_start("run");
	assert_true(eventually(some_pages, NULL, RUN_MS));
	kill(pid, SIGKILL);
	assert_int_equal(forked_wait(pid), 1000 + SIGKILL);
	before = count_sql(PAGES_OF_LAST);
	assert_in_range(before, 3, 10);
	rules("");
	/* it may still be at work somewhere: not taken over yet */
	assert_int_equal(discover(), 0);
	scan = last_scan(account, "inventory");
	assert_string_equal(json_text_at(scan, "state"), "running");
	assert_int_equal(count_sql(PAGES_OF_LAST), before);
	mariadb_sql(st.db, "UPDATE spot_scan SET held_at = held_at - INTERVAL "
	    "1 HOUR WHERE state = 'running'");
	assert_int_equal(discover(), 0);
	scan = last_scan(account, "inventory");
	whole(scan, FLEET - 19);
	assert_int_equal(json_int_at(scan, "gone"), 0);
	/* 50 + 26 + 17 + 8 instances: 5 + 3 + 2 + 1 pages, none read twice */
	assert_int_equal(count_sql(PAGES_OF_LAST), 11);
	assert_int_equal(count_sql("SELECT COUNT(*) - COUNT(DISTINCT "
	    "instance_id) FROM spot_instance"), 0);
	/* killed after the last page of each region and before its end */
	mariadb_sql(st.db, "UPDATE spot_scan_shard SET state = 'running' "
	    "WHERE service = 'ec2' AND scan_id = (SELECT MAX(id) FROM "
	    "spot_scan WHERE kind = 'inventory')");
	mariadb_sql(st.db, "UPDATE spot_scan SET state = 'running', held_at "
	    "= NOW(6) - INTERVAL 1 HOUR WHERE kind = 'inventory' ORDER BY id "
	    "DESC LIMIT 1");
	assert_int_equal(discover(), 0);
	whole(last_scan(account, "inventory"), FLEET - 19);
	assert_int_equal(count_sql(PAGES_OF_LAST), 11);
}

static void
two_at_once(void **state)
{
	pid_t a, b;

	(void)state;
	rules("{\"action\":\"DescribeInstances\",\"delay_s\":0.1}");
	expect_status(ask("rediscover"), 202);
	a = discover_start("run");	/* the lock file keeps them apart */
	b = discover_start("run");
	assert_int_equal(forked_wait(a), 0);
	assert_int_equal(forked_wait(b), 0);
	whole(last_scan(account, "inventory"), FLEET - 19);
	assert_int_equal(count_sql(PAGES_OF_LAST), 11);
	expect_status(ask("rediscover"), 202);
	a = discover_start("run");	/* two hosts: only the table does */
	b = discover_start("run2");
	assert_int_equal(forked_wait(a), 0);
	assert_int_equal(forked_wait(b), 0);
	whole(last_scan(account, "inventory"), FLEET - 19);
	assert_int_equal(count_sql(PAGES_OF_LAST), 11);
	rules("");
}

/* ---- prices and decisions ------------------------------------------------------------- */

static void
prices_from_the_cloud(void **state)
{
	const struct reply *r;

	(void)state;
	r = ask("prices/pull");
	expect_status(r, 202);
	assert_string_equal(json_text_at(r->json, "kind"), "prices");
	assert_int_equal(discover(), 0);
	assert_string_equal(json_text_at(last_scan(account, "prices"),
	    "state"), "complete");
	r = http_get(&st, "/api/spot/prices?region=us-east-1&limit=5", token);
	expect_status(r, 200);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    5);
	r = http_get(&st, "/api/spot/types?limit=5", token);
	expect_status(r, 200);
	assert_true(json_object_array_length(json_at(r->json, "items")) > 0);
}

static void
decision_with_reasons(void **state)
{
	const struct reply *r;
	const char *decision, *id;

	(void)state;
	r = http_send(&st, "POST", "/api/v1/evaluate", token,
	    "{\"instance_type\":\"m5.large\",\"availability_zone\":"
	    "\"us-east-1a\",\"market\":\"aws\"}");
	expect_status(r, 200);
	decision = json_text_at(r->json, "decision");
	assert_true(strcmp(decision, "STAY") == 0 ||
	    strcmp(decision, "SWITCH") == 0);
	assert_true(json_object_array_length(json_at(r->json, "reasons")) >=
	    2);
	assert_string_equal(json_text_at(r->json, "reason"),
	    json_text_at(r->json, "reasons.0"));
	assert_true(json_int_at(r->json, "candidates_evaluated") > 1);
	assert_int_equal(json_at(r->json, "selected_candidate") != NULL,
	    strcmp(decision, "SWITCH") == 0);
	/* an instance that was found */
	r = http_get(&st, http_text(&st, "/api/spot/instances?account_id=%s"
	    "&region=us-east-1&type=m5.large&lifecycle=spot&limit=1",
	    account), token);
	expect_status(r, 200);
	id = json_text_at(r->json, "items.0.instance_id");
	if (*id != '\0')
		expect_status(http_send(&st, "POST", "/api/spot/evaluate",
		    token, http_text(&st, "{\"instance_id\":\"%s\","
		    "\"instance_type\":\"m5.large\",\"availability_zone\":"
		    "\"%s\"}", id, json_text_at(r->json, "items.0.az"))), 200);
	r = http_send(&st, "POST", "/api/v1/evaluate", token,
	    "{\"instance_type\":\"zz9.plural\",\"availability_zone\":"
	    "\"us-east-1a\"}");
	expect_status(r, 422);
	assert_non_null(strstr(r->body, "zz9.plural"));
}

static const struct reply *
upload(const char *type, const char *body)
{
	return http_call(&st, &(struct call){ .method = "POST",
	    .path = "/api/spot/prices/import", .token = token, .body = body,
	    .type = type });
}

static void
price_files(void **state)
{
	static const char csv[] = "availability_zone,instance_type,timestamp,"
	    "price\nxx-test-1a,m5.large,2026-01-01T00:00:00Z,0.05\n"
	    "xx-test-1b,m5.large,2026-01-02T00:00:00Z,0.04\n";
	const struct reply *r;
	char *json;
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {	/* twice: nothing new */
		r = upload("text/csv", csv);
		expect_status(r, 200);
		assert_int_equal(json_int_at(r->json, "rows"), 2);
		assert_int_equal(count_sql("SELECT COUNT(*) FROM spot_price p "
		    "JOIN spot_pool o ON o.id = p.pool_id WHERE o.region = "
		    "'xx-test-1'"), 2);
	}
	r = upload("text/csv", "availability_zone,instance_type,timestamp,"
	    "price\nyy-test-1a,m5.large,2026-01-01,0.05\n"
	    "yy-test-1a,m5.large,yesterday,0.05\n");
	expect_status(r, 422);
	assert_non_null(strstr(r->body, "line 3"));
	r = upload("application/json", "{\"SpotPriceHistory\":[{\"SpotPrice\":"
	    "\"NaN\"}]}");
	expect_status(r, 422);
	assert_non_null(strstr(r->body, "record 1"));
	r = upload("application/json", "{\"SpotPriceHistory\":[{\"SpotPr");
	expect_status(r, 422);
	expect_status(upload("text/plain", ""), 422);
	json = data_read(st.a,
	    "aws/describe_spot_price_history_2021_m5large.json", &n);
	if (json == NULL)
		return;
	r = upload("application/json", json);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "format"), "aws-json");
	assert_int_equal(json_int_at(r->json, "rows"), 250);
}

/* ---- the simulated cloud, as the README shows it ------------------------------------------ */

static void
simulated_account(void **state)
{
	const struct reply *r;
	const char *id, *body;

	(void)state;
	r = http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"playground\",\"connection_method\":\"simulated\"}");
	expect_status(r, 201);
	assert_true(strncmp(r->body, "{\"id\":\"", 7) == 0);	/* its sed */
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	expect_status(http_send(&st, "POST", http_text(&st,
	    "/api/spot/accounts/%s/rediscover", id), token, NULL), 202);
	assert_int_equal(discover(), 0);
	r = http_get(&st, http_text(&st, "/api/spot/instances?account_id=%s"
	    "&limit=3", id), token);
	expect_status(r, 200);
	assert_int_equal(json_object_array_length(json_at(r->json, "items")),
	    3);
	r = http_get(&st, "/api/spot/pools?market=simulated&region=us-east-1"
	    "&instance_type=m5.large", token);
	expect_status(r, 200);
	body = "{\"instance_type\":\"m5.large\",\"availability_zone\":"
	    "\"us-east-1a\",\"market\":\"simulated\"}";
	r = http_send(&st, "POST", "/api/v1/evaluate", token, body);
	expect_status(r, 200);
	assert_true(*json_text_at(r->json, "decision") != '\0');
	assert_string_equal(json_text_at(r->json, "market"), "simulated");
	expect_status(http_send(&st, "DELETE", http_text(&st,
	    "/api/spot/accounts/%s", id), token, NULL), 204);
}

/* ---- a role ------------------------------------------------------------------------------- */

static const struct reply *
verify_role(const char *id)
{
	return http_send(&st, "POST", http_text(&st,
	    "/api/spot/accounts/%s/verify", id), token,
	    "{\"role_arn\":\"" ROLE_ARN "\"}");
}

static void
external_id(void **state)
{
	const struct reply *r;
	const char *id, *ours;

	(void)state;
	r = http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"role\",\"connection_method\":\"iam_role\"}");
	expect_status(r, 201);
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	ours = arena_strdup(st.a, json_text_at(r->json, "external_id"));
	assert_true(strlen(ours) >= 20);
	/* the role asks for another external id */
	r = verify_role(id);
	expect_status(r, 422);
	r = http_get(&st, http_text(&st, "/api/spot/accounts/%s", id), token);
	assert_string_not_equal(json_text_at(r->json, "credential_state"),
	    "ok");
	fake_stop(&fake);
	cloud((const char *const[]){ "--port", http_text(&st, "%u",
	    fake.port), "--role", http_text(&st, "%s:%s", ROLE_ARN, ours),
	    NULL });
	r = verify_role(id);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "credential_state"), "ok");
	assert_string_equal(json_text_at(r->json, "aws_account"),
	    "222233334444");
	assert_int_equal(discover(), 0);
	assert_string_equal(json_text_at(last_scan(id, "inventory"), "state"),
	    "complete");
}

/* ---- the end of an account --------------------------------------------------------------------- */

static void
seed_path_says_what_went(void **state)
{
	const struct reply *r;
	long long n = live_in("%");

	(void)state;
	r = http_send(&st, "DELETE", "/api/v1/client/accounts/" FAKE_ACCOUNT,
	    token, NULL);
	expect_status(r, 200);
	assert_true(json_object_get_boolean(json_at(r->json, "success")));
	assert_string_equal(json_text_at(r->json, "account_id"),
	    FAKE_ACCOUNT);
	assert_true(json_int_at(r->json, "instances_deleted") >= n);
	assert_true(*json_text_at(r->json, "message") != '\0');
	assert_int_equal(live_in("%"), 0);
	expect_status(http_get(&st, http_text(&st, "/api/spot/accounts/%s",
	    account), token), 404);
	expect_status(http_send(&st, "DELETE", "/api/v1/client/accounts/"
	    FAKE_ACCOUNT, token, NULL), 404);
}

static void
canonical_path_says_nothing(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	r = http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"brief\",\"connection_method\":\"access_keys\"," KEYS
	    "}");
	expect_status(r, 201);
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	r = http_send(&st, "DELETE", http_text(&st, "/api/spot/accounts/%s",
	    id), token, NULL);
	expect_status(r, 204);
	assert_int_equal(r->len, 0);
	expect_status(http_send(&st, "DELETE", http_text(&st,
	    "/api/spot/accounts/%s", id), token, NULL), 404);
	assert_int_equal(count_sql("SELECT COUNT(*) FROM spot_credential c "
	    "LEFT JOIN spot_account a ON a.id = c.account_id WHERE a.id IS "
	    "NULL"), 0);
}

/* ---- start and end -------------------------------------------------------------------------------- */

static int
start(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
	cloud(NULL);
	stack_setting(&st, "aws.endpoint", fake.url);
	stack_setting(&st, "aws.sts_endpoint", fake.url);
	stack_setting(&st, "aws.access_key", FAKE_ACCESS_KEY);
	stack_setting(&st, "aws.secret_key", FAKE_SECRET_KEY);
	stack_setting(&st, "spot.page_size", "10");
	if (!stack_reload(&st))
		return -1;
	token = http_admin(&st);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	fake_stop(&fake);
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_with_keys),
		cmocka_unit_test(first_scan_has_every_instance),
		cmocka_unit_test(broken_regions_sink_nothing),
		cmocka_unit_test(fails_in_the_middle_of_a_region),
		cmocka_unit_test(credentials_revoked),
		cmocka_unit_test(clock_is_wrong),
		cmocka_unit_test(killed_scan_goes_on),
		cmocka_unit_test(two_at_once),
		cmocka_unit_test(prices_from_the_cloud),
		cmocka_unit_test(decision_with_reasons),
		cmocka_unit_test(price_files),
		cmocka_unit_test(simulated_account),
		cmocka_unit_test(external_id),
		cmocka_unit_test(seed_path_says_what_went),
		cmocka_unit_test(canonical_path_says_nothing)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
