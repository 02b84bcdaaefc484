/*
 * The simulator. Numbers come from a hash of (seed, symbol, round), so that any
 * tick can be made without those before it. Only sums, products and square
 * roots: the same bits on every machine.
 *
 * A price takes a Gaussian step (of twelve uniform numbers) and is drawn
 * weakly to where it began, so that it neither dies nor runs away. Volatility
 * lives in three regimes that last for about 200 ticks of a symbol. The first
 * five symbols, their prices, a step of 0.1 % and volumes of 100-5000 are the
 * mock feed of the second document.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "modules/trade/mock.h"

enum { ROUNDS_IN_REGIME = 200, REGIMES = 3, UNIFORMS = 12, COMMON = -1 };
#define CENT INT64_C(1000000)
#define PULL 0.00002

const struct trade_mock_symbol trade_mock_symbols[] = {
	{ "AAPL", "Apple (simulated)", 150 },
	{ "GOOGL", "Alphabet (simulated)", 2800 },
	{ "MSFT", "Microsoft (simulated)", 380 },
	{ "TSLA", "Tesla (simulated)", 250 },
	{ "AMZN", "Amazon (simulated)", 3400 },
	{ NULL, NULL, 0 }
};

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014), its finalizer. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t
draw(uint64_t seed, int64_t symbol, uint64_t round, uint64_t what)
{
	return mix(mix(mix(seed ^ mix((uint64_t)symbol)) ^ round) ^ what);
}

static double
uniform(uint64_t x)
{
	return (double)(x >> 11) * 0x1p-53;
}

/* Sum of twelve uniform numbers less six: mean 0, variance 1. */
static double
gauss(uint64_t seed, int64_t symbol, uint64_t round)
{
	double sum = -UNIFORMS / 2.0;

	for (uint64_t i = 0; i < UNIFORMS; i++)
		sum += uniform(draw(seed, symbol, round, 16 + i));
	return sum;
}

static double
regime(const struct trade_mock_market *m, int64_t symbol, uint64_t round)
{
	static const double factor[REGIMES] = { 0.5, 1, 2.5 };
	double u = uniform(draw(m->seed, symbol, round / ROUNDS_IN_REGIME,
	    1));

	return factor[u < 0.4 ? 0 : u < 0.85 ? 1 : 2];
}

struct dec
trade_mock_price(const char *symbol)
{
	uint64_t h = 0;

	for (const struct trade_mock_symbol *s = trade_mock_symbols;
	    s->symbol != NULL; s++)
		if (strcmp(s->symbol, symbol) == 0)
			return (struct dec){ (int64_t)s->price * DEC_ONE };
	for (; *symbol != '\0'; symbol++)
		h = mix(h ^ (unsigned char)*symbol);
	return (struct dec){ (int64_t)(20 + h % 480) * DEC_ONE };
}

size_t
trade_mock_turn(const struct trade_mock_market *m, uint64_t k)
{
	return (size_t)(k % m->n);
}

static struct dec
cents(double x)
{
	double c = floor(x * 100 + 0.5);

	return (struct dec){ (int64_t)(c < 1 ? 1 : c > 3e9 ? 3e9 : c) *
	    CENT };
}

void
trade_mock_tick(const struct trade_mock_market *m, uint64_t k, struct dec last,
    struct dec base, struct utc at, struct trade_tick *t)
{
	uint64_t round = k / m->n;
	int64_t i = (int64_t)trade_mock_turn(m, k);
	double p = (double)last.e8 / 1e8, p0 = (double)base.e8 / 1e8;
	double sd = m->volatility * sqrt((double)m->n / m->rate);
	double z = sqrt(1 - m->correlation) * gauss(m->seed, i, round) +
	    sqrt(m->correlation) * gauss(m->seed, COMMON, round);
	double step = sd * regime(m, i, round) * z - PULL * (p / p0 - 1);
	double half = p * m->spread / 2;

	p *= 1 + (step < -0.2 ? -0.2 : step > 0.2 ? 0.2 : step);
	t->seq = (int64_t)round + 1;
	t->at.us = at.us + (int64_t)((double)k / m->rate * 1e6);
	t->last = cents(p);
	t->bid = cents(p - half);
	t->ask = cents(p + half);
	if (t->ask.e8 <= t->bid.e8)
		t->ask.e8 = t->bid.e8 + CENT;
	t->volume.e8 = (int64_t)(100 + draw(m->seed, i, round, 2) % 4901) *
	    DEC_ONE;
}
