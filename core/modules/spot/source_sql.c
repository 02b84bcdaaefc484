/*
 * Rows of sources and of the certificates that sign for topics. All SQL on
 * spot_source and spot_sns_cert is here. Counts are added in the statement,
 * so that two who count at once lose nothing.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "modules/spot/source.h"

#define P struct spot_source
static const struct field source_fields[] = {
	FIELD(P, id, .doc = "Identifier"),
	FIELD(P, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(P, account_id, .ref = "spot_account", .doc = "Account"),
	FIELD(P, kind, .oneof = ONEOF("sqs", "sns", "webhook", "simulated"),
	    .doc = "How notices come"),
	FIELD(P, region, .doc = "Region; empty = any of the account's"),
	FIELD(P, address, .doc = "URL of the queue, or ARN of the topic"),
	FIELD(P, secret, .flags = FF_NULLABLE | FF_HIDDEN,
	    .doc = "Sealed secret"),
	FIELD(P, state, .oneof = ONEOF("new", "ok", "silent", "failing",
	    "off"), .doc = "Silent or failing: statuses are polled every 30 "
	    "seconds in its place"),
	FIELD(P, last_error, .doc = "What the last poll met with"),
	FIELD(P, failures, .doc = "Polls that failed in a row"),
	FIELD(P, last_poll_at, .flags = FF_NULLABLE, .doc = "Last poll"),
	FIELD(P, last_message_at, .flags = FF_NULLABLE,
	    .doc = "Last word of it"),
	FIELD(P, last_status_at, .flags = FF_NULLABLE,
	    .doc = "Last poll of statuses in its place"),
	FIELD(P, accepted, .doc = "Notices that were taken"),
	FIELD(P, duplicates, .doc = "Notices that had been taken before"),
	FIELD(P, strangers, .doc = "Notices of other accounts or regions, "
	    "dropped"),
	FIELD(P, forged, .doc = "Posts with a wrong signature, refused"),
	FIELD(P, malformed, .doc = "Messages that are no notices"),
	FIELD(P, late, .doc = "Notices older than a day, dropped"),
	FIELD(P, created_at, .doc = "When it was made"),
	FIELD(P, updated_at, .doc = "Last change by somebody"),
	FIELD(P, url, .flags = FF_NOSQL, .doc = "Where to post to; empty for "
	    "what is polled"),
	FIELD_END
};
#undef P
const struct schema spot_source_schema = {
	.name = "SpotSource", .doc = "Where notices of an account come from",
	.size = sizeof(struct spot_source), .fields = source_fields
};

#define T struct spot_source_totals
static const struct field totals_fields[] = {
	FIELD(T, n, .doc = "Sources"), FIELD(T, ok, .doc = "That speak"),
	FIELD(T, silent, .doc = "Silent"), FIELD(T, failing, .doc = "Failing"),
	FIELD(T, off, .doc = "Off"),
	FIELD(T, oldest, .flags = FF_NULLABLE, .doc = "Most silent"),
	FIELD_END
};
#undef T
static const struct schema totals_schema = {
	.name = "SpotSourceTotals", .doc = "Sources by state",
	.size = sizeof(struct spot_source_totals), .fields = totals_fields
};

struct cert {
	const char *pem;
};
static const struct field cert_fields[] = {
	FIELD(struct cert, pem, .doc = "Certificate"), FIELD_END
};
static const struct schema cert_schema = {
	.name = "SpotSnsCert", .doc = "A certificate",
	.size = sizeof(struct cert), .fields = cert_fields
};

#define SOURCE_FROM "SELECT id, tenant_id, account_id, kind, region, " \
	"address, secret, state, last_error, failures, last_poll_at, " \
	"last_message_at, last_status_at, accepted, duplicates, strangers, " \
	"forged, malformed, late, created_at, updated_at FROM spot_source "

static const struct query INSERT = { "spot_source.insert",
	"INSERT INTO spot_source (id, tenant_id, account_id, kind, region, "
	"address, secret, state, created_at, updated_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query DELETE = { "spot_source.delete",
	"DELETE FROM spot_source WHERE tenant_id = ? AND id = ?", NULL };
static const struct query BY_ID = { "spot_source.by_id",
	SOURCE_FROM "WHERE tenant_id = ? AND id = ? LIMIT 1",
	&spot_source_schema };
static const struct query BY_NAME = { "spot_source.by_name",
	SOURCE_FROM "WHERE id = ? LIMIT 1", &spot_source_schema };
static const struct query PAGE = { "spot_source.page",
	SOURCE_FROM "WHERE tenant_id = ? AND id > COALESCE(?, X'00') AND "
	"account_id = COALESCE(?, account_id) ORDER BY id LIMIT ?",
	&spot_source_schema };
static const struct query KIND = { "spot_source.kind",
	SOURCE_FROM "WHERE kind = ? AND state <> 'off' ORDER BY id LIMIT 5000",
	&spot_source_schema };
static const struct query ON = { "spot_source.on",
	SOURCE_FROM "WHERE state <> 'off' ORDER BY id LIMIT 5000",
	&spot_source_schema };
static const struct query SECRET = { "spot_source.secret",
	"UPDATE spot_source SET secret = ?, updated_at = ? WHERE "
	"tenant_id = ? AND id = ?", NULL };
static const struct query COUNT = { "spot_source.count",
	"UPDATE spot_source SET accepted = accepted + ?, duplicates = "
	"duplicates + ?, strangers = strangers + ?, forged = forged + ?, "
	"malformed = malformed + ?, late = late + ?, last_message_at = "
	"GREATEST(COALESCE(last_message_at, ?), ?) WHERE id = ?", NULL };
static const struct query FORGED = { "spot_source.forged",
	"UPDATE spot_source SET forged = forged + ? WHERE id = ?", NULL };
static const struct query POLLED = { "spot_source.polled",
	"UPDATE spot_source SET last_poll_at = ?, last_error = COALESCE(?, "
	"''), failures = IF(? IS NULL, 0, failures + 1) WHERE id = ?", NULL };
static const struct query ASKED = { "spot_source.asked",
	"UPDATE spot_source SET last_status_at = ?, last_error = "
	"COALESCE(?, last_error) WHERE id = ?", NULL };
static const struct query STATE = { "spot_source.state",
	"UPDATE spot_source SET state = ?, updated_at = ? WHERE id = ?",
	NULL };
static const struct query SIMULATED = { "spot_source.simulated",
	"INSERT INTO spot_source (id, tenant_id, account_id, kind, state, "
	"created_at, updated_at) SELECT UNHEX(MD5(CONCAT('source', a.id))), "
	"a.tenant_id, a.id, 'simulated', 'new', ?, ? FROM spot_account a "
	"LEFT JOIN spot_source s ON s.account_id = a.id AND s.kind = "
	"'simulated' WHERE a.provider = 'simulated' AND s.id IS NULL "
	"ON DUPLICATE KEY UPDATE spot_source.id = spot_source.id", NULL };
static const struct query TOTALS = { "spot_source.totals",
	"SELECT COUNT(*) AS n, "
	"CAST(COALESCE(SUM(state IN ('ok', 'new')), 0) AS SIGNED) AS ok, "
	"CAST(COALESCE(SUM(state = 'silent'), 0) AS SIGNED) AS silent, "
	"CAST(COALESCE(SUM(state = 'failing'), 0) AS SIGNED) AS failing, "
	"CAST(COALESCE(SUM(state = 'off'), 0) AS SIGNED) AS off, "
	"MIN(IF(state = 'off', NULL, COALESCE(last_message_at, created_at))) "
	"AS oldest FROM spot_source", &totals_schema };
static const struct query CERT_GET = { "spot_sns_cert.get",
	"SELECT pem FROM spot_sns_cert WHERE url_key = ? AND expires_at > ? "
	"LIMIT 1", &cert_schema };
static const struct query CERT_PUT = { "spot_sns_cert.put",
	"INSERT INTO spot_sns_cert (url_key, url, pem, expires_at, "
	"fetched_at) VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"pem = VALUES(pem), expires_at = VALUES(expires_at), "
	"fetched_at = VALUES(fetched_at)", NULL };

const struct query *const spot_source_queries[] = {
	&INSERT, &DELETE, &BY_ID, &BY_NAME, &PAGE, &KIND, &ON, &SECRET,
	&COUNT, &FORGED, &POLLED, &ASKED, &STATE, &SIMULATED, &TOTALS,
	&CERT_GET, &CERT_PUT, NULL
};

const struct table spot_source_tables[] = {
	{ .name = "spot_source", .row = &spot_source_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL,
	    .sealed = (const char *const[]){ "secret", NULL } },
	{ .name = "spot_sns_cert", .retention_days = 90,
	    .retention_column = "fetched_at", .snapshot = SNAP_NEVER },
	{ .name = NULL }
};

int
spot_source_insert(struct db *db, const struct spot_source *s, struct err *e)
{
	return db_exec(db, &INSERT, ARGS(V(s->id), V(s->tenant_id),
	    V(s->account_id), V(s->kind), V(s->region), V(s->address),
	    V(s->secret), V(s->state), V(s->created_at), V(s->updated_at)),
	    NULL, e);
}

int
spot_source_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	return db_exec(db, &DELETE, ARGS(V(tenant), V(id)), NULL, e);
}

int
spot_source_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_source *out, struct err *e)
{
	return db_one(db, a, &BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
spot_source_by_name(struct db *db, struct arena *a, struct uuid id,
    struct spot_source *out, struct err *e)
{
	return db_one(db, a, &BY_NAME, ARGS(val_id(id)), out, e);
}

int
spot_source_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct uuid after, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &PAGE, ARGS(V(tenant), V(after), V(account),
	    V(limit)), out, e);
}

int
spot_source_kind(struct db *db, struct arena *a, const char *kind,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &KIND, ARGS(V(kind)), out, e);
}

int
spot_source_on(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &ON, NO_ARGS, out, e);
}

int
spot_source_secret(struct db *db, const struct spot_source *s, struct err *e)
{
	return db_exec(db, &SECRET, ARGS(V(s->secret), V(s->updated_at),
	    V(s->tenant_id), V(s->id)), NULL, e);
}

int
spot_source_count(struct db *db, struct uuid id, const struct spot_taken *t,
    struct utc now, struct err *e)
{
	/* what was not proved says nothing about who speaks */
	if (t->accepted + t->duplicates + t->strangers + t->malformed +
	    t->late == 0)
		return t->forged == 0 ? 0 : db_exec(db, &FORGED,
		    ARGS(V(t->forged), V(id)), NULL, e);
	return db_exec(db, &COUNT, ARGS(V(t->accepted), V(t->duplicates),
	    V(t->strangers), V(t->forged), V(t->malformed), V(t->late),
	    V(now), V(now), V(id)), NULL, e);
}

int
spot_source_polled(struct db *db, struct uuid id, const char *error,
    struct utc now, struct err *e)
{
	return db_exec(db, &POLLED, ARGS(V(now), V(error), V(error), V(id)),
	    NULL, e);
}

int
spot_source_asked(struct db *db, struct uuid id, const char *error,
    struct utc now, struct err *e)
{
	return db_exec(db, &ASKED, ARGS(V(now), V(error), V(id)), NULL, e);
}

int
spot_source_set_state(struct db *db, struct uuid id, const char *state,
    struct utc now, struct err *e)
{
	return db_exec(db, &STATE, ARGS(V(state), V(now), V(id)), NULL, e);
}

int
spot_source_simulated(struct db *db, struct utc now, struct err *e)
{
	return db_exec(db, &SIMULATED, ARGS(V(now), V(now)), NULL, e);
}

int
spot_source_totals(struct db *db, struct arena *a,
    struct spot_source_totals *out, struct err *e)
{
	return db_one(db, a, &TOTALS, NO_ARGS, out, e);
}

static struct blob
key_of(const char *url, uint8_t digest[SHA256_LEN])
{
	crypto_sha256(url, strlen(url), digest);
	return (struct blob){ digest, SHA256_LEN };
}

int
spot_sns_cert_get(struct db *db, struct arena *a, const char *url,
    struct utc now, const char **pem, struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct cert c = { 0 };
	int rc = db_one(db, a, &CERT_GET, ARGS(V(key_of(url, digest)),
	    V(now)), &c, e);

	*pem = c.pem;
	return rc;
}

int
spot_sns_cert_put(struct db *db, const char *url, const char *pem,
    struct utc until, struct utc now, struct err *e)
{
	uint8_t digest[SHA256_LEN];

	return db_exec(db, &CERT_PUT, ARGS(V(key_of(url, digest)), V(url),
	    V(pem), V(until), V(now)), NULL, e);
}
