/*
 * Inside of the pages: rows with what was made of them at start.
 */
#ifndef HTTP_PAGE_INNER_H
#define HTTP_PAGE_INNER_H

#include "http/page.h"
#include "http/serve.h"
#include "http/template.h"

enum { PAGE_LOADS = 16 };

struct page_made {
	const struct page *row;
	struct route match;		/* for the router: path only */
	const struct template *template;
	const struct route *routes[PAGE_LOADS];	/* of the loads */
	size_t nloads;
	const struct route *main;	/* whose parameters the page takes */
};

struct pages {
	struct page_made **v;
	size_t n;
	struct router *router;
	struct page_made *layout;	/* NULL: no pages at all */
	size_t nnames;			/* names of the layout */
};

/* What {{ui.…}} is. */
struct page_ui {
	const char *title, *path, *query, *url, *id, *prefix, *csrf, *user,
	    *roles, *version, *next, *error, *request_id, *site, *section, *area;
	int64_t status, retry_s;
	struct utc now;
	bool signed_in;
};
extern const struct schema page_ui_schema;

/* Runs one load. 0 with *out (NULL: not permitted, *why says it), or -1. */
int page_load_run(struct ctx *, const struct page_load *,
    const struct route *, const struct match *, const struct tree **out,
    struct err *);
/* The page's query string without the cursor, encoded again. */
const char *page_query(struct ctx *, bool cursor);
const struct tree *page_query_tree(struct ctx *);

#endif
