/*
 * The mapping of the segment: one address for the life of the process, the
 * locks that stand for ownership, and what happens when the file is cut short
 * under a running process: zero pages take its place (SIGBUS handler) until a
 * good file is mapped there. Invariant: all bytes behind the header are valid
 * when zero. No size or offset found in the file is ever used.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "shm/segment.h"

static const size_t PAGE = 4096;

static struct shm *current;
static struct sigaction old_bus;

struct shm *
shm_current(void)
{
	return current;
}

static int
fail(struct err *e, const char *what, const char *path)
{
	int saved = errno;

	err_set(e, 503, "shm", "The shared segment is not available.");
	err_cause(e, "%s %s: %s", what, path, strerror(saved));
	e->native = saved;
	return -1;
}

/* ---- truncation ---------------------------------------------------------- */

static struct shm *
segment_at(const uint8_t *at)
{
	struct shm *s;

	for (s = current; s != NULL; s = s->prev) {
		if (s->base != NULL && at >= s->base &&
		    at < s->base + s->map.size)
			return s;
	}
	return NULL;
}

/* A page of the file is gone. Zero pages take the place of the whole segment,
 * so that this process lives on alone until seg_mend(). mmap is a plain system
 * call on Linux and safe here. */
static void
on_sigbus(int sig, siginfo_t *si, void *uc)
{
	struct shm *s = segment_at(si->si_addr);
	int saved = errno;

	if (s != NULL && mmap(s->base, s->map.size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
		s->lost = 1;
		errno = saved;
		return;
	}
	if ((old_bus.sa_flags & SA_SIGINFO) && old_bus.sa_sigaction != NULL) {
		old_bus.sa_sigaction(sig, si, uc);
		return;
	}
	/* Not ours: the access is repeated and kills as it would have; a sent
	 * signal is sent again. */
	sigaction(SIGBUS, &old_bus, NULL);
	if (si->si_code <= 0)
		raise(sig);
}

static void
install_sigbus(void)
{
	struct sigaction sa, now;

	if (sigaction(SIGBUS, NULL, &now) == 0 &&
	    (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_sigbus)
		return;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_sigbus;
	sa.sa_flags = SA_SIGINFO;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, &old_bus);
}

/* ---- locks --------------------------------------------------------------- */

int
seg_byte_lock(struct shm *s, int cmd, short type, off_t at, off_t len,
    struct flock *out)
{
	struct flock fl;
	int rc;

	memset(&fl, 0, sizeof(fl));
	fl.l_type = type;
	fl.l_whence = SEEK_SET;
	fl.l_start = at;
	fl.l_len = len;
	do
		rc = fcntl(s->fd, cmd, &fl);
	while (rc == -1 && errno == EINTR);
	if (out != NULL)
		*out = fl;
	return rc;
}

int
seg_lock(struct shm *s, off_t at)
{
	return seg_byte_lock(s, F_OFD_SETLK, F_WRLCK, at, 1, NULL);
}

void
seg_unlock(struct shm *s, off_t at)
{
	seg_byte_lock(s, F_OFD_SETLK, F_UNLCK, at, 1, NULL);
}

bool
seg_locked(struct shm *s, off_t at)
{
	struct flock fl;

	if (seg_byte_lock(s, F_OFD_GETLK, F_WRLCK, at, 1, &fl) == -1)
		return true;
	return fl.l_type != F_UNLCK;
}

/* ---- layout -------------------------------------------------------------- */

static size_t
place(size_t *end, size_t len, size_t align)
{
	size_t at = (*end + align - 1) / align * align;

	*end = at + len;
	return at;
}

static void
plan_bulkheads(struct shm *s, size_t *end)
{
	size_t i, n = 0;

	while (s->layout.bulkheads != NULL && s->layout.bulkheads[n] != NULL)
		n++;
	s->nbulkheads = n;
	s->bulkheads = arena_array(s->arena, n, sizeof(*s->bulkheads));
	for (i = 0; i < n; i++) {
		s->bulkheads[i].b = s->layout.bulkheads[i];
		s->bulkheads[i].off = place(end,
		    s->layout.bulkheads[i]->permits * 8, 64);
	}
}

static void
plan(struct shm *s)
{
	struct seg_map *m = &s->map;
	size_t end = PAGE;

	m->nslots = s->layout.processes ? s->layout.processes : 256;
	m->nrates = s->layout.limit_slots ? s->layout.limit_slots : 65536;
	ASSERT(m->nslots < 65535);
	ASSERT(m->nrates >= SEG_GROUP && (m->nrates & (m->nrates - 1)) == 0);
	seg_guards_plan(s);
	seg_metrics_plan(s);
	s->layout.dynamic = NULL;	/* read; the caller's may go now */
	m->words = place(&end, SEG_WORDS * sizeof(struct seg_word), 64);
	m->texts = place(&end, SEG_TEXTS * sizeof(struct seg_text), 64);
	m->cells = place(&end, SEG_CELLS * sizeof(struct seg_cell), 64);
	m->faults = place(&end, SHM_FAULTS * sizeof(struct seg_fault), 64);
	m->breakers = place(&end,
	    s->nguards * sizeof(struct seg_breaker), 64);
	m->permits = place(&end, s->nguards * SEG_PERMITS * 8, 64);
	plan_bulkheads(s, &end);
	m->rate = place(&end, 64, 64);
	m->rates = place(&end, m->nrates * 8, 64);
	m->slot_len = (sizeof(struct seg_slot) + 63) / 64 * 64;
	m->slots = place(&end, m->nslots * m->slot_len, 64);
	m->gauges = place(&end, m->nslots * m->gauge_len, 64);
	m->stripes = place(&end, SEG_STRIPES * m->stripe_len, 64);
	m->size = (end + PAGE - 1) / PAGE * PAGE;
}

/* Everything that decides where a byte lies, and what it means. */
static uint64_t
layout_hash(const struct shm *s)
{
	uint64_t h = fnv1a(&s->map, sizeof(s->map), SEG_VERSION);
	size_t i;

	h = seg_metrics_hash(s, h);
	for (i = 0; i < s->nguards; i++)
		h = seg_hash_text(h, s->guards[i].name);
	for (i = 0; i < s->nbulkheads; i++) {
		h = seg_hash_text(h, s->bulkheads[i].b->name);
		h = fnv1a(&s->bulkheads[i].off, sizeof(size_t), h);
	}
	return h;
}

/* ---- attaching ------------------------------------------------------------ */

static int
map_file(struct shm *s, int fd)
{
	void *p = mmap(s->base, s->map.size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | (s->base != NULL ? MAP_FIXED : 0), fd, 0);

	if (p == MAP_FAILED)
		return -1;
	madvise(p, s->map.size, MADV_DONTDUMP);
	s->base = p;
	s->fd = fd;
	s->lost = 0;
	return 0;
}

static void
new_identity(struct shm *s)
{
	s->pid = getpid();
	s->stripe = (size_t)(((uint64_t)s->pid * UINT64_C(0x9e3779b97f4a7c15))
	    >> 61);
	s->slot = -1;
	memset(s->steps, 0, sizeof(s->steps));
}

/* Everything about the segment but the file. */
static struct shm *
plan_new(const char *run_dir, const struct shm_layout *layout)
{
	struct arena *a = arena_new(64 << 20);
	struct shm *s = arena_alloc(a, sizeof(*s));

	s->arena = a;
	s->refs = 1;
	s->layout = *layout;
	s->fd = -1;
	s->dir = arena_strdup(a, run_dir);
	plan(s);
	s->hash = layout_hash(s);
	s->name = arena_printf(a, "shm.%016llx", (unsigned long long)s->hash);
	new_identity(s);
	return s;
}

static bool
same_file(int a, int b)
{
	struct stat x, y;

	return a != -1 && fstat(a, &x) == 0 && fstat(b, &y) == 0 &&
	    x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* A reload attaches again: it gets the mapping, slot and locks it has. */
static struct shm *
attached(const struct shm *like, int fd)
{
	struct shm *s;

	for (s = current; s != NULL; s = s->prev) {
		if (s->hash == like->hash && s->pid == getpid() && !s->lost &&
		    same_file(s->fd, fd))
			return s;
	}
	return NULL;
}

int
shm_attach(struct shm **out, struct arena *a, const char *run_dir,
    const struct shm_layout *layout, struct err *e)
{
	struct shm *s = plan_new(run_dir, layout), *known;
	int fd;

	(void)a;	/* the segment may outlive it */
	*out = NULL;
	if ((fd = seg_file_open(s)) == -1) {
		fail(e, "creating the shared segment in", run_dir);
		arena_free(s->arena);
		return -1;
	}
	if ((known = attached(s, fd)) != NULL) {
		close(fd);
		seg_guards_replace(known, s);
		arena_free(s->arena);
		known->refs++;
		*out = known;
		return 0;
	}
	if (map_file(s, fd) == -1) {
		fail(e, "mapping the shared segment in", run_dir);
		close(fd);
		arena_free(s->arena);
		return -1;
	}
	s->prev = current;
	current = s;
	install_sigbus();
	*out = s;
	return 0;
}

void
shm_detach(struct shm *s)
{
	struct shm **at = &current;

	if (s == NULL || --s->refs > 0)
		return;
	seg_slot_drop(s);
	while (*at != NULL && *at != s)
		at = &(*at)->prev;
	if (*at == s)
		*at = s->prev;
	munmap(s->base, s->map.size);
	if (s->fd != -1)
		close(s->fd);
	arena_free(s->arena);
}

/* The same file through an open file description of our own; by /proc first,
 * because the name may belong to a newer file by now. */
static int
reopen(struct shm *s, int old)
{
	char path[64];
	int fd, dirfd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", old);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) != -1)
		return fd;
	dirfd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return -1;
	fd = openat(dirfd, s->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	close(dirfd);
	if (fd != -1 && !same_file(old, fd)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void
renew(struct shm *s)
{
	int old = s->fd;

	if (s->pid == getpid())
		return;
	new_identity(s);
	s->fd = old == -1 ? -1 : reopen(s, old);
	if (old != -1)
		close(old);
}

/* All of them: the parent may have attached another layout since. */
void
shm_after_fork(struct shm *s)
{
	struct shm *p;

	if (s == NULL)
		return;
	for (p = current; p != NULL; p = p->prev)
		renew(p);
}

void
seg_mend(struct shm *s)
{
	uint64_t now;
	bool had_slot;
	struct err e;
	int fd, old;

	if (!s->lost)
		return;
	now = (uint64_t)clock_boot_ns();
	if (s->mended_ns != 0 && now - s->mended_ns < UINT64_C(1000000000))
		return;
	s->mended_ns = now;
	if ((fd = seg_file_open(s)) == -1)
		return;
	old = s->fd;
	if (map_file(s, fd) == -1) {
		close(fd);
		return;
	}
	had_slot = s->slot != -1;
	new_identity(s);
	if (old != -1)
		close(old);
	metric_add(&shm_lost_total, 0, 0, 1);
	err_clear(&e);
	if (had_slot)
		shm_slot_take(s, s->pool, &e);
}
