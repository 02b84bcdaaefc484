/*
 * Growable text in an arena. p is always NUL-terminated, also when empty.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct str {
	char *p;		/* the text */
	size_t len, cap;	/* bytes used and allocated, without the NUL */
	struct arena *a;	/* where it lives */
};

void str_init(struct str *, struct arena *);
void str_reserve(struct str *, size_t more);
void str_add(struct str *, const char *);
void str_addn(struct str *, const void *, size_t);
void str_addc(struct str *, char);
void str_addf(struct str *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void str_vaddf(struct str *, const char *fmt, va_list);
void str_add_i64(struct str *, int64_t);
/* Quoted JSON string; invalid UTF-8 becomes U+FFFD; control characters,
 * quotes and backslashes are escaped, '/' is not. NULL gives null. */
void str_json(struct str *, const char *);
void str_jsonn(struct str *, const char *, size_t);
/* HTML text and attribute escaping: & < > " '. */
void str_html(struct str *, const char *);
/* One CSV cell (RFC 4180); text starting with = + - @ TAB CR gets a leading
 * apostrophe so that a spreadsheet does not run it, unless number is true. */
void str_csv(struct str *, const char *, bool number);
/* Terminal-safe: control bytes and invalid UTF-8 as \xNN. */
void str_term(struct str *, const char *, size_t);

#endif
