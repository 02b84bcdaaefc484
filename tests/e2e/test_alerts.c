/*
 * A running installation with its worker: rules posted over HTTP fire, wait,
 * go on, end, are told together, are silenced, flap; the notices arrive as
 * events and, signed, at a webhook; a server outside gets the dead-man signal
 * and the alerts; errors of requests are counted by kind, resolved, and come
 * back; metrics now and in the past; the terminal.
 */
#include <json.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/harness/forked.h"
#include "tests/harness/hook.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

#include <cmocka.h>

enum { WAIT_MS = 60000 };

static struct stack st;
static const char *token;
static int outside = -1;
static int port;
static pid_t worker;
static struct hook hook;

/* A server outside: one request at a time, by poll. */
static void
listen_outside(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);

	outside = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(outside, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    listen(outside, 16) == -1 ||
	    getsockname(outside, (struct sockaddr *)&in, &n) == -1)
		fail_msg("no socket");
	port = ntohs(in.sin_port);
}

/* The whole of the next request, answered; NULL after a minute. */
static const char *
request_outside(void)
{
	struct pollfd p = { .fd = outside, .events = POLLIN };
	char *buf = arena_alloc(st.a, 65536);
	const char *body;
	size_t n = 0;
	ssize_t k;
	int fd;

	if (poll(&p, 1, WAIT_MS) != 1 ||
	    (fd = accept(outside, NULL, NULL)) == -1)
		return NULL;
	while (n < 65535 && (k = read(fd, buf + n, 65535 - n)) > 0) {
		size_t want = 0;
		const char *len;

		n += (size_t)k;
		buf[n] = '\0';
		body = strstr(buf, "\r\n\r\n");
		len = strstr(buf, "Content-Length: ");
		if (len != NULL)
			sscanf(len + 16, "%zu", &want);
		if (body != NULL && n >= (size_t)(body + 4 - buf) + want)
			break;
	}
	dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
	    "Connection: close\r\n\r\n");
	close(fd);
	return buf;
}

static void
worker_start(void)
{
	worker = stack_launch(&st, "worker", (const char *[]){
	    arena_printf(st.a, "%s/quincunx-worker", stack_bin()), "-c",
	    st.conf, NULL });
}

static int
group_setup(void **state)
{
	const char *settings[6];
	struct arena *a = arena_new(1 << 20);

	(void)state;
	listen_outside();
	stack_user();
	hook_start(&hook);
	settings[0] = arena_printf(a, "alerts.deadman_url="
	    "http://127.0.0.1:%d/alive", port);
	settings[1] = arena_printf(a, "alerts.alertmanager_url="
	    "http://127.0.0.1:%d", port);
	settings[2] = "alerts.group_wait=0";
	settings[3] = "alerts.group_interval=1";
	settings[4] = arena_printf(a, "net.allow=127.0.0.1:%u", hook.port);
	settings[5] = NULL;
	stack_start(&st, &(struct stack_options){ .settings = settings });
	token = http_login(&st, st.email, st.password, NULL);
	arena_free(a);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	if (worker > 0)
		stack_end(&worker, SIGTERM);
	stack_stop(&st);
	hook_stop(&hook);
	if (outside != -1)
		close(outside);
	return 0;
}

/* ---- errors ------------------------------------------------------------------------- */

static const char *error_where =
    "/api/system/errors?place=spot.account.list";

static bool
error_counted(void *want)
{
	const struct reply *r = http_get(&st, error_where, token);

	return strcmp(json_text_at(r->json, "items.0.count"), want) == 0;
}

/* A view of a table that is not there any more: no error that the program
 * has a name for. */
static void
provoke(void)
{
	mariadb_sql(st.db, "CREATE TABLE away LIKE spot_account; "
	    "RENAME TABLE spot_account TO spot_account_away; "
	    "CREATE VIEW spot_account AS SELECT * FROM away; DROP TABLE away");
	expect_status(http_get(&st, "/api/spot/accounts", token), 500);
	mariadb_sql(st.db, "DROP VIEW spot_account; "
	    "RENAME TABLE spot_account_away TO spot_account");
	expect_status(http_get(&st, "/api/spot/accounts", token), 200);
}

static void
test_errors(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	provoke();
	provoke();
	assert_true(eventually(error_counted, (char[]){ "2" }, WAIT_MS));
	r = http_get(&st, error_where, token);
	id = arena_strdup(st.a, json_text_at(r->json, "items.0.id"));
	assert_string_equal(json_text_at(r->json, "items.0.status"), "open");
	assert_int_equal(strlen(json_text_at(r->json,
	    "items.0.request_id")), 32);
	assert_non_null(strstr(json_text_at(r->json, "items.0.cause"),
	    "spot_account"));
	r = http_send(&st, "POST", http_text(&st,
	    "/api/system/errors/%s/resolve", id), token, NULL);
	expect_status(r, 200);
	provoke();
	assert_true(eventually(error_counted, (char[]){ "3" }, WAIT_MS));
	r = http_get(&st, http_text(&st, "/api/system/errors/%s", id), token);
	assert_string_equal(json_text_at(r->json, "status"), "open");
	assert_int_equal(json_int_at(r->json, "regressions"), 1);
}

/* ---- rules ----------------------------------------------------------------------------- */

#define HOLDS "min by (host) (disk_free_ratio) >= 0"
#define FAILS "min by (host) (disk_free_ratio) < 0"

static const char *
rule(const char *name, const char *members)
{
	const struct reply *r = http_send(&st, "POST",
	    "/api/system/alerts/rules", token, http_text(&st, "{\"name\":"
	    "\"%s\",\"expr\":\"" HOLDS "\",\"summary\":\"There is a disk\""
	    "%s}", name, members));

	expect_status(r, 201);
	return arena_strdup(st.a, json_text_at(r->json, "id"));
}

static void
rule_patch(const char *id, const char *body)
{
	expect_status(http_send(&st, "PATCH", http_text(&st,
	    "/api/system/alerts/rules/%s", id), token, body), 200);
}

/* state, told and whom a silence names: of one alert. */
static const char *
alert_of(const char *name)
{
	const struct reply *r = http_get(&st, http_text(&st,
	    "/api/system/alerts?rule=%s", name), token);
	const char *muted = json_text_at(r->json, "items.0.muted_by");

	if (json_at(r->json, "items.0.id") == NULL)
		return "none";
	return http_text(&st, "%s %s%s", json_text_at(r->json,
	    "items.0.state"), json_text_at(r->json, "items.0.told"),
	    strncmp(muted, "silence", 7) == 0 ? " silenced" : "");
}

/* "Name=state told" */
static bool
alert_is(void *arg)
{
	char name[32];
	const char *want = strchr(arg, '=');

	snprintf(name, sizeof(name), "%.*s", (int)(want - (char *)arg),
	    (char *)arg);
	return strcmp(alert_of(name), want + 1) == 0;
}

static void
expect_alert(const char *text)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", text);
	if (!eventually(alert_is, copy, WAIT_MS)) {
		*strchr(copy, '=') = '\0';
		fail_msg("wanted %s: %s", text, alert_of(copy));
	}
}

static bool
hook_heard(const char *text)
{
	struct arena *a = arena_new((size_t)8 << 20);
	bool heard = strstr(hook_log(&hook, a), text) != NULL;

	arena_free(a);
	return heard;
}

static bool
heard(void *text)
{
	return hook_heard(text);
}

/* A notice as the receiver has it: status and the rules of its alerts. */
static void
expect_notice(const char *told)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", told);
	if (eventually(heard, copy, WAIT_MS))
		return;
	stack_logs(&st);
	fail_msg("no notice %s: %s", told, hook_log(&hook, st.a));
}

static const char *ends, *keeps, *flaps;

/* Two alerts of a host in one notice; one waits, one is silenced. */
static void
test_rules(void **state)
{
	const struct reply *r;

	(void)state;
	r = http_send(&st, "POST", "/api/system/webhooks", token,
	    http_text(&st, "{\"name\":\"w\",\"url\":"
	    "\"http://127.0.0.1:%u/\",\"stream\":\"installation\","
	    "\"topics\":[\"system_alert\"]}", hook.port));
	expect_status(r, 201);
	hook_secret(&hook, json_text_at(r->json, "secret"));
	expect_status(http_send(&st, "POST", "/api/alerts/silences", token,
	    "{\"rule\":\"Silenced\",\"comment\":\"known\"}"), 201);
	rule("Silenced", "");
	rule("Waits", ",\"for_s\":3600");
	keeps = rule("Keeps", ",\"group_by\":\"host\",\"keep_s\":3600");
	ends = rule("Ends", ",\"group_by\":\"host\"");
	flaps = rule("Flaps", ",\"enabled\":false");
	r = http_send(&st, "POST", "/api/system/alerts/rules", token,
	    "{\"name\":\"Bad\",\"expr\":\"nothing_known > 1\","
	    "\"summary\":\"x\"}");
	expect_status(r, 422);
	assert_non_null(strstr(r->body, "nothing_known"));
	worker_start();
	expect_alert("Keeps=firing firing");
	expect_alert("Ends=firing firing");
	expect_alert("Waits=pending ");
	expect_alert("Silenced=firing  silenced");
	expect_notice("[[\"firing\", [\"Ends\", \"Keeps\"]]]");
	assert_true(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM ("
	    "SELECT body FROM events_outbox UNION ALL SELECT body FROM "
	    "events_stream) e WHERE body LIKE '%\"t\":\"system_alert\"%"
	    "There is a disk%'")[0] != '0');
}

/* The condition fails: one ends, one goes on for its time. */
static void
test_ends(void **state)
{
	(void)state;
	rule_patch(ends, "{\"expr\":\"" FAILS "\"}");
	rule_patch(keeps, "{\"expr\":\"" FAILS "\"}");
	expect_alert("Ends=resolved resolved");
	expect_alert("Keeps=firing firing");
	expect_notice("[\"firing\", [\"Ends\", \"Keeps\"]]");
	assert_null(strstr(hook_log(&hook, st.a), "Silenced"));
	assert_null(strstr(hook_log(&hook, st.a), "\"signed\": false"));
}

/* Without a worker the same turns are made from cron. Four changes within ten
 * minutes are one notice of flapping. */
static void
test_flaps(void **state)
{
	const char *out;

	(void)state;
	stack_end(&worker, SIGTERM);
	close(outside);		/* refused at once: nobody answers any more */
	outside = -1;
	for (int i = 0; i < 5; i++) {
		rule_patch(flaps, i % 2 == 0 ? "{\"enabled\":true,\"expr\":"
		    "\"" HOLDS "\"}" : "{\"expr\":\"" FAILS "\"}");
		assert_int_equal(stack_program(&st, &out, "quincunx-schedule",
		    (const char *[]){ NULL }), 0);
	}
	/* a notice a second and a delivery a run: what cron does by minutes */
	for (int i = 0; i < 20 && !hook_heard("[\"flapping\", "
	    "[\"Flaps\"]]"); i++) {
		assert_int_equal(stack_program(&st, &out, "quincunx-schedule",
		    (const char *[]){ "--work", NULL }), 0);
		nap_ms(200);
	}
	expect_alert("Flaps=firing flapping");
	expect_notice("[\"flapping\", [\"Flaps\"]]");
}

/* The signals of a turn: alive, then the alerts as Alertmanager takes them. */
static void
test_signals(void **state)
{
	bool alive = false, pushed = false;
	const char *p;

	(void)state;
	for (int i = 0; i < 6 && !(alive && pushed); i++) {
		if ((p = request_outside()) == NULL)
			break;
		if (strncmp(p, "POST /alive ", 12) == 0)
			alive = strstr(p, "{\"alive\":true,") != NULL;
		if (strncmp(p, "POST /api/v2/alerts ", 20) == 0)
			pushed = strstr(p, "\r\n\r\n[") != NULL;
	}
	assert_true(alive);
	assert_true(pushed);
}

/* ---- metrics ---------------------------------------------------------------------------- */

static bool
sampled(void *unused)
{
	(void)unused;
	return mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "system_metrics WHERE metric_name = 'host_load1'")[0] > '0';
}

static void
test_metrics(void **state)
{
	const struct reply *r;

	(void)state;
	assert_true(eventually(sampled, NULL, WAIT_MS));
	r = http_get(&st, "/api/metrics/system", token);
	expect_status(r, 200);
	assert_non_null(json_at(r->json, "host.memory_total"));
	assert_non_null(strstr(r->body, "\"http_requests_total\""));
	assert_string_equal(json_text_at(r->json, "agents.error"),
	    "Agent manager not available");
	r = http_get(&st, "/api/metrics/history?metric=host_load1", token);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "kind"), "gauge");
	assert_non_null(json_at(r->json, "series.0.points.0.value"));
	r = http_get(&st, "/api/system/metrics/history?metric=host_load1"
	    "&format=csv", token);
	expect_status(r, 200);
	assert_string_equal(http_header(&st, r, "Content-Type"),
	    "text/csv; charset=utf-8");
	assert_int_equal(strncmp(r->body, "host,labels,at,value,low,high,"
	    "mean_s,p50,p95,p99\n", 47), 0);
	r = http_get(&st, "/metrics", NULL);
	assert_non_null(strstr(r->body, "\nquincunx_disk_free_ratio 0."));
	r = http_get(&st, "/api/system/metrics", NULL);
	expect_status(r, 401);
}

static void
test_terminal(void **state)
{
	const char *out;

	(void)state;
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "alerts",
	    "list", NULL }), 0);
	assert_non_null(strstr(out, "Keeps"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "alerts",
	    "rules", "--json", NULL }), 0);
	assert_non_null(strstr(out, "\"name\":\"DiskFree\""));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "alerts",
	    "silence", "30", "works", "--rule", "DiskFree", NULL }), 0);
	assert_non_null(strstr(http_get(&st, "/api/alerts/silences",
	    token)->body, "\"comment\":\"works\""));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "alerts",
	    "silence", "30", "everything", NULL }), 2);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "alerts",
	    "export", NULL }), 0);
	assert_non_null(strstr(out, "- alert: DiskFree\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_signals), cmocka_unit_test(test_ends),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_flaps),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
