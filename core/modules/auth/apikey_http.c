/*
 * One's own API keys. A key is made by a person with a fresh password: no key
 * makes another.
 */
#include "base/clock.h"
#include "modules/auth/apikey.h"
#include "modules/auth/common.h"

struct key_in {
	const char *name;
	struct list scopes, cidrs;
	struct utc expires_at;
};
static const struct field key_in_fields[] = {
	FIELD(struct key_in, name, .min = 1, .max = 100,
	    .flags = FF_REQUIRED, .example = "\"build server\"",
	    .doc = "Label"),
	FIELD(struct key_in, scopes, .elem = FT_STR, .min = 1, .max = 50,
	    .flags = FF_REQUIRED, .example = "[\"auth:self\"]",
	    .doc = "Permissions it may use"),
	FIELD(struct key_in, cidrs, .elem = FT_STR, .max = 20,
	    .example = "[\"10.0.0.0/8\"]",
	    .doc = "Networks it may be used from; none = all"),
	FIELD(struct key_in, expires_at, .flags = FF_NULLABLE,
	    .example = "null", .doc = "Useless from then on"),
	FIELD_END
};
static const struct schema key_in_schema = {
	.name = "ApiKeyCreate", .doc = "A new API key",
	.size = sizeof(struct key_in), .fields = key_in_fields
};

static int
apikey_list(struct ctx *c, const void *in)
{
	const struct page_only_in *p = in;
	struct uuid after;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    auth_apikey_page(c->db, c->a, c->who.user_id, after,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct auth_apikey, id)));
}

static int
apikey_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct auth_apikey k;

	if (db_found(auth_apikey_one(c->db, c->a, c->who.user_id, w->id, &k,
	    &c->err), "API key", &c->err) == -1)
		return fail_err(c);
	return reply(c, &k);
}

static int
apikey_create(struct ctx *c, const void *in)
{
	const struct key_in *i = in;
	struct auth_apikey_new want = { .name = i->name, .scopes = i->scopes,
	    .cidrs = i->cidrs, .expires_at = i->expires_at };
	struct auth_apikey made;

	if (auth_need_session(c) == -1 || auth_apikey_make(c->env, c->a,
	    &c->who, &want, c->now, &made, &c->err) == -1)
		return fail_err(c);
	auth_target(c, "apikey", made.id);
	return reply(c, &made);
}

static int
apikey_delete(struct ctx *c, const void *in)
{
	const struct id_in *w = in;

	auth_target(c, "apikey", w->id);
	if (db_found(auth_apikey_delete(c->db, c->who.user_id, w->id,
	    &c->err), "API key", &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

const struct route auth_apikey_routes[] = {
	{ .id = "auth.apikey.list", .method = HTTP_GET,
	    .path = "/api/auth/keys", .summary = "One's API keys",
	    .auth = AUTH_USER, .permission = "auth:keys",
	    .in = &page_only_schema, .out = &auth_apikey_schema, .ok = 200,
	    .flags = R_LIST, .run = apikey_list },
	{ .id = "auth.apikey.create", .method = HTTP_POST,
	    .path = "/api/auth/keys", .summary = "Make an API key",
	    .doc = "The key is shown once. It may do what its scopes and its "
	    "owner's rights of the moment have in common.",
	    .auth = AUTH_USER, .permission = "auth:keys",
	    .in = &key_in_schema, .out = &auth_apikey_schema, .ok = 201,
	    .errors = ERRORS(403),
	    .flags = R_TXN | R_AUDIT | R_SECRET | R_STEP_UP,
	    .run = apikey_create },
	{ .id = "auth.apikey.get", .method = HTTP_GET,
	    .path = "/api/auth/keys/{id}", .summary = "One of one's API keys",
	    .auth = AUTH_USER, .permission = "auth:keys",
	    .in = &id_in_schema, .out = &auth_apikey_schema, .ok = 200,
	    .errors = ERRORS(404), .run = apikey_get },
	{ .id = "auth.apikey.delete", .method = HTTP_DELETE,
	    .path = "/api/auth/keys/{id}",
	    .summary = "End one of one's API keys", .auth = AUTH_USER,
	    .permission = "auth:keys", .in = &id_in_schema, .ok = 204,
	    .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	    .run = apikey_delete },
	ROUTE_END
};
