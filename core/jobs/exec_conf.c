/*
 * Files of exec types. The type's name is the file's, so names are unique and
 * the file of a type is found without asking. Refuses files and directories
 * that others could have written, names that are taken, programs that are not
 * given by an absolute path, and variables that could carry our secrets. A
 * refused file still names a type: its jobs wait for a better file instead of
 * vanishing.
 */
#include <sys/types.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "db/table.h"
#include "jobs/exec.h"
#include "module.h"

static const struct setting dir_rows[] = {
	SETTING(struct exec_conf, dir, "jobs.exec_dir", .def = "exec.d",
	    .flags = SET_PATH, .doc = "Job types that are programs: a file "
	    "<type>.conf each; an absent directory has none"),
	SETTING_END
};
const struct settings exec_settings = { .name = "exec",
    .size = sizeof(struct exec_conf), .rows = dir_rows };

struct exec_file {
	const char *doc, *queue, *priority, *permission, *dir;
	const char *const *argv, *const *env;
	int64_t tries, timeout_s, backoff_s, backoff_max_s, max_crashes;
	int64_t cpu_s, memory_mib, files, output_kib, grace_s, drain_s;
	bool api;
};

#define FILE_ROW(m, ...) SETTING(struct exec_file, m, #m, __VA_ARGS__)

static const char *const no_secrets[] = { "LD_PRELOAD", "LD_AUDIT",
    "DATABASE_URL", "JWT_SECRET_KEY", "ENCRYPTION_KEY", "REDIS_URL", NULL };

static const struct setting file_rows[] = {
	FILE_ROW(doc, .def = "", .doc = "What it does, in a sentence"),
	FILE_ROW(argv, .def = "", .flags = SET_REQUIRED,
	    .doc = "Program by its absolute path, and its arguments"),
	FILE_ROW(dir, .def = "/", .doc = "Working directory"),
	FILE_ROW(env, .def = "PATH,LANG,LC_ALL,TZ", .doc = "Its environment: "
	    "NAME is passed on from the worker, NAME=value is set"),
	FILE_ROW(api, .def = "true", .doc = "May be enqueued over HTTP"),
	FILE_ROW(permission, .def = "jobs:create", .doc = "Who may enqueue it"),
	FILE_ROW(queue, .def = "default", .doc = "Queue"),
	FILE_ROW(priority, .def = "normal", .oneof = job_lane_names,
	    .doc = "Priority"),
	FILE_ROW(tries, .def = "5", .min = 1, .max = 100, .unit = "tries",
	    .doc = "Tries in all"),
	FILE_ROW(timeout_s, .def = "300", .min = 1, .max = 86400,
	    .unit = "seconds", .doc = "SIGTERM after"),
	FILE_ROW(backoff_s, .def = "1", .min = 1, .max = 86400,
	    .unit = "seconds", .doc = "First delay before another try, "
	    "doubled each time"),
	FILE_ROW(backoff_max_s, .def = "3600", .min = 1, .max = 604800,
	    .unit = "seconds", .doc = "Longest such delay"),
	FILE_ROW(max_crashes, .def = "2", .min = 1, .max = 20,
	    .unit = "crashes", .doc = "Quarantined after so many deaths of "
	    "the worker's own process"),
	FILE_ROW(cpu_s, .def = "0", .min = 0, .max = 86400, .unit = "seconds",
	    .doc = "Processor time of each of its processes; 0 = no cap"),
	FILE_ROW(memory_mib, .def = "512", .min = 0, .max = 1048576,
	    .unit = "MiB", .doc = "Data of each of its processes; 0 = no "
	    "cap"),
	FILE_ROW(files, .def = "256", .min = 8, .max = 65536, .unit = "files",
	    .doc = "Open files of each of its processes"),
	FILE_ROW(output_kib, .def = "256", .min = 1, .max = 4096, .unit = "KiB",
	    .doc = "Longest line, and most output besides progress"),
	FILE_ROW(grace_s, .def = "5", .min = 0, .max = 300, .unit = "seconds",
	    .doc = "SIGKILL so long after SIGTERM"),
	FILE_ROW(drain_s, .def = "20", .min = 0, .max = 3600, .unit = "seconds",
	    .doc = "Runs on so long while the worker wants to end; less than "
	    "worker.drain"),
	SETTING_END
};
const struct settings exec_file_settings = { .name = "exec_file",
    .size = sizeof(struct exec_file), .rows = file_rows };

/* ---- one file -------------------------------------------------------------------- */

struct load {
	struct arena *a;
	const struct module *const *mods;
	const char *path;
	const struct conf *conf;
	struct err *e;
};

/* Place of a setting: "file:line", or the file. */
static int
refuse(struct load *l, const char *setting, const char *why)
{
	const struct conf_item *v;
	size_t n = l->conf != NULL ? conf_items(l->conf, l->a, &v) : 0;
	const char *at = l->path;

	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].path, setting) == 0 &&
		    strcmp(v[i].origin, "default") != 0)
			at = v[i].origin;
	return err_set(l->e, 500, "config", "%s: %s: %s", at, setting, why);
}

static bool
permission_exists(const struct module *const *mods, const char *name)
{
	for (; *mods != NULL; mods++)
		for (const struct permission *p = (*mods)->permissions;
		    p != NULL && p->name != NULL; p++)
			if (strcmp(p->name, name) == 0)
				return true;
	return false;
}

static int
check_env(struct load *l, const char *const *env)
{
	for (; *env != NULL; env++) {
		size_t n = strcspn(*env, "=");

		if (n == 0)
			return refuse(l, "env", "a variable without a name");
		if (strncmp(*env, "QUINCUNX_", 9) == 0)
			return refuse(l, "env", "QUINCUNX_ names are ours");
		for (size_t i = 0; no_secrets[i] != NULL; i++)
			if (strncmp(*env, no_secrets[i], n) == 0 &&
			    no_secrets[i][n] == '\0')
				return refuse(l, "env", arena_printf(l->a,
				    "%s is not passed on", no_secrets[i]));
	}
	return 0;
}

static int
check_file(struct load *l, const struct exec_file *f)
{
	struct stat st;

	if (f->argv[0][0] != '/')
		return refuse(l, "argv", "the program needs its absolute "
		    "path");
	if (stat(f->argv[0], &st) == -1 || !S_ISREG(st.st_mode) ||
	    access(f->argv[0], X_OK) == -1)
		return refuse(l, "argv", arena_printf(l->a, "%s is not a "
		    "program that can be run", f->argv[0]));
	if (f->dir[0] != '/' || stat(f->dir, &st) == -1 ||
	    !S_ISDIR(st.st_mode))
		return refuse(l, "dir", "not an absolute path of a "
		    "directory");
	if (!permission_exists(l->mods, f->permission))
		return refuse(l, "permission", "there is no such permission");
	return check_env(l, f->env);
}

/* Only we and root may have written it. */
static int
check_owner(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return err_set(e, 500, "config", "%s: %s", path,
		    strerror(errno));
	if (st.st_mode & S_IWOTH)
		return err_set(e, 500, "config", "%s: writable by everybody",
		    path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(e, 500, "config", "%s: neither root's nor the "
		    "service user's", path);
	return 0;
}

static void
fill(struct exec_type *x, const struct exec_file *f)
{
	struct job *j = &x->job[0];

	j->doc = f->doc;
	j->queue = f->queue;
	for (int i = 0; i < LANES; i++)
		if (strcmp(job_lane_names[i], f->priority) == 0)
			j->lane = (enum job_lane)i;
	j->flags = JOB_RAW | (f->api ? JOB_API : 0);
	j->tries = (int)f->tries;
	j->timeout_s = (int)f->timeout_s;
	j->backoff_s = (int)f->backoff_s;
	j->backoff_max_s = (int)f->backoff_max_s;
	j->max_crashes = (int)f->max_crashes;
	j->permission = f->permission;
	x->argv = f->argv;
	x->env = f->env;
	x->dir = f->dir;
	x->cpu_s = f->cpu_s;
	x->memory_mib = f->memory_mib;
	x->files = f->files;
	x->output_kib = f->output_kib;
	x->grace_s = f->grace_s;
	x->drain_s = f->drain_s;
}

static int
load_file(struct load *l, struct exec_type *x)
{
	static const struct settings *const groups[] = { &exec_file_settings,
	    NULL };
	static char *no_env[] = { NULL };
	struct conf_source src = { .file = l->path, .file_required = true,
	    .env = no_env };
	const struct job *taken = job_find(l->mods, x->job[0].name);
	struct conf *conf;
	const struct exec_file *f;

	if (check_owner(l->path, l->e) == -1)
		return -1;
	if (taken != NULL && exec_of(taken) == NULL)
		return err_set(l->e, 500, "config", "%s: %s is a type of this "
		    "application already", l->path, x->job[0].name);
	if (conf_load(&conf, l->a, groups, &src, l->e) == -1)
		return -1;
	l->conf = conf;
	f = conf_get(conf, &exec_file_settings);
	if (check_file(l, f) == -1)
		return -1;
	fill(x, f);
	return 0;
}

/* ---- the directory ------------------------------------------------------------------ */

/* Length of the type's name in "<type>.conf", 0 = another kind of file. */
static size_t
type_length(const char *name)
{
	size_t n = strlen(name);

	if (n <= 5 || n > 64 + 5 || strcmp(name + n - 5, ".conf") != 0 ||
	    !isalnum((unsigned char)name[0]))
		return 0;
	for (size_t i = 0; i < n - 5; i++)
		if (!islower((unsigned char)name[i]) &&
		    !isdigit((unsigned char)name[i]) &&
		    strchr("._-", name[i]) == NULL)
			return 0;
	return n - 5;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct names {
	const char **v;
	size_t n, cap;
};

static int
names_of(struct arena *a, const char *dir, struct names *out, struct err *e)
{
	struct dirent *d;
	DIR *dp = opendir(dir);

	if (dp == NULL)
		return errno == ENOENT ? 0 : err_set(e, 500, "config",
		    "jobs.exec_dir %s: %s", dir, strerror(errno));
	while ((d = readdir(dp)) != NULL)
		if (type_length(d->d_name) > 0)
			*VEC_ADD(a, out) = arena_strdup(a, d->d_name);
	closedir(dp);
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), by_name);
	return out->n > 0 ? check_owner(dir, e) : 0;
}

static struct exec_type *
type_new(struct load *l, const char *file, const char *dir)
{
	struct exec_type *x = arena_alloc(l->a, sizeof(*x));
	struct err e = { 0 };

	l->path = arena_printf(l->a, "%s/%s", dir, file);
	l->conf = NULL;
	l->e = &e;
	x->job[0].name = arena_strndup(l->a, file, type_length(file));
	x->job[0].run = exec_run;
	if (load_file(l, x) == -1) {
		x->fault = arena_strdup(l->a, e.detail);
		x->job[0].doc = x->fault;
		x->job[0].flags = JOB_RAW;
	}
	return x;
}

static const struct module *
module_of(struct arena *a, const struct job *const *jobs)
{
	static const char *const needs[] = { "platform", NULL };
	struct module *m = arena_alloc(a, sizeof(*m));

	m->name = "exec";
	m->doc = "Job types that are programs of this installation";
	m->needs = needs;
	m->jobs = jobs;
	return m;
}

int
exec_modules(struct arena *a, const char *dir,
    const struct module *const *mods, const struct module *const **out,
    const char *const **faults, struct err *e)
{
	struct load l = { .a = a, .mods = mods };
	VEC(const char *) bad = { 0 };
	VEC(const struct job *) jobs = { 0 };
	VEC(const struct module *) v = { 0 };
	struct names names = { 0 };

	*VEC_ADD(a, &bad) = NULL;
	*faults = bad.v;
	*out = mods;
	if (*dir == '\0')
		return 0;
	if (names_of(a, dir, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		struct exec_type *x = type_new(&l, names.v[i], dir);

		if (x->fault != NULL) {
			bad.v[bad.n - 1] = x->fault;
			*VEC_ADD(a, &bad) = NULL;
		}
		*VEC_ADD(a, &jobs) = x->job;
	}
	*faults = bad.v;
	if (jobs.n == 0)
		return 0;
	*VEC_ADD(a, &jobs) = NULL;
	for (; *mods != NULL; mods++)
		*VEC_ADD(a, &v) = *mods;
	*VEC_ADD(a, &v) = module_of(a, jobs.v);
	*VEC_ADD(a, &v) = NULL;
	*out = v.v;
	return 0;
}

const struct exec_type *
exec_of(const struct job *j)
{
	return j != NULL && j->run == exec_run ?
	    (const struct exec_type *)(const void *)j : NULL;
}
