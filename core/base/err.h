/*
 * Errors are values. A function that can fail takes a struct err * last,
 * fills it once and returns -1; the HTTP layer turns it into a FastAPI-shaped
 * body ({"detail": ...}), the terminal into one line.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

struct arena;

enum { ERR_FIELDS = 32 };

/* One entry of a 422 answer. All text lives in an arena of the caller or is
 * static. */
struct err_field {
	const char *type;	/* pydantic error type: "missing", "int_parsing" */
	const char *loc;	/* JSON array text: ["body","items",0] */
	const char *msg;	/* sentence for a person */
	const char *input;	/* JSON text of the refused value */
	const char *ctx;	/* JSON object text, or NULL */
};

struct err {
	int status;		/* HTTP status; 0 = no error */
	const char *code;	/* static machine word: "not_found", "db_down" */
	char detail[256];	/* shown to the client */
	char cause[256];	/* logged, never shown */
	int native;		/* errno, MariaDB or curl number; 0 = none */
	int retry_after_s;	/* > 0: Retry-After */
	struct err_field fields[ERR_FIELDS];
	size_t nfields;		/* kept entries */
	size_t dropped;		/* entries beyond ERR_FIELDS */
};

void err_clear(struct err *);
/* Sets status, code and the public sentence; returns -1. */
int err_set(struct err *, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Sets the private cause of an error already set; returns -1. */
int err_cause(struct err *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Prepends context to the private cause ("loading site.conf: ..."). */
int err_wrap(struct err *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds one field error and makes the whole a 422 "validation". Pointers are
 * kept, not copied. Returns -1. */
int err_field(struct err *, struct err_field);

#endif
