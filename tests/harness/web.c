/*
 * Starts web servers on the files of etc/. Invariant: what a test proves, it
 * proves for the shipped file; only paths and the port are replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <json.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "proc/proc.h"
#include "tests/harness/forked.h"
#include "tests/harness/stack.h"
#include "tests/harness/web.h"

enum { START_MS = 20000, FILE_MAX = 1 << 20, SPAWNED = 4 };

static const struct shape {
	const char *name, *program;
	const char *site;	/* of `quincunx site`, or */
	const char *file;	/* of etc/ */
	bool managed;
} shapes[WEB_SHAPES] = {
	[WEB_NGINX] = { "nginx", "nginx", "nginx", NULL, true },
	[WEB_LIGHTTPD] = { "lighttpd", "lighttpd", "lighttpd", NULL, true },
	[WEB_APACHE] = { "apache-proxy", "apache2", "apache", NULL, true },
	[WEB_SPAWN] = { "spawn-fcgi", "nginx", NULL,
	    "etc/nginx/quincunx-single.conf", false },
	[WEB_BINPATH] = { "lighttpd-binpath", "lighttpd", NULL,
	    "etc/lighttpd/quincunx-binpath.conf", false },
	[WEB_FCGID] = { "apache-fcgid", "apache2", NULL,
	    "etc/apache2/quincunx-fcgid.conf", false },
	[WEB_LIGHTTPD_CGI] = { "lighttpd-cgi", "lighttpd", NULL,
	    "etc/lighttpd/quincunx-cgi.conf", false },
	[WEB_APACHE_CGI] = { "apache-cgi", "apache2", NULL,
	    "etc/apache2/quincunx-cgi.conf", false },
	[WEB_SYSTEMD] = { "systemd-socket", "nginx", "nginx", NULL, true }
};

const char *
web_name(enum web_shape s)
{
	return shapes[s].name;
}

bool
web_managed(enum web_shape s)
{
	return shapes[s].managed;
}

/* ---- files ---- */

static void
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(text);

	if (fd == -1 || write(fd, text, n) != (ssize_t)n || close(fd) == -1) {
		fprintf(stderr, "web: %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

static const char *
read_text(struct arena *a, const char *path)
{
	char *buf = arena_alloc(a, FILE_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, buf, FILE_MAX - 1);

	if (n < 0) {
		fprintf(stderr, "web: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	close(fd);
	buf[n] = '\0';
	return buf;
}

static const char *
replaced(struct arena *a, const char *text, const char *from, const char *to)
{
	const char *hit;
	struct str s;

	str_init(&s, a);
	while ((hit = strstr(text, from)) != NULL) {
		str_addn(&s, text, (size_t)(hit - text));
		str_add(&s, to);
		text = hit + strlen(from);
	}
	str_add(&s, text);
	return s.p;
}

/* A file of etc/ with this test's paths. */
static const char *
sample(struct web *w, const char *file)
{
	struct arena *a = w->stack->a;
	const char *text = read_text(a, file);
	char cwd[512];

	if (getcwd(cwd, sizeof(cwd)) == NULL)
		exit(1);
	text = replaced(a, text, "/usr/local/lib/quincunx", stack_bin());
	text = replaced(a, text, "/usr/local/share/quincunx", cwd);
	text = replaced(a, text, "/etc/quincunx/quincunx.conf",
	    w->stack->conf);
	text = replaced(a, text, "/run/quincunx", w->dir);
	return replaced(a, text, "8080", arena_printf(a, "%d", w->to.port));
}

static const char *
nginx_whole(struct web *w, const char *site)
{
	const char *d = w->dir;

	return arena_printf(w->stack->a, "daemon off;\nworker_processes 2;\n"
	    "pid %s/nginx.pid;\nerror_log %s/nginx-error.log warn;\n"
	    "events { worker_connections 256; }\nhttp {\naccess_log off;\n"
	    "client_body_temp_path %s/body;\nproxy_temp_path %s/proxy;\n"
	    "fastcgi_temp_path %s/fastcgi;\nuwsgi_temp_path %s/uwsgi;\n"
	    "scgi_temp_path %s/scgi;\n%s}\n", d, d, d, d, d, d, d, site);
}

static void
make_certificate(struct web *w)
{
	const char *cert = stack_path(w->stack, "secrets/cert.pem");
	const char *key = stack_path(w->stack, "secrets/key.pem");
	pid_t pid;

	if (access(cert, R_OK) == 0)
		return;
	pid = stack_launch(w->stack, "openssl", (const char *[]){ "openssl",
	    "req", "-x509", "-newkey", "ec", "-pkeyopt",
	    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
	    "/CN=localhost", "-keyout", key, "-out", cert, NULL });
	waitpid(pid, NULL, 0);
}

static const char *
generated(struct web *w, bool tls)
{
	struct stack *s = w->stack;
	const char *words[12], *out;
	size_t n = 0;

	words[n++] = "site";
	words[n++] = shapes[w->shape].site;
	words[n++] = "--standalone";
	words[n++] = w->dir;
	words[n++] = "--listen";
	words[n++] = arena_printf(s->a, "127.0.0.1:%d", w->to.port);
	if (tls) {
		make_certificate(w);
		words[n++] = "--tls";
		words[n++] = arena_printf(s->a, "%s:%s",
		    stack_path(s, "secrets/cert.pem"),
		    stack_path(s, "secrets/key.pem"));
	}
	words[n] = NULL;
	if (stack_cli(s, &out, words) != 0) {
		fprintf(stderr, "web: quincunx site: %s\n", out);
		exit(1);
	}
	return out;
}

/* ---- processes ---- */

static const char *
program_path(struct arena *a, const char *name)
{
	static const char *const dirs[] = { "/usr/sbin", "/usr/bin", NULL };

	for (size_t i = 0; dirs[i] != NULL; i++) {
		const char *p = arena_printf(a, "%s/%s", dirs[i], name);

		if (access(p, X_OK) == 0)
			return p;
	}
	return NULL;
}

static void
start_server(struct web *w, const char *conf)
{
	struct arena *a = w->stack->a;
	const char *prog = program_path(a, shapes[w->shape].program);
	const char *name = arena_printf(a, "%s.web", w->name);

	if (strcmp(shapes[w->shape].program, "nginx") == 0)
		w->server = stack_launch(w->stack, name, (const char *[]){
		    prog, "-p", w->dir, "-e", arena_printf(a,
		    "%s/nginx-error.log", w->dir), "-g", geteuid() == 0 ?
		    "user root;" : "", "-c", conf, NULL });
	else if (strcmp(shapes[w->shape].program, "lighttpd") == 0)
		w->server = stack_launch(w->stack, name, (const char *[]){
		    prog, "-D", "-f", conf, NULL });
	else
		w->server = stack_launch(w->stack, name, (const char *[]){
		    prog, "-f", conf, "-DFOREGROUND", NULL });
}

/* Children of spawn-fcgi belong to nobody; a dying test must end them. */
static pid_t strays[64];
static size_t nstrays;
static struct sigaction chained;

static void
end_strays(void)
{
	for (size_t i = 0; i < nstrays; i++)
		if (strays[i] > 0)
			kill(strays[i], SIGKILL);
	nstrays = 0;
}

static void
on_term(int sig)
{
	end_strays();
	sigaction(SIGTERM, &chained, NULL);
	raise(sig);
}

static void
adopt(pid_t pid)
{
	struct sigaction sa = { .sa_handler = on_term };

	if (nstrays == 0) {
		sigaction(SIGTERM, &sa, &chained);
		atexit(end_strays);
	}
	if (nstrays < sizeof(strays) / sizeof(strays[0]))
		strays[nstrays++] = pid;
}

static void
start_spawn(struct web *w)
{
	struct stack *s = w->stack;
	struct arena *a = s->a;
	const char *pids = arena_printf(a, "%s/spawn.pids", w->dir);
	pid_t pid;
	char *p;

	/* reparented to us, so that they can be waited for */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setenv("QUINCUNX_CONF", s->conf, 1);
	pid = stack_launch(s, "spawn-fcgi", (const char *[]){
	    program_path(a, "spawn-fcgi"), "-s", arena_printf(a,
	    "%s/quincunx.sock", w->dir), "-M", "0660", "-F", "4", "-P", pids,
	    "--", arena_printf(a, "%s/quincunx.fcgi", stack_bin()), NULL });
	unsetenv("QUINCUNX_CONF");
	waitpid(pid, NULL, 0);
	p = (char *)(uintptr_t)read_text(a, pids);
	while (w->nchildren < SPAWNED &&
	    (pid = (pid_t)strtol(p, &p, 10)) > 0) {
		w->children[w->nchildren++] = pid;
		adopt(pid);
	}
}

/* What systemd does: sockets from descriptor 3 on, and their number. */
static void
exec_with_sockets(struct stack *s, const char *const *paths)
{
	struct err e = { 0 };
	char text[16];
	int fd;

	for (int i = 0; paths[i] != NULL; i++) {
		if (proc_listen(paths[i], 64, &fd, &e) == -1)
			_exit(126);
		dup2(fd, 20 + i);
	}
	for (int i = 0; i < 3; i++)
		dup2(20 + i, 3 + i);
	for (int i = 6; i < 256; i++)
		close(i);
	snprintf(text, sizeof(text), "%ld", (long)getpid());
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", "3", 1);
	execl(arena_printf(s->a, "%s/quincunx.fcgi", stack_bin()),
	    "quincunx.fcgi", "-c", s->conf, (char *)NULL);
	_exit(127);
}

static void
start_systemd(struct web *w)
{
	struct stack *s = w->stack;
	const char *paths[] = { stack_path(s, "run/api.sock"),
	    stack_path(s, "run/slow.sock"), stack_path(s, "run/control.sock"),
	    NULL };
	pid_t parent = getpid();

	fflush(NULL);
	w->program = fork();
	if (w->program != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	setpgid(0, 0);
	if (freopen(stack_path(s, "log/systemd.out"), "a", stderr) == NULL)
		_exit(1);
	exec_with_sockets(s, paths);
}

/* ---- the whole ---- */

void
web_logs(const struct web *w)
{
	static const char *const names[] = { "nginx-error.log",
	    "lighttpd-error.log", "apache-error.log", "apache.log", NULL };

	for (size_t i = 0; names[i] != NULL; i++) {
		const char *path = arena_printf(w->stack->a, "%s/%s", w->dir,
		    names[i]), *text;

		if (access(path, R_OK) == -1)
			continue;
		text = read_text(w->stack->a, path);
		fprintf(stderr, "---- %s\n%s\n", path, strlen(text) > 3000 ?
		    text + strlen(text) - 3000 : text);
	}
	stack_logs(w->stack);
}

static bool
answers(void *arg)
{
	struct web *w = arg;
	struct arena *a = arena_new(4 << 20);
	struct raw_reply r = raw_request(a, &w->to, "GET %s/health/live "
	    "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	    w->prefix);
	bool ok = r.status == 200;

	arena_free(a);
	return ok;
}

static bool
there(enum web_shape shape, struct arena *a)
{
	bool ok = program_path(a, shapes[shape].program) != NULL &&
	    (shape != WEB_SPAWN || program_path(a, "spawn-fcgi") != NULL) &&
	    (shape != WEB_FCGID || access("/usr/lib/apache2/modules/"
	    "mod_fcgid.so", R_OK) == 0);

	if (ok)
		return true;
	if (getenv("CI") != NULL) {
		fprintf(stderr, "web: %s is missing\n", web_name(shape));
		exit(1);
	}
	printf("not run: %s is not installed\n", web_name(shape));
	return false;
}

bool
web_start(struct web *w, struct stack *s, const struct web_options *o)
{
	const char *conf, *text;
	static unsigned count;

	memset(w, 0, sizeof(*w));
	if (!there(o->shape, s->a))
		return false;
	w->shape = o->shape;
	w->name = shapes[o->shape].name;
	w->prefix = o->prefix != NULL ? o->prefix : "";
	w->stack = s;
	w->to = (struct raw_target){ .port = raw_free_port(), .tls = o->tls };
	snprintf(w->dir, sizeof(w->dir), "%.64s/web%u", s->dir, ++count);
	if (mkdir(w->dir, 0750) == -1) {
		fprintf(stderr, "web: %s: %s\n", w->dir, strerror(errno));
		exit(1);
	}
	text = shapes[o->shape].file == NULL ? generated(w, o->tls) :
	    sample(w, shapes[o->shape].file);
	if (o->shape == WEB_SPAWN) {
		text = nginx_whole(w, text);
		start_spawn(w);
	}
	if (o->shape == WEB_SYSTEMD)
		start_systemd(w);
	conf = arena_printf(s->a, "%s/web.conf", w->dir);
	put_file(conf, text);
	start_server(w, conf);
	if (eventually(answers, w, START_MS))
		return true;
	fprintf(stderr, "web: %s does not answer\n", w->name);
	web_logs(w);
	web_stop(w);
	exit(1);
}

void
web_stop(struct web *w)
{
	if (w->stack == NULL)
		return;
	stack_end(&w->server, SIGTERM);
	stack_end(&w->program, SIGTERM);
	for (size_t i = 0; i < w->nchildren; i++) {
		pid_t pid = w->children[i];

		for (size_t k = 0; k < nstrays; k++)
			if (strays[k] == pid)
				strays[k] = 0;
		stack_end(&w->children[i], SIGTERM);
	}
	w->nchildren = 0;
}

/* ---- who serves ---- */

static size_t
children_of(pid_t pid, pid_t *out, size_t max)
{
	char path[64], buf[4096], *p = buf;
	size_t n = 0;
	FILE *f;
	long k;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children",
	    (long)pid, (long)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
	fclose(f);
	while (n < max && (k = strtol(p, &p, 10)) > 0)
		out[n++] = (pid_t)k;
	return n;
}

static bool
is_ours(pid_t pid)
{
	char path[64], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	if ((f = fopen(path, "r")) == NULL)
		return false;
	if (fgets(name, sizeof(name), f) == NULL)
		name[0] = '\0';
	fclose(f);
	return strncmp(name, "quincunx.fcgi", 13) == 0;
}

static size_t
descend(pid_t pid, pid_t *out, size_t max, int depth)
{
	pid_t kids[256];
	size_t n = 0, nkids = children_of(pid, kids, 256);

	for (size_t i = 0; i < nkids && n < max; i++) {
		if (is_ours(kids[i]))
			out[n++] = kids[i];
		else if (depth > 0)
			n += descend(kids[i], out + n, max - n, depth - 1);
	}
	return n;
}

size_t
web_processes(const struct web *w, pid_t *out, size_t max)
{
	size_t n = 0;

	if (w->program > 0)
		return children_of(w->program, out, max);
	if (web_managed(w->shape))
		return children_of(w->stack->responder, out, max);
	for (size_t i = 0; i < w->nchildren && n < max; i++)
		if (w->children[i] > 0 && is_ours(w->children[i]))
			out[n++] = w->children[i];
	return n > 0 || w->shape == WEB_SPAWN ? n :
	    descend(w->server, out, max, 3);
}

/* ---- asking it ---- */

struct raw_reply
web_call(struct web *w, const char *method, const char *path,
    const char *headers, const char *body)
{
	struct arena *a = w->stack->a;
	const char *entity = body == NULL ? "" : arena_printf(a,
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n",
	    strlen(body));

	return raw_request(a, &w->to, "%s %s%s HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\n%s%s\r\n%s", method,
	    w->prefix, path, entity, headers == NULL ? "" : headers,
	    body == NULL ? "" : body);
}

const char *
web_member(struct web *w, const struct raw_reply *r, const char *name)
{
	struct json_object *j = json_tokener_parse(r->body), *v = NULL;
	const char *text = "";

	if (json_object_is_type(j, json_type_object) &&
	    json_object_object_get_ex(j, name, &v) && v != NULL)
		text = arena_strdup(w->stack->a, json_object_get_string(v));
	json_object_put(j);
	return text;
}

const char *
web_login(struct web *w)
{
	struct stack *s = w->stack;
	struct raw_reply r = web_call(w, "POST", "/api/auth/login", NULL,
	    arena_printf(s->a, "{\"email\":\"%s\",\"password\":\"%s\"}",
	    s->email, s->password));

	web_expect(w, r, 200);
	return arena_printf(s->a, "Authorization: Bearer %s\r\n",
	    web_member(w, &r, "access_token"));
}

void
web_expect_at(struct web *w, const struct raw_reply *r, int status,
    const char *file, int line)
{
	if (r->status == status)
		return;
	web_logs(w);
	fprintf(stderr, "%s: status %d, not %d\n%s\n%.800s\n", w->name,
	    r->status, status, r->head, r->body);
	_fail(file, line);
}
