/*
 * Apache 2.4 with mod_proxy_fcgi. The first ProxyPass that matches wins. The
 * request id is ours to make: a header could otherwise name it.
 */
#include <string.h>

#include "http/site.h"

static const char loaded[] =
    "mpm_event authz_core proxy proxy_fcgi proxy_http env setenvif "
    "reqtimeout";

static void
standalone_head(struct site *s)
{
	const char *d = s->o->standalone;

	for (const char *p = loaded; *p != '\0'; ) {
		size_t n = strcspn(p, " ");

		str_addf(s->out, "LoadModule %.*s_module "
		    "/usr/lib/apache2/modules/mod_%.*s.so\n",
		    (int)n, p, (int)n, p);
		p += n + (p[n] == ' ');
	}
	if (s->o->tls_cert != NULL)
		str_add(s->out, "LoadModule socache_shmcb_module "
		    "/usr/lib/apache2/modules/mod_socache_shmcb.so\n"
		    "LoadModule ssl_module "
		    "/usr/lib/apache2/modules/mod_ssl.so\n");
	str_addf(s->out, "ServerRoot %s\nPidFile %s/apache.pid\n"
	    "DefaultRuntimeDir %s\nMutex file:%s default\n"
	    "ErrorLog %s/apache-error.log\nDocumentRoot %s\n"
	    "ServerName localhost\n", d, d, d, d, d, d);
}

static void
proxy(struct site *s, const struct place *p)
{
	const char *sock = s->sock[p->pool];

	str_addf(s->out, "    ProxyPassMatch \"^%s/?$\" ", p->regex);
	if (*sock == '/')
		str_addf(s->out, "\"unix:%s|fcgi://%s.quincunx/\"", sock,
		    site_pool(p->pool));
	else
		str_addf(s->out, "\"fcgi://%s/\"", sock);
	str_addf(s->out, " enablereuse=off timeout=%d\n",
	    p->pool == POOL_SLOW ? 305 : 65);
}

static void
bodies(struct site *s)
{
	for (size_t i = 0; i < s->places.n; i++) {
		const struct place *p = s->places.v[i];

		if (p->max_body > s->max_body)
			str_addf(s->out, "    <LocationMatch \"^%s/?$\">\n"
			    "        LimitRequestBody %zu\n"
			    "    </LocationMatch>\n", p->regex,
			    site_body(s, p));
	}
}

/* The gateway: a WebSocket when the client asks for one, else a stream. */
static void
live(struct site *s)
{
	bool path = *s->live == '/';

	str_addf(s->out, "    <LocationMatch \"%s\">\n"
	    "        ProxyPreserveHost On\n    </LocationMatch>\n",
	    site_live_regex(s));
	for (size_t i = 0; i < s->endpoints.n; i++)
		str_addf(s->out, "    ProxyPassMatch \"^(%s)/?$\" "
		    "\"%s%s%shttp://%s$1\" upgrade=websocket "
		    "flushpackets=on enablereuse=off timeout=3600\n",
		    s->endpoints.v[i]->regex, path ? "unix:" : "",
		    path ? s->live : "", path ? "|" : "",
		    path ? "live.quincunx" : s->live);
}

/* Literals first, so that no pattern swallows them. */
static void
passes(struct site *s)
{
	struct place rest = { .regex = "", .pool = POOL_API };
	const char *sock = s->sock[POOL_API];

	if (s->endpoints.n > 0)
		live(s);
	for (int pattern = 0; pattern < 2; pattern++)
		for (size_t i = 0; i < s->places.n; i++) {
			const struct place *p = s->places.v[i];

			if (p->special && (p->literal == NULL) == pattern)
				proxy(s, p);
		}
	str_addf(s->out, "    ProxyPass \"%s/\" ", s->h->conf->prefix);
	if (*sock == '/')
		str_addf(s->out, "\"unix:%s|fcgi://%s.quincunx%s/\"", sock,
		    site_pool(rest.pool), s->h->conf->prefix);
	else
		str_addf(s->out, "\"fcgi://%s%s/\"", sock,
		    s->h->conf->prefix);
	str_add(s->out, " enablereuse=off timeout=65\n");
}

static void
vhost(struct site *s)
{
	str_add(s->out, "<VirtualHost");
	for (size_t i = 0; s->listens[i] != NULL; i++)
		str_addf(s->out, " %s%s", strchr(s->listens[i], ':') == NULL ?
		    "*:" : "", s->listens[i]);
	str_add(s->out, ">\n");
	if (s->o->server_name != NULL)
		str_addf(s->out, "    ServerName %s\n", s->o->server_name);
	if (s->o->tls_cert != NULL)
		str_addf(s->out, "    SSLEngine on\n"
		    "    SSLCertificateFile %s\n"
		    "    SSLCertificateKeyFile %s\n"
		    "    SSLProtocol -all +TLSv1.2 +TLSv1.3\n",
		    s->o->tls_cert, s->o->tls_key);
	str_addf(s->out, "    AllowEncodedSlashes NoDecode\n"
	    "    MergeSlashes Off\n    LimitRequestBody %zu\n"
	    "    LimitRequestFieldSize 16380\n"
	    "    RequestReadTimeout header=15 body=30,MinRate=500\n"
	    "    ProxyErrorOverride Off\n", site_body(s, NULL));
	str_add(s->out, "    <Location \"/\">\n        CGIPassAuth On\n"
	    "        SetEnv proxy-sendcl 1\n"
	    "        ProxyFCGISetEnvIf \"true\" QX_CLIENT_IP "
	    "\"%{REMOTE_ADDR}\"\n"
	    "        ProxyFCGISetEnvIf \"%{HTTPS} == 'on'\" QX_HTTPS \"on\"\n"
	    "    </Location>\n");
	bodies(s);
	passes(s);
	str_add(s->out, "    ErrorDocument 413 "
	    "'{\"detail\":\"Request body is too large\"}'\n"
	    "    ErrorDocument 503 '{\"detail\":\"Service unavailable\"}'\n"
	    "    <If \"%{HTTP_ACCEPT} =~ m#text/html#\">\n"
	    "        ErrorDocument 503 '" SITE_SORRY "'\n    </If>\n"
	    "</VirtualHost>\n");
}

void
site_apache(struct site *s)
{
	str_add(s->out, "# Apache site of Quincunx, written by "
	    "`quincunx site apache`.\n# Modules: ");
	str_add(s->out, loaded);
	str_add(s->out, s->o->tls_cert != NULL ? " ssl\n" : "\n");
	if (s->o->standalone != NULL)
		standalone_head(s);
	for (size_t i = 0; s->listens[i] != NULL; i++)
		str_addf(s->out, "Listen %s%s\n", s->listens[i],
		    s->o->tls_cert != NULL ? " https" : "");
	str_add(s->out, "ServerTokens Prod\nTraceEnable Off\n");
	vhost(s);
}
