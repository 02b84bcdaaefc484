/*
 * What the statuses of instances say in place of a source that fell silent.
 */
#ifndef SPOT_STATUS_H
#define SPOT_STATUS_H

#include "jobs/loop.h"
#include "modules/spot/notice.h"

struct arena;
struct spot_status;

/* Pure: the notice that a status stands for; false: nothing new. known: state
 * in the inventory. reason: of the state, as describe() has it; "" or NULL =
 * not asked or not said. */
bool spot_status_notice(struct arena *, const struct spot_status *,
    const char *known, const char *reason, const char *account,
    const char *region, struct utc now, struct spot_notice *);
/* Whether the reason of a state must be asked for it. */
bool spot_status_ended(const struct spot_status *);

extern const struct loop spot_status_loops[];

#endif
