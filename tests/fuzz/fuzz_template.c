/*
 * Templates: any text read as a template either is refused with a sentence or
 * renders; and any text as a value leaves the page's markup as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct thing {
	const char *name, *url;
	int64_t n;
	struct utc at;
	struct json free;
};
static const struct field fields[] = {
	FIELD(struct thing, name, .doc = "Name"),
	FIELD(struct thing, url, .doc = "Address"),
	FIELD(struct thing, n, .doc = "Number"),
	FIELD(struct thing, at, .doc = "Time"),
	FIELD(struct thing, free, .doc = "Anything"), FIELD_END
};
static const struct schema schema = { .name = "Thing", .doc = "A thing",
	.size = sizeof(struct thing), .fields = fields };
static const struct template_name names[] = {
	{ "it", &schema, TEMPLATE_OBJECT }, { NULL, NULL, 0 }
};

static int
from_text(void *arg, struct arena *a, const char *name, const char **text,
    struct err *e)
{
	(void)a;
	if (strcmp(name, "main") != 0)
		return err_set(e, 500, "template", "none");
	*text = arg;
	return 0;
}

static bool
yes(void *arg, const char *name)
{
	(void)arg;
	return *name != '\0';
}

static bool
may(const void *arg, const char *name)
{
	(void)arg;
	return name[0] == 'a';
}

static const char *
render(struct arena *a, const char *text, const struct tree *v)
{
	const struct template_source src = { from_text, yes,
		(void *)(uintptr_t)text };
	const struct template_data d = { .values = &v, .may = may };
	struct err e = { 0 };
	struct template *t;
	struct str out;

	if (template_parse(&t, a, &src, "main", NULL, names, &e) == -1) {
		if (e.status != 500 || e.detail[0] == '\0')
			abort();
		return NULL;
	}
	str_init(&out, a);
	template_render(t, &d, &out);
	return out.p;
}

static size_t
count(const char *s, char c)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == c;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char page[] = "<p title=\"{{it.name}}\">{{it.name}}"
	    "<a href=\"{{it.url}}\">x</a><a href=\"/a/{{it.url}}?b=c\">y</a>"
	    "{{it.n}}{{it.at|date}}{{it.free|json}}";
	struct arena *a = arena_new(256 << 20);
	const struct tree *v = NULL;
	struct err e = { 0 };
	const char *text, *out, *href;
	struct str s;

	text = arena_strndup(a, (const char *)data, size);
	str_init(&s, a);
	str_add(&s, "{\"name\":");
	str_json(&s, text);
	str_add(&s, ",\"url\":");
	str_json(&s, text);
	str_add(&s, ",\"n\":");
	str_json(&s, text);
	str_add(&s, ",\"at\":");
	str_json(&s, text);
	str_add(&s, ",\"free\":[");
	str_json(&s, text);
	str_add(&s, "]}");
	if (tree_parse(a, s.p, s.len, &v, &e) == -1)
		abort();
	if (size < 4096)
		render(a, text, v);
	out = render(a, page, v);
	if (out == NULL || count(out, '<') != 5 || count(out, '>') != 5 ||
	    count(out, '"') != 6)
		abort();
	href = strstr(out, "href=\"") + 6;
	if (strncmp(href, "javascript", 10) == 0 && href[10] == ':')
		abort();
	arena_free(a);
	return 0;
}
