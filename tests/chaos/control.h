/*
 * What the chaos run tells the programs under test and hears from them: a file
 * that all of them map (QX_CHAOS), also those that are forked or come back.
 */
#ifndef CHAOS_CONTROL_H
#define CHAOS_CONTROL_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHAOS_HOSTS = 2, CHAOS_BUSY = 128, CHAOS_SIZE = 16384 };

struct chaos_control {
	int64_t clock_us[CHAOS_HOSTS];	/* a host's wall clock is off by it */
	int full;			/* the database's files may not grow */
	int refused;			/* how often one wanted to */
	struct chaos_busy {		/* by pid modulo */
		int pid;
		int64_t until_ns;	/* works until then (boot clock) */
		uint8_t job[16];
	} busy[CHAOS_BUSY];
};
_Static_assert(sizeof(struct chaos_control) <= CHAOS_SIZE, "one mapping");

/* NULL without QX_CHAOS. */
static inline struct chaos_control *
chaos_control(void)
{
	static struct chaos_control *c;
	const char *path = getenv("QX_CHAOS");
	int fd;

	if (c != NULL || path == NULL ||
	    (fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return c;
	c = mmap(NULL, CHAOS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (c == MAP_FAILED)
		c = NULL;
	close(fd);
	return c;
}

#endif
