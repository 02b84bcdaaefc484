/*
 * Reads shared test data. A missing file is never a silent success: it is said,
 * and it fails where everything must be there (CI).
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/data.h"

char *
data_read(struct arena *a, const char *name, size_t *n)
{
	const char *root = getenv("SHARED");
	char buf[8192], *path;
	struct str s;
	gzFile f;
	int got;

	path = arena_printf(a, "%s/data/%s", root != NULL ? root : "../shared",
	    name);
	if ((f = gzopen(path, "rb")) == NULL) {
		printf("not run: %s is missing\n", path);
		if (getenv("CI") != NULL)
			fail_msg("%s is missing", path);
		return NULL;
	}
	str_init(&s, a);
	while ((got = gzread(f, buf, sizeof(buf))) > 0)
		str_addn(&s, buf, (size_t)got);
	gzclose(f);
	assert_int_equal(got, 0);
	*n = s.len;
	return s.p;
}
