/*
 * Inside of the template engine: nodes and what reading and rendering share.
 */
#ifndef HTTP_TEMPLATE_INNER_H
#define HTTP_TEMPLATE_INNER_H

#include "base/str.h"
#include "http/template.h"

enum { TEMPLATE_DEPTH = 16, TEMPLATE_PARTS = 5 };

enum template_filter {
	TF_NONE, TF_AGE, TF_DATE, TF_NUM, TF_RAW, TF_BYTES, TF_SECS, TF_MS,
	TF_US, TF_PCT, TF_PERMILLE, TF_SHORT, TF_JSON, TF_COUNT, TF_QUERY,
	TF_WORDS, TF_REAL, TF_YES, TF_MONEY, TF_PRICE
};

enum template_escape { ESC_TEXT, ESC_ATTR, ESC_URL, ESC_URL_PART };

/* Where a value is: a scope, and members from there on. */
struct template_ref {
	size_t scope;			/* 0: the root, seg[0] is its name */
	size_t root;			/* index of that name */
	const char *seg[TEMPLATE_PARTS];
	size_t n;
	bool key;			/* {{@key}} */
};

enum template_op { OP_TEXT, OP_VALUE, OP_SECTION, OP_INVERTED, OP_MAY, OP_END };

struct template_node {
	enum template_op op;
	const char *text;		/* OP_TEXT; OP_MAY: permission */
	size_t len;
	struct template_ref ref;
	enum ftype type;		/* of the value, 0 = free */
	enum template_filter filter;
	enum template_escape escape;
	const char *const *equals;	/* texts to compare with, or NULL */
	bool scoped;			/* OP_SECTION: opens a scope */
	size_t end;			/* node of the matching OP_END */
	size_t start;			/* OP_END: its opening node */
};

struct template {
	struct template_node *nodes;
	size_t n;
};

/* ---- template_html.c: where in the HTML a position is ---------------------- */

enum html_place {
	HTML_TEXT, HTML_TAG, HTML_IN_TAG, HTML_NAME, HTML_BEFORE, HTML_VALUE,
	HTML_COMMENT, HTML_CODE
};
struct html {
	enum html_place place;
	char tag[16], attr[24];
	size_t value;			/* bytes of the value so far */
};
/* NULL, or what is wrong. */
const char *html_feed(struct html *, const char *, size_t n);
/* Behind a tag's or attribute's name as if a space followed. */
void html_settle(struct html *);
/* How a value at this place must be escaped; a fault if none may stand here. */
const char *html_escape_for(struct html *, enum template_escape *);
void html_put(struct str *, enum template_escape, const char *);

/* ---- template_format.c ------------------------------------------------------ */

/* -1: no filter of this name, or not for this type. */
int template_filter_find(const char *name, size_t n, enum ftype,
    enum template_filter *);
/* What is used without a filter. */
enum template_filter template_filter_default(enum ftype, enum template_escape);
/* "not_available" as words. */
void template_words(struct str *, enum template_escape, const char *);
/* Appends the value for reading, escaped. */
void template_format(struct str *, const struct template_node *,
    const struct tree *, struct utc now);

#endif
