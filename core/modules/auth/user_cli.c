/*
 * Commands on users, for whoever can read the configuration: they act as the
 * operator, on any tenant, and leave audit rows like everybody else.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "db/table.h"
#include "modules/auth/access.h"
#include "modules/auth/option.h"
#include "modules/auth/password.h"
#include "modules/auth/rows.h"
#include "modules/auth/tenant.h"

enum { PAGE = 500 };

/* ---- user create -------------------------------------------------------- */

struct creation {
	struct env *env;
	struct arena *a;
	const char *tenant, *role;	/* names, or an id for the tenant */
	struct auth_user_new in;
	struct auth_user out;
};

static int
find_tenant(struct db *db, struct arena *a, const char *text,
    struct auth_tenant *out, struct err *e)
{
	struct uuid id;
	int rc = uuid_parse(text, &id) == 0 ?
	    auth_tenant_by_id(db, a, id, out, e) :
	    auth_tenant_by_name(db, a, text, out, e);

	return db_found(rc, "Tenant", e);
}

static int
create(struct db *db, void *arg, struct err *e)
{
	struct creation *n = arg;
	struct principal by = auth_operator;
	const char *role[] = { n->role };
	struct auth_tenant t;

	if (find_tenant(db, n->a, n->tenant, &t, e) == -1)
		return -1;
	by.tenant_id = n->in.tenant_id = t.id;
	if (auth_user_roles(n->env, n->a, &by, (struct list){ role, 1 },
	    &n->in.role_names, e) == -1)
		return e->nfields == 0 ? -1 : err_set(e, 422, "no_role",
		    "There is no role %s", n->role);
	if (auth_user_make(db, n->a, &n->in, &n->out, e) == -1)
		return -1;
	return auth_audit_note(db, t.id, by.name, "auth.user.create", "user",
	    n->in.email, NULL, e);
}

/* The same rules as over HTTP. */
struct person {
	const char *email, *username;
};
static const struct field person_fields[] = {
	AUTH_EMAIL(struct person, email, FF_REQUIRED),
	AUTH_USERNAME(struct person, username, FF_REQUIRED),
	FIELD_END
};
static const struct schema person_schema = {
	.name = "Person", .doc = "Who is made on the terminal",
	.size = sizeof(struct person), .fields = person_fields
};

static int
judge(struct arena *a, const char *email, const char *name,
    struct person *out, struct err *e)
{
	const struct pair given[] = { { "email", email },
	    { "username", name } };
	uint64_t seen;

	if (schema_decode_pairs(&person_schema, given, 2, "terminal", true, a,
	    out, &seen, e) == 0)
		return 0;
	return e->nfields == 0 ? -1 : err_set(e, 422, "validation", "%s: %s",
	    e->fields[0].loc, e->fields[0].msg);
}

/* First line of a file, or a password of our own. */
static const char *
read_password(struct arena *a, const char *file)
{
	char *text = arena_alloc(a, 1026);
	FILE *f;

	if (file == NULL) {
		random_text(text, 20);
		return text;
	}
	f = fopen(file, "re");
	if (f == NULL || fgets(text, 1026, f) == NULL)
		text = NULL;
	else
		text[strcspn(text, "\r\n")] = '\0';
	if (f != NULL)
		fclose(f);
	return text;
}

static int
create_user(struct env *env, struct arena *a, int argc, char **argv)
{
	const char *role = auth_option(&argc, argv, "--role");
	const char *tenant = auth_option(&argc, argv, "--tenant");
	const char *name = auth_option(&argc, argv, "--username");
	const char *file = auth_option(&argc, argv, "--password-file");
	const char *password = read_password(a, file);
	struct creation n = { .env = env, .a = a,
	    .tenant = tenant != NULL ? tenant : "main",
	    .role = role != NULL ? role : "user" };
	struct person who = { 0 };
	struct err e = { 0 };

	if (argc != 1 || password == NULL) {
		fprintf(stderr, password == NULL ?
		    "The password file cannot be read\n" :
		    "usage: user create EMAIL [--username NAME] [--role ROLE] "
		    "[--tenant NAME|ID] [--password-file FILE]\n");
		return 2;
	}
	if (judge(a, argv[0], name != NULL ? name : auth_username_of(a, argv[0]), &who,
	    &e) == -1)
		return auth_complain(&e);
	n.in.email = who.email;
	n.in.username = who.username;
	if (auth_password_hash(env, a, "password", password,
	    &n.in.password_hash, &e) == -1 ||
	    db_txn(env->db, a, create, &n, &e) == -1)
		return auth_complain(&e);
	printf("email     %s\nusername  %s\nroles     %s\n", n.out.email,
	    n.out.username, n.out.role_names);
	if (file == NULL)
		printf("password  %s\n", password);
	return 0;
}

/* ---- user reset, disable, enable ---------------------------------------- */

struct change {
	struct env *env;
	struct arena *a;
	const char *who;		/* e-mail or username */
	bool reset, active;
	const char *token;
	struct utc expires;
};

static int
change(struct db *db, void *arg, struct err *e)
{
	struct change *n = arg;
	struct auth_account acc;
	struct auth_user to;

	if (db_found(auth_account_by_login(db, n->a, n->who, &acc, e),
	    "User", e) == -1)
		return -1;
	to = acc.user;
	to.active = n->active;
	if (n->reset ? auth_reset_make(n->env, n->a, acc.user.id, clock_now(),
	    &n->token, &n->expires, e) == -1 :
	    auth_user_change(n->env, n->a, &acc.user, &to, e) == -1)
		return -1;
	return auth_audit_note(db, acc.user.tenant_id, auth_operator.name,
	    n->reset ? "auth.user.reset" : "auth.user.update", "user",
	    acc.user.email, n->reset ? NULL : n->active ?
	    "{\"active\":true}" : "{\"active\":false}", e);
}

static int
change_user(struct env *env, struct arena *a, int argc, char **argv,
    struct change n)
{
	char when[CLOCK_TEXT];
	struct err e = { 0 };

	if (argc != 1) {
		fprintf(stderr, "usage: user reset|disable|enable EMAIL\n");
		return 2;
	}
	n.env = env;
	n.a = a;
	n.who = argv[0];
	if (db_txn(env->db, a, change, &n, &e) == -1)
		return auth_complain(&e);
	if (n.reset)
		printf("token    %s\nexpires  %s\nuse      POST "
		    "/api/auth/password/reset {\"token\", "
		    "\"new_password\"}\n", n.token,
		    clock_format(n.expires, when));
	return 0;
}

static int
reset_user(struct env *env, struct arena *a, int argc, char **argv)
{
	return change_user(env, a, argc, argv,
	    (struct change){ .reset = true });
}

static int
disable_user(struct env *env, struct arena *a, int argc, char **argv)
{
	return change_user(env, a, argc, argv, (struct change){ .a = a });
}

static int
enable_user(struct env *env, struct arena *a, int argc, char **argv)
{
	return change_user(env, a, argc, argv,
	    (struct change){ .active = true });
}

/* ---- user list ---------------------------------------------------------- */

static void
print_user(struct arena *a, const struct auth_user *u, bool json)
{
	struct str s;

	str_init(&s, a);
	if (json)
		schema_encode(&auth_user_schema, u, &s);
	else {
		str_addf(&s, "%-8s  ", u->active ? "active" : "disabled");
		str_term(&s, u->email, strlen(u->email));
		str_addf(&s, "  %s  %s", u->username, u->role_names);
	}
	printf("%s\n", s.p);
}

static int
list_users(struct env *env, struct arena *a, int argc, char **argv)
{
	bool json = auth_flag(&argc, argv, "--json");
	struct uuid after = { { 0 } };
	struct rows rows;
	struct err e = { 0 };

	do {
		struct arena_mark m = arena_mark(a);

		if (auth_user_everyone(env->db, a, after, PAGE, &rows,
		    &e) == -1)
			return auth_complain(&e);
		for (size_t i = 0; i < rows.n; i++) {
			after = ROW(&rows, struct auth_user, i)->id;
			print_user(a, ROW(&rows, struct auth_user, i), json);
		}
		arena_rewind(a, m);
	} while (rows.n == PAGE);
	return 0;
}

AUTH_COMMAND(user_create, create_user)
AUTH_COMMAND(user_reset, reset_user)
AUTH_COMMAND(user_disable, disable_user)
AUTH_COMMAND(user_enable, enable_user)
AUTH_COMMAND(user_list, list_users)

const struct command auth_user_commands[] = {
	{ "user create", "EMAIL [--username NAME] [--role ROLE] "
	    "[--tenant NAME|ID] [--password-file FILE]",
	    "Make a user; prints a password unless one is given", false,
	    user_create },
	{ "user reset", "EMAIL", "Make a one-use token to set a password",
	    false, user_reset },
	{ "user disable", "EMAIL", "Switch a user off, tokens included",
	    false, user_disable },
	{ "user enable", "EMAIL", "Switch a user on again", false,
	    user_enable },
	{ "user list", "[--json]", "All users of all tenants", false,
	    user_list },
	{ NULL, NULL, NULL, false, NULL }
};
