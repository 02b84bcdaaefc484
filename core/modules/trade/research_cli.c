/*
 * `quincunx trade backtest`: a spec and bars from files, the result on
 * standard output. Needs neither database nor network.
 */
#include <errno.h>
#include <locale.h>
#include <langinfo.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "db/env.h"
#include "schema/schema.h"
#include "modules/platform/platform.h"
#include "modules/trade/research_cli.h"
#include "modules/trade/research_text.h"
#include "modules/trade/result.h"
#include "modules/trade/series_file.h"

#define USAGE "trade backtest SPEC.json [SYMBOL=]BARS.csv ... [--json]"
#define ARENA_CAP ((size_t)2 << 30)

enum { SPEC_MAX = 1 << 20, BAR = 40 };

struct options {
	const char *spec, *files[TRADE_SYMBOLS_MAX];
	size_t nfiles;
	bool json;
};

void
trade_cli_progress(double done)
{
	static int told = -1;
	int now = (int)(done * BAR);

	if (!isatty(STDERR_FILENO) || now == told)
		return;
	told = now;
	fputs("\r[", stderr);
	for (int i = 0; i < BAR; i++)
		fputc(i < now ? '#' : '.', stderr);
	fprintf(stderr, "] %3.0f %%", 100 * done);
	if (done >= 1) {
		told = -1;
		fputs("\r\x1b[K", stderr);
	}
	fflush(stderr);
}

bool
trade_cli_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int
read_options(int argc, char **argv, struct options *o)
{
	struct option_walk w = { argc, 0, argv };
	const char *word;

	while (w.i < w.argc) {
		if (platform_terminal_option(&w, "--json", NULL))
			o->json = true;
		else if (!platform_terminal_word(&w, &word))
			return -1;
		else if (o->spec == NULL)
			o->spec = word;
		else if (o->nfiles == TRADE_SYMBOLS_MAX)
			return -1;
		else
			o->files[o->nfiles++] = word;
	}
	return o->nfiles > 0 ? 0 : -1;
}

/* The spec's text; at most a megabyte. */
static int
read_spec(struct arena *a, const char *path, const char **text, size_t *n,
    struct err *e)
{
	char *buf = arena_alloc(a, SPEC_MAX + 1);
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return err_set(e, 404, "file", "%.80s: %s", path,
		    strerror(errno));
	*n = fread(buf, 1, SPEC_MAX + 1, f);
	*text = buf;
	if (ferror(f))
		err_set(e, 500, "file", "%.80s: %s", path, strerror(errno));
	else if (*n > SPEC_MAX)
		err_set(e, 422, "file", "%.80s: more than %d bytes", path,
		    SPEC_MAX);
	fclose(f);
	return e->status != 0 ? -1 : 0;
}

/* "GOOG=goog.csv": the name of a lane. A file of that name goes before. */
static int
read_bars(struct arena *a, const struct options *o, struct trade_research *r,
    const char **names, struct err *e)
{
	struct trade_series *others = arena_array(a, o->nfiles,
	    sizeof(*others));

	for (size_t i = 0; i < o->nfiles; i++) {
		const char *path = o->files[i], *eq = strchr(path, '=');
		bool named = eq != NULL && access(path, F_OK) == -1;
		const char *stem;

		if (trade_series_file(a, named ? eq + 1 : path, i == 0 ?
		    &r->b.series : &others[i - 1], &stem, e) == -1)
			return -1;
		names[i] = named ? arena_strndup(a, path,
		    (size_t)(eq - path)) : stem;
	}
	r->b.others = others;
	r->b.nothers = o->nfiles - 1;
	r->symbols = o->nfiles > 1 ? names : NULL;
	return 0;
}

/* With symbols in the spec: as many files, in its order, and its names. */
static int
name_lanes(const struct options *o, struct trade_research *r,
    const char **names, struct err *e)
{
	const struct list *l = &r->strategy.symbols;

	if (l->n == 0)
		return 0;
	if (l->n != o->nfiles)
		return err_set(e, 422, "symbols", "The spec has %zu symbols, "
		    "but there are %zu files of bars", l->n, o->nfiles);
	for (size_t i = 0; i < l->n; i++)
		names[i] = ((const char *const *)l->items)[i];
	return 0;
}

static int
tick(void *arg, double done)
{
	(void)arg;
	trade_cli_progress(done);
	return 0;
}

static void
add_json(const struct trade_research *r, struct str *s)
{
	char buf[DEC_TEXT];

	str_add(s, "{\"statistics\":");
	schema_encode(&trade_stats_schema, &r->run.stats, s);
	s->len--;			/* its closing brace */
	str_addc(s, ',');
	trade_research_report(r, s);
	str_add(s, "},\"trades\":");
	trade_research_trades(r, SIZE_MAX, s);
	str_add(s, ",\"equity\":[");
	for (size_t i = r->run.first_bar; i < r->run.n; i++) {
		str_add(s, i > r->run.first_bar ? "," : "");
		str_add(s, real_format(r->run.equity[i], buf));
	}
	str_addc(s, ']');
	if (r->symbols != NULL) {
		str_add(s, ",\"at_ms\":[");
		for (size_t i = r->run.first_bar; i < r->run.n; i++)
			str_addf(s, "%s%lld", i > r->run.first_bar ? "," : "",
			    (long long)(r->run.at[i].us / 1000));
		str_addc(s, ']');
	}
	str_add(s, "}\n");
}

/* The account's terms as a request has them when it says nothing. */
static int
defaults(struct arena *a, struct trade_research *r, struct err *e)
{
	uint64_t seen;

	return schema_decode_json(&trade_account_schema, "{}", 2, "spec",
	    true, a, &r->account, &seen, e);
}

/* Errors of the spec in one line with their place; a broken text has the
 * number of the character. */
static int
in_spec(struct arena *a, const char *path, struct err *e)
{
	const char *loc = e->nfields > 0 ? e->fields[0].loc : "", *what;
	struct str place;

	str_init(&place, a);
	what = arena_strdup(a, e->nfields > 0 ? e->fields[0].msg : e->detail);
	loc = strncmp(loc, "[\"body\",", 8) == 0 ? loc + 8 : "";
	if (*loc >= '0' && *loc <= '9')
		str_add(&place, "character ");
	for (; *loc != '\0'; loc++)
		if (*loc == ',')
			str_addc(&place, '.');
		else if (strchr("[]\"", *loc) == NULL)
			str_addc(&place, *loc);
	err_clear(e);
	return err_set(e, 422, "spec", "%.80s: %s%s%s", path, place.p,
	    place.len > 0 ? ": " : "", what);
}

static int
research(struct arena *a, const struct options *o, struct str *s,
    struct err *e)
{
	struct trade_research *r = arena_alloc(a, sizeof(*r));
	const char *names[TRADE_SYMBOLS_MAX], *text = NULL;
	struct arena *scratch;
	struct str title;
	size_t n = 0;
	int rc;

	r->tick = tick;
	if (read_spec(a, o->spec, &text, &n, e) == -1 ||
	    defaults(a, r, e) == -1)
		return -1;
	if (trade_research_read(a, text, n, r, e) == -1)
		return in_spec(a, o->spec, e);
	if (read_bars(a, o, r, names, e) == -1 ||
	    name_lanes(o, r, names, e) == -1)
		return -1;
	scratch = arena_new(ARENA_CAP);
	rc = trade_research_run(scratch, r, e);
	str_init(&title, a);
	for (size_t i = 0; i < o->nfiles; i++) {
		str_add(&title, i > 0 ? ", " : "");
		str_term(&title, names[i], strlen(names[i]));
	}
	if (rc == 0 && o->json)
		add_json(r, s);
	else if (rc == 0)
		trade_text_report(r, title.p, trade_cli_utf8(), s);
	arena_free(scratch);
	return rc;
}

static int
backtest(struct env *env, int argc, char **argv)
{
	struct options o = { .spec = NULL };
	struct err e = { 0 };
	struct arena *a;
	struct str s;
	int rc;

	(void)env;
	if (read_options(argc, argv, &o) == -1)
		return platform_terminal_usage(USAGE);
	a = arena_new(ARENA_CAP);
	str_init(&s, a);
	rc = research(a, &o, &s, &e) == -1 ? platform_terminal_error(&e) :
	    platform_terminal_write(&s);
	arena_free(a);
	return rc;
}

const struct command trade_research_commands[] = {
	{ "trade backtest", "SPEC.json [SYMBOL=]BARS.csv ... [--json]",
	  "Runs a strategy on bars of a file: chart and statistics, or "
	  "{statistics, trades, equity}; several files are several symbols of "
	  "one account", COMMAND_NO_BOOT, backtest },
	{ .name = NULL }
};
