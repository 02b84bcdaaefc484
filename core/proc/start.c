/*
 * What every program does first: give away what it does not need (cores,
 * debuggers, root), make sure that it does not run as the web server's user,
 * and take its place in the run directory. Refuses rather than degrades: a
 * privilege that could not be dropped for good ends the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "proc/proc.h"

static const char *const web_users[] = {
	"www-data", "http", "nginx", "apache", "lighttpd", NULL
};

static int
fail(struct err *e, const char *what, const char *of)
{
	int saved = errno;

	err_set(e, 500, "start", "The service cannot start.");
	err_cause(e, "%s %s: %s", what, of, strerror(saved));
	e->native = saved;
	return -1;
}

static int
refuse(struct err *e, const char *why, const char *user)
{
	err_set(e, 500, "start", "The service cannot start.");
	return err_cause(e, why, user);
}

static void
ignore(int sig)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	sigaction(sig, &sa, NULL);
}

/* The leak checker of a sanitized build attaches to its own process. */
static void
not_dumpable(void)
{
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void
proc_harden(void)
{
	const struct rlimit none = { 0, 0 };
	int fd;

	setrlimit(RLIMIT_CORE, &none);
	not_dumpable();
	umask(0027);
	ignore(SIGPIPE);
	ignore(SIGXFSZ);	/* a full quota is an errno, not a death */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < 2);
	if (fd > 2)
		close(fd);
}

static bool
is_web_name(const char *name)
{
	size_t i;

	for (i = 0; web_users[i] != NULL; i++) {
		if (strcmp(name, web_users[i]) == 0)
			return true;
	}
	return false;
}

bool
proc_is_web_user(void)
{
	const struct passwd *pw = getpwuid(geteuid());

	return pw != NULL && is_web_name(pw->pw_name);
}

static int
refuse_web(struct err *e, const char *user)
{
	return refuse(e, "refusing to run as %s: every web application of "
	    "this host would read our keys; use a service user (spawn-fcgi "
	    "-u, suexec, systemd socket)", user);
}

/* No way back: neither saved ids nor a call to setuid(0) may return root. */
static int
become(const struct passwd *pw, struct err *e)
{
	uid_t r, f, v;

	if (initgroups(pw->pw_name, pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return fail(e, "becoming", pw->pw_name);
	if (getresuid(&r, &f, &v) == -1 || r != pw->pw_uid ||
	    f != pw->pw_uid || v != pw->pw_uid)
		return refuse(e, "could not become %s for good", pw->pw_name);
	if (pw->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return refuse(e, "root could be regained from %s",
		    pw->pw_name);
	not_dumpable();		/* the kernel resets it when ids change */
	return 0;
}

int
proc_drop(const char *user, bool allow_root, struct err *e)
{
	const struct passwd *pw = NULL;
	bool named = user != NULL && user[0] != '\0';

	if (named && (pw = getpwnam(user)) == NULL)
		return refuse(e, "there is no user %s", user);
	if (named && is_web_name(user))
		return refuse_web(e, user);
	if (named && geteuid() == 0) {
		if (pw->pw_uid == 0 && !allow_root)
			return refuse(e, "refusing to run as %s", user);
		return become(pw, e);
	}
	if (named && pw->pw_uid != geteuid())
		return refuse(e, "only root can become %s", user);
	if (geteuid() == 0 && !allow_root)
		return refuse(e, "refusing to run as %s: name a service user",
		    "root");
	if (proc_is_web_user()) {
		pw = getpwuid(geteuid());
		return refuse_web(e, pw != NULL ? pw->pw_name : "www-data");
	}
	return 0;
}

/* Creates the missing parts of a path, each 0750. */
static int
make_path(const char *path)
{
	char buf[PATH_MAX];
	size_t i, n = strlen(path);

	if (n == 0 || n >= sizeof(buf)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(buf, path, n + 1);
	for (i = 1; i <= n; i++) {
		if (buf[i] != '/' && buf[i] != '\0')
			continue;
		buf[i] = '\0';
		if (mkdir(buf, 0750) == -1 && errno != EEXIST)
			return -1;
		buf[i] = path[i];
	}
	return 0;
}

int
proc_run_dir(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) == -1 && (errno != ENOENT ||
	    make_path(path) == -1 || stat(path, &st) == -1))
		return fail(e, "creating the run directory", path);
	if (!S_ISDIR(st.st_mode))
		return refuse(e, "%s is not a directory", path);
	if (st.st_mode & S_IWOTH)
		return refuse(e, "%s is writable by everybody", path);
	if (access(path, R_OK | W_OK | X_OK) == -1)
		return fail(e, "using the run directory", path);
	return 0;
}

int
proc_lock(const char *path, int *fd, struct err *e)
{
	char pid[24];
	int n;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (*fd == -1)
		return fail(e, "opening the lock", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) == -1) {
		int saved = errno;

		close(*fd);
		*fd = -1;
		errno = saved;
		return saved == EWOULDBLOCK ? 1 : fail(e, "locking", path);
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(*fd, 0) == -1 || pwrite(*fd, pid, (size_t)n, 0) != n)
		errno = 0;	/* the number is only for people */
	return 0;
}
