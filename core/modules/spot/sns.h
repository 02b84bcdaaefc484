/*
 * Notifications of SNS: their text as it is signed, and which hosts may hand
 * out certificates and confirmations. Pure but for the last part.
 */
#ifndef SPOT_SNS_H
#define SPOT_SNS_H

#include "base/types.h"

struct arena;
struct db;
struct env;
struct err;

enum { SNS_MAX = 300 << 10, SNS_AGE_S = 3600 };

enum sns_type { SNS_NOTIFICATION = 1, SNS_SUBSCRIBE, SNS_UNSUBSCRIBE };

struct spot_sns {
	enum sns_type type;
	const char *message_id, *topic, *message;
	const char *subject;		/* NULL = none, which is signed so */
	const char *token, *subscribe_url;	/* of confirmations */
	const char *timestamp;
	struct utc at;
	const char *version, *signature, *cert_url;
};

/* The JSON that SNS posts. -1: 422 "sns". */
int spot_sns_parse(struct arena *, const char *text, size_t n,
    struct spot_sns *, struct err *);
/* Lines of name and value in the order that is signed. */
const char *spot_sns_canonical(struct arena *, const struct spot_sns *);
/* "arn:aws:sns:REGION:ACCOUNT:NAME". -1: 422 "topic". */
int spot_sns_topic(struct arena *, const char *arn, const char **region,
    const char **account, struct err *);
/* https, no port, no credentials, host exactly sns.REGION.amazonaws.com (or
 * its Chinese form) of the topic's region; path of a certificate
 * ("/SimpleNotificationService-….pem"), or, confirm, "/?Action=
 * ConfirmSubscription&…". endpoint: a configured SNS-compatible server ("" =
 * none), whose URLs are taken as well. -1: 401 "pinned". */
int spot_sns_pinned(const char *url, const char *endpoint,
    const char *region, bool confirm, struct err *);
/* Everything that needs no network: the topic is the known one, instant
 * within an hour, version 1 or 2, certificate's URL pinned. -1: 401. */
int spot_sns_judge(struct arena *, const struct spot_sns *,
    const char *topic, const char *endpoint, struct utc now, struct err *);
/* Against a certificate. -1: 401. */
int spot_sns_verify(struct arena *, const struct spot_sns *, const char *pem,
    const char *common_name, struct utc now, struct err *);

/* ---- network; not inside a transaction -------------------------------------- */

/* The certificate by its URL: remembered, else fetched and remembered. Judge
 * the URL first. */
int spot_sns_certificate(struct env *, struct arena *, const char *url,
    struct utc now, const char **pem, struct err *);
/* Visits the pinned URL of a confirmation. */
int spot_sns_confirm(struct env *, struct arena *, const struct spot_sns *,
    struct err *);

#endif
