/*
 * The model registry over HTTP. What a tenant uploads is the tenant's; models
 * of the installation itself are seen by all and promoted by those who run it.
 */
#include <string.h>

#include "http/ctx.h"
#include "modules/platform/model.h"

struct list_in {
	struct page_in page;
	const char *module, *name, *state;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, module, .flags = FF_NULLABLE, .max = 32,
	    .doc = "Only of this system"),
	FIELD(struct list_in, name, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Only of this name"),
	FIELD(struct list_in, state, .flags = FF_NULLABLE,
	    .oneof = ONEOF("candidate", "live", "retired"),
	    .doc = "Only in this state"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "ModelPage", .doc = "Page of models, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

struct upload_in {
	const char *module, *name, *format;
	struct json content, vectors, metrics, about;
	double tolerance;
};
static const struct field upload_fields[] = {
	FIELD(struct upload_in, module, .flags = FF_REQUIRED, .max = 32,
	    .fmt = FMT_SLUG, .doc = "System it serves"),
	FIELD(struct upload_in, name, .flags = FF_REQUIRED, .max = 64,
	    .fmt = FMT_SLUG, .doc = "Name; a new version if it exists"),
	FIELD(struct upload_in, format, .flags = FF_REQUIRED,
	    .oneof = ONEOF("logistic.json", "xgboost.json"),
	    .doc = "What the content is"),
	FIELD(struct upload_in, content, .flags = FF_REQUIRED,
	    .doc = "The model: an object, or a text that a program wrote"),
	FIELD(struct upload_in, vectors, .flags = FF_REQUIRED,
	    .doc = "[{\"x\":[…],\"y\":…}]: inputs and what the model "
	    "answered where it was made"),
	FIELD(struct upload_in, tolerance, .min = 0, .max = 1,
	    .def = "0.000001", .doc = "How far an answer may be off"),
	FIELD(struct upload_in, metrics, .flags = FF_NULLABLE,
	    .doc = "How good it was"),
	FIELD(struct upload_in, about, .flags = FF_NULLABLE,
	    .doc = "Parameters, notes"),
	FIELD_END
};
static const struct schema upload_schema = {
	.name = "ModelUpload", .doc = "A model that others trained",
	.size = sizeof(struct upload_in), .fields = upload_fields
};

static int
model_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct platform_model_filter f = { .tenant = c->who.tenant_id,
	    .module = i->module, .name = i->name, .state = i->state,
	    .limit = i->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &f.below) == -1 ||
	    platform_model_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_model, id)));
}

static int
model_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_model m;

	if (db_found(platform_model_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &m, &c->err), "Model", &c->err) == -1)
		return fail_err(c);
	return reply(c, &m);
}

static int
model_upload(struct ctx *c, const void *in)
{
	const struct upload_in *i = in;
	struct platform_model_upload u = { .module = i->module,
	    .name = i->name, .format = i->format, .content = i->content.p,
	    .vectors = i->vectors, .metrics = i->metrics,
	    .about = i->about, .tolerance = i->tolerance };
	struct platform_model m;

	if (i->content.p[0] == '"')	/* "gASV…": a pickle in base64 */
		return fail_field(c, "content", "value_error", "A JSON object "
		    "is wanted; a pickle is not read, since that would run "
		    "its code. Export it with booster.save_model("
		    "\"model.json\")");
	if (platform_model_take(c->db, c->a, &c->who, &u, &m, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "model", m.id);
	return reply(c, &m);
}

static int
model_promote(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_model m;

	ctx_target_id(c, "model", w->id);
	if (db_found(platform_model_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &m, &c->err), "Model", &c->err) == -1)
		return fail_err(c);
	if (memcmp(m.tenant_id.b, c->who.tenant_id.b, 16) != 0 &&
	    !principal_may(&c->who, "system:control"))
		return fail(c, 403, "forbidden",
		    "Permission system:control is required for a model of "
		    "the installation");
	if (platform_model_promote(c->db, m.tenant_id, w->id, c->who.name,
	    &c->err) == -1 ||
	    db_found(platform_model_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &m, &c->err), "Model", &c->err) == -1)
		return fail_err(c);
	return reply(c, &m);
}

const struct route platform_model_routes[] = {
	{ .id = "system.model.list", .method = HTTP_GET,
	  .path = "/api/system/models", .aliases = ALIASES(
	  { "/api/v1/ai/list", "001", false },
	  { "/api/v1/lab/models", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "models:read", .in = &list_schema,
	  .out = &platform_model_schema, .ok = 200, .flags = R_LIST,
	  .run = model_list, .summary = "Models, newest first" },
	{ .id = "system.model.get", .method = HTTP_GET,
	  .path = "/api/system/models/{id}", .auth = AUTH_USER,
	  .permission = "models:read", .in = &id_in_schema,
	  .out = &platform_model_schema, .ok = 200, .errors = ERRORS(404),
	  .run = model_get, .summary = "One model with its metrics" },
	{ .id = "system.model.create", .method = HTTP_POST,
	  .path = "/api/system/models", .aliases = ALIASES(
	  { "/api/v1/ai/upload", "001", false },
	  { "/api/v1/lab/models/upload", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "models:write", .in = &upload_schema,
	  .out = &platform_model_schema, .ok = 201,
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .max_body = 32 << 20,
	  .max_values = 5000000, .pool = POOL_SLOW, .run = model_upload,
	  .summary = "Store a model that was trained elsewhere",
	  .doc = "XGBoost's JSON or a logistic regression, taken only if our "
	  "evaluation gives the answers of its test vectors. Pickles are "
	  "refused." },
	{ .id = "system.model.promote", .method = HTTP_POST,
	  .path = "/api/system/models/{id}/promote", .aliases = ALIASES(
	  { "/api/v1/ai/{id}/deploy", "001", false },
	  { "/api/v1/lab/models/{id}/activate", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "models:write", .in = &id_in_schema,
	  .out = &platform_model_schema, .ok = 200,
	  .errors = ERRORS(403, 404, 409), .flags = R_TXN | R_AUDIT,
	  .run = model_promote, .summary = "Make a version live",
	  .doc = "The version that was live is retired in the same "
	  "transaction." },
	ROUTE_END
};
