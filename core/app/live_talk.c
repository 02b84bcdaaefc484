/*
 * What clients say and what they are told, in the words of their dialect.
 * Refuses more messages than allowed: first with an error, then by closing.
 */
#include <string.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "events/event.h"
#include "shm/shm.h"

enum { WAIT_MAX = 64 * 1024 };

static void
begin(struct live_conn *c, struct str *s, const char *type)
{
	str_init(s, c->g->scratch);
	str_add(s, "{\"type\":\"");
	str_add(s, type);
	str_addc(s, '"');
}

static void
finish(struct live_conn *c, struct str *s, const char *event)
{
	str_addc(s, '}');
	conn_say(c, event, s->p, s->len);
}

static void
now_member(struct str *s, const char *name)
{
	char at[CLOCK_TEXT];

	str_addf(s, ",\"%s\":\"%s\"", name, clock_format(clock_now(), at));
}

static void
add_list(struct str *s, const char *name, const char *const *v)
{
	str_addf(s, ",\"%s\":[", name);
	for (size_t i = 0; v[i] != NULL; i++) {
		if (i > 0)
			str_addc(s, ',');
		str_json(s, v[i]);
	}
	str_addc(s, ']');
}

/* Names of the topics in a set, by type in the documents' dialects. */
static void
add_topics(struct live_conn *c, struct str *s, const char *name,
    struct live_bits bits)
{
	const struct live_topics *t = &c->g->topics;
	bool types = c->dialect == LIVE_RUNTIME, first = true;

	str_addf(s, ",\"%s\":[", name);
	for (size_t i = 0; i < t->n; i++) {
		if (!live_has(&bits, i))
			continue;
		if (!first)
			str_addc(s, ',');
		first = false;
		str_json(s, types ? live_type(t->v[i]) : t->v[i]->name);
	}
	str_addc(s, ']');
}

void
conn_error(struct live_conn *c, const char *code, const char *text)
{
	struct str s;

	if (c->dialect == LIVE_NATIVE || c->dialect == LIVE_SSE) {
		begin(c, &s, "err");
		str_addf(&s, ",\"code\":\"%s\"", code);
	} else
		begin(c, &s, "error");
	str_add(&s, ",\"message\":");
	str_json(&s, text);
	finish(c, &s, "err");
}

static const char *
id_text(const struct live_conn *c, char buf[24])
{
	static const char hex[] = "0123456789abcdef";
	uint64_t id = conn_id(c);

	for (int i = 0; i < 16; i++)
		buf[i] = hex[id >> (60 - 4 * i) & 15];
	buf[16] = '\0';
	return buf;
}

static void
hello_seed(struct live_conn *c)
{
	char id[24];
	struct str s;

	begin(c, &s, "welcome");
	str_addf(&s, ",\"client_id\":\"%s\"", id_text(c, id));
	now_member(&s, "server_time");
	add_list(&s, "supported_subscriptions", live_subscriptions);
	str_addf(&s, ",\"authenticated\":%s", c->authed ? "true" : "false");
	finish(c, &s, "welcome");
}

/* Greets: guests once, so that they know to whom they talk, and again when
 * they have said who they are. */
void
conn_hello(struct live_conn *c)
{
	struct str s;

	if (c->dialect == LIVE_SEED && (c->authed || !c->guest_told)) {
		c->guest_told = true;
		hello_seed(c);
	}
	if (!c->authed || (c->dialect != LIVE_RUNTIME &&
	    c->dialect != LIVE_SANDBOX)) {
		if (c->authed && c->dialect == LIVE_NATIVE) {
			begin(c, &s, "ready");
			add_topics(c, &s, "topics", c->see);
			finish(c, &s, "ready");
		}
		return;
	}
	begin(c, &s, "connected");
	now_member(&s, "timestamp");
	if (c->dialect == LIVE_RUNTIME)
		add_topics(c, &s, "available_topics", c->see);
	else
		str_add(&s, ",\"message\":\"Connected\"");
	finish(c, &s, "connected");
}

void
conn_default_topics(struct live_conn *c)
{
	const char *const *names = c->ep->topics;
	struct live_bits add = { { 0 } }, one;
	bool single;

	c->named = live_and(c->named, c->see);
	if (c->http) {
		conn_subscribe(c, live_none(&c->want) ? c->see :
		    live_and(c->want, c->see));
		return;
	}
	for (; names != NULL && *names != NULL; names++)
		if (live_topic_match(&c->g->topics, *names, &one,
		    &single) == 0)
			add = live_or(add, live_and(one, c->see));
	if (c->ep->topics != NULL)
		conn_subscribe(c, add);
}

/* ---- answers to subscribe ---------------------------------------------------------- */

static void
add_place(struct str *s, const struct live_place *p)
{
	str_addf(s, "\"epoch\":%lld,\"off\":%lld", (long long)p->s->epoch,
	    (long long)p->off);
}

void
conn_position(struct live_conn *c, enum live_stream_kind k)
{
	struct str s;

	if (c->dialect != LIVE_NATIVE || !c->at[k].on)
		return;
	begin(c, &s, "position");
	str_addc(&s, ',');
	add_place(&s, &c->at[k]);
	if (k == LIVE_INSTALLATION)
		str_add(&s, ",\"stream\":\"installation\"");
	finish(c, &s, "position");
}

void
conn_listed(struct live_conn *c)
{
	struct live_link *l = &c->g->link;
	struct str s;

	str_init(&s, c->g->scratch);
	for (size_t i = 0; i < c->g->topics.n && s.len < 900; i++)
		if (live_has(&c->sub, i) && live_has(&c->see, i)) {
			if (s.len > 0)
				str_addc(&s, ',');
			str_add(&s, c->g->topics.v[i]->name);
		}
	link_begin(l, LINK_SUBS, conn_id(c));
	link_i64(l, (int64_t)c->sent);
	link_i64(l, (clock_boot_ns() - c->heard_ns) / 1000);
	link_text(l, s.len == 0 ? "" : s.p);
	link_end(l);
	link_push(c->g);
	c->told_sent = c->sent;
}

/* So that who comes back before the first event misses none either. */
static void
sse_position(struct live_conn *c, const struct live_place *t,
    const struct live_place *i)
{
	struct str s;

	str_init(&s, c->g->scratch);
	str_addf(&s, "id: %lld:%lld", (long long)t->s->epoch,
	    (long long)t->off);
	if (i->s != NULL)
		str_addf(&s, ";%lld:%lld", (long long)i->s->epoch,
		    (long long)i->off);
	str_addc(&s, '\n');
	conn_out(c, s.p, s.len);
}

/* The documents have no word for it: only said to who asked with ?since=. */
static void
say_resumed(struct live_conn *c, const struct live_place *t, bool ok)
{
	struct str s;

	begin(c, &s, "resumed");
	str_addf(&s, ",\"recovered\":%s,\"_epoch\":%lld,\"_off\":%lld",
	    ok ? "true" : "false", (long long)t->s->epoch,
	    (long long)t->off);
	finish(c, &s, "resumed");
}

static bool
count_resume(const struct live_conn *c)
{
	bool any = false, ok = true;

	for (int k = 0; k < LIVE_STREAMS; k++)
		if (c->at[k].since.given) {
			any = true;
			ok = ok && c->at[k].recovered;
		}
	if (any)
		metric_add(&platform_ws_recovered, ok, 0, 1);
	return any;
}

void
conn_subscribed(struct live_conn *c)
{
	const struct live_place *t = &c->at[LIVE_TENANT],
	    *i = &c->at[LIVE_INSTALLATION];
	bool ok = t->recovered && (i->s == NULL || i->recovered), resumed;
	struct str s;

	resumed = count_resume(c);
	for (int k = 0; k < LIVE_STREAMS; k++)
		c->at[k].since.given = false;
	conn_listed(c);
	if (c->dialect == LIVE_SSE)
		sse_position(c, t, i);
	if (c->dialect != LIVE_NATIVE && c->dialect != LIVE_SSE) {
		if (resumed)
			say_resumed(c, t, ok);
		return;
	}
	begin(c, &s, "subd");
	if (c->id[0] != '\0')
		str_addf(&s, ",\"id\":%s", c->id);
	c->id[0] = '\0';
	str_addc(&s, ',');
	add_place(&s, t);
	str_addf(&s, ",\"recovered\":%s", ok ? "true" : "false");
	if (i->s != NULL) {
		str_add(&s, ",\"installation\":{");
		add_place(&s, i);
		str_addf(&s, ",\"recovered\":%s}", i->recovered ? "true" :
		    "false");
	}
	add_topics(c, &s, "topics", live_and(c->sub, c->see));
	finish(c, &s, "subd");
}

/* ---- messages --------------------------------------------------------------------- */

/* The set that names mean; errors are told one by one. */
static struct live_bits
names_bits(struct live_conn *c, const struct list *names, bool permit)
{
	struct live_bits all = { { 0 } }, one, may;
	bool single;

	for (size_t i = 0; i < names->n; i++) {
		const char *name = ((const char **)names->items)[i];

		if (live_topic_match(&c->g->topics, name, &one,
		    &single) == -1) {
			conn_error(c, "unknown_topic", c->dialect ==
			    LIVE_SEED ? "Invalid subscription type" :
			    "Unknown topic");
			continue;
		}
		may = live_and(one, c->see);
		if (permit && single && live_none(&may)) {
			conn_error(c, "forbidden", "Not permitted");
			continue;
		}
		if (permit && single)
			c->named = live_or(c->named, may);
		all = live_or(all, permit ? may : one);
	}
	return all;
}

static void
op_sub(struct live_conn *c, const struct live_message *m)
{
	struct live_bits add;

	if (m->native && c->dialect == LIVE_SEED) {
		/* it speaks our own dialect: what was on by default ends */
		conn_unsubscribe(c, c->sub);
		c->dialect = LIVE_NATIVE;
	}
	if (m->id != NULL && strlen(m->id) < sizeof(c->id))
		memcpy(c->id, m->id, strlen(m->id) + 1);
	if (m->entity != NULL)
		c->entity = *m->entity == '\0' ? 0 : fnv1a(m->entity,
		    strlen(m->entity), 0);
	add = names_bits(c, &m->names, true);
	for (int k = 0; k < LIVE_STREAMS; k++)
		if (m->since[k].given && c->at[k].s == NULL)
			c->at[k].since = m->since[k];
		else if (m->since[k].given)
			c->at[k].recovered = m->since[k].off ==
			    c->at[k].off && m->since[k].epoch ==
			    c->at[k].s->epoch;
	conn_subscribe(c, add);
}

static void
op_unsub(struct live_conn *c, const struct live_message *m)
{
	struct str s;

	conn_unsubscribe(c, m->names.n == 0 ? c->sub :
	    names_bits(c, &m->names, false));
	conn_listed(c);
	begin(c, &s, c->dialect == LIVE_RUNTIME ? "unsubscribed" : "unsubd");
	if (m->id != NULL)
		str_addf(&s, ",\"id\":%s", m->id);
	add_topics(c, &s, "topics", live_and(c->sub, c->see));
	if (c->dialect == LIVE_RUNTIME)
		now_member(&s, "timestamp");
	finish(c, &s, "unsubd");
}

/* The documents' subscribe: replaces the set (runtime: adds to it). */
static void
op_replace(struct live_conn *c, const struct live_message *m)
{
	struct live_bits add = names_bits(c, &m->names, true);
	const char **names = m->names.items;
	struct str s;

	if (c->dialect != LIVE_RUNTIME)
		conn_unsubscribe(c, live_without(c->sub, add));
	begin(c, &s, c->dialect == LIVE_RUNTIME ? "subscribed" :
	    "subscription_updated");
	str_addf(&s, ",\"%s\":[", c->dialect == LIVE_RUNTIME ? "topics" :
	    "subscriptions");
	for (size_t i = 0; i < m->names.n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, names[i]);
	}
	str_addc(&s, ']');
	if (c->dialect == LIVE_RUNTIME)
		now_member(&s, "timestamp");
	conn_subscribe(c, add);
	finish(c, &s, "subscribed");
}

static void
op_ping(struct live_conn *c, const struct live_message *m)
{
	struct str s;

	begin(c, &s, "pong");
	if (m->id != NULL)
		str_addf(&s, ",\"id\":%s", m->id);
	if (c->dialect != LIVE_SANDBOX)
		now_member(&s, "timestamp");
	if (m->timestamp != NULL)
		str_addf(&s, ",\"client_timestamp\":%s", m->timestamp);
	finish(c, &s, "pong");
}

static void
op_request(struct live_conn *c, const struct live_message *m)
{
	struct live_link *l = &c->g->link;

	if (m->request_type == NULL) {
		conn_error(c, "bad_request", "Missing request_type");
		return;
	}
	link_begin(l, LINK_ASK, conn_id(c));
	link_text(l, m->request_type);
	link_end(l);
	link_push(c->g);
}

void
conn_data(struct live_conn *c, const char *json)
{
	struct str s;

	begin(c, &s, "data_response");
	str_add(&s, json);		/* ,"request_type":…,"data":… */
	finish(c, &s, "data_response");
}

void
conn_status(struct live_conn *c)
{
	const char *ok = c->g->helper_up ? "true" : "false";
	struct str s;

	begin(c, &s, "system_status");
	now_member(&s, "timestamp");
	str_addf(&s, ",\"data\":{\"ok\":%s},\"payload\":{\"ok\":%s}", ok, ok);
	finish(c, &s, "system_status");
}

/* As in the document: acknowledged, nothing is done here. */
static void
op_action(struct live_conn *c, const struct live_message *m)
{
	struct str s;

	if (m->action == NULL || m->agent_id == NULL) {
		conn_error(c, "bad_request", "Missing action or agent_id");
		return;
	}
	begin(c, &s, "action_acknowledged");
	str_add(&s, ",\"action\":");
	str_json(&s, m->action);
	str_add(&s, ",\"agent_id\":");
	str_json(&s, m->agent_id);
	str_add(&s, ",\"performed\":false");
	finish(c, &s, "action_acknowledged");
}

/* Kept until it is known who says so. Texts hold no NUL: they are JSON. */
static void
wait_for_helper(struct live_conn *c, const char *text, size_t n)
{
	if (c->wait_a == NULL) {
		c->wait_a = arena_new(1 << 20);
		str_init(&c->wait, c->wait_a);
	}
	if (c->wait.len + n > WAIT_MAX) {
		conn_error(c, "busy", "Authentication is under way");
		return;
	}
	str_addn(&c->wait, text, n);
	str_addc(&c->wait, '\0');
}

static void
dispatch(struct live_conn *c, const struct live_message *m, const char *text,
    size_t n)
{
	if (m->op == LIVE_OP_AUTH) {
		if (c->state == CONN_ASKED)
			conn_error(c, "busy", "Authentication is under way");
		else if (m->ticket != NULL)
			conn_authenticate(c, LINK_TICKET, m->ticket, NULL,
			    NULL);
		else if (m->token != NULL)
			conn_authenticate(c, strncmp(m->token, "lt_", 3) == 0 ?
			    LINK_TICKET : LINK_CREDENTIAL, m->token, NULL,
			    NULL);
		else
			conn_error(c, "bad_request", "Missing token");
		return;
	}
	if (m->op == LIVE_OP_PING) {
		op_ping(c, m);
		return;
	}
	if (c->state == CONN_ASKED) {
		wait_for_helper(c, text, n);
		return;
	}
	if (c->state != CONN_READY) {
		conn_error(c, "not_authenticated", "Not authenticated");
		return;
	}
	if (c->at[LIVE_TENANT].s != NULL && !c->subscribed && (m->op ==
	    LIVE_OP_SUB || m->op == LIVE_OP_UNSUB ||
	    m->op == LIVE_OP_REPLACE)) {
		wait_for_helper(c, text, n);	/* one answer after another */
		return;
	}
	if (m->op == LIVE_OP_SUB)
		op_sub(c, m);
	else if (m->op == LIVE_OP_UNSUB)
		op_unsub(c, m);
	else if (m->op == LIVE_OP_REPLACE)
		op_replace(c, m);
	else if (m->op == LIVE_OP_REQUEST)
		op_request(c, m);
	else if (m->op == LIVE_OP_ACTION)
		op_action(c, m);
}

/* GCRA over the client's own messages. */
static bool
allowed(struct live_conn *c)
{
	const struct platform_live_conf *cf = c->g->conf;
	int64_t now = clock_boot_ns() / 1000;
	int64_t t = cf->messages_s * US_PER_S / cf->messages;

	if (c->tat_us < now)
		c->tat_us = now;
	if (c->tat_us - now > t * (cf->messages - 1)) {
		if (++c->refused > cf->messages)
			conn_close(c, 4429, "too many messages");
		else
			conn_error(c, "rate_limited", "Rate limit exceeded");
		return false;
	}
	c->tat_us += t;
	return true;
}

static void
message(struct live_conn *c, const char *text, size_t n)
{
	struct arena *a;
	struct live_message m;
	const char *why;

	a = arena_new(1 << 20);
	if (live_parse((enum live_dialect)c->dialect, text, n,
	    (size_t)c->g->conf->subscriptions, a, &m, &why) == -1)
		conn_error(c, "bad_message", why);
	else
		dispatch(c, &m, text, n);
	arena_free(a);
}

void
conn_message(struct live_conn *c, const char *text, size_t n)
{
	if (c->state != CONN_CLOSING && allowed(c))
		message(c, text, n);
}

void
conn_waiting(struct live_conn *c)
{
	struct arena *a = c->wait_a;
	const char *p = c->wait.p, *end = p + c->wait.len;

	c->wait_a = NULL;
	for (; a != NULL && p < end; p += strlen(p) + 1)
		if (c->state == CONN_READY)
			message(c, p, strlen(p));
	arena_free(a);
}
