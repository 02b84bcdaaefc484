/*
 * Filling struct err. Nothing here logs or allocates; text that is too long is
 * cut at a whole character. A NULL error is allowed: the caller does not want
 * the details.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/err.h"

/* Formats into buf; a cut never leaves half a character behind. */
static void
format_text(char *buf, size_t cap, const char *fmt, va_list ap)
{
	size_t len, i;
	int n = vsnprintf(buf, cap, fmt, ap), step;

	if (n < 0) {
		buf[0] = '\0';
		return;
	}
	if ((size_t)n < cap)
		return;
	len = cap - 1;
	for (i = 0; i < len; i += (size_t)(step < 0 ? -step : step)) {
		step = utf8_step(buf + i, len - i);
		/* Only an unfinished sequence reaches the very end. */
		if (step < 0 && i + (size_t)-step == len)
			break;
	}
	buf[i] = '\0';
}

void
err_clear(struct err *e)
{
	if (e != NULL)
		memset(e, 0, sizeof(*e));
}

int
err_set(struct err *e, int status, const char *code, const char *fmt, ...)
{
	char text[sizeof(e->detail)];
	va_list ap;

	if (e == NULL)
		return -1;
	/* The arguments may point into *e. */
	va_start(ap, fmt);
	format_text(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_clear(e);
	e->status = status;
	e->code = code;
	memcpy(e->detail, text, sizeof(text));
	return -1;
}

int
err_cause(struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->cause)];
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	format_text(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(e->cause, text, sizeof(text));
	return -1;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char front[sizeof(e->cause)], old[sizeof(e->cause)];
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	format_text(front, sizeof(front), fmt, ap);
	va_end(ap);
	memcpy(old, e->cause, sizeof(old));
	if (old[0] == '\0')
		return err_cause(e, "%s", front);
	return err_cause(e, "%s: %s", front, old);
}

int
err_field(struct err *e, struct err_field f)
{
	if (e == NULL)
		return -1;
	if (e->status != 422 || e->code == NULL ||
	    strcmp(e->code, "validation") != 0)
		err_set(e, 422, "validation", "The request is not valid.");
	if (e->nfields < ERR_FIELDS)
		e->fields[e->nfields++] = f;
	else
		e->dropped++;
	return -1;
}
