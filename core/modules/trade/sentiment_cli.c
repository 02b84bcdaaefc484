/*
 * `quincunx trade sentiment`: judges a text per line of standard input. Needs
 * neither database nor configuration.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/platform/platform.h"
#include "modules/trade/news.h"

#define USAGE "trade sentiment [--symbol S] [--name NAME] [--source SOURCE] " \
	"[--mode finance|vader] [--json] < TEXTS"

enum { LINE_CAP = 128 << 20, TEXT_MAX = 1 << 20 };

struct options {
	const char *source, *mode;
	struct trade_named who;
	bool json;
};

struct line {
	double sentiment_score;
	const char *label;
	double authenticity_score, positive, negative;
	bool named;
	double symbol_score;
	const char *engine, *lexicon;
	struct json hits;
};
#define L struct line
static const struct field line_fields[] = {
	FIELD(L, sentiment_score), FIELD(L, label),
	FIELD(L, authenticity_score), FIELD(L, positive), FIELD(L, negative),
	FIELD(L, named), FIELD(L, symbol_score), FIELD(L, engine),
	FIELD(L, lexicon), FIELD(L, hits), FIELD_END
};
static const struct schema line_schema = {
	.name = "SentimentLine", .doc = "A judged line", .size = sizeof(L),
	.fields = line_fields
};

static int
read_options(int argc, char **argv, struct options *o)
{
	struct option_walk w = { .argc = argc, .argv = argv };

	*o = (struct options){ .source = "", .mode = "finance", .who = { "",
	    "" } };
	while (w.i < w.argc)
		if (platform_terminal_option(&w, "--json", NULL))
			o->json = true;
		else if (!platform_terminal_option(&w, "--source",
		    &o->source) && !platform_terminal_option(&w, "--mode",
		    &o->mode) && !platform_terminal_option(&w, "--symbol",
		    &o->who.symbol) && !platform_terminal_option(&w, "--name",
		    &o->who.name))
			return -1;
	return o->source == NULL || o->mode == NULL || o->who.symbol ==
	    NULL || o->who.name == NULL || (strcmp(o->mode, "finance") != 0 &&
	    strcmp(o->mode, "vader") != 0) ? -1 : 0;
}

static void
judge(struct arena *a, const struct trade_lexicon *x,
    const struct options *o, const char *text, struct str *s)
{
	struct trade_scored own;
	struct trade_vader v;
	L l = { .engine = "lexicon", .lexicon = x->digest,
	    .authenticity_score = trade_authenticity(text, o->source) };

	trade_sentiment_score(a, x, text, "", &own);
	l.named = trade_sentiment_about(a, &own, &o->who, &l.symbol_score);
	l.sentiment_score = own.score;
	l.positive = own.positive;
	l.negative = own.negative;
	l.hits = trade_hits_json(a, &own);
	if (strcmp(o->mode, "vader") == 0) {
		trade_vader_score(a, x, text, &v);
		l.sentiment_score = l.symbol_score = v.compound;
		l.positive = v.positive;
		l.negative = v.negative;
		l.engine = "vader";
		l.hits = (struct json){ "[]" };
	}
	l.label = trade_sentiment_label(l.sentiment_score);
	if (o->json) {
		schema_encode(&line_schema, &l, s);
		str_addc(s, '\n');
		return;
	}
	str_addf(s, "%+.3f %-8s ", l.sentiment_score, l.label);
	str_term(s, text, strlen(text));
	str_addc(s, '\n');
	for (size_t i = 0; i < own.hits.n && l.hits.p[1] != ']'; i++)
		str_addf(s, "       %+.2f %s (%s)\n", own.hits.v[i].weight,
		    own.hits.v[i].term, own.hits.v[i].rule);
}

static int
sentiment(struct env *env, int argc, char **argv)
{
	const struct trade_lexicon *x;
	struct options o;
	struct err e = { 0 };
	struct arena *a;
	char *line;
	int rc = 0;

	if (read_options(argc, argv, &o) == -1)
		return platform_terminal_usage(USAGE);
	if ((x = trade_lexicon_of(env, &e)) == NULL)
		return platform_terminal_error(&e);
	a = arena_new(LINE_CAP);
	line = arena_alloc(a, TEXT_MAX);
	while (rc == 0 && fgets(line, TEXT_MAX, stdin) != NULL) {
		struct arena_mark mark = arena_mark(a);
		struct str s;

		line[strcspn(line, "\r\n")] = '\0';
		str_init(&s, a);
		judge(a, x, &o, line, &s);
		rc = platform_terminal_write(&s);
		arena_rewind(a, mark);
	}
	arena_free(a);
	return rc;
}

const struct command trade_sentiment_commands[] = {
	{ .name = "trade sentiment", .usage = USAGE +
	    sizeof("trade sentiment"), .doc = "How a text of news bears on a "
	    "price, and why: a text per line", .no_db = COMMAND_ALONE,
	    .run = sentiment },
	{ .name = NULL }
};
