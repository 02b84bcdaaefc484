/*
 * Small value types that a table of fields must be able to tell apart. Each
 * is a struct of its own, so that a price can never be bound where a count is
 * meant, and the compiler infers the field type from the member.
 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fixed-point decimal: value * 10^8. Money, prices and quantities. */
struct dec {
	int64_t e8;
};

/* 128-bit identifier; all zero means "none". */
struct uuid {
	uint8_t b[16];
};

/* Instant: microseconds since 1970-01-01T00:00:00Z; 0 means "none". */
struct utc {
	int64_t us;
};

/* Borrowed bytes, not NUL-terminated. */
struct blob {
	const void *p;
	size_t n;
};

/* Borrowed JSON text of any kind, valid UTF-8; NULL means "none". */
struct json {
	const char *p;
};

/* Array of n elements laid out one after another; the element size belongs
 * to whoever declares the list. */
struct list {
	void *items;
	size_t n;
};

/* Name and value as they came from a query string, form, path or header;
 * both NUL-terminated and percent-decoded. */
struct pair {
	const char *name, *value;
};

#endif
