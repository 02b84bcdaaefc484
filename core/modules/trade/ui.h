/*
 * Pages of the trading system.
 */
#ifndef TRADE_UI_H
#define TRADE_UI_H

#include "http/page.h"

extern const struct page trade_pages[];

#endif
