/*
 * What an order costs: the pure checks; placing, a fill and a cancel, each in
 * a durable transaction of its own; the floor, which is a transaction that
 * changes one row with as many statements that do nothing; and the stop switch
 * with 500 orders open. The private server writes its log at each commit.
 */
#define DB "bench_order"
#include "tests/harness/trade_env.h"

enum { ORDERS = 1000, CHECKS = 1000000, OPEN = 500,
	USUAL = 200 };	/* trade.orders_per_minute */

static const struct query NOTHING = { "bench.nothing", "DO 0", NULL };
static const struct query TOUCH = { "bench.touch", "UPDATE trade_session SET "
    "version = version + 1 WHERE id = ?", NULL };

static int64_t took[ORDERS];
static volatile int64_t sink;

static int
compare(const void *x, const void *y)
{
	const int64_t *p = x, *q = y;

	return *p < *q ? -1 : *p > *q;
}

static void
line(const char *what, uint64_t statements)
{
	qsort(took, ORDERS, sizeof(took[0]), compare);
	printf("%-38s p50 %7.3f ms  p99 %7.3f ms  worst %7.3f ms  %llu "
	    "statements\n", what, (double)took[ORDERS / 2] / 1e6,
	    (double)took[ORDERS * 99 / 100] / 1e6,
	    (double)took[ORDERS - 1] / 1e6, (unsigned long long)statements);
	fflush(stdout);
}

static void
checks(void)
{
	struct trade_risk_in r = { .limits = wide_limits(),
	    .session_state = "active", .buy = true, .lot = dec("1"),
	    .limit_price = dec("100"), .tick = dec("0.01"),
	    .reference = dec("100"), .cash = dec("1000000"),
	    .equity = dec("1000000"), .day_equity = dec("1000000"),
	    .fee = 0.001 };
	struct dec held;
	int64_t t0 = clock_boot_ns(), ns;

	for (int i = 0; i < CHECKS; i++) {
		r.quantity.e8 = (1 + i % 100) * DEC_ONE;
		r.position.e8 = (i % 50) * DEC_ONE;
		sink += trade_risk_check(&r, &held, &err) + held.e8;
	}
	ns = clock_boot_ns() - t0;
	printf("%-38s %.0f ns each\n", "all checks, in memory",
	    (double)ns / CHECKS);
}

/* Away again, untimed: a live one that has not left ends like a paper one. */
static void
drop(struct uuid id)
{
	struct trade_order o;

	begin();
	good(trade_order_cancel(&desk, id, "bench", &o, &err));
	commit();
}

/* One order at a time; the book of open ones stays small. The checks look at
 * what was placed within the last minute, so it matters how many there are:
 * an account gets `each` of them. */
static uint64_t
placing(bool live_one, int each)
{
	uint64_t before = 0, statements = 0;

	for (int i = 0; i < ORDERS; i++) {
		struct uuid session;
		struct trade_order o = terms("buy", "limit", "1", "90");
		int64_t t0;

		if (i % each == 0)
			desk_again("100000000");
		session = live_one ? live.id : paper.id;
		before = db_statements(db);
		t0 = clock_boot_ns();
		good(place(session, &o));
		took[i] = clock_boot_ns() - t0;
		statements = db_statements(db) - before;
		drop(o.id);
	}
	return statements;
}

static uint64_t
filling(void)
{
	uint64_t statements = 0;

	for (int i = 0; i < ORDERS; i++) {
		struct trade_order o;
		int64_t t0;

		if (i % 50 == 0) {
			o = terms("buy", "limit", "50", "100");
			good(place(live.id, &o));
		}
		t0 = clock_boot_ns();
		statements = db_statements(db);
		filled(live.id, o.id, arena_printf(a, "f%d", i), "1", "100");
		took[i] = clock_boot_ns() - t0;
		statements = db_statements(db) - statements;
	}
	return statements;
}

static void
floor_of(uint64_t statements)
{
	for (int i = 0; i < ORDERS; i++) {
		int64_t t0 = clock_boot_ns();

		good(db_begin(db, &err));
		for (uint64_t k = 3; k < statements; k++)
			good(db_exec(db, &NOTHING, NO_ARGS, NULL, &err));
		good(db_exec(db, &TOUCH, ARGS(V(paper.id)), NULL, &err));
		good(db_commit(db, &err));
		took[i] = clock_boot_ns() - t0;
	}
	line("floor: as many that do nothing", statements);
}

static void
stopping(void)
{
	struct trade_session s;
	int64_t n, t0;

	desk_again("100000000");
	for (int i = 0; i < OPEN; i++) {
		struct trade_order o = terms("buy", "limit", "1", "90");

		good(place(paper.id, &o));
	}
	t0 = clock_boot_ns();
	begin();
	s = account(paper.id);
	s.state = "halted";
	good(trade_order_cancel_all(&desk, &s, "stopped", &n, &err));
	commit();
	printf("%-38s %.1f ms (goal 100)\n", "stop switch, 500 orders open",
	    (double)(clock_boot_ns() - t0) / 1e6);
}

static void
figures(void **state)
{
	uint64_t statements;

	(void)state;
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	checks();
	statements = placing(false, USUAL);
	line("on paper, 200 a minute (goal p99 8)", statements);
	floor_of(statements);
	statements = placing(true, USUAL);
	line("live, 200 a minute, before it is sent", statements);
	statements = placing(false, ORDERS);
	line("on paper, 1000 within a minute", statements);
	desk_again("100000000");
	statements = filling();
	line("a fill, with its position and cash", statements);
	stopping();
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(figures) };

	desk_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
