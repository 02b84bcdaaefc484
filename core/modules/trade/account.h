/*
 * The terms of a backtest's account, as a request and a strategy's spec say
 * them: cash, costs, how orders fill, what is asked for besides a run.
 */
#ifndef TRADE_ACCOUNT_H
#define TRADE_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "modules/trade/sim.h"

struct schema;

struct trade_account {
	double cash, commission, commission_fixed, spread, margin;
	double slippage, volume_share, impact, borrow, funding, rate;
	int64_t latency;
	bool on_close, exclusive, finish;
	const char *mode, *reading, *score;
	int64_t train, test;
};

extern const char *const trade_modes[];

#define TRADE_ACCOUNT_NUM(T, at, m, d, mx, ...) FIELD_IN(T, at, m, \
	.def = d, .min = 0, .max = mx, __VA_ARGS__)
#define TRADE_ACCOUNT_FIELDS(T, at) \
	FIELD_IN(T, at, cash, .flags = FF_XMIN, .min = 0, \
	    .max = 1000000000000, .def = "10000", \
	    .doc = "Cash at the start"), \
	TRADE_ACCOUNT_NUM(T, at, commission, "0", 1, \
	    .doc = "Part of the value, each way"), \
	TRADE_ACCOUNT_NUM(T, at, commission_fixed, "0", 1000000, \
	    .doc = "Per order"), \
	TRADE_ACCOUNT_NUM(T, at, spread, "0", 1, \
	    .doc = "Half of it, as a part of the price"), \
	FIELD_IN(T, at, margin, .flags = FF_XMIN, .min = 0, .max = 1, \
	    .def = "1", .doc = "1: no leverage; 0.5: twice"), \
	TRADE_ACCOUNT_NUM(T, at, slippage, "0.0005", 1, \
	    .doc = "realistic: part of the price"), \
	TRADE_ACCOUNT_NUM(T, at, volume_share, "0.025", 1, \
	    .doc = "realistic: part of a bar's volume; 0 = no limit"), \
	TRADE_ACCOUNT_NUM(T, at, impact, "0.1", 100, \
	    .doc = "realistic: price moves by impact * share^2"), \
	TRADE_ACCOUNT_NUM(T, at, latency, "0", 100, \
	    .doc = "realistic: bars until an order arrives"), \
	TRADE_ACCOUNT_NUM(T, at, borrow, "0", 10, \
	    .doc = "realistic: part a year of what is sold short"), \
	FIELD_IN(T, at, funding, .def = "0", .min = -1, .max = 1, \
	    .doc = "realistic: part a day that longs pay to shorts"), \
	FIELD_IN(T, at, on_close, .def = "false", \
	    .doc = "Market orders fill at the close that made them"), \
	FIELD_IN(T, at, exclusive, .def = "false", \
	    .doc = "An order closes what is open"), \
	FIELD_IN(T, at, finish, .def = "true", \
	    .doc = "Close at the end what is open"), \
	FIELD_IN(T, at, mode, .oneof = trade_modes, .def = "\"realistic\"", \
	    .doc = "compat: the fills of backtesting.py; realistic: with " \
	    "slippage, volume, latency, what holding costs"), \
	FIELD_IN(T, at, reading, .oneof = trade_reading_names, \
	    .def = "\"pessimistic\"", .doc = "Which exit came first in a " \
	    "bar that touched both"), \
	FIELD_IN(T, at, score, .oneof = trade_scores, .def = "\"sharpe\"", \
	    .doc = "What the best point of a grid is best at"), \
	FIELD_IN(T, at, rate, .def = "0", .min = 0, .max = 1, \
	    .doc = "Risk-free rate per year"), \
	TRADE_ACCOUNT_NUM(T, at, train, "0", 10000000, \
	    .doc = "Walk-forward: bars to fit on"), \
	TRADE_ACCOUNT_NUM(T, at, test, "0", 10000000, \
	    .doc = "Walk-forward: bars to trade")

extern const char *const trade_scores[];
extern const struct schema trade_account_schema;

struct trade_sim_terms trade_account_terms(const struct trade_account *);
/* Copies the members of `from` whose bit (order of trade_account_schema) is
 * set. */
void trade_account_overlay(struct trade_account *to,
    const struct trade_account *from, uint64_t told);

#endif
