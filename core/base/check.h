/*
 * Our own mistakes. ASSERT stays on in production: a broken invariant ends
 * this one process with file, line and the current request id; the parent
 * starts another.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define ASSERT(cond) \
	((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))
#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

_Noreturn void check_failed(const char *file, int line, const char *what);
/* Allocation failed: says so and aborts. */
_Noreturn void check_oom(void);

/* Depth of open database transactions in this process. The db layer raises
 * it, the network layer asserts that it is zero before it talks to anyone. */
int  txn_depth(void);
void txn_depth_add(int);

/* Breadcrumbs: the last things a request did, for the slow log. The shared
 * segment installs the sink; without one they are dropped. */
void crumb(const char *what);
/* The last one of a process that could get no more memory. */
#define CRUMB_OOM "out of memory"
void crumb_sink(void (*fn)(const char *what));

#endif
