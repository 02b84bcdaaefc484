/*
 * Metrics of the database layer. The lists of registered queries are a
 * process-wide singleton like the segment they label; they are set at start
 * and never copied.
 */
#include <string.h>

#include "db/db.h"
#include "db/metrics.h"
#include "shm/shm.h"

static const char *const codes[] = {
	"db_retry", "db_down", "db_uncertain", "db_timeout", "duplicate",
	"conflict", "db_value", "db_readonly", "db_schema", "db_busy",
	"db_error", NULL
};
static const struct metric_label code_label = { "code", codes };

const struct metric_label db_query_label = { "query", NULL };

const struct metric db_query_seconds = {
	.name = "db_query_seconds", .kind = METRIC_HISTOGRAM,
	.help = "Time from sending a statement to its last row",
	.labels = { &db_query_label }
};
const struct metric db_errors_total = {
	.name = "db_errors_total", .kind = METRIC_COUNTER,
	.help = "Failed database statements by meaning",
	.labels = { &code_label }
};
const struct metric db_reconnects_total = {
	.name = "db_reconnects_total", .kind = METRIC_COUNTER,
	.help = "Database connections opened"
};

enum { LISTS = 64 };
static const struct query *const *registered[LISTS];
static size_t nregistered;

void
db_register_queries(const struct query *const *list)
{
	size_t i;

	for (i = 0; i < nregistered; i++)
		if (registered[i] == list)
			return;
	if (nregistered < LISTS)
		registered[nregistered++] = list;
}

size_t
db_query_index(const struct query *q)
{
	size_t at = 0, i, k;

	for (i = 0; i < nregistered; i++)
		for (k = 0; registered[i][k] != NULL; k++, at++)
			if (registered[i][k] == q)
				return at;
	return SIZE_MAX;
}

void
db_query_seen(size_t index, uint64_t ns)
{
	if (index != SIZE_MAX)
		metric_observe_ns(&db_query_seconds, index, 0, ns);
}

void
db_count_error(const char *code)
{
	size_t i;

	for (i = 0; codes[i + 1] != NULL; i++)
		if (strcmp(codes[i], code) == 0)
			break;
	metric_add(&db_errors_total, i, 0, 1);
}

void
db_count_reconnect(void)
{
	metric_add(&db_reconnects_total, 0, 0, 1);
}
