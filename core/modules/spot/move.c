/*
 * What a move does next, and what a failure means. Pure: the same row and
 * answer give the same next step. Invariants: from step 6 on nothing is
 * undone; an instance is an orphan only when a row of ours says so, never
 * because there is none.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/spot/move_inner.h"

#define C struct spot_move_conf
static const struct setting setting_rows[] = {
	SETTING(C, poll_s, "spot.move_poll", .def = "5", .min = 0,
	    .max = 300, .unit = "seconds", .doc = "From look to look while a "
	    "move waits for the cloud"),
	SETTING(C, ready_s, "spot.move_ready", .def = "600", .min = 10,
	    .max = 7200, .unit = "seconds", .doc = "A replacement may take so "
	    "long to be healthy, and again to serve"),
	SETTING(C, deadline_s, "spot.move_deadline", .def = "3600",
	    .min = 60, .max = 86400, .unit = "seconds", .doc = "A move that "
	    "names no deadline is undone when it takes longer"),
	SETTING(C, launches_per_hour, "spot.launches_per_hour",
	    .def = "600", .min = 0, .max = 1000000, .unit = "launches",
	    .doc = "Cap of an account without one of its own"),
	SETTING(C, launches_per_hour_all, "spot.launches_per_hour_all",
	    .def = "2000", .min = 0, .max = 1000000, .unit = "launches",
	    .doc = "Cap of the whole installation"),
	SETTING(C, spend_per_day, "spot.spend_per_day", .def = "5000",
	    .min = 0, .max = 100000000, .unit = "USD", .doc = "Cap of an "
	    "account on what its launches of a day cost in a day"),
	SETTING(C, spend_per_day_all, "spot.spend_per_day_all",
	    .def = "20000", .min = 0, .max = 100000000, .unit = "USD",
	    .doc = "The same of the whole installation"),
	SETTING(C, orphan_s, "spot.orphan_after", .def = "1800", .min = 0,
	    .max = 86400, .unit = "seconds", .doc = "Behind its deadline a "
	    "move that nobody works at is given up, and what it launched is "
	    "ended"),
	SETTING_END
};
#undef C
const struct settings spot_move_settings = { .name = "spot_move",
    .size = sizeof(struct spot_move_conf), .rows = setting_rows };

static const char *const names[] = {
	[SM_CHECK] = "check", [SM_LAUNCH] = "launch", [SM_READY] = "ready",
	[SM_RAISE] = "raise", [SM_ATTACH] = "attach", [SM_SERVE] = "serve",
	[SM_OUT] = "out", [SM_RESTORE] = "restore", [SM_VERIFY] = "verify",
	[SM_BOOK] = "book", [SM_UNDO_LAUNCH] = "undo-launch",
	[SM_UNDO_RAISE] = "undo-raise", [SM_UNDO_ATTACH] = "undo-attach",
	[SM_DONE] = "done", [SM_UNDONE] = "undone"
};

const char *
spot_move_step_name(int64_t step)
{
	return step < 0 || step > SM_UNDONE || names[step] == NULL ? "" :
	    names[step];
}

const char *
spot_move_token(struct uuid id, int64_t step, int64_t attempt,
    char buf[MOVE_TOKEN])
{
	static const char hex[] = "0123456789abcdef";
	char text[UUID_TEXT], line[96];
	uint8_t d[SHA256_LEN];
	size_t n;

	n = (size_t)snprintf(line, sizeof(line), "%s|%lld|%lld",
	    uuid_format(id, text), (long long)step, (long long)attempt);
	crypto_sha256(line, n, d);
	for (size_t i = 0; i < sizeof(d); i++) {
		buf[2 * i] = hex[d[i] >> 4];
		buf[2 * i + 1] = hex[d[i] & 15];
	}
	buf[MOVE_TOKEN - 1] = '\0';
	return buf;
}

bool
spot_move_stoppable(int64_t step)
{
	return step == SM_LAUNCH || step == SM_ATTACH || step == SM_OUT;
}

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool
spot_move_applies(const struct spot_move *m, int64_t step)
{
	bool group = *m->asg != '\0', replace = is(m->kind, "replace");
	bool makes = replace || is(m->kind, "launch");
	bool ends = replace || is(m->kind, "terminate") ||
	    is(m->kind, "drain");

	switch (step) {
	case SM_CHECK: case SM_BOOK:
		return true;
	case SM_LAUNCH: case SM_READY:
		return makes;
	case SM_RAISE: case SM_ATTACH: case SM_SERVE: case SM_RESTORE:
		return replace && group;
	case SM_OUT: case SM_VERIFY:
		return ends;
	case SM_UNDO_ATTACH: case SM_UNDO_RAISE:
		return replace && group;
	case SM_UNDO_LAUNCH:
		return makes && *m->adopt == '\0';
	}
	return false;
}

int64_t
spot_move_after(const struct spot_move *m, int64_t step)
{
	if (step >= SM_UNDO_LAUNCH) {
		while (--step >= SM_UNDO_LAUNCH)
			if (spot_move_applies(m, step))
				return step;
		return SM_UNDONE;
	}
	while (++step <= SM_BOOK)
		if (spot_move_applies(m, step))
			return step;
	return SM_DONE;
}

int64_t
spot_move_undo(const struct spot_move *m, int64_t failed)
{
	if (failed == SM_CHECK)
		return SM_UNDONE;
	/* attach, serve, out: from undo-attach on; raise: from undo-raise */
	return spot_move_after(m, failed >= SM_ATTACH ? SM_UNDO_ATTACH + 1 :
	    failed == SM_RAISE ? SM_UNDO_RAISE + 1 : SM_UNDO_LAUNCH + 1);
}

/* ---- errors -------------------------------------------------------------------- */

static bool
one_of(const char *code, const char *const *v)
{
	for (; *v != NULL; v++)
		if (is(code, *v))
			return true;
	return false;
}

enum spot_move_verdict
spot_move_judge(const struct spot_move *m, int64_t step, const char *code)
{
	/* no answer, not now, or nothing that the cloud said */
	static const char *const again[] = { "aws_throttle", "aws_transient",
	    "aws_malformed", "aws_clock", "aws_token", "net_refused", "net_busy", "db_down",
	    "switch_unreadable", NULL };
	bool forward = step >= SM_OUT && step <= SM_BOOK;

	(void)m;
	if (one_of(code, again) || strncmp(code, "net_", 4) == 0 ||
	    strncmp(code, "db_", 3) == 0)
		return MOVE_AGAIN;
	if (is(code, "aws_auth") || is(code, "aws_mismatch"))
		return MOVE_PARK;
	if (is(code, "aws_capacity") && step == SM_LAUNCH)
		return MOVE_OTHER;
	if (step >= SM_UNDO_LAUNCH || forward) {
		if (is(code, "aws_state") || is(code, "aws_gone") ||
		    is(code, "stopped"))
			return MOVE_LOOK;
		return MOVE_PARK;
	}
	return is(code, "aws_state") ? MOVE_LOOK : MOVE_BACK;
}

int64_t
spot_move_pause(int64_t failures, int64_t poll_s)
{
	int64_t s = poll_s > 0 ? poll_s : 1;

	if (failures <= 0)
		return poll_s;
	for (int64_t i = 1; i < failures && s < 300; i++)
		s *= 2;
	return poll_s == 0 ? 0 : s > 300 ? 300 : s;
}

/* ---- pools --------------------------------------------------------------------- */

static const char *
life(const struct spot_move_pool *p)
{
	return p->lifecycle == NULL ? "spot" : p->lifecycle;
}

struct spot_move_slice
spot_move_slice(const struct spot_move_pool *v, size_t n, int64_t attempt)
{
	struct spot_move_slice s = { .lifecycle = "spot" };
	size_t groups = 0, want, at = 0;

	for (size_t i = 0; i < n; i++)
		groups += i == 0 || !is(life(&v[i]), life(&v[i - 1]));
	if (groups == 0)
		return s;
	want = (size_t)(attempt - 1) % groups;
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && !is(life(&v[i]), life(&v[i - 1])))
			at++;
		if (at != want)
			continue;
		if (s.n++ == 0)
			s.v = &v[i];
	}
	if (s.n > SPOT_PLACES_MAX)
		s.n = SPOT_PLACES_MAX;
	s.lifecycle = life(s.v);
	s.last = (size_t)attempt >= groups;
	return s;
}

#define P struct spot_move_pool
static const struct field pool_fields[] = {
	FIELD(P, az, .flags = FF_REQUIRED, .max = 64, .doc = "Zone"),
	FIELD(P, instance_type, .flags = FF_REQUIRED, .max = 64,
	    .doc = "Type"),
	FIELD(P, lifecycle, .def = "\"spot\"", .oneof = ONEOF("spot",
	    "on-demand"), .doc = "How it is paid"),
	FIELD(P, subnet, .def = "\"\"", .max = 64,
	    .doc = "Subnet; empty: found"),
	FIELD(P, price, .doc = "USD per hour"), FIELD_END
};
#undef P
const struct schema spot_move_pool_schema = {
	.name = "SpotMovePool", .doc = "Where a replacement may run",
	.size = sizeof(struct spot_move_pool), .fields = pool_fields
};

static const struct field tag_fields[] = {
	FIELD(struct pair, name, .max = 128, .doc = "Key"),
	FIELD(struct pair, value, .max = 256, .doc = "Value"), FIELD_END
};
static const struct schema tag_schema = { .name = "SpotMoveTag",
    .size = sizeof(struct pair), .fields = tag_fields };

struct pool_list {
	struct list pools;
	struct spot_move_copy copy;
};
static const struct field list_fields[] = {
	FIELD(struct pool_list, pools, .sub = &spot_move_pool_schema,
	    .max = 64, .doc = "Best first"),
	FIELD_IN(struct pool_list, copy., tags, .sub = &tag_schema,
	    .max = 50, .doc = "Of the instance that is copied"),
	FIELD_IN(struct pool_list, copy., groups, .elem = FT_STR, .max = 50,
	    .def = "[]", .doc = "Its security groups"),
	FIELD_IN(struct pool_list, copy., profile, .def = "\"\"",
	    .doc = "Its role"),
	FIELD_IN(struct pool_list, copy., key_name, .def = "\"\"",
	    .doc = "Its key"),
	FIELD_IN(struct pool_list, copy., user_data, .def = "false",
	    .doc = "It was told something at its first boot"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "SpotMovePools", .size = sizeof(struct pool_list),
	.fields = list_fields
};

struct json
spot_move_pools_text(struct arena *a, const struct spot_move_pool *v,
    size_t n, const struct spot_move_copy *copy)
{
	struct spot_move_pool *full = arena_array(a, n, sizeof(*full));
	struct pool_list l = { { full, n }, { .profile = "",
	    .key_name = "" } };
	struct str s;

	if (copy != NULL)
		l.copy = *copy;
	for (size_t i = 0; i < n; i++) {
		full[i] = v[i];
		full[i].lifecycle = life(&v[i]);
		if (v[i].subnet == NULL)
			full[i].subnet = "";
	}
	str_init(&s, a);
	schema_encode(&list_schema, &l, &s);
	return (struct json){ s.p };
}

int
spot_move_pools_read(struct arena *a, struct json text,
    struct spot_move_pool **v, size_t *n, struct spot_move_copy *copy,
    struct err *e)
{
	struct pool_list l = { .pools = { NULL, 0 } };
	uint64_t seen;

	if (schema_decode_json(&list_schema, text.p, strlen(text.p), "pools",
	    false, a, &l, &seen, e) == -1)
		return -1;
	*v = l.pools.items;
	*n = l.pools.n;
	if (copy != NULL)
		*copy = l.copy;
	return 0;
}

struct json
spot_move_plan(struct arena *a, const struct spot_move *m)
{
	char id[UUID_TEXT];
	struct str s;

	str_init(&s, a);
	str_add(&s, "{\"account\":");
	str_json(&s, uuid_format(m->account_id, id));
	str_add(&s, ",\"kind\":");
	str_json(&s, m->kind);
	str_add(&s, ",\"reason\":");
	str_json(&s, m->reason);
	str_add(&s, ",\"region\":");
	str_json(&s, m->region);
	str_add(&s, ",\"instance\":");
	str_json(&s, m->instance_id);
	str_add(&s, ",\"adopt\":");
	str_json(&s, m->adopt);
	str_add(&s, ",\"template\":");
	str_json(&s, m->template_id);
	str_add(&s, ",\"version\":");
	str_json(&s, m->template_version);
	str_add(&s, ",\"image\":");
	str_json(&s, m->image_id);
	str_add(&s, ",\"places\":");
	str_add(&s, m->pools.p);
	str_addc(&s, '}');
	return (struct json){ s.p };
}

/* ---- orphans ------------------------------------------------------------------- */

static bool
live(const struct spot_move *m)
{
	return is(m->state, "ready") || is(m->state, "running") ||
	    is(m->state, "undoing") || is(m->state, "parked");
}

enum spot_move_orphan
spot_move_judge_orphan(const struct spot_orphan *o,
    const struct platform_installation *who, const struct spot_move *m,
    int64_t orphan_s, struct utc now)
{
	char id[UUID_TEXT];
	int64_t epoch, late = orphan_s * US_PER_S;
	struct uuid move;

	if (!is(o->installation, uuid_format(who->id, id)) ||
	    num_i64(o->epoch, strlen(o->epoch), &epoch) != NUM_OK ||
	    epoch != who->epoch ||
	    uuid_parse(o->move, &move) == -1)
		return ORPHAN_NOT_OURS;
	if (m == NULL || !uuid_equal(move, m->id))
		return ORPHAN_UNKNOWN;
	if (*o->asg != '\0' || is(o->instance_id, m->instance_id))
		return ORPHAN_KEEP;
	/* younger than the saga's deadline, or it is not of this saga */
	if (o->launched_at.us != 0 && m->deadline.us != 0 &&
	    o->launched_at.us > m->deadline.us + late)
		return ORPHAN_KEEP;
	if (is(m->state, "succeeded"))
		return is(o->instance_id, m->new_instance) ? ORPHAN_KEEP :
		    ORPHAN_END;
	if (is(m->state, "failed") || is(m->state, "cancelled"))
		return m->step >= SM_OUT && m->step <= SM_BOOK &&
		    is(o->instance_id, m->new_instance) ? ORPHAN_KEEP :
		    ORPHAN_END;
	/* alive: its own worker decides, unless it is long overdue; what may
	 * be the only one left is never touched */
	if (!live(m) || m->deadline.us == 0 || now.us < m->deadline.us + late ||
	    (m->step >= SM_OUT && m->step <= SM_BOOK))
		return ORPHAN_KEEP;
	return ORPHAN_END;
}
