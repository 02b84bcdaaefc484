/*
 * One line of a component log. Lines were redacted when they were written;
 * what cannot be read as a line of ours is passed over.
 */
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "modules/platform/log.h"

static const struct field entry_fields[] = {
	FIELD(struct platform_log_entry, ts, .doc = "When"),
	FIELD(struct platform_log_entry, level, .doc = "Severity"),
	FIELD(struct platform_log_entry, component, .doc = "Who"),
	FIELD(struct platform_log_entry, message, .doc = "What"),
	FIELD(struct platform_log_entry, request_id, .flags = FF_NULLABLE,
	    .doc = "Request it belongs to"),
	FIELD(struct platform_log_entry, fields, .flags = FF_NULLABLE,
	    .doc = "The whole line"),
	FIELD_END
};
const struct schema platform_log_schema = {
	.name = "LogEntry", .doc = "A line of a component log",
	.size = sizeof(struct platform_log_entry), .fields = entry_fields
};

/* The names in the file are short. */
struct line {
	struct utc ts;
	const char *lvl, *comp, *msg, *req;
};
static const struct field line_fields[] = {
	FIELD(struct line, ts, .flags = FF_REQUIRED),
	FIELD(struct line, lvl, .flags = FF_REQUIRED),
	FIELD(struct line, comp, .flags = FF_REQUIRED),
	FIELD(struct line, msg, .flags = FF_REQUIRED),
	FIELD(struct line, req, .flags = FF_NULLABLE),
	FIELD_END
};
static const struct schema line_schema = {
	.name = "LogLine", .size = sizeof(struct line), .fields = line_fields
};

static bool
parse_json(struct arena *a, const char *text, struct platform_log_entry *out)
{
	struct err e = { 0 };
	struct line l;
	uint64_t seen;

	if (schema_decode_json(&line_schema, text, strlen(text), "line",
	    false, a, &l, &seen, &e) == -1)
		return false;
	*out = (struct platform_log_entry){ l.ts, l.lvl, l.comp, l.msg, l.req,
	    { text } };
	return true;
}

/* "time level component message k=v" */
static bool
parse_text(struct arena *a, const char *text, struct platform_log_entry *out)
{
	const char *word[3], *p = text;

	for (int i = 0; i < 3; i++) {
		size_t n = strcspn(p, " ");

		if (n == 0 || p[n] != ' ')
			return false;
		word[i] = arena_strndup(a, p, n);
		p += n + 1;
	}
	*out = (struct platform_log_entry){ .level = word[1],
	    .component = word[2], .message = p };
	return clock_parse(word[0], &out->ts) == 0 &&
	    log_level_parse(word[1]) != -1;
}

bool
platform_log_parse(struct arena *a, const char *line,
    struct platform_log_entry *out)
{
	return line[0] == '{' ? parse_json(a, line, out) :
	    parse_text(a, line, out);
}

bool
platform_log_match(const struct platform_log_filter *f,
    const struct platform_log_entry *e)
{
	size_t n = f->component == NULL ? 0 : strlen(f->component);

	if (n > 0 && (strncmp(e->component, f->component, n) != 0 ||
	    (e->component[n] != '\0' && e->component[n] != '.')))
		return false;
	if (f->level != NULL &&
	    log_level_parse(e->level) < log_level_parse(f->level))
		return false;
	return f->since.us == 0 || e->ts.us >= f->since.us;
}
