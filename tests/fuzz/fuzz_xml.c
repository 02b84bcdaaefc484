/*
 * Any bytes through the XML reader: what it reports is within its bounds,
 * balanced and valid; what it refuses has one clear error.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "net/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct watch {
	size_t depth, calls, stop_at;
};

static size_t
levels(const struct xml_node *n)
{
	size_t k = *n->path != '\0';

	for (const char *p = n->path; *p != '\0'; p++)
		k += *p == '/';
	return k + 1;
}

static int
step(struct watch *w, struct err *err)
{
	return w->stop_at != 0 && ++w->calls == w->stop_at ?
	    err_set(err, 418, "mine", "enough") : 0;
}

static int
on_open(void *arg, const struct xml_node *n, struct err *err)
{
	struct watch *w = arg;

	ASSERT(++w->depth <= XML_DEPTH_MAX);
	ASSERT(levels(n) == w->depth);
	ASSERT(strlen(n->root) > 0 && strlen(n->root) <= XML_NAME_MAX);
	ASSERT(n->len == 0 && *n->text == '\0');
	ASSERT(n->line > 0 && n->column > 0);
	return step(w, err);
}

static int
on_close(void *arg, const struct xml_node *n, struct err *err)
{
	struct watch *w = arg;

	ASSERT(levels(n) == w->depth && w->depth-- > 0);
	ASSERT(n->len <= XML_TEXT_MAX && strlen(n->text) == n->len);
	ASSERT(utf8_valid(n->text, n->len) && utf8_valid(n->path,
	    strlen(n->path)));
	return step(w, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(4 << 20);
	struct watch w = { .stop_at = n > 0 && in[0] == ' ' ? n : 0 };
	struct xml_reader r = { on_open, on_close, &w, 1 << 20 };
	struct err err = { 0 };
	int rc = xml_read(a, in, n, &r, &err);

	ASSERT((rc == 0) == (err.status == 0));
	ASSERT(rc == -1 || w.depth == 0);
	ASSERT(rc == 0 || err.detail[0] != '\0');
	arena_free(a);
	return 0;
}
