/*
 * Rows that the relay set aside. Only operators see them, over all tenants.
 */
#include "modules/platform/event.h"

static const struct field fields[] = {
	FIELD(struct platform_event_dead, id, .doc = "Row of the outbox"),
	FIELD(struct platform_event_dead, tenant_id, .doc = "Whose events"),
	FIELD(struct platform_event_dead, n, .doc = "Events in it"),
	FIELD(struct platform_event_dead, body, .doc = "Beginning of the "
	    "lines"),
	FIELD(struct platform_event_dead, at, .doc = "When it was written"),
	FIELD(struct platform_event_dead, reason, .doc = "Why it could not "
	    "be relayed"),
	FIELD(struct platform_event_dead, set_aside, .doc = "Since when"),
	FIELD_END
};
const struct schema platform_event_dead_schema = {
	.name = "DeadEvents", .doc = "Events that could not be relayed",
	.size = sizeof(struct platform_event_dead), .fields = fields
};

static const struct query DEAD_PAGE = { "events_dead.page",
	"SELECT id, tenant_id, n, REPLACE(LEFT(body, 2000), CHAR(0), ' ') "
	"AS body, at, reason, set_aside FROM events_dead WHERE id > ? "
	"ORDER BY id LIMIT ?", &platform_event_dead_schema };
static const struct query DEAD_BACK = { "events_dead.back",
	"INSERT INTO events_outbox (tenant_id, n, body, at) "
	"SELECT tenant_id, n, body, at FROM events_dead WHERE id = ?", NULL };
static const struct query DEAD_DELETE = { "events_dead.delete",
	"DELETE FROM events_dead WHERE id = ?", NULL };

const struct query *const platform_event_queries[] = {
	&DEAD_PAGE, &DEAD_BACK, &DEAD_DELETE, NULL
};

int
platform_event_dead_page(struct db *db, struct arena *a, int64_t after,
    int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &DEAD_PAGE, ARGS(V(after), V(limit)), out, e);
}

int
platform_event_dead_back(struct db *db, int64_t id, struct err *e)
{
	return db_exec(db, &DEAD_BACK, ARGS(V(id)), NULL, e);
}

int
platform_event_dead_delete(struct db *db, int64_t id, uint64_t *n,
    struct err *e)
{
	return db_exec(db, &DEAD_DELETE, ARGS(V(id)), n, e);
}
