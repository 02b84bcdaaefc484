/*
 * Sessions: one login on one device, and the chain of refresh tokens that
 * keeps it alive. Token n of a session is HMAC(key, session, n, nonce):
 * nothing is stored that could be used, and racing tabs converge on one
 * chain. Also login itself, and the counting of failed ones.
 */
#ifndef AUTH_SESSION_H
#define AUTH_SESSION_H

#include "modules/auth/user.h"

struct auth_session {
	struct uuid id, user_id, tenant_id;
	int64_t n;			/* number of the current token */
	struct blob nonce;		/* 16 bytes */
	struct blob device;		/* SHA-256 of the user agent */
	const char *agent, *ip;		/* shown to the owner */
	struct utc auth_time;		/* password proved */
	struct utc created_at, used_at, expires_at;
	struct utc revoked_at;		/* ended by somebody; 0 = open */
	bool current;			/* the caller's own (JSON) */
};
extern const struct schema auth_session_schema, auth_attempt_schema,
    auth_token_schema;
extern const struct query *const auth_session_queries[];

/* Where a request came from. */
struct auth_client {
	const char *ip, *agent;
};

/* Reply of register, login and refresh. */
struct auth_token {
	const char *access_token, *token_type;
	int64_t expires_in;		/* seconds */
	const char *refresh_token;
	const void *user;		/* struct auth_user */
};

/* ---- refresh tokens and back-off (pure) --------------------------------- */

enum { AUTH_REFRESH_GRACE_S = 30, AUTH_BACKOFF_MAX_S = 900 };

const char *auth_refresh_format(struct arena *, const uint8_t key[32],
    struct uuid session, int64_t n, struct blob nonce);
/* Session and number of a presented text; -1 if it is none of ours. */
int auth_refresh_parse(const char *, struct uuid *session, int64_t *n);
/* Constant-time comparison with the token we would have issued. */
bool auth_refresh_genuine(struct arena *, const uint8_t key[32],
    const char *presented, struct uuid session, int64_t n, struct blob nonce);

enum auth_verdict {
	REFRESH_ROTATE,			/* current: issue n + 1 */
	REFRESH_REPEAT,			/* racing tab: the current one again */
	REFRESH_AHEAD,			/* we read an old row: try again */
	REFRESH_REUSED			/* stolen or replayed: end the session */
};
enum auth_verdict auth_refresh_judge(int64_t presented, int64_t current,
    struct utc used_at, struct utc now, bool same_device);

/* Seconds without login after so many failures in a row. */
int64_t auth_backoff_s(int64_t failures, int64_t lock_after);

/* ---- rows --------------------------------------------------------------- */

int auth_session_insert(struct db *, const struct auth_session *,
    struct err *);
/* With a row lock; revoked and expired ones are not found. */
int auth_session_lock(struct db *, struct arena *, struct uuid id,
    struct utc now, struct auth_session *, struct err *);
int auth_session_rotate(struct db *, struct uuid id, int64_t n,
    struct utc now, struct utc expires_at, struct err *);
int auth_session_proved(struct db *, struct uuid id, struct utc now,
    struct err *);
/* 0 also when it was over already. */
int auth_session_end(struct db *, struct uuid id, struct utc now,
    struct err *);
int auth_session_end_all(struct db *, struct uuid user, struct uuid keep,
    struct utc now, struct err *);
int auth_session_of_user(struct db *, struct arena *, struct uuid user,
    struct utc now, struct uuid after, int64_t limit, struct rows *,
    struct err *);
int auth_session_one(struct db *, struct arena *, struct uuid user,
    struct uuid id, struct auth_session *, struct err *);
int auth_session_count(struct db *, struct arena *, struct uuid user,
    struct utc now, int64_t *n, struct err *);

/* Failed logins per account id (a user's, or a digest of an unknown name, so
 * that both are counted alike). */
struct auth_attempt {
	struct uuid account;
	int64_t failures;
	struct utc last_at;
};
int auth_attempt_get(struct db *, struct arena *, struct uuid account,
    struct auth_attempt *, struct err *);
int auth_attempt_add(struct db *, struct uuid account, struct utc now,
    struct err *);
int auth_attempt_clear(struct db *, struct uuid account, struct err *);

/* ---- use-cases ---------------------------------------------------------- */

/* A name and a password against an account. Not inside a transaction: it
 * hashes. *who holds the account id also when refused, so that the caller can
 * count (*counts) the failure. 401 bad, 403 inactive, 429 backing off, 503
 * too many hashes at once. */
struct auth_proof {
	struct auth_account account;
	struct uuid counted;		/* id under which failures count */
	bool counts;			/* refused for a wrong password */
	bool failed_before;		/* a counter must be cleared */
	const char *new_hash;		/* upgraded hash, or NULL */
};
int auth_prove(struct env *, struct arena *, const char *identifier,
    const char *password, struct utc now, struct auth_proof *, struct err *);
/* The same for a known user (step-up, password change). */
int auth_prove_user(struct env *, struct arena *, struct uuid user,
    const char *password, struct utc now, struct auth_proof *, struct err *);
/* What a proved login leaves: cleared counter, upgraded hash. Inside a
 * transaction. */
int auth_proved(struct db *, const struct auth_proof *, struct err *);

/* Proves, opens a session and issues its first tokens. Not inside a
 * transaction, like everything that hashes. */
int auth_session_login(struct env *, struct arena *, const char *identifier,
    const char *password, const struct auth_client *, struct utc now,
    struct auth_proof *, struct auth_token *, struct err *);
/* Proves again and gives an access token with a fresh auth_time. */
int auth_session_step_up(struct env *, struct arena *,
    const struct principal *, const char *password, struct utc now,
    struct auth_proof *, struct auth_token *, struct err *);

/* Asks the session's row again: 0 open (idle time counts from now on), 1 over.
 * acc: who it belongs to. */
int auth_session_touch(struct env *, struct arena *, struct uuid user,
    struct uuid session, struct utc now, struct auth_account *acc,
    struct auth_session *, struct err *);
/* Opens a session and issues its first tokens. Inside a transaction. */
int auth_session_open(struct env *, struct arena *, const struct auth_user *,
    int64_t epoch, const struct auth_client *, struct utc now,
    struct auth_token *, struct err *);
/* The session whose old token came back. */
struct auth_reuse {
	struct uuid session, tenant;	/* nil: none */
};
/* Rotates. Inside a transaction. 401, 503; *reused names the session that
 * must be ended although the answer is a refusal. */
int auth_session_refresh(struct env *, struct arena *, const char *token,
    const struct auth_client *, struct utc now, struct auth_token *,
    struct auth_reuse *reused, struct err *);
/* Ends it, in the transaction that survives the refusal. */
int auth_session_reused(struct env *, struct arena *,
    const struct auth_reuse *, struct utc now, struct err *);
/* Ends a session and its tokens. Inside a transaction. */
int auth_session_close(struct env *, struct arena *, struct uuid id,
    struct utc now, struct err *);

extern const struct route auth_session_routes[];

#endif
