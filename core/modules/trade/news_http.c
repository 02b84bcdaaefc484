/*
 * News and aliases over HTTP. A text is judged before the transaction begins,
 * because an external engine may be asked.
 */
#include <string.h>

#include "http/ctx.h"
#include "modules/trade/instrument.h"
#include "modules/trade/news.h"

enum { POST_MAX = 100, FETCHED_MAX = 200 };

/* ---- taking ---------------------------------------------------------------------- */

struct post_in {
	struct list items;
};
static const struct field post_fields[] = {
	FIELD(struct post_in, items, .flags = FF_REQUIRED, .min = 1,
	    .max = POST_MAX, .sub = &trade_news_in_schema, .doc = "Texts"),
	FIELD_END
};
static const struct schema post_schema = {
	.name = "NewsPosts", .doc = "Texts of news",
	.size = sizeof(struct post_in), .fields = post_fields
};
static int
news_post(struct ctx *c, const void *in)
{
	const struct post_in *p = in;
	const struct trade_news_in *items = p->items.items;
	struct trade_judged *j = arena_array(c->a, p->items.n, sizeof(*j));
	struct trade_news_posted out;
	struct rows named;

	if (trade_named_all(c->db, c->a, c->who.tenant_id, &named,
	    &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < p->items.n; i++)
		if (trade_news_judge(c->env, c->a, &named, &items[i], &j[i],
		    &c->err) == -1)
			return fail_err(c);
	if (trade_news_store_all(c->db, c->a, c->env, c->who.tenant_id, items,
	    j, p->items.n, c->now, &out, &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

/* ---- reading ----------------------------------------------------------------------- */

struct list_in {
	struct page_in page;
	const char *symbol;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, symbol, .max = 32, .def = "\"\"",
	    .doc = "Only those that name it"), FIELD_END
};
static const struct schema list_schema = {
	.name = "NewsList", .doc = "Which news",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
with_symbols(struct ctx *c, struct trade_news *n)
{
	struct rows rows;

	if (trade_symbol_score_of_news(c->db, c->a, n->id, &rows, &c->err) ==
	    -1)
		return -1;
	n->symbols = (struct list){ rows.v, rows.n };
	return 0;
}

static int
news_list(struct ctx *c, const void *in)
{
	const struct list_in *l = in;
	struct uuid below;
	struct rows rows;
	const char *next;

	if (cursor_open_uuid(c, l->page.cursor, &below) == -1 ||
	    trade_news_page(c->db, c->a, c->who.tenant_id, l->symbol, below,
	    l->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	next = cursor_uuid(c, &rows, l->page.limit,
	    offsetof(struct trade_news, id));
	for (size_t i = 0; i < rows.n && i < FETCHED_MAX; i++)
		if (with_symbols(c, ROW(&rows, struct trade_news, i)) == -1)
			return fail_err(c);
	rows.schema = &trade_news_schema;
	return reply_list(c, &rows, next);
}

static int
news_get(struct ctx *c, const void *in)
{
	const struct id_in *i = in;
	struct trade_news n = { .id = i->id };

	if (db_found(trade_news_by_id(c->db, c->a, c->who.tenant_id, i->id,
	    &n, &c->err), "News", &c->err) == -1 || with_symbols(c, &n) ==
	    -1)
		return fail_err(c);
	return reply(c, &n);
}

static int
news_delete(struct ctx *c, const void *in)
{
	const struct id_in *i = in;

	if (db_found(trade_news_delete(c->db, c->who.tenant_id, i->id,
	    &c->err), "News", &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "news", i->id);
	return reply_none(c);
}

/* ---- aliases ------------------------------------------------------------------------- */

struct alias_in {
	const char *alias, *symbol;
};
static const struct field alias_fields[] = {
	FIELD(struct alias_in, alias, .flags = FF_REQUIRED, .min = 2,
	    .max = 200, .doc = "Name in texts"),
	FIELD(struct alias_in, symbol, .flags = FF_REQUIRED, .min = 1,
	    .max = 32, TRADE_SYMBOL, .doc = "Symbol"), FIELD_END
};
static const struct schema alias_schema = {
	.name = "AliasPut", .doc = "A name of a symbol",
	.size = sizeof(struct alias_in), .fields = alias_fields
};
struct gone_in {
	const char *alias;
};
static const struct field gone_fields[] = {
	FIELD(struct gone_in, alias, .flags = FF_REQUIRED, .min = 1,
	    .max = 200, .ref = "trade_alias", .doc = "Name in texts"),
	FIELD_END
};
static const struct schema gone_schema = {
	.name = "AliasName", .doc = "Which alias",
	.size = sizeof(struct gone_in), .fields = gone_fields
};

static int
alias_put(struct ctx *c, const void *in)
{
	const struct alias_in *p = in;
	struct trade_alias x = { c->who.tenant_id, p->alias, p->symbol,
	    c->now };

	if (trade_alias_put(c->db, &x, &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "alias", p->alias, NULL);
	return reply(c, &x);
}

static int
alias_list(struct ctx *c, const void *in)
{
	const struct page_only_in *i = in;
	const char *after, *next = NULL;
	struct rows rows;

	if (cursor_open(c, i->page.cursor, &after) == -1 ||
	    trade_alias_page(c->db, c->a, c->who.tenant_id, after,
	    i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > i->page.limit) {
		rows.n = (size_t)i->page.limit;
		next = cursor_seal(c, ROW(&rows, struct trade_alias,
		    rows.n - 1)->alias);
	}
	return reply_list(c, &rows, next);
}

static int
alias_delete(struct ctx *c, const void *in)
{
	const struct gone_in *i = in;

	if (db_found(trade_alias_delete(c->db, c->who.tenant_id, i->alias,
	    &c->err), "Alias", &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "alias", i->alias, NULL);
	return reply_none(c);
}

const struct route trade_news_routes[] = {
	{ .id = "trade.news.post", .method = HTTP_POST,
	  .path = "/api/trade/news", .summary = "Take news and judge them",
	  .doc = "A text is stored once per source; one that repeats what "
	  "was said within 48 hours is stored and does not count.",
	  .auth = AUTH_USER, .permission = "trade:data", .in = &post_schema,
	  .out = &trade_news_posted_schema, .ok = 200, .errors = ERRORS(422),
	  .natural_key = "source, title and body", .max_body = 4 << 20,
	  .flags = R_AUDIT, .run = news_post },
	{ .id = "trade.news.list", .method = HTTP_GET,
	  .path = "/api/trade/news", .summary = "News, newest first",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &list_schema,
	  .out = &trade_news_schema, .ok = 200, .flags = R_LIST,
	  .run = news_list },
	{ .id = "trade.news.get", .method = HTTP_GET,
	  .path = "/api/trade/news/{id:uuid}",
	  .summary = "News with what counted", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &id_in_schema,
	  .out = &trade_news_schema, .ok = 200, .errors = ERRORS(404),
	  .run = news_get },
	{ .id = "trade.news.delete", .method = HTTP_DELETE,
	  .path = "/api/trade/news/{id:uuid}", .summary = "Forget news",
	  .auth = AUTH_USER, .permission = "trade:data",
	  .in = &id_in_schema, .ok = 204, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = news_delete },
	{ .id = "trade.alias.put", .method = HTTP_PUT,
	  .path = "/api/trade/aliases",
	  .summary = "A name by which texts call a symbol",
	  .auth = AUTH_USER, .permission = "trade:data",
	  .in = &alias_schema, .out = &trade_alias_schema, .ok = 200,
	  .flags = R_TXN | R_AUDIT, .natural_key = "the alias",
	  .run = alias_put },
	{ .id = "trade.alias.list", .method = HTTP_GET,
	  .path = "/api/trade/aliases", .summary = "Names of symbols",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &page_only_schema, .out = &trade_alias_schema, .ok = 200,
	  .flags = R_LIST, .run = alias_list },
	{ .id = "trade.alias.delete", .method = HTTP_DELETE,
	  .path = "/api/trade/aliases/{alias}", .summary = "Forget a name",
	  .auth = AUTH_USER, .permission = "trade:data", .in = &gone_schema,
	  .ok = 204, .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	  .run = alias_delete },
	ROUTE_END
};
