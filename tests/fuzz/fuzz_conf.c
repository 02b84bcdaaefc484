/*
 * Any bytes as a configuration file, as a variable, an override and a value:
 * either it loads or one error names a place; a loaded integer is within its
 * bounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "conf/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the text it was collecting when the syntax breaks off;
 * a refused configuration is read once. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

struct fuzz_conf {
	int64_t n;
	double r;
	bool b;
	const char *s, *u;
	const char *const *l;
};

#define ROW(m, p, ...) SETTING(struct fuzz_conf, m, p, __VA_ARGS__)
static const struct setting rows[] = {
	ROW(n, "f.n", .def = "5", .min = 1, .max = 3000000000),
	ROW(r, "f.r", .def = "0.5", .min = 0, .max = 1),
	ROW(b, "f.g.b", .def = "no"),
	ROW(s, "f.g.s", .flags = SET_SECRET),
	ROW(u, "f.u", .flags = SET_URL),
	ROW(l, "f.l", .doc = "List"),
	SETTING_END
};
static const struct settings group = { .name = "f",
    .size = sizeof(struct fuzz_conf), .rows = rows };
static const struct settings *const groups[] = { &base_settings, &group,
    NULL };

static void
try(struct arena *a, const char *file, char *const *env,
    const char *const *overrides)
{
	struct conf_source src = { .file = file, .env = env,
	    .overrides = overrides };
	const struct conf_item *items;
	const struct fuzz_conf *f;
	struct err err = { 0 };
	struct conf *c;

	if (conf_load(&c, a, groups, &src, &err) != 0) {
		ASSERT(err.status == 500 && strchr(err.detail, ':') != NULL);
		return;
	}
	f = conf_get(c, &group);
	ASSERT(f->n >= 1 && f->n <= 3000000000);
	ASSERT(f->r >= 0 && f->r <= 1);
	ASSERT(f->s != NULL && f->u != NULL && f->l != NULL);
	ASSERT(*f->u == '\0' || strncasecmp(f->u, "http", 4) == 0);
	ASSERT(conf_items(c, a, &items) > 0 && conf_hash(c) != 0);
}

/* The loader reads files; an anonymous one is enough. */
static void
as_file(struct arena *a, const uint8_t *in, size_t n, char *const *env)
{
	int fd = memfd_create("conf", 0);
	char path[32];

	if (fd == -1 || write(fd, in, n) != (ssize_t)n ||
	    fchmod(fd, 0600) != 0)
		abort();
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	try(a, path, env, NULL);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(256 << 20);
	const char *text = arena_strndup(a, (const char *)in, n);
	const char *over[] = { text, NULL };
	char *env[] = { arena_printf(a, "QUINCUNX_%s", text), NULL };
	char *none[] = { NULL };

	if (n <= 65536)
		as_file(a, in, n, none);
	try(a, "/nonexistent", env, NULL);
	try(a, "/nonexistent", none, over);
	env[0] = arena_printf(a, "QUINCUNX_F_N=%s", text);
	try(a, "/nonexistent", env, NULL);
	env[0] = arena_printf(a, "QUINCUNX_F_U=%s", text);
	try(a, "/nonexistent", env, NULL);
	env[0] = arena_printf(a, "QUINCUNX_F_L=%s", text);
	try(a, "/nonexistent", env, NULL);
	arena_free(a);
	return 0;
}
