/*
 * The shared segment: one file in the run directory, mapped by every process
 * of the installation on this host, whoever started it. Holds metrics, exact
 * rate limits, breakers, bulkheads, the scoreboard and small cached words.
 * Name and header carry the layout hash and the boot id: a segment of another
 * layout or boot is replaced, a truncated or corrupt one discarded. Created
 * under flock, fully allocated (a full disk is an error at start, not a
 * SIGBUS later). A slot is owned by an OFD byte-range lock on it, so that a
 * killed owner's slot can be reclaimed by any process. Everything read from
 * the segment is clamped, never trusted.
 */
#ifndef SHM_SHM_H
#define SHM_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct arena;
struct err;
struct guard;
struct shm;
struct str;

/* ---- metrics ------------------------------------------------------------- */
enum metric_kind {
	METRIC_COUNTER = 1, METRIC_GAUGE, METRIC_HISTOGRAM,
	METRIC_MICRO		/* a gauge in millionths: metric_set() takes
				 * them, readers see the number */
};

/* A label and its possible values; values NULL: known only at start (routes,
 * queries, …), given by shm_layout.dynamic. */
struct metric_label {
	const char *name;
	const char *const *values;	/* NULL-terminated */
};

/* static const; the address is the key. At most two labels. */
struct metric {
	const char *name;	/* Prometheus name without prefix */
	const char *help;
	enum metric_kind kind;
	const struct metric_label *labels[2];
};

/* ---- layout -------------------------------------------------------------- */
struct shm_layout {
	const struct metric *const *metrics;	/* NULL-terminated */
	const struct guard *guards;	/* of services outside (see
					 * shm/dependency.h); end: .name NULL */
	const struct bulkhead *const *bulkheads;
	size_t processes;		/* scoreboard slots; 0 = 256 */
	size_t limit_slots;		/* rate-limit words, power of two;
					 * 0 = 65536 */
	/* Values of labels that are only known at start: as many lists as
	 * labels, all NULL-terminated. */
	const struct metric_label *const *dynamic;
	const char *const *const *dynamic_values;
};

/* Maps (creating if needed) <run_dir>/shm.<layout hash> and makes it current.
 * Attaching the same file again (a reload) gives the same segment, to be
 * detached as often; its memory is its own, of the layout only the static
 * metrics and bulkheads are kept, and the rules of its guards are replaced.
 * Detaching the current one makes the one attached before it current again. */
int  shm_attach(struct shm **, struct arena *, const char *run_dir,
    const struct shm_layout *, struct err *);
void shm_detach(struct shm *);
/* The child of a fork closes the inherited lock descriptor and must take a
 * slot of its own. */
void shm_after_fork(struct shm *);
/* The process-wide segment that metric_*() write to (set by shm_attach). */
struct shm *shm_current(void);

/* Cell i,j of a metric's labels (0 where it has none). Without a segment the
 * calls do nothing. Relaxed adds in cache-line stripes: survive the process.
 * A gauge is a cell of this process (which takes a slot if it has none): the
 * value of the host is the sum over live processes, so a number that only
 * one of them knows must be set by one of them. */
void metric_add(const struct metric *, size_t i, size_t j, uint64_t n);
void metric_set(const struct metric *, size_t i, size_t j, int64_t v);
/* Histogram in seconds: buckets 1-2.5-5 decades from 0.5 ms to 60 s. */
void metric_observe_ns(const struct metric *, size_t i, size_t j, uint64_t ns);
uint64_t metric_read(const struct metric *, size_t i, size_t j);
/* Upper bound in seconds of the bucket that holds the q-quantile (0 < q < 1)
 * of a histogram; 0 = nothing observed yet, 60 = that or more. */
double metric_quantile(const struct metric *, size_t i, size_t j, double q);
/* Prometheus text exposition (0.0.4) of all metrics, prefix "quincunx_". */
void metrics_expose(struct shm *, struct str *);

/* One cell as it is now, for those who keep the past. Labels that the metric
 * does not have are NULL. */
enum { METRIC_BUCKETS = 17 };	/* the last one: over 60 s */
struct metric_cell {
	const char *name;
	enum metric_kind kind;	/* METRIC_MICRO comes as METRIC_GAUGE */
	const char *label[2], *value[2];
	double v;		/* histogram: number of observations */
	double sum_s;		/* histogram: their sum */
	uint64_t bucket[METRIC_BUCKETS];	/* each by itself */
};
/* All cells; of metrics that may have thousands only those that ever counted.
 * What the segment itself knows comes as breaker_state, retry_budget and
 * bulkhead_used. */
void metrics_each(struct shm *, void (*fn)(void *arg,
    const struct metric_cell *), void *arg);
/* Upper bound of a bucket in seconds; infinity for the last. */
double metric_bound_s(size_t bucket);

/* ---- rate limits: GCRA --------------------------------------------------- */
struct rate {
	uint32_t n, per_s;	/* n events per per_s seconds, burst n */
};
/* One 64-bit word per key (24-bit tag, 40-bit time), SipHash with a boot
 * secret. True = admitted; else *retry_ms until the next one would be.
 * remaining may be NULL. n or per_s 0 = no limit; per_s is capped at 3 days.
 * Without a segment nothing is admitted. */
bool rate_admit(struct shm *, const char *policy, const void *key, size_t n,
    struct rate, uint64_t now_ns, uint32_t *retry_ms, uint32_t *remaining);

/* ---- bulkheads ----------------------------------------------------------- */
struct bulkhead {
	const char *name;	/* "password" */
	uint32_t permits;	/* upper bound; the caller may pass less */
};
/* 0 taken (*permit identifies it), -1 full, or no segment. limit 0 = all
 * permits. Permits of dead processes are reclaimed by whoever asks. */
int  bulkhead_enter(struct shm *, const struct bulkhead *, uint32_t limit,
    int *permit);
void bulkhead_leave(struct shm *, const struct bulkhead *, int permit);
uint32_t bulkhead_used(struct shm *, const struct bulkhead *);

/* ---- scoreboard ---------------------------------------------------------- */
enum { SHM_CRUMBS = 8, SHM_TEXT = 48 };
struct shm_slot {		/* a copy, clamped */
	int32_t pid;
	char pool[16], phase[16], route[SHM_TEXT], request_id[40];
	uint64_t started_ns;	/* of the request in progress, boot clock */
	uint64_t born_ns;
	uint64_t requests;
	char crumbs[SHM_CRUMBS][SHM_TEXT];
	size_t ncrumbs;
	bool alive;		/* its lock is held */
};
/* Takes a free or dead slot for this process. */
int  shm_slot_take(struct shm *, const char *pool, struct err *);
void shm_slot_phase(struct shm *, const char *phase);
void shm_slot_request(struct shm *, const char *route, const char *request_id,
    uint64_t started_ns);
void shm_slot_done(struct shm *);
/* All slots in use; returns their count. */
size_t shm_slots(struct shm *, struct shm_slot *out, size_t cap);

/* ---- small cached words -------------------------------------------------- */
/* 32 named 64-bit words with the boot-clock time of their last write:
 * generation numbers, cached epochs, component commands. */
uint64_t shm_word_get(struct shm *, const char *name, uint64_t *written_ns);
void shm_word_set(struct shm *, const char *name, uint64_t v);
uint64_t shm_word_add(struct shm *, const char *name, uint64_t n);
/* Try-lock for a step that one process of the host should do (probe, seal):
 * true if taken; held until shm_step_end() or the process ends. */
bool shm_step_begin(struct shm *, const char *name);
void shm_step_end(struct shm *, const char *name);
/* A named text of at most 4000 bytes under a sequence lock (cached probe
 * results). get returns its length, 0 = none; written_ns its age. */
void shm_text_set(struct shm *, const char *name, const char *, size_t);
size_t shm_text_get(struct shm *, const char *name, char *buf, size_t cap,
    uint64_t *written_ns);

/* ---- cells: a lossy table of growing numbers ----------------------------- */
/* 8,192 places by 64-bit key; when a group of eight is full the smallest
 * number gives way. 0 = not there. Who loses one loses fairness, not work. */
uint64_t shm_cell_get(struct shm *, uint64_t key);
/* Raises the number to v; a smaller v changes nothing. Returns what stands. */
uint64_t shm_cell_raise(struct shm *, uint64_t key, uint64_t v);

/* ---- faults -------------------------------------------------------------- */

/* What went wrong, counted by kind: a flood of one error takes one place, so
 * nothing rare is lost behind it, and no error path talks to the database. A
 * loop (platform.error) carries the counts into a table. */
enum { SHM_FAULTS = 256 };
struct shm_fault {		/* a copy, clamped */
	uint64_t key;
	uint64_t count, reported;	/* ever since the place was taken */
	struct utc first, last;
	char place[SHM_TEXT];	/* route, job type or component */
	char code[32];
	char message[160];	/* normalised: what all of the kind share */
	char cause[200];	/* of one of them */
	char request_id[40];	/* of one of the last */
};
/* Never fails, never waits. Texts are cut; NULL is "". The kind is place, code
 * and the normalised message. */
void shm_fault_note(const char *place, const char *code, const char *message,
    const char *cause, const char *request_id);
/* Numbers, ids, addresses and quoted parts become '#', blanks one blank. */
void shm_fault_normalise(const char *, char *out, size_t cap);
/* All kinds in use; returns their count. */
size_t shm_faults(struct shm *, struct shm_fault *out, size_t cap);
/* So many of it (the count of the copy) are in the table now. A kind that was
 * quiet for an hour gives its place up. */
void shm_fault_reported(struct shm *, const struct shm_fault *);

#endif
