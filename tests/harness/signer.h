/*
 * A certificate of a test's own and signatures under it. Static, because each
 * test program includes this file once.
 */
#ifndef HARNESS_SIGNER_H
#define HARNESS_SIGNER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"

/* PEM, valid from and to so many seconds from now. */
static __attribute__((unused)) const char *
signer_cert(struct arena *a, EVP_PKEY *k, const char *name, long from_s,
    long to_s)
{
	X509 *x = X509_new();
	BIO *b = BIO_new(BIO_s_mem());
	const char *out;
	char *text;
	long n;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), from_s);
	X509_gmtime_adj(X509_getm_notAfter(x), to_s);
	X509_set_pubkey(x, k);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	    MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	ASSERT(X509_sign(x, k, EVP_sha256()) > 0);
	ASSERT(PEM_write_bio_X509(b, x) == 1);
	n = BIO_get_mem_data(b, &text);
	out = arena_strndup(a, text, (size_t)n);
	BIO_free(b);
	X509_free(x);
	return out;
}

/* Base64 of the signature. */
static __attribute__((unused)) const char *
signer_sign(struct arena *a, EVP_PKEY *k, const EVP_MD *md, const char *text)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t sig[512];
	size_t n = sizeof(sig);

	ASSERT(EVP_DigestSignInit(c, NULL, md, NULL, k) == 1);
	ASSERT(EVP_DigestSign(c, sig, &n, (const void *)text,
	    strlen(text)) == 1);
	EVP_MD_CTX_free(c);
	return base64_encode(a, sig, n, false);
}

#endif
