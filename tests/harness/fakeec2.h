/*
 * The fake EC2/STS server as a child of the test, on loopback.
 */
#ifndef HARNESS_FAKEEC2_H
#define HARNESS_FAKEEC2_H

#include <sys/types.h>

struct arena;
struct net;

#define FAKE_ACCESS_KEY "AKIAFAKEEXAMPLE00001"
#define FAKE_SECRET_KEY "fakesecretfakesecretfakesecretfakesecret0"
#define FAKE_ACCOUNT "111122223333"

struct fakeec2 {
	pid_t pid;
	unsigned port;
	const char *url;	/* "http://127.0.0.1:PORT" */
};

/* argv: further options, NULL-terminated. Fails the test on any trouble. */
void fakeec2_start(struct fakeec2 *, struct arena *, const char *const *argv);
void fakeec2_stop(struct fakeec2 *);
/* POST to a control path ("/_control"); the answer's text. */
const char *fakeec2_control(const struct fakeec2 *, struct arena *,
    struct net *, const char *path, const char *json);

#endif
