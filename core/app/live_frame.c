/*
 * Frames: one event in the words of each dialect, as the bytes that go over
 * the wire. The payload is JSON already and is copied as it is. Pure.
 */
#include <string.h>

#include "app/live.h"
#include "base/clock.h"
#include "events/event.h"

enum { HEAD_MAX = 10 };

size_t
live_ws_head(uint8_t opcode, size_t n, uint8_t out[10])
{
	out[0] = (uint8_t)(0x80 | opcode);
	if (n < 126) {
		out[1] = (uint8_t)n;
		return 2;
	}
	if (n < 65536) {
		out[1] = 126;
		out[2] = (uint8_t)(n >> 8);
		out[3] = (uint8_t)n;
		return 4;
	}
	out[1] = 127;
	for (int i = 0; i < 8; i++)
		out[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
	return 10;
}

/* Leaves room for the longest header; frame_end() closes it up. */
static size_t
frame_begin(struct str *s)
{
	static const char room[HEAD_MAX] = "";

	str_addn(s, room, sizeof(room));
	return s->len;
}

static void
frame_end(struct str *s, size_t start)
{
	uint8_t head[HEAD_MAX];
	size_t n = s->len - start, h = live_ws_head(1, n, head);
	char *at = s->p + start - HEAD_MAX;

	memcpy(at, head, h);
	memmove(at + h, s->p + start, n + 1);
	s->len -= HEAD_MAX - h;
}

void
live_text(struct str *s, const char *p, size_t n)
{
	uint8_t head[HEAD_MAX];

	str_addn(s, head, live_ws_head(1, n, head));
	str_addn(s, p, n);
}

static void
add_entity(struct str *s, const struct live_item *it)
{
	str_jsonn(s, it->entity, it->entity_len);
}

static void
add_time(struct str *s, const struct live_item *it)
{
	char at[CLOCK_TEXT];

	str_addc(s, '"');
	str_add(s, clock_format(it->at, at));
	str_addc(s, '"');
}

static void
add_data(struct str *s, const struct live_item *it)
{
	str_addn(s, it->data, it->data_len);
}

static void
member_i64(struct str *s, const char *name, int64_t v)
{
	str_add(s, name);
	str_add_i64(s, v);
}

static void
native(const struct event *ev, const struct live_item *it, struct str *s)
{
	str_add(s, "{\"type\":\"event\",\"topic\":\"");
	str_add(s, ev->name);
	str_add(s, "\",\"entity\":");
	add_entity(s, it);
	member_i64(s, ",\"version\":", it->version);
	str_add(s, ",\"at\":");
	add_time(s, it);
	if (!(it->flags & LIVE_BRIEF))
		member_i64(s, ",\"off\":", it->off);
	if (it->flags & LIVE_ALL)
		str_add(s, ",\"stream\":\"installation\"");
	str_add(s, ",\"data\":");
	add_data(s, it);
	str_addc(s, '}');
}

/* The payload twice: two of the documents call it data, one payload. */
static void
seed(const struct event *ev, const struct live_item *it, struct str *s)
{
	str_add(s, "{\"id\":");
	add_entity(s, it);
	str_add(s, ",\"type\":\"");
	str_add(s, live_type(ev));
	str_add(s, "\",\"topic\":\"");
	str_add(s, ev->name);
	str_add(s, "\",\"timestamp\":");
	add_time(s, it);
	if (!(it->flags & LIVE_BRIEF))
		member_i64(s, ",\"_off\":", it->off);
	if (it->flags & LIVE_ALL)
		str_add(s, ",\"_stream\":\"installation\"");
	str_add(s, ",\"data\":");
	add_data(s, it);
	str_add(s, ",\"payload\":");
	add_data(s, it);
	str_addc(s, '}');
}

static void
runtime(const struct event *ev, const struct live_item *it, struct str *s)
{
	str_add(s, "{\"type\":\"event\",\"topic\":\"");
	str_add(s, live_type(ev));
	str_add(s, "\",\"data\":");
	add_data(s, it);
	str_add(s, ",\"timestamp\":");
	add_time(s, it);
	if (!(it->flags & LIVE_BRIEF))
		member_i64(s, ",\"_off\":", it->off);
	str_addc(s, '}');
}

/* Members of the payload beside our own; an empty or other payload is put
 * under "data". */
static void
spread(struct str *s, const struct live_item *it)
{
	if (it->data_len >= 2 && it->data[0] == '{') {
		if (it->data_len > 2)
			str_addc(s, ',');
		str_addn(s, it->data + 1, it->data_len - 1);
		return;
	}
	str_add(s, ",\"data\":");
	add_data(s, it);
	str_addc(s, '}');
}

static void
sandbox(const struct event *ev, const struct live_item *it, struct str *s)
{
	bool log = strcmp(live_type(ev), "log") == 0;

	str_add(s, log ? "{\"type\":\"log\",\"timestamp\":" :
	    "{\"type\":\"status\",\"timestamp\":");
	add_time(s, it);
	if (log) {
		spread(s, it);
		return;
	}
	str_add(s, ",\"topic\":\"");
	str_add(s, ev->name);
	str_add(s, "\",\"data\":");
	add_data(s, it);
	str_addc(s, '}');
}

static void
tick(const struct live_item *it, const struct live_about *ab, struct str *s)
{
	member_i64(s, "{\"sequence\":",
	    ab == NULL ? 0 : (int64_t)ab->sequence);
	spread(s, it);
}

static void
sse(const struct event *ev, const struct live_item *it,
    const struct live_about *ab, struct str *s)
{
	if (ab != NULL && !(it->flags & LIVE_BRIEF)) {
		member_i64(s, "id: ", ab->epoch[LIVE_TENANT]);
		member_i64(s, ":", ab->off[LIVE_TENANT]);
		if (ab->epoch[LIVE_INSTALLATION] != 0) {
			member_i64(s, ";", ab->epoch[LIVE_INSTALLATION]);
			member_i64(s, ":", ab->off[LIVE_INSTALLATION]);
		}
		str_addc(s, '\n');
	}
	str_add(s, "event: ");
	str_add(s, ev->name);
	str_add(s, "\ndata: ");
	native(ev, it, s);
	str_add(s, "\n\n");
}

bool
live_shared(enum live_dialect d)
{
	return d != LIVE_SSE && d != LIVE_TICK;
}

void
live_frame(enum live_dialect d, const struct live_topics *t,
    const struct live_item *it, const struct live_about *ab, struct str *s)
{
	const struct event *ev = t->v[it->topic];
	size_t start;

	if (d == LIVE_SSE) {
		sse(ev, it, ab, s);
		return;
	}
	start = frame_begin(s);
	if (d == LIVE_SEED)
		seed(ev, it, s);
	else if (d == LIVE_RUNTIME)
		runtime(ev, it, s);
	else if (d == LIVE_SANDBOX)
		sandbox(ev, it, s);
	else if (d == LIVE_TICK)
		tick(it, ab, s);
	else
		native(ev, it, s);
	frame_end(s, start);
}
