/*
 * Orders through the pre-trade checks into the book, in memory, one core: a
 * random walk of limits near the price, cancels, market orders, stops and
 * icebergs of 200 owners. Printed: orders a second, and how long one took (50,
 * 99 and 99.9 percent), with the floor of the same run beside it: the clock
 * read twice, and the clock with one look-up by id.
 *	book [N]	orders, 2,000,000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/trade/book.h"
#include "modules/trade/risk.h"

enum { OPEN = 1 << 17, OWNERS = 200, BUCKETS = 1 << 20, GOAL_US = 20,
	GOAL_RATE = 1000000, RESTING = 20000 };

static struct arena *a;
static struct trade_book *book;
static uint64_t seed = 1, events, filled, refused, next_id = 1;
static int64_t price = 10000;
static uint32_t *spent;			/* by nanoseconds, the last: more */
static volatile int64_t sink;

static uint64_t
below(uint64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (seed >> 33) % n;
}

static int64_t
ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Rates are of the time this program had a core: others may be at work. */
static double
core_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
hear(void *arg, const struct trade_book_event *e)
{
	(void)arg;
	events++;
	filled += e->what == BOOK_FILL;
}

static struct trade_book_order
any(void)
{
	struct trade_book_order o = { .id = next_id++, .owner = 1 +
	    below(OWNERS), .buy = below(2), .type = BOOK_LIMIT,
	    .quantity = 1 + (int64_t)below(50) };
	uint64_t kind = below(100);

	price += (int64_t)below(3) - 1;
	o.limit = price + (o.buy ? -1 : 1) * ((int64_t)below(60) - 6);
	if (kind < 12) {
		o.type = BOOK_MARKET;
		o.limit = 0;
	} else if (kind < 16) {
		o.type = BOOK_STOP;
		o.limit = 0;
		o.stop = price + (o.buy ? 40 : -40);
	} else if (kind < 20) {
		o.display = 1 + o.quantity / 4;
	} else if (kind < 24) {
		o.tif = BOOK_IOC;
	}
	return o;
}

/* Checks and book, as placing does them. */
static void
place(const struct trade_book_order *o)
{
	struct trade_risk_in r = { .session_state = "active", .buy = o->buy,
	    .market = o->type == BOOK_MARKET, .stop = o->type == BOOK_STOP,
	    .quantity = { o->quantity * DEC_ONE },
	    .limit_price = { o->limit * DEC_ONE / 100 },
	    .stop_price = { o->stop * DEC_ONE / 100 },
	    .tick = { DEC_ONE / 100 }, .lot = { DEC_ONE },
	    .reference = { price * DEC_ONE / 100 },
	    .cash = { 1000000 * DEC_ONE }, .equity = { 1000000 * DEC_ONE },
	    .day_equity = { 1000000 * DEC_ONE }, .fee = 0.0002,
	    .limits = { .max_open_orders = 500, .per_second = 1000,
		.per_minute = 10000, .collar_limit = 0.05,
		.collar_stop = 0.1, .daily_loss = 0.2,
		.quote_age_s = 900 } };
	struct dec reserve;
	struct err e = { 0 };

	if (trade_risk_check(&r, &reserve, &e) == -1)
		refused++;
	else
		trade_book_add(book, o);
}

static void
note(int64_t took)
{
	spent[took < BUCKETS - 1 ? took < 0 ? 0 : took : BUCKETS - 1]++;
}

static double
percentile(uint64_t n, double p)
{
	uint64_t sum = 0;

	for (int i = 0; i < BUCKETS; i++)
		if ((sum += spent[i]) >= (uint64_t)(p * (double)n))
			return i / 1e3;
	return BUCKETS / 1e3;
}

static double
print(const char *name, uint64_t n, double seconds)
{
	double p99 = percentile(n, 0.99);

	printf("%-34s %10.0f /s   p50 %6.2f us  p99 %6.2f us  p99.9 %6.2f "
	    "us\n", name, (double)n / seconds, percentile(n, 0.5), p99,
	    percentile(n, 0.999));
	memset(spent, 0, BUCKETS * sizeof(*spent));
	return p99;
}

/* One step: place, or cancel one of the last orders. */
static void
step(void)
{
	struct trade_book_order o;

	if (below(3) == 0 || trade_book_count(book) > RESTING) {
		trade_book_cancel(book, next_id - 1 - below(next_id <
		    RESTING ? next_id : RESTING));
		return;
	}
	o = any();
	place(&o);
}

int
main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	int64_t before;
	double p99, rate, begin;

	n = n < 1000 ? 1000 : n;
	a = arena_new((size_t)1 << 30);
	spent = arena_array(a, BUCKETS, sizeof(*spent));
	book = trade_book_new(a, OPEN, hear, NULL);
	for (uint64_t i = 0; i < n / 10; i++)
		step();
	begin = core_s();
	for (uint64_t i = 0; i < n; i++)
		step();
	rate = (double)n / (core_s() - begin);
	printf("%zu orders open, %llu events, %llu fills, %llu refused by a "
	    "check\n", trade_book_count(book), (unsigned long long)events,
	    (unsigned long long)filled, (unsigned long long)refused);
	printf("%-34s %10.0f /s\n", "checks and book, clock not read", rate);
	begin = core_s();
	for (uint64_t i = 0; i < n; i++) {
		before = ns();
		step();
		note(ns() - before);
	}
	p99 = print("checks and book", n, core_s() - begin);
	begin = core_s();
	for (uint64_t i = 0; i < n; i++) {
		before = ns();
		note(ns() - before);
	}
	print("floor: the clock twice", n, core_s() - begin);
	begin = core_s();
	for (uint64_t i = 0; i < n; i++) {
		before = ns();
		sink = trade_book_get(book, next_id - 1 - below(RESTING)) !=
		    NULL;
		note(ns() - before);
	}
	print("floor: and a look-up by id", n, core_s() - begin);
	printf("goal p99 %d us, %d /s: %s\n", GOAL_US, GOAL_RATE,
	    p99 < GOAL_US && rate >= GOAL_RATE ? "reached" : "NOT reached");
	arena_free(a);
	return p99 < GOAL_US && rate >= GOAL_RATE ? 0 : 1;
}
