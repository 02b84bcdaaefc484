/*
 * Reading this host: /proc, the disk under base.dir, the certificate, our
 * processes by the scoreboard, the metrics of the segment. What cannot be read
 * counts as 0 and is left out of the sample.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "module.h"
#include "modules/platform/sample.h"
#include "modules/platform/setting.h"
#include "shm/shm.h"

enum { TEXT_MAX = 64 * 1024, CPU_MAX = 4000 };

const struct metric platform_host_load1 = { "host_load1",
	"Load average over a minute", METRIC_MICRO, { NULL, NULL } };
const struct metric platform_host_memory = { "host_memory_bytes",
	"Memory of the host", METRIC_GAUGE, { NULL, NULL } };
const struct metric platform_host_memory_available = { "host_memory_available_bytes",
	"Memory that may be had without swapping", METRIC_GAUGE,
	{ NULL, NULL } };
const struct metric platform_disk_free = { "disk_free_bytes",
	"Free space under base.dir", METRIC_GAUGE, { NULL, NULL } };
const struct metric platform_disk_free_ratio = { "disk_free_ratio",
	"Free part of the file system under base.dir", METRIC_MICRO,
	{ NULL, NULL } };
const struct metric platform_cert_expiry = { "cert_expiry_seconds",
	"Until the certificate platform.certificate ends", METRIC_GAUGE,
	{ NULL, NULL } };

/* ---- the host ------------------------------------------------------------------ */

static const char *
file_text(struct arena *a, const char *path)
{
	char *buf = arena_alloc(a, TEXT_MAX);
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		return "";
	n = fread(buf, 1, TEXT_MAX - 1, f);
	fclose(f);
	buf[n] = '\0';
	return buf;
}

static void
certificate(const char *path, struct platform_host_facts *f)
{
	struct err e = { 0 };
	struct utc until;

	if (*path == '\0')
		return;
	/* unreadable: as if it had ended; 0 is "there is none" */
	f->has_cert = true;
	f->cert_expiry_s = -1;
	if (crypto_cert_until(path, &until, &e) == 0)
		f->cert_expiry_s = (double)(until.us - clock_now().us) / 1e6;
}

void
platform_host_read(struct env *env, struct platform_host_facts *f)
{
	const struct platform_conf *cf = conf_get(env->conf,
	    &platform_settings);
	const struct base_conf *base = conf_get(env->conf, &base_settings);
	struct arena *a = arena_new(1 << 20);
	const char *load = file_text(a, "/proc/loadavg");
	struct statvfs v;

	*f = (struct platform_host_facts){ 0 };
	num_real(load, strcspn(load, " "), &f->load1);
	platform_stat_parse(file_text(a, "/proc/stat"), f);
	platform_meminfo_parse(file_text(a, "/proc/meminfo"), f);
	platform_netdev_parse(file_text(a, "/proc/net/dev"), f);
	if (statvfs(base->dir, &v) == 0 && v.f_blocks > 0) {
		f->disk_total = (double)v.f_blocks * (double)v.f_frsize;
		f->disk_free = (double)v.f_bavail * (double)v.f_frsize;
	}
	certificate(cf->certificate, f);
	arena_free(a);
}

const char *
platform_host_name(void)
{
	static char name[128];

	if (name[0] == '\0' && (gethostname(name, sizeof(name) - 1) != 0 ||
	    name[0] == '\0'))
		memcpy(name, "localhost", 10);
	return name;
}

/* ---- our processes -------------------------------------------------------------- */

/* Ticks of user and system time, and the start time that tells a process from
 * a later one with its number. */
struct ticks {
	int64_t pid, start, used;
};

static bool
ticks_read(struct arena *a, int64_t pid, struct ticks *t)
{
	enum { UTIME = 11, STIME = 12, START = 19 };	/* behind the name */
	struct arena_mark mark = arena_mark(a);
	const char *p = strrchr(file_text(a, arena_printf(a,
	    "/proc/%lld/stat", (long long)pid)), ')');

	*t = (struct ticks){ .pid = pid };
	for (int i = 0; p != NULL && (p = strchr(p, ' ')) != NULL; i++) {
		int64_t v = 0;

		p++;
		if (i != UTIME && i != STIME && i != START)
			continue;
		num_i64(p, strcspn(p, " \n"), &v);
		if (i == START)
			t->start = v;
		else
			t->used += v;
	}
	arena_rewind(a, mark);
	return t->start > 0;
}

static int64_t
open_files(int64_t pid)
{
	char path[64];
	int64_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%lld/fd", (long long)pid);
	if ((d = opendir(path)) == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n > 2 ? n - 2 : 0;
}

static int64_t
resident(struct arena *a, int64_t pid)
{
	struct arena_mark mark = arena_mark(a);
	const char *p = strchr(file_text(a, arena_printf(a,
	    "/proc/%lld/statm", (long long)pid)), ' ');
	int64_t pages = 0;

	if (p != NULL)
		num_i64(p + 1, strcspn(p + 1, " "), &pages);
	arena_rewind(a, mark);
	return pages * sysconf(_SC_PAGESIZE);
}

/* What was used before, as the last look left it in the segment: "ns" and then
 * "pid start used" in each line. */
static int64_t
used_before(const char *text, const struct ticks *t)
{
	const char *p = strchr(text, '\n');
	int64_t v[3];

	for (; p != NULL && *++p != '\0'; p = strchr(p, '\n')) {
		for (int i = 0; i < 3; i++) {
			size_t n = strspn(p, "0123456789");

			v[i] = 0;
			num_i64(p, n, &v[i]);
			p += n + (i < 2 && p[n] == ' ');
		}
		if (v[0] == t->pid && v[1] == t->start)
			return v[2];
	}
	return 0;
}

struct look {
	struct arena *a;
	VEC(struct platform_program) programs;
	char before[CPU_MAX + 1];
	double elapsed_s;		/* since then; 0 = first look */
	struct str after;
};

static struct platform_program *
program_of(struct look *l, const char *pool)
{
	struct platform_program *p;

	for (size_t i = 0; i < l->programs.n; i++)
		if (strcmp(l->programs.v[i].pool, pool) == 0)
			return &l->programs.v[i];
	p = VEC_ADD(l->a, &l->programs);
	p->pool = pool;
	p->cpu = l->elapsed_s > 0 ? 0 : -1;
	return p;
}

static void
look_at(struct look *l, const struct shm_slot *s)
{
	struct platform_program *p = program_of(l, s->pool);
	struct ticks t;

	if (!ticks_read(l->a, s->pid, &t))
		return;
	p->processes++;
	p->resident += resident(l->a, s->pid);
	p->files += open_files(s->pid);
	if (l->elapsed_s > 0)
		p->cpu += (double)(t.used - used_before(l->before, &t)) /
		    (double)sysconf(_SC_CLK_TCK) / l->elapsed_s;
	if (l->after.len + 64 < CPU_MAX)
		str_addf(&l->after, "%lld %lld %lld\n", (long long)t.pid,
		    (long long)t.start, (long long)t.used);
}

size_t
platform_programs(struct env *env, struct arena *a,
    struct platform_program **out)
{
	enum { MAX = 512 };
	struct shm_slot *slot = arena_array(a, MAX, sizeof(*slot));
	size_t n = shm_slots(env->shm, slot, MAX);
	struct look *l = arena_alloc(a, sizeof(*l));
	int64_t now = clock_boot_ns(), was = 0;

	l->a = a;
	n = n < MAX ? n : MAX;
	if (shm_text_get(env->shm, "sample.cpu", l->before,
	    sizeof(l->before), NULL) > 0)
		num_i64(l->before, strcspn(l->before, "\n"), &was);
	if (was > 0 && now > was)
		l->elapsed_s = (double)(now - was) / 1e9;
	str_init(&l->after, a);
	str_addf(&l->after, "%lld\n", (long long)now);
	for (size_t i = 0; i < n; i++)
		if (slot[i].alive)
			look_at(l, &slot[i]);
	shm_text_set(env->shm, "sample.cpu", l->after.p, l->after.len);
	*out = l->programs.v;
	return l->programs.n;
}

/* ---- all of it --------------------------------------------------------------------- */

struct taking {
	struct env *env;
	struct platform_take *t;
};

static void
take_cell(void *arg, const struct metric_cell *c)
{
	struct taking *x = arg;
	const char *by;

	if (platform_history_of(x->env->modules, c->name, &by))
		platform_take_add(x->t, c, by);
}

static int64_t
micro(double v)
{
	return (int64_t)(v * 1e6);
}

static void
take_host(struct env *env, struct platform_take *t)
{
	struct platform_host_facts f;

	platform_host_read(env, &f);
	metric_set(&platform_host_load1, 0, 0, micro(f.load1));
	metric_set(&platform_host_memory, 0, 0, (int64_t)f.memory_total);
	metric_set(&platform_host_memory_available, 0, 0, (int64_t)f.memory_available);
	if (f.disk_total > 0) {
		metric_set(&platform_disk_free, 0, 0, (int64_t)f.disk_free);
		metric_set(&platform_disk_free_ratio, 0, 0, micro(f.disk_free /
		    f.disk_total));
	}
	if (f.has_cert)
		metric_set(&platform_cert_expiry, 0, 0, (int64_t)f.cert_expiry_s);
	platform_take_put(t, "host_cpu_seconds_total", "counter", "mode",
	    "busy", f.cpu_busy_s);
	platform_take_put(t, "host_cpu_seconds_total", "counter", "mode",
	    "idle", f.cpu_idle_s);
	platform_take_put(t, "host_network_bytes_total", "counter",
	    "direction", "in", f.net_in);
	platform_take_put(t, "host_network_bytes_total", "counter",
	    "direction", "out", f.net_out);
}

static void
take_programs(struct env *env, struct platform_take *t)
{
	struct platform_program *p;
	size_t n = platform_programs(env, t->a, &p);

	for (size_t i = 0; i < n; i++)
		platform_take_put(t, "process_resident_bytes", "gauge", "pool",
		    p[i].pool, (double)p[i].resident);
	for (size_t i = 0; i < n; i++)
		platform_take_put(t, "process_open_files", "gauge", "pool",
		    p[i].pool, (double)p[i].files);
	for (size_t i = 0; i < n; i++)
		platform_take_put(t, "process_count", "gauge", "pool",
		    p[i].pool, (double)p[i].processes);
	for (size_t i = 0; i < n; i++)
		if (p[i].cpu >= 0)
			platform_take_put(t, "process_cpu_ratio", "gauge",
			    "pool", p[i].pool, p[i].cpu);
}

void
platform_take_segment(struct env *env, struct platform_take *t)
{
	struct taking x = { env, t };

	metrics_each(env->shm, take_cell, &x);
}

void
platform_take_all(struct env *env, struct platform_take *t)
{
	take_host(env, t);
	take_programs(env, t);
	platform_take_segment(env, t);
}
