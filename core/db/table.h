/*
 * Rows about tables, permissions, components, health and exchange: what the
 * loops over modules[] need to know of a module's data.
 */
#ifndef DB_TABLE_H
#define DB_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct arena;
struct db;
struct env;
struct err;
struct query;
struct rows;
struct schema;
struct str;

enum snapshot_class { SNAP_FULL = 1, SNAP_REBUILDABLE, SNAP_NEVER };

struct table {
	const char *name;		/* "auth_user" */
	const struct schema *row;	/* struct that holds a row, or NULL */
	const char *tenant_column;	/* NULL: not tenant data */
	int retention_days;		/* 0 = kept */
	const char *retention_column;	/* time column the sweep looks at */
	enum snapshot_class snapshot;
	const char *const *sealed;	/* columns with keyring values */
	const char *const *sql_only;	/* columns without a struct member */
};

struct permission {
	const char *name;		/* "spot:write" */
	const char *doc;
	const char *roles;		/* "admin operator": seeded roles with it */
	bool step_up;			/* fresh password needed */
};

enum probe_state { PROBE_OK, PROBE_DEGRADED, PROBE_DOWN, PROBE_DISABLED };
struct probe {
	enum probe_state state;
	char detail[160];
};

struct health_check {
	const char *name;		/* "db" */
	const char *doc;
	bool required;			/* down: the whole is down, else degraded */
	void (*run)(struct env *, struct probe *);	/* own time limits */
};

/* A part that operators may start, stop, pause and resume. The desired state
 * is a database row, so it holds on every host; programs ask
 * component_active() before they work. */
struct component {
	const char *name;		/* "spot.discover" */
	const char *doc;
	const char *const *needs;	/* other components, NULL-terminated */
	const char *health;		/* its health check, or NULL */
	bool required;			/* cannot be stopped */
};

/* One noun that can be imported and exported. */
struct exchange {
	const char *noun;		/* "spot.price" */
	const char *doc;
	const struct schema *row;
	/* Inserts or updates by natural key; idempotent. *changed tells whether
	 * anything was written. Called inside a transaction. */
	int (*put)(struct db *, struct arena *, struct uuid tenant,
	    const void *row, bool *changed, struct err *);
	/* All rows of a tenant in key order: parameters (tenant). */
	const struct query *all;
	bool global;			/* not tenant data: no parameter */
	bool whole;			/* one refused row, and no row of the
					 * file is written */
};

/* A metric whose past is kept, a value a minute. Named, because it may be
 * declared by any layer. */
struct history {
	const char *metric;		/* "http_requests_total" */
	const char *by;			/* label that is kept; "*" all of them,
					 * NULL none: the others are summed */
};
#define HISTORY_END { .metric = NULL }

/* A gauge that only the database knows: one row with one number (struct
 * gauge_value), asked by the leader of the alerts every 15 seconds. */
struct metric;
struct gauge {
	const struct metric *metric;	/* METRIC_GAUGE without labels */
	const struct query *query;	/* without parameters */
};
struct gauge_value {
	double value;
};
extern const struct schema gauge_value_schema;
#define GAUGE_END { .metric = NULL }

/* A declared alert rule (see modules/platform/expr.h for the expression). */
struct alert {
	const char *name;		/* "DiskFree" */
	const char *doc;		/* sentence for whoever is woken */
	const char *expr;
	int for_s;			/* must hold so long */
	int keep_s;			/* goes on so long after it held last */
	const char *severity;		/* "info" "warning" "critical" "page" */
	const char *group;		/* label of the notices, or NULL: the
					 * rule itself */
	const char *inhibited_by;	/* rules that explain this one */
	const char *runbook;		/* what to do */
};
#define ALERT_END { .name = NULL }

/* Of .no_db: the command runs before anything is read or any privilege is
 * given up; its env is NULL and options before the name are not looked at.
 * COMMAND_DIAGNOSE: as true, and a failed boot is told by the doctor.
 * COMMAND_ALONE: as true, and for anybody: where the run directory is not his,
 * env->shm and env->net are NULL. */
enum { COMMAND_NO_BOOT = 2, COMMAND_DIAGNOSE = 3, COMMAND_ALONE = 4 };

struct command {
	const char *name;		/* "user reset": one or two words */
	const char *usage;		/* "EMAIL [--json]" */
	const char *doc;
	int no_db;			/* true: runs without a database */
	/* argv[0] is the first word after the name. Returns the exit status. */
	int (*run)(struct env *, int argc, char **argv);
};

#endif
