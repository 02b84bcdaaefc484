/*
 * The bounded XML reader over expat. Refuses a document type, other encodings
 * than UTF-8, and whatever is deeper, longer or wider than its caps. Keeps
 * the open path in a fixed buffer: its size bounds depth times name length.
 */
#include <expat.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "net/xml.h"

enum {
	PATH_CAP = XML_DEPTH_MAX * (XML_NAME_MAX + 1),
	BYTES_DEFAULT = 16 << 20
};

struct state {
	const struct xml_reader *r;
	XML_Parser parser;
	struct err *err;
	bool failed;
	char root[XML_NAME_MAX + 1];
	char path[PATH_CAP];
	size_t path_len;
	size_t starts[XML_DEPTH_MAX];	/* path length outside each element */
	size_t depth;
	bool leaf;			/* no child closed since it opened */
	struct str text;
};

static void
stop(struct state *s)
{
	s->failed = true;
	XML_StopParser(s->parser, XML_FALSE);
}

static void
refuse(struct state *s, const char *why)
{
	if (s->failed)
		return;
	err_set(s->err, 502, "xml_malformed", "XML line %lu column %lu: %s",
	    (unsigned long)XML_GetCurrentLineNumber(s->parser),
	    (unsigned long)XML_GetCurrentColumnNumber(s->parser) + 1, why);
	stop(s);
}

static void
call(struct state *s, int (*fn)(void *, const struct xml_node *, struct err *),
    bool closing)
{
	struct xml_node node = { .root = s->root, .path = s->path,
	    .text = "", .len = 0,
	    .line = (unsigned long)XML_GetCurrentLineNumber(s->parser),
	    .column = (unsigned long)XML_GetCurrentColumnNumber(s->parser) + 1 };

	if (fn == NULL)
		return;
	if (closing && s->leaf) {
		node.text = s->text.p;
		node.len = s->text.len;
	}
	if (fn(s->r->arg, &node, s->err) == -1)
		stop(s);
}

static void XMLCALL
on_open(void *arg, const XML_Char *name, const XML_Char **attrs)
{
	struct state *s = arg;
	const char *colon = strchr(name, ':');
	size_t n, nattrs = 0;

	if (s->failed)
		return;
	if (colon != NULL)
		name = colon + 1;
	n = strlen(name);
	while (attrs[2 * nattrs] != NULL)
		nattrs++;
	if (s->depth == XML_DEPTH_MAX)
		refuse(s, "elements are nested too deep");
	else if (nattrs > XML_ATTRS_MAX)
		refuse(s, "element has too many attributes");
	else if (n == 0 || n > XML_NAME_MAX)
		refuse(s, "element has an impossible name");
	if (s->failed)
		return;
	s->starts[s->depth++] = s->path_len;
	if (s->depth == 1) {
		memcpy(s->root, name, n + 1);
	} else {
		if (s->path_len > 0)
			s->path[s->path_len++] = '/';
		memcpy(s->path + s->path_len, name, n + 1);
		s->path_len += n;
	}
	s->leaf = true;
	s->text.len = 0;
	s->text.p[0] = '\0';
	call(s, s->r->open, false);
}

static void XMLCALL
on_text(void *arg, const XML_Char *p, int n)
{
	struct state *s = arg;

	if (s->failed || !s->leaf)
		return;
	if (s->text.len + (size_t)n > XML_TEXT_MAX) {
		refuse(s, "text of an element is too long");
		return;
	}
	str_addn(&s->text, p, (size_t)n);
}

static void XMLCALL
on_close(void *arg, const XML_Char *name)
{
	struct state *s = arg;

	(void)name;
	if (s->failed)
		return;
	call(s, s->r->close, true);
	s->leaf = false;
	s->path_len = s->starts[--s->depth];
	s->path[s->path_len] = '\0';
}

static void XMLCALL
on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int internal)
{
	(void)name, (void)sysid, (void)pubid, (void)internal;
	refuse(arg, "document types are not accepted");
}

static int
parse(struct state *s, const char *p, size_t n)
{
	enum { CHUNK = 1 << 20 };	/* expat counts bytes in an int */

	for (;;) {
		size_t k = n < CHUNK ? n : CHUNK;
		int last = k == n;

		if (XML_Parse(s->parser, p, (int)k, last) == XML_STATUS_OK) {
			if (last)
				return 0;
			p += k;
			n -= k;
			continue;
		}
		if (!s->failed)
			refuse(s, XML_ErrorString(XML_GetErrorCode(s->parser)));
		return -1;
	}
}

int
xml_read(struct arena *a, const void *p, size_t n, const struct xml_reader *r,
    struct err *err)
{
	struct state *s = arena_alloc(a, sizeof(*s));
	size_t cap = r->max_bytes != 0 ? r->max_bytes : BYTES_DEFAULT;
	int rc;

	s->r = r;
	s->err = err;
	if (n > cap)
		return err_set(err, 502, "xml_malformed",
		    "XML of %zu bytes is longer than %zu", n, cap);
	str_init(&s->text, a);
	s->parser = XML_ParserCreate("UTF-8");
	if (s->parser == NULL)
		return err_set(err, 503, "out_of_memory", "out of memory");
	XML_SetUserData(s->parser, s);
	XML_SetElementHandler(s->parser, on_open, on_close);
	XML_SetCharacterDataHandler(s->parser, on_text);
	XML_SetStartDoctypeDeclHandler(s->parser, on_doctype);
	rc = parse(s, p, n);
	XML_ParserFree(s->parser);
	return rc;
}
