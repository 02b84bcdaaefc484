/*
 * The state of a CloudFormation stack, as far as a group that it made needs to
 * know it. Refuses an answer without a state; a stack that is gone is an
 * answer, not an error.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/spot/act_wire.h"

struct stack_row {
	const char *status;
};
static const struct aws_field stack_fields[] = {
	{ .off = offsetof(struct stack_row, status), .type = AWS_TEXT,
	    .path = "StackStatus", .max = 64, .need = true },
	{ .path = NULL }
};

int
spot_stack_parse(struct arena *a, const void *body, size_t len,
    const char **status, struct err *e)
{
	const struct aws_list list = {
		.item = "DescribeStacksResult/Stacks/member",
		.holder = "DescribeStacksResult/Stacks",
		.token = "DescribeStacksResult/NextToken",
		.size = sizeof(struct stack_row), .fields = stack_fields,
		.max_rows = 1 };
	struct list rows = { 0 };

	if (spot_aws_rows(a, &list, body, len, &rows, NULL, e) == -1)
		return -1;
	*status = rows.n == 0 ? "" :
	    ((const struct stack_row *)rows.items)->status;
	return 0;
}

int
spot_cfn_stack(struct spot_access *x, struct arena *a, const char *region,
    const char *stack, const char **status, struct err *e)
{
	struct act_params p = { .a = a };
	struct aws_request r;
	struct net_reply reply;

	spot_param(&p, "StackName", stack);
	r = (struct aws_request){ .service = "cloudformation",
	    .region = region, .action = "DescribeStacks",
	    .version = "2010-05-15", .params = p.v.v, .nparams = p.v.n };
	if (spot_act_call(x, a, &r, ACT_SAME, &reply, e) == 0)
		return spot_stack_parse(a, reply.body, reply.len, status, e);
	if (strcmp(e->code, "aws_gone") != 0)
		return -1;
	err_clear(e);
	*status = "";
	return 0;
}
