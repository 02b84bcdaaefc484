/*
 * Commands that need no server: backtests, patterns, indicators on a CSV.
 */
#ifndef TRADE_RESEARCH_CLI_H
#define TRADE_RESEARCH_CLI_H

#include "db/table.h"

extern const struct command trade_research_commands[];
extern const struct command trade_pattern_commands[];

/* A progress bar on stderr where that is a terminal; done 0…1. */
void trade_cli_progress(double done);
/* Whether stdout shows more than ASCII. */
bool trade_cli_utf8(void);

#endif
