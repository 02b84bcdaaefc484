/*
 * From the command line to struct env. Order matters: harden, configure,
 * forget the secrets in the environment, log, then everything else. Nothing
 * here talks to the database; the handle connects at its first statement, so
 * that a fork inherits no connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "conf/base.h"
#include "db/db.h"
#include "http/http.h"
#include "jobs/exec.h"
#include "jobs/queue.h"
#include "module.h"
#include "modules/auth/auth.h"
#include "modules/platform/dependency.h"
#include "modules/platform/error.h"
#include "net/net.h"
#include "app/responder.h"
#include "app/worker.h"
#include "proc/bell.h"
#include "proc/proc.h"
#include "shm/shm.h"

enum { PROCESS_CAP = 64 << 20 };

static const struct settings *const kernel_settings[] = {
	&base_settings, &db_settings, &http_settings, &net_settings,
	&resilience_settings,
	&jobs_settings, &exec_settings, &responder_settings,
	&worker_settings, NULL
};

const struct settings *const *
app_settings(struct arena *a, const struct module *const *mods)
{
	VEC(const struct settings *) v = { 0 };

	for (size_t i = 0; kernel_settings[i] != NULL; i++)
		*VEC_ADD(a, &v) = kernel_settings[i];
	for (; *mods != NULL; mods++)
		for (const struct settings *const *s = (*mods)->settings;
		    s != NULL && *s != NULL; s++)
			*VEC_ADD(a, &v) = *s;
	*VEC_ADD(a, &v) = NULL;
	return v.v;
}

static bool
named(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static bool
contains(const struct module *const *mods, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(mods[i]->name, name) == 0)
			return true;
	return false;
}

int
app_enable(struct arena *a, const struct module *const *all,
    const char *const *names, const struct module *const **out, struct err *e)
{
	VEC(const struct module *) v = { 0 };
	bool every = names == NULL || *names == NULL;

	for (size_t i = 0; all[i] != NULL; i++) {
		/* identity and platform carry the others */
		bool core = strcmp(all[i]->name, "auth") == 0 ||
		    strcmp(all[i]->name, "platform") == 0;

		if (!every && !core && !named(names, all[i]->name))
			continue;
		for (const char *const *n = all[i]->needs;
		    n != NULL && *n != NULL; n++)
			if (!contains(v.v, v.n, *n))
				return err_set(e, 500, "modules",
				    "module %s needs %s: add it to "
				    "modules.enabled", all[i]->name, *n);
		*VEC_ADD(a, &v) = all[i];
	}
	for (const char *const *n = names; n != NULL && *n != NULL; n++)
		if (!contains(v.v, v.n, *n))
			return err_set(e, 500, "modules",
			    "modules.enabled names \"%s\", which does not "
			    "exist", *n);
	*VEC_ADD(a, &v) = NULL;
	*out = v.v;
	return 0;
}

/* -c FILE and -o KEY=VALUE, up to the first other word. */
static int
boot_options(struct boot *b, struct arena *a, struct err *e)
{
	VEC(const char *) over = { 0 };
	int i = 1;

	while (i + 1 < b->argc && (strcmp(b->argv[i], "-c") == 0 ||
	    strcmp(b->argv[i], "-o") == 0)) {
		if (b->argv[i][1] == 'c')
			b->file = b->argv[i + 1];
		else
			*VEC_ADD(a, &over) = b->argv[i + 1];
		i += 2;
	}
	if (i < b->argc && (strcmp(b->argv[i], "-c") == 0 ||
	    strcmp(b->argv[i], "-o") == 0))
		return err_set(e, 500, "usage", "%s needs a value",
		    b->argv[i]);
	*VEC_ADD(a, &over) = NULL;
	b->overrides = over.v;
	b->argv[i - 1] = b->argv[0];
	b->argc -= i - 1;
	b->argv += i - 1;
	return 0;
}

static int
boot_log(const struct base_conf *cf, const struct boot *b, struct err *e)
{
	int level = cf->debug ? LOG_DEBUG : log_level_parse(cf->log_level);
	struct log_options lo = { .dir = cf->log_dir, .json = cf->log_json,
	    .level = level < 0 ? LOG_INFO : (enum log_level)level,
	    .also_stderr = b->flags & BOOT_STDERR };

	log_on_error(platform_error_log);
	return log_setup(&lo, e);
}

static int
boot_env(struct env *env, const struct boot *b, struct err *e)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	struct err theirs = { .status = 0 };
	struct db *db;

	if (geteuid() == 0 && *cf->user != '\0' &&
	    proc_drop(cf->user, false, e) == -1)
		return -1;
	if (b->flags & BOOT_ALONE && proc_run_dir(cf->run_dir, &theirs) == -1)
		return 0;
	if (proc_run_dir(cf->run_dir, e) == -1 ||
	    (*cf->log_dir != '\0' && proc_run_dir(cf->log_dir, e) == -1) ||
	    boot_log(cf, b, e) == -1)
		return -1;
	bell_dir(cf->run_dir);
	if (app_segment(env, cf->run_dir, e) == -1 ||
	    net_open(&env->net, env->a, conf_get(env->conf, &net_settings),
	    env->shm, e) == -1)
		return -1;
	if (!(b->flags & BOOT_NO_KEYS) && auth_keys_open(env, e) == -1)
		return -1;
	if (db_open(&db, env->a, conf_get(env->conf, &db_settings), e) == -1) {
		if (!(b->flags & BOOT_NO_KEYS))
			return -1;
		err_clear(e);	/* commands without a database */
		db = NULL;
	}
	env->db = db;
	net_on_fresh(env->net, platform_dependency_fresh, env);
	return 0;
}

/* Programs that are job types. A reload goes on with the good ones. */
static int
boot_exec(struct env *env, const struct boot *b, bool start, struct err *e)
{
	const struct exec_conf *cf = conf_get(env->conf, &exec_settings);
	const char *const *faults;

	if (exec_modules(env->a, cf->dir, env->modules, &env->modules,
	    &faults, e) == -1)
		return -1;
	if (*faults != NULL && start && (b->flags & BOOT_EXEC))
		return err_set(e, 500, "config", "%s", *faults);
	for (; *faults != NULL; faults++)
		log_error("scheduler", "an exec type cannot be used",
		    KV("cause", *faults));
	return 0;
}

static int
boot_load(struct env **out, const struct boot *b, bool start, struct err *e)
{
	struct arena *a = arena_new(PROCESS_CAP);
	struct env *env = arena_alloc(a, sizeof(*env));
	struct conf_source src = { .file = b->file,
	    .file_required = b->file != NULL, .env = b->env,
	    .overrides = b->overrides };
	struct conf *conf;
	const struct base_conf *cf;

	arena_set_secret(a);
	env->a = a;
	env->program = b->program;
	env->process = uuid_new();
	env->modules = b->modules;
	if (conf_load(&conf, a, app_settings(a, b->modules), &src, e) == -1)
		goto fail;
	env->conf = conf;
	conf_redact(conf);
	cf = conf_get(conf, &base_settings);
	if (app_enable(a, b->modules, cf->modules, &env->modules, e) == -1 ||
	    boot_env(env, b, e) == -1 || boot_exec(env, b, start, e) == -1)
		goto fail;
	*out = env;
	return 0;
fail:
	shm_detach(env->shm);
	arena_free(a);
	return -1;
}

int
app_reload(struct env **out, const struct boot *b, struct err *e)
{
	return boot_load(out, b, false, e);
}

int
app_boot(struct env **out, struct boot *b, struct err *e)
{
	struct arena *a = b->a = arena_new(1 << 20);

	proc_harden();
	if (proc_is_web_user())
		return err_set(e, 500, "web_user",
		    "refusing to run as the web server's user: whatever runs "
		    "beside us there could read our keys. Start %s as a user "
		    "of its own (spawn-fcgi -u quincunx, suexec, or a systemd "
		    "socket)", b->program);
	arena_set_secret(a);
	b->env = conf_env_copy(a);	/* for reloads: environ is wiped */
	if (boot_options(b, a, e) == -1 || boot_load(out, b, true, e) == -1)
		return -1;
	conf_wipe_env((*out)->conf);
	return 0;
}

void
app_env_free(struct env *env)
{
	if (env == NULL)
		return;
	shm_detach(env->shm);
	arena_free(env->a);
}

void
app_end(struct env *env, struct boot *b)
{
	app_env_free(env);
	arena_free(b->a);
	b->a = NULL;
}

int
app_die(const char *program, const struct err *e)
{
	fprintf(stderr, "%s: %s%s%s\n", program,
	    e->detail[0] != '\0' ? e->detail : "failed",
	    e->cause[0] != '\0' ? ": " : "", e->cause);
	return 1;
}
