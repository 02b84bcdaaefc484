/*
 * Leases, as operators see them.
 */
#include "base/arena.h"
#include "modules/platform/worker.h"

static const struct field lease_fields[] = {
	FIELD(struct platform_worker_lease, role, .doc = "Role"),
	FIELD(struct platform_worker_lease, token, .doc = "Token"),
	FIELD(struct platform_worker_lease, left_s, .doc = "Seconds left"),
	FIELD_END
};
static const struct schema lease_schema = {
	.name = "WorkerLease", .doc = "Lease of a role",
	.size = sizeof(struct platform_worker_lease), .fields = lease_fields
};

struct count {
	int64_t n;
};
static const struct field count_fields[] = {
	FIELD(struct count, n, .doc = "How many"), FIELD_END
};
static const struct schema count_schema = {
	.name = "WorkerCount", .size = sizeof(struct count),
	.fields = count_fields
};

static const struct query LEASES = { "db_lease.all",
	"SELECT role, token, CAST(TIMESTAMPDIFF(SECOND, NOW(6), expires) AS "
	"SIGNED) AS left_s FROM db_lease ORDER BY role LIMIT 1000",
	&lease_schema };
static const struct query DISPATCHERS = { "jobs_lease.dispatchers",
	"SELECT COUNT(*) AS n FROM jobs_lease WHERE external = FALSE "
	"AND expires_at > NOW(6)", &count_schema };

const struct query *const platform_worker_queries[] = {
	&LEASES, &DISPATCHERS, NULL
};

int
platform_worker_leases(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &LEASES, NO_ARGS, out, e);
}

int
platform_worker_dispatchers(struct db *db, int64_t *n, struct err *e)
{
	struct count c;
	struct arena *a = arena_new(1 << 20);
	int rc = db_one(db, a, &DISPATCHERS, NO_ARGS, &c, e);

	arena_free(a);
	*n = rc == 0 ? c.n : -1;
	return rc == 0 ? 0 : -1;
}
