/*
 * Numbers about the installation, read from the scoreboard and the tables.
 * Reads /proc only for the memory of processes the scoreboard names.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/vec.h"
#include "conf/base.h"
#include "db/env.h"
#include "http/http.h"
#include "module.h"
#include "modules/platform/health.h"
#include "modules/platform/job.h"
#include "modules/platform/system.h"
#include "shm/shm.h"

static const struct field process_fields[] = {
	FIELD(struct platform_process, pid, .doc = "Process id"),
	FIELD(struct platform_process, pool, .doc = "What it serves"),
	FIELD(struct platform_process, phase, .doc = "What it is doing"),
	FIELD(struct platform_process, route, .doc = "Route of the request "
	    "in progress"),
	FIELD(struct platform_process, request_id, .doc = "Its id"),
	FIELD(struct platform_process, requests, .doc = "Served so far"),
	FIELD(struct platform_process, age_s, .doc = "Seconds since it was "
	    "born"),
	FIELD(struct platform_process, request_ms, .doc = "Age of the request "
	    "in progress"),
	FIELD(struct platform_process, memory_kib, .doc = "Resident memory"),
	FIELD_END
};
const struct schema platform_process_schema = {
	.name = "Process", .doc = "A living process of this host",
	.size = sizeof(struct platform_process), .fields = process_fields
};

static const struct field pool_fields[] = {
	FIELD(struct platform_pool, name, .doc = "Pool"),
	FIELD(struct platform_pool, processes, .doc = "Living processes"),
	FIELD(struct platform_pool, busy, .doc = "With a request in progress"),
	FIELD(struct platform_pool, requests, .doc = "Served by those alive"),
	FIELD_END
};
const struct schema platform_pool_schema = {
	.name = "Pool", .doc = "Processes of one kind",
	.size = sizeof(struct platform_pool), .fields = pool_fields
};

static const struct field status_fields[] = {
	FIELD(struct platform_status, service, .doc = "Name"),
	FIELD(struct platform_status, environment, .doc = "What it is for"),
	FIELD(struct platform_status, version, .doc = "Version"),
	FIELD(struct platform_status, status, .doc = "As /health sums it up"),
	FIELD(struct platform_status, timestamp, .doc = "Time of this answer"),
	FIELD(struct platform_status, uptime_s, .doc = "Seconds since the "
	    "oldest living process was born"),
	FIELD(struct platform_status, memory_kib, .doc = "Resident memory of "
	    "all processes together, shared pages counted in each"),
	FIELD(struct platform_status, routes, .doc = "Routes"),
	FIELD(struct platform_status, commands, .doc = "Terminal commands"),
	FIELD(struct platform_status, settings, .doc = "Settings"),
	FIELD(struct platform_status, modules, .elem = FT_STR,
	    .doc = "Enabled modules"),
	FIELD(struct platform_status, pools, .sub = &platform_pool_schema,
	    .doc = "Processes by pool"),
	FIELD(struct platform_status, requests, .doc = "Requests answered on "
	    "this host"),
	FIELD(struct platform_status, errors, .doc = "Of those with a status "
	    "of 500 and more"),
	FIELD(struct platform_status, jobs, .flags = FF_NULLABLE,
	    .sub = &platform_job_status_schema, .doc = "The queue; null when "
	    "the database does not answer"),
	FIELD_END
};
const struct schema platform_status_schema = {
	.name = "SystemStatus", .doc = "The installation at a glance",
	.size = sizeof(struct platform_status), .fields = status_fields
};

static int64_t
memory_kib(int64_t pid)
{
	char path[64], buf[128];
	const char *p;
	int64_t pages = 0;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%lld/statm", (long long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	p = strchr(buf, ' ');
	if (p == NULL || num_i64(p + 1, strcspn(p + 1, " "), &pages) != NUM_OK)
		return 0;
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static struct shm_slot *
slots(struct env *env, struct arena *a, size_t *n)
{
	struct shm_slot *v = arena_array(a, PLATFORM_PROCESSES, sizeof(*v));
	size_t all = shm_slots(env->shm, v, PLATFORM_PROCESSES), kept = 0;

	for (size_t i = 0; i < all; i++)
		if (v[i].alive)
			v[kept++] = v[i];
	*n = kept;
	return v;
}

size_t
platform_processes(struct env *env, struct arena *a,
    const struct platform_process **out)
{
	uint64_t now = (uint64_t)clock_boot_ns();
	size_t n;
	const struct shm_slot *s = slots(env, a, &n);
	struct platform_process *v = arena_array(a, n, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		uint64_t began = s[i].started_ns;
		bool busy = began != 0 && began <= now &&
		    s[i].route[0] != '\0';

		v[i] = (struct platform_process){ .pid = s[i].pid,
		    .pool = s[i].pool, .phase = s[i].phase,
		    .route = busy ? s[i].route : "",
		    .request_id = busy ? s[i].request_id : "",
		    .requests = (int64_t)(s[i].requests & INT64_MAX),
		    .age_s = s[i].born_ns > now ? 0 :
			(int64_t)((now - s[i].born_ns) / 1000000000),
		    .request_ms = busy ?
			(int64_t)((now - began) / 1000000) : 0,
		    .memory_kib = memory_kib(s[i].pid) };
	}
	*out = v;
	return n;
}

int64_t
platform_uptime_s(struct env *env)
{
	struct arena *a = arena_new(1 << 20);
	int64_t now = clock_boot_ns(), oldest = now;
	size_t n;
	const struct shm_slot *s = slots(env, a, &n);

	for (size_t i = 0; i < n; i++)
		if (s[i].born_ns != 0 && s[i].born_ns < (uint64_t)oldest)
			oldest = (int64_t)s[i].born_ns;
	arena_free(a);
	return (now - oldest) / 1000000000;
}

static struct list
pools(struct arena *a, const struct platform_process *p, size_t n)
{
	VEC(struct platform_pool) v = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct platform_pool *q = NULL;

		for (size_t k = 0; k < v.n && q == NULL; k++)
			if (strcmp(v.v[k].name, p[i].pool) == 0)
				q = &v.v[k];
		if (q == NULL) {
			q = VEC_ADD(a, &v);
			q->name = p[i].pool;
		}
		q->processes++;
		q->busy += p[i].route[0] != '\0';
		q->requests += p[i].requests;
	}
	return (struct list){ v.v, v.n };
}

static const char *
health_sum(struct env *env, struct arena *a)
{
	char *text = arena_alloc(a, HEALTH_TEXT + 1);
	VEC(struct platform_check) v = { 0 };
	int64_t age_ms;

	platform_health_read(env, text, &age_ms);
	for (size_t m = 0; env->modules[m] != NULL; m++)
		for (const struct health_check *h = env->modules[m]->health;
		    h != NULL && h->name != NULL; h++) {
			struct platform_check *k = VEC_ADD(a, &v);

			platform_health_find(a, text, age_ms, h->name, k);
			k->required = h->required;
		}
	return platform_health_sum(v.v, v.n);
}

static void
count_tables(struct env *env, struct arena *a, struct platform_status *st)
{
	VEC(const char *) names = { 0 };

	for (size_t m = 0; env->modules[m] != NULL; m++) {
		const struct module *mod = env->modules[m];
		const struct route *const *r = mod->routes;
		const struct command *const *c = mod->commands;

		*VEC_ADD(a, &names) = mod->name;
		for (; r != NULL && *r != NULL; r++)
			for (const struct route *p = *r; p->id != NULL; p++)
				st->routes++;
		for (; c != NULL && *c != NULL; c++)
			for (const struct command *p = *c; p->name; p++)
				st->commands++;
	}
	st->modules = (struct list){ names.v, names.n };
}

/* The metric's labels: routes in table order and one for none; statuses. */
static void
count_requests(struct platform_status *st)
{
	const char *const *codes = http_requests_total.labels[1]->values;

	for (size_t i = 0; i <= (size_t)st->routes; i++)
		for (size_t j = 0; codes[j] != NULL; j++) {
			int64_t n = (int64_t)metric_read(&http_requests_total,
			    i, j);

			st->requests += n;
			if (codes[j][0] == '5')
				st->errors += n;
		}
}

void
platform_status_fill(struct env *env, struct arena *a, struct utc now,
    struct platform_status *st)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	const struct platform_process *p;
	const struct conf_item *items;
	size_t n = platform_processes(env, a, &p);

	*st = (struct platform_status){ .service = cf->name,
	    .environment = cf->environment, .version = QX_VERSION,
	    .status = health_sum(env, a), .timestamp = now,
	    .uptime_s = platform_uptime_s(env),
	    .settings = (int64_t)conf_items(env->conf, a, &items),
	    .pools = pools(a, p, n) };
	for (size_t i = 0; i < n; i++)
		st->memory_kib += p[i].memory_kib;
	count_tables(env, a, st);
	count_requests(st);
}

void
platform_status_jobs(struct env *env, struct arena *a, struct uuid tenant,
    struct platform_status *st)
{
	struct platform_job_status *j = arena_alloc(a, sizeof(*j));
	struct err ignored = { 0 };

	if (env->db != NULL && platform_job_status(env->db, a, tenant, j,
	    &ignored) == 0)
		st->jobs = j;
}
