/*
 * The end of a process that found its own mistake: one line on standard error,
 * one in the server log, then abort(). It allocates nothing and never returns.
 * The transaction depth and the crumb sink are per-process singletons.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"

static int depth;
static void (*sink)(const char *);

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	static bool failing;
	const char *id = log_request_id();

	/* A failure inside the logger must not come back here for ever. */
	if (!failing) {
		failing = true;
		dprintf(STDERR_FILENO, "%s:%d: check failed: %.200s%s%.64s\n",
		    file, line, what, id[0] != '\0' ? " request " : "", id);
		log_error("server", "check failed", KV("file", file),
		    KV("line", line), KV("check", what));
	}
	abort();
}

_Noreturn void
check_oom(void)
{
	dprintf(STDERR_FILENO, "out of memory\n");
	crumb(CRUMB_OOM);
	abort();
}

int
txn_depth(void)
{
	return depth;
}

void
txn_depth_add(int n)
{
	depth += n;
	ASSERT(depth >= 0);
}

void
crumb(const char *what)
{
	if (sink != NULL)
		sink(what);
}

void
crumb_sink(void (*fn)(const char *what))
{
	sink = fn;
}
