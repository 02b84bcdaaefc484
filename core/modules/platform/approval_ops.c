/*
 * Asking for an approval, deciding, using it. Invariants: a yes binds one
 * digest and is used at most once; nobody approves his own plan; what expired
 * is not approved, however late the clock is read.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/principal.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "modules/platform/approval.h"

enum { DAY_S = 86400 };

static const char *const risks[] = { "low", "medium", "high", "critical" };

struct told {
	struct uuid id;
	const char *module, *kind, *title, *risk, *state, *decided_by;
};
static const struct field told_fields[] = {
	FIELD(struct told, id, .doc = "Approval"),
	FIELD(struct told, module, .doc = "System that asks"),
	FIELD(struct told, kind, .doc = "What kind of act"),
	FIELD(struct told, title, .doc = "What it is"),
	FIELD(struct told, risk, .doc = "How much can go wrong"),
	FIELD(struct told, state, .doc = "How far it is"),
	FIELD(struct told, decided_by, .doc = "Who decided"),
	FIELD_END
};
static const struct schema told_schema = {
	.name = "ApprovalChanged", .doc = "An approval in the inbox changed",
	.size = sizeof(struct told), .fields = told_fields
};

enum { REQUESTED, DECIDED };
const struct event platform_approval_events[] = {
	[REQUESTED] = { .name = "approval.requested",
	    .doc = "A plan waits for another person",
	    .payload = &told_schema, .permission = "approvals:read" },
	[DECIDED] = { .name = "approval.decided",
	    .doc = "A plan was approved, rejected, withdrawn or used",
	    .payload = &told_schema, .permission = "approvals:read" },
	EVENT_END
};

static int
tell(struct db *db, int which, const struct platform_approval *p,
    struct err *e)
{
	struct told t = { p->id, p->module, p->kind, p->title, p->risk,
	    p->state, p->decided_by };
	char id[UUID_TEXT];

	return event_publish(db, &platform_approval_events[which],
	    p->tenant_id, uuid_format(p->id, id), p->version, &t, e);
}

static struct blob
digest_of(struct arena *a, struct json plan)
{
	uint8_t *d = arena_alloc(a, SHA256_LEN);

	crypto_sha256(plan.p, strlen(plan.p), d);
	return (struct blob){ d, SHA256_LEN };
}

static bool
same(struct blob x, struct blob y)
{
	return x.n == y.n && memcmp(x.p, y.p, x.n) == 0;
}

int
platform_approval_ask(struct db *db, struct arena *a,
    struct platform_approval_new *n, struct err *e)
{
	struct utc now = clock_now();
	int64_t valid = n->valid_s > 0 ? n->valid_s : DAY_S;
	struct platform_approval p;

	if (uuid_is_nil(n->id))
		n->id = uuid_new();
	p = (struct platform_approval){ .id = n->id, .tenant_id = n->tenant,
	    .module = n->module, .kind = n->kind, .title = n->title,
	    .subject = n->subject, .subject_id = n->subject_id,
	    .decision_id = n->decision, .risk = risks[n->risk],
	    .plan = n->plan, .digest = digest_of(a, n->plan),
	    .author = n->author_name != NULL ? n->author_name : "",
	    .state = "pending", .decided_by = "", .comment = "",
	    .expires_at = { now.us + valid * US_PER_S }, .version = 1,
	    .created_at = now };
	if (n->author != NULL) {
		p.author_id = n->author->user_id;
		p.author = n->author->name != NULL ? n->author->name : "";
	}
	if (platform_approval_insert(db, &p, e) == -1)
		return -1;
	return tell(db, REQUESTED, &p, e);
}

/* ---- deciding --------------------------------------------------------------- */

static int
may_decide(const struct principal *by, const struct platform_approval *p,
    const struct platform_verdict *v, struct utc now, struct err *e)
{
	bool grave = strcmp(p->risk, "high") == 0 ||
	    strcmp(p->risk, "critical") == 0;

	if (strcmp(p->state, "pending") != 0)
		return err_set(e, 409, "not_pending", "It is %s already",
		    p->state);
	if (now.us >= p->expires_at.us)
		return err_set(e, 409, "expired", "It has expired");
	if (!v->yes)
		return 0;
	if (v->digest == NULL || strcmp(v->digest, p->plan_digest) != 0)
		return err_set(e, 409, "plan_changed",
		    "The digest is not the one of this plan; read it again");
	if (uuid_equal(by->user_id, p->author_id))
		return err_set(e, 403, "own_plan",
		    "Another person has to approve your plan");
	if (grave && !principal_may(by, "approvals:high"))
		return err_set(e, 403, "too_risky", "Permission "
		    "approvals:high is required for risk %s", p->risk);
	return 0;
}

int
platform_approval_decide(struct db *db, struct arena *a,
    const struct principal *by, const struct platform_verdict *v,
    struct utc now, struct platform_approval *p, struct err *e)
{
	ASSERT(db_in_txn(db));
	if (db_found(platform_approval_lock(db, a, by->tenant_id, v->id, p,
	    e), "Approval", e) == -1 || may_decide(by, p, v, now, e) == -1)
		return -1;
	p->state = v->yes ? "approved" : "rejected";
	p->decided_id = by->user_id;
	p->decided_by = by->name != NULL ? by->name : "";
	p->comment = v->comment != NULL ? v->comment : "";
	p->decided_at = now;
	if (platform_approval_update(db, p, e) == -1)
		return -1;
	if (!v->yes && !uuid_is_nil(p->decision_id) &&
	    platform_decision_close(db, p->tenant_id, p->decision_id,
	    "rejected", (struct json){ NULL }, e) == -1)
		return -1;
	return tell(db, DECIDED, p, e);
}

int
platform_approval_answer(struct db *db, struct arena *a,
    const struct principal *by, struct uuid id, struct json plan, bool yes,
    const char *comment, struct utc now, struct err *e)
{
	struct blob digest = digest_of(a, plan);
	struct platform_verdict v = { .id = id, .yes = yes,
	    .comment = comment, .digest = hex_encode(digest.p, digest.n,
	    arena_alloc(a, 2 * digest.n + 1)) };
	struct platform_approval p;

	return platform_approval_decide(db, a, by, &v, now, &p, e);
}

int
platform_approval_state(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, const char **state, struct err *e)
{
	struct platform_approval p;

	if (db_found(platform_approval_by_id(db, a, tenant, id, &p, e),
	    "Approval", e) == -1)
		return -1;
	*state = p.state;
	return 0;
}

int
platform_approval_use(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct json plan, struct err *e)
{
	struct utc now = clock_now();
	struct platform_approval p;

	ASSERT(db_in_txn(db));
	if (db_found(platform_approval_lock(db, a, tenant, id, &p, e),
	    "Approval", e) == -1)
		return -1;
	if (strcmp(p.state, "approved") != 0)
		return err_set(e, 409, "not_approved",
		    "The plan is %s, not approved", p.state);
	if (now.us >= p.expires_at.us)
		return err_set(e, 409, "not_approved",
		    "The approval has expired");
	if (!same(p.digest, digest_of(a, plan)))
		return err_set(e, 409, "plan_changed",
		    "This is not the plan that was approved");
	p.state = "executed";
	p.executed_at = now;
	if (platform_approval_update(db, &p, e) == -1)
		return -1;
	return tell(db, DECIDED, &p, e);
}

int
platform_approval_withdraw(struct db *db, struct uuid tenant,
    struct uuid id, const char *why, struct err *e)
{
	struct arena *a = arena_new(4 << 20);
	struct platform_approval p;
	int rc = platform_approval_lock(db, a, tenant, id, &p, e);

	if (rc == 0 && (strcmp(p.state, "pending") == 0 ||
	    strcmp(p.state, "approved") == 0)) {
		p.state = "withdrawn";
		p.comment = why;
		p.decided_at = clock_now();
		rc = platform_approval_update(db, &p, e);
		if (rc == 0)
			rc = tell(db, DECIDED, &p, e);
	}
	arena_free(a);
	return rc == -1 ? -1 : 0;
}
