/*
 * The saga over the wire: signed calls to the fake EC2, whose own list of acts
 * is the judge. A worker is killed with -9 in each of the ten steps, before
 * its call has gone out and after the cloud has answered; the database goes
 * away between a call and its commit; the stop switch is pressed between
 * commit and send. One replacement, the group as it was, no orphan after a
 * sweep, nothing foreign ended. (What can happen at every single call is
 * test_spot_move, against a cloud in memory.)
 */
#define DB "test_spot_killed"
#include "tests/harness/spot_env.h"

#include <json.h>

#include "modules/spot/move_inner.h"
#include "tests/harness/forked.h"
#include "tests/harness/step.h"

#define REGION "us-east-1"
#define BYSTANDER "i-0bbb0000000000001"

enum { STEPS = 10, TRIES = 400 };

static struct spot_account acc;
static char group[24], old[32];
static int turn;
static int64_t since;		/* acts before this move */

/* ---- the wire, with places to die at ------------------------------------------------ */

static struct hook {
	int64_t step;		/* of the call before which, or behind */
	int nth;		/* which of the step's; 0 none */
	bool after;
	void (*act)(void);
	bool hit, done;
	int calls[16];		/* of each step so far */
} hook;
static struct uuid moving;

static void
die(void)
{
	raise(SIGKILL);
}

static void
press_stop(void)
{
	mariadb_sql(DB, "UPDATE platform_switch SET stopped = 1, "
	    "changed_by = 'test'");
}

/* The transaction that would store the answer finds its connection gone. */
static void
cut(void)
{
	step_fault(2, FAULT_CUT_BEFORE);
}

static void
enter(void)
{
	int64_t step;

	if (hook.act == NULL)
		return;
	step = number(arena_printf(a, "SELECT step FROM spot_move WHERE id = "
	    "X'%s'", mariadb_hex(a, moving)));
	hook.hit = step >= 0 && step < 16 && ++hook.calls[step] == hook.nth &&
	    step == hook.step;
	if (hook.hit && !hook.after) {
		hook.done = true;
		hook.act();
	}
}

static int
leave(int rc)
{
	if (hook.hit && hook.after) {
		hook.done = true;
		hook.act();
	}
	hook.hit = false;
	return rc;
}

#define X struct spot_access *x, struct arena *to
#define CALL(name, params, args) \
	static int on_##name params \
	{ enter(); return leave(spot_acts_aws.name args); }

CALL(launch, (X, const struct spot_launch *l, struct spot_launched *out,
    struct err *e), (x, to, l, out, e))
/* NULL, or an instance that is protected from being ended. */
static const char *guarded;

static int
on_terminate(X, const struct spot_ids *i, bool dry, struct err *e)
{
	if (guarded != NULL && strcmp(i->ids[0], guarded) == 0)
		return err_set(e, 409, "aws_state", "It is protected");
	enter();
	return leave(spot_acts_aws.terminate(x, to, i, dry, e));
}
CALL(describe, (X, const struct spot_find *f, struct list *l, struct err *e),
    (x, to, f, l, e))
CALL(user_data, (X, const char *r, const char *i, const char **t,
    struct err *e), (x, to, r, i, t, e))
CALL(status, (X, const struct spot_ids *i, struct list *l, struct err *e),
    (x, to, i, l, e))
CALL(tag, (X, const struct spot_ids *i, const struct pair *p, size_t n,
    struct err *e), (x, to, i, p, n, e))
CALL(group, (X, const char *r, const char *n, struct spot_group *g,
    struct err *e), (x, to, r, n, g, e))
CALL(stack, (X, const char *r, const char *i, const char **s, struct err *e),
    (x, to, r, i, s, e))
CALL(group_resize, (X, const char *r, const char *n,
    const struct spot_resize *s, struct err *e), (x, to, r, n, s, e))
CALL(attach, (X, const char *n, const struct spot_ids *i, struct err *e),
    (x, to, n, i, e))
CALL(detach, (X, const char *n, const struct spot_ids *i, bool d,
    struct err *e), (x, to, n, i, d, e))
CALL(terminate_in_group, (X, const char *r, const char *i, bool d,
    struct err *e), (x, to, r, i, d, e))

static const struct spot_acts acts = { .launch = on_launch,
    .terminate = on_terminate, .describe = on_describe,
    .user_data = on_user_data, .status = on_status, .tag = on_tag,
    .group = on_group, .stack = on_stack, .group_resize = on_group_resize,
    .attach = on_attach, .detach = on_detach,
    .terminate_in_group = on_terminate_in_group };

/* ---- the cloud ------------------------------------------------------------------------ */

static const char *
ask(const char *path, const char *json)
{
	return fakeec2_control(&fake, a, control, path, json);
}

/* Acts since the move began; what NULL: all that change a machine. */
static int
count(const char *what, const char *id)
{
	struct json_object *all = json_tokener_parse(ask("/_control/acts",
	    arena_printf(a, "{\"since\":%lld}", (long long)since))), *v;
	int n = 0;

	v = json_object_is_type(all, json_type_array) ? all :
	    json_object_object_get(all, "acts");
	for (size_t i = 0; i < json_object_array_length(v); i++) {
		const char *text = json_object_to_json_string(
		    json_object_array_get_idx(v, i));

		n += strstr(text, arena_printf(a, "\"what\": \"%s\"",
		    what)) != NULL && (id == NULL || strstr(text, id) !=
		    NULL);
	}
	json_object_put(all);
	return n;
}

/* A group of one at its maximum. */
static void
new_group(void)
{
	struct json_object *all = json_tokener_parse(ask("/_control/acts",
	    "{\"since\":0}")), *v = json_object_is_type(all,
	    json_type_array) ? all : json_object_object_get(all, "acts");

	since = (int64_t)json_object_array_length(v);
	json_object_put(all);
	hook = (struct hook){ .nth = 0 };
	snprintf(group, sizeof(group), "web%d", ++turn);
	snprintf(old, sizeof(old), "i-0aaa%013d", turn);
	ask("/_control/fleet", arena_printf(a, "{\"add\":[{\"region\":\""
	    REGION "\",\"count\":1,\"instanceId\":\"%s\",\"instanceType\":"
	    "\"m5.large\",\"availabilityZone\":\"us-east-1a\",\"state\":"
	    "\"running\",\"lifecycle\":\"spot\",\"platformDetails\":"
	    "\"Linux/UNIX\",\"tags\":{}}]}", old));
	ask("/_control/group", arena_printf(a, "{\"region\":\"" REGION "\","
	    "\"name\":\"%s\",\"min\":1,\"max\":1,\"desired\":1,\"azs\":"
	    "[\"us-east-1a\"],\"members\":[\"%s\"],\"tags\":{}}", group,
	    old));
	mariadb_sql(DB, "DELETE FROM spot_budget; UPDATE platform_switch SET "
	    "stopped = 0");
}

static bool
group_is(int64_t max, int64_t desired)
{
	const char *text = ask("/_control/group", arena_printf(a,
	    "{\"region\":\"" REGION "\",\"name\":\"%s\"}", group));

	return strstr(text, arena_printf(a, "\"max\": %lld", (long long)max))
	    != NULL && strstr(text, arena_printf(a, "\"desired\": %lld",
	    (long long)desired)) != NULL;
}

/* ---- moves ------------------------------------------------------------------------------ */

/* For moves: nothing waits, and an orphan is one at once. */
static struct env
boot_quick(void)
{
	const char *over[] = { arena_printf(a, "aws.endpoint=%s", fake.url),
	    arena_printf(a, "aws.sts_endpoint=%s", fake.url),
	    "spot.move_poll=0", "spot.orphan_after=0", NULL };
	char *const none[] = { NULL };

	return env_open(arena_new(64 << 20), &(struct env_options){
	    .modules = mods, .groups = all_settings, .over = over,
	    .vars = none, .key = KEY, .db = DB });
}

static int
reserve_txn(struct db *db, void *arg, struct err *e)
{
	return spot_move_reserve(db, a, arg, e);
}

static void
reserve(void)
{
	static const struct spot_move_pool pools[] = {
		{ .az = "us-east-1a", .instance_type = "m5.xlarge",
		  .price = { DEC_ONE / 20 } } };
	struct spot_move_new n = { .env = &env, .tenant = one.tenant_id,
	    .account = acc.id, .kind = "replace", .reason = "test",
	    .region = REGION, .target = old, .pools = pools, .npools = 1,
	    .by = &one };

	new_group();
	good(db_txn(env.db, a, reserve_txn, &n, &err));
	moving = n.id;
}

static struct spot_move
move(void)
{
	struct spot_move m;

	good(spot_move_by_id(env.db, a, one.tenant_id, moving, &m, &err));
	return m;
}

/* The dispatcher's part, and one run. */
static enum job_rc
work(struct env *with)
{
	struct spot_move m = move();
	struct job_ctx c = { .env = with, .a = a, .db = with->db,
	    .tenant = one.tenant_id, .id = m.job_id, .attempt = 1,
	    .tries = 50, .type = "spot.move" };

	mariadb_sql(DB, arena_printf(a, "UPDATE jobs_job SET state = 5, "
	    "token = token + 1 WHERE id = X'%s' AND state < 10",
	    mariadb_hex(a, m.job_id)));
	c.token = number(arena_printf(a, "SELECT token FROM jobs_job WHERE "
	    "id = X'%s'", mariadb_hex(a, m.job_id)));
	return spot_move_run(&c, moving, &acts);
}

static bool
over(const struct spot_move *m)
{
	return m->ended_at.us != 0 || strcmp(m->state, "parked") == 0;
}

static struct spot_move
finish(void)
{
	struct spot_move m = move();

	for (int i = 0; i < TRIES && !over(&m); i++) {
		(void)work(&env);
		m = move();
		if (i > 10)
			nap_ms(50);
	}
	return m;
}

static void
told(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, ask("/_control/acts", arena_printf(a,
	    "{\"since\":%lld}", (long long)since)));
}
#define MUST(x) do { if (!(x)) { told(what); \
	fail_msg("%s: %s", what, #x); } } while (0)

static void
sweep(const char *what)
{
	struct spot_swept s;

	good(spot_move_sweep(&env, a, &acts, &s, &err));
	MUST(s.failed == 0);
}

/* One launch, the old one out once, the group as it was, nobody else's
 * touched, before a sweep and after. */
static void
swapped(const char *what, const struct spot_move *m)
{
	if (strcmp(m->state, "succeeded") != 0) {
		told(what);
		fail_msg("%s: %s at %s: %s %s", what, m->state, m->step_name,
		    m->error_code, m->error);
	}
	sweep(what);
	MUST(count("launched", NULL) == 1);
	MUST(count("launched", m->new_instance) == 1);
	MUST(count("group_terminated", NULL) == 1);
	MUST(count("group_terminated", old) == 1);
	MUST(count("terminated", NULL) == 0);
	MUST(count("group_launched", NULL) == 0);
	MUST(group_is(1, 1));
	MUST(number("SELECT COUNT(*) FROM spot_move_group") == 0);
}

/* What was made is gone again, and nothing else was done. */
static void
unchanged(const char *what)
{
	sweep(what);
	MUST(count("launched", NULL) <= 1);
	MUST(count("terminated", NULL) == count("launched", NULL));
	MUST(count("terminated", old) == 0);
	MUST(count("terminated", BYSTANDER) == 0);
	MUST(count("group_terminated", NULL) == 0);
	MUST(count("group_launched", NULL) == 0);
	MUST(group_is(1, 1));
	MUST(number("SELECT COUNT(*) FROM spot_move_group") == 0);
}

/* ---- cases ------------------------------------------------------------------------------ */

/* Its call among the step's: what changes the cloud is the last one; where
 * the cloud is only asked, and maybe often, the first. */
static int its[STEPS];

static void
nothing(void)
{
}

static void
calls_of_each_step(void **state)
{
	struct spot_move m;

	(void)state;
	reserve();
	hook.act = nothing;
	m = finish();
	hook.act = NULL;
	swapped("undisturbed", &m);
	for (int s = 0; s < STEPS; s++) {
		if (hook.calls[s] == 0)
			fail_msg("step %d has no call", s);
		its[s] = s == SM_READY || s == SM_SERVE || s == SM_VERIFY ?
		    1 : hook.calls[s];
	}
}

/* The next move, and what happens to it. */
static void
reserve_with(int step, int nth, bool after, void (*act)(void))
{
	reserve();
	hook.step = step;
	hook.nth = nth;
	hook.after = after;
	hook.act = act;
}

static int
worker(void *arg)
{
	struct env mine = boot_quick();

	(void)arg;
	for (int i = 0; i < TRIES; i++) {
		(void)work(&mine);
		nap_ms(i > 10 ? 50 : 0);
	}
	return 0;
}

static void
killed_in_each_step(void **state)
{
	int kills = 0;

	(void)state;
	for (int s = 0; s < STEPS; s++)
		for (int after = 0; after < 2; after++) {
			const char *what = arena_printf(a, "killed %s the "
			    "call of step %d", after ? "after" : "before", s);
			struct spot_move m;

			reserve_with(s, its[s], after, die);
			kills += forked_wait(forked(worker, NULL)) == 1000 +
			    SIGKILL;
			hook.act = NULL;
			m = move();
			MUST(m.step == s && !over(&m));
			m = finish();
			swapped(what, &m);
		}
	assert_int_equal(kills, 2 * STEPS);
}

/* The cloud has done it; the commit finds no database. */
static void
database_lost_after_the_call(void **state)
{
	(void)state;
	for (int s = 0; s < STEPS; s++) {
		const char *what = arena_printf(a, "no database after the "
		    "call of step %d", s);
		struct spot_move m;
		int n;

		reserve_with(s, its[s], true, cut);
		step_fault(0, FAULT_NONE);
		for (n = 0; n < TRIES && !hook.done; n++) {
			(void)work(&env);
			nap_ms(n > 10 ? 50 : 0);
		}
		MUST(hook.done && step_sent() >= 2);
		hook.act = NULL;
		step_fault(0, FAULT_NONE);
		m = finish();
		swapped(what, &m);
	}
}

/* Pressed as the call's turn comes: what has not gone out does not go out. */
static void
stopped_in_each_step(void **state)
{
	(void)state;
	for (int s = 0; s < STEPS; s++) {
		const char *what = arena_printf(a, "stopped at step %d", s);
		struct spot_move m;

		/* behind the look, before the intent */
		reserve_with(s, its[s] > 1 ? its[s] - 1 : 1, true,
		    press_stop);
		m = finish();
		if (strcmp(m.state, "succeeded") == 0) {
			/* the old one was on its way out already */
			MUST(s > SM_OUT);
			swapped(what, &m);
		} else {
			MUST(strcmp(m.state, "failed") == 0 && s <= SM_OUT);
			unchanged(what);
		}
	}
}

/* Between the commit of the intent and the call: asked again, not sent. */
static void
stopped_before_it_is_sent(void **state)
{
	static const int steps[] = { SM_LAUNCH, SM_ATTACH, SM_OUT };

	(void)state;
	for (size_t i = 0; i < NITEMS(steps); i++) {
		const char *what = arena_printf(a, "stopped over the intent "
		    "of step %d", steps[i]);
		struct spot_move m;

		reserve();
		mariadb_sql(DB, arena_printf(a, "CREATE OR REPLACE TRIGGER "
		    "pressed AFTER INSERT ON spot_move_step FOR EACH ROW "
		    "UPDATE platform_switch SET stopped = 1 WHERE NEW.step = "
		    "%d AND NEW.state = 'intent'", steps[i]));
		m = finish();
		mariadb_sql(DB, "DROP TRIGGER pressed");
		MUST(strcmp(m.state, "failed") == 0);
		MUST(strcmp(m.error_code, "stopped") == 0);
		MUST(count("launched", NULL) == (steps[i] > SM_LAUNCH));
		MUST(count("attached", NULL) == (steps[i] > SM_ATTACH));
		unchanged(what);
	}
}

/* Ours is known by the installation, its epoch and an ended move; nothing else
 * is: a second installation, a restored database, a purged history. */
static void
only_provable_orphans(void **state)
{
	struct platform_installation who;
	char self[UUID_TEXT], other[UUID_TEXT], id[UUID_TEXT],
	    none[UUID_TEXT];
	const char *what = "orphans";
	struct spot_swept s;

	(void)state;
	reserve();
	press_stop();
	assert_string_equal(finish().state, "failed");
	good(platform_installation(env.db, a, &who, &err));
	uuid_format(who.id, self);
	uuid_format(uuid_new(), other);
	uuid_format(uuid_new(), none);
	uuid_format(moving, id);
	for (int i = 0; i < 5; i++)
		ask("/_control/fleet", arena_printf(a, "{\"add\":[{\"region\":"
		    "\"" REGION "\",\"count\":1,\"instanceId\":"
		    "\"i-0ccc000000000000%d\",\"instanceType\":\"m5.large\","
		    "\"state\":\"running\",\"tags\":{\"quincunx:installation\""
		    ":\"%s\",\"quincunx:epoch\":\"%d\",\"quincunx:move\":"
		    "\"%s\"}}]}", i, i == 1 ? other : self, i == 2 ? 7 :
		    (int)who.epoch, i == 3 ? none : i == 4 ? "kept" : id));
	mariadb_sql(DB, "UPDATE platform_installation SET restored_at = "
	    "NOW(6), confirmed_at = NULL; UPDATE platform_switch SET "
	    "stopped = 0");
	sweep(what);
	MUST(count("terminated", NULL) == 0);
	mariadb_sql(DB, "UPDATE platform_installation SET restored_at = NULL; "
	    "UPDATE platform_switch SET stopped = 1");
	sweep(what);
	MUST(count("terminated", NULL) == 0);
	mariadb_sql(DB, "UPDATE platform_switch SET stopped = 0");
	good(spot_move_sweep(&env, a, &acts, &s, &err));
	MUST(s.ended == 1 && s.unknown == 1 && s.failed == 0);
	MUST(count("terminated", NULL) == 1);
	MUST(count("terminated", "i-0ccc0000000000000") == 1);
}

/* One that cannot be ended does not keep the others, nor the groups. */
static void
one_orphan_is_guarded(void **state)
{
	struct platform_installation who;
	char self[UUID_TEXT], id[UUID_TEXT];
	const char *what = "guarded";
	struct spot_swept s;

	(void)state;
	reserve();
	press_stop();
	assert_string_equal(finish().state, "failed");
	mariadb_sql(DB, "UPDATE platform_switch SET stopped = 0; "
	    "DELETE FROM events_outbox");
	good(platform_installation(env.db, a, &who, &err));
	for (int i = 0; i < 2; i++)
		ask("/_control/fleet", arena_printf(a, "{\"add\":[{\"region\":"
		    "\"" REGION "\",\"count\":1,\"instanceId\":"
		    "\"i-0ddd000000000000%d\",\"instanceType\":\"m5.large\","
		    "\"state\":\"running\",\"tags\":{\"quincunx:installation\""
		    ":\"%s\",\"quincunx:epoch\":\"%d\",\"quincunx:move\":"
		    "\"%s\"}}]}", i, uuid_format(who.id, self),
		    (int)who.epoch, uuid_format(moving, id)));
	ask("/_control/group", arena_printf(a, "{\"region\":\"" REGION "\","
	    "\"name\":\"%s\",\"max\":2}", group));
	mariadb_sql(DB, arena_printf(a, "INSERT INTO spot_move_group VALUES "
	    "(X'%s', '" REGION "', '%s', X'%s', 1, 2, NOW(6))", mariadb_hex(a, acc.id),
	    group, mariadb_hex(a, one.tenant_id)));
	guarded = "i-0ddd0000000000000";
	for (int i = 0; i < 2; i++) {
		good(spot_move_sweep(&env, a, &acts, &s, &err));
		MUST(s.failed == 1 && s.ended == (i == 0));
		MUST(s.restored == (i == 0));
	}
	MUST(count("terminated", guarded) == 0);
	MUST(count("terminated", "i-0ddd0000000000001") == 1);
	MUST(group_is(1, 1));
	/* told of what was done, not of what was tried */
	MUST(number("SELECT COUNT(*) FROM events_outbox WHERE body LIKE "
	    "'%i-0ddd0000000000000%'") == 0);
	guarded = NULL;
	good(spot_move_sweep(&env, a, &acts, &s, &err));
	MUST(s.failed == 0 && s.ended == 1);
	MUST(number("SELECT COUNT(*) FROM events_outbox WHERE body LIKE "
	    "'%orphan_removed%i-0ddd0000000000000%' OR body LIKE "
	    "'%i-0ddd0000000000000%orphan_removed%'") == 1);
}

static int
begin(void **state)
{
	struct env was;

	if (setup(state) != 0)
		return -1;
	was = env;
	env = boot_quick();
	(void)was;		/* control is its net */
	acc = connect_as(&one, "prod", "access_keys", FAKE_ACCESS_KEY,
	    FAKE_SECRET_KEY);
	mariadb_sql(DB, "DELETE FROM spot_scan");
	ask("/_control/fleet", "{\"add\":[{\"region\":\"" REGION "\","
	    "\"count\":1,\"instanceId\":\"" BYSTANDER "\",\"instanceType\":"
	    "\"m5.large\",\"state\":\"running\",\"tags\":{\"quincunx:move\":"
	    "\"01890000-0000-7000-8000-000000000000\"}}]}");
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_of_each_step),
		cmocka_unit_test(killed_in_each_step),
		cmocka_unit_test(database_lost_after_the_call),
		cmocka_unit_test(stopped_in_each_step),
		cmocka_unit_test(stopped_before_it_is_sent),
		cmocka_unit_test(only_provable_orphans),
		cmocka_unit_test(one_orphan_is_guarded),
	};

	return cmocka_run_group_tests_name("spot_killed", tests, begin,
	    teardown);
}
