/*
 * What the model files of this module share.
 */
#ifndef SPOT_ROWS_H
#define SPOT_ROWS_H

#include "db/db.h"

struct spot_count {
	int64_t n;
};
extern const struct schema spot_count_schema;

/* A path with an identifier, and nothing else. */
struct spot_id_in {
	struct uuid id;
};
extern const struct schema spot_id_in_schema;

/* "a,b" into a list of text; NULL is empty. And back. */
struct list spot_names_split(struct arena *, const char *);
const char *spot_names_join(struct arena *, struct list);
/* Turns "no such row" (1) into 404 "<noun> not found"; passes 0 and -1. */
int spot_found(int rc, const char *noun, struct err *);
/* Our database failed, not what it was about: nothing goes on without it. */
bool spot_db_away(const struct err *);
/* "Linux/UNIX (Amazon VPC)" and other spellings of the same product. */
const char *spot_product(const char *);

/* What a scan tells of everything it sees. */
#define SPOT_SEEN_FIELDS(S) \
	FIELD(S, seen_generation, .doc = "Scan that saw it last"), \
	FIELD(S, first_seen, .doc = "First scan that saw it"), \
	FIELD(S, last_seen, .doc = "Last scan that saw it"), \
	FIELD(S, stale, .doc = "Two scans of its region were missed"), \
	FIELD(S, gone_at, .flags = FF_NULLABLE, \
	    .doc = "When a complete scan no longer saw it")
/* Filters of lists of such things, beside the page's. */
#define SPOT_PLACE_FILTERS(F) \
	FIELD(F, account_id, .flags = FF_NULLABLE, .ref = "spot_account", \
	    .doc = "Only of this account"), \
	FIELD(F, region, .flags = FF_NULLABLE, .max = 32, \
	    .doc = "Only in this region"), \
	FIELD(F, gone, .def = "false", .doc = "Also those that went away")

#endif
