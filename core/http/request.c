/*
 * From CGI parameters to struct request. Everything that nginx, lighttpd and
 * Apache treat differently is refused here (double slashes, encoded slashes,
 * dot segments, backslashes, NUL), so that a path means the same behind all
 * of them and a redirect can never be built from it.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "http/request.h"

static int
bad(struct err *e, const char *what)
{
	return err_set(e, 400, "bad_request", "%s", what);
}

/* Skips "http://host" of an absolute-form target. */
static const char *
skip_authority(const char *uri)
{
	const char *p = NULL;

	if (strncasecmp(uri, "http://", 7) == 0)
		p = uri + 7;
	else if (strncasecmp(uri, "https://", 8) == 0)
		p = uri + 8;
	if (p == NULL)
		return uri;
	p += strcspn(p, "/?");
	return *p == '/' ? p : "/";
}

/* A raw path must have one reading only. */
static const char *
path_fault(const char *raw, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)raw[i];

		if (c <= 0x20 || c == 0x7f || c == '\\' || c == '#')
			return "Invalid character in path";
		if (c == '/' && i + 1 < n && raw[i + 1] == '/')
			return "Empty segment in path";
		if (c != '%')
			continue;
		if (i + 2 >= n || !isxdigit((unsigned char)raw[i + 1]) ||
		    !isxdigit((unsigned char)raw[i + 2]))
			return "Invalid escape in path";
		if (strncasecmp(raw + i, "%2f", 3) == 0 ||
		    strncasecmp(raw + i, "%5c", 3) == 0 ||
		    strncmp(raw + i, "%00", 3) == 0)
			return "Encoded separator in path";
	}
	return NULL;
}

static bool
has_dot_segment(const char *path)
{
	for (const char *p = path; (p = strchr(p, '/')) != NULL; p++) {
		size_t n = strcspn(p + 1, "/");

		if ((n == 1 && p[1] == '.') ||
		    (n == 2 && p[1] == '.' && p[2] == '.'))
			return true;
	}
	return false;
}

int
request_path(struct arena *a, const char *uri, const char *prefix,
    const char **path, const char **query, struct err *e)
{
	const char *raw = skip_authority(uri), *fault;
	size_t n = strcspn(raw, "?"), np = prefix == NULL ? 0 : strlen(prefix);
	char *p;

	if (raw[0] != '/')
		return bad(e, "Request target must be a path");
	*query = raw[n] == '?' ? raw + n + 1 : "";
	fault = path_fault(raw, n);
	if (fault != NULL)
		return bad(e, fault);
	p = url_decode(a, raw, n, false);
	if (p == NULL || !utf8_valid(p, strlen(p)) || has_dot_segment(p))
		return bad(e, "Invalid path");
	for (const char *c = p; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return bad(e, "Invalid character in path");
	if (np > 0 && strncmp(p, prefix, np) == 0 &&
	    (p[np] == '/' || p[np] == '\0'))
		p += np;
	if (*p == '\0')
		p = arena_strdup(a, "/");
	n = strlen(p);
	if (n > 1 && p[n - 1] == '/')	/* both slash forms are served */
		p[n - 1] = '\0';
	*path = p;
	return 0;
}

const char *
request_header(const struct request *r, const char *name)
{
	char key[96] = "HTTP_";
	size_t n = 5;

	for (; *name != '\0' && n < sizeof(key) - 1; name++)
		key[n++] = *name == '-' ? '_' :
		    (char)toupper((unsigned char)*name);
	key[n] = '\0';
	return r->t->param(r->t->t, key);
}

static bool
in_list(const char *const *list, const char *s)
{
	for (; list != NULL && *list != NULL; list++)
		if (strcmp(*list, s) == 0)
			return true;
	return false;
}

/*
 * The peer of the web server is the client, unless it is a listed proxy: then
 * the last address of X-Forwarded-For that is no proxy. A header sent twice
 * (X_Forwarded_For beside X-Forwarded-For) is worth nothing.
 */
static const char *
client_ip(struct request *r, struct arena *a, const struct http_conf *cf)
{
	const char *ip = r->t->param(r->t->t, "QX_CLIENT_IP"), *xff;

	if (ip == NULL || *ip == '\0')
		ip = r->t->param(r->t->t, "REMOTE_ADDR");
	if (ip == NULL || *ip == '\0')
		return "";
	if (!in_list(cf->trusted_proxies, ip) ||
	    r->t->count(r->t->t, "HTTP_X_FORWARDED_FOR") != 1)
		return ip;
	xff = r->t->param(r->t->t, "HTTP_X_FORWARDED_FOR");
	for (size_t end = strlen(xff); end > 0;) {
		size_t start = end, from, to;

		while (start > 0 && xff[start - 1] != ',')
			start--;
		for (from = start; from < end && xff[from] == ' '; from++)
			;
		for (to = end; to > from && xff[to - 1] == ' '; to--)
			;
		ip = arena_strndup(a, xff + from, to - from);
		if (strlen(ip) > 45 || strspn(ip, "0123456789abcdefABCDEF.:")
		    != strlen(ip))
			return r->t->param(r->t->t, "REMOTE_ADDR");
		if (!in_list(cf->trusted_proxies, ip))
			return ip;
		end = start > 0 ? start - 1 : 0;
	}
	return ip;
}

static int
parse_length(struct request *r, struct err *e)
{
	const char *s = r->t->param(r->t->t, "CONTENT_LENGTH");

	r->length = -1;
	if (s == NULL || *s == '\0') {
		const char *te = request_header(r, "Transfer-Encoding");
		bool body = te != NULL && *te != '\0';

		if (!body && r->method != HTTP_POST && r->method != HTTP_PUT &&
		    r->method != HTTP_PATCH)
			r->length = 0;
		return 0;
	}
	if (strspn(s, "0123456789") != strlen(s) ||
	    num_i64(s, strlen(s), &r->length) != NUM_OK)
		return bad(e, "Invalid Content-Length");
	return 0;
}

static const char *
parse_media(struct arena *a, const char *s)
{
	char *m;
	size_t n;

	if (s == NULL)
		return "";
	n = strcspn(s, "; \t");
	if (n > 100)
		n = 100;
	m = arena_strndup(a, s, n);
	for (char *p = m; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return m;
}

int
request_parse(struct request *r, struct arena *a, const struct http_conf *cf,
    const struct transport *t, struct err *e)
{
	const char *s, *query;

	memset(r, 0, sizeof(*r));
	r->t = t;
	s = t->param(t->t, "REQUEST_METHOD");
	r->method = s == NULL ? 0 : method_parse(s);
	r->client_ip = client_ip(r, a, cf);
	s = t->param(t->t, "QX_HTTPS");
	if (s == NULL)
		s = t->param(t->t, "HTTPS");
	r->https = s != NULL && (strcasecmp(s, "on") == 0 ||
	    strcmp(s, "1") == 0);
	s = t->param(t->t, "REQUEST_URI");
	if (s == NULL || strlen(s) > 8192)
		return err_set(e, s == NULL ? 400 : 414, "bad_request",
		    s == NULL ? "No request target" : "Request target too long");
	if (request_path(a, s, cf->prefix, &r->path, &query, e) == -1)
		return -1;
	if (url_pairs(a, query, strlen(query), (struct pair **)&r->query,
	    &r->nquery) == -1)
		return bad(e, "Invalid escape in query string");
	if (t->count(t->t, "HTTP_AUTHORIZATION") > 1)
		return bad(e, "More than one Authorization header");
	s = t->param(t->t, "HTTP_AUTHORIZATION");
	if (s != NULL && strchr(s, ',') != NULL)	/* joined by the server */
		return bad(e, "More than one Authorization header");
	r->media = parse_media(a, t->param(t->t, "CONTENT_TYPE"));
	s = request_header(r, "Content-Encoding");
	if (s != NULL && *s != '\0' && strcasecmp(s, "identity") != 0)
		return err_set(e, 415, "unsupported_media_type",
		    "Content-Encoding is not supported");
	return parse_length(r, e);
}

int
request_body(struct request *r, struct arena *a, size_t max, struct err *e)
{
	size_t cap = r->length > 0 ? (size_t)r->length : 4096, n = 0;
	char *buf;

	if (r->body_read)
		return 0;
	if (r->length > 0 && (uint64_t)r->length > max)
		return err_set(e, 413, "too_large",
		    "Request body is larger than %zu bytes", max);
	r->body_read = true;
	r->body = "";
	if (r->length == 0)
		return 0;
	buf = arena_alloc(a, cap + 1);
	for (;;) {
		long got;

		if (n == cap) {
			if (r->length >= 0)
				break;
			buf = arena_grow(a, buf, cap + 1, cap * 2 + 1);
			cap *= 2;
		}
		got = r->t->read(r->t->t, buf + n, cap - n);
		if (got < 0)
			return bad(e, "The request body ended early");
		if (got == 0)
			break;
		n += (size_t)got;
		if (n > max)
			return err_set(e, 413, "too_large",
			    "Request body is larger than %zu bytes", max);
	}
	if (r->length >= 0 && n < (size_t)r->length)
		return bad(e, "The request body ended early");
	buf[n] = '\0';
	r->body = buf;
	r->body_len = n;
	r->consumed = n;
	return 0;
}
