/*
 * Exact rate limits without a lock: GCRA with one 64-bit word per key.
 *
 * A word is 24 bits of tag and 40 bits of time, the key's theoretical arrival
 * time in microseconds of the boot clock modulo 2^40 (12.7 days). Times are
 * compared by signed distance, so at most 6.3 days may lie between a word and
 * now: periods are capped at 3 days and a daily sweep clears expired words.
 * Two keys of one group of eight with equal tags (2^-24) share a limit.
 * A distance no policy could have written counts as expired, so a corrupt
 * word cannot lock a key out for longer than its period and ten seconds.
 * It fails closed: without a segment nothing is admitted.
 */
#include <string.h>

#include "base/codec.h"
#include "shm/segment.h"

#define TIME_MASK ((UINT64_C(1) << 40) - 1)
#define US_PER_SEC INT64_C(1000000)
#define DAY_US (86400 * US_PER_SEC)
#define PERIOD_MAX_S 259200
#define N_MAX (1U << 24)	/* period * n fits 63 bits */
/* Clocks are read by the callers: one may have been preempted since. */
#define SLACK_US (10 * US_PER_SEC)

enum { RATE_TRIES = 1000, SHORT_KEY = 96 };

struct look {
	uint64_t seen;		/* the word as read */
	size_t at;		/* its place in the group */
	bool found;		/* carries our tag */
	bool evicts;		/* still counts for another key */
};

static int64_t
distance(uint64_t word, uint64_t now_us)
{
	uint64_t d = ((word - now_us) & TIME_MASK) << 24;

	return (int64_t)d >> 24;
}

static bool
expired(uint64_t word, uint64_t now_us)
{
	int64_t d = distance(word, now_us);

	return word == 0 || d <= 0 || d > PERIOD_MAX_S * US_PER_SEC + SLACK_US;
}

bool
seg_gcra(int64_t *ahead, int64_t t, int64_t tau)
{
	if (*ahead < 0 || *ahead > tau + t + SLACK_US)
		*ahead = 0;
	if (*ahead > tau)
		return false;
	*ahead += t;
	return true;
}

/* Our word, or else the one to take: empty or expired, or the one that will
 * expire first, which admits soonest and so protects least. */
static struct look
look_up(const uint64_t *group, uint64_t tag, uint64_t now_us)
{
	struct look l = { 0, 0, false, true };
	int64_t d, least = INT64_MAX;
	uint64_t w;
	size_t i;

	for (i = 0; i < SEG_GROUP; i++) {
		w = seg_get(&group[i]);
		if (w != 0 && w >> 40 == tag)
			return (struct look){ w, i, true, false };
		d = expired(w, now_us) ? INT64_MIN : distance(w, now_us);
		if (d < least) {
			least = d;
			l.seen = w;
			l.at = i;
			l.evicts = d != INT64_MIN;
		}
	}
	return l;
}

/* Two processes may insert a new key at once in different places; whoever
 * notices gives its own up and looks again. */
static bool
is_twice(const uint64_t *group, uint64_t tag, size_t own)
{
	uint64_t w;
	size_t i;

	for (i = 0; i < SEG_GROUP; i++) {
		w = __atomic_load_n(&group[i], __ATOMIC_SEQ_CST);
		if (i != own && w != 0 && w >> 40 == tag)
			return true;
	}
	return false;
}

static bool
store(uint64_t *group, const struct look *l, uint64_t tag, uint64_t word)
{
	if (!seg_cas(&group[l->at], l->seen, word))
		return false;
	if (l->found)
		return true;
	if (is_twice(group, tag, l->at)) {
		seg_cas(&group[l->at], word, 0);
		return false;
	}
	if (l->evicts)
		metric_add(&limiter_full_total, 0, 0, 1);
	return true;
}

/* Once a day; after four days of silence no word can be judged by distance
 * and none can be unexpired. */
static void
sweep(struct shm *s, uint64_t now_us)
{
	uint64_t *last = (uint64_t *)(s->base + s->map.rate);
	uint64_t *words = (uint64_t *)(s->base + s->map.rates);
	uint64_t old = seg_get(last), w;
	int64_t gap = (int64_t)(now_us - old);
	bool all;
	size_t i;

	if (old != 0 && gap > -DAY_US && gap < DAY_US)
		return;
	if (!seg_cas(last, old, now_us == 0 ? 1 : now_us) || old == 0)
		return;
	all = gap > 4 * DAY_US || gap < 0;
	for (i = 0; i < s->map.nrates; i++) {
		w = seg_get(&words[i]);
		if (w != 0 && (all || expired(w, now_us)))
			seg_cas(&words[i], w, 0);
	}
}

/* Of policy and key together where they are short, as they nearly always are;
 * the policy ends with its NUL, so that no two pairs make the same bytes. */
static uint64_t
key_hash(const struct shm *s, const char *policy, const void *key, size_t n)
{
	size_t len = strlen(policy) + 1;
	uint8_t k[16], both[SHORT_KEY];
	uint64_t h;

	if (len <= sizeof(both) && n <= sizeof(both) - len) {
		memcpy(both, policy, len);
		memcpy(both + len, key, n);
		return siphash(s->secret, both, len + n);
	}
	h = siphash(s->secret, policy, len - 1);
	memcpy(k, &h, 8);
	memcpy(k + 8, s->secret + 8, 8);
	return siphash(k, key, n);
}

/* T, rounded so that n steps from any time make exactly one period. */
static int64_t
spacing(struct rate r, uint64_t tat)
{
	uint64_t period = (uint64_t)r.per_s * US_PER_SEC, k, n = r.n;

	if (period % n == 0)
		return (int64_t)(period / n);
	k = tat % period * n / period;
	return (int64_t)(((k + 1) * period + n - 1) / n -
	    (k * period + n - 1) / n);
}

bool
rate_admit(struct shm *s, const char *policy, const void *key, size_t n,
    struct rate r, uint64_t now_ns, uint32_t *retry_ms, uint32_t *remaining)
{
	uint64_t now = now_ns / 1000, h, tag, *group;
	int64_t tau, ahead, period;
	struct look l;
	int tries;

	*retry_ms = 0;
	if (remaining != NULL)
		*remaining = UINT32_MAX;
	if (r.n == 0 || r.per_s == 0)
		return true;
	if (remaining != NULL)
		*remaining = 0;
	*retry_ms = 1000;
	if (s == NULL)
		return false;
	seg_mend(s);
	sweep(s, now);
	if (r.per_s > PERIOD_MAX_S)
		r.per_s = PERIOD_MAX_S;
	if (r.n > N_MAX)
		r.n = N_MAX;
	h = key_hash(s, policy, key, n);
	tag = h >> 40 ? h >> 40 : 1;
	group = (uint64_t *)(s->base + s->map.rates) +
	    (h & (s->map.nrates / SEG_GROUP - 1)) * SEG_GROUP;
	period = r.per_s * US_PER_SEC;
	tau = period - period / r.n;
	for (tries = 0; tries < RATE_TRIES; tries++) {
		l = look_up(group, tag, now);
		ahead = l.found ? distance(l.seen, now) : 0;
		if (!seg_gcra(&ahead, spacing(r, now + (uint64_t)(ahead > 0 ?
		    ahead : 0)), tau)) {
			*retry_ms = (uint32_t)((ahead - tau + 999) / 1000);
			return false;
		}
		if (!store(group, &l, tag,
		    tag << 40 | ((now + (uint64_t)ahead) & TIME_MASK)))
			continue;
		*retry_ms = 0;
		if (remaining != NULL && ahead < period)
			*remaining = (uint32_t)((period - ahead + 1) * r.n /
			    period);
		return true;
	}
	return false;
}
