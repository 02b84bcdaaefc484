/*
 * Any bytes as the answer to an act, or as what a queue says: complete rows or
 * one typed error, and never "nothing was launched" out of something that
 * cannot be read. The first byte chooses the parser, the second the HTTP
 * status.
 */
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "modules/spot/act_wire.h"
#include "modules/spot/sqs_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { RUN, FLEET, STATUS, SCORES, GROUPS, RECEIVED, DELETED, PARSERS };

static const struct spot_launch_place places[] = {
	{ "m5.large", "us-east-1a", "" }, { "c5.large", "us-east-1b", "s-1" }
};

static void
check_error(const struct err *e)
{
	ASSERT(e->code != NULL && strncmp(e->code, "aws_", 4) == 0);
	ASSERT(e->detail[0] != '\0');
	ASSERT(utf8_valid(e->detail, strlen(e->detail)));
	for (const char *p = e->detail; *p != '\0'; p++)
		ASSERT((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void
check_launched(const struct spot_launched *l)
{
	const struct spot_launch_refusal *no = l->refused.items;

	ASSERT(*l->instance_id != '\0' && strlen(l->instance_id) <= 64);
	ASSERT(l->type != NULL && l->az != NULL && l->lifecycle != NULL);
	ASSERT(l->place == SIZE_MAX || l->place < NITEMS(places));
	for (size_t i = 0; i < l->refused.n; i++)
		ASSERT(no[i].code != NULL && no[i].class != NULL &&
		    (no[i].place == SIZE_MAX || no[i].place < NITEMS(places)));
}

static void
check_group(const struct spot_group *g)
{
	const struct spot_member *m = g->members.items;
	json_object *o = json_tokener_parse(g->tags);

	ASSERT(json_object_is_type(o, json_type_object));
	json_object_put(o);
	ASSERT(*g->name != '\0' && g->min >= 0 && g->max >= 0 &&
	    g->desired >= 0);
	ASSERT(g->zones != NULL && g->suspended != NULL &&
	    g->template_id != NULL && g->stack_id != NULL);
	for (size_t i = 0; i < g->members.n; i++)
		ASSERT(*m[i].instance_id != '\0' && m[i].state != NULL &&
		    m[i].az != NULL && m[i].template_version != NULL);
}

static void
check_rows(int which, const struct list *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct spot_status *s = rows->items;
		const struct sqs_message *m = rows->items;

		if (which == GROUPS)
			check_group(&((const struct spot_group *)
			    rows->items)[i]);
		else if (which == STATUS)
			ASSERT(*s[i].instance_id != '\0' &&
			    s[i].event != NULL && s[i].system != NULL);
		else if (which == RECEIVED)
			ASSERT(m[i].id != NULL && m[i].receipt != NULL &&
			    m[i].body != NULL);
	}
}

static int
parse(struct arena *a, int which, const struct net_reply *r, struct err *e)
{
	const struct spot_launch l = { .region = "us-east-1", .token = "t",
	    .lifecycle = "spot", .places = places,
	    .nplaces = NITEMS(places) };
	struct spot_launched out = { .instance_id = "", .place = SIZE_MAX };
	struct aws_client c = { 0 };
	struct list rows = { 0 };
	const char *next = "";
	size_t failed = 0;
	int rc;

	switch (which) {
	case RUN:
	case FLEET:
		rc = which == RUN ? spot_run_parse(a, r->body, r->len, &out,
		    e) : spot_fleet_parse(a, &l, r->body, r->len, &out, e);
		if (rc == 0)
			check_launched(&out);
		return rc;
	case STATUS:
		rc = spot_status_parse(a, r->body, r->len, &rows, &next, e);
		break;
	case SCORES:
		rc = spot_scores_parse(a, r->body, r->len, &rows, &next, e);
		break;
	case GROUPS:
		rc = spot_groups_parse(a, r->body, r->len, &rows, &next, e);
		break;
	case RECEIVED:
		rc = spot_sqs_received(a, &c, r, (struct utc){ 0 }, &rows, e);
		break;
	default:
		return spot_sqs_deleted(a, &c, r, (struct utc){ 0 }, &failed,
		    e);
	}
	if (rc == 0)
		check_rows(which, &rows);
	ASSERT(next != NULL);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(64 << 20);
	struct net_reply r = { 0 };
	struct err e = { 0 };
	char *body;

	if (n >= 2) {
		body = arena_alloc(a, n - 1);	/* ends with a NUL */
		memcpy(body, in + 2, n - 2);
		r = (struct net_reply){ .status = 200 + in[1], .body = body,
		    .len = n - 2 };
		if (parse(a, in[0] % PARSERS, &r, &e) == -1)
			check_error(&e);
	}
	arena_free(a);
	return 0;
}
