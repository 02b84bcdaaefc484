/*
 * Any bytes as a notice, as a post of SNS and as an answer of SQS: read whole,
 * or refused with a sentence that a terminal can show.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "modules/spot/notice.h"
#include "modules/spot/sns.h"
#include "modules/spot/sqs_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
refused(const struct err *e)
{
	ASSERT(e->code != NULL && e->status >= 400);
	ASSERT(e->detail[0] != '\0');
	ASSERT(utf8_valid(e->detail, strlen(e->detail)));
}

static void
as_notice(struct arena *a, const char *text, size_t n)
{
	struct spot_notice x;
	struct err e = { 0 };

	if (spot_notice_parse(a, text, n, &x, &e) == -1) {
		refused(&e);
		return;
	}
	ASSERT(*x.event_id != '\0' && strlen(x.account) == 12);
	ASSERT(x.action != NULL && x.asg != NULL && x.at.us != 0);
	for (size_t i = 0; i < x.n; i++)
		ASSERT(spot_instance_id_ok(x.instances[i]));
	(void)spot_notice_judge(&x, x.account, x.region, x.at);
}

static void
as_sns(struct arena *a, const char *text, size_t n)
{
	const char *region, *account;
	struct spot_sns m;
	struct err e = { 0 };

	if (spot_sns_parse(a, text, n, &m, &e) == -1) {
		refused(&e);
		return;
	}
	ASSERT(spot_sns_canonical(a, &m)[0] != '\0');
	/* what is believed points nowhere but to the one host */
	if (spot_sns_judge(a, &m, m.topic, "", m.at, &e) == 0) {
		ASSERT(spot_sns_topic(a, m.topic, &region, &account, &e) ==
		    0);
		ASSERT(strncmp(m.cert_url, "https://sns.", 12) == 0);
		ASSERT(strncmp(m.cert_url + 12, region, strlen(region)) == 0);
	}
}

static void
as_queue(struct arena *a, const char *text, size_t n, int status)
{
	const struct aws_client c = { 0 };
	struct net_reply r = { .status = status, .len = n,
	    .body = arena_strndup(a, text, n) };
	struct list l;
	struct err e = { 0 };
	const struct sqs_message *m;

	if (spot_sqs_received(a, &c, &r, (struct utc){ 1 }, &l, &e) == -1) {
		refused(&e);
		return;
	}
	m = l.items;
	for (size_t i = 0; i < l.n; i++)
		ASSERT(m[i].id != NULL && m[i].receipt != NULL &&
		    m[i].body != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new((size_t)64 << 20);
	const char *text;

	if (size > 0) {
		text = arena_strndup(a, (const char *)data + 1, size - 1);
		switch (data[0] % 4) {
		case 0: as_notice(a, text, size - 1); break;
		case 1: as_sns(a, text, size - 1); break;
		case 2: as_queue(a, text, size - 1, 200); break;
		case 3: as_queue(a, text, size - 1, 400); break;
		}
	}
	arena_free(a);
	return 0;
}
