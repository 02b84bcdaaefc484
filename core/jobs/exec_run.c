/*
 * run() of exec types: feeds the payload, listens, passes progress on, makes
 * the program end when it must. It never blocks on the program: a program that
 * reads nothing, says nothing or says too much costs its own time only.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "jobs/exec.h"
#include "jobs/queue.h"

enum { TICK_MS = 100, PIECE = 64 * 1024, LOOK_MS = 1000 };
#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

struct run {
	struct job_ctx *c;
	const struct exec_type *x;
	struct exec_proc p;
	struct exec_talk talk;
	struct exec_end end;
	const char *payload;
	size_t left;			/* of the payload and its newline */
	int64_t asked_ns, drain_ns, look_ns;
	bool killed;
	char piece[PIECE];
};

/* ---- environment -------------------------------------------------------------- */

static const char *const *
environment(struct job_ctx *c, const struct exec_type *x)
{
	VEC(const char *) v = { 0 };
	char id[UUID_TEXT], tenant[UUID_TEXT];
	int64_t left = (c->deadline_boot_ns - clock_boot_ns()) / S;

	*VEC_ADD(c->a, &v) = arena_printf(c->a, "QUINCUNX_JOB_ID=%s",
	    uuid_format(c->id, id));
	*VEC_ADD(c->a, &v) = arena_printf(c->a, "QUINCUNX_JOB_TYPE=%s",
	    c->type);
	*VEC_ADD(c->a, &v) = arena_printf(c->a, "QUINCUNX_JOB_ATTEMPT=%lld",
	    (long long)c->attempt);
	*VEC_ADD(c->a, &v) = arena_printf(c->a, "QUINCUNX_TENANT_ID=%s",
	    uuid_format(c->tenant, tenant));
	*VEC_ADD(c->a, &v) = arena_printf(c->a, "QUINCUNX_TIMEOUT_S=%lld",
	    (long long)(left > 0 ? left : 0));
	if (c->traceparent != NULL && *c->traceparent != '\0')
		*VEC_ADD(c->a, &v) = arena_printf(c->a, "TRACEPARENT=%s",
		    c->traceparent);
	for (size_t i = 0; x->env[i] != NULL; i++) {
		const char *value = strchr(x->env[i], '=') == NULL ?
		    getenv(x->env[i]) : "";

		if (value == NULL)
			continue;
		*VEC_ADD(c->a, &v) = *value == '\0' ? x->env[i] :
		    arena_printf(c->a, "%s=%s", x->env[i], value);
	}
	*VEC_ADD(c->a, &v) = NULL;
	return v.v;
}

/* ---- pipes --------------------------------------------------------------------- */

static void
shut(int *fd)
{
	close(*fd);
	*fd = -1;
}

static void
feed(struct run *r)
{
	ssize_t n;

	while (r->left > 0) {
		n = r->left > 1 ? write(r->p.in, r->payload, r->left - 1) :
		    write(r->p.in, "\n", 1);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1)
			break;		/* it does not want to know */
		if (r->left > 1)
			r->payload += n;
		r->left -= (size_t)n;
	}
	shut(&r->p.in);
}

/* At most a few pieces at a time, so that time limits are looked at. */
static void
listen_to(struct run *r, int *fd, void (*take)(struct exec_talk *,
    const char *, size_t))
{
	ssize_t n = -1;

	for (int i = 0; i < 4; i++) {
		n = read(*fd, r->piece, sizeof(r->piece));
		if (n <= 0)
			break;
		take(&r->talk, r->piece, (size_t)n);
	}
	if (n == 0)
		shut(fd);
}

static bool
wait_pipes(struct run *r)
{
	struct pollfd p[] = { { r->p.in, POLLOUT, 0 },
	    { r->p.out, POLLIN, 0 }, { r->p.err, POLLIN, 0 },
	    { r->p.note, POLLIN, 0 } };
	bool over = false;

	if (poll(p, 4, TICK_MS) <= 0)
		return false;
	if (p[0].revents != 0)
		feed(r);
	if (p[3].revents != 0)
		over = exec_ended(&r->p, &r->end);
	if (p[1].revents != 0)
		listen_to(r, &r->p.out, exec_talk_out);
	if (p[2].revents != 0)
		listen_to(r, &r->p.err, exec_talk_err);
	return over;
}

/* After the end: what is still in the pipes. Nobody holds them any more. */
static void
drain_pipes(struct run *r)
{
	for (int i = 0; i < 1000 && r->p.out != -1 && !r->talk.overflow; i++)
		listen_to(r, &r->p.out, exec_talk_out);
	for (int i = 0; i < 1000 && r->p.err != -1; i++)
		listen_to(r, &r->p.err, exec_talk_err);
	exec_talk_end(&r->talk);
	if (r->talk.overflow)
		r->end.why = EXEC_OUTPUT;
}

/* ---- ending it ------------------------------------------------------------------- */

static void
ask(struct run *r, enum exec_why why, int64_t now)
{
	r->end.why = why;
	r->asked_ns = now;
	exec_ask(&r->p);
}

/* Cancelled, not only a worker that wants to end. */
static bool
cancelled(struct run *r, int64_t now)
{
	struct err e = { 0 };
	struct rows rows;

	if (r->c->db == NULL || now < r->look_ns)
		return false;
	r->look_ns = now + LOOK_MS * MS;
	return jobs_cancelled(r->c->db, r->c->a, &r->c->id, 1, &rows,
	    &e) == 0 && rows.n > 0;
}

static void
limits(struct run *r, int64_t now)
{
	if (r->asked_ns != 0) {
		if (!r->killed && now - r->asked_ns > r->x->grace_s * S) {
			r->killed = true;
			exec_kill(&r->p);
		}
		return;
	}
	if (r->talk.overflow) {
		r->end.why = EXEC_OUTPUT;
		r->asked_ns = now;
		r->killed = true;
		exec_kill(&r->p);
	} else if (now >= r->c->deadline_boot_ns)
		ask(r, EXEC_TIMEOUT, now);
	else if (job_stopping(r->c)) {
		if (r->drain_ns == 0)
			r->drain_ns = now + r->x->drain_s * S;
		if (now >= r->drain_ns || cancelled(r, now))
			ask(r, EXEC_STOPPED, now);
	}
}

static void
pass_progress(struct run *r)
{
	if (r->talk.permille < 0)
		return;
	job_progress(r->c, r->talk.permille, r->talk.note);
	r->talk.permille = -1;
}

enum job_rc
exec_run(struct job_ctx *c, const void *in)
{
	const struct exec_type *x = exec_of(job_find(c->env->modules,
	    c->type));
	struct run *r = arena_alloc(c->a, sizeof(*r));
	enum job_rc rc;

	(void)in;
	if (x == NULL || x->fault != NULL) {
		err_set(&c->err, 500, "exec_config", "%s", x != NULL ?
		    x->fault : "No such exec type");
		c->retry_after_s = 60;
		return JOB_RETRY;
	}
	r->c = c;
	r->x = x;
	r->payload = c->payload.p != NULL ? c->payload.p : "{}";
	r->left = strlen(r->payload) + 1;
	exec_talk_init(&r->talk, c->a, (size_t)x->output_kib * 1024);
	if (exec_start(&r->p, x, environment(c, x), &c->err) == -1)
		return JOB_RETRY;
	while (!wait_pipes(r)) {
		limits(r, clock_boot_ns());
		pass_progress(r);
	}
	drain_pipes(r);
	exec_close(&r->p);
	rc = exec_verdict(c, x, &r->talk, &r->end);
	if (rc != JOB_DONE && r->talk.ntail > 0)
		log_warn("scheduler", "an exec job's last words",
		    KV("type", c->type), KV("stderr",
		    (const char *)r->talk.tail));
	return rc;
}
