/*
 * Rows of the installation's own secrets, and the question which key ids the
 * sealed columns of all modules name. Table and column names come from the
 * modules' static tables, never from input.
 */
#include "base/arena.h"
#include "modules/auth/secret.h"

static const struct field secret_fields[] = {
	FIELD(struct auth_secret, id, .doc = "Identifier"),
	FIELD(struct auth_secret, name, .doc = "What it is for"),
	FIELD(struct auth_secret, value, .flags = FF_HIDDEN,
	    .doc = "Sealed with the key ring"),
	FIELD(struct auth_secret, created_at, .doc = "When it was made"),
	FIELD_END
};
const struct schema auth_secret_schema = {
	.name = "InstallationSecret", .doc = "A secret of the installation",
	.size = sizeof(struct auth_secret), .fields = secret_fields
};

static const struct field sealed_fields[] = {
	FIELD(struct auth_sealed_id, key_id, .doc = "Key of the ring"),
	FIELD_END
};
static const struct schema sealed_schema = {
	.name = "SealedKeyId", .doc = "A key id that occurs in a column",
	.size = sizeof(struct auth_sealed_id), .fields = sealed_fields
};

static const struct query SECRET_ALL = { "auth_secret.all",
	"SELECT id, name, value, created_at FROM auth_secret LIMIT 20",
	&auth_secret_schema };
static const struct query SECRET_INSERT = { "auth_secret.insert",
	"INSERT INTO auth_secret (id, name, value, created_at) "
	"VALUES (?, ?, ?, ?)", NULL };

const struct query *const auth_secret_queries[] = {
	&SECRET_ALL, &SECRET_INSERT, NULL
};

int
auth_secret_all(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &SECRET_ALL, NO_ARGS, out, e);
}

int
auth_secret_insert(struct db *db, const struct auth_secret *s, struct err *e)
{
	return db_exec(db, &SECRET_INSERT, ARGS(V(s->id), V(s->name),
	    V(s->value), V(s->created_at)), NULL, e);
}

/* The statement lives as long as the process, because its address is the key
 * of the statement cache; it is asked once, at boot. */
int
auth_sealed_ids(struct env *env, struct arena *a, const char *table,
    const char *column, struct rows *out, struct err *e)
{
	struct query *q = arena_alloc(env->a, sizeof(*q));

	q->name = "auth_secret.sealed_ids";
	q->row = &sealed_schema;
	q->sql = arena_printf(env->a, "SELECT DISTINCT SUBSTRING_INDEX("
	    "SUBSTRING_INDEX(%s, '.', 2), '.', -1) AS key_id FROM %s "
	    "WHERE %s LIKE 'v1.%%' LIMIT 100", column, table, column);
	return db_all(env->db, a, q, NO_ARGS, out, e);
}
