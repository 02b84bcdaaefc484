/*
 * What a scan tells: how far it is, what it changed, and that credentials
 * failed under it.
 */
#ifndef SPOT_SCAN_EVENT_H
#define SPOT_SCAN_EVENT_H

#include "events/event.h"
#include "modules/spot/scan.h"

/* Each in the caller's transaction. */
int spot_scan_progress(struct db *, const struct spot_scan *, int64_t done,
    int64_t whole, int64_t total, struct err *);
int spot_scan_tell(struct db *, const struct spot_scan *, struct err *);
/* Stores the state of a credential and tells it, once: nothing is published
 * when it was in that state already. */
int spot_credential_failed(struct db *, const struct spot_account *,
    const char *state, const char *error, struct utc now, struct err *);
/* The same for what a verification found. */
int spot_credential_tell(struct db *, const struct spot_account *,
    const char *state, const char *missing, struct err *);

extern const struct event spot_scan_events[];

#endif
