/*
 * String-keyed hash map in an arena (keys and values borrowed), seeded against
 * chosen keys.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

struct arena;
struct map;

struct map *map_new(struct arena *);
/* Replaces; returns the former value or NULL. */
void *map_put(struct map *, const char *key, void *value);
void *map_get(const struct map *, const char *key);
size_t map_count(const struct map *);
/* Iterates in insertion order: start with *it = 0; false at the end. */
_Bool map_next(const struct map *, size_t *it, const char **key, void **value);

#endif
