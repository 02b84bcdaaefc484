/*
 * News, how they bear on the symbols they name, and the aliases by which a
 * symbol is known. A text is stored once per tenant and source; a repeat of
 * what was said within 48 hours is kept and does not count.
 */
#ifndef TRADE_NEWS_H
#define TRADE_NEWS_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/job.h"
#include "modules/trade/sentiment.h"

struct trade_news_conf {
	const char *lexicon;		/* file; "" = built in */
	const char *engine;		/* URL of a service with POST /analyze */
	const char *const *sources;	/* "reuters=1.5" */
	int64_t engine_ms;
	int64_t days;			/* news are kept */
};
extern const struct settings trade_news_settings;
/* 1 for a source without a weight of its own. */
double trade_news_weight(const struct trade_news_conf *, const char *source);

#endif
