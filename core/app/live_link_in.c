/*
 * What reaches the gateway: rows of the stream and answers from the helper,
 * and ephemeral events as datagrams of this host. Numbers of a stream must
 * follow each other; where one is missing, its clients resume.
 */
#include <json.h>
#include <string.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "base/random.h"
#include "events/event.h"
#include "base/map.h"

/* ---- rows --------------------------------------------------------------------------- */

static struct live_stream *
followed(struct gateway *g, struct uuid tenant)
{
	char key[UUID_TEXT];
	struct live_stream *s = map_get(g->by_tenant,
	    uuid_format(tenant, key));

	return s != NULL && s->a != NULL ? s : NULL;
}

static bool
continues(const struct live_stream *s, int64_t first)
{
	if (s->row_top != 0)
		return first == s->row_top + 1;
	return !s->known || first <= s->top + 1;
}

static void
epoch_seen(struct live_stream *s, int64_t epoch)
{
	if (!s->known || s->epoch != 0 || epoch == 0)
		return;
	s->epoch = epoch;		/* its first event */
	for (size_t i = 0; i < s->conns.n; i++)
		conn_position(s->conns.v[i], s->kind);
}

static void
row(struct gateway *g, struct live_packet *p)
{
	struct live_stream *s;
	struct live_item it;
	struct uuid tenant;
	const void *id;
	int64_t first, n, epoch;

	g->pos = packet_i64(p);
	id = packet_bytes(p, sizeof(tenant));
	first = packet_i64(p);
	n = packet_i64(p);
	epoch = packet_i64(p);
	if (p->bad)
		return;
	memcpy(&tenant, id, sizeof(tenant));
	if ((s = followed(g, tenant)) == NULL)
		return;
	epoch_seen(s, epoch);
	if (!continues(s, first) ||
	    (s->known && epoch != 0 && s->epoch != epoch)) {
		stream_broken(g, s);
		return;
	}
	while (packet_item(p, &it))
		if (it.topic < g->topics.n)
			stream_push(g, s, &it);
	s->row_top = first + n - 1;
	if (s->top < s->row_top)
		s->top = s->row_top;
}

static void
position(struct gateway *g, struct live_packet *p)
{
	int64_t pos = packet_i64(p);
	bool restored = packet_i64(p) != 0;

	if (p->bad)
		return;
	g->helper_up = true;
	g->heard_ns = clock_boot_ns();
	g->pos = pos;
	if (!restored)
		return;
	for (struct live_stream *s = g->streams; s != NULL; s = s->next)
		if (s->a != NULL)
			stream_broken(g, s);
}

void
gateway_packet(struct gateway *g, struct live_packet *p)
{
	struct live_conn *c = conn_by_id(g, p->id);
	const char *text;

	if (p->kind == LINK_POS)
		position(g, p);
	else if (p->kind == LINK_ROW)
		row(g, p);
	else if (c == NULL)
		return;			/* it has gone meanwhile */
	else if (p->kind == LINK_AUTHED)
		conn_authed(c, p);
	else if (p->kind == LINK_PAGE)
		conn_page(c, p);
	else if (p->kind == LINK_DATA) {
		text = packet_text(p);
		if (!p->bad)
			conn_data(c, text);
	}
}

/* ---- ephemeral events ------------------------------------------------------------------ */

static const char *
text_of(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) &&
	    json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) : NULL;
}

/* The payload stands last in the line and is taken as it is. */
static void
frame_item(struct gateway *g, struct json_object *o, const char *line,
    size_t n)
{
	const char *topic = text_of(o, "t"), *entity = text_of(o, "e"),
	    *tenant = text_of(o, "tenant"), *at = text_of(o, "at");
	const char *d = memmem(line, n, ",\"d\":", 5);
	struct live_item it = { .flags = LIVE_BRIEF };
	struct json_object *v;
	struct live_stream *s;
	struct uuid id;
	int bit;

	if (topic == NULL || entity == NULL || tenant == NULL || at == NULL ||
	    d == NULL || uuid_parse(tenant, &id) == -1 ||
	    clock_parse(at, &it.at) == -1 || line[n - 1] != '}' ||
	    (bit = live_topic_find(&g->topics, topic)) < 0)
		return;
	if (json_object_object_get_ex(o, "v", &v))
		it.version = json_object_get_int64(v);
	if (g->topics.v[bit]->flags & EV_ALL) {
		it.flags |= LIVE_ALL;
		memset(&id, 0, sizeof(id));
	}
	if (g->topics.v[bit]->flags & EV_STATE)
		it.flags |= LIVE_STATE;
	if ((s = followed(g, id)) == NULL)
		return;
	it.topic = (uint16_t)bit;
	it.entity = entity;
	it.entity_len = (uint32_t)strlen(entity);
	it.key = live_key(it.topic, entity, it.entity_len);
	it.data = d + 5;
	it.data_len = (uint32_t)(line + n - 1 - it.data);
	stream_push(g, s, &it);
}

static void
one_frame(struct gateway *g, const char *line, size_t n)
{
	struct json_tokener *t = json_tokener_new_ex(32);
	struct json_object *o = json_tokener_parse_ex(t, line, (int)n);

	if (o != NULL && json_object_is_type(o, json_type_object) &&
	    json_tokener_get_parse_end(t) == n && n > 2)
		frame_item(g, o, line, n);
	json_object_put(o);
	json_tokener_free(t);
}

/* Lines; an event is one. */
void
gateway_frame(struct gateway *g, const char *lines, size_t n)
{
	while (n > 0) {
		const char *end = memchr(lines, '\n', n);
		size_t len = end == NULL ? n : (size_t)(end - lines);

		one_frame(g, lines, len);
		lines += len + (end != NULL);
		n -= len + (end != NULL);
	}
}
