/*
 * SQS, the queue that a client's events arrive in: receive and delete, each as
 * request (signed, in the arena) and parse (pure), so that one caller can wait
 * for many queues with net_run(). JSON protocol 1.0. Error classes of
 * aws_wire.h; a queue that does not exist is aws_gone. All texts are foreign.
 *
 * A message may come twice, late and out of order; who deletes it says that it
 * has been dealt with.
 */
#ifndef SPOT_SQS_WIRE_H
#define SPOT_SQS_WIRE_H

#include "modules/spot/aws_wire.h"

enum { SQS_BATCH = 10, SQS_BODY_MAX = 262144 };

struct sqs_message {
	const char *id, *receipt, *body;
	int64_t received;		/* how often, this one included */
	struct utc sent_at;		/* 0 = not said */
};

/* Region and account of the URL of a queue: "https://sqs.REGION.DOMAIN/ACCOUNT/
 * NAME"; with an endpoint ("" or NULL: none) that one's scheme and host instead,
 * and "*region" is left as the caller set it. -1 "aws_bug": not one of AWS. */
int spot_sqs_queue(struct arena *, const char *endpoint, const char *url,
    const char **region, const char **account, struct err *);
/* The same, from "ACCOUNT", region and name of a queue to its URL. */
const char *spot_sqs_url(struct arena *, const char *endpoint,
    const char *region, const char *account, const char *name);

/* region: of the queue, for the signature. wait_s 0-20, max 1-10. The call's
 * timeout is wait_s and ten seconds. */
int spot_sqs_receive(struct arena *, const struct aws_client *,
    const char *region, const char *queue_url, int wait_s, int max,
    struct utc now, struct net_call *, struct err *);
/* Rows of struct sqs_message. */
int spot_sqs_received(struct arena *, const struct aws_client *,
    const struct net_reply *, struct utc signed_at, struct list *,
    struct err *);
/* Deletes 1 to SQS_BATCH messages by their receipts. */
int spot_sqs_delete(struct arena *, const struct aws_client *,
    const char *region, const char *queue_url, const char *const *receipts,
    size_t n, struct utc now, struct net_call *, struct err *);
/* failed: how many of them are still there, to be received again. */
int spot_sqs_deleted(struct arena *, const struct aws_client *,
    const struct net_reply *, struct utc signed_at, size_t *failed,
    struct err *);

#endif
