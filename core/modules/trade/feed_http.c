/*
 * Feeds over HTTP: made, started, paused, stopped. What a feed may reach is
 * the operator's choice: a Redis stream is refused unless the settings name it
 * for this tenant.
 */
#include <string.h>

#include "base/random.h"
#include "base/str.h"
#include "http/ctx.h"
#include "modules/trade/conf.h"
#include "modules/trade/feed_inner.h"
#include "net/net.h"

#define F struct trade_feed

struct make_in {
	const char *name, *kind;
	const void *spec;
	bool start;
};
static const struct field make_fields[] = {
	FIELD(struct make_in, name, .flags = FF_REQUIRED, .min = 1,
	    .max = 100, .doc = "Name"),
	FIELD(struct make_in, kind, .flags = FF_REQUIRED,
	    .oneof = ONEOF("simulator", "replay", "redis", "http"),
	    .doc = "Where its ticks come from"),
	FIELD(struct make_in, spec, .sub = &trade_feed_spec_schema,
	    .flags = FF_NULLABLE, .doc = "Its settings"),
	FIELD(struct make_in, start, .def = "true", .doc = "Start it, too"),
	FIELD_END
};
static const struct schema make_schema = {
	.name = "FeedMake", .doc = "A feed to make",
	.size = sizeof(struct make_in), .fields = make_fields
};

struct change_in {
	struct uuid id;
	const void *spec;
};
static const struct field change_fields[] = {
	FIELD(struct change_in, id, .flags = FF_REQUIRED, .doc = "Feed"),
	FIELD(struct change_in, spec, .sub = &trade_feed_spec_schema,
	    .flags = FF_REQUIRED, .doc = "Its new settings"),
	FIELD_END
};
static const struct schema change_schema = {
	.name = "FeedChange", .doc = "New settings of a feed",
	.size = sizeof(struct change_in), .fields = change_fields
};

/* ---- what is allowed ------------------------------------------------------------------- */

static bool
listed(struct ctx *c, const char *const *m, const char *stream)
{
	for (; m != NULL && *m != NULL; m++) {
		struct uuid tenant;
		const char *name;

		if (trade_stream_of(c->a, *m, &name, &tenant) == 0 &&
		    strncmp(name, stream, strlen(name)) == 0 &&
		    (strcmp(stream + strlen(name), "") == 0 ||
		    strcmp(stream + strlen(name), TRADE_CHANNEL) == 0) &&
		    uuid_equal(tenant, c->who.tenant_id))
			return true;
	}
	return false;
}

/* The settings give this stream to the caller's tenant. */
static bool
may_read(struct ctx *c, const char *stream)
{
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);

	return listed(c, f->redis_ticks, stream) ||
	    listed(c, f->redis_signals, stream) ||
	    listed(c, f->redis_channels, stream);
}

static int
check_spec(struct ctx *c, const char *kind, const char *name,
    const struct trade_feed_spec *s)
{
	const char *const *v = s->symbols.items;
	struct err e = { 0 };

	for (size_t i = 0; i < s->symbols.n; i++)
		if (!trade_symbol_ok(v[i]))
			return fail_field(c, "spec", "value_error",
			    "A symbol has 1 to 32 letters, digits or .&_^=-");
	if (strcmp(kind, "replay") == 0 && s->symbols.n == 0)
		return fail_field(c, "spec", "value_error",
		    "A replay needs symbols");
	if (strcmp(kind, "redis") == 0 && !may_read(c, s->stream))
		return fail_field(c, "spec", "value_error", "The setting "
		    "trade.redis_ticks does not name this stream for you");
	if (strcmp(kind, "redis") == 0 && name != NULL &&
	    strcmp(name, s->stream) != 0)
		return fail_field(c, "name", "value_error",
		    "A feed of Redis has the name of its stream");
	if (strcmp(kind, "http") == 0 && net_url_check(s->url, &e) == -1)
		return fail_field(c, "spec", "value_error",
		    arena_strdup(c->a, e.detail));
	return 0;
}

static struct json
spec_text(struct ctx *c, const struct trade_feed_spec *s)
{
	struct str text;

	str_init(&text, c->a);
	schema_encode(&trade_feed_spec_schema, s, &text);
	return (struct json){ text.p };
}

/* ---- making and reading ------------------------------------------------------------------- */

static int
feed_create(struct ctx *c, const void *in)
{
	const struct make_in *p = in;
	const struct trade_feed_spec *s = p->spec;
	F f = { .id = uuid_new(), .tenant_id = c->who.tenant_id,
	    .name = p->name, .kind = p->kind, .wanted = "stopped",
	    .state = "stopped", .detail = "", .spec = { "{}" },
	    .position = "", .version = 1, .created_at = c->now,
	    .updated_at = c->now };
	struct trade_feed_spec usual;
	int rc;

	if (s == NULL) {
		if (trade_feed_spec_read(&f, c->a, &usual, &c->err) == -1)
			return fail_err(c);
		s = &usual;
	}
	if ((rc = check_spec(c, p->kind, p->name, s)) != 0)
		return rc;
	f.spec = spec_text(c, s);
	if (trade_feed_insert(c->db, &f, &c->err) == -1)
		return strcmp(c->err.code, "duplicate") == 0 ? fail(c, 409,
		    "duplicate", "There is a feed of this name") : fail_err(c);
	if (p->start && trade_feed_start(c->db, c->a, &f, c->now, &c->err) ==
	    -1)
		return fail_err(c);
	ctx_target_id(c, "feed", f.id);
	return reply(c, &f);
}

static int
feed_list(struct ctx *c, const void *in)
{
	const struct page_only_in *i = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &below) == -1 ||
	    trade_feed_page(c->db, c->a, c->who.tenant_id, below,
	    i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(F, id)));
}

static int
find(struct ctx *c, struct uuid id, bool lock, F *f)
{
	return db_found(trade_feed_find(c->db, c->a, c->who.tenant_id, id,
	    lock, f, &c->err), "Feed", &c->err);
}

static int
feed_get(struct ctx *c, const void *in)
{
	F f;

	return find(c, ((const struct id_in *)in)->id, false, &f) == -1 ?
	    fail_err(c) : reply(c, &f);
}

static int
feed_change(struct ctx *c, const void *in)
{
	const struct change_in *p = in;
	int rc;
	F f;

	if (find(c, p->id, true, &f) == -1)
		return fail_err(c);
	if (strcmp(f.wanted, "stopped") != 0)
		return fail(c, 409, "state", "Stop it first");
	if ((rc = check_spec(c, f.kind, f.name, p->spec)) != 0)
		return rc;
	f.spec = spec_text(c, p->spec);
	f.position = "";
	f.updated_at = c->now;
	f.version++;
	if (trade_feed_update(c->db, &f, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "feed", f.id);
	return reply(c, &f);
}

static int
feed_delete(struct ctx *c, const void *in)
{
	struct uuid id = ((const struct id_in *)in)->id;
	F f;

	if (find(c, id, true, &f) == -1 || trade_feed_halt(c->db, &f,
	    "stopped", "stopped", "", c->now, &c->err) == -1 ||
	    trade_feed_delete(c->db, c->who.tenant_id, id, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "feed", id);
	return reply_none(c);
}

/* ---- its state ------------------------------------------------------------------------------ */

static int
feed_start(struct ctx *c, const void *in)
{
	struct trade_feed_spec s;
	int rc;
	F f;

	if (find(c, ((const struct id_in *)in)->id, true, &f) == -1 ||
	    trade_feed_spec_read(&f, c->a, &s, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "feed", f.id);
	if (strcmp(f.wanted, "running") == 0)
		return reply(c, &f);
	if ((rc = check_spec(c, f.kind, NULL, &s)) != 0)
		return rc;
	if (trade_feed_start(c->db, c->a, &f, c->now, &c->err) == -1)
		return fail_err(c);
	return reply(c, &f);
}

static int
halt(struct ctx *c, const void *in, const char *wanted, const char *state)
{
	F f;

	if (find(c, ((const struct id_in *)in)->id, true, &f) == -1)
		return fail_err(c);
	ctx_target_id(c, "feed", f.id);
	if (strcmp(wanted, "paused") == 0 && strcmp(f.wanted, "stopped") == 0)
		return fail(c, 409, "state", "It does not run");
	if (strcmp(f.wanted, wanted) != 0 && trade_feed_halt(c->db, &f,
	    wanted, state, "", c->now, &c->err) == -1)
		return fail_err(c);
	return reply(c, &f);
}

static int
feed_pause(struct ctx *c, const void *in)
{
	return halt(c, in, "paused", "paused");
}

static int
feed_stop(struct ctx *c, const void *in)
{
	return halt(c, in, "stopped", "stopped");
}

#define FEED "/api/trade/feeds/{id:uuid}"
#define CHANGE .auth = AUTH_USER, .permission = "trade:data", \
	.out = &trade_feed_schema, .flags = R_TXN | R_AUDIT
#define ACT(word, text, more) .id = "trade.feed." word, .method = HTTP_POST, \
	.path = FEED "/" word, .summary = text, .doc = more, CHANGE, \
	.in = &id_in_schema, .ok = 200, .errors = ERRORS(404, 409), \
	.natural_key = "the feed"
const struct route trade_feed_routes[] = {
	{ .id = "trade.feed.list", .method = HTTP_GET,
	  .path = "/api/trade/feeds", .summary = "Feeds of market data",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &page_only_schema, .out = &trade_feed_schema, .ok = 200,
	  .flags = R_LIST, .run = feed_list },
	{ .id = "trade.feed.create", .method = HTTP_POST,
	  .path = "/api/trade/feeds", .summary = "Make a feed",
	  .doc = "A simulator makes its own market, a replay plays what is "
	  "stored, redis reads a stream that the settings allow, http asks a "
	  "URL for quotes.", .auth = AUTH_USER, .permission = "trade:data",
	  .in = &make_schema, .out = &trade_feed_schema, .ok = 201,
	  .errors = ERRORS(409, 422),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = feed_create },
	{ .id = "trade.feed.get", .method = HTTP_GET, .path = FEED,
	  .summary = "One feed", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &id_in_schema,
	  .out = &trade_feed_schema, .ok = 200, .errors = ERRORS(404),
	  .run = feed_get },
	{ .id = "trade.feed.update", .method = HTTP_PUT, .path = FEED,
	  .summary = "Change the settings of a stopped feed",
	  .doc = "It begins anew.", CHANGE, .in = &change_schema, .ok = 200,
	  .errors = ERRORS(404, 409, 422), .run = feed_change },
	{ .id = "trade.feed.delete", .method = HTTP_DELETE, .path = FEED,
	  .summary = "Forget a feed", .auth = AUTH_USER,
	  .permission = "trade:data", .in = &id_in_schema, .ok = 204,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	  .run = feed_delete },
	{ ACT("start", "Start a feed, or let it go on", "A feed that was "
	  "paused or stopped goes on where it was; one that has ended begins "
	  "anew. 409 busy: another feed drives one of its instruments."),
	  .run = feed_start },
	{ ACT("pause", "Pause a feed", "It keeps its instruments."),
	  .run = feed_pause },
	{ ACT("stop", "Stop a feed", "Its instruments are free for others."),
	  .run = feed_stop },
	ROUTE_END
};
