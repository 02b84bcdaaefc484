/*
 * What the engine leaves for the end of a batch, so that a minute that ends for
 * five hundred instruments costs few statements and not ten for each: signals
 * that no strategy follows, and what followed earlier ones. Invariants: what
 * somebody acts on never waits (an order belongs to its bar); signals are
 * stored before what follows them, in the order they were seen.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/trade/engine_inner.h"
#include "modules/trade/sentiment.h"

#define EVERY "*"			/* no symbol is called so */

struct trade_later *
trade_engine_later(struct trade_listen *l)
{
	if (l->later == NULL && l->batch != NULL)
		l->later = arena_alloc(l->batch, sizeof(struct trade_later));
	return l->later;
}

int
trade_engine_done(struct trade_listen *l, struct err *e)
{
	struct trade_later *later = l->later;

	if (trade_signal_put_many(l->desk.db, l->batch, later->signals.v,
	    later->signals.n, e) == -1 ||
	    trade_signal_follow(l->desk.db, l->batch, later->followed.v,
	    later->followed.n, e) == -1)
		return -1;
	return trade_signal_follow_ticks(l->desk.db, l->batch,
	    later->minutes.v, later->minutes.n, e);
}

/* ---- who has news ---------------------------------------------------------------- */

static int
read_news(struct trade_listen *l, struct map **out, struct err *e)
{
	struct rows rows;

	*out = map_new(l->batch);
	if (trade_news_symbols(l->desk.db, l->batch, l->desk.tenant, &rows,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		map_put(*out, ROW(&rows, struct trade_news_symbol,
		    i)->symbol, *out);
	if (rows.n == TRADE_NEWS_SYMBOLS)
		map_put(*out, EVERY, *out);	/* not all were listed */
	return 0;
}

/* One statement per batch tells for whom there is nothing to be read. */
static int
may_have_news(struct trade_listen *l, struct err *e)
{
	struct trade_later *later = trade_engine_later(l);
	char id[UUID_TEXT];
	struct map *of;

	if (later == NULL)
		return 1;
	if (later->news == NULL)
		later->news = map_new(l->batch);
	of = map_get(later->news, uuid_format(l->desk.tenant, id));
	if (of == NULL) {
		if (read_news(l, &of, e) == -1)
			return -1;
		map_put(later->news, arena_strdup(l->batch, id), of);
	}
	return map_get(of, l->instrument->symbol) != NULL ||
	    map_get(of, EVERY) != NULL;
}

int
trade_engine_mood(struct trade_listen *l, struct utc at, double *score,
    struct err *e)
{
	struct trade_sentiment m;
	int rc = may_have_news(l, e);

	if (rc != 1)
		return rc;
	rc = trade_sentiment_of(l->desk.db, l->desk.a, l->desk.tenant,
	    l->instrument->symbol, at, &m, e);
	if (rc == 0)
		*score = m.score;
	return rc == -1 ? -1 : 0;
}
