/*
 * See jobs_http.h.
 */
#include <json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/jobs_http.h"
#include "tests/harness/pace.h"

enum { PATIENCE = 300, NAP_US = 100000 };

const struct reply *
jobs_send(struct stack *st, const char *token, const char *method,
    const char *path, const char *body)
{
	return http_call(st, &(struct call){ .method = method, .path = path,
	    .token = token, .body = body });
}

const char *
jobs_add(struct stack *st, const char *token, const char *body)
{
	const struct reply *r = jobs_send(st, token, "POST", "/jobs", body);

	expect_status(r, 202);
	return arena_strdup(st->a, json_text_at(r->json, "job_id"));
}

const struct reply *
jobs_get(struct stack *st, const char *token, const char *id)
{
	const struct reply *r = http_get(st, http_text(st, "/jobs/%s", id),
	    token);

	expect_status(r, 200);
	return r;
}

const char *
jobs_status(struct stack *st, const char *token, const char *id)
{
	return arena_strdup(st->a, json_text_at(jobs_get(st, token,
	    id)->json, "status"));
}

void
jobs_until(struct stack *st, const char *token, const char *id,
    const char *status)
{
	const char *now = "";

	for (int i = 0; i < PATIENCE; i++) {
		now = jobs_status(st, token, id);
		if (strcmp(now, status) == 0)
			return;
		pace_us(NAP_US);
	}
	fail_msg("job %s is %s, not %s", id, now, status);
}

struct jobs_held
jobs_claim(struct stack *st, const char *token, const char *queue)
{
	const struct reply *r = jobs_send(st, token, "POST", "/jobs/claim",
	    http_text(st, "{\"queues\":[\"%s\"],\"worker\":\"test\"}",
	    queue));

	expect_status(r, 200);
	return (struct jobs_held){
	    arena_strdup(st->a, json_text_at(r->json, "jobs.0.id")),
	    arena_strdup(st->a, json_text_at(r->json, "jobs.0.type")),
	    json_int_at(r->json, "jobs.0.token"), r };
}

struct jobs_held
jobs_claim_some(struct stack *st, const char *token, const char *queue)
{
	struct jobs_held h = { .id = "" };

	for (int i = 0; i < PATIENCE; i++) {
		h = jobs_claim(st, token, queue);
		if (*h.id != '\0')
			return h;
		pace_us(NAP_US);
	}
	fail_msg("nothing to claim in queue %s", queue);
	return h;
}

const struct reply *
jobs_say(struct stack *st, const char *token, const struct jobs_held *h,
    const char *verb, const char *more)
{
	return jobs_send(st, token, "POST", http_text(st, "/jobs/%s/%s",
	    h->id, verb), http_text(st, "{\"token\":%lld%s}", h->token,
	    more));
}

const char *
jobs_tenant(struct stack *st, const char *name)
{
	const struct reply *r = http_send(st, "POST", "/api/auth/tenants",
	    http_admin(st), http_text(st, "{\"name\":\"%s\",\"admin\":{"
	    "\"email\":\"%s@example.test\",\"username\":\"admin-%s\","
	    "\"password\":\"a long password\",\"full_name\":\"Admin\"}}",
	    name, name, name));

	expect_status(r, 201);
	return http_login(st, http_text(st, "%s@example.test", name),
	    "a long password", NULL);
}

const char *
jobs_user(struct stack *st, const char *token, const char *name,
    const char *roles)
{
	const struct reply *r = http_send(st, "POST", "/api/auth/users",
	    token, http_text(st, "{\"email\":\"%s@example.test\","
	    "\"username\":\"%s\",\"password\":\"a long password\","
	    "\"full_name\":\"User\",\"roles\":%s}", name, name, roles));

	expect_status(r, 201);
	return http_login(st, http_text(st, "%s@example.test", name),
	    "a long password", NULL);
}
