/*
 * The file of the segment: created whole under a lock and renamed into place,
 * verified before use, replaced when it belongs to another boot or does not
 * check out (processes that map the old one go on with it). A new file is all
 * zero behind its header and needs no initialisation.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/random.h"
#include "shm/segment.h"

static const char MAGIC[8] = "QXSHM01";


static uint64_t
head_sum(const struct seg_head *h)
{
	return fnv1a(h, offsetof(struct seg_head, sum), 1);
}

static void
boot_id(char out[40])
{
	ssize_t n = -1;
	int fd;

	memset(out, 0, 40);
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, out, 36);
		close(fd);
	}
	if (n <= 0)
		memcpy(out, "unknown", 8);
}

static void
head_fill(const struct shm *s, struct seg_head *h)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, MAGIC, sizeof(h->magic));
	h->version = SEG_VERSION;
	h->stripes = SEG_STRIPES;
	h->layout = s->hash;
	h->size = s->map.size;
	boot_id(h->boot_id);
}

/* A process of this boot holds a slot in it. */
static bool
file_held(int fd)
{
	struct shm probe = { .fd = fd };
	struct flock fl;

	return seg_byte_lock(&probe, F_OFD_GETLK, F_WRLCK, LOCK_SLOT,
	    LOCK_SPAN, &fl) == -1 || fl.l_type != F_UNLCK;
}

/* True if fd is a segment of this layout and boot; takes over its secret. Some
 * containers show another boot id to a service with a /proc of its own than to
 * the shell beside it: a segment that is held is of this boot, whatever its
 * name says. */
static bool
file_good(struct shm *s, int fd)
{
	struct seg_head want, got;
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size != (off_t)s->map.size || (st.st_mode & S_IWOTH))
		return false;
	if (pread(fd, &got, sizeof(got), 0) != (ssize_t)sizeof(got))
		return false;
	head_fill(s, &want);
	memcpy(want.secret, got.secret, sizeof(want.secret));
	if (file_held(fd))
		memcpy(want.boot_id, got.boot_id, sizeof(want.boot_id));
	want.sum = head_sum(&want);
	if (memcmp(&want, &got, sizeof(got)) != 0)
		return false;
	memcpy(s->secret, got.secret, sizeof(s->secret));
	return true;
}

/* A root process (the operator's tool) must not lock the service out. */
static void
give_to_owner(int fd, int dirfd)
{
	struct stat st;

	if (geteuid() == 0 && fstat(dirfd, &st) == 0 &&
	    (st.st_uid != 0 || st.st_gid != 0) &&
	    fchown(fd, st.st_uid, st.st_gid) == -1)
		return;		/* still usable by us */
}

/* posix_fallocate so that a full disk is an error now; over RLIMIT_FSIZE the
 * kernel also raises SIGXFSZ, whose default action would kill us. */
static int
allocate(int fd, size_t size)
{
	struct sigaction ign, old;
	int rc;

	memset(&ign, 0, sizeof(ign));
	ign.sa_handler = SIG_IGN;
	sigaction(SIGXFSZ, &ign, &old);
	do
		rc = posix_fallocate(fd, 0, (off_t)size);
	while (rc == EINTR);
	sigaction(SIGXFSZ, &old, NULL);
	return rc;
}

static int
file_fill(struct shm *s, int fd, int dirfd)
{
	struct seg_head h;
	int rc;

	if ((rc = allocate(fd, s->map.size)) != 0) {
		errno = rc;
		return -1;
	}
	head_fill(s, &h);
	random_bytes(h.secret, sizeof(h.secret));
	h.sum = head_sum(&h);
	if (pwrite(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h))
		return -1;
	memcpy(s->secret, h.secret, sizeof(s->secret));
	give_to_owner(fd, dirfd);
	return fchmod(fd, 0660);
}

static int
file_create(struct shm *s, int dirfd)
{
	char tmp[48];
	int fd, saved;

	snprintf(tmp, sizeof(tmp), "%s.new", s->name);
	unlinkat(dirfd, tmp, 0);
	fd = openat(dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	if (file_fill(s, fd, dirfd) == 0 &&
	    renameat(dirfd, tmp, dirfd, s->name) == 0)
		return fd;
	saved = errno;
	close(fd);
	unlinkat(dirfd, tmp, 0);
	errno = saved;
	return -1;
}

/* Segments of other layouts go when no process holds a slot in them. */
static void
sweep_old(struct shm *s, int dirfd)
{
	struct dirent *de;
	DIR *d;
	int fd, old;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, "shm.", 4) != 0 ||
		    strspn(de->d_name + 4, "0123456789abcdef") != 16 ||
		    de->d_name[20] != '\0' || strcmp(de->d_name, s->name) == 0)
			continue;
		old = openat(dirfd, de->d_name, O_RDWR | O_CLOEXEC |
		    O_NOFOLLOW | O_NONBLOCK);
		if (old == -1)
			continue;
		if (!file_held(old))
			unlinkat(dirfd, de->d_name, 0);
		close(old);
	}
	closedir(d);
}

static int
file_open_locked(struct shm *s, int dirfd)
{
	int fd;

	fd = openat(dirfd, s->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK);
	if (fd != -1 && !file_good(s, fd)) {
		close(fd);
		fd = -1;
	}
	if (fd == -1) {
		fd = file_create(s, dirfd);
		sweep_old(s, dirfd);
	}
	return fd;
}

/* Opens the good file or makes one; one process of the host at a time. */
int
seg_file_open(struct shm *s)
{
	int dirfd, lock, fd = -1, saved;

	dirfd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return -1;
	lock = openat(dirfd, "shm.lock", O_RDWR | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW, 0660);
	if (lock != -1) {
		while (flock(lock, LOCK_EX) == -1 && errno == EINTR)
			;
		if (fchmod(lock, 0660) == 0)	/* fails if not the owner */
			give_to_owner(lock, dirfd);
		fd = file_open_locked(s, dirfd);
	}
	saved = errno;
	if (lock != -1)
		close(lock);
	close(dirfd);
	errno = saved;
	return fd;
}
