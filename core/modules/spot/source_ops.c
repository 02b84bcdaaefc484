/*
 * Making sources and taking what is posted to them. Refuses queues and topics
 * of another account or region, and every post whose origin is not proved:
 * forged ones are counted and change nothing else. Invariant: what a post
 * says is applied to the account of the source it was proved for, and a
 * confirmation is visited only for the topic the source names.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/principal.h"
#include "base/random.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/spot/account.h"
#include "modules/spot/aws_wire.h"
#include "modules/spot/conf.h"
#include "modules/spot/interruption.h"
#include "modules/spot/sns.h"
#include "modules/spot/source.h"
#include "modules/spot/sqs_wire.h"
#include "net/net.h"
#include "shm/shm.h"

const struct event spot_source_events[] = {
	{ .name = "spot.notices", .doc = "A source of notices speaks, fell "
	    "silent or fails", .payload = &spot_source_schema,
	    .permission = "spot:read", .flags = EV_STATE },
	EVENT_END
};

enum { SNS_FORGED = 3 };		/* place in spot_notices_total */

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* ---- making ------------------------------------------------------------------ */

static int
where_queue(const struct spot_conf *cf, struct arena *a,
    const struct spot_source *s, const char **region, const char **account,
    struct err *e)
{
	*region = *s->region != '\0' ? s->region : cf->aws_region;
	if (is(s->kind, "sns"))
		return spot_sns_topic(a, s->address, region, account, e);
	if (spot_sqs_queue(a, cf->sqs_endpoint, s->address, region, account,
	    e) == 0)
		return 0;
	e->status = 422;
	e->code = "queue";
	return -1;
}

/* Queue or topic must be the account's own; its region is theirs. */
static int
check_place(struct env *env, struct arena *a, const struct spot_account *acc,
    struct spot_source *s, struct err *e)
{
	const struct spot_conf *cf = conf_get(env->conf, &spot_settings);
	const char *region, *account;

	if (is(s->kind, "webhook")) {
		s->address = "";
		return *s->region == '\0' || spot_aws_region_ok(s->region) ?
		    0 : err_set(e, 422, "region", "\"%.40s\" is not the name "
		    "of a region", s->region);
	}
	if (where_queue(cf, a, s, &region, &account, e) == -1)
		return -1;
	if (acc->aws_account == NULL || !is(account, acc->aws_account))
		return err_set(e, 422, "other_account", "It belongs to AWS "
		    "account %.12s, not to this one", account);
	if (*s->region != '\0' && !is(s->region, region))
		return err_set(e, 422, "other_region",
		    "It is in %.32s, not in %.32s", region, s->region);
	s->region = region;
	return 0;
}

static const char *
new_secret(struct env *env, struct arena *a, struct spot_source *s)
{
	char text[NOTICE_SECRET + 1];

	random_text(text, NOTICE_SECRET);
	s->secret = keyring_seal(env->keys, a, text, strlen(text),
	    keyring_aad(a, "spot_source", "secret", s->id));
	return arena_strdup(a, text);
}

int
spot_source_make(struct env *env, struct arena *a,
    const struct principal *by, const struct spot_source_new *in,
    struct utc now, struct spot_source *out, const char **secret,
    struct err *e)
{
	struct spot_account acc;

	*secret = NULL;
	*out = (struct spot_source){ .id = uuid_new(),
	    .tenant_id = by->tenant_id, .account_id = in->account_id,
	    .kind = in->kind, .region = in->region != NULL ? in->region : "",
	    .address = in->address != NULL ? in->address : "",
	    .state = "new", .last_error = "", .created_at = now,
	    .updated_at = now };
	if (spot_found(spot_account_by_id(env->db, a, by->tenant_id,
	    in->account_id, &acc, e), "Account", e) == -1 ||
	    check_place(env, a, &acc, out, e) == -1)
		return -1;
	if (is(out->kind, "webhook"))
		*secret = new_secret(env, a, out);
	if (spot_source_insert(env->db, out, e) == 0)
		return 0;
	if (e->code != NULL && is(e->code, "duplicate"))
		return err_set(e, 409, "taken",
		    "The account has this source already");
	return -1;
}

int
spot_source_rotate(struct env *env, struct arena *a, struct uuid tenant,
    struct uuid id, struct utc now, struct spot_source *out,
    const char **secret, struct err *e)
{
	if (spot_found(spot_source_by_id(env->db, a, tenant, id, out, e),
	    "Source", e) == -1)
		return -1;
	if (!is(out->kind, "webhook"))
		return err_set(e, 409, "no_secret",
		    "Only webhooks have a secret");
	*secret = new_secret(env, a, out);
	out->updated_at = now;
	return spot_source_secret(env->db, out, e);
}

/* ---- posts -------------------------------------------------------------------- */

static int
unknown(struct err *e)
{
	return err_set(e, 401, "not_authenticated",
	    "The post could not be authenticated");
}

/* Source and account of a post. 401 for what is not there: who may not know
 * learns nothing. */
static int
load(struct env *env, struct arena *a, struct uuid id, const char *kind,
    struct spot_source *s, struct spot_account *acc, struct err *e)
{
	int rc = spot_source_by_name(env->db, a, id, s, e);

	if (rc == -1)
		return -1;
	if (rc == 1 || !is(s->kind, kind) || is(s->state, "off"))
		return unknown(e);
	rc = spot_account_by_id(env->db, a, s->tenant_id, s->account_id, acc,
	    e);
	return rc == 1 ? unknown(e) : rc;
}

/* A refusal for want of proof is counted, whatever becomes of the request. */
static int
forged(struct env *env, const struct spot_source *s, struct utc now,
    struct err *e)
{
	const struct spot_taken one = { .forged = 1 };
	struct err ignored = { 0 };

	if (e->status != 401)
		return -1;
	metric_add(&spot_notices_total, SNS_FORGED, 0, 1);
	log_warn("notices", "a post was refused",
	    KV("code", e->code), KV("detail", (const char *)e->detail));
	if (s != NULL)
		(void)spot_source_count(env->db, s->id, &one, now, &ignored);
	return -1;
}

int
spot_source_webhook(struct env *env, struct arena *a,
    const struct spot_post *p, struct utc now, struct spot_taken *out,
    struct err *e)
{
	struct spot_source s;
	struct spot_account acc;
	struct blob secret;
	struct spot_intake in = { .env = env, .db = env->db, .a = a,
	    .source = &s, .account = &acc, .how = "webhook",
	    .nonce = p->nonce };
	struct spot_text text = { p->body, p->len };

	if (load(env, a, p->id, "webhook", &s, &acc, e) == -1)
		return forged(env, NULL, now, e);
	if (s.secret == NULL || keyring_open_value(env->keys, a, s.secret,
	    keyring_aad(a, "spot_source", "secret", s.id), &secret, e) == -1)
		return s.secret == NULL ? unknown(e) : -1;
	if (spot_notice_verify(a, arena_strndup(a, secret.p, secret.n),
	    p->timestamp, p->nonce, p->signature, p->body, p->len, now, e) ==
	    -1)
		return forged(env, &s, now, e);
	if (spot_intake_texts(&in, &text, 1, now, out, e) == -1)
		return forged(env, &s, now, e);
	return 0;
}

static int
prove(struct env *env, struct arena *a, const struct spot_sns *m,
    const struct spot_source *s, struct utc now, struct err *e)
{
	const struct spot_conf *cf = conf_get(env->conf, &spot_settings);
	const char *pem;

	if (*cf->sns_endpoint != '\0')
		net_allow(env->net, cf->sns_endpoint);
	if (spot_sns_judge(a, m, s->address, cf->sns_endpoint, now, e) == -1 ||
	    spot_sns_certificate(env, a, m->cert_url, now, &pem, e) == -1)
		return -1;
	return spot_sns_verify(a, m, pem, *cf->sns_endpoint != '\0' ? NULL :
	    "sns.amazonaws.com", now, e);
}

static int
accept_sns(const struct spot_intake *in, const struct spot_sns *m,
    struct utc now, struct spot_taken *out, struct err *e)
{
	struct spot_text text = { m->message, strlen(m->message) };

	switch (m->type) {
	case SNS_SUBSCRIBE:
		log_info("notices", "a subscription is confirmed",
		    KV("topic", m->topic));
		return spot_sns_confirm(in->env, in->a, m, e);
	case SNS_UNSUBSCRIBE:
		log_warn("notices", "the topic no longer posts to us",
		    KV("topic", m->topic));
		return spot_source_polled(in->db, in->source->id,
		    "the subscription was cancelled", now, e);
	case SNS_NOTIFICATION:
		return spot_intake_texts(in, &text, 1, now, out, e);
	}
	return 0;
}

int
spot_source_sns(struct env *env, struct arena *a, const struct spot_post *p,
    struct utc now, struct spot_taken *out, struct err *e)
{
	struct spot_source s;
	struct spot_account acc;
	struct spot_sns m;
	struct spot_intake in = { .env = env, .db = env->db, .a = a,
	    .source = &s, .account = &acc, .how = "sns" };

	*out = (struct spot_taken){ 0 };
	if (load(env, a, p->id, "sns", &s, &acc, e) == -1)
		return forged(env, NULL, now, e);
	if (spot_sns_parse(a, p->body, p->len, &m, e) == -1)
		return -1;
	if (prove(env, a, &m, &s, now, e) == -1)
		return forged(env, &s, now, e);
	return accept_sns(&in, &m, now, out, e);
}

/* ---- health ---------------------------------------------------------------------- */

void
spot_source_probe(struct env *env, struct probe *out)
{
	struct arena *a = arena_new((size_t)1 << 20);
	struct spot_source_totals t = { 0 };
	struct err e = { 0 };

	if (env->db == NULL)
		err_set(&e, 503, "no_database", "no database here");
	if (e.status != 0 || spot_source_totals(env->db, a, &t, &e) == -1) {
		out->state = PROBE_DOWN;
		snprintf(out->detail, sizeof(out->detail), "%.150s", e.detail);
	} else if (t.n == 0) {
		out->state = PROBE_OK;
		snprintf(out->detail, sizeof(out->detail),
		    "no source of notices is configured");
	} else {
		out->state = t.failing > 0 ? PROBE_DEGRADED : PROBE_OK;
		snprintf(out->detail, sizeof(out->detail), "%lld speak, "
		    "%lld silent (their statuses are polled instead), "
		    "%lld failing, %lld off", (long long)t.ok,
		    (long long)t.silent, (long long)t.failing,
		    (long long)t.off);
	}
	arena_free(a);
}
