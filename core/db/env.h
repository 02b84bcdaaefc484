/*
 * What a process holds: handed to every handler, job and command. Made by the
 * skeletons in app/, never a global.
 */
#ifndef DB_ENV_H
#define DB_ENV_H

#include "base/types.h"

struct arena;
struct auth;
struct conf;
struct db;
struct jwt_keys;
struct keyring;
struct module;
struct net;
struct shm;

struct env {
	struct arena *a;		/* lives as long as the process */
	const struct conf *conf;
	struct db *db;			/* NULL in the control pool */
	const struct keyring *keys;
	const struct jwt_keys *jwt;
	struct auth *auth;		/* revocations and roles in memory */
	struct net *net;
	struct shm *shm;
	const struct module *const *modules;	/* enabled ones, in order */
	const char *program;		/* "quincunx.fcgi", "quincunx" */
	struct uuid process;		/* this process start, for leases */
	bool managed;			/* a manager of ours started us */
	int64_t request_ms;		/* a request may take; 0 = unknown */
	int64_t children;		/* of our pool, at most; 0 = unknown */
};

#endif
