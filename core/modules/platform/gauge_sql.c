/*
 * Gauges of the database that the alerts look at. Each is one bounded
 * statement; the first needs the PROCESS privilege and is left out without it.
 */
#include <stddef.h>

#include "modules/platform/alert.h"
#include "modules/platform/gauge.h"

const struct metric platform_read_transactions = {
	"db_read_transactions_oldest_seconds",
	"Age of the oldest transaction that has changed nothing",
	METRIC_GAUGE, { NULL, NULL } };
const struct metric platform_history_list = { "innodb_history_list",
	"Undo records that wait to be purged", METRIC_GAUGE, { NULL, NULL } };
const struct metric platform_dead_letters = { "job_dead_letters",
	"Jobs on the list of dead letters, at most 10001", METRIC_GAUGE,
	{ NULL, NULL } };
static const struct query OLDEST_READ = { "platform_gauge.oldest_read",
	"SELECT COALESCE(MAX(TIMESTAMPDIFF(SECOND, trx_started, "
	"SYSDATE())), 0) AS value FROM information_schema.INNODB_TRX "
	"WHERE trx_rows_modified = 0 LIMIT 1", &gauge_value_schema };
static const struct query HISTORY_LIST = { "platform_gauge.history_list",
	"SELECT CAST(variable_value AS DOUBLE) AS value "
	"FROM information_schema.GLOBAL_STATUS "
	"WHERE variable_name = 'INNODB_HISTORY_LIST_LENGTH' LIMIT 1",
	&gauge_value_schema };
static const struct query DEAD_LETTERS = { "platform_gauge.dead_letters",
	"SELECT CAST(COUNT(*) AS DOUBLE) AS value FROM "
	"(SELECT 1 FROM jobs_dead LIMIT 10001) found", &gauge_value_schema };

const struct query *const platform_gauge_queries[] = {
	&OLDEST_READ, &HISTORY_LIST, &DEAD_LETTERS, NULL
};

const struct gauge platform_gauges[] = {
	{ &platform_read_transactions, &OLDEST_READ },
	{ &platform_history_list, &HISTORY_LIST },
	{ &platform_dead_letters, &DEAD_LETTERS },
	GAUGE_END
};
