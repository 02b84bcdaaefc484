/*
 * Any bytes as a TZif file: what is accepted keeps its offsets in bounds,
 * changes forwards, and maps local times and instants to each other.
 */
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_instant(const struct zone *z, int64_t t)
{
	int32_t east = zone_offset(z, (struct utc){ t * US_PER_S });
	int64_t change = zone_change(z, t);
	struct utc out[2];
	int n;

	ASSERT(east <= ZONE_EAST_MAX && east >= -ZONE_WEST_MAX);
	ASSERT(change > t);
	if (change != INT64_MAX) {
		ASSERT(zone_offset(z, (struct utc){ change * US_PER_S }) !=
		    zone_offset(z, (struct utc){ change * US_PER_S - 1 }));
		ASSERT(zone_offset(z, (struct utc){ change * US_PER_S - 1 }) ==
		    east);
	}
	n = zone_of_local(z, t + east, out);
	ASSERT(n == 1 || n == 2);
	ASSERT(out[0].us <= t * US_PER_S);
	ASSERT(n == 1 ? out[0].us == t * US_PER_S : out[0].us < out[1].us &&
	    out[1].us >= t * US_PER_S);
}

static void
check_local(const struct zone *z, int64_t local)
{
	struct utc out[2], before;
	int n = zone_of_local(z, local, out);

	for (int i = 0; i < n; i++)
		ASSERT(out[i].us / US_PER_S + zone_offset(z, out[i]) == local);
	if (n > 0)
		return;
	before.us = out[0].us - US_PER_S;
	ASSERT(out[0].us / US_PER_S + zone_offset(z, out[0]) > local);
	ASSERT(before.us / US_PER_S + zone_offset(z, before) < local);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(1 << 20);
	const struct zone *z = zone_parse(a, in, n);
	int64_t t = INT64_C(-4000000000);

	for (int i = 0; z != NULL && i < 64; i++) {
		int64_t change = zone_change(z, t);

		check_instant(z, t);
		check_local(z, t);
		if (change < INT64_C(1) << 40 && change > -(INT64_C(1) << 40)) {
			check_instant(z, change);
			check_instant(z, change - 1);
			check_local(z, change);
			t = change;
		}
		t += 86400 * 11 + 12345;
	}
	arena_free(a);
	return 0;
}
