/*
 * Who uses the installation during the run, and their ledgers: lines that are
 * on the disk before anything else happens. Nothing here reads our tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "tests/chaos/chaos.h"
#include "tests/harness/forked.h"

#include <cmocka.h>

enum { OLD = 8, REVOKED_MS = 5500 };

/* ---- the ledgers ------------------------------------------------------------- */

static void
note(int fd, const char *fmt, ...)
{
	char line[300];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (write(fd, line, (size_t)n) != n || fdatasync(fd) == -1)
		_exit(3);
}

static int
ledger(const char *name)
{
	return open(stack_path(&st, name), O_CREAT | O_APPEND | O_WRONLY |
	    O_CLOEXEC, 0600);
}

/* A request until an answer of use comes; NULL: the run is over, or it was
 * refused. A key is used again only for the same request. */
static const struct reply *
insist(int fd, const char *path, const char *key, const char *body)
{
	struct call c = { .method = "POST", .path = path, .key = key,
	    .body = body, .token = token, .may_fail = true,
	    .timeout_ms = 15000, .fresh = true };

	while (!__atomic_load_n(stop, __ATOMIC_SEQ_CST)) {
		const struct reply *r = http_call(&st, &c);

		if (r->status == 202)
			return r;
		if (r->status >= 400 && r->status < 500 &&
		    r->status != 409 && r->status != 429) {
			note(fd, "refused %d %.200s\n", r->status, r->body);
			return NULL;
		}
		nap_ms(50);
	}
	return NULL;
}

/* Two jobs and one that needs both. */
static void
family(int fd, const char *key)
{
	const struct reply *r = insist(fd, "/jobs/bulk", key, http_text(&st,
	    "{\"jobs\":[{\"type\":\"chaos.txn\",\"ref\":\"a\",\"payload\":"
	    "{\"ms\":%d}},{\"type\":\"chaos.plain\",\"ref\":\"b\"},"
	    "{\"type\":\"chaos.txn\",\"needs\":[\"#a\",\"#b\"]}]}",
	    (int)random_below(300)));
	const char *id[3];

	if (r == NULL)
		return;
	for (int i = 0; i < 3; i++)
		id[i] = json_text_at(r->json, http_text(&st, "jobs.%d.id",
		    i));
	note(fd, "%s/a %s - i\n%s/b %s - i\n%s/c %s - i %s %s\n", key, id[0],
	    key, id[1], key, id[2], id[0], id[1]);
}

static void
single(int fd, const char *key)
{
	bool txn = random_below(2) == 0, outside = random_below(8) == 0;
	int ms = (int)random_below(random_below(10) == 0 ? 900 : 60);
	const struct reply *r;
	char unique[40] = "";

	if (!outside && random_below(5) == 0)
		snprintf(unique, sizeof(unique), ",\"unique\":\"u%d\"",
		    (int)random_below(3));
	r = insist(fd, "/jobs", key, http_text(&st, "{\"type\":\"%s\","
	    "\"payload\":{\"ms\":%d}%s}", outside ? "chaos.outside" :
	    txn ? "chaos.txn" : "chaos.plain", ms, unique));
	if (r != NULL)
		note(fd, "%s %s %s%s %c\n", key, json_text_at(r->json, "id"),
		    *unique == '\0' ? "-" : txn ? "t" : "p",
		    *unique ? unique + 10 : "", outside ? 'o' : 'i');
}

/* Lines: key, id, unique key or -, i(nside) or o(utside), what it needs. */
void
client_loop(int which)
{
	int fd = ledger(http_text(&st, "accepted.%d", which));
	unsigned n = 0;

	while (!__atomic_load_n(stop, __ATOMIC_SEQ_CST)) {
		char key[64];

		snprintf(key, sizeof(key), "chaos-%d-%u", which, n++);
		if (random_below(10) == 0)
			family(fd, key);
		else
			single(fd, key);
		http_forget(&st);
		nap_ms((unsigned)random_below(20));
	}
	_exit(0);
}

/* Follows the stream from its beginning and writes every item down. */
void
reader_loop(int which)
{
	int fd = ledger("stream");
	long long since = 0;

	(void)which;
	while (__atomic_load_n(stop, __ATOMIC_SEQ_CST) < 2) {
		const struct reply *r = http_call(&st, &(struct call){
		    .path = http_text(&st, "/api/system/events?since=%lld&"
		    "limit=200&topics=job.*", since), .token = token,
		    .may_fail = true, .fresh = true, .timeout_ms = 20000 });
		struct json_object *items = json_at(r->json, "items");
		size_t n = items == NULL || r->status != 200 ? 0 :
		    json_object_array_length(items);

		for (size_t i = 0; i < n; i++) {
			struct json_object *x = json_object_array_get_idx(
			    items, i);

			note(fd, "%lld %s %s\n", json_int_at(x, "off"),
			    json_text_at(x, "topic"),
			    json_text_at(x, "entity"));
		}
		if (r->status == 200 && json_int_at(r->json, "next") > 0)
			since = json_int_at(r->json, "next");
		http_forget(&st);
		if (n == 0)
			nap_ms(100);
	}
	_exit(0);
}

/* ---- sessions that ended ------------------------------------------------------- */

static void
still_in(int fd, const char *old, int64_t since)
{
	const struct reply *r = http_call(&st, &(struct call){
	    .path = "/api/auth/me", .token = old, .may_fail = true,
	    .fresh = true, .timeout_ms = 5000 });
	int64_t ms = (clock_boot_ns() - since) / 1000000;

	if (r->status == 200 && ms > REVOKED_MS + (int64_t)r->ms)
		note(fd, "a session that had ended %lld ms before got in\n",
		    (long long)ms);
}

static double
requests_total(void)
{
	const struct reply *r = http_call(&st, &(struct call){
	    .path = "/metrics", .may_fail = true, .fresh = true,
	    .timeout_ms = 5000 });
	const char *p = r->status == 200 ? r->body : NULL;
	double sum = 0;

	if (p == NULL)
		return -1;
	while ((p = strstr(p, "\nquincunx_http_requests_total{")) != NULL) {
		const char *v = strchr(++p, '}');

		sum += v == NULL ? 0 : strtod(v + 1, NULL);
	}
	return sum;
}

/* Logs in and out; none of the last sessions may get in any more, on any
 * responder, whatever was killed. And what was counted stays counted. */
void
revoker_loop(int which)
{
	int fd = ledger("revoked");
	char old[OLD][4096] = { "" };
	int64_t since[OLD] = { 0 };
	unsigned n = 0, logouts = 0;
	double counted = 0, now;

	(void)which;
	while (!__atomic_load_n(stop, __ATOMIC_SEQ_CST)) {
		const struct reply *r = http_call(&st, &(struct call){
		    .method = "POST", .path = "/api/auth/login",
		    .may_fail = true, .fresh = true, .timeout_ms = 15000,
		    .body = http_text(&st, "{\"email\":\"%s\",\"password\":"
		    "\"%s\"}", st.email, st.password) });

		snprintf(old[n % OLD], sizeof(old[0]), "%s",
		    r->status == 200 ? json_text_at(r->json, "access_token") :
		    "");
		if (*old[n % OLD] != '\0' && http_call(&st, &(struct call){
		    .method = "POST", .path = "/api/auth/logout",
		    .token = old[n % OLD], .may_fail = true, .fresh = true,
		    .timeout_ms = 15000 })->status == 204) {
			since[n % OLD] = clock_boot_ns();
			n++;
			logouts++;
		}
		for (unsigned i = 0; i < OLD; i++)
			if (since[i] != 0 && i != n % OLD)
				still_in(fd, old[i], since[i]);
		now = requests_total();
		if (now >= 0 && now < counted)
			note(fd, "%.0f requests were counted, then %.0f\n",
			    counted, now);
		counted = now > counted ? now : counted;
		http_forget(&st);
		nap_ms(500);
	}
	print_message("sessions ended and tried again: %u\n", logouts);
	_exit(0);
}

/* ---- schedules ------------------------------------------------------------------- */

void
schedules_make(void)
{
	for (int i = 0; i < SCHEDULES; i++)
		expect_status(http_send(&st, "POST", "/api/system/schedules",
		    token, http_text(&st, "{\"name\":\"s%d\",\"spec\":"
		    "\"@every %ds\",\"type\":\"chaos.fire\",\"payload\":"
		    "{\"ms\":%d},\"misfire\":\"each\",\"max_catchup\":100,"
		    "\"overlap\":\"allow\"}", i, i + 1, i)), 201);
}
