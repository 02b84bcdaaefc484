/*
 * Jobs as the platform offers them.
 */
#ifndef PLATFORM_JOB_H
#define PLATFORM_JOB_H

#include "jobs/job.h"

/* noop, sleep, fail, crash: for operators who want to see the queue work. */
extern const struct job platform_job_jobs[];

#endif
