/*
 * Shared by the files of recommendations.
 */
#ifndef SPOT_RECOMMENDATION_INNER_H
#define SPOT_RECOMMENDATION_INNER_H

#include "modules/platform/platform.h"
#include "modules/spot/recommendation.h"

#define SPOT_DECIDE_BY "spot.decide"

/* In spot_recommendation_events. */
enum { SPOT_EVENT_RECOMMENDATION, SPOT_EVENT_RISK_ALERT };
struct spot_risk_alert {
	struct uuid account_id;
	double share_lost, limit;
	const char *why, *model;
};

/* As much of a text as a column takes. */
const char *spot_short_text(struct arena *, const char *);
int spot_recommendation_tell(struct db *, const struct spot_recommendation *,
    struct err *);
/* Puts it into the inbox. */
int spot_recommendation_ask(struct db *, struct arena *,
    struct spot_recommendation *, enum platform_risk, struct err *);
/* Reserves its move and sets its state; a refusal by switch or cap ends it as
 * "refused". The row is the caller's to write. */
int spot_recommendation_reserve(struct env *, struct db *, struct arena *,
    struct spot_recommendation *, const struct principal *by,
    const char *by_name, struct err *);
/* Ends one that waits: "superseded", "expired", "dismissed". */
int spot_recommendation_end(struct db *, struct arena *,
    struct spot_recommendation *, const char *state, const char *note,
    struct utc now, struct err *);

#endif
