/*
 * A job child: takes jobs from its socket, runs one at a time, reports. It
 * dies with its dispatcher and holds nothing but its own database connection.
 * A transaction that a job leaves open is rolled back and the job fails; a cap
 * that a job exceeds ends the process, which the dispatcher sees at once.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/worker.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/str.h"
#include "jobs/port.h"
#include "net/net.h"
#include "proc/proc.h"
#include "shm/shm.h"

enum {
	JOB_CAP = 1 << 30,		/* bytes an arena may hold */
	MEMORY_MIB = 512,		/* default cap of a job */
	PROGRESS_MS = 200
};

struct child {
	struct env *env;
	int fd;
	const struct worker_conf *conf;
	struct arena *a;
	uint8_t *buf;
	struct wire_job job;
	int64_t told_ns;		/* last progress */
	int told;
};

/* ---- reports -------------------------------------------------------------------- */

/* Waits for room: the dispatcher reads all the time. */
static int
report(struct child *c, const struct wire_report *r)
{
	long n = wire_put_report(c->buf, WIRE_MAX, r);
	ssize_t sent;

	ASSERT(n > 0);
	do
		sent = send(c->fd, c->buf, (size_t)n, MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent == n ? 0 : -1;
}

static struct wire_report
blank(const struct child *c, enum wire_kind kind)
{
	return (struct wire_report){ .kind = kind, .id = c->job.id,
	    .token = c->job.token };
}

static void
progress(void *arg, int permille, const char *note)
{
	struct child *c = arg;
	struct wire_report r = blank(c, WIRE_PROGRESS);
	int64_t now = clock_boot_ns();
	struct arena_mark m = arena_mark(c->a);

	if (permille == c->told || now - c->told_ns < PROGRESS_MS *
	    INT64_C(1000000))
		return;
	c->told = permille;
	c->told_ns = now;
	r.permille = permille < 0 ? 0 : permille > 1000 ? 1000 : permille;
	r.note = arena_strndup(c->a, note, 200);
	report(c, &r);
	arena_rewind(c->a, m);
}

static bool
stopping(void *arg)
{
	(void)arg;
	return proc_draining();
}

/* ---- caps ------------------------------------------------------------------------- */

static int64_t
cpu_used_s(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) == -1)
		return 0;
	return (int64_t)u.ru_utime.tv_sec + (int64_t)u.ru_stime.tv_sec + 1;
}

#ifndef __SANITIZE_ADDRESS__
/* Bytes of address space in use now. */
static int64_t
space_used(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld", &pages) != 1)
		pages = 0;
	fclose(f);
	return (int64_t)pages * sysconf(_SC_PAGESIZE);
}
#endif

static void
soft_limit(int what, int64_t value)
{
	struct rlimit l;

	if (getrlimit(what, &l) == -1)
		return;
	l.rlim_cur = value <= 0 || (l.rlim_max != RLIM_INFINITY &&
	    (rlim_t)value > l.rlim_max) ? l.rlim_max : (rlim_t)value;
	setrlimit(what, &l);
}

static void
caps_on(const struct job *j)
{
#ifndef __SANITIZE_ADDRESS__
	int64_t mib = j->memory_mib > 0 ? j->memory_mib : MEMORY_MIB;

	soft_limit(RLIMIT_AS, space_used() + mib * 1024 * 1024);
#endif
	if (j->cpu_s > 0)
		soft_limit(RLIMIT_CPU, cpu_used_s() + j->cpu_s);
}

static void
caps_off(void)
{
	soft_limit(RLIMIT_AS, 0);
	soft_limit(RLIMIT_CPU, 0);
}

/* ---- one job ------------------------------------------------------------------------ */

static const char *
fields_text(struct arena *a, const struct err *e)
{
	struct str s;

	str_init(&s, a);
	str_add(&s, e->detail);
	for (size_t i = 0; i < e->nfields; i++)
		str_addf(&s, "%s %s: %s", i == 0 ? ":" : ";",
		    e->fields[i].loc, e->fields[i].msg);
	return s.p;
}

/* -1: the report says what is wrong. */
static int
payload(struct child *c, const struct job *j, void **in,
    struct wire_report *r)
{
	struct jobs_hold h = { c->job.tenant, c->job.id, c->job.token };
	struct err e = { 0 };
	uint64_t seen;

	if (c->job.payload == NULL && jobs_payload(c->env->db, c->a, &h,
	    &c->job.payload, &e) == -1) {
		r->end = END_RETRY;
		r->error_class = e.code;
		r->error = arena_strdup(c->a, e.detail);
		return -1;
	}
	*in = NULL;
	if (j->in == NULL)
		return 0;
	*in = arena_alloc(c->a, j->in->size);
	if (schema_decode_json(j->in, c->job.payload, strlen(c->job.payload),
	    "payload", false, c->a, *in, &seen, &e) == 0)
		return 0;
	r->end = END_FAIL;
	r->error_class = "bad_payload";
	r->error = fields_text(c->a, &e);
	return -1;
}

static void
error_of(struct child *c, const struct job_ctx *x, struct wire_report *r)
{
	r->error_class = x->err.code != NULL ? x->err.code : "error";
	r->error = x->err.cause[0] != '\0' ? arena_printf(c->a, "%s (%s)",
	    x->err.detail, x->err.cause) : arena_strdup(c->a, x->err.detail);
	r->retry_after_s = x->retry_after_s > 0 ? x->retry_after_s :
	    x->err.retry_after_s;
}

/* A long result is stored by the child, so that messages stay small. */
static void
result_of(struct child *c, struct job_ctx *x, struct wire_report *r)
{
	struct jobs_hold h = { c->job.tenant, c->job.id, c->job.token };
	struct err e = { 0 };
	struct str s;

	r->result = x->result_text;
	if (r->result == NULL && x->result != NULL &&
	    x->result_schema != NULL) {
		str_init(&s, c->a);
		schema_encode(x->result_schema, x->result, &s);
		r->result = s.p;
	}
	if (r->result == NULL || strlen(r->result) <= WIRE_TEXT)
		return;
	if (jobs_store_result(c->env->db, &h, r->result, &e) == -1) {
		r->end = END_RETRY;
		r->error_class = e.code;
		r->error = arena_strdup(c->a, e.detail);
	}
	r->result = NULL;
}

static void
outcome(struct child *c, struct job_ctx *x, enum job_rc rc,
    struct wire_report *r)
{
	if (db_in_txn(c->env->db)) {
		db_rollback(c->env->db);
		if (rc == JOB_DONE) {
			r->end = END_FAIL;
			r->error_class = "open_transaction";
			r->error = "The job left a transaction open";
			return;
		}
	}
	switch (rc) {
	case JOB_DONE:
		r->end = END_DONE;
		r->stored = x->finished;
		if (!x->finished)
			result_of(c, x, r);
		return;
	case JOB_RETRY:
		r->end = END_RETRY;
		break;
	case JOB_FAIL:
		r->end = END_FAIL;
		break;
	case JOB_RELEASE:
		r->end = END_RELEASE;
		break;
	}
	error_of(c, x, r);
}

static void
run(struct child *c, const struct job *j, struct wire_report *r)
{
	struct job_port port = { progress, stopping, c };
	struct job_ctx x = { .env = c->env, .a = c->a, .db = c->env->db,
	    .tenant = c->job.tenant, .id = c->job.id, .token = c->job.token,
	    .attempt = c->job.attempt, .tries = c->job.tries,
	    .type = c->job.type, .actor = c->job.actor,
	    .traceparent = c->job.traceparent, .fire_at = c->job.fire_at,
	    .result_schema = j->out, .port = &port };
	void *in;

	if (payload(c, j, &in, r) == -1)
		return;
	x.payload.p = c->job.payload;
	x.deadline_boot_ns = clock_boot_ns() + c->job.timeout_s *
	    INT64_C(1000000000);
	net_scope(c->env->net, c->job.timeout_s > 0 ? x.deadline_boot_ns : 0,
	    false);
	caps_on(j);
	outcome(c, &x, j->run(&x, in), r);
	caps_off();
	net_scope(c->env->net, 0, false);
}

static int
one(struct child *c)
{
	struct wire_report r = blank(c, WIRE_STARTED);
	const struct job *j = job_find(c->env->modules, c->job.type);
	char id[UUID_TEXT];

	if (report(c, &r) == -1)
		return -1;
	r.kind = WIRE_ENDED;
	c->told = -1;
	c->told_ns = 0;
	log_context(uuid_format(c->job.id, id), c->job.traceparent);
	shm_slot_request(c->env->shm, c->job.type, id,
	    (uint64_t)clock_boot_ns());
	if (j == NULL) {
		r.end = END_FAIL;
		r.error_class = "unknown_type";
		r.error = "This installation has no such job type";
	} else
		run(c, j, &r);
	shm_slot_done(c->env->shm);
	if (r.end == END_FAIL || r.end == END_RETRY) {
		log_warn("scheduler", "job did not succeed",
		    KV("type", c->job.type), KV("class", r.error_class),
		    KV("error", r.error), KV("attempt", c->job.attempt));
		shm_fault_note(c->job.type, r.error_class, r.error, r.error,
		    id);
	}
	log_context(NULL, NULL);
	if (r.error != NULL)
		r.error = arena_strndup(c->a, r.error, 500);
	return report(c, &r);
}

/* ---- the child's life ----------------------------------------------------------------- */

int
worker_child(struct env *env, int fd, const struct worker_conf *conf)
{
	struct child c = { .env = env, .fd = fd, .conf = conf,
	    .a = arena_new(JOB_CAP) };
	int64_t left = conf->max_jobs > 0 ? conf->max_jobs : INT64_MAX;
	struct err e = { 0 };
	ssize_t n;

	c.buf = arena_alloc(env->a, WIRE_MAX);
	if (shm_slot_take(env->shm, "job", &e) == -1)
		return 1;
	proc_child_signals();
	while (left > 0 && !proc_draining()) {
		if (proc_reopen_asked())
			log_reopen();
		if (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 1000) <= 0)
			continue;	/* a signal, or nothing to do */
		n = recv(fd, c.buf, WIRE_MAX, MSG_DONTWAIT);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0 || wire_get_job(c.a, c.buf, (size_t)n,
		    &c.job) == -1)
			break;
		if (one(&c) == -1)
			break;
		arena_reset(c.a);
		left--;
	}
	arena_free(c.a);
	db_close(env->db);
	return 0;
}
