/*
 * STS: GetCallerIdentity and AssumeRole. Refuses arguments STS would refuse
 * anyway, so that a typing error costs no call, and answers without the parts
 * that make credentials. The session's secrets live in the caller's arena.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/spot/sts_wire.h"

#define FIELD(T, m, p, n) { .path = p, .off = offsetof(struct T, m), \
	.type = AWS_TEXT, .max = n, .need = true }

static const struct aws_field identity_fields[] = {
	FIELD(sts_identity, account, "Account", 12),
	FIELD(sts_identity, arn, "Arn", 2048),
	FIELD(sts_identity, user_id, "UserId", 256),
	{ .path = NULL }
};

static const struct aws_field session_fields[] = {
	FIELD(sts_session, access_key, "Credentials/AccessKeyId", 128),
	FIELD(sts_session, secret_key, "Credentials/SecretAccessKey", 256),
	FIELD(sts_session, session_token, "Credentials/SessionToken", 8192),
	FIELD(sts_session, arn, "AssumedRoleUser/Arn", 2048),
	{ .path = "Credentials/Expiration", .type = AWS_TIME, .need = true,
	    .off = offsetof(struct sts_session, expires_at) },
	{ .path = NULL }
};

static int
one_row(struct arena *a, const struct aws_list *list, const void *body,
    size_t len, void *out, struct err *err)
{
	struct list rows = { 0 };

	if (spot_aws_rows(a, list, body, len, &rows, NULL, err) == -1)
		return -1;
	if (rows.n != 1)
		return err_set(err, 502, "aws_malformed",
		    "AWS answer: element <%s> is missing", list->item);
	memcpy(out, rows.items, list->size);
	return 0;
}

int
spot_sts_identity_parse(struct arena *a, const void *body, size_t len,
    struct sts_identity *out, struct err *err)
{
	const struct aws_list list = { .item = "GetCallerIdentityResult",
	    .size = sizeof(*out), .fields = identity_fields, .max_rows = 1 };

	return one_row(a, &list, body, len, out, err);
}

int
spot_sts_session_parse(struct arena *a, const void *body, size_t len,
    struct sts_session *out, struct err *err)
{
	const struct aws_list list = { .item = "AssumeRoleResult",
	    .size = sizeof(*out), .fields = session_fields, .max_rows = 1 };

	return one_row(a, &list, body, len, out, err);
}

static int
ask(struct arena *a, struct aws_client *c, const char *region,
    const char *action, const struct pair *params, size_t n,
    struct net_reply *reply, struct err *err)
{
	struct aws_request r = { .service = "sts", .region = region,
	    .action = action, .version = "2011-06-15", .params = params,
	    .nparams = n };

	return spot_aws_send(a, c, &r, reply, err);
}

int
spot_sts_identity(struct arena *a, struct aws_client *c, const char *region,
    struct sts_identity *out, struct err *err)
{
	struct net_reply reply;

	if (ask(a, c, region, "GetCallerIdentity", NULL, 0, &reply, err) == -1)
		return -1;
	return spot_sts_identity_parse(a, reply.body, reply.len, out, err);
}

static int
check_role(const struct sts_role *r, struct err *err)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
	    "QRSTUVWXYZ0123456789_+=,.@-";
	size_t n = strlen(r->session_name), arn = strlen(r->arn);

	if (arn < 20 || arn > 2048 || strncmp(r->arn, "arn:", 4) != 0)
		return err_set(err, 502, "aws_bug", "not the ARN of a role");
	if (n < 2 || n > 64 || strspn(r->session_name, word) != n)
		return err_set(err, 502, "aws_bug",
		    "not the name of a role session");
	if (r->duration_s != 0 &&
	    (r->duration_s < 900 || r->duration_s > 43200))
		return err_set(err, 502, "aws_bug",
		    "a role session lasts 900 to 43200 seconds");
	return 0;
}

int
spot_sts_assume_role(struct arena *a, struct aws_client *c, const char *region,
    const struct sts_role *role, struct sts_session *out, struct err *err)
{
	struct pair params[4];
	struct net_reply reply;
	size_t n = 0;
	int64_t s = role->duration_s != 0 ? role->duration_s : 3600;

	if (check_role(role, err) == -1)
		return -1;
	params[n++] = (struct pair){ "RoleArn", role->arn };
	params[n++] = (struct pair){ "RoleSessionName", role->session_name };
	params[n++] = (struct pair){ "DurationSeconds",
	    arena_printf(a, "%lld", (long long)s) };
	if (role->external_id != NULL && *role->external_id != '\0')
		params[n++] = (struct pair){ "ExternalId", role->external_id };
	ASSERT(n <= NITEMS(params));
	if (ask(a, c, region, "AssumeRole", params, n, &reply, err) == -1)
		return -1;
	return spot_sts_session_parse(a, reply.body, reply.len, out, err);
}
