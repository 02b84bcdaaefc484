/*
 * Inside of a move: what decides (pure, move.c), what is stored
 * (move_sql.c), one run of the saga (move_run_ops.c, move_call_ops.c) and the
 * sweep. Nobody outside of move*.c includes this.
 */
#ifndef SPOT_MOVE_INNER_H
#define SPOT_MOVE_INNER_H

#include "modules/spot/act.h"
#include "modules/spot/move.h"

/* ---- pure -------------------------------------------------------------------- */

enum { MOVE_TOKEN = 65 };
/* hex(SHA-256("id|step|attempt")): token of a call, and its NUL. */
const char *spot_move_token(struct uuid id, int64_t step, int64_t attempt,
    char buf[MOVE_TOKEN]);
const char *spot_move_step_name(int64_t step);
/* Steps 1, 4, 6 and only they wait for the stop switch. */
bool spot_move_stoppable(int64_t step);
/* Does a step belong to a move of this kind, with or without a group? */
bool spot_move_applies(const struct spot_move *, int64_t step);
/* The step behind this one, forward or backward; SM_DONE, SM_UNDONE. */
int64_t spot_move_after(const struct spot_move *, int64_t step);
/* Where undoing begins when this step failed; SM_UNDONE: nothing to undo. */
int64_t spot_move_undo(const struct spot_move *, int64_t failed);

/* What an error of a step's call means. */
enum spot_move_verdict {
	MOVE_AGAIN,		/* not known, or not now: the same again */
	MOVE_OTHER,		/* no place had room: another attempt */
	MOVE_BACK,		/* it did not happen: undo */
	MOVE_LOOK,		/* not as things stand: read and decide anew */
	MOVE_PARK		/* a person has to do something */
};
enum spot_move_verdict spot_move_judge(const struct spot_move *,
    int64_t step, const char *code);
/* Seconds until the same again, from the number of failures. */
int64_t spot_move_pause(int64_t failures, int64_t poll_s);

/* The pools of an attempt: neighbours of one lifecycle are one launch; from
 * the last group of them on, around again. *last: no attempt before this one
 * had asked all of them. */
struct spot_move_slice {
	const struct spot_move_pool *v;
	size_t n;
	const char *lifecycle;
	bool last;
};
struct spot_move_slice spot_move_slice(const struct spot_move_pool *, size_t n,
    int64_t attempt);
/* What a replacement has of the instance it is a copy of. Without template
 * all of it; what it was told at its first boot may hold secrets and is asked
 * for again at each launch. */
struct spot_move_copy {
	struct list tags;		/* struct pair */
	struct list groups;		/* security groups, const char * */
	const char *profile, *key_name;	/* "" none */
	bool user_data;
};
/* JSON of pools and of the copy, and back; copy may be NULL. */
struct json spot_move_pools_text(struct arena *, const struct spot_move_pool *,
    size_t n, const struct spot_move_copy *);
int spot_move_pools_read(struct arena *, struct json,
    struct spot_move_pool **, size_t *n, struct spot_move_copy *,
    struct err *);
/* The plan of a move: what an approval binds. */
struct json spot_move_plan(struct arena *, const struct spot_move *);

/* What the sweep does with an instance that carries our tags. */
enum spot_move_orphan {
	ORPHAN_NOT_OURS,	/* other installation or epoch, no tag of a
				 * move: never touched */
	ORPHAN_UNKNOWN,		/* ours by the tags, but no such move: told,
				 * never touched */
	ORPHAN_KEEP,		/* in a group, serving, or its move lives */
	ORPHAN_END
};
struct spot_orphan {
	const char *installation, *epoch, *move;	/* tags; "" none */
	const char *instance_id, *asg;
	struct utc launched_at;
};
enum spot_move_orphan spot_move_judge_orphan(const struct spot_orphan *,
    const struct platform_installation *, const struct spot_move *move,
    int64_t orphan_s, struct utc now);

enum { MOVE_TAGS = 40 };		/* copied at most */
#define TAG_INSTALLATION "quincunx:installation"
#define TAG_EPOCH "quincunx:epoch"
#define TAG_MOVE "quincunx:move"
#define TAG_KEPT "kept"

/* ---- rows -------------------------------------------------------------------- */

/* Many in one statement. */
int spot_move_insert(struct db *, const struct spot_move *, size_t n,
    struct err *);
/* Everything that changes; 409 "move_lost" unless the version is the one that
 * was read; the version in the struct grows. */
int spot_move_update(struct db *, struct spot_move *, struct err *);
/* 0 found, 1 none: the live move, or the proposal, of an instance. */
int spot_move_live(struct db *, struct arena *, struct uuid account,
    const char *region, const char *instance, struct spot_move *,
    struct err *);
int spot_move_proposal(struct db *, struct arena *, struct uuid account,
    const char *region, const char *instance, struct spot_move *,
    struct err *);
/* Those of up to ten instances that are live or proposed. */
int spot_move_open(struct db *, struct arena *, struct uuid account,
    const char *region, const char *const *instances, size_t n,
    struct rows *live, struct rows *proposed, struct err *);
/* Proposals whose approval is decided, with its state in .told. */
int spot_move_decided(struct db *, struct arena *, struct rows *,
    struct err *);
/* Live moves nobody has worked at since they were due, and parked ones whose
 * credentials are good again. */
int spot_move_stuck(struct db *, struct arena *, struct utc due,
    struct rows *, struct err *);
int spot_move_parked(struct db *, struct arena *, struct rows *,
    struct err *);
/* Account and region of moves since. */
struct spot_move_place {
	struct uuid tenant_id, account_id;
	const char *region;
};
int spot_move_places(struct db *, struct arena *, struct utc since,
    struct rows *, struct err *);
/* The move with this id, whoever's; for the sweep. */
int spot_move_any(struct db *, struct arena *, struct uuid account,
    struct uuid id, struct spot_move *, struct err *);

int spot_step_put(struct db *, const struct spot_move_step *, struct err *);
int spot_step_update(struct db *, const struct spot_move_step *,
    struct err *);
/* The last attempt of a step; 1 none. */
int spot_step_last(struct db *, struct arena *, struct uuid move,
    int64_t step, struct spot_move_step *, struct err *);

/* Locked. 1 none. */
int spot_move_group_get(struct db *, struct arena *, struct uuid account,
    const char *region, const char *name, struct spot_move_group *,
    struct err *);
int spot_move_group_put(struct db *, const struct spot_move_group *, struct err *);
int spot_move_group_drop(struct db *, const struct spot_move_group *,
    struct err *);
/* Live moves but this one that need the room, and whether one of them gives
 * it back just now. */
struct spot_holders {
	int64_t n, restoring;
};
int spot_move_group_holders(struct db *, struct arena *, const struct spot_move *,
    struct spot_holders *, struct err *);
/* Raised groups of an account and region. */
int spot_move_group_all(struct db *, struct arena *, struct uuid account,
    const char *region, struct rows *, struct err *);
/* Subnets of a network by zone, as the inventory knows them. */
struct spot_move_subnet {
	const char *az, *subnet_id;
};
int spot_move_subnets(struct db *, struct arena *, struct uuid account,
    const char *region, const char *vpc, struct rows *, struct err *);

/* Takes launches and money; 1: the cap is reached (which, in *word and
 * *text). */
struct spot_take {
	struct uuid tenant, account;
	int64_t launches;
	struct dec spend;		/* of all of them */
	struct utc now;
	const struct spot_move_conf *conf;
	const char *word, *text;
};
int spot_budget_take(struct db *, struct arena *, struct spot_take *,
    struct err *);
/* Gives money back that was not spent, if its day is not over. */
int spot_budget_give(struct db *, struct uuid account, struct dec,
    struct utc reserved, struct err *);

/* ---- ends and words ------------------------------------------------------------ */

/* Closes decision and approval, tells; the row is written by the caller's
 * spot_move_update() in here. */
int spot_move_end(struct db *, struct arena *, struct spot_move *,
    const char *state, const char *code, const char *text, struct err *);
int spot_move_tell(struct db *, int which, const struct spot_move *,
    const char *detail, struct err *);
void spot_move_tell_pack(struct event_pack *, int which,
    const struct spot_move *, const char *detail);
enum { EV_PROPOSED, EV_REFUSED, EV_APPROVED, EV_STARTED, EV_STEP, EV_PARKED,
	EV_ENDED, EV_ORPHAN };
struct spot_orphan_told {
	const char *instance_id, *region, *move, *what;
	struct uuid account_id;
};
int spot_move_tell_orphan(struct db *, struct uuid tenant,
    const struct spot_orphan_told *, struct err *);
/* Enqueues the job that takes the move on at an instant. */
int spot_move_enqueue(struct db *, struct arena *, struct spot_move *,
    struct utc at, struct err *);

/* What reserving one and reserving many share. The wish can be (422); its row;
 * may so many launches of this row's kind begin: 0 yes, 1 no (word and
 * sentence in the row), asked in the caller's transaction. */
int spot_move_wish(const struct spot_move_new *, struct err *);
void spot_move_shape(struct arena *, const struct spot_move_new *,
    struct utc now, struct spot_move *);
int spot_move_may_act(const struct env *, struct db *, struct arena *,
    struct spot_move *, int64_t launches, struct dec price, struct utc now,
    struct err *);

/* ---- a run of the saga --------------------------------------------------------- */

/* What a step has found out about the move; NULL: nothing new. Stored with
 * the step's outcome. */
struct spot_facts {
	const char *asg, *new_instance, *new_pool, *template_id;
	const char *template_version, *image_id, *response;
	struct json places;
	const char *gave_az, *gave_type;	/* a spot pool with room */
	bool adopt_gone, relaunch;
	bool hold, let_go, let_go_now;	/* room in the group: held from the
					 * intent on, until the step is done,
					 * until the intent */
	int64_t seen_max;
	struct spot_move_group room;	/* to be stored (hold) or dropped */
	bool has_room;
};
struct spot_saga {
	struct job_ctx *c;
	struct arena *a;		/* of the run: secrets */
	const struct spot_acts *acts;
	const struct spot_move_conf *conf;
	struct spot_access x;
	struct spot_move m;		/* as it was read last */
	struct spot_move_step s;	/* last attempt of the step */
	bool has_row;			/* s is there */
	bool resumed;			/* its intent was there before us */
	bool closed;			/* the run is over */
	bool simulated;
	struct platform_installation who;
	struct spot_facts f;
};

/* What a step finds: done already (nothing is sent), to be sent, still to be
 * waited for. -1 with a class of act.h, or a word of ours. */
enum spot_finding { FOUND_DONE, FOUND_SEND, FOUND_WAIT };
struct spot_look {
	enum spot_finding found;
	const char *act;		/* "RunInstances" */
	struct json request;		/* for the intent */
	const char *note;		/* why it is done, what for it waits */
};
/* 0 with the row, 1 there is none. */
int spot_move_describe(struct spot_saga *, const char *id,
    struct ec2_instance *, struct err *);
bool spot_move_dead(const char *state);
const struct spot_member *spot_move_member(const struct spot_group *,
    const char *id);
/* Living instances with this move's tag: struct ec2_instance. */
int spot_move_made(struct spot_saga *, struct list *, struct err *);
/* The launch of an attempt: its parameters are those of the move's row and
 * the attempt's number, the same each time. out NULL: a dry run. */
int spot_move_launch(struct spot_saga *, int64_t attempt, bool resend,
    struct spot_launched *out, struct err *);
const char *spot_move_launch_text(struct spot_saga *, int64_t attempt);
/* A number of the open intent's request, or of a request; 0 = not there. */
int64_t spot_move_number(struct spot_saga *, const char *name);
int64_t spot_move_number_in(struct spot_saga *, struct json,
    const char *name);
int spot_move_check(struct spot_saga *, struct spot_look *, struct err *);
/* A group whose CloudFormation stack is being changed is the stack's alone.
 * 0 no stack, or at rest; 1 it changes (*status); -1. Where the right to read
 * it is missing: 409 "stack_unseen", but for an instance under notice. */
int spot_move_stack(struct spot_saga *, const struct spot_group *,
    const char **status, struct err *);
/* Reads the cloud; outside of transactions. */
int spot_move_look(struct spot_saga *, struct spot_look *, struct err *);
/* In the transaction of the intent, with the group's room locked: raise,
 * restore and undo-raise learn what to ask for, or that nothing is needed. */
int spot_move_room(struct spot_saga *, struct spot_look *, struct err *);
/* Sends what the intent says. */
int spot_move_send(struct spot_saga *, const char **response, struct err *);

/* ---- what a run stores (move_store_ops.c) --------------------------------------- */

/* Opens the transaction: job by token, move locked and read again. 1: the
 * move is over or another's, and the run with it. */
int spot_saga_begin(struct spot_saga *, struct err *);
/* In it: this job ends, the move goes on so many seconds later. */
int spot_saga_leave(struct spot_saga *, int64_t wait_s, struct err *);
/* In it: a row of the step's next attempt. */
int spot_saga_row(struct spot_saga *, const char *state,
    const struct spot_look *, struct err *);
/* In it: the step failed for good; undo what was done. Commits. */
int spot_saga_back_in(struct spot_saga *, const char *code,
    const char *text, struct err *);
/* Writes the move and commits. */
int spot_saga_commit(struct spot_saga *, struct err *);
/* Transactions of their own: the step is done ("done", "skipped"), it failed
 * for good, it waits, its call or look gave an error. */
int spot_saga_done(struct spot_saga *, const char *state, const char *note,
    struct err *);
int spot_saga_back(struct spot_saga *, const char *code, const char *text,
    struct err *);
int spot_saga_pause(struct spot_saga *, const char *note, int64_t s,
    struct err *);
int spot_saga_failed(struct spot_saga *, const struct err *why,
    struct err *);

/* One run: until the move waits or ends. acts NULL: those of the account's
 * provider. */
enum job_rc spot_move_run(struct job_ctx *, struct uuid id,
    const struct spot_acts *);
/* Opens account and credentials for one run or sweep. */
int spot_move_enter(struct env *, struct arena *, struct uuid tenant,
    struct uuid account, struct spot_access *, const char **provider,
    struct err *);
/* One pass over what was approved, what is stuck, what may go on. */
int spot_move_upkeep(struct env *, struct arena *, struct err *);
/* One sweep over accounts with moves; acts as above. */
struct spot_swept {
	int64_t accounts, failed, seen, ended, unknown, restored;
};
extern const struct schema spot_swept_schema;
int spot_move_sweep(struct env *, struct arena *, const struct spot_acts *,
    struct spot_swept *, struct err *);

#endif
