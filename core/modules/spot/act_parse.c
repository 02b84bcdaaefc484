/*
 * What EC2 answers to acts, read into rows. Pure. Refuses answers without the
 * ids that the next step rests on: a launch whose instance is not named is
 * malformed, never "nothing launched".
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/vec.h"
#include "modules/spot/act_wire.h"

enum { ROWS_MAX = 2000 };

#define TEXT(T, m, p, n) { .off = offsetof(struct T, m), .type = AWS_TEXT, \
	.path = p, .max = n }
#define NEED(T, m, p, n) { .off = offsetof(struct T, m), .type = AWS_TEXT, \
	.path = p, .max = n, .need = true }
#define END_FIELDS { .path = NULL }

/* ---- RunInstances ---------------------------------------------------------- */

static const struct aws_field run_fields[] = {
	NEED(spot_launched, instance_id, "instanceId", 64),
	NEED(spot_launched, type, "instanceType", 64),
	NEED(spot_launched, az, "placement/availabilityZone", 64),
	TEXT(spot_launched, lifecycle, "instanceLifecycle", 32),
	TEXT(spot_launched, token, "clientToken", 256),
	END_FIELDS
};

int
spot_run_parse(struct arena *a, const void *body, size_t len,
    struct spot_launched *out, struct err *e)
{
	const struct aws_list list = { .item = "instancesSet/item",
	    .size = sizeof(*out), .fields = run_fields, .max_rows = ROWS_MAX };
	const struct spot_launched *v;
	struct list rows = { 0 };

	if (spot_aws_rows(a, &list, body, len, &rows, NULL, e) == -1)
		return -1;
	if (rows.n != 1)
		return err_set(e, 502, "aws_malformed", "AWS answer: %zu "
		    "instances launched instead of one", rows.n);
	v = rows.items;
	out->instance_id = v->instance_id;
	out->type = v->type;
	out->az = v->az;
	out->lifecycle = *v->lifecycle == '\0' ? "on-demand" : v->lifecycle;
	out->token = v->token;
	return 0;
}

/* ---- CreateFleet ------------------------------------------------------------- */

struct fleet_row {
	const char *type, *az, *subnet, *lifecycle;
	const char *own_type;
	const char *code, *message;	/* of errorSet */
	const char *id;			/* of fleetInstanceSet */
};

#define OVER "launchTemplateAndOverrides/overrides/"
static const struct aws_field fleet_fields[] = {
	TEXT(fleet_row, type, OVER "instanceType", 64),
	TEXT(fleet_row, az, OVER "availabilityZone", 64),
	TEXT(fleet_row, subnet, OVER "subnetId", 64),
	TEXT(fleet_row, lifecycle, "lifecycle", 32),
	TEXT(fleet_row, own_type, "instanceType", 64),
	TEXT(fleet_row, code, "errorCode", 128),
	TEXT(fleet_row, message, "errorMessage", 4096),
	END_FIELDS
};

static int
fleet_other(void *arg, struct arena *a, void *row, const char *path,
    const char *text, size_t len, struct err *e)
{
	struct fleet_row *r = row;

	(void)arg, (void)e;
	if (strcmp(path, "instanceIds/item") == 0 && len > 0 && len <= 64 &&
	    r->id == NULL)
		r->id = arena_strdup(a, text);
	return 0;
}

static size_t
place_of(const struct spot_launch *l, const struct fleet_row *r)
{
	for (size_t i = 0; i < l->nplaces; i++) {
		const struct spot_launch_place *p = &l->places[i];
		bool subnet = p->subnet != NULL && *p->subnet != '\0';

		if (strcmp(p->type, r->type) == 0 && (subnet ?
		    strcmp(p->subnet, r->subnet) == 0 ||
		    (*r->subnet == '\0' && strcmp(p->az, r->az) == 0) :
		    strcmp(p->az, r->az) == 0))
			return i;
	}
	return SIZE_MAX;
}

int
spot_all_refused(const struct list *refused, struct err *e)
{
	const struct spot_launch_refusal *v = refused->items;
	const char *class = "aws_capacity";
	bool capacity = false, quota = false;

	for (size_t i = 0; i < refused->n; i++) {
		capacity |= strcmp(v[i].class, "aws_capacity") == 0;
		quota |= strcmp(v[i].class, "aws_quota") == 0;
	}
	if (!capacity && refused->n > 0)
		class = quota ? "aws_quota" : v[0].class;
	return err_set(e, 502, class, "No place of %zu took the launch: %s",
	    refused->n, refused->n > 0 ? v[0].code : "no reason given");
}

static int
read_set(struct arena *a, const char *item, const void *body, size_t len,
    struct list *rows, struct err *e)
{
	/* either set may be left out when it is empty; the id may not */
	const struct aws_list list = { .item = item, .holder = "fleetId",
	    .size = sizeof(struct fleet_row), .fields = fleet_fields,
	    .max_rows = ROWS_MAX, .other = fleet_other };

	return spot_aws_rows(a, &list, body, len, rows, NULL, e);
}

/* A code is a word; it is shown to people and written to logs. */
static const char *
code_of(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
	    "QRSTUVWXYZ0123456789.-_");

	return n > 0 && n <= 100 && text[n] == '\0' ? text : "Unknown";
}

static void
add_refusals(struct arena *a, const struct spot_launch *l,
    const struct list *rows, struct spot_launched *out)
{
	const struct fleet_row *v = rows->items;
	struct spot_launch_refusal *r = arena_array(a, rows->n, sizeof(*r));

	for (size_t i = 0; i < rows->n; i++)
		r[i] = (struct spot_launch_refusal){ .place = place_of(l, &v[i]),
		    .code = code_of(v[i].code),
		    .class = spot_aws_class(v[i].code, v[i].message, 400) };
	out->refused = (struct list){ r, rows->n };
}

int
spot_fleet_parse(struct arena *a, const struct spot_launch *l,
    const void *body, size_t len, struct spot_launched *out, struct err *e)
{
	struct list errors = { 0 }, rows = { 0 };
	const struct fleet_row *v;

	if (read_set(a, "fleetInstanceSet/item", body, len, &rows, e) == -1 ||
	    read_set(a, "errorSet/item", body, len, &errors, e) == -1)
		return -1;
	add_refusals(a, l, &errors, out);
	if (rows.n == 0)
		return spot_all_refused(&out->refused, e);
	v = rows.items;
	if (v->id == NULL || rows.n != 1)
		return err_set(e, 502, "aws_malformed", "AWS answer: a fleet "
		    "without the id of its one instance");
	out->instance_id = v->id;
	out->place = place_of(l, v);
	out->type = *v->type == '\0' ? v->own_type : v->type;
	/* with a subnet the zone is not said */
	out->az = *v->az == '\0' && out->place != SIZE_MAX ?
	    l->places[out->place].az : v->az;
	out->lifecycle = *v->lifecycle == '\0' ? l->lifecycle : v->lifecycle;
	out->token = l->token;
	return 0;
}

/* ---- DescribeInstanceStatus --------------------------------------------------- */

struct status_row {
	struct spot_status s;
	const char *code, *text;	/* of the open event */
	struct utc at;
};

static const struct aws_field status_fields[] = {
	NEED(status_row, s.instance_id, "instanceId", 64),
	TEXT(status_row, s.az, "availabilityZone", 64),
	NEED(status_row, s.state, "instanceState/name", 32),
	TEXT(status_row, s.system, "systemStatus/status", 32),
	TEXT(status_row, s.instance, "instanceStatus/status", 32),
	END_FIELDS
};

static int
status_other(void *arg, struct arena *a, void *row, const char *path,
    const char *text, size_t len, struct err *e)
{
	struct status_row *r = row;

	(void)arg, (void)e;
	if (strncmp(path, "eventsSet/item", 14) != 0 || len > 512)
		return 0;
	path += 14;
	if (strcmp(path, "/code") == 0)
		r->code = arena_strdup(a, text);
	else if (strcmp(path, "/description") == 0)
		r->text = arena_strdup(a, text);
	else if (strcmp(path, "/notBefore") == 0)
		(void)clock_parse(text, &r->at);
	else if (*path == '\0') {
		/* "[Completed] …" and "[Canceled] …" are over */
		if (r->s.event == NULL && r->code != NULL &&
		    (r->text == NULL || r->text[0] != '[')) {
			r->s.event = r->code;
			r->s.event_at = r->at;
		}
		r->code = r->text = NULL;
		r->at.us = 0;
	}
	return 0;
}

static int
status_finish(void *arg, struct arena *a, void *row, struct err *e)
{
	struct spot_status *s = &((struct status_row *)row)->s;

	(void)arg, (void)a, (void)e;
	if (s->event == NULL)
		s->event = "";
	s->ok = strcmp(s->state, "running") == 0 &&
	    strcmp(s->system, "ok") == 0 && strcmp(s->instance, "ok") == 0;
	return 0;
}

int
spot_status_parse(struct arena *a, const void *body, size_t len,
    struct list *out, const char **next, struct err *e)
{
	const struct aws_list list = { .item = "instanceStatusSet/item",
	    .size = sizeof(struct status_row), .fields = status_fields,
	    .max_rows = ROWS_MAX, .other = status_other,
	    .finish = status_finish };
	const struct status_row *from;
	struct spot_status *to;
	struct list rows = { 0 };

	if (spot_aws_rows(a, &list, body, len, &rows, next, e) == -1)
		return -1;
	from = rows.items;
	to = arena_array(a, rows.n, sizeof(*to));
	for (size_t i = 0; i < rows.n; i++)
		to[i] = from[i].s;
	*out = (struct list){ to, rows.n };
	return 0;
}

/* ---- GetSpotPlacementScores ----------------------------------------------------- */

static const struct aws_field score_fields[] = {
	NEED(spot_score, region, "region", 32),
	TEXT(spot_score, az, "availabilityZoneId", 64),
	{ .off = offsetof(struct spot_score, score), .type = AWS_INT,
	    .path = "score", .need = true },
	END_FIELDS
};

int
spot_scores_parse(struct arena *a, const void *body, size_t len,
    struct list *out, const char **next, struct err *e)
{
	const struct aws_list list = { .item = "spotPlacementScoreSet/item",
	    .size = sizeof(struct spot_score), .fields = score_fields,
	    .max_rows = ROWS_MAX };

	return spot_aws_rows(a, &list, body, len, out, next, e);
}

/* ---- user data -------------------------------------------------------------- */

enum { USER_DATA_MAX = 24 << 10 };	/* 16 KiB as Base64, and room */

struct user_data_row {
	const char *text;
};
static const struct aws_field user_data_fields[] = {
	{ .off = offsetof(struct user_data_row, text), .type = AWS_TEXT,
	    .path = "value", .max = USER_DATA_MAX },
	{ .path = NULL }
};

int
spot_user_data_parse(struct arena *a, const void *body, size_t len,
    const char **text, struct err *e)
{
	const struct aws_list list = {
		.item = "userData", .holder = "userData",
		.size = sizeof(struct user_data_row),
		.fields = user_data_fields, .max_rows = 1 };
	struct list rows = { 0 };

	if (spot_aws_rows(a, &list, body, len, &rows, NULL, e) == -1)
		return -1;
	*text = rows.n == 0 ? "" :
	    ((const struct user_data_row *)rows.items)->text;
	return 0;
}
