/*
 * Rows of accounts and of their credentials. All SQL on spot_account and
 * spot_credential is here. Invariant: every statement of a request names the
 * tenant; only the discovery helper reads over all tenants.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/account.h"

static const struct field account_fields[] = {
	FIELD(struct spot_account, id, .flags = FF_READONLY,
	    .doc = "Identifier"),
	FIELD(struct spot_account, tenant_id, .flags = FF_HIDDEN,
	    .doc = "Whose account"),
	FIELD(struct spot_account, name, .min = 1, .max = 100,
	    .flags = FF_KEY, .doc = "Label, unique in the tenant"),
	FIELD(struct spot_account, provider, .flags = FF_READONLY,
	    .oneof = ONEOF("aws", "simulated"), .doc = "Whose cloud"),
	FIELD(struct spot_account, connection_method,
	    .oneof = ONEOF("access_keys", "iam_role", "simulated"),
	    .doc = "How it is entered"),
	FIELD(struct spot_account, aws_account,
	    .flags = FF_NULLABLE | FF_READONLY, .max = 12,
	    .doc = "Twelve digits, known once the credentials were verified"),
	FIELD(struct spot_account, region, .max = 32, .doc = "Home region"),
	FIELD(struct spot_account, region_names, .flags = FF_HIDDEN,
	    .doc = "Regions separated by commas"),
	FIELD(struct spot_account, regions, .elem = FT_STR,
	    .flags = FF_NOSQL, .max = 64,
	    .doc = "Regions to scan; empty = all that are enabled"),
	FIELD(struct spot_account, status, .flags = FF_READONLY,
	    .oneof = ONEOF("pending", "connected", "active", "degraded",
	    "failed"), .doc = "State of the connection"),
	FIELD(struct spot_account, last_error, .flags = FF_READONLY,
	    .doc = "What went wrong last; empty = nothing"),
	FIELD(struct spot_account, scan_every_s, .min = 60, .max = 604800,
	    .doc = "Seconds from scan to scan"),
	FIELD(struct spot_account, fleet_every_s, .min = 60, .max = 604800,
	    .doc = "Seconds between scans of instances and groups alone"),
	FIELD(struct spot_account, next_scan_at,
	    .flags = FF_NULLABLE | FF_READONLY, .doc = "When it is due"),
	FIELD(struct spot_account, next_fleet_at,
	    .flags = FF_NULLABLE | FF_READONLY,
	    .doc = "When instances and groups are due"),
	FIELD(struct spot_account, last_scan_at,
	    .flags = FF_NULLABLE | FF_READONLY, .doc = "Last scan that ended"),
	FIELD(struct spot_account, created_at, .flags = FF_READONLY,
	    .doc = "When it was made"),
	FIELD(struct spot_account, updated_at, .flags = FF_READONLY,
	    .doc = "Last change"),
	FIELD(struct spot_account, credential_state,
	    .flags = FF_NULLABLE | FF_READONLY,
	    .doc = "unverified, ok, denied, invalid or expired"),
	FIELD(struct spot_account, credential_error,
	    .flags = FF_NULLABLE | FF_READONLY, .doc = "What the cloud said"),
	FIELD(struct spot_account, missing_names, .flags = FF_HIDDEN |
	    FF_NULLABLE, .doc = "Missing rights separated by commas"),
	FIELD(struct spot_account, missing_actions, .elem = FT_STR,
	    .flags = FF_NOSQL | FF_READONLY,
	    .doc = "Rights that the credentials lack"),
	FIELD(struct spot_account, access_key_last4,
	    .flags = FF_NULLABLE | FF_READONLY,
	    .doc = "Last four characters of the access key"),
	FIELD(struct spot_account, role_arn,
	    .flags = FF_NULLABLE | FF_READONLY, .doc = "Role we assume"),
	FIELD(struct spot_account, external_id,
	    .flags = FF_NULLABLE | FF_READONLY,
	    .doc = "External id the role must ask for"),
	FIELD(struct spot_account, credential_checked_at,
	    .flags = FF_NULLABLE | FF_READONLY, .doc = "Last verification"),
	FIELD(struct spot_account, notices, .flags = FF_READONLY,
	    .doc = "Sources of interruption notices, the worst of them: "
	    "failing, silent (statuses are polled instead), new, ok; empty = "
	    "there is none"),
	FIELD_END
};
const struct schema spot_account_schema = {
	.name = "SpotAccount", .doc = "A cloud account that is optimized",
	.size = sizeof(struct spot_account), .fields = account_fields
};

static const struct field credential_fields[] = {
	FIELD(struct spot_credential, account_id, .doc = "Whose"),
	FIELD(struct spot_credential, tenant_id, .doc = "Tenant of it"),
	FIELD(struct spot_credential, kind, .doc = "How it is entered"),
	FIELD(struct spot_credential, access_key_id, .doc = "Access key"),
	FIELD(struct spot_credential, secret,
	    .flags = FF_NULLABLE | FF_HIDDEN, .doc = "Sealed secret key"),
	FIELD(struct spot_credential, role_arn, .doc = "Role we assume"),
	FIELD(struct spot_credential, external_id, .doc = "External id"),
	FIELD(struct spot_credential, state, .doc = "Outcome of the check"),
	FIELD(struct spot_credential, last_error, .doc = "What was said"),
	FIELD(struct spot_credential, missing_actions,
	    .flags = FF_NULLABLE, .doc = "Rights it lacks, with commas"),
	FIELD(struct spot_credential, checked_at, .flags = FF_NULLABLE,
	    .doc = "Last check"),
	FIELD(struct spot_credential, updated_at, .doc = "Last change"),
	FIELD_END
};
const struct schema spot_credential_schema = {
	.name = "SpotCredential", .doc = "What enters an account; internal",
	.size = sizeof(struct spot_credential), .fields = credential_fields
};

#define F struct spot_account_file
static const struct field file_fields[] = {
	FIELD(F, name, .flags = FF_KEY | FF_REQUIRED, .min = 1, .max = 100,
	    .doc = "Label, unique in the tenant"),
	FIELD(F, connection_method, .flags = FF_REQUIRED,
	    .oneof = ONEOF("access_keys", "iam_role", "simulated"),
	    .doc = "How it is entered; secrets are given later"),
	FIELD(F, region, .min = 4, .max = 32, .def = "\"us-east-1\"",
	    .pattern = "[a-z0-9-]+", .doc = "Home region"),
	FIELD(F, regions, .column = "region_names", .max = 2000,
	    .def = "\"\"", .pattern = "[a-z0-9,-]*",
	    .doc = "Regions to scan, with commas; empty = all"),
	FIELD(F, scan_every_s, .min = 60, .max = 604800, .def = "3600",
	    .doc = "Seconds from scan to scan"),
	FIELD_END
};
#undef F
const struct schema spot_account_file_schema = {
	.name = "SpotAccountFile", .doc = "An account without its secrets",
	.size = sizeof(struct spot_account_file), .fields = file_fields
};

#define ACCOUNT_FROM "SELECT a.id, a.tenant_id, a.name, a.provider, " \
	"a.connection_method, a.aws_account, a.region, a.region_names, " \
	"a.status, a.last_error, a.scan_every_s, a.fleet_every_s, " \
	"a.next_scan_at, a.next_fleet_at, a.last_scan_at, a.created_at, a.updated_at, " \
	"c.state AS credential_state, c.last_error AS credential_error, " \
	"c.missing_actions AS missing_names, " \
	"RIGHT(c.access_key_id, 4) AS access_key_last4, c.role_arn, " \
	"c.external_id, c.checked_at AS credential_checked_at, " \
	"COALESCE((SELECT s.state FROM spot_source s WHERE s.account_id = " \
	"a.id AND s.state <> 'off' ORDER BY FIELD(s.state, 'failing', " \
	"'silent', 'new', 'ok') LIMIT 1), '') AS notices " \
	"FROM spot_account a " \
	"LEFT JOIN spot_credential c ON c.account_id = a.id "

static const struct query ACCOUNT_INSERT = { "spot_account.insert",
	"INSERT INTO spot_account (id, tenant_id, name, provider, "
	"connection_method, aws_account, region, region_names, status, "
	"last_error, scan_every_s, fleet_every_s, next_scan_at, "
	"next_fleet_at, created_at, updated_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query ACCOUNT_UPDATE = { "spot_account.update",
	"UPDATE spot_account SET name = ?, aws_account = ?, region = ?, "
	"region_names = ?, status = ?, last_error = ?, scan_every_s = ?, "
	"fleet_every_s = ?, next_scan_at = ?, next_fleet_at = ?, "
	"updated_at = ? WHERE tenant_id = ? AND id = ?", NULL };
static const struct query ACCOUNT_DELETE = { "spot_account.delete",
	"DELETE FROM spot_account WHERE tenant_id = ? AND id = ?", NULL };
static const struct query ACCOUNT_BY_ID = { "spot_account.by_id",
	ACCOUNT_FROM "WHERE a.tenant_id = ? AND a.id = ? LIMIT 1",
	&spot_account_schema };
static const struct query ACCOUNT_LOCK = { "spot_account.lock",
	ACCOUNT_FROM "WHERE a.tenant_id = ? AND a.id = ? LIMIT 1 FOR UPDATE",
	&spot_account_schema };
static const struct query ACCOUNT_BY_AWS = { "spot_account.by_aws",
	ACCOUNT_FROM "WHERE a.tenant_id = ? AND a.aws_account = ? LIMIT 1",
	&spot_account_schema };
static const struct query ACCOUNT_BY_NAME = { "spot_account.by_name",
	ACCOUNT_FROM "WHERE a.tenant_id = ? AND a.name = ? LIMIT 1",
	&spot_account_schema };
static const struct query ACCOUNT_FIRST = { "spot_account.first",
	ACCOUNT_FROM "WHERE a.tenant_id = ? ORDER BY a.id LIMIT 1",
	&spot_account_schema };
static const struct query ACCOUNT_PAGE = { "spot_account.page",
	ACCOUNT_FROM "WHERE a.tenant_id = ? AND a.id > COALESCE(?, X'00') "
	"ORDER BY a.id LIMIT ?", &spot_account_schema };
static const struct query ACCOUNT_DUE = { "spot_account.due",
	ACCOUNT_FROM "WHERE (a.next_scan_at <= ? OR a.next_fleet_at <= ?) "
	"AND a.status IN ('connected', 'active', 'degraded') "
	"AND c.state = 'ok' ORDER BY a.next_scan_at LIMIT 100",
	&spot_account_schema };
static const struct query ACCOUNT_SCANNED = { "spot_account.scanned",
	"UPDATE spot_account SET status = ?, last_error = ?, "
	"last_scan_at = ?, next_scan_at = ? WHERE id = ?", NULL };
static const struct query ACCOUNT_NEXT = { "spot_account.next",
	"UPDATE spot_account SET next_scan_at = COALESCE(?, next_scan_at), "
	"next_fleet_at = ? WHERE id = ?", NULL };
static const struct query CREDENTIAL_PUT = { "spot_credential.put",
	"INSERT INTO spot_credential (account_id, tenant_id, kind, "
	"access_key_id, secret, role_arn, external_id, state, last_error, "
	"missing_actions, checked_at, updated_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE kind = VALUES(kind), "
	"access_key_id = VALUES(access_key_id), secret = VALUES(secret), "
	"role_arn = VALUES(role_arn), state = VALUES(state), "
	"last_error = VALUES(last_error), "
	"missing_actions = VALUES(missing_actions), "
	"checked_at = VALUES(checked_at), "
	"updated_at = VALUES(updated_at)", NULL };
static const struct query CREDENTIAL_GET = { "spot_credential.get",
	"SELECT account_id, tenant_id, kind, access_key_id, secret, role_arn, "
	"external_id, state, last_error, missing_actions, checked_at, "
	"updated_at FROM spot_credential WHERE tenant_id = ? AND account_id = ? LIMIT 1",
	&spot_credential_schema };
static const struct query CREDENTIAL_STATE = { "spot_credential.state",
	"UPDATE spot_credential SET state = ?, last_error = ?, "
	"checked_at = ? WHERE account_id = ?", NULL };
const struct query spot_account_export = { "spot_account.export",
	"SELECT name, connection_method, region, region_names, scan_every_s "
	"FROM spot_account WHERE tenant_id = ? ORDER BY name",
	&spot_account_file_schema };
static const struct query ACCOUNT_IMPORT = { "spot_account.import",
	"UPDATE spot_account SET region = ?, region_names = ?, "
	"scan_every_s = ?, updated_at = ? WHERE tenant_id = ? AND id = ?",
	NULL };
const struct query *const spot_account_queries[] = {
	&ACCOUNT_INSERT, &ACCOUNT_UPDATE, &ACCOUNT_DELETE, &ACCOUNT_BY_ID,
	&ACCOUNT_LOCK, &ACCOUNT_BY_AWS, &ACCOUNT_BY_NAME, &ACCOUNT_FIRST,
	&ACCOUNT_PAGE, &ACCOUNT_DUE, &ACCOUNT_SCANNED, &ACCOUNT_NEXT,
	&CREDENTIAL_PUT, &CREDENTIAL_GET, &CREDENTIAL_STATE, &spot_account_export,
	&ACCOUNT_IMPORT, NULL
};


static void
shape(struct arena *a, struct spot_account *x)
{
	x->regions = spot_names_split(a, x->region_names);
	x->missing_actions = spot_names_split(a, x->missing_names);
}

static int
one_account(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct spot_account *out, struct err *e)
{
	int rc = db_one(db, a, q, v, n, out, e);

	if (rc == 0)
		shape(a, out);
	return rc;
}

static int
many_accounts(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct rows *out, struct err *e)
{
	if (db_all(db, a, q, v, n, out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		shape(a, ROW(out, struct spot_account, i));
	return 0;
}

int
spot_account_insert(struct db *db, const struct spot_account *x,
    struct err *e)
{
	return db_exec(db, &ACCOUNT_INSERT, ARGS(V(x->id), V(x->tenant_id),
	    V(x->name), V(x->provider), V(x->connection_method),
	    V(x->aws_account), V(x->region), V(x->region_names), V(x->status),
	    V(x->last_error), V(x->scan_every_s), V(x->fleet_every_s),
	    V(x->next_scan_at), V(x->next_fleet_at), V(x->created_at), V(x->updated_at)), NULL, e);
}

int
spot_account_update(struct db *db, const struct spot_account *x,
    struct err *e)
{
	return db_exec(db, &ACCOUNT_UPDATE, ARGS(V(x->name),
	    V(x->aws_account), V(x->region), V(x->region_names), V(x->status),
	    V(x->last_error), V(x->scan_every_s), V(x->fleet_every_s),
	    V(x->next_scan_at), V(x->next_fleet_at), V(x->updated_at),
	    V(x->tenant_id), V(x->id)), NULL, e);
}

int
spot_account_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	return db_exec(db, &ACCOUNT_DELETE, ARGS(V(tenant), V(id)), NULL, e);
}

int
spot_account_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_account *out, struct err *e)
{
	return one_account(db, a, &ACCOUNT_BY_ID, ARGS(V(tenant), V(id)), out,
	    e);
}

int
spot_account_lock(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_account *out, struct err *e)
{
	return one_account(db, a, &ACCOUNT_LOCK, ARGS(V(tenant), V(id)), out,
	    e);
}

int
spot_account_by_aws(struct db *db, struct arena *a, struct uuid tenant,
    const char *aws, struct spot_account *out, struct err *e)
{
	return one_account(db, a, &ACCOUNT_BY_AWS, ARGS(V(tenant), V(aws)),
	    out, e);
}

int
spot_account_by_name(struct db *db, struct arena *a, struct uuid tenant,
    const char *name, struct spot_account *out, struct err *e)
{
	return one_account(db, a, &ACCOUNT_BY_NAME, ARGS(V(tenant), V(name)),
	    out, e);
}

int
spot_account_first(struct db *db, struct arena *a, struct uuid tenant,
    struct spot_account *out, struct err *e)
{
	return one_account(db, a, &ACCOUNT_FIRST, ARGS(V(tenant)), out, e);
}

int
spot_account_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	return many_accounts(db, a, &ACCOUNT_PAGE,
	    ARGS(V(tenant), V(after), V(limit)), out, e);
}

int
spot_account_due(struct db *db, struct arena *a, struct utc now,
    struct rows *out, struct err *e)
{
	return many_accounts(db, a, &ACCOUNT_DUE, ARGS(V(now), V(now)), out,
	    e);
}

int
spot_account_scanned(struct db *db, struct uuid id, const char *status,
    const char *last_error, struct utc last, struct utc next, struct err *e)
{
	return db_exec(db, &ACCOUNT_SCANNED, ARGS(V(status), V(last_error),
	    V(last), V(next), V(id)), NULL, e);
}

int
spot_account_next(struct db *db, struct uuid id, struct utc next,
    struct utc next_fleet, struct err *e)
{
	return db_exec(db, &ACCOUNT_NEXT, ARGS(V(next), V(next_fleet),
	    V(id)), NULL, e);
}

int
spot_credential_put(struct db *db, const struct spot_credential *c,
    struct err *e)
{
	return db_exec(db, &CREDENTIAL_PUT, ARGS(V(c->account_id),
	    V(c->tenant_id), V(c->kind), V(c->access_key_id), V(c->secret),
	    V(c->role_arn), V(c->external_id), V(c->state), V(c->last_error),
	    V(c->missing_actions), V(c->checked_at), V(c->updated_at)), NULL, e);
}

int
spot_credential_get(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct spot_credential *out, struct err *e)
{
	return db_one(db, a, &CREDENTIAL_GET, ARGS(V(tenant), V(account)),
	    out, e);
}

int
spot_credential_state(struct db *db, struct uuid account, const char *state,
    const char *last_error, struct utc now, struct err *e)
{
	return db_exec(db, &CREDENTIAL_STATE, ARGS(V(state), V(last_error),
	    V(now), V(account)), NULL, e);
}

/* ---- import -------------------------------------------------------------- */

static int
import_new(struct db *db, struct arena *a, struct uuid tenant,
    const struct spot_account_file *f, struct utc now, struct err *e)
{
	bool sim = strcmp(f->connection_method, "simulated") == 0;
	char text[41];
	struct spot_account x = { .id = uuid_new(), .tenant_id = tenant,
	    .name = f->name, .provider = sim ? "simulated" : "aws",
	    .connection_method = f->connection_method, .region = f->region,
	    .region_names = f->regions, .status = "pending",
	    .last_error = "", .scan_every_s = f->scan_every_s,
	    .fleet_every_s = 300, .created_at = now, .updated_at = now };
	struct spot_credential c = { .account_id = x.id,
	    .tenant_id = tenant, .kind = f->connection_method,
	    .access_key_id = "", .role_arn = "", .external_id = "",
	    .state = "unverified", .last_error = "", .updated_at = now };

	if (strcmp(f->connection_method, "iam_role") == 0) {
		random_text(text, sizeof(text) - 1);
		c.external_id = arena_strdup(a, text);
	}
	if (spot_account_insert(db, &x, e) == -1)
		return -1;
	return spot_credential_put(db, &c, e);
}

int
spot_account_import(struct db *db, struct arena *a, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	const struct spot_account_file *f = row;
	struct utc now = clock_now();
	struct spot_account x;
	int rc = spot_account_by_name(db, a, tenant, f->name, &x, e);

	*changed = true;
	if (rc == -1)
		return -1;
	if (rc == 1)
		return import_new(db, a, tenant, f, now, e);
	if (strcmp(x.connection_method, f->connection_method) != 0)
		return err_set(e, 409, "method", "the account \"%.80s\" is "
		    "entered by %s", f->name, x.connection_method);
	*changed = strcmp(x.region, f->region) != 0 ||
	    strcmp(x.region_names, f->regions) != 0 ||
	    x.scan_every_s != f->scan_every_s;
	if (!*changed)
		return 0;
	return db_exec(db, &ACCOUNT_IMPORT, ARGS(V(f->region),
	    V(f->regions), V(f->scan_every_s), V(now), V(tenant), V(x.id)),
	    NULL, e);
}
