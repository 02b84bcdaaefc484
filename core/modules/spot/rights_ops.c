/*
 * Which rights credentials lack: each listing of a scan is tried with its
 * smallest page. Refuses to guess: a call that failed for another reason
 * names nothing, and the first call without an answer ends the trial.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/provider.h"

enum { SMALLEST = 5, TRIAL_MS = 5000 };

static bool
is(const struct err *e, const char *code)
{
	return e->code != NULL && strcmp(e->code, code) == 0;
}

int
spot_rights_missing(struct spot_access *x, const char **missing,
    struct err *e)
{
	static const enum ec2_call wanted[] = { EC2_REGIONS, EC2_INSTANCES,
	    EC2_GROUPS, EC2_VOLUMES, EC2_SNAPSHOTS, EC2_IMAGES,
	    EC2_ADDRESSES, EC2_INTERFACES, EC2_TEMPLATES, EC2_PRICES,
	    EC2_TYPES };
	struct ec2_query q = { .region = x->region, .page_size = SMALLEST };
	struct aws_client c = x->client;
	struct str s;

	str_init(&s, x->a);
	c.timeout_ms = TRIAL_MS;
	for (size_t i = 0; i < NITEMS(wanted); i++) {
		struct ec2_page page;

		if (spot_ec2_fetch(x->a, &c, wanted[i], &q, &page, e) == 0)
			continue;
		if (is(e, "aws_auth"))
			return -1;
		if (is(e, "aws_denied"))
			str_addf(&s, "%s%s", s.len > 0 ? "," : "",
			    spot_ec2_right(x->a, wanted[i]));
		else if (is(e, "aws_transient"))
			i = NITEMS(wanted);
		err_clear(e);
	}
	*missing = s.p;
	return 0;
}
