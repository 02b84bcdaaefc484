/*
 * Any bytes as a condition: what is taken can be written as PromQL, and
 * evaluated over a small view without leaving it; what is refused says why.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/platform/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
evaluate(struct arena *a, const struct platform_expr *x)
{
	const struct platform_series series[] = {
		{ 1, "up", "{}", "gauge", { { NULL, NULL } }, 0 },
		{ 2, "c", "{}", "counter", { { "code", "500" } }, 1 },
		{ 3, "sec", "{}", "histogram", { { NULL, NULL } }, 0 },
	};
	double bucket[METRIC_BUCKETS] = { 1, 2, 3 };
	struct platform_frame f[3] = { { .at = { 1000000 } },
	    { .at = { 61000000 } }, { .at = { 121000000 } } };
	struct platform_host host = { "h", f, 3 };
	struct platform_view v = { series, 3, &host, 1, { 121000000 }, 150 };
	struct platform_vector out;

	for (int i = 0; i < 3; i++) {
		*VEC_ADD(a, &f[i].v) = (struct platform_reading){ 1, i, 0,
		    NULL };
		*VEC_ADD(a, &f[i].v) = (struct platform_reading){ 2, 9 - i, 0,
		    NULL };
		*VEC_ADD(a, &f[i].v) = (struct platform_reading){ 3, 6, 1,
		    bucket };
	}
	platform_expr_eval(a, x, &v, &out);
	ASSERT(out.n <= EXPR_RESULTS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	const char *text = arena_strndup(a, (const char *)in, n);
	struct err e = { 0 };
	const struct platform_expr *x = platform_expr_parse(a, text, &e);
	struct str s;

	ASSERT((x == NULL) == (e.status == 422));
	if (x != NULL) {
		str_init(&s, a);
		platform_expr_promql(x, &s);
		ASSERT(s.len > 0);
		ASSERT(platform_expr_window_s(x) <= 3600);
		evaluate(a, x);
	}
	arena_free(a);
	return 0;
}
