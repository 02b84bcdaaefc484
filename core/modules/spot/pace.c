/*
 * Token buckets over the segment's exact rate limits (GCRA). The slow-down is
 * kept as the instant at which the rate is whole again: that number only
 * grows when a rate is halved, so the segment's lossy cells can hold it, and
 * losing one means one more throttled call, nothing else. Refuses nothing by
 * itself: who may not call now learns how long to wait.
 */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/codec.h"
#include "modules/spot/pace.h"

/* A twentieth of the base rate per second: whole after twenty. */
#define WHOLE_S 20.0
#define FLOOR (1.0 / 32)
#define NS 1e9

struct published {
	const char *action;
	double bucket, per_s;
};

/* EC2 API reference, "Request throttling": bucket size and refill rate. Auto
 * Scaling publishes none and is taken as EC2's acts of the same weight. */
static const struct published table[] = {
	{ "RunInstances", 5, 2 },
	{ "CreateFleet", 50, 5 },
	{ "TerminateInstances", 100, 5 },
	{ "CreateTags", 100, 10 },
	{ "UpdateAutoScalingGroup", 50, 5 },
	{ "AttachInstances", 50, 5 },
	{ "DetachInstances", 50, 5 },
	{ "TerminateInstanceInAutoScalingGroup", 50, 5 },
	{ "SetInstanceProtection", 50, 5 },
	/* SQS: nearly unlimited for standard queues; the 300 calls a second of
	 * FIFO ones hold for all */
	{ "ReceiveMessage", 300, 300 },
	{ "DeleteMessageBatch", 300, 300 }
};

void
spot_pace_published(const char *action, double *bucket, double *per_s)
{
	for (size_t i = 0; i < NITEMS(table); i++)
		if (strcmp(table[i].action, action) == 0) {
			*bucket = table[i].bucket;
			*per_s = table[i].per_s;
			return;
		}
	/* filtered or paged reads; other acts */
	*bucket = strncmp(action, "Describe", 8) == 0 ||
	    strncmp(action, "Get", 3) == 0 ? 100 : 50;
	*per_s = *bucket / 5;
	if (*bucket < 100)
		*per_s = 5;
}

struct rate
spot_pace_rate(const char *action, int64_t percent, double factor)
{
	double bucket, per_s, n;

	if (percent <= 0)
		return (struct rate){ 0, 0 };
	spot_pace_published(action, &bucket, &per_s);
	bucket *= (double)percent / 100 * factor;
	per_s *= (double)percent / 100 * factor;
	n = floor(bucket) < 1 ? 1 : floor(bucket);
	/* n in ceil(n / rate) seconds: never faster than asked for */
	return (struct rate){ (uint32_t)n, (uint32_t)ceil(n / per_s) };
}

double
spot_pace_factor(uint64_t whole_ns, uint64_t now_ns)
{
	double f;

	/* farther away than any halving puts it: not a number of ours */
	if (whole_ns <= now_ns ||
	    whole_ns - now_ns > (uint64_t)(WHOLE_S * NS))
		return 1;
	f = 1 - (double)(whole_ns - now_ns) / NS / WHOLE_S;
	return f < FLOOR ? FLOOR : f;
}

uint64_t
spot_pace_halved(uint64_t whole_ns, uint64_t now_ns)
{
	double f = spot_pace_factor(whole_ns, now_ns) / 2;

	if (f < FLOOR)
		f = FLOOR;
	return now_ns + (uint64_t)((1 - f) * WHOLE_S * NS);
}

enum { KEY_MAX = 160 };

/* "account bytes / region / action", cut: two that share their first 160
 * bytes share a bucket, which is only slower. */
static size_t
key_of(const struct pace_key *k, char buf[KEY_MAX])
{
	const struct blob part[] = { { k->account, k->account_len },
	    { "/", 1 }, { k->region, strlen(k->region) }, { "/", 1 },
	    { k->action, strlen(k->action) } };
	size_t n = 0;

	for (size_t i = 0; i < NITEMS(part); i++) {
		size_t m = part[i].n < KEY_MAX - n ? part[i].n : KEY_MAX - n;

		memcpy(buf + n, part[i].p, m);
		n += m;
	}
	return n;
}

bool
spot_pace_take(struct shm *shm, const struct pace_key *k, int64_t percent,
    uint64_t now_ns, int64_t *wait_ns)
{
	char key[KEY_MAX];
	size_t n = key_of(k, key);
	uint32_t retry_ms = 0;
	double factor;

	*wait_ns = 0;
	if (shm == NULL || percent <= 0)
		return true;
	factor = spot_pace_factor(shm_cell_get(shm, fnv1a(key, n, 0)), now_ns);
	if (rate_admit(shm, "aws.pace", key, n,
	    spot_pace_rate(k->action, percent, factor), now_ns, &retry_ms,
	    NULL))
		return true;
	*wait_ns = ((int64_t)retry_ms + 1) * 1000000;
	return false;
}

void
spot_pace_throttled(struct shm *shm, const struct pace_key *k, uint64_t now_ns)
{
	char key[KEY_MAX];
	size_t n = key_of(k, key);
	uint64_t cell = fnv1a(key, n, 0);

	if (shm == NULL)
		return;
	shm_cell_raise(shm, cell, spot_pace_halved(shm_cell_get(shm, cell),
	    now_ns));
}
