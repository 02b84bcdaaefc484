/*
 * The row of platform_installation. Invariant: its id never changes, its
 * epoch only grows.
 */
#include <stddef.h>

#include "modules/platform/installation.h"

static const struct field fields[] = {
	FIELD(struct platform_installation, id,
	    .doc = "Made once, kept by backups"),
	FIELD(struct platform_installation, epoch, .min = 1,
	    .doc = "Restores so far, plus one"),
	FIELD(struct platform_installation, created_at, .doc = "First setup"),
	FIELD(struct platform_installation, restored_at,
	    .flags = FF_NULLABLE, .doc = "Last restore"),
	FIELD(struct platform_installation, confirmed_at,
	    .flags = FF_NULLABLE, .doc = "When a person confirmed it"),
	FIELD(struct platform_installation, confirmed_by, .max = 200,
	    .doc = "Who"),
	FIELD_END
};
const struct schema platform_installation_schema = {
	.name = "Installation", .doc = "Who this installation is",
	.size = sizeof(struct platform_installation), .fields = fields
};

static const struct query INSTALLATION_GET = { "platform_installation.get",
	"SELECT id, epoch, created_at, restored_at, confirmed_at, "
	"confirmed_by FROM platform_installation WHERE slot = 1 LIMIT 1",
	&platform_installation_schema };
static const struct query INSTALLATION_RESTORED = {
	"platform_installation.restored",
	"UPDATE platform_installation SET epoch = epoch + 1, "
	"restored_at = ?, confirmed_at = NULL, confirmed_by = '' "
	"WHERE slot = 1", NULL };
static const struct query INSTALLATION_CONFIRM = {
	"platform_installation.confirm",
	"UPDATE platform_installation SET confirmed_at = ?, "
	"confirmed_by = ? WHERE slot = 1 AND restored_at IS NOT NULL "
	"AND confirmed_at IS NULL", NULL };

const struct query *const platform_installation_queries[] = {
	&INSTALLATION_GET, &INSTALLATION_RESTORED, &INSTALLATION_CONFIRM, NULL
};

static const char *const sql_only[] = { "slot", NULL };

const struct table platform_installation_tables[] = {
	{ .name = "platform_installation",
	  .row = &platform_installation_schema, .snapshot = SNAP_FULL,
	  .sql_only = sql_only },
	{ .name = NULL }
};

int
platform_installation(struct db *db, struct arena *a,
    struct platform_installation *out, struct err *e)
{
	int rc = db_one(db, a, &INSTALLATION_GET, NO_ARGS, out, e);

	if (rc == 1)
		return err_set(e, 500, "installation", "The installation has "
		    "no identity: run `quincunx migrate`");
	return rc;
}

int
platform_installation_restored(struct db *db, struct utc now, struct err *e)
{
	return db_exec(db, &INSTALLATION_RESTORED, ARGS(V(now)), NULL, e);
}

int
platform_installation_confirm(struct db *db, const char *by, struct utc now,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &INSTALLATION_CONFIRM, ARGS(V(now), V(by)), &n,
	    e) == -1)
		return -1;
	return n == 1 ? 0 : err_set(e, 409, "not_restored", "No restore "
	    "waits for a confirmation");
}
