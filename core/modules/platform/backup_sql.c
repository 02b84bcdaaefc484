/*
 * What is in a database, as names and as a number.
 */
#include <stddef.h>
#include <string.h>

#include "modules/platform/backup.h"

struct thing {
	const char *name;
	bool view;
};
static const struct field thing_fields[] = {
	FIELD(struct thing, name, .doc = "Table or view"),
	FIELD(struct thing, view, .doc = "Which of them"),
	FIELD_END
};
static const struct schema thing_schema = {
	.name = "BackupThing", .doc = "Table or view of a database",
	.size = sizeof(struct thing), .fields = thing_fields
};
struct count {
	int64_t n;
};
static const struct field count_fields[] = {
	FIELD(struct count, n, .doc = "Number"), FIELD_END
};
static const struct schema count_schema = {
	.name = "BackupCount", .doc = "A number",
	.size = sizeof(struct count), .fields = count_fields
};

static const struct query THINGS = { "platform_backup.things",
	"SELECT table_name AS name, table_type = 'VIEW' AS view "
	"FROM information_schema.tables WHERE table_schema = DATABASE() "
	"ORDER BY table_name LIMIT 10000", &thing_schema };
static const struct query LAST = { "platform_backup.migration",
	"SELECT COALESCE(MAX(version), 0) AS n FROM db_migration "
	"WHERE finished IS NOT NULL LIMIT 1", &count_schema };

const struct query *const platform_backup_queries[] = {
	&THINGS, &LAST, NULL
};

/* The mark goes last: until then the rest is known to be a ruin. */
int
platform_backup_contents(struct db *db, struct arena *a, struct str *drop,
    size_t *tables, bool *marked, struct err *e)
{
	struct rows rows;

	*tables = 0;
	*marked = false;
	if (db_all(db, a, &THINGS, NO_ARGS, &rows, e) == -1)
		return -1;
	str_add(drop, "SET FOREIGN_KEY_CHECKS=0;\n");
	for (size_t i = 0; i < rows.n; i++) {
		const struct thing *t = ROW(&rows, struct thing, i);

		if (strcmp(t->name, DB_RESTORE_MARK) == 0) {
			*marked = true;
			continue;
		}
		*tables += !t->view;
		str_addf(drop, "DROP %s IF EXISTS `", t->view ? "VIEW" :
		    "TABLE");
		for (const char *p = t->name; *p != '\0'; p++) {
			if (*p == '`')
				str_addc(drop, '`');
			str_addc(drop, *p);
		}
		str_add(drop, "`;\n");
	}
	return 0;
}

int
platform_backup_migration(struct db *db, struct arena *a, int64_t *last,
    struct err *e)
{
	struct count c = { 0 };
	int rc = db_one(db, a, &LAST, NO_ARGS, &c, e);

	*last = c.n;
	return rc;
}
