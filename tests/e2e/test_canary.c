/*
 * Secrets stay where they belong. Every secret setting and field gets a value
 * of its own, everything that uses them is exercised, and then each place
 * that could leak is searched: environments and arguments of all processes,
 * logs, cores, a dump of the database, the shared segment, and what the API
 * tells others. Each detector first has to find a secret that was planted.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/codec.h"
#include "tests/harness/canary.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"
#include "tests/harness/web.h"

enum { PIDS = 64, WAIT_MS = 8000 };

/* A sanitized program would report the first of them as its own fault. */
#ifdef __SANITIZE_ADDRESS__
#define CRASH SIGABRT
#else
#define CRASH SIGSEGV
#endif

static struct stack st;
static struct web web;
static struct fake fake;
static const char *admin;
static pid_t by_env;		/* responders with secrets in variables */

/* ---- needles ---- */

/* First line of a file of secrets/; a key also as the bytes it means. */
static void
needle_file(const char *what, const char *name, bool key)
{
	const char *text = stack_file(&st, name);
	size_t n = strcspn(text, "\r\n");
	char *raw = arena_alloc(st.a, 64);
	long len;

	text = arena_strndup(st.a, text, n);
	canary_add(what, text, n);
	if (!key)
		return;
	len = base64_decode(text, n, false, true, raw, 64);
	assert_int_equal(len, 32);
	canary_add(what, raw, (size_t)len);
}

static void
collect_needles(void)
{
	const char *url = stack_file(&st, "secrets/database_url"), *p;

	needle_file("JWT key", "secrets/jwt_secret", false);
	needle_file("encryption key", "secrets/encryption_key", true);
	needle_file("audit key", "secrets/audit_key", true);
	p = strchr(strstr(url, "//") + 2, ':') + 1;
	canary_add("database password", p, strcspn(p, "@"));
	url = stack_file(&st, "secrets/migrate_url");
	p = strchr(strstr(url, "//") + 2, ':') + 1;
	canary_add("migrator's password", p, strcspn(p, "@"));
	canary_add("cloud secret", FAKE_SECRET_KEY, strlen(FAKE_SECRET_KEY));
	canary_add("user's password", st.password, strlen(st.password));
}

/* ---- processes ---- */

static const char *
found_in_process(pid_t pid)
{
	static const char *const files[] = { "environ", "cmdline", NULL };
	const char *what = NULL;
	char path[64];

	for (size_t i = 0; what == NULL && files[i] != NULL; i++) {
		snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid,
		    files[i]);
		what = canary_in_file(path);
		if (what != NULL)
			fprintf(stderr, "canary: %s in %s\n", what, path);
	}
	return what;
}

static size_t
our_processes(pid_t *pids)
{
	size_t n = 0;

	pids[n++] = st.responder;
	pids[n++] = web.server;
	pids[n++] = mariadb_pid();
	if (by_env > 0)
		pids[n++] = by_env;
	for (size_t i = n; i-- > 0; )
		n += canary_descendants(pids[i], pids + n, PIDS - n);
	return n;
}

static pid_t
planted_process(bool by_argument)
{
	pid_t pid = fork();

	if (pid == 0) {
		int wait[2];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pipe(wait) == 0)
			dup2(wait[0], 0);	/* reads for ever */
		if (by_argument)
			execlp("sh", "sh", "-c", "read -r x", PLANTED,
			    (char *)NULL);
		setenv("SOME_SECRET", PLANTED, 1);
		execlp("sleep", "sleep", "30", (char *)NULL);
		_exit(127);
	}
	return pid;
}

static bool
process_shows(void *arg)
{
	return found_in_process(*(pid_t *)arg) != NULL;
}

static void
test_processes(void **state)
{
	pid_t pids[PIDS], planted;
	size_t n;

	(void)state;
	for (int by_argument = 0; by_argument < 2; by_argument++) {
		planted = planted_process(by_argument);
		assert_true(eventually(process_shows, &planted, WAIT_MS));
		kill(planted, SIGKILL);
		waitpid(planted, NULL, 0);
	}
	n = our_processes(pids);
	assert_true(n > 18);
	for (size_t i = 0; i < n; i++)
		assert_null(found_in_process(pids[i]));
}

/* Ours cannot be looked into by their own user, either. */
static void
test_limits(void **state)
{
	pid_t pids[PIDS];
	size_t n = canary_descendants(st.responder, pids, PIDS);
	char path[64], text[4096];
	FILE *f;

	(void)state;
	assert_true(n >= 8);
	pids[n++] = st.responder;
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%ld/limits",
		    (long)pids[i]);
		assert_non_null(f = fopen(path, "r"));
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
		assert_non_null(strstr(text,
		    "Max core file size        0                    0 "));
	}
}

/* ---- cores ---- */

/* A core in that directory (core, core.PID). */
static const char *
core_in(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	const char *path = NULL;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_type == DT_REG &&
		    strncmp(e->d_name, "core", 4) == 0 &&
		    (e->d_name[4] == '\0' || (e->d_name[4] == '.' &&
		    isdigit((unsigned char)e->d_name[5]))))
			path = arena_printf(st.a, "%s/%s", dir, e->d_name);
	if (d != NULL)
		closedir(d);
	return path;
}

static void
crash_with_secret(const char *dir)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	char secret[64];

	snprintf(secret, sizeof(secret), "%s", PLANTED);
	prctl(PR_SET_DUMPABLE, 1);
	if (chdir(dir) == -1 || setrlimit(RLIMIT_CORE, &all) == -1)
		_exit(1);
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	_exit(secret[0]);
}

static void
detect_core(void)
{
	const char *dir = stack_path(&st, "planted"), *core;
	char pattern[128] = "";
	FILE *f = fopen("/proc/sys/kernel/core_pattern", "r");
	pid_t pid;

	if (f != NULL && fgets(pattern, sizeof(pattern), f) == NULL)
		pattern[0] = '\0';
	if (f != NULL)
		fclose(f);
	assert_int_equal(mkdir(dir, 0700), 0);
	if ((pid = fork()) == 0)
		crash_with_secret(dir);
	waitpid(pid, NULL, 0);
	core = core_in(dir);
	if (core == NULL && strncmp(pattern, "core", 4) != 0) {
		printf("cores go elsewhere here (%.60s): limits only\n",
		    pattern);
		return;
	}
	if (core == NULL)	/* a hard limit of the test's own */
		printf("no cores can be written here: limits only\n");
	else
		assert_non_null(canary_in_file(core));
	if (core != NULL)
		unlink(core);
}

static bool
gone(void *arg)
{
	return kill(*(pid_t *)arg, 0) == -1 && errno == ESRCH;
}

static void
test_cores(void **state)
{
	pid_t pids[PIDS];
	struct raw_reply r;

	(void)state;
	detect_core();
	assert_true(canary_descendants(st.responder, pids, PIDS) >= 8);
	kill(pids[0], CRASH);
	kill(pids[7], CRASH);
	assert_true(eventually(gone, &pids[0], WAIT_MS));
	assert_true(eventually(gone, &pids[7], WAIT_MS));
	assert_null(core_in("."));
	assert_null(core_in(st.dir));
	assert_null(core_in(stack_path(&st, "run")));
	r = web_call(&web, "GET", "/api/auth/profile", admin, NULL);
	web_expect(&web, r, 200);
}

/* ---- files, database, segment ---- */

static void
append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
test_files(void **state)
{
	const char *planted = stack_path(&st, "log/planted.log");
	const char *hidden = stack_path(&st, "run/shm.planted");

	(void)state;
	append(planted, "{\"msg\":\"" PLANTED "\"}\n");
	assert_non_null(canary_below(st.dir, 4));
	unlink(planted);
	append(hidden, "\x01\x02" PLANTED);
	assert_non_null(canary_below(st.dir, 4));
	unlink(hidden);
	assert_null(canary_below(st.dir, 4));	/* logs, segment, web server */
}

static const char *
dump(void)
{
	const char *url = mariadb_url(st.a, st.db);
	const char *out = stack_path(&st, "log/dump.sql");
	const char *sock = arena_printf(st.a, "--socket=%s",
	    strstr(url, "unix_socket=") + 12);
	int fd, status;
	pid_t pid = fork();

	if (pid == 0) {
		fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, 1);
		execlp("mariadb-dump", "mariadb-dump", "--no-defaults",
		    "-uroot", sock, "--single-transaction", st.db,
		    (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return out;
}

static void
test_dump(void **state)
{
	const char *out, *what;

	(void)state;
	mariadb_sql(st.db, "CREATE TABLE planted (t VARCHAR(100)); "
	    "INSERT INTO planted VALUES ('" PLANTED "')");
	assert_non_null(canary_in_file(dump()));
	mariadb_sql(st.db, "DROP TABLE planted");
	out = dump();
	what = canary_in_file(out);
	if (what != NULL)
		fail_msg("%s in the dump", what);
	unlink(out);
}

/* ---- what the API tells ---- */

static void
test_replies(void **state)
{
	static const char *const paths[] = { "/api/system/config",
	    "/api/system/status", "/api/system/processes",
	    "/api/system/logs?limit=200", "/api/system/routes",
	    "/api/auth/keys", "/api/auth/audit?limit=200",
	    "/api/auth/sessions", "/api/auth/users", "/api/spot/accounts",
	    "/.well-known/jwks.json", "/openapi.json", "/metrics", "/health",
	    NULL };

	(void)state;
	assert_non_null(canary_in("x" PLANTED "y", strlen(PLANTED) + 2));
	for (size_t i = 0; paths[i] != NULL; i++) {
		struct raw_reply r = web_call(&web, "GET", paths[i], admin,
		    NULL);
		const char *what;

		web_expect(&web, r, 200);
		what = canary_in(r.body, r.len);
		if (what != NULL)
			fail_msg("%s in %s", what, paths[i]);
	}
}

/* ---- everything is used ---- */

static const char *
text_between(const char *text, const char *from)
{
	const char *p = strstr(text, from);

	assert_non_null(p);
	p += strlen(from);
	return arena_strndup(st.a, p, strcspn(p, "\""));
}

static void
use_login(void)
{
	struct raw_reply r = web_call(&web, "POST", "/api/auth/login", NULL,
	    arena_printf(st.a, "{\"email\":\"%s\",\"password\":\"%s\"}",
	    st.email, st.password));
	const char *token;

	web_expect(&web, r, 200);
	token = text_between(r.body, "\"access_token\":\"");
	canary_add("access token", token, strlen(token));
	token = text_between(r.body, "\"refresh_token\":\"");
	canary_add("refresh token", token, strlen(token));
	/* faults that quote their input */
	web_call(&web, "POST", "/api/auth/login", NULL, arena_printf(st.a,
	    "{\"email\":5,\"password\":\"%s\"}", st.password));
	web_call(&web, "POST", "/api/auth/login", NULL, arena_printf(st.a,
	    "{\"password\":\"%s\",,}", st.password));
}

static void
use_keys(void)
{
	struct raw_reply r = web_call(&web, "POST", "/api/auth/keys", admin,
	    "{\"name\":\"canary\",\"scopes\":[\"auth:self\"]}");
	const char *key;

	web_expect(&web, r, 201);
	key = text_between(r.body, "\"key\":\"");
	canary_add("API key", key, strlen(key));
	r = web_call(&web, "GET", "/api/auth/profile", arena_printf(st.a,
	    "X-API-Key: %s\r\n", key), NULL);
	web_expect(&web, r, 200);
	r = web_call(&web, "POST", "/api/spot/accounts", admin,
	    "{\"name\":\"canary\",\"connection_method\":\"access_keys\","
	    "\"access_key\":\"" FAKE_ACCESS_KEY "\",\"secret_key\":\""
	    FAKE_SECRET_KEY "\"}");
	web_expect(&web, r, 201);
}

static void
run_discover(void)
{
	int status;
	pid_t pid = stack_launch(&st, "discover", (const char *[]){
	    arena_printf(st.a, "%s/quincunx-discover", stack_bin()), "-c",
	    st.conf, NULL });

	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The database away: causes are logged. */
static void
use_faults(void)
{
	mariadb_kill();
	for (int i = 0; i < 12; i++)
		web_call(&web, "GET", "/api/auth/profile", admin, NULL);
	mariadb_restart();
	nap_ms(1500);
}

static bool
has_socket(void *arg)
{
	(void)arg;
	return access(stack_path(&st, "run2/control.sock"), F_OK) == 0;
}

/* The same secrets as variables: gone from environ once it serves. */
static void
start_by_env(void)
{
	static const char *const vars[][2] = {
		{ "JWT_SECRET_KEY", "secrets/jwt_secret" },
		{ "ENCRYPTION_KEY", "secrets/encryption_key" },
		{ "QUINCUNX_AUTH_AUDIT_KEY", "secrets/audit_key" },
		{ "DATABASE_URL", "secrets/database_url" }
	};
	const char *conf = stack_path(&st, "env.conf");

	append(conf, arena_printf(st.a, "base = { dir = \"%s\"; run_dir = "
	    "\"run2\"; }; fcgi = { api = { listen = \"run2/api.sock\"; }; "
	    "slow = { listen = \"run2/slow.sock\"; }; control = { listen = "
	    "\"run2/control.sock\"; }; };\n", st.dir));
	for (size_t i = 0; i < 4; i++) {
		const char *v = stack_file(&st, vars[i][1]);

		setenv(vars[i][0], arena_strndup(st.a, v,
		    strcspn(v, "\r\n")), 1);
	}
	by_env = stack_launch(&st, "by-env", (const char *[]){ arena_printf(
	    st.a, "%s/quincunx.fcgi", stack_bin()), "-c", conf, "--listen",
	    NULL });
	for (size_t i = 0; i < 4; i++)
		unsetenv(vars[i][0]);
	if (!eventually(has_socket, NULL, WAIT_MS)) {
		stack_logs(&st);
		fail_msg("no responders with secrets in variables");
	}
}

/* ---- main ---- */

static int
open_all(void **state)
{
	static const char *const none[] = { NULL };

	(void)state;
	/* as root, environments of processes that hide them can be read */
	stack_start(&st, &(struct stack_options){ .no_web = true,
	    .keep_root = geteuid() == 0 });
	fakeec2_start(&fake, st.a, none);
	stack_setting(&st, "aws.endpoint", fake.url);
	stack_setting(&st, "aws.sts_endpoint", fake.url);
	if (!stack_reload(&st) || !web_start(&web, &st,
	    &(struct web_options){ .shape = WEB_NGINX }))
		exit(1);
	collect_needles();
	admin = web_login(&web);
	use_login();
	use_keys();
	run_discover();
	use_faults();
	start_by_env();
	return 0;
}

static int
close_all(void **state)
{
	(void)state;
	stack_end(&by_env, SIGTERM);
	web_stop(&web);
	fake_stop(&fake);
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cores),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_replies)
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
