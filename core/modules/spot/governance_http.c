/*
 * Governance over HTTP: what is not authorized, a person's word about it, and
 * terminations to be approved.
 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/http.h"
#include "modules/spot/governance.h"

/* ---- the audit ----------------------------------------------------------------- */

struct severities {
	int64_t low, medium, high, critical;
};
static const struct field severity_fields[] = {
	FIELD(struct severities, low, .doc = "Does not run"),
	FIELD(struct severities, medium, .doc = "Not flagged yet"),
	FIELD(struct severities, high, .doc = "In its grace"),
	FIELD(struct severities, critical, .doc = "Its grace is over"),
	FIELD_END
};
static const struct schema severity_schema = {
	.name = "SpotSeverities", .doc = "Violations by severity",
	.size = sizeof(struct severities), .fields = severity_fields
};
struct audit {
	int64_t total_violations;
	const void *by_severity;
	struct list violations;
};
static const struct field audit_fields[] = {
	FIELD(struct audit, total_violations, .doc = "Instances that are not "
	    "authorized, at most 1,000"),
	FIELD(struct audit, by_severity, .sub = &severity_schema,
	    .doc = "By severity"),
	FIELD(struct audit, violations, .sub = &spot_violation_schema,
	    .doc = "Worst first"),
	FIELD_END
};
static const struct schema audit_schema = {
	.name = "SpotGovernanceAudit", .doc = "What is not authorized",
	.size = sizeof(struct audit), .fields = audit_fields
};
struct audit_in {
	struct uuid account_id;
};
static const struct field audit_in_fields[] = {
	FIELD(struct audit_in, account_id, .flags = FF_NULLABLE,
	    .ref = "spot_account", .doc = "Only of this account"), FIELD_END
};
static const struct schema audit_in_schema = {
	.name = "SpotGovernanceOf", .doc = "Of which account",
	.size = sizeof(struct audit_in), .fields = audit_in_fields
};

static int
reply_audit(struct ctx *c, struct uuid account)
{
	struct severities n = { 0 };
	struct audit out = { .by_severity = &n };
	struct rows rows;

	if (spot_violation_all(c->db, c->a, c->who.tenant_id, account,
	    c->now, &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n; i++) {
		const char *s = ROW(&rows, struct spot_violation,
		    i)->severity;

		*(s[0] == 'c' ? &n.critical : s[0] == 'h' ? &n.high :
		    s[0] == 'm' ? &n.medium : &n.low) += 1;
	}
	out.total_violations = (int64_t)rows.n;
	out.violations = (struct list){ rows.v, rows.n };
	return reply(c, &out);
}

static int
governance_audit(struct ctx *c, const void *in)
{
	const struct audit_in *p = in;

	return reply_audit(c, p->account_id);
}

enum { ACCOUNTS = 200 };

static int
review_all(struct ctx *c)
{
	const struct uuid start = { { 0 } };
	struct rows rows;

	if (spot_account_page(c->db, c->a, c->who.tenant_id, start, ACCOUNTS,
	    &rows, &c->err) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (spot_governance_review(c->env, c->db, c->a, ROW(&rows,
		    struct spot_account, i), c->now, &c->err) == -1)
			return -1;
	return 0;
}

static int
governance_review(struct ctx *c, const void *in)
{
	const struct audit_in *p = in;
	const struct uuid all = { { 0 } };
	struct spot_account x;

	if (memcmp(&p->account_id, &all, sizeof(all)) == 0) {
		if (review_all(c) == -1)
			return fail_err(c);
	} else if (spot_found(spot_account_by_id(c->db, c->a,
	    c->who.tenant_id, p->account_id, &x, &c->err), "Account",
	    &c->err) == -1 || spot_governance_review(c->env, c->db, c->a, &x,
	    c->now, &c->err) == -1)
		return fail_err(c);
	return reply_audit(c, p->account_id);
}

/* ---- one instance ---------------------------------------------------------------- */

static int
decide(struct ctx *c, const void *in, bool yes)
{
	const struct spot_id_in *w = in;
	struct spot_instance i;

	if (spot_governance_decide(c->env, c->db, c->a, &c->who, w->id, yes,
	    c->now, &i, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_instance", w->id);
	return reply(c, &i);
}

static int
governance_authorize(struct ctx *c, const void *in)
{
	return decide(c, in, true);
}

static int
governance_revoke(struct ctx *c, const void *in)
{
	return decide(c, in, false);
}

struct terminate_in {
	struct uuid id;
	const char *reason;
};
static const struct field terminate_fields[] = {
	FIELD(struct terminate_in, id, .flags = FF_REQUIRED,
	    .doc = "Instance"),
	FIELD(struct terminate_in, reason, .flags = FF_REQUIRED, .min = 1,
	    .max = 300, .example = "\"nobody claims it\"", .doc = "Why"),
	FIELD_END
};
static const struct schema terminate_schema = {
	.name = "SpotTerminate", .doc = "A termination to be approved",
	.size = sizeof(struct terminate_in), .fields = terminate_fields
};

static int
governance_terminate(struct ctx *c, const void *in)
{
	const struct terminate_in *p = in;
	struct spot_termination t;
	struct spot_instance i;

	if (spot_found(spot_instance_by_id(c->db, c->a, c->who.tenant_id,
	    p->id, &i, &c->err), "Instance", &c->err) == -1 ||
	    spot_governance_terminate(c->env, c->db, c->a, &c->who, NULL, &i,
	    p->reason, c->now, &t, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_termination", t.id);
	return reply(c, &t);
}

static int
termination_list(struct ctx *c, const void *in)
{
	const struct page_only_in *p = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &below) == -1 ||
	    spot_termination_page(c->db, c->a, c->who.tenant_id, below,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_termination, id)));
}

static int
termination_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_termination t;

	if (spot_found(spot_termination_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &t, &c->err), "Termination", &c->err) == -1)
		return fail_err(c);
	return reply(c, &t);
}

const struct route spot_governance_routes[] = {
	{ .id = "spot.governance.audit", .method = HTTP_GET,
	  .path = "/api/spot/governance", .aliases = ALIASES(
	  { "/api/v1/governance/audit", "001", false },
	  { "/api/v1/governance/unauthorized", "001", false }),
	  .summary = "Instances that are not authorized, worst first",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &audit_in_schema, .out = &audit_schema, .ok = 200,
	  .run = governance_audit },
	{ .id = "spot.governance.review", .method = HTTP_POST,
	  .path = "/api/spot/governance/review", .aliases = ALIASES(
	  { "/api/v1/governance/scan", "001", false }),
	  .summary = "Flag what is not authorized, now",
	  .doc = "Every scan does this; what it knows is what scans saw.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &audit_in_schema, .out = &audit_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	  .run = governance_review },
	{ .id = "spot.governance.authorize", .method = HTTP_POST,
	  .path = "/api/spot/instances/{id}/authorize",
	  .summary = "Say that an instance may be touched",
	  .doc = "A person's word outlasts scans until it is taken back.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .out = &spot_instance_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	  .run = governance_authorize },
	{ .id = "spot.governance.revoke", .method = HTTP_POST,
	  .path = "/api/spot/instances/{id}/revoke",
	  .summary = "Take an authorization back",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .out = &spot_instance_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	  .run = governance_revoke },
	{ .id = "spot.governance.terminate", .method = HTTP_POST,
	  .path = "/api/spot/instances/{id}/terminate",
	  .summary = "Ask for the end of an instance that is not authorized",
	  .doc = "A plan for the inbox: once another person has approved it, "
	  "a move does it.", .auth = AUTH_USER, .permission = "spot:write",
	  .in = &terminate_schema, .out = &spot_termination_schema, .ok = 202,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT | R_ACCEPTED,
	  .run = governance_terminate },
	{ .id = "spot.termination.list", .method = HTTP_GET,
	  .path = "/api/spot/terminations",
	  .summary = "Terminations asked for, newest first",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &page_only_schema, .out = &spot_termination_schema,
	  .ok = 200, .flags = R_LIST, .run = termination_list },
	{ .id = "spot.termination.get", .method = HTTP_GET,
	  .path = "/api/spot/terminations/{id}",
	  .summary = "One termination", .auth = AUTH_USER,
	  .permission = "spot:read", .in = &spot_id_in_schema,
	  .out = &spot_termination_schema, .ok = 200, .errors = ERRORS(404),
	  .run = termination_get },
	ROUTE_END
};
