/*
 * The egress gate: no form of URL reaches a listener on this machine, unless
 * its host and port were configured. Counts connections, not error codes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "net/net.h"

static const char *const no_allow[] = { NULL };
static struct net_conf conf = { .allow = no_allow, .ca_file = "",
    .connect_timeout_ms = 300, .timeout_ms = 400, .max_bytes = 65536 };

struct listener {
	int v4, v6;		/* v6 may be -1 */
	unsigned port;
};

static int
bind_to(int family, unsigned port)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons((uint16_t)port) };
	int on = 1, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if ((family == AF_INET ? bind(fd, (struct sockaddr *)&a4, sizeof(a4)) :
	    bind(fd, (struct sockaddr *)&a6, sizeof(a6))) == -1 ||
	    listen(fd, 64) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
listen_all(struct listener *l)
{
	struct sockaddr_in got;
	socklen_t n = sizeof(got);

	l->v4 = bind_to(AF_INET, 0);
	assert_int_not_equal(l->v4, -1);
	assert_int_equal(getsockname(l->v4, (struct sockaddr *)&got, &n), 0);
	l->port = ntohs(got.sin_port);
	l->v6 = bind_to(AF_INET6, l->port);
}

static int
connections(const struct listener *l)
{
	const int fds[] = { l->v4, l->v6 };
	int n = 0, fd;

	for (size_t i = 0; i < NITEMS(fds); i++)
		while (fds[i] != -1 &&
		    (fd = accept(fds[i], NULL, NULL)) != -1) {
			close(fd);
			n++;
		}
	return n;
}

/* %u is the listener's port. All of them must fail before a connection. */
static const char *const urls[] = {
	"http://127.0.0.1:%u/", "https://127.0.0.1:%u/",
	"HTTP://127.0.0.1:%u/", "http://127.0.0.2:%u/",
	"http://127.255.255.254:%u/", "http://127.1:%u/",
	"http://127.0.1:%u/", "http://0:%u/", "http://0.0.0.0:%u/",
	"http://2130706433:%u/", "http://0x7f000001:%u/",
	"http://0x7f.0.0.1:%u/", "http://0x7f.1:%u/",
	"http://017700000001:%u/", "http://0177.0.0.1:%u/",
	"http://0177.0x0.0.1:%u/", "http://127.0.0.1.:%u/",
	"http://localhost:%u/", "http://LOCALHOST:%u/",
	"http://localhost.:%u/", "http://[::1]:%u/", "http://[::]:%u/",
	"http://[0:0:0:0:0:0:0:1]:%u/", "http://[::ffff:127.0.0.1]:%u/",
	"http://[::ffff:7f00:1]:%u/", "http://[::127.0.0.1]:%u/",
	"http://[64:ff9b::7f00:1]:%u/", "http://[64:ff9b:1::7f00:1]:%u/",
	"http://[2002:7f00:1::]:%u/", "http://[::ffff:0:127.0.0.1]:%u/",
	"http://[fe80::1]:%u/", "http://[fe80::1%%25lo]:%u/",
	"http://[fd00:ec2::254]:%u/", "http://[fc00::1]:%u/",
	"http://169.254.169.254:%u/latest/meta-data/",
	"http://169.254.170.2:%u/v2/credentials",
	"http://[::ffff:169.254.169.254]:%u/", "http://2852039166:%u/",
	"http://10.0.0.1:%u/", "http://172.16.0.1:%u/",
	"http://192.168.0.1:%u/", "http://100.64.0.1:%u/",
	"http://192.0.0.8:%u/", "http://198.18.0.1:%u/",
	"http://224.0.0.1:%u/", "http://255.255.255.255:%u/",
	"http://user@127.0.0.1:%u/", "http://user:pw@127.0.0.1:%u/",
	"http://example.com@127.0.0.1:%u/", "http://@127.0.0.1:%u/",
	"http://127.0.0.1:%u\\@example.com/",
	"http://example.com\\@127.0.0.1:%u/", "http:///127.0.0.1:%u/",
	"http:127.0.0.1:%u/", "http:/127.0.0.1:%u/", "//127.0.0.1:%u/",
	"127.0.0.1:%u", "http://127%%2e0.0.1:%u/", "http:// 127.0.0.1:%u/",
	"http://127.0.0.1:%u/\r\nX: y", "\thttp://127.0.0.1:%u/",
	"http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1:%u/",
	"file:///etc/passwd?%u", "file://127.0.0.1:%u/etc/passwd",
	"gopher://127.0.0.1:%u/_GET", "dict://127.0.0.1:%u/d",
	"ftp://127.0.0.1:%u/", "ldap://127.0.0.1:%u/", "smb://127.0.0.1:%u/",
	"tftp://127.0.0.1:%u/", "telnet://127.0.0.1:%u/",
	"ws://127.0.0.1:%u/", "scp://127.0.0.1:%u/",
	"unix:///var/run/docker.sock?%u", "http+unix://%%2Fvar%%2Frun:%u/",
	"http://unix:/var/run/docker.sock:%u", "javascript:alert(%u)",
	"data:text/plain,%u", "jar:http://127.0.0.1:%u!/",
	"http://127.0.0.1:%u0000/", "http://127.0.0.1:-%u/",
	"http://printer.local:%u/",
	"http://:%u/", "http://?%u", "http://#%u", "", "http://",
};

static int
try_url(struct net *net, const char *url, struct err *err)
{
	struct arena *a = arena_new(4 << 20);
	struct net_call call = { .service = "webhook", .method = "GET",
	    .url = url };
	struct net_reply r;
	int rc;

	err_clear(err);
	rc = net_http(net, a, &call, &r, err);
	arena_free(a);
	return rc;
}

static void
test_table(void **state)
{
	struct arena *a = arena_new(8 << 20);
	struct listener l;
	struct err err = { 0 };
	struct net *net;
	char url[256];

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	listen_all(&l);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	assert_int_equal(net_open(&net, a, &conf, NULL, &err), 0);
	for (size_t i = 0; i < NITEMS(urls); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof(url), urls[i], l.port);
#pragma GCC diagnostic pop
		if (try_url(net, url, &err) != -1)
			fail_msg("%s was answered", url);
		if (connections(&l) != 0)
			fail_msg("%s connected", url);
		assert_true(err.status == 502 || err.status == 504);
	}
	printf("%zu URLs, %s\n", NITEMS(urls), l.v6 == -1 ? "IPv4 only" :
	    "IPv4 and IPv6");
	close(l.v4);
	if (l.v6 != -1)
		close(l.v6);
	arena_free(a);
}

/* The same listener is reached once it is configured: the table can fail. */
static void
test_allowed(void **state)
{
	struct arena *a = arena_new(8 << 20);
	struct listener l;
	struct err err = { 0 };
	struct net *net;
	const char *url;
	const char *allow[] = { "localhost", NULL };
	struct net_conf c = conf;

	(void)state;
	listen_all(&l);
	assert_int_equal(net_open(&net, a, &conf, NULL, &err), 0);
	url = arena_printf(a, "http://127.0.0.1:%u/x", l.port);
	net_allow(net, arena_printf(a, "http://127.0.0.1:%u", l.port + 1));
	assert_int_equal(try_url(net, url, &err), -1);
	assert_string_equal(err.code, "net_refused");
	assert_int_equal(connections(&l), 0);
	net_allow(net, arena_printf(a, "http://127.0.0.1:%u/base", l.port));
	assert_int_equal(try_url(net, url, &err), -1);
	assert_string_equal(err.code, "net_timeout");
	assert_int_equal(connections(&l), 1);
	/* Another spelling of the same address is the same host. */
	assert_int_equal(try_url(net, arena_printf(a, "http://2130706433:%u/",
	    l.port), &err), -1);
	assert_int_equal(connections(&l), 1);
	assert_int_equal(try_url(net, arena_printf(a, "http://localhost:%u/",
	    l.port), &err), -1);
	assert_int_equal(connections(&l), 0);
	c.allow = allow;	/* any port of a listed host */
	assert_int_equal(net_open(&net, a, &c, NULL, &err), 0);
	assert_int_equal(try_url(net, arena_printf(a, "http://localhost:%u/",
	    l.port), &err), -1);
	assert_true(connections(&l) >= 1);
	close(l.v4);
	if (l.v6 != -1)
		close(l.v6);
	arena_free(a);
}

struct address {
	const char *text;
	bool public;
};

static const struct address addresses[] = {
	{ "8.8.8.8", true }, { "1.1.1.1", true }, { "52.94.76.1", true },
	{ "9.255.255.255", true }, { "11.0.0.0", true },
	{ "100.63.255.255", true }, { "100.64.0.0", false },
	{ "100.127.255.255", false }, { "100.128.0.0", true },
	{ "126.255.255.255", true }, { "128.0.0.0", true },
	{ "169.253.255.255", true }, { "169.254.0.0", false },
	{ "169.255.0.0", true }, { "172.15.255.255", true },
	{ "172.16.0.0", false }, { "172.31.255.255", false },
	{ "172.32.0.0", true }, { "192.0.0.255", false },
	{ "192.0.1.0", true }, { "192.0.2.1", false },
	{ "192.88.99.1", false }, { "192.167.255.255", true },
	{ "192.168.255.255", false }, { "198.17.255.255", true },
	{ "198.19.255.255", false }, { "198.20.0.0", true },
	{ "198.51.100.9", false }, { "203.0.113.9", false },
	{ "223.255.255.255", true }, { "224.0.0.0", false },
	{ "240.0.0.1", false }, { "0.1.2.3", false },
	{ "2600:1f18::1", true }, { "2a00:1450:4001::1", true },
	{ "2001:4860:4860::8888", true }, { "2001::1", false },
	{ "2001:1ff::1", false }, { "2001:200::1", true },
	{ "2001:db8::1", false }, { "2002:808:808::1", false },
	{ "3fff::1", false }, { "3ffe::1", true }, { "4000::1", false },
	{ "::", false }, { "::1", false }, { "::8.8.8.8", false },
	{ "::ffff:8.8.8.8", true }, { "::ffff:10.0.0.1", false },
	{ "64:ff9b::8.8.8.8", true }, { "64:ff9b::10.0.0.1", false },
	{ "64:ff9b:1::8.8.8.8", false }, { "100::1", false },
	{ "fc00::1", false }, { "fdff::1", false }, { "fe80::1", false },
	{ "fec0::1", false }, { "ff02::1", false },
};

static void
test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < NITEMS(addresses); i++) {
		struct sockaddr_storage ss = { 0 };
		struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

		if (inet_pton(AF_INET, addresses[i].text, &v4->sin_addr) == 1)
			ss.ss_family = AF_INET;
		else if (inet_pton(AF_INET6, addresses[i].text,
		    &v6->sin6_addr) == 1)
			ss.ss_family = AF_INET6;
		else
			fail_msg("%s", addresses[i].text);
		if (net_address_public((struct sockaddr *)&ss) !=
		    addresses[i].public)
			fail_msg("%s", addresses[i].text);
	}
}

static void
test_url_check(void **state)
{
	static const char *const good[] = { "http://example.com",
	    "https://example.com:8443/a?b=c#d", "http://[2600::1]/",
	    "HTTPS://EXAMPLE.com/", "http://127.0.0.1:4566/path" };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < NITEMS(good); i++)
		if (net_url_check(good[i], &err) != 0)
			fail_msg("%s: %s", good[i], err.detail);
	assert_int_equal(net_url_check("ftp://example.com", &err), -1);
	assert_int_equal(err.status, 422);
	assert_int_equal(net_url_check("http://a:0/", &err), -1);
	assert_int_equal(net_url_check(NULL, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_url_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
