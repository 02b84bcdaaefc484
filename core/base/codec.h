/*
 * Byte encodings, each strict: one text for one value.
 */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct str;
struct pair;

/* Lower-case hex; out holds 2n + 1. */
char *hex_encode(const void *, size_t n, char *out);
/* Returns bytes written, or -1 (odd length, foreign digit, out too small). */
long hex_decode(const char *, size_t n, void *out, size_t cap);
/* Base64 (RFC 4648), standard with padding or URL-safe without. */
char *base64_encode(struct arena *, const void *, size_t n, bool url);
/* Canonical input only (no white space, zero trailing bits). URL-safe input
 * may be padded when pad_ok. Returns length or -1. */
long base64_decode(const char *, size_t n, bool url, bool pad_ok, void *out,
    size_t cap);
/* Percent-decoding; plus = true turns '+' into a space. NULL on a bad escape
 * or a decoded NUL. */
char *url_decode(struct arena *, const char *, size_t n, bool plus);
/* RFC 3986 unreserved characters stay, all else is %XX. keep_slash keeps '/'. */
void url_encode(struct str *, const char *, size_t n, bool keep_slash);
/* "a=1&b=2" into pairs, in order, decoded. -1 on a bad escape. */
int url_pairs(struct arena *, const char *, size_t n, struct pair **out,
    size_t *nout);
bool utf8_valid(const char *, size_t n);
/* First UTF-8 sequence of n > 0 bytes: its length, or minus the length of the
 * ill-formed part that stands for one U+FFFD. */
int utf8_step(const char *, size_t n);
/* True for a valid sequence of n bytes that steers a terminal or hides text:
 * C0, DEL, C1, line separators and the bidirectional controls. */
bool utf8_steers(const char *, int n);
/* SipHash-2-4. */
uint64_t siphash(const uint8_t key[16], const void *, size_t n);
/* FNV-1a, for table layout and hash maps of trusted keys only. */
uint64_t fnv1a(const void *, size_t n, uint64_t seed);

#endif
