/*
 * PING to a Redis: a peer that answers well, badly, slowly, in pieces or not
 * at all.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "modules/platform/redis.h"
#include "net/redis.h"

#include <cmocka.h>

#include "tests/harness/pace.h"

/* Accepts one connection, answers each read with the next text. */
static pid_t
serve(const char *const *answers, int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0), c;
	char buf[1024];
	pid_t pid;

	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	*port = ntohs(at.sin_port);
	pid = fork();
	if (pid == 0) {
		alarm(10);
		c = accept(fd, NULL, NULL);
		for (; *answers != NULL && read(c, buf, sizeof(buf)) > 0;
		    answers++) {
			size_t len = strlen(*answers), half = len / 2;

			if (write(c, *answers, half) != (ssize_t)half)
				_exit(1);
			pace_us(1000);
			if (write(c, *answers + half, len - half) !=
			    (ssize_t)(len - half))
				_exit(1);
		}
		pause();	/* keeps the connection open */
	}
	close(fd);
	return pid;
}

#define A(...) (const char *const[]){ __VA_ARGS__, NULL }

static void
test_answers(void **state)
{
	const struct {
		const char *auth;
		const char *const *answers;
		int rc;
		const char *detail;
	} cases[] = {
		{ "", A("+PONG\r\n"), 0, "" },
		{ ":secret@", A("+OK\r\n", "+PONG\r\n"), 0, "" },
		{ "u:secret@", A("+OK\r\n", "+PONG\r\n"), 0, "" },
		{ "", A("-NOAUTH Authentication required.\r\n"), -1,
		    "NOAUTH Authentication required." },
		{ ":bad@", A("-WRONGPASS\r\n"), -1, "WRONGPASS" },
		{ "", A("+PO"), -1, "no answer" },
		{ "", A("HTTP/1.1 400 Bad Request\r\n"), -1,
		    "Protocol error, got \"H\" as reply type byte" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char url[128], detail[160];
		int port, rc;
		pid_t pid = serve(cases[i].answers, &port);

		snprintf(url, sizeof(url), "redis://%s127.0.0.1:%d/0",
		    cases[i].auth, port);
		rc = platform_redis_ping(url, 200, detail, sizeof(detail));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (rc != cases[i].rc || strcmp(detail, cases[i].detail) != 0)
			fail_msg("case %zu: %d %s", i, rc, detail);
	}
}

static void
test_nobody(void **state)
{
	char detail[160];

	(void)state;
	assert_int_equal(platform_redis_ping("redis://127.0.0.1:1", 200,
	    detail, sizeof(detail)), -1);
	assert_string_equal(detail, "no connection");
	assert_int_equal(platform_redis_ping("nonsense", 200, detail,
	    sizeof(detail)), -1);
	assert_int_equal(platform_redis_ping("redis://127.0.0.1:123456789", 200,
	    detail, sizeof(detail)), -1);
}

static void
test_urls(void **state)
{
	static const struct { const char *url; int rc; } cases[] = {
		{ "redis://localhost", 0 }, { "redis://h:1/15", 0 },
		{ "redis://u:p%40ss@h:6379/0?x=1", 0 },
		{ "redis://[::1]:7000", 0 }, { "unix:///run/redis.sock", 0 },
		{ "redis://a:1,b:2,[::1]:3", 0 },
		{ "rediss://h", -1 }, { "http://h", -1 }, { "redis://", -1 },
		{ "redis://h:0", -1 }, { "redis://h:99999", -1 },
		{ "redis://h:x", -1 }, { "redis://h/zero", -1 },
		{ "redis://:%zz@h", -1 }, { "redis://:a%00b@h", -1 },
		{ "unix://relative", -1 }, { "redis://[::1", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };

		if (redis_url_check(cases[i].url, &e) != cases[i].rc)
			fail_msg("%s: %s", cases[i].url, e.detail);
		if (strncmp(cases[i].url, "rediss", 6) == 0)
			assert_non_null(strstr(e.detail, "tunnel"));
	}
}

/* From the Redis Cluster specification and CLUSTER KEYSLOT. */
static void
test_slots(void **state)
{
	static const struct { const char *key; unsigned slot; } cases[] = {
		{ "123456789", 0x31c3 }, { "foo", 12182 }, { "bar", 5061 },
		{ "{foo}.x", 12182 }, { "x{foo}y{bar}", 12182 },
		{ "", 0 }, { "foo{}", 5542 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(redis_slot(cases[i].key,
		    strlen(cases[i].key)), cases[i].slot);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
