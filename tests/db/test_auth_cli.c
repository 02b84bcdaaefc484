/*
 * The commands of the operator: exit status, what they print, and the rows
 * they leave. Each runs as the program would call it.
 */
#include "tests/harness/auth_env.h"

#include "db/table.h"

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
		cmocka_unit_test(audit_commands)
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
