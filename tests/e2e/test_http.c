/*
 * The wire: error shapes word for word, numbers, the worst bodies, requests
 * that overlap or die half-way, browsers from elsewhere, and what a client
 * sends that is no HTTP.
 */
#include <json.h>
#include <mysql.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

#ifdef __SANITIZE_ADDRESS__
enum { GROWTH_KIB = 2 << 20 };	/* the sanitizer's own memory */
#else
enum { GROWTH_KIB = 16 << 10 };
#endif

enum { MIB = 1 << 20, CHILDREN = 32 };

static struct stack st;

static void
expect_json(const struct reply *r, int status, const char *body)
{
	expect_status(r, status);
	assert_string_equal(http_header(&st, r, "Content-Type"),
	    "application/json");
	assert_string_equal(r->body, body);
	assert_int_equal(http_header_count(r, "X-Request-ID"), 1);
}

static const struct reply *
post_role(const char *body)
{
	return http_send(&st, "POST", "/api/auth/roles", http_admin(&st),
	    body);
}

static long
count_rows(const char *table)
{
	return strtol(mariadb_value(st.a, st.db, arena_printf(st.a,
	    "SELECT COUNT(*) FROM %s", table)), NULL, 10);
}

/* ---- words ------------------------------------------------------------------ */

static void
words_of_errors(void **state)
{
	const struct reply *r;
	const char *key;

	(void)state;
	expect_json(http_get(&st, "/nowhere", NULL), 404,
	    "{\"detail\":\"Not Found\"}");
	expect_json(http_get(&st, "/api/auth/users/x/y/z", NULL), 404,
	    "{\"detail\":\"Not Found\"}");
	r = http_send(&st, "PUT", "/health", NULL, NULL);
	expect_json(r, 405, "{\"detail\":\"Method Not Allowed\"}");
	assert_string_equal(http_header(&st, r, "Allow"),
	    "GET, OPTIONS, HEAD");
	r = http_get(&st, "/api/auth/profile", NULL);
	expect_json(r, 401, "{\"detail\":\"Not authenticated\"}");
	assert_string_equal(http_header(&st, r, "WWW-Authenticate"),
	    "Bearer");
	expect_json(http_get(&st, "/api/auth/profile", "nonsense"), 401,
	    "{\"detail\":\"Could not validate credentials\"}");
	r = http_send(&st, "POST", "/api/auth/keys", http_admin(&st),
	    "{\"name\":\"k\",\"scopes\":[\"auth:self\"]}");
	key = arena_strdup(st.a, json_text_at(r->json, "key"));
	expect_json(http_get(&st, "/api/auth/users", key), 403,
	    "{\"detail\":\"Permission auth:users is required\"}");
	r = http_get(&st, "/api/auth/users/"
	    "01890a5d-ac96-774b-bcce-b302099a8057", http_admin(&st));
	expect_json(r, 404, "{\"detail\":\"User not found\"}");
	r = http_call(&st, &(struct call){ .method = "POST",
	    .path = "/api/auth/roles", .token = http_admin(&st), .body = "x",
	    .type = "image/png" });
	expect_json(r, 415, "{\"detail\":\"Content-Type image/png is not "
	    "supported here\"}");
	r = http_call(&st, &(struct call){ .method = "POST",
	    .path = "/api/auth/roles", .token = http_admin(&st), .body = "{}",
	    .headers = (const char *[]){ "Content-Encoding: gzip", NULL } });
	expect_status(r, 415);
	expect_json(post_role("{}"), 422,
	    "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"name\"],"
	    "\"msg\":\"Field required\",\"input\":{}},{\"type\":\"missing\","
	    "\"loc\":[\"body\",\"permissions\"],\"msg\":\"Field required\","
	    "\"input\":{}}]}");
	expect_json(post_role("{\"name\":"), 422,
	    "{\"detail\":[{\"type\":\"json_invalid\",\"loc\":[\"body\",8],"
	    "\"msg\":\"JSON decode error\",\"input\":{},\"ctx\":{\"error\":"
	    "\"Expecting value\"}}]}");
	expect_json(http_get(&st, "/api/auth/users?limit=0", http_admin(&st)),
	    422, "{\"detail\":[{\"type\":\"greater_than_equal\",\"loc\":"
	    "[\"query\",\"limit\"],\"msg\":\"Input should be greater than or "
	    "equal to 1\",\"input\":\"0\",\"ctx\":{\"ge\":1}}]}");
	expect_status(post_role("{\"name\":\"twice\",\"permissions\":[]}"),
	    201);
	r = post_role("{\"name\":\"twice\",\"permissions\":[]}");
	expect_status(r, 409);
	assert_true(json_object_is_type(json_at(r->json, "detail"),
	    json_type_string));
}

static void
long_targets(void **state)
{
	char path[40000];
	const struct reply *r;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[9000] = '\0';
	r = http_get(&st, path, NULL);
	expect_status(r, 414);
	assert_non_null(json_at(r->json, "detail"));
	path[9000] = 'a';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(http_get(&st, path, NULL)->status, 414);
	expect_status(http_get(&st, "/health/live", NULL), 200);
}

static void
too_many_requests(void **state)
{
	const struct reply *r = NULL;
	struct call c = { .method = "POST", .ip = "10.99.0.1",
		.path = "/api/auth/password/reset", .body = "{}" };
	int i;

	(void)state;
	for (i = 0; i < 80; i++) {
		r = http_call(&st, &c);
		if (r->status != 422)
			break;
	}
	assert_in_range(i, 59, 62);
	expect_json(r, 429, "{\"detail\":\"Too many requests\"}");
	assert_in_range(strtol(http_header(&st, r, "Retry-After"), NULL, 10),
	    1, 60);
	/* the neighbour is not held up */
	c.ip = "10.99.0.2";
	expect_status(http_call(&st, &c), 422);
	/* a reload does not forget */
	assert_true(stack_reload(&st));
	c.ip = "10.99.0.1";
	expect_status(http_call(&st, &c), 429);
	/* nor a header we do not trust beyond the nearest proxy's word */
	c.headers = (const char *[]){ "X-Real-IP: 10.99.0.3",
	    "Forwarded: for=10.99.0.3", NULL };
	expect_status(http_call(&st, &c), 429);
}

static void
rates_per_principal(void **state)
{
	const struct reply *r = NULL;
	const char *token;
	int i;

	(void)state;
	token = http_login(&st, st.email, st.password, NULL);
	stack_setting(&st, "http.rate_requests", "20");
	assert_true(stack_reload(&st));
	for (i = 0; i < 40; i++) {
		r = http_get(&st, "/api/auth/verify", token);
		if (r->status != 200)
			break;
	}
	assert_in_range(i, 20, 22);
	expect_json(r, 429, "{\"detail\":\"Too many requests\"}");
	assert_non_null(http_header(&st, r, "Retry-After"));
	stack_setting(&st, "http.rate_requests", "0");
	assert_true(stack_reload(&st));
	expect_status(http_get(&st, "/api/auth/verify", token), 200);
}

/* A fault of ours says nothing about itself to the client. */
static void
faults_of_ours(void **state)
{
	static const char invite[] = "{\"roles\":[\"viewer\"]}";
	const struct reply *r;

	(void)state;
	http_admin(&st);
	mariadb_sql(st.db, "CREATE TRIGGER poison BEFORE INSERT ON "
	    "auth_invite FOR EACH ROW SIGNAL SQLSTATE '45000' SET "
	    "MESSAGE_TEXT = 'poison in the well'");
	r = http_send(&st, "POST", "/api/auth/invites", http_admin(&st),
	    invite);
	mariadb_sql(st.db, "DROP TRIGGER poison");
	expect_json(r, 500, "{\"detail\":\"Internal server error\"}");
	assert_null(strstr(r->headers, "poison"));
	assert_non_null(strstr(stack_file(&st, "log/server.log"),
	    "poison in the well"));
	/* a schema of another version */
	mariadb_sql(st.db, "RENAME TABLE auth_invite TO auth_invite_away");
	r = http_get(&st, "/api/auth/invites", http_admin(&st));
	mariadb_sql(st.db, "RENAME TABLE auth_invite_away TO auth_invite");
	expect_status(r, 503);
	assert_null(strstr(r->body, "auth_invite"));
	assert_string_equal(http_header(&st, r, "X-Error-Code"), "db_schema");
	r = http_send(&st, "POST", "/api/auth/invites", http_admin(&st),
	    invite);
	expect_status(r, 201);
}

static bool
works(void *token)
{
	return http_get(&st, "/api/auth/profile", token)->status == 200;
}

static void
no_database(void **state)
{
	const struct reply *r;
	const char *token = http_admin(&st);

	(void)state;
	mariadb_kill();
	for (int i = 0; i < 12; i++) {
		r = http_get(&st, "/api/auth/profile", token);
		expect_status(r, 503);
		assert_non_null(http_header(&st, r, "Retry-After"));
		assert_non_null(json_at(r->json, "detail"));
		assert_null(strstr(r->body, "/tmp"));
	}
	expect_status(http_get(&st, "/health/live", NULL), 200);
	assert_true(http_get(&st, "/health", NULL)->ms < 200);
	mariadb_restart();
	assert_true(eventually(works, (void *)(uintptr_t)token, 10000));
	for (int i = 0; i < 12; i++)
		expect_status(http_get(&st, "/api/auth/profile", token), 200);
}

static void
request_ids(void **state)
{
	const char *seen[50];

	(void)state;
	for (int i = 0; i < 50; i++) {
		const struct reply *r = http_call(&st, &(struct call){
		    .path = "/health/live", .headers = (const char *[]){
		    "X-Request-ID: chosen", "QX-Request-ID: chosen", NULL } });

		seen[i] = http_header(&st, r, "X-Request-ID");
		assert_non_null(seen[i]);
		assert_true(strlen(seen[i]) >= 16);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(seen[i], seen[k]);
	}
}

/* ---- numbers ----------------------------------------------------------------------- */

/* Texts that are no whole number between 60 and 604800, whoever parses. */
static const char *const bad_integers[] = { "NaN", "Infinity", "-Infinity",
	"nan", "1e400", "-1e400", "1e999999999", "01", "00", "+60", "-0x3c",
	"0x3c", "60.", ".6e2", "6_0", "1e", "1e+", "--60", "60 61",
	"9223372036854775807", "9223372036854775808", "-9223372036854775809",
	"18446744073709551676", "10000000000000000000000", "60.5",
	"6.05e1", "604801", "59", "-60", "\"NaN\"", "\"1e2x\"", "\"\"",
	"\"60,0\"", "\"0x3c\"", "[60]", "{\"v\":60}", "\"\\u0660\"", "null",
	"60e-1", "1e-400", NULL };
static const char *const bad_prices[] = { "NaN", "Infinity", "-Infinity",
	"1e400", "-1e400", "1e99", "10001", "0", "-0", "-0.01", "-1", "01",
	"+1", "1.", ".5", "0x1p-2", "1_0", "1e", "--1", "1,5", "\"NaN\"",
	"\"Infinity\"", "\"1e400\"", "\"\"", "\"0,5\"", "[1]", "{}", "null",
	"10000000000000000000000", "1e-400", NULL };

static const char *
simulated(void)
{
	static const char *id;
	const struct reply *r;

	if (id != NULL)
		return id;
	r = http_send(&st, "POST", "/api/spot/accounts", http_admin(&st),
	    "{\"name\":\"numbers\",\"connection_method\":\"simulated\","
	    "\"scan_every_s\":3600}");
	expect_status(r, 201);
	return id = arena_strdup(st.a, json_text_at(r->json, "id"));
}

static void
numbers(void **state)
{
	static const char *const good[] = { "60", "604800", "60.0", "6e1",
		"\"60\"", NULL };
	const char *path = arena_printf(st.a, "/api/spot/accounts/%s",
	    simulated());
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; bad_integers[i] != NULL; i++) {
		const struct reply *r = http_send(&st, "PATCH", path,
		    http_admin(&st), http_text(&st, "{\"scan_every_s\":%s}",
		    bad_integers[i]));

		if (r->status == 422)
			continue;
		print_error("%s: %d %s\n", bad_integers[i], r->status,
		    r->body);
		bad++;
	}
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT scan_every_s "
	    "FROM spot_account WHERE name = 'numbers'"), "3600");
	for (size_t i = 0; good[i] != NULL; i++) {
		const struct reply *r = http_send(&st, "PATCH", path,
		    http_admin(&st), http_text(&st, "{\"scan_every_s\":%s}",
		    good[i]));

		expect_status(r, 200);
		assert_int_equal(json_int_at(r->json, "scan_every_s"),
		    i == 1 ? 604800 : 60);
	}
	for (size_t i = 0; bad_prices[i] != NULL; i++) {
		const struct reply *r = http_send(&st, "POST",
		    "/api/spot/prices", http_admin(&st), http_text(&st,
		    "{\"availability_zone\":\"us-east-1a\","
		    "\"instance_type\":\"m5.large\",\"price\":%s}",
		    bad_prices[i]));

		if (r->status == 422)
			continue;
		print_error("price %s: %d %s\n", bad_prices[i], r->status,
		    r->body);
		bad++;
	}
	assert_int_equal(count_rows("spot_price"), 0);
	for (size_t i = 0; bad_integers[i] != NULL; i++) {
		const struct reply *r;
		struct str q;

		if (strpbrk(bad_integers[i], "\"{[") != NULL ||
		    strcmp(bad_integers[i], "59") == 0 ||
		    strcmp(bad_integers[i], "01") == 0 ||
		    strcmp(bad_integers[i], "+60") == 0 ||
		    strcmp(bad_integers[i], "6_0") == 0)
			continue;	/* others in a query string */
		str_init(&q, st.a);
		for (const char *p = bad_integers[i]; *p != '\0'; p++)
			str_addf(&q, "%%%02x", (unsigned char)*p);
		r = http_get(&st, http_text(&st, "/api/auth/users?limit=%s",
		    q.p), http_admin(&st));
		if (r->status == 422)
			continue;
		print_error("limit=%s: %d %s\n", bad_integers[i], r->status,
		    r->body);
		bad++;
	}
	assert_int_equal(bad, 0);
}

static void
texts(void **state)
{
	static const char *const bad[] = {
		"{\"name\":\"a\\u0000b\",\"permissions\":[]}",
		"{\"name\":\"a\\ud800b\",\"permissions\":[]}",
		"{\"name\":\"a\\udc00\\ud800\",\"permissions\":[]}",
		"{\"name\":\"a\xff\",\"permissions\":[]}",
		"{\"name\":\"a\xc0\xaf\",\"permissions\":[]}",
		"{\"name\":\"a\xed\xa0\x80\",\"permissions\":[]}",
		"{\"name\":\"a\nb\",\"permissions\":[]}",
		"{\"name\":\"aa\",\"name\":\"bb\",\"permissions\":[]}",
		"{\"name\":\"aa\",\"n\\u0061me\":\"bb\",\"permissions\":[]}",
		"{\"name\":'aa',\"permissions\":[]}",
		"{name:\"aa\",\"permissions\":[]}",
		"{\"name\":\"aa\",\"permissions\":[],}",
		"{\"name\":\"aa\",\"permissions\":[]} x",
		"{\"name\":\"aa\",\"permissions\":[]}{}",
		"/**/{\"name\":\"aa\",\"permissions\":[]}",
		"\xef\xbb\xbf{\"name\":\"aa\",\"permissions\":[]}",
		"{\"name\":true,\"permissions\":[]}",
		"{\"name\":\"aa\",\"permissions\":[[]]}",
		"{\"name\":\"aa\",\"permissions\":\"auth:self\"}",
		"{\"name\":\"a b\",\"permissions\":[]}",
		"[]", "\"\"", "null", "1", "true", "", " ", NULL };
	long before = count_rows("auth_role");
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; bad[i] != NULL; i++) {
		const struct reply *r = post_role(bad[i]);

		if (r->status == 422)
			continue;
		print_error("%s: %d %s\n", bad[i], r->status, r->body);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(count_rows("auth_role"), before);
}

/* ---- the worst bodies ----------------------------------------------------------------- */

static char *
repeat(struct arena *a, const char *head, const char *unit, const char *end)
{
	size_t max = MIB - strlen(end), n = strlen(unit);
	struct str s;

	str_init(&s, a);
	str_reserve(&s, MIB);
	str_add(&s, head);
	while (s.len + n <= max)
		str_addn(&s, unit, n);
	str_add(&s, end);
	return s.p;
}

static char *
many_keys(struct arena *a)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '{');
	for (unsigned i = 0; s.len < MIB - 20; i++)
		str_addf(&s, "%s\"%x\":0", i > 0 ? "," : "", i);
	str_addc(&s, '}');
	return s.p;
}

static long
peak_growth(const pid_t *pids, const long *before, size_t n)
{
	long worst = 0;

	for (size_t i = 0; i < n; i++) {
		long peak = stack_peak_kib(pids[i]);

		if (peak - before[i] > worst)
			worst = peak - before[i];
	}
	return worst;
}

static void
send_worst(const char *what, const char *path, const char *body,
    const char *type)
{
	const struct reply *r[8];
	struct call c[8];

	for (int i = 0; i < 8; i++)
		c[i] = (struct call){ .method = "POST", .path = path,
		    .token = http_admin(&st), .body = body, .type = type };
	http_parallel(&st, c, 8, r);
	for (int i = 0; i < 8; i++)
		if (r[i]->status != 422 && r[i]->status != 413 &&
		    r[i]->status != 401 && r[i]->status != 503)
			fail_msg("%s: %d %.200s", what, r[i]->status,
			    r[i]->body);
	for (int i = 0; i < 8; i++)
		if (r[i]->len > 64 * 1024)
			fail_msg("%s: an answer of %zu bytes", what,
			    r[i]->len);
}

static void
worst_bodies(void **state)
{
	static const char json[] = "application/json",
	    form[] = "application/x-www-form-urlencoded";
	struct arena *a = arena_new(256 << 20);
	const struct worst {
		const char *what, *body, *type;
	} worst[] = {
		{ "arrays in arrays", repeat(a, "", "[", ""), json },
		{ "objects in objects", repeat(a, "", "{\"a\":", ""), json },
		{ "zeros", repeat(a, "[0", ",0", "]"), json },
		{ "empty objects", repeat(a, "[{}", ",{}", "]"), json },
		{ "a long text", repeat(a, "\"", "x", "\""), json },
		{ "escapes", repeat(a, "{\"name\":\"", "\\u00e9", "\"}"),
		    json },
		{ "digits", repeat(a, "{\"name\":", "9", "}"), json },
		{ "blanks", repeat(a, "{", " ", "}"), json },
		{ "members", many_keys(a), json },
		{ "the same member", repeat(a, "{\"a\":0", ",\"a\":0", "}"),
		    json },
		{ "names", repeat(a, "{\"name\":\"aa\",\"permissions\":[\"x\"",
		    ",\"x\"", "]}"), json },
		{ "pairs", repeat(a, "a=1", "&a=1", ""), form },
		{ "percents", repeat(a, "username=", "%41", ""), form },
		{ NULL, NULL, NULL }
	};
	pid_t pids[CHILDREN], now[CHILDREN];
	long before[CHILDREN];
	size_t n, m, same = 0;

	(void)state;
	/* all at once no more than the slow pool may hash */
	stack_restart(&st, false);
	http_admin(&st);
	n = stack_children(&st, pids, CHILDREN);
	for (size_t i = 0; i < n; i++)
		before[i] = stack_rss_kib(pids[i]);
	for (const struct worst *b = worst; b->what != NULL; b++) {
		send_worst(b->what, "/api/auth/login", b->body, b->type);
		if (b->type == json)
			send_worst(b->what, "/api/auth/roles", b->body,
			    b->type);
		if (peak_growth(pids, before, n) > GROWTH_KIB)
			fail_msg("%s: a child grew by %ld KiB", b->what,
			    peak_growth(pids, before, n));
	}
	print_message("worst growth: %ld KiB\n", peak_growth(pids, before,
	    n));
	m = stack_children(&st, now, CHILDREN);	/* a prober may be there */
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++)
			same += pids[i] == now[k];
	assert_int_equal(same, n);	/* nobody died of it */
	arena_free(a);
}

/* ---- one effect -------------------------------------------------------------------------- */

static void
same_key_at_once(void **state)
{
	enum { N = 20 };
	const struct reply *r[N];
	struct call c[N];
	const char *first = NULL;
	int made = 0, busy = 0;

	(void)state;
	for (int i = 0; i < N; i++)
		c[i] = (struct call){ .method = "POST",
		    .path = "/api/auth/roles", .token = http_admin(&st),
		    .key = "at once", .body = "{\"name\":\"at-once\","
		    "\"permissions\":[\"auth:self\"]}" };
	http_parallel(&st, c, N, r);
	for (int i = 0; i < N; i++) {
		if (r[i]->status == 201 && first == NULL)
			first = r[i]->body;
		made += r[i]->status == 201;
		busy += r[i]->status == 409;
		if (r[i]->status == 201)
			assert_string_equal(r[i]->body, first);
		else if (r[i]->status != 409)
			expect_status(r[i], 409);
	}
	assert_true(made >= 1 && made + busy == N);
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "auth_role WHERE name = 'at-once'"), "1");
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "auth_audit WHERE action = 'auth.role.create' AND status = 201 "
	    "AND target_id = (SELECT LOWER(CONCAT_WS('-', "
	    "SUBSTR(HEX(id),1,8), SUBSTR(HEX(id),9,4), SUBSTR(HEX(id),13,4), "
	    "SUBSTR(HEX(id),17,4), SUBSTR(HEX(id),21))) FROM auth_role "
	    "WHERE name = 'at-once')"), "1");
	expect_status(http_call(&st, &c[0]), 201);
}

static MYSQL *
hold_name(const char *name)
{
	const char *url = mariadb_url(st.a, st.db), *sock;
	MYSQL *my = mysql_init(NULL);

	sock = strstr(url, "unix_socket=") + strlen("unix_socket=");
	assert_non_null(mysql_real_connect(my, NULL, "root", "", st.db, 0,
	    sock, 0));
	assert_int_equal(mysql_query(my, "BEGIN"), 0);
	assert_int_equal(mysql_query(my, arena_printf(st.a,
	    "INSERT INTO auth_role SELECT UNHEX(REPLACE(UUID(),'-','')), id, "
	    "'%s', '', '', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) FROM "
	    "auth_tenant WHERE name = 'main'", name)), 0);
	assert_int_equal(mysql_affected_rows(my), 1);
	return my;
}

static struct call held = { .method = "POST", .path = "/api/auth/roles",
	.key = "held", .body = "{\"name\":\"held\",\"permissions\":[]}",
	.fresh = true, .may_fail = true };

static int
call_held(void *arg)
{
	(void)arg;
	return http_call(&st, &held)->status == 201;
}

/* The child that works on the held request. What the web server sends to that
 * very child waits with it, hence the short patience. */
static pid_t
worker_of(const char *route)
{
	const struct reply *r = http_call(&st, &(struct call){
	    .path = "/api/system/processes", .token = held.token,
	    .may_fail = true, .fresh = true, .timeout_ms = 300 });
	struct json_object *items = json_at(r->json, "items");

	for (size_t i = 0; items != NULL &&
	    i < json_object_array_length(items); i++) {
		struct json_object *p = json_object_array_get_idx(items, i);

		if (strcmp(json_text_at(p, "route"), route) == 0)
			return (pid_t)json_int_at(p, "pid");
	}
	return 0;
}

static bool
is_held(void *arg)
{
	pid_t *pid = arg;

	/* it has its key and waits for the name */
	if (strcmp(mariadb_value(st.a, NULL, "SELECT VARIABLE_VALUE FROM "
	    "information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
	    "'INNODB_ROW_LOCK_CURRENT_WAITS'"), "0") == 0)
		return false;
	*pid = worker_of("auth.role.create");
	return *pid > 0;
}

static bool
held_works(void *arg)
{
	(void)arg;
	return call_held(NULL) == 1;
}

/* Another child's answer to the same key. */
static bool
busy_at_once(void *arg)
{
	struct call c = held;

	(void)arg;
	c.timeout_ms = 500;
	return http_call(&st, &c)->status == 409;
}

/* A request dies with its process: its key is free again, and nothing of it
 * stays. */
static void
killed_in_flight(void **state)
{
	pid_t children[CHILDREN], worker = 0, client;
	bool ours = false;
	MYSQL *my;
	size_t n;

	(void)state;
	held.token = http_admin(&st);
	my = hold_name("held");
	client = forked(call_held, NULL);
	assert_true(eventually(is_held, &worker, 4000));
	/* the same key meanwhile: an answer at once */
	assert_true(eventually(busy_at_once, NULL, 2000));
	n = stack_children(&st, children, CHILDREN);
	for (size_t i = 0; i < n; i++)
		ours |= children[i] == worker;
	assert_true(ours);
	kill(worker, SIGKILL);
	assert_int_equal(forked_wait(client), 0);
	mysql_query(my, "ROLLBACK");
	mysql_close(my);
	assert_true(eventually(held_works, NULL, 10000));
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "auth_role WHERE name = 'held'"), "1");
}

/* ---- browsers from elsewhere ------------------------------------------------------------------ */

static const struct reply *
from_origin(const char *method, const char *origin)
{
	return http_call(&st, &(struct call){ .method = method,
	    .path = "/api/auth/roles", .token = strcmp(method, "GET") == 0 ?
	    http_admin(&st) : NULL, .headers = (const char *[]){
	    http_text(&st, "Origin: %s", origin),
	    "Access-Control-Request-Method: POST",
	    "Access-Control-Request-Headers: authorization,content-type",
	    NULL } });
}

static void
cors(void **state)
{
	static const char allow[] = "Access-Control-Allow-Origin";
	static const char *const others[] = { "https://evil.test",
		"https://app.example.test.evil.test", "null",
		"https://APP.example.test", "http://app.example.test",
		"https://app.example.test:444", NULL };
	const struct reply *r;

	(void)state;
	r = from_origin("GET", "https://app.example.test");
	assert_null(http_header(&st, r, allow));
	stack_setting(&st, "http.cors_origins", "https://app.example.test,"
	    "https://two.example.test");
	assert_true(stack_reload(&st));
	r = from_origin("OPTIONS", "https://app.example.test");
	expect_status(r, 204);
	assert_string_equal(http_header(&st, r, allow),
	    "https://app.example.test");
	assert_non_null(strstr(http_header(&st, r,
	    "Access-Control-Allow-Methods"), "POST"));
	assert_non_null(strstr(http_header(&st, r,
	    "Access-Control-Allow-Headers"), "Authorization"));
	/* no cookies from elsewhere, ever */
	assert_null(http_header(&st, r, "Access-Control-Allow-Credentials"));
	r = from_origin("GET", "https://two.example.test");
	expect_status(r, 200);
	assert_string_equal(http_header(&st, r, allow),
	    "https://two.example.test");
	assert_non_null(strstr(http_header(&st, r, "Vary"), "Origin"));
	for (size_t i = 0; others[i] != NULL; i++)
		assert_null(http_header(&st, from_origin("GET", others[i]),
		    allow));
}

/* ---- no HTTP ---------------------------------------------------------------------------------- */

static void
raw(const char *bytes, int low, int high)
{
	const struct reply *r = http_raw(&st, bytes, strlen(bytes));

	if (r->status < low || r->status > high)
		fail_msg("%.60s…: %d %.200s", bytes, r->status, r->body);
}

static void
strange_requests(void **state)
{
#define LOGIN "POST /api/auth/login HTTP/1.1\r\nHost: x\r\n" \
	"Content-Type: application/json\r\nConnection: close\r\n"
	(void)state;
	/* chunks are a body like any other */
	raw(LOGIN "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	    422, 422);
	/* two lengths, a length and chunks, broken chunks */
	raw(LOGIN "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400,
	    400);
	raw(LOGIN "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n", 400, 400);
	raw(LOGIN "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
	    400, 400);
	raw(LOGIN "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400,
	    501);
	raw(LOGIN "Content-Length: -1\r\n\r\n", 400, 400);
	raw(LOGIN "Content-Length: 99999999999999999999\r\n\r\n", 400, 413);
	raw(LOGIN "Content-Length: 1099511627776\r\n\r\n", 413, 413);
	raw("GET /health/live HTTP/1.1\r\n\r\n", 400, 400);
	raw("GET /health/live HTTP/9.9\r\nHost: x\r\n\r\n", 400, 505);
	raw("nonsense\r\n\r\n", 400, 400);
	raw("GET /health/live HTTP/1.1\r\nHost: x\r\nX: \001\r\n"
	    "Connection: close\r\n\r\n", 200, 400);
	raw("TRACE /health/live HTTP/1.1\r\nHost: x\r\n\r\n", 405, 405);
	raw("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400, 405);
	/* a body where none belongs is read and forgotten */
	raw("GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
	    "Connection: close\r\n\r\n{}", 200, 200);
	/* two requests in one breath get two answers */
	const char two[] = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	const struct reply *r = http_raw(&st, two, strlen(two));

	assert_int_equal(r->status, 200);
	assert_non_null(strstr(r->body, "Not Found"));
	expect_status(http_get(&st, "/health/live", NULL), 200);
}

static int
start(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_errors),
		cmocka_unit_test(long_targets),
		cmocka_unit_test(too_many_requests),
		cmocka_unit_test(rates_per_principal),
		cmocka_unit_test(faults_of_ours),
		cmocka_unit_test(request_ids),
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(same_key_at_once),
		cmocka_unit_test(killed_in_flight),
		cmocka_unit_test(cors),
		cmocka_unit_test(strange_requests),
		cmocka_unit_test(worst_bodies),
		cmocka_unit_test(no_database),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
