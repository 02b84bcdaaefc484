/*
 * The order of a move's steps, what a failure means at each of them, tokens,
 * pools per attempt, and whose orphan an instance is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "modules/spot/move_inner.h"

#include <cmocka.h>	/* last: it takes the name fail() */

static const struct spot_move grouped = { .kind = "replace", .asg = "web",
    .adopt = "" }, lone = { .kind = "replace", .asg = "", .adopt = "" },
    ends = { .kind = "terminate", .asg = "web", .adopt = "" },
    makes = { .kind = "launch", .asg = "web", .adopt = "" },
    adopts = { .kind = "replace", .asg = "web", .adopt = "i-1" };

static void
walk(const struct spot_move *m, int64_t from, const char *want)
{
	char got[200] = "";

	for (int64_t s = from; s != SM_DONE && s != SM_UNDONE;
	    s = spot_move_after(m, s)) {
		strcat(got, spot_move_step_name(s));
		strcat(got, " ");
	}
	assert_string_equal(got, want);
}

static void
steps(void **state)
{
	(void)state;
	walk(&grouped, SM_CHECK, "check launch ready raise attach serve out "
	    "restore verify book ");
	walk(&lone, SM_CHECK, "check launch ready out verify book ");
	walk(&ends, SM_CHECK, "check out verify book ");
	walk(&makes, SM_CHECK, "check launch ready book ");
}

static void
the_way_back(void **state)
{
	(void)state;
	walk(&grouped, spot_move_undo(&grouped, SM_CHECK), "");
	walk(&grouped, spot_move_undo(&grouped, SM_LAUNCH), "undo-launch ");
	walk(&grouped, spot_move_undo(&grouped, SM_READY), "undo-launch ");
	walk(&grouped, spot_move_undo(&grouped, SM_RAISE),
	    "undo-raise undo-launch ");
	walk(&grouped, spot_move_undo(&grouped, SM_ATTACH),
	    "undo-attach undo-raise undo-launch ");
	walk(&grouped, spot_move_undo(&grouped, SM_OUT),
	    "undo-attach undo-raise undo-launch ");
	walk(&lone, spot_move_undo(&lone, SM_OUT), "undo-launch ");
	/* a standby that was there before stays */
	walk(&adopts, spot_move_undo(&adopts, SM_SERVE),
	    "undo-attach undo-raise ");
	walk(&ends, spot_move_undo(&ends, SM_OUT), "");
}

static void
verdicts(void **state)
{
	static const struct {
		int64_t step;
		const char *code;
		enum spot_move_verdict want;
	} rows[] = {
		{ SM_LAUNCH, "aws_transient", MOVE_AGAIN },
		{ SM_LAUNCH, "aws_malformed", MOVE_AGAIN },
		{ SM_LAUNCH, "aws_throttle", MOVE_AGAIN },
		{ SM_LAUNCH, "net_open", MOVE_AGAIN },
		{ SM_LAUNCH, "db_down", MOVE_AGAIN },
		{ SM_LAUNCH, "aws_capacity", MOVE_OTHER },
		{ SM_LAUNCH, "aws_quota", MOVE_BACK },
		{ SM_LAUNCH, "aws_denied", MOVE_BACK },
		{ SM_LAUNCH, "aws_bug", MOVE_BACK },
		{ SM_LAUNCH, "aws_mismatch", MOVE_PARK },
		{ SM_LAUNCH, "aws_auth", MOVE_PARK },
		{ SM_ATTACH, "aws_state", MOVE_LOOK },
		{ SM_ATTACH, "aws_gone", MOVE_BACK },
		{ SM_ATTACH, "group_gone", MOVE_BACK },
		{ SM_OUT, "aws_state", MOVE_LOOK },
		{ SM_OUT, "aws_denied", MOVE_PARK },
		{ SM_OUT, "aws_bug", MOVE_PARK },
		{ SM_BOOK, "aws_denied", MOVE_PARK },
		{ SM_UNDO_LAUNCH, "aws_gone", MOVE_LOOK },
		{ SM_UNDO_LAUNCH, "aws_denied", MOVE_PARK },
		{ SM_UNDO_ATTACH, "aws_transient", MOVE_AGAIN }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (spot_move_judge(&grouped, rows[i].step, rows[i].code) !=
		    rows[i].want)
			fail_msg("%s at %s", rows[i].code,
			    spot_move_step_name(rows[i].step));
	/* from out on nothing ever goes back */
	for (int64_t s = SM_OUT; s <= SM_BOOK; s++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			assert_int_not_equal(spot_move_judge(&grouped, s,
			    rows[i].code), MOVE_BACK);
	for (int64_t s = 0; s <= SM_UNDO_ATTACH; s++)
		assert_int_equal(spot_move_stoppable(s), s == SM_LAUNCH ||
		    s == SM_ATTACH || s == SM_OUT);
}

static void
tokens(void **state)
{
	struct uuid id;
	char x[MOVE_TOKEN], y[MOVE_TOKEN];

	(void)state;
	assert_int_equal(uuid_parse("01890000-0000-7000-8000-000000000001",
	    &id), 0);
	/* printf '01890000-…-000000000001|1|1' | sha256sum */
	assert_string_equal(spot_move_token(id, 1, 1, x),
	    "b16b2eb6e63a48f25559bb26888f8da8e51fc3e67cdcb5cff63069fca74c6b92");
	assert_string_not_equal(spot_move_token(id, 1, 2, y), x);
	assert_string_not_equal(spot_move_token(id, 2, 1, y), x);
	assert_int_equal(strlen(x), 64);
}

static void
slices(void **state)
{
	static const struct spot_move_pool v[] = {
		{ .az = "a", .instance_type = "m" },
		{ .az = "b", .instance_type = "m", .lifecycle = "spot" },
		{ .az = "a", .instance_type = "m", .lifecycle = "on-demand" }
	};
	struct spot_move_slice s = spot_move_slice(v, 3, 1);

	(void)state;
	assert_int_equal(s.n, 2);
	assert_string_equal(s.lifecycle, "spot");
	assert_false(s.last);
	s = spot_move_slice(v, 3, 2);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.lifecycle, "on-demand");
	assert_true(s.last);
	s = spot_move_slice(v, 3, 3);
	assert_int_equal(s.n, 2);
	assert_true(s.last);
	assert_true(spot_move_slice(v, 2, 1).last);
	assert_int_equal(spot_move_slice(v, 0, 1).n, 0);
}

static void
pools_as_text(void **state)
{
	static const struct spot_move_pool v[] = {
		{ .az = "us-east-1a", .instance_type = "m5.large",
		  .price = { 4370000 } } };
	struct arena *a = arena_new(1 << 20);
	struct pair tag = { "Name", "web \"1\"" };
	const char *groups[] = { "sg-1", "sg-2" };
	const struct spot_move_copy copy = { .tags = { &tag, 1 },
	    .groups = { groups, 2 }, .profile = "arn:p", .key_name = "k",
	    .user_data = true };
	struct spot_move_copy back;
	struct spot_move_pool *got;
	struct err e = { 0 };
	struct json t = spot_move_pools_text(a, v, 1, &copy);
	size_t n;

	(void)state;
	assert_int_equal(spot_move_pools_read(a, t, &got, &n, &back, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(got->az, "us-east-1a");
	assert_string_equal(got->lifecycle, "spot");
	assert_int_equal(got->price.e8, 4370000);
	assert_int_equal(back.tags.n, 1);
	assert_string_equal(((struct pair *)back.tags.items)->value,
	    tag.value);
	assert_int_equal(back.groups.n, 2);
	assert_string_equal(((const char **)back.groups.items)[1], "sg-2");
	assert_string_equal(back.profile, "arn:p");
	assert_true(back.user_data);
	/* twice the same text: it is what an approval binds */
	assert_string_equal(spot_move_pools_text(a, got, n, &back).p, t.p);
	/* as moves were stored before there was more than tags */
	assert_int_equal(spot_move_pools_read(a, (struct json){ "{\"pools\":"
	    "[],\"tags\":[]}" }, &got, &n, &back, &e), 0);
	assert_string_equal(back.profile, "");
	assert_int_equal(spot_move_pools_read(a, (struct json){ "{" }, &got,
	    &n, NULL, &e), -1);
	arena_free(a);
}

static void
pauses(void **state)
{
	(void)state;
	assert_int_equal(spot_move_pause(1, 5), 5);
	assert_int_equal(spot_move_pause(3, 5), 20);
	assert_int_equal(spot_move_pause(50, 5), 300);
	assert_int_equal(spot_move_pause(9, 0), 0);
}

/* ---- orphans ------------------------------------------------------------------------ */

static char self[UUID_TEXT], text[UUID_TEXT];
static struct platform_installation who = { .epoch = 3 };
static struct spot_move m;
static struct spot_orphan o;
static const struct utc now = { INT64_C(1764000000) * US_PER_S };

static int
reset(void **state)
{
	(void)state;
	if (uuid_is_nil(who.id))
		who.id = uuid_new();
	uuid_format(who.id, self);
	m = (struct spot_move){ .id = uuid_new(), .state = "failed",
	    .instance_id = "i-old", .new_instance = "i-new",
	    .deadline = { now.us - 100 * US_PER_S } };
	uuid_format(m.id, text);
	o = (struct spot_orphan){ self, "3", text, "i-new", "",
	    { m.deadline.us - 600 * US_PER_S } };
	return 0;
}

static enum spot_move_orphan
judge(const struct spot_move *x)
{
	return spot_move_judge_orphan(&o, &who, x, 60, now);
}

static void
orphans(void **state)
{
	(void)state;
	assert_int_equal(judge(&m), ORPHAN_END);
	assert_int_equal(judge(NULL), ORPHAN_UNKNOWN);
	o.epoch = "2";
	assert_int_equal(judge(&m), ORPHAN_NOT_OURS);
	o.epoch = "3x";
	assert_int_equal(judge(&m), ORPHAN_NOT_OURS);
	reset(NULL);
	o.installation = text;
	assert_int_equal(judge(&m), ORPHAN_NOT_OURS);
	reset(NULL);
	o.move = TAG_KEPT;
	assert_int_equal(judge(&m), ORPHAN_NOT_OURS);
	reset(NULL);
	o.asg = "web";
	assert_int_equal(judge(&m), ORPHAN_KEEP);
	reset(NULL);
	o.instance_id = "i-old";
	assert_int_equal(judge(&m), ORPHAN_KEEP);
	reset(NULL);
	o.launched_at.us = m.deadline.us + 61 * US_PER_S;
	assert_int_equal(judge(&m), ORPHAN_KEEP);
}

static void
orphans_by_state(void **state)
{
	(void)state;
	m.state = "succeeded";
	assert_int_equal(judge(&m), ORPHAN_KEEP);
	o.instance_id = "i-second";	/* launched twice, used once */
	assert_int_equal(judge(&m), ORPHAN_END);
	reset(NULL);
	m.step = SM_VERIFY;		/* the old one is gone: keep it */
	assert_int_equal(judge(&m), ORPHAN_KEEP);
	reset(NULL);
	m.state = "running";
	assert_int_equal(judge(&m), ORPHAN_END);	/* long overdue */
	m.step = SM_OUT;
	assert_int_equal(judge(&m), ORPHAN_KEEP);
	m.step = SM_READY;
	m.deadline.us = now.us - 59 * US_PER_S;
	assert_int_equal(judge(&m), ORPHAN_KEEP);
	m.state = "proposed";
	m.deadline.us = 0;
	assert_int_equal(judge(&m), ORPHAN_KEEP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps), cmocka_unit_test(the_way_back),
		cmocka_unit_test(verdicts), cmocka_unit_test(tokens),
		cmocka_unit_test(slices), cmocka_unit_test(pools_as_text),
		cmocka_unit_test(pauses),
		cmocka_unit_test_setup(orphans, reset),
		cmocka_unit_test_setup(orphans_by_state, reset)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
