/*
 * The prober: a child that holds no socket of ours, opens its own database
 * connection, runs the checks of all modules, writes what it found into the
 * shared segment and ends. One second is its limit; whatever check is under
 * way then is what was down. One prober per host at a time, at most one per
 * 1.2 seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/base.h"
#include "db/db.h"
#include "db/migrate.h"
#include "module.h"
#include "modules/platform/dependency.h"
#include "modules/platform/event.h"
#include "modules/platform/health.h"
#include "modules/platform/live.h"
#include "modules/platform/redis.h"
#include "modules/platform/service.h"
#include "modules/platform/setting.h"
#include "modules/platform/worker.h"
#include "shm/shm.h"

enum { PROBE_CAP = 16 << 20, PROBE_LIMIT_S = 1, GAP_MS = 1200,
	FIRST_WAIT_MS = 30 };

static const char cache_name[] = "health", good_name[] = "health.good";

/* Of the prober child only: what its alarm leaves behind. */
static struct {
	struct shm *shm;
	char text[HEALTH_TEXT];
	size_t n;
} late;

/* Of a responder: its prober, to be reaped at the next look. */
static pid_t prober_pid;

static int64_t
now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

/* ---- in the child ------------------------------------------------------------- */

static void
on_alarm(int sig)
{
	(void)sig;
	shm_text_set(late.shm, cache_name, late.text, late.n);
	_exit(1);
}

/* What to say if the check that starts now does not come back. */
static void
late_prepare(const struct str *done, const char *name)
{
	struct str s;

	late.n = 0;
	str_init(&s, done->a);
	str_addn(&s, done->p, done->len);
	platform_health_put(&s, name, PROBE_DOWN, PROBE_LIMIT_S * 1000000,
	    "no answer within a second");
	if (s.len < sizeof(late.text)) {
		memcpy(late.text, s.p, s.len);
		late.n = s.len;
	}
}

/* The request's and the listening sockets are not ours: an open copy would
 * keep a client waiting. Files and the segment stay. */
static void
let_go(struct env *env)
{
	struct stat st;
	int null;

	shm_after_fork(env->shm);
	for (int fd = 3; fd < 1024; fd++)
		if (fstat(fd, &st) == 0 &&
		    (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode)))
			close(fd);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null != -1; fd++)
		dup2(null, fd);
}

static void
limit_time(struct shm *shm)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval t = { .it_value = { .tv_sec = PROBE_LIMIT_S } };
	sigset_t none;

	late.shm = shm;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

/* What requests cannot do without: remembered by itself, so that one slow
 * second does not take a host out of service. */
static bool
serves(const struct health_check *h, const struct probe *p)
{
	return (!h->required && strcmp(h->name, "migrations") != 0) ||
	    p->state == PROBE_OK;
}

static void
probe_all(struct env *env, struct str *out)
{
	bool good = true;

	for (size_t m = 0; env->modules[m] != NULL; m++)
		for (const struct health_check *h = env->modules[m]->health;
		    h != NULL && h->name != NULL; h++) {
			struct probe p = { .state = PROBE_OK };
			int64_t start = clock_boot_ns();

			late_prepare(out, h->name);
			h->run(env, &p);
			platform_health_put(out, h->name, p.state,
			    (clock_boot_ns() - start) / 1000, p.detail);
			good = good && serves(h, &p);
		}
	if (good)
		shm_word_set(env->shm, good_name, 1);
}

static _Noreturn void
prober(const struct env *parent)
{
	struct env env = *parent;
	struct arena *a = arena_new(PROBE_CAP);
	struct db_conf conf = *(const struct db_conf *)conf_get(parent->conf,
	    &db_settings);
	struct err e = { 0 };
	struct str out;

	if (env.db != NULL)
		db_forget(env.db);
	let_go(&env);
	limit_time(env.shm);
	env.a = a;
	env.db = NULL;
	conf.connect_timeout_s = PROBE_LIMIT_S;
	conf.read_timeout_s = PROBE_LIMIT_S;
	conf.write_timeout_s = PROBE_LIMIT_S;
	db_open(&env.db, a, &conf, &e);	/* connects in the check */
	str_init(&out, a);
	probe_all(&env, &out);
	platform_service_cache(&env, &out);
	platform_dependency_fresh(&env);
	if (out.len <= HEALTH_TEXT)
		shm_text_set(env.shm, cache_name, out.p, out.len);
	if (env.db != NULL)
		db_close(env.db);
	_exit(0);
}

/* ---- in the responder ------------------------------------------------------------ */

static void
probe_start(struct env *env)
{
	uint64_t at;

	if (prober_pid > 0 && waitpid(prober_pid, NULL, WNOHANG) != 0)
		prober_pid = 0;
	if (prober_pid > 0 || !shm_step_begin(env->shm, "probe"))
		return;
	shm_word_get(env->shm, "probe", &at);
	if (at == 0 || clock_boot_ns() - (int64_t)at > GAP_MS * 1000000L) {
		shm_word_set(env->shm, "probe", 1);
		prober_pid = fork();
		if (prober_pid == 0)
			prober(env);
	}
	shm_step_end(env->shm, "probe");
}

static int64_t
cached(struct env *env, char text[HEALTH_TEXT + 1])
{
	uint64_t at = 0;
	size_t n = shm_text_get(env->shm, cache_name, text, HEALTH_TEXT + 1,
	    &at);
	int64_t age;

	text[n] = '\0';
	age = now_ms() - (int64_t)(at / 1000000);
	return at == 0 || n == 0 ? -1 : age < 0 ? 0 : age;
}

void
platform_health_read(struct env *env, char text[HEALTH_TEXT + 1],
    int64_t *age_ms)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	int64_t until = now_ms() + FIRST_WAIT_MS;

	text[0] = '\0';
	*age_ms = -1;
	if (env->shm == NULL)
		return;
	*age_ms = cached(env, text);
	if (*age_ms >= 0 && *age_ms <= HEALTH_FRESH_MS)
		return;
	probe_start(env);
	/* Nothing useful yet: the first probe of a host takes milliseconds. */
	while ((*age_ms < 0 || *age_ms > HEALTH_STALE_MS) &&
	    now_ms() < until) {
		nanosleep(&nap, NULL);
		*age_ms = cached(env, text);
	}
}

int64_t
platform_health_good_ms(struct env *env)
{
	uint64_t at;

	shm_word_get(env->shm, good_name, &at);
	return at == 0 ? -1 : now_ms() - (int64_t)(at / 1000000);
}

/* ---- the platform's own checks ----------------------------------------------------- */

static void
found(struct probe *p, enum probe_state state, const char *detail)
{
	p->state = state;
	snprintf(p->detail, sizeof(p->detail), "%.*s",
	    (int)sizeof(p->detail) - 1, detail);
}

static void
check_db(struct env *env, struct probe *p)
{
	struct err e = { 0 };

	if (env->db == NULL)
		found(p, PROBE_DOWN, "no usable database.url");
	else if (db_ping(env->db, &e) == -1)
		found(p, PROBE_DOWN, e.cause[0] != '\0' ? e.cause : e.detail);
}

static void
check_migrations(struct env *env, struct probe *p)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	struct err e = { 0 };
	size_t pending = 0;

	if (env->db == NULL || migrate(env->db, env->a, cf->sql_dir,
	    MIGRATE_STATUS, NULL, &pending, &e) == -1) {
		found(p, PROBE_DOWN, e.detail);
		return;
	}
	if (pending == 0)
		return;
	p->state = PROBE_DEGRADED;
	snprintf(p->detail, sizeof(p->detail), "%zu steps pending: run "
	    "`quincunx migrate`", pending);
}

static void
check_segment(struct env *env, struct probe *p)
{
	if (env->shm == NULL)
		found(p, PROBE_DEGRADED, "no shared segment");
}

static void
check_disk(struct env *env, struct probe *p)
{
	const struct platform_conf *cf = conf_get(env->conf,
	    &platform_settings);
	const struct base_conf *base = conf_get(env->conf, &base_settings);
	struct statvfs v;
	int64_t free_mib;

	if (statvfs(base->dir, &v) == -1) {
		found(p, PROBE_DOWN, strerror(errno));
		return;
	}
	free_mib = (int64_t)(v.f_bavail / 1024 * v.f_frsize / 1024);
	snprintf(p->detail, sizeof(p->detail), "%lld MiB free",
	    (long long)free_mib);
	if (free_mib < cf->disk_min_mib)
		p->state = free_mib < cf->disk_min_mib / 4 ? PROBE_DOWN :
		    PROBE_DEGRADED;
}

static void
check_redis(struct env *env, struct probe *p)
{
	const struct platform_conf *cf = conf_get(env->conf,
	    &platform_settings);

	if (*cf->redis_url == '\0')
		p->state = PROBE_DISABLED;
	else if (platform_redis_ping(cf->redis_url, 500, p->detail,
	    sizeof(p->detail)) == -1)
		p->state = PROBE_DOWN;
}

/* The database last: a server that hangs takes the rest of the second. */
const struct health_check platform_health_checks[] = {
	{ "segment", "Shared segment of this host", false, check_segment },
	{ "disk", "Free space under base.dir", false, check_disk },
	{ "redis", "Redis, if one is configured", false, check_redis },
	{ "db", "Database answers", true, check_db },
	{ "relay", "Committed events reach their readers", false,
	  platform_event_probe },
	{ "worker", "Somebody does the jobs", false, platform_worker_probe },
	{ "live", "Gateway of this host pushes events", false,
	  platform_live_probe },
	{ "migrations", "Schema matches the program", false,
	  check_migrations },
	{ .name = NULL }
};
