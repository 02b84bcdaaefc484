/*
 * Webhooks over HTTP. The secret is in the reply that made it and in no other.
 */
#include <string.h>

#include "base/random.h"
#include "http/ctx.h"
#include "modules/platform/platform.h"
#include "modules/platform/webhook.h"

#define TOPICS(T) FIELD(T, topics, .elem = FT_STR, .max = 50, \
	.example = "[\"job.*\"]", .doc = "Topics, or all that begin so with " \
	"job.*; none = all")
#define URL(T, required) FIELD(T, url, .flags = required, .fmt = FMT_URL, \
	.min = 8, .max = 2000, .example = "\"https://example.org/hook\"", \
	.doc = "Where events are posted; no private address, no redirect")
#define NAME(T, required) FIELD(T, name, .flags = required, .min = 1, \
	.max = 100, .doc = "Label, unique in the tenant")

static const struct field new_fields[] = {
	NAME(struct platform_webhook_new, FF_REQUIRED),
	URL(struct platform_webhook_new, FF_REQUIRED),
	FIELD(struct platform_webhook_new, stream, .oneof = ONEOF("tenant",
	    "installation"), .def = "\"tenant\"", .doc = "Whose events: the "
	    "tenant's, or the installation's (alerts, errors, breakers)"),
	TOPICS(struct platform_webhook_new),
	FIELD(struct platform_webhook_new, active, .def = "true",
	    .doc = "Send events"),
	FIELD_END
};
static const struct schema new_schema = { .name = "WebhookCreate",
    .doc = "A new webhook", .size = sizeof(struct platform_webhook_new),
    .fields = new_fields };

struct patch_in {
	struct uuid id;
	const char *name, *url;
	struct list topics;
	bool active;
};
static const struct field patch_fields[] = {
	FIELD(struct patch_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	NAME(struct patch_in, 0), URL(struct patch_in, 0),
	TOPICS(struct patch_in),
	FIELD(struct patch_in, active, .doc = "Send events; true also "
	    "forgets its failures"),
	FIELD_END
};
static const struct schema patch_schema = { .name = "WebhookPatch",
    .doc = "Members that change", .size = sizeof(struct patch_in),
    .fields = patch_fields };

struct webhook_in {
	struct uuid id;
};
static const struct field id_fields[] = {
	FIELD(struct webhook_in, id, .flags = FF_REQUIRED, .doc = "Identifier"),
	FIELD_END
};
static const struct schema id_schema = { .name = "WebhookId",
    .doc = "One webhook", .size = sizeof(struct webhook_in),
    .fields = id_fields };

struct list_in {
	struct page_in page;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in), FIELD_END
};
static const struct schema list_schema = { .name = "WebhookPage",
    .doc = "Page of webhooks", .size = sizeof(struct list_in),
    .fields = list_fields };

#define M struct platform_webhook
static const struct field made_fields[] = {
	FIELD(M, id, .doc = "Identifier"),
	FIELD(M, name, .doc = "Label"),
	FIELD(M, url, .doc = "Where events are posted"),
	FIELD(M, stream, .oneof = ONEOF("tenant", "installation"),
	    .doc = "Whose events"),
	FIELD(M, topics, .elem = FT_STR, .doc = "Topics; none = all"),
	FIELD(M, secret, .doc = "Key of the signature; shown this once"),
	FIELD(M, active, .doc = "Events are sent"),
	FIELD(M, delivered, .doc = "Events after this number are sent"),
	FIELD(M, created_at, .doc = "When it was made"),
	FIELD_END
};
static const struct schema made_schema = { .name = "WebhookMade",
    .doc = "A webhook with its secret", .size = sizeof(M),
    .fields = made_fields };

static void
target(struct ctx *c, struct uuid id)
{
	char text[UUID_TEXT];

	ctx_target(c, "webhook", arena_strdup(c->a, uuid_format(id, text)),
	    NULL);
}

static int
missing(struct ctx *c)
{
	return fail(c, 404, "not_found", "Webhook not found");
}

static int
webhook_list(struct ctx *c, const void *in)
{
	const struct list_in *p = in;
	struct uuid after;
	struct rows rows;

	platform_stream_position(c);
	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    platform_webhook_page(c->db, c->a, c->who.tenant_id, after,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(M, id)));
}

static int
webhook_get(struct ctx *c, const void *in)
{
	const struct webhook_in *w = in;
	M x;
	int rc = platform_webhook_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    false, &x, &c->err);

	return rc == -1 ? fail_err(c) : rc == 1 ? missing(c) : reply(c, &x);
}

static int
webhook_create(struct ctx *c, const void *in)
{
	M x;

	if (platform_webhook_make(c->env, c->a, &c->who, in, c->now, &x,
	    &c->err) == -1)
		return fail_err(c);
	target(c, x.id);
	return reply(c, &x);
}

static int
webhook_update(struct ctx *c, const void *in)
{
	const struct patch_in *p = in;
	M x;
	int rc = platform_webhook_by_id(c->db, c->a, c->who.tenant_id, p->id,
	    true, &x, &c->err);

	if (rc != 0)
		return rc == 1 ? missing(c) : fail_err(c);
	if (SEEN(c->seen, &patch_schema, struct patch_in, name))
		x.name = p->name;
	if (SEEN(c->seen, &patch_schema, struct patch_in, url))
		x.url = p->url;
	if (SEEN(c->seen, &patch_schema, struct patch_in, topics))
		x.topics = p->topics;
	if (SEEN(c->seen, &patch_schema, struct patch_in, active))
		x.active = p->active;
	if (platform_webhook_change(c->env, c->a, &c->who, &x, c->now,
	    &c->err) == -1)
		return fail_err(c);
	target(c, x.id);
	return reply(c, &x);
}

static int
webhook_delete(struct ctx *c, const void *in)
{
	const struct webhook_in *w = in;
	uint64_t n;

	if (platform_webhook_delete(c->db, c->who.tenant_id, w->id, &n,
	    &c->err) == -1)
		return fail_err(c);
	if (n == 0)
		return missing(c);
	target(c, w->id);
	return reply_none(c);
}

static int
webhook_secret(struct ctx *c, const void *in)
{
	const struct webhook_in *w = in;
	M x;

	if (platform_webhook_rekey(c->env, c->a, c->who.tenant_id, w->id,
	    c->now, &x, &c->err) == -1)
		return fail_err(c);
	target(c, x.id);
	return reply(c, &x);
}

const struct route platform_webhook_routes[] = {
	{ .id = "system.webhook.list", .method = HTTP_GET,
	  .path = "/api/system/webhooks", .summary = "Webhooks",
	  .auth = AUTH_USER, .permission = "events:webhooks",
	  .in = &list_schema, .out = &platform_webhook_schema, .ok = 200,
	  .flags = R_LIST, .run = webhook_list },
	{ .id = "system.webhook.get", .method = HTTP_GET,
	  .path = "/api/system/webhooks/{id}", .summary = "One webhook",
	  .auth = AUTH_USER, .permission = "events:webhooks",
	  .in = &id_schema, .out = &platform_webhook_schema, .ok = 200,
	  .errors = ERRORS(404), .run = webhook_get },
	{ .id = "system.webhook.create", .method = HTTP_POST,
	  .path = "/api/system/webhooks", .summary = "Send events to a URL",
	  .doc = "Events published from now on are posted as a JSON array, in "
	  "order, again until a 2xx answer. It sees what its maker may see of "
	  "the stream; alerts are topic system_alert of the installation's. "
	  "X-Quincunx-Signature is \"v1=\" and the hex HMAC-SHA256, keyed "
	  "with the secret, of X-Quincunx-Timestamp, a dot and the body; "
	  "X-Quincunx-Delivery is the same for every try of the same events.",
	  .auth = AUTH_USER, .permission = "events:webhooks",
	  .in = &new_schema, .out = &made_schema, .ok = 201,
	  .errors = ERRORS(409, 422), .flags = R_TXN | R_AUDIT | R_SECRET,
	  .run = webhook_create },
	{ .id = "system.webhook.update", .method = HTTP_PATCH,
	  .path = "/api/system/webhooks/{id}", .summary = "Change a webhook",
	  .auth = AUTH_USER, .permission = "events:webhooks",
	  .in = &patch_schema, .out = &platform_webhook_schema, .ok = 200,
	  .errors = ERRORS(404, 409, 422), .flags = R_TXN | R_AUDIT,
	  .run = webhook_update },
	{ .id = "system.webhook.delete", .method = HTTP_DELETE,
	  .path = "/api/system/webhooks/{id}", .summary = "End a webhook",
	  .auth = AUTH_USER, .permission = "events:webhooks",
	  .in = &id_schema, .ok = 204, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = webhook_delete },
	{ .id = "system.webhook.secret", .method = HTTP_POST,
	  .path = "/api/system/webhooks/{id}/secret",
	  .summary = "Give a webhook a new secret",
	  .doc = "The old one ends at once.",
	  .auth = AUTH_USER, .permission = "events:webhooks",
	  .in = &id_schema, .out = &made_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT | R_SECRET,
	  .run = webhook_secret },
	ROUTE_END
};
