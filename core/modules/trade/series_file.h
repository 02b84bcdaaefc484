/*
 * A CSV of bars as a series in memory, for commands that need no server.
 */
#ifndef TRADE_SERIES_FILE_H
#define TRADE_SERIES_FILE_H

#include "modules/trade/backtest.h"

/* "-" is standard input. Columns as trade_bar_upload(); without a column of
 * times bars are days from 1970 on, without volume it is 0. 422 names the
 * file and the line that is wrong, or that is not later than the one before.
 * name: arena text for people, without directories and ending. */
int trade_series_file(struct arena *, const char *path,
    struct trade_series *, const char **name, struct err *);

#endif
