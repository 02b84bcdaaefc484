/*
 * Whom a demonstration belongs to.
 */
#include "modules/platform/demo.h"

#define O struct demo_owner
static const struct field fields[] = {
	FIELD(O, tenant, .column = "tenant_id", .doc = "Tenant"),
	FIELD(O, user, .column = "id", .doc = "User"), FIELD_END
};
static const struct schema schema = {
	.name = "DemoOwner", .doc = "The oldest user", .size = sizeof(O),
	.fields = fields
};
static const struct query OWNER = { "platform_demo.owner",
	"SELECT tenant_id, id FROM auth_user WHERE active ORDER BY id LIMIT 1",
	&schema };

const struct query *const platform_demo_queries[] = { &OWNER, NULL };

int
platform_demo_owner(struct db *db, struct arena *a, O *out, struct err *e)
{
	return db_one(db, a, &OWNER, NO_ARGS, out, e);
}
