/*
 * Models: numbered versions of a named predictor, one of them live. Content is
 * JSON: our own formats, XGBoost's (as save_model("m.json") writes it) and
 * logistic regression. A pickle is refused with the line that exports JSON,
 * since reading one runs its code. A foreign model brings test vectors and is
 * taken only if our evaluation gives their results.
 */
#ifndef PLATFORM_MODEL_H
#define PLATFORM_MODEL_H

#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/platform/platform.h"

struct platform_model {
	struct uuid id, tenant_id;
	const char *module, *name;
	int64_t version;
	const char *format, *state;	/* candidate live retired */
	struct json metrics, about;
	struct blob data_hash, blob_hash;
	struct utc trained_at, window_from, window_to;
	const char *made_by;
	struct utc promoted_at, retired_at, created_at;
	const char *sha256;		/* blob_hash as hex */
};
extern const struct schema platform_model_schema;
extern const struct query *const platform_model_queries[];
extern const struct table platform_model_tables[];
extern const struct event platform_model_events[];
extern const struct route platform_model_routes[];

/* ---- pure (model.c) ------------------------------------------------------------ */

struct platform_predictor;	/* lives in the arena it was read into */

/* Formats "logistic.json" ({"features":[…],"coef":[…],"intercept":x,
 * "mean":[…]?,"scale":[…]?}) and "xgboost.json". 422 says what is missing or
 * not supported (categorical splits, other boosters, several classes). */
int platform_predictor_read(struct arena *, const char *format,
    const char *text, size_t n, struct platform_predictor **, struct err *);
size_t platform_predictor_inputs(const struct platform_predictor *);
/* x has as many numbers as inputs; NaN is a missing value. The answer is a
 * probability for logistic objectives, else the value itself. */
double platform_predict(const struct platform_predictor *, const double *x);
/* True when the bytes begin like a pickle or a joblib file. */
bool platform_model_is_pickle(const void *, size_t n);
/* Test vectors: [{"x":[…],"y":z}, …]; each must come out within tolerance.
 * 422 names the first that does not. */
int platform_predictor_try(struct arena *, const struct platform_predictor *,
    struct json vectors, double tolerance, struct err *);

/* ---- rows ----------------------------------------------------------------------- */

struct platform_model_filter {
	struct uuid tenant;
	const char *module, *name, *state;
	struct uuid below;
	int64_t limit;
};
int platform_model_page(struct db *, struct arena *,
    const struct platform_model_filter *, struct rows *, struct err *);
int platform_model_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct platform_model *, struct err *);
int platform_model_lock(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct platform_model *, struct err *);
int platform_model_insert(struct db *, const struct platform_model *,
    struct blob content, struct err *);
/* Highest version so far, 0 = none; locks the name's newest row. */
int platform_model_top(struct db *, struct arena *, struct uuid tenant,
    const char *module, const char *name, int64_t *version, struct err *);
int platform_model_retire_live(struct db *, struct uuid tenant,
    const char *module, const char *name, struct utc at, struct err *);
int platform_model_set_live(struct db *, struct uuid id, struct utc at,
    struct err *);

/* ---- use-cases -------------------------------------------------------------------- */

/* An uploaded foreign model: read, tried on its vectors, stored as a
 * candidate. */
struct platform_model_upload {
	const char *module, *name, *format;
	const char *content;		/* JSON text */
	struct json vectors, metrics, about;
	double tolerance;
};
int platform_model_take(struct db *, struct arena *,
    const struct principal *, const struct platform_model_upload *,
    struct platform_model *, struct err *);

#endif
