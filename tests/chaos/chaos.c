/*
 * Chaos: a whole installation under load while its processes are killed and
 * stopped, its database too, and COMMIT answers get lost on the way. Clients
 * write down (and sync) what was accepted; a reader writes down what the
 * event stream said; jobs leave rows of their own. In the end, with the
 * faults over, the books must agree:
 *
 *  1  every accepted job ends, exactly once, and in success
 *  2  its effect happened once
 *  4  runs of a job carry growing tokens, each once
 *  5  nothing was quarantined: outages and lost commits are nobody's crash
 *  6  one idempotency key made one job
 *  7  one live job per unique key at any time
 *  13 the stream has no hole, and one end for each job
 *
 * ROUNDS faults (environment; 60), SEED to repeat the choice of faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"
#include "base/vec.h"
#include "tests/chaos/proxy.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

#include <cmocka.h>

enum { CLIENTS = 2, QUIET_S = 90, KIDS = 256 };

static struct stack st;
static struct arena *a;
static struct proxy_faults *faults;
static int *stop;			/* shared: clients end */
static pid_t worker, proxy, clients[CLIENTS], reader;
static const char *token;
static unsigned seed;
static unsigned done[16];

static unsigned
dice(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* ---- processes ------------------------------------------------------------- */

static size_t
children(pid_t of, pid_t *out, size_t max)
{
	char path[64], text[4096], *p = text;
	size_t n = 0;
	FILE *f;
	long pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)of,
	    (int)of);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	while (n < max && (pid = strtol(p, &p, 10)) > 0)
		out[n++] = (pid_t)pid;
	return n;
}

static void
worker_start(void)
{
	const char *url = arena_printf(a, "database.url_file=%s/proxy.url",
	    st.dir);

	worker = stack_launch(&st, "worker", (const char *[]){
	    arena_printf(a, "%s/quincunx-worker", stack_bin()), "-c", st.conf,
	    "-o", url, "-o", "jobs.lease=10", "-o", "worker.children=3",
	    "-o", "worker.grace=2", "-o", "worker.drain=3", NULL });
}

static bool
gone(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == pid;
}

static void
worker_revive(void)
{
	if (worker != 0 && !gone(worker))
		return;
	worker_start();
}

/* ---- the ledgers ------------------------------------------------------------- */

static void
note(int fd, const char *fmt, ...)
{
	char line[300];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (write(fd, line, (size_t)n) != n || fdatasync(fd) == -1)
		_exit(3);
}

static int
ledger(const char *name)
{
	return open(stack_path(&st, name), O_CREAT | O_APPEND | O_WRONLY |
	    O_CLOEXEC, 0600);
}

/* Posts until an answer comes; what was accepted is written down with its
 * key. A key is used again only for the same request. */
static void
client_loop(int which)
{
	int fd = ledger(arena_printf(a, "accepted.%d", which));
	unsigned n = 0;

	srand48(which);
	while (!__atomic_load_n(stop, __ATOMIC_SEQ_CST)) {
		char key[64], body[300], unique[40] = "";
		bool txn = random_below(2) == 0;
		struct call c = { .method = "POST", .path = "/jobs",
		    .token = token, .may_fail = true, .timeout_ms = 15000,
		    .fresh = true };
		const struct reply *r;

		snprintf(key, sizeof(key), "chaos-%d-%u", which, n++);
		if (random_below(5) == 0)
			snprintf(unique, sizeof(unique),
			    ",\"unique\":\"u%d\"", (int)random_below(3));
		snprintf(body, sizeof(body), "{\"type\":\"%s\",\"payload\":"
		    "{\"ms\":%d}%s}", txn ? "chaos.txn" : "chaos.plain",
		    (int)random_below(random_below(20) == 0 ? 600 : 60),
		    unique);
		c.key = key;
		c.body = body;
		for (;;) {
			r = http_call(&st, &c);
			if (r->status == 202) {
				note(fd, "%s %s %s%s\n", key,
				    json_text_at(r->json, "id"),
				    *unique == '\0' ? "-" : txn ? "t" : "p",
				    *unique ? unique + 10 : "");
				break;
			}
			if (r->status >= 400 && r->status < 500 &&
			    r->status != 409 && r->status != 429) {
				note(fd, "refused %d %.200s\n", r->status,
				    r->body);
				break;
			}
			nap_ms(50);
			if (__atomic_load_n(stop, __ATOMIC_SEQ_CST))
				break;
		}
		http_forget(&st);
		nap_ms((unsigned)random_below(20));
	}
	_exit(0);
}

/* Follows the stream from its beginning and writes every item down. */
static void
reader_loop(void)
{
	int fd = ledger("stream");
	long long since = 0;

	while (__atomic_load_n(stop, __ATOMIC_SEQ_CST) < 2) {
		const struct reply *r = http_call(&st, &(struct call){
		    .path = http_text(&st, "/api/system/events?since=%lld&"
		    "limit=200&topics=job.*", since), .token = token,
		    .may_fail = true, .fresh = true, .timeout_ms = 20000 });
		struct json_object *items = json_at(r->json, "items");
		size_t n = items == NULL || r->status != 200 ? 0 :
		    json_object_array_length(items);

		for (size_t i = 0; i < n; i++) {
			struct json_object *x = json_object_array_get_idx(
			    items, i);

			note(fd, "%lld %s %s\n", json_int_at(x, "off"),
			    json_text_at(x, "topic"),
			    json_text_at(x, "entity"));
		}
		if (r->status == 200 && json_int_at(r->json, "next") > 0)
			since = json_int_at(r->json, "next");
		http_forget(&st);
		if (n == 0)
			nap_ms(100);
	}
	_exit(0);
}

/* ---- faults --------------------------------------------------------------------- */

static pid_t
grandchild(void)
{
	pid_t v[KIDS], w[KIDS];
	size_t n = children(worker, v, KIDS), k;

	for (size_t i = 0; i < n; i++)
		if ((k = children(v[i], w, KIDS)) > 0)
			return w[dice((unsigned)k)];
	return 0;
}

static pid_t
dispatcher(void)
{
	pid_t v[KIDS], w[KIDS];
	size_t n = children(worker, v, KIDS);

	for (size_t i = 0; i < n; i++)
		if (children(v[i], w, KIDS) > 0)
			return v[i];
	return 0;
}

static pid_t
any_child(pid_t of)
{
	pid_t v[KIDS];
	size_t n = children(of, v, KIDS);

	return n > 0 ? v[dice((unsigned)n)] : 0;
}

static void
hit(pid_t pid, int sig)
{
	if (pid > 1)
		kill(pid, sig);
}

static void
frozen(pid_t pid, unsigned ms)
{
	hit(pid, SIGSTOP);
	nap_ms(ms);
	hit(pid, SIGCONT);
}

enum { KILL_WORKER, KILL_DISPATCHER, KILL_JOB, KILL_LOOP, KILL_RESPONDER,
	STOP_DISPATCHER, STOP_JOB, KILL_DB, STOP_DB, COMMITS_BEFORE,
	COMMITS_AFTER, RELOAD, DRAIN, FAULTS };
static const char *const fault_names[FAULTS] = { "kill worker",
    "kill dispatcher", "kill job child", "kill loop", "kill responder child",
    "stop dispatcher", "stop job child", "kill database", "stop database",
    "lose COMMITs", "lose answers of COMMIT", "reload worker",
    "restart worker" };

/* The harness's servers are quick instead of durable. */
static void
durable(void)
{
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
}

static void
fault(unsigned what)
{
	switch (what) {
	case KILL_WORKER:
		hit(worker, SIGKILL);
		break;
	case KILL_DISPATCHER:
		hit(dispatcher(), SIGKILL);
		break;
	case KILL_JOB:
		/* an observed crash counts: not often per job */
		hit(grandchild(), SIGKILL);
		break;
	case KILL_LOOP:
		hit(any_child(worker), SIGKILL);
		break;
	case KILL_RESPONDER:
		hit(any_child(st.responder), SIGKILL);
		break;
	case STOP_DISPATCHER:	/* now and then for longer than its lease */
		frozen(dispatcher(), dice(6) == 0 ? 14000 : 1500);
		break;
	case STOP_JOB:
		frozen(grandchild(), 1500);
		break;
	case KILL_DB:
		mariadb_kill();
		nap_ms(dice(800));
		mariadb_restart();
		durable();
		break;
	case STOP_DB:
		mariadb_freeze();
		nap_ms(1000 + dice(2000));
		mariadb_thaw();
		break;
	case COMMITS_BEFORE:
		faults->lose_before = 200;
		nap_ms(800);
		faults->lose_before = 0;
		break;
	case COMMITS_AFTER:
		faults->lose_after = 200;
		nap_ms(800);
		faults->lose_after = 0;
		break;
	case RELOAD:
		hit(worker, SIGHUP);
		break;
	case DRAIN:
		hit(worker, SIGTERM);
		break;
	}
}

static void
storm(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		unsigned what = dice(FAULTS);

		done[what]++;
		fault(what);
		nap_ms(200 + dice(400));
		worker_revive();
	}
}

/* ---- judging ------------------------------------------------------------------------ */

struct accepted {
	const char *key, *id, *unique;
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
			char *key = line, *id = strchr(line, ' '), *u;
			struct accepted *x;

			if (strncmp(line, "refused", 7) == 0) {
				breach("%s", line);
				continue;
			}
			*id++ = '\0';
			u = strchr(id, ' ');
			*u++ = '\0';
			x = VEC_ADD(a, &jobs);
			*x = (struct accepted){ key, id, u, "", "", 0, 0, 0 };
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
every_job_ends(void)
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
			worker_revive();
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
	long long n = sql("SELECT COUNT(*) FROM chaos_effect");
	long long twice = sql("SELECT COUNT(*) FROM (SELECT job_id FROM "
	    "chaos_effect GROUP BY job_id HAVING COUNT(*) > 1) x");
	long long same = sql("SELECT COUNT(*) FROM (SELECT job_id, token FROM "
	    "chaos_run GROUP BY job_id, token HAVING COUNT(*) > 1) x");
	VEC(const char *) ids = { 0 };
	struct map *unique = map_new(a);

	for (size_t i = 0; i < jobs.n; i++)
		if (map_put(unique, jobs.v[i].id, &jobs.v[i]) == NULL)
			*VEC_ADD(a, &ids) = jobs.v[i].id;
	if (n != (long long)ids.n)
		breach("%zu jobs, %lld effects", ids.n, n);
	if (twice > 0)
		breach("%lld effects happened twice", twice);
	if (same > 0)
		breach("%lld tokens ran twice", same);
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

/* ---- the run --------------------------------------------------------------------------- */

static void
begin(void)
{
	const struct reply *r;
	int fd;

	a = arena_new((size_t)1 << 30);
	faults = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	stop = (int *)(void *)(faults + 1);
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
	mariadb_sql(st.db, "CREATE TABLE chaos_effect (job_id BINARY(16) NOT "
	    "NULL PRIMARY KEY, token BIGINT NOT NULL); CREATE TABLE chaos_run "
	    "(n BIGINT AUTO_INCREMENT PRIMARY KEY, job_id BINARY(16) NOT NULL, "
	    "token BIGINT NOT NULL, at DATETIME(6) NOT NULL)");
	fd = open(stack_path(&st, "proxy.url"), O_CREAT | O_WRONLY, 0600);
	assert_true(dprintf(fd, "mysql://root@/%s?unix_socket=%s/proxy.sock",
	    st.db, st.dir) > 0);
	close(fd);
	durable();
	proxy = proxy_start(stack_path(&st, "proxy.sock"), strchr(mariadb_url(
	    a, st.db), '=') + 1, faults);
	r = http_send(&st, "POST", "/api/auth/login", NULL, http_text(&st,
	    "{\"email\":\"%s\",\"password\":\"%s\"}", st.email, st.password));
	expect_status(r, 200);
	token = arena_strdup(a, json_text_at(r->json, "access_token"));
	worker_start();
}

static void
the_books_agree(void **state)
{
	const char *rounds = getenv("ROUNDS"), *s = getenv("SEED");
	int status;

	(void)state;
	seed = s != NULL ? (unsigned)strtoul(s, NULL, 10) :
	    (unsigned)random_below(1u << 30);
	print_message("chaos: seed %u\n", seed);
	for (int i = 0; i < CLIENTS; i++)
		if ((clients[i] = fork()) == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			client_loop(i);
		}
	if ((reader = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		reader_loop();
	}
	storm(rounds != NULL ? (unsigned)strtoul(rounds, NULL, 10) : 60);
	*stop = 1;
	for (int i = 0; i < CLIENTS; i++)
		waitpid(clients[i], &status, 0);
	worker_revive();
	read_accepted();
	every_job_ends();
	wait_for_the_stream();
	*stop = 2;
	waitpid(reader, &status, 0);
	keys_made_one_job();
	effects_happened_once();
	the_stream_is_whole();
	one_live_job_per_key();
	for (int i = 0; i < FAULTS; i++)
		print_message("%4u × %s\n", done[i], fault_names[i]);
	print_message("%zu jobs accepted; COMMITs lost: %d before, %d after "
	    "they were executed; %lld jobs ran more than once\n", jobs.n,
	    faults->lost_before, faults->lost_after, sql("SELECT COUNT(*) FROM "
	    "(SELECT job_id FROM chaos_run GROUP BY job_id HAVING COUNT(*) > "
	    "1) x"));
	if (bad > 0) {
		stack_logs(&st);
		fail_msg("%u breaches", bad);
	}
	assert_true(jobs.n > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_books_agree),
	};
	int rc;

	stack_user();
	if (!mariadb_start())
		return 0;
	begin();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	stack_end(&worker, SIGKILL);
	kill(proxy, SIGKILL);
	stack_stop(&st);
	return rc;
}
