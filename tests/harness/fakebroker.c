/*
 * Starts and scripts the fake brokers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <curl/curl.h>
#include <json.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "tests/harness/fakebroker.h"

void
fakebroker_start(struct fake *f, struct arena *a)
{
	fake_start(f, a, "tests/harness/fake_broker.py", NULL);
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
fakebroker_control(const struct fake *f, struct arena *a,
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
ledger(const struct fake *f, struct arena *a, const char *name)
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
fakebroker_orders(const struct fake *f, struct arena *a)
{
	struct json_object *l = ledger(f, a, "orders");
	size_t n = 0;

	for (size_t i = 0; i < json_object_array_length(l); i++)
		n += strcmp(text(json_object_array_get_idx(l, i), "by"),
		    "us") == 0;
	return n;
}

size_t
fakebroker_requests(const struct fake *f, struct arena *a,
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
