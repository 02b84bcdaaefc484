/*
 * Two application hosts behind nginx (etc/nginx/quincunx-hosts.conf): each
 * has a run directory, responders, a worker and a web server of its own, and
 * they share nothing but the database. One of them is killed, all of it at
 * once, while clients enqueue: every job that was accepted is done, nobody is
 * refused but those who were talking to it, and it is not missed afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/raw.h"
#include "tests/harness/stack.h"

enum { WAIT_MS = 60000, CLIENTS = 8, BEFORE = 150, AFTER = 300 };

/* What the clients have seen. */
struct tally {
	int stop;
	int accepted, failed;
	int64_t last_failure_ns;	/* when that request began */
	int status[CLIENTS * 4];	/* of failures */
};

static struct stack st;			/* host A */
static pid_t responder_b, worker_b, web_b, front;
static int port_a, port_b, port;
static const char *token;
static struct tally *tally;
static bool here;

/* ---- processes ------------------------------------------------------------------ */

static const char *
text(const char *fmt, ...)
{
	char *out = arena_alloc(st.a, 65536);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, 65536, fmt, ap);
	va_end(ap);
	return out;
}

static void
put(const char *path, mode_t mode, const char *what)
{
	FILE *f = fopen(stack_path(&st, path), "w");

	assert_non_null(f);
	fputs(what, f);
	fclose(f);
	assert_int_equal(chmod(stack_path(&st, path), mode), 0);
}

static pid_t
nginx(const char *name, const char *conf)
{
	const char *words[12];
	size_t n = 0;

	words[n++] = "/usr/sbin/nginx";
	words[n++] = "-p";
	words[n++] = stack_path(&st, name);
	words[n++] = "-e";
	words[n++] = stack_path(&st, text("log/%s.log", name));
	if (geteuid() == 0) {
		words[n++] = "-g";
		words[n++] = "user root;";
	}
	words[n++] = "-c";
	words[n++] = stack_path(&st, conf);
	words[n] = NULL;
	return stack_launch(&st, name, words);
}

/* Host B: the same settings, other places. */
static void
start_b(void)
{
	const char *b = stack_path(&st, "b"), *site;
	const char *places[] = { "-o", text("base.run_dir=%s", b), "-o",
	    text("fcgi.api.listen=%s/api.sock", b), "-o",
	    text("fcgi.slow.listen=%s/slow.sock", b), "-o",
	    text("fcgi.control.listen=%s/control.sock", b), NULL };
	const char *words[20] = { text("%s/quincunx.fcgi", stack_bin()), "-c",
	    st.conf };
	size_t n = 3;

	mkdir(b, 0750);
	mkdir(stack_path(&st, "web-b"), 0750);
	for (size_t i = 0; places[i] != NULL; i++)
		words[n++] = places[i];
	words[n] = "--listen";
	responder_b = stack_launch(&st, "responder-b", words);
	words[n] = NULL;
	words[0] = text("%s/quincunx-worker", stack_bin());
	worker_b = stack_launch(&st, "worker-b", words);
	/* stack_cli() says -c by itself */
	words[0] = "-o";
	for (n = 0; places[n] != NULL; n++)
		words[n] = places[n];
	words[n++] = "site";
	words[n++] = "nginx";
	words[n++] = "--standalone";
	words[n++] = stack_path(&st, "web-b");
	words[n++] = "--listen";
	words[n++] = text("127.0.0.1:%d", port_b);
	words[n] = NULL;
	assert_int_equal(stack_cli(&st, &site, words), 0);
	put("web-b/site.conf", 0640, site);
	web_b = nginx("web-b", "web-b/site.conf");
}

static const char *
replaced(const char *in, const char *what, const char *with)
{
	const char *at = strstr(in, what);

	assert_non_null(at);
	return text("%.*s%s%s", (int)(at - in), in, with, at + strlen(what));
}

static const char *
file(const char *path)
{
	char *out = arena_alloc(st.a, 65536);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	out[fread(out, 1, 65535, f)] = '\0';
	fclose(f);
	return out;
}

static void
start_front(void)
{
	const char *conf = file("etc/nginx/quincunx-hosts.conf");
	const char *d = stack_path(&st, "front");

	mkdir(d, 0750);
	conf = replaced(conf, "192.0.2.11:8080", text("127.0.0.1:%d", port_a));
	conf = replaced(conf, "192.0.2.12:8080", text("127.0.0.1:%d", port_b));
	conf = replaced(conf, "listen 80;", text("listen 127.0.0.1:%d;",
	    port));
	put("front/hosts.conf", 0640, conf);
	put("front/nginx.conf", 0640, text("daemon off; worker_processes 2; "
	    "pid %s/nginx.pid; error_log stderr; events {} http { access_log "
	    "off; client_body_temp_path %s/body; proxy_temp_path %s/proxy; "
	    "fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path "
	    "%s/s; include %s/hosts.conf; }\n", d, d, d, d, d, d, d));
	front = nginx("front", "front/nginx.conf");
}

static bool
answers(void *arg)
{
	struct raw_target t = { .port = *(int *)arg, .timeout_ms = 2000 };

	return raw_request(st.a, &t, "GET /health/ready HTTP/1.1\r\n"
	    "Host: x\r\nConnection: close\r\n\r\n").status == 200;
}

static int
group_begin(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){
	    .settings = (const char *const[]){ "jobs.lease=10",
	    "worker.children=3", "http.trusted_proxies=127.0.0.1", NULL } });
	here = true;
	port_a = st.port;
	port_b = raw_free_port();
	port = raw_free_port();
	mkdir(stack_path(&st, "exec.d"), 0750);
	put("exec.d/t.some.sh", 0750, "#!/bin/sh\ncat >/dev/null\nsleep "
	    "0.05\n");
	put("exec.d/t.some.conf", 0640, text("argv = [\"%s\"];\n",
	    stack_path(&st, "exec.d/t.some.sh")));
	stack_restart(&st, false);
	token = http_admin(&st);
	stack_worker_start(&st);
	start_b();
	start_front();
	if (!eventually(answers, &port_b, WAIT_MS) ||
	    !eventually(answers, &port, WAIT_MS)) {
		stack_logs(&st);
		return -1;
	}
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return tally == MAP_FAILED ? -1 : 0;
}

static int
group_end(void **state)
{
	(void)state;
	stack_end(&front, SIGTERM);
	stack_end(&web_b, SIGTERM);
	stack_end(&worker_b, SIGTERM);
	stack_end(&responder_b, SIGTERM);
	stack_stop(&st);
	return 0;
}

/* ---- clients -------------------------------------------------------------------------- */

static void
note(struct raw_reply r, int64_t began, int out)
{
	const char *id = r.body == NULL ? NULL : strstr(r.body, "\"id\":\"");
	char line[37];

	if (r.status == 202 && id != NULL) {
		/* one write: others append to the same file */
		memcpy(line, id + 6, 36);
		line[36] = '\n';
		assert_int_equal(write(out, line, 37), 37);
		__atomic_add_fetch(&tally->accepted, 1, __ATOMIC_SEQ_CST);
		return;
	}
	int n = __atomic_fetch_add(&tally->failed, 1, __ATOMIC_SEQ_CST);

	if (n < (int)(sizeof(tally->status) / sizeof(tally->status[0])))
		tally->status[n] = r.status;
	__atomic_store_n(&tally->last_failure_ns, began, __ATOMIC_SEQ_CST);
}

static int
client(void *arg)
{
	static const char body[] = "{\"type\":\"t.some\"}";
	int out = open(stack_path(&st, "accepted"), O_WRONLY | O_CREAT |
	    O_APPEND, 0640);
	struct raw_target t = { .port = port };

	(void)arg;
	while (!__atomic_load_n(&tally->stop, __ATOMIC_SEQ_CST)) {
		struct arena *a = arena_new(1 << 20);
		int64_t began = clock_boot_ns();

		note(raw_request(a, &t, "POST /api/system/jobs HTTP/1.1\r\n"
		    "Host: x\r\nAuthorization: Bearer %s\r\nContent-Type: "
		    "application/json\r\nContent-Length: %zu\r\n"
		    "Connection: close\r\n\r\n%s", token, strlen(body), body),
		    began, out);
		arena_free(a);
		nap_ms(5);
	}
	return 0;
}

static bool
accepted(void *arg)
{
	return __atomic_load_n(&tally->accepted, __ATOMIC_SEQ_CST) >=
	    *(int *)arg;
}

static bool
all_done(void *arg)
{
	(void)arg;
	return strcmp(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM jobs "
	    "WHERE type = 't.some' AND status NOT IN ('succeeded', "
	    "'completed')"), "0") == 0;
}

static void
print_states(void)
{
	fprintf(stderr, "states: %s\n", mariadb_value(st.a, st.db, "SELECT "
	    "GROUP_CONCAT(s, ' ', n) FROM (SELECT status AS s, COUNT(*) AS n "
	    "FROM jobs GROUP BY status) x"));
	stack_logs(&st);
}

static void
test_one_dies(void **state)
{
	pid_t pids[CLIENTS];
	int want = BEFORE, before, i;
	int64_t killed;
	const char *ids;
	char *line;

	(void)state;
	for (i = 0; i < CLIENTS; i++)
		pids[i] = forked(client, NULL);
	assert_true(eventually(accepted, &want, WAIT_MS));
	/* both hosts do jobs: two dispatchers hold a lease */
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(DISTINCT "
	    "place) FROM jobs_lease WHERE NOT external"), "2");
	before = tally->failed;
	kill(-web_b, SIGKILL);
	kill(-responder_b, SIGKILL);
	kill(-worker_b, SIGKILL);
	killed = clock_boot_ns();
	stack_end(&web_b, SIGKILL);
	stack_end(&responder_b, SIGKILL);
	stack_end(&worker_b, SIGKILL);
	want = tally->accepted + AFTER;
	assert_true(eventually(accepted, &want, WAIT_MS));
	__atomic_store_n(&tally->stop, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < CLIENTS; i++)
		assert_int_equal(forked_wait(pids[i]), 0);
	print_message("%d accepted, %d failed (first %d), last %.3f s after "
	    "the kill\n", tally->accepted, tally->failed, tally->status[0],
	    tally->failed == 0 ? 0.0 :
	    (double)(tally->last_failure_ns - killed) / 1e9);
	assert_int_equal(before, 0);
	/* those whose request was there, and no more: each client one */
	assert_true(tally->failed <= CLIENTS);
	if (!eventually(all_done, NULL, WAIT_MS)) {
		print_states();
		fail_msg("jobs are left");
	}
	ids = stack_file(&st, "accepted");
	line = arena_strdup(st.a, ids);
	for (i = 0; *line != '\0'; i++, line += 37)
		if (strcmp(mariadb_value(st.a, st.db, text("SELECT COUNT(*) "
		    "FROM jobs_job WHERE id = UNHEX(REPLACE('%.36s', '-', ''))",
		    line)), "1") != 0)
			fail_msg("job %.36s was accepted and is lost", line);
	assert_int_equal(i, tally->accepted);
	/* accepted once, made once; those without an answer at most once */
	i = atoi(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM jobs WHERE "
	    "type = 't.some'"));
	assert_true(i >= tally->accepted &&
	    i <= tally->accepted + tally->failed);
}

static void
test_not_missed(void **state)
{
	int a = port;

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_true(answers(&a));
}

/* ---- what the dashboard of Grafana asks for -------------------------------------------- */

/* Every metric of the dashboard is one that /metrics declares. */
static void
test_dashboard(void **state)
{
	struct raw_target t = { .port = port };
	struct raw_reply r = raw_request(st.a, &t, "GET /metrics HTTP/1.1\r\n"
	    "Host: x\r\nConnection: close\r\n\r\n");
	struct json_object *d = json_object_from_file(
	    "packaging/grafana/quincunx.json");
	const char *p;
	int n = 0;

	(void)state;
	assert_int_equal(r.status, 200);
	assert_non_null(d);
	p = json_object_to_json_string(d);
	while ((p = strstr(p, "quincunx_")) != NULL) {
		size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz_0123456789");
		const char *name = text("# TYPE %.*s ", (int)len, p);

		if (len > 7 && strncmp(p + len - 7, "_bucket", 7) == 0)
			name = text("# TYPE %.*s histogram", (int)len - 7, p);
		if (strstr(r.body, name) == NULL)
			fail_msg("the dashboard names %.*s, /metrics does not",
			    (int)len, p);
		p += len;
		n++;
	}
	assert_true(n > 30);
	json_object_put(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dashboard),
		cmocka_unit_test(test_one_dies),
		cmocka_unit_test(test_not_missed),
	};

	return cmocka_run_group_tests(tests, group_begin, group_end);
}
