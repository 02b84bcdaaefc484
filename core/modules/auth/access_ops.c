/*
 * Access tokens and the rights behind roles. Refuses a token whose session,
 * user or tenant was revoked since it was issued. Invariant: on the token path
 * a process asks the database for nothing but the epoch; own roles of a tenant
 * and users behind old tokens are remembered until the epoch changes.
 */
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/auth/access.h"
#include "modules/auth/revocation.h"

enum { SETS_MAX = 256, LEGACY_MAX = 256, LEGACY_S = 60 };

#define ISSUER "quincunx"

/* ---- memory ------------------------------------------------------------- */

static void
drop_arena(void *a)
{
	arena_free(a);
}

void
auth_access_forget(struct env *env)
{
	struct auth *m = env->auth;

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
	env->auth = m;
	auth_access_forget(env);
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

int
auth_may(struct env *env, struct db *db, struct arena *a, struct uuid tenant,
    struct uuid user, const char *permission, struct err *e)
{
	struct principal p;
	struct auth_user u;
	int rc = auth_user_by_id(db, a, tenant, user, &u, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (!u.active)
		return 0;
	if (env->auth == NULL)
		auth_access_open(env);
	auth_access_forget(env);	/* a worker hears of no epoch */
	return auth_access_principal(env, db, a, &u, &p, e) == -1 ? -1 :
	    principal_may(&p, permission);
}

/* ---- tokens ------------------------------------------------------------- */

int64_t
auth_access_seconds(struct env *env)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);

	return cf->access_minutes * 60;
}

const char *
auth_access_token(struct env *env, struct arena *a,
    const struct auth_access_of *of, struct utc now)
{
	const struct auth_user *u = of->user;
	char sub[UUID_TEXT], tenant[UUID_TEXT], sid[UUID_TEXT], rnd[13];
	struct jwt_claims c = { .iss = ISSUER, .kind = of->kind,
	    .sub = uuid_format(u->id, sub),
	    .tenant = uuid_format(u->tenant_id, tenant),
	    .session = uuid_format(of->session, sid),
	    .name = u->username, .roles = u->role_names,
	    .iat = now.us / US_PER_S,
	    .auth_time = of->auth_time.us / US_PER_S };

	random_text(rnd, sizeof(rnd) - 1);
	c.jti = arena_printf(a, "%lld.%s", (long long)of->epoch, rnd);
	c.exp = c.iat + of->seconds;
	return jwt_sign(env->jwt, a, &c);
}

const char *
auth_access_sign(struct env *env, struct arena *a, const struct auth_user *u,
    struct uuid session, int64_t epoch, struct utc auth_time, struct utc now)
{
	return auth_access_token(env, a, &(struct auth_access_of){
	    .kind = "access", .user = u, .session = session, .epoch = epoch,
	    .auth_time = auth_time, .seconds = auth_access_seconds(env) },
	    now);
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
		auth_access_forget(env);
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
	if (c->iat < l->password_s || auth_is_revoked(env, 'u', l->user, 0) ||
	    auth_is_revoked(env, 't', l->tenant, 0))
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

	if (c->iss == NULL || strcmp(c->iss, ISSUER) != 0 ||
	    c->sub == NULL || c->tenant == NULL || c->session == NULL ||
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
auth_access_open_token(struct env *env, struct arena *a, const char *token,
    const char *kind, struct utc now, struct auth_access_claims *out,
    struct err *e)
{
	struct jwt_claims c = { 0 };
	bool legacy = false;

	*out = (struct auth_access_claims){ .epoch = 0 };
	if (jwt_verify(env->jwt, a, token, kind, now, &c, &legacy, e) == -1)
		return -1;
	if (legacy || claims_read(&c, &out->who, &out->epoch) == -1)
		return refuse(e, AUTH_BAD_TOKEN, "token_invalid",
		    "Could not validate credentials");
	out->iat.us = c.iat * US_PER_S;
	return 0;
}

int
auth_access_verify(struct env *env, struct db *db, struct arena *a,
    const char *token, struct utc now, struct principal *who, struct err *e)
{
	struct principal p = { 0 };
	struct jwt_claims c = { 0 };
	bool legacy = false;
	int64_t epoch;

	if (jwt_verify(env->jwt, a, token, "access", now, &c, &legacy,
	    e) == -1) {
		metric_add(&auth_refused_total, AUTH_BAD_TOKEN, 0, 1);
		return -1;
	}
	if (auth_revocation_refresh(env, db, a, now, e) == -1)
		return -1;
	if (legacy)
		return legacy_verify(env, db, a, &c, who, e);
	if (claims_read(&c, &p, &epoch) == -1)
		return refuse(e, AUTH_BAD_TOKEN, "token_invalid",
		    "Could not validate credentials");
	if (auth_is_revoked(env, 's', p.session_id, epoch) ||
	    auth_is_revoked(env, 'u', p.user_id, epoch) ||
	    auth_is_revoked(env, 't', p.tenant_id, epoch))
		return refuse_revoked(e);
	*who = p;
	return auth_access_permissions(env, db, a, p.tenant_id, p.roles,
	    &who->permissions, e);
}
