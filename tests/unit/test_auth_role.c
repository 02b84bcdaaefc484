/*
 * Names, sets and builtin roles: a meet never grants more than either side,
 * and the matrix follows the modules' permission rows.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/random.h"
#include "db/table.h"
#include "modules/auth/role.h"

static struct arena *a;

static const struct permission perms[] = {
	{ "spot:read", "Read", "viewer admin", false },
	{ "spot:write", "Write", "admin", false },
	{ "spot:self", "Everybody", "*", false },
	{ "auth:tenants", "Nobody", "", true },
	{ NULL, NULL, NULL, false }
};
static const struct module fake = { .name = "spot", .permissions = perms };
static const struct module *const mods[] = { &fake, NULL };

static const char *
text(const char *const *set)
{
	struct list l = { (void *)(uintptr_t)set, 0 };

	while (set[l.n] != NULL)
		l.n++;
	return auth_names_join(a, l);
}

static const char *const *
set_of(const char *names)
{
	return auth_set_of(a, auth_names_split(a, names));
}

static void
names(void **state)
{
	static const struct {
		const char *in, *out;
		size_t n;
	} t[] = {
		{ "", "", 0 }, { "a", "a", 1 }, { "a,b", "a,b", 2 },
		{ ",a,,b,", "a,b", 2 }, { "a,a,b,a", "a,b", 4 },
		{ "aa,a", "aa,a", 2 }
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++) {
		struct list l = auth_names_split(a, t[i].in);

		if (l.n != t[i].n ||
		    strcmp(auth_names_join(a, l), t[i].out) != 0)
			fail_msg("case %zu: %s", i, t[i].in);
	}
	assert_int_equal(auth_names_split(a, NULL).n, 0);
	assert_true(auth_names_has("viewer,admin", "admin"));
	assert_false(auth_names_has("viewer,super_admin", "admin"));
	assert_false(auth_names_has("administrator", "admin"));
	assert_false(auth_names_has("", "admin"));
	assert_null(auth_names_join(a, (struct list){
	    (const char *[]){ "a,b" }, 1 }));
}

static void
meet(void **state)
{
	static const struct {
		const char *owner, *scopes, *both;
	} t[] = {
		{ "*", "spot:read", "spot:read" },
		{ "spot:read,spot:write", "spot:*", "spot:read,spot:write" },
		{ "spot:*", "spot:read", "spot:read" },
		{ "spot:read", "spot:write", "" },
		{ "spot:read", "*", "spot:read" },
		{ "", "*", "" }, { "*", "", "" }, { "*", "*", "*" },
		{ "spot:read", "auth:*,spot:read", "spot:read" },
		{ "spot:*", "spo:*", "" }
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++) {
		const char *const *m = auth_set_meet(a, set_of(t[i].owner),
		    set_of(t[i].scopes));

		if (strcmp(text(m), t[i].both) != 0)
			fail_msg("case %zu: %s", i, text(m));
		assert_true(auth_set_covers(set_of(t[i].owner), m));
		assert_true(auth_set_covers(set_of(t[i].scopes), m));
	}
	assert_null(auth_set_meet(a, NULL, set_of("*"))[0]);
}

static void
covers(void **state)
{
	(void)state;
	assert_true(auth_set_covers(set_of("*"), set_of("*")));
	assert_true(auth_set_covers(set_of("spot:*"), set_of("spot:*")));
	assert_true(auth_set_covers(set_of("a:b"), set_of("")));
	assert_false(auth_set_covers(set_of("spot:read"), set_of("spot:*")));
	assert_false(auth_set_covers(set_of("spot:*"), set_of("*")));
	assert_false(auth_set_covers(NULL, set_of("a:b")));
}

static void
builtin(void **state)
{
	(void)state;
	assert_string_equal(text(auth_builtin_set(a, mods, "super_admin")),
	    "*");
	assert_string_equal(text(auth_builtin_set(a, mods, "admin")),
	    "spot:read,spot:write,spot:self");
	assert_string_equal(text(auth_builtin_set(a, mods, "viewer")),
	    "spot:read,spot:self");
	assert_string_equal(text(auth_builtin_set(a, mods, "user")),
	    "spot:self");
	assert_non_null(auth_builtin_find("auditor"));
	assert_null(auth_builtin_find("root"));
	assert_true(uuid_equal(auth_builtin_id("admin"),
	    auth_builtin_id("admin")));
	assert_false(uuid_equal(auth_builtin_id("admin"),
	    auth_builtin_id("super_admin")));
	assert_true(auth_permission_known(mods, "spot:read"));
	assert_true(auth_permission_known(mods, "spot:*"));
	assert_true(auth_permission_known(mods, "*"));
	assert_false(auth_permission_known(mods, "spot:rea"));
	assert_false(auth_permission_known(mods, "trade:*"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names), cmocka_unit_test(meet),
		cmocka_unit_test(covers), cmocka_unit_test(builtin)
	};
	int rc;

	a = arena_new(4 << 20);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(a);
	return rc;
}
