/*
 * Pages for people: a template and the GET routes it loads in-process as the
 * user. What a page shows is what the API says. Pages live under /ui.
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include <stddef.h>

struct http;
struct str;

struct page {
	const char *path;		/* "/ui/spot/accounts" */
	const char *title;
	const char *permission;
	const char *template;		/* "spot/accounts.html" */
	const char *const *loads;	/* ids of GET routes */
};

/* Verifies the pages of the enabled modules (template there, routes known,
 * permission known); appends faults. */
int pages_open(struct http *, struct str *faults, size_t *n);

#endif
