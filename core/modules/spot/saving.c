/*
 * The arithmetic of the ledger. Pure, in integers: a cost is rounded once,
 * to the micro-dollar, and every total is a sum of such costs. A row whose
 * price is not known is nought on both sides and says so.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/spot/saving.h"

__extension__ typedef __int128 i128;

#define HOUR_US (INT64_C(3600) * US_PER_S)
enum { E8_PER_MICRO = 100, HOUR_S = 3600 };

int64_t
spot_micro_for(struct dec hourly, int64_t seconds)
{
	const int64_t unit = (int64_t)HOUR_S * E8_PER_MICRO;
	i128 n = (i128)hourly.e8 * seconds, q = n / unit, r = n % unit;

	if (r * 2 > unit || (r * 2 == unit && q % 2 != 0))
		q++;
	return (int64_t)q;
}

struct dec
spot_micro_dec(int64_t micro)
{
	struct dec d;

	if (__builtin_mul_overflow(micro, (int64_t)E8_PER_MICRO, &d.e8))
		d.e8 = INT64_MAX;
	return d;
}

struct utc
spot_hour_of(struct utc t)
{
	return (struct utc){ t.us / HOUR_US * HOUR_US };
}

int
spot_month_parse(const char *text, struct utc *from, struct utc *to)
{
	int64_t year, month;

	if (strlen(text) != 7 || text[4] != '-' ||
	    num_i64(text, 4, &year) != NUM_OK ||
	    num_i64(text + 5, 2, &month) != NUM_OK || year < 1970 ||
	    month < 1 || month > 12)
		return -1;
	from->us = clock_days(year, (int)month, 1) * 86400 * US_PER_S;
	to->us = from->us + (int64_t)clock_month_days(year, (int)month) *
	    86400 * US_PER_S;
	return 0;
}

static void
price(struct spot_saving *s, const struct spot_uptime *u)
{
	bool spot = strcmp(u->lifecycle, "spot") == 0;
	struct dec paid = spot ? u->spot : u->on_demand;

	s->priced = paid.e8 > 0 && u->whole.e8 > 0;
	if (!s->priced)
		return;
	s->actual_micro = spot_micro_for(paid, u->seconds);
	s->counterfactual_micro = spot_micro_for(u->whole, u->seconds);
}

static const char *
unpriced(struct arena *a, const struct spot_uptime *u)
{
	if (u->whole.e8 > 0)
		return strcmp(u->lifecycle, "spot") == 0 ? "not priced: no "
		    "spot price of this pool is known" : "not priced: no "
		    "on-demand price of this type is known";
	return u->origin == NULL ? "not priced: no on-demand price of this "
	    "type is known" : arena_printf(a, "not priced: no on-demand price "
	    "of %.64s is known, which it stands in for", u->origin_type);
}

static const char *
basis(struct arena *a, const struct spot_uptime *u, bool priced)
{
	bool spot = strcmp(u->lifecycle, "spot") == 0;
	char paid[DEC_TEXT], whole[DEC_TEXT], at[CLOCK_TEXT],
	    whole_at[CLOCK_TEXT];

	if (!priced)
		return unpriced(a, u);
	dec_format(spot ? u->spot : u->on_demand, paid);
	clock_format(spot ? u->spot_at : u->od_at, at);
	dec_format(u->whole, whole);
	clock_format(u->whole_at, whole_at);
	if (u->origin != NULL)
		return arena_printf(a, "%s at %s USD/h since %s, against "
		    "%.40s on demand at %s USD/h (known since %s), which %.40s "
		    "was", spot ? "spot" : "on demand", paid, at,
		    u->origin_type, whole, whole_at, u->origin);
	if (!spot)
		return arena_printf(a, "on demand at %s USD/h (known since "
		    "%s): nothing saved", paid, at);
	return arena_printf(a, "spot at %s USD/h since %s, against the same "
	    "type on demand at %s USD/h (known since %s)", paid, at, whole,
	    whole_at);
}

void
spot_saving_of(struct arena *a, const struct spot_uptime *u, struct utc now,
    struct spot_saving *s)
{
	*s = (struct spot_saving){ .account_id = u->account_id,
	    .tenant_id = u->tenant_id, .instance_id = u->instance_id,
	    .hour = u->hour, .region = u->region, .az = u->az,
	    .instance_type = u->instance_type, .lifecycle = u->lifecycle,
	    .seconds = u->seconds, .revision = 1, .closed_at = now };
	price(s, u);
	s->basis = basis(a, u, s->priced);
}

/* ---- reports -------------------------------------------------------------------- */

static void
text_line(const struct spot_saving_line *l, const char *key, struct str *s)
{
	char actual[DEC_TEXT], full[DEC_TEXT], saved[DEC_TEXT];

	str_addf(s, "%-38.38s %12.2f %14s %14s %14s\n", key,
	    l->instance_hours, dec_format(l->actual, actual),
	    dec_format(l->counterfactual, full), dec_format(l->saved, saved));
}

void
spot_saving_text(const struct spot_saving_report *r, struct str *s)
{
	const struct spot_saving_line *items = r->items.items;
	const struct spot_saving_line *total = r->total;
	char from[CLOCK_TEXT], to[CLOCK_TEXT];

	str_addf(s, "Savings from %s to %s by %s\n\n", clock_format(r->from,
	    from), clock_format(r->to, to), r->group_by);
	str_addf(s, "%-38s %12s %14s %14s %14s\n", r->group_by, "hours",
	    "actual USD", "on demand USD", "saved USD");
	for (size_t i = 0; i < r->items.n; i++) {
		struct str key;

		str_init(&key, s->a);
		str_term(&key, items[i].key, strlen(items[i].key));
		text_line(&items[i], key.p, s);
	}
	text_line(total, "total", s);
	str_addf(s, "\nInstance-hours without a known price: %lld rows.\n%s\n",
	    (long long)total->unpriced, r->basis);
}

void
spot_saving_csv(const struct spot_saving_report *r, struct str *s)
{
	const struct spot_saving_line *items = r->items.items;

	schema_csv_header(&spot_saving_line_schema, s);
	for (size_t i = 0; i < r->items.n; i++)
		schema_csv_row(&spot_saving_line_schema, &items[i], s);
	schema_csv_row(&spot_saving_line_schema, r->total, s);
}
