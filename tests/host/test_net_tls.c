/*
 * HTTPS against openssl's own server: an unknown authority and a wrong name
 * are refused, a configured authority is trusted.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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

static char dir[] = "/tmp/net-tls-XXXXXX";
static const char *const no_allow[] = { NULL };
static pid_t server;
static unsigned port;

static _Noreturn void
run_server(int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	(void)!freopen("/dev/null", "w", stderr);
	if (chdir(dir) == 0)
		execlp("openssl", "openssl", "s_server", "-accept",
		    "127.0.0.1:0", "-key", "k.pem", "-cert", "c.pem", "-www",
		    (char *)NULL);
	_exit(127);
}

static int
start(void **state)
{
	char cmd[512], line[256] = "";
	FILE *in;
	int p[2];

	(void)state;
	if (mkdtemp(dir) == NULL || pipe(p) == -1)
		return -1;
	snprintf(cmd, sizeof(cmd), "openssl req -x509 -newkey rsa:2048 -nodes "
	    "-keyout %s/k.pem -out %s/c.pem -days 2 -subj /CN=localhost "
	    "-addext subjectAltName=DNS:localhost 2>/dev/null", dir, dir);
	if (system(cmd) != 0)
		return -1;
	if ((server = fork()) == 0) {
		close(p[0]);
		run_server(p[1]);
	}
	close(p[1]);
	in = fdopen(p[0], "r");
	while (port == 0 && fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, "ACCEPT 127.0.0.1:%u", &port) != 1)
			port = 0;
	/* Left open: the server writes on. */
	return port != 0 ? 0 : -1;
}

static int
stop(void **state)
{
	char cmd[128];

	(void)state;
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	return system(cmd);
}

/* 0 when https://HOST answers 200 with this file of authorities. */
static int
try(const char *host, const char *ca_file, struct err *err)
{
	struct net_conf conf = { .allow = no_allow, .ca_file = ca_file,
	    .connect_timeout_ms = 3000, .timeout_ms = 5000,
	    .max_bytes = 1 << 20 };
	struct arena *a = arena_new(16 << 20);
	struct net_call call = { .method = "GET" };
	struct net_reply r;
	struct net *net;
	int rc;

	err_clear(err);
	call.url = arena_printf(a, "https://%s:%u/", host, port);
	assert_int_equal(net_open(&net, a, &conf, NULL, err), 0);
	net_allow(net, call.url);
	rc = net_http(net, a, &call, &r, err);
	if (rc == 0)
		assert_int_equal(r.status, 200);
	arena_free(a);
	return rc;
}

static void
test_certificates(void **state)
{
	struct err err = { 0 };
	char ca[128];

	(void)state;
	snprintf(ca, sizeof(ca), "%s/c.pem", dir);
	if (try("localhost", ca, &err) != 0)
		fail_msg("%s", err.cause);
	assert_int_equal(try("localhost", "", &err), -1);
	assert_string_equal(err.code, "net_failed");
	assert_non_null(strstr(err.cause, "certificate"));
	assert_int_equal(try("127.0.0.1", ca, &err), -1);
	assert_string_equal(err.code, "net_failed");
	assert_int_equal(try("localhost", "/nonexistent", &err), -1);
	assert_string_equal(err.code, "net_failed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
