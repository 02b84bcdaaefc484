/*
 * The job type `sentiment_analysis`: texts of the payload, or the stored news
 * of a window, judged for symbols. The answer to the same question over the
 * same news is kept and given again.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/trade/instrument.h"
#include "modules/trade/news.h"

enum { SYMBOLS_MAX = 500, TEXTS_MAX = 5000, NEWS_MAX = 5000, TOLD_MAX = 200 };
#define SCRATCH ((size_t)256 << 20)
#define HOUR_US (3600 * US_PER_S)

struct ask {
	struct list symbols, texts, items;
	const char *text, *query, *symbol, *user_id;
	int64_t window_h;
};
static const struct field ask_fields[] = {
	FIELD(struct ask, symbols, .flags = FF_NULLABLE, .elem = FT_STR,
	    .max = SYMBOLS_MAX, .doc = "Symbols; those named when left out"),
	FIELD(struct ask, symbol, .flags = FF_NULLABLE, .max = 32,
	    .doc = "The same for one"),
	FIELD(struct ask, texts, .flags = FF_NULLABLE, .elem = FT_STR,
	    .max = TEXTS_MAX, .doc = "Texts to judge"),
	FIELD(struct ask, text, .flags = FF_NULLABLE, .max = 60000,
	    .doc = "The same for one"),
	FIELD(struct ask, items, .flags = FF_NULLABLE, .max = TEXTS_MAX,
	    .sub = &trade_news_in_schema, .doc = "Texts with their headline, "
	    "source and time"),
	FIELD(struct ask, query, .flags = FF_NULLABLE, .max = 200,
	    .doc = "Without texts: stored news that hold these words"),
	FIELD(struct ask, window_h, .min = 1, .max = 2160, .def = "168",
	    .doc = "Without texts: stored news of so many hours"),
	FIELD(struct ask, user_id, .flags = FF_NULLABLE, .max = 100,
	    .doc = "Of the documents; gives no right"), FIELD_END
};
static const struct schema ask_schema = {
	.name = "SentimentAnalysis", .doc = "Texts or news to judge",
	.size = sizeof(struct ask), .fields = ask_fields
};

struct done {
	struct list symbols;
	int64_t texts, fallbacks;
	double score;
	const char *lexicon;
	bool cached;
};
static const struct field done_fields[] = {
	FIELD(struct done, symbols, .sub = &trade_symbol_news_schema,
	    .doc = "By symbol; \"\" are texts that name none"),
	FIELD(struct done, texts, .doc = "Texts judged"),
	FIELD(struct done, score, .doc = "Their mean"),
	FIELD(struct done, fallbacks, .doc = "Judged by the lexicon because "
	    "the external engine did not answer"),
	FIELD(struct done, lexicon, .doc = "SHA-256 of the lexicon"),
	FIELD(struct done, cached, .doc = "The kept answer to the same "
	    "question over the same news"), FIELD_END
};
static const struct schema done_schema = {
	.name = "SentimentAnalysisDone", .doc = "What the texts say",
	.size = sizeof(struct done), .fields = done_fields
};

/* What is known of a symbol, on the way. */
struct gather {
	struct trade_symbol_news out;
	VEC(struct trade_sentiment_point) v;
	VEC(struct trade_symbol_item) items;
	VEC(const char *) sources;
};
struct work {
	struct job_ctx *c;
	const struct ask *in;
	struct arena *scratch;
	struct rows named;
	VEC(struct trade_news_in) texts;
	VEC(struct gather) g;
	struct done *out;
	double sum;
	bool given;			/* the texts are the payload's */
};

static struct gather *
of_symbol(struct work *w, const char *symbol, bool make)
{
	struct gather *g;

	for (size_t i = 0; i < w->g.n; i++)
		if (strcmp(w->g.v[i].out.symbol, symbol) == 0)
			return &w->g.v[i];
	if (!make || w->g.n == SYMBOLS_MAX + 1)
		return NULL;
	g = VEC_ADD(w->c->a, &w->g);
	g->out.symbol = arena_strdup(w->c->a, symbol);
	return g;
}

/* The texts of the payload, whatever form they came in. */
static int
collect(struct work *w)
{
	const struct trade_news_in *items = w->in->items.items;
	const char *const *texts = w->in->texts.items;
	struct job_ctx *c = w->c;
	struct rows rows;

	for (size_t i = 0; i < w->in->items.n; i++)
		*VEC_ADD(c->a, &w->texts) = items[i];
	for (size_t i = 0; i < w->in->texts.n; i++)
		*VEC_ADD(c->a, &w->texts) = (struct trade_news_in){
		    .title = texts[i], .body = "", .source = "", .url = "" };
	if (w->in->text != NULL)
		*VEC_ADD(c->a, &w->texts) = (struct trade_news_in){
		    .title = w->in->text, .body = "", .source = "",
		    .url = "" };
	w->given = w->texts.n > 0;
	if (w->given)
		return 0;
	if (trade_news_find(c->db, c->a, c->tenant, w->in->query != NULL ?
	    w->in->query : "", (struct utc){ clock_now().us -
	    w->in->window_h * HOUR_US }, clock_now(), NEWS_MAX, &rows,
	    &c->err) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_news *n = ROW(&rows, struct trade_news, i);

		if (n->counted)
			*VEC_ADD(c->a, &w->texts) = (struct trade_news_in){
			    .title = n->title, .body = n->body,
			    .source = n->source, .url = n->url,
			    .at = n->at };
	}
	return 0;
}

static void
add(struct work *w, const struct trade_news_in *in,
    const struct trade_judged *j, const char *symbol, double score,
    double novelty)
{
	const struct trade_news_conf *f = conf_get(w->c->env->conf,
	    &trade_news_settings);
	struct gather *g = of_symbol(w, symbol, w->in->symbols.n == 0 &&
	    w->in->symbol == NULL);
	size_t i;

	if (g == NULL)
		return;
	*VEC_ADD(w->c->a, &g->v) = (struct trade_sentiment_point){
	    .score = score, .weight = trade_news_weight(f, in->source),
	    .novelty = novelty, .authenticity = j->authenticity,
	    .at = in->at.us != 0 ? in->at : clock_now() };
	for (i = 0; i < g->sources.n; i++)
		if (strcmp(g->sources.v[i], in->source) == 0)
			break;
	if (i == g->sources.n)
		*VEC_ADD(w->c->a, &g->sources) = in->source;
	if (g->items.n < TOLD_MAX)
		*VEC_ADD(w->c->a, &g->items) = (struct trade_symbol_item){
		    in->title, in->source, in->at, score, novelty,
		    { arena_strdup(w->c->a, trade_hits_json(w->scratch,
		    &j->own).p) } };
}

static int
one(struct work *w, const struct trade_news_in *in)
{
	const struct trade_symbol_score *v;
	struct trade_judged j;

	if (trade_news_judge(w->c->env, w->scratch, &w->named, in, &j,
	    &w->c->err) == -1)
		return -1;
	v = j.symbols.items;
	w->out->fallbacks += strcmp(j.engine, "fallback") == 0;
	w->sum += j.score;
	for (size_t i = 0; i < j.symbols.n; i++)
		add(w, in, &j, v[i].symbol, v[i].score, 1);
	if (j.symbols.n == 0)	/* given for one symbol: about that */
		add(w, in, &j, w->g.n == 1 && w->given ? w->g.v[0].out.symbol :
		    "", j.score, 1);
	return 0;
}

/* 1: asked to stop. */
static int
judge(struct work *w)
{
	struct trade_symbol_news *all;

	for (size_t i = 0; i < w->texts.n; i++) {
		int rc;

		if (i % 20 == 0) {
			job_progress(w->c, (int)(1000 * i / w->texts.n),
			    "judging");
			if (job_stopping(w->c))
				return 1;
		}
		rc = one(w, &w->texts.v[i]);
		arena_reset(w->scratch);
		if (rc == -1)
			return -1;
	}
	all = arena_array(w->c->a, w->g.n + 1, sizeof(*all));
	for (size_t i = 0; i < w->g.n; i++) {
		struct gather *g = &w->g.v[i];
		struct trade_sentiment s;

		trade_sentiment_sum(g->v.v, g->v.n, clock_now(), &s);
		all[i] = (struct trade_symbol_news){ g->out.symbol, s.score,
		    s.n, s.dispersion, s.novelty, s.authenticity, s.newest,
		    { g->sources.v, g->sources.n }, { g->items.v,
		    g->items.n } };
	}
	w->out->symbols = (struct list){ all, w->g.n };
	w->out->texts = (int64_t)w->texts.n;
	w->out->score = w->texts.n > 0 ? w->sum / (double)w->texts.n : 0;
	return 0;
}

/* The question with all that its answer hangs on; the hour too, because news
 * fade. */
static int
key(struct job_ctx *c, const struct trade_lexicon *x, struct blob *out)
{
	uint8_t *sum = arena_alloc(c->a, SHA256_LEN);
	const char *stamp, *text;

	if (trade_news_stamp(c->db, c->a, c->tenant, &stamp, &c->err) == -1)
		return -1;
	text = arena_printf(c->a, "sentiment_analysis|%s|%s|%s|%lld",
	    c->payload.p, x->digest, stamp, (long long)(clock_now().us /
	    HOUR_US));
	crypto_sha256(text, strlen(text), sum);
	*out = (struct blob){ sum, SHA256_LEN };
	return 0;
}

static int
prepare(struct work *w)
{
	const char *const *symbols = w->in->symbols.items;
	struct job_ctx *c = w->c;

	struct trade_named *all;
	struct rows had;

	for (size_t i = 0; i < w->in->symbols.n; i++)
		of_symbol(w, symbols[i], true);
	if (w->in->symbol != NULL)
		of_symbol(w, w->in->symbol, true);
	if (trade_named_all(c->db, c->a, c->tenant, &had, &c->err) == -1)
		return -1;
	/* what was asked for need not be an instrument */
	all = arena_array(c->a, had.n + w->g.n + 1, sizeof(*all));
	w->named = (struct rows){ all, 0, had.schema };
	for (size_t i = 0; i < had.n; i++)
		all[w->named.n++] = *ROW(&had, struct trade_named, i);
	for (size_t i = 0; i < w->g.n; i++)
		all[w->named.n++] = (struct trade_named){
		    w->g.v[i].out.symbol, "" };
	return collect(w);
}

static enum job_rc
run(struct work *w, struct blob digest)
{
	struct job_ctx *c = w->c;
	struct str text;
	int rc = prepare(w);

	if (rc == 0)
		rc = judge(w);
	if (rc == 1)
		return JOB_RELEASE;
	if (rc == -1)
		return c->err.status >= 500 ? JOB_RETRY : JOB_FAIL;
	str_init(&text, c->a);
	w->out->cached = true;		/* as the next one will see it */
	schema_encode(&done_schema, w->out, &text);
	w->out->cached = false;
	c->result = w->out;
	if (w->out->fallbacks == 0 && trade_sentiment_result_put(c->db,
	    c->tenant, digest, text.p, clock_now(), &c->err) == -1)
		return JOB_RETRY;
	return JOB_DONE;
}

static enum job_rc
sentiment_analysis(struct job_ctx *c, const void *in)
{
	struct work w = { .c = c, .in = in };
	const struct trade_lexicon *x = trade_lexicon_of(c->env, &c->err);
	struct blob digest;
	enum job_rc rc;
	int known;

	if (x == NULL)
		return JOB_FAIL;
	if (key(c, x, &digest) == -1 || (known = trade_sentiment_result_get(
	    c->db, c->a, c->tenant, digest, &c->result_text, &c->err)) == -1)
		return JOB_RETRY;
	if (known == 0)
		return JOB_DONE;
	c->result_text = NULL;
	w.scratch = arena_new(SCRATCH);
	w.out = arena_alloc(c->a, sizeof(*w.out));
	w.out->lexicon = x->digest;
	rc = run(&w, digest);
	arena_free(w.scratch);
	return rc;
}

const struct job trade_sentiment_jobs[] = {
	{ .name = "sentiment_analysis", .doc = "How texts or stored news bear "
	  "on symbols", .in = &ask_schema, .out = &done_schema,
	  .lane = LANE_NORMAL, .flags = JOB_API, .tries = 3,
	  .timeout_s = 900, .cpu_s = 900,
	  .memory_mib = 768, .permission = "trade:read",
	  .run = sentiment_analysis },
	JOB_END
};
