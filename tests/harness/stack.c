/*
 * A private installation for end-to-end tests. Starts nothing it does not end:
 * every process is a child with a parent-death signal and a group of its own,
 * and is ended by its pid. Touches nothing outside its directory and the
 * harness's MariaDB.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "base/types.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

enum { ARENA_CAP = 512 << 20, WORDS = 40, START_MS = 30000, STOP_MS = 12000,
	TAIL = 3000, FILE_MAX = 32 << 20, CHILDREN = 256 };

#define PREFIX "qx."

static struct stack *stacks;	/* for the exit handler */

__attribute__((format(printf, 2, 3), noreturn)) static void
die(struct stack *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("stack: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	if (s != NULL && s->dir[0] != '\0')
		stack_logs(s);
	exit(1);
}

/* ---- files --------------------------------------------------------------- */

const char *
stack_path(struct stack *s, const char *name)
{
	return arena_printf(s->a, "%s/%s", s->dir, name);
}

static void
put_file(struct stack *s, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(text);

	if (fd == -1 || write(fd, text, n) != (ssize_t)n || close(fd) == -1)
		die(s, "%s: %s", path, strerror(errno));
}

static char *
slurp(struct arena *a, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *buf;
	ssize_t n;

	if (fd == -1)
		return arena_strdup(a, "");
	if (fstat(fd, &st) == -1 || st.st_size > FILE_MAX)
		st.st_size = 0;
	/* /proc files have no size */
	buf = arena_alloc(a, (size_t)st.st_size + 65536);
	n = read(fd, buf, (size_t)st.st_size + 65535);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

const char *
stack_file(struct stack *s, const char *name)
{
	return slurp(s->a, stack_path(s, name));
}

static void
tail(const char *path, const char *name)
{
	char buf[TAIL + 1];
	FILE *f = fopen(path, "r");
	size_t n;
	long size;

	if (f == NULL)
		return;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	if (size > 0) {
		fseek(f, size > TAIL ? size - TAIL : 0, SEEK_SET);
		n = fread(buf, 1, TAIL, f);
		buf[n] = '\0';
		fprintf(stderr, "---- %s\n%s\n", name, buf);
	}
	fclose(f);
}

void
stack_logs(const struct stack *s)
{
	char dir[STACK_PATH + 8], path[STACK_PATH + 300];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/log", s->dir);
	d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' ||
		    strcmp(e->d_name, "router.log") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		tail(path, e->d_name);
	}
	if (d != NULL)
		closedir(d);
}

static void
remove_tree(const char *dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}

/* Directories of programs that are gone. */
static void
sweep(void)
{
	struct dirent *e;
	DIR *d = opendir("/tmp");
	char path[300];
	struct stat st;
	long pid;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		pid = strtol(e->d_name + strlen(PREFIX), NULL, 10);
		snprintf(path, sizeof(path), "/tmp/%s", e->d_name);
		if (pid > 0 && kill((pid_t)pid, 0) == -1 && errno == ESRCH &&
		    lstat(path, &st) == 0 && st.st_uid == geteuid() &&
		    S_ISDIR(st.st_mode))
			remove_tree(path);
	}
	if (d != NULL)
		closedir(d);
}

static void
make_dirs(struct stack *s)
{
	static const char *const names[] = { "run", "log", "secrets", "web",
		"quincunx.conf.d", NULL };
	static unsigned count;

	sweep();
	snprintf(s->dir, sizeof(s->dir), "/tmp/" PREFIX "%ld.%u",
	    (long)getpid(), ++count);
	snprintf(s->db, sizeof(s->db), "qx%u", count);
	if (mkdir(s->dir, 0750) == -1)
		die(NULL, "%s: %s", s->dir, strerror(errno));
	for (size_t i = 0; names[i] != NULL; i++)
		if (mkdir(stack_path(s, names[i]), 0750) == -1)
			die(s, "%s: %s", names[i], strerror(errno));
}

/* ---- users ----------------------------------------------------------------- */

/* The programs must be reachable by nobody: a checkout below /root is not,
 * and then everything stays root's. */
static bool
nobody_may_run(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(setgroups(0, NULL) == -1 || setgid(65534) == -1 ||
		    setuid(65534) == -1 || access(path, X_OK) == -1);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void
stack_user(void)
{
	char path[600];

	if (geteuid() != 0 || getenv("QX_AS_ROOT") != NULL)
		return;
	snprintf(path, sizeof(path), "%s/quincunx", stack_bin());
	if (!nobody_may_run(path)) {
		printf("stack: %s cannot be reached by nobody; everything "
		    "runs as root\n", path);
		return;
	}
	if (setgroups(0, NULL) == -1 || setresgid(65534, 65534, 65534) == -1 ||
	    setresuid(65534, 65534, 65534) == -1)
		die(NULL, "cannot become nobody: %s", strerror(errno));
	/* The leak checker wants to look at its own process. */
	prctl(PR_SET_DUMPABLE, 1);
	setenv("HOME", "/tmp", 1);
}

/* ---- processes ----------------------------------------------------------------- */

const char *
stack_bin(void)
{
	const char *bin = getenv("QX_BIN");

	return bin != NULL && *bin != '\0' ? bin : "build/bin";
}

static void
redirect(const char *out)
{
	int null = open("/dev/null", O_RDONLY);
	int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);

	dup2(null, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	for (int i = 3; i < 256; i++)
		close(i);
}

/* A child with its output in log/NAME.out. */
static pid_t
launch(struct stack *s, const char *name, const char *const *argv)
{
	const char *out = arena_printf(s->a, "%s/log/%s.out", s->dir, name);
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(1);
		setpgid(0, 0);
		signal(SIGPIPE, SIG_DFL);
		redirect(out);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid == -1)
		die(s, "fork: %s", strerror(errno));
	return pid;
}

static bool
ended(pid_t *pid)
{
	if (*pid <= 0)
		return true;
	if (waitpid(*pid, NULL, WNOHANG) == 0)
		return false;
	*pid = 0;
	return true;
}

/* Ends the process, and then by force what is left of its group. */
static void
end(pid_t *pid, int sig)
{
	pid_t group = *pid;

	if (*pid <= 0)
		return;
	kill(*pid, sig);
	for (int ms = 0; ms < STOP_MS && !ended(pid); ms += 10)
		nap_ms(10);
	if (*pid > 0) {
		fprintf(stderr, "stack: pid %ld did not end\n", (long)*pid);
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
		*pid = 0;
	}
	kill(-group, SIGKILL);
}

pid_t
stack_launch(struct stack *s, const char *name, const char *const *argv)
{
	return launch(s, name, argv);
}

void
stack_end(pid_t *pid, int sig)
{
	end(pid, sig);
}

int
stack_cli(struct stack *s, const char **out, const char *const *args)
{
	return stack_program(s, out, "quincunx", args);
}

int
stack_program(struct stack *s, const char **out, const char *program,
    const char *const *args)
{
	static unsigned count;
	const char *words[WORDS], *name;
	int status;
	size_t n = 0;
	pid_t pid;

	words[n++] = arena_printf(s->a, "%s/%s", stack_bin(), program);
	words[n++] = "-c";
	words[n++] = s->conf;
	while (n < WORDS - 1 && *args != NULL)
		words[n++] = *args++;
	words[n] = NULL;
	name = arena_printf(s->a, "cli-%u", ++count);
	pid = launch(s, name, words);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (out != NULL)
		*out = stack_file(s, arena_printf(s->a, "log/%s.out", name));
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    1000 + WTERMSIG(status);
}

size_t
stack_children(const struct stack *s, pid_t *out, size_t max)
{
	return stack_children_of(s->responder, out, max);
}

size_t
stack_children_of(pid_t of, pid_t *out, size_t max)
{
	struct arena *a = arena_new(1 << 20);
	char path[64], *p;
	size_t n = 0;
	long pid;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children",
	    (long)of, (long)of);
	p = slurp(a, path);
	while (n < max && (pid = strtol(p, &p, 10)) > 0)
		out[n++] = (pid_t)pid;
	arena_free(a);
	return n;
}

static long
status_kib(pid_t pid, const char *name)
{
	struct arena *a = arena_new(1 << 20);
	char path[64], *p;
	long kib = 0;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	p = strstr(slurp(a, path), name);
	if (p != NULL)
		kib = strtol(p + strlen(name), NULL, 10);
	arena_free(a);
	return kib;
}

long
stack_rss_kib(pid_t pid)
{
	return status_kib(pid, "VmRSS:");
}

long
stack_peak_kib(pid_t pid)
{
	return status_kib(pid, "VmHWM:");
}

/* ---- configuration ------------------------------------------------------------------ */

static bool
is_bare(const char *v)
{
	const char *digits = *v == '-' ? v + 1 : v;

	return strcmp(v, "true") == 0 || strcmp(v, "false") == 0 ||
	    (*digits != '\0' &&
	    strspn(digits, "0123456789") == strlen(digits));
}

static const char *
setting_file(struct stack *s, const char *path)
{
	return arena_printf(s->a, "%s.d/50-%s.conf", s->conf, path);
}

void
stack_setting(struct stack *s, const char *path, const char *value)
{
	const char *file = setting_file(s, path);
	struct str t;
	int depth = 0;

	if (value == NULL) {
		unlink(file);
		return;
	}
	str_init(&t, s->a);
	for (const char *p = path; ; p += strcspn(p, ".") + 1, depth++) {
		size_t n = strcspn(p, ".");

		str_addn(&t, p, n);
		str_add(&t, " = ");
		if (p[n] == '\0')
			break;
		str_add(&t, "{ ");
	}
	if (is_bare(value))
		str_add(&t, value);
	else
		str_json(&t, value);
	str_addc(&t, ';');
	while (depth-- > 0)
		str_add(&t, " };");
	str_addc(&t, '\n');
	put_file(s, file, t.p);
}

static const char *
random_hex(struct arena *a, size_t bytes)
{
	uint8_t b[64];
	struct str t;

	random_bytes(b, bytes);
	str_init(&t, a);
	for (size_t i = 0; i < bytes; i++)
		str_addf(&t, "%02x", b[i]);
	return t.p;
}

static void
make_accounts(struct stack *s)
{
	const char *app = random_hex(s->a, 16), *mig = random_hex(s->a, 16);
	const char *url = mariadb_url(s->a, s->db), *sock;

	mariadb_create(s->db);
	mariadb_sql(NULL, arena_printf(s->a,
	    "CREATE USER %s_app@localhost IDENTIFIED BY '%s';"
	    "CREATE USER %s_mig@localhost IDENTIFIED BY '%s';"
	    "GRANT SELECT, INSERT, UPDATE, DELETE ON %s.* TO %s_app@localhost;"
	    "GRANT PROCESS ON *.* TO %s_app@localhost;"
	    "GRANT ALL ON %s.* TO %s_mig@localhost",
	    s->db, app, s->db, mig, s->db, s->db, s->db, s->db, s->db));
	sock = strchr(url, '?');
	put_file(s, stack_path(s, "secrets/database_url"), arena_printf(s->a,
	    "mysql://%s_app:%s@localhost/%s%s", s->db, app, s->db, sock));
	put_file(s, stack_path(s, "secrets/migrate_url"), arena_printf(s->a,
	    "mysql://%s_mig:%s@localhost/%s%s", s->db, mig, s->db, sock));
}

static const char *
new_key(struct stack *s)
{
	const char *out;

	if (stack_cli(s, &out, (const char *[]){ "config", "--new-key",
	    NULL }) != 0)
		die(s, "config --new-key: %s", out);
	return out;
}

static void
make_secrets(struct stack *s)
{
	/* --new-key wants a readable configuration: an empty one */
	put_file(s, s->conf, arena_printf(s->a, "base = { dir = \"%s\"; };\n",
	    s->dir));
	put_file(s, stack_path(s, "secrets/encryption_key"), new_key(s));
	put_file(s, stack_path(s, "secrets/audit_key"), new_key(s));
	put_file(s, stack_path(s, "secrets/jwt_secret"),
	    random_hex(s->a, 32));
}

static void
make_conf(struct stack *s, const struct stack_options *o)
{
	static const char *const defaults[] = { "http.rate_requests=0",
		"http.ip_rate_requests=0", "http.trusted_proxies=unix:",
		"log.level=info", "environment=test", "fcgi.drain=5",
		"auth.argon2_memory_kib=1024", "auth.argon2_passes=1",
		"auth.argon2_lanes=1", NULL };
	const char *d = s->dir;
	char cwd[512];

	if (getcwd(cwd, sizeof(cwd)) == NULL)
		die(s, "getcwd: %s", strerror(errno));
	put_file(s, s->conf, arena_printf(s->a,
	    "base = { dir = \"%s\"; sql_dir = \"%s/sql\"; template_dir = "
	    "\"%s/templates\"; static_dir = \"%s/static\"; };\n"
	    "database = { url_file = \"%s/secrets/database_url\"; "
	    "migrate_url_file = \"%s/secrets/migrate_url\"; };\n"
	    "auth = { jwt_secret_file = \"%s/secrets/jwt_secret\"; "
	    "encryption_key_file = \"%s/secrets/encryption_key\"; "
	    "audit_key_file = \"%s/secrets/audit_key\"; };\n",
	    d, cwd, cwd, cwd, d, d, d, d, d));
	for (int i = 0; i < 2; i++) {
		const char *const *v = i == 0 ? defaults : o->settings;

		for (; v != NULL && *v != NULL; v++) {
			size_t n = strcspn(*v, "=");

			stack_setting(s, arena_strndup(s->a, *v, n),
			    *v + n + 1);
		}
	}
}

static void
must_cli(struct stack *s, const char *const *args)
{
	const char *out;
	int rc = stack_cli(s, &out, args);

	if (rc != 0)
		die(s, "quincunx %s: status %d: %s", args[0], rc, out);
}

/* Text of a member in our own JSON file; no escapes in it. */
static void
member(const char *json, const char *name, char *out, size_t cap)
{
	char key[40];
	const char *p;

	snprintf(key, sizeof(key), "\"%s\"", name);
	p = strstr(json, key);
	if (p == NULL || (p = strchr(p + strlen(key), '"')) == NULL)
		return;
	snprintf(out, cap, "%.*s", (int)strcspn(p + 1, "\""), p + 1);
}

static void
make_admin(struct stack *s)
{
	const char *file = stack_path(s, "admin.json");

	must_cli(s, (const char *[]){ "admin", "init", "--email",
	    "admin@example.test", "--url", s->base, "--out", file, NULL });
	member(slurp(s->a, file), "email", s->email, sizeof(s->email));
	member(slurp(s->a, file), "password", s->password,
	    sizeof(s->password));
	if (s->password[0] == '\0')
		die(s, "no password in admin.json");
}

/* ---- responders ------------------------------------------------------------------------ */

static bool
connects(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	rc = connect(fd, (struct sockaddr *)&un, sizeof(un));
	close(fd);
	return rc == 0;
}

void
stack_responder_start(struct stack *s)
{
	static const char *const socks[] = { "run/api.sock", "run/slow.sock",
		"run/control.sock", NULL };

	if (s->responder > 0)
		return;
	s->responder = launch(s, "responder", (const char *[]){
	    arena_printf(s->a, "%s/quincunx.fcgi", stack_bin()), "-c",
	    s->conf, "--listen", NULL });
	for (size_t i = 0; socks[i] != NULL; i++) {
		const char *path = stack_path(s, socks[i]);

		for (int ms = 0; !connects(path); ms += 10) {
			if (ended(&s->responder))
				die(s, "quincunx.fcgi ended at its start");
			if (ms > START_MS)
				die(s, "no socket %s", path);
			nap_ms(10);
		}
	}
}

void
stack_responder_stop(struct stack *s, int sig)
{
	end(&s->responder, sig);
}

void
stack_restart(struct stack *s, bool hard)
{
	stack_responder_stop(s, hard ? SIGKILL : SIGTERM);
	stack_responder_start(s);
	if (s->server > 0)
		http_ready(s, START_MS);
}

static size_t
occurrences(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

/* Old children go on serving the connections that the web server keeps; it
 * gives them up when it is reloaded itself. */
static void
old_ones_gone(struct stack *s, const pid_t *old, size_t n)
{
	pid_t now[CHILDREN];
	bool left = true;
	int ms;

	if (s->server > 0 && strcmp(s->web, "nginx") == 0)
		kill(s->server, SIGHUP);
	http_reconnect(s);
	for (ms = 0; left && ms < START_MS; ms += 10) {
		size_t k = stack_children(s, now, CHILDREN);

		left = false;
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < k; j++)
				left |= old[i] == now[j];
		if (left)
			nap_ms(10);
	}
	if (left)
		die(s, "old children are still there after a reload");
}

static bool
reload(struct stack *s, pid_t *manager)
{
	struct arena_mark m = arena_mark(s->a);
	const char *log = stack_file(s, "log/server.log");
	size_t done = occurrences(log, "\"reloaded\"");
	size_t refused = occurrences(log, "reload refused");
	int ms;

	kill(*manager, SIGHUP);
	for (ms = 0; ms < START_MS; ms += 20) {
		arena_rewind(s->a, m);
		log = stack_file(s, "log/server.log");
		if (occurrences(log, "reload refused") > refused)
			return false;
		if (occurrences(log, "\"reloaded\"") > done)
			return true;
		if (ended(manager))
			die(s, "a program ended at a reload");
		nap_ms(20);
	}
	die(s, "no reload in %d s", START_MS / 1000);
}

bool
stack_reload(struct stack *s)
{
	pid_t old[CHILDREN];
	size_t n = stack_children(s, old, CHILDREN);

	if (!reload(s, &s->responder))
		return false;
	old_ones_gone(s, old, n);
	return true;
}

/* ---- worker ------------------------------------------------------------------------------- */

/* Somebody hears this bell. */
static bool
bell_there(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	rc = connect(fd, (struct sockaddr *)&un, sizeof(un));
	close(fd);
	return rc == 0;
}

void
stack_worker_start(struct stack *s)
{
	const char *bell = stack_path(s, "run/bell.dispatch");

	if (s->worker > 0)
		return;
	s->worker = launch(s, "worker", (const char *[]){
	    arena_printf(s->a, "%s/quincunx-worker", stack_bin()), "-c",
	    s->conf, NULL });
	for (int ms = 0; !bell_there(bell); ms += 10) {
		if (ended(&s->worker))
			die(s, "quincunx-worker ended at its start");
		if (ms > START_MS)
			die(s, "no dispatcher");
		nap_ms(10);
	}
}

void
stack_worker_stop(struct stack *s, int sig)
{
	end(&s->worker, sig);
}

bool
stack_worker_reload(struct stack *s)
{
	return reload(s, &s->worker);
}

pid_t
stack_lock_holder(struct stack *s, const char *name)
{
	struct arena_mark m = arena_mark(s->a);
	const char *path = stack_path(s, arena_printf(s->a, "run/%s.lock",
	    name));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long pid = 0;

	if (fd == -1)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) == -1)
		pid = strtol(slurp(s->a, path), NULL, 10);
	close(fd);
	arena_rewind(s->a, m);
	return (pid_t)pid;
}

/* ---- web servers ---------------------------------------------------------------------------- */

static const struct web {
	const char *name, *program;
} webs[] = {
	{ "nginx", "nginx" }, { "lighttpd", "lighttpd" },
	{ "apache", "apache2" }, { NULL, NULL }
};

static const char *
web_program(const char *web)
{
	static char path[64];

	for (const struct web *w = webs; w->name != NULL; w++) {
		if (strcmp(w->name, web) != 0)
			continue;
		snprintf(path, sizeof(path), "/usr/sbin/%s", w->program);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

bool
stack_web_there(const char *web)
{
	if (web_program(web) != NULL)
		return true;
	if (getenv("CI") != NULL)
		die(NULL, "%s is missing", web);
	printf("not run: %s is not installed\n", web);
	return false;
}

static int
free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in, &n) == -1)
		die(NULL, "no free port: %s", strerror(errno));
	close(fd);
	return ntohs(in.sin_port);
}

static const char *
web_conf(struct stack *s, const struct stack_options *o)
{
	const char *words[WORDS], *conf, *out;
	size_t n = 0;

	words[n++] = "site";
	words[n++] = s->web;
	words[n++] = "--standalone";
	words[n++] = stack_path(s, "web");
	if (s->socket[0] != '\0') {
		words[n++] = "--listen";
		words[n++] = arena_printf(s->a, "unix:%s", s->socket);
	}
	words[n++] = "--listen";
	words[n++] = arena_printf(s->a, "127.0.0.1:%d", s->port);
	for (const char *const *w = o->site; w != NULL && *w != NULL &&
	    n < WORDS - 1; w++)
		words[n++] = *w;
	words[n] = NULL;
	if (stack_cli(s, &out, words) != 0)
		die(s, "quincunx site %s: %s", s->web, out);
	conf = stack_path(s, "web/site.conf");
	put_file(s, conf, out);
	return conf;
}

static void
start_web(struct stack *s, const struct stack_options *o)
{
	const char *conf = web_conf(s, o), *prog = web_program(s->web);
	const char *words[12];
	size_t n = 0;

	words[n++] = arena_strdup(s->a, prog);
	if (strcmp(s->web, "nginx") == 0) {
		words[n++] = "-p";
		words[n++] = stack_path(s, "web");
		words[n++] = "-e";
		words[n++] = stack_path(s, "log/nginx.log");
		if (geteuid() == 0) {
			words[n++] = "-g";
			words[n++] = "user root;";
		}
		words[n++] = "-c";
		words[n++] = conf;
	} else if (strcmp(s->web, "lighttpd") == 0) {
		words[n++] = "-D";
		words[n++] = "-f";
		words[n++] = conf;
	} else {
		words[n++] = "-f";
		words[n++] = conf;
		words[n++] = "-DFOREGROUND";
	}
	words[n] = NULL;
	s->server = launch(s, s->web, words);
}

/* ---- the whole --------------------------------------------------------------------------------- */

static void
stop_all(void)
{
	while (stacks != NULL)
		stack_stop(stacks);
}

/* Before anything of ours is waited for: exit handlers run last first, so
 * MariaDB outlives the responders. */
static void
prepare(const struct stack_options *o)
{
	static bool hooked;

	if (!o->keep_root)
		stack_user();
	if (!mariadb_start())
		exit(0);	/* "not run" was said */
	if (!hooked) {
		hooked = true;
		signal(SIGPIPE, SIG_IGN);
		atexit(stop_all);
	}
}

void
stack_start(struct stack *s, const struct stack_options *o)
{
	memset(s, 0, sizeof(*s));
	s->web = o->web != NULL ? o->web : "nginx";
	if (!o->no_web && !stack_web_there(s->web))
		exit(0);
	prepare(o);
	s->owner = getpid();
	s->a = arena_new(ARENA_CAP);
	s->next = stacks;
	stacks = s;
	make_dirs(s);
	snprintf(s->conf, sizeof(s->conf), "%.*s/quincunx.conf", 64, s->dir);
	if (!o->no_web && strcmp(s->web, "nginx") == 0)
		snprintf(s->socket, sizeof(s->socket), "%.*s/web.sock", 64,
		    s->dir);
	s->port = free_port();
	snprintf(s->base, sizeof(s->base), "http://127.0.0.1:%d", s->port);
	make_secrets(s);
	make_accounts(s);
	make_conf(s, o);
	must_cli(s, (const char *[]){ "config", "--check", NULL });
	must_cli(s, (const char *[]){ "migrate", NULL });
	if (!o->no_admin)
		make_admin(s);
	if (!o->no_responder)
		stack_responder_start(s);
	if (o->worker)
		stack_worker_start(s);
	if (o->no_web)
		return;
	start_web(s, o);
	if (!http_ready(s, START_MS))
		die(s, "%s does not answer", s->web);
}

/* What a sanitizer said of a program of ours fails the suite. */
static void
judge_output(struct stack *s, const char *file)
{
	static const char *const words[] = { "ERROR: AddressSanitizer",
		"runtime error:", "*** stack smashing", NULL };
	const char *text = stack_file(s, file);

	for (size_t i = 0; words[i] != NULL; i++)
		if (strstr(text, words[i]) != NULL) {
			fprintf(stderr, "stack: a program said:\n%s\n",
			    text);
			mariadb_stop();
			_exit(1);
		}
}

void
stack_stop(struct stack *s)
{
	struct stack **p;

	if (s->owner != getpid())
		return;
	for (p = &stacks; *p != NULL && *p != s; p = &(*p)->next)
		;
	if (*p != NULL)
		*p = s->next;
	http_close(s);
	end(&s->server, SIGTERM);
	end(&s->responder, SIGTERM);
	end(&s->worker, SIGTERM);
	judge_output(s, "log/responder.out");
	judge_output(s, "log/worker.out");
	if (getenv("QX_KEEP") == NULL)
		remove_tree(s->dir);
	else
		fprintf(stderr, "stack: kept %s\n", s->dir);
	arena_free(s->a);
	memset(s, 0, sizeof(*s));
}
