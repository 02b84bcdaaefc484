/*
 * A full disk for mariadbd (LD_PRELOAD): while the control file says so, its
 * files do not grow, and what they have stays writable, as on a real one. No
 * mount and no quota, so that the run needs no root.
 */
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "tests/chaos/control.h"

static int
refuse(int fd, off_t end)
{
	struct chaos_control *c = chaos_control();
	struct stat st;

	if (c == NULL || !__atomic_load_n(&c->full, __ATOMIC_SEQ_CST) ||
	    fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || end <= st.st_size)
		return 0;
	__atomic_fetch_add(&c->refused, 1, __ATOMIC_SEQ_CST);
	errno = ENOSPC;
	return 1;
}

#define NEXT(ret, name, ...) \
	static ret (*next)(__VA_ARGS__); \
	if (next == NULL) \
		*(void **)&next = dlsym(RTLD_NEXT, name)

int
fallocate64(int fd, int mode, off64_t at, off64_t n)
{
	NEXT(int, "fallocate64", int, int, off64_t, off64_t);
	return refuse(fd, at + n) ? -1 : next(fd, mode, at, n);
}

int
ftruncate64(int fd, off64_t n)
{
	NEXT(int, "ftruncate64", int, off64_t);
	return refuse(fd, n) ? -1 : next(fd, n);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
	return refuse(fd, at + (off64_t)n) ? -1 : next(fd, p, n, at);
}
