/*
 * Notices of the cloud about instances, as EventBridge words them: pure
 * reading and judging. A notice is data of a stranger until its source is
 * proved and its account and region are the source's own.
 */
#ifndef SPOT_NOTICE_H
#define SPOT_NOTICE_H

#include "base/types.h"

struct arena;
struct err;

enum { NOTICE_MAX = 256 << 10, NOTICE_KEEP_S = 86400, NOTICE_ACT_S = 900 };

enum notice_kind {
	NOTICE_OTHER,			/* well-formed, of no use here */
	NOTICE_REBALANCE,		/* may be interrupted soon */
	NOTICE_INTERRUPTION,		/* ends in two minutes */
	NOTICE_STATE,			/* is pending, running, … */
	NOTICE_HEALTH,			/* scheduled retirement and the like */
	NOTICE_ASG			/* a group launches or ends it */
};
/* "rebalance", "interruption", "state", "health", "asg", "other" */
const char *spot_notice_name(enum notice_kind);

struct spot_notice {
	enum notice_kind kind;
	const char *event_id;		/* of the event, not of the delivery */
	const char *account;		/* twelve digits */
	const char *region;
	struct utc at;			/* when it happened, by the cloud */
	/* One each; a health event may name several. */
	const char *const *instances;
	size_t n;
	const char *action;		/* interruption: terminate stop hibernate;
					 * state: running …; health: type code;
					 * asg: transition */
	const char *asg, *hook, *token;	/* asg; "" = none */
	struct utc due;			/* health: when it begins; 0 = unknown */
};

/* One event as JSON; also one wrapped in an SNS notification (a queue that
 * is subscribed to a topic). -1: 422 "notice" and what is wrong with it. Text
 * lives in the arena. */
int spot_notice_parse(struct arena *, const char *text, size_t n,
    struct spot_notice *, struct err *);

/* Whether an id is an instance's: "i-" and 8 to 17 hex digits. */
bool spot_instance_id_ok(const char *);

enum notice_verdict {
	NOTICE_MINE,			/* of this account and region */
	NOTICE_FOREIGN,			/* of another: drop and count */
	NOTICE_LATE			/* so old that it is no longer known
					 * whether it was seen: drop */
};
/* aws_account and region are the source's; region "" = any of the account.
 * Notices of the future (beyond five minutes) are late, too: nobody honest
 * sends them. */
enum notice_verdict spot_notice_judge(const struct spot_notice *,
    const char *aws_account, const char *region, struct utc now);
/* Oldest first; equal instants keep their order. */
void spot_notice_sort(struct spot_notice **, size_t n);

/* When an interrupted instance ends: two minutes after the notice. */
struct utc spot_notice_deadline(const struct spot_notice *);

/* The event that the cloud would send for an instance: what the simulated
 * cloud and a rehearsal put into the same intake. signal "TERMINATION" or
 * "REBALANCE". */
const char *spot_notice_write(struct arena *, const char *signal,
    const char *event_id, const char *account, const char *region,
    const char *instance, struct utc at);

/* ---- signed by a secret: "v1=" and hex of HMAC-SHA256 ---------------------- */

enum { NOTICE_SKEW_S = 300, NOTICE_NONCE_MAX = 64, NOTICE_SECRET = 43 };

/* Signature of "timestamp.nonce.body". */
const char *spot_notice_sign(struct arena *, const char *secret,
    const char *timestamp, const char *nonce, const char *body, size_t n);
/* All three headers as they came (NULL = absent). 401: "signature" (absent,
 * malformed or not ours), "clock" (older or newer than 300 s). Whether the
 * nonce was used is for the caller to see. */
int spot_notice_verify(struct arena *, const char *secret,
    const char *timestamp, const char *nonce, const char *signature,
    const char *body, size_t n, struct utc now, struct err *);

#endif
