/*
 * Inside of the shared segment; only core/shm includes this. Offsets are
 * computed from the layout in private memory and never read from the file.
 */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>

#include "shm/dependency.h"

enum {
	SEG_VERSION = 3,
	SEG_STRIPES = 8,
	SEG_WORDS = 128,
	SEG_TEXTS = 16,
	SEG_TEXT_MAX = 4000,
	SEG_CELLS = 8192,
	SEG_STEPS = 32,		/* held at once by one process */
	SEG_GROUP = 8,		/* rate words probed: one cache line */
	SEG_SECONDS = 10,	/* of the window of a breaker */
	SEG_PROBES = 8,		/* calls let through half open, at most */
	SEG_PERMITS = DEPENDENCY_PERMITS,
	SEG_BUCKETS = 16,
	SEG_HIST = SEG_BUCKETS + 2	/* + over the last bound, + sum */
};
_Static_assert((int)METRIC_BUCKETS == SEG_BUCKETS + 1, "over the last bound");

/* Open-file-description locks lie beyond the end of the file. */
#define LOCK_SLOT ((off_t)1 << 40)
#define LOCK_TEXT ((off_t)1 << 41)
#define LOCK_STEP ((off_t)1 << 42)
#define LOCK_SPAN ((off_t)1 << 32)

struct seg_head {
	char magic[8];
	uint32_t version, stripes;
	uint64_t layout, size;
	char boot_id[40];
	uint8_t secret[16];	/* SipHash key of the rate table */
	uint64_t sum;		/* FNV-1a of all of the above */
};

struct seg_word {
	uint64_t name, value, written, unused;
};

struct seg_cell {
	uint64_t key, value;
};

struct seg_text {
	uint64_t name, turn;	/* buffer turn & 1 is the valid one */
	struct {
		uint64_t written, len;
		char p[SEG_TEXT_MAX];
	} buf[2];
};

/* One dependency; layout of the words in breaker.c and budget.c. */
struct seg_breaker {
	uint64_t word, mode, streak, budget, unused[4];
	uint64_t bucket[SEG_SECONDS], more[6];
	uint64_t probe[SEG_PROBES], owner[SEG_PROBES];
};

struct seg_fault {
	uint64_t key, lock, turn, count, reported;
	int64_t first, last;	/* wall clock, microseconds */
	char place[SHM_TEXT], code[32], message[160], cause[200];
	char request_id[40];
	uint64_t unused[4];
};

struct seg_slot {
	uint64_t gen, turn;	/* turn odd: owner is writing */
	int64_t pid;
	uint64_t born, started, requests, ncrumbs;
	char pool[16], phase[16], route[SHM_TEXT], request_id[40];
	char crumbs[SHM_CRUMBS][SHM_TEXT];
};

/* Where things are: bytes from the start. */
struct seg_map {
	size_t words, texts, cells, faults, breakers, permits, bulkheads;
	size_t rate, rates;
	size_t slots, slot_len, gauges, gauge_len, stripes, stripe_len, size;
	size_t nrates, nslots;
};

struct seg_metric {
	const struct metric *m;
	const char *const *values[2];
	size_t n[2];		/* values of each label, at least 1 */
	size_t cells, cell_len;	/* cell_len in words */
	size_t off;		/* in a stripe or gauge row, in words */
};

struct seg_bulkhead {
	const struct bulkhead *b;
	size_t off;		/* bytes from the start */
};

struct shm {
	struct arena *arena;	/* our own: outlives the caller's */
	struct shm *prev;	/* attached before; the newest is current */
	unsigned refs;
	struct shm_layout layout;
	struct seg_map map;
	struct seg_metric *metrics;
	size_t nmetrics;
	uint32_t *index;	/* metric address -> position + 1 */
	size_t index_mask;
	struct seg_bulkhead *bulkheads;
	size_t nbulkheads;
	struct guard *guards;	/* our copy: rules may change, names not */
	const char **guard_names;	/* and "other", for labels */
	size_t nguards;
	uint64_t hash;
	uint8_t secret[16];
	const char *dir, *name;
	uint8_t *base;
	int fd;
	pid_t pid;
	size_t stripe;
	long slot;		/* -1: none */
	uint64_t gen;		/* of our slot */
	char pool[16];
	uint64_t steps[SEG_STEPS];	/* name hashes of held steps, 0 = free */
	volatile sig_atomic_t lost;	/* the file was cut under us */
	uint64_t mended_ns;	/* last attempt to map it anew */
};

extern const struct metric shm_lost_total, shm_dropped_total,
    limiter_full_total;

static inline uint64_t
seg_get(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void
seg_put(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline bool
seg_cas(uint64_t *p, uint64_t old, uint64_t v)
{
	return __atomic_compare_exchange_n(p, &old, v, false,
	    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* metric.c: positions, layout hash, lookup. */
void seg_metrics_plan(struct shm *);
uint64_t seg_metrics_hash(const struct shm *, uint64_t seed);
/* Own copy of a NULL-terminated list. */
const char *const *seg_copy_texts(struct shm *, const char *const *);
uint64_t seg_hash_text(uint64_t seed, const char *);
/* gauge.c: what the segment itself knows, as cells with the label name. */
void seg_own_gauges(struct shm *, void (*fn)(void *,
    const struct metric_cell *), void *arg);
/* Our own row of gauges, and zeroing it when a slot changes hands. */
void seg_gauges_clear(struct shm *, size_t slot);

/* file.c: the good file, opened or made; one process of the host at a time. */
int  seg_file_open(struct shm *);

/* segment.c */
int  seg_byte_lock(struct shm *, int cmd, short type, off_t at, off_t len,
    struct flock *out);
/* If the file was truncated under us: maps a good one, takes a slot again. */
void seg_mend(struct shm *);
/* Non-blocking write lock of one byte: 0 taken, -1 held elsewhere. */
int  seg_lock(struct shm *, off_t);
void seg_unlock(struct shm *, off_t);
/* True if another open file holds the byte (or nobody can tell). */
bool seg_locked(struct shm *, off_t);

/* slot.c */
struct seg_slot *seg_slot(struct shm *, size_t i);
/* Makes sure that this process owns a slot. */
bool seg_own_slot(struct shm *);
/* Is the owner that wrote this reference (slot, generation) still there? */
bool seg_owner_alive(struct shm *, uint64_t ref);
uint64_t seg_owner_ref(const struct shm *);
void seg_slot_drop(struct shm *);

/* breaker.c, budget.c: the words of one dependency. */
struct seg_breaker *seg_breaker(struct shm *, int dependency);
/* window.c */
#define SEG_GEN_MASK ((UINT32_C(1) << 26) - 1)
struct seg_counts {
	uint32_t ok, fail, slow;
};
void seg_window_add(struct seg_breaker *, uint32_t gen, uint64_t sec, bool ok,
    bool slow);
struct seg_counts seg_window_sum(const struct seg_breaker *, uint32_t gen,
    uint64_t sec);
/* Failures in a row after this call. */
uint32_t seg_window_row(struct seg_breaker *, uint32_t gen, bool ok);
uint32_t seg_window_row_of(uint64_t streak, uint32_t gen);
/* bulkhead.c: permits are words that name their holder. -1 = all held; dead
 * holders are only looked for if asked. */
int  seg_permit_take(struct shm *, uint64_t *words, uint32_t limit,
    bool bury);
void seg_permit_leave(struct shm *, uint64_t *words, uint32_t n, int permit);
uint32_t seg_permits_held(struct shm *, const uint64_t *words, uint32_t n);
/* dependency.c: copies of the rules of the layout. */
void seg_guards_plan(struct shm *);
void seg_guards_replace(struct shm *, const struct shm *from);

/* rate.c: the decision alone, in microseconds; *ahead is how far the key's
 * theoretical arrival time lies in the future. */
bool seg_gcra(int64_t *ahead, int64_t t, int64_t tau);

#endif
