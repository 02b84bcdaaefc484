/*
 * Publishing. A durable event is a line in an outbox row of the caller's
 * transaction; an ephemeral one is a datagram to this host's gateway. Refuses
 * payloads that no reader would take, and never talks to anyone while a
 * transaction is open: the bell rings after the commit.
 */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "db/db.h"
#include "events/event.h"
#include "module.h"
#include "proc/bell.h"
#include "schema/schema.h"

enum {
	PAYLOAD_MAX = 256 * 1024,
	ROW_MAX = 256 * 1024,	/* bytes of an outbox row before a new one */
	ROW_EVENTS = 100,
	ENTITY_MAX = 64,
	FRAME_MAX = 64 * 1024,	/* of an ephemeral event, and of a burst */
	BURST_SEND = 56 * 1024,
	OUTBOX_COLUMNS = 4
};

static const struct query OUTBOX_ADD = { "events_outbox.add",
	"INSERT INTO events_outbox (tenant_id, n, body, at) "
	"VALUES (?, ?, ?, ?)", NULL };

const struct query *const event_queries[] = { &OUTBOX_ADD, NULL };

const struct event *
event_find(const struct module *const *mods, const char *name)
{
	for (; *mods != NULL; mods++) {
		const struct event *const *set = (*mods)->events;

		for (; set != NULL && *set != NULL; set++)
			for (const struct event *ev = *set; ev->name != NULL;
			    ev++)
				if (strcmp(ev->name, name) == 0)
					return ev;
	}
	return NULL;
}

/* Members t (topic), e (entity), v (version), at, d (payload). */
static void
add_members(struct str *s, const struct event *ev, const char *entity,
    int64_t version, struct utc at, const void *payload)
{
	char text[CLOCK_TEXT];

	str_add(s, "\"t\":");
	str_json(s, ev->name);
	str_add(s, ",\"e\":");
	str_json(s, entity);
	str_addf(s, ",\"v\":%lld,\"at\":\"%s\",\"d\":", (long long)version,
	    clock_format(at, text));
	if (ev->payload == NULL)
		str_add(s, "{}");
	else
		schema_encode(ev->payload, payload, s);
	str_addc(s, '}');
}

/* A datagram: {"tenant":…, then the members of a line}. */
static void
send_frame(const struct event *ev, struct uuid tenant, const char *entity,
    int64_t version, const void *payload)
{
	struct arena *a = arena_new(1 << 20);
	char id[UUID_TEXT];
	struct str s;

	str_init(&s, a);
	str_addf(&s, "{\"tenant\":\"%s\",", uuid_format(tenant, id));
	add_members(&s, ev, entity, version, clock_now(), payload);
	if (s.len <= FRAME_MAX)
		bell_send("frames", s.p, s.len);
	arena_free(a);
}

struct event_burst {
	struct str lines;
};

struct event_burst *
event_burst_new(struct arena *a)
{
	struct event_burst *b = arena_alloc(a, sizeof(*b));

	str_init(&b->lines, a);
	return b;
}

void
event_burst_add(struct event_burst *b, const struct event *ev,
    struct uuid tenant, const char *entity, int64_t version,
    const void *payload)
{
	char id[UUID_TEXT];
	size_t before = b->lines.len;

	ASSERT(ev->flags & EV_EPHEMERAL);
	if (before > 0)
		str_addc(&b->lines, '\n');
	str_addf(&b->lines, "{\"tenant\":\"%s\",", uuid_format(tenant, id));
	add_members(&b->lines, ev, entity, version, clock_now(), payload);
	if (b->lines.len > FRAME_MAX)
		b->lines.len = before;	/* one that nobody would take */
}

bool
event_burst_full(const struct event_burst *b)
{
	return b->lines.len > BURST_SEND;
}

int
event_burst_send(struct event_burst *b)
{
	if (b->lines.len > 0 && bell_send("frames", b->lines.p,
	    b->lines.len) == -1 && (errno == EAGAIN || errno == ENOBUFS))
		return -1;
	b->lines.len = 0;
	return 0;
}

static void
ring_relay(void *arg)
{
	(void)arg;
	bell_ring("relay", "");
}

static int
add_row(struct db *db, struct uuid tenant, size_t n, const struct str *body,
    struct err *e)
{
	return db_post(db, &OUTBOX_ADD, ARGS(val_id(tenant), V((int64_t)n),
	    val_sn(body->p, body->len), V(clock_now())), e);
}

int
event_publish(struct db *db, const struct event *ev, struct uuid tenant,
    const char *entity, int64_t version, const void *payload, struct err *e)
{
	struct arena *a;
	struct str s;
	int rc;

	ASSERT(strlen(entity) <= ENTITY_MAX);
	if (ev->flags & EV_EPHEMERAL) {
		send_frame(ev, tenant, entity, version, payload);
		return 0;
	}
	a = arena_new(8 << 20);
	str_init(&s, a);
	str_addc(&s, '{');
	add_members(&s, ev, entity, version, clock_now(), payload);
	if (s.len > PAYLOAD_MAX) {
		err_set(e, 500, "event_too_large", "Internal error");
		rc = err_cause(e, "event %s has %zu bytes", ev->name, s.len);
	} else
		rc = add_row(db, tenant, 1, &s, e);
	arena_free(a);
	if (rc == 0)
		db_on_commit(db, ring_relay, NULL);
	return rc;
}

/* ---- packs ------------------------------------------------------------------ */

struct pack_row {
	struct uuid tenant;
	size_t n;
	struct str body;	/* lines */
};

struct event_pack {
	struct arena *a;
	VEC(struct pack_row) rows;
	size_t count;
	struct utc at;
};

struct event_pack *
event_pack_new(struct arena *a)
{
	struct event_pack *p = arena_alloc(a, sizeof(*p));

	p->a = a;
	p->at = clock_now();
	return p;
}

/* The latest row of the tenant, if it has room. */
static struct pack_row *
row_of(struct event_pack *p, struct uuid tenant)
{
	struct pack_row *r;

	for (size_t i = p->rows.n; i > 0; i--) {
		r = &p->rows.v[i - 1];
		if (!uuid_equal(r->tenant, tenant))
			continue;
		if (r->n < ROW_EVENTS && r->body.len < ROW_MAX)
			return r;
		break;
	}
	r = VEC_ADD(p->a, &p->rows);
	r->tenant = tenant;
	str_init(&r->body, p->a);
	return r;
}

void
event_pack_add(struct event_pack *p, const struct event *ev,
    struct uuid tenant, const char *entity, int64_t version,
    const void *payload)
{
	struct pack_row *r;

	ASSERT(strlen(entity) <= ENTITY_MAX);
	if (ev->flags & EV_EPHEMERAL) {
		send_frame(ev, tenant, entity, version, payload);
		return;
	}
	r = row_of(p, tenant);
	if (r->n > 0)
		str_addc(&r->body, '\n');
	str_addc(&r->body, '{');
	add_members(&r->body, ev, entity, version, p->at, payload);
	r->n++;
	p->count++;
}

int
event_pack_publish(struct db *db, struct event_pack *p, struct err *e)
{
	size_t n = p->rows.n;
	struct val *v;

	if (n == 0)
		return 0;
	db_on_commit(db, ring_relay, NULL);
	if (n == 1)
		return add_row(db, p->rows.v[0].tenant, p->rows.v[0].n,
		    &p->rows.v[0].body, e);
	v = arena_array(p->a, n * OUTBOX_COLUMNS, sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		const struct pack_row *r = &p->rows.v[i];

		v[OUTBOX_COLUMNS * i] = val_id(r->tenant);
		v[OUTBOX_COLUMNS * i + 1] = V((int64_t)r->n);
		v[OUTBOX_COLUMNS * i + 2] = val_sn(r->body.p, r->body.len);
		v[OUTBOX_COLUMNS * i + 3] = V(p->at);
	}
	return db_exec_many(db, &OUTBOX_ADD, v, OUTBOX_COLUMNS, n, NULL, e);
}
