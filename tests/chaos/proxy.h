/*
 * A proxy before the database's socket that loses COMMITs: before they are
 * executed, or the answer after. A child of the test for each connection.
 */
#ifndef CHAOS_PROXY_H
#define CHAOS_PROXY_H

#include <sys/types.h>

/* In memory shared with the proxy: chances in thousandths. */
struct proxy_faults {
	int lose_before, lose_after;
	int lost_before, lost_after;	/* how often it happened */
};

/* Listens on path, forwards to server; ends with the test. */
pid_t proxy_start(const char *path, const char *server,
    struct proxy_faults *);

#endif
