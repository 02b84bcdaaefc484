/*
 * The manager's view of the scoreboard, once per tick: which children are
 * busy, which have retired, which request has been running too long. Nothing
 * in it is believed beyond that: a slot only matters if it names a child of
 * ours, is locked, and its times are possible; the worst a forged one
 * achieves is the death of a sibling.
 */
#include <string.h>
#include <signal.h>

#include "base/log.h"
#include "proc/manager.h"

static struct child *
child_of(struct manager *m, const struct shm_slot *s)
{
	size_t i;

	for (i = 0; s->alive && i < m->kids.n; i++) {
		if (m->kids.v[i].pid == (pid_t)s->pid)
			return &m->kids.v[i];
	}
	return NULL;
}

/* "begin > user_by_name > commit" */
static const char *
trail(const struct shm_slot *s, char *buf, size_t cap)
{
	size_t i, n = 0, len;

	for (i = 0; i < s->ncrumbs && i < SHM_CRUMBS; i++) {
		len = strnlen(s->crumbs[i], SHM_TEXT);
		if (n + len + 4 > cap)
			break;
		if (i > 0) {
			memcpy(buf + n, " > ", 3);
			n += 3;
		}
		memcpy(buf + n, s->crumbs[i], len);
		n += len;
	}
	buf[n] = '\0';
	return buf;
}

static void
report(enum log_level lv, const char *what, const struct mpool *p,
    const struct shm_slot *s, uint64_t age_ms)
{
	char crumbs[SHM_CRUMBS * (SHM_TEXT + 4)];

	LOG_AT(lv, "server", what, KV("pool", p->pool->name),
	    KV("pid", s->pid), KV("ms", age_ms),
	    KV("route", (const char *)s->route),
	    KV("request_id", (const char *)s->request_id),
	    KV("phase", (const char *)s->phase),
	    KV("last", trail(s, crumbs, sizeof(crumbs))), );
}

static void
judge(struct manager *m, struct child *c, const struct shm_slot *s,
    uint64_t now)
{
	const struct mpool *p = &m->pools[c->pool];
	uint64_t age;

	/* It has served max_requests and accepts no more, but may serve its
	 * kept connections for a while: its place is to be filled now. */
	if (!c->draining && strcmp(s->phase, "draining") == 0)
		child_drain(c, now);
	c->busy = s->started_ns >= c->born_ns && s->started_ns <= now;
	if (!c->busy)
		return;
	age = (now - s->started_ns) / 1000000;
	if (p->conf.slow_ms > 0 && age > (uint64_t)p->conf.slow_ms &&
	    c->slow_ns != s->started_ns) {
		c->slow_ns = s->started_ns;
		pool_counted(POOL_SLOW, c->pool);
		report(LOG_WARN, "slow request", p, s, age);
	}
	if (p->conf.kill_ms > 0 && age > (uint64_t)p->conf.kill_ms &&
	    !c->killed) {
		report(LOG_ERROR, "stuck request killed", p, s, age);
		pool_counted(POOL_KILLED, c->pool);
		c->killed = true;
		child_signal(c, SIGKILL);
	}
}

void
watch_scoreboard(struct manager *m, uint64_t now)
{
	struct child *c;
	size_t i, n;

	n = shm_slots(segment(m), m->slots, MGR_SLOTS);
	for (i = 0; i < n; i++) {
		c = child_of(m, &m->slots[i]);
		if (c != NULL)
			judge(m, c, &m->slots[i], now);
	}
}
