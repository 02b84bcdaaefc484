/*
 * `quincunx config`: checks, samples, shows, and makes keys. Never prints a
 * secret that is configured.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "db/env.h"
#include "http/http.h"
#include "jobs/exec.h"
#include "modules/auth/auth.h"
#include "modules/platform/setting.h"
#include "modules/platform/terminal.h"

/* The file was loaded before we came here; what is left are the keys and the
 * tables. */
static int
config_check(struct env *env)
{
	const struct conf_item *items;
	const struct exec_conf *exec = conf_get(env->conf, &exec_settings);
	const struct module *const *mods;
	const char *const *faults;
	struct err e = { 0 };
	struct http *h;

	if (exec_modules(env->a, exec->dir, env->modules, &mods, &faults,
	    &e) == -1)
		return platform_terminal_error(&e);
	for (size_t i = 0; faults[i] != NULL; i++)
		fprintf(stderr, "%s\n", faults[i]);
	if (faults[0] != NULL)
		return 1;
	if (auth_keys_open(env, &e) == -1 ||
	    http_open(&h, env, &auth_http_hooks, &e) == -1)
		return platform_terminal_error(&e);
	printf("configuration is valid: %zu settings, %zu routes\n",
	    conf_items(env->conf, env->a, &items), http_route_count(h));
	return 0;
}

static int
config_sample(struct env *env, const char *kind)
{
	static const struct settings *const exec[] = { &exec_file_settings,
	    NULL };
	struct str out;

	str_init(&out, env->a);
	if (strcmp(kind, "exec") == 0) {
		conf_sample(exec, CONF_LIBCONFIG, &out);
		return platform_terminal_write(&out);
	}
	if (strcmp(kind, "conf") != 0 && strcmp(kind, "env") != 0)
		return platform_terminal_usage("config --sample=conf|env|exec");
	conf_sample(conf_groups(env->conf), strcmp(kind, "env") == 0 ?
	    CONF_ENV : CONF_LIBCONFIG, &out);
	return platform_terminal_write(&out);
}

static int
config_effective(struct env *env)
{
	const struct conf_item *items;
	size_t n = conf_items(env->conf, env->a, &items);
	struct str out;

	str_init(&out, env->a);
	for (size_t i = 0; i < n; i++) {
		str_addf(&out, "%s = ", items[i].path);
		str_term(&out, items[i].value, strlen(items[i].value));
		str_add(&out, "\t# ");
		str_term(&out, items[i].origin, strlen(items[i].origin));
		str_addc(&out, '\n');
	}
	return platform_terminal_write(&out);
}

static int
config(struct env *env, int argc, char **argv)
{
	const char *what = argc == 1 ? argv[0] : "";
	char key[CRYPTO_KEY_TEXT];

	if (strcmp(what, "--check") == 0)
		return config_check(env);
	if (strncmp(what, "--sample=", 9) == 0)
		return config_sample(env, what + 9);
	if (strcmp(what, "--effective") == 0)
		return config_effective(env);
	if (strcmp(what, "--new-key") == 0) {
		crypto_new_key(key);
		return printf("%s\n", key) < 0;
	}
	return platform_terminal_usage("config --check | "
	    "--sample=conf|env|exec | --effective | --new-key");
}

const struct command platform_setting_commands[] = {
	{ "config",
	  "--check | --sample=conf|env|exec | --effective | --new-key",
	  "Checks the configuration, prints a sample or what is in force with "
	  "its origin, or makes a key for ENCRYPTION_KEY and JWT_SECRET_KEY",
	  COMMAND_ALONE, config },
	{ .name = NULL }
};
