/*
 * The simulated cloud: deterministic, plausible, and in the shapes of EC2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "modules/spot/cloud.h"

static const struct utc now = { INT64_C(1790000000) * 1000000 };

static void
test_same_seed_same_fleet(void **state)
{
	struct arena *a = arena_new(64 << 20);
	struct ec2_page one, two, other;

	(void)state;
	spot_cloud_fleet(a, 7, "us-east-1", now, &one);
	spot_cloud_fleet(a, 7, "us-east-1", now, &two);
	spot_cloud_fleet(a, 8, "us-east-1", now, &other);
	assert_true(one.rows.n >= 20);
	assert_int_equal(one.rows.n, two.rows.n);
	for (size_t i = 0; i < one.rows.n; i++) {
		const struct ec2_instance *x = EC2_ROW(&one, ec2_instance, i);
		const struct ec2_instance *y = EC2_ROW(&two, ec2_instance, i);

		assert_string_equal(x->instance_id, y->instance_id);
		assert_string_equal(x->tags, y->tags);
		assert_int_equal(strlen(x->instance_id), 19);
		assert_true(x->launched_at.us <= now.us);
	}
	assert_string_not_equal(
	    EC2_ROW(&one, ec2_instance, 0)->instance_id,
	    EC2_ROW(&other, ec2_instance, 0)->instance_id);
	arena_free(a);
}

static void
test_fleet_changes_with_time(void **state)
{
	struct arena *a = arena_new(64 << 20);
	struct ec2_page one, later;
	size_t same = 0;

	(void)state;
	spot_cloud_fleet(a, 7, "us-east-1", now, &one);
	spot_cloud_fleet(a, 7, "us-east-1",
	    (struct utc){ now.us + 60 * 86400 * US_PER_S }, &later);
	for (size_t i = 0; i < one.rows.n; i++)
		for (size_t j = 0; j < later.rows.n; j++)
			same += strcmp(EC2_ROW(&one, ec2_instance, i)
			    ->instance_id, EC2_ROW(&later, ec2_instance, j)
			    ->instance_id) == 0;
	assert_int_equal(same, 0);	/* nobody lives 60 days */
	arena_free(a);
}

static void
test_spot_is_cheaper_and_moves_little(void **state)
{
	const struct cloud_region *r;
	const struct ec2_type *t;
	size_t nr = spot_cloud_regions(&r), nt = spot_cloud_types(&t), offered = 0;
	size_t calm = 0, pairs = 0;

	(void)state;
	for (size_t i = 0; i < nr; i++)
		for (size_t z = 0; z < CLOUD_ZONES; z++)
			for (size_t k = 0; k < nt; k++) {
				struct dec p = spot_cloud_spot_price(7,
				    r[i].zones[z], t[k].type, now);
				struct dec q = spot_cloud_spot_price(7,
				    r[i].zones[z], t[k].type, (struct utc){
				    now.us + 7 * 86400 * US_PER_S });
				struct dec od = spot_cloud_od_price(r[i].name,
				    t[k].type);
				int64_t d;

				assert_true(od.e8 > 0);
				if (p.e8 == 0)
					continue;
				offered++;
				assert_true(p.e8 < od.e8);
				assert_true(p.e8 > od.e8 / 10);
				assert_int_equal(p.e8 % 10000, 0);
				d = q.e8 > p.e8 ? q.e8 - p.e8 : p.e8 - q.e8;
				calm += d * 100 / p.e8 < 15;
				pairs++;
			}
	assert_true(offered > nr * CLOUD_ZONES * nt * 8 / 10);
	assert_true(calm * 100 / pairs > 90);
	arena_free(NULL);
}

static void
test_history_agrees_with_the_price(void **state)
{
	struct arena *a = arena_new(64 << 20);
	struct ec2_page page;
	struct utc from = { now.us - 14 * 86400 * US_PER_S };
	const struct ec2_price *last = NULL;

	(void)state;
	spot_cloud_prices(a, 7, "eu-central-1", from, now, &page);
	assert_true(page.rows.n > 100);
	for (size_t i = 0; i < page.rows.n; i++) {
		const struct ec2_price *p = EC2_ROW(&page, ec2_price, i);

		assert_int_equal(p->price.e8, spot_cloud_spot_price(7, p->az,
		    p->instance_type, p->at).e8);
		assert_true(last == NULL || p->at.us <= last->at.us);
		last = p;
	}
	assert_true(last->at.us <= from.us);
	arena_free(a);
}

static void
test_unknown_names(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct ec2_page page;

	(void)state;
	assert_int_equal(spot_cloud_od_price("us-east-1", "z9.huge").e8, 0);
	assert_int_equal(spot_cloud_spot_price(1, "mars-1a", "m5.large", now).e8, 0);
	spot_cloud_prices(a, 1, "mars-1", now, now, &page);
	assert_int_equal(page.rows.n, 0);
	spot_cloud_fleet(a, 1, "mars-1", now, &page);
	assert_int_equal(page.rows.n, 0);
	arena_free(a);
}

static void
test_signals_are_rare(void **state)
{
	struct arena *a = arena_new(64 << 20);
	struct ec2_page page;
	size_t hit = 0, n = 0;

	(void)state;
	spot_cloud_fleet(a, 7, "us-east-1", now, &page);
	for (int h = 0; h < 24 * 30; h++)
		for (size_t i = 0; i < page.rows.n; i++) {
			const struct ec2_instance *x = EC2_ROW(&page,
			    ec2_instance, i);
			const char *s = spot_cloud_signal(7, x, (struct utc){
			    now.us + h * 3600 * US_PER_S });

			if (strcmp(x->lifecycle, "spot") != 0)
				assert_string_equal(s, "NONE");
			n++;
			hit += strcmp(s, "NONE") != 0;
		}
	assert_true(hit > 0 && hit * 10 < n);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_fleet),
		cmocka_unit_test(test_fleet_changes_with_time),
		cmocka_unit_test(test_spot_is_cheaper_and_moves_little),
		cmocka_unit_test(test_history_agrees_with_the_price),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_signals_are_rare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
