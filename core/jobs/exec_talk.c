/*
 * What an exec program says, and what its end means. Pure. A line that is no
 * JSON object, or has a member of a wrong type, fails the job: a program that
 * does not speak the protocol must not pass for a success. Output is bounded;
 * progress lines are not counted, so that long jobs may tell much.
 */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/str.h"
#include "jobs/exec.h"
#include "schema/schema.h"

enum { NOTE_MAX = 190 };

struct line {
	double progress;
	const char *note;
	struct json result;
	const char *error, *class;
	double retry_after;
	bool retry;
};
static const struct field line_fields[] = {
	FIELD(struct line, progress, .min = 0, .max = 1,
	    .doc = "Part that is done"),
	FIELD(struct line, note, .max = 1000, .doc = "For people"),
	FIELD(struct line, result, .flags = FF_NULLABLE,
	    .doc = "What came out"),
	FIELD(struct line, error, .max = 10000, .doc = "What went wrong"),
	FIELD(struct line, class, .max = 200, .doc = "Its kind"),
	FIELD(struct line, retry_after, .min = 0, .max = 604800,
	    .doc = "Seconds before the next try"),
	FIELD(struct line, retry, .def = "true",
	    .doc = "Is another try of use"), FIELD_END
};
static const struct schema line_schema = {
	.name = "ExecLine", .size = sizeof(struct line),
	.fields = line_fields
};

void
exec_talk_init(struct exec_talk *t, struct arena *a, size_t max)
{
	*t = (struct exec_talk){ .a = a, .max = max, .permille = -1,
	    .line = arena_alloc(a, max + 1) };
}

/* Classes are words: what is none becomes "error". */
static void
class_set(struct exec_talk *t, const char *class)
{
	size_t n = class != NULL ? strlen(class) : 0;

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)class[i]) &&
		    strchr("_.-", class[i]) == NULL)
			n = 0;
	if (n == 0 || n > EXEC_CLASS)
		class = "error";
	snprintf(t->class, sizeof(t->class), "%s", class);
}

static void
told(struct exec_talk *t, const struct line *l, uint64_t seen, size_t bytes)
{
	bool result = SEEN(seen, &line_schema, struct line, result);
	bool error = SEEN(seen, &line_schema, struct line, error);

	if (SEEN(seen, &line_schema, struct line, progress)) {
		t->permille = (int)(l->progress * 1000 + 0.5);
		snprintf(t->note, NOTE_MAX, "%s", l->note != NULL ? l->note :
		    "");
	}
	if (!result && !error)
		return;
	t->said += bytes;
	t->has_result = result && !error;
	t->has_error = error;
	if (result)
		t->result = l->result.p != NULL ? arena_strdup(t->a,
		    l->result.p) : NULL;
	if (!error)
		return;
	t->error = arena_strdup(t->a, l->error);
	t->retry_after_s = (int64_t)l->retry_after;
	t->last = !l->retry;
	class_set(t, l->class);
}

static void
line_done(struct exec_talk *t)
{
	struct arena *a = arena_new(16 << 20);
	struct err e = { 0 };
	uint64_t seen;
	struct line l;
	size_t n = t->n;

	t->n = 0;
	while (n > 0 && isspace((unsigned char)t->line[n - 1]))
		n--;
	t->line[n] = '\0';
	if (n > 0 && schema_decode_json(&line_schema, t->line, n, "line",
	    false, a, &l, &seen, &e) == 0)
		told(t, &l, seen, n);
	else if (n > 0)
		t->bad = true;
	if (t->said > t->max)
		t->overflow = true;
	arena_free(a);
}

void
exec_talk_out(struct exec_talk *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n && !t->overflow; i++) {
		if (p[i] == '\n')
			line_done(t);
		else if (t->n == t->max)
			t->overflow = true;
		else
			t->line[t->n++] = p[i];
	}
}

void
exec_talk_err(struct exec_talk *t, const char *p, size_t n)
{
	size_t keep;

	if (n > EXEC_TAIL) {
		p += n - EXEC_TAIL;
		n = EXEC_TAIL;
	}
	keep = t->ntail > EXEC_TAIL - n ? EXEC_TAIL - n : t->ntail;
	memmove(t->tail, t->tail + t->ntail - keep, keep);
	memcpy(t->tail + keep, p, n);
	t->ntail = keep + n;
	t->tail[t->ntail] = '\0';
}

void
exec_talk_end(struct exec_talk *t)
{
	if (t->n > 0 && !t->overflow)
		line_done(t);
}

/* ---- verdict ------------------------------------------------------------------ */

/* The end of standard error as one printable line. */
static void
cause_of(struct job_ctx *c, const struct exec_talk *t)
{
	const char *p = t->tail, *end = p + t->ntail;
	struct str s;

	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	if (end - p > 200)
		p = end - 200;
	str_init(&s, c->a);
	str_term(&s, p, (size_t)(end - p));
	if (s.len > 0)
		err_cause(&c->err, "%.250s", s.len > 250 ?
		    s.p + s.len - 250 : s.p);
}

static enum job_rc
verdict(struct job_ctx *c, const struct exec_talk *t, enum job_rc rc,
    const char *class, const char *why)
{
	err_set(&c->err, 500, class, "%s", why);
	cause_of(c, t);
	return rc;
}

/* The program's own words. */
static enum job_rc
said(struct job_ctx *c, const struct exec_talk *t)
{
	c->retry_after_s = t->retry_after_s;
	return verdict(c, t, t->last ? JOB_FAIL : JOB_RETRY,
	    arena_strdup(c->a, t->class), t->error);
}

static enum job_rc
exited_well(struct job_ctx *c, const struct exec_talk *t,
    const struct exec_end *e)
{
	if (t->bad)
		return verdict(c, t, JOB_FAIL, "bad_output", "Its standard "
		    "output is not made of JSON lines");
	if (t->has_error)
		return said(c, t);
	if (e->why == EXEC_TIMEOUT && !t->has_result)
		return verdict(c, t, JOB_RETRY, "timeout",
		    "It ran longer than its timeout");
	if (e->why == EXEC_STOPPED && !t->has_result)
		return verdict(c, t, JOB_RELEASE, "stopped",
		    "It was asked to stop");
	c->result_text = t->result;
	return JOB_DONE;
}

static bool
out_of_memory(const struct exec_type *x, const struct exec_talk *t,
    const struct exec_end *e)
{
	static const char *const words[] = { "MemoryError", "bad_alloc",
	    "annot allocate memory", "ut of memory", "emory exhausted",
	    NULL };

	if (x->memory_mib == 0)
		return false;
	for (size_t i = 0; words[i] != NULL; i++)
		if (strstr(t->tail, words[i]) != NULL)
			return true;
	return e->rss_kib > x->memory_mib * 1024 * 9 / 10;
}

/* A cap that was reached; NULL: none. */
static const char *
cap_of(const struct exec_type *x, const struct exec_talk *t,
    const struct exec_end *e)
{
	int sig = WIFSIGNALED(e->wstatus) ? WTERMSIG(e->wstatus) : 0;

	if (sig == SIGXCPU || (sig == SIGKILL && x->cpu_s > 0 &&
	    e->cpu_ms >= x->cpu_s * 1000))
		return "cpu_limit";
	return out_of_memory(x, t, e) ? "memory_limit" : NULL;
}

static enum job_rc
exited_badly(struct job_ctx *c, const struct exec_type *x,
    const struct exec_talk *t, const struct exec_end *e)
{
	const char *cap = cap_of(x, t, e);
	int code = WIFEXITED(e->wstatus) ? WEXITSTATUS(e->wstatus) : 0;
	int sig = WIFSIGNALED(e->wstatus) ? WTERMSIG(e->wstatus) : 0;

	if (cap != NULL)
		return verdict(c, t, JOB_RETRY, cap, strcmp(cap, "cpu_limit")
		    == 0 ? "It used more processor time than it may" :
		    "It needed more memory than it may have");
	if (t->has_error)
		return said(c, t);
	if (sig != 0)
		return verdict(c, t, JOB_RETRY, "signal", arena_printf(c->a,
		    "It was ended by signal %d (%s)", sig, strsignal(sig)));
	return verdict(c, t, code == EX_USAGE || code == EX_DATAERR ||
	    code == EX_CONFIG ? JOB_FAIL : JOB_RETRY,
	    arena_printf(c->a, "exit_%d", code),
	    arena_printf(c->a, "It ended with status %d", code));
}

enum job_rc
exec_verdict(struct job_ctx *c, const struct exec_type *x,
    const struct exec_talk *t, const struct exec_end *e)
{
	if (e->start_errno != 0)
		return verdict(c, t, JOB_RETRY, "exec_start", arena_printf(
		    c->a, "%s cannot be run: %s", x->argv[0],
		    strerror(e->start_errno)));
	if (e->why == EXEC_OUTPUT)
		return verdict(c, t, JOB_RETRY, "output_limit", arena_printf(
		    c->a, "It said more than %lld KiB",
		    (long long)x->output_kib));
	if (e->silent)
		return verdict(c, t, e->why == EXEC_STOPPED ? JOB_RELEASE :
		    JOB_RETRY, "killed", "It was killed");
	if (WIFEXITED(e->wstatus) && WEXITSTATUS(e->wstatus) == 0)
		return exited_well(c, t, e);
	if (e->why == EXEC_TIMEOUT)
		return verdict(c, t, JOB_RETRY, "timeout",
		    "It ran longer than its timeout");
	if (e->why == EXEC_STOPPED)
		return verdict(c, t, JOB_RELEASE, "stopped",
		    "It was asked to stop");
	return exited_badly(c, x, t, e);
}
