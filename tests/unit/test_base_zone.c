/*
 * Time zones: the offsets of every zone of this system against libc's, local
 * times in gaps and folds, names and files that must be refused.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <ftw.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/zone.h"

#define DIR "/usr/share/zoneinfo/"

static int64_t
at(const char *text)
{
	struct utc t;

	if (clock_parse(text, &t) != 0)
		fail_msg("not a time: %s", text);
	return t.us / US_PER_S;
}

static struct utc
utc_of(int64_t s)
{
	return (struct utc){ s * US_PER_S };
}

/* ---- against libc ------------------------------------------------------------ */

static size_t zones_seen;

static void
compare(const struct zone *z, const char *name, int64_t t)
{
	time_t tt = (time_t)t;
	struct tm tm;

	localtime_r(&tt, &tm);
	if (zone_offset(z, utc_of(t)) != tm.tm_gmtoff)
		fail_msg("%s at %lld: %d, libc has %ld", name, (long long)t,
		    (int)zone_offset(z, utc_of(t)), tm.tm_gmtoff);
}

static int
one_zone(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	const char *name = path + strlen(DIR);
	const struct zone *z;
	int64_t t, last = at("2200-01-01");

	(void)st;
	(void)ftw;
	if (kind != FTW_F || (z = zone_find(name)) == NULL)
		return 0;
	zones_seen++;
	assert_string_equal(zone_name(z), name);
	setenv("TZ", name, 1);
	tzset();
	/* libc and RFC 8536 differ on what holds before the first entry. */
	for (t = at("1905-01-01"); t < last; t += 86400 * 197 + 3571)
		compare(z, name, t);
	t = at("1905-01-01");
	while ((t = zone_change(z, t)) < last) {
		assert_int_not_equal(zone_offset(z, utc_of(t - 1)),
		    zone_offset(z, utc_of(t)));
		compare(z, name, t - 1);
		compare(z, name, t);
		compare(z, name, t + 1);
	}
	return 0;
}

static void
test_libc(void **state)
{
	(void)state;
	assert_int_equal(nftw(DIR, one_zone, 16, FTW_PHYS), 0);
	setenv("TZ", "UTC", 1);
	tzset();
	/* Links are followed by name only where nftw sees a plain file. */
	if (zones_seen < 300)
		fail_msg("only %zu zones", zones_seen);
}

/* Every change is found: no two neighbouring hours differ in between. */
static void
test_change_is_complete(void **state)
{
	static const char *const names[] = { "Europe/Berlin",
	    "Australia/Lord_Howe", "Africa/Casablanca", "Europe/Dublin",
	    "America/Sao_Paulo", "Antarctica/Troll" };

	(void)state;
	for (size_t i = 0; i < NITEMS(names); i++) {
		const struct zone *z = zone_find(names[i]);
		int64_t t = at("1995-01-01"), change = zone_change(z, t);

		for (; t < at("2060-01-01"); t += 1800) {
			if (t + 1800 >= change) {
				change = zone_change(z, change);
				continue;
			}
			assert_int_equal(zone_offset(z, utc_of(t)),
			    zone_offset(z, utc_of(t + 1800)));
		}
	}
}

/* ---- local times ---------------------------------------------------------------- */

static void
test_local(void **state)
{
	static const struct {
		const char *zone, *local;
		int n;
		const char *first, *last;
	} rows[] = {
		{ "UTC", "2026-03-29T02:30:00", 1, "2026-03-29T02:30:00Z", "" },
		{ "Europe/Berlin", "2026-03-29T01:59:59", 1,
		    "2026-03-29T00:59:59Z", "" },
		{ "Europe/Berlin", "2026-03-29T02:00:00", 0,
		    "2026-03-29T01:00:00Z", "" },
		{ "Europe/Berlin", "2026-03-29T02:59:59", 0,
		    "2026-03-29T01:00:00Z", "" },
		{ "Europe/Berlin", "2026-03-29T03:00:00", 1,
		    "2026-03-29T01:00:00Z", "" },
		{ "Europe/Berlin", "2026-10-25T01:59:59", 1,
		    "2026-10-24T23:59:59Z", "" },
		{ "Europe/Berlin", "2026-10-25T02:00:00", 2,
		    "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z" },
		{ "Europe/Berlin", "2026-10-25T02:59:59", 2,
		    "2026-10-25T00:59:59Z", "2026-10-25T01:59:59Z" },
		{ "Europe/Berlin", "2026-10-25T03:00:00", 1,
		    "2026-10-25T02:00:00Z", "" },
		/* Far beyond the file's last entry. */
		{ "Europe/Berlin", "2126-10-27T02:30:00", 2,
		    "2126-10-27T00:30:00Z", "2126-10-27T01:30:00Z" },
		{ "America/New_York", "2026-03-08T02:30:00", 0,
		    "2026-03-08T07:00:00Z", "" },
		{ "America/New_York", "2026-11-01T01:30:00", 2,
		    "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z" },
		/* Half an hour only. */
		{ "Australia/Lord_Howe", "2026-10-04T02:15:00", 0,
		    "2026-10-03T15:30:00Z", "" },
		{ "Australia/Lord_Howe", "2026-10-04T02:30:00", 1,
		    "2026-10-03T15:30:00Z", "" },
		{ "Australia/Lord_Howe", "2026-04-05T01:45:00", 2,
		    "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z" },
		/* A gap at midnight, and a day that did not happen. */
		{ "America/Sao_Paulo", "2018-11-04T00:30:00", 0,
		    "2018-11-04T03:00:00Z", "" },
		{ "Pacific/Apia", "2011-12-30T12:00:00", 0,
		    "2011-12-30T10:00:00Z", "" },
		{ "Asia/Kathmandu", "2026-01-01T00:00:00", 1,
		    "2025-12-31T18:15:00Z", "" },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct utc out[2];
		int n = zone_of_local(zone_find(rows[i].zone),
		    at(rows[i].local), out);

		if (n != rows[i].n || out[0].us != at(rows[i].first) * US_PER_S
		    || (n == 2 && out[1].us != at(rows[i].last) * US_PER_S))
			fail_msg("%s %s: %d", rows[i].zone, rows[i].local, n);
	}
}

/* Local times and instants are inverse to each other. */
static void
test_local_inverse(void **state)
{
	static const char *const names[] = { "Europe/Berlin", "Pacific/Apia",
	    "America/Havana", "Asia/Tehran", "Africa/Casablanca", "Etc/GMT+3" };

	(void)state;
	for (int i = 0; i < 60000; i++) {
		const struct zone *z = zone_find(names[i % 6]);
		int64_t t = at("1970-01-01") +
		    (int64_t)random_below(100 * INT64_C(365) * 86400);
		struct utc out[2];
		int n = zone_of_local(z, t + zone_offset(z, utc_of(t)), out);

		assert_in_range(n, 1, 2);
		assert_true(out[0].us == t * US_PER_S ||
		    (n == 2 && out[1].us == t * US_PER_S));
		assert_true(n == 1 || out[0].us < out[1].us);
	}
}

/* The ends of what struct utc can hold. */
static void
test_extremes(void **state)
{
	const struct zone *z = zone_find("America/New_York");
	struct utc out[2];

	(void)state;
	assert_int_equal(zone_offset(z, (struct utc){ INT64_MIN }), -17762);
	assert_in_range(zone_offset(z, (struct utc){ INT64_MAX }) + 18000,
	    0, 3600);
	assert_true(zone_change(z, INT64_MAX) > 0);
	assert_true(zone_change(z, INT64_MIN) < 0);
	assert_int_equal(zone_of_local(z, INT64_MIN, out), 1);
	assert_in_range(zone_of_local(z, INT64_MAX, out), 0, 2);
	assert_true(zone_change(zone_find("UTC"), 0) == INT64_MAX);
	assert_int_equal(zone_offset(zone_find("UTC"), (struct utc){ -1 }), 0);
	/* One microsecond before the hour is still before it. */
	assert_int_equal(zone_offset(zone_find("Europe/Berlin"), (struct utc){
	    at("2026-03-29T01:00:00Z") * US_PER_S - 1 }), 3600);
}

/* ---- names ------------------------------------------------------------------------ */

static void
test_names(void **state)
{
	static const char *const good[] = { "UTC", "Europe/Berlin", "Etc/GMT+3",
	    "America/Argentina/Buenos_Aires", "America/Port-au-Prince",
	    "Etc/GMT-14", "EST5EDT" };
	static const char *const bad[] = { "", "utc", "europe/berlin",
	    "Europe", "Europe/", "/Europe/Berlin", "Europe//Berlin",
	    "../zoneinfo/UTC", "Europe/../UTC", "./UTC", "Europe/Berlin ",
	    " UTC", "Europe/Berlin\n", "CET-1CEST", "zone.tab", "tzdata.zi",
	    "leapseconds", "localtime", "posixrules", "right/Europe/Berlin",
	    "posix/Europe/Berlin", "right/UTC", "Mars/Olympus_Mons",
	    "A/B/C/D", "+VERSION", "Europe/Berlin%00", "\xc3\x84/B",
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(good); i++)
		if (!zone_known(good[i]))
			fail_msg("%s is not known", good[i]);
	for (size_t i = 0; i < NITEMS(bad); i++)
		if (zone_known(bad[i]))
			fail_msg("%s is known", bad[i]);
	assert_false(zone_known(NULL));
	/* The same object as long as the file is the same. */
	assert_ptr_equal(zone_find("Asia/Tokyo"), zone_find("Asia/Tokyo"));
}

static void
test_version(void **state)
{
	char buf[ZONE_VERSION];
	int year = 0;

	(void)state;
	zone_version(buf);
	print_message("tzdata: \"%s\"\n", buf);
	if (buf[0] == '\0')
		return;
	assert_true(sscanf(buf, "%4d", &year) == 1 && year >= 2020);
}

/* ---- files ------------------------------------------------------------------------- */

struct file {
	uint8_t b[4096];
	size_t n;
};

static void
put(struct file *f, int64_t v, int bytes)
{
	while (bytes-- > 0)
		f->b[f->n++] = (uint8_t)((uint64_t)v >> 8 * bytes);
}

static void
put_header(struct file *f, int version, int leap, int time, int type)
{
	memcpy(f->b + f->n, "TZif", 4);
	f->n += 4;
	put(f, version, 1);
	f->n += 15;
	put(f, 0, 4);
	put(f, 0, 4);
	put(f, leap, 4);
	put(f, time, 4);
	put(f, type, 4);
	put(f, 4, 4);
}

/* Two types: east seconds 3600 and 7200; transitions alternate. */
static struct file
make_file(const int64_t *times, int n, const char *rule)
{
	struct file f = { .n = 0 };

	put_header(&f, '2', 0, 0, 1);
	f.n += 6 + 4;
	put_header(&f, '2', 0, n, 2);
	for (int i = 0; i < n; i++)
		put(&f, times[i], 8);
	for (int i = 0; i < n; i++)
		put(&f, 1 - i % 2, 1);
	put(&f, 3600, 4);
	f.n += 2;
	put(&f, 7200, 4);
	f.n += 2 + 4;
	put(&f, '\n', 1);
	memcpy(f.b + f.n, rule, strlen(rule));
	f.n += strlen(rule);
	put(&f, '\n', 1);
	return f;
}

static const struct zone *
parse_rule(struct arena *a, const char *rule)
{
	struct file f = make_file(NULL, 0, rule);

	return zone_parse(a, f.b, f.n);
}

static void
test_rules(void **state)
{
	static const struct { const char *rule, *t; int east; } rows[] = {
		{ "", "2026-07-01", 3600 },
		{ "EST5", "2026-07-01", -18000 },
		{ "<+0545>-5:45", "2026-07-01", 20700 },
		{ "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2026-07-01", -7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-01", 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3600 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3600 },
		/* South of the equator the year begins in summer. */
		{ "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01", 39600 },
		{ "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01", 36000 },
		/* Dublin: winter is the exception. */
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01", 0 },
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01", 3600 },
		/* Daylight saving all year (RFC 8536). */
		{ "EST5EDT,0/0,J365/25", "2026-01-01T04:59:59Z", -14400 },
		{ "EST5EDT,0/0,J365/25", "2026-01-01T05:00:00Z", -14400 },
		{ "EST5EDT,0/0,J365/25", "2026-12-31T23:00:00Z", -14400 },
		{ "EST5EDT,0/0,J365/25", "2027-01-01T04:00:00Z", -14400 },
		/* J60 is 1 March, in leap years too; 59 is the 60th day. */
		{ "A1BB,J60/0,J61/0", "2024-03-01T01:00:00Z", 0 },
		{ "AAA1BBB,J60/0,J61/0", "2024-03-01T12:00:00Z", 0 },
		{ "AAA1BBB,J60/0,J61/0", "2024-02-29T12:00:00Z", -3600 },
		{ "AAA1BBB,59/0,60/0", "2024-02-29T12:00:00Z", 0 },
		{ "AAA1BBB,59/0,60/0", "2023-03-01T12:00:00Z", 0 },
		/* Hours beyond the day, either way. */
		{ "<-02>2<-01>,M3.4.4/50,M10.4.4/50", "2026-03-28T03:00:00Z",
		    -7200 },
		{ "<-02>2<-01>,M3.4.4/50,M10.4.4/50", "2026-03-28T04:00:00Z",
		    -3600 },
	};
	struct arena *a = arena_new(1 << 20);
	const struct zone *z;

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		z = parse_rule(a, rows[i].rule);
		if (strncmp(rows[i].rule, "A1", 2) == 0) {
			assert_null(z);	/* names have three letters */
			continue;
		}
		if (z == NULL || zone_offset(z, utc_of(at(rows[i].t))) !=
		    rows[i].east)
			fail_msg("%s at %s: %d", rows[i].rule, rows[i].t,
			    z ? (int)zone_offset(z, utc_of(at(rows[i].t))) : -1);
	}
	/* No change of the offset is reported where there is none. */
	z = parse_rule(a, "EST5EDT,0/0,J365/25");
	assert_true(zone_change(z, at("2026-06-01")) == INT64_MAX);
	arena_free(a);
}

static void
test_rules_refused(void **state)
{
	static const char *const bad[] = { "X", "CET", "CET-", "CET-1CEST",
	    "CET-1CEST,", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x",
	    "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M0.5.0,M10.5.0",
	    "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
	    "CET-1CEST,J0,J5", "CET-1CEST,J366,J5", "CET-1CEST,366,5",
	    "CET-1CEST,M3.5.0/168,M10.5.0", "CET-25", "<CET-1", "<C>-1",
	    "CET-1:60", "CET-1:00:60", "CET--1", "CET-1 ", "CET-1CEST,1,2,3",
	    "CET-0001", "<+30>-30" };
	struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++)
		if (parse_rule(a, bad[i]) != NULL)
			fail_msg("accepted: %s", bad[i]);
	arena_free(a);
}

static void
test_files(void **state)
{
	static const int64_t times[] = { -1000, 0, 1000 };
	static const int64_t twice[] = { 0, 0 }, back[] = { 10, 5 };
	struct arena *a = arena_new(8 << 20);
	struct file f = make_file(times, 3, "");
	const struct zone *z = zone_parse(a, f.b, f.n);

	(void)state;
	assert_non_null(z);
	assert_int_equal(zone_offset(z, utc_of(-1001)), 3600);
	assert_int_equal(zone_offset(z, utc_of(-1000)), 7200);
	assert_int_equal(zone_offset(z, utc_of(0)), 3600);
	assert_int_equal(zone_offset(z, utc_of(5000)), 7200);
	assert_true(zone_change(z, 0) == 1000);
	assert_true(zone_change(z, 1000) == INT64_MAX);
	/* Any shorter one is none, whatever is cut off. */
	for (size_t n = 0; n < f.n; n++)
		assert_null(zone_parse(a, f.b, n));
	f = make_file(twice, 2, "");
	assert_null(zone_parse(a, f.b, f.n));
	f = make_file(back, 2, "");
	assert_null(zone_parse(a, f.b, f.n));
	/* Version 1, a type that is not there, an offset of 27 hours, counts
	 * beyond the bounds, leap seconds. */
	f = make_file(times, 3, "");
	f.b[4] = 0;
	assert_null(zone_parse(a, f.b, f.n));
	f = make_file(times, 3, "");
	f.b[44 + 10 + 44 + 24] = 2;
	assert_null(zone_parse(a, f.b, f.n));
	f = make_file(times, 3, "");
	f.b[44 + 10 + 44 + 24 + 3 + 1] = 2;
	assert_null(zone_parse(a, f.b, f.n));
	f = make_file(times, 3, "");
	f.b[44 + 10 + 32] = 0xff;
	assert_null(zone_parse(a, f.b, f.n));
	f = make_file(times, 3, "");
	f.b[44 + 10 + 31] = 1;
	assert_null(zone_parse(a, f.b, f.n));
	arena_free(a);
}

/* ---- a database that changes ------------------------------------------------------- */

static void
write_file(const char *dir, const char *name, const void *p, size_t n)
{
	char path[128], fresh[128];
	FILE *f;

	/* By rename, as dpkg does it. */
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(fresh, sizeof(fresh), "%s/fresh", dir);
	assert_non_null(f = fopen(fresh, "w"));
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void
test_reload(void **state)
{
	char dir[] = "/tmp/zone.XXXXXX", buf[ZONE_VERSION], path[64];
	struct file one = make_file(NULL, 0, "AAA-1"),
	    two = make_file(NULL, 0, "AAA-2");
	const struct zone *z, *old;

	(void)state;
	assert_non_null(mkdtemp(dir));
	zone_folder(dir);
	assert_false(zone_known("Europe/Berlin"));
	assert_true(zone_known("UTC"));
	assert_string_equal(zone_version(buf), "");
	write_file(dir, "Test", one.b, one.n);
	assert_non_null(old = zone_find("Test"));
	assert_int_equal(zone_offset(old, utc_of(0)), 3600);
	/* Another file: the new rule; who holds the old zone keeps it. */
	write_file(dir, "Test", two.b, two.n);
	assert_non_null(z = zone_find("Test"));
	assert_int_equal(zone_offset(z, utc_of(0)), 7200);
	assert_int_equal(zone_offset(old, utc_of(0)), 3600);
	assert_ptr_equal(zone_find("Test"), z);
	/* Broken, gone, not a file: schedules go on with what was known. */
	write_file(dir, "Test", "TZif2", 5);
	assert_ptr_equal(zone_find("Test"), z);
	snprintf(path, sizeof(path), "%s/Test", dir);
	assert_int_equal(unlink(path), 0);
	assert_ptr_equal(zone_find("Test"), z);
	snprintf(path, sizeof(path), "%s/Pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(zone_known("Pipe"));
	unlink(path);
	write_file(dir, "tzdata.zi", "# version 2031c\n# x", 19);
	assert_string_equal(zone_version(buf), "2031c");
	write_file(dir, "+VERSION", "2032a\n", 6);
	assert_string_equal(zone_version(buf), "2032a");
	snprintf(path, sizeof(path), "%s/+VERSION", dir);
	unlink(path);
	write_file(dir, "tzdata.zi", "nothing known", 13);
	assert_string_equal(zone_version(buf), "");
	snprintf(path, sizeof(path), "%s/tzdata.zi", dir);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
	zone_folder("/usr/share/zoneinfo");
	assert_true(zone_known("Europe/Berlin"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_change_is_complete),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_local_inverse),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_rules_refused),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
