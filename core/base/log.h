/*
 * Structured logging: one line per event, JSON or text, written with a single
 * O_APPEND write of at most 4 KiB into a file per component, redacted, with
 * every foreign byte escaped. Components are the documents' names: server,
 * router, scheduler, globals, state_manager; "a.b" goes to the file of "a".
 * A process-wide singleton.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/val.h"

struct err;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct kv {
	const char *key;
	struct val v;
};
#define KV(k, x) ((struct kv){ (k), V(x) })

struct log_options {
	const char *dir;	/* NULL or "": standard error only */
	bool json;		/* else "time level component message k=v" */
	enum log_level level;
	bool also_stderr;	/* terminal programs and foreground runs */
};

/* Opens nothing yet: files are opened at their first line. Copies strings. */
int  log_setup(const struct log_options *, struct err *);
/* Closes the files so that the next line opens them anew (SIGUSR1). */
void log_reopen(void);
/* Request id and trace added to each line until the next call; NULL clears. */
void log_context(const char *request_id, const char *trace);
/* The request id set by log_context(), "" when there is none. */
const char *log_request_id(void);
/* A value that must never appear in a line (a secret just loaded); the logger
 * replaces it. Short values (< 6 bytes) are ignored. */
void log_redact(const char *secret);
/* Access-log lines (component "router") gather in memory and are written
 * together: at the latest with the first line of another second, when 4 KiB
 * are full, or by log_flush(), which a loop calls when it is idle. */
void log_hold(bool on);
void log_flush(void);
bool log_enabled(enum log_level);
void log_event(enum log_level, const char *component, const char *msg,
    const struct kv *, size_t n);
/* fn sees each event of level error before it is written, also those that are
 * too many for the file; it must not log. NULL: nobody. */
typedef void log_error_fn(const char *component, const char *msg,
    const struct kv *, size_t n);
void log_on_error(log_error_fn *);
/* "debug" | "info" | "warning" | "error" in any case -> level; -1 unknown. */
int  log_level_parse(const char *);
/* Names of all components, NULL-terminated. */
const char *const *log_components(void);

#define LOG_AT(lv, comp, msg, ...) do { \
	if (log_enabled(lv)) \
		log_event((lv), (comp), (msg), \
		    (const struct kv[]){ { 0 }, __VA_ARGS__ } + 1, \
		    sizeof((const struct kv[]){ { 0 }, __VA_ARGS__ }) / \
		    sizeof(struct kv) - 1); \
} while (0)
#define log_debug(comp, ...) LOG_AT(LOG_DEBUG, comp, __VA_ARGS__, )
#define log_info(comp, ...) LOG_AT(LOG_INFO, comp, __VA_ARGS__, )
#define log_warn(comp, ...) LOG_AT(LOG_WARN, comp, __VA_ARGS__, )
#define log_error(comp, ...) LOG_AT(LOG_ERROR, comp, __VA_ARGS__, )

#endif
