/*
 * Closing hours of the ledger, and reports over it. Refuses to report lines
 * that do not add up to their total. Invariant: closing an hour again, or
 * after a crash in the middle, leaves the same rows.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/saving.h"

#define R struct spot_saving_report
static const struct field report_fields[] = {
	FIELD(R, from, .doc = "Begin"),
	FIELD(R, to, .doc = "End, not included"),
	FIELD(R, group_by, .doc = "How the lines are grouped"),
	FIELD(R, basis, .doc = "What the numbers rest on"),
	FIELD(R, total, .sub = &spot_saving_line_schema,
	    .doc = "Sum of all rows"),
	FIELD(R, items, .sub = &spot_saving_line_schema, .doc = "Lines"),
	FIELD_END
};
#undef R
const struct schema spot_saving_report_schema = {
	.name = "SpotSavingReport", .doc = "Savings of a time",
	.size = sizeof(struct spot_saving_report), .fields = report_fields
};

#define BASIS "Seconds that scans saw an instance running, at the price in " \
	"force at the begin of each hour, against the same type on demand; " \
	"each instance-hour is rounded to the micro-dollar, half to even."

/* ---- closing ---------------------------------------------------------------------- */

struct closing {
	struct arena *a;
	struct utc hour, now;
	struct uuid account, next_account;	/* last row closed */
	char last[128], next[128];	/* its instance */
	size_t n;			/* rows of the last page */
	struct rows before, after;	/* sums by tenant */
};

static int
close_page(struct db *db, void *arg, struct err *e)
{
	struct closing *c = arg;
	struct spot_saving *s;
	struct rows rows;

	if (spot_uptime_page(db, c->a, c->hour, c->account, c->last, &rows,
	    e) == -1)
		return -1;
	s = arena_array(c->a, rows.n, sizeof(*s));
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_uptime *u = ROW(&rows, struct spot_uptime,
		    i);

		spot_saving_of(c->a, u, c->now, &s[i]);
		c->next_account = u->account_id;
		snprintf(c->next, sizeof(c->next), "%s", u->instance_id);
	}
	c->n = rows.n;
	return spot_saving_put(db, c->a, s, rows.n, e);
}

static const struct spot_saving_told *
of_tenant(const struct rows *rows, struct uuid tenant)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct spot_saving_told *t = ROW(rows,
		    struct spot_saving_told, i);

		if (memcmp(&t->tenant_id, &tenant, sizeof(tenant)) == 0)
			return t;
	}
	return NULL;
}

/* Told to each tenant whose hour is new or another one now. */
static int
finish(struct db *db, void *arg, struct err *e)
{
	struct closing *c = arg;
	char hour[CLOCK_TEXT];

	if (spot_uptime_clean(db, c->hour, c->now, e) == -1 ||
	    spot_saving_hour(db, c->a, c->hour, &c->after, e) == -1)
		return -1;
	for (size_t i = 0; i < c->after.n; i++) {
		struct spot_saving_told *t = ROW(&c->after,
		    struct spot_saving_told, i);
		const struct spot_saving_told *was = of_tenant(&c->before,
		    t->tenant_id);

		t->saved_micro = t->counterfactual_micro - t->actual_micro;
		if (was != NULL && was->rows == t->rows &&
		    was->actual_micro == t->actual_micro &&
		    was->counterfactual_micro == t->counterfactual_micro)
			continue;
		if (event_publish(db, &spot_saving_events[0], t->tenant_id,
		    clock_format(c->hour, hour), 0, t, e) == -1)
			return -1;
	}
	return 0;
}

int
spot_saving_close(struct db *db, struct arena *a, struct utc hour,
    struct utc now, struct spot_close *out, struct err *e)
{
	struct closing c = { .hour = hour, .now = now };
	int rc = 0;

	if (spot_saving_hour(db, a, hour, &c.before, e) == -1)
		return -1;
	for (;;) {
		struct arena *page = arena_new((size_t)64 << 20);

		c.a = page;
		rc = db_txn(db, page, close_page, &c, e);
		arena_free(page);
		if (rc == -1 || c.n == 0)
			break;
		c.account = c.next_account;
		memcpy(c.last, c.next, sizeof(c.last));
		out->rows += (int64_t)c.n;
	}
	c.a = a;
	if (rc == 0)
		rc = db_txn(db, a, finish, &c, e);
	out->hours += rc == 0;
	return rc;
}

int
spot_saving_close_due(struct db *db, struct arena *a, struct utc now,
    bool (*stop)(void *), void *arg, struct spot_close *out, struct err *e)
{
	struct rows hours;

	if (spot_uptime_hours(db, a, now, &hours, e) == -1)
		return -1;
	for (size_t i = 0; i < hours.n && !stop(arg); i++)
		if (spot_saving_close(db, a, *ROW(&hours, struct utc, i), now,
		    out, e) == -1)
			return -1;
	return 0;
}

/* ---- reports ------------------------------------------------------------------------ */

struct reading {
	struct arena *a;
	const struct spot_saving_ask *ask;
	struct spot_saving_line *total;
	struct rows lines;
};

static int
read_all(struct db *db, void *arg, struct err *e)
{
	struct reading *r = arg;
	int64_t actual = 0, full = 0, seconds = 0;

	if (spot_saving_lines(db, r->a, r->ask, &r->lines, e) == -1 ||
	    spot_saving_sum(db, r->a, r->ask, r->total, e) == -1)
		return -1;
	for (size_t i = 0; i < r->lines.n; i++) {
		const struct spot_saving_line *l = ROW(&r->lines,
		    struct spot_saving_line, i);

		actual += l->actual_micro;
		full += l->counterfactual_micro;
		seconds += l->instance_seconds;
	}
	if (r->lines.n == 10000)	/* the bound of the list, not all */
		return 0;
	if (actual == r->total->actual_micro && seconds ==
	    r->total->instance_seconds &&
	    full == r->total->counterfactual_micro)
		return 0;
	return err_set(e, 503, "ledger_moves", "The ledger changed while it "
	    "was read");
}

int
spot_saving_report(struct db *db, struct arena *a,
    const struct spot_saving_ask *ask, struct spot_saving_report *out,
    struct err *e)
{
	struct reading r = { .a = a, .ask = ask,
	    .total = arena_alloc(a, sizeof(*r.total)) };
	int rc = -1;

	/* a close may fall between the two reads: then they are read again */
	for (int i = 0; i < 3 && rc == -1; i++) {
		err_clear(e);
		rc = db_in_txn(db) ? read_all(db, &r, e) :
		    db_txn(db, a, read_all, &r, e);
		if (rc == -1 && strcmp(e->code, "ledger_moves") != 0)
			return -1;
	}
	if (rc == -1)
		return err_set(e, 500, "ledger_mismatch", "The lines of the "
		    "ledger do not add up to its total");
	*out = (struct spot_saving_report){ .from = ask->from,
	    .to = ask->to, .group_by = ask->group_by, .basis = BASIS,
	    .total = r.total, .items = { r.lines.v, r.lines.n } };
	return 0;
}
