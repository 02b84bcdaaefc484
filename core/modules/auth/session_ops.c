/*
 * Login, refresh and the end of sessions. Refuses a password guess while the
 * account backs off, and ends the whole session when an old refresh token
 * comes back. Invariant: known and unknown names go through the same
 * statements and one hash, and are counted alike.
 */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/auth/access.h"
#include "modules/auth/password.h"
#include "modules/auth/rows.h"
#include "modules/auth/session.h"

enum { FORGET_S = 86400, NONCE_LEN = 16, AGENT_MAX = 200,
	IP_MAX = 45 };

/* ---- proving a password ------------------------------------------------- */

/* One spelling per account: no white space around it, lower case. */
static char *
spelling(struct arena *a, const char *identifier)
{
	const char *p = identifier + strspn(identifier, " \t");
	size_t n = strlen(p);
	char *s;

	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	s = arena_strndup(a, p, n);
	for (char *c = s; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return s;
}

/* Id under which failures of a name without account are counted. */
static struct uuid
nobodys_id(struct arena *a, const char *name)
{
	const char *text = arena_printf(a, "login %s", name);
	uint8_t digest[SHA256_LEN];
	struct uuid id;

	crypto_sha256(text, strlen(text), digest);
	memcpy(id.b, digest, sizeof(id.b));
	return id;
}

/* Refuses while the account backs off from earlier failures. */
static int
backing_off(struct env *env, struct arena *a, struct auth_proof *p,
    struct utc now, struct err *e)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	struct auth_attempt at;
	int64_t wait_us;
	int rc = auth_attempt_get(env->db, a, p->counted, &at, e);

	p->failed_before = rc == 0;
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (now.us - at.last_at.us > FORGET_S * US_PER_S)
		return 0;
	wait_us = at.last_at.us - now.us + US_PER_S *
	    auth_backoff_s(at.failures, cf->lock_after);
	if (wait_us <= 0)
		return 0;
	metric_add(&auth_refused_total, AUTH_LOCKED, 0, 1);
	err_set(e, 429, "too_many_failures",
	    "Too many failed logins, try again later");
	e->retry_after_s = (int)(wait_us / US_PER_S + 1);
	return -1;
}

static int
prove(struct env *env, struct arena *a, bool known, const char *password,
    struct utc now, struct auth_proof *p, struct err *e)
{
	int rc;

	if (backing_off(env, a, p, now, e) == -1)
		return -1;
	rc = auth_password_check(env, a, known ? p->account.password_hash :
	    NULL, password, &p->new_hash, e);
	if (rc == -1)
		return -1;
	if (rc == 0) {
		p->counts = true;
		metric_add(&auth_refused_total, AUTH_BAD_PASSWORD, 0, 1);
		return err_set(e, 401, "bad_credentials",
		    "Incorrect username or password");
	}
	if (!p->account.user.active || !p->account.tenant_active)
		return err_set(e, 403, "inactive", "Account is inactive");
	return 0;
}

int
auth_prove(struct env *env, struct arena *a, const char *identifier,
    const char *password, struct utc now, struct auth_proof *p, struct err *e)
{
	const char *name = spelling(a, identifier);
	int rc;

	*p = (struct auth_proof){ .new_hash = NULL };
	rc = auth_account_by_login(env->db, a, name, &p->account, e);
	if (rc == -1)
		return -1;
	p->counted = rc == 0 ? p->account.user.id : nobodys_id(a, name);
	return prove(env, a, rc == 0, password, now, p, e);
}

int
auth_prove_user(struct env *env, struct arena *a, struct uuid user,
    const char *password, struct utc now, struct auth_proof *p, struct err *e)
{
	int rc;

	*p = (struct auth_proof){ .counted = user };
	rc = auth_account_by_id(env->db, a, user, &p->account, e);
	return rc == -1 ? -1 : prove(env, a, rc == 0, password, now, p, e);
}

int
auth_proved(struct db *db, const struct auth_proof *p, struct err *e)
{
	const struct auth_account *acc = &p->account;

	if (p->failed_before &&
	    auth_attempt_clear(db, p->counted, e) == -1)
		return -1;
	if (p->new_hash != NULL && auth_user_upgrade_hash(db, acc->user.id,
	    acc->password_hash, p->new_hash, e) == -1)
		return -1;
	return 0;
}

/* ---- sessions ----------------------------------------------------------- */

static struct blob
device_of(struct arena *a, const struct auth_client *from)
{
	uint8_t *digest = arena_alloc(a, SHA256_LEN);

	crypto_sha256(from->agent, strlen(from->agent), digest);
	return (struct blob){ digest, SHA256_LEN };
}

/* Idle limit from now on, never beyond the absolute one. */
static struct utc
expiry(struct env *env, struct utc created, struct utc now)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	int64_t day = INT64_C(86400) * US_PER_S;
	int64_t idle = now.us + cf->refresh_idle_days * day;
	int64_t end = created.us + cf->refresh_max_days * day;

	return (struct utc){ idle < end ? idle : end };
}

static int
issue(struct env *env, struct arena *a, const struct auth_user *u,
    const struct auth_session *s, int64_t epoch, struct utc now,
    struct auth_token *out, struct err *e)
{
	const uint8_t *key;

	if (auth_secret(env, a, AUTH_SECRET_REFRESH, &key, e) == -1)
		return -1;
	*out = (struct auth_token){
		.access_token = auth_access_sign(env, a, u, s->id, epoch,
		    s->auth_time, now),
		.token_type = "bearer",
		.expires_in = auth_access_seconds(env),
		.refresh_token = auth_refresh_format(a, key, s->id, s->n,
		    s->nonce),
		.user = u
	};
	return 0;
}

int
auth_session_open(struct env *env, struct arena *a, const struct auth_user *u,
    int64_t epoch, const struct auth_client *from, struct utc now,
    struct auth_token *out, struct err *e)
{
	uint8_t *nonce = arena_alloc(a, NONCE_LEN);
	struct auth_session s = { .id = uuid_new(), .user_id = u->id,
	    .tenant_id = u->tenant_id, .n = 1, .nonce = { nonce, NONCE_LEN },
	    .device = device_of(a, from), .ip = auth_fit(a, from->ip, IP_MAX),
	    .agent = auth_fit(a, from->agent, AGENT_MAX),
	    .auth_time = now, .created_at = now, .used_at = now,
	    .expires_at = expiry(env, now, now) };

	random_bytes(nonce, NONCE_LEN);
	if (auth_session_insert(env->db, &s, e) == -1 ||
	    auth_user_seen(env->db, u->id, now, e) == -1)
		return -1;
	return issue(env, a, u, &s, epoch, now, out, e);
}

static int
bad_refresh(struct err *e)
{
	return err_set(e, 401, "refresh_invalid",
	    "Refresh token is invalid or expired");
}

/* The row behind a presented token, locked, and what to make of it. */
static int
refresh_read(struct env *env, struct arena *a, const char *token,
    struct utc now, struct auth_session *s, int64_t *n, struct err *e)
{
	const uint8_t *key;
	struct uuid id;
	int rc;

	if (auth_refresh_parse(token, &id, n) == -1)
		return bad_refresh(e);
	if (auth_secret(env, a, AUTH_SECRET_REFRESH, &key, e) == -1)
		return -1;
	rc = auth_session_lock(env->db, a, id, now, s, e);
	if (rc == -1)
		return -1;
	if (rc == 1 ||
	    !auth_refresh_genuine(a, key, token, id, *n, s->nonce))
		return bad_refresh(e);
	return 0;
}

static int
refresh_rotate(struct env *env, struct auth_session *s, struct utc now,
    struct err *e)
{
	s->n++;
	return auth_session_rotate(env->db, s->id, s->n, now,
	    expiry(env, s->created_at, now), e);
}

int
auth_session_refresh(struct env *env, struct arena *a, const char *token,
    const struct auth_client *from, struct utc now, struct auth_token *out,
    struct auth_reuse *reused, struct err *e)
{
	struct auth_account *acc = arena_alloc(a, sizeof(*acc));
	struct auth_session s;
	struct blob device = device_of(a, from);
	int64_t n;
	int rc;

	*reused = (struct auth_reuse){ .session = { { 0 } } };
	if (refresh_read(env, a, token, now, &s, &n, e) == -1)
		return -1;
	switch (auth_refresh_judge(n, s.n, s.used_at, now,
	    s.device.n == device.n &&
	    memcmp(s.device.p, device.p, device.n) == 0)) {
	case REFRESH_ROTATE:
		if (refresh_rotate(env, &s, now, e) == -1)
			return -1;
		break;
	case REFRESH_REPEAT:
		break;
	case REFRESH_AHEAD:
		return err_set(e, 503, "behind",
		    "This server has not seen the token yet, try again");
	case REFRESH_REUSED:
		*reused = (struct auth_reuse){ s.id, s.tenant_id };
		metric_add(&auth_refused_total, AUTH_REUSED, 0, 1);
		return err_set(e, 401, "refresh_reused",
		    "Refresh token was used before: the session is ended");
	}
	rc = auth_account_by_id(env->db, a, s.user_id, acc, e);
	if (rc == -1)
		return -1;
	if (rc == 1 || !acc->user.active || !acc->tenant_active)
		return bad_refresh(e);
	return issue(env, a, &acc->user, &s, acc->epoch, now, out, e);
}

/* The row once more, and its idle time from now on. */
struct touch {
	struct env *env;
	struct arena *a;
	struct uuid user, session;
	struct utc now;
	struct auth_account *acc;
	struct auth_session *s;
	bool over;
};

static int
touch(struct db *db, void *arg, struct err *e)
{
	struct touch *t = arg;
	int rc = auth_session_lock(db, t->a, t->session, t->now, t->s, e);

	if (rc == 0)
		rc = auth_account_by_id(db, t->a, t->user, t->acc, e);
	if (rc == -1)
		return -1;
	t->over = rc == 1 || !uuid_equal(t->s->user_id, t->user) ||
	    !t->acc->user.active || !t->acc->tenant_active;
	return t->over ? 0 : auth_session_rotate(db, t->session, t->s->n,
	    t->now, expiry(t->env, t->s->created_at, t->now), e);
}

int
auth_session_touch(struct env *env, struct arena *a, struct uuid user,
    struct uuid session, struct utc now, struct auth_account *acc,
    struct auth_session *s, struct err *e)
{
	struct touch t = { .env = env, .a = a, .user = user, .now = now,
	    .session = session, .acc = acc, .s = s };

	if (db_txn(env->db, a, touch, &t, e) == -1)
		return -1;
	return t.over ? 1 : 0;
}

int
auth_session_reused(struct env *env, struct arena *a,
    const struct auth_reuse *r, struct utc now, struct err *e)
{
	char id[UUID_TEXT];

	if (auth_session_close(env, a, r->session, now, e) == -1)
		return -1;
	return auth_audit_note(env->db, r->tenant, "refresh",
	    "auth.session.reused", "session", uuid_format(r->session, id),
	    NULL, e);
}

int
auth_session_close(struct env *env, struct arena *a, struct uuid id,
    struct utc now, struct err *e)
{
	if (auth_session_end(env->db, id, now, e) == -1)
		return -1;
	return auth_revoke_session(env, a, id, now, e);
}

/* ---- with a password ---------------------------------------------------- */

/* What the transaction behind a proved password needs. */
struct entry {
	struct env *env;
	struct arena *a;
	const struct auth_proof *proof;
	const struct auth_client *from;
	struct uuid session;
	struct utc now;
	struct auth_token *token;
};

static int
enter(struct db *db, void *arg, struct err *e)
{
	const struct entry *n = arg;
	const struct auth_account *acc = &n->proof->account;

	if (auth_proved(db, n->proof, e) == -1)
		return -1;
	return auth_session_open(n->env, n->a, &acc->user, acc->epoch,
	    n->from, n->now, n->token, e);
}

int
auth_session_login(struct env *env, struct arena *a, const char *identifier,
    const char *password, const struct auth_client *from, struct utc now,
    struct auth_proof *p, struct auth_token *out, struct err *e)
{
	struct entry n = { .env = env, .a = a, .proof = p, .from = from,
	    .now = now, .token = out };

	if (auth_prove(env, a, identifier, password, now, p, e) == -1)
		return -1;
	return db_txn(env->db, a, enter, &n, e);
}

static int
proved_again(struct db *db, void *arg, struct err *e)
{
	const struct entry *n = arg;

	if (auth_proved(db, n->proof, e) == -1)
		return -1;
	return auth_session_proved(db, n->session, n->now, e);
}

int
auth_session_step_up(struct env *env, struct arena *a,
    const struct principal *who, const char *password, struct utc now,
    struct auth_proof *p, struct auth_token *out, struct err *e)
{
	struct entry n = { .env = env, .a = a, .proof = p,
	    .session = who->session_id, .now = now };
	const struct auth_account *acc = &p->account;

	if (auth_prove_user(env, a, who->user_id, password, now, p, e) == -1 ||
	    db_txn(env->db, a, proved_again, &n, e) == -1)
		return -1;
	*out = (struct auth_token){ .token_type = "bearer",
	    .access_token = auth_access_sign(env, a, &acc->user,
	    who->session_id, acc->epoch, now, now),
	    .expires_in = auth_access_seconds(env), .user = &acc->user };
	return 0;
}
