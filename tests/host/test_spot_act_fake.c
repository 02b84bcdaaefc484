/*
 * Acts against the fake cloud, which checks every signature and keeps its own
 * list of what was really done: that list is what is asserted, not our word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "modules/spot/act_wire.h"
#include "modules/spot/conf.h"
#include "modules/spot/sqs_wire.h"
#include "net/net.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/forked.h"

#define REGION "us-east-1"
#define ROLE "arn:aws:iam::111122223333:role/mover"

static const char *const no_allow[] = { NULL };
static const struct net_conf net_conf = { .allow = no_allow, .ca_file = "",
    .connect_timeout_ms = 2000, .timeout_ms = 20000,
    .max_bytes = 4 << 20 };
static const char *const options[] = { "--instances", "0", "--regions", "2",
    "--role", ROLE ":outside-1", "--key",
    FAKE_ACCESS_KEY ":" FAKE_SECRET_KEY ":" FAKE_ACCOUNT, "--key",
    "AKIADENIED0000000001:secretsecretsecret:" FAKE_ACCOUNT ":denied", NULL };
static const struct guard guards[] = {
	{ .name = "aws", .budget = { .per_call = 1000, .per_s = 50,
	    .cap_s = 10 }, .busy_503 = true }, { .name = NULL }
};

static struct fake fake;
static char dir[SCRATCH_PATH];
static struct arena *a;		/* of the program */
static struct arena *t;		/* of one test */
static struct env env;
static struct spot_access x;
static struct err e;
static const struct spot_acts *acts = &spot_acts_aws;

static const struct conf *
settings(void)
{
	static const struct settings *const groups[] = { &spot_settings,
	    NULL };
	const char *over[] = { arena_printf(a, "aws.endpoint=%s", fake.url),
	    arena_printf(a, "aws.sts_endpoint=%s", fake.url),
	    "aws.access_key=" FAKE_ACCESS_KEY, "aws.rate_percent=100", NULL };
	char *none[] = { NULL };
	struct conf *conf;

	if (conf_load(&conf, a, groups, &(struct conf_source){
	    .file = "/none", .env = none, .overrides = over }, &e) == -1)
		fail_msg("%s", e.detail);
	return conf;
}

static int
start(void **state)
{
	struct shm_layout layout = { .guards = guards, .processes = 4,
	    .limit_slots = 1024 };

	(void)state;
	a = arena_new(64 << 20);
	log_setup(&(struct log_options){ .level = LOG_ERROR }, &e);
	fakeec2_start(&fake, a, options);
	env = (struct env){ .a = a, .conf = settings(), .program = "test" };
	if (shm_attach(&env.shm, a, scratch_dir(dir), &layout, &e) == -1 ||
	    net_open(&env.net, a, &net_conf, env.shm, &e) == -1)
		return -1;
	net_allow(env.net, fake.url);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	fake_stop(&fake);
	shm_detach(env.shm);
	scratch_remove(dir);
	arena_free(a);
	return 0;
}

static const char *
control(const char *what, const char *json)
{
	return fakeec2_control(&fake, t, env.net,
	    arena_printf(t, "/_control%s", what), json);
}

static void
script(const char *rules)
{
	control("", arena_printf(t, "{\"rules\":[%s]}", rules));
}

/* How many acts of a kind the cloud has seen so far. */
static size_t
seen(const char *what)
{
	const char *text = control("/acts", "{}"), *p = text;
	const char *word = arena_printf(t, "\"what\": \"%s\"", what);
	size_t n = 0;

	while ((p = strstr(p, word)) != NULL) {
		p += strlen(word);
		n++;
	}
	return n;
}

static void
open_access(const char *key, const char *secret, const char *role)
{
	static unsigned accounts;

	/* another account each time: rates do not carry over */
	x = (struct spot_access){ .env = &env, .a = t, .region = REGION,
	    .access_key = key, .secret_key = secret, .role_arn = role,
	    .external_id = "outside-1" };
	x.account.b[0] = (uint8_t)++accounts;
	if (spot_provider_aws.open(&x, &e) == -1)
		fail_msg("%s: %s", e.code, e.detail);
}

static int
begin(void **state)
{
	(void)state;
	t = arena_new(64 << 20);
	err_clear(&e);
	script("");
	control("/clock", "{\"offset_s\":0}");
	control("/capacity", "{\"pools\":[]}");
	control("/world", "{\"boot_s\":0,\"check_s\":0,\"lag_s\":0,"
	    "\"in_service_s\":0,\"terminate_s\":0,\"replace_s\":0}");
	open_access(FAKE_ACCESS_KEY, FAKE_SECRET_KEY, "");
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(t);
	return 0;
}

#define GOOD(call) do { err_clear(&e); if ((call) == -1) \
	fail_msg("%s: %s (%s)", e.code, e.detail, e.cause); } while (0)
#define FAILS(call, class) do { err_clear(&e); \
	assert_int_equal((call), -1); assert_string_equal(e.code, class); \
	} while (0)

static const struct spot_launch_place places[] = {
	{ "m5.large", "us-east-1a", "" }, { "c5.large", "us-east-1b", "" },
	{ "m5.xlarge", "us-east-1c", "" }
};
static const struct pair tags[] = { { "spotopt:move", "m & <1>" },
    { "spotopt:epoch", "" } };

static struct spot_launch
launch_of(const char *token)
{
	return (struct spot_launch){ .region = REGION, .token = token,
	    .lifecycle = "spot", .places = places, .nplaces = NITEMS(places),
	    .image_id = "ami-0123", .tags = tags, .ntags = NITEMS(tags) };
}

static const char *
launched(const char *token)
{
	struct spot_launch l = launch_of(token);
	struct spot_launched out;

	GOOD(acts->launch(&x, t, &l, &out, &e));
	return out.instance_id;
}

/* ---- launches ---------------------------------------------------------------- */

static void
test_launch(void **state)
{
	struct spot_launch l = launch_of("first");
	struct spot_launched one, two;
	struct spot_find f = { .region = REGION, .token = "first" };
	const struct ec2_instance *i;
	struct list rows;
	size_t before = seen("launched");

	(void)state;
	GOOD(acts->launch(&x, t, &l, &one, &e));
	assert_int_equal(one.place, 0);
	assert_string_equal(one.type, "m5.large");
	assert_string_equal(one.az, "us-east-1a");
	assert_string_equal(one.lifecycle, "spot");
	GOOD(acts->launch(&x, t, &l, &two, &e));
	assert_string_equal(two.instance_id, one.instance_id);
	assert_int_equal(seen("launched"), before + 1);
	GOOD(acts->describe(&x, t, &f, &rows, &e));
	assert_int_equal(rows.n, 1);
	i = rows.items;
	assert_string_equal(i->instance_id, one.instance_id);
	assert_string_equal(i->token, "first");
	assert_non_null(strstr(i->tags, "\"spotopt:move\":\"m & <1>\""));
	f = (struct spot_find){ .region = REGION, .tag = "spotopt:move",
	    .value = "m & <1>", .ids = &one.instance_id, .n = 1 };
	GOOD(acts->describe(&x, t, &f, &rows, &e));
	assert_int_equal(rows.n, 1);
	l.image_id = "ami-other";
	FAILS(acts->launch(&x, t, &l, &two, &e), "aws_mismatch");
	assert_false(spot_act_unsure(&e));
}

/* No capacity in the first place: the second, under its own token; an earlier
 * send is found again although the first has capacity by now. */
static void
test_places(void **state)
{
	struct spot_launch l = launch_of("places");
	struct spot_launched one, two;
	const struct spot_launch_refusal *no;
	size_t before = seen("launched");

	(void)state;
	control("/capacity", "{\"pools\":[{\"az\":\"us-east-1a\","
	    "\"free\":0}]}");
	GOOD(acts->launch(&x, t, &l, &one, &e));
	assert_int_equal(one.place, 1);
	assert_int_equal(one.refused.n, 1);
	no = one.refused.items;
	assert_int_equal(no->place, 0);
	assert_string_equal(no->code, "InsufficientInstanceCapacity");
	assert_string_equal(no->class, "aws_capacity");
	control("/capacity", "{\"pools\":[]}");
	l.resend = true;
	GOOD(acts->launch(&x, t, &l, &two, &e));
	assert_true(two.adopted);
	assert_int_equal(two.place, 1);
	assert_string_equal(two.instance_id, one.instance_id);
	assert_int_equal(seen("launched"), before + 1);
}

/* The same while listings lag: the instance is waited for. */
static void
test_places_unseen(void **state)
{
	struct spot_launch l = launch_of("unseen");
	struct spot_launched one, two;
	size_t before = seen("launched");

	(void)state;
	control("/world", "{\"lag_s\":1}");
	control("/capacity", "{\"pools\":[{\"az\":\"us-east-1a\","
	    "\"free\":0}]}");
	GOOD(acts->launch(&x, t, &l, &one, &e));
	control("/capacity", "{\"pools\":[]}");
	l.resend = true;
	GOOD(acts->launch(&x, t, &l, &two, &e));
	assert_string_equal(two.instance_id, one.instance_id);
	assert_int_equal(seen("launched"), before + 1);
}

static void
test_refused_everywhere(void **state)
{
	struct spot_launch l = launch_of("nowhere");
	struct spot_launched out;
	size_t before = seen("launched");

	(void)state;
	control("/capacity", "{\"pools\":[{\"az\":\"us-east-1b\",\"error\":"
	    "\"SpotMaxPriceTooLow\"},{\"az\":\"us-east-1c\",\"error\":"
	    "\"VcpuLimitExceeded\"},{\"free\":0}]}");
	FAILS(acts->launch(&x, t, &l, &out, &e), "aws_capacity");
	assert_int_equal(out.refused.n, 3);
	control("/capacity", "{\"pools\":[{\"error\":\"VcpuLimitExceeded\"}]}");
	l.token = "nowhere-2";
	FAILS(acts->launch(&x, t, &l, &out, &e), "aws_quota");
	l.image_id = NULL;
	l.template_id = "lt-0123456789";
	l.token = "nowhere-3";
	FAILS(acts->launch(&x, t, &l, &out, &e), "aws_quota");
	assert_int_equal(out.refused.n, 3);
	assert_int_equal(seen("launched"), before);
}

static void
test_fleet(void **state)
{
	struct spot_launch l = launch_of("fleet");
	struct spot_launched one, two;
	size_t before = seen("launched");

	(void)state;
	l.image_id = NULL;
	l.template_id = "lt-0123456789";
	l.max_price = (struct dec){ 12345678 };
	control("/capacity", "{\"pools\":[{\"az\":\"us-east-1a\","
	    "\"free\":0}]}");
	GOOD(acts->launch(&x, t, &l, &one, &e));
	assert_int_equal(one.place, 1);
	assert_string_equal(one.type, "c5.large");
	assert_int_equal(one.refused.n, 1);
	assert_int_equal(((const struct spot_launch_refusal *)one.refused.items)->place,
	    0);
	GOOD(acts->launch(&x, t, &l, &two, &e));
	assert_string_equal(two.instance_id, one.instance_id);
	assert_int_equal(seen("launched"), before + 1);
}

static void
test_dry_run(void **state)
{
	struct spot_launch l = launch_of("dry");
	struct spot_launched out;
	const char *id = launched("dry-0");
	struct spot_ids ids = { REGION, &id, 1 };
	size_t before = seen("launched");

	(void)state;
	l.dry_run = true;
	GOOD(acts->launch(&x, t, &l, &out, &e));
	assert_string_equal(out.instance_id, "");
	GOOD(acts->terminate(&x, t, &ids, true, &e));
	assert_int_equal(seen("launched"), before);
	assert_int_equal(seen("terminated"), 0);
	open_access("AKIADENIED0000000001", "secretsecretsecret", "");
	FAILS(acts->launch(&x, t, &l, &out, &e), "aws_denied");
}

/* ---- what goes wrong on the way ------------------------------------------------- */

/* The launch was done, its answer was lost: the same token is sent again and
 * there is one instance. */
static void
test_lost_answer(void **state)
{
	size_t before = seen("launched");

	(void)state;
	script("{\"action\":\"RunInstances\",\"close\":\"after\",\"times\":3}");
	launched("lost");
	assert_int_equal(seen("launched"), before + 1);
}

static void
test_throttled(void **state)
{
	size_t before = seen("launched");

	(void)state;
	script("{\"action\":\"RunInstances\",\"error\":"
	    "\"RequestLimitExceeded\",\"times\":2}");
	launched("throttled");
	assert_int_equal(seen("launched"), before + 1);
}

/* AWS's own bucket is smaller than ours: all launches come through, once. */
static void
test_bucket(void **state)
{
	size_t before = seen("launched");

	(void)state;
	script("{\"action\":\"RunInstances\",\"throttle\":{\"bucket\":1,"
	    "\"rate\":2}}");
	for (int i = 0; i < 4; i++)
		launched(arena_printf(t, "bucket-%d", i));
	assert_int_equal(seen("launched"), before + 4);
}

static void
test_deadline(void **state)
{
	struct spot_launch l = launch_of("late");
	struct spot_launched out;
	int64_t began = clock_boot_ns();

	(void)state;
	script("{\"action\":\"RunInstances\",\"error\":"
	    "\"RequestLimitExceeded\",\"headers\":{\"Retry-After\":\"15\"}}");
	x.deadline_ns = began + INT64_C(12000000000);
	FAILS(acts->launch(&x, t, &l, &out, &e), "aws_throttle");
	assert_true(clock_boot_ns() < x.deadline_ns);
	assert_int_equal(e.retry_after_s, 15);
}

static void
test_clock(void **state)
{
	size_t before = seen("launched");

	(void)state;
	control("/clock", "{\"offset_s\":-700}");
	launched("skewed");
	control("/clock", "{\"offset_s\":700}");
	launched("skewed-2");
	assert_int_equal(seen("launched"), before + 2);
}

static void
test_session_ends(void **state)
{
	const char *id;
	struct spot_ids ids;

	(void)state;
	x.env = &env;
	/* the role is assumed with keys of our own, which settings() gave */
	x.role_arn = ROLE;
	id = launched("session");
	ids = (struct spot_ids){ REGION, &id, 1 };
	x.client.key.session_token = "no such token";
	script("{\"action\":\"TerminateInstances\",\"error\":\"RequestExpired\","
	    "\"times\":1}");
	err_clear(&e);
	/* no secret key is set here: renewing says so, nothing loops */
	assert_int_equal(acts->terminate(&x, t, &ids, false, &e), -1);
	assert_string_equal(e.code, "no_own_keys");
	assert_true(x.renewed);
}

static void
test_garbage(void **state)
{
	static const char *const spoilt[] = { "\"garbage\":true",
	    "\"truncate\":120", "\"dtd\":true", "\"deep\":100",
	    "\"gzip_bomb\":9000000" };
	struct spot_launch l = launch_of("garbage");
	struct spot_launched out;

	(void)state;
	for (size_t i = 0; i < NITEMS(spoilt); i++) {
		script(arena_printf(t, "{\"action\":\"RunInstances\",%s}",
		    spoilt[i]));
		err_clear(&e);
		x.deadline_ns = clock_boot_ns() + INT64_C(2000000000);
		assert_int_equal(acts->launch(&x, t, &l, &out, &e), -1);
		assert_true(spot_act_unsure(&e));
		if (strcmp(e.code, "aws_malformed") != 0 &&
		    strcmp(e.code, "aws_transient") != 0)
			fail_msg("%s: %s: %s", spoilt[i], e.code, e.detail);
		open_access(FAKE_ACCESS_KEY, FAKE_SECRET_KEY, "");
	}
}

/* ---- instances ------------------------------------------------------------------ */

static void
test_status(void **state)
{
	const char *ids[2] = { NULL, "i-0000000000000dead" };
	struct spot_ids one = { REGION, ids, 1 }, both = { REGION, ids, 2 };
	const struct spot_status *s;
	struct list rows;

	(void)state;
	control("/world", "{\"boot_s\":60,\"check_s\":60}");
	ids[0] = launched("status");
	GOOD(acts->status(&x, t, &one, &rows, &e));
	assert_int_equal(rows.n, 1);
	s = rows.items;
	assert_string_equal(s->state, "pending");
	assert_false(s->ok);
	control("/advance", "{\"s\":200}");
	GOOD(acts->status(&x, t, &both, &rows, &e));
	assert_int_equal(rows.n, 1);
	s = rows.items;
	assert_true(s->ok);
	assert_string_equal(s->event, "");
	control("/impair", arena_printf(t, "{\"ids\":[\"%s\"],\"event\":"
	    "\"instance-retirement\"}", ids[0]));
	GOOD(acts->status(&x, t, &one, &rows, &e));
	s = rows.items;
	assert_false(s->ok);
	assert_string_equal(s->system, "impaired");
	assert_string_equal(s->event, "instance-retirement");
	assert_true(s->event_at.us > 0);
	ids[0] = "i-0000000000000beef";
	GOOD(acts->status(&x, t, &both, &rows, &e));
	assert_int_equal(rows.n, 0);
}

static void
test_terminate(void **state)
{
	const char *id = launched("dies"), *none = "i-0000000000000dead";
	struct spot_ids one = { REGION, &id, 1 }, gone = { REGION, &none, 1 };
	struct spot_find f = { .region = REGION, .ids = &id, .n = 1 };
	struct list rows;

	(void)state;
	control("/protect", arena_printf(t, "{\"ids\":[\"%s\"]}", id));
	FAILS(acts->terminate(&x, t, &one, false, &e), "aws_state");
	control("/protect", arena_printf(t, "{\"ids\":[\"%s\"],\"on\":false}",
	    id));
	script("{\"action\":\"TerminateInstances\",\"close\":\"after\","
	    "\"times\":1}");
	GOOD(acts->terminate(&x, t, &one, false, &e));
	GOOD(acts->terminate(&x, t, &one, false, &e));
	FAILS(acts->terminate(&x, t, &gone, false, &e), "aws_gone");
	GOOD(acts->describe(&x, t, &f, &rows, &e));
	assert_int_equal(rows.n, 0);
	f.dead = true;
	GOOD(acts->describe(&x, t, &f, &rows, &e));
	assert_int_equal(rows.n, 1);
	one.n = 0;
	FAILS(acts->terminate(&x, t, &one, false, &e), "aws_bug");
}

static void
test_tag_and_scores(void **state)
{
	static const struct pair more[] = { { "owner", "" } };
	static const char *const types[] = { "m5.large", "c5.large", NULL };
	const char *id = launched("tagged");
	struct spot_ids one = { REGION, &id, 1 };
	struct spot_find f = { .region = REGION, .ids = &id, .n = 1,
	    .tag = "owner" };
	const struct spot_score *s;
	struct list rows;

	(void)state;
	GOOD(acts->tag(&x, t, &one, more, 1, &e));
	GOOD(acts->describe(&x, t, &f, &rows, &e));
	assert_int_equal(rows.n, 1);
	GOOD(acts->scores(&x, t, REGION, types, 1, &rows, &e));
	assert_true(rows.n >= 3);
	s = rows.items;
	assert_string_equal(s->region, REGION);
	assert_int_equal(s->score, 9);
}

/* More than a page, and the token of the second expires. */
static void
test_pages(void **state)
{
	struct spot_find f = { .region = REGION, .tag = "many", .value = "y" };
	struct list rows;

	(void)state;
	control("/fleet", "{\"add\":[{\"region\":\"us-east-1\",\"count\":"
	    "1100,\"state\":\"running\",\"tags\":{\"many\":\"y\"}}]}");
	script("{\"action\":\"DescribeInstances\",\"expire_tokens\":true,"
	    "\"times\":1}");
	GOOD(acts->describe(&x, t, &f, &rows, &e));
	assert_int_equal(rows.n, 1100);
	script("{\"action\":\"DescribeInstances\",\"expire_tokens\":true}");
	FAILS(acts->describe(&x, t, &f, &rows, &e), "aws_token");
	f.tag = NULL;
	FAILS(acts->describe(&x, t, &f, &rows, &e), "aws_bug");
}

/* ---- groups ---------------------------------------------------------------------- */

static struct spot_group
group(const char *name)
{
	struct spot_group g;

	err_clear(&e);
	if (acts->group(&x, t, REGION, name, &g, &e) != 0)
		fail_msg("%s: %s", e.code, e.detail);
	return g;
}

static const struct spot_member *
member(const struct spot_group *g, const char *id)
{
	const struct spot_member *m = g->members.items;

	for (size_t i = 0; i < g->members.n; i++)
		if (strcmp(m[i].instance_id, id) == 0)
			return &m[i];
	return NULL;
}

static void
test_group_swap(void **state)
{
	const char *id = launched("swap"), *old;
	struct spot_ids one = { REGION, &id, 1 };
	struct spot_resize up = { SPOT_KEEP, 2, SPOT_KEEP };
	struct spot_resize down = { SPOT_KEEP, 1, SPOT_KEEP };
	struct spot_group g;

	(void)state;
	control("/group", "{\"region\":\"us-east-1\",\"name\":\"swap\","
	    "\"min\":1,\"max\":1,\"desired\":1,\"suspended\":[\"AZRebalance\","
	    "\"AlarmNotification\"],\"tags\":{\"aws:cloudformation:stack-id\":"
	    "\"arn:s\"}}");
	g = group("swap");
	assert_int_equal(g.max, 1);
	assert_string_equal(g.suspended, "AZRebalance,AlarmNotification");
	assert_string_equal(g.stack_id, "arn:s");
	assert_string_equal(g.zones, "us-east-1a");
	assert_int_equal(g.members.n, 1);
	old = ((const struct spot_member *)g.members.items)->instance_id;
	FAILS(acts->attach(&x, t, "swap", &one, &e), "aws_state");
	GOOD(acts->group_resize(&x, t, REGION, "swap", &up, &e));
	GOOD(acts->attach(&x, t, "swap", &one, &e));
	g = group("swap");
	assert_int_equal(g.desired, 2);
	assert_string_equal(member(&g, id)->state, "InService");
	assert_true(member(&g, id)->healthy);
	FAILS(acts->attach(&x, t, "swap", &one, &e), "aws_state");
	GOOD(acts->protect(&x, t, "swap", &one, true, &e));
	g = group("swap");
	assert_true(member(&g, id)->protected);
	GOOD(acts->terminate_in_group(&x, t, REGION, old, true, &e));
	GOOD(acts->group_resize(&x, t, REGION, "swap", &down, &e));
	g = group("swap");
	assert_int_equal(g.desired, 1);
	assert_null(member(&g, old));
	FAILS(acts->terminate_in_group(&x, t, REGION, id, true, &e),
	    "aws_state");
	FAILS(acts->terminate_in_group(&x, t, REGION, old, true, &e),
	    "aws_gone");
	FAILS(acts->detach(&x, t, "swap", &one, true, &e), "aws_state");
}

/* An attach whose answer was lost is not sent twice by us: who asked has to
 * look, and sees it done. */
static void
test_attach_once(void **state)
{
	const char *id = launched("once");
	struct spot_ids one = { REGION, &id, 1 };
	struct spot_group g;
	size_t before = seen("attached");

	(void)state;
	control("/group", "{\"region\":\"us-east-1\",\"name\":\"once\","
	    "\"min\":0,\"max\":3,\"desired\":0}");
	script("{\"action\":\"AttachInstances\",\"error\":\"Throttling\","
	    "\"times\":1}");
	GOOD(acts->attach(&x, t, "once", &one, &e));
	GOOD(acts->detach(&x, t, "once", &one, true, &e));
	script("{\"action\":\"AttachInstances\",\"close\":\"after\"}");
	FAILS(acts->attach(&x, t, "once", &one, &e), "aws_transient");
	assert_int_equal(seen("attached"), before + 2);
	g = group("once");
	assert_non_null(member(&g, id));
	assert_int_equal(g.desired, 1);
	/* a balancer's "busy" says nothing about the act */
	script("{\"action\":\"DetachInstances\",\"status\":503,"
	    "\"truncate\":0}");
	FAILS(acts->detach(&x, t, "once", &one, true, &e), "aws_transient");
	assert_int_equal(seen("detached"), 2);
	GOOD(acts->attach(&x, t, "once", &one, &e));
	script("{\"action\":\"DetachInstances\",\"error\":\"InternalFailure\"}");
	FAILS(acts->detach(&x, t, "once", &one, true, &e), "aws_transient");
	script("");
	control("/group", "{\"region\":\"us-east-1\",\"name\":\"once\","
	    "\"busy_s\":1000}");
	FAILS(acts->detach(&x, t, "once", &one, true, &e), "aws_state");
}

static void
test_groups(void **state)
{
	struct spot_resize s = { 0, 5, SPOT_KEEP };
	struct spot_group g;
	struct list rows;
	size_t mine = 0;

	(void)state;
	for (int i = 0; i < 120; i++)
		control("/group", arena_printf(t, "{\"region\":\"us-east-1\","
		    "\"name\":\"many-%d\",\"min\":0,\"max\":1,"
		    "\"desired\":0}", i));
	script("{\"action\":\"DescribeAutoScalingGroups\","
	    "\"expire_tokens\":true,\"times\":1}");
	GOOD(acts->groups(&x, t, REGION, &rows, &e));
	for (size_t i = 0; i < rows.n; i++)
		mine += strncmp(((const struct spot_group *)rows.items)[i].name,
		    "many-", 5) == 0;
	assert_int_equal(mine, 120);
	assert_int_equal(acts->group(&x, t, REGION, "absent", &g, &e), 1);
	FAILS(acts->group_resize(&x, t, REGION, "absent", &s, &e), "aws_gone");
	s.min = 9;
	FAILS(acts->group_resize(&x, t, REGION, "many-1", &s, &e), "aws_bug");
	s = (struct spot_resize){ SPOT_KEEP, SPOT_KEEP, SPOT_KEEP };
	FAILS(acts->group_resize(&x, t, REGION, "many-1", &s, &e), "aws_bug");
}

/* ---- the queue --------------------------------------------------------------------- */

static void
queue_call(int rc, struct net_call *call, struct net_reply *reply)
{
	GOOD(rc);
	call->service = "aws";
	GOOD(net_http(env.net, t, call, reply, &e));
}

static void
test_queue(void **state)
{
	const char *id = launched("noticed"), *url, *receipts[SQS_BATCH];
	const struct sqs_message *m;
	struct net_call call;
	struct net_reply reply;
	struct list rows;
	size_t failed;

	(void)state;
	control("/queue", "{\"name\":\"q\",\"region\":\"us-east-1\","
	    "\"duplicate\":1.0}");
	control("/interrupt", arena_printf(t, "{\"ids\":[\"%s\"]}", id));
	url = spot_sqs_url(t, fake.url, REGION, FAKE_ACCOUNT, "q");
	queue_call(spot_sqs_receive(t, &x.client, REGION, url, 5, 10,
	    clock_now(), &call, &e), &call, &reply);
	GOOD(spot_sqs_received(t, &x.client, &reply, clock_now(), &rows, &e));
	assert_int_equal(rows.n, 2);	/* delivered twice */
	m = rows.items;
	assert_string_equal(m[0].id, m[1].id);
	assert_non_null(strstr(m[0].body, id));
	assert_true(m[0].sent_at.us > 0);
	receipts[0] = m[0].receipt;
	receipts[1] = "bogus";
	queue_call(spot_sqs_delete(t, &x.client, REGION, url, receipts, 2,
	    clock_now(), &call, &e), &call, &reply);
	GOOD(spot_sqs_deleted(t, &x.client, &reply, clock_now(), &failed, &e));
	assert_int_equal(failed, 1);
	url = spot_sqs_url(t, fake.url, REGION, FAKE_ACCOUNT, "absent");
	queue_call(spot_sqs_receive(t, &x.client, REGION, url, 0, 1,
	    clock_now(), &call, &e), &call, &reply);
	FAILS(spot_sqs_received(t, &x.client, &reply, clock_now(), &rows, &e),
	    "aws_gone");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_launch), T(test_places), T(test_places_unseen),
		T(test_refused_everywhere),
		T(test_fleet), T(test_dry_run), T(test_lost_answer),
		T(test_throttled), T(test_bucket), T(test_deadline),
		T(test_clock),
		T(test_session_ends), T(test_garbage), T(test_status),
		T(test_terminate), T(test_tag_and_scores), T(test_pages),
		T(test_group_swap),
		T(test_attach_once), T(test_groups), T(test_queue)
	};

	return cmocka_run_group_tests(tests, start, stop);
}
