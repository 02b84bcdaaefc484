/*
 * The lexicon of this process: built in, or a file in place of the finance
 * part. A file that cannot be read is an error, never a silent return to the
 * one built in.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "db/env.h"
#include "modules/trade/news.h"

enum { FILE_MAX = 4 << 20 };
#define LEXICON_ARENA ((size_t)64 << 20)

static struct {
	bool tried;
	struct arena *a;
	struct trade_lexicon x;
	struct err fault;
} own;

static char *
file(struct arena *a, const char *path, size_t *n, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *text = arena_alloc(a, FILE_MAX + 1);

	if (f == NULL) {
		err_set(e, 500, "lexicon", "The lexicon cannot be read");
		err_cause(e, "%s: %s", path, strerror(errno));
		return NULL;
	}
	*n = fread(text, 1, FILE_MAX + 1, f);
	if (ferror(f) || *n > FILE_MAX) {
		fclose(f);
		err_set(e, 500, "lexicon", "The lexicon is too large, or "
		    "cannot be read");
		err_cause(e, "%s", path);
		return NULL;
	}
	fclose(f);
	return text;
}

static int
load(struct env *env, struct err *e)
{
	const char *path = env == NULL ? "" : ((const struct trade_news_conf
	    *)conf_get(env->conf, &trade_news_settings))->lexicon;
	const char *text = trade_lexicon_finance;
	size_t n = (size_t)(trade_lexicon_finance_end -
	    trade_lexicon_finance);

	own.a = arena_new(LEXICON_ARENA);
	if (*path != '\0' && (text = file(own.a, path, &n, e)) == NULL)
		return -1;
	return trade_lexicon_parse(own.a, text, n, trade_lexicon_vader,
	    (size_t)(trade_lexicon_vader_end - trade_lexicon_vader), &own.x,
	    e);
}

const struct trade_lexicon *
trade_lexicon_of(struct env *env, struct err *e)
{
	if (!own.tried) {
		own.tried = true;
		load(env, &own.fault);
	}
	if (own.fault.status == 0)
		return &own.x;
	*e = own.fault;
	return NULL;
}
