/*
 * Prices and pools over HTTP. A single price is one statement without a
 * transaction: its natural key makes a repeat harmless.
 */
#include <string.h>

#include "base/number.h"
#include "http/http.h"
#include "modules/spot/price.h"

/* ---- one price ----------------------------------------------------------- */

#define P struct spot_price
static const struct field point_fields[] = {
	FIELD(P, availability_zone, .flags = FF_REQUIRED, .min = 1,
	    .max = 64, .example = "\"us-east-1a\"", .doc = "Zone"),
	FIELD(P, instance_type, .flags = FF_REQUIRED, .min = 1, .max = 64,
	    .example = "\"m5.large\"", .doc = "Instance type"),
	FIELD(P, price, .flags = FF_REQUIRED | FF_XMIN, .min = 0,
	    .max = 10000, .example = "0.0345", .doc = "USD per hour"),
	FIELD(P, timestamp, .flags = FF_NULLABLE,
	    .doc = "Since when it holds; now if absent"),
	FIELD(P, product, .max = 64, .def = "\"Linux/UNIX\"",
	    .doc = "Product"),
	FIELD(P, market, .oneof = ONEOF("aws", "simulated"),
	    .def = "\"aws\"", .doc = "Whose market"),
	FIELD_END
};
#undef P
static const struct schema point_schema = {
	.name = "SpotPricePoint", .doc = "A price to store",
	.size = sizeof(struct spot_price), .fields = point_fields
};

static int
price_create(struct ctx *c, const void *in)
{
	struct spot_price p = *(const struct spot_price *)in;

	p.region = spot_zone_region(c->a, p.availability_zone);
	if (p.region == NULL)
		return fail_field(c, "availability_zone", "value_error",
		    "Value error, not an availability zone");
	if (p.timestamp.us == 0)
		p.timestamp = c->now;
	p.product = spot_product(p.product);
	p.src = "api";
	if (spot_price_put(c->db, &p, &c->err) == -1)
		return fail_err(c);
	return reply(c, &p);
}

/* ---- lists --------------------------------------------------------------- */

struct price_in {
	struct page_in page;
	const char *market, *region, *instance_type, *az, *product;
	struct utc from, to;
};
#define F struct price_in
static const struct field price_fields[] = {
	PAGE_LIMIT(F), PAGE_CURSOR(F),
	FIELD(F, market, .oneof = ONEOF("aws", "simulated"),
	    .flags = FF_NULLABLE, .doc = "Only this market"),
	FIELD(F, region, .flags = FF_NULLABLE, .max = 32, .doc = "Region"),
	FIELD(F, instance_type, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Instance type"),
	FIELD(F, az, .flags = FF_NULLABLE, .max = 64, .doc = "Zone"),
	FIELD(F, product, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Product"),
	FIELD(F, from, .flags = FF_NULLABLE, .doc = "Not older than this"),
	FIELD(F, to, .flags = FF_NULLABLE, .doc = "Older than this"),
	FIELD_END
};
#undef F
static const struct schema price_schema = {
	.name = "SpotPriceFilter", .doc = "Which prices",
	.size = sizeof(struct price_in), .fields = price_fields
};

/* "pool us" as a cursor's key. */
static int
parse_key(const char *key, struct spot_price_filter *f)
{
	size_t n = strcspn(key, " ");

	if (*key == '\0')
		return 0;
	return key[n] == ' ' && num_i64(key, n, &f->pool_after) == NUM_OK &&
	    num_i64(key + n + 1, strlen(key + n + 1), &f->ts_below.us) ==
	    NUM_OK ? 0 : -1;
}

static int
price_list(struct ctx *c, const void *in)
{
	const struct price_in *p = in;
	struct spot_price_filter f = { .market = p->market,
	    .region = p->region, .az = p->az, .type = p->instance_type,
	    .product = p->product, .from = p->from, .to = p->to,
	    .limit = p->page.limit + 1 };
	const char *key, *next = NULL;
	struct rows rows;

	if (cursor_open(c, p->page.cursor, &key) == -1)
		return fail_err(c);
	if (parse_key(key, &f) == -1)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (spot_price_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > p->page.limit) {
		const struct spot_price *last;

		rows.n = (size_t)p->page.limit;
		last = ROW(&rows, struct spot_price, rows.n - 1);
		next = cursor_seal(c, arena_printf(c->a, "%lld %lld",
		    (long long)last->pool_id, (long long)last->timestamp.us));
	}
	return reply_list(c, &rows, next);
}

struct pool_in {
	struct page_in page;
	const char *market, *region, *type;
};
static const struct field pool_fields[] = {
	PAGE_LIMIT(struct pool_in), PAGE_CURSOR(struct pool_in),
	FIELD(struct pool_in, market, .oneof = ONEOF("aws", "simulated"),
	    .flags = FF_NULLABLE, .doc = "Only this market"),
	FIELD(struct pool_in, region, .flags = FF_NULLABLE, .max = 32,
	    .doc = "Region"),
	FIELD(struct pool_in, type, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Instance type"),
	FIELD_END
};
static const struct schema pool_schema = {
	.name = "SpotPoolFilter", .doc = "Which pools",
	.size = sizeof(struct pool_in), .fields = pool_fields
};

static int
pool_list(struct ctx *c, const void *in)
{
	const struct pool_in *p = in;
	const char *key, *next = NULL;
	int64_t after = 0;
	struct rows rows;

	if (cursor_open(c, p->page.cursor, &key) == -1)
		return fail_err(c);
	if (*key != '\0' && num_i64(key, strlen(key), &after) != NUM_OK)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (spot_pool_page(c->db, c->a, p->market, p->region, p->type, after,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > p->page.limit) {
		rows.n = (size_t)p->page.limit;
		next = cursor_seal(c, arena_printf(c->a, "%lld",
		    (long long)ROW(&rows, struct spot_pool,
		    rows.n - 1)->id));
	}
	return reply_list(c, &rows, next);
}

/* ---- files --------------------------------------------------------------- */

static long
read_body(void *arg, void *buf, size_t n, struct err *e)
{
	struct ctx *c = arg;
	long got = ctx_read(c, buf, n);

	if (got == -1)
		*e = c->err;
	return got;
}

static int
price_upload(struct ctx *c, const void *in)
{
	const struct spot_price_source source = { read_body, c };
	struct spot_price_report out;

	(void)in;
	if (spot_price_upload(c->db, c->a, &source, &out, &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "spot_price", "", arena_printf(c->a,
	    "{\"rows\":%lld,\"bytes\":%lld}", (long long)out.rows,
	    (long long)out.bytes));
	return reply(c, &out);
}

const struct route spot_price_routes[] = {
	{ .id = "spot.price.list", .method = HTTP_GET,
	  .path = "/api/spot/prices", .summary = "History of spot prices",
	  .doc = "By pool, newest first.",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &price_schema,
	  .out = &spot_price_schema, .ok = 200, .flags = R_LIST,
	  .run = price_list },
	{ .id = "spot.price.create", .method = HTTP_POST,
	  .path = "/api/spot/prices", .summary = "Store one price",
	  .auth = AUTH_USER, .permission = "spot:prices",
	  .in = &point_schema, .out = &spot_price_schema, .ok = 201,
	  .natural_key = "pool and instant", .run = price_create },
	{ .id = "spot.price.import", .method = HTTP_POST,
	  .path = "/api/spot/prices/import",
	  .summary = "Import a file of prices",
	  .doc = "The answer of aws ec2 describe-spot-price-history (JSON), "
	  "CSV with the columns availability_zone, instance_type, timestamp, "
	  "price (and product), CSV with a comment line that names type and "
	  "zone, or one JSON object per line. Idempotent by pool and "
	  "instant.",
	  .auth = AUTH_USER, .permission = "spot:prices",
	  .out = &spot_price_report_schema, .ok = 200,
	  .errors = ERRORS(400, 413, 422), .flags = R_RAW | R_AUDIT,
	  .pool = POOL_SLOW, .max_body = 64 << 20,
	  .natural_key = "pool and instant", .run = price_upload },
	{ .id = "spot.pool.list", .method = HTTP_GET,
	  .path = "/api/spot/pools", .summary = "Pools with their figures",
	  .doc = "Current price, on-demand price, saving and interruption "
	  "class, and since when each number "
	  "holds.",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &pool_schema,
	  .out = &spot_pool_schema, .ok = 200, .flags = R_LIST,
	  .run = pool_list },
	ROUTE_END
};
