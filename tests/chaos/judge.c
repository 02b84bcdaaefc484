/*
 * The books, when all faults are over. The invariants of the design and what
 * judges them here (the others have tests of their own: 8 and 10 the churn and
 * fairness tests of the queue, 14-16 belong to trade and cloud, 18's one row
 * per change the audit tests, 20 the migration tests):
 *
 *  1  every accepted job ends, exactly once, and in success: clients' ledgers
 *     against the answers of the API and the stream
 *  2  its effect happened once: rows of the handlers; files of outside workers
 *  3, 4  runs of a job carry growing tokens, each once, inside and outside
 *  5  nothing was quarantined: each child that was killed at work had another
 *     job, and outages, lost commits and clocks are nobody's crash
 *  6  one idempotency key made one job
 *  7  one live job per unique key at any time
 *  9  what needs others ended after them
 *  11 each time of each schedule fired once, and the last ones were in time
 *  12, 13  the stream has no hole, and one end for each job
 *  17 an ended session never gets in again
 *  18 the audit chain verifies
 *  19 what was counted stays counted
 *  21 no zombies, and the manager holds no more files than before
 *  22 what was acknowledged is there: all of the above, after the database
 *     was killed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <json.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"
#include "tests/chaos/chaos.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

enum { LATE_S = 15 };
static int files;			/* of the manager, at the beginning */

/* Open files of a process. */
static int
judge_files(pid_t pid)
{
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((d = opendir(path)) == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

void
judge_begin(void)
{
	files = judge_files(st.responder);
}

static bool
is_gone(void *pid)
{
	return kill(*(pid_t *)pid, 0) == -1;
}

/* ---- judging ------------------------------------------------------------------------ */

struct accepted {
	const char *key, *id, *unique;
	const char *needs;		/* ids */
	bool outside;
	const char *state;
	const char *told;		/* what the stream said */
	long long queued, ended;	/* its offsets */
	unsigned ends;
};
static VEC(struct accepted) jobs;
static struct map *by_id, *by_key;
static unsigned bad;

__attribute__((format(printf, 1, 2))) static void
breach(const char *fmt, ...)
{
	va_list ap;

	if (++bad > 20)
		return;
	va_start(ap, fmt);
	fputs("chaos: ", stdout);
	vprintf(fmt, ap);
	fputc('\n', stdout);
	va_end(ap);
}

static void
read_accepted(void)
{
	for (int i = 0; i < CLIENTS; i++) {
		char *text = arena_strdup(a, stack_file(&st, arena_printf(a,
		    "accepted.%d", i))), *save, *line;

		for (line = strtok_r(text, "\n", &save); line != NULL;
		    line = strtok_r(NULL, "\n", &save)) {
			char *key = line, *id = strchr(line, ' '), *u,
			    *kind;
			struct accepted *x;

			if (strncmp(line, "refused", 7) == 0) {
				breach("%s", line);
				continue;
			}
			*id++ = '\0';
			u = strchr(id, ' ');
			*u++ = '\0';
			kind = strchr(u, ' ');
			*kind++ = '\0';
			x = VEC_ADD(a, &jobs);
			*x = (struct accepted){ .key = key, .id = id,
			    .unique = u, .outside = *kind == 'o',
			    .needs = kind + 1, .state = "", .told = "" };
		}
	}
}

static bool
ended(const char *state)
{
	return *state != '\0' && strcmp(state, "queued") != 0 &&
	    strcmp(state, "running") != 0 && strcmp(state, "retrying") != 0 &&
	    strcmp(state, "scheduled") != 0 && strcmp(state, "waiting") != 0;
}

/* 1, 5: asks for every job until it has ended. */
static void
every_job_ends(void (*revive)(void))
{
	int64_t until = clock_boot_ns() + QUIET_S * INT64_C(1000000000);

	for (size_t i = 0; i < jobs.n; i++) {
		struct accepted *x = &jobs.v[i];

		while (!ended(x->state)) {
			const struct reply *r = http_call(&st, &(struct call){
			    .path = http_text(&st, "/jobs/%s", x->id),
			    .token = token, .may_fail = true });

			x->state = r->status == 200 ? arena_strdup(a,
			    json_text_at(r->json, "status")) : "";
			http_forget(&st);
			if (ended(x->state))
				break;
			if (clock_boot_ns() > until) {
				breach("job %s is still %s (%d)", x->id,
				    x->state, r->status);
				break;
			}
			revive();
			nap_ms(50);
		}
		if (ended(x->state) && strcmp(x->state, "succeeded") != 0)
			breach("job %s is %s", x->id, x->state);
	}
}

static long long
sql(const char *query)
{
	return strtoll(mariadb_value(a, st.db, query), NULL, 10);
}

static void
effects_happened_once(void)
{
	long long n = sql("SELECT COUNT(*) FROM chaos_effect WHERE NOT "
	    "EXISTS (SELECT 1 FROM chaos_fire f WHERE f.job_id = "
	    "chaos_effect.job_id)");
	long long twice = sql("SELECT COUNT(*) FROM (SELECT job_id FROM "
	    "chaos_effect GROUP BY job_id HAVING COUNT(*) > 1) x");
	long long same = sql("SELECT COUNT(*) FROM (SELECT job_id, token FROM "
	    "chaos_run GROUP BY job_id, token HAVING COUNT(*) > 1) x");
	VEC(const char *) ids = { 0 };
	struct map *unique = map_new(a);

	for (size_t i = 0; i < jobs.n; i++)
		if (!jobs.v[i].outside &&
		    map_put(unique, jobs.v[i].id, &jobs.v[i]) == NULL)
			*VEC_ADD(a, &ids) = jobs.v[i].id;
	if (n != (long long)ids.n)
		breach("%zu jobs, %lld effects", ids.n, n);
	if (twice > 0)
		breach("%lld effects happened twice", twice);
	if (same > 0)
		breach("%lld tokens ran twice", same);
}

/* 2, 4 outside: a file per job, and tokens that grow in the worker's books. */
static void
outside_happened_once(void)
{
	struct map *last = map_new(a);
	size_t n = 0, runs = 0;

	for (size_t i = 0; i < jobs.n; i++)
		if (jobs.v[i].outside) {
			n++;
			if (access(stack_path(&st, arena_printf(a,
			    "effects/%s", jobs.v[i].id)), F_OK) == -1)
				breach("outside job %s left no effect",
				    jobs.v[i].id);
		}
	for (int w = 0; w < OUTSIDE; w++) {
		char *text = arena_strdup(a, stack_file(&st, arena_printf(a,
		    "outside.w%d", w))), *save, *line;

		for (line = strtok_r(text, "\n", &save); line != NULL;
		    line = strtok_r(NULL, "\n", &save)) {
			char id[64], run[96];
			long long t;

			if (sscanf(line, "start %63s %lld", id, &t) != 2)
				continue;
			runs++;
			snprintf(run, sizeof(run), "%s %lld", id, t);
			if (map_put(last, arena_strdup(a, run), &jobs) !=
			    NULL)
				breach("outside job %s ran twice with token "
				    "%lld", id, t);
		}
	}
	print_message("outside: %zu jobs, %zu runs\n", n, runs);
}

/* 9 */
static void
needs_came_first(void)
{
	size_t n = 0;

	for (size_t i = 0; i < jobs.n; i++) {
		const struct accepted *x = map_get(by_id, jobs.v[i].id), *y;
		char one[64], two[64];

		if (sscanf(jobs.v[i].needs, "%63s %63s", one, two) != 2)
			continue;
		n++;
		for (int k = 0; k < 2; k++)
			if ((y = map_get(by_id, k ? two : one)) == NULL ||
			    y->ended >= x->ended)
				breach("%s ended before what it needs", x->id);
	}
	print_message("families: %zu\n", n);
}

/* 11: the times of a schedule are those of its grid, each once. */
static void
schedules_fired(void)
{
	for (int i = 0; i < SCHEDULES; i++) {
		const char *own = arena_printf(a, "FROM chaos_fire WHERE s = "
		    "%d", i);
		long long n = sql(arena_printf(a, "SELECT COUNT(*) %s", own));
		long long times = sql(arena_printf(a,
		    "SELECT COUNT(DISTINCT at) %s", own));
		long long span = sql(arena_printf(a, "SELECT COALESCE("
		    "TIMESTAMPDIFF(MICROSECOND, MIN(at), MAX(at)), -1) %s",
		    own));
		long long want = span / ((i + 1) * 1000000LL) + 1;
		long long late = sql(arena_printf(a, "SELECT TIMESTAMPDIFF("
		    "SECOND, MAX(at), UTC_TIMESTAMP(6)) %s", own));

		if (n == 0 || n != times || n != want ||
		    span % ((i + 1) * 1000000LL) != 0)
			breach("schedule %d: %lld fires, %lld times, %lld "
			    "wanted", i, n, times, want);
		if (late > LATE_S)
			breach("schedule %d fired %lld s ago", i, late);
		print_message("schedule %d: %lld fires\n", i, n);
	}
}

/* 17, 19 as the clients saw it; 18; 21. */
static void
others(void)
{
	char *text = arena_strdup(a, stack_file(&st, "revoked")), *save, *line;
	pid_t v[64];
	size_t n = stack_children(&st, v, 64);
	const char *out;

	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		breach("%s", line);
	if (stack_cli(&st, &out, (const char *[]){ "audit", "verify",
	    NULL }) != 0)
		breach("audit verify: %.200s", out);
	for (size_t i = 0; i < n; i++) {
		char path[64], state[8] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)v[i]);
		if ((f = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(f, "%*d %*s %7s", state) == 1 && *state == 'Z' &&
		    !eventually(is_gone, &v[i], 10000))
			breach("responder child %d stays a zombie",
			    (int)v[i]);
		fclose(f);
	}
	if (judge_files(st.responder) > files + 8)
		breach("the manager holds %d files, %d at the beginning",
		    judge_files(st.responder), files);
}

static void
keys_made_one_job(void)
{
	by_key = map_new(a);
	for (size_t i = 0; i < jobs.n; i++) {
		struct accepted *x = &jobs.v[i];
		struct accepted *old = map_put(by_key, x->key, x);

		if (old != NULL && strcmp(old->id, x->id) != 0)
			breach("key %s made %s and %s", x->key, old->id,
			    x->id);
	}
}

static void
the_stream_is_whole(void)
{
	char *text = arena_strdup(a, stack_file(&st, "stream")), *save, *line;
	long long last = 0;

	by_id = map_new(a);
	for (size_t i = 0; i < jobs.n; i++)
		map_put(by_id, jobs.v[i].id, &jobs.v[i]);
	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save)) {
		char topic[64], id[64];
		struct accepted *x;
		long long off;

		if (sscanf(line, "%lld %63s %63s", &off, topic, id) != 3)
			continue;
		if (off <= last)
			breach("offset %lld after %lld", off, last);
		last = off;
		x = map_get(by_id, id);
		if (x == NULL)
			continue;
		x->told = arena_printf(a, "%s %lld:%s", x->told, off, topic);
		if (x->queued == 0)
			x->queued = off;
		if (strcmp(topic, "job.succeeded") != 0 &&
		    strcmp(topic, "job.failed") != 0 &&
		    strcmp(topic, "job.quarantined") != 0 &&
		    strcmp(topic, "job.cancelled") != 0 &&
		    strcmp(topic, "job.expired") != 0)
			continue;
		x->ends++;
		x->ended = off;
	}
	for (size_t i = 0; i < jobs.n; i++) {
		struct accepted *x = map_get(by_id, jobs.v[i].id);

		if (x->ends != 1)
			breach("the stream tells of %u ends of %s (%s)",
			    x->ends, x->id, x->told);
	}
	print_message("stream: %lld read, %lld kept, outbox %lld, set aside "
	    "%lld\n", last, sql("SELECT COALESCE(SUM(n), 0) FROM "
	    "events_stream"), sql("SELECT COUNT(*) FROM events_outbox"),
	    sql("SELECT COUNT(*) FROM events_dead"));
}

/* 7: of jobs with one unique key, each was told to be queued after the end of
 * the one before. */
static void
one_live_job_per_key(void)
{
	size_t pairs = 0;

	for (size_t i = 0; i < jobs.n; i++)
		for (size_t j = 0; j < i; j++) {
			const struct accepted *x = map_get(by_id,
			    jobs.v[i].id), *y = map_get(by_id, jobs.v[j].id);

			if (x == y || *x->unique == '-' ||
			    strcmp(x->unique, y->unique) != 0)
				continue;
			pairs++;
			if (x->queued < y->ended && y->queued < x->ended)
				breach("%s and %s lived at once with the key "
				    "%s", x->id, y->id, x->unique);
		}
	print_message("unique keys: %zu pairs of jobs\n", pairs);
}

/* The stream's readers wait until it stands still. */
static void
wait_for_the_stream(void)
{
	long long before = -1, now;

	for (int i = 0; i < 100; i++) {
		now = sql("SELECT COUNT(*) FROM events_outbox");
		if (now == 0 && before == 0)
			break;
		before = now;
		nap_ms(300);
	}
	nap_ms(1500);
}


void
judge_after_the_last(void (*revive)(void))
{
	read_accepted();
	every_job_ends(revive);
	wait_for_the_stream();
}

unsigned
judge(void)
{
	keys_made_one_job();
	effects_happened_once();
	the_stream_is_whole();
	one_live_job_per_key();
	outside_happened_once();
	needs_came_first();
	schedules_fired();
	others();
	print_message("%zu jobs accepted; %lld ran more than once\n", jobs.n,
	    sql("SELECT COUNT(*) FROM (SELECT job_id FROM chaos_run GROUP BY "
	    "job_id HAVING COUNT(*) > 1) x"));
	if (jobs.n == 0)
		breach("no job was accepted");
	return bad;
}
