/*
 * Templates of pages: HTML with
 *	{{name}} {{a.b}} {{name|filter}}	a value, escaped for its place
 *	{{#name}}…{{/name}}	for each item; once inside an object; if true
 *	{{#name=one|two}}…{{/name}}	if the text is one of these
 *	{{?name}}…{{/name}}	if not empty; opens no scope
 *	{{^name}}…{{/name}}	if empty, false or absent (=… as above)
 *	{{#may right}}…{{/may}}	if the user has the permission
 *	{{>dir/file.html}}	another template; it sees the same names
 *	{{! remark }}
 * There is no raw form. Every name is resolved against a schema when the
 * template is read: inner names first, then those around. Members of free JSON
 * have no schema and are marked: {{~member}}, and {{@key}} is the member's own
 * name while its members are walked through; {{.}} is the item of a list of
 * scalars. The place decides the escaping (text, attribute, part of a URL); a
 * URL's start is judged by scheme. Values in tags, scripts, styles, comments,
 * event handlers and unquoted attributes are refused when the template is
 * read, as are unknown names, filters, permissions and unclosed sections.
 *
 * Filters: age date (times); num raw real bytes secs ms us pct permille money
 * price (numbers); short words (texts); yes (flags); json count query.
 * Without filter a time becomes "3 min ago" with the instant as its title, a
 * whole number is grouped, a real is rounded for reading.
 */
#ifndef HTTP_TEMPLATE_H
#define HTTP_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"
#include "schema/schema.h"
#include "schema/tree.h"

struct template;

enum template_shape {
	TEMPLATE_OBJECT,	/* the schema's object */
	TEMPLATE_LIST,		/* {"items":[…],"next":…} of it */
	TEMPLATE_ARRAY,		/* […] of it */
	TEMPLATE_TEXT,		/* a text, no schema */
	TEMPLATE_FREE,		/* any JSON, no schema */
	TEMPLATE_ABSENT		/* of a module that is not enabled: never there */
};

/* A name that a template may begin with. */
struct template_name {
	const char *name;
	const struct schema *schema;
	enum template_shape shape;
};

struct template_source {
	/* Text of a template by name; arena text. */
	int (*read)(void *arg, struct arena *, const char *name,
	    const char **text, struct err *);
	bool (*permission)(void *arg, const char *name);	/* known? */
	void *arg;
};

/* names ends with .name NULL. main: what {{>main}} means, or NULL. -1: 500 and
 * a sentence with file, line and fault. */
int template_parse(struct template **, struct arena *,
    const struct template_source *, const char *file, const char *main,
    const struct template_name *names, struct err *);

struct template_data {
	const struct tree *const *values;	/* one for each name */
	struct utc now;
	bool (*may)(const void *arg, const char *permission);
	const void *arg;
};
/* Appends; never fails: what is absent is empty. */
void template_render(const struct template *, const struct template_data *,
    struct str *);

#endif
