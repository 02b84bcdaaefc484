/*
 * Diagnostic job types: nothing, waiting, failing, crashing. The crash is a
 * real one.
 */
#include <poll.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "modules/platform/job.h"

static enum job_rc
noop(struct job_ctx *c, const void *in)
{
	(void)c, (void)in;
	return JOB_DONE;
}

struct sleep_in {
	double seconds;
};
static const struct field sleep_fields[] = {
	FIELD(struct sleep_in, seconds, .flags = FF_REQUIRED, .min = 0,
	    .max = 86400, .doc = "How long"), FIELD_END
};
static const struct schema sleep_schema = {
	.name = "JobSleep", .doc = "How long to sleep",
	.size = sizeof(struct sleep_in), .fields = sleep_fields
};

static enum job_rc
sleep_job(struct job_ctx *c, const void *in)
{
	const struct sleep_in *i = in;
	int64_t start = clock_boot_ns();
	double done = 0;

	while (done < i->seconds) {
		int ms = i->seconds - done > 0.05 ? 50 :
		    (int)((i->seconds - done) * 1000) + 1;

		if (job_stopping(c)) {
			err_set(&c->err, 503, "stopping", "Asked to stop");
			return JOB_RELEASE;
		}
		poll(NULL, 0, ms);
		done = (double)(clock_boot_ns() - start) / 1e9;
		job_progress(c, (int)(1000 * done / i->seconds), "sleeping");
	}
	return JOB_DONE;
}

struct fail_in {
	const char *message;
	int64_t times;
};
static const struct field fail_fields[] = {
	FIELD(struct fail_in, message, .max = 200, .def = "\"as asked\"",
	    .doc = "What to say"),
	FIELD(struct fail_in, times, .min = 0, .max = 1000, .def = "0",
	    .doc = "Succeed after so many failures; 0 = never"), FIELD_END
};
static const struct schema fail_schema = {
	.name = "JobFail", .doc = "How to fail",
	.size = sizeof(struct fail_in), .fields = fail_fields
};

static enum job_rc
fail_job(struct job_ctx *c, const void *in)
{
	const struct fail_in *i = in;

	if (i->times > 0 && c->attempt > i->times)
		return JOB_DONE;
	err_set(&c->err, 500, "asked", "%s", i->message);
	return JOB_RETRY;
}

static enum job_rc
crash(struct job_ctx *c, const void *in)
{
	(void)c, (void)in;
	crumb("platform crash job");
	abort();
}

#define JOB(n, text, schema, fn, ...) { .name = n, .doc = text, \
	.in = schema, .queue = "default", .lane = LANE_NORMAL, \
	.permission = "jobs:control", .run = fn, __VA_ARGS__ }
const struct job platform_job_jobs[] = {
	JOB("noop", "Does nothing, successfully", NULL, noop,
	    .flags = JOB_API | JOB_QUICK),
	JOB("sleep", "Waits, and tells how far it is", &sleep_schema,
	    sleep_job, .flags = JOB_API, .timeout_s = 90000),
	JOB("fail", "Fails as often as asked", &fail_schema, fail_job,
	    .flags = JOB_API),
	JOB("crash", "Ends its process by a signal", NULL, crash,
	    .flags = JOB_API),
	JOB_END
};
