/*
 * Published feeds over HTTP.
 */
#include <string.h>

#include "http/http.h"
#include "modules/spot/feed.h"

struct feed_in {
	struct utc asof;
};
static const struct field in_fields[] = {
	FIELD(struct feed_in, asof, .flags = FF_NULLABLE,
	    .doc = "As of; now if absent"), FIELD_END
};
static const struct schema in_schema = {
	.name = "SpotFeedAsOf", .doc = "How old it is",
	.size = sizeof(struct feed_in), .fields = in_fields
};

/* The whole body, which is bounded by the route. */
static int
read_all(struct ctx *c, char **text, size_t *n)
{
	size_t cap = 64 << 10;
	char *p = arena_alloc(c->a, cap + 1);
	long got;

	*n = 0;
	while ((got = ctx_read(c, p + *n, cap - *n)) > 0) {
		*n += (size_t)got;
		if (*n == cap) {
			p = arena_grow(c->a, p, cap + 1, 2 * cap + 1);
			cap *= 2;
		}
	}
	p[*n] = '\0';
	*text = p;
	return got < 0 ? -1 : 0;
}

static int
take(struct ctx *c, const struct feed_in *in, const char *feed)
{
	struct utc asof = in->asof.us != 0 ? in->asof : c->now;
	struct spot_feed_report out;
	char *text;
	size_t n;

	if (read_all(c, &text, &n) == -1 || spot_feed_store(c->db, c->a, feed,
	    text, n, asof, "import", &out, &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "spot_feed", feed, NULL);
	return reply(c, &out);
}

static int
advisor(struct ctx *c, const void *in)
{
	return take(c, in, "advisor");
}

static int
prices(struct ctx *c, const void *in)
{
	return take(c, in, "on-demand");
}

const struct route spot_feed_routes[] = {
	{ .id = "spot.advisor.import", .method = HTTP_POST,
	  .path = "/api/spot/advisor/import",
	  .summary = "Import the spot advisor's feed",
	  .doc = "spot-advisor-data.json as AWS publishes it: interruption "
	  "classes and savings of types. Idempotent.",
	  .auth = AUTH_USER, .permission = "spot:prices", .in = &in_schema,
	  .out = &spot_feed_report_schema, .ok = 200,
	  .errors = ERRORS(400, 413, 422), .flags = R_RAW | R_AUDIT,
	  .pool = POOL_SLOW, .max_body = SPOT_FEED_MAX,
	  .natural_key = "region, type and system", .run = advisor },
	{ .id = "spot.od_price.import", .method = HTTP_POST,
	  .path = "/api/spot/od-prices/import",
	  .summary = "Import on-demand prices",
	  .doc = "{\"us-east-1\":{\"m5.large\":0.096}}: USD per hour of "
	  "Linux by region and type. Idempotent.",
	  .auth = AUTH_USER, .permission = "spot:prices", .in = &in_schema,
	  .out = &spot_feed_report_schema, .ok = 200,
	  .errors = ERRORS(400, 413, 422), .flags = R_RAW | R_AUDIT,
	  .pool = POOL_SLOW, .max_body = SPOT_FEED_MAX,
	  .natural_key = "region, type and product", .run = prices },
	ROUTE_END
};
