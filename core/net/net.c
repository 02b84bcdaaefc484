/*
 * The HTTP client's public face: settings, handles of this process, one call,
 * many calls at once. Handles are made at the first call and never used after
 * a fork by the child. Refuses to work while a database transaction is open.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "net/internal.h"
#include "net/retry.h"

#define NS_PER_MS INT64_C(1000000)
enum { PERMIT_MS = 5 };		/* between two looks for a permit */

#define ROW(m, p, ...) SETTING(struct net_conf, m, p, __VA_ARGS__)

static const struct setting rows[] = {
	ROW(allow, "net.allow", .def = "",
	    .doc = "Private peers that may be called besides the configured "
	    "endpoints: host or host:port"),
	ROW(ca_file, "net.ca_file", .def = "", .flags = SET_PATH,
	    .doc = "Certificates of trusted authorities; empty = the system's"),
	ROW(connect_timeout_ms, "net.connect_timeout_ms", .def = "2000",
	    .min = 1, .max = 60000, .unit = "milliseconds",
	    .doc = "Longest wait for a connection"),
	ROW(timeout_ms, "net.timeout_ms", .def = "30000", .min = 1,
	    .max = 600000, .unit = "milliseconds",
	    .doc = "Longest duration of a call as a whole"),
	ROW(max_bytes, "net.max_bytes", .def = "16777216", .min = 1024,
	    .max = 268435456, .unit = "bytes",
	    .doc = "Longest answer, counted after decompression"),
	SETTING_END
};

/* "host" or "host:port" as a URL's authority. */
static int
parse_allowed(const char *entry, struct target *t, struct err *err)
{
	char url[NET_HOST_MAX + 32];

	if (strlen(entry) > NET_HOST_MAX + 8 || strpbrk(entry, "/?#") != NULL)
		return err_set(err, 500, "config", "net.allow: an entry is "
		    "not host or host:port");
	memcpy(url, "http://", 7);
	memcpy(url + 7, entry, strlen(entry) + 1);
	if (gate_parse(url, t, err) == -1)
		return err_set(err, 500, "config", "net.allow: \"%s\" is not "
		    "host or host:port", entry);
	return 0;
}

static int
check_conf(void *values, struct arena *a, struct err *err)
{
	const struct net_conf *c = values;
	struct target t;

	(void)a;
	for (size_t i = 0; c->allow != NULL && c->allow[i] != NULL; i++)
		if (parse_allowed(c->allow[i], &t, err) == -1)
			return -1;
	return 0;
}

const struct settings net_settings = { .name = "net",
    .size = sizeof(struct net_conf), .rows = rows, .check = check_conf };

/* ---- handles ----------------------------------------------------------- */
static void
close_handles(void *arg)
{
	struct net *net = arg;

	if (net->pid != getpid())
		return;
	if (net->single != NULL)
		curl_easy_cleanup(net->single);
	if (net->multi != NULL)
		curl_multi_cleanup(net->multi);
	net->single = NULL;
	net->multi = NULL;
}

/* A child must not talk on its parent's connections, nor shut them. */
static void
own_handles(struct net *net)
{
	if (net->pid != getpid()) {
		net->single = NULL;
		net->multi = NULL;
		net->running = false;
		net->pid = getpid();
	}
	if (net->single == NULL && (net->single = curl_easy_init()) == NULL)
		check_oom();
	if (net->multi == NULL) {
		if ((net->multi = curl_multi_init()) == NULL)
			check_oom();
		curl_multi_setopt(net->multi, CURLMOPT_MAXCONNECTS,
		    (long)NET_PARALLEL_MAX);
	}
}

int
net_open(struct net **out, struct arena *a, const struct net_conf *conf,
    struct shm *shm, struct err *err)
{
	struct net *net = arena_alloc(a, sizeof(*net));
	struct target t;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, 500, "internal", "cannot set up curl");
	net->a = a;
	net->conf = conf;
	net->shm = shm;
	net->pid = getpid();
	for (size_t i = 0; conf->allow != NULL && conf->allow[i] != NULL; i++) {
		if (parse_allowed(conf->allow[i], &t, err) == -1)
			return -1;
		gate_allow(net, &t, !t.has_port);
	}
	arena_defer(a, close_handles, net);
	*out = net;
	return 0;
}

/* A body while it grows, what is read out of it, and room for requests. */
static size_t
arena_cap(const struct net *net)
{
	return 8 * (size_t)net->conf->max_bytes + ((size_t)16 << 20);
}

void
net_scope(struct net *net, int64_t deadline_boot_ns, bool retried_outside)
{
	if (net == NULL)
		return;
	net->deadline_ns = deadline_boot_ns;
	net->retried = retried_outside;
}

void
net_on_fresh(struct net *net, void (*fn)(void *), void *arg)
{
	net->fresh.fn = fn;
	net->fresh.arg = arg;
}

/* ---- one call, and again ------------------------------------------------- */
static uint64_t
some_bits(void)
{
	uint64_t r;

	random_bytes(&r, sizeof(r));
	return r;
}

static struct retry
retries_of(const struct net *net, const struct net_call *c)
{
	return (struct retry){ .shm = net->shm,
	    .dependency = dependency_find(net->shm, c->service),
	    .on = c->retry && !net->retried,
	    .deadline_boot_ns = transfer_deadline(net, c) };
}

bool
net_may_repeat(struct net *net, const char *service)
{
	int d = dependency_find(net->shm, service);

	if (net->retried || !budget_take(net->shm, d,
	    (uint64_t)clock_boot_ns()))
		return false;
	metric_add(&retries_total, dependency_label_index(net->shm, d), 0, 1);
	return true;
}

static void
wait_ms(int64_t ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

/* 0 and -1 as net_http(); *again: the same call may succeed. */
static int
once(struct net *net, struct arena *a, const struct net_call *call,
    struct net_reply *reply, bool *again, struct err *err)
{
	struct arena *scratch = arena_new(arena_cap(net));
	struct transfer t;
	int rc;

	memset(reply, 0, sizeof(*reply));
	*again = false;
	rc = transfer_begin(&t, net, net->single, scratch, call, true, err);
	if (rc == 0) {
		rc = transfer_end(&t, curl_easy_perform(net->single), a,
		    reply, err);
		*again = t.again;
	}
	arena_free(scratch);
	return rc;
}

int
net_http(struct net *net, struct arena *a, const struct net_call *call,
    struct net_reply *reply, struct err *err)
{
	struct net_call c = *call;
	struct err before = { 0 };
	struct retry retry;
	struct arena_mark mark = arena_mark(a);
	int64_t ms;
	bool again;
	int rc;

	ASSERT(txn_depth() == 0);
	own_handles(net);
	retry = retries_of(net, call);
	for (;;) {
		rc = once(net, a, &c, reply, &again, err);
		ms = again ? retry_next(&retry, reply->retry_after_s,
		    clock_boot_ns(), some_bits()) : -1;
		/* We overslept: what happened is what happened before. */
		if (rc == -1 && err != NULL && before.status != 0 &&
		    strcmp(err->code, "deadline_passed") == 0)
			*err = before;
		if (ms == -1)
			return rc;
		wait_ms(ms);
		arena_rewind(a, mark);
		if (rc == -1 && err != NULL) {
			before = *err;
			err_clear(err);
		}
		c.repeated = true;
	}
}

/* ---- many at once ------------------------------------------------------ */
/* A slot rests until its call may be made: there was no permit, or the call
 * is made again. */
enum slot_state { SLOT_IDLE, SLOT_RESTS, SLOT_RUNS };

struct slot {
	struct transfer t;
	struct net_call call;
	struct retry retry;
	struct arena *a;
	CURL *easy;
	void *tag;
	enum slot_state state;
	int64_t ready_ns;
	int64_t since_ns;		/* waits for a permit; 0 = does not */
};

struct run {
	struct net *net;
	const struct net_batch *b;
	struct slot *slots;
	size_t n, running, resting;
};

static void
slot_done(struct run *run, struct slot *s, const struct net_reply *r,
    const struct err *err)
{
	run->b->done(run->b->arg, s->tag, s->a, r, err);
	arena_reset(s->a);
}

static struct slot *
slot_idle(struct run *run)
{
	for (size_t i = 0; i < run->n; i++)
		if (run->slots[i].state == SLOT_IDLE)
			return &run->slots[i];
	return NULL;
}

static void
rest(struct run *run, struct slot *s, int64_t ms)
{
	s->state = SLOT_RESTS;
	s->ready_ns = clock_boot_ns() + ms * NS_PER_MS;
	run->resting++;
}

/* Permits that this batch holds come back; others are waited for a moment. */
static bool
waits_on(const struct run *run, struct slot *s)
{
	const struct guard *g = dependency_guard(run->net->shm,
	    s->t.dependency);
	int64_t now = clock_boot_ns();

	if (s->since_ns == 0)
		s->since_ns = now;
	if (run->running > 0)
		s->since_ns = now;
	return g != NULL && now - s->since_ns <= g->wait_ms * NS_PER_MS;
}

static void
slot_start(struct run *run, struct slot *s)
{
	struct err err = { 0 };
	int rc = transfer_begin(&s->t, run->net, s->easy, s->a, &s->call,
	    false, &err);

	if (rc == 1 && waits_on(run, s)) {
		rest(run, s, PERMIT_MS);
		return;
	}
	s->since_ns = 0;
	if (rc == 1)
		dependency_full(run->net->shm, s->t.dependency, &err);
	if (rc != 0) {
		slot_done(run, s, NULL, &err);
		return;
	}
	if (curl_multi_add_handle(run->net->multi, s->easy) != CURLM_OK)
		check_oom();
	s->state = SLOT_RUNS;
	run->running++;
}

/* Asks for one more call. False: there is none now. */
static bool
start_one(struct run *run, struct slot *s)
{
	if (s->a == NULL)
		s->a = arena_new(arena_cap(run->net));
	if (s->easy == NULL && (s->easy = curl_easy_init()) == NULL)
		check_oom();
	s->tag = NULL;
	s->call = (struct net_call){ 0 };
	s->since_ns = 0;
	if (!run->b->next(run->b->arg, s->a, &s->call, &s->tag))
		return false;
	s->retry = retries_of(run->net, &s->call);
	slot_start(run, s);
	return true;
}

static void
start_rested(struct run *run)
{
	int64_t now = clock_boot_ns();

	for (size_t i = 0; i < run->n && run->resting > 0; i++) {
		struct slot *s = &run->slots[i];

		if (s->state != SLOT_RESTS || s->ready_ns > now)
			continue;
		s->state = SLOT_IDLE;
		run->resting--;
		slot_start(run, s);
	}
}

static void
end_one(struct run *run, struct slot *s, CURLcode rc)
{
	struct net_reply reply;
	struct err err = { 0 };
	int64_t ms = -1;
	int ended;

	curl_multi_remove_handle(run->net->multi, s->easy);
	s->state = SLOT_IDLE;
	run->running--;
	ended = transfer_end(&s->t, rc, s->a, &reply, &err);
	if (s->t.again)
		ms = retry_next(&s->retry, reply.retry_after_s,
		    clock_boot_ns(), some_bits());
	if (ms != -1) {
		s->call.repeated = true;
		rest(run, s, ms);
	} else if (ended == 0)
		slot_done(run, s, &reply, NULL);
	else
		slot_done(run, s, NULL, &err);
}

static void
end_finished(struct run *run)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(run->net->multi, &left)) != NULL) {
		CURL *easy = m->easy_handle;
		CURLcode rc = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		for (size_t i = 0; i < run->n; i++)
			if (run->slots[i].state == SLOT_RUNS &&
			    run->slots[i].easy == easy)
				end_one(run, &run->slots[i], rc);
	}
}

/* Until the first that rests may go on, at most a second. */
static int
patience_ms(const struct run *run)
{
	int64_t ms = 1000, left, now = clock_boot_ns();

	for (size_t i = 0; i < run->n && run->resting > 0; i++) {
		if (run->slots[i].state != SLOT_RESTS)
			continue;
		left = (run->slots[i].ready_ns - now) / NS_PER_MS + 1;
		ms = left < 1 ? 1 : left < ms ? left : ms;
	}
	return (int)ms;
}

static int
drive(struct run *run, struct err *err)
{
	struct slot *s;
	int active;

	for (;;) {
		start_rested(run);
		while ((s = slot_idle(run)) != NULL && start_one(run, s))
			;
		if (run->running == 0 && run->resting == 0)
			return 0;
		if (curl_multi_perform(run->net->multi, &active) != CURLM_OK ||
		    (active == (int)run->running && curl_multi_poll(
		    run->net->multi, NULL, 0, patience_ms(run), NULL) !=
		    CURLM_OK))
			break;
		end_finished(run);
	}
	err_set(err, 500, "internal", "cannot run parallel calls");
	for (size_t i = 0; i < run->n; i++) {
		if (run->slots[i].state == SLOT_RUNS)
			end_one(run, &run->slots[i], CURLE_FAILED_INIT);
		if (run->slots[i].state == SLOT_RESTS)
			slot_done(run, &run->slots[i], NULL, err);
	}
	return -1;
}

int
net_run(struct net *net, const struct net_batch *b, struct err *err)
{
	struct arena *a;
	struct run run = { .net = net, .b = b };
	int rc;

	ASSERT(txn_depth() == 0);
	ASSERT(!net->running);
	own_handles(net);
	run.n = b->max_parallel < 1 ? 1 : b->max_parallel > NET_PARALLEL_MAX ?
	    NET_PARALLEL_MAX : b->max_parallel;
	a = arena_new((size_t)1 << 20);
	run.slots = arena_array(a, run.n, sizeof(*run.slots));
	net->running = true;
	rc = drive(&run, err);
	net->running = false;
	for (size_t i = 0; i < run.n; i++) {
		if (run.slots[i].easy != NULL)
			curl_easy_cleanup(run.slots[i].easy);
		arena_free(run.slots[i].a);
	}
	arena_free(a);
	return rc;
}
