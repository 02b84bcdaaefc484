/*
 * Maps a segment, writes the input over it (three bytes: where, what) as a
 * hostile neighbour would, and asks for everything: nothing may crash, hang
 * or hand out text that is not clean.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "shm/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const codes[] = { "2xx", "5xx", NULL };
static const struct metric_label code = { "code", codes };
static const struct metric hits = { "hits_total", "Hits.", METRIC_COUNTER,
    { &code, NULL } };
static const struct metric level = { "level", "Level.", METRIC_GAUGE,
    { NULL, NULL } };
static const struct metric lag = { "lag_seconds", "Lag.", METRIC_HISTOGRAM,
    { NULL, NULL } };
static const struct metric *const metrics[] = { &hits, &level, &lag, NULL };
static const struct bulkhead hall = { "hall", 4 };
static const struct bulkhead *const halls[] = { &hall, NULL };
static const struct guard guards[] = { { .name = "aws",
    .breaker = { .failures = 3, .min_calls = 20, .fail_percent = 50,
	.slow_percent = 80, .slow_ms = 1000, .open_s = 1, .open_max_s = 4,
	.probes = 2, .probe_s = 1 },
    .budget = { 200, 10, 10 }, .retry = { 3, 1000, 30000 },
    .permits = 4, .wait_ms = 5 }, { .name = NULL } };
static const struct shm_layout layout = {
	.metrics = metrics, .guards = guards, .bulkheads = halls,
	.processes = 4, .limit_slots = 64
};

static struct shm *
segment(struct arena *a)
{
	char dir[] = "/tmp/qxfuzz.XXXXXX";
	struct shm *s;
	struct err e;

	ASSERT(mkdtemp(dir) != NULL);
	ASSERT(shm_attach(&s, a, dir, &layout, &e) == 0);
	/* The mapping outlives the files. */
	unlink(arena_printf(a, "%s/%s", dir, s->name));
	unlink(arena_printf(a, "%s/shm.lock", dir));
	rmdir(dir);
	return s;
}

static void
check_text(const char *t, size_t cap)
{
	size_t n = strnlen(t, cap), i;

	ASSERT(n < cap);
	for (i = 0; i < n; i++)
		ASSERT(t[i] >= 0x20 && t[i] < 0x7f);
}

static void
check_slots(struct shm *s)
{
	struct shm_slot out[4];
	size_t n = shm_slots(s, out, 4), i, k;

	ASSERT(n <= 4);
	for (i = 0; i < n; i++) {
		ASSERT(out[i].pid > 0 && out[i].ncrumbs <= SHM_CRUMBS);
		check_text(out[i].pool, sizeof(out[i].pool));
		check_text(out[i].phase, sizeof(out[i].phase));
		check_text(out[i].route, sizeof(out[i].route));
		check_text(out[i].request_id, sizeof(out[i].request_id));
		for (k = 0; k < out[i].ncrumbs; k++)
			check_text(out[i].crumbs[k], SHM_TEXT);
	}
}

/* Whatever the words say: no call of ours hangs, states and counts are what
 * they can be, and nobody is locked out for longer than the rule. */
static void
check_dependency(struct shm *s, uint64_t now)
{
	struct breaker_pass pass;
	struct dependency_view v;
	int i;

	breaker_allow(s, 0, now, &pass);
	breaker_result(s, 0, &pass, OUTCOME_OK, now);
	breaker_allow(s, 0, now, &pass);
	breaker_result(s, 0, &pass, OUTCOME_FAIL, now);
	ASSERT(breaker_state(s, 0) <= BREAKER_HALF_OPEN);
	dependency_look(s, 0, now, &v);
	ASSERT(v.state <= BREAKER_HALF_OPEN && v.mode <= BREAKER_DISABLED);
	ASSERT(v.pause_ms <= 4000 && v.permits_used <= SEG_PERMITS);
	ASSERT(v.ok <= 81910 && v.fail <= 81910 && v.slow <= 163830);
	ASSERT(v.budget <= 100000 && v.probes_out + v.probes_good <= 2);
	budget_add(s, 0, now);
	budget_take(s, 0, now);
	ASSERT(budget_left(s, 0, now) <= 100000);
	breaker_order(s, 0, BREAKER_FORCED_OPEN, UINT32_MAX);
	ASSERT(!breaker_allow(s, 0, now, &pass));
	breaker_order(s, 0, BREAKER_AUTO, UINT32_MAX);
	for (i = 0; i < 3 && !breaker_allow(s, 0, now, &pass); i++)
		now += UINT64_C(4000000000);
	ASSERT(i < 3);
}

static void
check_limits(struct shm *s)
{
	uint64_t now = UINT64_C(5000000000000);
	uint32_t retry, left;
	int permit;

	if (!rate_admit(s, "p", "k", 1, (struct rate){ 5, 60 }, now, &retry,
	    &left))
		ASSERT(retry > 0 && retry <= 70000);
	check_dependency(s, now);
	/* No other process lives: at least one permit can be had. */
	ASSERT(bulkhead_enter(s, &hall, 0, &permit) == 0 || s->slot == -1 ||
	    bulkhead_used(s, &hall) == hall.permits);
	bulkhead_leave(s, &hall, permit);
}

static void
check_words(struct shm *s)
{
	char buf[SEG_TEXT_MAX + 1];
	uint64_t at;

	shm_word_add(s, "epoch", 1);
	shm_word_get(s, "none", &at);
	ASSERT(shm_text_get(s, "probe", buf, sizeof(buf), &at) < sizeof(buf));
	shm_text_set(s, "probe", "up", 2);
	ASSERT(shm_text_get(s, "probe", buf, sizeof(buf), &at) < sizeof(buf));
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(64 << 20);
	struct shm *s = segment(a);
	struct str o;
	struct err e;
	size_t i;

	log_setup(&(struct log_options){ .level = LOG_ERROR }, &e);
	shm_slot_take(s, "web", &e);
	shm_text_set(s, "probe", "down", 4);
	/* 'B': the words of the dependency are hit, not any of the segment. */
	for (i = 1; n > 0 && in[0] == 'B' && i + 2 < n; i += 3)
		s->base[s->map.breakers + ((size_t)in[i] << 8 | in[i + 1]) %
		    sizeof(struct seg_breaker)] ^= in[i + 2];
	for (i = 0; n > 0 && in[0] != 'B' && i + 2 < n; i += 3)
		s->base[((size_t)in[i] << 8 | in[i + 1]) * 8191 %
		    s->map.size] ^= in[i + 2];
	shm_slot_request(s, "route", "id", 1);
	crumb("crumb");
	check_slots(s);
	check_limits(s);
	check_words(s);
	metric_add(&hits, 1, 0, 1);
	metric_set(&level, 0, 0, 1);
	metric_observe_ns(&lag, 0, 0, 5);
	str_init(&o, a);
	metrics_expose(s, &o);
	shm_slot_done(s);
	shm_detach(s);
	arena_free(a);
	return 0;
}
