/*
 * Certificates and confirmations of SNS, over the one HTTP client. Visits
 * pinned addresses only (sns.c judges them), keeps what it got until the
 * certificate ends. Refuses anything but a short 200.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "modules/spot/sns.h"
#include "modules/spot/source.h"
#include "net/net.h"

enum { CERT_MAX = 32 << 10, TIMEOUT_MS = 5000 };

static int
visit(struct env *env, struct arena *a, const char *url,
    struct net_reply *out, struct err *e)
{
	struct net_call call = { .service = "aws.sns", .method = "GET",
	    .url = url, .timeout_ms = TIMEOUT_MS, .max_bytes = CERT_MAX,
	    .repeatable = true, .retry = true };

	if (net_http(env->net, a, &call, out, e) == -1)
		return -1;
	if (out->status == 200)
		return 0;
	return err_set(e, 502, "sns", "The host of the notifications "
	    "answered %d", out->status);
}

int
spot_sns_certificate(struct env *env, struct arena *a, const char *url,
    struct utc now, const char **pem, struct err *e)
{
	struct net_reply r;
	struct utc until;
	int rc = spot_sns_cert_get(env->db, a, url, now, pem, e);

	if (rc != 1)
		return rc;
	if (visit(env, a, url, &r, e) == -1 ||
	    crypto_cert_check(r.body, NULL, now, &until, e) == -1)
		return -1;
	*pem = r.body;
	return spot_sns_cert_put(env->db, url, r.body, until, now, e);
}

int
spot_sns_confirm(struct env *env, struct arena *a, const struct spot_sns *m,
    struct err *e)
{
	struct net_reply r;

	return visit(env, a, m->subscribe_url, &r, e);
}
