/*
 * The log: one event, one line, one write. It never fails and never blocks a
 * request on anything but the disk: what cannot go to its file goes to standard
 * error. Invariants: a line is at most LINE_MAX_ bytes and complete (valid JSON
 * even when cut), holds no raw control byte that came from outside and none of
 * the registered secrets. No arena of a caller is touched; the state below is
 * the per-process singleton.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "base/number.h"
#include "base/random.h"
#include "base/redact.h"

enum {
	LINE_SIZE = 4096,	/* one atomic write */
	TAIL = 24,		/* room for the truncation mark and the end */
	VALUE_MAX = 2048,	/* of one value, so that others fit too */
	PER_SECOND = 50,
	SLOTS = 256,
	CLOSED = -1,
	FAILED = -2
};

static const char *const components[] = {
	"server", "router", "scheduler", "globals", "state_manager", "auth",
	"spot", "net", "db", NULL
};

static const char *const level_names[] =
    { "debug", "info", "warning", "error" };

/* Repetitions of one message in the current second. */
struct slot {
	uint64_t key;
	int64_t second;
	unsigned count, suppressed;
	enum log_level level;
	char component[32], msg[96];
};

struct line {
	char p[LINE_SIZE];
	size_t n;
	bool cut;
};

static struct {
	char dir[4000];
	bool json, also_stderr;
	int fd[NITEMS(components)];
	bool opened;			/* fd[] is initialised */
	volatile sig_atomic_t reopen;
	char request[64], trace[64];
	struct slot slots[SLOTS];
	int64_t swept;			/* second of the last sweep */
	bool pending;			/* some slot has suppressed lines */
	bool hold;			/* gather the access log */
	struct line held;		/* several whole lines */
	int held_fd;
	int64_t held_second;
} lg;

static enum log_level threshold = LOG_INFO;
static log_error_fn *on_error;

const char *const *
log_components(void)
{
	return components;
}

int
log_level_parse(const char *s)
{
	size_t i;

	if (s == NULL)
		return -1;
	for (i = 0; i < NITEMS(level_names); i++)
		if (strcasecmp(s, level_names[i]) == 0)
			return (int)i;
	return strcasecmp(s, "warn") == 0 ? LOG_WARN : -1;
}

static void
close_files(void)
{
	size_t i;

	log_flush();
	for (i = 0; i < NITEMS(lg.fd); i++) {
		if (lg.opened && lg.fd[i] >= 0)
			close(lg.fd[i]);
		lg.fd[i] = CLOSED;
	}
	lg.opened = true;
}

int
log_setup(const struct log_options *o, struct err *e)
{
	const char *dir = o->dir != NULL ? o->dir : "";

	if (strlen(dir) >= sizeof(lg.dir))
		return err_set(e, 500, "log_dir",
		    "The log directory's name is too long.");
	close_files();
	memcpy(lg.dir, dir, strlen(dir) + 1);
	lg.json = o->json;
	threshold = o->level;
	lg.also_stderr = o->also_stderr;
	memset(lg.slots, 0, sizeof(lg.slots));
	lg.pending = false;
	return 0;
}

void
log_reopen(void)
{
	/* May run in a signal handler. */
	lg.reopen = 1;
}

void
log_context(const char *request_id, const char *trace)
{
	snprintf(lg.request, sizeof(lg.request), "%s",
	    request_id != NULL ? request_id : "");
	snprintf(lg.trace, sizeof(lg.trace), "%s", trace != NULL ? trace : "");
}

const char *
log_request_id(void)
{
	return lg.request;
}

bool
log_enabled(enum log_level level)
{
	return level >= threshold;
}

/* --- building a line ---------------------------------------------------- */

static size_t
room(const struct line *l)
{
	return LINE_SIZE - TAIL - l->n;
}

static bool
put(struct line *l, const char *s, size_t n)
{
	if (n > room(l)) {
		l->cut = true;
		return false;
	}
	memcpy(l->p + l->n, s, n);
	l->n += n;
	return true;
}

/* One character or ill-formed part of foreign text, escaped for a JSON string;
 * text mode uses the same form. */
static size_t
escape(const char *s, int step, char out[16])
{
	unsigned char c = (unsigned char)*s;

	if (step < 0) {
		memcpy(out, "\xef\xbf\xbd", 3);
		return 3;
	}
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (utf8_steers(s, step))
		return (size_t)snprintf(out, 16, "\\u%04x", step == 1 ? c :
		    step == 2 ? (unsigned)(unsigned char)s[1] :
		    0x2000u | ((unsigned)s[1] & 0x3f) << 6 |
		    ((unsigned)s[2] & 0x3f));
	memcpy(out, s, (size_t)step);
	return (size_t)step;
}

/* Bytes that go out as they are and cannot begin a secret, at most max. */
static size_t
plain_run(const char *s, size_t n, size_t max)
{
	size_t i;

	for (i = 0; i < n && i < max; i++)
		if (s[i] < ' ' || s[i] == '"' || s[i] == '\\' ||
		    s[i] == 0x7f || redact_starts(s[i]))
			break;
	return i;
}

/* Text, redacted and escaped, up to max bytes; the caller has kept room for
 * what must follow. */
static void
put_text(struct line *l, const char *s, size_t n, size_t max)
{
	static const char mask[] = "[redacted]";
	struct redaction r = { 0 };
	size_t i = 0, end = l->n + max, len, skip;
	char out[16];
	int step;

	while (i < n) {
		len = r.n == 0 ? plain_run(s + i, n - i, end - l->n) : 0;
		if (len > 0 && put(l, s + i, len)) {
			i += len;
			continue;
		}
		skip = redact_at(&r, s, n, i);
		step = utf8_step(s + i, n - i);
		len = skip > 0 ? sizeof(mask) - 1 : escape(s + i, step, out);
		if (l->n + len > end) {
			l->cut = true;
			return;
		}
		if (!put(l, skip > 0 ? mask : out, len))
			return;
		i += skip > 0 ? skip : (size_t)(step < 0 ? -step : step);
	}
}

static void
put_quoted(struct line *l, const char *s, size_t n)
{
	size_t max = room(l);

	if (max < 2)
		return;
	max = max - 2 < VALUE_MAX ? max - 2 : VALUE_MAX;
	l->p[l->n++] = '"';
	put_text(l, s, n, max);
	l->p[l->n++] = '"';
}

/* Text mode leaves plain words without quotes. */
static bool
plain(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '=' ||
		    s[i] == '\\')
			return false;
	return n > 0;
}

static void
put_string(struct line *l, const char *s, size_t n)
{
	size_t max = room(l);

	if (lg.json || !plain(s, n))
		put_quoted(l, s, n);
	else
		put_text(l, s, n, max < VALUE_MAX ? max : VALUE_MAX);
}

static void
put_value(struct line *l, const struct val *v)
{
	char buf[64];

	switch (v->type) {
	case VT_NULL:
		put(l, "null", 4);
		return;
	case VT_BOOL:
		put(l, v->b ? "true" : "false", v->b ? 4 : 5);
		return;
	case VT_INT:
		snprintf(buf, sizeof(buf), "%lld", (long long)v->i);
		break;
	case VT_REAL:
		real_format(v->r, buf);
		break;
	case VT_DEC:
		dec_format(v->d, buf);
		break;
	case VT_STR:
		put_string(l, v->s.p, v->s.n);
		return;
	case VT_BLOB:
		snprintf(buf, sizeof(buf), "[%zu bytes]", v->s.n);
		put_string(l, buf, strlen(buf));
		return;
	case VT_UUID:
		uuid_format(v->u, buf);
		put_string(l, buf, strlen(buf));
		return;
	case VT_TIME:
		clock_format(v->t, buf);
		put_string(l, buf, strlen(buf));
		return;
	}
	put(l, buf, strlen(buf));
}

/* A whole field or nothing; only a long string may be cut inside. */
static void
put_field(struct line *l, const char *key, const struct val *v)
{
	enum { KEY_MAX = 64, SHORT_VALUE = 64 };
	static const struct val hidden =
	    { .type = VT_STR, .s = { "[redacted]", 10 } };
	bool text = v->type == VT_STR || v->type == VT_BLOB;

	if (room(l) < 6 * KEY_MAX + SHORT_VALUE + 8) {
		l->cut = true;
		return;
	}
	put(l, lg.json ? ",\"" : " ", lg.json ? 2 : 1);
	put_text(l, key, strnlen(key, KEY_MAX), 6 * KEY_MAX);
	put(l, lg.json ? "\":" : "=", lg.json ? 2 : 1);
	put_value(l, text && redact_field(key) ? &hidden : v);
}

static void
put_string_field(struct line *l, const char *key, const char *s)
{
	struct val v = val_s(s);

	if (s[0] != '\0')
		put_field(l, key, &v);
}

/* Time, level, component and message; they always fit. */
static void
put_head(struct line *l, enum log_level level, const char *comp,
    const char *msg)
{
	enum { COMP_MAX = 64, MSG_MAX = 1024 };
	struct utc now = clock_now();
	char ts[CLOCK_TEXT];

	now.us -= now.us % 1000;
	clock_format(now, ts);
	l->n = (size_t)snprintf(l->p, 128,
	    lg.json ? "{\"ts\":\"%s\",\"lvl\":\"%s\",\"comp\":\"" : "%s %s ",
	    ts, level_names[level]);
	put_text(l, comp, strlen(comp), COMP_MAX);
	put(l, lg.json ? "\",\"msg\":\"" : " ", lg.json ? 9 : 1);
	put_text(l, msg, strlen(msg), MSG_MAX);
	if (lg.json)
		put(l, "\"", 1);
}

/* --- writing ------------------------------------------------------------ */

static void
write_line(int fd, const struct line *l)
{
	ssize_t n;

	do
		n = write(fd, l->p, l->n);
	while (n < 0 && errno == EINTR);
	if (n < 0 && fd != STDERR_FILENO && !lg.also_stderr)
		write_line(STDERR_FILENO, l);
}

void
log_hold(bool on)
{
	log_flush();
	lg.hold = on;
}

void
log_flush(void)
{
	if (lg.held.n > 0)
		write_line(lg.held_fd, &lg.held);
	lg.held.n = 0;
}

/* Gathers a line of the access log; a second's worth or a buffer full at the
 * most. */
static void
hold_line(int fd, const struct line *l)
{
	int64_t second = clock_boot_ns() / INT64_C(1000000000);

	if (lg.held.n + l->n > sizeof(lg.held.p) || fd != lg.held_fd ||
	    second != lg.held_second)
		log_flush();
	memcpy(lg.held.p + lg.held.n, l->p, l->n);
	lg.held.n += l->n;
	lg.held_fd = fd;
	lg.held_second = second;
}

/* "spot.policy" belongs to "spot"; strangers go to the server's file. */
static size_t
component_index(const char *comp)
{
	size_t i, n = strcspn(comp, ".");

	for (i = 0; components[i] != NULL; i++)
		if (strlen(components[i]) == n &&
		    memcmp(components[i], comp, n) == 0)
			return i;
	return 0;
}

/* File of a component; standard error if there is none. Its failure is told
 * once, until the files are opened anew. */
static int
component_fd(size_t i)
{
	char path[sizeof(lg.dir) + 64];

	if (lg.reopen || !lg.opened) {
		lg.reopen = 0;
		close_files();
	}
	if (lg.dir[0] == '\0')
		return STDERR_FILENO;
	if (lg.fd[i] == CLOSED) {
		snprintf(path, sizeof(path), "%s/%s.log", lg.dir,
		    components[i]);
		lg.fd[i] = open(path, O_WRONLY | O_APPEND | O_CREAT |
		    O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
		if (lg.fd[i] < 0) {
			dprintf(STDERR_FILENO, "cannot write %s: %s; "
			    "logging to standard error\n", path,
			    strerror(errno));
			lg.fd[i] = FAILED;
		}
	}
	return lg.fd[i] >= 0 ? lg.fd[i] : STDERR_FILENO;
}

static void
emit(enum log_level level, const char *comp, const char *msg,
    const struct kv *kv, size_t n)
{
	struct line l = { .n = 0 };
	size_t i;
	int fd;

	put_head(&l, level, comp, msg);
	put_string_field(&l, "req", lg.request);
	put_string_field(&l, "trace", lg.trace);
	for (i = 0; i < n; i++)
		put_field(&l, kv[i].key, &kv[i].v);
	/* TAIL is kept free for these. */
	l.n += (size_t)snprintf(l.p + l.n, TAIL, "%s%s\n",
	    !l.cut ? "" : lg.json ? ",\"truncated\":true" : " truncated",
	    lg.json ? "}" : "");
	fd = component_fd(component_index(comp));
	if (lg.hold && fd != STDERR_FILENO && strcmp(comp, "router") == 0)
		hold_line(fd, &l);
	else
		write_line(fd, &l);
	if (lg.also_stderr && fd != STDERR_FILENO)
		write_line(STDERR_FILENO, &l);
}

/* --- rate limit --------------------------------------------------------- */

static void
tell_suppressed(struct slot *s)
{
	char msg[sizeof(s->msg) + 32];
	unsigned n = s->suppressed;

	if (n == 0)
		return;
	s->suppressed = 0;
	snprintf(msg, sizeof(msg), "suppressed %u", n);
	emit(s->level, s->component, msg,
	    (const struct kv[]){ KV("message", s->msg), KV("count", n) }, 2);
}

/* Reports what was suppressed in seconds that are over. */
static void
sweep(int64_t second)
{
	size_t i;

	if (!lg.pending || second == lg.swept)
		return;
	lg.swept = second;
	lg.pending = false;
	for (i = 0; i < SLOTS; i++) {
		if (lg.slots[i].suppressed == 0)
			continue;
		if (lg.slots[i].second != second)
			tell_suppressed(&lg.slots[i]);
		else
			lg.pending = true;
	}
}

static bool
allowed(enum log_level level, const char *comp, const char *msg)
{
	int64_t second = clock_boot_ns() / INT64_C(1000000000);
	uint64_t key = fnv1a(msg, strlen(msg), fnv1a(comp, strlen(comp),
	    (uint64_t)level));
	struct slot *s = &lg.slots[(key ^ key >> 32) % SLOTS];

	sweep(second);
	if (strcmp(comp, "router") == 0)
		return true;	/* the access log: a line for each request */
	if (s->key != key || s->second != second || s->count == 0) {
		tell_suppressed(s);
		s->key = key;
		s->second = second;
		s->count = 0;
		s->level = level;
		snprintf(s->component, sizeof(s->component), "%s", comp);
		snprintf(s->msg, sizeof(s->msg), "%s", msg);
	}
	if (s->count < PER_SECOND) {
		s->count++;
		return true;
	}
	s->suppressed++;
	lg.pending = true;
	return false;
}

void
log_event(enum log_level level, const char *component, const char *msg,
    const struct kv *kv, size_t n)
{
	int saved = errno;

	if (level == LOG_ERROR && on_error != NULL)
		on_error(component, msg, kv, n);
	if (log_enabled(level) && allowed(level, component, msg))
		emit(level, component, msg, kv, n);
	errno = saved;
}

void
log_on_error(log_error_fn *fn)
{
	on_error = fn;
}
