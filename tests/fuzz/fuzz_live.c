/*
 * Any bytes as a message of a client, in every dialect, and as a position:
 * refused with a sentence, or read; what is given back is JSON.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "app/live.h"
#include "base/check.h"
#include "base/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
try_one(enum live_dialect d, const char *text, size_t n)
{
	struct arena *a = arena_new(256 << 20);
	struct live_message m;
	const char *why = NULL;
	struct json_object *o;

	if (live_parse(d, text, n, 64, a, &m, &why) == -1) {
		ASSERT(why != NULL && *why != '\0');
		arena_free(a);
		return;
	}
	ASSERT(m.op != LIVE_OP_NONE && m.word != NULL);
	ASSERT(m.names.n <= 64);
	for (size_t i = 0; i < m.names.n; i++) {
		const char *s = ((const char **)m.names.items)[i];

		ASSERT(s != NULL && strlen(s) <= 64);
		ASSERT(utf8_valid(s, strlen(s)));
	}
	if (m.id != NULL && strcmp(m.id, "null") != 0) {
		o = json_tokener_parse(m.id);
		ASSERT(o != NULL);
		json_object_put(o);
	}
	for (int k = 0; k < LIVE_STREAMS; k++)
		ASSERT(m.since[k].epoch >= 0 && m.since[k].off >= 0);
	/* nothing that is kept for later can hold a NUL */
	ASSERT(memchr(text, '\0', n) == NULL);
	arena_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct live_since since[LIVE_STREAMS];
	struct arena *a = arena_new(64 << 20);
	const char *text = arena_strndup(a, (const char *)bytes, n);

	for (int d = LIVE_NATIVE; d <= LIVE_ECHO; d++)
		try_one((enum live_dialect)d, (const char *)bytes, n);
	if (live_since_parse(text, since) == 0)
		ASSERT(since[LIVE_TENANT].given);
	(void)live_names_split(a, text);
	arena_free(a);
	return 0;
}
