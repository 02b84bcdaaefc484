/*
 * How many events per second the relay moves: outbox rows of ten events each,
 * as a dispatcher writes them, over a number of tenants, on a private
 * MariaDB; drained by one relay, then with writers beside it, and once more
 * while an old read transaction is held open.
 *	relay [ROWS [TENANTS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "db/db.h"
#include "events/event.h"
#include "events/relay.h"
#include "schema/schema.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#define DB "bench_relay"
enum { PER_ROW = 10, TXN_ROWS = 10, WRITE_S = 5 };

struct done {
	const char *type, *queue;
	int64_t attempt, ms;
};
static const struct field done_fields[] = {
	FIELD(struct done, type, .doc = "Type"),
	FIELD(struct done, queue, .doc = "Queue"),
	FIELD(struct done, attempt, .doc = "Try"),
	FIELD(struct done, ms, .doc = "How long"),
	FIELD_END
};
static const struct schema done_schema = { .name = "Done", .doc = "d",
    .size = sizeof(struct done), .fields = done_fields };
static const struct event succeeded = { .name = "job.succeeded", .doc = "d",
    .payload = &done_schema };

static const struct query view[] = {
	{ "bench.timeout", "SET SESSION idle_transaction_timeout = 0", NULL },
	{ "bench.isolation", "SET SESSION tx_isolation = 'REPEATABLE-READ'",
	  NULL },
	{ "bench.view", "START TRANSACTION WITH CONSISTENT SNAPSHOT", NULL }
};

static int tenants = 1;

static void
die(const struct err *e)
{
	fprintf(stderr, "%s: %s\n", e->detail, e->cause);
	exit(1);
}

static void
write_rows(struct db *db, int rows)
{
	const struct done d = { "platform.noop", "default", 1, 12 };
	struct arena *a = arena_new(64 << 20);
	struct err e = { 0 };

	if (db_begin(db, &e) == -1)
		die(&e);
	for (int i = 0; i < rows; i++) {
		struct event_pack *p = event_pack_new(a);
		struct uuid t = { { 1 } };

		t.b[15] = (uint8_t)random_below((uint64_t)tenants);
		for (int k = 0; k < PER_ROW; k++) {
			struct uuid id = uuid_new();
			char text[UUID_TEXT];

			event_pack_add(p, &succeeded, t,
			    uuid_format(id, text), 1, &d);
		}
		if (event_pack_publish(db, p, &e) == -1)
			die(&e);
	}
	if (db_commit(db, &e) == -1)
		die(&e);
	arena_free(a);
}

static double
seconds(int64_t since)
{
	return (double)(clock_boot_ns() - since) / 1e9;
}

static void
drain(struct db *db, struct relay *r, const char *what)
{
	int64_t start = clock_boot_ns();
	size_t n, all = 0;
	struct err e = { 0 };
	bool more = true;

	while (more) {
		if (relay_step(r, db, 100000, &n, &more, &e) == -1)
			die(&e);
		all += n;
	}
	printf("%-34s %8zu events  %6.2f s  %8.0f events/s\n", what, all,
	    seconds(start), (double)all / seconds(start));
	fflush(stdout);
}

static int
writer(void *arg)
{
	struct arena *a = arena_new(64 << 20);
	struct db *db = mariadb_open(a, DB);
	int64_t start = clock_boot_ns(), rows = 0;

	(void)arg;
	for (; seconds(start) < WRITE_S; rows += TXN_ROWS)
		write_rows(db, TXN_ROWS);
	printf("%-34s %8lld events  %6.2f s  %8.0f events/s\n", "  writer",
	    (long long)rows * PER_ROW, seconds(start),
	    (double)(rows * PER_ROW) / seconds(start));
	fflush(stdout);
	return 0;
}

static void
beside(struct db *db, struct relay *r)
{
	int64_t start = clock_boot_ns();
	size_t n, all = 0, lag;
	struct event_backlog b = { 0 };
	struct err e = { 0 };
	int64_t worst = 0;
	bool more;
	pid_t pid;

	fflush(stdout);
	db_forget(db);
	pid = forked(writer, NULL);
	for (lag = 0; waitpid(pid, NULL, WNOHANG) == 0; lag++) {
		if (relay_step(r, db, 100000, &n, &more, &e) == -1 ||
		    event_backlog(db, &b, &e) == -1)
			die(&e);
		if (b.pending > worst)
			worst = b.pending;
		all += n;
		if (n == 0)
			nap_ms(1);
	}
	printf("%-34s %8zu events  %6.2f s  %8.0f events/s, at most %lld "
	    "rows waited\n", "  relay beside it", all, seconds(start),
	    (double)all / seconds(start), (long long)worst);
}

int
main(int argc, char **argv)
{
	int rows = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20000;
	struct arena *a = arena_new(256 << 20);
	struct db *db, *old;
	struct relay *r;
	struct err e = { 0 };
	struct event_backlog b;

	tenants = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 20;
	if (!mariadb_start())
		return 1;
	mariadb_migrated(DB, NULL);
	db = mariadb_open(a, DB);
	old = mariadb_open(a, DB);
	r = relay_new(a, uuid_new());
	for (int i = 0; i < rows; i += TXN_ROWS)
		write_rows(db, TXN_ROWS);
	drain(db, r, "drain");
	beside(db, r);
	drain(db, r, "rest");
	for (size_t i = 0; i < sizeof(view) / sizeof(view[0]); i++)
		if (db_exec(old, &view[i], NO_ARGS, NULL, &e) == -1)
			die(&e);
	if (event_backlog(old, &b, &e) == -1)
		die(&e);
	for (int i = 0; i < rows; i += TXN_ROWS)
		write_rows(db, TXN_ROWS);
	drain(db, r, "drain, old read view");
	relay_end(r, db);
	return 0;
}
