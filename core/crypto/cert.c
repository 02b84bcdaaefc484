/*
 * When a certificate ends. Reads a PEM file; refuses what is none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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
