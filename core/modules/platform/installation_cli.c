/*
 * `quincunx installation`: who we are, and the word of a person that a
 * restored installation may act on the outside again.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/auth/auth.h"
#include "modules/platform/installation.h"
#include "modules/platform/terminal.h"

static int
show(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	bool json = platform_terminal_option(&w, "--json", NULL);
	struct platform_installation in;
	char id[UUID_TEXT], at[CLOCK_TEXT];
	struct err e = { 0 };
	struct str s;

	if (w.i != argc)
		return platform_terminal_usage("installation [--json]");
	if (platform_installation(env->db, env->a, &in, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	if (json) {
		schema_encode(&platform_installation_schema, &in, &s);
		str_addc(&s, '\n');
		return platform_terminal_write(&s);
	}
	str_addf(&s, "installation %s\nepoch        %lld\n",
	    uuid_format(in.id, id), (long long)in.epoch);
	if (in.restored_at.us != 0)
		str_addf(&s, "restored     %s%s\n",
		    clock_format(in.restored_at, at),
		    platform_installation_waits(&in) ? ", not confirmed: "
		    "nothing is ended outside until `quincunx installation "
		    "confirm`" : ", confirmed");
	return platform_terminal_write(&s);
}

static int
confirm_txn(struct db *db, void *arg, struct err *e)
{
	struct uuid nil = { { 0 } };

	(void)arg;
	if (platform_installation_confirm(db, "quincunx", clock_now(),
	    e) == -1)
		return -1;
	return auth_audit_note(db, nil, "quincunx",
	    "system.installation.confirm", "installation", "", NULL, e);
}

static int
confirm(struct env *env, int argc, char **argv)
{
	struct err e = { 0 };

	(void)argv;
	if (argc != 0)
		return platform_terminal_usage("installation confirm");
	if (db_txn(env->db, env->a, confirm_txn, NULL, &e) == -1)
		return platform_terminal_error(&e);
	printf("confirmed\n");
	return 0;
}

const struct command platform_installation_commands[] = {
	{ "installation", "[--json]", "Id and epoch of this installation, and "
	  "whether a restore waits for a person's word", false, show },
	{ "installation confirm", "", "After a restore: what stands in the "
	  "cloud was compared, acts on the outside may go on", false,
	  confirm },
	{ .name = NULL }
};
