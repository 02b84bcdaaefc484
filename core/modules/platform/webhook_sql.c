/*
 * Rows of webhooks. All SQL on platform_webhook is here. Every statement of a
 * request names the tenant; the loop and operators go over all.
 */
#include "base/arena.h"
#include "modules/platform/webhook.h"

#define F struct platform_webhook
static const struct field fields[] = {
	FIELD(F, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(F, id, .flags = FF_READONLY, .doc = "Identifier"),
	FIELD(F, name, .max = 100, .doc = "Label, unique in the tenant"),
	FIELD(F, url, .doc = "Where events are posted"),
	FIELD(F, stream, .oneof = ONEOF("tenant", "installation"),
	    .doc = "Whose events: the tenant's, or the installation's "
	    "(alerts, errors, breakers)"),
	FIELD(F, topic_names, .flags = FF_HIDDEN, .doc = "Topics"),
	FIELD(F, permission_names, .flags = FF_HIDDEN,
	    .doc = "What its maker could see"),
	FIELD(F, topics, .elem = FT_STR, .flags = FF_NOSQL,
	    .doc = "Topics it takes; none = all"),
	FIELD(F, secret, .flags = FF_HIDDEN, .doc = "Sealed"),
	FIELD(F, active, .doc = "Events are sent"),
	FIELD(F, delivered, .doc = "Number of the last event that is "
	    "settled"),
	FIELD(F, queued, .flags = FF_HIDDEN, .doc = "Last one that is under "
	    "way"),
	FIELD(F, queued_at, .flags = FF_HIDDEN, .doc = "Since when"),
	FIELD(F, failures, .doc = "Tries in a row that failed"),
	FIELD(F, failing_since, .flags = FF_NULLABLE,
	    .doc = "First of these"),
	FIELD(F, last_status, .doc = "HTTP status of the last try; 0 = no "
	    "answer"),
	FIELD(F, last_error, .doc = "Why the last try failed; empty = it did "
	    "not"),
	FIELD(F, last_at, .flags = FF_NULLABLE, .doc = "Last try"),
	FIELD(F, created_by, .doc = "Who made it"),
	FIELD(F, created_at, .doc = "When it was made"),
	FIELD(F, updated_at, .doc = "Last change of its settings"),
	FIELD_END
};
const struct schema platform_webhook_schema = { .name = "Webhook",
    .doc = "Events that are posted to a URL", .size = sizeof(F),
    .fields = fields };

struct count_row {
	int64_t n;
};
static const struct field count_fields[] = {
	FIELD(struct count_row, n, .doc = "Rows"), FIELD_END
};
static const struct schema count_schema = { .name = "WebhookCount",
    .doc = "A number of rows", .size = sizeof(struct count_row),
    .fields = count_fields };

#define COLUMNS "w.tenant_id, w.id, w.name, w.url, w.stream, w.topic_names, " \
	"w.permission_names, w.secret, w.active, w.delivered, w.queued, " \
	"w.queued_at, w.failures, w.failing_since, w.last_status, " \
	"w.last_error, w.last_at, w.created_by, w.created_at, w.updated_at "
#define FROM "SELECT " COLUMNS "FROM platform_webhook w "

static const struct query INSERT = { "platform_webhook.insert",
	"INSERT INTO platform_webhook (tenant_id, id, name, url, stream, topic_names, "
	"permission_names, secret, active, delivered, queued, queued_at, "
	"failures, last_status, last_error, created_by, created_at, "
	"updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '', ?, "
	"?, ?)", NULL };
static const struct query UPDATE = { "platform_webhook.update",
	"UPDATE platform_webhook SET name = ?, url = ?, topic_names = ?, "
	"permission_names = ?, secret = ?, active = ?, failures = ?, "
	"failing_since = ?, updated_at = ? WHERE tenant_id = ? AND id = ?",
	NULL };
static const struct query DELETE = { "platform_webhook.delete",
	"DELETE FROM platform_webhook WHERE tenant_id = ? AND id = ?", NULL };
static const struct query BY_ID = { "platform_webhook.by_id",
	FROM "WHERE w.tenant_id = ? AND w.id = ? LIMIT 1",
	&platform_webhook_schema };
static const struct query LOCK = { "platform_webhook.lock",
	FROM "WHERE w.tenant_id = ? AND w.id = ? LIMIT 1 FOR UPDATE",
	&platform_webhook_schema };
static const struct query PAGE = { "platform_webhook.page",
	FROM "WHERE w.tenant_id = ? AND w.id > COALESCE(?, X'00') "
	"ORDER BY w.id LIMIT ?", &platform_webhook_schema };
static const struct query COUNT = { "platform_webhook.count",
	"SELECT COUNT(*) AS n FROM platform_webhook WHERE tenant_id = ?",
	&count_schema };
static const struct query EVERYONE = { "platform_webhook.everyone",
	FROM "WHERE w.id > COALESCE(?, X'00') ORDER BY w.id LIMIT ?",
	&platform_webhook_schema };
static const struct query LAGGING = { "platform_webhook.lagging",
	FROM "JOIN events_head h ON h.tenant_id = IF(w.stream = "
	"'installation', REPEAT(CHAR(0), 16), w.tenant_id) "
	"WHERE w.active AND w.delivered < h.top AND (w.queued <= w.delivered "
	"OR w.queued_at < ?) ORDER BY w.queued_at LIMIT 100",
	&platform_webhook_schema };
static const struct query ADVANCE = { "platform_webhook.advance",
	"UPDATE platform_webhook SET delivered = ?, queued = ? "
	"WHERE tenant_id = ? AND id = ? AND delivered = ?", NULL };
static const struct query ENQUEUED = { "platform_webhook.enqueued",
	"UPDATE platform_webhook SET queued = ?, queued_at = ? "
	"WHERE tenant_id = ? AND id = ? AND delivered = ?", NULL };
static const struct query TRIED = { "platform_webhook.tried",
	"UPDATE platform_webhook SET delivered = ?, queued = ?, active = ?, "
	"failures = ?, failing_since = ?, last_status = ?, last_error = ?, "
	"last_at = ? WHERE tenant_id = ? AND id = ?", NULL };
static const struct query SWITCH = { "platform_webhook.switch",
	"UPDATE platform_webhook SET active = ?, failures = 0, "
	"failing_since = NULL, updated_at = ? WHERE id = ?", NULL };

const struct query *const platform_webhook_queries[] = {
	&INSERT, &UPDATE, &DELETE, &BY_ID, &LOCK, &PAGE, &COUNT, &EVERYONE,
	&LAGGING, &ADVANCE, &ENQUEUED, &TRIED, &SWITCH, NULL
};

static const char *const sealed[] = { "secret", NULL };
const struct table platform_webhook_tables[] = {
	{ .name = "platform_webhook", .row = &platform_webhook_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL,
	  .sealed = sealed },
	{ .name = NULL }
};

int
platform_webhook_insert(struct db *db, const F *w, struct err *e)
{
	return db_exec(db, &INSERT, ARGS(val_id(w->tenant_id), V(w->id),
	    V(w->name), V(w->url), V(w->stream), V(w->topic_names),
	    V(w->permission_names), V(w->secret), V(w->active),
	    V(w->delivered), V(w->queued), V(w->queued_at), V(w->created_by),
	    V(w->created_at), V(w->updated_at)), NULL, e);
}

int
platform_webhook_update(struct db *db, const F *w, struct err *e)
{
	return db_exec(db, &UPDATE, ARGS(V(w->name), V(w->url),
	    V(w->topic_names), V(w->permission_names), V(w->secret),
	    V(w->active), V(w->failures), V(w->failing_since),
	    V(w->updated_at), val_id(w->tenant_id), V(w->id)), NULL, e);
}

int
platform_webhook_delete(struct db *db, struct uuid tenant, struct uuid id,
    uint64_t *n, struct err *e)
{
	return db_exec(db, &DELETE, ARGS(val_id(tenant), V(id)), n, e);
}

static void
shape(struct arena *a, F *w)
{
	w->topics = platform_webhook_split(a, w->topic_names);
}

static int
many(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct rows *out, struct err *e)
{
	if (db_all(db, a, q, v, n, out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		shape(a, ROW(out, F, i));
	return 0;
}

int
platform_webhook_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, bool lock, F *out, struct err *e)
{
	int rc = db_one(db, a, lock ? &LOCK : &BY_ID, ARGS(val_id(tenant),
	    V(id)), out, e);

	if (rc == 0)
		shape(a, out);
	return rc;
}

int
platform_webhook_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	return many(db, a, &PAGE, ARGS(val_id(tenant), V(after), V(limit)),
	    out, e);
}

int
platform_webhook_count(struct db *db, struct uuid tenant, int64_t *n,
    struct err *e)
{
	struct arena *a = arena_new(64 << 10);
	struct count_row row;
	int rc = db_one(db, a, &COUNT, ARGS(val_id(tenant)), &row, e);

	arena_free(a);
	*n = row.n;
	return rc;
}

int
platform_webhook_everyone(struct db *db, struct arena *a, struct uuid after,
    int64_t limit, struct rows *out, struct err *e)
{
	return many(db, a, &EVERYONE, ARGS(V(after), V(limit)), out, e);
}

int
platform_webhook_lagging(struct db *db, struct arena *a, struct utc before,
    struct rows *out, struct err *e)
{
	return many(db, a, &LAGGING, ARGS(V(before)), out, e);
}

int
platform_webhook_advance(struct db *db, const F *w, int64_t to,
    struct err *e)
{
	return db_exec(db, &ADVANCE, ARGS(V(to), V(to), val_id(w->tenant_id),
	    V(w->id), V(w->delivered)), NULL, e);
}

int
platform_webhook_enqueued(struct db *db, const F *w, int64_t last,
    struct utc now, struct err *e)
{
	return db_exec(db, &ENQUEUED, ARGS(V(last), V(now),
	    val_id(w->tenant_id), V(w->id), V(w->delivered)), NULL, e);
}

int
platform_webhook_tried(struct db *db, const F *w, struct err *e)
{
	return db_exec(db, &TRIED, ARGS(V(w->delivered), V(w->queued),
	    V(w->active), V(w->failures), V(w->failing_since),
	    V(w->last_status), V(w->last_error), V(w->last_at),
	    val_id(w->tenant_id), V(w->id)), NULL, e);
}

int
platform_webhook_switch(struct db *db, struct uuid id, bool active,
    struct utc now, uint64_t *n, struct err *e)
{
	return db_exec(db, &SWITCH, ARGS(V(active), V(now), V(id)), n, e);
}
