/*
 * lighttpd 1.4, an instance of its own (--standalone) or a file that another
 * configuration includes: there the port and what a site may say lie inside of
 * the condition of its socket, because port and document root are another's.
 * REMOTE_ADDR and HTTPS are the server's own; a condition
 * replaces the list of backends above it, the last one that holds wins.
 */
#include <string.h>

#include "http/site.h"

/* Authorization sent twice arrives joined by a comma and is refused by us.
 * Header names with underscores are passed on: one would hide a proxy's. */
static const char parse[] = " (\n"
    "    \"header-strict\" => \"enable\",\n"
    "    \"host-strict\" => \"enable\",\n"
    "    \"host-normalize\" => \"disable\",\n"
    "    \"url-ctrls-reject\" => \"enable\",\n"
    "    \"url-normalize\" => \"disable\"\n"
    ")\n";
static const char limits[] =
    "setenv.set-request-header = ( \"X_Forwarded_For\" => \"\" )\n"
    "server.tag = \"\"\n"
    "server.max-read-idle = 30\n"
    "server.max-write-idle = 305\n"
    "server.max-keep-alive-idle = 30\n"
    "server.max-keep-alive-requests = 1000\n"
    "fastcgi.debug = 0\n";

static void
backend(struct site *s, enum pool_kind k, const char *indent)
{
	const char *sock = s->sock[k], *colon = strrchr(sock, ':');

	str_addf(s->out, "%sfastcgi.server = ( \"/\" => ((\n", indent);
	if (*sock == '/' || colon == NULL)
		str_addf(s->out, "%s    \"socket\" => \"%s\",\n", indent,
		    sock);
	else
		str_addf(s->out, "%s    \"host\" => \"%.*s\", \"port\" => %s,"
		    "\n", indent, (int)(colon - sock), sock, colon + 1);
	str_addf(s->out, "%s    \"check-local\" => \"disable\"\n%s)) )\n",
	    indent, indent);
}

/* One condition with every place of a pool. */
static void
group(struct site *s, enum pool_kind k, bool literals_only)
{
	size_t n = 0;

	for (size_t i = 0; i < s->places.n; i++) {
		const struct place *p = s->places.v[i];

		if (!p->special || p->pool != k ||
		    (literals_only && p->literal == NULL))
			continue;
		str_add(s->out, n++ == 0 ? "$HTTP[\"url\"] =~ \"^(" : "|");
		str_add(s->out, p->regex);
	}
	if (n == 0)
		return;
	str_add(s->out, ")/?$\" {\n");
	backend(s, k, "    ");
	str_add(s->out, "}\n");
}

/* Larger bodies: a condition of its own, limits are in KiB. */
static void
bodies(struct site *s)
{
	for (size_t i = 0; i < s->places.n; i++) {
		const struct place *p = s->places.v[i];

		if (p->max_body > s->max_body)
			str_addf(s->out, "$HTTP[\"url\"] =~ \"^%s/?$\" {\n"
			    "    server.max-request-size = %zu\n}\n",
			    p->regex, site_body(s, p) / 1024 + 1);
	}
}

/* The gateway: plain HTTP that may become a WebSocket, passed on at once. */
static void
live(struct site *s)
{
	const char *colon = strrchr(s->live, ':');

	str_addf(s->out, "$HTTP[\"url\"] =~ \"%s\" {\n"
	    "    fastcgi.server = ()\n    proxy.server = ( \"\" => ((\n",
	    site_live_regex(s));
	if (*s->live == '/' || colon == NULL)
		str_addf(s->out, "        \"socket\" => \"%s\"\n", s->live);
	else
		str_addf(s->out, "        \"host\" => \"%.*s\", "
		    "\"port\" => %s\n", (int)(colon - s->live), s->live,
		    colon + 1);
	str_add(s->out, "    )) )\n"
	    "    proxy.header = ( \"upgrade\" => \"enable\" )\n"
	    "    server.stream-response-body = 2\n"
	    "    server.max-read-idle = 3600\n"
	    "    server.max-write-idle = 3600\n}\n");
}

static void
tls(struct site *s, const char *indent)
{
	if (s->o->tls_cert != NULL)
		str_addf(s->out, "%sssl.engine = \"enable\"\n"
		    "%sssl.pemfile = \"%s\"\n%sssl.privkey = \"%s\"\n",
		    indent, indent, s->o->tls_cert, indent, s->o->tls_key);
}

/* The port of an instance of its own. */
static void
own_listens(struct site *s)
{
	const char *first = s->listens[0], *colon = strrchr(first, ':');

	if (colon == NULL)
		str_addf(s->out, "server.port = %s\n", first);
	else
		str_addf(s->out, "server.bind = \"%.*s\"\n"
		    "server.port = %s\n", (int)(colon - first), first,
		    colon + 1);
	tls(s, "");
	for (size_t i = 1; s->listens[i] != NULL; i++) {
		str_addf(s->out, "$SERVER[\"socket\"] == \"%s%s\" {\n",
		    strchr(s->listens[i], ':') == NULL ? ":" : "",
		    s->listens[i]);
		tls(s, "    ");
		str_add(s->out, "}\n");
	}
}

/* What holds for requests of the site. */
static void
requests(struct site *s)
{
	if (s->o->server_name != NULL)
		str_addf(s->out, "server.name = \"%s\"\n", s->o->server_name);
	str_add(s->out, limits);
	str_addf(s->out, "server.max-request-size = %zu\n",
	    site_body(s, NULL) / 1024 + 1);
	backend(s, POOL_API, "");
	group(s, POOL_SLOW, false);
	group(s, POOL_CONTROL, false);
	group(s, POOL_API, true);
	bodies(s);
	if (s->endpoints.n > 0)
		live(s);
}

/* Lines of a block, each a step to the right. */
static void
indented(struct str *out, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n") + 1;

		str_add(out, "    ");
		str_addn(out, text, n);
		text += n;
	}
}

static void
included(struct site *s)
{
	struct str *out = s->out, body;

	for (size_t i = 0; s->listens[i] != NULL; i++) {
		str_addf(out, "$SERVER[\"socket\"] == \"%s%s\" {\n",
		    strchr(s->listens[i], ':') == NULL ? ":" : "",
		    s->listens[i]);
		str_init(&body, s->a);
		s->out = &body;
		tls(s, "");
		requests(s);
		s->out = out;
		indented(out, body.p);
		str_add(out, "}\n");
	}
}

void
site_lighttpd(struct site *s)
{
	const char *d = s->o->standalone, *set = d != NULL ? "=" : ":=";

	str_add(s->out, "# lighttpd site of Quincunx, written by "
	    "`quincunx site lighttpd`.\n");
	if (d != NULL)
		str_addf(s->out, "server.document-root = \"%s\"\n"
		    "server.pid-file = \"%s/lighttpd.pid\"\n"
		    "server.errorlog = \"%s/lighttpd-error.log\"\n"
		    "server.upload-dirs = ( \"%s\" )\n", d, d, d, d);
	str_addf(s->out, "server.modules += ( \"mod_setenv\", "
	    "\"mod_fastcgi\", \"mod_proxy\"%s )\n",
	    s->o->tls_cert != NULL ? ", \"mod_openssl\"" : "");
	str_addf(s->out, "server.http-parseopts %s%s"
	    "server.max-request-field-size %s 16384\n", set, parse, set);
	if (d != NULL) {
		own_listens(s);
		requests(s);
	} else
		included(s);
}
