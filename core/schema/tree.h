/*
 * A JSON value to walk through, for what shows replies without knowing their
 * structs: pages. NULL is an absent value everywhere and harmless.
 */
#ifndef SCHEMA_TREE_H
#define SCHEMA_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct err;
struct str;
struct tree;

enum tree_kind {
	TREE_NONE,		/* absent or null */
	TREE_BOOL, TREE_NUMBER, TREE_TEXT, TREE_LIST, TREE_OBJECT
};

/* Lives as long as the arena; 500 if the text is no JSON. */
int tree_parse(struct arena *, const char *, size_t n, const struct tree **,
    struct err *);
enum tree_kind tree_kind(const struct tree *);
/* Member of an object; NULL if it is none or has no such member. */
const struct tree *tree_get(const struct tree *, const char *name);
/* Items of a list, members of an object; 0 of all else. */
size_t tree_count(const struct tree *);
/* The i-th of them in order; *name is the member's name, NULL in lists. */
const struct tree *tree_at(const struct tree *, size_t i, const char **name);
/* Text of a scalar as it was written, "" when absent or no scalar. */
const char *tree_text(const struct tree *);
/* False for what is absent, false, 0, "", [] and {}. */
bool tree_true(const struct tree *);
/* Indented JSON, for people. */
void tree_pretty(const struct tree *, struct str *);

#endif
