/*
 * Subscriptions and which events go next. Invariant: delivered only moves
 * forward, and a delivery is queued in the transaction that notes it; at most
 * one is under way per subscription (its job is unique by its first event).
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/principal.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "modules/platform/event.h"
#include "modules/platform/webhook.h"
#include "net/net.h"

enum { SECRET = 43, BATCH = 100, BATCH_BYTES = 256 << 10, STALE_S = 60,
	WORK_CAP = 64 << 20 };

static const struct platform_webhook_conf *
conf(const struct env *env)
{
	return conf_get(env->conf, &platform_webhook_settings);
}

/* ---- subscriptions ---------------------------------------------------------------- */

static int
check_fields(struct arena *a, const struct platform_webhook *w,
    struct err *e)
{
	const char *const *topics;
	struct err why = { 0 };

	if (net_url_check(w->url, &why) == -1)
		return err_set(e, 422, "url", "url: %.200s", why.detail);
	if (platform_event_topics(a, w->topic_names, &topics) == -1)
		return err_set(e, 422, "topics", "topics holds what is no "
		    "topic (\"job.succeeded\", \"job.*\")");
	if (strlen(w->topic_names) > 1000)
		return err_set(e, 422, "topics", "topics is too long");
	return 0;
}

static void
seal(struct env *env, struct arena *a, struct platform_webhook *w,
    const char **secret)
{
	char text[SECRET + 1];

	random_text(text, SECRET);
	*secret = arena_printf(a, "whsec_%s", text);
	w->secret = keyring_seal(env->keys, a, *secret, strlen(*secret),
	    keyring_aad(a, "platform_webhook", "secret", w->id));
}

static int
taken(struct err *e)
{
	if (e->code == NULL || strcmp(e->code, "duplicate") != 0)
		return -1;
	return err_set(e, 409, "name_taken",
	    "A webhook of this name exists already");
}

int
platform_webhook_make(struct env *env, struct arena *a,
    const struct principal *who, const struct platform_webhook_new *in,
    struct utc now, struct platform_webhook *out, struct err *e)
{
	int64_t epoch, top, n;
	const char *secret;

	*out = (struct platform_webhook){ .tenant_id = who->tenant_id,
	    .id = uuid_new(), .name = in->name, .url = in->url,
	    .stream = in->stream != NULL ? in->stream : "tenant",
	    .topics = in->topics, .active = in->active, .queued_at = now,
	    .topic_names = platform_webhook_join(a, in->topics),
	    .permission_names = platform_webhook_rights(a, env->modules, who),
	    .last_error = "", .created_by = who->name != NULL ? who->name :
	    "", .created_at = now, .updated_at = now };
	if (check_fields(a, out, e) == -1 ||
	    platform_webhook_count(env->db, who->tenant_id, &n, e) == -1 ||
	    event_head(env->db, platform_webhook_stream(out), &epoch, &top,
	    e) == -1)
		return -1;
	if (n >= conf(env)->max)
		return err_set(e, 409, "quota", "A tenant may have %lld "
		    "webhooks", (long long)conf(env)->max);
	out->delivered = out->queued = top;
	seal(env, a, out, &secret);
	if (platform_webhook_insert(env->db, out, e) == -1)
		return taken(e);
	out->secret = secret;
	return 0;
}

int
platform_webhook_change(struct env *env, struct arena *a,
    const struct principal *who, struct platform_webhook *w, struct utc now,
    struct err *e)
{
	w->topic_names = platform_webhook_join(a, w->topics);
	w->permission_names = platform_webhook_rights(a, env->modules, who);
	w->failures = 0;
	w->failing_since = (struct utc){ 0 };
	w->updated_at = now;
	if (check_fields(a, w, e) == -1)
		return -1;
	return platform_webhook_update(env->db, w, e) == -1 ? taken(e) : 0;
}

int
platform_webhook_rekey(struct env *env, struct arena *a, struct uuid tenant,
    struct uuid id, struct utc now, struct platform_webhook *w,
    struct err *e)
{
	const char *secret;
	int rc = platform_webhook_by_id(env->db, a, tenant, id, true, w, e);

	if (rc == 1)
		return err_set(e, 404, "not_found", "Webhook not found");
	if (rc == -1)
		return -1;
	seal(env, a, w, &secret);
	w->updated_at = now;
	if (platform_webhook_update(env->db, w, e) == -1)
		return -1;
	w->secret = secret;
	return 0;
}

/* ---- following the stream ------------------------------------------------------------ */

/* What jobs tell about our own deliveries would make deliveries for ever. */
static void
drop_own(struct event_page *p)
{
	struct event_item *v = p->items.v;
	size_t keep = 0;

	for (size_t i = 0; i < p->items.n; i++)
		if (strncmp(v[i].topic, "job.", 4) != 0 || strstr(v[i].data.p,
		    "\"type\":\"platform.webhook.deliver\"") == NULL)
			v[keep++] = v[i];
	p->items.n = keep;
}

int
platform_webhook_events(struct env *env, struct db *db, struct arena *a,
    const struct platform_webhook *w, int64_t since, int64_t limit,
    struct event_page *page, struct err *e)
{
	struct event_query q = { .tenant = platform_webhook_stream(w),
	    .since = since, .limit = limit, .may_see = platform_webhook_may_see,
	    .arg = arena_strdup(a, w->permission_names),
	    .modules = env->modules };

	if (platform_event_topics(a, w->topic_names, &q.topics) == -1)
		return err_set(e, 500, "bad_row", "Internal error");
	if (event_read(db, a, &q, page, e) == -1)
		return -1;
	drop_own(page);
	return 0;
}

#define D struct platform_webhook_delivery
static const struct field delivery_fields[] = {
	FIELD(D, webhook, .flags = FF_REQUIRED, .doc = "Subscription"),
	FIELD(D, first, .flags = FF_REQUIRED, .min = 1, .max = INT64_MAX,
	    .doc = "Events from this number"),
	FIELD(D, last, .flags = FF_REQUIRED, .min = 1, .max = INT64_MAX,
	    .doc = "to this one"),
	FIELD_END
};
const struct schema platform_webhook_delivery_schema = {
	.name = "WebhookDelivery", .doc = "Events for one subscription",
	.size = sizeof(D), .fields = delivery_fields
};

/* The last event of a batch that is not too large; at least one. */
static int64_t
last_of(const struct event_page *p)
{
	size_t bytes = 0;

	for (size_t i = 0; i < p->items.n; i++) {
		const struct event_item *it = ROW(&p->items,
		    struct event_item, i);

		bytes += strlen(it->data.p) + 200;
		if (i > 0 && bytes > BATCH_BYTES)
			return ROW(&p->items, struct event_item, i - 1)->off;
	}
	return p->next;
}

struct following {
	struct arena *a;
	const struct platform_webhook *w;
	D in;
};

static int
enqueue(struct db *db, void *arg, struct err *e)
{
	struct following *f = arg;
	char id[UUID_TEXT];
	struct job_options o = { .limit_max = 1, .actor = "webhook" };
	struct uuid job;

	uuid_format(f->w->id, id);
	o.unique = arena_printf(f->a, "%s:%lld", id, (long long)f->in.first);
	o.limit = arena_printf(f->a, "webhook:%s", id);
	if (job_enqueue(db, f->a, &platform_webhook_jobs[0],
	    f->w->tenant_id, &f->in, &o, &job, e) == -1)
		return -1;
	return platform_webhook_enqueued(db, f->w, f->in.last, clock_now(),
	    e);
}

static int
follow_one(struct env *env, struct db *db, struct arena *a,
    const struct platform_webhook *w, struct err *e)
{
	struct following f = { .a = a, .w = w };
	struct event_page page;

	if (platform_webhook_events(env, db, a, w, w->delivered, BATCH, &page,
	    e) == -1)
		return -1;
	if (page.items.n == 0)
		return page.next > w->delivered ? platform_webhook_advance(db,
		    w, page.next, e) : 0;
	f.in = (D){ w->id, w->delivered + 1, last_of(&page) };
	return db_txn(db, a, enqueue, &f, e);
}

int
platform_webhook_follow(struct env *env, struct db *db, bool *more,
    struct err *e)
{
	struct arena *a = arena_new(WORK_CAP);
	struct utc stale = { clock_now().us - STALE_S * US_PER_S };
	struct rows rows;
	int rc = platform_webhook_lagging(db, a, stale, &rows, e);

	*more = rc == 0 && rows.n == 100;
	for (size_t i = 0; rc == 0 && i < rows.n; i++) {
		struct arena_mark m = arena_mark(a);

		rc = follow_one(env, db, a, ROW(&rows,
		    struct platform_webhook, i), e);
		arena_rewind(a, m);
	}
	arena_free(a);
	return rc;
}
