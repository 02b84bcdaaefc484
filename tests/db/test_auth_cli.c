/*
 * The commands of the operator: exit status, what they print, and the rows
 * they leave. Each runs as the program would call it.
 */
#include "tests/harness/auth_env.h"

#include "db/table.h"
#include "modules/platform/exchange.h"

/* Runs "name args…" and gives what it printed. */
static const char *
run(int status, const char *name, const char *arg0, const char *arg1,
    const char *arg2)
{
	const struct command *const *set = auth_module.commands;
	char *argv[4] = { 0 }, *text = arena_alloc(a, 65536);
	const char *args[] = { arg0, arg1, arg2 };
	const struct command *c = NULL;
	FILE *f = tmpfile();
	int argc = 0, saved = dup(1), rc;

	assert_non_null(f);
	for (; *set != NULL; set++)
		for (const struct command *k = *set; k->name != NULL; k++)
			if (strcmp(k->name, name) == 0)
				c = k;
	assert_non_null(c);
	for (; argc < 3 && args[argc] != NULL; argc++)
		argv[argc] = arena_strdup(a, args[argc]);
	fflush(stdout);
	dup2(fileno(f), 1);
	rc = c->run(&env, argc, argv);
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	rewind(f);
	(void)!fread(text, 1, 65535, f);
	fclose(f);
	if (rc != status)
		fail_msg("%s: wanted %d, got %d: %s", name, status, rc, text);
	return text;
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no %s in %s", part, text);
}

/* What stands behind a word at the start of a line. */
static const char *
behind(const char *text, const char *word)
{
	const char *p = strstr(text, word);

	assert_non_null(p);
	p += strlen(word);
	p += strspn(p, " ");
	return arena_strndup(a, p, strcspn(p, "\n"));
}

static void
user_commands(void **state)
{
	const char *text = run(0, "user create", "Olga+X@example.org",
	    "--role", "operator"), *password = behind(text, "password");
	struct uuid who;

	(void)state;
	has(text, "olga.x");
	login("olga+x@example.org", password);
	run(1, "user create", "olga+x@example.org", NULL, NULL);
	run(1, "user create", "new@example.org", "--role", "king");
	run(1, "user create", "new@example.org", "--tenant", "nowhere");
	run(1, "user create", "no address", NULL, NULL);
	run(1, "user create", "new@example.org", "--username", "a b");
	run(2, "user create", NULL, NULL, NULL);
	run(2, "user create", "new@example.org", "--password-file", "/none");
	has(run(0, "user list", NULL, NULL, NULL), "olga+x@example.org");
	has(run(0, "user list", "--json", NULL, NULL),
	    "\"email\":\"olga+x@example.org\"");
	run(0, "user disable", "olga+x@example.org", NULL, NULL);
	login_fails("olga.x", password, 403, "inactive");
	run(0, "user enable", "olga+x@example.org", NULL, NULL);
	login("olga.x", password);
	text = run(0, "user reset", "olga+x@example.org", NULL, NULL);
	good(auth_password_reset(&env, a, behind(text, "token"),
	    "a new password", clock_now(), &who, &err));
	login("olga.x", "a new password");
	run(1, "user disable", "root@example.org", NULL, NULL);
	run(1, "user reset", "nobody@example.org", NULL, NULL);
	assert_string_equal(mariadb_value(a, DB, "SELECT GROUP_CONCAT(action "
	    "ORDER BY id) FROM auth_audit WHERE actor = 'operator'"),
	    "auth.user.create,auth.user.update,auth.user.update,"
	    "auth.user.reset");
}

static void
key_commands(void **state)
{
	struct principal p;
	const char *key, *list;

	(void)state;
	key = behind(run(0, "key create", "root@example.org", "--scopes",
	    "auth:self,auth:users"), "");
	good(auth_apikey_verify(&env, env.db, a, key, "10.0.0.1", clock_now(),
	    &p, &err));
	assert_true(principal_may(&p, "auth:users"));
	assert_false(principal_may(&p, "auth:roles"));
	run(1, "key create", "root@example.org", "--scopes", "no:such");
	run(1, "key create", "olga+x@example.org", "--scopes", "auth:users");
	list = run(0, "key list", NULL, NULL, NULL);
	assert_null(strstr(list, key));
	run(2, "key revoke", "x", NULL, NULL);
	run(0, "key revoke", arena_strndup(a, list, 36), NULL, NULL);
	run(1, "key revoke", arena_strndup(a, list, 36), NULL, NULL);
	bad(auth_apikey_verify(&env, env.db, a, key, "10.0.0.1", clock_now(),
	    &p, &err), 401, "key_invalid");
}

/* ---- import auth.user ---------------------------------------------------- */

static char told[1024];

static void
tell(void *arg, int64_t line, const char *member, const char *msg)
{
	size_t n = strlen(told);

	(void)arg;
	snprintf(told + n, sizeof(told) - n, "%lld %s %s\n", (long long)line,
	    member, msg);
}

/* A file of people as `quincunx import auth.user` takes it. */
static struct import_job
people(const char *name, const char *text, bool dry_run)
{
	struct import_job j = { .env = &env, .bad = tell, .dry_run = dry_run,
	    .x = auth_module.exchanges[0], .tenant = admin.user.tenant_id };
	char *path = arena_printf(a, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	j.path = path;
	told[0] = '\0';
	good(platform_import_run(&j, &err));
	unlink(path);
	return j;
}

static const char *
users(const char *where)
{
	return mariadb_value(a, DB, arena_printf(a, "SELECT COUNT(*) FROM "
	    "auth_user WHERE %s", where));
}

#define BCRYPT "$2y$05$yQB05/wCGoiXwzAzIHwB/uHbgW6PBaXJeEuxmci9ANcgMBOqhP2Ui"
#define DJANGO "pbkdf2_sha256$1000$seasalt$" \
	"R1/GfWtwog1T8Ev9VndgDjzkiRzbFr8JpmJtL9cMmQU="
#define HEAD "email,username,full_name,role,tenant,active,password_hash\n"

static void
people_keep_their_passwords(void **state)
{
	const char *file = HEAD
	    "Ann@Example.org,ann,Ann Example,admin,,t," BCRYPT "\n"
	    "bob@example.org,,,\"client,lab\",bob's shop,true," DJANGO "\n"
	    "off@example.org,gone,,user,,f," BCRYPT "\n"
	    "cid@example.org,cid,,,,true,\n";
	struct import_job j;

	(void)state;
	j = people("dry.csv", file, true);
	assert_int_equal(j.done.changed, 4);
	assert_string_equal(told, "");
	assert_string_equal(users("username IN ('ann','bob','cid')"), "0");
	j = people("all.csv", file, false);
	assert_int_equal(j.done.changed, 4);
	login("ann", "letmein");
	login("bob@example.org", "letmein");
	login_fails("gone", "letmein", 403, "inactive");
	login_fails("cid", "", 401, "bad_credentials");
	login_fails("ann", "wrong", 401, "bad_credentials");
	/* what was proved once is ours, at today's cost */
	assert_string_equal(users("password_hash LIKE '$argon2id$%' AND "
	    "username IN ('ann','bob')"), "2");
	assert_string_equal(mariadb_value(a, DB, "SELECT u.role_names FROM "
	    "auth_user u JOIN auth_tenant t ON t.id = u.tenant_id WHERE "
	    "t.name = 'bob\\'s shop'"), "client,lab");
	/* again: who is here stays, new password and all */
	j = people("again.csv", HEAD "ann@example.org,ann,Other,user,,t,"
	    DJANGO "\nbob@example.org,bob,,user,bob's shop,t," BCRYPT "\n",
	    false);
	assert_int_equal(j.done.changed, 0);
	assert_int_equal(j.done.unchanged, 2);
	assert_string_equal(users("role_names = 'admin' AND full_name = "
	    "'Ann Example' AND password_hash LIKE '$argon2id$%'"), "1");
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "auth_audit WHERE action = 'auth.user.import'"), "4");
}

/* One bad row: each is told with its line, and nobody is there. */
static void
people_are_taken_whole(void **state)
{
	struct import_job j = people("bad.ndjson",
	    "{\"email\":\"dan@example.org\",\"tenant\":\"new one\"}\n"
	    "{\"email\":\"no address\"}\n"
	    "{\"email\":\"eve@example.org\",\"role\":\"king\"}\n"
	    "{\"email\":\"eve@example.org\",\"password_hash\":\"$9$secret\"}\n"
	    "{\"email\":\"ann@example.org\",\"tenant\":\"new one\"}\n"
	    "{\"email\":\"x@example.org\"}\n"
	    "{\"email\":\"other@example.org\",\"username\":\"dan\"}\n"
	    "{\"email\":\"eve@example.org\"}\n", false);

	(void)state;
	assert_int_equal(j.done.failed, 6);
	assert_int_equal(j.done.changed, 0);
	has(told, "2 email ");
	has(told, "3  role: there is no role king\n");
	has(told, "4  password_hash: no login could verify it");
	has(told, "5  email: is registered in another tenant\n");
	has(told, "6  username: has to have 3 to 50 characters\n");
	has(told, "7  Username is already registered\n");
	assert_null(strstr(told, "secret"));
	assert_string_equal(users("username IN ('dan', 'eve')"), "0");
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "auth_tenant WHERE name = 'new one'"), "0");
	/* mended, with more rows than a batch has */
	{
		char *text = arena_alloc(a, 65536), *p = text;

		for (int i = 0; i < IMPORT_BATCH + 10; i++)
			p += sprintf(p, "{\"email\":\"p%04d@example.org\"}\n", i);
		j = people("many.ndjson", text, false);
		assert_int_equal(j.done.changed, IMPORT_BATCH + 10);
		/* the last row is bad: the first five hundred are not there */
		sprintf(text + (p - text), "%s", "{\"email\":\"\"}\n");
		for (p = strchr(text, 'p'); p != NULL; p = strchr(p + 1, 'p'))
			if (p[-1] == '"' && p[1] == '0')
				*p = 'q';
		j = people("more.ndjson", text, false);
		assert_int_equal(j.done.failed, 1);
		assert_string_equal(users("email LIKE 'q%'"), "0");
		assert_string_equal(users("email LIKE 'p%@example.org'"),
		    "510");
	}
}

static void
hashes_do_not_leave(void **state)
{
	char *path = arena_printf(a, "%s/out.csv", dir);
	char *text = arena_alloc(a, 65536);
	int64_t n;
	FILE *f;

	(void)state;
	good(platform_export_run(&env, auth_module.exchanges[0],
	    admin.user.tenant_id, path, &n, &err));
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	unlink(path);
	has(text, "ann@example.org,ann,Ann Example,admin,");
	assert_null(strchr(text, '$'));
}

static void
audit_commands(void **state)
{
	(void)state;
	has(run(0, "audit verify", NULL, NULL, NULL), "The chain is whole");
	has(run(0, "audit list", "--limit", "3", NULL), "operator");
	has(run(0, "audit list", "--json", "--actor", "operator"),
	    "\"actor\":\"operator\"");
	run(2, "audit list", "--limit", "0", NULL);
	mariadb_sql(DB, "UPDATE auth_audit SET status = 7 WHERE seal_seq = 2");
	has(run(1, "audit verify", NULL, NULL, NULL), "Row 2 was changed");
	has(run(1, "audit verify", "--json", NULL, NULL),
	    "\"problem\":\"changed\",\"row\":2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_commands),
		cmocka_unit_test(key_commands),
		cmocka_unit_test(people_keep_their_passwords),
		cmocka_unit_test(people_are_taken_whole),
		cmocka_unit_test(hashes_do_not_leave),
		cmocka_unit_test(audit_commands)
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
