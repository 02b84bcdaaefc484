/*
 * Any bytes as a ticker message and as a broker's answer: what is read lies
 * within them, what is refused has one clear error, and nothing is taken for
 * an order that has no id. The first byte chooses broker and verb.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/trade/broker.h"
#include "modules/trade/kite.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
ticks(struct arena *a, const void *p, size_t n)
{
	struct trade_kite_tick *t;
	struct err err = { 0 };
	size_t got, skipped;

	if (trade_kite_ticks(a, p, n, &t, &got, &skipped, &err) == -1) {
		ASSERT(err.status == 422 && got == 0);
		return;
	}
	ASSERT(got + skipped <= KITE_TICKS_MAX);
	for (size_t i = 0; i < got; i++) {
		ASSERT(t[i].index != t[i].tradable);
		ASSERT(t[i].last.e8 >= 0 && t[i].volume >= 0);
	}
}

static void
answer(struct arena *a, uint8_t which, const char *text, size_t n)
{
	static const struct trade_broker *const all[] = { &trade_broker_mcp,
	    &trade_broker_kite, &trade_broker_alpaca };
	const struct trade_broker *b = all[which % 3];
	enum trade_verb v = (enum trade_verb)(which / 3 % BROKER_VERBS);
	const struct trade_ticket t = { .client_id = "C", .broker_id = "B" };
	struct trade_broker_answer ans = { .order_id = "" };
	struct trade_broker_order o;
	struct err err = { 0 };
	bool expired;

	if (b->parse(a, v, &t, text, n, (struct utc){ 1 }, &ans, &err) ==
	    -1) {
		ASSERT(err.status == 502 || err.status == 409);
	} else {
		const struct trade_broker_order *l = ans.orders.items;

		ASSERT(v != BROKER_SUBMIT || *ans.order_id != '\0');
		for (size_t i = 0; i < ans.orders.n; i++)
			ASSERT(*l[i].id != '\0' && l[i].state != NULL);
	}
	ASSERT(b->refusal(a, 400, text, n, &expired) != NULL);
	err_clear(&err);
	if (b->event != NULL && b->event(a, text, n, &o, &err) == 0)
		ASSERT(*o.id != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena *a = arena_new((size_t)256 << 20);

	ticks(a, data, n);
	if (n > 0) {
		char *text = arena_alloc(a, n);	/* ends with NUL, as replies */

		memcpy(text, data + 1, n - 1);
		answer(a, data[0], text, n - 1);
	}
	arena_free(a);
	return 0;
}
