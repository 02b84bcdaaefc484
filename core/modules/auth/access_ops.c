/*
 * Access tokens, revocations and rights. Refuses a token whose session, user
 * or tenant was revoked under a later epoch than it carries. Invariant: on the
 * token path a process asks the database for nothing but the epoch, and of all
 * processes of a host one does, once a second; it reads revocations only when
 * the epoch has changed.
 */
#include <string.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/random.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/auth/access.h"

static const char word[] = "auth.epoch";

enum { FRESH_S = 1, PATIENCE_S = 3, STALE_S = 5, SETS_MAX = 256,
	LEGACY_MAX = 256, LEGACY_S = 60, LEEWAY_S = 120, PRUNE_S = 60 };

/* ---- memory ------------------------------------------------------------- */

static void
drop_arena(void *a)
{
	arena_free(a);
}

static void
cache_clear(struct auth *m)
{
	arena_reset(m->cache);
	m->roles = map_new(m->cache);
	m->legacy = map_new(m->cache);
}

void
auth_access_open(struct env *env)
{
	struct auth *m = arena_alloc(env->a, sizeof(*m));

	m->mem = arena_new(64 << 20);
	m->cache = arena_new(64 << 20);
	arena_defer(env->a, drop_arena, m->mem);
	arena_defer(env->a, drop_arena, m->cache);
	m->sets = map_new(env->a);
	cache_clear(m);
	env->auth = m;
}

static void
revocations_clear(struct auth *m)
{
	arena_reset(m->mem);
	m->revoked.v = NULL;
	m->revoked.n = m->revoked.cap = 0;
	m->epoch = 0;
	m->loaded = false;
}

/* ---- the list of revocations -------------------------------------------- */

static int
revoked_compare(char kind, struct uuid subject, const struct auth_revoked *r)
{
	return kind != r->kind ? kind - r->kind :
	    memcmp(subject.b, r->subject.b, sizeof(subject.b));
}

/* Position of the subject, or where it belongs. */
static size_t
revoked_at(const struct auth *m, char kind, struct uuid subject, bool *found)
{
	size_t lo = 0, hi = m->revoked.n;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = revoked_compare(kind, subject, &m->revoked.v[mid]);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int
revoked_add(void *arg, const void *row, struct err *e)
{
	const struct auth_revocation *r = row;
	struct auth *m = arg;
	bool found;
	size_t i = revoked_at(m, r->kind[0], r->subject, &found);

	(void)e;
	if (!found) {
		(void)VEC_ADD(m->mem, &m->revoked);
		memmove(m->revoked.v + i + 1, m->revoked.v + i,
		    (m->revoked.n - 1 - i) * sizeof(*m->revoked.v));
	}
	m->revoked.v[i] = (struct auth_revoked){ r->kind[0], r->subject,
	    r->epoch, r->expires_at.us };
	if (r->epoch > m->epoch)
		m->epoch = r->epoch;
	return 0;
}

static bool
is_revoked(const struct auth *m, char kind, struct uuid subject, int64_t epoch)
{
	bool found;
	size_t i = revoked_at(m, kind, subject, &found);

	return found && m->revoked.v[i].epoch > epoch;
}

static void
prune(struct auth *m, struct utc now)
{
	size_t kept = 0;

	if (now.us - m->pruned_us < PRUNE_S * US_PER_S)
		return;
	for (size_t i = 0; i < m->revoked.n; i++)
		if (m->revoked.v[i].until_us > now.us)
			m->revoked.v[kept++] = m->revoked.v[i];
	m->revoked.n = kept;
	m->pruned_us = now.us;
}

/* ---- the epoch ---------------------------------------------------------- */

/* The epoch as this host knows it, and when it was read. */
static uint64_t
known_epoch(struct env *env, uint64_t *read_ns)
{
	if (env->shm != NULL)
		return shm_word_get(env->shm, word, read_ns);
	*read_ns = env->auth->own_ns;
	return env->auth->own_epoch;
}

static void
know_epoch(struct env *env, uint64_t epoch)
{
	if (env->shm != NULL) {
		shm_word_set(env->shm, word, epoch);
		return;
	}
	env->auth->own_epoch = epoch;
	env->auth->own_ns = (uint64_t)clock_boot_ns();
}

/* Is it our turn to ask? One process of a host asks; the others wait for it
 * for a while, in case it is slow. */
static bool
our_turn(struct env *env, uint64_t age_ns, bool *locked)
{
	*locked = env->shm != NULL && shm_step_begin(env->shm, word);
	return *locked || env->shm == NULL ||
	    age_ns > PATIENCE_S * UINT64_C(1000000000);
}

static int
host_epoch(struct env *env, struct db *db, struct arena *a, int64_t *epoch,
    struct err *e)
{
	uint64_t read_ns = 0, now = (uint64_t)clock_boot_ns(), age;
	int rc;
	bool locked;

	*epoch = (int64_t)known_epoch(env, &read_ns);
	age = read_ns == 0 || read_ns > now ? UINT64_MAX : now - read_ns;
	if (age <= FRESH_S * UINT64_C(1000000000) || db == NULL ||
	    !our_turn(env, age, &locked))
		return 0;
	rc = auth_epoch_read(db, a, epoch, e);
	if (rc == 0)
		know_epoch(env, (uint64_t)*epoch);
	else if (age <= STALE_S * UINT64_C(1000000000)) {
		err_clear(e);
		rc = 0;
	}
	if (locked)
		shm_step_end(env->shm, word);
	return rc;
}

/* Brings the list up to the host's epoch. */
static int
refresh(struct env *env, struct db *db, struct arena *a, struct utc now,
    struct err *e)
{
	struct auth *m = env->auth;
	int64_t epoch;

	if (host_epoch(env, db, a, &epoch, e) == -1)
		return -1;
	if ((m->loaded && epoch == m->epoch) || db == NULL)
		return 0;
	if (epoch < m->epoch)	/* another database: forget this one */
		revocations_clear(m);
	if (auth_revocation_since(db, a, m->epoch, now, revoked_add, m,
	    e) == -1)
		return -1;
	if (epoch > m->epoch)
		m->epoch = epoch;
	else if (m->epoch > epoch)	/* committed since the host asked */
		know_epoch(env, (uint64_t)m->epoch);
	m->loaded = true;
	prune(m, now);
	cache_clear(m);
	return 0;
}

struct announcement {
	struct env *env;
	int64_t epoch;
};

static void
announce(void *arg)
{
	const struct announcement *n = arg;

	know_epoch(n->env, (uint64_t)n->epoch);
}

/* The next epoch; this host's processes learn of it after the commit. */
static int
next_epoch(struct env *env, struct arena *a, int64_t *epoch, struct err *e)
{
	struct announcement *n = arena_alloc(a, sizeof(*n));

	if (auth_epoch_next(env->db, a, epoch, e) == -1)
		return -1;
	*n = (struct announcement){ env, *epoch };
	db_on_commit(env->db, announce, n);
	return 0;
}

/* ---- revoking ----------------------------------------------------------- */

/* When every token issued up to now has expired by itself. */
static struct utc
last_token(struct env *env, struct utc now)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	struct utc legacy, until = { now.us +
	    (cf->access_minutes * 60 + LEEWAY_S) * US_PER_S };

	if (*cf->jwt_legacy_secret != '\0' &&
	    clock_parse(cf->jwt_legacy_until, &legacy) == 0 &&
	    legacy.us > until.us)
		return legacy;
	return until;
}

static int
revoke(struct env *env, struct arena *a, const char *kind,
    struct uuid subject, struct utc now, struct err *e)
{
	struct auth_revocation r = { .kind = kind, .subject = subject,
	    .expires_at = last_token(env, now) };

	if (next_epoch(env, a, &r.epoch, e) == -1)
		return -1;
	return auth_revocation_put(env->db, &r, e);
}

int
auth_revoke_session(struct env *env, struct arena *a, struct uuid session,
    struct utc now, struct err *e)
{
	return revoke(env, a, "session", session, now, e);
}

int
auth_revoke_user(struct env *env, struct arena *a, struct uuid user,
    struct utc now, struct err *e)
{
	return revoke(env, a, "user", user, now, e);
}

int
auth_revoke_tenant(struct env *env, struct arena *a, struct uuid tenant,
    struct utc now, struct err *e)
{
	return revoke(env, a, "tenant", tenant, now, e);
}

int
auth_revoke_sessions(struct env *env, struct arena *a, struct uuid user,
    struct uuid keep, struct utc now, struct err *e)
{
	int64_t epoch;

	if (next_epoch(env, a, &epoch, e) == -1)
		return -1;
	return auth_revocation_put_sessions(env->db, user, keep, epoch,
	    last_token(env, now), e);
}

int
auth_epoch_step(struct env *env, struct arena *a, struct err *e)
{
	int64_t epoch;

	return next_epoch(env, a, &epoch, e);
}

/* ---- rights ------------------------------------------------------------- */

static bool
all_builtin(struct arena *a, const char *role_names)
{
	struct list names = auth_names_split(a, role_names);

	for (size_t i = 0; i < names.n; i++)
		if (auth_builtin_find(((const char **)names.items)[i]) == NULL)
			return false;
	return true;
}

/* The tenant's own roles as a map of name -> permission names, remembered
 * until the epoch changes. NULL without a database. */
static int
own_roles(struct env *env, struct db *db, struct arena *a, struct uuid tenant,
    struct map **out, struct err *e)
{
	struct auth *m = env->auth;
	char key[UUID_TEXT];
	struct rows rows;

	*out = map_get(m->roles, uuid_format(tenant, key));
	if (*out != NULL || db == NULL)
		return 0;
	if (auth_role_all(db, a, tenant, &rows, e) == -1)
		return -1;
	*out = map_new(m->cache);
	for (size_t i = 0; i < rows.n; i++) {
		const struct auth_role *r = ROW(&rows, struct auth_role, i);

		map_put(*out, arena_strdup(m->cache, r->name),
		    arena_strdup(m->cache, r->permission_names));
	}
	map_put(m->roles, arena_strdup(m->cache, key), *out);
	return 0;
}

static const char *const *
role_set(struct env *env, struct arena *a, const struct map *own,
    const char *name)
{
	if (auth_builtin_find(name) != NULL)
		return auth_builtin_set(a, env->modules, name);
	return auth_set_of(a, auth_names_split(a,
	    own == NULL ? NULL : map_get(own, name)));
}

static const char *const *
sets_join(struct env *env, struct arena *a, const struct map *own,
    const char *role_names)
{
	struct list names = auth_names_split(a, role_names);
	const char *const *set = auth_set_join(a, NULL, NULL);

	for (size_t i = 0; i < names.n; i++)
		set = auth_set_join(a, set, role_set(env, a, own,
		    ((const char **)names.items)[i]));
	return set;
}

int
auth_access_permissions(struct env *env, struct db *db, struct arena *a,
    struct uuid tenant, const char *role_names, const char *const **out,
    struct err *e)
{
	struct auth *m = env->auth;
	struct map *own = NULL;
	bool builtin;

	*out = map_get(m->sets, role_names);
	if (*out != NULL)
		return 0;
	builtin = all_builtin(a, role_names);
	if (builtin && map_count(m->sets) < SETS_MAX) {
		*out = sets_join(env, env->a, NULL, role_names);
		map_put(m->sets, arena_strdup(env->a, role_names),
		    (void *)(uintptr_t)*out);
		return 0;
	}
	if (!builtin && own_roles(env, db, a, tenant, &own, e) == -1)
		return -1;
	*out = sets_join(env, a, own, role_names);
	return 0;
}

int
auth_access_principal(struct env *env, struct db *db, struct arena *a,
    const struct auth_user *u, struct principal *out, struct err *e)
{
	*out = (struct principal){ .kind = PRINCIPAL_USER, .user_id = u->id,
	    .tenant_id = u->tenant_id, .name = u->username,
	    .roles = u->role_names };
	return auth_access_permissions(env, db, a, u->tenant_id,
	    u->role_names, &out->permissions, e);
}

/* ---- tokens ------------------------------------------------------------- */

int64_t
auth_access_seconds(struct env *env)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);

	return cf->access_minutes * 60;
}

const char *
auth_access_sign(struct env *env, struct arena *a, const struct auth_user *u,
    struct uuid session, int64_t epoch, struct utc auth_time, struct utc now)
{
	char sub[UUID_TEXT], tenant[UUID_TEXT], sid[UUID_TEXT], rnd[13];
	struct jwt_claims c = { .iss = "quincunx", .kind = "access",
	    .sub = uuid_format(u->id, sub),
	    .tenant = uuid_format(u->tenant_id, tenant),
	    .session = uuid_format(session, sid),
	    .name = u->username, .roles = u->role_names,
	    .iat = now.us / US_PER_S, .auth_time = auth_time.us / US_PER_S };

	random_text(rnd, sizeof(rnd) - 1);
	c.jti = arena_printf(a, "%lld.%s", (long long)epoch, rnd);
	c.exp = c.iat + auth_access_seconds(env);
	return jwt_sign(env->jwt, a, &c);
}

static int
refuse(struct err *e, enum auth_refusal why, const char *code,
    const char *detail)
{
	metric_add(&auth_refused_total, why, 0, 1);
	return err_set(e, 401, code, "%s", detail);
}

static int
refuse_revoked(struct err *e)
{
	return refuse(e, AUTH_REVOKED, "token_revoked",
	    "Token has been revoked");
}

/* A user behind the sub of an old backend's token. */
struct legacy {
	struct uuid user, tenant;
	const char *name, *roles;
	int64_t password_s;		/* tokens from before it are dead */
	int64_t read_ns;
};

static int
legacy_read(struct env *env, struct db *db, struct arena *a, const char *sub,
    struct legacy **out, struct err *e)
{
	struct arena *mem = env->auth->cache;
	struct auth_account acc;
	struct uuid id;
	int rc = uuid_parse(sub, &id) == 0 ?
	    auth_account_by_id(db, a, id, &acc, e) :
	    auth_account_by_login(db, a, sub, &acc, e);

	if (rc == -1)
		return -1;
	if (rc == 1 || !acc.user.active || !acc.tenant_active)
		return refuse(e, AUTH_BAD_TOKEN, "token_unknown",
		    "Could not validate credentials");
	if (map_count(env->auth->legacy) >= LEGACY_MAX)
		cache_clear(env->auth);
	*out = arena_alloc(mem, sizeof(**out));
	**out = (struct legacy){ acc.user.id, acc.user.tenant_id,
	    arena_strdup(mem, acc.user.username),
	    arena_strdup(mem, acc.user.role_names),
	    acc.password_at.us / US_PER_S, clock_boot_ns() };
	map_put(env->auth->legacy, arena_strdup(mem, sub), *out);
	return 0;
}

static int
legacy_verify(struct env *env, struct db *db, struct arena *a,
    const struct jwt_claims *c, struct principal *who, struct err *e)
{
	struct legacy *l;

	if (c->sub == NULL || db == NULL)
		return refuse(e, AUTH_BAD_TOKEN, "token_unknown",
		    "Could not validate credentials");
	l = map_get(env->auth->legacy, c->sub);
	if ((l == NULL || clock_boot_ns() - l->read_ns > LEGACY_S *
	    INT64_C(1000000000)) &&
	    legacy_read(env, db, a, c->sub, &l, e) == -1)
		return -1;
	if (c->iat < l->password_s || is_revoked(env->auth, 'u', l->user, 0) ||
	    is_revoked(env->auth, 't', l->tenant, 0))
		return refuse_revoked(e);
	*who = (struct principal){ .kind = PRINCIPAL_USER, .user_id = l->user,
	    .tenant_id = l->tenant, .name = arena_strdup(a, l->name),
	    .roles = arena_strdup(a, l->roles) };
	return auth_access_permissions(env, db, a, who->tenant_id, who->roles,
	    &who->permissions, e);
}

/* The claims that our own tokens always have. */
static int
claims_read(const struct jwt_claims *c, struct principal *who, int64_t *epoch)
{
	size_t n = c->jti == NULL ? 0 : strcspn(c->jti, ".");

	if (c->sub == NULL || c->tenant == NULL || c->session == NULL ||
	    c->name == NULL || c->roles == NULL ||
	    uuid_parse(c->sub, &who->user_id) == -1 ||
	    uuid_parse(c->tenant, &who->tenant_id) == -1 ||
	    uuid_parse(c->session, &who->session_id) == -1 ||
	    num_i64(c->jti == NULL ? "" : c->jti, n, epoch) != NUM_OK)
		return -1;
	who->kind = PRINCIPAL_USER;
	who->name = c->name;
	who->roles = c->roles;
	who->auth_time.us = c->auth_time * US_PER_S;
	return 0;
}

int
auth_access_verify(struct env *env, struct db *db, struct arena *a,
    const char *token, struct utc now, struct principal *who, struct err *e)
{
	const struct auth *m = env->auth;
	struct principal p = { 0 };
	struct jwt_claims c = { 0 };
	bool legacy = false;
	int64_t epoch;

	if (jwt_verify(env->jwt, a, token, "access", now, &c, &legacy,
	    e) == -1) {
		metric_add(&auth_refused_total, AUTH_BAD_TOKEN, 0, 1);
		return -1;
	}
	if (refresh(env, db, a, now, e) == -1)
		return -1;
	if (legacy)
		return legacy_verify(env, db, a, &c, who, e);
	if (claims_read(&c, &p, &epoch) == -1)
		return refuse(e, AUTH_BAD_TOKEN, "token_invalid",
		    "Could not validate credentials");
	if (is_revoked(m, 's', p.session_id, epoch) ||
	    is_revoked(m, 'u', p.user_id, epoch) ||
	    is_revoked(m, 't', p.tenant_id, epoch))
		return refuse_revoked(e);
	*who = p;
	return auth_access_permissions(env, db, a, p.tenant_id, p.roles,
	    &who->permissions, e);
}
