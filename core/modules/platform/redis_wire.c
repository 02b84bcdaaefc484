/*
 * What is said to Redis, and what its entries mean. No SQL. An entry's fields
 * are foreign text: they become a topic's struct by its schema or not at all.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/platform/redis.h"
#include "net/redis.h"

enum { READ_COUNT = 200, PING_CAP = 1 << 20,
	KEY_WORD = 1, ID_WORD = 5 };	/* of XADD */

int
platform_redis_ping(const char *url, int timeout_ms, char *detail, size_t n)
{
	static const struct redis_word word = { "PING", 4 };
	static const struct redis_cmd ping = { &word, 1, 0 };
	struct arena *a = arena_new(PING_CAP);
	struct redis_reply p;
	struct err e = { 0 };
	struct redis *r;
	int rc = -1;

	detail[0] = '\0';
	if (redis_open(&r, a, url, timeout_ms, NULL, &e) == -1 ||
	    redis_do(r, a, &ping, &p, &e) == -1)
		snprintf(detail, n, "%s", e.cause[0] != '\0' ? e.cause :
		    e.detail);
	else if (p.kind != REDIS_TEXT || strcmp(p.s, "PONG") != 0)
		snprintf(detail, n, "%.100s", p.kind == REDIS_REFUSED ? p.s :
		    "no PONG");
	else
		rc = 0;
	arena_free(a);
	return rc;
}

/* ---- out --------------------------------------------------------------------------- */

struct sending {
	struct arena *a;
	const struct platform_redis_conf *cf;
	VEC(struct redis_cmd) cmds;
};

static void
add(struct sending *s, const char *const *words, size_t n, size_t key)
{
	struct redis_word *w = arena_array(s->a, n, sizeof(*w));

	for (size_t i = 0; i < n; i++)
		w[i] = (struct redis_word){ words[i], strlen(words[i]) };
	*VEC_ADD(s->a, &s->cmds) = (struct redis_cmd){ w, n, key };
}

/* The id is the event's place in the stream, so that adding it twice is
 * refused and nothing is there twice. */
static void
add_entry(struct sending *s, const struct event_row *row,
    const struct event_item *it, const char *tenant)
{
	char at[CLOCK_TEXT];
	const char *words[] = { "XADD", platform_redis_name(s->a,
	    s->cf->stream, row->tenant_id), "MAXLEN", "~",
	    arena_printf(s->a, "%lld", (long long)s->cf->stream_max),
	    arena_printf(s->a, "%lld-%lld", (long long)row->pos,
	    (long long)(it->off - row->first + 1)), "tenant", tenant, "off",
	    arena_printf(s->a, "%lld", (long long)it->off), "topic",
	    it->topic, "entity", it->entity, "version",
	    arena_printf(s->a, "%lld", (long long)it->version), "at",
	    arena_strdup(s->a, clock_format(it->at, at)), "data",
	    it->data.p };

	add(s, words, NITEMS(words), 1);
}

static void
add_message(struct sending *s, const struct event_row *row,
    const struct event_item *it, const char *tenant)
{
	const char *words[3] = { "PUBLISH", platform_redis_name(s->a,
	    s->cf->channel, row->tenant_id) };
	struct str text;

	str_init(&text, s->a);
	str_addf(&text, "{\"tenant\":\"%s\",\"pos\":%lld,\"event\":", tenant,
	    (long long)row->pos);
	schema_encode(&event_item_schema, it, &text);
	str_addc(&text, '}');
	words[2] = text.p;
	add(s, words, 3, 0);
}

static int
add_row(struct sending *s, const struct event_row *row, size_t *sent,
    struct err *e)
{
	char id[UUID_TEXT];
	const char *tenant = uuid_is_nil(row->tenant_id) ? "installation" :
	    arena_strdup(s->a, uuid_format(row->tenant_id, id));
	struct rows items;

	if (event_unpack(s->a, row, &items, e) == -1)
		return -1;
	for (size_t i = 0; i < items.n; i++) {
		const struct event_item *it = ROW(&items, struct event_item,
		    i);

		if (*s->cf->stream != '\0')
			add_entry(s, row, it, tenant);
		if (*s->cf->channel != '\0')
			add_message(s, row, it, tenant);
		++*sent;
	}
	return 0;
}

/* An entry is there already (we sent it and could not remember), or the stream
 * holds higher ids of another life of this database: then Redis numbers it. */
static int
refused(struct redis *r, struct arena *a, const struct redis_cmd *cmd,
    const struct redis_reply *why, struct err *e)
{
	struct redis_word *w = arena_memdup(a, cmd->words,
	    cmd->n * sizeof(*w));
	struct redis_reply p = *why;

	if (strstr(why->s, "equal or smaller") != NULL) {
		const struct redis_word range[] = { { "XRANGE", 6 },
		    w[KEY_WORD], w[ID_WORD], w[ID_WORD] };

		if (redis_do(r, a, &(struct redis_cmd){ range, 4, 1 }, &p,
		    e) == -1)
			return -1;
		if (p.kind == REDIS_LIST && p.n == 1)
			return 0;
		w[ID_WORD] = (struct redis_word){ "*", 1 };
		if (redis_do(r, a, &(struct redis_cmd){ w, cmd->n, 1 }, &p,
		    e) == -1)
			return -1;
		if (p.kind == REDIS_TEXT)
			return 0;
	}
	err_set(e, 503, "redis_refused", "Redis refuses events");
	return err_cause(e, "%.200s", p.kind == REDIS_REFUSED ? p.s : "");
}

int
platform_redis_send(struct redis *r, struct arena *a,
    const struct platform_redis_conf *cf, const struct rows *rows,
    size_t *sent, struct err *e)
{
	struct sending s = { .a = a, .cf = cf };
	struct redis_reply *out;

	*sent = 0;
	for (size_t i = 0; i < rows->n; i++)
		if (add_row(&s, ROW(rows, struct event_row, i), sent, e) ==
		    -1)
			return -1;
	out = arena_array(a, s.cmds.n + 1, sizeof(*out));
	if (redis_pipe(r, a, s.cmds.v, s.cmds.n, out, e) == -1)
		return -1;
	for (size_t i = 0; i < s.cmds.n; i++)
		if (out[i].kind == REDIS_REFUSED &&
		    refused(r, a, &s.cmds.v[i], &out[i], e) == -1)
			return -1;
	return 0;
}

/* ---- in ---------------------------------------------------------------------------- */

static int
strange(const char *stream, const char *what, struct err *e)
{
	err_set(e, 503, "redis_refused", "Redis does not give the entries");
	return err_cause(e, "%.80s: %.150s", stream, what);
}

static bool
text_only(const struct redis_reply *p)
{
	return p->kind == REDIS_TEXT && strlen(p->s) == p->n;
}

/* [id, [name, value, …]]; an entry that was deleted has no fields. */
static bool
entry_of(struct arena *a, const struct redis_reply *p,
    struct platform_redis_entry *out)
{
	const struct redis_reply *f;

	if (p->kind != REDIS_LIST || p->n != 2 || !text_only(&p->items[0]))
		return false;
	out->id = p->items[0].s;
	f = &p->items[1];
	if (f->kind != REDIS_LIST)
		return true;
	out->fields = arena_array(a, f->n / 2 + 1, sizeof(*out->fields));
	for (size_t i = 0; i + 1 < f->n; i += 2) {
		if (!text_only(&f->items[i]) || !text_only(&f->items[i + 1]))
			continue;
		out->fields[out->n++] = (struct pair){ f->items[i].s,
		    f->items[i + 1].s };
	}
	return true;
}

int
platform_redis_read(struct redis *r, struct arena *a, const char *stream,
    const char *after, int64_t block_ms, struct platform_redis_entry **out,
    size_t *n, struct err *e)
{
	const char *words[8];
	struct redis_word w[8];
	const struct redis_reply *list;
	struct redis_reply p;
	size_t k = 0;

	words[k++] = "XREAD";
	words[k++] = "COUNT";
	words[k++] = arena_printf(a, "%d", READ_COUNT);
	if (block_ms > 0) {
		words[k++] = "BLOCK";
		words[k++] = arena_printf(a, "%lld", (long long)block_ms);
	}
	words[k++] = "STREAMS";
	words[k++] = stream;
	words[k++] = after;
	for (size_t i = 0; i < k; i++)
		w[i] = (struct redis_word){ words[i], strlen(words[i]) };
	*n = 0;
	if (redis_do(r, a, &(struct redis_cmd){ w, k, k - 2 }, &p, e) == -1)
		return -1;
	if (p.kind == REDIS_NIL)
		return 0;
	if (p.kind == REDIS_REFUSED)
		return strange(stream, p.s, e);
	if (p.kind != REDIS_LIST || p.n != 1 ||
	    p.items[0].kind != REDIS_LIST || p.items[0].n != 2 ||
	    p.items[0].items[1].kind != REDIS_LIST)
		return strange(stream, "an answer of another form", e);
	list = &p.items[0].items[1];
	*out = arena_array(a, list->n + 1, sizeof(**out));
	for (size_t i = 0; i < list->n; i++)
		if (!entry_of(a, &list->items[i], &(*out)[(*n)++]))
			return strange(stream, "an entry of another form", e);
	return 0;
}

static const char *
field_of(const struct platform_redis_entry *en, const char *name)
{
	for (size_t i = 0; i < en->n; i++)
		if (strcmp(en->fields[i].name, name) == 0)
			return en->fields[i].value;
	return NULL;
}

const char *
platform_redis_entity(const struct platform_redis_entry *en)
{
	const char *s = field_of(en, "entity");

	return s == NULL || strlen(s) > 64 ? "" : s;
}

int
platform_redis_payload(struct arena *a, const struct event *ev,
    const struct platform_redis_entry *en, void **out, struct err *e)
{
	const char *data = field_of(en, "data");
	struct pair *own = arena_array(a, en->n + 1, sizeof(*own));
	uint64_t seen;
	size_t n = 0;

	*out = NULL;
	if (ev->payload == NULL)
		return 0;
	*out = arena_alloc(a, ev->payload->size);
	if (data != NULL)
		return schema_decode_json(ev->payload, data, strlen(data),
		    "data", true, a, *out, &seen, e);
	for (size_t i = 0; i < en->n; i++)
		if (strcmp(en->fields[i].name, "entity") != 0)
			own[n++] = en->fields[i];
	return schema_decode_pairs(ev->payload, own, n, "data", true, a,
	    *out, &seen, e);
}
