/*
 * The HTTP contract where it is about the wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/harness/http.h"
#include "tests/harness/stack.h"

static struct stack st;

static void
alive(void **state)
{
	(void)state;
	expect_status(http_get(&st, "/health/live", NULL), 200);
	expect_status(http_get(&st, "/api/auth/profile", http_admin(&st)),
	    200);
}

static int
start(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alive),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
