/*
 * What a person at a terminal gets: the doctor over a healthy installation
 * and over broken ones, compat from the command line, help and completion of
 * the real program, manual pages that groff takes without a word, and the
 * strangler: a new and an old backend behind one nginx with one token.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/raw.h"
#include "tests/harness/stack.h"

static struct stack st;
static pid_t old;
static const char *last;		/* what the doctor said */
static char old_port[8], old_where[32];

static int
cli(const char **out, const char *a, const char *b, const char *c,
    const char *d)
{
	const char *words[] = { a, b, c, d, NULL };

	return stack_cli(&st, out, words);
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(stack_path(&st, name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The doctor's status of one check; "" = it said nothing. */
static const char *
doctor(const char *check, int want_rc, const char *site)
{
	const char *out, *found = "";
	struct json_object *j, *list = NULL;
	int rc = site != NULL ? cli(&out, "doctor", "--json", "--site", site) :
	    cli(&out, "doctor", "--json", NULL, NULL);

	last = out;
	if (rc != want_rc)
		fail_msg("doctor: status %d, not %d: %s", rc, want_rc, out);
	j = json_tokener_parse(out);
	assert_non_null(j);
	assert_true(json_object_object_get_ex(j, "checks", &list));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *x = json_object_array_get_idx(list, i);
		const char *status = json_text_at(x, "status");

		if (strcmp(json_text_at(x, "name"), check) == 0 &&
		    strcmp(found, "bad") != 0)
			found = arena_strdup(st.a, status);
		/* a remedy for whatever is not well */
		if (strcmp(status, "ok") != 0 &&
		    *json_text_at(x, "remedy") == '\0')
			fail_msg("no remedy: %s", out);
	}
	json_object_put(j);
	return found;
}

static void
test_healthy(void **state)
{
	static const char *const fine[] = { "configuration", "keys", "clock",
	    "database", "sealed values", "migrations", "redis", "segment",
	    "disk", "run directory", "responder", "certificate", "site",
	    NULL };
	const char *site = stack_path(&st, "web/site.conf"), *out;

	(void)state;
	for (int i = 0; fine[i] != NULL; i++)
		if (strcmp(doctor(fine[i], 0, site), "ok") != 0) {
			cli(&out, "doctor", "--site", site, NULL);
			fail_msg("%s: %s", fine[i], out);
		}
	/* nobody does the jobs here */
	assert_string_equal(doctor("worker", 0, site), "warn");
	cli(&out, "doctor", NULL, NULL, NULL);
	assert_null(strchr(out, '\033'));
	assert_non_null(strstr(out, " checks: 0 bad, "));
	assert_int_equal(cli(&out, "doctor", "--wrong", NULL, NULL), 2);
}

static void
test_broken(void **state)
{
	const char *site = stack_path(&st, "stale.conf"), *out, *key;

	(void)state;
	put("stale.conf", "server {\n    fastcgi_pass quincunx_api;\n}\n");
	assert_string_equal(doctor("site", 0, site), "warn");
	assert_string_equal(doctor("site", 1, "/nothing/there"), "bad");

	stack_setting(&st, "platform.certificate", "/nothing/cert.pem");
	stack_setting(&st, "platform.disk_min", "1000000000");
	stack_setting(&st, "redis.url", "redis://127.0.0.1:1");
	assert_string_equal(doctor("certificate", 1, NULL), "bad");
	assert_string_equal(doctor("disk", 1, NULL), "bad");
	assert_string_equal(doctor("redis", 1, NULL), "bad");
	stack_setting(&st, "platform.certificate", NULL);
	stack_setting(&st, "platform.disk_min", NULL);
	stack_setting(&st, "redis.url", NULL);

	stack_setting(&st, "http.max_body", "many");
	assert_string_equal(doctor("configuration", 1, NULL), "bad");
	stack_setting(&st, "http.max_body", NULL);

	/* another key than the one that has sealed */
	key = arena_strdup(st.a, stack_file(&st, "secrets/encryption_key"));
	assert_int_equal(cli(&out, "config", "--new-key", NULL, NULL), 0);
	put("secrets/encryption_key", out);
	assert_string_equal(doctor("sealed values", 1, NULL), "bad");
	put("secrets/encryption_key", "short");
	assert_string_equal(doctor("keys", 1, NULL), "bad");
	put("secrets/encryption_key", key);
	assert_string_equal(doctor("sealed values", 0, NULL), "ok");
}

static void
test_no_database(void **state)
{
	(void)state;
	mariadb_kill();
	assert_string_equal(doctor("database", 1, NULL), "bad");
	assert_string_equal(doctor("migrations", 1, NULL), "");
	mariadb_restart();
	stack_responder_stop(&st, SIGTERM);
	assert_string_equal(doctor("responder", 1, NULL), "bad");
	stack_responder_start(&st);
	assert_string_equal(doctor("responder", 0, NULL), "ok");
}

/* ---- compat, help, pages ---- */

static void
test_compat(void **state)
{
	const char *own = stack_path(&st, "own.json"), *out;

	(void)state;
	assert_int_equal(cli(&out, "openapi", NULL, NULL, NULL), 0);
	put("own.json", out);
	if (cli(&out, "compat", own, "--json", NULL) != 0)
		fail_msg("%.3000s", out);
	assert_non_null(strstr(out, "\"differs\":0,\"missing\":0,"));
	put("own.json", "openapi: 3.0.0\n");
	assert_int_equal(cli(&out, "compat", own, NULL, NULL), 2);
	assert_non_null(strstr(out, "is not JSON"));
	assert_int_equal(cli(&out, "compat", "/nothing", NULL, NULL), 2);
}

static void
test_help(void **state)
{
	const char *out;

	(void)state;
	assert_int_equal(cli(&out, "help", NULL, NULL, NULL), 0);
	assert_non_null(strstr(out, "Jobs and schedules"));
	assert_null(strchr(out, '\033'));
	assert_int_equal(cli(&out, "jobs", "retry", "--help", NULL), 0);
	assert_non_null(strstr(out, "usage: quincunx jobs retry"));
	assert_int_equal(cli(&out, "user", NULL, NULL, NULL), 2);
	assert_non_null(strstr(out, "user create"));
	assert_int_equal(cli(&out, "nothing\033[2J", NULL, NULL, NULL), 2);
	assert_null(strchr(out, '\033'));
	assert_int_equal(cli(&out, "man", "nothing", NULL, NULL), 2);
	for (int i = 0; i < 5; i++) {
		static const char *const programs[] = { "quincunx-worker",
		    "quincunx-live", "quincunx-schedule", "quincunx-sweep",
		    "quincunx.fcgi" };
		char command[512], line[256] = "";
		FILE *f;

		snprintf(command, sizeof(command), "%s/%s --help", stack_bin(),
		    programs[i]);
		f = popen(command, "r");
		assert_non_null(f);
		assert_non_null(fgets(line, sizeof(line), f));
		while (fgetc(f) != EOF)
			;
		assert_int_equal(pclose(f), 0);
		assert_int_equal(strncmp(line, "usage: ", 7), 0);
	}
}

static int
shell(const char *command, char *said, size_t n)
{
	FILE *f = popen(command, "r");
	size_t got;

	assert_non_null(f);
	got = fread(said, 1, n - 1, f);
	said[got] = '\0';
	while (fgetc(f) != EOF)
		;
	return WEXITSTATUS(pclose(f));
}

/* Whoever may not use the service's directories still has what needs none. */
static void
test_anybody(void **state)
{
	static const char *const alone[] = { "config --new-key",
	    "config --sample=env", "routes", "openapi", "trade sentiment" };
	char command[512], said[4096];

	(void)state;
	snprintf(said, sizeof(said), "jobs: { exec_dir = \"%s\"; };\n",
	    stack_path(&st, "exec.d"));
	put("alone.conf", said);
	for (size_t i = 0; i < NITEMS(alone); i++) {
		snprintf(command, sizeof(command), "echo shares surge | %s/"
		    "quincunx -c %s -o base.run_dir=/proc/nowhere %s 2>&1",
		    stack_bin(), stack_path(&st, "alone.conf"), alone[i]);
		if (shell(command, said, sizeof(said)) != 0 || *said == '\0')
			fail_msg("%s: %s", alone[i], said);
	}
	snprintf(command, sizeof(command), "%s/quincunx -c %s -o "
	    "base.run_dir=/proc/nowhere logs 2>&1", stack_bin(),
	    stack_path(&st, "alone.conf"));
	assert_int_equal(shell(command, said, sizeof(said)), 1);
}

/* Each page through groff with all warnings, the completion through bash. */
static void
test_pages(void **state)
{
	static const char script[] = "set -e; b=$1 d=$2; mkdir -p $d\n"
	    "for p in $($b/quincunx man); do\n"
	    "	$b/quincunx man $p >$d/$p\n"
	    "	groff -man -Tutf8 -ww -z $d/$p >$d/said 2>&1\n"
	    "	[ ! -s $d/said ] || { echo $p; cat $d/said; exit 1; }\n"
	    "done\n"
	    "$b/quincunx completion bash >$d/c; . $d/c\n"
	    "COMP_WORDS=(quincunx jobs re); COMP_CWORD=2; _quincunx\n"
	    "[ \"${COMPREPLY[*]}\" = retry ]\n"
	    "COMP_WORDS=(quincunx -c x doctor --s); COMP_CWORD=4; _quincunx\n"
	    "[ \"${COMPREPLY[*]}\" = --site ]\n"
	    "[ $(ls $d/*.[158] | wc -l) = 8 ]\n";
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		execlp("bash", "bash", "-c", script, "x", stack_bin(),
		    stack_path(&st, "man"), (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- two backends ---- */

static bool
old_up(void *arg)
{
	(void)arg;
	return http_call(&st, &(struct call){ .path = "/legacy/token?x",
	    .may_fail = true })->status == 200;
}

static void
test_strangler(void **state)
{
	const char *admin = http_admin(&st), *theirs, *secret;
	const char *argv[] = { "/usr/bin/python3", "-B",
	    "tests/harness/old_backend.py", old_port,
	    stack_path(&st, "secrets/jwt_secret"), NULL };
	const struct reply *r;

	(void)state;
	secret = arena_strdup(st.a, stack_file(&st, "secrets/jwt_secret"));
	/* nobody there yet: ours are served, theirs are a clear 503 */
	expect_status(http_get(&st, "/health", NULL), 200);
	expect_status(http_get(&st, "/legacy/me", admin), 503);
	old = stack_launch(&st, "old", argv);
	assert_true(eventually(old_up, NULL, 30000));

	/* paths */
	r = http_get(&st, "/nothing/of/ours?q=1", NULL);
	expect_status(r, 404);
	assert_string_equal(json_text_at(r->json, "path"),
	    "/nothing/of/ours?q=1");
	r = http_send(&st, "POST", "/legacy/orders", NULL, "{\"n\":1}");
	expect_status(r, 201);
	assert_string_equal(json_text_at(r->json, "body"), "{\"n\":1}");
	expect_status(http_get(&st, "/api/auth/profile", NULL), 401);
	expect_status(http_get(&st, "/api/system/jobs?limit=1", admin), 200);
	expect_status(http_get(&st, "/docs", NULL), 200);

	/* our token there */
	r = http_get(&st, "/legacy/me", admin);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "old"), "true");
	expect_status(http_get(&st, "/legacy/me", "a.b.c"), 401);

	/* their token here, once we are told its secret */
	r = http_get(&st, http_text(&st, "/legacy/token?%s", st.email), NULL);
	theirs = arena_strdup(st.a, json_text_at(r->json, "access_token"));
	expect_status(http_get(&st, "/api/auth/profile", theirs), 401);
	stack_setting(&st, "auth.jwt_legacy_secret", secret);
	stack_setting(&st, "auth.jwt_legacy_until", "2099-01-01T00:00:00Z");
	assert_true(stack_reload(&st));
	r = http_get(&st, "/api/auth/profile", theirs);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "email"), st.email);
}

/* Who answers where the web server should: the old backend still runs. */
static void
test_port_taken(void **state)
{
	(void)state;
	stack_setting(&st, "http.public_url", http_text(&st, "http://%s",
	    old_where));
	assert_string_equal(doctor("web server", 1, NULL), "bad");
	assert_non_null(strstr(last, "another program"));
	stack_setting(&st, "http.public_url", "http://127.0.0.1:1");
	assert_string_equal(doctor("web server", 1, NULL), "bad");
	stack_setting(&st, "http.public_url", NULL);
	assert_string_equal(doctor("web server", 0, NULL), "ok");
}

static int
group_begin(void **state)
{
	static const char *words[] = { "--old", old_where, NULL };

	(void)state;
	snprintf(old_port, sizeof(old_port), "%d", raw_free_port());
	snprintf(old_where, sizeof(old_where), "127.0.0.1:%s", old_port);
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .site = words });
	return 0;
}

static int
group_end(void **state)
{
	(void)state;
	stack_end(&old, SIGTERM);
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_compat),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_anybody),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_strangler),
		cmocka_unit_test(test_port_taken),
		cmocka_unit_test(test_no_database),
	};

	return cmocka_run_group_tests(tests, group_begin, group_end);
}
