/*
 * Silences over HTTP. Refuses one that would match everything.
 */
#include "base/clock.h"
#include "base/random.h"
#include "http/ctx.h"
#include "modules/platform/rule.h"
#include "modules/platform/silence.h"

struct list_in {
	struct page_in page;
	bool ended;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, ended, .def = "false",
	    .doc = "Also those that are over"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "SilencePage", .doc = "Page of silences",
	.size = sizeof(struct list_in), .fields = list_fields
};

struct make_in {
	const char *rule, *severity, *host, *comment;
	struct utc starts_at;
	int64_t minutes;
};
#define M(m, ...) FIELD(struct make_in, m, __VA_ARGS__)
static const struct field make_fields[] = {
	M(rule, .max = 64, .def = "\"\"", .example = "\"DiskFree\"",
	    .doc = "Rule; empty: any"),
	M(severity, .def = "\"\"", .oneof = ONEOF("", "info", "warning",
	    "critical", "page"), .doc = "Severity; empty: any"),
	M(host, .max = 128, .def = "\"\"", .doc = "Host; empty: any"),
	M(comment, .flags = FF_REQUIRED, .min = 1, .max = 500, .doc = "Why"),
	M(starts_at, .flags = FF_NULLABLE, .doc = "Begin; now when absent"),
	M(minutes, .def = "60", .min = 1, .max = 43200,
	    .doc = "How long, at most thirty days"),
	FIELD_END
};
static const struct schema make_schema = {
	.name = "SilenceCreate", .doc = "Which alerts not to tell, and how "
	"long; at least one of rule, severity and host",
	.size = sizeof(struct make_in), .fields = make_fields
};

static int
silence_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &after) == -1 ||
	    platform_silence_page(c->db, c->a, i->ended, c->now, after,
	    i->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_silence, id)));
}

static int
silence_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_silence s;

	if (db_found(platform_silence_by_id(c->db, c->a, w->id, &s, &c->err),
	    "Silence", &c->err) == -1)
		return fail_err(c);
	return reply(c, &s);
}

static int
silence_create(struct ctx *c, const void *in)
{
	const struct make_in *i = in;
	struct platform_silence s = { .id = uuid_new(), .rule = i->rule,
	    .severity = i->severity, .host = i->host, .comment = i->comment,
	    .owner = c->who.name != NULL ? c->who.name : "",
	    .starts_at = i->starts_at.us != 0 ? i->starts_at : c->now,
	    .created_at = c->now };

	if (*s.rule == '\0' && *s.severity == '\0' && *s.host == '\0')
		return fail_field(c, "rule", "value_error", "One of rule, "
		    "severity and host is needed: a silence over everything "
		    "would hide the next outage");
	s.ends_at.us = s.starts_at.us + i->minutes * 60 * US_PER_S;
	if (platform_silence_insert(c->db, &s, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "silence", s.id);
	return reply(c, &s);
}

static int
silence_end(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_silence s;

	ctx_target_id(c, "silence", w->id);
	if (db_found(platform_silence_by_id(c->db, c->a, w->id, &s, &c->err),
	    "Silence", &c->err) == -1 ||
	    platform_silence_end(c->db, w->id, c->now, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

const struct route platform_silence_routes[] = {
	{ .id = "system.silence.list", .method = HTTP_GET,
	  .path = "/api/system/alerts/silences",
	  .aliases = ALIASES({ "/api/alerts/silences", "003", false }),
	  .auth = AUTH_USER, .permission = "system:read", .in = &list_schema,
	  .out = &platform_silence_schema, .ok = 200, .flags = R_LIST,
	  .run = silence_list, .summary = "Silences" },
	{ .id = "system.silence.create", .method = HTTP_POST,
	  .path = "/api/system/alerts/silences",
	  .aliases = ALIASES({ "/api/alerts/silences", "003", false }),
	  .auth = AUTH_USER, .permission = "alerts:write",
	  .in = &make_schema, .out = &platform_silence_schema, .ok = 201,
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = silence_create,
	  .summary = "Tell nothing about some alerts for a while" },
	{ .id = "system.silence.get", .method = HTTP_GET,
	  .path = "/api/system/alerts/silences/{id}", .auth = AUTH_USER,
	  .permission = "system:read", .in = &id_in_schema,
	  .out = &platform_silence_schema, .ok = 200, .errors = ERRORS(404),
	  .run = silence_get, .summary = "One silence" },
	{ .id = "system.silence.end", .method = HTTP_DELETE,
	  .path = "/api/system/alerts/silences/{id}", .auth = AUTH_USER,
	  .permission = "alerts:write", .in = &id_in_schema, .ok = 204,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	  .run = silence_end, .summary = "End a silence now" },
	ROUTE_END
};
