/*
 * Sources over HTTP, and the two doors through which notices are posted. The
 * doors authenticate by themselves: SNS by its signature, a webhook by ours.
 * Nothing of a post is looked at before that but which source it is for.
 */
#include <string.h>

#include "base/random.h"
#include "http/http.h"
#include "modules/spot/sns.h"
#include "modules/spot/source.h"

#define F struct filter_in
struct filter_in {
	struct page_in page;
	struct uuid account_id;
};
static const struct field filter_fields[] = {
	PAGE_LIMIT(F), PAGE_CURSOR(F),
	FIELD(F, account_id, .flags = FF_NULLABLE, .ref = "spot_account",
	    .doc = "Only of this account"), FIELD_END
};
#undef F
static const struct schema filter_schema = {
	.name = "SpotSourceFilter", .doc = "Which sources",
	.size = sizeof(struct filter_in), .fields = filter_fields
};

#define N struct spot_source_new
static const struct field new_fields[] = {
	FIELD(N, account_id, .flags = FF_REQUIRED, .ref = "spot_account",
	    .doc = "Account"),
	FIELD(N, kind, .flags = FF_REQUIRED, .oneof = ONEOF("sqs", "sns",
	    "webhook"), .example = "\"webhook\"", .doc = "sqs: a queue we "
	    "poll; sns: a topic that posts here; webhook: a program that "
	    "posts here and signs"),
	FIELD(N, region, .flags = FF_NULLABLE, .max = 32,
	    .doc = "webhook: only notices of this region; else it is the "
	    "queue's or the topic's"),
	FIELD(N, address, .flags = FF_NULLABLE, .max = 512,
	    .doc = "URL of the queue, ARN of the topic"), FIELD_END
};
#undef N
static const struct schema new_schema = {
	.name = "SpotSourceNew", .doc = "Where notices come from",
	.size = sizeof(struct spot_source_new), .fields = new_fields
};

struct made {
	struct uuid id, account_id;
	const char *kind, *region, *address, *state, *url, *secret;
};
#define M struct made
static const struct field made_fields[] = {
	FIELD(M, id, .doc = "Identifier"),
	FIELD(M, account_id, .doc = "Account"), FIELD(M, kind, .doc = "Kind"),
	FIELD(M, region, .doc = "Region"), FIELD(M, address, .doc = "Address"),
	FIELD(M, state, .doc = "State"),
	FIELD(M, url, .doc = "Where to post to; empty for what is polled"),
	FIELD(M, secret, .flags = FF_NULLABLE, .doc = "Signs the posts; shown "
	    "once. X-Quincunx-Signature is v1= and the hex HMAC-SHA256 of "
	    "timestamp.nonce.body"), FIELD_END
};
#undef M
static const struct schema made_schema = {
	.name = "SpotSourceMade", .doc = "A source with its secret",
	.size = sizeof(struct made), .fields = made_fields
};

struct taken_out {
	int64_t accepted, duplicates, dropped;
};
static const struct field taken_fields[] = {
	FIELD(struct taken_out, accepted, .doc = "Notices that were taken"),
	FIELD(struct taken_out, duplicates, .doc = "Taken before"),
	FIELD(struct taken_out, dropped, .doc = "Of another account or "
	    "region, too old, or no notices"), FIELD_END
};
static const struct schema taken_schema = {
	.name = "SpotNoticesTaken", .doc = "What became of a post",
	.size = sizeof(struct taken_out), .fields = taken_fields
};

static const char *
url_of(struct ctx *c, const char *kind, struct uuid id)
{
	char text[UUID_TEXT];

	if (strcmp(kind, "sns") != 0 && strcmp(kind, "webhook") != 0)
		return "";
	return ctx_url(c, arena_printf(c->a, "/api/spot/notices/%s/%s",
	    uuid_format(id, text), kind));
}

static int
source_list(struct ctx *c, const void *in)
{
	const struct filter_in *p = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    spot_source_page(c->db, c->a, c->who.tenant_id, p->account_id,
	    after, p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n; i++) {
		struct spot_source *s = ROW(&rows, struct spot_source, i);

		s->url = url_of(c, s->kind, s->id);
	}
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_source, id)));
}

static int
source_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_source s;

	if (spot_found(spot_source_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    &s, &c->err), "Source", &c->err) == -1)
		return fail_err(c);
	s.url = url_of(c, s.kind, s.id);
	return reply(c, &s);
}

static int
shown(struct ctx *c, const struct spot_source *s, const char *secret)
{
	struct made out = { s->id, s->account_id, s->kind, s->region,
	    s->address, s->state, url_of(c, s->kind, s->id), secret };

	ctx_target_id(c, "spot_source", s->id);
	return reply(c, &out);
}

static int
source_create(struct ctx *c, const void *in)
{
	struct spot_source s;
	const char *secret;

	if (spot_source_make(c->env, c->a, &c->who, in, c->now, &s, &secret,
	    &c->err) == -1)
		return fail_err(c);
	return shown(c, &s, secret);
}

static int
source_rotate(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_source s;
	const char *secret;

	if (spot_source_rotate(c->env, c->a, c->who.tenant_id, w->id, c->now,
	    &s, &secret, &c->err) == -1)
		return fail_err(c);
	return shown(c, &s, secret);
}

static int
source_delete(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_source s;

	if (spot_found(spot_source_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    &s, &c->err), "Source", &c->err) == -1)
		return fail_err(c);
	if (strcmp(s.kind, "simulated") == 0)
		return fail(c, 409, "simulated",
		    "The simulated cloud is always a source of its accounts");
	if (spot_source_delete(c->db, c->who.tenant_id, w->id, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_source", w->id);
	return reply_none(c);
}

/* ---- the doors ------------------------------------------------------------------- */

static int
read_body(struct ctx *c, struct spot_post *p)
{
	char *body = arena_alloc(c->a, SNS_MAX + 1);
	long n;

	while ((n = ctx_read(c, body + p->len, SNS_MAX + 1 - p->len)) > 0) {
		p->len += (size_t)n;
		if (p->len > SNS_MAX)
			return err_set(&c->err, 413, "too_large",
			    "A notice has 300 KiB at most");
	}
	p->body = body;
	return (int)n;
}

static int
post(struct ctx *c, const void *in, int (*take)(struct env *, struct arena *,
    const struct spot_post *, struct utc, struct spot_taken *, struct err *))
{
	const struct spot_id_in *w = in;
	struct spot_post p = { .id = w->id,
	    .timestamp = ctx_header(c, "X-Quincunx-Timestamp"),
	    .nonce = ctx_header(c, "X-Quincunx-Nonce"),
	    .signature = ctx_header(c, "X-Quincunx-Signature") };
	struct spot_taken t = { 0 };
	struct taken_out out;

	if (read_body(c, &p) == -1 || take(c->env, c->a, &p, c->now, &t,
	    &c->err) == -1)
		return fail_err(c);
	out = (struct taken_out){ t.accepted, t.duplicates,
	    t.strangers + t.malformed + t.late };
	return reply(c, &out);
}

static int
post_sns(struct ctx *c, const void *in)
{
	return post(c, in, spot_source_sns);
}

static int
post_webhook(struct ctx *c, const void *in)
{
	return post(c, in, spot_source_webhook);
}

const struct route spot_source_routes[] = {
	{ .id = "spot.source.list", .method = HTTP_GET,
	  .path = "/api/spot/sources", .summary = "Sources of notices",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &filter_schema,
	  .out = &spot_source_schema, .ok = 200, .flags = R_LIST,
	  .run = source_list },
	{ .id = "spot.source.get", .method = HTTP_GET,
	  .path = "/api/spot/sources/{id}", .summary = "One source",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_source_schema, .ok = 200,
	  .errors = ERRORS(404), .run = source_get },
	{ .id = "spot.source.create", .method = HTTP_POST,
	  .path = "/api/spot/sources", .summary = "Add a source of notices",
	  .doc = "A queue or topic must belong to the account. The secret of "
	  "a webhook is shown once. A topic's subscription to the URL in the "
	  "answer is confirmed by itself.",
	  .auth = AUTH_USER, .permission = "spot:write", .in = &new_schema,
	  .out = &made_schema, .ok = 201, .errors = ERRORS(404, 409, 422),
	  .flags = R_TXN | R_AUDIT | R_SECRET,
	  .natural_key = "account, kind, region and address",
	  .run = source_create },
	{ .id = "spot.source.rotate", .method = HTTP_POST,
	  .path = "/api/spot/sources/{id}/secret",
	  .summary = "A new secret for a webhook",
	  .doc = "The old one holds no longer.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .out = &made_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT | R_SECRET,
	  .natural_key = "the source", .run = source_rotate },
	{ .id = "spot.source.delete", .method = HTTP_DELETE,
	  .path = "/api/spot/sources/{id}", .summary = "Remove a source",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .ok = 204, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT, .run = source_delete },
	{ .id = "spot.notice.sns", .method = HTTP_POST,
	  .path = "/api/spot/notices/{id}/sns",
	  .summary = "Notices from a topic of SNS",
	  .doc = "Authenticated by the signature of SNS, whose certificate "
	  "must come from the region's own host.",
	  .auth = AUTH_NONE, .in = &spot_id_in_schema, .out = &taken_schema,
	  .ok = 200, .errors = ERRORS(401, 413, 422, 502, 503, 504),
	  .flags = R_RAW, .pool = POOL_SLOW, .limit = { 3000, 60 },
	  .limit_by_ip = true, .max_body = SNS_MAX,
	  .natural_key = "the event's id", .run = post_sns },
	{ .id = "spot.notice.webhook", .method = HTTP_POST,
	  .path = "/api/spot/notices/{id}/webhook",
	  .summary = "Notices from a program that signs them",
	  .doc = "The body is one event as EventBridge words it. "
	  "X-Quincunx-Timestamp (seconds, within 300), X-Quincunx-Nonce (8 to "
	  "64 letters and digits, used once) and X-Quincunx-Signature (v1= "
	  "and the hex HMAC-SHA256 of timestamp.nonce.body).",
	  .auth = AUTH_NONE, .in = &spot_id_in_schema, .out = &taken_schema,
	  .ok = 200, .errors = ERRORS(401, 413, 422, 503), .flags = R_RAW,
	  .limit = { 3000, 60 }, .limit_by_ip = true, .max_body = SNS_MAX,
	  .natural_key = "the event's id", .run = post_webhook },
	ROUTE_END
};
