/*
 * Environments for tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "net/net.h"
#include "tests/harness/env.h"
#include "tests/harness/mariadb.h"

static void
good(int rc, const struct err *e)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", e->status, e->code, e->detail,
		    e->cause);
}

struct env
env_open(struct arena *a, const struct env_options *o)
{
	static char *const none[] = { NULL };
	struct env e = { .a = a, .modules = o->modules, .program = "test",
	    .process = uuid_new() };
	struct keyring *ring;
	struct conf *conf;
	struct err err = { 0 };

	good(conf_load(&conf, a, o->groups, &(struct conf_source){
	    .file = "/none", .env = o->vars != NULL ? o->vars : none,
	    .overrides = o->over }, &err), &err);
	e.conf = conf;
	if (o->key != NULL) {
		good(keyring_open(&ring, a, o->key, &err), &err);
		e.keys = ring;
		good(net_open(&e.net, a, conf_get(conf, &net_settings), NULL,
		    &err), &err);
	}
	if (o->db != NULL)
		e.db = mariadb_open(a, o->db);
	return e;
}
