/*
 * Which acts a provider has, and what an error of one leaves open.
 */
#include <string.h>

#include "base/err.h"
#include "modules/spot/act.h"

const struct spot_acts *
spot_acts_of(const char *name)
{
	return strcmp(name, "simulated") == 0 ? &spot_acts_simulated :
	    &spot_acts_aws;
}

bool
spot_act_unsure(const struct err *e)
{
	return e->code != NULL && (strcmp(e->code, "aws_transient") == 0 ||
	    strcmp(e->code, "aws_malformed") == 0);
}
