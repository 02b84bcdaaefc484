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
/* "Linux/UNIX (Amazon VPC)" and other spellings of the same product. */
const char *spot_product(const char *);
/* "Linux" or "Windows", as the advisor has it. */
const char *spot_product_os(const char *product);

#endif
