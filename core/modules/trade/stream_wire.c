/*
 * What is said to Redis about streams. No SQL. Refuses answers of another
 * form than the commands have.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/trade/message.h"
#include "modules/trade/stream.h"
#include "net/redis.h"

enum { WORDS = 16, ACKS = 50 };
#define CONSUMER "feed"

static int
command(struct redis *r, struct arena *a, const char *const *words, size_t n,
    size_t key, struct redis_reply *out, struct err *e)
{
	struct redis_word *w = arena_array(a, n, sizeof(*w));

	for (size_t i = 0; i < n; i++)
		w[i] = (struct redis_word){ words[i], strlen(words[i]) };
	return redis_do(r, a, &(struct redis_cmd){ w, n, key }, out, e);
}

static int
strange(const char *stream, const struct redis_reply *p, struct err *e)
{
	if (p->kind == REDIS_REFUSED && strncmp(p->s, "NOGROUP", 7) == 0)
		return err_set(e, 404, "no_group", "The stream is new");
	err_set(e, 503, "redis_refused", "Redis does not give the entries");
	return err_cause(e, "%.80s: %.150s", stream,
	    p->kind == REDIS_REFUSED ? p->s : "an answer of another form");
}

int
trade_stream_join(struct redis *r, struct arena *a, const char *stream,
    const char *group, const char *after, struct err *e)
{
	const char *const words[] = { "XGROUP", "CREATE", stream, group,
	    *after == '\0' ? "0" : after, "MKSTREAM" };
	struct redis_reply p;

	if (command(r, a, words, NITEMS(words), 2, &p, e) == -1)
		return -1;
	if (p.kind == REDIS_REFUSED && strncmp(p.s, "BUSYGROUP", 9) != 0)
		return strange(stream, &p, e);
	return 0;
}

/* [id, [name, value, …]]; an entry that was deleted has no fields. */
static bool
entry_of(struct arena *a, const struct redis_reply *p,
    struct trade_entry *out)
{
	const struct redis_reply *f;
	struct pair *v;
	size_t n = 0;

	if (p->kind != REDIS_LIST || p->n != 2 ||
	    p->items[0].kind != REDIS_TEXT)
		return false;
	f = &p->items[1];
	v = arena_array(a, f->kind == REDIS_LIST ? f->n / 2 + 1 : 1,
	    sizeof(*v));
	for (size_t i = 0; f->kind == REDIS_LIST && i + 1 < f->n; i += 2)
		if (f->items[i].kind == REDIS_TEXT &&
		    f->items[i + 1].kind == REDIS_TEXT)
			v[n++] = (struct pair){ f->items[i].s,
			    f->items[i + 1].s };
	out->id = p->items[0].s;
	out->json = trade_message_json(a, v, n);
	out->n = strlen(out->json);
	return true;
}

int
trade_stream_read(struct redis *r, struct arena *a, const char *stream,
    const char *group, bool pending, int64_t block_ms, size_t max,
    struct trade_entry **out, size_t *n, struct err *e)
{
	const char *words[WORDS];
	struct redis_reply p, *list;
	size_t k = 0;

	words[k++] = "XREADGROUP";
	words[k++] = "GROUP";
	words[k++] = group;
	words[k++] = CONSUMER;
	words[k++] = "COUNT";
	words[k++] = arena_printf(a, "%zu", max);
	if (block_ms > 0 && !pending) {
		words[k++] = "BLOCK";
		words[k++] = arena_printf(a, "%lld", (long long)block_ms);
	}
	words[k++] = "STREAMS";
	words[k++] = stream;
	words[k++] = pending ? "0" : ">";
	*n = 0;
	if (command(r, a, words, k, k - 2, &p, e) == -1)
		return -1;
	if (p.kind == REDIS_NIL)
		return 0;
	if (p.kind != REDIS_LIST || p.n != 1 ||
	    p.items[0].kind != REDIS_LIST || p.items[0].n != 2 ||
	    p.items[0].items[1].kind != REDIS_LIST)
		return strange(stream, &p, e);
	list = &p.items[0].items[1];
	*out = arena_array(a, list->n + 1, sizeof(**out));
	for (size_t i = 0; i < list->n; i++)
		if (!entry_of(a, &list->items[i], &(*out)[(*n)++]))
			return strange(stream, &p, e);
	return 0;
}

int
trade_stream_ack(struct redis *r, struct arena *a, const char *stream,
    const char *group, const struct trade_entry *v, size_t n, struct err *e)
{
	const char *words[ACKS + 3] = { "XACK", stream, group };
	struct redis_reply p;

	for (size_t at = 0; at < n; at += ACKS) {
		size_t k = n - at < ACKS ? n - at : ACKS;

		for (size_t i = 0; i < k; i++)
			words[3 + i] = v[at + i].id;
		if (command(r, a, words, 3 + k, 1, &p, e) == -1)
			return -1;
	}
	return 0;
}
