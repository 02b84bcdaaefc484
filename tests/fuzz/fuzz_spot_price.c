/*
 * Any bytes as a file of prices, in pieces of any size: either whole rows with
 * a region and a price above zero, or one error that says where.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/spot/price.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct input {
	const uint8_t *p;
	size_t n, step;
};

static long
feed(void *arg, void *buf, size_t n, struct err *e)
{
	struct input *in = arg;
	size_t k = in->n < n ? in->n : n;

	(void)e;
	if (k > in->step)
		k = in->step;
	memcpy(buf, in->p, k);
	in->p += k;
	in->n -= k;
	return (long)k;
}

static int
put(void *arg, struct arena *a, const struct spot_price *v, size_t n,
    struct err *e)
{
	int64_t *rows = arg;

	(void)a, (void)e;
	ASSERT(n > 0 && n <= SPOT_PRICE_BATCH);
	for (size_t i = 0; i < n; i++)
		ASSERT(v[i].price.e8 > 0 && v[i].region[0] != '\0' &&
		    strlen(v[i].availability_zone) <= 4 * 64);
	*rows += (int64_t)n;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena *a = arena_new((size_t)64 << 20);
	struct input in = { data, n, n == 0 ? 1 : 1 + data[0] % 64u };
	const struct spot_price_source source = { feed, &in };
	int64_t rows = 0;
	const struct spot_price_sink sink = { put, &rows };
	struct spot_price_report r;
	struct err e = { 0 };

	if (spot_price_read(a, &source, &sink, &r, &e) == 0)
		ASSERT(rows == r.rows);
	else
		ASSERT(e.status == 422 && (e.detail[0] != '\0' ||
		    e.nfields > 0));
	arena_free(a);
	return 0;
}
