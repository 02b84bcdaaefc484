/*
 * GET /api/system/config: what is in force and where it came from. Secrets
 * were masked by the configuration layer already.
 */
#include <stddef.h>

#include "http/ctx.h"
#include "modules/platform/setting.h"

struct setting_row {
	const char *path, *value, *origin, *doc, *def, *env;
	bool secret;
};

static const struct field fields[] = {
	FIELD(struct setting_row, path, .doc = "Name of the setting"),
	FIELD(struct setting_row, value, .doc = "Value in force; a secret is "
	    "masked"),
	FIELD(struct setting_row, origin, .doc = "default, file and line, "
	    "variable or option"),
	FIELD(struct setting_row, doc, .doc = "What it does"),
	{ .name = "default", .off = offsetof(struct setting_row, def),
	    .type = FT_STR, .doc = "Value without any configuration" },
	FIELD(struct setting_row, env, .doc = "Environment variable"),
	FIELD(struct setting_row, secret, .doc = "Value is never shown"),
	FIELD_END
};

static const struct schema schema = {
	.name = "Setting", .doc = "An effective setting",
	.size = sizeof(struct setting_row), .fields = fields
};

static int
setting_list(struct ctx *c, const void *in)
{
	const struct conf_item *items;
	size_t n = conf_items(c->env->conf, c->a, &items);
	struct setting_row *v = arena_array(c->a, n, sizeof(*v));
	struct rows rows = { v, n, &schema };

	(void)in;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct setting_row){ items[i].path, items[i].value,
		    items[i].origin, items[i].doc, items[i].def, items[i].env,
		    items[i].secret };
	return reply_list(c, &rows, NULL);
}

const struct route platform_setting_routes[] = {
	{ .id = "system.config.list", .method = HTTP_GET,
	  .path = "/api/system/config", .auth = AUTH_USER,
	  .permission = "system:config", .out = &schema, .ok = 200,
	  .flags = R_LIST, .run = setting_list,
	  .summary = "Effective configuration with origins",
	  .doc = "Every setting in force, its default, and where the value "
	  "came from. Secrets are masked." },
	ROUTE_END
};
