/*
 * Signature Version 4 against AWS's published cases, byte for byte, and
 * against canonical forms that the sample of those cases does not reach.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/vec.h"
#include "net/net.h"
#include "net/sigv4.h"
#include "tests/harness/tar.h"

static const char *
member(json_object *o, const char *name)
{
	json_object *v;

	return json_object_object_get_ex(o, name, &v) ?
	    json_object_get_string(v) : NULL;
}

static bool
flag(json_object *o, const char *name)
{
	json_object *v;

	return json_object_object_get_ex(o, name, &v) &&
	    json_object_get_boolean(v);
}

/* Cuts the request text into its parts; the text is changed. */
static void
read_request(struct arena *a, char *text, struct sigv4_request *r)
{
	VEC(struct net_header) h = { 0 };
	char *end = strchr(text, '\n'), *space = strchr(text, ' '), *mark;
	struct net_header *one;

	*end = *space = '\0';
	r->method = text;
	r->path = space + 1;
	*strrchr(space + 1, ' ') = '\0';
	if ((mark = strchr(space + 1, '?')) != NULL)
		*mark++ = '\0';
	r->query = mark != NULL ? mark : "";
	for (text = end + 1; *text != '\0' && *text != '\n'; text = end + 1) {
		end = text + strcspn(text, "\n");
		while (end[0] == '\n' && (end[1] == ' ' || end[1] == '\t'))
			end += 1 + strcspn(end + 1, "\n");
		if (*end == '\0')
			end[1] = '\0';	/* the arena's copy has room */
		*end = '\0';
		one = VEC_ADD(a, &h);
		one->value = strchr(text, ':') + 1;
		*strchr(text, ':') = '\0';
		one->name = text;
	}
	r->headers = h.v;
	r->nheaders = h.n;
	r->body = *text == '\n' ? text + 1 : "";
	r->body_len = strlen(r->body);
}

static void
expect(const struct tar *t, struct arena *a, const char *dir,
    const char *file, const char *got)
{
	const struct tar_file *f = tar_find(t, arena_printf(a, "%s/%s", dir,
	    file));
	size_t n;

	assert_non_null(f);
	n = f->n;
	while (n > 0 && f->text[n - 1] == '\n' && got[n - 1] != '\n')
		n--;
	if (strlen(got) != n || memcmp(got, f->text, n) != 0)
		fail_msg("%s/%s: got\n%s\nwant\n%s", dir, file, got, f->text);
}

static void
run_case(struct arena *a, const struct tar *t, const char *dir)
{
	const struct tar_file *c, *q;
	struct sigv4_request r = { 0 };
	struct sigv4_result out;
	struct sigv4_key key;
	json_object *o, *cred;
	char *text;

	c = tar_find(t, arena_printf(a, "%s/context.json", dir));
	q = tar_find(t, arena_printf(a, "%s/request.txt", dir));
	assert_non_null(q);
	o = json_tokener_parse(c->text);
	assert_true(json_object_object_get_ex(o, "credentials", &cred));
	key.access_key = member(cred, "access_key_id");
	key.secret_key = member(cred, "secret_access_key");
	key.session_token = member(cred, "token");
	text = arena_alloc(a, q->n + 8);
	memcpy(text, q->text, q->n);
	read_request(a, text, &r);
	r.region = member(o, "region");
	r.service = member(o, "service");
	r.normalize = flag(o, "normalize");
	r.sign_body = flag(o, "sign_body");
	r.omit_session_token = flag(o, "omit_session_token");
	assert_int_equal(clock_parse(member(o, "timestamp"), &r.when), 0);
	sigv4_sign(a, &key, &r, &out);
	expect(t, a, dir, "header-canonical-request.txt",
	    out.canonical_request);
	expect(t, a, dir, "header-string-to-sign.txt", out.string_to_sign);
	expect(t, a, dir, "header-signature.txt", out.signature);
	q = tar_find(t, arena_printf(a, "%s/header-signed-request.txt", dir));
	assert_non_null(strstr(q->text, out.authorization));
	assert_non_null(strstr(q->text, out.amz_date));
	json_object_put(o);
}

static void
test_published(void **state)
{
	static const char tail[] = "/context.json";
	struct arena *a = arena_new(64 << 20);
	size_t cases = 0;
	struct tar t;

	(void)state;
	if (tar_read(a, "aws/sigv4_test_suite_aws-c-auth.dev.tar.gz", &t) ==
	    -1) {
		arena_free(a);
		skip();
	}
	for (size_t i = 0; i < t.n; i++) {
		const char *p = t.v[i].path;
		size_t n = strlen(p), k = sizeof(tail) - 1;

		if (n < k || strcmp(p + n - k, tail) != 0)
			continue;
		run_case(a, &t, arena_strndup(a, p, n - k));
		cases++;
	}
	assert_true(cases >= 15);
	printf("%zu cases\n", cases);
	arena_free(a);
}

/* ---- canonical forms ------------------------------------------------------ */
struct form {
	const char *path, *query;
	bool normalize;
	const char *service;
	const char *want;	/* second and third line */
};

static const struct form forms[] = {
	{ "", "", true, "ec2", "/\n" },
	{ "/example/..", "", true, "ec2", "/\n" },
	{ "/example/..", "", false, "ec2", "/example/..\n" },
	{ "/example1/example2/../..", "", true, "ec2", "/\n" },
	{ "//", "", true, "ec2", "/\n" },
	{ "//", "", false, "ec2", "//\n" },
	{ "//example//", "", true, "ec2", "/example/\n" },
	{ "//example//", "", false, "ec2", "//example//\n" },
	{ "/./", "", true, "ec2", "/\n" },
	{ "/./example", "", true, "ec2", "/example\n" },
	{ "/../../a/./b/../c", "", true, "ec2", "/a/c\n" },
	{ "/example space/", "", true, "ec2", "/example%20space/\n" },
	{ "/\xe1\x88\xb4", "", true, "ec2", "/%E1%88%B4\n" },
	{ "/a%20b", "", true, "ec2", "/a%2520b\n" },
	{ "/a%20b", "", false, "s3", "/a%20b\n" },
	{ "/a b/%2f/c", "", false, "s3", "/a%20b/%2F/c\n" },
	{ "/-._~0Az", "", true, "ec2", "/-._~0Az\n" },
	{ "/", "a", true, "ec2", "/\na=" },
	{ "/", "a&&b=&=c", true, "ec2", "/\n=c&a=&b=" },
	{ "/", "b=2&a=2&a=1&a=10", true, "ec2", "/\na=1&a=10&a=2&b=2" },
	{ "/", "a=1=2", true, "ec2", "/\na=1%3D2" },
	{ "/", "a=%zz%4", true, "ec2", "/\na=%25zz%254" },
	{ "/", "a=b+c d", true, "ec2", "/\na=b%2Bc%20d" },
	{ "/", "a=%2f%2F", true, "ec2", "/\na=%2F%2F" },
	{ "/", "a=%00", true, "ec2", "/\na=%00" },
	{ "/", "Z=1&a=1", true, "ec2", "/\nZ=1&a=1" },
	/* sorted by the encoded key: "a" before "a-b", not "a=" after "a-" */
	{ "/", "a-b=1&a=2", true, "ec2", "/\na=2&a-b=1" },
};

static const struct sigv4_key example = {
	.access_key = "AKIDEXAMPLE",
	.secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
};

static void
test_forms(void **state)
{
	struct arena *a = arena_new(8 << 20);
	const struct net_header host = { "Host", "example.amazonaws.com" };

	(void)state;
	for (size_t i = 0; i < NITEMS(forms); i++) {
		struct sigv4_request r = { .method = "GET",
		    .path = forms[i].path, .query = forms[i].query,
		    .headers = &host, .nheaders = 1, .region = "us-east-1",
		    .service = forms[i].service, .when = { 1440938160000000 },
		    .normalize = forms[i].normalize };
		struct sigv4_result out;
		const char *want = arena_printf(a, "GET\n%s\nhost:",
		    forms[i].want);

		sigv4_sign(a, &example, &r, &out);
		if (strncmp(out.canonical_request, want, strlen(want)) != 0)
			fail_msg("row %zu: %s", i, out.canonical_request);
	}
	arena_free(a);
}

static void
test_headers(void **state)
{
	struct arena *a = arena_new(8 << 20);
	const struct net_header h[] = {
		{ "Zoo", "" }, { "HOST", " h " }, { "a-b", "1" },
		{ "a", "\t x \r\n  y\tz " }, { "User-Agent", "never" },
		{ "zoo", "2" }, { "Authorization", "never" },
		{ "X-Amz-Date", "never" }, { "X-Amz-Content-Sha256", "never" },
		{ "X-Amz-Security-Token", "never" }
	};
	struct sigv4_key key = example;
	struct sigv4_request r = { .method = "POST", .path = "/", .query = "",
	    .headers = h, .nheaders = NITEMS(h), .region = "us-east-1",
	    .service = "ec2", .when = { 1440938160000000 }, .body = "x",
	    .body_len = 1, .normalize = true, .sign_body = true };
	struct sigv4_result out;

	(void)state;
	key.session_token = "tok";
	sigv4_sign(a, &key, &r, &out);
	assert_string_equal(out.canonical_request, "POST\n/\n\n"
	    "a:x y z\na-b:1\nhost:h\nx-amz-content-sha256:"
	    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\n"
	    "x-amz-date:20150830T123600Z\nx-amz-security-token:tok\n"
	    "zoo:,2\n\n"
	    "a;a-b;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;"
	    "zoo\n"
	    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
	r.omit_session_token = true;
	sigv4_sign(a, &key, &r, &out);
	assert_null(strstr(out.canonical_request, "token"));
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
