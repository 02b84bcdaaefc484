/*
 * MariaDB's own programs, spoken to over pipes. The account's password goes
 * in an option file that has no name (memfd): never in an argument list or
 * the environment. A program that does not end well is an error with its own
 * last words, whatever it had written until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/platform/backup.h"

enum { OPTIONS_FD = 3, WORDS_MAX = 200 };

#define OPTIONS "--defaults-file=/proc/self/fd/3"

struct program {
	const char *name;
	pid_t pid;
	int pipe;			/* our end */
	int words;			/* what it said, memfd */
	int options;
};

static int
sys_fail(struct err *e, const char *name)
{
	int saved = errno;

	err_set(e, 500, "backup_program", "%s cannot be run: %s", name,
	    strerror(saved));
	e->native = saved;
	return -1;
}

static int
memory_file(const char *name, const char *text, unsigned flags)
{
	size_t n = strlen(text);
	int fd = memfd_create(name, flags);

	/* MariaDB's programs ignore a file that everybody may write */
	if (fd != -1 && (fchmod(fd, 0600) == -1 || (n > 0 &&
	    write(fd, text, n) != (ssize_t)n))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The child: three descriptors and the options, nothing else of ours. In this
 * order, because any of them may be what the last one becomes. */
static _Noreturn void
become(const struct program *p, const char *const *argv, int theirs,
    bool reads, pid_t parent)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C",
	    "HOME=/nonexistent", NULL };
	int null = open("/dev/null", O_RDWR);
	char path[64];
	sigset_t none;

	snprintf(path, sizeof(path), "/usr/bin/%s", p->name);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(reads ? theirs : null, 0) != -1 &&
	    dup2(reads ? null : theirs, 1) != -1 && dup2(p->words, 2) != -1 &&
	    dup2(p->options, OPTIONS_FD) != -1 &&
	    fcntl(OPTIONS_FD, F_SETFD, 0) != -1 &&
	    close_range(OPTIONS_FD + 1, ~0U, 0) == 0)
		execve(path, (char *const *)(uintptr_t)argv,
		    (char *const *)(uintptr_t)env);
	dprintf(2, "%s: %s (package mariadb-client)", path, strerror(errno));
	_exit(127);
}

/* reads: it reads what we write. */
static int
start(struct program *p, const char *const *argv, const char *options,
    bool reads, struct err *e)
{
	int fd[2], theirs;
	pid_t parent = getpid();

	p->name = argv[0];
	p->options = memory_file("options", options, MFD_CLOEXEC);
	p->words = memory_file("words", "", MFD_CLOEXEC);
	if (p->options == -1 || p->words == -1 ||
	    pipe2(fd, O_CLOEXEC) == -1)
		return sys_fail(e, p->name);
	p->pipe = reads ? fd[1] : fd[0];
	theirs = reads ? fd[0] : fd[1];
	fflush(NULL);
	p->pid = fork();
	if (p->pid == 0)
		become(p, argv, theirs, reads, parent);
	close(theirs);
	return p->pid == -1 ? sys_fail(e, p->name) : 0;
}

/* Closes, waits, judges. */
static int
end(struct program *p, struct err *e)
{
	char words[WORDS_MAX + 1], shown[WORDS_MAX + 1];
	int status = -1, n = 0;
	ssize_t got;

	close(p->pipe);
	while (waitpid(p->pid, &status, 0) == -1 && errno == EINTR)
		;
	got = pread(p->words, words, WORDS_MAX, 0);
	for (ssize_t i = 0; i < got; i++)
		shown[n++] = words[i] < ' ' || words[i] > '~' ? ' ' :
		    words[i];
	shown[n] = '\0';
	close(p->words);
	close(p->options);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, 502, "backup_program", "%s failed: %s", p->name,
	    n > 0 ? shown : "it was killed");
}

int
platform_backup_dump(struct arena *a, const char *url,
    int (*fn)(void *, const char *, size_t, struct err *), void *arg,
    struct err *e)
{
	const char *options, *database;
	struct program p = { 0 };
	struct err why = { 0 };
	char buf[65536];
	ssize_t n;
	int rc = 0;

	if (db_client_options(url, a, &options, &database, e) == -1)
		return -1;
	if (start(&p, (const char *const[]){ "mariadb-dump", OPTIONS,
	    "--single-transaction", "--quick", "--hex-blob",
	    "--order-by-primary", "--skip-comments", "--skip-dump-date",
	    "--skip-add-drop-table", "--skip-add-locks",
	    "--skip-disable-keys", "--skip-lock-tables", "--skip-triggers",
	    "--no-tablespaces", "--max-allowed-packet=1G",
	    "--default-character-set=utf8mb4", "--", database, NULL },
	    options, false, e) == -1)
		return -1;
	while (rc == 0 && (n = read(p.pipe, buf, sizeof(buf))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		rc = n == -1 ? sys_fail(e, p.name) :
		    fn(arg, buf, (size_t)n, e);
	}
	if (rc == -1)
		kill(p.pid, SIGKILL);
	return end(&p, rc == -1 ? &why : e) == -1 ? -1 : rc;
}

/* ---- the client -------------------------------------------------------------------- */

struct platform_backup_load {
	struct program p;
};

int
platform_backup_load_start(struct platform_backup_load **out,
    struct arena *a, const char *url, struct err *e)
{
	struct platform_backup_load *l = arena_alloc(a, sizeof(*l));
	const char *options, *database;

	*out = l;
	if (db_client_options(url, a, &options, &database, e) == -1)
		return -1;
	return start(&l->p, (const char *const[]){ "mariadb", OPTIONS,
	    "--batch", "--max-allowed-packet=1G", "--disable-local-infile",
	    "--", database, NULL }, options, true, e);
}

int
platform_backup_load_text(struct platform_backup_load *l, const char *p,
    size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t put = write(l->p.pipe, p, n);

		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1)
			return sys_fail(e, l->p.name);
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

int
platform_backup_load_end(struct platform_backup_load *l, struct err *e)
{
	return end(&l->p, e);
}
