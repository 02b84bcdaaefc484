/*
 * Sealing and verifying the audit trail. Refuses nothing to those who write
 * it: sealing happens after their commit, by whoever gets the lock, and a lock
 * held elsewhere is no error. Invariant: the chain holds every committed row
 * once, in the order of sealing.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "modules/auth/access.h"
#include "modules/auth/audit.h"

enum { BATCHES = 4, ANCHOR_S = 60 };

int
auth_audit_note(struct db *db, struct uuid tenant, const char *actor,
    const char *action, const char *target_kind, const char *target_id,
    const char *detail_json, struct err *e)
{
	struct auth_audit_row r = { .id = uuid_new(), .tenant_id = tenant,
	    .at = clock_now(), .actor_kind = "system", .actor = actor,
	    .action = action, .target_kind = target_kind,
	    .target_id = target_id, .detail = { detail_json } };

	return auth_audit_insert(db, &r, e);
}

/* ---- sealing ------------------------------------------------------------ */

struct seal_state {
	const uint8_t *key;
	struct auth_anchor head;
};

static int
seal_rows(struct env *env, struct arena *a, struct seal_state *s,
    const struct rows *rows, struct err *e)
{
	uint8_t (*seals)[AUTH_SEAL_LEN] = arena_array(a, rows->n,
	    sizeof(*seals));
	const uint8_t *prev = s->head.seal;
	int64_t first = s->head.seq + 1;

	for (size_t i = 0; i < rows->n; i++) {
		auth_audit_chain(a, s->key, prev,
		    ROW(rows, struct auth_audit_row, i), first + (int64_t)i,
		    seals[i]);
		prev = seals[i];
	}
	if (auth_audit_mark(env->db, rows->v, rows->n,
	    (const uint8_t (*)[AUTH_SEAL_LEN])seals, first, e) == -1)
		return -1;
	s->head.seq += (int64_t)rows->n;
	memcpy(s->head.seal, prev, AUTH_SEAL_LEN);
	return auth_audit_head_set(env->db, s->head.seq,
	    (struct blob){ s->head.seal, AUTH_SEAL_LEN }, e);
}

/* One batch in one transaction: rows sealed, 0 also when the lock is held. */
static long
seal_batch(struct env *env, struct arena *a, struct seal_state *s,
    struct err *e)
{
	struct auth_audit_head head;
	struct rows rows;
	int rc;

	if (db_begin(env->db, e) == -1)
		return -1;
	rc = auth_audit_head_lock(env->db, a, &head, e);
	if (rc == 0)
		rc = auth_audit_unsealed(env->db, a, &rows, e);
	if (rc != 0 || rows.n == 0) {
		db_rollback(env->db);
		return rc == -1 ? -1 : 0;
	}
	s->head.seq = head.seal_seq;
	memset(s->head.seal, 0, AUTH_SEAL_LEN);
	if (head.seal.n == AUTH_SEAL_LEN)
		memcpy(s->head.seal, head.seal.p, AUTH_SEAL_LEN);
	if (seal_rows(env, a, s, &rows, e) == -1 ||
	    db_commit(env->db, e) == -1) {
		db_rollback(env->db);
		return -1;
	}
	return (long)rows.n;
}

int
auth_audit_seal(struct env *env, struct arena *a, size_t *sealed,
    struct err *e)
{
	struct seal_state s;
	long n = 0;

	*sealed = 0;
	if (auth_secret(env, a, AUTH_SECRET_AUDIT, &s.key, e) == -1)
		return -1;
	for (int i = 0; i < BATCHES; i++) {
		struct arena_mark mark = arena_mark(a);

		n = seal_batch(env, a, &s, e);
		arena_rewind(a, mark);
		if (n <= 0)
			break;
		*sealed += (size_t)n;
		if (n < AUTH_SEAL_BATCH)
			break;
	}
	if (n == -1 && !db_retryable(e))
		return -1;
	err_clear(e);		/* the next one seals what is left */
	return *sealed == 0 ? 0 :
	    auth_anchor_write(env, a, &s.head, clock_now(), ANCHOR_S, e);
}

/* ---- verifying ---------------------------------------------------------- */

struct walk {
	struct arena *a;		/* keeps what the report says */
	struct arena *row;		/* rewound after each row */
	struct auth_audit_report *report;
	const uint8_t *key;
	uint8_t prev[AUTH_SEAL_LEN];
	int64_t seq;
	const struct auth_anchor *anchor;
	size_t nanchors;
};

static void
found(struct walk *w, int64_t row, struct uuid id, const char *problem,
    const char *what)
{
	struct auth_audit_report *r = w->report;

	if (r->problem != NULL)
		return;
	r->problem = problem;
	r->row = row;
	r->row_id = id;
	r->message = arena_printf(w->a, "Row %lld %s", (long long)row, what);
}

static void
check_anchors(struct walk *w, int64_t seq, const uint8_t *seal,
    struct uuid id)
{
	for (size_t i = 0; i < w->nanchors; i++) {
		if (w->anchor[i].seq != seq)
			continue;
		w->report->anchors++;
		if (memcmp(w->anchor[i].seal, seal, AUTH_SEAL_LEN) != 0)
			found(w, seq, id, "rewritten",
			    "has another seal than its anchor");
	}
}

static int
walk_row(void *arg, const void *row, struct err *e)
{
	const struct auth_audit_row *r = row;
	struct walk *w = arg;
	uint8_t seal[AUTH_SEAL_LEN];

	(void)e;
	if (w->report->problem != NULL)
		return 0;
	if (r->seal_seq != w->seq + 1) {
		found(w, w->seq + 1, (struct uuid){ { 0 } }, "missing",
		    "is missing");
		return 0;
	}
	auth_audit_chain(w->row, w->key, w->prev, r, r->seal_seq, seal);
	if (r->seal.n != AUTH_SEAL_LEN ||
	    !crypto_equal(seal, r->seal.p, AUTH_SEAL_LEN)) {
		found(w, r->seal_seq, r->id, "changed",
		    "was changed, moved or sealed with another key");
		return 0;
	}
	check_anchors(w, r->seal_seq, seal, r->id);
	memcpy(w->prev, seal, AUTH_SEAL_LEN);
	w->seq = r->seal_seq;
	w->report->checked++;
	return 0;
}

/* What only the end of the walk shows: a tail that is not there any more. The
 * head was read before and after, because others may seal meanwhile. */
static void
check_tail(struct walk *w, const struct auth_audit_head *before,
    const struct auth_audit_head *after)
{
	static const struct uuid none;
	int64_t anchored = 0;

	for (size_t i = 0; i < w->nanchors; i++)
		if (w->anchor[i].seq > anchored)
			anchored = w->anchor[i].seq;
	if (before->seal_seq > w->seq || anchored > w->seq)
		found(w, w->seq + 1, none, "cut",
		    "and what followed were cut off");
	else if (after->seal_seq < w->seq || (after->seal_seq == w->seq &&
	    w->seq > 0 && (after->seal.n != AUTH_SEAL_LEN ||
	    memcmp(after->seal.p, w->prev, AUTH_SEAL_LEN) != 0)))
		found(w, w->seq, none, "head", "is not the head of the chain");
}

static int
seal_all(struct env *env, struct arena *a, struct err *e)
{
	size_t n;

	do {
		if (auth_audit_seal(env, a, &n, e) == -1)
			return -1;
	} while (n >= AUTH_SEAL_BATCH);
	return 0;
}

static int
walk_all(struct env *env, struct walk *w, struct err *e)
{
	struct auth_audit_head before = { 0 }, after = { 0 };

	if (auth_secret(env, w->a, AUTH_SECRET_AUDIT, &w->key, e) == -1 ||
	    auth_anchor_read(env, w->a, &w->anchor, &w->nanchors, e) == -1 ||
	    auth_audit_head_read(env->db, w->a, &before, e) == -1 ||
	    auth_audit_sealed(env->db, w->row, walk_row, w, e) == -1 ||
	    auth_audit_head_read(env->db, w->a, &after, e) == -1)
		return -1;
	check_tail(w, &before, &after);
	return 0;
}

int
auth_audit_verify(struct env *env, struct arena *a,
    struct auth_audit_report *out, struct err *e)
{
	struct walk w = { .a = a, .report = out };
	struct auth_anchor last;
	int rc;

	*out = (struct auth_audit_report){ .message = "The chain is whole" };
	if (seal_all(env, a, e) == -1)
		return -1;
	w.row = arena_new(4 << 20);
	rc = walk_all(env, &w, e);
	arena_free(w.row);
	out->ok = rc == 0 && out->problem == NULL;
	if (!out->ok || w.seq == 0)
		return rc;
	last.seq = w.seq;
	memcpy(last.seal, w.prev, AUTH_SEAL_LEN);
	return auth_anchor_write(env, a, &last, clock_now(), 0, e);
}
