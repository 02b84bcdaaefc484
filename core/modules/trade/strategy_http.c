/*
 * Strategies over HTTP. A spec that cannot be run is refused when it is
 * written, not when it is used.
 */
#include <string.h>

#include "base/codec.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "http/ctx.h"
#include "modules/trade/strategies.h"

struct put_in {
	struct uuid id;
	const char *name;
	struct json spec;
	int64_t version;
};
#define SPEC_EXAMPLE "{\"indicators\":{\"f\":[\"sma\",\"close\",10]," \
	"\"s\":[\"sma\",\"close\",30]},\"entry_long\":[\"cross_above\",\"f\"," \
	"\"s\"],\"exit_long\":[\"cross_below\",\"f\",\"s\"]}"
#define NAME FIELD(struct put_in, name, .flags = FF_REQUIRED, .min = 1, \
	.max = 100, .doc = "Name")
#define SPEC FIELD(struct put_in, spec, .flags = FF_REQUIRED, \
	.example = SPEC_EXAMPLE, .doc = "See StrategySpec")
static const struct field make_fields[] = { NAME, SPEC, FIELD_END };
static const struct schema make_schema = {
	.name = "StrategyCreate", .doc = "A strategy to keep",
	.size = sizeof(struct put_in), .fields = make_fields
};
static const struct field change_fields[] = {
	FIELD(struct put_in, id, .flags = FF_REQUIRED,
	    .ref = "trade_strategy", .doc = "Identifier"), NAME, SPEC,
	FIELD(struct put_in, version, .flags = FF_REQUIRED, .min = 1,
	    .doc = "The version that was read"),
	FIELD_END
};
static const struct schema change_schema = {
	.name = "StrategyUpdate", .doc = "The strategy as it shall be",
	.size = sizeof(struct put_in), .fields = change_fields
};

static const char *
hex_of(struct arena *a, struct blob b)
{
	return hex_encode(b.p, b.n, arena_alloc(a, 2 * b.n + 1));
}

struct blob
trade_digest(struct arena *a, const void *p, size_t n, const char **hex)
{
	uint8_t *d = arena_alloc(a, SHA256_LEN);

	crypto_sha256(p, n, d);
	if (hex != NULL)
		*hex = hex_of(a, (struct blob){ d, SHA256_LEN });
	return (struct blob){ d, SHA256_LEN };
}

static int
judge(struct ctx *c, struct json spec)
{
	struct trade_strategy s;

	return trade_strategy_read(c->a, spec.p, strlen(spec.p), &s,
	    &c->err);
}

static int
strategy_list(struct ctx *c, const void *in)
{
	const struct page_only_in *i = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &after) == -1 ||
	    trade_strategy_page(c->db, c->a, c->who.tenant_id, after,
	    i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t k = 0; k < rows.n; k++) {
		struct trade_strategy_row *s = ROW(&rows,
		    struct trade_strategy_row, k);

		s->sha256 = hex_of(c->a, s->digest);
	}
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct trade_strategy_row, id)));
}

static int
find(struct ctx *c, struct uuid id, struct trade_strategy_row *s)
{
	if (db_found(trade_strategy_by_id(c->db, c->a, c->who.tenant_id, id,
	    s, &c->err), "Strategy", &c->err) == -1)
		return -1;
	s->sha256 = hex_of(c->a, s->digest);
	return 0;
}

static int
strategy_get(struct ctx *c, const void *in)
{
	const struct id_in *i = in;
	struct trade_strategy_row s;

	return find(c, i->id, &s) == -1 ? fail_err(c) : reply(c, &s);
}

static int
strategy_create(struct ctx *c, const void *in)
{
	const struct put_in *p = in;
	struct trade_strategy_row s = { .id = uuid_new(),
	    .tenant_id = c->who.tenant_id, .name = p->name, .spec = p->spec,
	    .version = 1, .made_by = c->who.name != NULL ? c->who.name : "",
	    .created_at = c->now, .updated_at = c->now };

	if (judge(c, p->spec) == -1)
		return fail_err(c);
	s.digest = trade_digest(c->a, p->spec.p, strlen(p->spec.p),
	    &s.sha256);
	if (trade_strategy_insert(c->db, &s, &c->err) == -1)
		return c->err.status == 409 ? fail(c, 409, "duplicate",
		    "A strategy of this name exists") : fail_err(c);
	ctx_target_id(c, "strategy", s.id);
	return reply(c, &s);
}

static int
strategy_update(struct ctx *c, const void *in)
{
	const struct put_in *p = in;
	struct trade_strategy_row s;

	ctx_target_id(c, "strategy", p->id);
	if (judge(c, p->spec) == -1 || find(c, p->id, &s) == -1)
		return fail_err(c);
	s.name = p->name;
	s.spec = p->spec;
	s.version = p->version;
	s.made_by = c->who.name != NULL ? c->who.name : "";
	s.updated_at = c->now;
	s.digest = trade_digest(c->a, p->spec.p, strlen(p->spec.p),
	    &s.sha256);
	if (trade_strategy_update(c->db, &s, &c->err) == -1)
		return fail_err(c);
	return reply(c, &s);
}

static int
strategy_delete(struct ctx *c, const void *in)
{
	const struct id_in *i = in;

	ctx_target_id(c, "strategy", i->id);
	if (db_found(trade_strategy_delete(c->db, c->who.tenant_id, i->id,
	    &c->err), "Strategy", &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

const struct route trade_strategy_routes[] = {
	{ .id = "trade.strategy.list", .method = HTTP_GET,
	  .path = "/api/trade/strategies", .summary = "Strategies",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &page_only_schema, .out = &trade_strategy_row_schema,
	  .ok = 200, .flags = R_LIST, .run = strategy_list },
	{ .id = "trade.strategy.create", .method = HTTP_POST,
	  .path = "/api/trade/strategies", .summary = "Keep a strategy",
	  .auth = AUTH_USER, .permission = "trade:write",
	  .in = &make_schema, .out = &trade_strategy_row_schema, .ok = 201,
	  .errors = ERRORS(409), .flags = R_TXN | R_AUDIT | R_IDEMPOTENT,
	  .run = strategy_create },
	{ .id = "trade.strategy.get", .method = HTTP_GET,
	  .path = "/api/trade/strategies/{id}", .summary = "One strategy",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &id_in_schema, .out = &trade_strategy_row_schema, .ok = 200,
	  .errors = ERRORS(404), .run = strategy_get },
	{ .id = "trade.strategy.update", .method = HTTP_PUT,
	  .path = "/api/trade/strategies/{id}",
	  .summary = "Change a strategy", .auth = AUTH_USER,
	  .permission = "trade:write", .in = &change_schema,
	  .out = &trade_strategy_row_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = strategy_update },
	{ .id = "trade.strategy.delete", .method = HTTP_DELETE,
	  .path = "/api/trade/strategies/{id}",
	  .summary = "Forget a strategy; its results stay",
	  .auth = AUTH_USER, .permission = "trade:write",
	  .in = &id_in_schema, .ok = 204, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = strategy_delete },
	ROUTE_END
};
