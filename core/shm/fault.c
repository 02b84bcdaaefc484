/*
 * What went wrong, by kind. A kind has one place; its counters grow by atomic
 * adds, its texts are written under a try-lock that a dead writer holds for a
 * second at most. Nothing here waits, fails or logs: it is called where an
 * error is being told already. Invariant: a count is never lost while its kind
 * is in use; when all places are taken the rest is counted as dropped.
 */
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "shm/segment.h"

enum { PROBES = 16, STOLEN_NS = 1000000000 };
#define QUIET_US (INT64_C(3600) * US_PER_S)

static struct seg_fault *
fault_at(const struct shm *s, size_t i)
{
	return (struct seg_fault *)(s->base + s->map.faults) + i;
}

/* ---- normalising --------------------------------------------------------------- */

static bool
word_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' &&
	    (c | 0x20) <= 'z') || (unsigned char)c >= 0x80;
}

/* "42", "0x1f", "5f2b…" and "i0a1b" are values; "sha256", "m5" and "MariaDB"
 * are names: letters and then three digits at most. */
static bool
is_value(const char *s, size_t n)
{
	size_t digits = 0, hex = 0, tail = 0;

	for (size_t i = 0; i < n; i++) {
		bool digit = s[i] >= '0' && s[i] <= '9';

		digits += digit;
		tail = digit ? tail + 1 : 0;
		hex += digit || ((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'f');
	}
	if (digits == 0)
		return n >= 8 && hex == n;
	return tail != digits || tail > 3 || tail == n;
}

struct out {
	char *p;
	size_t n, cap;
	bool blank;		/* the last thing was a blank */
	size_t value_end;	/* n after the last '#', 0 = none */
};

static void
put(struct out *o, const char *s, size_t n)
{
	if (o->n + n >= o->cap)
		n = o->cap > o->n ? o->cap - o->n - 1 : 0;
	memcpy(o->p + o->n, s, n);
	o->n += n;
	o->blank = false;
}

/* "#-#-#" and "#.#:#" are one value. */
static void
put_value(struct out *o)
{
	if (o->value_end > 0 && o->n == o->value_end + 1 &&
	    strchr("-.:/+_,", o->p[o->value_end]) != NULL)
		o->n = o->value_end;
	else if (o->value_end == 0 || o->n != o->value_end)
		put(o, "#", 1);
	o->value_end = o->n;
}

/* Length of a quoted part with its quotes; 0 = no end in sight. */
static size_t
quoted(const char *s)
{
	const char *end = *s == '"' || *s == '\'' || *s == '`' ?
	    strchr(s + 1, *s) : NULL;

	return end == NULL || end - s > 200 ? 0 : (size_t)(end - s) + 1;
}

/* An apostrophe inside a word opens nothing. */
static bool
opens(const char *in, const char *at)
{
	return at == in || !word_char(at[-1]);
}

void
shm_fault_normalise(const char *in, char *out, size_t cap)
{
	struct out o = { .p = out, .cap = cap, .blank = true };
	const char *s = in != NULL ? in : "";
	size_t n;

	while (*s != '\0' && o.n + 1 < cap) {
		for (n = 0; word_char(s[n]);)
			n++;
		if (n > 0 && is_value(s, n)) {
			put_value(&o);
		} else if (n > 0) {
			put(&o, s, n);
		} else if (opens(in, s) && (n = quoted(s)) > 0) {
			put_value(&o);
		} else if (n = 1, (unsigned char)*s <= ' ' || *s == 0x7f) {
			if (!o.blank)
				put(&o, " ", 1);
			o.blank = true;
		} else
			put(&o, s, 1);
		s += n;
	}
	while (o.n > 0 && out[o.n - 1] == ' ')
		o.n--;
	/* a character cut in the middle goes */
	while (o.n > 0 && !utf8_valid(out, o.n))
		o.n--;
	if (cap > 0)
		out[o.n] = '\0';
}

/* ---- noting ---------------------------------------------------------------------- */

static void
copy(char *to, size_t cap, const char *from)
{
	size_t n = from == NULL ? 0 : strnlen(from, cap - 1);

	while (n > 0 && !utf8_valid(from, n))
		n--;
	memset(to, 0, cap);
	if (n > 0)
		memcpy(to, from, n);
}

static bool
lock(struct seg_fault *f)
{
	uint64_t now = (uint64_t)clock_boot_ns(), since = seg_get(&f->lock);

	if (since != 0 && now - since < STOLEN_NS && now >= since)
		return false;
	return seg_cas(&f->lock, since, now == 0 ? 1 : now);
}

static void
unlock(struct seg_fault *f)
{
	__atomic_store_n(&f->turn, seg_get(&f->turn) + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&f->lock, 0, __ATOMIC_RELEASE);
}

/* The kind's place; a free one is taken. */
static struct seg_fault *
find(struct shm *s, uint64_t key)
{
	for (size_t k = 0; k < PROBES; k++) {
		struct seg_fault *f = fault_at(s, (key + k) % SHM_FAULTS);

		if (seg_get(&f->key) == key)
			return f;
	}
	for (size_t k = 0; k < PROBES; k++) {
		struct seg_fault *f = fault_at(s, (key + k) % SHM_FAULTS);
		uint64_t seen = seg_get(&f->key);

		if ((seen == 0 && seg_cas(&f->key, 0, key)) ||
		    seg_get(&f->key) == key)	/* another was faster */
			return f;
	}
	return NULL;
}

static uint64_t
key_of(const char *place, const char *code, const char *message)
{
	uint64_t h = seg_hash_text(3, place);

	h = seg_hash_text(h, code);
	h = seg_hash_text(h, message);
	return h == 0 ? 1 : h;
}

void
shm_fault_note(const char *place, const char *code, const char *message,
    const char *cause, const char *request_id)
{
	struct shm *s = shm_current();
	char where[SHM_TEXT], word[32], text[160];
	struct seg_fault *f;
	int64_t now = clock_now().us;

	if (s == NULL)
		return;
	copy(where, sizeof(where), place);
	copy(word, sizeof(word), code);
	shm_fault_normalise(message, text, sizeof(text));
	f = find(s, key_of(where, word, text));
	if (f == NULL) {
		metric_add(&shm_dropped_total, 0, 0, 1);
		return;
	}
	if (lock(f)) {
		if (seg_get((uint64_t *)&f->first) == 0)
			seg_put((uint64_t *)&f->first, (uint64_t)now);
		copy(f->place, sizeof(f->place), where);
		copy(f->code, sizeof(f->code), word);
		copy(f->message, sizeof(f->message), text);
		copy(f->cause, sizeof(f->cause), cause);
		copy(f->request_id, sizeof(f->request_id), request_id);
		unlock(f);
	}
	seg_put((uint64_t *)&f->last, (uint64_t)now);
	__atomic_fetch_add(&f->count, 1, __ATOMIC_RELAXED);
}

/* ---- reading ------------------------------------------------------------------------ */

/* Whatever a neighbour may have written: valid text of at most cap bytes. */
static void
clamp(char *to, size_t cap, const char *from)
{
	size_t n = strnlen(from, cap - 1);

	memset(to, 0, cap);
	memcpy(to, from, n);
	while (n > 0 && !utf8_valid(to, n))
		to[--n] = '\0';
}

size_t
shm_faults(struct shm *s, struct shm_fault *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; s != NULL && i < SHM_FAULTS && n < cap; i++) {
		const struct seg_fault *f = fault_at(s, i);
		struct shm_fault *o = &out[n];
		uint64_t turn;

		o->key = seg_get(&f->key);
		if (o->key == 0)
			continue;
		for (int tries = 0; tries < 10; tries++) {
			turn = __atomic_load_n(&f->turn, __ATOMIC_ACQUIRE);
			o->count = seg_get(&f->count);
			o->reported = seg_get(&f->reported);
			o->first.us = (int64_t)seg_get(
			    (const uint64_t *)&f->first);
			o->last.us = (int64_t)seg_get(
			    (const uint64_t *)&f->last);
			clamp(o->place, sizeof(o->place), f->place);
			clamp(o->code, sizeof(o->code), f->code);
			clamp(o->message, sizeof(o->message), f->message);
			clamp(o->cause, sizeof(o->cause), f->cause);
			clamp(o->request_id, sizeof(o->request_id),
			    f->request_id);
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (seg_get(&f->turn) == turn && seg_get(&f->lock) == 0)
				break;
		}
		if (o->first.us > 0 && o->count >= o->reported)
			n++;
	}
	return n;
}

void
shm_fault_reported(struct shm *s, const struct shm_fault *was)
{
	for (size_t k = 0; s != NULL && k < PROBES; k++) {
		struct seg_fault *f = fault_at(s, (was->key + k) % SHM_FAULTS);

		if (seg_get(&f->key) != was->key)
			continue;
		seg_put(&f->reported, was->count);
		if (clock_now().us - was->last.us > QUIET_US &&
		    seg_get(&f->count) == was->count) {
			/* both counters stay: they are equal */
			seg_put((uint64_t *)&f->first, 0);
			seg_put(&f->key, 0);
		}
		return;
	}
}
