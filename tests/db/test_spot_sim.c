/*
 * Acting on the simulated cloud: launches by token, groups by AWS's rules, and
 * what a scan sees of it all afterwards. Several processes act at once.
 */
#define DB "test_spot_sim"
#include "tests/harness/spot_env.h"

#include "modules/spot/act.h"
#include "modules/spot/cloud.h"
#include "modules/spot/group.h"
#include "modules/spot/provider.h"
#include "tests/harness/forked.h"

#define REGION "us-east-1"

static const struct spot_acts *acts;
static struct spot_account acc;
static struct spot_access x;

/* Enough places that the hour's refusals never are all of them. */
static const struct spot_launch_place places[] = {
	{ "m5.large", "us-east-1a", "" }, { "m5.large", "us-east-1b", "" },
	{ "c5.large", "us-east-1a", "" }, { "c5.large", "us-east-1b", "" },
	{ "m6i.large", "us-east-1a", "" }, { "m6i.large", "us-east-1c", "" },
	{ "r5.large", "us-east-1a", "" }, { "r5.large", "us-east-1b", "" },
	{ "c6i.large", "us-east-1a", "" }, { "c6i.large", "us-east-1b", "" },
	{ "m5a.large", "us-east-1a", "" }, { "m5a.large", "us-east-1b", "" }
};
static const struct pair tags[] = { { "Name", "new & <1>" },
    { "spotopt:move", "m1" } };

#define REFUSED(call, class) do { err_clear(&err); \
	assert_int_equal((call), -1); assert_string_equal(err.code, class); \
	err_clear(&err); } while (0)

static struct spot_launch
launch_of(const char *token)
{
	return (struct spot_launch){ .region = REGION, .token = token,
	    .lifecycle = "on-demand", .places = places,
	    .nplaces = NITEMS(places), .image_id = "ami-1", .tags = tags,
	    .ntags = NITEMS(tags) };
}

static const char *
launched(const char *token)
{
	struct spot_launch l = launch_of(token);
	struct spot_launched out;

	good(acts->launch(&x, a, &l, &out, &err));
	return out.instance_id;
}

static void
open_access(struct env *e, struct arena *arena)
{
	x = (struct spot_access){ .env = e, .a = arena, .region = REGION,
	    .account = acc.id };
	x.access_key = x.secret_key = x.role_arn = x.external_id = "";
}

static int
begin(void **state)
{
	if (setup(state) == -1)
		return -1;
	shut(&env);
	env = boot("spot.sim_boot=0");
	acts = spot_acts_of("simulated");
	acc = connect_as(&one, "sim", "simulated", NULL, NULL);
	open_access(&env, a);
	return 0;
}

static struct spot_group
group(const char *name)
{
	struct spot_group g;

	good(acts->group(&x, a, REGION, name, &g, &err));
	return g;
}

static bool
is_member(const struct spot_group *g, const char *id, const char *state)
{
	const struct spot_member *m = g->members.items;

	for (size_t i = 0; i < g->members.n; i++)
		if (strcmp(m[i].instance_id, id) == 0)
			return strcmp(m[i].state, state) == 0;
	return false;
}

static size_t
found(const struct spot_find *f)
{
	struct list rows;

	good(acts->describe(&x, a, f, &rows, &err));
	return rows.n;
}

static void
test_launch(void **state)
{
	struct spot_launch l = launch_of("once");
	struct spot_launched first, again;
	struct spot_find f = { .region = REGION, .tag = "spotopt:move",
	    .value = "m1" };
	const char *none = "i-00000000000000000";
	struct spot_ids ids;
	struct list rows;
	const struct spot_status *s;
	const struct ec2_instance *i;

	(void)state;
	l.dry_run = true;
	good(acts->launch(&x, a, &l, &first, &err));
	assert_string_equal(first.instance_id, "");
	assert_int_equal(found(&f), 0);
	l.dry_run = false;
	good(acts->launch(&x, a, &l, &first, &err));
	assert_false(first.adopted);
	assert_true(first.place < NITEMS(places));
	good(acts->launch(&x, a, &l, &again, &err));
	assert_true(again.adopted);
	assert_string_equal(again.instance_id, first.instance_id);
	l.ntags = 1;
	REFUSED(acts->launch(&x, a, &l, &again, &err), "aws_mismatch");
	f.token = "once";
	good(acts->describe(&x, a, &f, &rows, &err));
	assert_int_equal(rows.n, 1);
	i = rows.items;
	assert_string_equal(i->name, "new & <1>");
	assert_string_equal(i->state, "running");
	assert_string_equal(i->token, "once");
	ids = (struct spot_ids){ REGION, &first.instance_id, 1 };
	good(acts->status(&x, a, &ids, &rows, &err));
	s = rows.items;
	assert_true(rows.n == 1 && s->ok);
	good(acts->tag(&x, a, &ids, &(struct pair){ "k", "v=&" }, 1, &err));
	f.tag = "k";
	f.value = "v=&";
	assert_int_equal(found(&f), 1);
	good(acts->terminate(&x, a, &ids, false, &err));
	good(acts->terminate(&x, a, &ids, false, &err));
	assert_int_equal(found(&f), 0);
	f.dead = true;
	assert_int_equal(found(&f), 1);
	/* the token is spent: no second machine */
	l.ntags = NITEMS(tags);
	good(acts->launch(&x, a, &l, &again, &err));
	assert_string_equal(again.instance_id, first.instance_id);
	ids.ids = &none;
	REFUSED(acts->terminate(&x, a, &ids, false, &err), "aws_gone");
	assert_false(spot_act_unsure(&err));
}

static void
test_refusals(void **state)
{
	static const struct spot_launch_place bad_places[] = {
		{ "m9.huge", "us-east-1a", "" },
		{ "m5.large", "eu-central-1a", "" } };
	struct spot_launch l = launch_of("never");
	struct spot_launched out;
	const struct spot_launch_refusal *no;

	(void)state;
	l.places = bad_places;
	l.nplaces = 2;
	REFUSED(acts->launch(&x, a, &l, &out, &err), "aws_capacity");
	assert_int_equal(out.refused.n, 2);
	no = out.refused.items;
	assert_string_equal(no[1].code, "Unsupported");
	l = launch_of("cheap");
	l.lifecycle = "spot";
	l.max_price = (struct dec){ 1 };
	REFUSED(acts->launch(&x, a, &l, &out, &err), "aws_capacity");
	l.token = "";
	REFUSED(acts->launch(&x, a, &l, &out, &err), "aws_bug");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_sim_machine WHERE "
	    "token IN ('never', 'cheap', '')"), 0);
}

/* A group that only its members' tags made is swapped one machine over. */
static void
test_swap(void **state)
{
	struct spot_find f = { .region = REGION,
	    .tag = "aws:autoscaling:groupName" };
	const char *id = launched("swap"), *old = NULL, *name = NULL;
	struct spot_ids one_id = { REGION, &id, 1 };
	struct spot_resize size = { SPOT_KEEP, SPOT_KEEP, SPOT_KEEP };
	const struct ec2_instance *v;
	struct spot_group g;
	struct list rows;
	int64_t n;

	(void)state;
	good(acts->describe(&x, a, &f, &rows, &err));
	v = rows.items;
	for (size_t i = 0; i < rows.n && old == NULL; i++)
		if (strcmp(v[i].state, "running") == 0) {
			old = v[i].instance_id;
			name = v[i].asg;
		}
	assert_non_null(old);
	g = group(name);
	n = g.desired;
	assert_int_equal(g.members.n, n);
	size.max = n;
	good(acts->group_resize(&x, a, REGION, name, &size, &err));
	REFUSED(acts->attach(&x, a, name, &one_id, &err), "aws_state");
	size.max = n + 1;
	good(acts->group_resize(&x, a, REGION, name, &size, &err));
	good(acts->attach(&x, a, name, &one_id, &err));
	g = group(name);
	assert_int_equal(g.desired, n + 1);
	assert_true(is_member(&g, id, "InService"));
	REFUSED(acts->attach(&x, a, name, &one_id, &err), "aws_state");
	good(acts->protect(&x, a, name, &one_id, true, &err));
	good(acts->terminate_in_group(&x, a, REGION, old, true, &err));
	size.max = n;
	good(acts->group_resize(&x, a, REGION, name, &size, &err));
	g = group(name);
	assert_int_equal(g.desired, n);
	assert_int_equal(g.max, n);
	assert_false(is_member(&g, old, "InService"));
	assert_true(is_member(&g, id, "InService"));
	/* the old one's place stays empty, the new one is listed */
	f = (struct spot_find){ .region = REGION, .ids = &old, .n = 1 };
	assert_int_equal(found(&f), 0);
	f.ids = &id;
	assert_int_equal(found(&f), 1);
	size = (struct spot_resize){ n, SPOT_KEEP, SPOT_KEEP };
	good(acts->group_resize(&x, a, REGION, name, &size, &err));
	REFUSED(acts->detach(&x, a, name, &one_id, true, &err), "aws_state");
	REFUSED(acts->terminate_in_group(&x, a, REGION, old, true, &err),
	    "aws_gone");
	assert_int_equal(acts->group(&x, a, REGION, "absent", &g, &err), 1);
}

/* What is taken out of a group without making it smaller is replaced, and a
 * scan sees the new machine and the group's size. */
static void
test_replaced_and_scanned(void **state)
{
	struct spot_group g;
	const struct spot_member *m;
	struct list rows;
	struct spot_ids one_id = { REGION, NULL, 1 };
	struct spot_group_row row;
	struct spot_scan s;
	const char *name, *id;
	int64_t n;

	(void)state;
	good(acts->groups(&x, a, REGION, &rows, &err));
	assert_true(rows.n > 0);
	g = ((const struct spot_group *)rows.items)[rows.n - 1];
	name = g.name;
	n = g.desired;
	m = g.members.items;
	id = m[0].instance_id;
	one_id.ids = &id;
	good(acts->terminate(&x, a, &one_id, false, &err));
	/* a look notices, the next one replaces */
	for (int i = 0; i < 3; i++) {
		g = group(name);
		if ((int64_t)g.members.n > n)
			break;		/* the old one is still shown leaving */
	}
	assert_int_equal(g.desired, n);
	assert_true(is_member(&g, id, "Terminating") ||
	    !is_member(&g, id, "InService"));
	s = rescan(&one, acc.id, "inventory");
	assert_string_equal(s.state, "complete");
	good(spot_group_by_name(env.db, a, one.tenant_id, acc.id, REGION, name,
	    &row, &err));
	assert_int_equal(row.desired, n);
	if ((int64_t)g.members.n > n)	/* else its pool is full just now */
		assert_int_equal(row.members, n);
	else
		assert_true(spot_cloud_full(1, m[0].az, m[0].type, false,
		    clock_now()));
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "spot_instance WHERE instance_id = '%s' AND gone_at IS NULL",
	    launched("seen"))), 0);
	s = rescan(&one, acc.id, "inventory");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance i JOIN "
	    "spot_sim_machine m ON m.instance_id = i.instance_id WHERE "
	    "m.token = 'seen' AND i.gone_at IS NULL AND i.state = 'running'"),
	    1);
}

/* Four processes send the same launch, and one of their own each. */
static int
child(void *arg)
{
	struct spot_launch l = launch_of("shared");
	struct spot_launched out;
	int i = *(int *)arg, rc;

	a = arena_new(64 << 20);
	env = boot("spot.sim_boot=0");
	open_access(&env, a);
	rc = acts->launch(&x, a, &l, &out, &err);
	l.token = arena_printf(a, "own-%d", i);
	if (rc == 0)
		rc = acts->launch(&x, a, &l, &out, &err);
	return rc == 0 ? 0 : 1;
}

static void
test_many_processes(void **state)
{
	pid_t pid[4];
	int n[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		n[i] = i;
		pid[i] = forked(child, &n[i]);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(forked_wait(pid[i]), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_sim_machine WHERE "
	    "token = 'shared'"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_sim_machine WHERE "
	    "token LIKE 'own-%'"), 4);
}

/* A spot machine that had notice is gone when its hour is over. */
static void
test_interrupted(void **state)
{
	struct spot_launch l = launch_of("doomed");
	struct spot_launched out;
	struct spot_find f = { .region = REGION, .token = "doomed",
	    .dead = true };
	struct list rows;

	(void)state;
	l.lifecycle = "spot";
	good(acts->launch(&x, a, &l, &out, &err));
	assert_string_equal(out.lifecycle, "spot");
	/* three months in a pool of one notice in 240 hours */
	mariadb_sql(DB, "UPDATE spot_sim_machine SET launched_at = "
	    "NOW(6) - INTERVAL 90 DAY WHERE token = 'doomed'");
	good(acts->describe(&x, a, &f, &rows, &err));
	f.dead = false;
	assert_int_equal(found(&f), 0);
	/* what ended more than a day ago is forgotten */
	assert_int_equal(number("SELECT COUNT(*) FROM spot_sim_machine WHERE "
	    "token = 'doomed' AND (ended_at IS NULL OR why <> "
	    "'interrupted')"), 0);
}

static void
test_dropped_with_account(void **state)
{
	(void)state;
	assert_true(number("SELECT COUNT(*) FROM spot_sim_machine") > 0);
	drop(&one, acc.id);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_sim_machine"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_sim_group"), 0);
	REFUSED(acts->launch(&x, a, &(struct spot_launch){ .region = REGION,
	    .token = "late", .lifecycle = "spot", .places = places,
	    .nplaces = 1, .image_id = "ami-1" }, &(struct spot_launched){ 0 },
	    &err), "aws_transient");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_launch),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_replaced_and_scanned),
		cmocka_unit_test(test_many_processes),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_dropped_with_account)
	};

	return cmocka_run_group_tests(tests, begin, teardown);
}
