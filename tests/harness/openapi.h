/*
 * Field tables out of an OpenAPI document, for tests that compare our
 * decoding with what FastAPI answers.
 */
#ifndef HARNESS_OPENAPI_H
#define HARNESS_OPENAPI_H

struct arena;
struct json_object;
struct schema;

/* Where the tables live. */
void openapi_arena(struct arena *);
/* A member, NULL if there is none; its text, "" if there is none. */
struct json_object *openapi_get(struct json_object *, const char *key);
const char *openapi_text(struct json_object *, const char *key);
/* Follows a $ref within the document. */
struct json_object *openapi_resolve(struct json_object *doc,
    struct json_object *);
/* Path and query parameters of an operation; a struct of the body's schema.
 * NULL, or why a table cannot say it. Headers and cookies are left out. */
const char *openapi_params(struct json_object *doc, struct json_object *op,
    struct schema *);
const char *openapi_body(struct json_object *doc, struct json_object *,
    struct schema *);

/* The last bound that a table cannot hold because it is not whole; it is left
 * out, so a case whose answer depends on it cannot be compared. */
extern const char *openapi_fraction;

#endif
