/*
 * The audit trail: who did what to what, with which outcome. Rows are inserted
 * unchained in the transaction of the change; sealing numbers committed rows
 * and chains them with an HMAC whose key is not in the database. Every so
 * often (count, head) is appended to a file, the anchor, so that a cut tail
 * shows.
 */
#ifndef AUTH_AUDIT_H
#define AUTH_AUDIT_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"

struct auth_audit_row {
	struct uuid id, tenant_id;
	struct utc at;
	const char *actor_kind;		/* "user", "key", "system", "none" */
	struct uuid actor_id;
	const char *actor;		/* name for people */
	const char *action;		/* route id or program's word */
	int64_t status;			/* HTTP status, 0 = no request */
	const char *target_kind, *target_id;
	struct json detail;
	const char *request_id, *ip;
	int64_t seal_seq;		/* 0 = not sealed yet */
	bool sealed;			/* seal_seq is there */
	struct blob seal;
};
extern const struct schema auth_audit_schema;
extern const struct query *const auth_audit_queries[];

/* ---- pure --------------------------------------------------------------- */

enum { AUTH_SEAL_LEN = 32 };
/* seal = HMAC(key, prev | canonical form of the row with this number). */
void auth_audit_chain(struct arena *, const uint8_t key[32],
    const uint8_t prev[AUTH_SEAL_LEN], const struct auth_audit_row *,
    int64_t seq, uint8_t out[AUTH_SEAL_LEN]);

/* ---- rows --------------------------------------------------------------- */

struct auth_audit_head {
	int64_t seal_seq;
	struct blob seal;
};
struct auth_audit_filter {
	struct uuid tenant;		/* nil: all tenants */
	const char *action, *actor, *target_kind, *target_id;
	struct utc since, until;
	struct uuid before;		/* page: ids below this one */
	int64_t limit;
};
enum { AUTH_SEAL_BATCH = 500 };	/* rows sealed in one transaction */

int auth_audit_insert(struct db *, const struct auth_audit_row *,
    struct err *);
int auth_audit_page(struct db *, struct arena *,
    const struct auth_audit_filter *, struct rows *, struct uuid *reached,
    struct err *);
/* 0 locked, 1 somebody else seals now. */
int auth_audit_head_lock(struct db *, struct arena *,
    struct auth_audit_head *, struct err *);
int auth_audit_head_read(struct db *, struct arena *,
    struct auth_audit_head *, struct err *);
int auth_audit_head_set(struct db *, int64_t seq, struct blob seal,
    struct err *);
int auth_audit_unsealed(struct db *, struct arena *, struct rows *,
    struct err *);
/* Writes seals and numbers, which begin with `first`. */
int auth_audit_mark(struct db *, const struct auth_audit_row *, size_t n,
    const uint8_t (*seals)[AUTH_SEAL_LEN], int64_t first, struct err *);
/* The whole chain in order, streamed. */
int auth_audit_sealed(struct db *, struct arena *,
    int (*fn)(void *arg, const void *row, struct err *), void *arg,
    struct err *);

/* ---- files -------------------------------------------------------------- */

struct auth_anchor {
	int64_t seq;
	uint8_t seal[AUTH_SEAL_LEN];
};
/* Appends a line unless the last one is younger than min_age_s. */
int auth_anchor_write(struct env *, struct arena *,
    const struct auth_anchor *, struct utc now, int64_t min_age_s,
    struct err *);
/* All anchors of this host in file order. *n = 0 without a file. */
int auth_anchor_read(struct env *, struct arena *,
    const struct auth_anchor **, size_t *n, struct err *);

/* ---- use-cases ---------------------------------------------------------- */

/* Seals what is committed, in transactions of its own; *sealed rows. A lock
 * held elsewhere is no error. Not inside a transaction. */
int auth_audit_seal(struct env *, struct arena *, size_t *sealed,
    struct err *);

struct auth_audit_report {
	bool ok;
	int64_t checked;		/* sealed rows read */
	int64_t anchors;		/* anchors compared */
	const char *problem;		/* "edited", "missing", "cut", … or NULL */
	int64_t row;			/* number of the first bad row */
	struct uuid row_id;
	const char *message;		/* sentence for people */
};
extern const struct schema auth_audit_report_schema;
/* Seals, then walks the whole chain. -1 only if it could not be read. */
int auth_audit_verify(struct env *, struct arena *,
    struct auth_audit_report *, struct err *);

extern const struct route auth_audit_routes[];
extern const struct command auth_audit_commands[];

#endif
