/*
 * The audit hooks of the HTTP layer, and the trail for those who may read it.
 * Everybody sees the rows of his tenant; a super_admin may ask for all.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "http/http.h"
#include "modules/auth/access.h"
#include "modules/auth/audit.h"
#include "modules/auth/rows.h"

/* ---- hooks -------------------------------------------------------------- */

int
auth_audit(struct ctx *c, int status, struct err *e)
{
	static const char *const kinds[] = { "none", "user", "key", "system" };
	struct auth_audit_row r = { .id = uuid_new(),
	    .tenant_id = c->who.tenant_id, .at = c->now,
	    .actor_kind = kinds[c->who.kind], .actor_id = c->who.user_id,
	    .actor = c->who.name != NULL ? c->who.name : "",
	    .action = c->route->id, .status = status,
	    .target_kind = c->target_kind, .target_id = c->target_id,
	    .detail = { c->audit_detail }, .request_id = c->request_id,
	    .ip = auth_fit(c->a, c->client_ip, 45) };

	if (r.target_id != NULL)
		r.target_id = auth_fit(c->a, r.target_id, 250);
	return auth_audit_insert(c->db, &r, e);
}

/* One process of a host seals at most once a second; the others go on. */
static void
seal(struct ctx *c)
{
	static const char step[] = "audit.seal";
	struct auth *m = c->env->auth;
	uint64_t now = (uint64_t)clock_boot_ns(), last = (uint64_t)m->sealed_ns;
	struct err e = { 0 };
	size_t n;

	if (c->env->shm != NULL)
		shm_word_get(c->env->shm, step, &last);
	if (now - last < UINT64_C(1000000000))
		return;
	if (c->env->shm != NULL && !shm_step_begin(c->env->shm, step))
		return;
	m->sealed_ns = (int64_t)now;
	if (c->env->shm != NULL)
		shm_word_add(c->env->shm, step, 1);
	if (auth_audit_seal(c->env, c->a, &n, &e) == -1)
		log_warn("server", "audit rows are not sealed",
		    KV("detail", (const char *)e.detail),
		    KV("cause", (const char *)e.cause));
	if (c->env->shm != NULL)
		shm_step_end(c->env->shm, step);
}

/* After a commit: revocations are made known to processes without a database
 * at once, and rows are sealed now and then. */
void
auth_committed(struct ctx *c)
{
	struct err e = { 0 };

	if (auth_revocation_refresh(c->env, c->db, c->a, c->now, &e) == -1)
		log_warn("server", "revocations are not read",
		    KV("cause", (const char *)e.cause));
	seal(c);
}

/* ---- reading ------------------------------------------------------------ */

struct audit_page {
	struct page_in page;
	const char *action, *actor, *target_kind, *target_id;
	struct utc since, until;
	bool all;
};
#define FILTER(m, text) FIELD(struct audit_page, m, .max = 200, \
	.flags = FF_NULLABLE, .doc = text)
static const struct field page_fields[] = {
	PAGE_LIMIT(struct audit_page), PAGE_CURSOR(struct audit_page),
	FILTER(action, "Only this route or word"),
	FILTER(actor, "Only by this name"),
	FILTER(target_kind, "Only done to this kind of thing"),
	FILTER(target_id, "Only done to this one"),
	FIELD(struct audit_page, since, .flags = FF_NULLABLE,
	    .doc = "Not before"),
	FIELD(struct audit_page, until, .flags = FF_NULLABLE,
	    .doc = "Before"),
	FIELD(struct audit_page, all, .def = "false",
	    .doc = "Of all tenants; needs auth:tenants"),
	FIELD_END
};
static const struct schema page_schema = {
	.name = "AuditPage", .doc = "Page of the audit trail, newest first",
	.size = sizeof(struct audit_page), .fields = page_fields
};

static const struct field report_fields[] = {
	FIELD(struct auth_audit_report, ok, .doc = "The chain is whole"),
	FIELD(struct auth_audit_report, checked, .doc = "Sealed rows read"),
	FIELD(struct auth_audit_report, anchors, .doc = "Anchors compared"),
	FIELD(struct auth_audit_report, problem, .flags = FF_NULLABLE,
	    .doc = "missing, changed, rewritten, cut or head"),
	FIELD(struct auth_audit_report, row,
	    .doc = "Number of the first bad row; 0 = none"),
	FIELD(struct auth_audit_report, row_id, .flags = FF_NULLABLE,
	    .doc = "Its identifier, if it is there"),
	FIELD(struct auth_audit_report, message, .doc = "For people"),
	FIELD_END
};
const struct schema auth_audit_report_schema = {
	.name = "AuditReport", .doc = "Outcome of verifying the audit trail",
	.size = sizeof(struct auth_audit_report), .fields = report_fields
};

static int
audit_list(struct ctx *c, const void *in)
{
	const struct audit_page *p = in;
	struct auth_audit_filter f = { .tenant = c->who.tenant_id,
	    .action = p->action, .actor = p->actor,
	    .target_kind = p->target_kind, .target_id = p->target_id,
	    .since = p->since, .until = p->until,
	    .limit = p->page.limit + 1 };
	char text[UUID_TEXT];
	struct uuid reached;
	const char *next;
	struct rows rows;

	if (p->all && !principal_may(&c->who, "auth:tenants"))
		return fail(c, 403, "forbidden",
		    "Permission auth:tenants is required");
	if (p->all)
		f.tenant = (struct uuid){ { 0 } };
	if (cursor_open_uuid(c, p->page.cursor, &f.before) == -1 ||
	    auth_audit_page(c->db, c->a, &f, &rows, &reached, &c->err) == -1)
		return fail_err(c);
	next = cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct auth_audit_row, id));
	if (next == NULL && !uuid_is_nil(reached))
		next = cursor_seal(c, uuid_format(reached, text));
	return reply_list(c, &rows, next);
}

static int
audit_verify(struct ctx *c, const void *in)
{
	struct auth_audit_report r;

	(void)in;
	if (auth_audit_verify(c->env, c->a, &r, &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

const struct route auth_audit_routes[] = {
	{ .id = "auth.audit.list", .method = HTTP_GET,
	    .path = "/api/auth/audit", .summary = "Who did what",
	    .doc = "With a filter a page looks at a bounded part of the trail: "
	    "it may be short, and next goes on behind it.",
	    .auth = AUTH_USER, .permission = "auth:audit",
	    .in = &page_schema, .out = &auth_audit_schema, .ok = 200,
	    .errors = ERRORS(403), .flags = R_LIST, .run = audit_list },
	{ .id = "auth.audit.verify", .method = HTTP_POST,
	    .path = "/api/auth/audit/verify",
	    .summary = "Verify the chain of the audit trail",
	    .doc = "Reads the whole chain: a slow request.",
	    .auth = AUTH_USER, .permission = "auth:audit",
	    .out = &auth_audit_report_schema, .ok = 200,
	    .pool = POOL_SLOW, .limit = { 6, 60 },
	    .natural_key = "reading only", .run = audit_verify },
	ROUTE_END
};
