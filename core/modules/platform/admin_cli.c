/*
 * `quincunx admin init`: makes the first admin and leaves {url, email,
 * password} in a file that only its owner reads. The file is replaced whole
 * or not at all; run again it only brings the URL up to date.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/auth/auth.h"
#include "modules/platform/admin.h"
#include "modules/platform/terminal.h"
#include "schema/schema.h"

enum { FILE_MAX = 16384 };

struct admin {
	const char *url, *email, *password;
};

static const struct field fields[] = {
	FIELD(struct admin, url, .flags = FF_REQUIRED),
	FIELD(struct admin, email, .flags = FF_REQUIRED),
	FIELD(struct admin, password, .flags = FF_REQUIRED),
	FIELD_END
};
static const struct schema schema = {
	.name = "AdminFile", .size = sizeof(struct admin), .fields = fields
};

static int
fail_errno(struct err *e, const char *what, const char *path)
{
	err_set(e, 500, "file", "Cannot %s %s", what, path);
	e->native = errno;
	return err_cause(e, "%s", strerror(errno));
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put == -1 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		p += put;
		n -= (size_t)put;
	}
	return fsync(fd);
}

static int
admin_write(struct arena *a, const char *path, const struct admin *ad,
    struct err *e)
{
	const char *tmp = arena_printf(a, "%s.%ld.tmp", path, (long)getpid());
	struct str s;
	int fd, bad;

	str_init(&s, a);
	schema_encode(&schema, ad, &s);
	str_addc(&s, '\n');
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return fail_errno(e, "create", tmp);
	bad = write_all(fd, s.p, s.len) == -1;
	if (close(fd) == -1 || bad || rename(tmp, path) == -1) {
		fail_errno(e, "write", path);
		unlink(tmp);
		return -1;
	}
	return 0;
}

/* 0 read, 1 absent, -1 error. */
static int
admin_read(struct arena *a, const char *path, struct admin *ad, struct err *e)
{
	char *buf = arena_alloc(a, FILE_MAX);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;
	uint64_t seen;

	if (fd == -1)
		return errno == ENOENT ? 1 : fail_errno(e, "read", path);
	n = read(fd, buf, FILE_MAX);
	close(fd);
	if (n < 0)
		return fail_errno(e, "read", path);
	return schema_decode_json(&schema, buf, (size_t)n, path, false, a, ad,
	    &seen, e);
}

static int
admin_make(struct env *env, const char *email, const char *url,
    const char *out, struct err *e)
{
	struct admin ad = { url, email, NULL };
	int rc = auth_keys_check(env, e);	/* also makes our own secrets */

	if (rc == 0)
		rc = auth_first_admin(env, env->a, email, &ad.password, e);
	if (rc == -1)
		return -1;
	if (rc == 0) {
		if (admin_write(env->a, out, &ad, e) == -1)
			return -1;
		printf("first admin %s; login in %s\n", email, out);
		return 0;
	}
	rc = admin_read(env->a, out, &ad, e);
	if (rc == -1)
		return -1;
	if (rc == 1) {
		printf("an admin exists already; `quincunx user reset EMAIL` "
		    "makes a new password\n");
		return 0;
	}
	ad.url = url;
	return admin_write(env->a, out, &ad, e);
}

static int
admin_init(struct env *env, int argc, char **argv)
{
	const char *email = NULL, *url = NULL, *out = NULL;
	struct option_walk w = { argc, 0, argv };
	struct err e = { 0 };

	while (platform_terminal_option(&w, "--email", &email) ||
	    platform_terminal_option(&w, "--url", &url) ||
	    platform_terminal_option(&w, "--out", &out))
		;
	if (w.i != argc || email == NULL || url == NULL || out == NULL)
		return platform_terminal_usage("admin init --email E --url U "
		    "--out FILE");
	if (admin_make(env, email, url, out, &e) == -1)
		return platform_terminal_error(&e);
	return 0;
}

const struct command platform_admin_commands[] = {
	{ "admin init", "--email E --url U --out FILE", "Makes the first "
	  "admin, once, and writes {url, email, password} to FILE (0600)",
	  false, admin_init },
	{ .name = NULL }
};
