/*
 * The dispatcher's children. One socket pair each; a child gets one job at a
 * time, quick ones a few ahead. Its death is seen at once, and the job it had
 * begun is the one that crashed, no other. Invariant: every task that was
 * given ends exactly once: reported, crashed, or taken back unstarted.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/dispatcher.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/str.h"
#include "proc/proc.h"
#include "shm/shm.h"

enum { SLOTS = 1024, SOCKET_BYTES = 4 * WIRE_MAX };

/* ---- starting ------------------------------------------------------------------ */

struct start {
	struct dispatcher *d;
	int fd;
};

static int
child_main(void *arg)
{
	const struct start *s = arg;
	struct dispatcher *d = s->d;

	for (size_t i = 0; i < d->nkids; i++)
		if (d->kids[i].pid != 0) {
			close(d->kids[i].fd);
			if (d->kids[i].pidfd != -1)
				close(d->kids[i].pidfd);
		}
	if (d->bell != -1)
		close(d->bell);
	if (d->lock != -1)
		close(d->lock);
	db_forget(d->env->db);
	d->env->process = uuid_new();
	shm_after_fork(d->env->shm);
	return worker_child(d->env, s->fd, d->conf);
}

int
kid_start(struct dispatcher *d)
{
	struct start s = { .d = d };
	int size = SOCKET_BYTES, p[2];
	struct kid *k = d->kids;

	while (k < d->kids + d->nkids && k->pid != 0)
		k++;
	ASSERT(k < d->kids + KIDS_MAX);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p) == -1)
		return -1;
	setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(p[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	s.fd = p[1];
	*k = (struct kid){ .fd = p[0], .pidfd = -1 };
	if (k == d->kids + d->nkids)
		d->nkids++;
	k->pid = proc_spawn(child_main, &s, SIGKILL);
	close(p[1]);
	if (k->pid == -1) {
		k->pid = 0;
		close(p[0]);
		return -1;
	}
	k->pidfd = pidfd_open(k->pid, 0);
	lease_doomed((size_t)(k - d->kids), k->pid);
	return 0;
}

/* ---- giving ----------------------------------------------------------------------- */

static bool
all_quick(const struct kid *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (!k->tasks[i]->quick)
			return false;
	return true;
}

static size_t
limit_of(const struct dispatcher *d)
{
	size_t ahead = (size_t)d->conf->ahead + 1;

	return ahead < AHEAD_MAX ? ahead : AHEAD_MAX;
}

static bool
takes(const struct dispatcher *d, const struct kid *k, const struct task *t)
{
	if (k->pid == 0 || k->told != WHY_NONE || k->killed)
		return false;
	return k->n == 0 || (t->quick && all_quick(k) &&
	    k->n < limit_of(d));
}

/* The child with the fewest tasks that takes it. */
static struct kid *
kid_for(struct dispatcher *d, const struct task *t)
{
	struct kid *best = NULL;

	for (size_t i = 0; i < d->nkids; i++)
		if (takes(d, &d->kids[i], t) &&
		    (best == NULL || d->kids[i].n < best->n))
			best = &d->kids[i];
	return best;
}

static bool
give(struct dispatcher *d, struct kid *k, struct task *t)
{
	long n = wire_put_job(d->buf, WIRE_MAX, &t->job);

	ASSERT(n > 0);
	if (send(k->fd, d->buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n)
		return false;	/* full or dead: stays with us */
	k->tasks[k->n++] = t;
	return true;
}

void
kids_feed(struct dispatcher *d)
{
	size_t keep = 0;

	for (size_t i = 0; i < d->nwaiting; i++) {
		struct task *t = d->waiting[i];
		struct kid *k = kid_for(d, t);

		if (k == NULL || !give(d, k, t))
			d->waiting[keep++] = t;
	}
	d->nwaiting = keep;
}

size_t
kids_room(const struct dispatcher *d)
{
	size_t room = 0;

	for (size_t i = 0; i < d->nkids; i++) {
		const struct kid *k = &d->kids[i];

		if (k->pid == 0 || k->told != WHY_NONE || k->killed)
			continue;
		if (k->n == 0)
			room += d->quick ? limit_of(d) : 1;
		else if (d->quick && all_quick(k) && k->n < limit_of(d))
			room += limit_of(d) - k->n;
	}
	return room > d->nwaiting ? room - d->nwaiting : 0;
}

bool
kids_busy(const struct dispatcher *d)
{
	for (size_t i = 0; i < d->nkids; i++)
		if (d->kids[i].n > 0)
			return true;
	return false;
}

size_t
kids_alive(const struct dispatcher *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->nkids; i++)
		n += d->kids[i].pid != 0;
	return n;
}

/* ---- listening ---------------------------------------------------------------------- */

static struct task *
task_of(struct kid *k, const struct wire_report *r, size_t *at)
{
	for (size_t i = 0; i < k->n; i++)
		if (uuid_equal(k->tasks[i]->job.id, r->id) &&
		    k->tasks[i]->job.token == r->token) {
			*at = i;
			return k->tasks[i];
		}
	return NULL;
}

static void
forget(struct kid *k, size_t at)
{
	memmove(&k->tasks[at], &k->tasks[at + 1],
	    (k->n - at - 1) * sizeof(k->tasks[0]));
	k->n--;
}

/* A job that was told to stop and obeyed: its own word counts, unless it only
 * gave up because of us. */
static enum jobs_end
end_of(const struct kid *k, const struct wire_report *r)
{
	if (r->end == END_DONE || r->end == END_FAIL)
		return r->end;
	if (k->told == WHY_TIMEOUT)
		return END_TIMEOUT;
	if (k->told == WHY_CANCEL || k->told == WHY_STOP)
		return END_RELEASE;
	return r->end;
}

static void
progress(struct task *t, const struct wire_report *r)
{
	struct job_row row = { .tenant_id = t->job.tenant, .id = t->job.id,
	    .type = t->job.type, .state = JS_RUNNING, .progress =
	    r->permille, .note = r->note != NULL ? r->note : "",
	    .attempt = t->job.attempt, .error_class = "", .error = "" };

	t->permille = r->permille;
	snprintf(t->note, sizeof(t->note), "%s", row.note);
	jobs_tell_progress(&row);
}

static void
heard(struct dispatcher *d, struct kid *k, const struct wire_report *r)
{
	struct wire_report late = *r;
	size_t at;
	struct task *t = task_of(k, r, &at);
	enum jobs_end end;

	if (t == NULL)
		return;
	switch (r->kind) {
	case WIRE_STARTED:
		t->started = true;
		t->started_ns = clock_boot_ns();
		return;
	case WIRE_PROGRESS:
		progress(t, r);
		return;
	case WIRE_ENDED:
		forget(k, at);
		end = end_of(k, r);
		if (end == END_TIMEOUT) {
			late.error_class = "timeout";
			late.error = "It ran longer than its timeout";
		}
		task_end(d, t, end, &late, NULL);
		return;
	}
}

void
kid_listen(struct dispatcher *d, struct kid *k)
{
	struct wire_report r;
	ssize_t n;

	while (k->pid != 0 && (n = recv(k->fd, d->buf, WIRE_MAX,
	    MSG_DONTWAIT)) > 0) {
		struct arena_mark m = arena_mark(d->cycle);

		if (wire_get_report(d->cycle, d->buf, (size_t)n, &r) == 0)
			heard(d, k, &r);
		arena_rewind(d->cycle, m);
	}
}

/* ---- dying -------------------------------------------------------------------------- */

static const char *
crumbs_of(struct dispatcher *d, pid_t pid)
{
	struct shm_slot *v = arena_array(d->cycle, SLOTS, sizeof(*v));
	size_t n = shm_slots(d->env->shm, v, SLOTS);
	struct str s;

	str_init(&s, d->cycle);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; v[i].pid == pid && j < v[i].ncrumbs; j++)
			str_addf(&s, "%s%s", j == 0 ? "" : " > ",
			    v[i].crumbs[j]);
	return s.len > 500 ? arena_strndup(d->cycle, s.p + s.len - 500, 500) :
	    s.p;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

static enum jobs_end
death(struct dispatcher *d, const struct kid *k, int status,
    const char *crumbs, struct wire_report *r)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	r->error_class = "crash";
	r->error = sig != 0 ? arena_printf(d->cycle, "The process was ended "
	    "by signal %d (%s)", sig, strsignal(sig)) :
	    arena_printf(d->cycle, "The process ended with status %d",
	    WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	if (sig == SIGXCPU) {
		r->error_class = "cpu_limit";
		r->error = "It used more processor time than it may";
		return END_RETRY;
	}
	if (sig == SIGABRT && ends_with(crumbs, CRUMB_OOM)) {
		r->error_class = "memory_limit";
		r->error = "It needed more memory than it may have";
		return END_RETRY;
	}
	if (lease_late())	/* the alarm killed it */
		return END_RELEASE;
	switch (k->told) {
	case WHY_TIMEOUT:
		r->error_class = "timeout";
		r->error = "It ran longer than its timeout and was killed";
		return END_TIMEOUT;
	case WHY_CANCEL:
	case WHY_STOP:
	case WHY_LEASE:
		return END_RELEASE;
	case WHY_NONE:
		break;
	}
	return END_CRASH;
}

static void
bury(struct dispatcher *d, struct kid *k, int status)
{
	const char *crumbs = "";
	size_t n;

	kid_listen(d, k);	/* what it said before it died */
	n = k->n;
	if (n > 0 && k->tasks[0]->started)
		crumbs = crumbs_of(d, k->pid);
	for (size_t i = 0; i < n; i++) {
		struct task *t = k->tasks[i];
		struct wire_report r = { 0 };

		if (t->started)
			task_end(d, t, death(d, k, status, crumbs, &r), &r,
			    crumbs);
		else if (d->stopping)
			task_end(d, t, END_RELEASE, NULL, NULL);
		else
			d->waiting[d->nwaiting++] = t;
	}
	if (k->told == WHY_NONE && !lease_late() && (WIFSIGNALED(status) ||
	    WEXITSTATUS(status) != 0))
		log_error("scheduler", "a job child died", KV("pid",
		    (int)k->pid), KV("signal", WIFSIGNALED(status) ?
		    WTERMSIG(status) : 0), KV("crumbs", crumbs));
	close(k->fd);
	if (k->pidfd != -1)
		close(k->pidfd);
	*k = (struct kid){ .fd = -1, .pidfd = -1 };
}

void
kids_reap(struct dispatcher *d)
{
	int status;

	for (size_t i = 0; i < d->nkids; i++)
		if (d->kids[i].pid != 0 && lease_buried(i, d->kids[i].pid,
		    &status))
			bury(d, &d->kids[i], status);
	while (!d->stopping && kids_alive(d) < d->o->children)
		if (kid_start(d) == -1) {
			log_error("scheduler", "no job child",
			    KV("cause", (const char *)strerror(errno)));
			break;
		}
}

/* ---- telling ---------------------------------------------------------------------------- */

static void
kid_signal(const struct kid *k, int sig)
{
	if (k->pidfd == -1 || pidfd_send_signal(k->pidfd, sig, NULL, 0) == -1)
		kill(k->pid, sig);
}

void
kid_tell(struct kid *k, enum why why, int64_t now_ns)
{
	if (k->pid == 0 || k->told != WHY_NONE)
		return;
	k->told = why;
	k->told_ns = now_ns;
	kid_signal(k, SIGTERM);
}

void
kids_tell(struct dispatcher *d, enum why why)
{
	for (size_t i = 0; i < d->nkids; i++)
		kid_tell(&d->kids[i], why, clock_boot_ns());
}

void
kids_kill(struct dispatcher *d)
{
	for (size_t i = 0; i < d->nkids; i++) {
		struct kid *k = &d->kids[i];

		if (k->pid == 0)
			continue;
		if (k->told == WHY_NONE)
			k->told = WHY_LEASE;
		k->killed = true;
		kid_signal(k, SIGKILL);
	}
}

int64_t
kids_watch(struct dispatcher *d, int64_t now)
{
	const int64_t s = INT64_C(1000000000);
	int64_t next = now + s;

	for (size_t i = 0; i < d->nkids; i++) {
		struct kid *k = &d->kids[i];
		int64_t at;

		if (k->pid == 0 || k->killed)
			continue;
		if (k->told != WHY_NONE) {
			int64_t grace = k->told == WHY_STOP ?
			    d->conf->drain_s : d->conf->grace_s;

			at = k->told_ns + grace * s;
			if (now >= at) {
				k->killed = true;
				kid_signal(k, SIGKILL);
			}
		} else if (k->n > 0 && k->tasks[0]->started) {
			at = k->tasks[0]->started_ns +
			    k->tasks[0]->job.timeout_s * s;
			if (now >= at)
				kid_tell(k, WHY_TIMEOUT, now);
		} else
			continue;
		if (at > now && at < next)
			next = at;
	}
	return next;
}
