/*
 * The one route behind which all pages lie; what they are is in tables of
 * pages. Refuses nothing itself: page_serve() sends strangers to the login.
 */
#include <stddef.h>

#include "http/ctx.h"
#include "modules/platform/ui.h"

struct ui_in {
	const char *page;
};
static const struct field ui_fields[] = {
	FIELD(struct ui_in, page, .max = 400, .flags = FF_NULLABLE,
	    .doc = "Path below /ui"),
	FIELD_END
};
static const struct schema ui_schema = {
	.name = "UiPage", .doc = "A page of the dashboard",
	.size = sizeof(struct ui_in), .fields = ui_fields
};

static int
ui_get(struct ctx *c, const void *in)
{
	(void)in;
	return page_serve(c);
}

#define UI_ROUTE(name, where, shape, text) \
	{ .id = "ui." name, .method = HTTP_GET, .path = where, \
	  .summary = text, .auth = AUTH_OPTIONAL, .in = shape, .ok = 200, \
	  .errors = ERRORS(403, 404), .flags = R_TEXT | R_SECRET, \
	  .media = "text/html; charset=utf-8", .run = ui_get }

const struct route platform_ui_routes[] = {
	UI_ROUTE("home", "/ui", NULL, "Dashboard"),
	UI_ROUTE("page", "/ui/{page:path}", &ui_schema,
	    "A page of the dashboard"),
	ROUTE_END
};
