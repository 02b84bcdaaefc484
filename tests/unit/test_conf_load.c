/*
 * Loading settings: order of sources, origins, and every error with its
 * place. Each case works in a directory of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "conf/base.h"
#include "conf/internal.h"

struct auth_conf {
	int64_t minutes, big;
	double ratio;
	bool open;
	const char *secret, *url, *mode, *deep, *note;
	const char *const *origins;
};

#define ROW(m, p, ...) SETTING(struct auth_conf, m, p, __VA_ARGS__)
static const char *const modes[] = { "open", "invite", "off", NULL };
static const struct setting auth_rows[] = {
	ROW(minutes, "auth.access_minutes", .def = "60", .min = 5,
	    .max = 1440, .unit = "minutes", .doc = "Life of a token"),
	ROW(big, "auth.big", .def = "5000000000", .doc = "Wide"),
	ROW(ratio, "auth.ratio", .def = "0.5", .min = 0, .max = 1,
	    .doc = "Share"),
	ROW(open, "auth.open", .def = "no", .doc = "Flag"),
	ROW(secret, "auth.secret", .flags = SET_SECRET,
	    .env = "JWT_SECRET_KEY", .doc = "Signing key"),
	ROW(url, "auth.url", .flags = SET_URL, .env = "AUTH_URL",
	    .doc = "Peer"),
	ROW(mode, "auth.mode", .def = "open", .oneof = modes,
	    .doc = "Registration"),
	ROW(deep, "auth.mail.from.name", .def = "a \"b\" \\c",
	    .doc = "Sender"),
	ROW(origins, "auth.origins", .def = "http://a, http://b",
	    .flags = SET_URL, .doc = "Origins"),
	ROW(note, "auth.mail.note", .doc = "Note"),
	SETTING_END
};

static int
auth_check(void *values, struct arena *a, struct err *err)
{
	struct auth_conf *c = values;

	(void)a;
	if (c->open && strcmp(c->mode, "off") == 0)
		return err_set(err, 500, "config",
		    "auth.open contradicts auth.mode");
	return 0;
}

static const struct settings auth_settings = { .name = "auth",
    .size = sizeof(struct auth_conf), .rows = auth_rows,
    .check = auth_check };
static const struct settings *const groups[] = { &base_settings,
    &auth_settings, NULL };

static struct arena *a;
static struct err err;
static struct conf *c;
static const char *dir;

static int
setup(void **state)
{
	char name[] = "/tmp/qx-conf-XXXXXX";

	(void)state;
	a = arena_new(64 << 20);
	err_clear(&err);
	dir = arena_strdup(a, mkdtemp(name));
	/* no configuration of an installation in this checkout */
	return chdir(dir);
}

static int
teardown(void **state)
{
	(void)state;
	if (chdir("/") == -1)
		return -1;
	if (strncmp(dir, "/tmp/qx-conf-", 13) != 0 || system(arena_printf(a,
	    "rm -r %s", dir)) != 0)
		return -1;
	arena_free(a);
	return 0;
}

static const char *
put(const char *name, const char *text, mode_t mode)
{
	const char *path = arena_printf(a, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static const char *const no_env[] = { NULL };

/* The loader takes what environ is, but does not write to it. */
static char *const *
as_env(const char *const *env)
{
	return (char *const *)(uintptr_t)env;
}

static int
load(const char *file, const char *const *env, const char *const *overrides)
{
	struct conf_source src = { .file = file,
	    .env = as_env(env != NULL ? env : no_env),
	    .overrides = overrides };

	err_clear(&err);
	return conf_load(&c, a, groups, &src, &err);
}

static int
load_text(const char *text)
{
	return load(put("q.conf", text, 0600), NULL, NULL);
}

static const struct auth_conf *
auth(void)
{
	return conf_get(c, &auth_settings);
}

static const struct base_conf *
base(void)
{
	return conf_get(c, &base_settings);
}

static const struct conf_item *
item(const char *path)
{
	const struct conf_item *items;
	size_t i, n = conf_items(c, a, &items);

	for (i = 0; i < n; i++)
		if (strcmp(items[i].path, path) == 0)
			return &items[i];
	fail_msg("no item %s", path);
	return NULL;
}

static void
loaded(int rc)
{
	if (rc != 0)
		fail_msg("refused: %s", err.detail);
}

static void
refused(int rc, const char *place, const char *why)
{
	if (rc == 0)
		fail_msg("accepted: %s %s", place, why);
	assert_int_equal(err.status, 500);
	assert_string_equal(err.code, "config");
	if (strstr(err.detail, place) == NULL ||
	    strstr(err.detail, why) == NULL)
		fail_msg("\"%s\" does not name \"%s\" and \"%s\"", err.detail,
		    place, why);
}

static void
test_defaults(void **state)
{
	(void)state;
	loaded(load(NULL, NULL, NULL));
	assert_string_equal(base()->dir, "var");
	assert_string_equal(base()->run_dir, "var/run");
	assert_string_equal(base()->log_dir, "var/log");
	assert_string_equal(base()->sql_dir, "sql");
	assert_string_equal(base()->environment, "production");
	assert_string_equal(base()->log_level, "info");
	assert_string_equal(base()->name, "quincunx");
	assert_string_equal(base()->user, "");
	assert_null(base()->modules[0]);
	assert_false(base()->debug);
	assert_int_equal(auth()->minutes, 60);
	assert_true(auth()->big == INT64_C(5000000000));
	assert_true(auth()->ratio == 0.5);
	assert_false(auth()->open);
	assert_string_equal(auth()->secret, "");
	assert_string_equal(auth()->deep, "a \"b\" \\c");
	assert_string_equal(auth()->origins[1], "http://b");
	assert_null(auth()->origins[2]);
	assert_string_equal(item("auth.ratio")->origin, "default");
	assert_string_equal(item("auth.ratio")->env, "QUINCUNX_AUTH_RATIO");
	assert_string_equal(item("auth.url")->env, "AUTH_URL");
	assert_string_equal(item("auth.open")->value, "false");
}

static void
test_file(void **state)
{
	const char *file;

	(void)state;
	loaded(load_text("auth: {\n  access_minutes = 15;\n"
	    "  big = 3000000000; /* wider than libconfig's int */\n"
	    "  ratio = 1;\n  open = true;\n"
	    "  mail = { from = { name = \"N\"; }; };\n"
	    "  origins = [ \"http://x\", \"https://y:1/p\" ];\n};\n"
	    "log = { level = \"WARNING\"; dir = \"/abs\"; };\n"
	    "base = { dir = \"/srv/q\"; };\n"));
	file = arena_printf(a, "%s/q.conf", dir);
	assert_int_equal(auth()->minutes, 15);
	assert_true(auth()->big == INT64_C(3000000000));
	assert_true(auth()->ratio == 1.0);
	assert_true(auth()->open);
	assert_string_equal(auth()->deep, "N");
	assert_string_equal(auth()->origins[1], "https://y:1/p");
	assert_string_equal(base()->log_level, "warning");
	assert_string_equal(base()->log_dir, "/abs");
	assert_string_equal(base()->run_dir, "/srv/q/run");
	assert_string_equal(item("auth.access_minutes")->origin,
	    arena_printf(a, "%s:2", file));
}

static void
test_file_errors(void **state)
{
	static const struct {
		const char *text, *place, *why;
	} cases[] = {
		{ "\n\nauth: { acess_minutes = 1; };", "q.conf:3",
		    "closest is \"auth.access_minutes\"" },
		{ "nonsense = 1;", "q.conf:1", "unknown setting" },
		{ "\nnonsense: { a = 1; };", "q.conf:2", "unknown setting" },
		{ "auth = 1;", "q.conf:1", "unknown setting" },
		{ "auth: { mail = \"x\"; };", "q.conf:1", "unknown setting" },
		{ "auth: {\n access_minutes = \"15\"; };", "q.conf:2",
		    "expected a whole number" },
		{ "auth: { access_minutes = 15.5; };", "q.conf:1",
		    "expected a whole number" },
		{ "auth: { access_minutes = true; };", "q.conf:1",
		    "expected a whole number" },
		{ "auth: { access_minutes = 4; };", "q.conf:1",
		    "from 5 to 1440 minutes, got \"4\"" },
		{ "auth: { access_minutes = 1441; };", "q.conf:1",
		    "from 5 to 1440 minutes" },
		{ "auth: { access_minutes = 4294967311; };", "q.conf:1",
		    "got \"4294967311\"" },
		{ "auth: {\n\n big = 9223372036854775808; };", "q.conf:3",
		    "out of range" },
		{ "auth: { big = 0xFFFFFFFFFFFFFFFFFF; };", "q.conf:1",
		    "out of range" },
		{ "auth: { big = 1111111111111111111111111111111111111111111"
		    "1; };", "q.conf:1", "out of range" },
		{ "auth: { ratio = 1e400; };", "q.conf:1", "" },
		{ "auth: { ratio = 1.5; };", "q.conf:1", "from 0 to 1" },
		{ "auth: { ratio = \"x\"; };", "q.conf:1",
		    "expected a number" },
		{ "auth: { open = 1; };", "q.conf:1",
		    "expected true or false" },
		{ "auth: { open = \"true\"; };", "q.conf:1",
		    "expected true or false" },
		{ "auth: { mode = \"shut\"; };", "q.conf:1",
		    "one of open invite off, got \"shut\"" },
		{ "auth: { mode = 5; };", "q.conf:1",
		    "expected text in quotes" },
		{ "auth: { mode = [ \"open\" ]; };", "q.conf:1",
		    "expected text in quotes" },
		{ "auth: { url = \"ftp://x\"; };", "q.conf:1", "http://" },
		{ "auth: { url = \"http://\"; };", "q.conf:1", "http://" },
		{ "auth: { url = \"http://a b\"; };", "q.conf:1", "http://" },
		{ "auth: { url = \"http://u:p@h/\"; };", "q.conf:1",
		    "http://" },
		{ "auth: { url = \"http://a\\n\"; };", "q.conf:1",
		    "\\x0a" },
		{ "auth: { mail: { note = \"\xff\"; }; };", "q.conf:1",
		    "UTF-8" },
		{ "auth: { mail: { note = \"a\\x00b\"; }; };", "q.conf:1",
		    "NUL" },
		{ "auth: { origins = [ 1, 2 ]; };", "q.conf:1",
		    "expected texts" },
		{ "auth: { origins = [ \"http://a,b\" ]; };", "q.conf:1",
		    "comma" },
		{ "auth: { origins = { a = 1; }; };", "q.conf:1",
		    "auth.origins" },
		{ "auth: { access_minutes = 5;\n access_minutes = 6; };",
		    "q.conf:2", "duplicate" },
		{ "auth: { open = true; };\nauth: { open = true; };",
		    "q.conf:2", "duplicate" },
		{ "auth: {\n\n open = ; };", "q.conf:3", "syntax" },
		{ "auth: { open = true;", "q.conf:1", "syntax" },
		{ "auth: { mail: { note =\n\"open\n\n", "q.conf:2",
		    "text is not closed" },
		{ "\n/* open\n\n", "q.conf:2", "comment is not closed" },
		{ "\n@include \"/etc/passwd\"", "q.conf:2", "@include" },
		{ "a={a={a={a={a={a={a={a={a={a=1;};};};};};};};};};",
		    "q.conf:1", "too deep" },
		{ "auth: { secret = \"s\"; secret_file = \"/x\"; };",
		    "q.conf:1", "both auth.secret and auth.secret_file" },
		{ "auth: { secret_file = 5; };", "q.conf:1",
		    "expected text" },
		{ "auth: { secret_file = \"\"; };", "q.conf:1",
		    "no file name" },
		{ "auth: {\n secret_file = \"/nonexistent/x\"; };",
		    "q.conf:2", "/nonexistent/x" },
		{ "auth: { mode_file = \"/x\"; };", "q.conf:1",
		    "unknown setting" },
		{ "auth: { open = true; mode = \"off\"; };", "q.conf:1",
		    "contradicts" },
		{ "base: { dir = \"\"; };", "base.dir", "must be set" },
		{ "log: { dir = \"a\\nb\"; };", "q.conf:1", "control byte" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(cases); i++)
		refused(load_text(cases[i].text), cases[i].place,
		    cases[i].why);
}

static void
test_file_itself(void **state)
{
	struct conf_source src = { .file = arena_printf(a, "%s/none.conf",
	    dir), .file_required = true, .env = as_env(no_env) };
	char *text = arena_alloc(a, (2 << 20) + 1);

	(void)state;
	refused(conf_load(&c, a, groups, &src, &err), "none.conf",
	    "No such file");
	src.file_required = false;
	loaded(conf_load(&c, a, groups, &src, &err));
	refused(load(dir, NULL, NULL), dir, "regular file");
	memset(text, '\n', 2 << 20);
	refused(load_text(text), "q.conf", "larger than");
	put("nul.conf", "", 0600);
	assert_int_equal(truncate(arena_printf(a, "%s/nul.conf", dir), 3), 0);
	refused(load(arena_printf(a, "%s/nul.conf", dir), NULL, NULL),
	    "nul.conf", "NUL");
	loaded(load_text(""));
}

static void
test_drop_ins(void **state)
{
	const char *file = put("q.conf",
	    "auth: { access_minutes = 10; big = 1; };", 0600);

	(void)state;
	assert_int_equal(mkdir(arena_printf(a, "%s/q.conf.d", dir), 0700), 0);
	put("q.conf.d/20-b.conf", "auth: { access_minutes = 30; };", 0600);
	put("q.conf.d/10-a.conf", "auth: { access_minutes = 20;\n"
	    "ratio = 0.25; };", 0600);
	put("q.conf.d/99.conf.bak", "broken", 0600);
	put("q.conf.d/.hidden.conf", "broken", 0600);
	loaded(load(file, NULL, NULL));
	assert_int_equal(auth()->minutes, 30);
	assert_true(auth()->ratio == 0.25);
	assert_true(auth()->big == 1);
	assert_non_null(strstr(item("auth.ratio")->origin,
	    "q.conf.d/10-a.conf:2"));
	put("q.conf.d/30.conf", "\nauth: { ratio = 2; };", 0600);
	refused(load(file, NULL, NULL), "q.conf.d/30.conf:2", "from 0 to 1");
	/* a wrong value is an error also where a later source overrides it */
	put("q.conf.d/30.conf", "auth: { access_minutes = 1; };", 0600);
	put("q.conf.d/40.conf", "auth: { access_minutes = 9; };", 0600);
	refused(load(file, NULL, NULL), "30.conf:1", "from 5");
}

static void
test_environment(void **state)
{
	const char *env[] = { "LOG_LEVEL=DEBUG", "DEBUG=1",
	    "QUINCUNX_AUTH_ACCESS_MINUTES=20", "AUTH_URL=http://one",
	    "QUINCUNX_AUTH_URL=http://two", "ENVIRONMENT=test",
	    "QUINCUNX_MODULES_ENABLED= auth , spot,,",
	    "QUINCUNX_AUTH_MAIL_NOTE=", "DATABASE_URL=mysql://x",
	    "REDIS_URL=x", "PATH=/bin", "QUINCUNX_AUTH_BIG=7", NULL };
	static const char *const o[] = { "auth.big=8", "auth.mail.note=a=b",
	    NULL };

	(void)state;
	loaded(load(put("q.conf", "auth: { access_minutes = 10; big = 6; };",
	    0600), env, o));
	assert_int_equal(auth()->minutes, 20);
	assert_string_equal(item("auth.access_minutes")->origin,
	    "env QUINCUNX_AUTH_ACCESS_MINUTES");
	assert_string_equal(auth()->url, "http://two");
	assert_string_equal(base()->log_level, "debug");
	assert_string_equal(item("log.level")->origin, "env LOG_LEVEL");
	assert_true(base()->debug);
	assert_string_equal(base()->environment, "test");
	assert_string_equal(base()->modules[0], "auth");
	assert_string_equal(base()->modules[1], "spot");
	assert_null(base()->modules[2]);
	assert_true(auth()->big == 8);
	assert_string_equal(item("auth.big")->origin, "-o");
	assert_string_equal(auth()->note, "a=b");
}

static void
test_environment_errors(void **state)
{
	static const struct {
		const char *var, *place, *why;
	} cases[] = {
		{ "QUINCUNX_AUTH_ACESS_MINUTES=5",
		    "QUINCUNX_AUTH_ACESS_MINUTES",
		    "closest is QUINCUNX_AUTH_ACCESS_MINUTES" },
		{ "QUINCUNX_AUTH_MODE_FILE=/x", "QUINCUNX_AUTH_MODE_FILE",
		    "no such setting" },
		{ "QUINCUNX_", "QUINCUNX_", "no such setting" },
		{ "QUINCUNX_CONFX=1", "QUINCUNX_CONFX", "no such setting" },
		{ "QUINCUNX_AUTH_ACCESS_MINUTES=x",
		    "env QUINCUNX_AUTH_ACCESS_MINUTES", "whole number" },
		{ "QUINCUNX_AUTH_ACCESS_MINUTES=15 ",
		    "env QUINCUNX_AUTH_ACCESS_MINUTES", "whole number" },
		{ "QUINCUNX_AUTH_RATIO=nan", "env QUINCUNX_AUTH_RATIO",
		    "number" },
		{ "LOG_LEVEL=loud", "env LOG_LEVEL",
		    "one of debug info warning error, got \"loud\"" },
		{ "DEBUG=maybe", "env DEBUG", "true or false" },
		{ "AUTH_URL=javascript:x", "env AUTH_URL", "http://" },
		{ "QUINCUNX_AUTH_MAIL_NOTE=\xc3", "QUINCUNX_AUTH_MAIL_NOTE",
		    "UTF-8" },
		{ "QUINCUNX_CONF=/nonexistent/q.conf", "QUINCUNX_CONF",
		    "/nonexistent/q.conf" },
		{ "JWT_SECRET_KEY=canary\xff", "env JWT_SECRET_KEY",
		    "a secret text" },
	};
	static const char *const over[][3] = {
		{ "auth.big", "key=value", "" },
		{ "=5", "key=value", "" },
		{ "auth.bigg=5", "unknown setting", "auth.big" },
		{ "auth.big=x", "-o: auth.big", "whole number" },
		{ "auth.secret=canary", "-o", "auth.secret_file=" },
		{ "", "key=value", "" },
	};
	const char *o[2] = { NULL };
	const char *env[2] = { NULL };
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(cases); i++) {
		env[0] = cases[i].var;
		refused(load(NULL, env, NULL), cases[i].place, cases[i].why);
		assert_null(strstr(err.detail, "canary"));
	}
	for (i = 0; i < NITEMS(over); i++) {
		o[0] = over[i][0];
		refused(load(NULL, NULL, o), over[i][1], over[i][2]);
		assert_null(strstr(err.detail, "canary"));
	}
}

static void
test_secrets(void **state)
{
	const char *file = put("key", "from file\n", 0600);
	const char *env[4] = { arena_printf(a, "JWT_SECRET_KEY_FILE=%s", file) };

	(void)state;
	loaded(load(NULL, env, NULL));
	assert_string_equal(auth()->secret, "from file");
	assert_string_equal(item("auth.secret")->value, "********");
	assert_true(item("auth.secret")->secret);
	assert_string_equal(item("auth.secret")->origin, arena_printf(a,
	    "env JWT_SECRET_KEY_FILE (%s)", file));
	env[0] = arena_printf(a, "QUINCUNX_AUTH_SECRET_FILE=%s", file);
	loaded(load(NULL, env, NULL));
	assert_string_equal(auth()->secret, "from file");
	env[1] = "QUINCUNX_AUTH_SECRET=direct";
	refused(load(NULL, env, NULL), "QUINCUNX_AUTH_SECRET", "both");
	/* the more specific name wins over the documents' name */
	env[0] = "JWT_SECRET_KEY=general";
	loaded(load(NULL, env, NULL));
	assert_string_equal(auth()->secret, "direct");
	env[1] = NULL;
	/* relative names start at base.dir */
	env[0] = arena_printf(a, "QUINCUNX_BASE_DIR=%s", dir);
	loaded(load(NULL, env, (const char *const[]){ "auth.secret_file=key",
	    NULL }));
	assert_string_equal(auth()->secret, "from file");
	/* systemd's directory, below explicit variables */
	put("auth.secret", "credential\r\n", 0400);
	env[0] = arena_printf(a, "CREDENTIALS_DIRECTORY=%s", dir);
	loaded(load(NULL, env, NULL));
	assert_string_equal(auth()->secret, "credential");
	env[1] = "JWT_SECRET_KEY=general";
	loaded(load(NULL, env, NULL));
	assert_string_equal(auth()->secret, "general");
	loaded(load(NULL, no_env, NULL));
	assert_string_equal(item("auth.secret")->value, "");
}

static void
test_secret_errors(void **state)
{
	const char *file = put("key", "secret\n", 0644);
	const char *env[] = { arena_printf(a, "JWT_SECRET_KEY_FILE=%s", file),
	    NULL };

	(void)state;
	refused(load(NULL, env, NULL), "env JWT_SECRET_KEY_FILE",
	    "chmod o= ");
	put("key", "secret\n", 0602);
	refused(load(NULL, env, NULL), "env JWT_SECRET_KEY_FILE", "chmod");
	put("key", "\n", 0600);
	refused(load(NULL, env, NULL), "env JWT_SECRET_KEY_FILE", "empty");
	unlink(file);
	refused(load(NULL, env, NULL), "env JWT_SECRET_KEY_FILE",
	    "No such file");
	env[0] = arena_printf(a, "JWT_SECRET_KEY_FILE=%s", dir);
	refused(load(NULL, env, NULL), "env JWT_SECRET_KEY_FILE",
	    "not a regular file");
	refused(load(put("open.conf", "auth: {\n secret = \"canary\"; };",
	    0644), NULL, NULL), "open.conf:2", "chmod o= ");
	assert_null(strstr(err.detail, "canary"));
	loaded(load(put("open.conf", "auth: { secret = \"canary\"; };", 0640),
	    NULL, NULL));
	assert_string_equal(auth()->secret, "canary");
}

/* QUINCUNX_CONF, then <base>/etc/quincunx.conf. */
static void
test_search(void **state)
{
	const char *env[] = { arena_printf(a, "QUINCUNX_BASE_DIR=%s", dir), NULL,
	    NULL };

	(void)state;
	assert_int_equal(mkdir(arena_printf(a, "%s/etc", dir), 0700), 0);
	put("etc/quincunx.conf", "auth: { big = 11; };", 0600);
	loaded(load(NULL, env, NULL));
	assert_true(auth()->big == 11);
	loaded(load(NULL, NULL, (const char *const[]){ arena_printf(a,
	    "base.dir=%s", dir), NULL }));
	assert_true(auth()->big == 11);
	env[1] = arena_printf(a, "QUINCUNX_CONF=%s", put("x.conf",
	    "auth: { big = 12; };", 0600));
	loaded(load(NULL, env, NULL));
	assert_true(auth()->big == 12);
}

static void
test_hash(void **state)
{
	uint64_t h;

	(void)state;
	loaded(load(NULL, NULL, NULL));
	h = conf_hash(c);
	loaded(load_text("auth: { access_minutes = 60; open = false; };"));
	assert_true(conf_hash(c) == h);
	loaded(load_text("auth: { access_minutes = 61; };"));
	assert_false(conf_hash(c) == h);
	loaded(load_text("auth: { mail: { note = \"x\"; }; };"));
	assert_false(conf_hash(c) == h);
}

/* After wiping, neither environ nor its old memory holds the secret, but a
 * copy made before still loads it. */
static void
test_wipe(void **state)
{
	struct conf_source src = { .file = put("e.conf", "", 0600) };
	char *const *copy;
	char *value;

	(void)state;
	clearenv();
	setenv("PATH", "/bin", 1);
	setenv("JWT_SECRET_KEY", "canary-one", 1);
	setenv("LOG_LEVEL", "error", 1);
	setenv("QUINCUNX_AUTH_SECRET", "canary-two", 1);
	value = getenv("JWT_SECRET_KEY");
	loaded(conf_load(&c, a, groups, &src, &err));
	assert_string_equal(auth()->secret, "canary-two");
	copy = conf_env_copy(a);
	conf_redact(c);
	conf_wipe_env(c);
	assert_null(getenv("JWT_SECRET_KEY"));
	assert_null(getenv("QUINCUNX_AUTH_SECRET"));
	assert_string_equal(getenv("PATH"), "/bin");
	assert_string_equal(getenv("LOG_LEVEL"), "error");
	assert_int_equal(value[0], '\0');
	assert_int_equal(value[9], '\0');
	assert_string_equal(auth()->secret, "canary-two");
	src.env = copy;
	loaded(conf_load(&c, a, groups, &src, &err));
	assert_string_equal(auth()->secret, "canary-two");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_defaults), T(test_file), T(test_file_errors),
		T(test_file_itself), T(test_drop_ins), T(test_environment),
		T(test_environment_errors), T(test_secrets),
		T(test_secret_errors), T(test_search), T(test_hash),
		T(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
