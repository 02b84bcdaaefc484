/*
 * Private MariaDB for tests. Never touches a server it did not start, and
 * never leaves one: the child asks the kernel to be killed with its parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mysql.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "db/db.h"
#include "db/migrate.h"
#include "tests/harness/mariadb.h"

enum { PATH_LEN = 512, START_MS = 30000, POLL_MS = 10 };

#define PREFIX "quincunx-db-"

/* One server per program. */
static struct {
	char base[PATH_LEN], dir[PATH_LEN], sock[PATH_LEN];
	pid_t pid;
	pid_t owner;		/* forked children must not clean up */
	bool hooked;
} srv;

__attribute__((format(printf, 1, 2), noreturn)) static void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("mariadb harness: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	mariadb_stop();
	exit(1);
}

static void
path(char out[PATH_LEN], const char *dir, const char *name)
{
	if (snprintf(out, PATH_LEN, "%s/%s", dir, name) >= PATH_LEN)
		die("path too long: %s/%s", dir, name);
}

static void
nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static bool
program(const char *name, char out[PATH_LEN])
{
	static const char *const dirs[] = { "/usr/sbin", "/usr/bin",
		"/usr/local/sbin", "/usr/local/bin", "/usr/libexec", NULL };
	int i;

	for (i = 0; dirs[i] != NULL; i++) {
		path(out, dirs[i], name);
		if (access(out, X_OK) == 0)
			return true;
	}
	return false;
}

/* Runs a program to its end, quietly. */
static int
run(char *const argv[])
{
	int status, fd;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if ((fd = open("/dev/null", O_RDWR)) != -1) {
			dup2(fd, 0);
			dup2(fd, 1);
			dup2(fd, 2);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid == -1)
		return -1;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
remove_tree(const char *dir)
{
	char *argv[] = { (char *)"rm", (char *)"-rf", (char *)"--",
		(char *)(uintptr_t)dir, NULL };

	run(argv);
}

/* ---- template ----------------------------------------------------------- */

static void
make_template(const char *dir)
{
	char install[PATH_LEN], tmp[PATH_LEN], data[PATH_LEN + 16],
	    user[] = "--user=root";
	char *argv[] = { install, (char *)"--no-defaults", data,
		(char *)"--auth-root-authentication-method=normal",
		(char *)"--skip-test-db", (char *)"--skip-name-resolve",
		(char *)"--innodb-log-file-size=8M",
		geteuid() == 0 ? user : NULL, NULL };

	if (!program("mariadb-install-db", install))
		die("mariadb-install-db is missing");
	path(tmp, srv.base, "template.new");
	remove_tree(tmp);
	snprintf(data, sizeof(data), "--datadir=%s", tmp);
	if (run(argv) != 0)
		die("mariadb-install-db failed");
	if (rename(tmp, dir) == -1)
		die("%s: %s", dir, strerror(errno));
}

/* Directories of programs that are gone. */
static void
sweep(void)
{
	char dir[PATH_LEN];
	struct dirent *e;
	DIR *d = opendir(srv.base);
	long pid;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		pid = strtol(e->d_name + strlen(PREFIX), NULL, 10);
		if (pid > 0 && kill((pid_t)pid, 0) == -1 && errno == ESRCH) {
			path(dir, srv.base, e->d_name);
			remove_tree(dir);
		}
	}
	if (d != NULL)
		closedir(d);
}

static void
prepare(void)
{
	const char *tmp = getenv("TMPDIR");
	char lock[PATH_LEN], tmpl[PATH_LEN], data[PATH_LEN];
	char *cp[] = { (char *)"cp", (char *)"-a", tmpl, data, NULL };
	int fd;

	if (tmp == NULL || tmp[0] == '\0')
		tmp = "/tmp";
	if (snprintf(srv.base, sizeof(srv.base), "%s/quincunx-test-%u-%lu",
	    tmp, (unsigned)geteuid(), mysql_get_client_version()) > 60)
		die("TMPDIR is too long for a socket path");
	if (mkdir(srv.base, 0700) == -1 && errno != EEXIST)
		die("%s: %s", srv.base, strerror(errno));
	path(lock, srv.base, "lock");
	path(tmpl, srv.base, "template");
	if ((fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0600)) == -1 ||
	    flock(fd, LOCK_EX) == -1)
		die("%s: %s", lock, strerror(errno));
	if (access(tmpl, F_OK) == -1)
		make_template(tmpl);
	sweep();
	snprintf(srv.dir, sizeof(srv.dir), "%.*s/" PREFIX "%ld", 200,
	    srv.base, (long)getpid());
	if (mkdir(srv.dir, 0700) == -1)
		die("%s: %s", srv.dir, strerror(errno));
	close(fd);
	path(data, srv.dir, "data");
	path(srv.sock, srv.dir, "s");
	if (run(cp) != 0)
		die("the template could not be copied");
}

/* ---- process ------------------------------------------------------------ */

static MYSQL *
root(const char *database, bool must)
{
	unsigned s = 10;
	MYSQL *my = mysql_init(NULL);

	mysql_optionsv(my, MYSQL_OPT_CONNECT_TIMEOUT, &s);
	mysql_optionsv(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (mysql_real_connect(my, NULL, "root", "", database, 0, srv.sock,
	    CLIENT_MULTI_STATEMENTS) != NULL)
		return my;
	if (must)
		die("connect: %s", mysql_error(my));
	mysql_close(my);
	return NULL;
}

static void
exec_server(const char *bin)
{
	char data[PATH_LEN + 16], sock[PATH_LEN + 16], log[PATH_LEN],
	    tmp[PATH_LEN + 16];
	char user[] = "--user=root";
	char *argv[] = { (char *)(uintptr_t)bin, (char *)"--no-defaults",
		data, sock, tmp, (char *)"--skip-networking",
		(char *)"--skip-name-resolve",
		(char *)"--innodb-flush-log-at-trx-commit=0",
		(char *)"--innodb-log-file-size=8M",
		(char *)"--innodb-buffer-pool-size=32M",
		(char *)"--innodb-use-native-aio=0",
		(char *)"--performance-schema=OFF",
		(char *)"--aria-pagecache-buffer-size=8M",
		(char *)"--key-buffer-size=1M", (char *)"--sync-binlog=0",
		(char *)"--character-set-server=utf8mb4",
		geteuid() == 0 ? user : NULL, NULL };
	int fd, null;

	snprintf(data, sizeof(data), "--datadir=%s/data", srv.dir);
	snprintf(sock, sizeof(sock), "--socket=%s", srv.sock);
	/* a server that starts deletes temporary tables it finds */
	snprintf(tmp, sizeof(tmp), "--tmpdir=%s", srv.dir);
	path(log, srv.dir, "log");
	null = open("/dev/null", O_RDONLY);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(null, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	execv(bin, argv);
}

static void
launch(void)
{
	char bin[PATH_LEN];
	pid_t parent = getpid();
	int waited, status;
	MYSQL *my;

	if (!program("mariadbd", bin))
		die("mariadbd is missing");
	if ((srv.pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		/* A signal to the test's group is the test's business. */
		setpgid(0, 0);
		exec_server(bin);
		_exit(127);
	}
	if (srv.pid == -1)
		die("fork: %s", strerror(errno));
	for (waited = 0; waited < START_MS; waited += POLL_MS) {
		if ((my = root(NULL, false)) != NULL) {
			mysql_close(my);
			return;
		}
		if (waitpid(srv.pid, &status, WNOHANG) == srv.pid) {
			srv.pid = 0;
			die("mariadbd ended, see %s/log", srv.dir);
		}
		nap_ms(POLL_MS);
	}
	die("mariadbd is not ready after %d s", START_MS / 1000);
}

static void
stop_on_signal(int sig)
{
	if (srv.pid > 0 && srv.owner == getpid())
		kill(srv.pid, SIGKILL);
	signal(sig, SIG_DFL);
	raise(sig);
}

bool
mariadb_start(void)
{
	char bin[PATH_LEN];

	if (srv.pid > 0)
		return true;
	if (!program("mariadbd", bin)) {
		if (getenv("CI") != NULL)
			die("mariadbd is missing");
		printf("not run: mariadbd is not installed\n");
		return false;
	}
	srv.owner = getpid();
	if (!srv.hooked) {
		srv.hooked = true;
		atexit(mariadb_stop);
		signal(SIGINT, stop_on_signal);
		signal(SIGTERM, stop_on_signal);
		signal(SIGHUP, stop_on_signal);
		signal(SIGPIPE, SIG_IGN);
	}
	prepare();
	launch();
	return true;
}

void
mariadb_kill(void)
{
	if (srv.pid <= 0)
		return;
	kill(srv.pid, SIGKILL);
	while (waitpid(srv.pid, NULL, 0) == -1 && errno == EINTR)
		;
	srv.pid = 0;
}

void
mariadb_restart(void)
{
	mariadb_kill();
	launch();
}

void
mariadb_stop(void)
{
	if (srv.owner != getpid())
		return;
	mariadb_kill();
	if (srv.dir[0] != '\0')
		remove_tree(srv.dir);
	srv.dir[0] = '\0';
}

void
mariadb_freeze(void)
{
	int status;

	kill(srv.pid, SIGSTOP);
	/* Only then have all of its threads stopped. */
	waitpid(srv.pid, &status, WUNTRACED);
}

void
mariadb_thaw(void)
{
	kill(srv.pid, SIGCONT);
}

pid_t
mariadb_pid(void)
{
	return srv.pid;
}

/* ---- databases ---------------------------------------------------------- */

const char *
mariadb_url(struct arena *a, const char *database)
{
	return arena_printf(a, "mysql://root@/%s?unix_socket=%s", database,
	    srv.sock);
}

struct db_conf
mariadb_conf(struct arena *a, const char *database)
{
	return (struct db_conf){
		.url = mariadb_url(a, database), .migrate_url = "",
		.connect_timeout_s = 2, .read_timeout_s = 10,
		.write_timeout_s = 10, .statement_timeout_ms = 5000,
		.lock_wait_s = 5
	};
}

void
mariadb_sql(const char *database, const char *sql)
{
	MYSQL *my = root(database, true);
	MYSQL_RES *res;
	int rc;

	rc = mysql_real_query(my, sql, strlen(sql));
	while (rc == 0) {
		if ((res = mysql_store_result(my)) != NULL)
			mysql_free_result(res);
		rc = mysql_next_result(my);
	}
	if (rc > 0)
		die("%.200s: %s", sql, mysql_error(my));
	mysql_close(my);
}

const char *
mariadb_value(struct arena *a, const char *database, const char *sql)
{
	MYSQL *my = root(database, true);
	const char *out = "";
	MYSQL_RES *res;
	MYSQL_ROW row;

	if (mysql_real_query(my, sql, strlen(sql)) != 0 ||
	    (res = mysql_store_result(my)) == NULL)
		die("%.200s: %s", sql, mysql_error(my));
	if ((row = mysql_fetch_row(res)) != NULL && row[0] != NULL)
		out = arena_strdup(a, row[0]);
	mysql_free_result(res);
	mysql_close(my);
	return out;
}

const char *
mariadb_hex(struct arena *a, struct uuid id)
{
	return hex_encode(id.b, sizeof(id.b), arena_alloc(a,
	    2 * sizeof(id.b) + 1));
}

MYSQL *
mariadb_root(void)
{
	return root(NULL, true);
}

void
mariadb_create(const char *database)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS `%s`; "
	    "CREATE DATABASE `%s` CHARACTER SET utf8mb4", database, database);
	mariadb_sql(NULL, sql);
}

void
mariadb_migrated(const char *database, const char *sql_dir)
{
	struct arena *a = arena_new(64 << 20);
	struct db_conf conf = mariadb_conf(a, database);
	struct err err;
	struct db *db;

	mariadb_create(database);
	err_clear(&err);
	if (db_open_migrator(&db, a, &conf, &err) == -1 ||
	    migrate(db, a, sql_dir != NULL ? sql_dir : "sql", MIGRATE_RUN,
	    NULL, NULL, &err) == -1)
		die("migrations: %s (%s)", err.detail, err.cause);
	arena_free(a);
}

struct db *
mariadb_open(struct arena *a, const char *database)
{
	struct db_conf conf = mariadb_conf(a, database);
	struct err err;
	struct db *db;

	err_clear(&err);
	if (db_open(&db, a, &conf, &err) == -1)
		die("open: %s (%s)", err.detail, err.cause);
	return db;
}
