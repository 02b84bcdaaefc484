/*
 * The book against a slow obvious one on random sequences: the same events in
 * the same order, nothing lost, nothing crossed, and the same twice. Beside it
 * the rules by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "modules/trade/book.h"
#include "tests/harness/slowbook.h"

#include <cmocka.h>

enum { MAX = 4096, HEARD = 1 << 16 };

static struct arena *a;
static struct trade_book *book;
static struct trade_book_event heard[HEARD];
static size_t nheard;

static void
hear(void *arg, const struct trade_book_event *e)
{
	(void)arg;
	if (nheard < HEARD)
		heard[nheard++] = *e;
}

static int
fresh(void **state)
{
	(void)state;
	a = arena_new((size_t)1 << 30);
	book = trade_book_new(a, MAX, hear, NULL);
	nheard = 0;
	return 0;
}

static int
gone(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* ---- by name ---------------------------------------------------------------- */

static struct trade_book_order
limit(uint64_t id, bool buy, int64_t q, int64_t price)
{
	return (struct trade_book_order){ .id = id, .owner = id, .buy = buy,
	    .type = BOOK_LIMIT, .quantity = q, .limit = price };
}

static void
add(struct trade_book_order o)
{
	assert_int_equal(trade_book_add(book, &o), 0);
}

static int64_t
filled(uint64_t taker, uint64_t maker)
{
	int64_t sum = 0;

	for (size_t i = 0; i < nheard; i++)
		if (heard[i].what == BOOK_FILL && heard[i].other == taker &&
		    (maker == 0 || heard[i].id == maker))
			sum += heard[i].quantity;
	return sum;
}

static const char *
ended(uint64_t id)
{
	for (size_t i = 0; i < nheard; i++)
		if (heard[i].what == BOOK_ENDED && heard[i].id == id)
			return heard[i].why;
	return "";
}

static void
price_then_time(void **state)
{
	(void)state;
	add(limit(1, false, 5, 101));
	add(limit(2, false, 5, 100));
	add(limit(3, false, 5, 100));
	add(limit(4, true, 12, 101));
	assert_int_equal(heard[4].id, 2);
	assert_int_equal(heard[5].id, 3);
	assert_int_equal(filled(4, 1), 2);
	assert_int_equal(heard[6].price, 101);
	assert_int_equal(trade_book_get(book, 1)->quantity, 3);
	assert_int_equal(trade_book_last(book), 101);
	assert_int_equal(trade_book_count(book), 1);
}

static void
times_in_force(void **state)
{
	struct trade_book_order o = limit(9, true, 8, 100);

	(void)state;
	add(limit(1, false, 5, 100));
	o.tif = BOOK_FOK;
	add(o);
	assert_string_equal(ended(9), "no_depth");
	assert_int_equal(filled(9, 0), 0);
	o.id = 10;
	o.tif = BOOK_IOC;
	add(o);
	assert_int_equal(filled(10, 0), 5);
	assert_string_equal(ended(10), "no_depth");
	assert_int_equal(trade_book_count(book), 0);
	add(limit(2, false, 5, 100));
	o = limit(11, true, 1, 100);
	o.post_only = true;
	add(o);
	assert_string_equal(ended(11), "post_only");
	o.id = 12;
	o.limit = 99;
	add(o);
	assert_int_equal(trade_book_best(book, true), 99);
	/* a market order walks the book, its rest ends */
	add(limit(3, false, 5, 107));
	o = limit(13, true, 20, 0);
	o.type = BOOK_MARKET;
	add(o);
	assert_int_equal(filled(13, 0), 10);
	assert_string_equal(ended(13), "no_depth");
}

/* A FOK sees hidden parts, unless its own order stands before them. */
static void
all_or_none_looks_behind(void **state)
{
	struct trade_book_order ice = limit(1, false, 10, 100), o;

	(void)state;
	ice.display = 2;
	add(ice);
	o = limit(2, true, 10, 100);
	o.tif = BOOK_FOK;
	add(o);
	assert_int_equal(filled(2, 1), 10);
	ice.id = 3;
	add(ice);
	o = limit(4, false, 1, 100);
	o.owner = 77;
	add(o);
	o = limit(5, true, 3, 100);
	o.tif = BOOK_FOK;
	o.owner = 77;
	add(o);
	assert_string_equal(ended(5), "no_depth");
	o.id = 6;
	o.quantity = 2;
	add(o);
	assert_int_equal(filled(6, 3), 2);
}

static void
nobody_trades_with_himself(void **state)
{
	struct trade_book_order o = limit(2, true, 9, 100);

	(void)state;
	add(limit(1, false, 4, 99));
	o.owner = 7;
	o.buy = false;
	add(o);
	o.id = 3;
	o.buy = true;
	add(o);
	assert_int_equal(filled(3, 1), 4);
	assert_string_equal(ended(3), "self_trade");
	assert_non_null(trade_book_get(book, 2));
}

static void
icebergs_refill_at_the_back(void **state)
{
	struct trade_book_order o = limit(1, false, 6, 100);

	(void)state;
	o.display = 2;
	add(o);
	add(limit(2, false, 2, 100));
	assert_int_equal(trade_book_shown(book, false, 100), 4);
	add(limit(3, true, 3, 100));
	/* 2 of the iceberg, then 1 of who came after it */
	assert_int_equal(filled(3, 1), 2);
	assert_int_equal(filled(3, 2), 1);
	add(limit(4, true, 2, 100));
	assert_int_equal(filled(4, 2), 1);
	assert_int_equal(filled(4, 1), 1);
}

static void
stops_fire_in_order(void **state)
{
	struct trade_book_order s = limit(10, true, 1, 0);
	size_t i, k = 0;
	const uint64_t want[] = { 12, 11, 10 };

	(void)state;
	s.type = BOOK_STOP;
	s.stop = 105;
	add(s);
	s.id = 11;
	s.stop = 104;
	add(s);
	s.id = 12;
	s.stop = 103;
	add(s);
	for (i = 1; i <= 8; i++)
		add(limit(i, false, 1, 100 + (int64_t)i));
	/* 103 trades: that stop buys at 104, which reaches the next one */
	add(limit(20, true, 3, 103));
	for (i = 0; i < nheard; i++)
		if (heard[i].what == BOOK_TRIGGERED)
			assert_int_equal(heard[i].id, want[k++]);
	assert_int_equal(k, 3);
	assert_int_equal(trade_book_last(book), 106);
	/* a stop-limit rests when its limit is not there */
	s = limit(30, false, 2, 106);
	s.type = BOOK_STOP_LIMIT;
	s.stop = 106;
	add(s);
	assert_true(trade_book_get(book, 30)->triggered);
	assert_int_equal(trade_book_best(book, false), 106);
}

static void
trailing_stops_follow(void **state)
{
	struct trade_book_order s = limit(1, false, 1, 0);

	(void)state;
	trade_book_set_step(book, 2);
	trade_book_mark(book, 100, 100);
	s.type = BOOK_TRAIL;
	s.trail = 5;
	add(s);
	assert_int_equal(trade_book_get(book, 1)->stop, 95);
	trade_book_mark(book, 101, 101);
	assert_int_equal(trade_book_get(book, 1)->stop, 95);
	trade_book_mark(book, 110, 110);
	assert_int_equal(trade_book_get(book, 1)->stop, 105);
	trade_book_mark(book, 106, 106);
	assert_false(trade_book_fire(book));
	assert_int_equal(trade_book_get(book, 1)->stop, 105);
	add(limit(2, true, 1, 90));
	trade_book_mark(book, 104, 104);
	assert_true(trade_book_fire(book));
	assert_int_equal(filled(1, 2), 1);
}

static void
a_change_keeps_or_loses_its_place(void **state)
{
	(void)state;
	add(limit(1, true, 5, 100));
	add(limit(2, true, 5, 100));
	assert_int_equal(trade_book_replace(book, 1, 3, 0, 0), 0);
	add(limit(3, false, 1, 100));
	assert_int_equal(filled(3, 1), 1);
	assert_int_equal(trade_book_replace(book, 1, 4, 0, 0), 0);
	add(limit(4, false, 1, 100));
	assert_int_equal(filled(4, 2), 1);
	assert_int_equal(trade_book_replace(book, 99, 1, 0, 0), 1);
	assert_int_equal(trade_book_replace(book, 1, 0, 0, 0), -1);
	/* to a price that is there: it takes */
	add(limit(5, false, 2, 103));
	assert_int_equal(trade_book_replace(book, 1, 4, 103, 0), 0);
	assert_int_equal(filled(1, 5), 2);
	assert_int_equal(trade_book_get(book, 1)->quantity, 2);
}

/* Trades of others: first those ahead, then ours; who leaves leaves his place
 * to the next. */
static void
a_queue_moves_by_trades_only(void **state)
{
	struct trade_book_order o = limit(1, true, 10, 100);
	int64_t volume = 30;

	(void)state;
	o.ahead = 50;
	add(o);
	o = limit(2, true, 5, 100);
	o.ahead = 7;
	add(o);
	assert_int_equal(trade_book_hit(book, false, 100, false, &volume), 0);
	assert_int_equal(volume, 0);
	volume = 25;
	assert_int_equal(trade_book_hit(book, false, 100, false, &volume), 5);
	assert_int_equal(trade_book_hit(book, false, 100, false, &volume), 0);
	assert_int_equal(trade_book_cancel(book, 1), 0);
	assert_int_equal(trade_book_get(book, 2)->ahead, 7);
	volume = 8;
	assert_int_equal(trade_book_hit(book, false, 100, false, &volume), 1);
	/* traded through */
	add(limit(3, true, 4, 99));
	volume = INT64_MAX;
	assert_int_equal(trade_book_hit(book, false, 98, true, &volume), 4);
	assert_int_equal(trade_book_hit(book, false, 98, true, &volume), 4);
	assert_int_equal(trade_book_count(book), 0);
}

static void
nonsense_is_refused(void **state)
{
	struct trade_book_order o = limit(1, true, 5, 100);

	(void)state;
	add(o);
	assert_int_equal(trade_book_add(book, &o), -1);
	assert_string_equal(heard[nheard - 1].why, "id");
	o.id = 2;
	o.quantity = 0;
	assert_int_equal(trade_book_add(book, &o), -1);
	o = limit(2, true, 5, -1);
	assert_int_equal(trade_book_add(book, &o), -1);
	assert_string_equal(heard[nheard - 1].why, "price");
	for (uint64_t i = 2; i <= MAX; i++)
		add(limit(i, true, INT64_MAX, 99));
	assert_int_equal(trade_book_shown(book, true, 99), INT64_MAX);
	o = limit(MAX + 1, true, 1, 98);
	assert_int_equal(trade_book_add(book, &o), -1);
	assert_string_equal(heard[nheard - 1].why, "full");
}

/* ---- against the slow one ------------------------------------------------------ */

static uint64_t seed;

static uint64_t
below(uint64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (seed >> 33) % n;
}

static void
same_events(const struct slowbook *s, uint64_t run)
{
	if (nheard != s->n)
		fail_msg("run %llu: %zu events, %zu wanted",
		    (unsigned long long)run, nheard, s->n);
	for (size_t i = 0; i < nheard; i++) {
		const struct trade_book_event *x = &heard[i], *y = &s->v[i];

		if (x->what != y->what || x->id != y->id || x->other !=
		    y->other || x->quantity != y->quantity ||
		    x->price != y->price)
			fail_msg("run %llu, event %zu: %d %llu/%llu %lld@%lld,"
			    " wanted %d %llu/%llu %lld@%lld",
			    (unsigned long long)run, i, x->what,
			    (unsigned long long)x->id,
			    (unsigned long long)x->other,
			    (long long)x->quantity, (long long)x->price,
			    y->what, (unsigned long long)y->id,
			    (unsigned long long)y->other,
			    (long long)y->quantity, (long long)y->price);
	}
}

static struct trade_book_order
any_order(uint64_t id)
{
	struct trade_book_order o = { .id = id, .owner = below(6),
	    .buy = below(2), .quantity = 1 + (int64_t)below(20) };
	uint64_t kind = below(16);
	int64_t price = 90 + (int64_t)below(21);

	o.type = kind < 10 ? BOOK_LIMIT : kind < 12 ? BOOK_MARKET : kind < 14
	    ? BOOK_STOP : kind < 15 ? BOOK_STOP_LIMIT : BOOK_TRAIL;
	if (o.type == BOOK_LIMIT || o.type == BOOK_STOP_LIMIT)
		o.limit = price;
	if (o.type == BOOK_STOP || o.type == BOOK_STOP_LIMIT)
		o.stop = price + (o.buy ? 2 : -2);
	if (o.type == BOOK_TRAIL)
		o.trail = 1 + (int64_t)below(6);
	if (below(8) == 0)
		o.tif = below(2) ? BOOK_IOC : BOOK_FOK;
	o.post_only = o.type == BOOK_LIMIT && o.tif == BOOK_REST &&
	    below(10) == 0;
	if (o.type == BOOK_LIMIT && below(5) == 0)
		o.display = 1 + (int64_t)below((uint64_t)o.quantity);
	return o;
}

static void
count_open(void *arg, const struct trade_book_order *o)
{
	*(int64_t *)arg += o->quantity;
}

/* What was given is filled, ended or open. */
static void
nothing_is_lost(int64_t given)
{
	int64_t open = 0;

	for (size_t i = 0; i < nheard; i++) {
		if (heard[i].what == BOOK_FILL)
			given -= 2 * heard[i].quantity;
		if (heard[i].what == BOOK_ENDED)
			given -= heard[i].quantity;
	}
	trade_book_each(book, count_open, &open);
	assert_int_equal(open, given);
}

static void
equals_the_slow_one(void **state)
{
	(void)state;
	for (uint64_t run = 0; run < 300; run++) {
		struct slowbook slow = { .n = 0 };
		int64_t given = 0;

		arena_reset(a);
		book = trade_book_new(a, MAX, hear, NULL);
		nheard = 0;
		seed = run;
		for (uint64_t id = 1; id <= 200; id++) {
			struct trade_book_order o = any_order(id);
			uint64_t other = 1 + below(id);

			if (below(5) == 0) {
				assert_int_equal(trade_book_cancel(book,
				    other), slowbook_cancel(&slow, other));
				continue;
			}
			assert_int_equal(trade_book_add(book, &o), 0);
			slowbook_add(&slow, &o);
			given += o.quantity;
			assert_true(trade_book_best(book, true) == 0 ||
			    trade_book_best(book, false) == 0 ||
			    trade_book_best(book, true) <
			    trade_book_best(book, false));
		}
		same_events(&slow, run);
		nothing_is_lost(given);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)
	const struct CMUnitTest tests[] = {
		T(price_then_time), T(times_in_force),
		T(all_or_none_looks_behind), T(nobody_trades_with_himself),
		T(icebergs_refill_at_the_back), T(stops_fire_in_order),
		T(trailing_stops_follow), T(a_change_keeps_or_loses_its_place),
		T(a_queue_moves_by_trades_only), T(nonsense_is_refused),
		T(equals_the_slow_one)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
