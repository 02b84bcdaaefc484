/*
 * The fitted risk model: hazards shrunk from pool to group to all, and what is
 * seen now as a logistic regression over windows of an hour (c.4 of the
 * design). Fit on the first part of the time, judged on the rest.
 *
 * Nothing of the judged part reaches the fit: runs that cross the split are
 * cut off there (censored), a window of an hour that reaches over it belongs
 * to neither part, and the rates that it is compared with are those of the
 * first part. What a forecast at t knows (decayed averages, hours and losses
 * counted for its pool) ends at t, in both parts, as it does in service.
 */
#ifndef SPOT_RISK_MODEL_H
#define SPOT_RISK_MODEL_H

#include "db/table.h"
#include "modules/spot/risk.h"

enum { SPOT_RISK_INPUTS = 7, SPOT_RISK_COEFS = SPOT_RISK_INPUTS + 1 };
/* "base", "log_age", "avail_fast", "avail_slow", "notice", "class",
 * "placement" */
extern const char *const spot_risk_inputs[SPOT_RISK_INPUTS + 1];
#define SPOT_SHRINK_HOURS 8.0
#define SPOT_NOTICE_HOURS 0.5

/* What is seen of a pool at an instant. */
struct spot_risk_view {
	double age_h;
	double avail_fast, avail_slow;	/* 0.5 when nothing is known */
	bool notice;			/* in the last half hour */
	int64_t interruption;		/* class 0-4; -1 = not known */
	double score;			/* placement 1-10; 0 = not known */
};

struct spot_risk_group {
	const char *name;		/* "m5 us-east-1a" */
	struct list hazard;		/* SPOT_AGES reals */
};
struct spot_risk_model {
	struct list ages, all;		/* from ages; hazards of everything */
	struct list groups;		/* struct spot_risk_group, by name */
	double shrink_hours;
	struct list inputs, coef;	/* names; intercept first */
	double platt_a, platt_b;	/* calibration */
};
extern const struct schema spot_risk_model_schema;
#define SPOT_RISK_FORMAT "quincunx.hazard.1"

/* Of the group, or of all when it is not there. */
struct spot_hazard spot_risk_prior(const struct spot_risk_model *,
    const char *group);
/* "m5.large", "us-east-1a" → "m5 us-east-1a" */
const char *spot_risk_group_name(struct arena *, const char *type,
    const char *az);
/* Lost within the hour, for an instance that runs on a pool with this
 * (shrunk) hazard. */
double spot_risk_hour(const struct spot_risk_model *,
    const struct spot_hazard *base, const struct spot_risk_view *);
/* The hazard scaled so that its first hour is spot_risk_hour(); by at most
 * 20 and at least 1/20. */
struct spot_hazard spot_risk_now(const struct spot_risk_model *,
    const struct spot_hazard *base, const struct spot_risk_view *);
/* Reads and checks the content of a stored model. */
int spot_risk_read(struct arena *, const char *text, size_t n,
    struct spot_risk_model *, struct err *);

/* ---- fitting ------------------------------------------------------------------- */

struct spot_run {
	double from_h, to_h;		/* since the watch began */
	bool lost;			/* else ended by its owner, or still on */
};
/* What was seen of one pool. */
struct spot_watch {
	int64_t pool_id;		/* 0 = not stored */
	const char *pool, *group;
	int64_t interruption;
	double tick_h;
	const uint8_t *up;		/* of each tick: 1 capacity, 0 none,
					 * 2 not seen */
	const uint8_t *notice;		/* 1: in the half hour before; or NULL */
	size_t n;
	const struct spot_run *runs;	/* NULL: those of up[] */
	size_t nruns;
	double split_h;			/* end of the part to fit */
	struct spot_exposure fitted, all;	/* out */
};

struct spot_risk_bin {
	double from, to, said, seen;
	int64_t n;
};
struct spot_risk_age {
	double from_h, hazard, hour_loss, residual_h;
};
struct spot_risk_report {
	int64_t pools, fit_windows, held_windows, steps;
	bool converged;
	double fit_rate, held_rate;	/* lost within the hour */
	double brier, brier_constant, brier_pool;
	double skill_constant, skill_pool;	/* 1 - brier / theirs */
	double brier_live;		/* of the model in force; 0 = none */
	double auc, auc_pool, log_loss, calibration_error;
	double platt_a, platt_b;
	struct list ages, reliability;
};
extern const struct schema spot_risk_report_schema, spot_risk_age_schema;

/* Fills fitted and all of a watch whose runs are known. */
void spot_watch_count(struct spot_watch *);
/* Fits on what lies before each split, judges on what lies behind it. live:
 * judged on the same windows; NULL. 422 "too_little" when there are fewer than
 * 100 windows to fit, or none of both outcomes, or none to judge. */
int spot_risk_fit(struct arena *, struct spot_watch *, size_t n,
    const struct spot_risk_model *live, struct spot_risk_model *,
    struct spot_risk_report *, struct err *);

extern const struct command spot_risk_commands[];

/* ---- recorded traces (risk_file.c) ------------------------------------------------ */

struct spot_watches {
	struct spot_watch *v;
	size_t n, cap;
	int64_t skipped;		/* files that are no traces of 0 and 1 */
};
/* Availability traces of a file, a .tar.gz or a folder with all below it. A
 * trace "us-west-2a_v100_1.json" is the pool of its folder and name; zone and
 * type before the last "_" group it. fit: share of its time to fit. */
int spot_traces_read(struct arena *, const char *path, double fit,
    struct spot_watches *, struct err *);
/* One trace by its text; false when it is none. */
bool spot_traces_add(struct arena *, const char *name, const char *text,
    size_t n, double fit, struct spot_watches *);

#endif
