/*
 * AWS as a provider: signed calls, several regions at once, full-jitter
 * waits, one correction of the clock, one renewal of an assumed role. Refuses
 * to go on after the first answer that says the credentials are wrong: there
 * is no retry storm. Invariant: each listing ends exactly once.
 */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/spot/conf.h"
#include "modules/spot/pace.h"
#include "modules/spot/provider.h"
#include "modules/spot/sts_wire.h"
#include "net/net.h"

enum { TRIES = 8 };
#define PATIENCE_NS INT64_C(300000000000)
#define NO_BUDGET_NS INT64_C(1000000000)

static bool
is(const struct err *e, const char *code)
{
	return e->code != NULL && strcmp(e->code, code) == 0;
}

const char *
spot_credential_verdict(const struct err *e)
{
	if (is(e, "aws_auth"))
		return strstr(e->detail, "xpired") != NULL ? "expired" :
		    "invalid";
	return is(e, "aws_denied") ? "denied" : NULL;
}

int
spot_access_open(struct spot_access *x, struct env *env, struct arena *a,
    const struct spot_account *acc, const struct spot_credential *c,
    struct err *e)
{
	struct blob secret = { "", 0 };

	*x = (struct spot_access){ .env = env, .a = a, .region = acc->region,
	    .account = acc->id, .access_key = c->access_key_id,
	    .role_arn = c->role_arn, .external_id = c->external_id };
	if (c->secret != NULL && keyring_open_value(env->keys, a, c->secret,
	    keyring_aad(a, "spot_credential", "secret", acc->id), &secret,
	    e) == -1)
		return -1;
	x->secret_key = arena_strndup(a, secret.p, secret.n);
	return 0;
}

/* ---- one call at a time -------------------------------------------------- */

static void
set_client(struct spot_access *x)
{
	const struct spot_conf *cf = conf_get(x->env->conf, &spot_settings);

	memset(&x->client, 0, sizeof(x->client));
	x->client.net = x->env->net;
	x->client.ec2_endpoint = cf->endpoint;
	x->client.sts_endpoint = cf->sts_endpoint;
	x->client.asg_endpoint = cf->asg_endpoint;
	if (*cf->asg_endpoint != '\0')
		net_allow(x->env->net, cf->asg_endpoint);
	if (*cf->endpoint != '\0')
		net_allow(x->env->net, cf->endpoint);
	if (*cf->sts_endpoint != '\0')
		net_allow(x->env->net, cf->sts_endpoint);
}

static int
assume(struct spot_access *x, struct err *e)
{
	const struct spot_conf *cf = conf_get(x->env->conf, &spot_settings);
	struct sts_role role = { .arn = x->role_arn,
	    .session_name = "quincunx", .external_id = x->external_id };
	struct sts_session s;

	if (*x->role_arn == '\0')
		return err_set(e, 422, "no_role", "The account has no role "
		    "yet: make it from the template and name its ARN");
	if (*cf->access_key == '\0' || *cf->secret_key == '\0')
		return err_set(e, 503, "no_own_keys", "Roles cannot be "
		    "assumed: aws.access_key and aws.secret_key are not set");
	x->client.key.access_key = cf->access_key;
	x->client.key.secret_key = cf->secret_key;
	x->client.key.session_token = NULL;
	if (spot_sts_assume_role(x->a, &x->client, x->region, &role, &s, e) == -1)
		return -1;
	x->client.key.access_key = s.access_key;
	x->client.key.secret_key = s.secret_key;
	x->client.key.session_token = s.session_token;
	return 0;
}

int
spot_access_renew(struct spot_access *x, struct err *e)
{
	x->renewed = true;
	return assume(x, e);
}

static int
aws_open(struct spot_access *x, struct err *e)
{
	set_client(x);
	if (*x->access_key != '\0') {
		x->client.key.access_key = x->access_key;
		x->client.key.secret_key = x->secret_key;
		return 0;
	}
	return assume(x, e);
}

static void
wait_us(int64_t us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

static uint64_t
some_bits(void)
{
	uint64_t r;

	random_bytes(&r, sizeof(r));
	return r;
}

/* For calls that stand alone: patient, but not for ever. Who asks for more
 * time than that, or an open breaker, is not asked again. */
static bool
again(struct env *env, const struct err *e, unsigned *attempt)
{
	if (!spot_aws_retryable(e) || *attempt >= 4 ||
	    e->retry_after_s > 5 || !net_may_repeat(env->net, "aws"))
		return false;
	wait_us(e->retry_after_s > 0 ?
	    e->retry_after_s * US_PER_S :
	    spot_aws_backoff_us((*attempt)++, some_bits()));
	if (e->retry_after_s > 0)
		(*attempt)++;
	return true;
}

static int
aws_identity(struct spot_access *x, const char **account, struct err *e)
{
	struct sts_identity id;
	unsigned attempt = 0;

	while (spot_sts_identity(x->a, &x->client, x->region, &id, e) == -1) {
		if (!again(x->env, e, &attempt))
			return -1;
		err_clear(e);
	}
	*account = id.account;
	return 0;
}

static int
aws_regions(struct spot_access *x, struct ec2_page *out, struct err *e)
{
	struct ec2_query q = { .region = x->region, .all_regions = true };
	unsigned attempt = 0;

	while (spot_ec2_fetch(x->a, &x->client, EC2_REGIONS, &q, out, e) == -1) {
		if (!again(x->env, e, &attempt))
			return -1;
		err_clear(e);
	}
	return 0;
}

static const char *
aws_signal(const struct spot_access *x, const struct ec2_instance *i,
    struct utc now)
{
	(void)x, (void)i, (void)now;
	return "NONE";		/* signals come from the event queue */
}

/* ---- many listings at once ----------------------------------------------- */

struct round {
	struct spot_access *x;
	struct spot_fetch *f;
	size_t at;			/* round robin */
	bool renew;			/* the role's session has ended */
};

static void
end(struct round *r, struct spot_listing *l, const struct err *e)
{
	l->ended = true;
	if (r->f->ended(r->f->arg, l, e) == -1 && !r->f->stop) {
		r->f->stop = true;
		err_set(&r->f->err, 500, "store", "Storing the end of a shard "
		    "failed");
	}
}

/* Nobody answered in a region, again and again: its other listings would only
 * wait as long for the same. Those under way end by themselves. */
static void
end_region(struct round *r, const char *region, const struct err *e)
{
	for (size_t i = 0; i < r->f->n; i++) {
		struct spot_listing *l = &r->f->v[i];

		if (!l->ended && !l->busy && l->attempts > 0 &&
		    strcmp(l->region, region) == 0)
			end(r, l, e);
	}
}

static void
build(struct round *r, struct spot_listing *l, struct arena *a,
    struct net_call *call, struct err *e)
{
	static const char *const states[] = { "pending", "running",
	    "shutting-down", "stopping", "stopped", NULL };
	static const char *const products[] = { "Linux/UNIX", "Windows",
	    NULL };
	const struct spot_conf *cf = conf_get(r->x->env->conf, &spot_settings);
	struct ec2_query q = { .region = l->region, .next_token = l->token };

	if (l->what == EC2_INSTANCES) {
		q.states = states;
		q.page_size = cf->page_size;
	} else if (l->what >= EC2_GROUPS) {
		q.page_size = cf->page_size;
	} else if (l->what == EC2_PRICES) {
		q.products = products;
		q.from = l->from;
		q.to = l->to;
	}
	l->signed_at = clock_now();
	(void)spot_ec2_request(a, &r->x->client, l->what, &q, l->signed_at, call,
	    e);
	/* a dead region must not stop the calls to the others */
	call->no_breaker = true;
	call->repeated = l->repeat;
}

/* Being asked to wait is no failure: a listing waits as long as it must, but
 * not for ever. */
static bool
patient(struct spot_listing *l)
{
	int64_t now = clock_boot_ns();

	if (l->throttles++ == 0)
		l->throttled_ns = now;
	return now - l->throttled_ns < PATIENCE_NS;
}

/* A repeat that the budget has nothing for waits for it, as long as it has
 * tries left. */
static bool
may_repeat(struct round *r, struct spot_listing *l)
{
	const struct err empty = { .status = 503, .code = "aws_throttle",
	    .detail = "No repeats of calls are left for the moment" };

	if (!l->repeat || net_may_repeat(r->x->env->net, "aws"))
		return true;
	l->ready_ns = clock_boot_ns() + NO_BUDGET_NS;
	if (!patient(l))
		end(r, l, &empty);
	return false;
}

static struct pace_key
pace_key_of(const struct round *r, const struct spot_listing *l)
{
	return (struct pace_key){ r->x->account.b, sizeof(r->x->account.b),
	    l->region, spot_ec2_action(l->what) };
}

/* Its turn by the rate limit; if not, it waits without having failed. */
static bool
may_call(struct round *r, struct spot_listing *l)
{
	const struct spot_conf *cf = conf_get(r->x->env->conf, &spot_settings);
	const struct pace_key key = pace_key_of(r, l);
	int64_t now = clock_boot_ns(), wait;

	if (spot_pace_take(r->x->env->shm, &key, cf->rate_percent,
	    (uint64_t)now, &wait))
		return true;
	l->ready_ns = now + wait;
	return false;
}

static bool
next_call(void *arg, struct arena *a, struct net_call *call, void **tag)
{
	struct round *r = arg;
	int64_t now = clock_boot_ns();

	if (r->f->stop || r->renew)
		return false;
	for (size_t k = 0; k < r->f->n; k++) {
		struct spot_listing *l = &r->f->v[(r->at + k) % r->f->n];
		struct err e = { 0 };

		if (l->ended || l->busy || l->ready_ns > now ||
		    !may_call(r, l) || !may_repeat(r, l))
			continue;
		build(r, l, a, call, &e);
		if (e.status != 0) {
			end(r, l, &e);
			continue;
		}
		r->at = (r->at + k + 1) % r->f->n;
		l->busy = true;
		l->repeat = false;
		*tag = l;
		return true;
	}
	return false;
}

/* A listing has failed for now: again, from its start, or for good. */
static void
failed(struct round *r, struct spot_listing *l, const struct net_reply *reply,
    const struct err *e)
{
	struct spot_access *x = r->x;
	const struct pace_key key = pace_key_of(r, l);
	int64_t wait;

	if (is(e, "aws_throttle") && reply != NULL)
		spot_pace_throttled(x->env->shm, &key,
		    (uint64_t)clock_boot_ns());
	if (is(e, "aws_clock") && reply != NULL && l->attempts++ < 2) {
		(void)spot_aws_clock_correct(&x->client, reply, l->signed_at);
		return;
	}
	if (is(e, "aws_token") && !l->restarted) {
		l->restarted = true;
		l->token = NULL;
		return;
	}
	if (is(e, "aws_auth") && *x->role_arn != '\0' && !x->renewed) {
		r->renew = true;
		return;
	}
	if (is(e, "aws_auth")) {
		r->f->stop = true;
		r->f->err = *e;
		return;
	}
	if (is(e, "aws_throttle") ? patient(l) : spot_aws_retryable(e) &&
	    ++l->attempts < TRIES) {
		wait = e->retry_after_s > 0 && e->retry_after_s <= 20 ?
		    e->retry_after_s * US_PER_S :
		    spot_aws_backoff_us(l->attempts + l->throttles,
		    some_bits());
		l->ready_ns = clock_boot_ns() + wait * 1000;
		l->repeat = true;
		return;
	}
	end(r, l, e);
	if (reply == NULL)
		end_region(r, l->region, e);
}

static void
done_call(void *arg, void *tag, struct arena *a,
    const struct net_reply *reply, const struct err *net_err)
{
	struct round *r = arg;
	struct spot_listing *l = tag;
	struct ec2_page page;
	struct err e = { 0 };

	l->busy = false;
	if (r->f->stop)
		return;
	if (reply == NULL) {
		e = *net_err;
		spot_aws_net_failed(&e);
		failed(r, l, NULL, &e);
		return;
	}
	if (spot_aws_check(a, &r->x->client, reply, l->signed_at, &e) == -1 ||
	    spot_ec2_parse(a, l->what, reply->body, reply->len, &page, &e) == -1) {
		failed(r, l, reply, &e);
		return;
	}
	l->attempts = l->throttles = 0;
	l->throttled_ns = 0;
	if (r->f->page(r->f->arg, l, a, &page, &e) == -1) {
		r->f->stop = true;
		r->f->err = e;
		return;
	}
	/* the token must outlive this call's arena */
	l->token = *page.next_token == '\0' ? NULL :
	    arena_strdup(r->x->a, page.next_token);
	if (l->token == NULL)
		end(r, l, NULL);
}

/* Nanoseconds until a listing may be called; 0 now, -1 all have ended. */
static int64_t
pause_ns(const struct spot_fetch *f)
{
	int64_t now = clock_boot_ns(), best = -1;

	for (size_t i = 0; i < f->n; i++) {
		int64_t d = f->v[i].ready_ns - now;

		if (f->v[i].ended)
			continue;
		if (d < 0)
			d = 0;
		if (best == -1 || d < best)
			best = d;
	}
	return best;
}

static int
aws_fetch(struct spot_access *x, struct spot_fetch *f, struct err *e)
{
	const struct spot_conf *cf = conf_get(x->env->conf, &spot_settings);
	struct round r = { .x = x, .f = f };
	const struct net_batch batch = { .next = next_call, .done = done_call,
	    .arg = &r, .max_parallel = (size_t)cf->parallel };
	int64_t wait;

	while (!f->stop && (wait = pause_ns(f)) != -1) {
		if (wait > 0)
			wait_us(wait / 1000 + 1000);
		r.renew = false;
		if (net_run(x->env->net, &batch, e) == -1)
			return -1;
		if (r.renew) {
			if (spot_access_renew(x, e) == -1)
				return -1;
		}
	}
	if (!f->stop)
		return 0;
	*e = f->err;
	return -1;
}

const struct spot_provider spot_provider_aws = {
	"aws", aws_open, aws_identity, aws_regions, aws_fetch, aws_signal
};
