/*
 * Settings of news and sentiment, and what a source's word weighs.
 */
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "modules/trade/news.h"

#define C struct trade_news_conf
static const struct setting rows[] = {
	SETTING(C, lexicon, "trade.lexicon", .def = "",
	    .doc = "File of finance terms in place of the built-in one "
	    "(static/lexicon/finance.txt is its form)"),
	SETTING(C, engine, "trade.sentiment_engine", .def = "",
	    .flags = SET_URL, .env = "SENTIMENT_ENGINE_URL",
	    .doc = "Service that judges texts in place of the lexicon: "
	    "POST /analyze of document 002"),
	SETTING(C, engine_ms, "trade.sentiment_engine_timeout",
	    .def = "3000", .min = 100, .max = 60000, .unit = "milliseconds",
	    .doc = "Longest wait for it; the lexicon answers then"),
	SETTING(C, sources, "trade.news_sources", .def = "",
	    .doc = "Weights of sources, as \"reuters=1.5\"; others weigh 1"),
	SETTING_END
};
const struct settings trade_news_settings = { .name = "trade_news",
    .size = sizeof(C), .rows = rows };
#undef C

double
trade_news_weight(const struct trade_news_conf *f, const char *source)
{
	for (size_t i = 0; f->sources != NULL && f->sources[i] != NULL; i++) {
		const char *eq = strrchr(f->sources[i], '=');
		double v;

		if (eq != NULL && (size_t)(eq - f->sources[i]) ==
		    strlen(source) && strncasecmp(f->sources[i], source,
		    strlen(source)) == 0 && num_real(eq + 1, strlen(eq + 1),
		    &v) == NUM_OK && v >= 0 && v <= 100)
			return v;
	}
	return 1;
}
