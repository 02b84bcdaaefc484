/*
 * The one place of the tests that sleeps on purpose.
 */
#include <time.h>

#include "tests/harness/pace.h"

void
pace_us(unsigned us)
{
	const struct timespec t = { us / 1000000, (long)(us % 1000000) * 1000 };

	nanosleep(&t, NULL);
}
