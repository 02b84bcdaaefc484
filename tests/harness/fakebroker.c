/*
 * Starts, scripts and stops the fake brokers. They end with the test, however
 * the test ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>
#include <json.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/fakebroker.h"

static _Noreturn void
run(int out)
{
	dup2(out, STDOUT_FILENO);
	execlp("python3", "python3", "-B", "tests/harness/fake_broker.py",
	    "--die-with-parent", (char *)NULL);
	_exit(127);
}

void
fakebroker_start(struct fakebroker *f, struct arena *a)
{
	char line[64] = "";
	FILE *in;
	int p[2];

	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		close(p[0]);
		run(p[1]);
	}
	close(p[1]);
	in = fdopen(p[0], "r");
	if (fgets(line, sizeof(line), in) == NULL ||
	    strncmp(line, "port ", 5) != 0)
		fail_msg("the fake brokers did not start: %s", line);
	fclose(in);
	f->port = (unsigned)strtoul(line + 5, NULL, 10);
	f->url = arena_printf(a, "http://127.0.0.1:%u", f->port);
}

void
fakebroker_stop(struct fakebroker *f)
{
	int status;

	kill(f->pid, SIGTERM);
	waitpid(f->pid, &status, 0);
}

static size_t
take(char *p, size_t size, size_t n, void *out)
{
	str_addn(out, p, size * n);
	return size * n;
}

static void
put(void *j)
{
	json_object_put(j);
}

struct json_object *
fakebroker_control(const struct fakebroker *f, struct arena *a,
    const char *path, const char *json)
{
	CURL *c = curl_easy_init();
	struct curl_slist *h = curl_slist_append(NULL,
	    "Content-Type: application/json");
	struct json_object *j;
	struct str out;
	long status = 0;
	CURLcode rc;

	str_init(&out, a);
	curl_easy_setopt(c, CURLOPT_URL, arena_printf(a, "%s%s", f->url,
	    path));
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, h);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &out);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
	if (json != NULL)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, json);
	rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(h);
	curl_easy_cleanup(c);
	if (rc != CURLE_OK || status != 200)
		fail_msg("%s: %d, %ld %s", path, (int)rc, status, out.p);
	j = json_tokener_parse(out.p);
	assert_non_null(j);
	arena_defer(a, put, j);
	return j;
}

static struct json_object *
ledger(const struct fakebroker *f, struct arena *a, const char *name)
{
	struct json_object *list = NULL;

	json_object_object_get_ex(fakebroker_control(f, a,
	    "/_control/ledger", NULL), name, &list);
	assert_non_null(list);
	return list;
}

static const char *
text(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, name, &v);
	return v == NULL ? "" : json_object_get_string(v);
}

size_t
fakebroker_orders(const struct fakebroker *f, struct arena *a)
{
	struct json_object *l = ledger(f, a, "orders");
	size_t n = 0;

	for (size_t i = 0; i < json_object_array_length(l); i++)
		n += strcmp(text(json_object_array_get_idx(l, i), "by"),
		    "us") == 0;
	return n;
}

size_t
fakebroker_requests(const struct fakebroker *f, struct arena *a,
    const char *method, const char *path)
{
	struct json_object *l = ledger(f, a, "requests");
	size_t n = 0;

	for (size_t i = 0; i < json_object_array_length(l); i++) {
		struct json_object *r = json_object_array_get_idx(l, i);

		n += strcmp(text(r, "method"), method) == 0 &&
		    strncmp(text(r, "path"), path, strlen(path)) == 0;
	}
	return n;
}
