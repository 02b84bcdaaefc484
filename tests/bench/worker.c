/*
 * How soon an idle worker starts a job: from the insert of the job to its
 * claim and to its stored end, by the database's own clock, with a durable
 * database, over HTTP through nginx, one job at a time. Prints figures,
 * asserts nothing.
 * usage: worker [JOBS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

#define OF_BENCH "FROM jobs_job WHERE type = 'noop' AND state = 10"

static struct stack st;

static double
quantile(const char *what, double q)
{
	const char *n = mariadb_value(st.a, st.db, "SELECT COUNT(*) "
	    OF_BENCH);
	long at = (long)(q * (double)(strtol(n, NULL, 10) - 1));
	const char *us = mariadb_value(st.a, st.db, http_text(&st,
	    "SELECT TIMESTAMPDIFF(MICROSECOND, created_at, %s) AS us "
	    OF_BENCH " ORDER BY us LIMIT %ld, 1", what, at));

	return (double)strtol(us, NULL, 10) / 1000;
}

int
main(int argc, char **argv)
{
	long jobs = argc > 1 ? strtol(argv[1], NULL, 10) : 500;
	const char *token;

	stack_start(&st, &(struct stack_options){ .worker = true });
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	token = http_admin(&st);
	for (long i = 0; i < jobs; i++) {
		http_send(&st, "POST", "/api/system/jobs", token,
		    "{\"type\":\"noop\"}");
		nap_ms(10 + (unsigned)random_below(20));
		if (i % 50 == 0) {
			http_forget(&st);
			token = http_admin(&st);
		}
	}
	nap_ms(2000);
	printf("idle worker, %ld jobs, ms\n%-24s p50 %6.2f  p99 %6.2f  max "
	    "%6.2f\n%-24s p50 %6.2f  p99 %6.2f  max %6.2f\n", jobs,
	    "enqueue to claim", quantile("started_at", 0.5),
	    quantile("started_at", 0.99), quantile("started_at", 1),
	    "enqueue to stored end", quantile("finished_at", 0.5),
	    quantile("finished_at", 0.99), quantile("finished_at", 1));
	stack_stop(&st);
	return 0;
}
