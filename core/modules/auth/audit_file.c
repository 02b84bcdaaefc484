/*
 * Anchors: lines "time number seal" appended to <log_dir>/audit.anchor. A
 * file beside the database, so that whoever can write the database cannot cut
 * the tail of the trail unseen. Lines that are none are skipped. Without a log
 * directory there are no anchors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/vec.h"
#include "conf/base.h"
#include "modules/auth/audit.h"

enum { LINE = 160 };

static const char *
anchor_path(struct env *env, struct arena *a)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);

	if (cf->log_dir == NULL || *cf->log_dir == '\0')
		return NULL;
	return arena_printf(a, "%s/audit.anchor", cf->log_dir);
}

static int
failed(const char *what, const char *path, struct err *e)
{
	err_set(e, 500, "audit_anchor", "The audit anchor cannot be %s", what);
	e->native = errno;
	return err_cause(e, "%s: %s", path, strerror(errno));
}

/* "2026-11-21T09:13:18Z 42 <64 hex digits>" */
static bool
anchor_parse(const char *line, struct auth_anchor *out)
{
	const char *seq = strchr(line, ' ');
	const char *hex = seq == NULL ? NULL : strchr(seq + 1, ' ');

	return hex != NULL && num_i64(seq + 1, (size_t)(hex - seq - 1),
	    &out->seq) == NUM_OK && strcspn(hex + 1, "\n") == 64 &&
	    hex_decode(hex + 1, 64, out->seal, sizeof(out->seal)) ==
	    AUTH_SEAL_LEN;
}

int
auth_anchor_write(struct env *env, struct arena *a,
    const struct auth_anchor *anchor, struct utc now, int64_t min_age_s,
    struct err *e)
{
	const char *path = anchor_path(env, a);
	char when[CLOCK_TEXT], hex[2 * AUTH_SEAL_LEN + 1], line[LINE];
	struct stat st;
	int fd, n;

	if (path == NULL || (min_age_s > 0 && stat(path, &st) == 0 &&
	    st.st_mtime > now.us / US_PER_S - min_age_s))
		return 0;
	n = snprintf(line, sizeof(line), "%s %lld %s\n",
	    clock_format(now, when), (long long)anchor->seq,
	    hex_encode(anchor->seal, AUTH_SEAL_LEN, hex));
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0640);
	if (fd == -1)
		return failed("opened", path, e);
	if (write(fd, line, (size_t)n) != n) {
		failed("written", path, e);
		close(fd);
		return -1;
	}
	return close(fd) == 0 ? 0 : failed("written", path, e);
}

int
auth_anchor_read(struct env *env, struct arena *a,
    const struct auth_anchor **out, size_t *n, struct err *e)
{
	const char *path = anchor_path(env, a);
	VEC(struct auth_anchor) v = { 0 };
	struct auth_anchor one;
	char line[LINE];
	FILE *f = path == NULL ? NULL : fopen(path, "re");

	*n = 0;
	if (f == NULL)
		return path == NULL || errno == ENOENT ? 0 :
		    failed("read", path, e);
	while (fgets(line, sizeof(line), f) != NULL)
		if (anchor_parse(line, &one))
			*VEC_ADD(a, &v) = one;
	fclose(f);
	*out = v.v;
	*n = v.n;
	return 0;
}
