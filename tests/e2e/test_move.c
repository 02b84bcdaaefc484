/*
 * Moves from the outside: the real worker against the fake AWS, whose own list
 * of acts is the judge. A member of a group is replaced; the worker is killed
 * with -9 while the cloud has a call of it, and the next one goes on; answers
 * are lost; the stop switch is pressed; each time there is one replacement,
 * the group is what it was, and nothing else was touched.
 */
#include <json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "net/net.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

#define KEYS "\"access_key\":\"" FAKE_ACCESS_KEY "\",\"secret_key\":\"" \
	FAKE_SECRET_KEY "\""
#define OUTSIDER "i-0123456789abcdef0"

enum { SOON_MS = 180000 };	/* leases of killed workers run out */

static struct stack st;
static struct fake fake;
static struct net *net;
static const char *token, *account;
static const char *tags = "{}";	/* of the next group */
static char group[16], old[32];
static int turn, launched;	/* groups so far; launches before this one */

/* ---- the cloud ---------------------------------------------------------------------- */

static const char *
control(const char *path, const char *json)
{
	return fakeec2_control(&fake, st.a, net, path, json);
}

static struct json_object *
acts(void)
{
	return json_tokener_parse(control("/_control/acts", "{\"since\":0}"));
}

static struct json_object *
list_of(struct json_object *o)
{
	struct json_object *v;

	return json_object_is_type(o, json_type_array) ? o :
	    json_object_object_get_ex(o, "acts", &v) ? v : NULL;
}

/* Acts of a kind that name an id in their text; NULL: any. */
static int
count(const char *what, const char *id)
{
	struct json_object *all = acts(), *v = list_of(all);
	int n = 0;

	for (size_t i = 0; v != NULL && i < json_object_array_length(v); i++) {
		struct json_object *o = json_object_array_get_idx(v, i);
		const char *text = json_object_to_json_string(o);

		n += strcmp(json_text_at(o, "what"), what) == 0 &&
		    (id == NULL || strstr(text, id) != NULL);
	}
	json_object_put(all);
	return n;
}

static void
rules(const char *json)
{
	control("/_control", http_text(&st, "{\"rules\":[%s]}", json));
}

static struct json_object *
row(const char *path)
{
	const struct reply *r = http_get(&st, path, token);

	expect_status(r, 200);
	return r->json;
}

/* The group as the cloud tells it, by a look of ours. */
static void
group_is(int64_t max, int64_t desired)
{
	const char *text = control("/_control/group", http_text(&st,
	    "{\"region\":\"us-east-1\",\"name\":\"%s\"}", group));
	struct json_object *o = json_tokener_parse(text);

	if (json_int_at(o, "max") != max ||
	    json_int_at(o, "desired") != desired)
		fail_msg("group %s: %s", group, text);
	json_object_put(o);
}

/* ---- moves -------------------------------------------------------------------------- */

/* Asked for again and again: a scan that runs already may have passed the
 * place. A busy database may say 503. */
static bool
known(void *arg)
{
	const struct reply *r = http_get(&st, http_text(&st,
	    "/api/spot/instances?limit=200&type=m5.large"), token);

	if (r->status == 200 && strstr(r->body, arg) != NULL)
		return true;
	http_send(&st, "POST", http_text(&st,
	    "/api/spot/accounts/%s/rediscover", account), token, NULL);
	return false;
}

/* A group of one at its maximum, found by a scan. */
static void
new_group(void)
{
	struct json_object *o;
	const char *text;

	snprintf(group, sizeof(group), "web%d", ++turn);
	snprintf(old, sizeof(old), "i-0aaa%013d", turn);
	control("/_control/fleet", http_text(&st, "{\"add\":[{\"region\":"
	    "\"us-east-1\",\"count\":1,\"instanceId\":\"%s\",\"instanceType\":"
	    "\"m5.large\",\"availabilityZone\":\"us-east-1a\",\"state\":"
	    "\"running\",\"lifecycle\":\"spot\",\"platformDetails\":"
	    "\"Linux/UNIX\",\"tags\":{}}]}", old));
	text = control("/_control/group", http_text(&st, "{\"region\":"
	    "\"us-east-1\",\"name\":\"%s\",\"min\":1,\"max\":1,\"desired\":1,"
	    "\"azs\":[\"us-east-1a\"],\"members\":[\"%s\"],\"tags\":%s}",
	    group, old, tags));
	o = json_tokener_parse(text);
	json_object_put(o);
	launched = count("launched", NULL);
	assert_true(eventually(known, old, SOON_MS));
}

static const char *
start(void)
{
	const struct reply *r = http_send(&st, "POST", "/api/spot/moves",
	    token, http_text(&st, "{\"instance_id\":\"%s\",\"approve\":false,"
	    "\"pools\":[{\"az\":\"us-east-1a\",\"instance_type\":\"m5.xlarge\","
	    "\"price\":\"0.05\"}]}", old));
	const char *id;

	expect_status(r, 201);
	id = http_text(&st, "%s", json_text_at(r->json, "id"));
	r = http_send(&st, "POST", http_text(&st, "/api/spot/moves/%s/start",
	    id), token, NULL);
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "state"), "ready");
	return id;
}

struct wanted {
	const char *id, *state;
	int step;
	struct json_object *now;
};

static bool
is_over(void *arg)
{
	struct wanted *w = arg;

	w->now = row(http_text(&st, "/api/spot/moves/%s", w->id));
	return strcmp(json_text_at(w->now, "ended_at"), "") != 0;
}

static void
ends(const char *id, const char *state)
{
	struct wanted w = { .id = id };

	if (!eventually(is_over, &w, SOON_MS) ||
	    strcmp(json_text_at(w.now, "state"), state) != 0)
		fail_msg("%s: %s", id, json_object_to_json_string_ext(w.now,
		    JSON_C_TO_STRING_PRETTY));
}

/* One launch, the old one ended once, the outsider alive, the group as it
 * was. */
static void
swapped(void)
{
	assert_int_equal(count("launched", NULL), launched + 1);
	assert_int_equal(count("group_terminated", old), 1);
	assert_int_equal(count("group_launched", NULL), 0);
	assert_int_equal(count("terminated", OUTSIDER), 0);
	group_is(1, 1);
}

/* ---- cases -------------------------------------------------------------------------- */

static void
replaced(void **state)
{
	const char *id;
	struct json_object *m;

	(void)state;
	new_group();
	id = start();
	ends(id, "succeeded");
	m = row(http_text(&st, "/api/spot/moves/%s", id));
	assert_int_equal(json_object_array_length(json_at(m, "steps")), 10);
	/* the ledger will ask what the old one would have cost */
	assert_string_equal(mariadb_value(st.a, st.db, http_text(&st, "SELECT "
	    "CONCAT(origin_instance, ' ', origin_type) FROM spot_origin WHERE "
	    "instance_id = '%s'", json_text_at(m, "new_instance"))),
	    http_text(&st, "%s m5.large", old));
	swapped();
}

/* Intents that are open just now. */
static bool
intent(void *arg)
{
	return strcmp(mariadb_value(st.a, st.db, http_text(&st, "SELECT "
	    "COUNT(*) FROM spot_move m JOIN spot_move_step s ON s.move_id = "
	    "m.id AND s.step = m.step WHERE m.state = 'running' AND s.state = "
	    "'intent' AND s.act = '%s'", (const char *)arg)), "1") == 0;
}

struct fate {
	const char *act, *said;		/* call, and how the cloud tells it */
	const char *rules;
	bool done;			/* the cloud has done it */
};

static bool
said(void *arg)
{
	struct fate *f = arg;

	return count(f->said, group) + count(f->said, old) > 0 ||
	    (strcmp(f->said, "launched") == 0 && count(f->said, NULL) >
	    launched);
}

/* The worker dies over an intent: the cloud never does it, or has done it and
 * nobody heard. */
static void
killed(void **state)
{
	struct fate fates[] = {
		/* the first is the dry run; the repeat is the third */
		{ "CreateFleet", "launched", "{\"action\":\"CreateFleet\","
		  "\"nth\":2,\"close\":\"after\"},{\"action\":"
		  "\"CreateFleet\",\"nth\":2,\"times\":99,\"hang\":true}",
		  true },
		{ "AttachInstances", "attached", "{\"action\":"
		  "\"AttachInstances\",\"hang\":true}", false },
		{ "TerminateInstanceInAutoScalingGroup", "group_terminated",
		  "{\"action\":\"TerminateInstanceInAutoScalingGroup\","
		  "\"close\":\"after\"}", true }
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *id;

		new_group();
		rules(fates[i].rules);
		id = start();
		if (!eventually(fates[i].done ? said : intent,
		    fates[i].done ? (void *)&fates[i] : (void *)(uintptr_t)
		    fates[i].act, SOON_MS))
			fail_msg("%s: %s", fates[i].act, http_get(&st,
			    http_text(&st, "/api/spot/moves/%s", id),
			    token)->body);
		stack_worker_stop(&st, SIGKILL);
		rules("");
		if (i < 2)
			assert_true(intent((void *)(uintptr_t)fates[i].act));
		stack_worker_start(&st);
		ends(id, "succeeded");
		swapped();
	}
}

static void
stopped(void **state)
{
	const struct reply *r;
	const char *id;

	(void)state;
	new_group();
	rules("{\"action\":\"DescribeAutoScalingGroups\",\"delay_s\":2,"
	    "\"times\":1}");
	id = start();
	r = http_send(&st, "POST", "/api/system/switches/stop", token,
	    "{\"scope\":\"tenant\",\"name\":\"\",\"reason\":\"test\"}");
	if (r->status / 100 != 2)
		fail_msg("%d %s", r->status, r->body);
	ends(id, "failed");
	assert_int_equal(count("launched", NULL), launched);
	assert_int_equal(count("group_terminated", old), 0);
	group_is(1, 1);
	rules("");
	http_send(&st, "POST", "/api/system/switches/release", token,
	    "{\"scope\":\"tenant\",\"name\":\"\",\"reason\":\"test\"}");
}

/* A machine in no group that was made without a template: a copy of it, and
 * then it is ended. */
static void
copied(void **state)
{
	static const char *const has[] = { "ami-0c0ffee", "sg-01", "sg-02",
	    "\"ops\"", "IyEvYmluL3No", ":instance-profile" };
	const char *id, *next;

	(void)state;
	snprintf(old, sizeof(old), "i-0aaa%013d", ++turn);
	control("/_control/fleet", http_text(&st, "{\"add\":[{\"region\":"
	    "\"us-east-1\",\"count\":1,\"instanceId\":\"%s\",\"instanceType\":"
	    "\"m5.large\",\"availabilityZone\":\"us-east-1a\",\"state\":"
	    "\"running\",\"lifecycle\":\"spot\",\"platformDetails\":"
	    "\"Linux/UNIX\",\"tags\":{\"Name\":\"lone\"},\"groups\":"
	    "[\"sg-01\",\"sg-02\"],\"profile\":\"arn:aws:iam::1:instance-"
	    "profile/web\",\"keyName\":\"ops\",\"imageId\":\"ami-0c0ffee\","
	    "\"userData\":\"IyEvYmluL3No\"}]}", old));
	launched = count("launched", NULL);
	assert_true(eventually(known, old, SOON_MS));
	id = start();
	ends(id, "succeeded");
	next = http_text(&st, "%s", json_text_at(row(http_text(&st,
	    "/api/spot/moves/%s", id)), "new_instance"));
	assert_int_equal(count("launched", NULL), launched + 1);
	for (size_t i = 0; i < NITEMS(has); i++)
		if (count("launched", has[i]) != 1)
			fail_msg("%s is not in %s", has[i],
			    control("/_control/acts", "{\"since\":0}"));
	assert_int_equal(count("launched", next), 1);
	assert_int_equal(count("terminated", old), 1);
}

/* Its stack is being updated: nothing is touched. Then it is not. */
static void
stack_changes(void **state)
{
	const char *id;

	(void)state;
	control("/_control/stack", "{\"name\":\"arn:s\",\"status\":"
	    "\"UPDATE_IN_PROGRESS\"}");
	tags = "{\"aws:cloudformation:stack-id\":\"arn:s\"}";
	new_group();
	id = start();
	ends(id, "failed");
	assert_string_equal(json_text_at(row(http_text(&st,
	    "/api/spot/moves/%s", id)), "error_code"), "stack_busy");
	assert_int_equal(count("launched", NULL), launched);
	group_is(1, 1);
	control("/_control/stack", "{\"name\":\"arn:s\",\"status\":"
	    "\"UPDATE_COMPLETE\"}");
	ends(start(), "succeeded");
	swapped();
}

/* The cloud has no room; then it has, and the terminal shows it. */
static void
full_then_not(void **state)
{
	const char *out, *id;

	(void)state;
	new_group();
	control("/_control/capacity", "{\"pools\":[{\"region\":\"*\","
	    "\"free\":0}]}");
	id = start();
	ends(id, "failed");
	control("/_control/capacity", "{\"pools\":[]}");
	group_is(1, 1);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "moves",
	    "show", id, NULL }), 0);
	assert_non_null(strstr(out, "no_capacity") != NULL ? out :
	    strstr(out, "launch"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "moves",
	    "--json", NULL }), 0);
	assert_non_null(strstr(out, id));
}

static int
setup(void **state)
{
	static const char *const nothing[] = { NULL };
	static const struct net_conf conf = { .allow = nothing,
	    .ca_file = "", .connect_timeout_ms = 1000, .timeout_ms = 10000,
	    .max_bytes = 4 << 20 };
	static struct arena *a;
	const char *settings[8];
	const struct reply *r;
	struct err e = { 0 };

	(void)state;
	a = arena_new(16 << 20);
	stack_user();
	fakeec2_start(&fake, a, (const char *const[]){ "--instances", "0",
	    "--regions", "1", NULL });
	settings[0] = arena_printf(a, "aws.endpoint=%s", fake.url);
	settings[1] = arena_printf(a, "aws.sts_endpoint=%s", fake.url);
	settings[2] = "spot.move_poll=1";
	settings[3] = NULL;
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .worker = true, .settings = settings });
	assert_int_equal(net_open(&net, st.a, &conf, NULL, &e), 0);
	net_allow(net, fake.url);
	control("/_control/fleet", "{\"add\":[{\"region\":\"us-east-1\","
	    "\"count\":1,\"instanceId\":\"" OUTSIDER "\",\"instanceType\":"
	    "\"m5.large\",\"state\":\"running\",\"tags\":{\"quincunx:move\":"
	    "\"01890000-0000-7000-8000-000000000000\"}}]}");
	r = http_send(&st, "POST", "/api/auth/login", NULL, http_text(&st,
	    "{\"identifier\":\"%s\",\"password\":%s}", st.email,
	    http_quote(&st, st.password)));
	expect_status(r, 200);
	token = arena_strdup(a, json_text_at(r->json, "access_token"));
	r = http_send(&st, "POST", "/api/spot/accounts", token,
	    "{\"name\":\"prod\",\"connection_method\":\"access_keys\","
	    "\"region\":\"us-east-1\",\"regions\":[\"us-east-1\"]," KEYS "}");
	expect_status(r, 201);
	account = arena_strdup(a, json_text_at(r->json, "id"));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stack_stop(&st);
	fake_stop(&fake);
	return 0;
}

static int
each(void **state)
{
	(void)state;
	tags = "{}";
	http_forget(&st);
	return 0;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, each)
	const struct CMUnitTest tests[] = { T(replaced), T(killed),
		T(stopped), T(copied), T(stack_changes), T(full_then_not) };

	return cmocka_run_group_tests_name("move", tests, setup, teardown);
}
