/*
 * The parts of the chaos run: who uses the installation and writes ledgers
 * (clients.c), what goes wrong (chaos.c), whether the books agree (judge.c).
 */
#ifndef CHAOS_H
#define CHAOS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "tests/chaos/control.h"
#include "tests/harness/http.h"
#include "tests/harness/stack.h"

enum { CLIENTS = 2, SCHEDULES = 3, OUTSIDE = 2, QUIET_S = 90 };

extern struct stack st;
extern struct arena *a;
extern const char *token;		/* of the first admin */
extern int *stop;			/* shared: 1 = clients end, 2 = all */

/* Children; none returns. */
void client_loop(int which);
void reader_loop(int);
void revoker_loop(int);
/* Schedules that fire every second or two during the run. */
void schedules_make(void);

/* Before the faults. */
void judge_begin(void);
/* After them: waits until every job has ended and the stream stands still;
 * revive() keeps the workers alive. */
void judge_after_the_last(void (*revive)(void));
/* Prints breaches; how many there were. */
unsigned judge(void);

#endif
