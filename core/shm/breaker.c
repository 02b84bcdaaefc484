/*
 * Circuit breakers. One word says it all and is changed by compare-and-swap:
 *	bits 0-31	milliseconds of the boot clock at the last change
 *	bits 32-57	generation, one more with each change
 *	bits 58-61	openings in a row without recovery
 *	bits 62-63	state
 * A result counts only in the generation in which its call began. Half open,
 * a few probes are let through (generation 26, state 2, nonce 4, expiry in ms
 * 32), whose holders are written beside them (mark of the probe 16, slot reference
 * 48): the probe of a process that died, or that is overdue, is given
 * to the next caller.
 * Nothing here can be stuck: times in the future count as passed, an
 * impossible state as closed, and no pause is longer than its rule.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "shm/segment.h"

#define GEN_MASK SEG_GEN_MASK
/* The mode: bits 0-1, somebody has said so, bits 16-47 number of the order. */
#define KNOWN UINT64_C(0x100)

enum {
	SLACK_MS = 10000,	/* clocks are read by callers, who may have been
				 * preempted since */
	OPENED_MAX = 10
};
enum { PROBE_FREE, PROBE_OUT, PROBE_GOOD };

struct view {
	uint32_t since, gen;
	unsigned opened, state;
};

struct probe {
	uint32_t gen, expiry;
	unsigned state, nonce;
};

/* Everything one step needs. */
struct step {
	struct shm *s;
	struct seg_breaker *b;
	const struct guard *g;
	int dependency;
	uint64_t now_ms;
};

static struct {
	void (*fn)(void *, const struct breaker_change *);
	void *arg;
} listener;

static const char *const states[] = { "closed", "open", "half_open", NULL };
static const char *const modes[] = { "auto", "open", "closed", "disabled" };
static const struct metric_label to_label = { "to", states };

const struct metric breaker_transitions_total = {
	"breaker_transitions_total", "Changes of circuit breakers.",
	METRIC_COUNTER, { &dependency_label, &to_label } };

const char *
breaker_state_name(enum breaker_state st)
{
	return states[st];
}

const char *
breaker_mode_name(enum breaker_mode m)
{
	return modes[m];
}

int
breaker_mode_parse(const char *text)
{
	for (size_t i = 0; i < NITEMS(modes); i++)
		if (strcmp(modes[i], text) == 0)
			return (int)i;
	return -1;
}

void
breaker_on_change(void (*fn)(void *, const struct breaker_change *), void *arg)
{
	listener.fn = fn;
	listener.arg = arg;
}

/* ---- words ----------------------------------------------------------------- */

static struct view
unpack(uint64_t w)
{
	struct view v = { .since = (uint32_t)w,
	    .gen = (uint32_t)(w >> 32) & GEN_MASK,
	    .opened = (unsigned)(w >> 58) & 15,
	    .state = (unsigned)(w >> 62) };

	if (v.state > BREAKER_HALF_OPEN)
		v.state = BREAKER_CLOSED;
	if (v.opened > OPENED_MAX)
		v.opened = OPENED_MAX;
	return v;
}

static uint64_t
pack(struct view v)
{
	return v.since | (uint64_t)(v.gen & GEN_MASK) << 32 |
	    (uint64_t)v.opened << 58 | (uint64_t)v.state << 62;
}

static struct probe
probe_of(uint64_t w)
{
	return (struct probe){ .expiry = (uint32_t)w,
	    .nonce = (unsigned)(w >> 32) & 15,
	    .state = (unsigned)(w >> 36) & 3,
	    .gen = (uint32_t)(w >> 38) };
}

static uint64_t
probe_word(struct probe p)
{
	return p.expiry | (uint64_t)(p.nonce & 15) << 32 |
	    (uint64_t)p.state << 36 | (uint64_t)p.gen << 38;
}

/* Milliseconds since; a time ahead of ours is a moment ago, or long ago if no
 * clock could have written it. */
static uint32_t
age(uint32_t since, uint64_t now_ms)
{
	int32_t d = (int32_t)((uint32_t)now_ms - since);

	return d >= 0 ? (uint32_t)d : d >= -SLACK_MS ? 0 : UINT32_MAX;
}

struct seg_breaker *
seg_breaker(struct shm *s, int dependency)
{
	return (struct seg_breaker *)(s->base + s->map.breakers) + dependency;
}

static bool
step_begin(struct step *x, struct shm *s, int dependency, uint64_t now_ns)
{
	if (s == NULL || dependency < 0 || (size_t)dependency >= s->nguards)
		return false;
	*x = (struct step){ s, seg_breaker(s, dependency),
	    &s->guards[dependency], dependency, now_ns / 1000000 };
	return true;
}

static enum breaker_mode
mode_of(const struct seg_breaker *b)
{
	return (enum breaker_mode)(seg_get(&b->mode) & 3);
}

/* ---- pauses ------------------------------------------------------------------ */

uint32_t
breaker_pause_ms(const struct breaker_rule *r, unsigned k, uint64_t salt)
{
	uint64_t ms = (r->open_s == 0 ? 1 : (uint64_t)r->open_s) * 1000, j;
	uint64_t max = (uint64_t)r->open_max_s * 1000;

	while (k-- > 0 && ms < max)
		ms *= 2;
	if (ms > max && r->open_max_s >= r->open_s)
		ms = max;
	j = ms * (r->jitter_percent > 50 ? 50 : r->jitter_percent) / 100;
	salt *= UINT64_C(0x9e3779b97f4a7c15);
	salt ^= salt >> 29;
	salt *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(ms - j + (salt >> 32) % (2 * j + 1));
}

/* The same for all processes of the host, another for each pause and host. */
static uint32_t
pause_ms(const struct step *x, struct view v)
{
	uint64_t salt;

	memcpy(&salt, x->s->secret, sizeof(salt));
	return breaker_pause_ms(&x->g->breaker, v.opened,
	    salt + v.gen + ((uint64_t)x->dependency << 32));
}

/* ---- changes ---------------------------------------------------------------------- */

static void
tell(const struct step *x, struct view from, struct view to,
    struct seg_counts c, uint32_t row)
{
	struct breaker_change d = { .name = x->g->name, .ok = c.ok,
	    .fail = c.fail, .slow = c.slow, .streak = row,
	    .from = (enum breaker_state)from.state,
	    .to = (enum breaker_state)to.state };

	if (to.state == BREAKER_OPEN)
		d.pause_ms = pause_ms(x, to);
	metric_add(&breaker_transitions_total, (size_t)x->dependency,
	    to.state, 1);
	if (to.state == BREAKER_OPEN)
		log_warn("server", "breaker opened", KV("dependency", d.name),
		    KV("from", states[d.from]), KV("failures_in_a_row",
		    (int64_t)d.streak), KV("ok", (int64_t)d.ok),
		    KV("failed", (int64_t)d.fail), KV("slow",
		    (int64_t)d.slow), KV("pause_ms", (int64_t)d.pause_ms));
	else
		log_info("server", to.state == BREAKER_CLOSED ?
		    "breaker closed" : "breaker lets probes through",
		    KV("dependency", d.name), KV("from", states[d.from]));
	if (listener.fn != NULL)
		listener.fn(listener.arg, &d);
}

/* One process makes each change; the others see that it was made. */
static bool
change(const struct step *x, uint64_t old, enum breaker_state to,
    unsigned opened, struct seg_counts c, uint32_t row)
{
	struct view from = unpack(old), v = { .since = (uint32_t)x->now_ms,
	    .gen = (from.gen + 1) & GEN_MASK, .state = to,
	    .opened = opened > OPENED_MAX ? OPENED_MAX : opened };

	if (!seg_cas(&x->b->word, old, pack(v)))
		return false;
	if (from.state != v.state)
		tell(x, from, v, c, row);
	return true;
}

/* ---- probes ------------------------------------------------------------------------ */

static unsigned
probes_of(const struct step *x)
{
	uint32_t n = x->g->breaker.probes;

	return n == 0 ? 1 : n > SEG_PROBES ? SEG_PROBES : n;
}

static bool
overdue(const struct step *x, struct probe p)
{
	int32_t left = (int32_t)(p.expiry - (uint32_t)x->now_ms);
	int64_t most = (int64_t)x->g->breaker.probe_s * 1000 + SLACK_MS;

	return left <= 0 || left > most;
}

/* Tells whether the holder beside a probe is that of this one: he is written
 * down a moment later. */
static uint64_t
mark_of(uint64_t probe)
{
	return (probe >> 32 & 15) << 12 | (probe & 0xfff);
}

/* Its holder had written down who he is, and is gone. */
static bool
orphan(const struct step *x, unsigned i, uint64_t word)
{
	uint64_t o = seg_get(&x->b->owner[i]);

	return o >> 48 == mark_of(word) && o << 16 != 0 &&
	    !seg_owner_alive(x->s, o & ((UINT64_C(1) << 48) - 1));
}

static bool
try_probe(const struct step *x, unsigned i, uint32_t gen, bool bury,
    struct breaker_pass *pass)
{
	uint64_t old = seg_get(&x->b->probe[i]), new;
	struct probe p = probe_of(old);
	uint32_t s = x->g->breaker.probe_s;

	if (p.gen == gen && (p.state == PROBE_GOOD || (p.state == PROBE_OUT &&
	    !overdue(x, p) && !(bury && orphan(x, i, old)))))
		return false;
	p = (struct probe){ .gen = gen, .state = PROBE_OUT,
	    .nonce = p.nonce + 1,
	    .expiry = (uint32_t)(x->now_ms + (s == 0 ? 1 : s) * 1000) };
	new = probe_word(p);
	if (!seg_cas(&x->b->probe[i], old, new))
		return false;
	seg_put(&x->b->owner[i], mark_of(new) << 48 |
	    (seg_own_slot(x->s) ? seg_owner_ref(x->s) : 0));
	pass->probe = (uint8_t)(i + 1);
	pass->permit = new;
	return true;
}

static bool
take_probe(const struct step *x, uint32_t gen, struct breaker_pass *pass)
{
	for (unsigned i = 0; i < probes_of(x); i++)
		if (try_probe(x, i, gen, false, pass))
			return true;
	for (unsigned i = 0; i < probes_of(x); i++)
		if (try_probe(x, i, gen, true, pass))
			return true;
	return false;
}

static unsigned
good_probes(const struct step *x, uint32_t gen)
{
	unsigned n = 0;

	for (unsigned i = 0; i < probes_of(x); i++) {
		struct probe p = probe_of(__atomic_load_n(&x->b->probe[i],
		    __ATOMIC_SEQ_CST));

		n += p.gen == gen && p.state == PROBE_GOOD;
	}
	return n;
}

/* ---- asking and telling -------------------------------------------------------------- */

bool
breaker_allow(struct shm *s, int dependency, uint64_t now_ns,
    struct breaker_pass *pass)
{
	const struct seg_counts none = { 0, 0, 0 };
	enum breaker_mode mode;
	struct step x;
	struct view v;
	uint64_t w;

	*pass = (struct breaker_pass){ .since_ns = (int64_t)now_ns };
	pass->uncounted = !step_begin(&x, s, dependency, now_ns);
	if (pass->uncounted)
		return true;
	seg_mend(s);
	mode = mode_of(x.b);
	pass->uncounted = mode == BREAKER_DISABLED;
	for (;;) {
		w = seg_get(&x.b->word);
		v = unpack(w);
		pass->gen = v.gen;
		if (mode != BREAKER_AUTO)
			return mode != BREAKER_FORCED_OPEN;
		if (v.state == BREAKER_CLOSED)
			return true;
		if (v.state == BREAKER_HALF_OPEN)
			return take_probe(&x, v.gen, pass);
		if (age(v.since, x.now_ms) < pause_ms(&x, v))
			return false;
		change(&x, w, BREAKER_HALF_OPEN, v.opened, none, 0);
	}
}

static bool
too_bad(const struct breaker_rule *r, struct seg_counts c, uint32_t row)
{
	uint64_t n = (uint64_t)c.ok + c.fail;

	if (r->failures > 0 && row >= r->failures)
		return true;
	if (r->min_calls == 0 || n < r->min_calls)
		return false;
	return (r->fail_percent > 0 &&
	    (uint64_t)c.fail * 100 >= n * r->fail_percent) ||
	    (r->slow_percent > 0 &&
	    (uint64_t)c.slow * 100 >= n * r->slow_percent);
}

static void
count_closed(const struct step *x, uint64_t word, struct view v, bool ok,
    bool slow)
{
	struct seg_counts c;
	uint32_t row;

	seg_window_add(x->b, v.gen, x->now_ms / 1000, ok, slow);
	row = seg_window_row(x->b, v.gen, ok);
	c = seg_window_sum(x->b, v.gen, x->now_ms / 1000);
	if (mode_of(x->b) == BREAKER_AUTO &&
	    too_bad(&x->g->breaker, c, row))
		change(x, word, BREAKER_OPEN, 0, c, row);
}

static void
settle_probe(const struct step *x, uint64_t word, struct view v,
    const struct breaker_pass *pass, enum outcome o, bool slow)
{
	const struct seg_counts none = { 0, 0, 0 };
	uint64_t *p = &x->b->probe[pass->probe - 1];
	struct probe now = probe_of(pass->permit);

	if (o == OUTCOME_NONE) {
		now.state = PROBE_FREE;
		seg_cas(p, pass->permit, probe_word(now));
		return;
	}
	/* Overdue and given to somebody else: his result counts. */
	if (seg_get(p) != pass->permit)
		return;
	if (o == OUTCOME_FAIL || (slow && x->g->breaker.slow_percent > 0)) {
		change(x, word, BREAKER_OPEN, v.opened + 1, none, 0);
		return;
	}
	now.state = PROBE_GOOD;
	if (seg_cas(p, pass->permit, probe_word(now)) &&
	    good_probes(x, v.gen) >= probes_of(x))
		change(x, word, BREAKER_CLOSED, 0, none, 0);
}

void
breaker_result(struct shm *s, int dependency, const struct breaker_pass *pass,
    enum outcome o, uint64_t now_ns)
{
	struct step x;
	uint64_t word;
	struct view v;
	bool slow;

	if (pass->uncounted || !step_begin(&x, s, dependency, now_ns))
		return;
	word = seg_get(&x.b->word);
	v = unpack(word);
	if (v.gen != pass->gen || (o == OUTCOME_NONE && pass->probe == 0))
		return;
	slow = x.g->breaker.slow_ms > 0 && (int64_t)now_ns - pass->since_ns >
	    (int64_t)x.g->breaker.slow_ms * 1000000;
	if (v.state == BREAKER_CLOSED && o != OUTCOME_USER)
		count_closed(&x, word, v, o == OUTCOME_OK, slow);
	else if (v.state == BREAKER_HALF_OPEN && pass->probe > 0 &&
	    pass->probe <= SEG_PROBES)
		settle_probe(&x, word, v, pass, o, slow);
}

/* ---- operators ------------------------------------------------------------------------ */

enum breaker_state
breaker_state(struct shm *s, int dependency)
{
	enum breaker_mode mode;
	struct step x;

	if (!step_begin(&x, s, dependency, 0))
		return BREAKER_CLOSED;
	mode = mode_of(x.b);
	if (mode != BREAKER_AUTO)
		return mode == BREAKER_FORCED_OPEN ? BREAKER_OPEN :
		    BREAKER_CLOSED;
	return (enum breaker_state)unpack(seg_get(&x.b->word)).state;
}

/* Released by hand: start afresh, also with what was counted meanwhile. */
static void
afresh(const struct step *x)
{
	const struct seg_counts none = { 0, 0, 0 };

	while (!change(x, seg_get(&x->b->word), BREAKER_CLOSED, 0, none, 0))
		;
}

bool
breaker_order(struct shm *s, int dependency, enum breaker_mode mode,
    uint32_t version)
{
	struct step x;
	uint64_t old;

	if (!step_begin(&x, s, dependency, (uint64_t)clock_boot_ns()))
		return false;
	seg_mend(s);
	do {
		old = seg_get(&x.b->mode);
		if ((old & KNOWN) != 0 && (uint32_t)(old >> 16) > version)
			return false;
	} while (!seg_cas(&x.b->mode, old, KNOWN | (uint64_t)mode |
	    (uint64_t)version << 16));
	if ((old & 3) == (uint64_t)mode)
		return false;
	if (mode == BREAKER_AUTO)
		afresh(&x);
	log_warn("server", "breaker ordered", KV("dependency", x.g->name),
	    KV("to", modes[mode]), KV("from", modes[old & 3]));
	return true;
}

bool
breaker_forced_open(struct shm *s, int dependency)
{
	struct step x;

	return step_begin(&x, s, dependency, 0) &&
	    mode_of(x.b) == BREAKER_FORCED_OPEN;
}

bool
breaker_orders_missing(struct shm *s, int dependency)
{
	struct step x;

	return step_begin(&x, s, dependency, 0) &&
	    (seg_get(&x.b->mode) & KNOWN) == 0;
}

/* ---- looking ----------------------------------------------------------------------------- */

void
dependency_look(struct shm *s, int dependency, uint64_t now_ns,
    struct dependency_view *out)
{
	struct seg_counts c;
	struct step x;
	struct view v;
	uint32_t ms, all;

	memset(out, 0, sizeof(*out));
	if (!step_begin(&x, s, dependency, now_ns))
		return;
	v = unpack(seg_get(&x.b->word));
	c = seg_window_sum(x.b, v.gen, x.now_ms / 1000);
	ms = age(v.since, x.now_ms);
	*out = (struct dependency_view){ .name = x.g->name,
	    .state = (enum breaker_state)v.state, .mode = mode_of(x.b),
	    .changed = v.gen != 0, .since_ms = ms == UINT32_MAX ? 0 : ms,
	    .streak = seg_window_row_of(seg_get(&x.b->streak), v.gen),
	    .ok = c.ok, .fail = c.fail, .slow = c.slow,
	    .permits = x.g->permits };
	out->budget = budget_left(s, dependency, now_ns);
	if (v.state != BREAKER_CLOSED)
		out->opened = v.opened + 1;
	all = pause_ms(&x, v);
	if (v.state == BREAKER_OPEN && ms < all)
		out->pause_ms = all - ms;
	for (unsigned i = 0; i < probes_of(&x) &&
	    v.state == BREAKER_HALF_OPEN; i++) {
		struct probe p = probe_of(seg_get(&x.b->probe[i]));

		out->probes_out += p.gen == v.gen && p.state == PROBE_OUT;
		out->probes_good += p.gen == v.gen && p.state == PROBE_GOOD;
	}
	out->permits_used = dependency_used(s, dependency);
}
