/*
 * The fake EC2/STS server as a child of the test, on loopback.
 */
#ifndef HARNESS_FAKEEC2_H
#define HARNESS_FAKEEC2_H

#include "tests/harness/fake.h"

struct arena;
struct net;

#define FAKE_ACCESS_KEY "AKIAFAKEEXAMPLE00001"
#define FAKE_SECRET_KEY "fakesecretfakesecretfakesecretfakesecret0"
#define FAKE_ACCOUNT "111122223333"

/* argv: further options, NULL-terminated. Fails the test on any trouble. */
void fakeec2_start(struct fake *, struct arena *, const char *const *argv);
/* POST to a control path ("/_control"); the answer's text. */
const char *fakeec2_control(const struct fake *, struct arena *,
    struct net *, const char *path, const char *json);

#endif
