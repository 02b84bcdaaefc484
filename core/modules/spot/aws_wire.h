/*
 * What EC2 and STS have in common on the wire: signed Query-protocol calls,
 * errors sorted into classes, lists of rows read out of XML by table. Parsing
 * and request building are pure; only spot_aws_send() touches the network.
 *
 * Error classes (err->code); the AWS code and message are in detail, the HTTP
 * status in native:
 *   aws_throttle   wait (retry_after_s or spot_aws_backoff_us) and try again
 *   aws_transient  5xx, timeouts, no answer: try again
 *   aws_clock      our clock is off: spot_aws_clock_correct(), try once more
 *   aws_token      the page token is no good: start the listing again
 *   aws_auth       wrong, disabled or expired credentials
 *   aws_denied     valid credentials without the right
 *   aws_optin      region or service not enabled for the account
 *   aws_bug        we sent something invalid
 *   aws_malformed  the answer is not what the API promises
 *   aws_capacity   the place has no capacity (at this price) for now
 *   aws_quota      a limit of the account is reached
 *   aws_gone       no such instance, group, template …
 *   aws_mismatch   a client token was used with other parameters before
 *   aws_state      not in the state the thing is in: activity under way,
 *                  group at its limit, termination protection
 *   aws_dry_run    the call would have been allowed, and was not made
 */
#ifndef SPOT_AWS_WIRE_H
#define SPOT_AWS_WIRE_H

#include "base/types.h"
#include "net/net.h"
#include "net/sigv4.h"

struct err;

struct aws_client {
	struct net *net;
	const char *ec2_endpoint;	/* of all services but STS; "" or NULL:
					 * https://SERVICE.REGION.… */
	const char *sts_endpoint;	/* "" or NULL: https://sts.REGION.… */
	const char *asg_endpoint;	/* "" or NULL: as EC2's */
	struct sigv4_key key;
	int64_t clock_skew_us;		/* added to our clock when signing */
	int64_t timeout_ms;		/* per call; 0 = default */
};

/* Query parameter: an indexed name is written out, "Filter.1.Name". */
struct aws_request {
	const char *service;		/* "ec2", "sts", "autoscaling" */
	const char *region;
	const char *action, *version;
	const struct pair *params;
	size_t nparams;
};

/* True for a name that may become part of a host name: [a-z0-9-]{4,32}. */
bool spot_aws_region_ok(const char *);
/* "amazonaws.com", "amazonaws.com.cn", … for a region. */
const char *spot_aws_domain(const char *region);

/* Signed POST, allocated in the arena. -1: "aws_bug" (region, endpoint). */
int spot_aws_request(struct arena *, const struct aws_client *,
    const struct aws_request *, struct utc now, struct net_call *,
    struct err *);
/* A signed POST of any body. */
struct aws_post {
	const char *service, *region, *url;
	const char *content_type;
	const char *target;		/* X-Amz-Target, or NULL */
	const void *body;
	size_t body_len;
};
int spot_aws_post(struct arena *, const struct aws_client *,
    const struct aws_post *, struct utc now, struct net_call *, struct err *);
/* 0 for a 2xx answer, else -1 with its class. signed_at: the local time that
 * was given to spot_aws_request(). */
int spot_aws_check(struct arena *, const struct aws_client *,
    const struct net_reply *, struct utc signed_at, struct err *);
/* The class of AWS's own code. */
const char *spot_aws_class(const char *code, const char *message, int status);
/* AWS's code out of an error of spot_aws_check(); "" = there was none. */
const char *spot_aws_code(struct arena *, const struct err *);
/* What spot_aws_check() does once code and message are known, for answers
 * that are not XML. code "" or NULL: the status has to do. Returns -1. */
int spot_aws_fault(struct arena *, const struct aws_client *,
    const struct net_reply *, struct utc signed_at, const char *code,
    const char *message, struct err *);
/* Turns an error of net_http() or net_run() into a class: no answer and an
 * open breaker are aws_transient, a refusal of the gate stays net_refused. */
void spot_aws_net_failed(struct err *);
/* Learns the difference between AWS's clock and ours from an answer's Date.
 * True if it changed by more than a second. */
bool spot_aws_clock_correct(struct aws_client *, const struct net_reply *,
    struct utc now);
/* True for aws_throttle and aws_transient. */
bool spot_aws_retryable(const struct err *);
/* Full jitter: U(0, min(20 s, 0.1 s * 2^attempt)), attempt from 0; random is
 * 64 random bits. */
int64_t spot_aws_backoff_us(unsigned attempt, uint64_t random);
/* Builds, calls, checks; corrects the clock and repeats once on aws_clock. */
int spot_aws_send(struct arena *, struct aws_client *, const struct aws_request *,
    struct net_reply *, struct err *);

/* ---- rows out of XML, by table ----------------------------------------- */
enum aws_type { AWS_TEXT = 1, AWS_INT, AWS_REAL, AWS_BOOL, AWS_DEC, AWS_TIME };

struct aws_field {
	const char *path;	/* below the item: "placement/tenancy" */
	size_t off;
	enum aws_type type;
	size_t max;		/* AWS_TEXT: bytes; more is malformed */
	bool need;		/* absent or empty is malformed */
};

struct aws_list {
	const char *item;	/* path of one row: "regionInfo/item" */
	const char *holder;	/* must be there; NULL: the item's first step */
	const char *token;	/* path of the next token; NULL: "nextToken" */
	size_t size;
	const struct aws_field *fields;	/* end: path NULL */
	size_t max_rows;
	/* Each closed element below an item that no field names; may be NULL. */
	int (*other)(void *arg, struct arena *, void *row, const char *path,
	    const char *text, size_t len, struct err *);
	/* The item is complete. May be NULL. */
	int (*finish)(void *arg, struct arena *, void *row, struct err *);
	void *arg;
};

/* Rows of the list and the text of its next token ("" = last page).
 * An error document gives its class; anything irregular "aws_malformed" with
 * the element's name and position. */
int spot_aws_rows(struct arena *, const struct aws_list *, const void *body,
    size_t len, struct list *out, const char **next_token, struct err *);

#endif
