/*
 * Sending one act. Refuses to repeat what may have been done and would count
 * twice, to wait past the deadline, and to spend repeats that the dependency's
 * budget does not have. A capacity refusal is a 500 on the wire; it must not
 * close the door for everybody, so acts are not judged by the breaker (what an
 * operator switched off stays off).
 */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "conf/conf.h"
#include "modules/spot/act_call.h"
#include "modules/spot/conf.h"
#include "modules/spot/pace.h"

enum { TRIES = 8 };
#define PACE_MAX_NS (INT64_C(20) * 1000000000)

/* ---- parameters -------------------------------------------------------- */

void
spot_param(struct act_params *p, const char *name, const char *value)
{
	if (value != NULL && *value != '\0')
		*VEC_ADD(p->a, &p->v) = (struct pair){ name, value };
}

void
spot_param_int(struct act_params *p, const char *name, int64_t n)
{
	spot_param(p, name, arena_printf(p->a, "%lld", (long long)n));
}

void
spot_param_list(struct act_params *p, const char *prefix,
    const char *const *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		spot_param(p, arena_printf(p->a, "%s.%zu", prefix, i + 1),
		    values[i]);
}

void
spot_param_filter(struct act_params *p, const char *name,
    const char *const *values, size_t n)
{
	unsigned k = ++p->filters;

	spot_param(p, arena_printf(p->a, "Filter.%u.Name", k), name);
	spot_param_list(p, arena_printf(p->a, "Filter.%u.Value", k), values,
	    n);
}

void
spot_param_tags(struct act_params *p, const char *prefix,
    const struct pair *tags, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		spot_param(p, arena_printf(p->a, "%s.%zu.Key", prefix, i + 1),
		    tags[i].name);
		*VEC_ADD(p->a, &p->v) = (struct pair){ arena_printf(p->a,
		    "%s.%zu.Value", prefix, i + 1), tags[i].value };
	}
}

struct aws_request
spot_ec2_act(const char *region, const char *action,
    const struct act_params *p)
{
	return (struct aws_request){ .service = "ec2", .region = region,
	    .action = action, .version = "2016-11-15", .params = p->v.v,
	    .nparams = p->v.n };
}

struct aws_request
spot_asg_act(const char *region, const char *action,
    const struct act_params *p)
{
	return (struct aws_request){ .service = "autoscaling",
	    .region = region, .action = action, .version = "2011-01-01",
	    .params = p->v.v, .nparams = p->v.n };
}

/* ---- sending ------------------------------------------------------------- */

struct sending {
	struct spot_access *x;
	const struct aws_request *r;
	enum act_repeat repeat;
	struct pace_key key;
	struct utc signed_at;
	unsigned attempts;
	bool clock_corrected;
};

void
spot_act_wait(int64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&ts, NULL);
}

static bool
in_time(const struct spot_access *x, int64_t wait)
{
	return x->deadline_ns == 0 ||
	    clock_boot_ns() + wait < x->deadline_ns;
}

/* Its turn by the rate limit. */
static int
take_turn(const struct sending *s, struct err *e)
{
	const struct spot_conf *cf = conf_get(s->x->env->conf, &spot_settings);
	int64_t wait = 0, waited = 0, percent = cf->rate_percent;

	if (s->x->urgent && percent > 0)
		percent = 100;
	while (!spot_pace_take(s->x->env->shm, &s->key, percent,
	    (uint64_t)clock_boot_ns(), &wait)) {
		waited += wait;
		if (waited > PACE_MAX_NS || !in_time(s->x, wait))
			return err_set(e, 503, "aws_throttle", "Too many %s "
			    "at once: the rate that AWS allows is used up",
			    s->r->action);
		spot_act_wait(wait);
	}
	return 0;
}

/* One attempt; reply->status 0 when no answer came. */
static int
attempt(struct sending *s, struct arena *a, struct net_reply *reply,
    struct err *e)
{
	struct aws_client *c = &s->x->client;
	struct net_call call;

	memset(reply, 0, sizeof(*reply));
	if (take_turn(s, e) == -1)
		return -1;
	s->signed_at = clock_now();
	if (spot_aws_request(a, c, s->r, s->signed_at, &call, e) == -1)
		return -1;
	call.repeatable = s->repeat == ACT_SAME;
	call.no_breaker = true;
	call.repeated = s->attempts > 0;
	call.deadline_boot_ns = s->x->deadline_ns;
	if (net_http(c->net, a, &call, reply, e) == -1) {
		spot_aws_net_failed(e);
		return -1;
	}
	if (spot_aws_check(a, c, reply, s->signed_at, e) == 0)
		return 0;
	/* "busy" without AWS's own word may be a balancer's, who knows nothing
	 * of what became of it */
	if (strcmp(e->code, "aws_throttle") == 0 && s->repeat == ACT_ONCE &&
	    *spot_aws_code(a, e) == '\0')
		e->code = "aws_transient";
	return -1;
}

static bool
is(const struct err *e, const char *code)
{
	return e->code != NULL && strcmp(e->code, code) == 0;
}

/* What was not taken because of the clock or a session that has ended may be
 * sent again whatever it does. */
static int
mended(struct sending *s, const struct net_reply *reply, struct err *e)
{
	struct spot_access *x = s->x;

	if (is(e, "aws_clock") && !s->clock_corrected && reply->status != 0 &&
	    spot_aws_clock_correct(&x->client, reply, s->signed_at)) {
		s->clock_corrected = true;
		return 1;
	}
	if (is(e, "aws_auth") && *x->role_arn != '\0' && !x->renewed) {
		err_clear(e);
		return spot_access_renew(x, e) == -1 ? -1 : 1;
	}
	return 0;
}

static bool
again(struct sending *s, const struct err *e)
{
	struct spot_access *x = s->x;
	int64_t ns;

	if (!spot_aws_retryable(e) || s->attempts + 1 >= TRIES ||
	    (s->repeat == ACT_ONCE && !is(e, "aws_throttle")))
		return false;
	ns = e->retry_after_s > 0 && e->retry_after_s <= 20 ?
	    (int64_t)e->retry_after_s * 1000000000 :
	    spot_aws_backoff_us(s->attempts, random_below(UINT64_MAX)) * 1000;
	if (!in_time(x, ns) || !net_may_repeat(x->env->net, "aws"))
		return false;
	s->attempts++;
	spot_act_wait(ns);
	return true;
}

int
spot_act_call(struct spot_access *x, struct arena *a,
    const struct aws_request *r, enum act_repeat repeat,
    struct net_reply *reply, struct err *e)
{
	struct sending s = { .x = x, .r = r, .repeat = repeat,
	    .key = { .account = x->account.b, .account_len =
	    sizeof(x->account.b), .region = r->region, .action = r->action } };
	int rc;

	while (attempt(&s, a, reply, e) == -1) {
		if (is(e, "aws_throttle") && reply->status != 0)
			spot_pace_throttled(x->env->shm, &s.key,
			    (uint64_t)clock_boot_ns());
		rc = mended(&s, reply, e);
		if (rc == -1 || (rc == 0 && !again(&s, e)))
			return -1;
		err_clear(e);
	}
	return 0;
}
