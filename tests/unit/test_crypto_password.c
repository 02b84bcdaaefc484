/*
 * Password hashes: ours, and those of the backends being replaced, made by
 * other programs (argon2's own test table, Apache's htpasswd, passlib's
 * manual, Python's hashlib). Damaged or over-priced hashes are refused before
 * anything is computed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "crypto/crypto.h"

#define ZEROS32 "0000000000000000000000000000000000000000000000000000000000000000"

static const struct password_cost cheap = { 64, 1, 1 };
static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(16 << 20);
	err_clear(&err);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static void
test_known_hashes(void **state)
{
	static const struct {
		const char *hash, *password;
	} cases[] = {
		{ "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFa"
		    "MaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password" },
		{ "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo7"
		    "9iDXuL5/0ttZwg2f/5U52iv1cDc", "password" },
		{ "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz"
		    "9YTZweHKfbftvj+qf+YFY4NeBbtA", "password" },
		{ "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdr"
		    "lKKiCaYsjjYVJxGAL3swxpQ", "password" },
		{ "$2y$05$yQB05/wCGoiXwzAzIHwB/uHbgW6PBaXJeEuxmci9ANcgMBOqhP"
		    "2Ui", "letmein" },
		{ "$2b$05$yQB05/wCGoiXwzAzIHwB/uHbgW6PBaXJeEuxmci9ANcgMBOqhP"
		    "2Ui", "letmein" },
		{ "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvy"
		    "OeW", "U*U" },
		{ "bcrypt$$2b$05$yQB05/wCGoiXwzAzIHwB/uHbgW6PBaXJeEuxmci9ANc"
		    "gMBOqhP2Ui", "letmein" },
		{ "argon2$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZ"
		    "ZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password" },
		/* from Ulrich Drepper's specification of SHA-crypt */
		{ "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3u"
		    "BnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
		    "Hello world!" },
		{ "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZ"
		    "RBAwqFMz2.opqey6IcA", "Hello world!" },
		{ "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEs"
		    "EZeYPGHU3kbrUrvUEXOPimVSQDD44", "password" },
		{ "pbkdf2_sha256$1000$seasalt$R1/GfWtwog1T8Ev9VndgDjzkiRzbFr"
		    "8JpmJtL9cMmQU=", "letmein" },
		{ "pbkdf2:sha256:1000$saltSALT$88ddd554d2019d599ec8731d2bcae"
		    "b8d662435ade5c872724a90fa4a248ec7d9", "letmein" },
		{ "scrypt:16384:8:1$saltSALT$8b15ccd3f1be6b141f496b86ed0bbd2"
		    "7a7fa34ca4fb8a1f8ffcbdd829ad7b1ba22e5fd59dd10ecdbe2e49f"
		    "e7cbdb8a6ad0f5865940c4c91040af2d96c73e8b3d", "letmein" },
	};
	char *t;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(cases); i++) {
		if (password_verify(cases[i].hash, cases[i].password) != 1)
			fail_msg("not verified: %s", cases[i].hash);
		assert_true(password_known(cases[i].hash));
		assert_int_equal(password_verify(cases[i].hash, "Password"),
		    0);
		assert_int_equal(password_verify(cases[i].hash, ""), 0);
		if (i != 0)
			assert_true(password_stale(cases[i].hash,
			    (struct password_cost){ 65536, 2, 1 }));
		/* a changed digest is another password's */
		t = arena_strdup(a, cases[i].hash);
		t[strlen(t) - 8] = t[strlen(t) - 8] == 'a' ? 'b' : 'a';
		assert_int_equal(password_verify(t, cases[i].password), 0);
		/* a cut one is damaged */
		t[strlen(t) - 4] = '\0';
		assert_true(password_verify(t, cases[i].password) <= 0);
	}
}

static void
test_own(void **state)
{
	const char *one, *two;
	char *long_text;

	(void)state;
	assert_int_equal(password_hash(a, "s3cret", cheap, &one, &err), 0);
	assert_int_equal(password_hash(a, "s3cret", cheap, &two, &err), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(strncmp(one, "$argon2id$v=19$m=64,t=1,p=1$", 28), 0);
	assert_int_equal(password_verify(one, "s3cret"), 1);
	assert_int_equal(password_verify(two, "s3cret"), 1);
	assert_int_equal(password_verify(one, "s3cres"), 0);
	assert_int_equal(password_hash(a, "p\xc3\xa4ss", (struct
	    password_cost){ 256, 2, 4 }, &one, &err), 0);
	assert_int_equal(password_verify(one, "p\xc3\xa4ss"), 1);
	/* length: bounded, and 4096 bytes are not cut */
	long_text = arena_alloc(a, 4098);
	memset(long_text, 'x', 4096);
	assert_int_equal(password_hash(a, long_text, cheap, &one, &err), 0);
	assert_int_equal(password_verify(one, long_text), 1);
	long_text[4095] = 'y';
	assert_int_equal(password_verify(one, long_text), 0);
	long_text[4096] = 'x';
	assert_int_equal(password_verify(one, long_text), 0);
	assert_int_equal(password_hash(a, long_text, cheap, &one, &err), -1);
	assert_int_equal(err.status, 422);
}

static void
test_stale(void **state)
{
	struct password_cost want = { 128, 2, 1 };
	const char *h;

	(void)state;
	assert_int_equal(password_hash(a, "x", want, &h, &err), 0);
	assert_false(password_stale(h, want));
	assert_false(password_stale(h, cheap));
	assert_true(password_stale(h, (struct password_cost){ 129, 2, 1 }));
	assert_true(password_stale(h, (struct password_cost){ 128, 3, 1 }));
	assert_true(password_stale(h, (struct password_cost){ 128, 2, 2 }));
	assert_true(password_stale("", want));
	assert_true(password_stale("!", want));
}

static void
test_bad_costs(void **state)
{
	static const struct password_cost bad[] = { { (1 << 20) + 1, 1, 1 },
	    { 64, 65, 1 }, { 64, 1, 65 }, { 1 << 20, 9, 1 }, { 0, 1, 1 },
	    { 64, 0, 1 }, { 64, 1, 0 } };
	const char *h;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(bad); i++) {
		err_clear(&err);
		assert_int_equal(password_hash(a, "x", bad[i], &h, &err), -1);
		assert_int_equal(err.status, 500);
	}
}

#define SALT_TAG "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
#define BCRYPT_REST "yQB05/wCGoiXwzAzIHwB/uHbgW6PBaXJeEuxmci9ANcgMBOqhP2Ui"

/* Each is -1, and all of them together take no time. */
static void
test_damaged(void **state)
{
	static const char *const bad[] = {
		"", "!", "*", "x", "$", "$$", "$1$abc$def", "plain",
		"$argon2d$v=19$m=64,t=1,p=1" SALT_TAG,
		"$argon2id$v=19$m=1048577,t=1,p=1" SALT_TAG,
		"$argon2id$v=19$m=4294967296,t=1,p=1" SALT_TAG,
		"$argon2id$v=19$m=1048576,t=9,p=1" SALT_TAG,
		"$argon2id$v=19$m=64,t=4294967295,p=1" SALT_TAG,
		"$argon2id$v=19$m=64,t=1,p=16777215" SALT_TAG,
		"$argon2id$v=19$m=64,t=1,p=0" SALT_TAG,
		"$argon2id$v=19$m=064,t=1,p=1" SALT_TAG,
		"$argon2id$v=19$m=-64,t=1,p=1" SALT_TAG,
		"$argon2id$v=19$m=64 ,t=1,p=1" SALT_TAG,
		"$argon2id$v=19$t=1,m=64,p=1" SALT_TAG,
		"$argon2id$v=19$m=64,t=1,p=1,keyid=x" SALT_TAG,
		"$argon2id$v=20$m=64,t=1,p=1" SALT_TAG,
		"$argon2id$v=19$m=64,t=1,p=1$c2Fs$CTFhFdXPJO1aFaMaO6Mm5c8y7c"
		    "JHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFh",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
		"$argon2id$v=19$m=64,t=1,p=1" SALT_TAG "$",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ=$CTFhFdXPJO1aFaMaO6"
		    "Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$2b$31$" BCRYPT_REST, "$2b$17$" BCRYPT_REST,
		"$2b$03$" BCRYPT_REST, "$2b$5$" BCRYPT_REST "x",
		"$2b$0x$" BCRYPT_REST, "$2x$05$" BCRYPT_REST,
		"$2$05$" BCRYPT_REST, "$2b$05$short",
		"$2b$05$" BCRYPT_REST "x", "$2b$05$!" BCRYPT_REST,
		"$2b$05$:QB05/wCGoiXwzAzIHwB/uHbgW6PBaXJeEuxmci9ANcgMBOqhP2U"
		    "i",
		"$pbkdf2-sha256$10000001$aaaa$98jZicV16ODfEsEZeYPGHU3kbrUrvU"
		    "EXOPimVSQDD44",
		"$pbkdf2-sha256$0$aaaa$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimV"
		    "SQDD44",
		"$pbkdf2-sha256$1$aaaa$98jZicV16ODfEsEZeYPG",
		"$pbkdf2-sha256$1$aaaa", "$pbkdf2-sha256$1$a+aa$98jZicV16ODf"
		    "EsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
		"pbkdf2_sha256$99999999999$s$R1/GfWtwog1T8Ev9VndgDjzkiRzbFr8"
		    "JpmJtL9cMmQU=",
		"pbkdf2_sha256$1$$R1/GfWtwog1T8Ev9VndgDjzkiRzbFr8JpmJtL9cMmQ"
		    "U=",
		"pbkdf2_sha256$1$s$R1/GfWtwog1T8Ev9VndgDjzkiRzbFr8JpmJtL9cMm"
		    "QU", "pbkdf2_sha256$1$s", "pbkdf2_sha256$",
		"pbkdf2:sha256:10000001$s$" ZEROS32,
		"pbkdf2:sha256$s$" ZEROS32, "pbkdf2:sha512:1$s$" ZEROS32,
		"pbkdf2:sha256:1$s$" ZEROS32 "0", "pbkdf2:sha256:1$s$zz",
		"scrypt:32768:8$s$" ZEROS32, "scrypt:32767:8:1$s$" ZEROS32,
		"scrypt:1073741824:8:1$s$" ZEROS32,
		"scrypt:2097152:8:1$s$" ZEROS32,
		"scrypt:32768:8:4294967295$s$" ZEROS32,
		"scrypt:32768:8:1000$s$" ZEROS32, "scrypt:1:8:1$s$" ZEROS32,
		"scrypt:32768:8:1:1$s$" ZEROS32, "scrypt::8:1$s$" ZEROS32,
		"bcrypt$2b$05$yQB05/wCGoiXwzAzIHwB/uHbgW6PBaXJeEuxmci9ANcgMB"
		    "OqhP2Ui", "bcrypt$", "argon2$", "argon2$argon2d$v=19$m="
		    "256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f"
		    "/5U52iv1cDc", "$6$", "$6$saltstring$short", "$6$$svn8UoSV"
		    "apNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLi"
		    "BFdcbYEdFCoEOfaS35inz1", "$5$rounds=1000001$saltstring$3x"
		    "v.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
		    "$5$rounds=999$saltstring$3xv.VbSHBb41AL9AvLeujZkZRBAwqFM"
		    "z2.opqey6IcA", "$5$rounds=5000",
		"scrypt:32768:8:1$s$00", "scrypt:32768:8:1$$" ZEROS32,
		"scrypt:32768:8:1$s$" ZEROS32 ZEROS32 ZEROS32 ZEROS32
		    ZEROS32,
	};
	char *huge = arena_alloc(a, 5000);
	clock_t t = clock();
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(bad); i++)
		if (password_verify(bad[i], "password") != -1 ||
		    password_known(bad[i]))
			fail_msg("not refused: %s", bad[i]);
	memset(huge, 'a', 4999);
	memcpy(huge, "$argon2id$v=19$m=64,t=1,p=1$", 28);
	assert_int_equal(password_verify(huge, "x"), -1);
	memcpy(huge, "pbkdf2:sha256:1$", 16);
	assert_int_equal(password_verify(huge, "x"), -1);
	assert_true((double)(clock() - t) / CLOCKS_PER_SEC < 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_known_hashes), T(test_own), T(test_stale),
		T(test_bad_costs), T(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
