/*
 * A backtest for a person at a terminal: chart, statistics, what to doubt.
 */
#ifndef TRADE_RESEARCH_TEXT_H
#define TRADE_RESEARCH_TEXT_H

#include "modules/trade/research.h"

/* A filled line of n values, `width` columns, `height` lines, with its lowest
 * and highest value beside it. utf8: blocks, else signs. */
void trade_text_chart(const double *, size_t n, size_t width, size_t height,
    bool utf8, struct str *);
void trade_text_report(const struct trade_research *, const char *title,
    bool utf8, struct str *);

#endif
