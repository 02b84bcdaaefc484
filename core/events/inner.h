/*
 * What the files of this layer share: the relay's memory, and one batch on its
 * way from the outbox into the stream.
 */
#ifndef EVENTS_INNER_H
#define EVENTS_INNER_H

#include "base/arena.h"
#include "db/db.h"
#include "db/lease.h"

enum {
	RELAY_LEASE_S = 10,
	GAPS = 4096,		/* ranges remembered before they are merged */
	GAP_IDS = 2000,		/* ids looked up singly; more: a scan */
	REASON_MAX = 500
};

/* Ids between seen ones that were not there: a slow writer, or a rollback. */
struct relay_gap {
	int64_t lo, hi;
	int64_t since_ns;	/* boot clock */
};

struct relay {
	struct lease lease;
	int64_t low;		/* highest id seen; what is above is new */
	struct relay_gap gaps[GAPS];
	size_t ngaps;
	int64_t swept_ns;	/* last look at everything below low */
	int64_t gap_life_ns, sweep_ns;
	size_t singly;		/* so many rows one at a time: one of them
				 * cannot be stored */
	int64_t doomed;		/* this row goes to events_dead */
	char doom[REASON_MAX];
};

/* A row of the outbox, first by its size alone. */
struct relay_id {
	int64_t id, size;
};

struct relay_row {
	int64_t id;
	struct uuid tenant_id;
	int64_t n;
	struct blob body;
	int64_t epoch, top;	/* of its tenant's stream; 0 = it has none */
	const char *fault;	/* why it cannot be relayed; NULL = sound */
};

struct relay_batch {
	struct relay *r;
	struct arena *a;
	size_t limit;		/* rows at most */
	bool read;		/* ids are known: nobody else can have moved
				 * them since */
	struct relay_id *ids;	/* ascending */
	size_t n;
	bool more;		/* there was more than this batch takes */
	bool swept;		/* everything below low was looked at, and
				 * is in this batch */
	size_t events, dead;
	int64_t pos;		/* of its last stream row */
};

/* ---- gaps: relay_gap.c -------------------------------------------------------- */

/* A new id above low was read: what lies between is a gap. */
void relay_gap_pass(struct relay *, int64_t id, int64_t now_ns);
/* An id below low turned up. */
void relay_gap_fill(struct relay *, int64_t id);
/* Forgets gaps that no legal transaction can fill any more. */
void relay_gap_forget(struct relay *, int64_t now_ns);
/* Ids in all gaps. */
int64_t relay_gap_ids(const struct relay *);
/* JSON array of them. */
const char *relay_gap_text(const struct relay *, struct arena *);

/* ---- one batch: relay_batch.c ------------------------------------------------- */

/* Reads which rows there are. Any connection state. */
int relay_batch_ids(struct db *, struct relay_batch *, struct err *);
/* Moves them; inside a transaction that has written the lease. 409
 * "relay_count" when a row was not there any more. */
int relay_batch_move(struct db *, struct relay_batch *, struct err *);
/* After rows of a restored or damaged database stood in the way: positions
 * and heads behind the stream are moved up, with a new epoch. */
int relay_repair(struct db *, struct err *);
/* Why a row cannot be relayed; NULL = it can. */
const char *relay_fault(struct arena *, const struct relay_row *);

/* JSON array of ids for JSON_TABLE. */
const char *relay_id_list(struct arena *, const struct relay_id *, size_t n);

#define ID_TABLE "JSON_TABLE(?, '$[*]' COLUMNS(id BIGINT PATH '$')) j "

#endif
