/*
 * Sums over groups of instances. Pure. A running instance without a known
 * price is counted as unpriced and never as free.
 */
#include <string.h>

#include "base/number.h"
#include "modules/spot/summary.h"

#define S struct spot_summary
static const struct field summary_fields[] = {
	FIELD(S, accounts, .doc = "Connected accounts"),
	FIELD(S, nodes, .doc = "Instances known and not gone"),
	FIELD(S, running, .doc = "Running ones"),
	FIELD(S, stopped, .doc = "Stopped ones"),
	FIELD(S, spot, .doc = "Running as spot"),
	FIELD(S, on_demand, .doc = "Running on demand"),
	FIELD(S, stale, .doc = "Not seen by the last two scans"),
	FIELD(S, zones, .doc = "Zones with running instances"),
	FIELD(S, spot_share, .doc = "Share of spot among the running"),
	FIELD(S, hourly_cost, .doc = "What the priced ones cost, USD per "
	    "hour"),
	FIELD(S, hourly_on_demand, .doc = "What they would cost on demand"),
	FIELD(S, hourly_savings, .doc = "The difference"),
	FIELD(S, hourly_savings_possible,
	    .doc = "What more could be saved: on-demand instances in the "
	    "cheapest pool of their type and region"),
	FIELD(S, unpriced, .doc = "Running, but the price is not known"),
	FIELD(S, coverage, .doc = "Share of regions and services that the "
	    "last scans saw completely"),
	FIELD(S, oldest_scan_at, .flags = FF_NULLABLE,
	    .doc = "Since when the least recently seen region and service is "
	    "known"),
	FIELD_END
};
#undef S
const struct schema spot_summary_schema = {
	.name = "SpotSummary", .doc = "The fleet in numbers",
	.size = sizeof(struct spot_summary), .fields = summary_fields
};

static void
add(struct dec *sum, struct dec each, int64_t n)
{
	struct dec more;

	if (__builtin_mul_overflow(each.e8, n, &more.e8) ||
	    dec_add(*sum, more, sum) == -1)
		sum->e8 = INT64_MAX;
}

static void
add_prices(const struct spot_alike *g, struct spot_summary *s, bool spot)
{
	struct dec now = spot ? g->spot : g->on_demand, saved = { 0 };

	if (now.e8 <= 0) {
		s->unpriced += g->n;
		return;
	}
	add(&s->hourly_cost, now, g->n);
	add(&s->hourly_on_demand, g->on_demand.e8 > 0 ? g->on_demand : now,
	    g->n);
	if (!spot && g->best.e8 > 0 && g->best.e8 < now.e8 &&
	    dec_sub(now, g->best, &saved) == 0)
		add(&s->hourly_savings_possible, saved, g->n);
}

static bool
seen_zone(const struct spot_alike *g, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(g[k].az, g[i].az) == 0 &&
		    strcmp(g[k].state, "running") == 0)
			return true;
	return false;
}

void
spot_summarize(const struct spot_alike *g, size_t n, struct spot_summary *s)
{
	for (size_t i = 0; i < n; i++) {
		bool spot = strcmp(g[i].lifecycle, "spot") == 0;

		s->nodes += g[i].n;
		s->stale += g[i].stale;
		if (strcmp(g[i].state, "stopped") == 0)
			s->stopped += g[i].n;
		if (strcmp(g[i].state, "running") != 0)
			continue;
		s->running += g[i].n;
		*(spot ? &s->spot : &s->on_demand) += g[i].n;
		s->zones += !seen_zone(g, i);
		add_prices(&g[i], s, spot);
	}
	if (s->running > 0)
		s->spot_share = (double)s->spot / (double)s->running;
	(void)dec_sub(s->hourly_on_demand, s->hourly_cost, &s->hourly_savings);
}
