/*
 * What a job can tell the dispatcher while it runs, and hear from it. Filled
 * by the worker; NULL members do nothing.
 */
#ifndef JOBS_PORT_H
#define JOBS_PORT_H

#include <stdbool.h>

struct job_port {
	void (*progress)(void *arg, int permille, const char *note);
	bool (*stopping)(void *arg);
	void *arg;
};

#endif
