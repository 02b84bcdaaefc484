/*
 * Who is shown every tick and bar, in this order: what rests is filled before
 * anybody acts on the news. A table, no functions.
 */
#include "modules/trade/engine.h"
#include "modules/trade/papers.h"

const struct trade_listener *const trade_listeners[] = {
	&trade_paper_listener, &trade_engine_listener, NULL
};
