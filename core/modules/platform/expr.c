/*
 * Parsing of conditions. Pure; by recursive descent with a depth limit. Refuses
 * whatever is not in the grammar of expr.h, with the column of the first thing
 * that does not fit. Invariant: a parsed tree has at most EXPR_TEXT nodes and
 * its windows lie between a minute and an hour.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/platform/expr.h"

enum { DEPTH = 16, NAME_MAX_ = 100, VALUE_MAX = 100, WINDOW_MIN_S = 60,
	WINDOW_MAX_S = 3600 };

const char *const platform_expr_funcs[] = {
	"rate", "increase", "deriv", "delta", "avg_over_time", "max_over_time",
	"min_over_time", NULL
};
static const char *const aggregates[] = { "sum", "min", "max", "avg", NULL };

struct parser {
	struct arena *a;
	const char *text, *p;
	int depth;
	struct err *e;
};

static struct platform_expr *value(struct parser *);

static int
expected(struct parser *x, const char *what)
{
	if (x->e->status == 0)
		err_set(x->e, 422, "expression", "Column %d: %s expected",
		    (int)(x->p - x->text) + 1, what);
	return -1;
}

static void
blanks(struct parser *x)
{
	x->p += strspn(x->p, " \t\n");
}

static bool
got(struct parser *x, const char *what)
{
	size_t n = strlen(what);

	blanks(x);
	if (strncmp(x->p, what, n) != 0)
		return false;
	x->p += n;
	return true;
}

static int
need(struct parser *x, const char *what)
{
	char text[16] = "\"";

	if (got(x, what))
		return 0;
	strncat(text, what, 8);
	strncat(text, "\"", 2);
	return expected(x, text);
}

static bool
name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    (!first && c >= '0' && c <= '9');
}

/* The word that begins here, without taking it; its length. */
static size_t
word(struct parser *x)
{
	size_t n = 0;

	blanks(x);
	while (name_char(x->p[n], n == 0))
		n++;
	return n;
}

static bool
is_word(struct parser *x, const char *what)
{
	size_t n = word(x);

	return n == strlen(what) && strncmp(x->p, what, n) == 0;
}

static const char *
take_name(struct parser *x, const char *what)
{
	size_t n = word(x);
	const char *s;

	if (n == 0 || n > NAME_MAX_) {
		expected(x, what);
		return NULL;
	}
	s = arena_strndup(x->a, x->p, n);
	x->p += n;
	return s;
}

static int
take_number(struct parser *x, double *out)
{
	size_t n;

	blanks(x);
	n = strspn(x->p, "+-");
	n += strspn(x->p + n, "0123456789.");
	if (n > 0 && (x->p[n] == 'e' || x->p[n] == 'E')) {
		n++;
		n += strspn(x->p + n, "+-");
		n += strspn(x->p + n, "0123456789");
	}
	if (n == 0 || n > 40 || num_real(x->p, n, out) != NUM_OK)
		return expected(x, "a number");
	x->p += n;
	return 0;
}

static struct platform_expr *
node(struct parser *x, enum expr_kind kind)
{
	struct platform_expr *n = arena_alloc(x->a, sizeof(*n));

	n->kind = kind;
	return n;
}

/* ---- selectors ------------------------------------------------------------- */

static bool
words_only(const char *s)
{
	if (*s == '\0' || *s == '|' || s[strlen(s) - 1] == '|' ||
	    strstr(s, "||") != NULL)
		return false;
	for (; *s != '\0'; s++)
		if (!name_char(*s, false) && *s != '|' && *s != '-')
			return false;
	return true;
}

static int
take_text(struct parser *x, const char **out)
{
	const char *s;
	size_t n;

	if (need(x, "\"") == -1)
		return -1;
	s = x->p;
	n = strcspn(s, "\"\\\n");
	if (s[n] != '"' || n > VALUE_MAX)
		return expected(x, "a text without escapes");
	*out = arena_strndup(x->a, s, n);
	x->p += n + 1;
	return 0;
}

static int
matcher(struct parser *x, struct expr_match *m)
{
	if ((m->label = take_name(x, "a label")) == NULL)
		return -1;
	m->op = got(x, "!=") ? "!=" : got(x, "=~") ? "=~" :
	    got(x, "=") ? "=" : NULL;
	if (m->op == NULL)
		return expected(x, "=, != or =~");
	if (take_text(x, &m->value) == -1)
		return -1;
	if (strcmp(m->op, "=~") == 0 && !words_only(m->value))
		return expected(x, "words separated by |");
	return 0;
}

static int
selector(struct parser *x, struct platform_expr *n)
{
	if ((n->name = take_name(x, "a metric")) == NULL)
		return -1;
	if (!got(x, "{") || got(x, "}"))
		return 0;
	do {
		if (n->nmatch == EXPR_MATCHERS)
			return expected(x, "no more than 4 matchers");
		if (matcher(x, &n->match[n->nmatch]) == -1)
			return -1;
		n->nmatch++;
	} while (got(x, ","));
	return need(x, "}");
}

static int
window(struct parser *x, int64_t *out)
{
	int64_t n = 0, unit;
	size_t digits;

	if (need(x, "[") == -1)
		return -1;
	blanks(x);
	digits = strspn(x->p, "0123456789");
	if (digits == 0 || digits > 5 ||
	    num_i64(x->p, digits, &n) != NUM_OK)
		return expected(x, "a duration like 5m");
	x->p += digits;
	unit = *x->p == 's' ? 1 : *x->p == 'm' ? 60 : *x->p == 'h' ? 3600 : 0;
	if (unit == 0)
		return expected(x, "s, m or h");
	x->p++;
	*out = n * unit;
	if (*out < WINDOW_MIN_S || *out > WINDOW_MAX_S)
		return expected(x, "a window between 60s and 1h");
	return need(x, "]");
}

static int
range(struct parser *x, struct platform_expr *n)
{
	return selector(x, n) == -1 ? -1 : window(x, &n->window_s);
}

/* ---- functions ---------------------------------------------------------------- */

static int
index_of(struct parser *x, const char *const *list)
{
	for (int i = 0; list[i] != NULL; i++)
		if (is_word(x, list[i]))
			return i;
	return -1;
}

/* Is the word here followed by this character? A metric may be called like a
 * function. */
static bool
before(struct parser *x, const char *chars)
{
	size_t n = word(x);

	n += strspn(x->p + n, " \t\n");
	return x->p[n] != '\0' && strchr(chars, x->p[n]) != NULL;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
by_labels(struct parser *x, struct platform_expr *n)
{
	if (!is_word(x, "by"))
		return 0;
	x->p += 2;
	if (need(x, "(") == -1)
		return -1;
	do {
		if (n->nby == EXPR_BY)
			return expected(x, "no more than 3 labels");
		if ((n->by[n->nby] = take_name(x, "a label")) == NULL)
			return -1;
		n->nby++;
	} while (got(x, ","));
	qsort(n->by, n->nby, sizeof(n->by[0]), compare_names);
	return need(x, ")");
}

static struct platform_expr *
aggregate(struct parser *x, int which)
{
	struct platform_expr *n = node(x, EX_AGG);

	n->op = aggregates[which];
	x->p += strlen(n->op);
	if (by_labels(x, n) == -1 || need(x, "(") == -1 ||
	    (n->l = value(x)) == NULL || need(x, ")") == -1)
		return NULL;
	return n;
}

static struct platform_expr *
function(struct parser *x, int which)
{
	struct platform_expr *n = node(x, EX_RANGE);

	n->func = (enum expr_func)which;
	x->p += strlen(platform_expr_funcs[which]);
	if (need(x, "(") == -1 || range(x, n) == -1 || need(x, ")") == -1)
		return NULL;
	return n;
}

static struct platform_expr *
quantile(struct parser *x)
{
	struct platform_expr *n = node(x, EX_QUANTILE);

	x->p += strlen("histogram_quantile");
	if (need(x, "(") == -1 || take_number(x, &n->num) == -1)
		return NULL;
	if (!(n->num > 0 && n->num < 1)) {
		expected(x, "a quantile between 0 and 1");
		return NULL;
	}
	if (need(x, ",") == -1 || range(x, n) == -1 || need(x, ")") == -1)
		return NULL;
	return n;
}

/* ---- operators -------------------------------------------------------------------- */

static struct platform_expr *
factor(struct parser *x)
{
	struct platform_expr *n;
	int which;

	blanks(x);
	if (*x->p == '(') {
		x->p++;
		n = value(x);
		return n == NULL || need(x, ")") == -1 ? NULL : n;
	}
	if (word(x) == 0) {
		n = node(x, EX_NUMBER);
		return take_number(x, &n->num) == -1 ? NULL : n;
	}
	if ((which = index_of(x, aggregates)) != -1 && before(x, "(b"))
		return aggregate(x, which);
	if ((which = index_of(x, platform_expr_funcs)) != -1 &&
	    before(x, "("))
		return function(x, which);
	if (is_word(x, "histogram_quantile") && before(x, "("))
		return quantile(x);
	n = node(x, EX_SELECT);
	return selector(x, n) == -1 ? NULL : n;
}

/* What is known now is one number, as it is for Prometheus. */
static int
fold(struct parser *x, struct platform_expr *n)
{
	double l = n->l->num, r = n->r->num, v;

	if (n->l->kind != EX_NUMBER || n->r->kind != EX_NUMBER)
		return 0;
	v = *n->op == '+' ? l + r : *n->op == '-' ? l - r :
	    *n->op == '*' ? l * r : l / r;
	if (!isfinite(v))
		return expected(x, "a finite number");
	*n = (struct platform_expr){ .kind = EX_NUMBER, .num = v };
	return 0;
}

/* a op b op c, from the left. */
static struct platform_expr *
chain(struct parser *x, const char *const ops[2],
    struct platform_expr *(*next)(struct parser *))
{
	struct platform_expr *l = next(x), *n;

	for (;;) {
		const char *op = l == NULL ? NULL : got(x, ops[0]) ? ops[0] :
		    got(x, ops[1]) ? ops[1] : NULL;

		if (op == NULL)
			return l;
		n = node(x, EX_MATH);
		n->op = op;
		n->l = l;
		if ((n->r = next(x)) == NULL || fold(x, n) == -1)
			return NULL;
		l = n;
	}
}

static struct platform_expr *
term(struct parser *x)
{
	static const char *const ops[2] = { "*", "/" };

	return chain(x, ops, factor);
}

static struct platform_expr *
value(struct parser *x)
{
	static const char *const ops[2] = { "+", "-" };
	struct platform_expr *n;

	if (x->depth == DEPTH) {
		expected(x, "less depth");
		return NULL;
	}
	x->depth++;
	n = chain(x, ops, term);
	x->depth--;
	return n;
}

static struct platform_expr *
comparison(struct parser *x)
{
	static const char *const ops[] = { ">=", "<=", "==", "!=", ">", "<",
	    NULL };
	struct platform_expr *n = node(x, EX_CMP);

	if ((n->l = value(x)) == NULL)
		return NULL;
	for (int i = 0; ops[i] != NULL && n->op == NULL; i++)
		if (got(x, ops[i]))
			n->op = ops[i];
	if (n->op == NULL) {
		expected(x, "a comparison");
		return NULL;
	}
	if (n->l->kind == EX_NUMBER) {
		expected(x, "a metric on the left side");
		return NULL;
	}
	return take_number(x, &n->num) == -1 ? NULL : n;
}

static struct platform_expr *
rule(struct parser *x)
{
	struct platform_expr *n, *and;

	if (is_word(x, "absent") && before(x, "(")) {
		n = node(x, EX_ABSENT);
		x->p += strlen("absent");
		if (need(x, "(") == -1 || selector(x, n) == -1 ||
		    need(x, ")") == -1)
			return NULL;
		return n;
	}
	n = comparison(x);
	while (n != NULL && is_word(x, "and")) {
		x->p += 3;
		and = node(x, EX_AND);
		and->l = n;
		if ((and->r = comparison(x)) == NULL)
			return NULL;
		n = and;
	}
	return n;
}

struct platform_expr *
platform_expr_parse(struct arena *a, const char *text, struct err *e)
{
	struct parser x = { .a = a, .text = text, .p = text, .e = e };
	struct platform_expr *n;

	if (strlen(text) > EXPR_TEXT) {
		err_set(e, 422, "expression",
		    "An expression has at most %d characters", EXPR_TEXT);
		return NULL;
	}
	n = rule(&x);
	blanks(&x);
	if (n != NULL && *x.p != '\0') {
		expected(&x, "the end");
		return NULL;
	}
	return n;
}

/* ---- questions ---------------------------------------------------------------------- */

int64_t
platform_expr_window_s(const struct platform_expr *n)
{
	int64_t l, r;

	if (n == NULL)
		return 0;
	l = platform_expr_window_s(n->l);
	r = platform_expr_window_s(n->r);
	l = l > r ? l : r;
	return l > n->window_s ? l : n->window_s;
}

void
platform_expr_metrics(const struct platform_expr *n,
    void (*fn)(void *, const char *), void *arg)
{
	if (n == NULL)
		return;
	if (n->name != NULL)
		fn(arg, n->name);
	platform_expr_metrics(n->l, fn, arg);
	platform_expr_metrics(n->r, fn, arg);
}
