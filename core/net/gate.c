/*
 * The egress gate: which URLs may be tried and which addresses connected to.
 * Refuses everything but plain http(s) URLs, and every peer that is not a
 * public unicast address, unless its host and port were configured. The
 * address judged is the one handed to connect(2), so a name that resolves
 * differently the second time gains nothing.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "net/internal.h"

struct net4 {
	uint32_t net;
	unsigned bits;
};

/* IANA's special-purpose IPv4 blocks that are not globally reachable, and
 * multicast. */
static const struct net4 special4[] = {
	{ 0x00000000, 8 }, { 0x0a000000, 8 }, { 0x64400000, 10 },
	{ 0x7f000000, 8 }, { 0xa9fe0000, 16 }, { 0xac100000, 12 },
	{ 0xc0000000, 24 }, { 0xc0000200, 24 }, { 0xc0586300, 24 },
	{ 0xc0a80000, 16 }, { 0xc6120000, 15 }, { 0xc6336400, 24 },
	{ 0xcb007100, 24 }, { 0xe0000000, 3 }
};

static bool
public4(uint32_t ip)
{
	for (size_t i = 0; i < NITEMS(special4); i++)
		if ((ip ^ special4[i].net) >> (32 - special4[i].bits) == 0)
			return false;
	return true;
}

static uint32_t
word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* Global unicast without tunnels and documentation; a translated address
 * (64:ff9b::/96) is as public as the IPv4 address in it. */
static bool
public6(const uint8_t ip[16])
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint32_t top = word(ip);

	if (memcmp(ip, nat64, 12) == 0 || memcmp(ip, mapped, 12) == 0)
		return public4(word(ip + 12));
	if (top >> 29 != 1)			/* 2000::/3 */
		return false;
	if (top >> 16 == 0x2002)		/* 6to4 */
		return false;
	if (top >> 9 == 0x20010000 >> 9)	/* 2001::/23, Teredo */
		return false;
	if (top == 0x20010db8 || top >> 12 == 0x3fff0)	/* documentation */
		return false;
	return true;
}

bool
net_address_public(const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&v4, sa, sizeof(v4));
		return public4(ntohl(v4.sin_addr.s_addr));
	case AF_INET6:
		memcpy(&v6, sa, sizeof(v6));
		return v6.sin6_scope_id == 0 && public6(v6.sin6_addr.s6_addr);
	default:
		return false;
	}
}

curl_socket_t
gate_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *sa)
{
	struct transfer *t = arg;
	bool inet = sa->family == AF_INET || sa->family == AF_INET6;

	if (purpose != CURLSOCKTYPE_IPCXN || !inet ||
	    sa->socktype != SOCK_STREAM ||
	    (!t->private_ok && !net_address_public(&sa->addr))) {
		t->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(sa->family, sa->socktype | SOCK_CLOEXEC, sa->protocol);
}

static int
bad_url(struct err *err, const char *why)
{
	return err_set(err, 422, "bad_url", "URL %s", why);
}

/* What curl would let pass or repair and we do not. */
static int
judge_text(const char *url, struct err *err)
{
	const char *host;
	size_t n;

	if (url == NULL || *url == '\0')
		return bad_url(err, "is empty");
	for (n = 0; url[n] != '\0'; n++)
		if (url[n] <= ' ' || url[n] > '~' || url[n] == '\\')
			return bad_url(err, "has a space, control character, "
			    "backslash or a character outside ASCII");
	if (n > NET_URL_MAX)
		return bad_url(err, "is too long");
	if (strncasecmp(url, "http://", 7) == 0)
		host = url + 7;
	else if (strncasecmp(url, "https://", 8) == 0)
		host = url + 8;
	else
		return bad_url(err, "must start with http:// or https://");
	n = strcspn(host, "/?#");
	if (n == 0)
		return bad_url(err, "has no host");
	if (memchr(host, '@', n) != NULL)
		return bad_url(err, "must not contain credentials");
	if (memchr(host, '%', n) != NULL)
		return bad_url(err, "has an escape or a zone in its host");
	return 0;
}

static int
judge_parts(CURLU *u, const char *url, struct target *t, struct err *err)
{
	char *host = NULL, *port = NULL;
	unsigned long n = 0;
	size_t len = 0;

	if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER |
	    CURLU_PATH_AS_IS) != CURLUE_OK)
		return bad_url(err, "cannot be understood");
	if (curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		len = strlen(host);
	if (len > 0 && len < sizeof(t->host))
		memcpy(t->host, host, len + 1);
	curl_free(host);
	if (len == 0 || len >= sizeof(t->host))
		return bad_url(err, "has an impossible host");
	t->has_port = curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK;
	curl_free(port);
	port = NULL;
	if (curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
	    CURLUE_OK)
		n = strtoul(port, NULL, 10);
	curl_free(port);
	if (n == 0 || n > 65535)
		return bad_url(err, "has an impossible port");
	t->port = (unsigned)n;
	return 0;
}

int
gate_parse(const char *url, struct target *t, struct err *err)
{
	CURLU *u;
	int rc;

	if (judge_text(url, err) == -1)
		return -1;
	if ((u = curl_url()) == NULL)
		check_oom();
	rc = judge_parts(u, url, t, err);
	curl_url_cleanup(u);
	return rc;
}

int
net_url_check(const char *url, struct err *err)
{
	struct target t;

	return gate_parse(url, &t, err);
}

bool
gate_allowed(const struct net *net, const struct target *t)
{
	for (const struct allowed *p = net->allowed; p != NULL; p = p->next)
		if (strcasecmp(p->host, t->host) == 0 &&
		    (p->port == 0 || p->port == t->port))
			return true;
	return false;
}

void
gate_allow(struct net *net, const struct target *t, bool any_port)
{
	struct allowed *p;

	if (!any_port && gate_allowed(net, t))
		return;
	p = arena_alloc(net->a, sizeof(*p));
	p->host = arena_strdup(net->a, t->host);
	p->port = any_port ? 0 : t->port;
	p->next = net->allowed;
	net->allowed = p;
}

void
net_allow(struct net *net, const char *url)
{
	struct target t;

	if (gate_parse(url, &t, NULL) == 0)
		gate_allow(net, &t, false);
}
