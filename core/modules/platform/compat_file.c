/*
 * Reads a document that somebody else has written: bounded, gzipped or not
 * (zlib reads both), JSON only.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "base/str.h"
#include "modules/platform/compat.h"
#include "schema/tree.h"

enum { DOCUMENT_MAX = 16 << 20, PIECE = 65536 };

static void
close_gz(void *gz)
{
	gzclose(gz);
}

static int
not_json(const struct str *s, const char *file, struct err *e)
{
	size_t skip = strspn(s->p, " \t\r\n");

	if (s->p[skip] == '{')
		return -1;
	err_clear(e);
	return err_set(e, 422, "openapi", "%.100s is not JSON: take the "
	    "backend's /openapi.json, or turn YAML into JSON first", file);
}

int
platform_compat_read(struct arena *a, const char *file,
    const struct tree **out, struct err *e)
{
	gzFile gz = gzopen(file, "rbe");
	struct str s;
	int n;

	if (gz == NULL)
		return err_set(e, 422, "openapi", "%.100s: %s", file,
		    strerror(errno != 0 ? errno : ENOMEM));
	arena_defer(a, close_gz, gz);
	str_init(&s, a);
	do {
		str_reserve(&s, PIECE);
		n = gzread(gz, s.p + s.len, PIECE);
		if (n > 0)
			s.len += (size_t)n;
	} while (n > 0 && s.len < DOCUMENT_MAX);
	if (n != 0)
		return err_set(e, 422, "openapi", n < 0 ?
		    "%.100s cannot be read or is damaged" :
		    "%.100s is larger than 16 MiB", file);
	s.p[s.len] = '\0';
	return tree_parse(a, s.p, s.len, out, e) == 0 ? 0 :
	    not_json(&s, file, e);
}
