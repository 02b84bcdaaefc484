/*
 * Recorded bars of the shared data, as doubles and in exact units.
 */
#ifndef HARNESS_BARS_H
#define HARNESS_BARS_H

#include "base/types.h"
#include "modules/trade/backtest.h"

/* date,open,high,low,close,volume with one line of names; a date is a day, or
 * the first column is left out and days are counted. -1 when the file is not
 * there (said by data_read()). */
int bars_read(struct arena *, const char *name, struct trade_series *);

#endif
