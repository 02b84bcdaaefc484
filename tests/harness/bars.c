/*
 * Bars out of CSV, read by the tests' own hand: not by the code under test.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "tests/harness/bars.h"
#include "tests/harness/data.h"

#include <cmocka.h>

static int64_t
units(const char *text)
{
	struct dec d;

	assert_int_equal(dec_parse(text, strlen(text), &d), NUM_OK);
	return d.e8;
}

static size_t
lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n + 1;
}

int
bars_read(struct arena *a, const char *name, struct trade_series *s)
{
	size_t n, cap;
	char *text = data_read(a, name, &n), *save = NULL, *line;
	struct trade_ohlcv *b;
	struct trade_candle_bar *u;
	struct utc *at;

	if (text == NULL)
		return -1;
	cap = lines(text);
	b = arena_array(a, cap, sizeof(*b));
	u = arena_array(a, cap, sizeof(*u));
	at = arena_array(a, cap, sizeof(*at));
	*s = (struct trade_series){ at, b, u, 0, NULL };
	strtok_r(text, "\r\n", &save);
	while ((line = strtok_r(NULL, "\r\n", &save)) != NULL) {
		char *cell[6], *p = line;
		struct tm tm = { .tm_mday = 1 };
		size_t i = s->n++;

		for (int k = 0; k < 6; k++)
			assert_non_null(cell[k] = strsep(&p, ","));
		assert_non_null(strptime(cell[0], "%Y-%m-%d", &tm));
		at[i].us = (int64_t)timegm(&tm) * 1000000;
		b[i] = (struct trade_ohlcv){ strtod(cell[1], NULL),
		    strtod(cell[2], NULL), strtod(cell[3], NULL),
		    strtod(cell[4], NULL), strtod(cell[5], NULL) };
		u[i] = (struct trade_candle_bar){ units(cell[1]),
		    units(cell[2]), units(cell[3]), units(cell[4]) };
	}
	return 0;
}
