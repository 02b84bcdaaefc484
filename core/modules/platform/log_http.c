/*
 * GET /api/system/logs. Lines tell of all tenants: only for those who run the
 * installation.
 */
#include <stddef.h>
#include <string.h>

#include "conf/base.h"
#include "http/ctx.h"
#include "modules/platform/log.h"

struct log_in {
	struct page_in page;
	const char *component, *level, *contains;
	struct utc since;
};
static const struct field in_fields[] = {
	PAGE_LIMIT(struct log_in),
	PAGE_CURSOR(struct log_in),
	FIELD(struct log_in, component, .max = 64, .flags = FF_NULLABLE,
	    .doc = "server, router, auth, …; with a dot for a part of one"),
	FIELD(struct log_in, level, .flags = FF_NULLABLE,
	    .oneof = ONEOF("debug", "info", "warning", "error"),
	    .doc = "Least severity"),
	FIELD(struct log_in, contains, .max = 200, .flags = FF_NULLABLE,
	    .doc = "Part of the line, in any case"),
	FIELD(struct log_in, since, .flags = FF_NULLABLE,
	    .doc = "Nothing older"),
	FIELD_END
};
static const struct schema in_schema = {
	.name = "LogQuery", .doc = "Which lines",
	.size = sizeof(struct log_in), .fields = in_fields
};

static int
log_list(struct ctx *c, const void *in)
{
	const struct base_conf *cf = conf_get(c->env->conf, &base_settings);
	const struct log_in *i = in;
	struct platform_log_filter f = { i->component, i->level, i->contains,
	    i->since, i->page.limit };
	const char *from, *next;
	struct rows rows = { NULL, 0, &platform_log_schema };

	if (cursor_open(c, i->page.cursor, &from) == -1)
		return fail_err(c);
	if (cf->log_dir == NULL || *cf->log_dir == '\0')
		return reply_list(c, &rows, NULL);
	if (platform_log_read(c->a, cf->log_dir, &f, from, &rows, &next,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows,
	    next == NULL ? NULL : cursor_seal(c, next));
}

const struct route platform_log_routes[] = {
	{ .id = "system.log.list", .method = HTTP_GET,
	  .path = "/api/system/logs", .aliases = ALIASES(
	  { "/api/v1/admin/logs/all/recent", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "system:logs", .in = &in_schema,
	  .out = &platform_log_schema, .ok = 200, .flags = R_LIST,
	  .run = log_list, .summary = "Lines of the component logs, newest "
	  "first", .doc = "A page may be short, even empty, while `next` is "
	  "set: each request looks at a bounded part of the files." },
	ROUTE_END
};
