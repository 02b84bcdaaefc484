/*
 * Passwords: hashing and checking within the bulkhead, reset links, change.
 * Refuses to hash inside a transaction (asserted). Invariant: an absent hash
 * takes as long as a present one, so that nobody learns which accounts exist.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/auth/access.h"
#include "modules/auth/apikey.h"
#include "modules/auth/password.h"
#include "modules/auth/rows.h"
#include "modules/auth/session.h"

const struct bulkhead auth_password_bulkhead = { "password", 64 };

/* ---- hashing ------------------------------------------------------------ */

static struct password_cost
cost_of(const struct auth_conf *cf)
{
	return (struct password_cost){ (uint32_t)cf->argon2_memory_kib,
	    (uint32_t)cf->argon2_passes, (uint32_t)cf->argon2_lanes };
}

static int
enter(struct env *env, const struct auth_conf *cf, int *permit,
    struct err *e)
{
	ASSERT(txn_depth() == 0);
	*permit = -1;
	if (env->shm == NULL || bulkhead_enter(env->shm,
	    &auth_password_bulkhead, (uint32_t)cf->password_parallel,
	    permit) == 0)
		return 0;
	err_set(e, 503, "busy", "Too many logins at once, try again");
	e->retry_after_s = 1;
	return -1;
}

static void
leave(struct env *env, int permit)
{
	if (permit != -1)
		bulkhead_leave(env->shm, &auth_password_bulkhead, permit);
}

static int
too_short(struct arena *a, const char *member, int64_t min, struct err *e)
{
	return err_field(e, (struct err_field){ .type = "string_too_short",
	    .loc = loc_json(a, (const char *const[]){ "body", member }, 2),
	    .msg = arena_printf(a, "String should have at least %lld "
	    "characters", (long long)min), .input = "\"********\"",
	    .ctx = arena_printf(a, "{\"min_length\":%lld}", (long long)min) });
}

int
auth_password_hash(struct env *env, struct arena *a, const char *member,
    const char *password, const char **hash, struct err *e)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	int permit, rc;

	if ((int64_t)strlen(password) < cf->password_min)
		return too_short(a, member, cf->password_min, e);
	if (enter(env, cf, &permit, e) == -1)
		return -1;
	rc = password_hash(a, password, cost_of(cf), hash, e);
	leave(env, permit);
	return rc;
}

/* A hash of today's cost that no password has. */
static const char *
nobodys_hash(struct arena *a, struct password_cost cost)
{
	return arena_printf(a, "$argon2id$v=19$m=%u,t=%u,p=%u$"
	    "cXVpbmN1bnhxdWluY3VueA$"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	    cost.memory_kib, cost.passes, cost.lanes);
}

int
auth_password_check(struct env *env, struct arena *a, const char *hash,
    const char *password, const char **upgraded, struct err *e)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	struct password_cost cost = cost_of(cf);
	bool known = hash != NULL && strcmp(hash, AUTH_NO_PASSWORD) != 0;
	int permit, rc;

	if (upgraded != NULL)
		*upgraded = NULL;
	if (!known)
		hash = nobodys_hash(a, cost);
	if (enter(env, cf, &permit, e) == -1)
		return -1;
	rc = password_verify(hash, password) == 1 && known;
	if (rc == 1 && upgraded != NULL && password_stale(hash, cost) &&
	    password_hash(a, password, cost, upgraded, e) == -1)
		rc = -1;
	leave(env, permit);
	return rc;
}

/* ---- reset -------------------------------------------------------------- */

int
auth_reset_make(struct env *env, struct arena *a, struct uuid user,
    struct utc now, const char **token, struct utc *expires, struct err *e)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	struct auth_reset r = { .user_id = user, .created_at = now,
	    .expires_at = { now.us + cf->reset_minutes * 60 * US_PER_S } };

	*token = auth_token_make(a, "qp_");
	r.token_hash = auth_token_hash(a, *token);
	*expires = r.expires_at;
	return auth_reset_insert(env->db, &r, e);
}

static int
bad_reset(struct err *e)
{
	return err_set(e, 400, "bad_reset_token",
	    "The reset link is invalid, used or expired");
}

int
auth_reset_check(struct env *env, struct arena *a, const char *token,
    struct utc now, struct err *e)
{
	struct auth_reset r;
	int rc = auth_reset_find(env->db, a, auth_token_hash(a, token), now,
	    &r, e);

	return rc == 1 ? bad_reset(e) : rc;
}

int
auth_reset_use(struct env *env, struct arena *a, const char *token,
    const char *hash, struct utc now, struct uuid *user, struct err *e)
{
	static const struct uuid none;
	struct auth_reset r;
	int rc = auth_reset_take(env->db, a, auth_token_hash(a, token), now,
	    &r, e);

	if (rc != 0)
		return rc == 1 ? bad_reset(e) : -1;
	*user = r.user_id;
	if (auth_user_set_hash(env->db, r.user_id, NULL, hash, now, e) == -1 ||
	    auth_attempt_clear(env->db, r.user_id, e) == -1 ||
	    auth_revoke_user(env, a, r.user_id, now, e) == -1 ||
	    auth_session_end_all(env->db, r.user_id, none, now, e) == -1)
		return -1;
	return auth_apikey_delete_all(env->db, r.user_id, e);
}

int
auth_password_change(struct env *env, struct arena *a, struct uuid user,
    struct uuid session, const char *old_hash, const char *hash,
    struct utc now, struct err *e)
{
	int rc = auth_user_set_hash(env->db, user, old_hash, hash, now, e);

	if (rc == 1)
		return err_set(e, 409, "changed_meanwhile",
		    "The password was changed meanwhile");
	if (rc == -1 || auth_reset_drop(env->db, user, e) == -1 ||
	    auth_revoke_sessions(env, a, user, session, now, e) == -1)
		return -1;
	return auth_session_end_all(env->db, user, session, now, e);
}

/* ---- with hashing ------------------------------------------------------- */

struct work {
	struct env *env;
	struct arena *a;
	const struct auth_proof *proof;
	const struct principal *who;
	const char *token, *hash;
	struct uuid user;
	struct utc now;
};

static int
replace(struct db *db, void *arg, struct err *e)
{
	const struct work *w = arg;

	if (w->proof->failed_before &&
	    auth_attempt_clear(db, w->proof->counted, e) == -1)
		return -1;
	return auth_password_change(w->env, w->a, w->who->user_id,
	    w->who->session_id, w->proof->account.password_hash, w->hash,
	    w->now, e);
}

int
auth_password_replace(struct env *env, struct arena *a,
    const struct principal *who, const char *old, const char *password,
    struct utc now, struct auth_proof *p, struct err *e)
{
	struct work w = { .env = env, .a = a, .proof = p, .who = who,
	    .now = now };

	if (auth_prove_user(env, a, who->user_id, old, now, p, e) == -1 ||
	    auth_password_hash(env, a, "new_password", password, &w.hash,
	    e) == -1)
		return -1;
	return db_txn(env->db, a, replace, &w, e);
}

static int
reset(struct db *db, void *arg, struct err *e)
{
	struct work *w = arg;

	(void)db;
	return auth_reset_use(w->env, w->a, w->token, w->hash, w->now,
	    &w->user, e);
}

int
auth_password_reset(struct env *env, struct arena *a, const char *token,
    const char *password, struct utc now, struct uuid *user, struct err *e)
{
	struct work w = { .env = env, .a = a, .token = token, .now = now };

	if (auth_reset_check(env, a, token, now, e) == -1 ||
	    auth_password_hash(env, a, "new_password", password, &w.hash,
	    e) == -1 || db_txn(env->db, a, reset, &w, e) == -1)
		return -1;
	*user = w.user;
	return 0;
}
