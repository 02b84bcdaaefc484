/*
 * The catalogue of instance types over HTTP; read-only. It is filled by scans
 * and by imports.
 */
#include "http/http.h"
#include "modules/spot/catalog.h"

struct type_in {
	struct page_in page;
	const char *arch;
	int64_t vcpu, mem_mib;
};
static const struct field type_fields[] = {
	PAGE_LIMIT(struct type_in), PAGE_CURSOR(struct type_in),
	FIELD(struct type_in, arch, .flags = FF_NULLABLE, .max = 32,
	    .doc = "Only this architecture"),
	FIELD(struct type_in, vcpu, .min = 0, .max = 10000, .def = "0",
	    .doc = "At least so many processors"),
	FIELD(struct type_in, mem_mib, .min = 0, .max = 100000000,
	    .def = "0", .doc = "At least so much memory"),
	FIELD_END
};
static const struct schema type_schema = {
	.name = "SpotTypeFilter", .doc = "Which types",
	.size = sizeof(struct type_in), .fields = type_fields
};

static int
type_list(struct ctx *c, const void *in)
{
	const struct type_in *p = in;
	const char *after, *next = NULL;
	struct rows rows;

	if (cursor_open(c, p->page.cursor, &after) == -1 ||
	    spot_type_page(c->db, c->a, after, p->arch, p->vcpu, p->mem_mib,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > p->page.limit) {
		rows.n = (size_t)p->page.limit;
		next = cursor_seal(c, ROW(&rows, struct spot_type,
		    rows.n - 1)->instance_type);
	}
	return reply_list(c, &rows, next);
}

const struct route spot_catalog_routes[] = {
	{ .id = "spot.type.list", .method = HTTP_GET,
	  .path = "/api/spot/types", .summary = "Instance types",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &type_schema,
	  .out = &spot_type_schema, .ok = 200, .flags = R_LIST,
	  .run = type_list },
	ROUTE_END
};
