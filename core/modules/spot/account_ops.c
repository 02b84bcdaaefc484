/*
 * Connecting, entering and removing accounts. The cloud is asked before the
 * transaction begins, never inside one. Refuses credentials the cloud
 * refuses, names that are taken, and AWS accounts that belong to somebody
 * else. Invariant: account, credential and first scans appear together.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/principal.h"
#include "base/random.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/spot/account.h"
#include "modules/spot/conf.h"
#include "modules/spot/instance.h"
#include "modules/spot/move.h"
#include "modules/spot/provider.h"
#include "modules/spot/scan.h"
#include "modules/spot/scan_event.h"

enum { EXTERNAL_ID = 40, ERROR_MAX = 450 };

/* What a transaction below stores. */
struct store {
	struct arena *a;
	struct spot_account *acc;
	struct spot_credential *cred;
	const char *by;
	struct utc now;
	bool make, scan;
	int64_t instances;
};

static const char *
short_text(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strnlen(s, ERROR_MAX));
}

/* ---- what the cloud says ------------------------------------------------- */

/* Tries the credential; fills states and the AWS account. -1: it could not be
 * tried. */
static int
try_credential(struct env *env, struct arena *a, struct spot_account *acc,
    struct spot_credential *c, struct utc now, struct err *e)
{
	const struct spot_provider *p = spot_provider_of(acc->provider);
	struct spot_access x;
	const char *digits = "", *verdict;

	if (spot_access_open(&x, env, a, acc, c, e) == -1)
		return -1;
	c->checked_at = now;
	if (p->open(&x, e) == 0 && p->identity(&x, &digits, e) == 0) {
		if (acc->aws_account != NULL &&
		    strcmp(acc->aws_account, digits) != 0)
			return err_set(e, 409, "other_account", "These "
			    "credentials belong to AWS account %s, not to %s",
			    digits, acc->aws_account);
		acc->aws_account = digits;
		acc->last_error = c->last_error = "";
		c->missing_actions = "";
		if (p == &spot_provider_aws && spot_rights_missing(&x,
		    &c->missing_actions, e) == -1)
			return -1;
		if (*c->missing_actions != '\0')
			c->last_error = short_text(a, arena_printf(a,
			    "rights are missing: %s", c->missing_actions));
		c->state = "ok";
		if (strcmp(acc->status, "active") != 0)
			acc->status = "connected";
		return 0;
	}
	verdict = spot_credential_verdict(e);
	if (verdict == NULL)
		return -1;
	c->state = verdict;
	c->last_error = acc->last_error = short_text(a, e->detail);
	acc->status = acc->last_scan_at.us != 0 ? "degraded" : "failed";
	err_clear(e);
	return 0;
}

static int
refused(const struct spot_credential *c, struct err *e)
{
	return err_set(e, 422, "credentials_refused",
	    "The cloud refused these credentials: %.180s", c->last_error);
}

/* ---- rows of one connection ---------------------------------------------- */

static int
taken(const struct err *e, struct err *out)
{
	bool name = strstr(e->cause, "tenant_name") != NULL;

	return err_set(out, 409, name ? "name_taken" : "account_taken",
	    name ? "An account of this name exists already" :
	    "This AWS account is connected already");
}

static int
store_rows(struct db *db, void *arg, struct err *e)
{
	struct store *s = arg;
	struct spot_scan scan;
	int rc = s->make ? spot_account_insert(db, s->acc, e) :
	    spot_account_update(db, s->acc, e);

	if (rc == -1 && e->code != NULL && strcmp(e->code, "duplicate") == 0) {
		struct err was = *e;

		return taken(&was, e);
	}
	if (rc == -1 || spot_credential_put(db, s->cred, e) == -1)
		return -1;
	if (s->cred->checked_at.us != 0 && spot_credential_tell(db, s->acc,
	    s->cred->state, s->cred->missing_actions, e) == -1)
		return -1;
	if (!s->scan)
		return 0;
	if (spot_scan_queue(db, s->a, s->acc->tenant_id, s->acc->id,
	    "inventory", s->by, s->now, &scan, e) == -1)
		return -1;
	return spot_scan_queue(db, s->a, s->acc->tenant_id, s->acc->id,
	    "prices", s->by, s->now, &scan, e);
}

static int
store_all(struct env *env, struct store *s, struct err *e)
{
	struct uuid tenant = s->acc->tenant_id, id = s->acc->id;

	s->scan = strcmp(s->cred->state, "ok") == 0;
	if (s->scan) {
		s->acc->next_scan_at.us = s->now.us +
		    s->acc->scan_every_s * US_PER_S;
		s->acc->next_fleet_at.us = s->now.us +
		    s->acc->fleet_every_s * US_PER_S;
	}
	if (db_txn(env->db, s->a, store_rows, s, e) == -1)
		return -1;
	return spot_found(spot_account_by_id(env->db, s->a, tenant, id,
	    s->acc, e), "Account", e);
}

static void
new_external_id(struct arena *a, struct spot_credential *c)
{
	char text[EXTERNAL_ID + 1];

	random_text(text, EXTERNAL_ID);
	c->external_id = arena_strdup(a, text);
}

static const char *
seal_secret(struct env *env, struct arena *a, struct uuid account,
    const char *secret)
{
	return keyring_seal(env->keys, a, secret, strlen(secret),
	    keyring_aad(a, "spot_credential", "secret", account));
}

/* ---- connect ------------------------------------------------------------- */

static int
check_input(const struct spot_connect *in, struct arena *a, struct err *e)
{
	const char *const *r = in->regions.items;
	bool keys = strcmp(in->connection_method, "access_keys") == 0;

	for (size_t i = 0; i < in->regions.n; i++)
		if (!spot_aws_region_ok(r[i]))
			return err_set(e, 422, "region", "\"%.40s\" is not the "
			    "name of a region", r[i]);
	if (in->region != NULL && !spot_aws_region_ok(in->region))
		return err_set(e, 422, "region", "\"%.40s\" is not the name "
		    "of a region", in->region);
	if (keys && (in->access_key == NULL || *in->access_key == '\0' ||
	    in->secret_key == NULL || *in->secret_key == '\0'))
		return err_set(e, 422, "keys_missing", "access_key and "
		    "secret_key are needed for connection_method access_keys");
	if (!keys && (in->access_key != NULL || in->secret_key != NULL))
		return err_set(e, 422, "keys_unwanted", "access_key and "
		    "secret_key belong to connection_method access_keys");
	if (in->role_arn != NULL && *in->role_arn != '\0' &&
	    spot_arn_account(a, in->role_arn) == NULL)
		return err_set(e, 422, "role_arn", "role_arn is not the ARN "
		    "of a role");
	return 0;
}

static void
new_rows(struct env *env, struct arena *a, const struct principal *by,
    const struct spot_connect *in, struct utc now, struct spot_account *acc,
    struct spot_credential *c)
{
	const struct spot_conf *cf = conf_get(env->conf, &spot_settings);
	bool sim = strcmp(in->connection_method, "simulated") == 0;

	*acc = (struct spot_account){ .id = uuid_new(),
	    .tenant_id = by->tenant_id, .name = in->name,
	    .provider = sim ? "simulated" : "aws",
	    .connection_method = in->connection_method,
	    .region = in->region != NULL ? in->region : cf->aws_region,
	    .region_names = spot_names_join(a, in->regions),
	    .status = "pending", .last_error = "",
	    .scan_every_s = in->scan_every_s > 0 ? in->scan_every_s :
	    cf->scan_every_s, .fleet_every_s = in->fleet_every_s > 0 ?
	    in->fleet_every_s : cf->fleet_every_s, .created_at = now,
	    .updated_at = now };
	*c = (struct spot_credential){ .account_id = acc->id,
	    .tenant_id = by->tenant_id, .kind = in->connection_method,
	    .access_key_id = in->access_key != NULL ? in->access_key : "",
	    .role_arn = in->role_arn != NULL ? in->role_arn : "",
	    .external_id = "", .state = "unverified", .last_error = "",
	    .missing_actions = "", .updated_at = now };
	if (strcmp(in->connection_method, "iam_role") == 0)
		new_external_id(a, c);
	if (in->secret_key != NULL)
		c->secret = seal_secret(env, a, acc->id, in->secret_key);
}

static int
name_free(struct env *env, struct arena *a, const struct principal *by,
    const char *name, struct err *e)
{
	struct spot_account other;
	int rc = spot_account_by_name(env->db, a, by->tenant_id, name, &other,
	    e);

	if (rc == 0)
		return err_set(e, 409, "name_taken", "An account of this name "
		    "exists already");
	return rc == -1 ? -1 : 0;
}

int
spot_account_make(struct env *env, struct arena *a,
    const struct principal *by, const struct spot_connect *in, struct utc now,
    struct spot_account *acc, struct err *e)
{
	struct spot_credential c;
	struct store s = { .a = a, .acc = acc, .cred = &c, .by = by->name,
	    .now = now, .make = true };

	if (check_input(in, a, e) == -1 ||
	    name_free(env, a, by, in->name, e) == -1)
		return -1;
	new_rows(env, a, by, in, now, acc, &c);
	/* A role can only be tried once its owner has our external id. */
	if (strcmp(in->connection_method, "iam_role") != 0) {
		if (try_credential(env, a, acc, &c, now, e) == -1)
			return -1;
		if (strcmp(c.state, "ok") != 0)
			return refused(&c, e);
	}
	return store_all(env, &s, e);
}

/* ---- enter --------------------------------------------------------------- */

static int
load(struct env *env, struct arena *a, const struct principal *by,
    struct uuid id, struct spot_account *acc, struct spot_credential *c,
    struct err *e)
{
	if (spot_found(spot_account_by_id(env->db, a, by->tenant_id, id, acc,
	    e), "Account", e) == -1)
		return -1;
	return spot_found(spot_credential_get(env->db, a, by->tenant_id, id,
	    c, e), "Credential", e);
}

static int
replace(struct env *env, struct arena *a, const struct spot_account *acc,
    struct spot_credential *c, const char *access_key,
    const char *secret_key, const char *role_arn, struct err *e)
{
	if ((access_key == NULL) != (secret_key == NULL))
		return err_set(e, 422, "keys_missing",
		    "access_key and secret_key come together");
	if (access_key != NULL) {
		if (strcmp(c->kind, "access_keys") != 0)
			return err_set(e, 409, "method", "This account is "
			    "entered by %s", c->kind);
		c->access_key_id = access_key;
		c->secret = seal_secret(env, a, acc->id, secret_key);
	}
	if (role_arn == NULL)
		return 0;
	if (strcmp(c->kind, "iam_role") != 0)
		return err_set(e, 409, "method", "This account is entered by "
		    "%s", c->kind);
	if (spot_arn_account(a, role_arn) == NULL)
		return err_set(e, 422, "role_arn",
		    "role_arn is not the ARN of a role");
	c->role_arn = role_arn;
	return 0;
}

int
spot_account_enter(struct env *env, struct arena *a,
    const struct principal *by, struct uuid id, const char *access_key,
    const char *secret_key, const char *role_arn, struct utc now,
    struct spot_account *acc, struct err *e)
{
	struct spot_credential c;
	struct store s = { .a = a, .acc = acc, .cred = &c, .by = by->name,
	    .now = now };
	bool fresh = access_key != NULL || role_arn != NULL;

	if (load(env, a, by, id, acc, &c, e) == -1 ||
	    replace(env, a, acc, &c, access_key, secret_key, role_arn, e) ==
	    -1 || try_credential(env, a, acc, &c, now, e) == -1)
		return -1;
	if (fresh && strcmp(c.state, "ok") != 0)
		return refused(&c, e);
	acc->updated_at = c.updated_at = now;
	return store_all(env, &s, e);
}

/* ---- remove -------------------------------------------------------------- */

static int
remove_rows(struct db *db, void *arg, struct err *e)
{
	struct store *s = arg;
	int64_t busy;

	if (spot_move_busy(db, s->a, s->acc->tenant_id, s->acc->id, &busy,
	    e) == -1)
		return -1;
	if (busy > 0)
		return err_set(e, 409, "moves_run", "%lld moves of this "
		    "account are not over: let them end or cancel them first",
		    (long long)busy);
	if (spot_instance_count(db, s->a, s->acc->tenant_id, s->acc->id,
	    &s->instances, e) == -1)
		return -1;
	return spot_account_delete(db, s->acc->tenant_id, s->acc->id, e);
}

int
spot_account_remove(struct env *env, struct arena *a,
    const struct principal *by, struct uuid id, int64_t *instances,
    struct err *e)
{
	struct spot_account acc;
	struct store s = { .a = a, .acc = &acc };

	if (spot_found(spot_account_by_id(env->db, a, by->tenant_id, id, &acc,
	    e), "Account", e) == -1)
		return -1;
	/* The caller's transaction, if there is one. */
	if ((db_in_txn(env->db) ? remove_rows(env->db, &s, e) :
	    db_txn(env->db, a, remove_rows, &s, e)) == -1)
		return -1;
	*instances = s.instances;
	return 0;
}
