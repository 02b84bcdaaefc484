/*
 * Gathers what the scoreboard, the cells of the loops and the leases say.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/vec.h"
#include "jobs/look.h"
#include "jobs/loop.h"
#include "module.h"
#include "modules/platform/platform.h"
#include "modules/platform/system.h"
#include "modules/platform/worker.h"
#include "shm/shm.h"

#define S INT64_C(1000000000)

enum { LEASES_MAX = 1000, LATE_MS = 5000 };

#define C(m, ...) FIELD(struct platform_worker_child, m, __VA_ARGS__)
static const struct field child_fields[] = {
	C(pid, .doc = "Process id"),
	C(type, .flags = FF_NULLABLE, .doc = "Type of the job it runs"),
	C(job_id, .flags = FF_NULLABLE, .doc = "That job"),
	C(running_ms, .doc = "Since that job began"),
	C(jobs, .doc = "Jobs so far"), C(age_s, .doc = "Since it was born"),
	C(memory_kib, .doc = "Resident memory"), FIELD_END
};
static const struct schema child_schema = {
	.name = "WorkerChild", .doc = "A job child of this host",
	.size = sizeof(struct platform_worker_child), .fields = child_fields
};

#define L(m, ...) FIELD(struct platform_worker_loop, m, __VA_ARGS__)
static const struct field loop_fields[] = {
	L(name, .doc = "Loop"), L(shard, .doc = "Shard"),
	L(scope, .oneof = ONEOF("host", "cluster", "shard"),
	    .doc = "How many there are"),
	L(humble, .oneof = ONEOF("tick", "never"),
	    .doc = "Does quincunx-schedule run it too"),
	L(component, .flags = FF_NULLABLE,
	    .doc = "Not run while that is stopped"),
	L(period_ms, .doc = "Rhythm"),
	L(state, .oneof = ONEOF("running", "waiting", "late", "never",
	    "stopped", "elsewhere"), .doc = "What it is doing on this host"),
	L(pid, .doc = "Process that is inside a turn; 0: none"),
	L(last_s, .doc = "Seconds since its last turn here; -1: none known"),
	L(good_s, .doc = "Seconds since its last good turn here; -1: none "
	    "known"),
	L(lag_ms, .doc = "Later than its rhythm"),
	L(token, .doc = "Fencing token of its lease"),
	L(lease_s, .doc = "Seconds left of its lease; -1: free or none"),
	FIELD_END
};
static const struct schema loop_schema = {
	.name = "WorkerLoop", .doc = "A control loop",
	.size = sizeof(struct platform_worker_loop), .fields = loop_fields
};

#define W(m, ...) FIELD(struct platform_workers, m, __VA_ARGS__)
static const struct field workers_fields[] = {
	W(host, .doc = "This host"),
	W(dispatcher, .oneof = ONEOF("daemon", "cron", "elsewhere", "none"),
	    .doc = "Who does this installation's jobs, as seen from here"),
	W(dispatcher_s, .doc = "Seconds since this host's dispatcher was seen; "
	    "-1: never"),
	W(tick_s, .doc = "Seconds since quincunx-schedule ran here; -1: "
	    "never"),
	W(leases, .sub = &jobs_worker_schema,
	    .doc = "Dispatchers of all hosts, jobs of external workers"),
	W(children, .sub = &child_schema, .doc = "Job children of this host"),
	W(loops, .sub = &loop_schema, .doc = "Control loops"), FIELD_END
};
const struct schema platform_workers_schema = {
	.name = "Workers", .doc = "Who does the work",
	.size = sizeof(struct platform_workers), .fields = workers_fields
};

static int64_t
seconds_since(int64_t boot_ns)
{
	int64_t now = clock_boot_ns();

	return boot_ns <= 0 || boot_ns > now ? -1 : (now - boot_ns) / S;
}

static int64_t
seen_s(struct env *env, const char *word)
{
	uint64_t at;

	if (env->shm == NULL)
		return -1;
	shm_word_get(env->shm, word, &at);
	return seconds_since((int64_t)at);
}

/* ---- children and loops ----------------------------------------------------- */

struct board {
	const struct platform_process *v;
	size_t n;
};

static struct list
children(struct arena *a, const struct board *b)
{
	VEC(struct platform_worker_child) v = { 0 };

	for (size_t i = 0; i < b->n; i++) {
		const struct platform_process *p = &b->v[i];
		bool busy = *p->request_id != '\0';

		if (strcmp(p->pool, "job") != 0)
			continue;
		*VEC_ADD(a, &v) = (struct platform_worker_child){
		    .pid = p->pid, .type = busy ? p->route : NULL,
		    .job_id = busy ? p->request_id : NULL,
		    .running_ms = busy ? p->request_ms : 0,
		    .jobs = p->requests, .age_s = p->age_s,
		    .memory_kib = p->memory_kib };
	}
	return (struct list){ v.v, v.n };
}

/* A child inside a turn says the loop's name. */
static int64_t
inside(const struct board *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->v[i].route, name) == 0)
			return b->v[i].pid;
	return 0;
}

static void
lease_of(const struct rows *leases, const char *role,
    struct platform_worker_loop *l)
{
	l->lease_s = -1;
	for (size_t i = 0; i < leases->n; i++) {
		const struct platform_worker_lease *r = ROW(leases,
		    struct platform_worker_lease, i);

		if (strcmp(r->role, role) != 0)
			continue;
		l->token = r->token;
		l->lease_s = r->left_s >= 0 ? r->left_s : -1;
	}
}

static const char *
state_of(const struct platform_worker_loop *l, bool active)
{
	if (!active)
		return "stopped";
	if (l->pid != 0)
		return "running";
	if (l->lag_ms > 0)
		return l->lease_s >= 0 ? "elsewhere" : "late";
	if (l->last_s >= 0)
		return "waiting";
	return l->lease_s >= 0 ? "elsewhere" : "never";
}

static int
loop_of(struct env *env, struct db *db, struct arena *a,
    const struct loop *def, int shard, const struct board *b,
    const struct rows *leases, struct platform_worker_loop *l, struct err *e)
{
	static const char *const scopes[] = { "", "host", "cluster", "shard" };
	const char *role = loop_role(a, def, shard);
	int64_t end, good, due = def->period_ms + LATE_MS;
	int active = 1;

	loop_last(env->shm, role, &end, &good);
	*l = (struct platform_worker_loop){ .name = def->name,
	    .shard = shard, .scope = scopes[def->scope],
	    .humble = def->humble == LOOP_TICK ? "tick" : "never",
	    .component = def->component, .period_ms = def->period_ms,
	    .pid = inside(b, def->name), .last_s = seconds_since(end),
	    .good_s = seconds_since(good), .lease_s = -1 };
	if (def->scope != LOOP_HOST)
		lease_of(leases, role, l);
	if (good > 0)
		l->lag_ms = (clock_boot_ns() - good) / 1000000 - due;
	if (l->lag_ms < 0)
		l->lag_ms = 0;
	if (def->component != NULL)
		active = platform_component_active(db, def->component, e);
	if (active == -1)
		return -1;
	l->state = state_of(l, active == 1);
	return 0;
}

static int
loops(struct env *env, struct db *db, struct arena *a, const struct board *b,
    const struct rows *leases, struct list *out, struct err *e)
{
	VEC(struct platform_worker_loop) v = { 0 };

	for (size_t m = 0; env->modules[m] != NULL; m++) {
		const struct loop *const *set = env->modules[m]->loops;

		for (; set != NULL && *set != NULL; set++)
			for (const struct loop *l = *set; l->name != NULL;
			    l++) {
				int n = l->scope == LOOP_SHARD &&
				    l->shards > 0 ? l->shards : 1;

				for (int i = 0; i < n; i++)
					if (loop_of(env, db, a, l, i, b,
					    leases, VEC_ADD(a, &v), e) == -1)
						return -1;
			}
	}
	*out = (struct list){ v.v, v.n };
	return 0;
}

/* ---- the whole ---------------------------------------------------------------- */

static const char *
dispatcher_of(int64_t daemon_s, int64_t cron_s, const struct rows *leases)
{
	struct probe p;
	int64_t others = 0;

	for (size_t i = 0; i < leases->n; i++)
		others += !ROW(leases, struct jobs_worker, i)->external;
	platform_worker_judge(daemon_s, -1, -1, 0, &p);
	if (p.state == PROBE_OK)
		return "daemon";
	platform_worker_judge(-1, cron_s, -1, 0, &p);
	if (p.state == PROBE_OK)
		return "cron";
	return others > 0 ? "elsewhere" : "none";
}

int
platform_workers(struct env *env, struct db *db, struct arena *a,
    struct platform_workers *w, struct err *e)
{
	int64_t daemon = seen_s(env, SEEN_DISPATCHER);
	int64_t cron = seen_s(env, SEEN_CRON);
	struct rows leases, roles;
	struct utsname u;
	struct board b;

	if (uname(&u) == -1)
		u.nodename[0] = '\0';
	if (jobs_workers(db, a, LEASES_MAX, &leases, e) == -1 ||
	    platform_worker_leases(db, a, &roles, e) == -1)
		return -1;
	b.n = platform_processes(env, a, &b.v);
	*w = (struct platform_workers){ .host = arena_strdup(a, u.nodename),
	    .dispatcher = dispatcher_of(daemon, cron, &leases),
	    .dispatcher_s = daemon, .tick_s = seen_s(env, SEEN_TICK),
	    .leases = { leases.v, leases.n }, .children = children(a, &b) };
	return loops(env, db, a, &b, &roles, &w->loops, e);
}

void
platform_worker_probe(struct env *env, struct probe *p)
{
	int64_t daemon = seen_s(env, SEEN_DISPATCHER);
	int64_t cron = seen_s(env, SEEN_CRON), others = -1;
	struct err e = { 0 };

	platform_worker_judge(daemon, cron, -1, 0, p);
	if (p->state == PROBE_OK)
		return;
	if (env->db != NULL)
		platform_worker_dispatchers(env->db, &others, &e);
	platform_worker_judge(daemon, cron, seen_s(env, SEEN_TICK), others,
	    p);
}
