/*
 * spot.feed_pull: the spot advisor's feed from where AWS publishes it, and
 * on-demand prices from a URL of the operator's. Off where no URL is set. Refuses
 * to read again what the server says is the same.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "conf/conf.h"
#include "modules/spot/conf.h"
#include "modules/spot/feed.h"
#include "net/net.h"

enum { ETAG_MAX = 200 };

struct pulled {
	int64_t classes, prices, unchanged;
	const char *note;
};
static const struct field pulled_fields[] = {
	FIELD(struct pulled, classes, .doc = "Interruption classes stored"),
	FIELD(struct pulled, prices, .doc = "On-demand prices stored"),
	FIELD(struct pulled, unchanged, .doc = "Feeds that are the same as "
	    "last time"),
	FIELD(struct pulled, note, .doc = "What was left out"), FIELD_END
};
static const struct schema pulled_schema = {
	.name = "SpotFeedPulled", .doc = "What was pulled",
	.size = sizeof(struct pulled), .fields = pulled_fields
};

/* The same as last time is not read again, where the server tells by ETag. */
static int
ask(struct job_ctx *c, const char *url, const struct spot_feed_mark *was,
    struct net_reply *reply, struct err *e)
{
	const struct net_header match = { "If-None-Match", was->etag };
	bool same = strcmp(was->url, url) == 0 && *was->etag != '\0';
	const struct net_call call = { .service = "aws", .method = "GET",
	    .url = url, .max_bytes = SPOT_FEED_MAX, .retry = true,
	    .headers = &match, .nheaders = same,
	    .deadline_boot_ns = c->deadline_boot_ns };

	if (net_http(c->env->net, c->a, &call, reply, e) == -1)
		return -1;
	if (reply->status == 200 || (reply->status == 304 && same))
		return 0;
	return err_set(e, 502, "feed", "%.200s answered %d", url,
	    reply->status);
}

static int
pull(struct job_ctx *c, const char *feed, const char *url, int64_t *rows,
    int64_t *unchanged, struct err *e)
{
	struct spot_feed_mark mark;
	struct spot_feed_report r;
	struct net_reply reply;
	int rc;

	if (*url == '\0')
		return 0;
	net_allow(c->env->net, url);
	rc = spot_feed_mark_get(c->db, c->a, feed, &mark, e);
	if (rc == 1)
		mark = (struct spot_feed_mark){ .url = "", .etag = "" };
	if (rc == -1 || ask(c, url, &mark, &reply, e) == -1)
		return -1;
	mark.feed = feed;
	mark.checked_at = clock_now();
	if (reply.status == 304) {
		*unchanged += 1;
		return spot_feed_mark_put(c->db, &mark, e);
	}
	if (spot_feed_store(c->db, c->a, feed, reply.body, reply.len,
	    mark.checked_at, "pull", &r, e) == -1)
		return -1;
	*rows = mark.n = r.rows;
	mark.url = url;
	mark.etag = strlen(reply.etag) < ETAG_MAX ? reply.etag : "";
	mark.pulled_at = mark.checked_at;
	return spot_feed_mark_put(c->db, &mark, e);
}

static enum job_rc
feeds(struct job_ctx *c, const void *in)
{
	const struct spot_conf *conf = conf_get(c->env->conf,
	    &spot_settings);
	struct pulled *out = arena_alloc(c->a, sizeof(*out));

	(void)in;
	out->note = *conf->advisor_url == '\0' &&
	    *conf->od_price_url == '\0' ? "no URL is set" : "";
	c->result = out;
	if (pull(c, "advisor", conf->advisor_url, &out->classes,
	    &out->unchanged, &c->err) == -1 || pull(c, "on-demand",
	    conf->od_price_url, &out->prices, &out->unchanged, &c->err) == -1)
		return c->err.status == 422 ? JOB_FAIL : JOB_RETRY;
	return JOB_DONE;
}

const struct job spot_feed_jobs[] = {
	{ .name = "spot.feed_pull", .doc = "Interruption classes and "
	  "on-demand prices from where they are published",
	  .out = &pulled_schema, .queue = "spot", .lane = LANE_LOW,
	  .flags = JOB_API, .tries = 4, .timeout_s = 600,
	  .backoff_s = 60, .memory_mib = 1024, .permission = "spot:prices",
	  .run = feeds },
	JOB_END
};

const struct schedule spot_feed_schedules[] = {
	{ .name = "spot.feed_pull", .doc = "Published classes and prices",
	  .spec = "H H * * *", .job = "spot.feed_pull" },
	SCHEDULE_END
};
