/*
 * Revocations: the list in memory, the epoch, and revoking. Invariant: of all
 * processes of a host one asks for the epoch, once a second; a process reads
 * revocations only when the epoch has changed; a revocation and its step of
 * the epoch are one transaction. A process without a database reads what the
 * others publish in the segment.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "conf/conf.h"
#include "modules/auth/access.h"
#include "modules/auth/revocation.h"

static const char word[] = "auth.epoch", text[] = "auth.revoked";

enum { FRESH_S = 1, PATIENCE_S = 3, STALE_S = 5, LEEWAY_S = 120, PRUNE_S = 60 };

/* What is published: the newest revocations, as many as fit. Older tokens than
 * the oldest of them cannot be judged without a database. */
struct published {
	int64_t epoch;			/* all up to here */
	int64_t floor;			/* but none of before this one */
	int64_t n;
	struct auth_revoked v[96];
};

/* ---- the list of revocations -------------------------------------------- */

static void
revocations_clear(struct auth *m)
{
	arena_reset(m->mem);
	m->revoked.v = NULL;
	m->revoked.n = m->revoked.cap = 0;
	m->epoch = m->floor = 0;
	m->loaded = false;
}

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

bool
auth_is_revoked(struct env *env, char kind, struct uuid subject,
    int64_t epoch)
{
	const struct auth *m = env->auth;
	bool found;
	size_t i = revoked_at(m, kind, subject, &found);

	return epoch < m->floor || (found && m->revoked.v[i].epoch > epoch);
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
	if (age <= FRESH_S * UINT64_C(1000000000) ||
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

/* ---- what the segment carries ------------------------------------------- */

static int
newest_first(const void *x, const void *y)
{
	const struct auth_revoked *a = x, *b = y;

	return a->epoch < b->epoch ? 1 : a->epoch > b->epoch ? -1 : 0;
}

static void
publish(struct env *env, struct arena *a)
{
	const struct auth *m = env->auth;
	struct published p = { .epoch = m->epoch };
	struct auth_revoked *all;

	if (env->shm == NULL)
		return;
	all = arena_array(a, m->revoked.n, sizeof(*all));
	if (m->revoked.n > 0)
		memcpy(all, m->revoked.v, m->revoked.n * sizeof(*all));
	qsort(all, m->revoked.n, sizeof(*all), newest_first);
	p.n = m->revoked.n < NITEMS(p.v) ? (int64_t)m->revoked.n :
	    (int64_t)NITEMS(p.v);
	memcpy(p.v, all, (size_t)p.n * sizeof(*all));
	if ((size_t)p.n < m->revoked.n)
		p.floor = all[p.n].epoch;
	shm_text_set(env->shm, text, (const char *)&p, sizeof(p));
}

/* Without a database: the list as it was last published. */
static void
adopt(struct env *env)
{
	struct auth *m = env->auth;
	char raw[sizeof(struct published) + 1];	/* and a NUL */
	struct published p;
	struct err e = { 0 };

	if (env->shm == NULL || shm_text_get(env->shm, text, raw,
	    sizeof(raw), NULL) != sizeof(p))
		return;
	memcpy(&p, raw, sizeof(p));
	if (p.epoch == m->epoch || p.n < 0 || p.n > (int64_t)NITEMS(p.v))
		return;
	revocations_clear(m);
	for (int64_t i = 0; i < p.n; i++) {
		const struct auth_revoked *r = &p.v[i];

		revoked_add(m, &(struct auth_revocation){ .kind =
		    (const char[]){ r->kind, '\0' }, .subject = r->subject,
		    .epoch = r->epoch, .expires_at = { r->until_us } }, &e);
	}
	m->epoch = p.epoch;
	m->floor = p.floor;
	auth_access_forget(env);
}

int
auth_revocation_refresh(struct env *env, struct db *db, struct arena *a,
    struct utc now, struct err *e)
{
	struct auth *m = env->auth;
	int64_t epoch;

	if (db == NULL && env->db == NULL)
		adopt(env);
	if (db == NULL)
		return 0;
	if (host_epoch(env, db, a, &epoch, e) == -1)
		return -1;
	if (m->loaded && epoch == m->epoch)
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
	m->floor = 0;
	prune(m, now);
	publish(env, a);
	auth_access_forget(env);
	return 0;
}

/* ---- revoking ----------------------------------------------------------- */

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

