/*
 * Life of a request:
 *  1. The web server adds QX_* parameters, limits the body, passes on; the
 *     arena is empty.
 *  2. Parameters, then path, then method (404, 405); the body up to the row's
 *     cap (413), large ones only after step 3.
 *  3. Fixed stages: address rate, authenticate, permit, key rate, decode
 *     path+query+body, begin, idempotency key as first insert.
 *  4. run(ctx, in) returns a status; commit or roll back. On deadlock, lock
 *     wait or a failed COMMIT: roll back, arena back to the mark after decode,
 *     handler again (at most 3 times). A refusal keeps what it must (audit,
 *     ctx_keep) in a transaction of its own.
 *  5. Encode, send, one log line, metrics by route.
 *
 * Requests are not shed by how long they queued: they queue in the listening
 * socket and in kept connections, and neither a unix socket nor FastCGI says
 * since when (only nginx could, and only if its site passed $msec). What is
 * there instead: pools of their own for slow and control, limits by address
 * and principal, permits of dependencies and of long polls, and a web server
 * that answers 502/504 when the backlog is full.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/random.h"
#include "http/serve.h"
#include "net/net.h"

enum { SMALL_BODY = 64 * 1024, ATTEMPTS = 3, MARGIN_MS = 500 };

/* ---- refusals before the handler ---------------------------------------- */

static int
too_many(struct ctx *c, uint32_t wait_ms)
{
	err_set(&c->err, 429, "rate_limited", "Too many requests");
	c->err.retry_after_s = (int)(wait_ms / 1000 + 1);
	return -1;
}

static int
stage_address_rate(struct ctx *c)
{
	const struct http_conf *cf = c->http->conf;
	struct rate rate = { (uint32_t)cf->ip_rate_n, (uint32_t)cf->ip_rate_s };
	const char *policy = "ip";
	uint32_t wait_ms = 0;

	if (c->route->limit_by_ip && c->route->limit.n > 0) {
		rate = c->route->limit;
		policy = c->route->id;
	}
	if (rate.n == 0 || rate_admit(c->env->shm, policy, c->client_ip,
	    strlen(c->client_ip), rate, (uint64_t)clock_boot_ns(), &wait_ms,
	    NULL))
		return 0;
	return too_many(c, wait_ms);
}

static int
stage_key_rate(struct ctx *c)
{
	const struct http_conf *cf = c->http->conf;
	struct rate rate = { (uint32_t)cf->rate_n, (uint32_t)cf->rate_s };
	const char *policy = "principal";
	uint32_t wait_ms = 0, left = 0;
	uint8_t key[32];
	char text[16];

	if (c->route->limit.n > 0 && !c->route->limit_by_ip) {
		rate = c->route->limit;
		policy = c->route->id;
	}
	if (rate.n == 0 || c->who.kind == PRINCIPAL_NONE)
		return 0;
	memcpy(key, c->who.user_id.b, 16);
	memcpy(key + 16, c->who.tenant_id.b, 16);
	if (!rate_admit(c->env->shm, policy, key, sizeof(key), rate,
	    (uint64_t)clock_boot_ns(), &wait_ms, &left)) {
		return too_many(c, wait_ms);
	}
	snprintf(text, sizeof(text), "%u", rate.n);
	reply_header(c, "X-RateLimit-Limit", text);
	snprintf(text, sizeof(text), "%u", left);
	reply_header(c, "X-RateLimit-Remaining", text);
	return 0;
}

int
ctx_step_up(struct ctx *c)
{
	if (c->who.kind == PRINCIPAL_SYSTEM)
		return 0;
	if (c->who.kind == PRINCIPAL_KEY)
		return err_set(&c->err, 403, "step_up_required",
		    "An API key may not do this: it takes a person who has "
		    "just proved the password");
	if (c->now.us - c->who.auth_time.us >
	    c->http->conf->step_up_s * US_PER_S)
		return err_set(&c->err, 403, "step_up_required",
		    "Prove your password again: POST /api/auth/step-up");
	return 0;
}

static int
stage_authenticate(struct ctx *c)
{
	const struct route *rt = c->route;

	if (rt->auth == AUTH_NONE)
		return 0;
	if (c->http->hooks->authenticate(c) == -1) {
		if (rt->auth == AUTH_OPTIONAL && (c->err.status == 401 ||
		    (rt->flags & R_NO_DB))) {
			err_clear(&c->err);
			c->who = (struct principal){ 0 };
			return 0;
		}
		return -1;
	}
	if (rt->auth == AUTH_OPTIONAL)
		return 0;
	if (c->who.kind == PRINCIPAL_NONE)
		return err_set(&c->err, 401, "not_authenticated",
		    "Not authenticated");
	if (!principal_may(&c->who, rt->permission))
		return err_set(&c->err, 403, "forbidden",
		    "Permission %s is required", rt->permission);
	return rt->flags & R_STEP_UP ? ctx_step_up(c) : 0;
}

/* ---- input ----------------------------------------------------------------- */

static bool
is_seed(const struct ctx *c)
{
	return c->alias != NULL ? c->alias->seed != NULL :
	    c->route->seed != NULL;
}

/* Which decoder the body needs; 415 on canonical paths, the JSON decoder's
 * 422 on seed paths (FastAPI's behaviour). */
static int
body_kind(struct ctx *c, enum body_kind *kind)
{
	const char *m = c->req->media;
	size_t n = strlen(m);

	*kind = BODY_JSON;
	if (*m == '\0' || strcmp(m, "application/json") == 0 ||
	    (n > 5 && strcmp(m + n - 5, "+json") == 0))
		return 0;
	if (strcmp(m, "application/x-www-form-urlencoded") == 0 &&
	    (c->route->flags & R_FORM)) {
		*kind = BODY_FORM;
		return 0;
	}
	if (is_seed(c))		/* the body's text may be a secret */
		return err_field(&c->err, (struct err_field){
		    .type = "model_attributes_type", .loc = "[\"body\"]",
		    .msg = "Input should be a valid dictionary or object to "
		    "extract fields from", .input = arena_printf(c->a,
		    "\"(%zu bytes)\"", c->req->body_len) });
	return err_set(&c->err, 415, "unsupported_media_type",
	    "Content-Type %s is not supported here", m);
}

static int
stage_decode(struct ctx *c, const struct match *m, void **in)
{
	const struct schema *s = c->route->in;
	struct schema_input si = {
		.path = m->params, .npath = m->nparams,
		.query = c->req->query, .nquery = c->req->nquery,
		.body = c->req->body, .body_len = c->req->body_len,
		/* a raw body is the handler's */
		.from_query = c->route->method == HTTP_GET ||
		    c->route->method == HTTP_DELETE ||
		    (c->route->flags & R_RAW) != 0,
		.body_absent = c->req->body_len == 0,
		.forbid_extra = !is_seed(c),
		.max_values = c->route->max_values
	};

	*in = NULL;
	if (s == NULL)
		return 0;
	*in = arena_alloc(c->a, s->size);
	if (!si.from_query) {
		if (!si.body_absent && body_kind(c, &si.kind) == -1)
			return -1;
		if (si.body_absent)
			si.kind = BODY_JSON;
	} else
		si.kind = BODY_NONE;
	return schema_decode(s, &si, c->a, *in, &c->seen, &c->err);
}

static int
stage_body(struct ctx *c, bool late)
{
	size_t max = c->route->max_body > 0 ? c->route->max_body :
	    (size_t)c->http->conf->max_body;
	struct request *r = c->req;

	if (c->route->flags & R_RAW) {
		if (r->length >= 0 && (uint64_t)r->length > max)
			return err_set(&c->err, 413, "too_large",
			    "Request body is larger than %zu bytes", max);
		return 0;
	}
	if (!late && r->length < 0 && max > SMALL_BODY)
		return 0;	/* unknown length: after authentication */
	if (!late && r->length > SMALL_BODY && (uint64_t)r->length <= max)
		return 0;
	return request_body(r, c->a, max, &c->err);
}

/* ---- the handler and its transaction --------------------------------------------- */

void
ctx_keep(struct ctx *c, int (*fn)(struct db *, void *, struct err *),
    void *arg)
{
	struct keep *k = arena_alloc(c->a, sizeof(*k)), **end = &c->keep;

	k->fn = fn;
	k->arg = arg;
	while (*end != NULL)
		end = &(*end)->next;
	*end = k;
}

void
ctx_target(struct ctx *c, const char *kind, const char *id, const char *detail)
{
	c->target_kind = kind;
	c->target_id = id;
	c->audit_detail = detail;
}

void
ctx_target_id(struct ctx *c, const char *kind, struct uuid id)
{
	char text[UUID_TEXT];

	ctx_target(c, kind, arena_strdup(c->a, uuid_format(id, text)), NULL);
}

/* One attempt inside a transaction: 1 = try again after the rollback. */
static int
attempt(struct ctx *c, const void *in, const struct idempotency *id)
{
	int status, rc;

	if (db_begin(c->db, &c->err) == -1)
		return db_retryable(&c->err);
	rc = idempotency_begin(c, id);
	if (rc == 1) {		/* the kept reply */
		db_rollback(c->db);
		return 0;
	}
	status = rc == -1 ? c->err.status : http_run(c, in);
	if (status < 400 && c->err.status == 0 &&
	    ((c->route->flags & R_AUDIT &&
	    c->http->hooks->audit(c, status, &c->err) == -1) ||
	    idempotency_end(c, id, status) == -1 ||
	    db_commit(c->db, &c->err) == -1))
		status = c->err.status;
	if (status < 400 && c->err.status == 0)
		return 0;
	db_rollback(c->db);
	return c->err.status != 0 && db_retryable(&c->err);
}

/* What a refusal must leave behind, in a transaction of its own. A failure
 * here is logged and never hides the refusal itself. */
static int
keep_refusal(struct db *db, void *arg, struct err *e)
{
	struct ctx *c = arg;

	for (struct keep *k = c->keep; k != NULL; k = k->next)
		if (k->fn(db, k->arg, e) == -1)
			return -1;
	if ((c->route->flags & R_AUDIT) && (c->err.status == 403 ||
	    c->err.status == 409 || c->keep != NULL))
		return c->http->hooks->audit(c, c->err.status, e);
	return 0;
}

static void
after_refusal(struct ctx *c)
{
	struct err e = { 0 };

	if (c->db == NULL || c->err.status >= 500 || (c->keep == NULL &&
	    !((c->route->flags & R_AUDIT) && c->who.kind != PRINCIPAL_NONE &&
	    (c->err.status == 403 || c->err.status == 409))))
		return;
	if (db_txn(c->db, c->a, keep_refusal, c, &e) == -1)
		log_error("server", "could not keep what a refusal must leave",
		    KV("detail", (const char *)e.detail),
		    KV("cause", (const char *)e.cause));
}

static void
stage_run(struct ctx *c, const void *in)
{
	struct arena_mark mark = arena_mark(c->a);
	struct response *fresh = c->resp;
	struct response saved = *fresh;
	struct idempotency id;

	if (idempotency_read(c, &id) == -1)
		return;
	if (c->route->breaker != NULL)	/* before there is a transaction */
		net_orders(c->env->net, dependency_find(c->env->shm,
		    c->route->breaker));
	if (!(c->route->flags & R_TXN)) {
		int status = http_run_plain(c, in);

		if (status < 400 && (c->route->flags & R_AUDIT)) {
			struct err e = { 0 };

			if (c->http->hooks->audit(c, status, &e) == -1)
				log_error("server", "audit row failed",
				    KV("cause", (const char *)e.cause));
		}
		return;
	}
	for (int i = 0; i < ATTEMPTS; i++) {
		if (i > 0) {
			arena_rewind(c->a, mark);
			*fresh = saved;
			str_init(&fresh->body, c->a);
			c->keep = NULL;
			err_clear(&c->err);
			metric_add(&http_retries_total, 0, 0, 1);
		}
		if (!attempt(c, in, &id))
			return;
	}
}

/* ---- matching ------------------------------------------------------------------------ */

static int
not_allowed(struct ctx *c, unsigned allow)
{
	struct str s;

	str_init(&s, c->a);
	if (allow & (1u << HTTP_GET))
		allow |= 1u << HTTP_HEAD;
	allow |= 1u << HTTP_OPTIONS;
	for (int m = HTTP_GET; m <= HTTP_HEAD; m++)
		if (allow & (1u << m)) {
			if (s.len > 0)
				str_add(&s, ", ");
			str_add(&s, method_name((enum method)m));
		}
	reply_header(c, "Allow", s.p);
	if (c->req->method == HTTP_OPTIONS) {
		reply_header(c, "Access-Control-Allow-Methods", s.p);
		reply_header(c, "Access-Control-Allow-Headers",
		    "Authorization, Content-Type, Idempotency-Key, X-API-Key, "
		    "If-None-Match");
		reply_header(c, "Access-Control-Max-Age", "600");
		reply_none(c);
		return -1;
	}
	return err_set(&c->err, 405, "method_not_allowed",
	    "Method Not Allowed");
}

static void
cors(struct ctx *c)
{
	const char *origin = request_header(c->req, "Origin");
	const char *const *ok = c->http->conf->cors;

	if (origin == NULL)
		return;
	for (; ok != NULL && *ok != NULL; ok++)
		if (strcmp(*ok, origin) == 0) {
			reply_header(c, "Access-Control-Allow-Origin", origin);
			reply_header(c, "Access-Control-Expose-Headers",
			    "ETag, X-Request-ID, Retry-After, X-Error-Code");
			reply_header(c, "Vary", "Origin");
			return;
		}
}

static int
stage_match(struct ctx *c, struct match *m, enum pool_kind pool)
{
	router_match(c->http->router, c->a, c->req->path, c->req->method, m);
	if (m->allow == 0 || (m->route != NULL && pool == POOL_CONTROL &&
	    m->route->pool != POOL_CONTROL))
		return err_set(&c->err, 404, "not_found", "Not Found");
	if (m->route == NULL)
		return not_allowed(c, m->allow);
	c->route = m->route;
	c->alias = m->alias;
	return 0;
}

static void
deprecation(struct ctx *c)
{
	bool old = c->alias != NULL ? c->alias->deprecated :
	    c->route->sunset != NULL;

	if (c->alias != NULL)
		metric_add(&http_alias_uses_total,
		    http_route_index(c->http, c->route), 0, 1);
	if (!old)
		return;
	reply_header(c, "Deprecation", "true");
	if (c->route->sunset != NULL)
		reply_header(c, "Sunset", c->route->sunset);
	if (c->alias != NULL)
		reply_header(c, "Link", arena_printf(c->a,
		    "<%s>; rel=\"successor-version\"", c->route->path));
}

static int
run_stages(struct ctx *c, enum pool_kind pool)
{
	struct match m;
	void *in;

	if (stage_match(c, &m, pool) == -1)
		return -1;
	shm_slot_request(c->env->shm, c->route->id, c->request_id,
	    (uint64_t)clock_boot_ns());
	deprecation(c);
	c->db = c->route->flags & R_NO_DB ? NULL : c->env->db;
	if (c->db == NULL && !(c->route->flags & R_NO_DB))
		return err_set(&c->err, 503, "no_database",
		    "This pool has no database");
	if (stage_body(c, false) == -1 || stage_address_rate(c) == -1)
		return -1;
	if (stage_authenticate(c) == -1) {
		after_refusal(c);
		return -1;
	}
	if (stage_key_rate(c) == -1 || stage_body(c, true) == -1 ||
	    stage_decode(c, &m, &in) == -1)
		return -1;
	stage_run(c, in);
	if (c->err.status != 0) {
		after_refusal(c);
		return -1;
	}
	if (c->route->flags & R_AUDIT && c->http->hooks->committed != NULL)
		c->http->hooks->committed(c);
	return 0;
}

/* ---- one request ----------------------------------------------------------------------- */

static const char *
make_request_id(struct ctx *c, const struct transport *t)
{
	const char *id = t->param(t->t, "QX_REQUEST_ID");
	char text[UUID_TEXT];

	if (id != NULL && *id != '\0' && strlen(id) <= 64 && strspn(id,
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "-_@.:") == strlen(id))
		return id;
	return arena_strdup(c->a, uuid_format(uuid_new(), text));
}

static void
account(struct ctx *c, int64_t start_ns)
{
	uint64_t ns = (uint64_t)(clock_boot_ns() - start_ns);
	size_t i = c->route == NULL ? c->http->nroutes :
	    http_route_index(c->http, c->route);
	int status = c->resp->status;

	metric_add(&http_requests_total, i, status_index(status), 1);
	metric_observe_ns(&http_request_seconds, i, 0, ns);
	if (status >= 500 && c->err.status != 0)
		log_error("server", "request failed",
		    KV("route", c->route ? c->route->id : ""),
		    KV("code", status), KV("error", c->err.code),
		    KV("cause", (const char *)c->err.cause),
		    KV("native", c->err.native));
	log_info("router", "request",
	    KV("method", c->req->method ? method_name(c->req->method) : "?"),
	    KV("path", c->req->path ? c->req->path : "?"),
	    KV("route", c->route ? c->route->id : ""), KV("code", status),
	    KV("us", (int64_t)(ns / 1000)), KV("user", c->who.name),
	    KV("ip", c->client_ip));
}

/* When nobody waits for the reply any more, in ns of the boot clock; 0 =
 * unknown: what the site says (QX_DEADLINE_MS, from now), or a moment before
 * the manager ends us. Clients have no say. */
static int64_t
deadline_of(const struct env *env, const struct transport *t, int64_t start)
{
	const char *text = t->param(t->t, "QX_DEADLINE_MS");
	int64_t ms = env->request_ms, said;

	if (ms > 2 * MARGIN_MS)
		ms -= MARGIN_MS;
	if (text != NULL && num_i64(text, strlen(text), &said) == NUM_OK &&
	    said > 0 && (ms == 0 || said < ms))
		ms = said;
	return ms == 0 ? 0 : start + ms * 1000000;
}

void
http_serve(struct http *h, const struct transport *t, enum pool_kind pool,
    struct arena *a)
{
	int64_t start = clock_boot_ns();
	struct request req = { .t = t };
	bool retried = t->param(t->t, "HTTP_X_RETRY_LAYER") != NULL;
	struct ctx c = { .http = h, .env = h->env, .a = a, .now = clock_now(),
	    .req = &req, .client_ip = "" };
	int parsed;

	c.deadline_boot_ns = deadline_of(h->env, t, start);
	net_scope(h->env->net, c.deadline_boot_ns, retried);
	c.resp = response_new(a);
	c.request_id = make_request_id(&c, t);
	log_context(c.request_id, t->param(t->t, "HTTP_TRACEPARENT"));
	parsed = request_parse(&req, a, h->conf, t, &c.err);
	if (req.client_ip != NULL)	/* refusals are somebody's, too */
		c.client_ip = req.client_ip;
	if (parsed == 0) {
		cors(&c);
		run_stages(&c, pool);
	}
	if (c.err.status != 0)
		response_error(&c, &c.err);
	ASSERT(c.resp->status != 0);
	response_send(&c, req.method == HTTP_HEAD);
	account(&c, start);
	shm_slot_done(h->env->shm);
	net_scope(h->env->net, 0, false);
	log_context(NULL, NULL);
}
