/*
 * The result of a demonstration as tables: field tables for --json, aligned
 * columns for a terminal. Foreign text goes through str_term(); nothing here
 * computes.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/spot/demo.h"

/* ---- JSON ---------------------------------------------------------------- */

#define P struct spot_demo_pool
static const struct field pool_fields[] = {
	FIELD(P, region, .doc = "Region"),
	FIELD(P, az, .doc = "Availability zone"),
	FIELD(P, instance_type, .doc = "Instance type"),
	FIELD(P, product, .doc = "Product"),
	FIELD(P, from, .doc = "First price"),
	FIELD(P, to, .doc = "Last price"),
	FIELD(P, as_of, .doc = "Instant of the figures and the decision"),
	FIELD(P, records, .doc = "Prices"),
	FIELD(P, price, .doc = "Spot price then, USD per hour"),
	FIELD(P, on_demand, .flags = FF_NULLABLE,
	    .doc = "On-demand price, USD per hour; null = not known"),
	FIELD(P, saving_percent, .doc = "Spot below on-demand"),
	FIELD(P, mean, .doc = "Mean, each price weighted with its time"),
	FIELD(P, lowest, .doc = "Lowest price"),
	FIELD(P, highest, .doc = "Highest price"),
	FIELD(P, volatility_percent,
	    .doc = "Standard deviation, weighted the same, against the mean"),
	FIELD(P, above_on_demand_percent,
	    .doc = "Share of the time above the on-demand price"),
	FIELD(P, interruption, .doc = "Class 0-4; -1 = not known"),
	FIELD(P, interruption_label,
	    .doc = "Share of instances interrupted in a month"),
	FIELD(P, decision, .doc = "STAY or SWITCH; empty = undecided"),
	FIELD(P, undecided, .flags = FF_NULLABLE, .doc = "Why undecided"),
	FIELD(P, advice, .flags = FF_NULLABLE, .sub = &spot_advice_schema,
	    .doc = "The decision with its reasons"),
	FIELD_END
};
#undef P
static const struct schema pool_schema = {
	.name = "SpotDemoPool", .doc = "A pool with recorded prices",
	.size = sizeof(struct spot_demo_pool), .fields = pool_fields
};

#define T struct spot_demo_totals
static const struct field totals_fields[] = {
	FIELD(T, files, .doc = "Files used"),
	FIELD(T, skipped, .doc = "Files left out"),
	FIELD(T, errors, .doc = "Errors in files"),
	FIELD(T, prices, .doc = "Prices read"),
	FIELD(T, recordings, .doc = "Recordings: histories that overlap"),
	FIELD(T, pools, .doc = "Pools, in each recording they are in"),
	FIELD(T, stay, .doc = "Decisions to stay"),
	FIELD(T, switches, .doc = "Decisions to switch"),
	FIELD(T, undecided, .doc = "Pools without a decision"),
	FIELD(T, hourly_cost, .doc = "Expected cost of one instance in each "
	    "decided pool, USD per hour"),
	FIELD(T, hourly_saving, .doc = "Expected saving of all switches"),
	FIELD(T, saving_percent, .doc = "The same in percent"),
	FIELD_END
};
#undef T
static const struct schema totals_schema = {
	.name = "SpotDemoTotals", .doc = "Sums over all pools",
	.size = sizeof(struct spot_demo_totals), .fields = totals_fields
};

static const struct field note_fields[] = {
	FIELD(struct spot_demo_note, file, .doc = "File or archive"),
	FIELD(struct spot_demo_note, text, .doc = "What about it"),
	FIELD(struct spot_demo_note, count, .doc = "Files it holds for"),
	FIELD_END
};
static const struct schema note_schema = {
	.name = "SpotDemoNote", .doc = "A remark about a file",
	.size = sizeof(struct spot_demo_note), .fields = note_fields
};

static const struct field file_fields[] = {
	FIELD(struct spot_demo_file, file, .doc = "File"),
	FIELD(struct spot_demo_file, kind, .doc = "What it is"),
	FIELD(struct spot_demo_file, records, .doc = "Records used"),
	FIELD_END
};
static const struct schema file_schema = {
	.name = "SpotDemoFile", .doc = "A file that was used",
	.size = sizeof(struct spot_demo_file), .fields = file_fields
};

#define R struct spot_demo_result
static const struct field result_fields[] = {
	FIELD(R, as_of, .flags = FF_NULLABLE, .doc = "The newest instant"),
	FIELD(R, summary, .sub = &totals_schema, .doc = "Sums"),
	FIELD(R, pools, .sub = &pool_schema, .doc = "Pools"),
	FIELD(R, used, .sub = &file_schema, .doc = "Files used"),
	FIELD(R, skipped, .sub = &note_schema, .doc = "Files left out"),
	FIELD(R, errors, .sub = &note_schema, .doc = "Errors in files"),
	FIELD_END
};
#undef R
const struct schema spot_demo_schema = {
	.name = "SpotDemo", .doc = "Recorded prices and what to do with them",
	.size = sizeof(struct spot_demo_result), .fields = result_fields
};

/* ---- terminal -------------------------------------------------------------- */

static const char *
usd(struct arena *a, struct dec d)
{
	return d.e8 == 0 ? "-" : arena_printf(a, "%.4f", dec_real(d));
}

static const char *
day(struct arena *a, struct utc t)
{
	char buf[CLOCK_TEXT];

	clock_format(t, buf);
	return arena_printf(a, "%.10s", buf);
}

static const char *
minute(struct arena *a, struct utc t)
{
	char buf[CLOCK_TEXT];

	clock_format(t, buf);
	return arena_printf(a, "%.10s %.5s", buf, buf + 11);
}

static const char *
plain(struct arena *a, const char *text)
{
	struct str s;

	str_init(&s, a);
	str_term(&s, text, strlen(text));
	return s.p;
}

static void
print_pool(const struct spot_demo_pool *p, struct str *s)
{
	const struct spot_advice *v = p->advice;
	const struct spot_choice *to = v != NULL ? v->selected_candidate :
	    NULL;
	struct arena *a = s->a;
	bool od = p->on_demand.e8 > 0;

	str_addf(s, "%-12s %-15s %8s %9s %7s %8s %6.1f%% %7s  %-8s %s",
	    p->instance_type, p->az, usd(a, p->price), usd(a, p->on_demand),
	    od ? arena_printf(a, "%.1f%%", p->saving_percent) : "-",
	    usd(a, p->mean), p->volatility_percent,
	    od ? arena_printf(a, "%.2f%%", p->above_on_demand_percent) : "-",
	    p->interruption_label, v != NULL ? p->decision : "-");
	if (to != NULL)
		str_addf(s, " to %s in %s, saves %.1f%%", to->instance_type,
		    to->az, to->saving_percent);
	str_addc(s, '\n');
}

static void
print_heading(const struct spot_demo_pool *p, struct str *s)
{
	struct arena *a = s->a;

	str_addf(s, "\n%s %s, as of %s UTC\n", p->region, p->product,
	    minute(a, p->as_of));
	str_addf(s, "%-12s %-15s %8s %9s %7s %8s %7s %7s  %-8s %s\n", "type",
	    "zone", "price", "on-demand", "saving", "mean", "volat.",
	    "above", "interr.", "decision");
}

static bool
same_table(const struct spot_demo_pool *a, const struct spot_demo_pool *b)
{
	return a->as_of.us == b->as_of.us &&
	    strcmp(a->region, b->region) == 0 &&
	    strcmp(a->product, b->product) == 0;
}

static void
print_reasons(const struct spot_demo_pool *p, struct str *s)
{
	const struct spot_advice *v = p->advice;
	const struct spot_refusal *no;
	const char *const *said;

	str_addf(s, "\n%s in %s (%lld prices, %s to %s, %s to %s USD): %s\n",
	    p->instance_type, p->az, (long long)p->records,
	    day(s->a, p->from), day(s->a, p->to), usd(s->a, p->lowest),
	    usd(s->a, p->highest), v != NULL ? p->decision : "undecided");
	if (v == NULL) {
		str_addf(s, "  - %s\n", plain(s->a, p->undecided));
		return;
	}
	said = v->reasons.items;
	for (size_t i = 0; i < v->reasons.n; i++)
		str_addf(s, "  - %s\n", said[i]);
	no = v->refused.items;
	if (v->candidates_refused > 0)
		str_addf(s, "  - refused: %lld of %lld pools, first %s: %s\n",
		    (long long)v->candidates_refused,
		    (long long)v->candidates_evaluated, no->pool, no->reason);
}

static void
print_notes(const char *what, struct list l, struct str *s)
{
	const struct spot_demo_note *v = l.items;

	if (l.n > 0)
		str_addf(s, "\n%s\n", what);
	for (size_t i = 0; i < l.n; i++) {
		str_addf(s, "  %s: ", plain(s->a, v[i].file));
		if (v[i].count > 1)
			str_addf(s, "%lld files: ", (long long)v[i].count);
		str_addf(s, "%s\n", plain(s->a, v[i].text));
	}
}

static void
print_totals(const struct spot_demo_totals *t, struct str *s)
{
	str_addf(s, "\n%lld prices of %lld pools in %lld recordings, from "
	    "%lld files; %lld files left out, %lld errors\n",
	    (long long)t->prices, (long long)t->pools,
	    (long long)t->recordings, (long long)t->files,
	    (long long)t->skipped, (long long)t->errors);
	str_addf(s, "decisions: %lld STAY, %lld SWITCH, %lld undecided\n",
	    (long long)t->stay, (long long)t->switches,
	    (long long)t->undecided);
	str_add(s, "on-demand prices and interruption classes are those of "
	    "the files, whatever the date of the spot prices\n");
	str_addf(s, "one instance in each pool: %s USD per hour expected; "
	    "the switches save %s (%.1f%%)\n", usd(s->a, t->hourly_cost),
	    usd(s->a, t->hourly_saving), t->saving_percent);
}

void
spot_demo_print(const struct spot_demo_result *r, struct str *s)
{
	const struct spot_demo_pool *v = r->pools.items;

	for (size_t i = 0; i < r->pools.n; i++) {
		if (i == 0 || !same_table(&v[i - 1], &v[i]))
			print_heading(&v[i], s);
		print_pool(&v[i], s);
	}
	for (size_t i = 0; i < r->pools.n; i++)
		print_reasons(&v[i], s);
	print_notes("left out", r->skipped, s);
	print_notes("errors", r->errors, s);
	print_totals(&r->totals, s);
}
