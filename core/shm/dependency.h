/*
 * What stands between this host and a service outside of it: a circuit
 * breaker, permits (a bulkhead) and a budget for repeated calls, all in the
 * shared segment, so that they hold for every process of the host, whoever
 * started it. State is per host: one bad node never closes the door for the
 * others. What an operator orders is kept above (a database row) and told to
 * each segment; here it only has a place. Values read back are clamped.
 */
#ifndef SHM_DEPENDENCY_H
#define SHM_DEPENDENCY_H

#include "conf/conf.h"
#include "shm/shm.h"

struct module;

enum { DEPENDENCY_PERMITS = 128, DEPENDENCIES_MAX = 64 };

/* ---- rules ---------------------------------------------------------------- */

struct breaker_rule {
	uint32_t failures;	/* in a row that open it; 0 = not by these */
	uint32_t min_calls;	/* of the last ten seconds before shares count;
				 * 0 = never */
	uint32_t fail_percent, slow_percent;	/* shares that open it; 0 = no */
	uint32_t slow_ms;	/* a call that takes longer is slow; 0 = none */
	uint32_t open_s;	/* first pause, doubled each time in a row … */
	uint32_t open_max_s;	/* … up to this */
	uint32_t jitter_percent;	/* of the pause, either way */
	uint32_t probes;	/* calls let through half open; all must end
				 * well. At most 8 */
	uint32_t probe_s;	/* a probe without a result is lost then */
};

/* Repeats that a dependency's callers may make, in thousandths of one. */
struct budget_rule {
	uint32_t per_call;	/* added by each first call; 200 = 20 % */
	uint32_t per_s;		/* whole repeats added each second */
	uint32_t cap_s;		/* at most so many seconds' worth are kept */
};

/* Repeating one call. */
struct retry_rule {
	uint32_t max;		/* repeats of one call */
	uint32_t base_ms, cap_ms;
};

/* A dependency with all its rules, as the segment gets it. */
struct guard {
	const char *name;	/* NULL ends a list */
	struct breaker_rule breaker;
	struct budget_rule budget;
	struct retry_rule retry;
	uint32_t permits;	/* calls of this host at once; 0 = no limit */
	uint32_t wait_ms;	/* for a permit */
	bool busy_503;		/* see struct dependency */
};

/* A row of a module. Members of rules that are 0 are the settings'. */
struct dependency {
	const char *name;	/* "aws" */
	const char *doc;	/* sentence */
	struct breaker_rule breaker;
	uint32_t permits;
	bool busy_503;		/* it says 503 when it is asked too often; that
				 * is no failure */
};
#define DEPENDENCY_END { .name = NULL }

struct resilience_conf {
	int64_t failures, min_calls, fail_percent, slow_percent, slow_ms;
	int64_t open_s, open_max_s, jitter_percent, probes, probe_s;
	int64_t permits, permit_wait_ms;
	int64_t retries, retry_base_ms, retry_cap_ms;
	double budget_ratio;
	int64_t budget_per_s, budget_cap_s;
	const char *const *overrides;	/* "aws.failures=3" */
};
extern const struct settings resilience_settings;

/* Rules of the rows (NULL-terminated pointers) by the settings and their
 * overrides. -1: a name twice, or an override of nothing. */
int dependency_guards(struct arena *, const struct dependency *const *,
    const struct resilience_conf *, const struct guard **, struct err *);

/* ---- using one ------------------------------------------------------------- */

/* Number of the dependency in this segment; -1 = unknown, or no segment. All
 * calls below let -1 pass without counting anything. */
int dependency_find(struct shm *, const char *name);
size_t dependency_count(struct shm *);
/* Its rules as this process knows them; NULL for -1. */
const struct guard *dependency_guard(struct shm *, int);

/* What a call came to, as far as the dependency is concerned. */
enum outcome {
	OUTCOME_OK,
	OUTCOME_FAIL,
	OUTCOME_USER,		/* it answered that the caller is wrong */
	OUTCOME_NONE		/* no call was made, or it says nothing */
};

/* What breaker_allow() let through, for breaker_result(). */
struct breaker_pass {
	uint64_t permit;	/* of a probe, as it was written */
	int64_t since_ns;
	uint32_t gen;		/* state of the breaker it began in */
	uint8_t probe;		/* 1 + number; 0 = none */
	bool uncounted;		/* switched off */
};

/* Breaker, then a permit. 0: call, then dependency_leave() with what came of
 * it. -1: 503 "breaker_open" or "bulkhead_full" with retry_after_s. 1, without
 * DEPENDENCY_WAIT: all permits are taken, nothing is set. */
enum dependency_flag {
	DEPENDENCY_WAIT = 1 << 0,	/* for a permit, up to wait_ms */
	DEPENDENCY_UNJUDGED = 1 << 1	/* one of many hosts behind the name:
					 * only an operator closes the door */
};
struct dependency_pass {
	struct breaker_pass breaker;
	int permit;		/* -1 = none */
	bool in;		/* between enter and leave */
};
int  dependency_enter(struct shm *, int, unsigned flags,
    struct dependency_pass *, struct err *);
/* 503 "bulkhead_full", and its count. */
int  dependency_full(struct shm *, int, struct err *);
void dependency_leave(struct shm *, int, struct dependency_pass *,
    enum outcome);
/* True if an error says that nothing was asked of the dependency. */
bool dependency_refused(const struct err *);

/* ---- the parts --------------------------------------------------------------- */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
enum breaker_mode {
	BREAKER_AUTO, BREAKER_FORCED_OPEN, BREAKER_FORCED_CLOSED,
	BREAKER_DISABLED	/* as forced closed, and nothing is counted */
};
const char *breaker_state_name(enum breaker_state);
const char *breaker_mode_name(enum breaker_mode);
/* -1 = none of "auto" "open" "closed" "disabled". */
int breaker_mode_parse(const char *);

bool breaker_allow(struct shm *, int, uint64_t now_ns, struct breaker_pass *);
void breaker_result(struct shm *, int, const struct breaker_pass *,
    enum outcome, uint64_t now_ns);
/* As calls meet it: what was forced, or else the state. */
enum breaker_state breaker_state(struct shm *, int);
/* What an operator ordered; released to automatic it starts afresh. An order
 * older than the one that is known is not taken. False: nothing changed. */
bool breaker_order(struct shm *, int, enum breaker_mode, uint32_t version);
bool breaker_forced_open(struct shm *, int);
/* True until somebody has told this segment what was ordered. */
bool breaker_orders_missing(struct shm *, int);

/* Each change of state by itself, told to the process that made it: to its
 * log, breaker_transitions_total, and fn. fn must not block; NULL = nobody. */
struct breaker_change {
	const char *name;
	enum breaker_state from, to;
	uint32_t pause_ms;	/* to OPEN: until probes may be sent */
	uint32_t ok, fail, slow, streak;	/* why: from CLOSED */
};
void breaker_on_change(void (*fn)(void *arg, const struct breaker_change *),
    void *arg);

/* A first call adds to the budget. */
void budget_add(struct shm *, int, uint64_t now_ns);
/* A repeat takes from it; false = none is left. */
bool budget_take(struct shm *, int, uint64_t now_ns);
/* Thousandths of a repeat. */
uint64_t budget_left(struct shm *, int, uint64_t now_ns);

/* Permits held by live processes. */
uint32_t dependency_used(struct shm *, int);

/* All there is to see of one. */
struct dependency_view {
	const char *name;
	enum breaker_state state;	/* its own, whatever is forced */
	enum breaker_mode mode;
	uint32_t since_ms;		/* in that state; 0 = since the start */
	bool changed;			/* has ever left its first state */
	uint32_t pause_ms;		/* OPEN: until probes may be sent */
	uint32_t opened;		/* times in a row without recovery */
	uint32_t streak, ok, fail, slow;	/* of ten seconds */
	uint32_t probes_out, probes_good;	/* HALF_OPEN */
	uint64_t budget;		/* thousandths of a repeat */
	uint32_t permits_used, permits;
};
void dependency_look(struct shm *, int, uint64_t now_ns,
    struct dependency_view *);

/* Labels whose values are the dependencies and then "other". */
extern const struct metric_label dependency_label,	/* name */
    dependency_service_label;				/* service */
size_t dependency_label_index(struct shm *, int);
extern const struct metric breaker_transitions_total,
    bulkhead_rejected_total, retry_budget_empty_total;

/* ---- pure ---------------------------------------------------------------------- */

/* Length of the k-th pause in a row (from 0), with jitter by salt. */
uint32_t breaker_pause_ms(const struct breaker_rule *, unsigned k,
    uint64_t salt);

#endif
