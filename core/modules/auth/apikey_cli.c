/*
 * Commands on API keys, for whoever can read the configuration. A key made
 * here acts for its owner and cannot do more than he.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "db/table.h"
#include "modules/auth/access.h"
#include "modules/auth/apikey.h"
#include "modules/auth/option.h"
#include "modules/auth/rows.h"

enum { PAGE = 500 };

struct creation {
	struct env *env;
	struct arena *a;
	const char *owner, *scopes;
	struct auth_apikey_new in;
	struct auth_apikey out;
};

static int
create(struct db *db, void *arg, struct err *e)
{
	struct creation *n = arg;
	struct auth_account acc;
	struct principal by;
	char id[UUID_TEXT];

	if (db_found(auth_account_by_login(db, n->a, n->owner, &acc, e),
	    "User", e) == -1 || auth_access_principal(n->env, db, n->a,
	    &acc.user, &by, e) == -1)
		return -1;
	n->in.scopes = auth_names_split(n->a, n->scopes);
	if (auth_apikey_make(n->env, n->a, &by, &n->in, clock_now(), &n->out,
	    e) == -1)
		return e->nfields == 0 ? -1 : err_set(e, 422, "bad_scope",
		    "A scope or network is unknown");
	return auth_audit_note(db, acc.user.tenant_id, auth_operator.name,
	    "auth.apikey.create", "apikey", uuid_format(n->out.id, id), NULL,
	    e);
}

static int
create_key(struct env *env, struct arena *a, int argc, char **argv)
{
	const char *name = auth_option(&argc, argv, "--name");
	const char *scopes = auth_option(&argc, argv, "--scopes");
	const char *from = auth_option(&argc, argv, "--from");
	struct creation n = { .env = env, .a = a,
	    .scopes = scopes != NULL ? scopes : "*",
	    .in = { .name = name != NULL ? name : "made on the terminal",
	    .cidrs = auth_names_split(a, from) } };
	struct err e = { 0 };

	if (argc != 1) {
		fprintf(stderr, "usage: key create EMAIL [--name NAME] "
		    "[--scopes A,B] [--from NETWORKS]\n");
		return 2;
	}
	n.owner = argv[0];
	if (db_txn(env->db, a, create, &n, &e) == -1)
		return auth_complain(&e);
	printf("%s\n", n.out.key);
	return 0;
}

struct removal {
	struct uuid id;
	const char *text;
};

static int
revoke(struct db *db, void *arg, struct err *e)
{
	const struct removal *r = arg;

	if (db_found(auth_apikey_delete_any(db, r->id, e), "API key",
	    e) == -1)
		return -1;
	return auth_audit_note(db, (struct uuid){ { 0 } }, auth_operator.name,
	    "auth.apikey.delete", "apikey", r->text, NULL, e);
}

static int
revoke_key(struct env *env, struct arena *a, int argc, char **argv)
{
	struct removal r = { .text = argc == 1 ? argv[0] : "" };
	struct err e = { 0 };

	if (argc != 1 || uuid_parse(argv[0], &r.id) == -1) {
		fprintf(stderr, "usage: key revoke ID\n");
		return 2;
	}
	return db_txn(env->db, a, revoke, &r, &e) == -1 ? auth_complain(&e) : 0;
}

static void
print_key(struct arena *a, const struct auth_apikey *k, bool json)
{
	char id[UUID_TEXT];
	struct str s;

	str_init(&s, a);
	if (json)
		schema_encode(&auth_apikey_schema, k, &s);
	else {
		str_addf(&s, "%s  qk_%s…  ", uuid_format(k->id, id),
		    k->prefix);
		str_term(&s, k->name, strlen(k->name));
		str_addf(&s, "  %s", k->scope_names);
	}
	printf("%s\n", s.p);
}

static int
list_keys(struct env *env, struct arena *a, int argc, char **argv)
{
	bool json = auth_flag(&argc, argv, "--json");
	struct uuid after = { { 0 } };
	struct rows rows;
	struct err e = { 0 };

	do {
		struct arena_mark m = arena_mark(a);

		if (auth_apikey_everyone(env->db, a, after, PAGE, &rows,
		    &e) == -1)
			return auth_complain(&e);
		for (size_t i = 0; i < rows.n; i++) {
			after = ROW(&rows, struct auth_apikey, i)->id;
			print_key(a, ROW(&rows, struct auth_apikey, i), json);
		}
		arena_rewind(a, m);
	} while (rows.n == PAGE);
	return 0;
}

AUTH_COMMAND(key_create, create_key)
AUTH_COMMAND(key_revoke, revoke_key)
AUTH_COMMAND(key_list, list_keys)

const struct command auth_apikey_commands[] = {
	{ "key create", "EMAIL [--name NAME] [--scopes A,B] "
	    "[--from NETWORKS]", "Make an API key for a user; prints it once",
	    false, key_create },
	{ "key revoke", "ID", "End an API key", false, key_revoke },
	{ "key list", "[--json]", "All API keys of all users", false,
	    key_list },
	{ NULL, NULL, NULL, false, NULL }
};
