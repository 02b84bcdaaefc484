/*
 * Idempotency-Key: the key row is the first insert of the handler's own
 * transaction, with zero lock wait. Taken and uncommitted: 409 at once.
 * Committed: the kept reply again, or 422 when the request differs. A request
 * that fails keeps nothing, a killed one leaves nothing behind. Replies that
 * hold a secret are not kept.
 */
#include <string.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "db/table.h"
#include "http/serve.h"

struct idem_row {
	struct blob digest;
	int64_t status;
	const char *body;
	struct utc expires_at;
};

static const struct field idem_fields[] = {
	FIELD(struct idem_row, digest, .doc = "Digest of the request"),
	FIELD(struct idem_row, status, .flags = FF_NULLABLE,
	    .doc = "Status of the reply"),
	FIELD(struct idem_row, body, .flags = FF_NULLABLE,
	    .doc = "Body of the reply"),
	FIELD(struct idem_row, expires_at, .doc = "Forgotten after"),
	FIELD_END
};

static const struct schema idem_schema = {
	"HttpIdempotency", "Kept reply", sizeof(struct idem_row), idem_fields,
	NULL
};

static const struct query idem_insert = { "http_idempotency.insert",
    "SET STATEMENT innodb_lock_wait_timeout=0 FOR "
    "INSERT INTO http_idempotency (key_hash, digest, expires_at) "
    "VALUES (?, ?, ?)", NULL };
static const struct query idem_get = { "http_idempotency.get",
    "SELECT digest, status, body, expires_at FROM http_idempotency "
    "WHERE key_hash = ?", &idem_schema };
static const struct query idem_renew = { "http_idempotency.renew",
    "UPDATE http_idempotency SET digest = ?, expires_at = ?, status = NULL, "
    "body = NULL WHERE key_hash = ? AND expires_at < ?", NULL };
static const struct query idem_keep = { "http_idempotency.keep",
    "UPDATE http_idempotency SET status = ?, body = ? WHERE key_hash = ?",
    NULL };

const struct query *const http_queries[] = {
	&idem_insert, &idem_get, &idem_renew, &idem_keep, NULL
};

const struct table http_tables[] = {
	{ .name = "http_idempotency", .retention_days = 1,
	  .retention_column = "expires_at", .snapshot = SNAP_NEVER },
	{ .name = NULL }
};

static struct val
bytes(const uint8_t b[32])
{
	return val_blob((struct blob){ b, 32 });
}

int
idempotency_read(struct ctx *c, struct idempotency *id)
{
	const char *key = request_header(c->req, "Idempotency-Key");
	struct str s;
	size_t n;

	memset(id, 0, sizeof(*id));
	if (key == NULL || !(c->route->flags & R_IDEMPOTENT))
		return 0;
	n = strlen(key);
	if (n == 0 || n > 255 || !utf8_valid(key, n))
		return err_set(&c->err, 422, "idempotency_key",
		    "Idempotency-Key must have 1 to 255 characters");
	id->key = key;
	str_init(&s, c->a);
	str_addn(&s, c->who.tenant_id.b, 16);
	str_addn(&s, c->who.user_id.b, 16);
	str_addf(&s, "%s\n%s", c->route->id, key);
	crypto_sha256(s.p, s.len, id->hash);
	s.len = 0;
	str_addf(&s, "%s\n%s\n", c->req->path, c->req->media);
	for (size_t i = 0; i < c->req->nquery; i++)
		str_addf(&s, "%s=%s\n", c->req->query[i].name,
		    c->req->query[i].value);
	str_addn(&s, c->req->body == NULL ? "" : c->req->body,
	    c->req->body_len);
	crypto_sha256(s.p, s.len, id->digest);
	return 0;
}

static int
replay(struct ctx *c, const struct idem_row *row)
{
	if (row->status == 0)
		return err_set(&c->err, 409, "idempotency_in_flight",
		    "A request with this Idempotency-Key is in progress");
	if (c->route->flags & R_SECRET)
		return err_set(&c->err, 409, "idempotency_secret",
		    "This request was done; its reply held a secret and was "
		    "not kept");
	reply_header(c, "Idempotency-Replayed", "true");
	c->resp->status = (int)row->status;
	if (row->body != NULL)
		reply_json(c, (int)row->status, row->body, strlen(row->body));
	return 1;
}

int
idempotency_begin(struct ctx *c, const struct idempotency *id)
{
	const struct http_conf *cf = c->http->conf;
	struct utc until = { c->now.us +
	    cf->idempotency_hours * 3600 * US_PER_S };
	struct idem_row row = { .status = 0 };
	uint64_t n;

	if (id->key == NULL)
		return 0;
	if (db_exec(c->db, &idem_insert, ARGS(bytes(id->hash),
	    bytes(id->digest), V(until)), NULL, &c->err) == 0)
		return 0;
	if (db_retryable(&c->err)) {	/* locked by a request in progress */
		db_rollback(c->db);
		err_clear(&c->err);
		return err_set(&c->err, 409, "idempotency_in_flight",
		    "A request with this Idempotency-Key is in progress");
	}
	if (c->err.native != 1062)
		return -1;
	/* The duplicate poisoned the transaction: start it again. */
	db_rollback(c->db);
	err_clear(&c->err);
	if (db_begin(c->db, &c->err) == -1 || db_exec(c->db, &idem_renew,
	    ARGS(bytes(id->digest), V(until), bytes(id->hash), V(c->now)), &n,
	    &c->err) == -1)
		return -1;
	if (n > 0)
		return 0;
	if (db_one(c->db, c->a, &idem_get, ARGS(bytes(id->hash)), &row,
	    &c->err) != 0)
		return c->err.status != 0 ? -1 : err_set(&c->err, 409,
		    "idempotency_in_flight",
		    "A request with this Idempotency-Key just ended");
	if (row.digest.n != 32 || !crypto_equal(row.digest.p, id->digest, 32))
		return err_set(&c->err, 422, "idempotency_mismatch",
		    "This Idempotency-Key was used for another request");
	return replay(c, &row);
}

int
idempotency_end(struct ctx *c, const struct idempotency *id, int status)
{
	const struct response *r = c->resp;
	bool secret = c->route->flags & R_SECRET;
	struct val body = val_null();

	if (id->key == NULL)
		return 0;
	if (!secret && r->type != NULL)
		body = r->text != NULL ? val_sn(r->text, r->text_len) :
		    val_sn(r->body.p, r->body.len);
	return db_post(c->db, &idem_keep, ARGS(V(status), body,
	    bytes(id->hash)), &c->err);
}
