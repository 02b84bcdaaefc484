/*
 * Storing and promoting models. Versions of one name are numbered under the
 * lock of the newest; a promotion retires what was live in the same
 * transaction.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/principal.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "modules/platform/model.h"

struct told {
	struct uuid id;
	const char *module, *name, *state;
	int64_t version;
};
static const struct field told_fields[] = {
	FIELD(struct told, id, .doc = "Model"),
	FIELD(struct told, module, .doc = "System it serves"),
	FIELD(struct told, name, .doc = "Name"),
	FIELD(struct told, state, .doc = "State"),
	FIELD(struct told, version, .doc = "Version"), FIELD_END
};
static const struct schema told_schema = {
	.name = "ModelChanged", .doc = "A model was stored or promoted",
	.size = sizeof(struct told), .fields = told_fields
};

enum { ADDED, PROMOTED };
const struct event platform_model_events[] = {
	[ADDED] = { .name = "model.added", .doc = "A candidate was stored",
	    .payload = &told_schema, .permission = "models:read" },
	[PROMOTED] = { .name = "model.promoted",
	    .doc = "A version of a model is live now",
	    .payload = &told_schema, .permission = "models:read" },
	EVENT_END
};

static int
tell(struct db *db, int which, const struct platform_model *m,
    struct err *e)
{
	struct told t = { m->id, m->module, m->name, m->state, m->version };
	char id[UUID_TEXT];

	return event_publish(db, &platform_model_events[which],
	    m->tenant_id, uuid_format(m->id, id), 0, &t, e);
}

static struct json
or_empty(struct json j)
{
	return j.p != NULL ? j : (struct json){ "{}" };
}

static int
add(struct db *db, struct arena *a, struct platform_model_new *n,
    struct platform_model *m, struct err *e)
{
	uint8_t *hash = arena_alloc(a, SHA256_LEN);

	ASSERT(db_in_txn(db));
	if (uuid_is_nil(n->id))
		n->id = uuid_new();
	crypto_sha256(n->content.p, n->content.n, hash);
	*m = (struct platform_model){ .id = n->id, .tenant_id = n->tenant,
	    .module = n->module, .name = n->name, .format = n->format,
	    .state = "candidate", .metrics = or_empty(n->metrics),
	    .about = or_empty(n->about), .data_hash = n->data_hash,
	    .blob_hash = { hash, SHA256_LEN }, .trained_at = n->trained,
	    .window_from = n->from, .window_to = n->to,
	    .made_by = n->by != NULL ? n->by : "",
	    .created_at = clock_now() };
	m->sha256 = hex_encode(hash, SHA256_LEN, arena_alloc(a,
	    2 * SHA256_LEN + 1));
	if (platform_model_top(db, a, n->tenant, n->module, n->name,
	    &m->version, e) == -1)
		return -1;
	m->version++;
	if (platform_model_insert(db, m, n->content, e) == -1)
		return -1;
	return tell(db, ADDED, m, e);
}

int
platform_model_add(struct db *db, struct arena *a,
    struct platform_model_new *n, int64_t *version, struct err *e)
{
	struct platform_model m;

	if (add(db, a, n, &m, e) == -1)
		return -1;
	*version = m.version;
	return 0;
}

int
platform_model_promote(struct db *db, struct uuid tenant, struct uuid id,
    const char *by, struct err *e)
{
	struct arena *a = arena_new(8 << 20);
	struct utc now = clock_now();
	struct platform_model m;
	int rc;

	(void)by;
	ASSERT(db_in_txn(db));
	rc = db_found(platform_model_lock(db, a, tenant, id, &m, e), "Model",
	    e);
	if (rc == 0 && strcmp(m.state, "live") == 0)
		rc = err_set(e, 409, "live", "It is live already");
	if (rc == 0 && (platform_model_retire_live(db, tenant, m.module,
	    m.name, now, e) == -1 ||
	    platform_model_set_live(db, id, now, e) == -1))
		rc = -1;
	m.state = "live";
	if (rc == 0)
		rc = tell(db, PROMOTED, &m, e);
	arena_free(a);
	return rc;
}

int
platform_model_take(struct db *db, struct arena *a,
    const struct principal *by, const struct platform_model_upload *u,
    struct platform_model *out, struct err *e)
{
	struct platform_model_new n = { .tenant = by->tenant_id,
	    .module = u->module, .name = u->name, .format = u->format,
	    .metrics = u->metrics, .about = u->about,
	    .content = { u->content, strlen(u->content) },
	    .by = by->name };
	struct platform_predictor *p;

	if (platform_predictor_read(a, u->format, u->content,
	    strlen(u->content), &p, e) == -1 ||
	    platform_predictor_try(a, p, u->vectors, u->tolerance, e) == -1)
		return -1;
	return add(db, a, &n, out, e);
}
