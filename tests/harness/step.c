/*
 * Stepping; see the header. The calls below take the place of libmariadb's
 * (the program's symbols come before a library's) and go on to them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <errmsg.h>
#include <mysql.h>

#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/step.h"

#define YIELD "yield"

enum { SIDES = 4, NAME = 64, KNOWN = 2048, PATIENCE_MS = 30000,
	STEPS_MAX = 2000 };

__attribute__((format(printf, 1, 2), noreturn)) static void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("step harness: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

/* ---- before libmariadb -------------------------------------------------------- */

static struct {
	MYSQL_STMT *h;
	char name[NAME];
} known[KNOWN];

/* Set in a stepped child. */
static void (*before)(const char *name, unsigned long thread);
static size_t sent, fault_at;
static enum step_fault fault;

static size_t
place_of(const MYSQL_STMT *h)
{
	size_t i = ((uintptr_t)h >> 5) % KNOWN;

	for (size_t n = 0; n < KNOWN && known[i].h != h && known[i].h != NULL;
	    n++)
		i = (i + 1) % KNOWN;
	return i;
}

/* "/ * name * / SELECT …" */
static void
remember(MYSQL_STMT *h, const char *sql)
{
	size_t i = place_of(h);
	const char *end = strstr(sql, " */");

	if (known[i].h != NULL && known[i].h != h)
		return;
	known[i].h = h;
	if (strncmp(sql, "/* ", 3) != 0 || end == NULL)
		end = sql = "";
	else
		sql += 3;
	snprintf(known[i].name, NAME, "%.*s", (int)(end - sql), sql);
}

static void *
next(const char *symbol)
{
	void *p = dlsym(RTLD_NEXT, symbol);

	if (p == NULL)
		die("no %s", symbol);
	return p;
}

int
mysql_stmt_prepare(MYSQL_STMT *h, const char *sql, unsigned long len)
{
	static int (*real)(MYSQL_STMT *, const char *, unsigned long);

	if (real == NULL)
		*(void **)&real = next("mysql_stmt_prepare");
	remember(h, sql);
	return real(h, sql, len);
}

static bool
strikes(MYSQL *my, const char *name)
{
	if (before != NULL)
		before(name, mysql_thread_id(my));
	return ++sent == fault_at && fault != FAULT_NONE;
}

static unsigned
code_of(enum step_fault f)
{
	return f == FAULT_LOCK_WAIT ? 1205 : f == FAULT_DEADLOCK ? 1213 :
	    CR_SERVER_LOST;
}

static void
cut(MYSQL *my)
{
	shutdown((int)mysql_get_socket(my), SHUT_RDWR);
}

int
mysql_stmt_execute(MYSQL_STMT *h)
{
	static int (*real)(MYSQL_STMT *);

	if (real == NULL)
		*(void **)&real = next("mysql_stmt_execute");
	if (!strikes(h->mysql, known[place_of(h)].name))
		return real(h);
	if (fault == FAULT_CUT_BEFORE) {
		cut(h->mysql);
		return real(h);
	}
	if (fault == FAULT_CUT_AFTER) {
		real(h);
		mysql_stmt_free_result(h);
		cut(h->mysql);
	}
	if (fault == FAULT_DEADLOCK)
		mysql_rollback(h->mysql);
	h->last_errno = code_of(fault);
	snprintf(h->last_error, sizeof(h->last_error), "planted");
	return 1;
}

int
mysql_real_query(MYSQL *my, const char *sql, unsigned long len)
{
	static int (*real)(MYSQL *, const char *, unsigned long);

	if (real == NULL)
		*(void **)&real = next("mysql_real_query");
	if (!strikes(my, sql))
		return real(my, sql, len);
	if (fault == FAULT_CUT_BEFORE) {
		cut(my);
		return real(my, sql, len);
	}
	if (fault == FAULT_CUT_AFTER) {
		real(my, sql, len);
		cut(my);
	}
	if (fault == FAULT_DEADLOCK)
		real(my, "ROLLBACK", 8);
	my->net.last_errno = code_of(fault);
	snprintf(my->net.last_error, sizeof(my->net.last_error), "planted");
	return 1;
}

void
step_fault(size_t n, enum step_fault f)
{
	sent = 0;
	fault_at = n;
	fault = f;
}

size_t
step_sent(void)
{
	return sent;
}

/* ---- a side's process ----------------------------------------------------------- */

static int child_fd = -1;
static unsigned long my_thread;

struct word {
	unsigned long thread;
	char at[NAME];
};

static void
stop_here(const char *name, unsigned long thread)
{
	struct word w = { .thread = thread };
	char go;

	my_thread = thread;
	snprintf(w.at, sizeof(w.at), "%s", name);
	if (send(child_fd, &w, sizeof(w), MSG_NOSIGNAL) == -1 ||
	    recv(child_fd, &go, 1, 0) != 1)
		_exit(99);
}

static void
child(const char *database, const struct step_side *s, int fd)
{
	struct arena *a = arena_new(256 << 20);
	struct db *db;
	struct err e = { 0 };
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	child_fd = fd;
	db = mariadb_open(a, database);
	if (db_ping(db, &e) == -1)
		_exit(98);
	before = stop_here;
	rc = s->run(db, a, s->arg);
	before = NULL;
	db_close(db);
	_exit(rc);
}

/* ---- the play ---------------------------------------------------------------------- */

struct one {
	const char *name;
	pid_t pid;
	int fd, status;
	bool moving;		/* between "go" and its next word */
	bool ended;
	size_t count;
	unsigned long thread;	/* its connection */
	char at[NAME];
};

struct step {
	struct one side[SIDES];
	size_t n;
	struct arena *a;
	MYSQL *my;		/* asks for the number of lock waits */
};

static size_t
lock_waits(struct step *s)
{
	MYSQL_RES *res;
	MYSQL_ROW row;
	size_t n;

	if (mysql_query(s->my, "SHOW GLOBAL STATUS LIKE "
	    "'Innodb_row_lock_current_waits'") != 0 ||
	    (res = mysql_store_result(s->my)) == NULL ||
	    (row = mysql_fetch_row(res)) == NULL)
		die("%s", mysql_error(s->my));
	n = strtoul(row[1], NULL, 10);
	mysql_free_result(res);
	return n;
}

static void
reaped(struct one *o)
{
	int status;

	while (waitpid(o->pid, &status, 0) == -1)
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	o->ended = true;
	o->moving = false;
	o->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		die("%s died of signal %d after %s", o->name,
		    WTERMSIG(status), o->at);
	close(o->fd);
	o->fd = -1;
}

/* Words of the sides that move; waits at most ms for the first. */
static bool
listen_to(struct step *s, int ms)
{
	struct pollfd p[SIDES];
	struct word w;
	bool any = false;

	for (size_t i = 0; i < s->n; i++)
		p[i] = (struct pollfd){ s->side[i].moving ? s->side[i].fd : -1,
		    POLLIN, 0 };
	if (poll(p, s->n, ms) == -1 && errno != EINTR)
		die("poll: %s", strerror(errno));
	for (size_t i = 0; i < s->n; i++) {
		struct one *o = &s->side[i];

		if (p[i].fd == -1 || p[i].revents == 0)
			continue;
		any = true;
		if (recv(o->fd, &w, sizeof(w), 0) <= 0) {
			reaped(o);
			continue;
		}
		o->moving = false;
		o->thread = w.thread;
		memcpy(o->at, w.at, sizeof(o->at));
	}
	return any;
}

static size_t
moving(const struct step *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->side[i].moving;
	return n;
}

/* Until everybody stands, has ended or waits for a lock. */
static void
settle(struct step *s)
{
	struct timespec end, now;
	size_t n;
	int calm = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	while ((n = moving(s)) > 0 && calm < 2) {
		if (listen_to(s, 3)) {
			calm = 0;
			continue;
		}
		calm = lock_waits(s) == n ? calm + 1 : 0;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - end.tv_sec) * 1000 > PATIENCE_MS)
			die("a side neither answers nor waits for a lock");
	}
}

struct step *
step_open(const char *database, const struct step_side *side, size_t n)
{
	struct arena *a = arena_new(1 << 20);
	struct step *s = arena_alloc(a, sizeof(*s));
	int fd[2];

	s->a = a;
	if (n > SIDES)
		die("more than %d sides", SIDES);
	fflush(NULL);
	for (; s->n < n; s->n++) {
		struct one *o = &s->side[s->n];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		    fd) == -1)
			die("socketpair: %s", strerror(errno));
		if ((o->pid = fork()) == 0) {
			for (size_t i = 0; i < s->n; i++)
				close(s->side[i].fd);
			close(fd[0]);
			child(database, &side[s->n], fd[1]);
		}
		close(fd[1]);
		o->name = side[s->n].name;
		o->fd = fd[0];
		o->moving = true;
	}
	s->my = mariadb_root();
	while (moving(s) > 0)
		listen_to(s, PATIENCE_MS);
	return s;
}

enum step_state
step_state(const struct step *s, size_t i)
{
	return s->side[i].ended ? STEP_ENDED :
	    s->side[i].moving ? STEP_WAITS : STEP_READY;
}

const char *
step_before(const struct step *s, size_t i)
{
	return s->side[i].at;
}

enum step_state
step_one(struct step *s, size_t i)
{
	struct one *o = &s->side[i];

	if (!o->ended && !o->moving) {
		if (send(o->fd, "", 1, MSG_NOSIGNAL) == -1)
			die("%s is gone", o->name);
		o->moving = true;
		if (++o->count > STEPS_MAX)
			die("%s does not end", o->name);
	}
	settle(s);
	return step_state(s, i);
}

enum step_state
step_run(struct step *s, size_t i)
{
	do {
		step_one(s, i);
	} while (step_state(s, i) == STEP_READY &&
	    strcmp(s->side[i].at, YIELD) != 0);
	return step_state(s, i);
}

void
step_yield(void)
{
	if (before != NULL)
		before(YIELD, my_thread);
}

bool
step_until(struct step *s, size_t i, const char *statement)
{
	while (step_state(s, i) == STEP_READY &&
	    strncmp(s->side[i].at, statement, strlen(statement)) != 0)
		step_one(s, i);
	return step_state(s, i) == STEP_READY;
}

/* Has the server noticed, and rolled back? */
static bool
gone(struct step *s, unsigned long thread)
{
	char sql[120];
	MYSQL_RES *res;
	bool none;

	snprintf(sql, sizeof(sql), "SELECT 1 FROM "
	    "information_schema.processlist WHERE id = %lu", thread);
	if (mysql_query(s->my, sql) != 0 ||
	    (res = mysql_store_result(s->my)) == NULL)
		die("%s", mysql_error(s->my));
	none = mysql_num_rows(res) == 0;
	mysql_free_result(res);
	return none;
}

void
step_kill(struct step *s, size_t i)
{
	struct one *o = &s->side[i];
	char sql[40];

	if (o->ended)
		return;
	kill(o->pid, SIGKILL);
	reaped(o);
	o->status = -1;
	/* A statement that waits for a lock would notice only afterwards. */
	snprintf(sql, sizeof(sql), "KILL %lu", o->thread);
	mysql_query(s->my, sql);
	for (int t = 0; !gone(s, o->thread); t++) {
		if (t > PATIENCE_MS)
			die("the server keeps a dead connection");
		poll(NULL, 0, 1);
	}
	settle(s);
}

void
step_finish(struct step *s)
{
	bool any = true;

	while (any) {
		any = false;
		for (size_t i = 0; i < s->n; i++)
			if (step_state(s, i) == STEP_READY) {
				step_run(s, i);
				any = true;
			}
	}
	/* Only a cycle that the server does not see could leave waiters. */
	while (moving(s) > 0)
		if (!listen_to(s, PATIENCE_MS))
			die("a lock wait without end");
	for (size_t i = 0; i < s->n; i++)
		if (!s->side[i].ended) {
			step_finish(s);
			return;
		}
}

int
step_status(const struct step *s, size_t i)
{
	return s->side[i].status;
}

size_t
step_count(const struct step *s, size_t i)
{
	return s->side[i].count;
}

void
step_close(struct step *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->side[i].ended) {
			kill(s->side[i].pid, SIGKILL);
			reaped(&s->side[i]);
		}
	mysql_close(s->my);
	arena_free(s->a);
}

/* ---- pairs -------------------------------------------------------------------------- */

static void
judge(const struct step_pair *p, struct step *s, const char *what)
{
	int status[2];

	step_finish(s);
	status[0] = step_status(s, 0);
	status[1] = step_status(s, 1);
	step_close(s);
	if (p->check != NULL)
		p->check(p->arg, what, status);
}

/* One side does k statements, then the other all it can. False: the side had
 * ended before that, which was the last play of this kind. */
static bool
play(const struct step_pair *p, size_t first, size_t k)
{
	struct step *s;
	char what[3 * NAME];
	bool more;

	p->reset(p->arg);
	s = step_open(p->database, p->side, 2);
	for (size_t i = 0; i < k && step_state(s, first) == STEP_READY; i++)
		step_one(s, first);
	more = step_state(s, first) == STEP_READY;
	snprintf(what, sizeof(what), "%s stopped before statement %zu (%s), "
	    "%s ran", p->side[first].name, k + 1,
	    more ? step_before(s, first) : "end", p->side[1 - first].name);
	step_run(s, 1 - first);
	judge(p, s, what);
	return more;
}

size_t
step_pairs(const struct step_pair *p)
{
	size_t n = 0, stride = p->stride > 1 ? p->stride : 1;

	for (size_t first = 0; first < 2; first++)
		for (size_t k = first % stride; k < STEPS_MAX; k += stride) {
			n++;
			if (!play(p, first, k))
				break;
		}
	return n;
}

size_t
step_random(const struct step_pair *p, unsigned seed, unsigned rounds)
{
	uint32_t x = seed | 1;
	char what[40];

	for (unsigned r = 0; r < rounds; r++) {
		struct step *s;

		p->reset(p->arg);
		s = step_open(p->database, p->side, 2);
		snprintf(what, sizeof(what), "seed %u, round %u", seed, r);
		while (step_state(s, 0) == STEP_READY ||
		    step_state(s, 1) == STEP_READY) {
			size_t i = (x = x * 1664525 + 1013904223) >> 31;

			step_one(s, step_state(s, i) == STEP_READY ? i :
			    1 - i);
		}
		judge(p, s, what);
	}
	return rounds;
}
