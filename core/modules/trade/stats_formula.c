/*
 * Names of the formulas, so that two results with one word for two numbers
 * are told apart: three Sharpe ratios of the same curve are three ids. An id
 * changes when its formula does.
 */
#include "base/str.h"
#include "schema/schema.h"
#include "modules/trade/stats.h"

static const struct {
	const char *name, *id;
} formulas[] = {
	{ "equity_final", "equity.last/1" },
	{ "equity_peak", "equity.max/1" },
	{ "commissions", "trades.commission.sum/1" },
	{ "exposure", "bars.held/bars/1" },
	{ "total_return", "equity.ratio-1/1" },
	{ "buy_and_hold", "close.ratio-1.tradable/1" },
	{ "return_ann", "geo.daily^A-1/1" },
	{ "volatility_ann", "geo.compounded/1" },
	{ "cagr", "equity.ratio^(365.25/days)-1/1" },
	{ "sharpe_geo", "geo.(ann-rf)/vol/1" },
	{ "sortino_geo", "geo.(ann-rf)/downside/1" },
	{ "sharpe", "daily.mean/sd.ddof1*sqrtA/1" },
	{ "sortino", "daily.mean*A/downside/1" },
	{ "omega", "daily.gains/losses/1" },
	{ "calmar", "return_ann/max_drawdown/1" },
	{ "alpha", "return-rf-beta*(hold-rf)/1" },
	{ "beta", "bars.cov/var.log/1" },
	{ "max_drawdown", "equity.1-E/peak.max/1" },
	{ "avg_drawdown", "episodes.peak.mean/1" },
	{ "max_drawdown_days", "episodes.length.max/1" },
	{ "avg_drawdown_days", "episodes.length.mean/1" },
	{ "ulcer", "bars.rms.drawdown/1" },
	{ "trades", "trades.closed/1" },
	{ "win_rate", "trades.profit>0/n/1" },
	{ "best_trade", "trades.return.max/1" },
	{ "worst_trade", "trades.return.min/1" },
	{ "avg_trade", "trades.return.geo/1" },
	{ "max_trade_days", "trades.length.max/1" },
	{ "avg_trade_days", "trades.length.mean/1" },
	{ "profit_factor_ret", "trades.return.gains/losses/1" },
	{ "profit_factor", "trades.money.gains/losses/1" },
	{ "expectancy", "trades.return.mean/1" },
	{ "sqn", "trades.sqrt(n)*mean/sd.ddof1/1" },
	{ "kelly", "trades.W-(1-W)*loss/win/1" },
	{ "psr", "daily.psr.against0/1" },
	{ "skew", "daily.moment3.population/1" },
	{ "kurtosis", "daily.moment4.population/1" },
	{ "per_year", "calendar.252|365|52|12|1/1" },
	{ "days", "daily.returns/1" }
};

void
trade_stats_formulas(struct str *s)
{
	for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++)
		str_addf(s, "%s\"%s\":\"%s\"", i > 0 ? "," : "",
		    formulas[i].name, formulas[i].id);
}
