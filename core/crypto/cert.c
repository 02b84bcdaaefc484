/*
 * When a certificate ends, and what one has signed. Refuses what is no
 * certificate, keys that are too short or not RSA, and names and instants
 * outside of it. The chain is not followed: who uses this has the
 * certificate from a host that was proved otherwise.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/crypto.h"

int
crypto_cert_until(const char *path, struct utc *until, struct err *e)
{
	FILE *f = fopen(path, "re");
	X509 *x;
	struct tm tm;
	int rc;

	if (f == NULL) {
		err_set(e, 500, "certificate",
		    "The certificate cannot be read");
		return err_cause(e, "%s: %s", path, strerror(errno));
	}
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	memset(&tm, 0, sizeof(tm));
	rc = x != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1 ?
	    0 : -1;
	X509_free(x);
	if (rc == -1) {
		err_set(e, 500, "certificate",
		    "The certificate cannot be read");
		return err_cause(e, "%s: no certificate in it", path);
	}
	until->us = (int64_t)timegm(&tm) * US_PER_S;
	return 0;
}

/* ---- certificates that sign ---------------------------------------------- */

enum { RSA_BITS_MIN = 2048 };

static X509 *
read_pem(const char *pem, struct err *e)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	X509 *x = b == NULL ? NULL : PEM_read_bio_X509(b, NULL, NULL, NULL);

	BIO_free(b);
	if (x == NULL)
		err_set(e, 401, "certificate",
		    "The signing certificate cannot be read");
	return x;
}

static bool
named(X509 *x, const char *name)
{
	char got[256] = "";

	return X509_NAME_get_text_by_NID(X509_get_subject_name(x),
	    NID_commonName, got, sizeof(got)) > 0 && strcmp(got, name) == 0;
}

static bool
instant(const ASN1_TIME *t, int64_t *us)
{
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*us = (int64_t)timegm(&tm) * US_PER_S;
	return true;
}

int
crypto_cert_check(const char *pem, const char *name, struct utc now,
    struct utc *until, struct err *e)
{
	X509 *x = read_pem(pem, e);
	EVP_PKEY *key = x == NULL ? NULL : X509_get0_pubkey(x);
	int64_t from;
	int rc = -1;

	if (x == NULL)
		return -1;
	if (!instant(X509_get0_notBefore(x), &from) ||
	    !instant(X509_get0_notAfter(x), &until->us) || now.us < from ||
	    now.us >= until->us)
		err_set(e, 401, "certificate",
		    "The signing certificate is not valid now");
	else if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
	    EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
		err_set(e, 401, "certificate",
		    "The signing certificate's key is not good enough");
	else if (name != NULL && !named(x, name))
		err_set(e, 401, "certificate",
		    "The signing certificate belongs to somebody else");
	else
		rc = 0;
	X509_free(x);
	return rc;
}

int
crypto_cert_verify(const char *pem, bool sha1, const void *data, size_t n,
    const void *signature, size_t len, struct err *e)
{
	X509 *x = read_pem(pem, e);
	EVP_MD_CTX *c = x == NULL ? NULL : EVP_MD_CTX_new();
	EVP_PKEY *key = x == NULL ? NULL : X509_get0_pubkey(x);
	int ok = 0;

	if (x == NULL)
		return -1;
	if (c != NULL && key != NULL && EVP_DigestVerifyInit(c, NULL,
	    sha1 ? EVP_sha1() : EVP_sha256(), NULL, key) == 1)
		ok = EVP_DigestVerify(c, signature, len, data, n);
	EVP_MD_CTX_free(c);
	X509_free(x);
	if (ok != 1)
		return err_set(e, 401, "signature",
		    "The signature is not right");
	return 0;
}
