/*
 * Places in HTML: text, tags, attribute values. Templates are our own, so this
 * is no parser of all HTML: it refuses what it does not follow (single quotes
 * and no quotes around values). Invariant: a value never changes the place.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/codec.h"
#include "http/template_inner.h"

static const char *
tag_end(struct html *h)
{
	h->place = strcmp(h->tag, "script") == 0 ||
	    strcmp(h->tag, "style") == 0 ? HTML_CODE : HTML_TEXT;
	return NULL;
}

static void
append(char *buf, size_t cap, char c)
{
	size_t n = strlen(buf);

	if (n + 1 < cap) {
		buf[n] = (char)tolower((unsigned char)c);
		buf[n + 1] = '\0';
	}
}

static const char *
in_tag(struct html *h, char c)
{
	if (c == '>')
		return tag_end(h);
	if (isspace((unsigned char)c) || c == '/')
		return NULL;
	if (!isalpha((unsigned char)c))
		return "a tag with a strange character";
	h->attr[0] = '\0';
	append(h->attr, sizeof(h->attr), c);
	h->place = HTML_NAME;
	return NULL;
}

static const char *
in_name(struct html *h, char c)
{
	if (c == '=')
		h->place = HTML_BEFORE;
	else if (c == '>')
		return tag_end(h);
	else if (isspace((unsigned char)c) || c == '/')
		h->place = HTML_IN_TAG;
	else
		append(h->attr, sizeof(h->attr), c);
	return NULL;
}

static const char *
step(struct html *h, const char *p, size_t left)
{
	char c = *p;

	switch (h->place) {
	case HTML_TEXT:
		if (c != '<' || left < 2)
			return c == '<' ? "a lone <" : NULL;
		h->tag[0] = '\0';
		h->place = left >= 4 && memcmp(p, "<!--", 4) == 0 ?
		    HTML_COMMENT : HTML_TAG;
		return NULL;
	case HTML_TAG:
		if (c == '>')
			return tag_end(h);
		if (isspace((unsigned char)c))
			h->place = HTML_IN_TAG;
		else
			append(h->tag, sizeof(h->tag), c);
		return NULL;
	case HTML_IN_TAG:
		return in_tag(h, c);
	case HTML_NAME:
		return in_name(h, c);
	case HTML_BEFORE:
		if (c != '"')
			return "attribute values are written in double quotes";
		h->value = 0;
		h->place = HTML_VALUE;
		return NULL;
	case HTML_VALUE:
		h->value++;
		if (c == '"')
			h->place = HTML_IN_TAG;
		return NULL;
	case HTML_COMMENT:
		if (left >= 3 && memcmp(p, "-->", 3) == 0)
			h->place = HTML_TEXT;
		return NULL;
	case HTML_CODE:
		if (left >= 2 && memcmp(p, "</", 2) == 0) {
			h->tag[0] = '\0';
			h->place = HTML_TAG;
		}
		return NULL;
	}
	return NULL;
}

const char *
html_feed(struct html *h, const char *p, size_t n)
{
	const char *fault = NULL;

	for (size_t i = 0; i < n && fault == NULL; i++)
		fault = step(h, p + i, n - i);
	return fault;
}

void
html_settle(struct html *h)
{
	if (h->place == HTML_TAG || h->place == HTML_NAME)
		h->place = HTML_IN_TAG;
}

static bool
url_attribute(const char *name)
{
	static const char *const names[] = { "href", "src", "action",
		"formaction", "poster", "cite", "data-api", "data-href", NULL };

	for (size_t i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

const char *
html_escape_for(struct html *h, enum template_escape *out)
{
	*out = ESC_TEXT;
	if (h->place == HTML_TEXT)
		return NULL;
	if (h->place != HTML_VALUE)
		return "a value may stand in text and in a quoted attribute only";
	if (strncmp(h->attr, "on", 2) == 0 || strcmp(h->attr, "style") == 0 ||
	    strcmp(h->attr, "srcdoc") == 0 || strcmp(h->attr, "srcset") == 0)
		return "no value in an attribute that is code";
	*out = ESC_ATTR;
	if (url_attribute(h->attr))
		*out = h->value == 0 ? ESC_URL : ESC_URL_PART;
	h->value++;
	return NULL;
}

/* Relative, or one of the schemes that only lead somewhere. A browser skips
 * control bytes and white space in front of and inside a scheme, so that there
 * may be none. */
static bool
url_safe(const char *s)
{
	static const char *const schemes[] = { "http:", "https:", "mailto:",
		NULL };
	size_t n = strcspn(s, ":/?#");

	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '\\')
			return false;
	if (s[n] != ':')
		return true;
	for (size_t i = 0; schemes[i] != NULL; i++)
		if (strncasecmp(s, schemes[i], n + 1) == 0 &&
		    schemes[i][n + 1] == '\0')
			return true;
	return false;
}

/* What steers a terminal or a reader's eye is shown instead of obeyed. */
static void
put_text(struct str *out, const char *s)
{
	size_t left = strlen(s);

	while (left > 0) {
		int n = utf8_step(s, left);
		char one[5] = { 0 };

		if (n < 0) {
			str_add(out, "\xef\xbf\xbd");
			n = -n;
		} else if (*s == '\n' || *s == '\t' || !utf8_steers(s, n)) {
			memcpy(one, s, (size_t)n);
			str_html(out, one);
		} else
			for (int i = 0; i < n; i++)
				str_addf(out, "\\x%02x", (unsigned char)s[i]);
		s += n;
		left -= (size_t)n;
	}
}

void
html_put(struct str *out, enum template_escape esc, const char *s)
{
	switch (esc) {
	case ESC_TEXT:
	case ESC_ATTR:
		put_text(out, s);
		break;
	case ESC_URL:
		put_text(out, url_safe(s) ? s : "#");
		break;
	case ESC_URL_PART:
		url_encode(out, s, strlen(s), false);
		break;
	}
}
