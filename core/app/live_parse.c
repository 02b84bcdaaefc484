/*
 * Messages of clients, in all dialects: one schema takes the members of every
 * one of them; which word is meant tells the operation. Refuses what is not a
 * JSON object, and lists longer than allowed. Pure.
 */
#include <string.h>

#include "app/live.h"
#include "base/err.h"
#include "base/number.h"
#include "schema/schema.h"

struct position {
	int64_t epoch, off;
	const void *installation;
};
struct incoming {
	const char *type, *op, *action, *ch, *token, *ticket, *entity,
	    *request_type, *agent_id;
	struct json id, timestamp;
	struct list topics, subscriptions;
	const void *since;
};

#define NUMBER .min = 0, .max = INT64_MAX
static const struct field inner_fields[] = {
	FIELD(struct position, epoch, NUMBER, .doc = "Epoch"),
	FIELD(struct position, off, NUMBER, .doc = "Last event seen"),
	FIELD_END
};
static const struct schema inner_schema = { .name = "LivePosition",
    .doc = "Where a client has come to", .size = sizeof(struct position),
    .fields = inner_fields };
static const struct field position_fields[] = {
	FIELD(struct position, epoch, NUMBER, .doc = "Epoch"),
	FIELD(struct position, off, NUMBER, .doc = "Last event seen"),
	FIELD(struct position, installation, .sub = &inner_schema,
	    .flags = FF_NULLABLE, .doc = "The same in the other stream"),
	FIELD_END
};
static const struct schema position_schema = { .name = "LivePositions",
    .doc = "Where a client has come to", .size = sizeof(struct position),
    .fields = position_fields };

#define TEXT(m, n) FIELD(struct incoming, m, .flags = FF_NULLABLE, \
	.max = n, .doc = "Text")
static const struct field incoming_fields[] = {
	TEXT(type, 64), TEXT(op, 64), TEXT(action, 64), TEXT(ch, 64),
	TEXT(token, 8192), TEXT(ticket, 200), TEXT(entity, 64),
	TEXT(request_type, 64), TEXT(agent_id, 128),
	FIELD(struct incoming, id, .flags = FF_NULLABLE, .doc = "Any"),
	FIELD(struct incoming, timestamp, .flags = FF_NULLABLE,
	    .doc = "Any"),
	FIELD(struct incoming, topics, .elem = FT_STR, .max = 1000,
	    .doc = "Topics"),
	FIELD(struct incoming, subscriptions, .elem = FT_STR, .max = 1000,
	    .doc = "Names"),
	FIELD(struct incoming, since, .sub = &position_schema,
	    .flags = FF_NULLABLE, .doc = "Where to go on"),
	FIELD_END
};
static const struct schema incoming_schema = { .name = "LiveMessage",
    .doc = "Message of a client", .size = sizeof(struct incoming),
    .fields = incoming_fields };

/* ---- words ------------------------------------------------------------------ */

static const struct word {
	const char *word;
	enum live_op op;
	bool native;
} words[] = {
	{ "sub", LIVE_OP_SUB, true },
	{ "unsub", LIVE_OP_UNSUB, true },
	{ "connect", LIVE_OP_AUTH, false },
	{ "auth", LIVE_OP_AUTH, false },
	{ "authenticate", LIVE_OP_AUTH, false },
	{ "refresh", LIVE_OP_AUTH, false },
	{ "ping", LIVE_OP_PING, false },
	{ "pong", LIVE_OP_PONG, false },
	{ "subscribe", LIVE_OP_REPLACE, false },
	{ "unsubscribe", LIVE_OP_UNSUB, false },
	{ "request_data", LIVE_OP_REQUEST, false },
	{ "agent_action", LIVE_OP_ACTION, false },
	{ NULL, LIVE_OP_NONE, false }
};

static const struct word *
word_find(const char *w)
{
	const struct word *p = words;

	while (p->word != NULL && strcmp(p->word, w) != 0)
		p++;
	return p;
}

static int
refuse(const char **why, const char *text)
{
	*why = text;
	return -1;
}

static void
since_take(struct live_message *m, const struct position *p, uint64_t seen)
{
	const struct position *in;

	(void)seen;
	if (p == NULL)
		return;
	in = p->installation;
	m->since[LIVE_TENANT] = (struct live_since){ p->epoch, p->off, true };
	if (in != NULL)
		m->since[LIVE_INSTALLATION] = (struct live_since){ in->epoch,
		    in->off, true };
}

static int
names_take(struct live_message *m, const struct incoming *in,
    size_t max_names, struct arena *a, const char **why)
{
	m->names = in->topics.n > 0 ? in->topics : in->subscriptions;
	if (in->ch != NULL && m->names.n == 0) {
		const char **one = arena_alloc(a, sizeof(*one));

		*one = in->ch;
		m->names = (struct list){ one, 1 };
	}
	for (size_t i = 0; i < m->names.n; i++) {
		const char *s = ((const char **)m->names.items)[i];

		if (s == NULL || strlen(s) > 64)
			return refuse(why, "Invalid subscription type");
	}
	return m->names.n > max_names ? refuse(why, "Too many subscriptions") :
	    0;
}

static int
parse_object(const char *text, size_t n, size_t max_names, struct arena *a,
    struct live_message *m, const char **why)
{
	struct incoming in;
	struct err e = { 0 };
	const struct word *w;
	uint64_t seen;

	if (schema_decode_json(&incoming_schema, text, n, "message", false, a,
	    &in, &seen, &e) == -1)
		return refuse(why, e.nfields > 0 && strncmp(e.fields[0].type,
		    "json", 4) != 0 ? "Invalid message" :
		    "Invalid JSON format");
	m->word = in.type != NULL ? in.type : in.op != NULL ? in.op :
	    in.action;
	if (m->word == NULL)
		return refuse(why, "Unknown message type");
	w = word_find(m->word);
	m->op = w->op;
	m->native = w->native;
	m->id = in.id.p;
	m->timestamp = in.timestamp.p;
	m->token = in.token;
	m->ticket = in.ticket;
	m->entity = in.entity;
	m->request_type = in.request_type;
	m->action = in.action;
	m->agent_id = in.agent_id;
	since_take(m, in.since, seen);
	if (names_take(m, &in, max_names, a, why) == -1)
		return -1;
	return m->op != LIVE_OP_NONE ? 0 :
	    refuse(why, "Unknown message type");
}

int
live_parse(enum live_dialect d, const char *text, size_t n, size_t max_names,
    struct arena *a, struct live_message *m, const char **why)
{
	memset(m, 0, sizeof(*m));
	if (d == LIVE_SANDBOX && n == 4 && memcmp(text, "ping", 4) == 0) {
		m->op = LIVE_OP_PING;
		m->word = "ping";
		return 0;
	}
	return parse_object(text, n, max_names, a, m, why);
}

/* ---- positions as text ----------------------------------------------------- */

static int
pair_parse(const char *p, size_t n, struct live_since *out)
{
	const char *colon = memchr(p, ':', n);

	if (colon == NULL ||
	    num_i64(p, (size_t)(colon - p), &out->epoch) != NUM_OK ||
	    num_i64(colon + 1, n - (size_t)(colon + 1 - p), &out->off) !=
	    NUM_OK || out->epoch < 0 || out->off < 0)
		return -1;
	out->given = true;
	return 0;
}

int
live_since_parse(const char *text, struct live_since out[LIVE_STREAMS])
{
	size_t n = strcspn(text, ";");

	memset(out, 0, LIVE_STREAMS * sizeof(*out));
	if (pair_parse(text, n, &out[LIVE_TENANT]) == -1)
		return -1;
	return text[n] == '\0' ? 0 : pair_parse(text + n + 1,
	    strlen(text + n + 1), &out[LIVE_INSTALLATION]);
}

struct list
live_names_split(struct arena *a, const char *text)
{
	VEC(const char *) v = { 0 };

	for (const char *p = text; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ",");

		if (n > 0)
			*VEC_ADD(a, &v) = arena_strndup(a, p, n);
		p += n + (p[n] == ',');
	}
	return (struct list){ v.v, v.n };
}
