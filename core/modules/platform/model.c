/*
 * Reading and evaluating models that others trained. Pure. Trees are walked
 * with bounds that were checked when they were read: a child's number is
 * larger than its parent's place allows nothing else than a walk that ends.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/platform/model.h"
#include "schema/schema.h"

enum {
	INPUTS_MAX = 10000, TREES_MAX = 20000, NODES_MAX = 1 << 20,
	VALUES_MAX = 20000000
};

struct tree {
	size_t n;
	const int64_t *left, *right, *feature, *missing_left;
	const double *split;		/* of a leaf: its value */
};

struct platform_predictor {
	size_t inputs;
	bool logistic;			/* the sum goes through 1/(1+e^-x) */
	double base;
	const double *coef, *mean, *scale;	/* linear: coef != NULL */
	struct tree *trees;
	size_t ntrees;
};

static int
bad(struct err *e, const char *loc, const char *msg)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = loc, .msg = msg, .input = "null" });
}

bool
platform_model_is_pickle(const void *p, size_t n)
{
	const uint8_t *b = p;

	/* protocol 2 and later; zlib of joblib; numpy; text protocol 0 */
	return (n >= 2 && b[0] == 0x80 && b[1] <= 5) ||
	    (n >= 2 && b[0] == 0x78 && (b[1] == 0x01 || b[1] == 0x9c ||
	    b[1] == 0xda)) || (n >= 6 && memcmp(b, "\x93NUMPY", 6) == 0) ||
	    (n >= 2 && (memcmp(b, "c_", 2) == 0 ||
	    memcmp(b, "(i", 2) == 0 || memcmp(b, "cc", 2) == 0));
}

/* ---- logistic regression --------------------------------------------------------- */

struct linear_doc {
	struct list features, coef, mean, scale;
	double intercept;
	bool identity;
};
#define NUMBERS(m, f, text) FIELD(struct linear_doc, m, .elem = FT_REAL, \
	.flags = f, .max = INPUTS_MAX, .doc = text)
static const struct field linear_fields[] = {
	FIELD(struct linear_doc, features, .elem = FT_STR,
	    .max = INPUTS_MAX, .doc = "Names of the inputs"),
	NUMBERS(coef, FF_REQUIRED, "One number for each input"),
	NUMBERS(mean, 0, "Subtracted from the inputs first"),
	NUMBERS(scale, 0, "The difference is divided by it"),
	FIELD(struct linear_doc, intercept, .def = "0", .doc = "Added"),
	FIELD(struct linear_doc, identity, .def = "false",
	    .doc = "The sum itself is the answer"), FIELD_END
};
static const struct schema linear_schema = {
	.name = "LinearModel", .doc = "A logistic regression",
	.size = sizeof(struct linear_doc), .fields = linear_fields
};

static int
read_linear(struct arena *a, const char *text, size_t n,
    struct platform_predictor *p, struct err *e)
{
	struct linear_doc d = { .intercept = 0 };
	uint64_t seen;

	if (schema_decode_json(&linear_schema, text, n, "content", false, a,
	    &d, &seen, e) == -1)
		return -1;
	if (d.coef.n == 0)
		return bad(e, "[\"content\",\"coef\"]", "There is no input");
	if (d.features.n != 0 && d.features.n != d.coef.n)
		return bad(e, "[\"content\",\"features\"]",
		    "As many names as coefficients are wanted");
	if ((d.mean.n != 0 && d.mean.n != d.coef.n) ||
	    (d.scale.n != 0 && d.scale.n != d.coef.n))
		return bad(e, "[\"content\",\"mean\"]",
		    "As many means and scales as coefficients are wanted");
	for (size_t i = 0; i < d.scale.n; i++)
		if (((const double *)d.scale.items)[i] == 0)
			return bad(e, "[\"content\",\"scale\"]",
			    "A scale is zero");
	p->inputs = d.coef.n;
	p->coef = d.coef.items;
	p->mean = d.mean.n > 0 ? d.mean.items : NULL;
	p->scale = d.scale.n > 0 ? d.scale.items : NULL;
	p->base = d.intercept;
	p->logistic = !d.identity;
	return 0;
}

/* ---- XGBoost ------------------------------------------------------------------------- */

struct xgb_tree {
	struct list left_children, right_children, split_indices,
	    split_conditions, default_left, split_type;
};
#define XT(m, t, f) FIELD(struct xgb_tree, m, .elem = t, .flags = f, \
	.max = NODES_MAX, .doc = "Of each node")
static const struct field tree_fields[] = {
	XT(left_children, FT_INT, FF_REQUIRED),
	XT(right_children, FT_INT, FF_REQUIRED),
	XT(split_indices, FT_INT, FF_REQUIRED),
	XT(split_conditions, FT_REAL, FF_REQUIRED),
	XT(default_left, FT_INT, FF_REQUIRED),
	XT(split_type, FT_INT, 0), FIELD_END
};
static const struct schema tree_schema = {
	.name = "XgbTree", .size = sizeof(struct xgb_tree),
	.fields = tree_fields
};
struct xgb_model {
	struct list trees;
};
static const struct field model_fields[] = {
	FIELD(struct xgb_model, trees, .flags = FF_REQUIRED,
	    .sub = &tree_schema, .max = TREES_MAX, .doc = "Trees"), FIELD_END
};
static const struct schema model_schema = {
	.name = "XgbModel", .size = sizeof(struct xgb_model),
	.fields = model_fields
};
struct xgb_booster {
	const void *model;
	const char *name;
};
static const struct field booster_fields[] = {
	FIELD(struct xgb_booster, model, .flags = FF_REQUIRED,
	    .sub = &model_schema, .doc = "Model"),
	FIELD(struct xgb_booster, name, .def = "\"gbtree\"",
	    .doc = "Kind of booster"), FIELD_END
};
static const struct schema booster_schema = {
	.name = "XgbBooster", .size = sizeof(struct xgb_booster),
	.fields = booster_fields
};
struct xgb_param {
	const char *base_score, *num_feature, *num_class;
};
static const struct field param_fields[] = {
	FIELD(struct xgb_param, base_score, .flags = FF_REQUIRED,
	    .doc = "Before the first tree"),
	FIELD(struct xgb_param, num_feature, .flags = FF_REQUIRED,
	    .doc = "Inputs"),
	FIELD(struct xgb_param, num_class, .def = "\"0\"",
	    .doc = "Classes"), FIELD_END
};
static const struct schema param_schema = {
	.name = "XgbParam", .size = sizeof(struct xgb_param),
	.fields = param_fields
};
struct xgb_objective {
	const char *name;
};
static const struct field objective_fields[] = {
	FIELD(struct xgb_objective, name, .flags = FF_REQUIRED,
	    .doc = "Objective"), FIELD_END
};
static const struct schema objective_schema = {
	.name = "XgbObjective", .size = sizeof(struct xgb_objective),
	.fields = objective_fields
};
struct xgb_learner {
	const void *gradient_booster, *learner_model_param, *objective;
};
static const struct field learner_fields[] = {
	FIELD(struct xgb_learner, gradient_booster, .flags = FF_REQUIRED,
	    .sub = &booster_schema, .doc = "Booster"),
	FIELD(struct xgb_learner, learner_model_param, .flags = FF_REQUIRED,
	    .sub = &param_schema, .doc = "Parameters"),
	FIELD(struct xgb_learner, objective, .flags = FF_REQUIRED,
	    .sub = &objective_schema, .doc = "Objective"), FIELD_END
};
static const struct schema learner_schema = {
	.name = "XgbLearner", .size = sizeof(struct xgb_learner),
	.fields = learner_fields
};
struct xgb_doc {
	const void *learner;
};
static const struct field doc_fields[] = {
	FIELD(struct xgb_doc, learner, .flags = FF_REQUIRED,
	    .sub = &learner_schema, .doc = "Learner"), FIELD_END
};
static const struct schema doc_schema = {
	.name = "XgbDocument", .size = sizeof(struct xgb_doc),
	.fields = doc_fields
};

/* A tree whose every walk ends: children lie behind their parent. */
static int
take_tree(const struct xgb_tree *x, size_t inputs, struct tree *t,
    struct err *e)
{
	static const char loc[] = "[\"content\",\"learner\","
	    "\"gradient_booster\",\"model\",\"trees\"]";
	size_t n = x->left_children.n;

	*t = (struct tree){ .n = n, .left = x->left_children.items,
	    .right = x->right_children.items,
	    .feature = x->split_indices.items,
	    .missing_left = x->default_left.items,
	    .split = x->split_conditions.items };
	if (n == 0 || x->right_children.n != n || x->split_indices.n != n ||
	    x->split_conditions.n != n || x->default_left.n != n)
		return bad(e, loc, "The lists of a tree differ in length");
	for (size_t i = 0; i < x->split_type.n; i++)
		if (((const int64_t *)x->split_type.items)[i] != 0)
			return bad(e, loc, "Categorical splits are not "
			    "supported");
	for (size_t i = 0; i < n; i++) {
		if (t->left[i] == -1 && t->right[i] == -1)
			continue;
		if (t->left[i] <= (int64_t)i || t->left[i] >= (int64_t)n ||
		    t->right[i] <= (int64_t)i || t->right[i] >= (int64_t)n)
			return bad(e, loc, "A child of a node does not lie "
			    "behind it");
		if (t->feature[i] < 0 || t->feature[i] >= (int64_t)inputs)
			return bad(e, loc, "A split asks an input that does "
			    "not exist");
	}
	return 0;
}

/* "5E-1", and "[5E-1]" as newer versions write it. */
static bool
score(const char *text, double *out)
{
	size_t n = strlen(text);

	if (n >= 2 && text[0] == '[' && text[n - 1] == ']')
		text++, n -= 2;
	return num_real(text, n, out) == NUM_OK;
}

static int
objective(const char *name, double score, struct platform_predictor *p,
    struct err *e)
{
	static const char loc[] = "[\"content\",\"learner\",\"objective\"]";

	p->base = score;
	if (strcmp(name, "binary:logistic") == 0 ||
	    strcmp(name, "reg:logistic") == 0) {
		if (score <= 0 || score >= 1)
			return bad(e, loc, "base_score is no probability");
		p->logistic = true;
		p->base = log(score / (1 - score));
		return 0;
	}
	if (strcmp(name, "reg:squarederror") == 0 ||
	    strcmp(name, "reg:linear") == 0 ||
	    strcmp(name, "binary:logitraw") == 0)
		return 0;
	return bad(e, loc, "Supported are binary:logistic, binary:logitraw, "
	    "reg:logistic and reg:squarederror");
}

static int
read_xgboost(struct arena *a, const char *text, size_t n,
    struct platform_predictor *p, struct err *e)
{
	struct schema_input in = { .kind = BODY_JSON, .body = text,
	    .body_len = n, .max_values = VALUES_MAX };
	struct xgb_doc d = { NULL };
	const struct xgb_learner *l;
	const struct xgb_booster *b;
	const struct xgb_param *q;
	const struct xgb_model *m;
	int64_t inputs, classes;
	double base;
	uint64_t seen;

	if (schema_decode(&doc_schema, &in, a, &d, &seen, e) == -1)
		return -1;
	l = d.learner;
	b = l->gradient_booster;
	q = l->learner_model_param;
	m = b->model;
	if (strcmp(b->name, "gbtree") != 0)
		return bad(e, "[\"content\",\"learner\",\"gradient_booster\","
		    "\"name\"]", "Only gbtree is supported");
	if (num_i64(q->num_feature, strlen(q->num_feature), &inputs) !=
	    NUM_OK || inputs < 1 || inputs > INPUTS_MAX ||
	    num_i64(q->num_class, strlen(q->num_class), &classes) != NUM_OK ||
	    classes > 1 || !score(q->base_score, &base))
		return bad(e, "[\"content\",\"learner\","
		    "\"learner_model_param\"]", "One class, and inputs and "
		    "base_score as numbers, are wanted");
	p->inputs = (size_t)inputs;
	p->ntrees = m->trees.n;
	p->trees = arena_array(a, p->ntrees + 1, sizeof(*p->trees));
	for (size_t i = 0; i < p->ntrees; i++)
		if (take_tree((const struct xgb_tree *)m->trees.items + i,
		    p->inputs, &p->trees[i], e) == -1)
			return -1;
	return objective(((const struct xgb_objective *)l->objective)->name,
	    base, p, e);
}

/* ---- use ------------------------------------------------------------------------------- */

int
platform_predictor_read(struct arena *a, const char *format,
    const char *text, size_t n, struct platform_predictor **out,
    struct err *e)
{
	struct platform_predictor *p = arena_alloc(a, sizeof(*p));
	int rc;

	if (platform_model_is_pickle(text, n))
		return err_set(e, 422, "pickle", "A pickle is not read, since "
		    "that would run its code. Export it: "
		    "booster.save_model(\"model.json\"), or for scikit-learn "
		    "json.dump({\"coef\": m.coef_[0].tolist(), \"intercept\": "
		    "float(m.intercept_[0])}, f)");
	if (strcmp(format, "logistic.json") == 0)
		rc = read_linear(a, text, n, p, e);
	else if (strcmp(format, "xgboost.json") == 0)
		rc = read_xgboost(a, text, n, p, e);
	else
		rc = bad(e, "[\"body\",\"format\"]",
		    "Input should be 'logistic.json' or 'xgboost.json'");
	if (rc == 0)
		*out = p;
	return rc;
}

size_t
platform_predictor_inputs(const struct platform_predictor *p)
{
	return p->inputs;
}

/* XGBoost computes in float; comparing in double against splits that were
 * printed from floats goes wrong only on equality, so x is rounded first. */
static double
walk(const struct tree *t, const double *x)
{
	size_t i = 0;

	while (t->left[i] != -1) {
		double v = x[t->feature[i]];
		bool left = isnan(v) ? t->missing_left[i] != 0 :
		    (float)v < (float)t->split[i];

		i = (size_t)(left ? t->left[i] : t->right[i]);
	}
	return t->split[i];
}

double
platform_predict(const struct platform_predictor *p, const double *x)
{
	double sum = p->base;

	for (size_t i = 0; p->coef != NULL && i < p->inputs; i++) {
		double v = x[i] - (p->mean != NULL ? p->mean[i] : 0);

		sum += p->coef[i] * (p->scale != NULL ? v / p->scale[i] : v);
	}
	for (size_t i = 0; i < p->ntrees; i++)
		sum += walk(&p->trees[i], x);
	return p->logistic ? 1 / (1 + exp(-sum)) : sum;
}

struct vector {
	struct list x;
	double y;
};
static const struct field vector_fields[] = {
	FIELD(struct vector, x, .elem = FT_REAL, .flags = FF_REQUIRED,
	    .max = INPUTS_MAX, .doc = "Inputs"),
	FIELD(struct vector, y, .flags = FF_REQUIRED,
	    .doc = "What the model answers"), FIELD_END
};
static const struct schema vector_schema = {
	.name = "ModelVector", .doc = "A test vector",
	.size = sizeof(struct vector), .fields = vector_fields
};
struct vectors {
	struct list v;
};
static const struct field vectors_fields[] = {
	FIELD(struct vectors, v, .sub = &vector_schema,
	    .flags = FF_REQUIRED, .min = 1, .max = 10000,
	    .doc = "Vectors"), FIELD_END
};
static const struct schema vectors_schema = {
	.name = "ModelVectors", .size = sizeof(struct vectors),
	.fields = vectors_fields
};

int
platform_predictor_try(struct arena *a, const struct platform_predictor *p,
    struct json vectors, double tolerance, struct err *e)
{
	const char *text = arena_printf(a, "{\"v\":%s}", vectors.p != NULL ?
	    vectors.p : "[]");
	struct schema_input in = { .kind = BODY_JSON, .body = text,
	    .body_len = strlen(text), .max_values = 1000000 };
	struct vectors d = { .v = { NULL, 0 } };
	uint64_t seen;

	if (schema_decode(&vectors_schema, &in, a, &d, &seen, e) == -1)
		return -1;
	for (size_t i = 0; i < d.v.n; i++) {
		const struct vector *v = (const struct vector *)d.v.items + i;
		double got;

		if (v->x.n != p->inputs)
			return bad(e, arena_printf(a, "[\"body\",\"vectors\","
			    "%zu,\"x\"]", i), arena_printf(a, "%zu inputs are "
			    "wanted", p->inputs));
		got = platform_predict(p, v->x.items);
		if (!(fabs(got - v->y) <= tolerance))
			return bad(e, arena_printf(a, "[\"body\",\"vectors\","
			    "%zu,\"y\"]", i), arena_printf(a, "The model gives "
			    "%.9g here", got));
	}
	return 0;
}
