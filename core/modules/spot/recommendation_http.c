/*
 * Recommendations over HTTP: read, approve, dismiss, and decide now.
 */
#include <string.h>

#include "base/random.h"
#include "http/http.h"
#include "modules/spot/recommendation.h"
#include "modules/spot/risk_ops.h"
#include "modules/spot/rows.h"

struct filter_in {
	struct page_in page;
	struct uuid account_id;
	const char *state;
};
#define F struct filter_in
static const struct field filter_fields[] = {
	PAGE_LIMIT(F), PAGE_CURSOR(F),
	FIELD(F, account_id, .flags = FF_NULLABLE, .ref = "spot_account",
	    .doc = "Only of this account"),
	FIELD(F, state, .flags = FF_NULLABLE, .oneof = ONEOF("open",
	    "approved", "dismissed", "expired", "superseded", "refused"),
	    .doc = "Only in this state"),
	FIELD_END
};
#undef F
static const struct schema filter_schema = {
	.name = "SpotRecommendationFilter", .doc = "Which recommendations",
	.size = sizeof(struct filter_in), .fields = filter_fields
};

static int
list(struct ctx *c, const void *in)
{
	const struct filter_in *p = in;
	struct spot_recommendation_filter f = { .tenant = c->who.tenant_id,
	    .account = p->account_id, .state = p->state,
	    .limit = p->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &f.below) == -1 ||
	    spot_recommendation_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_recommendation, id)));
}

static int
get(struct ctx *c, const void *in)
{
	const struct spot_id_in *p = in;
	struct spot_recommendation r;

	if (spot_found(spot_recommendation_by_id(c->db, c->a,
	    c->who.tenant_id, p->id, false, &r, &c->err), "Recommendation",
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

struct word_in {
	struct uuid id;
	const char *comment;
};
static const struct field word_fields[] = {
	FIELD(struct word_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	FIELD(struct word_in, comment, .flags = FF_NULLABLE, .max = 400,
	    .doc = "Why"), FIELD_END
};
static const struct schema word_schema = {
	.name = "SpotRecommendationWord", .doc = "A person's word",
	.size = sizeof(struct word_in), .fields = word_fields
};

static int
approve(struct ctx *c, const void *in)
{
	const struct word_in *p = in;
	struct spot_recommendation r;

	ctx_target_id(c, "spot_recommendation", p->id);
	if (spot_recommendation_approve(c->env, c->db, c->a, &c->who, p->id,
	    p->comment, c->now, &r, &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

static int
dismiss(struct ctx *c, const void *in)
{
	const struct word_in *p = in;
	struct spot_recommendation r;

	ctx_target_id(c, "spot_recommendation", p->id);
	if (spot_recommendation_dismiss(c->db, c->a, &c->who, p->id,
	    p->comment, c->now, &r, &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

static int
decide(struct ctx *c, const void *in)
{
	const struct spot_id_in *p = in;
	struct spot_account acc;
	char unique[UUID_TEXT];

	if (spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    p->id, &acc, &c->err), "Account", &c->err) == -1)
		return fail_err(c);
	return spot_queue_reply(c, &spot_decide_jobs[0], &p->id,
	    uuid_format(p->id, unique));
}

const struct route spot_recommendation_routes[] = {
	{ .id = "spot.recommendation.list", .method = HTTP_GET,
	  .path = "/api/spot/recommendations", .aliases = ALIASES(
	  { "/api/v1/recommendations", "001", false }),
	  .summary = "Moves that are worth it, newest first",
	  .doc = "Each with its reason, its decision record and what became "
	  "of it.",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &filter_schema,
	  .out = &spot_recommendation_schema, .ok = 200, .flags = R_LIST,
	  .run = list },
	{ .id = "spot.recommendation.get", .method = HTTP_GET,
	  .path = "/api/spot/recommendations/{id:uuid}",
	  .summary = "One recommendation", .auth = AUTH_USER,
	  .permission = "spot:read", .in = &spot_id_in_schema,
	  .out = &spot_recommendation_schema, .ok = 200,
	  .errors = ERRORS(404), .run = get },
	{ .id = "spot.recommendation.approve", .method = HTTP_POST,
	  .path = "/api/spot/recommendations/{id:uuid}/approve",
	  .aliases = ALIASES(
	  { "/api/v1/recommendations/{id:uuid}/approve", "001", false }),
	  .summary = "Do it",
	  .doc = "The inbox's yes to exactly this plan; its move is reserved "
	  "in the same transaction. A stop switch or a cap refuses it.",
	  .auth = AUTH_USER, .permission = "spot:write", .in = &word_schema,
	  .out = &spot_recommendation_schema, .ok = 200,
	  .errors = ERRORS(403, 404, 409), .flags = R_TXN | R_AUDIT,
	  .natural_key = "an answered one is 409 not_open", .run = approve },
	{ .id = "spot.recommendation.dismiss", .method = HTTP_POST,
	  .path = "/api/spot/recommendations/{id:uuid}/dismiss",
	  .aliases = ALIASES(
	  { "/api/v1/recommendations/{id:uuid}/dismiss", "001", false }),
	  .summary = "Do not do it", .auth = AUTH_USER,
	  .permission = "spot:write", .in = &word_schema,
	  .out = &spot_recommendation_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .natural_key = "an answered one is 409 not_open", .run = dismiss },
	{ .id = "spot.decide", .method = HTTP_POST,
	  .path = "/api/spot/accounts/{id:uuid}/decide",
	  .summary = "Decide about an account now",
	  .doc = "A job; decisions follow each scan by themselves.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .out = &spot_queued_schema, .ok = 202,
	  .errors = ERRORS(404), .flags = R_TXN | R_IDEMPOTENT | R_AUDIT,
	  .run = decide },
	ROUTE_END
};
