/*
 * One decision over HTTP. Reads only: asking again is harmless.
 */
#include "http/http.h"
#include "modules/spot/advice_ops.h"

#define A struct spot_ask
static const struct field ask_fields[] = {
	FIELD(A, instance_type, .flags = FF_REQUIRED, .min = 1, .max = 64,
	    .example = "\"m5.large\"", .doc = "What runs now"),
	FIELD(A, availability_zone, .flags = FF_REQUIRED, .min = 1,
	    .max = 64, .example = "\"us-east-1a\"", .doc = "Where it runs"),
	FIELD(A, instance_id, .flags = FF_NULLABLE, .min = 1, .max = 64,
	    .ref = "spot_instance",
	    .doc = "Which instance it is: its lifecycle and announced "
	    "interruptions count"),
	FIELD(A, product, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Product; Linux/UNIX if absent"),
	FIELD(A, market, .flags = FF_NULLABLE,
	    .oneof = ONEOF("aws", "simulated"),
	    .doc = "Whose prices; the instance's, else the one that knows "
	    "the zone"),
	FIELD_END
};
#undef A
static const struct schema ask_schema = {
	.name = "SpotEvaluate", .doc = "What to decide about",
	.size = sizeof(struct spot_ask), .fields = ask_fields
};

static int
evaluate(struct ctx *c, const void *in)
{
	struct spot_advice out;

	if (spot_evaluate(c->db, c->a, c->who.tenant_id, in, c->now, &out,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

const struct route spot_advice_routes[] = {
	{ .id = "spot.advice.evaluate", .method = HTTP_POST,
	  .path = "/api/spot/evaluate",
	  .aliases = ALIASES({ "/api/v1/evaluate", "001", false },
	  { "/api/v1/lab/evaluate", "001", false }),
	  .summary = "Decide about one instance",
	  .doc = "Stay, switch, drain or evacuate, with the reasons, the "
	  "best pools and why the others were refused.",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &ask_schema,
	  .out = &spot_advice_schema, .ok = 200, .errors = ERRORS(404, 422),
	  .natural_key = "nothing is written", .run = evaluate },
	ROUTE_END
};
