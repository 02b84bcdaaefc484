/*
 * Pages for people: a template and the GET routes it loads in-process as the
 * user. What a page shows is what the API says; a page has no SQL and no
 * handler. Pages live under /ui.
 *
 * How to add a page:
 *  1. A row in core/modules/<module>/pages.c (list it in <module>.c, .pages):
 *	{ .path = "/ui/spot/accounts", .title = "Accounts",
 *	  .permission = "spot:read", .template = "spot/accounts.html",
 *	  .loads = (const struct page_load[]){
 *	    { "accounts", "spot.account.list", NULL, LOAD_MAIN },
 *	    { "summary", "spot.summary.get", NULL, 0 }, { NULL } } }
 *     A load's name is what the template calls the reply. LOAD_MAIN takes the
 *     page's own query string (filters, cursor) and its error is the page's:
 *     404 and 403 become pages. Every load takes {id} of the page's path; its
 *     .query is fixed ("state=failed&limit=5"; LOAD_MAIN and LOAD_QUERY, which
 *     takes the parameters its route knows, read it as defaults). When
 *     another load fails or is not permitted, its name is absent and
 *     {{name_error}} says why.
 *  2. templates/<module>/<noun>.html (syntax: template.h). It becomes the
 *     main part of ui/layout.html. Beside its loads it sees {{ui.…}} (below),
 *     {{query.…}} (the main route's parameters as sent) and what the row
 *     "/ui/_layout" loads for all pages (inbox, stops, alarms).
 *     templates/ui/PARTS.md lists the classes and data- attributes:
 *     data-live="job.* spot.*" on an element with an id: it is renewed when
 *     such an event comes; data-api="POST /api/…" on a button or form: what
 *     static/ui/act.js sends. Nothing else is needed for a live page.
 *  3. An entry in the navigation of templates/ui/layout.html.
 *  4. tests/e2e/browser.py opens every page row by itself; add what the page
 *     can do to its list of acts.
 * A misspelt name, route or permission is refused when a program starts.
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include <stddef.h>

struct ctx;
struct err;
struct http;
struct str;

enum page_load_flag {
	LOAD_MAIN = 1 << 0,		/* takes the query, decides the status */
	LOAD_OPTIONAL = 1 << 1,		/* its module may be switched off */
	LOAD_QUERY = 1 << 2		/* takes what it knows of the query */
};

struct page_load {
	const char *name;		/* "accounts" in the template */
	const char *route;		/* id of a GET route with a JSON reply */
	const char *query;		/* "limit=5", or NULL */
	unsigned flags;
};

enum page_flag {
	PAGE_PUBLIC = 1 << 0,		/* also for who is not logged in */
	PAGE_BARE = 1 << 1,		/* its own <html>, no layout, no loads */
	PAGE_INNER = 1 << 2		/* not reached by its path */
};

struct page {
	const char *path;		/* "/ui/spot/accounts/{id}" */
	const char *title;
	const char *permission;		/* NULL: any user */
	const char *template;		/* "spot/accounts.html" */
	const struct page_load *loads;	/* ends with .name NULL; or NULL */
	unsigned flags;
};

/* Rows with a meaning of their own. */
#define PAGE_LAYOUT "/ui/_layout"	/* around all others */
#define PAGE_MISSING "/ui/_missing"	/* 403 and 404 of a user */
#define PAGE_ERROR "/ui/_error"		/* everything else; loads nothing */
#define PAGE_LOGIN "/ui/login"

/* Reads the pages of the enabled modules and appends what is wrong (template,
 * names in it, routes, permissions). */
int pages_open(struct http *, struct str *faults, size_t *n);
/* The rows in order; NULL behind the last. */
const struct page *page_at(const struct http *, size_t i);
/* Answers with the page at the request's path: also with a redirect to the
 * login or with a page that says why not. For handlers of /ui routes. */
int page_serve(struct ctx *);
/* Answers with this page, a status and a sentence ({{ui.error}}). */
int page_show(struct ctx *, const char *path, int status, const char *error);
/* 303 to a path below the prefix. */
int page_redirect(struct ctx *, const char *path);
/* A path of ours to go on to ("/ui/…"), or "/ui" for everything else. */
const char *page_next(const char *);
/* Answers with a page instead of an error object when a person asked for one:
 * true if it did. */
int page_failed(struct ctx *, const struct err *);

#endif
