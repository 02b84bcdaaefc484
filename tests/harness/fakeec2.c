/*
 * Starts and scripts the fake EC2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "net/net.h"
#include "tests/harness/fakeec2.h"

void
fakeec2_start(struct fake *f, struct arena *a, const char *const *argv)
{
	fake_start(f, a, "tests/harness/fake_ec2.py", argv);
}

const char *
fakeec2_control(const struct fake *f, struct arena *a, struct net *net,
    const char *path, const char *json)
{
	struct net_call call = { .method = "POST", .body = json,
	    .body_len = strlen(json),
	    .url = arena_printf(a, "%s%s", f->url, path) };
	struct net_reply r;
	struct err err = { 0 };

	if (net_http(net, a, &call, &r, &err) == -1)
		fail_msg("%s: %s", path, err.cause);
	if (r.status != 200)
		fail_msg("%s: %s", path, r.body);
	return r.body;
}
