/*
 * The fake brokers (mcp, Kite, Alpaca behind one port) as a child of the
 * test, on loopback.
 */
#ifndef HARNESS_FAKEBROKER_H
#define HARNESS_FAKEBROKER_H

#include "tests/harness/fake.h"

struct arena;
struct json_object;

#define FAKE_KITE_KEY "fakekey"
#define FAKE_KITE_SECRET "fakesecret"
#define FAKE_ALPACA_KEY "AKFAKE"
#define FAKE_ALPACA_SECRET "fakealpacasecret"

/* Fails the test on any trouble. */
void fakebroker_start(struct fake *, struct arena *);
/* POST to a control path ("/_control/rules"), or GET when json is NULL; the
 * answer, which lives as long as the arena. */
struct json_object *fakebroker_control(const struct fake *,
    struct arena *, const char *path, const char *json);
/* Orders of ours the broker has accepted, whatever became of them. */
size_t fakebroker_orders(const struct fake *, struct arena *);
/* Requests it has seen with this method and this start of the path. */
size_t fakebroker_requests(const struct fake *, struct arena *,
    const char *method, const char *path);

#endif
