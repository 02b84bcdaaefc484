/*
 * Job types that are programs: a file <jobs.exec_dir>/<type>.conf each. The
 * program is run without a shell, with the payload on its standard input; it
 * speaks JSON lines on its standard output:
 *
 *	{"progress": 0.4, "note": "pages 1-40"}		any number of them
 *	{"result": {...}}				the last one counts
 *	{"error": "...", "class": "gateway", "retry_after": 30, "retry": false}
 *
 * Standard error is for people: its end is kept with the error.
 *
 *	status	meaning
 *	0	done, or what the error line says
 *	64 65 78	usage, data or configuration is wrong: no further try
 *	other	one try failed, unless the error line says more
 *
 * On SIGTERM the program should end soon: it was cancelled, its time is over,
 * or the worker has waited drain_s for it. A result with status 0 counts even
 * then. Its whole process group, and whatever left the group, is killed when
 * it has ended, grace_s after SIGTERM, or when the job's process dies.
 */
#ifndef JOBS_EXEC_H
#define JOBS_EXEC_H

#include <sys/types.h>

#include "conf/conf.h"
#include "jobs/job.h"

enum { EXEC_TAIL = 2000, EXEC_CLASS = 64 };

struct exec_conf {
	const char *dir;
};
extern const struct settings exec_settings;

struct exec_type {
	struct job job[2];		/* the row, and the list's end */
	const char *fault;		/* "file:line: why"; NULL = usable */
	const char *const *argv;
	const char *const *env;		/* "NAME" is passed on, "NAME=value" */
	const char *dir;
	int64_t cpu_s, memory_mib, files, output_kib, grace_s, drain_s;
};

/* The enabled modules and one more, "exec", whose jobs are the files of dir
 * (none: *out is mods). A file that cannot be used gives a type whose jobs
 * fail with class "exec_config" and are tried again; *faults are what is
 * wrong, NULL-terminated. -1: dir itself cannot be read or is not safe. */
int exec_modules(struct arena *, const char *dir,
    const struct module *const *mods, const struct module *const **out,
    const char *const **faults, struct err *);
/* The exec type behind a row of that module; NULL: it is no exec type. */
const struct exec_type *exec_of(const struct job *);
/* Sample of a file. */
extern const struct settings exec_file_settings;

/* ---- what the program says: pure (exec_talk.c) ------------------------------ */

struct exec_talk {
	struct arena *a;
	char *line;			/* being gathered */
	size_t n, max;			/* bytes of output besides progress */
	size_t said;
	bool overflow, bad;
	bool has_result, has_error, last;	/* last: no further try */
	const char *result;		/* JSON text */
	const char *error;
	char class[EXEC_CLASS + 1];
	int64_t retry_after_s;
	int permille;			/* -1: none told since last asked */
	char note[200];
	char tail[EXEC_TAIL + 1];	/* end of standard error */
	size_t ntail;
};
void exec_talk_init(struct exec_talk *, struct arena *, size_t max);
void exec_talk_out(struct exec_talk *, const char *, size_t);
void exec_talk_err(struct exec_talk *, const char *, size_t);
/* The last line may lack its newline. */
void exec_talk_end(struct exec_talk *);

/* How it ended. */
enum exec_why { EXEC_RAN, EXEC_TIMEOUT, EXEC_STOPPED, EXEC_OUTPUT };
struct exec_end {
	enum exec_why why;		/* was it made to end */
	int start_errno;		/* it could not be started */
	int wstatus;			/* of wait() */
	int64_t cpu_ms, rss_kib;
	bool silent;			/* its guard died: nothing is known */
};
/* What that means for the job; fills err, retry_after_s and result_text. */
enum job_rc exec_verdict(struct job_ctx *, const struct exec_type *,
    const struct exec_talk *, const struct exec_end *);

/* ---- the process (exec_proc.c) ------------------------------------------------- */

struct exec_proc {
	pid_t guard;			/* child of ours; it has the program */
	int in, out, err, note;		/* ends of pipes, non-blocking */
};
/* The guard outlives nobody: it dies with us and takes everything along. */
int  exec_start(struct exec_proc *, const struct exec_type *,
    const char *const *envp, struct err *);
/* SIGTERM to the program's group, or the end of all of it. */
void exec_ask(const struct exec_proc *);
void exec_kill(const struct exec_proc *);
/* Takes what the guard has to say; true once the program has ended. */
bool exec_ended(struct exec_proc *, struct exec_end *);
/* Kills what is left, closes, waits for the guard. */
void exec_close(struct exec_proc *);

/* run() of every exec type. */
enum job_rc exec_run(struct job_ctx *, const void *in);

#endif
