/*
 * Memory of the relay for ids that it has passed without seeing them. Pure.
 * Invariant: ranges are ascending and do not touch; a range is forgotten only
 * when its youngest member is older than the longest legal transaction, so
 * ranges that are merged for lack of room take the younger one's age.
 */
#include <string.h>

#include "base/str.h"
#include "events/inner.h"

/* Halves the list: the older half becomes one range. What was relayed between
 * them is gone from the outbox, so looking there again finds nothing. */
static void
gaps_merge(struct relay *r)
{
	size_t half = r->ngaps / 2;
	struct relay_gap *g = r->gaps;

	for (size_t i = 1; i < half; i++)
		if (g[i].since_ns > g[0].since_ns)
			g[0].since_ns = g[i].since_ns;
	g[0].hi = g[half - 1].hi;
	memmove(g + 1, g + half, (r->ngaps - half) * sizeof(*g));
	r->ngaps -= half - 1;
}

void
relay_gap_pass(struct relay *r, int64_t id, int64_t now_ns)
{
	if (id > r->low + 1) {
		if (r->ngaps == GAPS)
			gaps_merge(r);
		r->gaps[r->ngaps++] = (struct relay_gap){ r->low + 1, id - 1,
		    now_ns };
	}
	r->low = id;
}

void
relay_gap_fill(struct relay *r, int64_t id)
{
	size_t lo = 0, hi = r->ngaps;
	struct relay_gap *g;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (r->gaps[mid].hi < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	g = &r->gaps[lo];
	if (lo == r->ngaps || g->lo > id)
		return;
	if (g->lo == g->hi) {
		memmove(g, g + 1, (r->ngaps - lo - 1) * sizeof(*g));
		r->ngaps--;
	} else if (g->lo == id)
		g->lo++;
	else if (g->hi == id)
		g->hi--;
	else if (r->ngaps < GAPS) {	/* else it is looked at in vain */
		memmove(g + 1, g, (r->ngaps - lo) * sizeof(*g));
		g[0].hi = id - 1;
		g[1].lo = id + 1;
		r->ngaps++;
	}
}

void
relay_gap_forget(struct relay *r, int64_t now_ns)
{
	size_t keep = 0;

	for (size_t i = 0; i < r->ngaps; i++)
		if (now_ns - r->gaps[i].since_ns < r->gap_life_ns)
			r->gaps[keep++] = r->gaps[i];
	r->ngaps = keep;
}

int64_t
relay_gap_ids(const struct relay *r)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->ngaps; i++)
		n += r->gaps[i].hi - r->gaps[i].lo + 1;
	return n;
}

const char *
relay_gap_text(const struct relay *r, struct arena *a)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '[');
	for (size_t i = 0; i < r->ngaps; i++)
		for (int64_t id = r->gaps[i].lo; id <= r->gaps[i].hi; id++) {
			if (s.len > 1)
				str_addc(&s, ',');
			str_add_i64(&s, id);
		}
	str_addc(&s, ']');
	return s.p;
}
