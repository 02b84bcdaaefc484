/*
 * Any bytes as the text of a minute, as labels and as texts of /proc, and as a
 * message to normalise. A frame that is taken is written as it was read.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "modules/platform/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(64 << 20);
	const char *text = arena_strndup(a, (const char *)in, n);
	struct platform_series labels = { .labels = text };
	struct platform_host_facts facts = { 0 };
	struct platform_frame f = { .host = "h" }, g = { .host = "h" };
	char out[160];
	struct str s, t;

	if (platform_frame_parse(a, text, &f) == 0) {
		str_init(&s, a);
		str_init(&t, a);
		platform_frame_text(&f, &s);
		ASSERT(platform_frame_parse(a, s.p, &g) == 0);
		platform_frame_text(&g, &t);
		ASSERT(f.v.n == g.v.n);
	}
	platform_series_labels(a, &labels);
	ASSERT(labels.nlabels < SERIES_LABELS);
	platform_stat_parse(text, &facts);
	platform_meminfo_parse(text, &facts);
	platform_netdev_parse(text, &facts);
	shm_fault_normalise(text, out, sizeof(out));
	ASSERT(strlen(out) < sizeof(out) && utf8_valid(out, strlen(out)));
	arena_free(a);
	return 0;
}
