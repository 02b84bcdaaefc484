/*
 * What an order costs: the pure checks; placing, a fill and a cancel, each in
 * a durable transaction of its own; the floors, which are a commit of one
 * changed row, alone and after as many round trips and statements that do
 * nothing as the order has; and the stop switch with 500 orders open. The
 * private server writes and syncs its log at each commit, as a real one.
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

struct cost {
	uint64_t statements, trips;
};

static struct cost
cost_now(void)
{
	return (struct cost){ db_statements(db), db_trips(db) };
}

static struct cost
cost_since(struct cost c)
{
	return (struct cost){ db_statements(db) - c.statements,
	    db_trips(db) - c.trips };
}

static int64_t
p99(void)
{
	return took[ORDERS * 99 / 100];
}

static void
line(const char *what, struct cost c)
{
	qsort(took, ORDERS, sizeof(took[0]), compare);
	printf("%-38s p50 %7.3f ms  p99 %7.3f ms  worst %7.3f ms  %2llu "
	    "statements in %2llu round trips\n", what,
	    (double)took[ORDERS / 2] / 1e6, (double)p99() / 1e6,
	    (double)took[ORDERS - 1] / 1e6, (unsigned long long)c.statements,
	    (unsigned long long)c.trips);
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
static struct cost
placing(bool live_one, int each)
{
	struct cost cost = { 0, 0 };

	for (int i = 0; i < ORDERS; i++) {
		struct uuid session;
		struct trade_order o = terms("buy", "limit", "1", "90");
		int64_t t0;

		if (i % each == 0)
			desk_again("100000000");
		session = live_one ? live.id : paper.id;
		cost = cost_now();
		t0 = clock_boot_ns();
		good(place(session, &o));
		took[i] = clock_boot_ns() - t0;
		cost = cost_since(cost);
		drop(o.id);
	}
	return cost;
}

static struct cost
filling(void)
{
	struct cost cost = { 0, 0 };

	for (int i = 0; i < ORDERS; i++) {
		struct trade_order o;
		int64_t t0;

		if (i % 50 == 0) {
			o = terms("buy", "limit", "50", "100");
			good(place(live.id, &o));
		}
		t0 = clock_boot_ns();
		cost = cost_now();
		filled(live.id, o.id, arena_printf(a, "f%d", i), "1", "100");
		took[i] = clock_boot_ns() - t0;
		cost = cost_since(cost);
	}
	return cost;
}

/* A durable change of one row; before it as many round trips, and as many
 * statements in them. Of a transaction two trips wait for the last answer and
 * for COMMIT. */
static void
floor_of(const char *what, struct cost c)
{
	for (int i = 0; i < ORDERS; i++) {
		int64_t t0 = clock_boot_ns();

		good(db_begin(db, &err));
		for (uint64_t k = 2, n = 3; k < c.trips; k++) {
			for (; (n - 3) * (c.trips - 2) < (k - 1) *
			    (c.statements - 3); n++)
				good(db_post(db, &NOTHING, NO_ARGS, &err));
			good(db_hear(db, &err));
		}
		good(db_post(db, &TOUCH, ARGS(V(paper.id)), &err));
		good(db_commit(db, &err));
		took[i] = clock_boot_ns() - t0;
	}
	line(what, c);
}

/* What the figures were measured on. */
static void
server(void)
{
	printf("server: log synced at commit %s, binary log %s, log file %s, "
	    "buffer pool %s, on %s\n", mariadb_value(a, NULL, "SELECT "
	    "IF(@@innodb_flush_log_at_trx_commit = 1, 'yes', 'NO')"),
	    mariadb_value(a, NULL, "SELECT IF(@@log_bin, 'on', 'off')"),
	    mariadb_value(a, NULL, "SELECT CONCAT(@@innodb_log_file_size DIV "
	    "1048576, ' MiB')"), mariadb_value(a, NULL, "SELECT "
	    "CONCAT(@@innodb_buffer_pool_size DIV 1048576, ' MiB')"),
	    mariadb_value(a, NULL, "SELECT @@innodb_flush_method"));
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
	struct cost cost;
	int64_t order, commit_alone;

	(void)state;
	/* as MariaDB comes; the harness keeps its servers small */
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1; "
	    "SET GLOBAL innodb_log_file_size = 100663296; "
	    "SET GLOBAL innodb_buffer_pool_size = 134217728");
	server();
	checks();
	cost = placing(false, USUAL);
	line("on paper, 200 a minute (goal p99 8)", cost);
	order = p99();
	floor_of("floor: as many that do nothing", cost);
	floor_of("floor: one durable change", (struct cost){ 3, 2 });
	commit_alone = p99();
	printf("%-38s p99 %.1f times that of one durable change\n",
	    "an order on paper", (double)order / (double)commit_alone);
	cost = placing(true, USUAL);
	line("live, 200 a minute, before it is sent", cost);
	cost = placing(false, ORDERS);
	line("on paper, 1000 within a minute", cost);
	desk_again("100000000");
	cost = filling();
	line("a fill, with its position and cash", cost);
	stopping();
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(figures) };

	desk_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
