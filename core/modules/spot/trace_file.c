/*
 * Reads availability traces, plain or gzip, in the form of the published
 * ones. Refuses values other than 0 and 1, files that unpack to more than
 * 64 MiB, and traces longer than SPOT_TRACE_MAX ticks.
 */
#include <errno.h>
#include <string.h>

#include <zlib.h>

#include "base/arena.h"
#include "modules/spot/trace.h"
#include "schema/schema.h"

enum { FILE_MAX = 64 << 20, CHUNK = 1 << 16 };

struct metadata {
	double gap_seconds;
};
static const struct field metadata_fields[] = {
	FIELD(struct metadata, gap_seconds, .flags = FF_REQUIRED | FF_XMIN,
	    .min = 0, .max = 1000000, .doc = "Length of a tick"),
	FIELD_END
};
static const struct schema metadata_schema = {
	.name = "SpotTraceMetadata", .doc = "About a trace",
	.size = sizeof(struct metadata), .fields = metadata_fields
};

struct document {
	const void *metadata;
	struct list data;
};
static const struct field document_fields[] = {
	FIELD(struct document, metadata, .flags = FF_NULLABLE,
	    .sub = &metadata_schema, .doc = "About the trace"),
	FIELD(struct document, data, .flags = FF_REQUIRED, .elem = FT_INT,
	    .min = 1, .max = SPOT_TRACE_MAX, .doc = "A number for each tick"),
	FIELD_END
};
static const struct schema document_schema = {
	.name = "SpotTrace", .doc = "A recorded availability trace",
	.size = sizeof(struct document), .fields = document_fields
};

static int
take(struct arena *a, const struct document *d, struct spot_trace *out,
    struct err *e)
{
	const struct metadata *m = d->metadata;
	const int64_t *v = d->data.items;

	out->n = d->data.n;
	out->gap_s = m != NULL ? m->gap_seconds : 0;
	out->offered = arena_alloc(a, out->n);
	for (size_t i = 0; i < out->n; i++) {
		if (v[i] != 0 && v[i] != 1)
			return err_field(e, (struct err_field){
			    .type = "literal_error", .loc = arena_printf(a,
			    "[\"data\",%zu]", i), .msg = "Input should be 0 "
			    "or 1", .input = arena_printf(a, "%lld",
			    (long long)v[i]) });
		out->offered[i] = (uint8_t)v[i];
	}
	return 0;
}

int
spot_trace_text(struct arena *a, const char *text, size_t n,
    struct spot_trace *out, struct err *e)
{
	struct schema_input in = { .kind = BODY_JSON, .body = text,
	    .body_len = n, .max_values = SPOT_TRACE_MAX + 100 };
	struct document d = { 0 };
	uint64_t seen;

	while (n > 0 && strchr(" \t\r\n", text[0]) != NULL)
		text++, n--;
	if (n > 0 && text[0] == '[') {	/* the bare list */
		in.body = arena_printf(a, "{\"data\":%.*s}", (int)n, text);
		in.body_len = strlen(in.body);
	}
	if (schema_decode(&document_schema, &in, a, &d, &seen, e) == -1)
		return -1;
	return take(a, &d, out, e);
}

int
spot_trace_file(struct arena *a, const char *path, struct spot_trace *out,
    struct err *e)
{
	gzFile f = gzopen(path, "rb");
	size_t n = 0, cap = CHUNK;
	char *p;
	int got;

	if (f == NULL)
		return err_set(e, 404, "no_file", "%.150s: %s", path,
		    strerror(errno));
	p = arena_alloc(a, cap);
	while ((got = gzread(f, p + n, (unsigned)(cap - n))) > 0) {
		n += (size_t)got;
		if (n == cap) {
			p = arena_grow(a, p, cap, 2 * cap);
			cap *= 2;
		}
		if (n > FILE_MAX)
			break;
	}
	gzclose(f);
	if (got < 0)
		return err_set(e, 422, "bad_file", "%.150s: cannot be "
		    "unpacked", path);
	if (n > FILE_MAX)
		return err_set(e, 422, "bad_file", "%.150s: more than %d MiB",
		    path, FILE_MAX >> 20);
	return spot_trace_text(a, p, n, out, e);
}
