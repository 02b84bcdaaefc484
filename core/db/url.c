/*
 * DATABASE_URL in the forms that SQLAlchemy users have in their environment.
 * The driver part after '+' is ignored: there is one driver here. A part that
 * we would not obey is refused by name, never ignored; the password is never
 * shown.
 */
#include <string.h>

#include "base/codec.h"
#include "base/number.h"
#include "base/str.h"
#include "base/types.h"
#include "db/internal.h"

#define EXAMPLE "mysql://user:password@host:3306/name"

static const struct setting rows[] = {
	SETTING(struct db_conf, url, "database.url", .flags = SET_SECRET,
	    .def = "", .env = "DATABASE_URL",
	    .doc = "Where the MariaDB database is: " EXAMPLE
	    ", or mysql://user@/name?unix_socket=/run/mysqld/mysqld.sock"),
	SETTING(struct db_conf, migrate_url, "database.migrate_url",
	    .flags = SET_SECRET, .def = "",
	    .doc = "Account that may change the schema, in the same form; "
	    "empty uses database.url"),
	SETTING(struct db_conf, connect_timeout_s, "database.connect_timeout",
	    .def = "2", .min = 1, .max = 60, .unit = "seconds",
	    .doc = "Give up connecting after this time"),
	SETTING(struct db_conf, read_timeout_s, "database.read_timeout",
	    .def = "10", .min = 1, .max = 600, .unit = "seconds",
	    .doc = "Give up waiting for the server's answer after this time"),
	SETTING(struct db_conf, write_timeout_s, "database.write_timeout",
	    .def = "10", .min = 1, .max = 600, .unit = "seconds",
	    .doc = "Give up sending to the server after this time"),
	SETTING(struct db_conf, statement_timeout_ms,
	    "database.statement_timeout_ms", .def = "5000", .min = 100,
	    .max = 600000, .unit = "milliseconds",
	    .doc = "The server ends a statement that runs longer"),
	SETTING(struct db_conf, lock_wait_s, "database.lock_wait",
	    .def = "5", .min = 1, .max = 60, .unit = "seconds",
	    .doc = "The server ends a wait for a row lock after this time"),
	SETTING_END
};

static int
check_conf(void *values, struct arena *a, struct err *err)
{
	const struct db_conf *c = values;
	struct db_url u;

	if (c->url[0] != '\0' && db_url_parse(&u, a, c->url, err) == -1)
		return -1;
	if (c->migrate_url[0] != '\0' &&
	    db_url_parse(&u, a, c->migrate_url, err) == -1)
		return -1;
	return 0;
}

const struct settings db_settings = {
	.name = "db", .size = sizeof(struct db_conf), .rows = rows,
	.check = check_conf
};

static int
refuse(struct err *err, const char *why)
{
	return err_set(err, 500, "db_config",
	    "database.url (DATABASE_URL): %s; expected " EXAMPLE, why);
}

/* mysql, mariadb, and each with any +driver. */
static int
check_scheme(struct arena *a, const char *s, size_t n, struct err *err)
{
	static const struct { const char *name, *why; } other[] = {
		{ "postgres", "PostgreSQL is not supported, the database is "
		    "MariaDB 10.11 or newer" },
		{ "postgresql", "PostgreSQL is not supported, the database is "
		    "MariaDB 10.11 or newer" },
		{ "sqlite", "SQLite is not supported, the database is "
		    "MariaDB 10.11 or newer" },
	};
	size_t base = 0, i;

	while (base < n && s[base] != '+')
		base++;
	if ((base == 5 && memcmp(s, "mysql", 5) == 0) ||
	    (base == 7 && memcmp(s, "mariadb", 7) == 0))
		return 0;
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (strlen(other[i].name) == base &&
		    memcmp(s, other[i].name, base) == 0)
			return refuse(err, other[i].why);
	return refuse(err, arena_printf(a, "unknown scheme \"%.*s\"",
	    (int)(n < 32 ? n : 32), s));
}

static int
parse_user(struct db_url *u, struct arena *a, const char *s, size_t n,
    struct err *err)
{
	const char *colon = memchr(s, ':', n);
	size_t nuser = colon != NULL ? (size_t)(colon - s) : n;

	u->user = url_decode(a, s, nuser, false);
	if (colon != NULL)
		u->pass = url_decode(a, colon + 1, n - nuser - 1, false);
	if (u->user == NULL || (colon != NULL && u->pass == NULL))
		return refuse(err, "bad %-escape in the user or password");
	return 0;
}

static int
parse_port(struct db_url *u, const char *s, size_t n, struct err *err)
{
	int64_t port;

	if (n == 0)
		return 0;
	if (num_i64(s, n, &port) != NUM_OK || port < 1 || port > 65535)
		return refuse(err, "the port is not a number from 1 to 65535");
	u->port = (unsigned)port;
	u->tcp = true;
	return 0;
}

/* user:pass@host:port; the host may be [v6]. */
static int
parse_authority(struct db_url *u, struct arena *a, const char *s, size_t n,
    struct err *err)
{
	const char *at = memrchr(s, '@', n), *end, *host;

	if (at != NULL) {
		if (parse_user(u, a, s, (size_t)(at - s), err) == -1)
			return -1;
		n -= (size_t)(at + 1 - s);
		s = at + 1;
	}
	host = s;
	if (n > 0 && *s == '[') {
		if ((end = memchr(s, ']', n)) == NULL)
			return refuse(err, "\"[\" without \"]\" in the host");
		u->host = arena_strndup(a, s + 1, (size_t)(end - s - 1));
		end++;
	} else {
		if ((end = memchr(s, ':', n)) == NULL)
			end = s + n;
		u->host = url_decode(a, host, (size_t)(end - host), false);
		if (u->host == NULL)
			return refuse(err, "bad %-escape in the host");
	}
	n -= (size_t)(end - s);
	if (n == 0)
		return 0;
	if (*end != ':')
		return refuse(err, "unexpected text after the host");
	return parse_port(u, end + 1, n - 1, err);
}

static bool
yes(const char *v)
{
	return strcasecmp(v, "true") == 0 || strcasecmp(v, "yes") == 0 ||
	    strcmp(v, "1") == 0;
}

static int
set_text_option(struct db_url *u, const struct pair *p)
{
	const struct { const char *name; const char **to; bool ssl; } opt[] = {
		{ "unix_socket", &u->socket, false },
		{ "ssl_ca", &u->ssl_ca, true },
		{ "ssl_capath", &u->ssl_capath, true },
		{ "ssl_cert", &u->ssl_cert, true },
		{ "ssl_key", &u->ssl_key, true },
		{ "ssl_cipher", &u->ssl_cipher, true },
	};
	size_t i;

	for (i = 0; i < sizeof(opt) / sizeof(opt[0]); i++)
		if (strcmp(p->name, opt[i].name) == 0) {
			*opt[i].to = p->value;
			u->ssl |= opt[i].ssl;
			return 0;
		}
	return -1;
}

static int
set_option(struct db_url *u, struct arena *a, const struct pair *p,
    struct err *err)
{
	if (set_text_option(u, p) == 0)
		return 0;
	if (strcmp(p->name, "ssl") == 0 ||
	    strcmp(p->name, "ssl_enabled") == 0) {
		u->ssl |= yes(p->value);
	} else if (strcmp(p->name, "ssl_disabled") == 0) {
		u->ssl_off = yes(p->value);
	} else if (strcmp(p->name, "ssl_verify_identity") == 0 ||
	    strcmp(p->name, "ssl_verify_cert") == 0) {
		u->ssl_verify |= yes(p->value);
		u->ssl |= yes(p->value);
	} else if (strcmp(p->name, "charset") == 0) {
		if (strncasecmp(p->value, "utf8", 4) != 0)
			return refuse(err, "charset must be utf8mb4");
	} else if (strstr(p->name, "timeout") != NULL) {
		return refuse(err, "timeouts are settings of their own "
		    "(database.connect_timeout, database.read_timeout)");
	} else if (strcmp(p->name, "use_unicode") != 0 &&
	    strcmp(p->name, "autocommit") != 0) {
		return refuse(err, arena_printf(a,
		    "option \"%.40s\" is not supported", p->name));
	}
	return 0;
}

static const char *
shown(const struct db_url *u, struct arena *a)
{
	const char *user = u->user != NULL ? u->user : "";

	if (u->socket != NULL)
		return arena_printf(a, "mariadb://%s@/%s?unix_socket=%s", user,
		    u->name, u->socket);
	return arena_printf(a, "mariadb://%s@%s:%u/%s%s", user,
	    u->host != NULL ? u->host : "localhost", u->port, u->name,
	    u->ssl ? " (TLS)" : "");
}

static int
parse_rest(struct db_url *u, struct arena *a, const char *path,
    struct err *err)
{
	const char *query = strchr(path, '?');
	size_t n = query != NULL ? (size_t)(query - path) : strlen(path), i;
	struct pair *opt = NULL;
	size_t nopt = 0;

	if (n > 0 && *path == '/') {
		path++;
		n--;
	}
	if (memchr(path, '/', n) != NULL)
		return refuse(err, "more than one \"/\" after the host");
	if ((u->name = url_decode(a, path, n, false)) == NULL)
		return refuse(err, "bad %-escape in the database name");
	if (u->name[0] == '\0')
		return refuse(err, "the database name is missing");
	if (query != NULL && url_pairs(a, query + 1, strlen(query + 1), &opt,
	    &nopt) == -1)
		return refuse(err, "bad %-escape after \"?\"");
	for (i = 0; i < nopt; i++)
		if (set_option(u, a, &opt[i], err) == -1)
			return -1;
	if (u->ssl && u->ssl_off)
		return refuse(err, "ssl_disabled contradicts the other ssl_ "
		    "options");
	return 0;
}

int
db_url_parse(struct db_url *u, struct arena *a, const char *url,
    struct err *err)
{
	const char *sep, *s;
	size_t n;

	*u = (struct db_url){ .port = 3306 };
	if (url == NULL || url[0] == '\0')
		return err_set(err, 503, "db_config", "No database is "
		    "configured: set DATABASE_URL or database.url to "
		    EXAMPLE);
	if ((sep = strstr(url, "://")) == NULL)
		return refuse(err, "\"://\" is missing");
	if (check_scheme(a, url, (size_t)(sep - url), err) == -1)
		return -1;
	s = sep + 3;
	n = strcspn(s, "/?");
	if (parse_authority(u, a, s, n, err) == -1 ||
	    parse_rest(u, a, s + n, err) == -1)
		return -1;
	if (u->host != NULL && u->host[0] == '\0')
		u->host = NULL;
	u->shown = shown(u, a);
	return 0;
}

int
db_url_check(const char *url, struct arena *a, const char **out,
    struct err *err)
{
	struct db_url u;

	if (db_url_parse(&u, a, url, err) == -1)
		return -1;
	if (out != NULL)
		*out = u.shown;
	return 0;
}

/* Values in double quotes, as option files want them. */
static void
option(struct str *s, const char *name, const char *value)
{
	if (value == NULL)
		return;
	str_addf(s, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			str_addc(s, '\\');
		str_addc(s, *value);
	}
	str_add(s, "\"\n");
}

int
db_client_options(const char *url, struct arena *a, const char **out,
    const char **database, struct err *err)
{
	struct db_url u;
	struct str s;

	if (db_url_parse(&u, a, url, err) == -1)
		return -1;
	for (const char *p = url; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r')
			return refuse(err, "a line break");
	str_init(&s, a);
	str_add(&s, "[client]\ndefault-character-set=utf8mb4\n");
	option(&s, "user", u.user);
	option(&s, "password", u.pass);
	option(&s, "host", u.host);
	option(&s, "socket", u.socket);
	if (u.tcp)
		str_addf(&s, "port=%u\nprotocol=tcp\n", u.port);
	if (u.ssl)
		str_add(&s, "ssl\n");
	option(&s, "ssl-ca", u.ssl_ca);
	option(&s, "ssl-capath", u.ssl_capath);
	option(&s, "ssl-cert", u.ssl_cert);
	option(&s, "ssl-key", u.ssl_key);
	option(&s, "ssl-cipher", u.ssl_cipher);
	if (u.ssl_verify)
		str_add(&s, "ssl-verify-server-cert\n");
	*out = s.p;
	*database = u.name;
	return 0;
}
