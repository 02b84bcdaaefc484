/*
 * Writing decisions down and closing them. Both join the transaction of what
 * they are about, with the event that tells of it.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "modules/platform/decision.h"

struct made {
	struct uuid id;
	const char *module, *kind, *subject, *subject_id, *chosen, *reason;
};
static const struct field made_fields[] = {
	FIELD(struct made, id, .doc = "Decision"),
	FIELD(struct made, module, .doc = "System that decided"),
	FIELD(struct made, kind, .doc = "What kind of decision"),
	FIELD(struct made, subject, .doc = "What it is about"),
	FIELD(struct made, subject_id, .doc = "Which one"),
	FIELD(struct made, chosen, .doc = "What was decided"),
	FIELD(struct made, reason, .doc = "Why"),
	FIELD_END
};
static const struct schema made_schema = {
	.name = "DecisionMade", .doc = "A decision was taken",
	.size = sizeof(struct made), .fields = made_fields
};

struct closed {
	struct uuid id;
	const char *outcome;
};
static const struct field closed_fields[] = {
	FIELD(struct closed, id, .doc = "Decision"),
	FIELD(struct closed, outcome, .doc = "What came of it"),
	FIELD_END
};
static const struct schema closed_schema = {
	.name = "DecisionClosed", .doc = "The outcome of a decision is known",
	.size = sizeof(struct closed), .fields = closed_fields
};

enum { MADE, CLOSED };
const struct event platform_decision_events[] = {
	[MADE] = { .name = "decision.made", .doc = "A decision was taken",
	    .payload = &made_schema, .permission = "decisions:read" },
	[CLOSED] = { .name = "decision.closed",
	    .doc = "The outcome of a decision is known",
	    .payload = &closed_schema, .permission = "decisions:read" },
	EVENT_END
};

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static struct json
or_json(struct json j, const char *other)
{
	return j.p != NULL ? j : (struct json){ other };
}

static struct platform_decision
shape(struct platform_decision_new *n)
{
	if (uuid_is_nil(n->id))
		n->id = uuid_new();
	return (struct platform_decision){ .id = n->id,
	    .tenant_id = n->tenant, .module = n->module, .kind = n->kind,
	    .subject = n->subject, .subject_id = n->subject_id,
	    .chosen = n->chosen, .reason = or_empty(n->reason),
	    .refused = or_json(n->refused, "[]"),
	    .inputs = or_json(n->inputs, "{}"), .oldest_at = n->oldest,
	    .expected = or_json(n->expected, "{}"), .model_id = n->model_id,
	    .model = or_empty(n->model), .outcome = "",
	    .made_by = or_empty(n->by), .created_at = clock_now() };
}

static struct made
told(const struct platform_decision *d)
{
	return (struct made){ d->id, d->module, d->kind, d->subject,
	    d->subject_id, d->chosen, d->reason };
}

int
platform_decide(struct db *db, struct platform_decision_new *n,
    struct err *e)
{
	struct platform_decision d = shape(n);
	struct made m = told(&d);
	char id[UUID_TEXT];

	if (platform_decision_insert(db, &d, 1, e) == -1)
		return -1;
	return event_publish(db, &platform_decision_events[MADE], n->tenant,
	    uuid_format(d.id, id), 1, &m, e);
}

int
platform_decide_many(struct db *db, struct arena *a,
    struct platform_decision_new *n, size_t count, struct event_pack *p,
    struct err *e)
{
	struct platform_decision *d = arena_array(a, count, sizeof(*d));
	char id[UUID_TEXT];

	for (size_t i = 0; i < count; i++) {
		struct made m;

		d[i] = shape(&n[i]);
		m = told(&d[i]);
		event_pack_add(p, &platform_decision_events[MADE],
		    n[i].tenant, uuid_format(d[i].id, id), 1, &m);
	}
	return platform_decision_insert(db, d, count, e);
}

int
platform_decision_close(struct db *db, struct uuid tenant, struct uuid id,
    const char *outcome, struct json doc, struct err *e)
{
	struct closed c = { id, outcome };
	char text[UUID_TEXT];
	int rc = platform_decision_end(db, tenant, id, outcome, doc,
	    clock_now(), e);

	if (rc != 0)		/* closed before: the first outcome stays */
		return rc == 1 ? 0 : -1;
	return event_publish(db, &platform_decision_events[CLOSED], tenant,
	    uuid_format(id, text), 2, &c, e);
}
