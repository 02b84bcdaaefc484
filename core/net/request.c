/*
 * What is sent of a call, and how far it may go. Refuses requests that could
 * say more than they should (foreign methods, control bytes in headers). A
 * call that must not happen twice gets a connection of its own: on a kept one
 * that has just died, curl would send it again.
 */
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "net/internal.h"

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH",
    "DELETE", "OPTIONS" };

static bool
token(const char *p)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";
	const char *start = p;

	while ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
	    (*p >= 'A' && *p <= 'Z') || (*p != '\0' && strchr(extra, *p)))
		p++;
	return *p == '\0' && p != start;
}

static bool
printable(const char *p)
{
	while (*p == '\t' || ((unsigned char)*p >= ' ' && *p != 0x7f))
		p++;
	return *p == '\0';
}

static void
add_header(struct transfer *t, const char *name, const char *value)
{
	struct curl_slist *list = curl_slist_append(t->headers,
	    arena_printf(t->a, "%s%s%s", name, *value == '\0' ? ";" : ": ",
	    value));

	if (list == NULL)
		check_oom();
	t->headers = list;
}

/* curl's own additions that would leave the signed or meant request. */
static void
quiet(struct transfer *t, const char *name)
{
	struct curl_slist *list = curl_slist_append(t->headers, name);

	if (list == NULL)
		check_oom();
	t->headers = list;
}

static bool
has_header(const struct net_call *c, const char *name)
{
	for (size_t i = 0; i < c->nheaders; i++)
		if (strcasecmp(c->headers[i].name, name) == 0)
			return true;
	return false;
}

static int
set_headers(struct transfer *t, struct err *err)
{
	const struct net_call *c = &t->call;

	if (c->nheaders > NET_HEADERS_MAX)
		return transfer_refuse(t, err, "too many headers");
	for (size_t i = 0; i < c->nheaders; i++)
		if (!token(c->headers[i].name) ||
		    !printable(c->headers[i].value))
			return transfer_refuse(t, err, "impossible header");
	for (size_t i = 0; i < c->nheaders; i++)
		add_header(t, c->headers[i].name, c->headers[i].value);
	if (t->left_ms > 0)
		add_header(t, "X-Deadline-Ms", arena_printf(t->a, "%lld",
		    (long long)t->left_ms));
	if (c->retry || t->net->retried)
		add_header(t, "X-Retry-Layer", "quincunx");
	quiet(t, "Expect:");
	if (!has_header(c, "Content-Type"))
		quiet(t, "Content-Type:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return 0;
}

static int
set_method(struct transfer *t, struct err *err)
{
	const struct net_call *c = &t->call;
	size_t i = 0;

	while (i < NITEMS(methods) && strcmp(methods[i], c->method) != 0)
		i++;
	if (i == NITEMS(methods))
		return transfer_refuse(t, err, "impossible method");
	if (strcmp(c->method, "HEAD") == 0) {
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
		return 0;
	}
	if (c->body_len > 0 || strcmp(c->method, "POST") == 0) {
		curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)c->body_len);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS,
		    c->body_len > 0 ? c->body : "");
	}
	curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, c->method);
	return 0;
}

static void
set_gate(struct transfer *t)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, gate_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (t->net->conf->ca_file != NULL && *t->net->conf->ca_file != '\0')
		curl_easy_setopt(e, CURLOPT_CAINFO, t->net->conf->ca_file);
}

static void
set_rest(struct transfer *t)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_URL, t->call.url);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "quincunx/" QX_VERSION);
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->message);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
}

bool
request_repeatable(const struct net_call *c)
{
	return !c->once && (c->repeatable || (strcmp(c->method, "POST") !=
	    0 && strcmp(c->method, "PATCH") != 0));
}

int
request_set(struct transfer *t, struct err *err)
{
	set_gate(t);
	set_rest(t);
	if (!request_repeatable(&t->call))
		curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
	return set_method(t, err) == -1 ? -1 : set_headers(t, err);
}
