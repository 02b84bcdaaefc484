/*
 * Jobs over HTTP, for the end-to-end tests: short forms with the token of the
 * tenant under test. Includes nothing of the queue's inside.
 */
#ifndef HARNESS_JOBS_HTTP_H
#define HARNESS_JOBS_HTTP_H

#include "tests/harness/http.h"
#include "tests/harness/stack.h"

/* POST, PATCH or GET with a formatted path and a body (NULL: GET or none). */
const struct reply *jobs_send(struct stack *, const char *token,
    const char *method, const char *path, const char *body);
/* Enqueues (202) and returns the id, in the stack's arena. */
const char *jobs_add(struct stack *, const char *token, const char *body);
/* One job by id; fails unless 200. */
const struct reply *jobs_get(struct stack *, const char *token,
    const char *id);
/* Its state. */
const char *jobs_status(struct stack *, const char *token, const char *id);
/* Polls until the job is in that state; fails after half a minute. */
void jobs_until(struct stack *, const char *token, const char *id,
    const char *status);

struct jobs_held {
	const char *id, *type;
	long long token;
	const struct reply *reply;
};
/* Claims one job of the queue; id "" when there is none. */
struct jobs_held jobs_claim(struct stack *, const char *token,
    const char *queue);
/* The same, polled until there is one. */
struct jobs_held jobs_claim_some(struct stack *, const char *token,
    const char *queue);
/* POST /jobs/{id}/{verb} with the held token and more members (",\"a\":1"). */
const struct reply *jobs_say(struct stack *, const char *token,
    const struct jobs_held *, const char *verb, const char *more);

/* A tenant of its own with an admin; the admin's token. */
const char *jobs_tenant(struct stack *, const char *name);
/* A user of the token's tenant with these roles ("[\"viewer\"]"). */
const char *jobs_user(struct stack *, const char *token, const char *name,
    const char *roles);

#endif
