/*
 * The audit trail against MariaDB: rows are sealed once each in whatever order
 * they were committed, and every kind of tampering names its row.
 */
#include "tests/harness/auth_env.h"

/* ---- audit -------------------------------------------------------------- */

static void
note(struct db *db, const char *what)
{
	good(auth_audit_note(db, by.tenant_id, "test", what, "thing", "1",
	    "{\"n\":1}", &err));
}

static struct auth_audit_report
report(void)
{
	struct auth_audit_report r;

	good(auth_audit_verify(&env, a, &r, &err));
	return r;
}

static void
whole(void)
{
	struct auth_audit_report r = report();

	if (!r.ok)
		fail_msg("%s", r.message);
}

/* The chain is broken at this row, and whole again once it is mended. */
static void
broken(const char *damage, const char *mend, const char *problem, int64_t row)
{
	struct auth_audit_report r;

	mariadb_sql(DB, damage);
	r = report();
	if (r.ok || strcmp(r.problem, problem) != 0 || r.row != row)
		fail_msg("%s: %s", damage, r.message);
	mariadb_sql(DB, mend);
	whole();
}

/* Rows committed in another order than they were made are sealed once each. */
static void
commit_order(void **state)
{
	struct env other;
	size_t n;

	(void)state;
	boot(&other, KEY_A, NULL);
	good(db_begin(other.db, &err));
	note(other.db, "early but late");
	for (int i = 0; i < 1234; i++)
		note(env.db, "in between");
	good(auth_audit_seal(&env, a, &n, &err));
	assert_true(n >= 1234);
	good(db_commit(other.db, &err));
	good(auth_audit_seal(&other, a, &n, &err));
	assert_int_equal(n, 1);
	good(auth_audit_seal(&other, a, &n, &err));
	assert_int_equal(n, 0);
	whole();
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) = "
	    "MAX(seal_seq) FROM auth_audit"), "1");
	shut(&other);
}

/* Somebody else holds the head: no wait, no error, nothing sealed. */
static void
seal_busy(void **state)
{
	struct env other;
	struct auth_audit_head head;
	int64_t start;
	size_t n;

	(void)state;
	boot(&other, KEY_A, NULL);
	note(env.db, "waiting");
	good(db_begin(other.db, &err));
	good(auth_audit_head_lock(other.db, a, &head, &err));
	start = clock_boot_ns();
	good(auth_audit_seal(&env, a, &n, &err));
	assert_int_equal(n, 0);
	assert_true(clock_boot_ns() - start < INT64_C(500000000));
	db_rollback(other.db);
	good(auth_audit_seal(&env, a, &n, &err));
	assert_int_equal(n, 1);
	shut(&other);
}

static void
tampering(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		note(env.db, "tampering");
	whole();
	broken("CREATE TABLE keep AS SELECT * FROM auth_audit "
	    "WHERE seal_seq = 2; UPDATE auth_audit SET actor = 'somebody' "
	    "WHERE seal_seq = 2", "UPDATE auth_audit x JOIN keep k "
	    "ON k.id = x.id SET x.actor = k.actor; DROP TABLE keep",
	    "changed", 2);
	broken("CREATE TABLE keep AS SELECT * FROM auth_audit "
	    "WHERE seal_seq = 3; DELETE FROM auth_audit WHERE seal_seq = 3",
	    "INSERT INTO auth_audit SELECT * FROM keep; DROP TABLE keep",
	    "missing", 3);
	broken("UPDATE auth_audit SET seal_seq = -1 WHERE seal_seq = 4;"
	    "UPDATE auth_audit SET seal_seq = 4 WHERE seal_seq = 5;"
	    "UPDATE auth_audit SET seal_seq = 5 WHERE seal_seq = -1",
	    "UPDATE auth_audit SET seal_seq = -1 WHERE seal_seq = 4;"
	    "UPDATE auth_audit SET seal_seq = 4 WHERE seal_seq = 5;"
	    "UPDATE auth_audit SET seal_seq = 5 WHERE seal_seq = -1",
	    "changed", 4);
}

/* The last rows go, and the head is put back to what it was before them. */
static void
cut_tail(void **state)
{
	int64_t n;

	(void)state;
	note(env.db, "the last");
	whole();
	n = report().checked;
	broken(arena_printf(a, "CREATE TABLE keep AS SELECT * FROM auth_audit "
	    "WHERE seal_seq = %lld; DELETE FROM auth_audit "
	    "WHERE seal_seq = %lld; UPDATE auth_audit_head h JOIN auth_audit "
	    "x ON x.seal_seq = %lld SET h.seal_seq = x.seal_seq, "
	    "h.seal = x.seal", (long long)n, (long long)n, (long long)n - 1),
	    "INSERT INTO auth_audit SELECT * FROM keep; UPDATE "
	    "auth_audit_head h JOIN keep x SET h.seal_seq = x.seal_seq, "
	    "h.seal = x.seal; DROP TABLE keep", "cut", n);
}

static void
audit_page(void **state)
{
	struct auth_audit_filter f = { .tenant = by.tenant_id, .limit = 3,
	    .action = "in between" };
	struct uuid reached;
	struct rows rows;

	(void)state;
	good(auth_audit_page(env.db, a, &f, &rows, &reached,
	    &err));
	assert_int_equal(rows.n, 3);
	f.before = ROW(&rows, struct auth_audit_row, 2)->id;
	good(auth_audit_page(env.db, a, &f, &rows, &reached,
	    &err));
	assert_int_equal(rows.n, 3);
	assert_true(memcmp(&ROW(&rows, struct auth_audit_row, 0)->id,
	    &f.before, 16) < 0);
	f.until.us = 1;
	good(auth_audit_page(env.db, a, &f, &rows, &reached,
	    &err));
	assert_int_equal(rows.n, 0);
	f = (struct auth_audit_filter){ .tenant = uuid_new(), .limit = 3 };
	good(auth_audit_page(env.db, a, &f, &rows, &reached,
	    &err));
	assert_int_equal(rows.n, 0);
	f.tenant = (struct uuid){ { 0 } };
	good(auth_audit_page(env.db, a, &f, &rows, &reached,
	    &err));
	assert_int_equal(rows.n, 3);
}

/* A filter that nothing fits looks at a window, and says how far it came. */
static void
audit_page_window(void **state)
{
	struct auth_audit_filter f = { .tenant = uuid_new(), .limit = 3,
	    .action = "needle" };
	struct uuid reached;
	struct rows rows;
	char id[UUID_TEXT];
	int pages = 1;

	(void)state;
	mariadb_sql(DB, arena_printf(a, "INSERT INTO auth_audit (id, "
	    "tenant_id, at, actor_kind, actor, action, status, seal_seq) "
	    "SELECT UNHEX(LPAD(HEX(seq + 65536), 32, '0')), UNHEX(REPLACE('%s', "
	    "'-', '')), '1970-01-01 00:00:01', 'user', 'x', IF(seq = 7, "
	    "'needle', 'hay'), 200, 1000000 + seq FROM seq_1_to_50000",
	    uuid_format(f.tenant, id)));
	good(auth_audit_page(env.db, a, &f, &rows, &reached, &err));
	while (!uuid_is_nil(reached)) {
		assert_int_equal(rows.n, 0);
		f.before = reached;
		good(auth_audit_page(env.db, a, &f, &rows, &reached, &err));
		pages++;
	}
	assert_int_equal(pages, 3);
	assert_int_equal(rows.n, 1);
	mariadb_sql(DB, "DELETE FROM auth_audit WHERE seal_seq > 1000000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commit_order),
		cmocka_unit_test(seal_busy),
		cmocka_unit_test(tampering),
		cmocka_unit_test(cut_tail),
		cmocka_unit_test(audit_page),
		cmocka_unit_test(audit_page_window)
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
