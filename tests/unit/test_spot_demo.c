/*
 * The demonstration on recorded prices: statistics recomputed by another
 * method, decisions recomputed from the same offers, and files of all kinds of
 * damage, each with its one line.
 */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/spot/demo_file.h"
#include "tests/harness/data.h"
#include "tests/harness/forked.h"
#include "tests/harness/tar.h"

#define HISTORY_2016 "aws/describe_spot_price_history_2016_us-east-1.dev.tar.gz"
#define HISTORY_2015 "aws/spot_price_history_2015_m3medium_d2.tar.gz"
#define HISTORY_2021 "aws/describe_spot_price_history_2021_m5large.json"

static const struct utc any = { 0 };

static void
fresh(struct spot_demo *d)
{
	spot_demo_init(d, arena_new(256 << 20));
}

static void
read_text(struct spot_demo *d, const char *name, const char *text, size_t n)
{
	struct arena *scratch = arena_new(256 << 20);

	spot_demo_text(d, scratch, name, name, text, n);
	arena_free(scratch);
}

static const struct spot_demo_pool *
pool(const struct spot_demo_result *r, const char *type, const char *az)
{
	const struct spot_demo_pool *v = r->pools.items;

	for (size_t i = 0; i < r->pools.n; i++)
		if (strcmp(v[i].instance_type, type) == 0 &&
		    strcmp(v[i].az, az) == 0)
			return &v[i];
	fail_msg("no pool %s %s", type, az);
	return NULL;
}

/* ---- statistics --------------------------------------------------------- */

#define H (INT64_C(3600) * US_PER_S)

static void
test_stats_by_hand(void **state)
{
	/* 1 for one hour, 3 for two, 2 for one: mean 9/4, E[x^2] = 23/4 */
	static const struct spot_tick v[] = { { H, 1 * DEC_ONE },
	    { 2 * H, 3 * DEC_ONE }, { 4 * H, 2 * DEC_ONE } };
	struct spot_stats s;

	(void)state;
	spot_demo_stats(v, 3, (struct utc){ 5 * H },
	    (struct dec){ 2 * DEC_ONE }, &s);
	assert_int_equal(s.records, 3);
	assert_int_equal(s.mean.e8, 225000000);
	assert_int_equal(s.lowest.e8, DEC_ONE);
	assert_int_equal(s.highest.e8, 3 * DEC_ONE);
	assert_true(fabs(s.above_percent - 50) < 1e-9);
	assert_true(fabs(s.hours - 4) < 1e-9);
	assert_true(fabs(s.volatility_percent -
	    sqrt(5.75 - 2.25 * 2.25) / 2.25 * 100) < 1e-9);
	/* only one price, and no time at all */
	spot_demo_stats(v + 1, 1, (struct utc){ 2 * H }, (struct dec){ 0 }, &s);
	assert_int_equal(s.mean.e8, 3 * DEC_ONE);
	assert_true(s.volatility_percent == 0 && s.above_percent == 0);
}

static void
test_hole_counts_nothing(void **state)
{
	struct spot_tick v[] = { { H, 1 * DEC_ONE }, { 2 * H, 9 * DEC_ONE },
	    { 2 * H + (SPOT_DEMO_HOLE_S + 1) * US_PER_S, 3 * DEC_ONE } };
	struct utc end = { v[2].us + H };
	struct spot_stats s;

	(void)state;
	spot_demo_stats(v, 3, end, (struct dec){ 0 }, &s);
	assert_int_equal(s.mean.e8, 2 * DEC_ONE);
	v[2].us -= US_PER_S;		/* one second less is a price */
	spot_demo_stats(v, 3, end, (struct dec){ 0 }, &s);
	assert_true(s.mean.e8 > 8 * DEC_ONE);
}

/* A reader of our own, and integration by parts. */
struct point {
	int64_t ms, micro;
};

static int
by_ms(const void *va, const void *vb)
{
	const struct point *a = va, *b = vb;

	return (a->ms > b->ms) - (a->ms < b->ms);
}

static int64_t
parse_ms(const char *s)
{
	struct tm tm = { 0 };
	int y, mo, ms = 0;

	assert_true(sscanf(s, "%d-%d-%d%*c%d:%d:%d.%d", &y, &mo, &tm.tm_mday,
	    &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) >= 6);
	tm.tm_year = y - 1900;
	tm.tm_mon = mo - 1;
	return (int64_t)timegm(&tm) * 1000 + ms;
}

static struct point *
points(struct arena *a, const char *text, size_t *n)
{
	json_object *top = json_tokener_parse(text), *list, *o;
	struct point *v;

	assert_true(json_object_object_get_ex(top, "SpotPriceHistory",
	    &list));
	*n = json_object_array_length(list);
	v = arena_array(a, *n, sizeof(*v));
	for (size_t i = 0; i < *n; i++) {
		json_object *r = json_object_array_get_idx(list, i);

		json_object_object_get_ex(r, "Timestamp", &o);
		v[i].ms = parse_ms(json_object_get_string(o));
		json_object_object_get_ex(r, "SpotPrice", &o);
		v[i].micro = llround(strtod(json_object_get_string(o), NULL) *
		    1e6);
	}
	json_object_put(top);
	qsort(v, *n, sizeof(*v), by_ms);
	return v;
}

static double
by_parts(const struct point *v, size_t n, int64_t end, int power)
{
	long double sum, step;

	sum = powl(v[n - 1].micro, power) * (end - v[0].ms);
	for (size_t i = 1; i < n; i++) {
		step = powl(v[i].micro, power) - powl(v[i - 1].micro, power);
		sum -= step * (v[i].ms - v[0].ms);
	}
	return (double)(sum / (end - v[0].ms));
}

static void
check_pool(const struct spot_demo_pool *p, const struct point *v, size_t n,
    int64_t end, int64_t od_micro)
{
	double mean = by_parts(v, n, end, 1), square = by_parts(v, n, end, 2);
	double vol = sqrt(square - mean * mean) / mean * 100, above = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].micro > od_micro)
			above += (double)((i + 1 < n ? v[i + 1].ms : end) -
			    v[i].ms);
	above = above / (double)(end - v[0].ms) * 100;
	assert_int_equal(p->records, n);
	assert_int_equal(p->from.us, v[0].ms * 1000);
	assert_int_equal(p->to.us, v[n - 1].ms * 1000);
	assert_int_equal(p->as_of.us, end * 1000);
	assert_int_equal(p->price.e8, v[n - 1].micro * 100);
	assert_true(fabs((double)p->mean.e8 / 100 - mean) < 0.006);
	assert_true(fabs(p->volatility_percent - vol) < 1e-5 * (1 + vol));
	assert_true(fabs(p->above_on_demand_percent - above) < 1e-9);
	assert_int_equal(p->on_demand.e8, od_micro * 100);
	assert_true(fabs(p->saving_percent - 100.0 * (double)(od_micro -
	    v[n - 1].micro) / (double)od_micro) < 1e-9);
}

static void
test_recorded_history(void **state)
{
	struct spot_demo d;
	struct spot_demo_result r;
	struct err e = { 0 };
	struct point *v[16];
	size_t n[16], odsize;
	int64_t end = 0;
	struct tar t;
	char *od;

	(void)state;
	fresh(&d);
	if (tar_read(d.a, HISTORY_2016, &t) == -1 || (od = data_read(d.a,
	    "aws/ondemand_prices_us-east-1_2026.json", &odsize)) == NULL)
		skip();
	assert_in_range(t.n, 1, 16);
	for (size_t i = 0; i < t.n; i++) {
		v[i] = points(d.a, t.v[i].text, &n[i]);
		if (v[i][n[i] - 1].ms > end)
			end = v[i][n[i] - 1].ms;
		read_text(&d, t.v[i].path, t.v[i].text, t.v[i].n);
	}
	read_text(&d, "od", od, odsize);
	assert_int_equal(spot_demo_report(&d, any, &r, &e), 0);
	assert_int_equal(d.bad.n + d.skipped.n, 0);
	assert_int_equal(r.pools.n, t.n);
	for (size_t i = 0; i < t.n; i++) {
		const char *name = t.v[i].path;
		size_t k = strcspn(name, "-");
		const char *type = arena_strndup(d.a, name, k);

		/* the on-demand prices of the two types of the data */
		check_pool(pool(&r, type, arena_strndup(d.a, name + k + 1,
		    strlen(name) - k - 1 - strlen(".json"))), v[i], n[i],
		    end, strcmp(type, "m3.medium") == 0 ? 67000 : 20000);
	}
	arena_free(d.a);
}

static void
test_csv_with_its_on_demand(void **state)
{
	const struct spot_demo_pool *p;
	struct spot_demo_result r;
	const struct tar_file *f;
	struct spot_demo d;
	struct err e = { 0 };
	int64_t lines = 0;
	struct tar t;

	(void)state;
	fresh(&d);
	if (tar_read(d.a, HISTORY_2015, &t) == -1)
		skip();
	f = tar_find(&t, "us-east-1b-Linux-d2.8xlarge.csv");
	assert_non_null(f);
	for (size_t i = 0; i < f->n; i++)
		lines += f->text[i] == '\n';
	for (size_t i = 0; i < t.n; i++)
		read_text(&d, t.v[i].path, t.v[i].text, t.v[i].n);
	assert_int_equal(d.bad.n, 0);
	assert_int_equal(spot_demo_report(&d, any, &r, &e), 0);
	p = pool(&r, "d2.8xlarge", "us-east-1b");
	assert_int_equal(p->on_demand.e8, 552000000);
	assert_int_equal(p->records, lines - 2);
	assert_true(p->above_on_demand_percent > 0);
	assert_true(p->highest.e8 > p->on_demand.e8);
	/* no catalogue: no decision, and a reason for it */
	assert_null(p->advice);
	assert_non_null(strstr(p->undecided, "not in the catalogue"));
	arena_free(d.a);
}

/* ---- decisions ------------------------------------------------------------ */

static void
catalogue(struct spot_demo *d)
{
	struct err e = { 0 };

	assert_int_equal(spot_demo_type(d, "m5.large", "x86_64", 2, 8192, 0,
	    &e), 0);
	assert_int_equal(spot_demo_on_demand(d, "us-east-1", "m5.large",
	    (struct dec){ 9600000 }, &e), 0);
	assert_int_equal(spot_demo_class(d, "us-east-1", "Linux", "m5.large",
	    3, &e), 0);
}

static void
test_decisions_are_those_of_evaluate(void **state)
{
	struct spot_offer offers[8];
	struct spot_demo_result r;
	struct spot_demo d;
	struct err e = { 0 };
	size_t n, moves = 0;
	char *text;

	(void)state;
	fresh(&d);
	if ((text = data_read(d.a, HISTORY_2021, &n)) == NULL)
		skip();
	read_text(&d, "2021", text, n);
	catalogue(&d);
	assert_int_equal(spot_demo_report(&d, any, &r, &e), 0);
	assert_int_equal(r.pools.n, 5);
	for (size_t i = 0; i < r.pools.n; i++) {
		const struct spot_demo_pool *p =
		    &((const struct spot_demo_pool *)r.pools.items)[i];

		offers[i] = (struct spot_offer){ .az = p->az,
		    .instance_type = "m5.large", .arch = "x86_64", .vcpu = 2,
		    .mem_mib = 8192, .price = p->price, .price_at = p->to,
		    .on_demand = { 9600000 }, .interruption = 3 };
	}
	for (size_t i = 0; i < r.pools.n; i++) {
		const struct spot_demo_pool *p =
		    &((const struct spot_demo_pool *)r.pools.items)[i];
		const struct spot_advice *have = p->advice;
		struct spot_question q = { .az = p->az,
		    .instance_type = "m5.large", .now = p->as_of };
		struct spot_advice want;

		assert_int_equal(spot_advise(d.a, &spot_rules_default, &q,
		    offers, r.pools.n, &want, &e), 0);
		assert_string_equal(p->decision, want.decision);
		assert_string_equal(have->reason, want.reason);
		assert_int_equal(have->reasons.n, want.reasons.n);
		assert_int_equal(have->current_hourly_cost.e8,
		    want.current_hourly_cost.e8);
		moves += strcmp(p->decision, "SWITCH") == 0;
		assert_int_equal(have->selected_candidate != NULL,
		    strcmp(p->decision, "SWITCH") == 0);
	}
	assert_int_equal(r.totals.switches, moves);
	assert_true(moves > 0 && moves < r.pools.n);
	assert_int_equal(r.totals.stay, r.pools.n - moves);
	arena_free(d.a);
}

static const char two_pools[] =
    "timestamp,availability_zone,instance_type,price\n"
    "2021-01-01T00:00:00Z,us-east-1a,m5.large,0.05\n"
    "2021-01-03T00:00:00Z,us-east-1b,m5.large,0.03\n"
    "2021-01-02T00:00:00Z,us-east-1a,m5.large,0.04\n"
    "2021-06-01T00:00:00Z,us-east-1a,m5.large,0.02\n";

static void
test_recordings_and_dates(void **state)
{
	const struct spot_demo_pool *v;
	struct spot_demo_result r;
	struct spot_demo d;
	struct err e = { 0 };
	struct utc at;

	(void)state;
	fresh(&d);
	catalogue(&d);
	read_text(&d, "two", two_pools, sizeof(two_pools) - 1);
	assert_int_equal(d.bad.n, 0);
	/* January and June are two recordings, each at its own end */
	assert_int_equal(spot_demo_report(&d, any, &r, &e), 0);
	v = r.pools.items;
	assert_int_equal(r.totals.recordings, 2);
	assert_int_equal(r.pools.n, 3);
	assert_int_equal(v[0].price.e8, 4000000);
	assert_string_equal(v[0].decision, "SWITCH");
	assert_int_equal(v[0].mean.e8, 4500000);
	assert_string_equal(v[1].decision, "STAY");
	assert_string_equal(v[2].decision, "STAY");
	assert_int_equal(v[2].price.e8, 2000000);
	/* a date cuts off what is later; what is old then is undecided */
	assert_int_equal(clock_parse("2021-01-20", &at), 0);
	assert_int_equal(spot_demo_report(&d, at, &r, &e), 0);
	assert_int_equal(r.pools.n, 2);
	v = r.pools.items;
	assert_null(v[0].advice);
	assert_non_null(strstr(v[0].undecided, "18 days old"));
	assert_int_equal(clock_parse("2020-12-31", &at), 0);
	assert_int_equal(spot_demo_report(&d, at, &r, &e), -1);
	assert_non_null(strstr(e.detail, "no price up to"));
	arena_free(d.a);
}

static const char *
as_json(struct spot_demo *d)
{
	struct spot_demo_result r;
	struct err e = { 0 };
	struct str s;

	assert_int_equal(spot_demo_report(d, any, &r, &e), 0);
	r.used.n = 0;			/* the order of the files */
	str_init(&s, d->a);
	schema_encode(&spot_demo_schema, &r, &s);
	return s.p;
}

static void
test_order_of_files_is_nothing(void **state)
{
	struct spot_demo one, two;
	const char *a, *b;
	struct tar t;

	(void)state;
	fresh(&one);
	fresh(&two);
	if (tar_read(one.a, HISTORY_2015, &t) == -1)
		skip();
	for (size_t i = 0; i < t.n; i++) {
		const struct tar_file *f = &t.v[i], *g = &t.v[t.n - 1 - i];

		read_text(&one, "x", f->text, f->n);
		read_text(&two, "x", g->text, g->n);
		/* twice the same file changes only the count of prices read */
		read_text(&one, "x", f->text, f->n);
		read_text(&two, "x", g->text, g->n);
	}
	a = as_json(&one);
	b = as_json(&two);
	assert_string_equal(a, b);
	arena_free(one.a);
	arena_free(two.a);
}

/* ---- damage ------------------------------------------------------------------ */

#define RECORD "{\"Timestamp\":\"2021-01-01T00:00:00Z\",\"InstanceType\":" \
	"\"m5.large\",\"SpotPrice\":\"0.05\",\"AvailabilityZone\":" \
	"\"us-east-1a\"}"

static void
test_one_line_for_each_damage(void **state)
{
	static const struct damage {
		const char *text;
		size_t prices;
		const char *bad, *skipped;	/* part of the line */
	} cases[] = {
		{ "", 0, NULL, "empty" },
		{ " \n\t ", 0, NULL, "empty" },
		{ "<xml/>", 0, NULL, "neither JSON nor CSV" },
		{ "a,b\n1,2\n", 0, NULL, "neither JSON nor CSV" },
		{ "{}", 0, NULL, "JSON, but no price history" },
		{ "[1,2]", 0, NULL, "JSON, but no price history" },
		{ "{\"SpotPriceHistory\":[" RECORD, 0, "not valid JSON: "
		    "character", NULL },
		{ "{\"SpotPriceHistory\":[]}", 0, "without a record", NULL },
		{ "{\"SpotPriceHistory\":[" RECORD ",{\"InstanceType\":1}]}",
		    0, "record 2", NULL },
		{ "{\"SpotPriceHistory\":{}}", 0, NULL, "no price history" },
		{ "{\"a\":1,\"a\":2}", 0, "unique", NULL },
		{ "timestamp,spot_price_usd\n2021-01-01,1\n", 0, "line 2",
		    NULL },
		{ "# az=us-east-1a instance_type=m5.large\n"
		    "timestamp,spot_price_usd\n2021-01-01,1\n2021-01-02,x\n",
		    0, "line 4", NULL },
		{ "timestamp,price,availability_zone,instance_type\n"
		    "1999-12-31,1,us-east-1a,m5.large\n", 0,
		    "price 1: the time is not between", NULL },
		{ "{\"a\":[{\"b\":1e999}]}", 0, "at a 0 b: Number", NULL },
		{ "{\"SpotPriceHistory\":[nul]}", 0, "character 21: Expecting",
		    NULL },
		{ "timestamp,price,availability_zone,instance_type\n"
		    "2021-12-31,1,nowhere,m5.large\n", 0, "nowhere", NULL },
		{ "timestamp,price,availability_zone,instance_type\n"
		    "2021-12-31,1,us-east-1a,a b\n", 0, "not a name", NULL },
		{ "{\"prices\":{\"us-east-1\":{\"m5.large\":\"x\"}}}", 0,
		    "record 1", NULL },
		{ "{\"spot_advisor\":{\"us-east-1\":{\"Linux\":{\"m5.large\":"
		    "{\"r\":5},\"m4.large\":{\"r\":1}}}}}", 0, "not 0-4",
		    NULL },
		{ "{\"InstanceTypes\":[{\"InstanceType\":\"m5.large\"}]}", 0,
		    "record 1", NULL }
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(cases); i++) {
		const struct damage *c = &cases[i];
		struct spot_demo d;

		fresh(&d);
		spot_demo_bytes(&d, "f", c->text, strlen(c->text));
		if (d.bad.n != (c->bad != NULL) ||
		    d.skipped.n != (c->skipped != NULL) ||
		    (c->bad && !strstr(d.bad.v[0].text, c->bad)) ||
		    (c->skipped && !strstr(d.skipped.v[0].text, c->skipped)) ||
		    d.prices != (int64_t)c->prices)
			fail_msg("case %zu: %lld prices, %zu bad (%s), %zu "
			    "skipped (%s)", i, (long long)d.prices, d.bad.n,
			    d.bad.n ? d.bad.v[0].text : "", d.skipped.n,
			    d.skipped.n ? d.skipped.v[0].text : "");
		arena_free(d.a);
	}
}

static void
put(const char *dir, const char *name, const void *p, size_t n)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

static void
no_watch(void *arg, const char *name, int64_t done, int64_t total)
{
	size_t *calls = arg;

	(void)name;
	assert_true(done <= total);
	(*calls)++;
}

/* The archive as it is on disk: data_read() would unpack it. */
static char *
raw_archive(struct arena *a, size_t *n)
{
	const char *root = getenv("SHARED");
	char *buf = arena_alloc(a, 1 << 20);
	FILE *f = fopen(arena_printf(a, "%s/data/" HISTORY_2015,
	    root != NULL ? root : "../shared"), "rb");

	assert_non_null(f);
	*n = fread(buf, 1, 1 << 20, f);
	fclose(f);
	return buf;
}

static void
test_a_folder_with_everything(void **state)
{
	size_t calls = 0, n, unused;
	struct spot_demo_watch w = { no_watch, &calls };
	struct spot_demo_result r;
	struct spot_demo d;
	struct err e = { 0 };
	char dir[SCRATCH_PATH], *gz;

	(void)state;
	fresh(&d);
	if (data_read(d.a, HISTORY_2015, &unused) == NULL)
		skip();
	gz = raw_archive(d.a, &n);
	scratch_dir(dir);
	put(dir, "a.tar.gz", gz, n);
	put(dir, "b-cut.tar.gz", gz, n / 2);
	put(dir, "c.csv", two_pools, sizeof(two_pools) - 1);
	put(dir, "d.txt", "hello", 5);
	put(dir, "e.json", "{\"SpotPriceHistory\":[", 21);
	assert_int_equal(spot_demo_folder(&d, dir, &w, &e), 0);
	assert_int_equal(calls, 6);
	assert_int_equal(d.skipped.n, 1);
	assert_string_equal(d.skipped.v[0].file, "d.txt");
	assert_int_equal(d.bad.n, 2);
	assert_non_null(strstr(d.bad.v[0].file, "b-cut.tar.gz"));
	assert_string_equal(d.bad.v[1].file, "e.json");
	assert_int_equal(spot_demo_report(&d, any, &r, &e), 0);
	assert_int_equal(r.totals.errors, 2);
	assert_true(r.totals.prices > 30000);
	scratch_remove(dir);
	assert_int_equal(spot_demo_folder(&d, dir, &w, &e), -1);
	arena_free(d.a);
}

/* ---- the command ----------------------------------------------------------------- */

struct shell {
	char *argv[6];
	const char *out;
};

static int
in_child(void *arg)
{
	struct shell *s = arg;
	int argc = 0, fd = open(s->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	while (s->argv[argc] != NULL)
		argc++;
	dup2(fd, 1);
	dup2(fd, 2);
	return spot_demo_commands[0].run(NULL, argc, s->argv);
}

static void
test_exit_status(void **state)
{
	char dir[SCRATCH_PATH], out[SCRATCH_PATH + 8], file[SCRATCH_PATH + 8];
	char json[] = "--json", as_of[] = "--as-of", date[] = "2021-01-03",
	    no[] = "yesterday", odd[] = "--odd", nowhere[] = "/nowhere/at/all";

	(void)state;
	scratch_dir(dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(file, sizeof(file), "%s/c.csv", dir);
	put(dir, "c.csv", two_pools, sizeof(two_pools) - 1);
#define RUN(...) forked_wait(forked(in_child, \
	&(struct shell){ { __VA_ARGS__ }, out }))
	assert_int_equal(RUN(file), 0);
	assert_int_equal(RUN(file, json, as_of, date), 0);
	assert_int_equal(RUN(file, as_of, no), 2);
	assert_int_equal(RUN(file, as_of), 2);
	assert_int_equal(RUN(file, odd), 2);
	assert_int_equal(RUN(file, file), 2);
	assert_int_equal(RUN(NULL), 2);
	assert_int_equal(RUN(nowhere), 1);
	unlink(file);
	unlink(out);
	snprintf(out, sizeof(out), "/dev/null");
	assert_int_equal(RUN(dir), 1);
#undef RUN
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stats_by_hand),
		cmocka_unit_test(test_hole_counts_nothing),
		cmocka_unit_test(test_recorded_history),
		cmocka_unit_test(test_csv_with_its_on_demand),
		cmocka_unit_test(test_decisions_are_those_of_evaluate),
		cmocka_unit_test(test_recordings_and_dates),
		cmocka_unit_test(test_order_of_files_is_nothing),
		cmocka_unit_test(test_one_line_for_each_damage),
		cmocka_unit_test(test_a_folder_with_everything),
		cmocka_unit_test(test_exit_status)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
