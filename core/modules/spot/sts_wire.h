/*
 * The two calls of STS that an account needs: who am I, and a role in a
 * client's account for an hour.
 */
#ifndef SPOT_STS_WIRE_H
#define SPOT_STS_WIRE_H

#include "modules/spot/aws_wire.h"

struct sts_identity {
	const char *account, *arn, *user_id;
};

struct sts_role {
	const char *arn;
	const char *session_name;	/* [\w+=,.@-]{2,64} */
	const char *external_id;	/* NULL or "" = none */
	int64_t duration_s;		/* 900..43200; 0 = 3600 */
};

struct sts_session {
	const char *access_key, *secret_key, *session_token, *arn;
	struct utc expires_at;
};

int spot_sts_identity_parse(struct arena *, const void *, size_t,
    struct sts_identity *, struct err *);
int spot_sts_session_parse(struct arena *, const void *, size_t,
    struct sts_session *, struct err *);
/* region: of the STS endpoint that is asked and signed for. */
int spot_sts_identity(struct arena *, struct aws_client *, const char *region,
    struct sts_identity *, struct err *);
int spot_sts_assume_role(struct arena *, struct aws_client *, const char *region,
    const struct sts_role *, struct sts_session *, struct err *);

#endif
