/*
 * The HTTP client's public face: settings, handles of this process, one call,
 * many calls at once. Handles are made at the first call and never used after
 * a fork by the child. Refuses to work while a database transaction is open.
 */
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "net/internal.h"

#define ROW(m, p, ...) SETTING(struct net_conf, m, p, __VA_ARGS__)

static const struct setting rows[] = {
	ROW(allow, "net.allow", .def = "",
	    .doc = "Private peers that may be called besides the configured "
	    "endpoints: host or host:port"),
	ROW(ca_file, "net.ca_file", .def = "", .flags = SET_PATH,
	    .doc = "Certificates of trusted authorities; empty = the system's"),
	ROW(connect_timeout_ms, "net.connect_timeout_ms", .def = "3000",
	    .min = 1, .max = 60000, .unit = "milliseconds",
	    .doc = "Longest wait for a connection"),
	ROW(timeout_ms, "net.timeout_ms", .def = "30000", .min = 1,
	    .max = 600000, .unit = "milliseconds",
	    .doc = "Longest duration of a call as a whole"),
	ROW(max_bytes, "net.max_bytes", .def = "16777216", .min = 1024,
	    .max = 268435456, .unit = "bytes",
	    .doc = "Longest answer, counted after decompression"),
	ROW(breaker_failures, "net.breaker.failures", .def = "5", .min = 1,
	    .max = 1000, .unit = "calls",
	    .doc = "Consecutive failures after which a peer is left alone"),
	ROW(breaker_open_s, "net.breaker.open_s", .def = "30", .min = 1,
	    .max = 3600, .unit = "seconds",
	    .doc = "How long a failing peer is left alone"),
	ROW(breaker_probes, "net.breaker.probes", .def = "2", .min = 1,
	    .max = 100, .unit = "calls",
	    .doc = "Successes after which a peer is trusted again"),
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

int
net_http(struct net *net, struct arena *a, const struct net_call *call,
    struct net_reply *reply, struct err *err)
{
	struct transfer t;
	struct arena *scratch;
	int rc;

	ASSERT(txn_depth() == 0);
	own_handles(net);
	scratch = arena_new(arena_cap(net));
	rc = transfer_begin(&t, net, net->single, scratch, call, err);
	if (rc == 0)
		rc = transfer_end(&t, curl_easy_perform(net->single), a,
		    reply, err);
	arena_free(scratch);
	return rc;
}

/* ---- many at once ------------------------------------------------------ */
struct slot {
	struct transfer t;
	struct arena *a;
	CURL *easy;
	void *tag;
	bool busy;
};

struct run {
	struct net *net;
	const struct net_batch *b;
	struct slot *slots;
	size_t n, busy;
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
		if (!run->slots[i].busy)
			return &run->slots[i];
	return NULL;
}

/* Asks for one more call. False: there is none now. */
static bool
start_one(struct run *run, struct slot *s)
{
	struct net_call call = { 0 };
	struct err err = { 0 };

	if (s->a == NULL)
		s->a = arena_new(arena_cap(run->net));
	if (s->easy == NULL && (s->easy = curl_easy_init()) == NULL)
		check_oom();
	s->tag = NULL;
	if (!run->b->next(run->b->arg, s->a, &call, &s->tag))
		return false;
	if (transfer_begin(&s->t, run->net, s->easy, s->a, &call, &err) == -1) {
		slot_done(run, s, NULL, &err);
		return true;
	}
	if (curl_multi_add_handle(run->net->multi, s->easy) != CURLM_OK)
		check_oom();
	s->busy = true;
	run->busy++;
	return true;
}

static void
end_one(struct run *run, struct slot *s, CURLcode rc)
{
	struct net_reply reply;
	struct err err = { 0 };

	curl_multi_remove_handle(run->net->multi, s->easy);
	s->busy = false;
	run->busy--;
	if (transfer_end(&s->t, rc, s->a, &reply, &err) == 0)
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
			if (run->slots[i].busy && run->slots[i].easy == easy)
				end_one(run, &run->slots[i], rc);
	}
}

static int
drive(struct run *run, struct err *err)
{
	struct slot *s;
	int active;

	for (;;) {
		while ((s = slot_idle(run)) != NULL && start_one(run, s))
			;
		if (run->busy == 0)
			return 0;
		if (curl_multi_perform(run->net->multi, &active) != CURLM_OK ||
		    (active == (int)run->busy && curl_multi_poll(
		    run->net->multi, NULL, 0, 1000, NULL) != CURLM_OK))
			break;
		end_finished(run);
	}
	for (size_t i = 0; i < run->n; i++)
		if (run->slots[i].busy)
			end_one(run, &run->slots[i], CURLE_FAILED_INIT);
	return err_set(err, 500, "internal", "cannot run parallel calls");
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
