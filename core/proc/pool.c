/*
 * How many children there should be. Static pools have exactly so many;
 * dynamic ones keep between min_spare and max_spare idle, at most children.
 * Only the newest generation is counted and refilled. Children that die young
 * slow the forking down instead of filling the machine with corpses.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "proc/manager.h"

static const char *const states[] = {
	"starting", "idle", "busy", "draining", NULL
};
static const struct metric_label state_label = { "state", states };
const struct metric_label proc_pool_label = { "pool", NULL };

static const struct metric workers = { "fcgi_workers",
    "Children by pool and state.", METRIC_GAUGE,
    { &proc_pool_label, &state_label } };
static const struct metric max_reached = {
    "fcgi_children_max_reached_total",
    "Times a pool was busy with all the children it may have.",
    METRIC_COUNTER, { &proc_pool_label, NULL } };
static const struct metric respawns = { "fcgi_respawns_total",
    "Children that ended without being asked to.", METRIC_COUNTER,
    { &proc_pool_label, NULL } };
static const struct metric slow = { "fcgi_slow_requests_total",
    "Requests that ran longer than slow_ms.", METRIC_COUNTER,
    { &proc_pool_label, NULL } };
static const struct metric kills = { "fcgi_kills_total",
    "Children killed because of kill_ms or the end of a drain.",
    METRIC_COUNTER, { &proc_pool_label, NULL } };

const struct metric *const proc_metrics[] = {
	&workers, &max_reached, &respawns, &slow, &kills, NULL
};

static int64_t
clamp(int64_t v, int64_t lo, int64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static bool
is_dynamic(const struct mpool *p)
{
	return p->conf.mode != NULL && strcmp(p->conf.mode, "dynamic") == 0;
}

void
pool_conf_take(struct mpool *p)
{
	struct pool_conf *c = &p->conf;

	*c = p->pool->conf;
	c->children = clamp(c->children, 1, MGR_CHILDREN_MAX);
	c->min_spare = clamp(c->min_spare, 1, c->children);
	c->max_spare = clamp(c->max_spare, c->min_spare, c->children);
	/* As many as are serving now, so that a reload does not shrink a pool
	 * under load. */
	p->start = is_dynamic(p) ? clamp(p->live, c->min_spare, c->children) :
	    c->children;
}

void
pools_count(struct manager *m)
{
	struct mpool *p;
	struct child *c;
	size_t i;

	for (i = 0; i < m->npools; i++) {
		p = &m->pools[i];
		p->idle = p->busy = p->starting = p->draining = p->live = 0;
	}
	for (i = 0; i < m->kids.n; i++) {
		c = &m->kids.v[i];
		p = &m->pools[c->pool];
		if (c->draining)
			p->draining++;
		else if (!c->up)
			p->starting++;
		else if (c->busy)
			p->busy++;
		else
			p->idle++;
		if (!c->draining && c->gen == m->gen)
			p->live++;
	}
}

bool
pools_up(struct manager *m)
{
	struct child *c;
	int64_t up;
	size_t i, k;

	for (i = 0; i < m->npools; i++) {
		up = 0;
		for (k = 0; k < m->kids.n; k++) {
			c = &m->kids.v[k];
			up += c->pool == i && c->gen == m->gen && c->up &&
			    !c->draining;
		}
		if (up < m->pools[i].start)
			return false;
	}
	return true;
}

void
pools_metrics(struct manager *m)
{
	struct mpool *p;
	size_t i;

	for (i = 0; i < m->npools; i++) {
		p = &m->pools[i];
		metric_set(&workers, i, 0, p->starting);
		metric_set(&workers, i, 1, p->idle);
		metric_set(&workers, i, 2, p->busy);
		metric_set(&workers, i, 3, p->draining);
	}
}

void
pool_counted(enum pool_count what, size_t pool)
{
	const struct metric *const m[] = { &slow, &kills, &respawns };

	metric_add(m[what], pool, 0, 1);
}

/* ---- respawn throttle ---------------------------------------------------- */

/* A failure within ten seconds, or the end before it was of any use; one that
 * has served max_requests quickly is no failure. */
static bool
is_early(const struct child *c, int status, uint64_t now)
{
	uint64_t age = now - c->born_ns;

	if (c->draining || c->killed)
		return false;
	if (status != 0)
		return age < ms(MGR_EARLY_MS);
	return age < ms(c->up ? 20 : 1000);
}

void
throttle_death(struct manager *m, const struct child *c, int status,
    uint64_t now)
{
	size_t n = MGR_EARLY + 1;

	if (!is_early(c, status, now))
		return;
	m->early[m->nearly++ % n] = now;
	if (m->delay_ms == 0) {
		if (m->nearly < n ||
		    now - m->early[m->nearly % n] > ms(MGR_EARLY_MS))
			return;
		m->delay_ms = 100;
		log_error("server", "children die young: forking slows down",
		    KV("pool", m->pools[c->pool].pool->name),
		    KV("status", status));
	} else if (m->delay_ms < MGR_DELAY_MAX_MS)
		m->delay_ms *= 2;
	if (m->delay_ms > MGR_DELAY_MAX_MS)
		m->delay_ms = MGR_DELAY_MAX_MS;
	m->fork_at_ns = now + ms(m->delay_ms);
}

static void
throttle_relax(struct manager *m, uint64_t now)
{
	uint64_t last = m->early[(m->nearly + MGR_EARLY) % (MGR_EARLY + 1)];

	if (m->delay_ms == 0 || now - last < ms(2 * MGR_EARLY_MS))
		return;
	m->delay_ms = 0;
	m->nearly = 0;
	log_info("server", "children live again: forking at full speed");
}

/* ---- forking and trimming ------------------------------------------------ */

static bool
spawn(struct manager *m, size_t pool, uint64_t now)
{
	if (now < m->fork_at_ns)
		return false;
	if (child_fork(m, pool, now) == -1) {
		m->fork_at_ns = now + ms(1000);
		if (!m->fork_failed)
			log_error("server", "cannot fork",
			    KV("error", (const char *)strerror(errno)));
		m->fork_failed = true;
		return false;
	}
	m->fork_failed = false;
	if (m->delay_ms > 0)
		m->fork_at_ns = now + ms(m->delay_ms);
	return true;
}

static int64_t
missing(struct manager *m, const struct mpool *p)
{
	int64_t spare = p->idle + p->starting, want;

	if (!is_dynamic(p) || !m->ready || m->reloading)
		return p->start - p->live;
	want = p->conf.min_spare - spare;
	if (want > p->conf.children - p->live)
		want = p->conf.children - p->live;
	return want;
}

static void
note_max(struct mpool *p, size_t at)
{
	bool full = is_dynamic(p) && p->live >= p->conf.children &&
	    p->idle + p->starting == 0;

	if (full && !p->at_max) {
		metric_add(&max_reached, at, 0, 1);
		log_warn("server", "all children of a pool are busy",
		    KV("pool", p->pool->name),
		    KV("children", p->conf.children));
	}
	p->at_max = full;
}

/* One idle child per pool and second leaves, the oldest first. */
static void
trim(struct manager *m, size_t at, uint64_t now)
{
	struct mpool *p = &m->pools[at];
	struct child *c;
	size_t i;

	if (!is_dynamic(p) || p->idle <= p->conf.max_spare || m->reloading ||
	    now - p->trimmed_ns < ms(1000))
		return;
	for (i = 0; i < m->kids.n; i++) {
		c = &m->kids.v[i];
		if (c->pool == at && c->up && !c->busy && !c->draining) {
			child_drain(c, now);
			p->trimmed_ns = now;
			return;
		}
	}
}

void
pools_maintain(struct manager *m, uint64_t now)
{
	int64_t n;
	size_t i;

	throttle_relax(m, now);
	pools_count(m);
	for (i = 0; i < m->npools && !m->stopping; i++) {
		for (n = missing(m, &m->pools[i]); n > 0; n--) {
			if (!spawn(m, i, now))
				break;
		}
		note_max(&m->pools[i], i);
		trim(m, i, now);
	}
	pools_count(m);
}
