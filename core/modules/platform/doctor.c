/*
 * The doctor's judgement and words. Looks at nothing itself. Details come from
 * servers and files: they are shown as text, never obeyed by a terminal.
 */
#include <string.h>

#include "base/str.h"
#include "modules/platform/doctor.h"

static const struct {
	const char *name, *remedy;
} remedies[] = {
	{ "configuration", "run `quincunx config --check`, mend the line it "
	  "names" },
	{ "keys", "make one with `quincunx config --new-key` and set it as "
	  "ENCRYPTION_KEY and another as JWT_SECRET_KEY; never replace a key "
	  "that has sealed something" },
	{ "sealed values", "put the old key back behind the new one in "
	  "ENCRYPTION_KEY (\"NEW OLD\"); `quincunx-sweep` seals again with "
	  "the new one" },
	{ "database", "start it (`systemctl start mariadb`) and compare "
	  "database.url with `quincunx config --effective`" },
	{ "db", "start it (`systemctl start mariadb`) and compare "
	  "database.url with `quincunx config --effective`" },
	{ "database settings", "set it in /etc/mysql/mariadb.conf.d and "
	  "restart the database" },
	{ "clock", "run a time service on both hosts (`timedatectl set-ntp "
	  "true`)" },
	{ "migrations", "run `quincunx migrate`" },
	{ "redis", "start it or correct REDIS_URL; empty means not used" },
	{ "segment", "see that base.run_dir is on a local file system with "
	  "room, and restart the services" },
	{ "run directory", "`chown` it to the service user and `chmod 750` "
	  "it, or correct base.run_dir" },
	{ "disk", "make room: `quincunx-sweep` removes what is old" },
	{ "responder", "start it (`systemctl start quincunx`)" },
	{ "web server", "start or reload it (`systemctl reload nginx`), or "
	  "correct http.public_url" },
	{ "worker", "start it (`systemctl start quincunx-worker`), or let "
	  "cron run quincunx-schedule --work each minute" },
	{ "live", "start it (`systemctl start quincunx-live`)" },
	{ "relay", "start quincunx-worker: it hands events on" },
	{ "certificate", "renew it, or correct platform.certificate" },
	{ "site", "run `quincunx setup --upgrade`, or print it again with "
	  "`quincunx site` and reload the web server" },
	{ NULL, NULL }
};

const char *
platform_doctor_remedy(const char *name)
{
	for (size_t i = 0; remedies[i].name != NULL; i++)
		if (strcmp(remedies[i].name, name) == 0)
			return remedies[i].remedy;
	return "look for the cause with `quincunx logs --level error`";
}

void
platform_doctor_add(struct platform_findings *f, const char *name,
    enum platform_doctor_state state, const char *detail, const char *remedy)
{
	struct platform_finding *x = VEC_ADD(f->a, &f->list);
	char *line = arena_strdup(f->a, detail);
	size_t n = strlen(line);

	while (n > 0 && line[n - 1] == '\n')
		line[--n] = '\0';
	for (char *p = line; *p != '\0'; p++)
		if (*p == '\n' || *p == '\t' || *p == '\r')
			*p = ' ';
	*x = (struct platform_finding){ name, state, line, NULL };
	if (state != DOCTOR_OK)
		x->remedy = remedy != NULL ? remedy :
		    platform_doctor_remedy(name);
}

void
platform_doctor_server(struct platform_findings *f, const char *lines)
{
	bool clock = false, settings = false;

	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n");
		bool is_clock = strncmp(lines, "the clocks", 10) == 0;

		platform_doctor_add(f, is_clock ? "clock" :
		    "database settings", DOCTOR_WARN,
		    arena_strndup(f->a, lines, n), NULL);
		clock = clock || is_clock;
		settings = settings || !is_clock;
		lines += n + (lines[n] == '\n');
	}
	if (!settings)
		platform_doctor_add(f, "database settings", DOCTOR_OK,
		    "safe", NULL);
	if (!clock)
		platform_doctor_add(f, "clock", DOCTOR_OK,
		    "within half a second of the database's", NULL);
}

/* ---- the site --------------------------------------------------------------- */

/* Lines that options of `quincunx site` make, not routes. */
static bool
own_choice(const char *line, size_t n)
{
	static const char *const words[] = { "listen", "Listen", "server_name",
	    "ServerName", "VirtualHost", "ssl", "SSL", "server.port",
	    "server.bind", "server.socket", "SERVER[", "HTTP[\"host\"]",
	    "return 301", NULL };

	for (size_t i = 0; words[i] != NULL; i++)
		if (memmem(line, n, words[i], strlen(words[i])) != NULL)
			return true;
	return false;
}

/* As a whole line, whatever it is indented by. */
static bool
has_line(const char *text, const char *line, size_t n)
{
	const char *end = text + strlen(text), *p = text;

	while ((p = memmem(p, (size_t)(end - p), line, n)) != NULL) {
		const char *from = p;

		while (from > text && (from[-1] == ' ' || from[-1] == '\t'))
			from--;
		if ((from == text || from[-1] == '\n') &&
		    (p[n] == '\n' || p[n] == '\0'))
			return true;
		p++;
	}
	return false;
}

size_t
platform_doctor_site_differs(struct arena *a, const char *fresh,
    const char *installed, const char **first)
{
	size_t missing = 0;

	*first = NULL;
	while (*fresh != '\0') {
		size_t n = strcspn(fresh, "\n"), skip = strspn(fresh, " \t");
		const char *line = fresh + skip;

		if (skip < n && *line != '#' && !own_choice(line, n - skip) &&
		    !has_line(installed, line, n - skip) && missing++ == 0)
			*first = arena_strndup(a, line, n - skip);
		fresh += n + (fresh[n] == '\n');
	}
	return missing;
}

const char *
platform_doctor_site_server(const char *text)
{
	if (strstr(text, "fastcgi_pass") != NULL)
		return "nginx";
	if (strstr(text, "fastcgi.server") != NULL)
		return "lighttpd";
	if (strstr(text, "<VirtualHost") != NULL ||
	    strstr(text, "proxy:fcgi") != NULL || strstr(text, "ProxyPass"))
		return "apache";
	return NULL;
}

/* ---- words -------------------------------------------------------------------- */

static const char *const state_words[] = { "ok", "warn", "bad" };

enum platform_doctor_state
platform_doctor_worst(const struct platform_findings *f)
{
	enum platform_doctor_state worst = DOCTOR_OK;

	for (size_t i = 0; i < f->list.n; i++)
		if (f->list.v[i].state > worst)
			worst = f->list.v[i].state;
	return worst;
}

static size_t
count(const struct platform_findings *f, enum platform_doctor_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < f->list.n; i++)
		n += f->list.v[i].state == state;
	return n;
}

void
platform_doctor_text(const struct platform_findings *f, bool colour,
    struct str *s)
{
	static const char *const colours[] = { "32", "33", "31" };

	for (size_t i = 0; i < f->list.n; i++) {
		const struct platform_finding *x = &f->list.v[i];

		if (colour)
			str_addf(s, "\033[%sm%-4s\033[0m", colours[x->state],
			    state_words[x->state]);
		else
			str_addf(s, "%-4s", state_words[x->state]);
		str_addf(s, "  %-18s ", x->name);
		str_term(s, x->detail, strlen(x->detail));
		if (x->remedy != NULL)
			str_addf(s, "; remedy: %s", x->remedy);
		str_addc(s, '\n');
	}
	str_addf(s, "%zu checks: %zu bad, %zu to look at\n", f->list.n,
	    count(f, DOCTOR_BAD), count(f, DOCTOR_WARN));
}

void
platform_doctor_json(const struct platform_findings *f, struct str *s)
{
	str_addf(s, "{\"status\":\"%s\",\"checks\":[",
	    state_words[platform_doctor_worst(f)]);
	for (size_t i = 0; i < f->list.n; i++) {
		const struct platform_finding *x = &f->list.v[i];

		str_addf(s, "%s{\"name\":", i > 0 ? "," : "");
		str_json(s, x->name);
		str_addf(s, ",\"status\":\"%s\",\"detail\":",
		    state_words[x->state]);
		str_json(s, x->detail);
		str_add(s, ",\"remedy\":");
		str_json(s, x->remedy);
		str_addc(s, '}');
	}
	str_add(s, "]}\n");
}
