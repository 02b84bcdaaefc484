/*
 * Deliveries as jobs, and the loop that queues them. A try never holds a
 * transaction while it talks; what came of it is written by token, so that of
 * two workers that believe they own a delivery only one says so.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/platform/webhook.h"
#include "proc/bell.h"
#include "shm/shm.h"

enum { EVENTS = 1000 };
#define DAY_US (86400 * US_PER_S)

static const struct metric_label outcome_label = { "outcome",
    (const char *const[]){ "delivered", "refused", "failed", "disabled",
    NULL } };
static const struct metric deliveries_total = { "webhook_deliveries_total",
    "Tries to deliver to webhooks, by what came of them", METRIC_COUNTER,
    { &outcome_label, NULL } };
const struct metric *const platform_webhook_metrics[] = {
	&deliveries_total, NULL
};

struct disabled {
	struct uuid id;
	const char *name, *reason;
};
static const struct field disabled_fields[] = {
	FIELD(struct disabled, id, .doc = "Webhook"),
	FIELD(struct disabled, name, .doc = "Its label"),
	FIELD(struct disabled, reason, .doc = "Why"),
	FIELD_END
};
static const struct schema disabled_schema = { .name = "WebhookDisabled",
    .doc = "A webhook that was switched off", .size = sizeof(struct disabled),
    .fields = disabled_fields };

const struct event platform_webhook_topics[] = {
	{ .name = "webhook.disabled", .doc = "A webhook failed for too long, "
	  "or its receiver wants no more", .payload = &disabled_schema,
	  .permission = "events:webhooks" },
	EVENT_END
};

/* ---- one delivery ---------------------------------------------------------------- */

struct trial {
	struct job_ctx *c;
	struct platform_webhook w;
	const struct platform_webhook_delivery *in;
	struct event_page page;
	const char *body;
	int status;
	int64_t retry_after_s;
	enum platform_webhook_outcome outcome;
	const char *why;
};

/* Events of the range, as a JSON array; what a later page holds is cut. */
static const char *
body_of(struct arena *a, struct event_page *p, int64_t last)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '[');
	for (size_t i = 0; i < p->items.n; i++) {
		const struct event_item *it = ROW(&p->items,
		    struct event_item, i);

		if (it->off > last) {
			p->items.n = i;
			break;
		}
		if (i > 0)
			str_addc(&s, ',');
		schema_encode(&event_item_schema, it, &s);
	}
	str_addc(&s, ']');
	return s.p;
}

static void
ring(void *arg)
{
	(void)arg;
	bell_ring("webhook", "");
}

/* What a try came to, into the row. */
static void
note(struct trial *t, struct utc now)
{
	const struct platform_webhook_conf *cf = conf_get(t->c->env->conf,
	    &platform_webhook_settings);
	struct platform_webhook *w = &t->w;

	w->last_status = t->status;
	w->last_at = now;
	if (t->outcome == HOOK_DELIVERED) {
		w->delivered = w->queued = t->in->last;
		w->failures = 0;
		w->failing_since = (struct utc){ 0 };
		w->last_error = "";
		return;
	}
	w->failures++;
	if (w->failing_since.us == 0)
		w->failing_since = now;
	w->last_error = t->why;
	if (t->outcome == HOOK_GONE || now.us - w->failing_since.us >
	    cf->disable_days * DAY_US)
		w->active = false;
}

static int
store(struct trial *t, struct err *e)
{
	struct job_ctx *c = t->c;
	struct platform_webhook now;
	char id[UUID_TEXT];

	/* settings may have changed while we talked: only the rest is ours */
	if (platform_webhook_by_id(c->db, c->a, c->tenant, t->w.id, true,
	    &now, e) != 0)
		return e->status != 0 ? -1 : job_finish(c, e);
	t->w = now;
	note(t, clock_now());
	if (platform_webhook_tried(c->db, &t->w, e) == -1)
		return -1;
	if (now.active && !t->w.active && event_publish(c->db,
	    &platform_webhook_topics[0], c->tenant, uuid_format(now.id, id),
	    0, &(struct disabled){ now.id, now.name, t->why }, e) == -1)
		return -1;
	if (t->outcome != HOOK_DELIVERED && t->w.active)
		return 0;
	db_on_commit(c->db, ring, NULL);
	return job_finish(c, e);
}

static enum job_rc
ended(struct trial *t)
{
	struct job_ctx *c = t->c;
	struct err e = { 0 };

	if (job_begin(c, &e) == -1 || store(t, &e) == -1 ||
	    db_commit(c->db, &e) == -1) {
		if (db_in_txn(c->db))
			db_rollback(c->db);
		c->finished = false;
		c->err = e;
		return JOB_RETRY;
	}
	metric_add(&deliveries_total, c->finished && t->outcome !=
	    HOOK_DELIVERED ? 3 : (size_t)t->outcome, 0, 1);
	if (c->finished)
		return JOB_DONE;
	err_set(&c->err, 502, "webhook", "%s", t->why);
	c->retry_after_s = t->retry_after_s;
	return JOB_RETRY;
}

/* Talks; no transaction is open. */
static int
talk(struct trial *t, struct err *e)
{
	struct job_ctx *c = t->c;
	struct blob secret;
	const char *text;

	if (keyring_open_value(c->env->keys, c->a, t->w.secret,
	    keyring_aad(c->a, "platform_webhook", "secret", t->w.id),
	    &secret, e) == -1)
		return -1;
	text = arena_strndup(c->a, secret.p, secret.n);
	if (platform_webhook_post(c->env, c->a, &t->w, text, t->in->first,
	    t->page.recovered, t->body, &t->status, &t->retry_after_s, e) ==
	    -1) {
		t->outcome = HOOK_FAILED;
		t->why = arena_strdup(c->a, e->detail);
		err_clear(e);
		return 0;
	}
	t->outcome = platform_webhook_judge(t->status);
	t->why = arena_printf(c->a, t->status / 100 == 3 ? "The receiver "
	    "answered %d; redirects are not followed" :
	    "The receiver answered %d", t->status);
	return 0;
}

static enum job_rc
deliver(struct job_ctx *c, const void *in)
{
	struct trial t = { .c = c, .in = in };
	int rc = platform_webhook_by_id(c->db, c->a, c->tenant, t.in->webhook,
	    false, &t.w, &c->err);

	if (rc == -1)
		return JOB_RETRY;
	/* deleted, switched off, or somebody else was faster */
	if (rc == 1 || !t.w.active || t.w.delivered + 1 != t.in->first)
		return JOB_DONE;
	if (platform_webhook_events(c->env, c->db, c->a, &t.w,
	    t.in->first - 1, EVENTS, &t.page, &c->err) == -1)
		return JOB_RETRY;
	t.body = body_of(c->a, &t.page, t.in->last);
	if (t.page.items.n == 0)
		t.outcome = HOOK_DELIVERED;	/* nothing it may see is left */
	else if (talk(&t, &c->err) == -1)
		return JOB_RETRY;
	return ended(&t);
}

const struct job platform_webhook_jobs[] = {
	{ .name = "platform.webhook.deliver", .doc = "Posts events to a "
	  "webhook", .in = &platform_webhook_delivery_schema,
	  .queue = "webhooks", .lane = LANE_NORMAL, .tries = 14,
	  .timeout_s = 180, .backoff_s = 5, .backoff_max_s = 3600,
	  .flags = JOB_TXN, .run = deliver },
	JOB_END
};

/* ---- the loop ----------------------------------------------------------------------- */

static int
follow_run(struct loop_ctx *c, struct err *e)
{
	bool more;

	if (platform_webhook_follow(c->env, c->db, &more, e) == -1)
		return -1;
	if (more)
		c->next_ms = 1;
	return 0;
}

const struct loop platform_webhook_loops[] = {
	{ .name = "platform.webhook", .doc = "Queues deliveries to webhooks "
	  "that lag behind the stream", .period_ms = 1000,
	  .scope = LOOP_CLUSTER, .humble = LOOP_TICK, .bell = "webhook",
	  .run = follow_run },
	LOOP_END
};
