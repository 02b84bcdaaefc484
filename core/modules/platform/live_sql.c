/*
 * Rows of tickets, gateways and their clients. All SQL on platform_live_* is
 * here. A client counts only while its gateway beats.
 */
#include <stddef.h>

#include "modules/platform/live.h"

static const struct field ticket_fields[] = {
	FIELD(struct platform_live_ticket, hash, .doc = "Digest of the "
	    "ticket"),
	FIELD(struct platform_live_ticket, credential, .flags = FF_HIDDEN,
	    .doc = "Sealed credential"),
	FIELD(struct platform_live_ticket, expires_at, .doc = "Until when"),
	FIELD_END
};
static const struct schema ticket_schema = {
	.name = "LiveTicketRow", .doc = "A ticket that waits to be used",
	.size = sizeof(struct platform_live_ticket), .fields = ticket_fields
};

static const struct field gateway_fields[] = {
	FIELD(struct platform_live_gateway, process, .doc = "Its start"),
	FIELD(struct platform_live_gateway, host, .doc = "Host name"),
	FIELD(struct platform_live_gateway, pid, .doc = "Process"),
	FIELD(struct platform_live_gateway, started_at, .doc = "Since when"),
	FIELD(struct platform_live_gateway, beat_at, .doc = "Last beat"),
	FIELD(struct platform_live_gateway, clients, .doc = "Connected"),
	FIELD_END
};
static const struct schema gateway_schema = {
	.name = "LiveGateway", .doc = "A running gateway",
	.size = sizeof(struct platform_live_gateway), .fields = gateway_fields
};

static const struct field client_fields[] = {
	FIELD(struct platform_live_client, id, .doc = "Of this connection"),
	FIELD(struct platform_live_client, process, .flags = FF_HIDDEN,
	    .doc = "Its gateway"),
	FIELD(struct platform_live_client, tenant_id, .doc = "Whose events"),
	FIELD(struct platform_live_client, user_id, .doc = "Who"),
	FIELD(struct platform_live_client, name, .doc = "User name"),
	FIELD(struct platform_live_client, endpoint, .doc = "Path"),
	FIELD(struct platform_live_client, remote_addr, .doc = "Address"),
	FIELD(struct platform_live_client, user_agent, .doc = "As it said"),
	FIELD(struct platform_live_client, subscriptions,
	    .doc = "Topics, with commas"),
	FIELD(struct platform_live_client, connected_at, .doc = "Since when"),
	FIELD(struct platform_live_client, last_ping,
	    .doc = "When it was last known to be alive"),
	FIELD(struct platform_live_client, sent, .doc = "Events sent to it"),
	FIELD_END
};
const struct schema platform_live_client_schema = {
	.name = "LiveClient", .doc = "A client of the gateway",
	.size = sizeof(struct platform_live_client), .fields = client_fields
};

#define CLIENT "id, process, tenant_id, user_id, name, endpoint, " \
	"remote_addr, user_agent, subscriptions, connected_at, last_ping, sent"
#define CLIENT_C "c.id, c.process, c.tenant_id, c.user_id, c.name, " \
	"c.endpoint, c.remote_addr, c.user_agent, c.subscriptions, " \
	"c.connected_at, c.last_ping, c.sent"

static const struct query TICKET_PUT = { "platform_live_ticket.put",
	"INSERT INTO platform_live_ticket (hash, credential, expires_at) "
	"VALUES (?, ?, ?)", NULL };
static const struct query TICKET_GET = { "platform_live_ticket.get",
	"SELECT hash, credential, expires_at FROM platform_live_ticket "
	"WHERE hash = ? AND expires_at > ?", &ticket_schema };
static const struct query TICKET_DELETE = { "platform_live_ticket.delete",
	"DELETE FROM platform_live_ticket WHERE hash = ?", NULL };
static const struct query TICKET_EXPIRE = { "platform_live_ticket.expire",
	"DELETE FROM platform_live_ticket WHERE expires_at < ? LIMIT 1000",
	NULL };
static const struct query CLIENT_PUT = { "platform_live_client.put",
	"INSERT INTO platform_live_client (" CLIENT ") "
	"VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON DUPLICATE KEY UPDATE "
	"subscriptions = VALUES(subscriptions), "
	"last_ping = VALUES(last_ping), sent = VALUES(sent)", NULL };
static const struct query CLIENT_DELETE = { "platform_live_client.delete",
	"DELETE FROM platform_live_client WHERE id = ?", NULL };
static const struct query CLIENT_PAGE = { "platform_live_client.page",
	"SELECT " CLIENT_C " FROM platform_live_client c "
	"JOIN platform_live_gateway g ON g.process = c.process "
	"WHERE c.tenant_id = ? AND c.id > ? AND g.beat_at > ? "
	"ORDER BY c.id LIMIT ?", &platform_live_client_schema };
static const struct query CLIENT_ALL = { "platform_live_client.all",
	"SELECT " CLIENT_C " FROM platform_live_client c "
	"JOIN platform_live_gateway g ON g.process = c.process "
	"WHERE c.id > ? AND g.beat_at > ? ORDER BY c.id LIMIT ?",
	&platform_live_client_schema };
static const struct query GATEWAY_PUT = { "platform_live_gateway.put",
	"INSERT INTO platform_live_gateway (process, host, pid, started_at, "
	"beat_at, clients) VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"beat_at = VALUES(beat_at), clients = VALUES(clients)", NULL };
static const struct query GATEWAY_EXPIRE_CLIENTS = {
	"platform_live_client.expire",
	"DELETE c FROM platform_live_client c JOIN platform_live_gateway g "
	"ON g.process = c.process WHERE g.beat_at < ?", NULL };
static const struct query GATEWAY_EXPIRE = { "platform_live_gateway.expire",
	"DELETE FROM platform_live_gateway WHERE beat_at < ?", NULL };
static const struct query GATEWAY_CLIENTS = { "platform_live_client.of",
	"DELETE FROM platform_live_client WHERE process = ?", NULL };
static const struct query GATEWAY_DELETE = { "platform_live_gateway.delete",
	"DELETE FROM platform_live_gateway WHERE process = ?", NULL };

const struct query *const platform_live_queries[] = {
	&TICKET_PUT, &TICKET_GET, &TICKET_DELETE, &TICKET_EXPIRE, &CLIENT_PUT,
	&CLIENT_DELETE, &CLIENT_PAGE, &CLIENT_ALL, &GATEWAY_PUT,
	&GATEWAY_EXPIRE_CLIENTS, &GATEWAY_EXPIRE, &GATEWAY_CLIENTS,
	&GATEWAY_DELETE, NULL
};

static const char *const sealed[] = { "credential", NULL };
const struct table platform_live_tables[] = {
	{ .name = "platform_live_ticket", .row = &ticket_schema,
	  .sealed = sealed, .snapshot = SNAP_NEVER },
	{ .name = "platform_live_gateway", .row = &gateway_schema,
	  .snapshot = SNAP_NEVER },
	{ .name = "platform_live_client", .row = &platform_live_client_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_NEVER },
	{ .name = NULL }
};

int
platform_live_ticket_insert(struct db *db,
    const struct platform_live_ticket *t, struct err *e)
{
	return db_exec(db, &TICKET_PUT, ARGS(V(t->hash), V(t->credential),
	    V(t->expires_at)), NULL, e);
}

int
platform_live_ticket_get(struct db *db, struct arena *a, struct blob hash,
    struct utc now, struct platform_live_ticket *out, struct err *e)
{
	return db_one(db, a, &TICKET_GET, ARGS(V(hash), V(now)), out, e);
}

int
platform_live_ticket_delete(struct db *db, struct blob hash, uint64_t *n,
    struct err *e)
{
	return db_exec(db, &TICKET_DELETE, ARGS(V(hash)), n, e);
}

int
platform_live_ticket_expire(struct db *db, struct utc before, struct err *e)
{
	return db_exec(db, &TICKET_EXPIRE, ARGS(V(before)), NULL, e);
}

enum { COLS = 12, BATCH = 100 };

int
platform_live_client_put(struct db *db, const struct platform_live_client *c,
    size_t n, struct err *e)
{
	struct val v[BATCH * COLS];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct val row[COLS] = { V(c[i].id), V(c[i].process),
		    V(c[i].tenant_id), V(c[i].user_id), V(c[i].name),
		    V(c[i].endpoint), V(c[i].remote_addr), V(c[i].user_agent),
		    V(c[i].subscriptions), V(c[i].connected_at),
		    V(c[i].last_ping), V(c[i].sent) };

		for (size_t j = 0; j < COLS; j++)
			v[k * COLS + j] = row[j];
		if (++k < BATCH && i + 1 < n)
			continue;
		if (db_exec_many(db, &CLIENT_PUT, v, COLS, k, NULL, e) == -1)
			return -1;
		k = 0;
	}
	return 0;
}

int
platform_live_client_delete(struct db *db, struct uuid id, struct err *e)
{
	return db_exec(db, &CLIENT_DELETE, ARGS(V(id)), NULL, e);
}

int
platform_live_client_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid after, struct utc alive, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &CLIENT_PAGE, ARGS(V(tenant), val_id(after),
	    V(alive), V(limit)), out, e);
}

int
platform_live_client_all(struct db *db, struct arena *a, struct uuid after,
    struct utc alive, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &CLIENT_ALL, ARGS(val_id(after), V(alive),
	    V(limit)), out, e);
}

int
platform_live_gateway_put(struct db *db,
    const struct platform_live_gateway *g, struct err *e)
{
	return db_exec(db, &GATEWAY_PUT, ARGS(V(g->process), V(g->host),
	    V(g->pid), V(g->started_at), V(g->beat_at), V(g->clients)), NULL,
	    e);
}

int
platform_live_gateway_expire(struct db *db, struct utc before, struct err *e)
{
	if (db_exec(db, &GATEWAY_EXPIRE_CLIENTS, ARGS(V(before)), NULL,
	    e) == -1)
		return -1;
	return db_exec(db, &GATEWAY_EXPIRE, ARGS(V(before)), NULL, e);
}

int
platform_live_gateway_delete(struct db *db, struct uuid process,
    struct err *e)
{
	if (db_exec(db, &GATEWAY_CLIENTS, ARGS(V(process)), NULL, e) == -1)
		return -1;
	return db_exec(db, &GATEWAY_DELETE, ARGS(V(process)), NULL, e);
}
