/*
 * Where a text must be covered before anybody sees it.
 */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes ahead that a walk through one text has found to be secret. */
struct redaction {
	size_t at, n;
};

/* True for fields whose text is never shown, by their name. */
bool redact_field(const char *key);
/* False for a byte at which no secret can begin: redact_at() need not be asked
 * about it while the walk has found nothing ahead (r->n == 0). */
bool redact_starts(char c);
/* To be called for each i on the way through s: how many bytes from i on must
 * be replaced, 0 for none. Start with a zeroed struct. */
size_t redact_at(struct redaction *, const char *s, size_t n, size_t i);
/* The whole text with secrets covered, cut to cap - 1 bytes. */
void redact_copy(const char *, char *out, size_t cap);

#endif
