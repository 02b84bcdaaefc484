/*
 * What alert rules look at: the stored minutes of all hosts, this host as it
 * is now, and the gauges that only the database knows. A gauge that cannot be
 * read (a privilege is missing) keeps its last value.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "db/table.h"
#include "jobs/look.h"
#include "module.h"
#include "modules/platform/alert.h"
#include "modules/platform/sample.h"

enum { FRESH_S = 150 };

void
platform_gauges_read(struct env *env, struct arena *a)
{
	const struct module *const *m = env->modules;
	struct err ignored = { 0 };

	jobs_gauges(env->db, a, &ignored);
	for (; *m != NULL; m++)
		for (const struct gauge *g = (*m)->gauges;
		    g != NULL && g->metric != NULL; g++) {
			struct err e = { 0 };
			double v;

			if (platform_gauge_read(env->db, a, g, &v,
			    &e) == 0)
				metric_set(g->metric, 0, 0, (int64_t)v);
			else
				log_debug("server", "gauge not readable",
				    KV("query", g->query->name),
				    KV("cause", (const char *)e.cause));
		}
}

struct reading {
	struct arena *a;
	VEC(struct platform_host) hosts;
	VEC(VEC(struct platform_frame)) frames;	/* by host */
};

static size_t
host_of(struct reading *r, const char *name)
{
	for (size_t i = 0; i < r->hosts.n; i++)
		if (strcmp(r->hosts.v[i].name, name) == 0)
			return i;
	VEC_ADD(r->a, &r->hosts)->name = arena_strdup(r->a, name);
	(void)VEC_ADD(r->a, &r->frames);
	return r->hosts.n - 1;
}

static int
frame_add(void *arg, const void *row, struct err *e)
{
	const struct platform_sample *s = row;
	struct reading *r = arg;
	size_t h = host_of(r, s->host);
	struct platform_frame *f = VEC_ADD(r->a, &r->frames.v[h]);

	(void)e;
	f->at = s->at;
	f->host = r->hosts.v[h].name;
	platform_frame_parse(r->a, s->body, f);
	return 0;
}

int
platform_alert_view(struct env *env, struct arena *a, struct utc now,
    int64_t window_s, struct platform_view *v, struct err *e)
{
	struct reading r = { .a = a };
	struct platform_take take = { .a = a };
	struct platform_frame *live;
	struct utc from = { now.us - (window_s + FRESH_S) * US_PER_S };
	struct arena *row = arena_new(8 << 20);
	struct rows series;
	size_t here;
	int rc = platform_sample_each(env->db, row, from, now, NULL,
	    frame_add, &r, e);

	arena_free(row);
	if (rc == -1)
		return -1;
	here = host_of(&r, platform_host_name());
	live = VEC_ADD(a, &r.frames.v[here]);
	*live = (struct platform_frame){ .at = now,
	    .host = platform_host_name() };
	platform_take_segment(env, &take);
	if (platform_frame_of(env->db, a, &take, live, e) == -1 ||
	    platform_series_all(env->db, a, &series, e) == -1)
		return -1;
	for (size_t i = 0; i < r.hosts.n; i++) {
		r.hosts.v[i].frame = r.frames.v[i].v;
		r.hosts.v[i].n = r.frames.v[i].n;
	}
	*v = (struct platform_view){ series.v, series.n, r.hosts.v,
	    r.hosts.n, now, FRESH_S };
	return 0;
}
