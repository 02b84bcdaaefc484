/*
 * `quincunx trade replay`: recomputes the paper market of a session, or of
 * every session of a day, from its log and compares the hashes. Status 1 when
 * something differs.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "db/env.h"
#include "db/table.h"
#include "modules/platform/platform.h"
#include "modules/trade/papers.h"

#define USAGE "trade replay SESSION|DAY [--from INPUT] [--json]"

struct call {
	struct env *env;
	const char *word;
	int64_t from;
	bool json, differs;
	struct str out;
};

static void
print(struct call *c, const struct trade_paper_replay *r)
{
	char id[UUID_TEXT];

	if (c->json) {
		schema_encode(&trade_paper_replay_schema, r, &c->out);
		str_addc(&c->out, '\n');
		return;
	}
	str_addf(&c->out, "%s  inputs %lld-%lld  %lld fills  %lld hashes  ",
	    uuid_format(r->session_id, id), (long long)r->from,
	    (long long)r->to, (long long)r->fills, (long long)r->hashes);
	if (r->same)
		str_add(&c->out, "same\n");
	else
		str_addf(&c->out, "DIFFERS at input %lld: %s\n",
		    (long long)r->differs_at, r->detail);
}

struct one {
	struct call *c;
	struct uuid session;
	int64_t from;
	struct utc until;
	struct trade_paper_replay r;
};

/* In a transaction, so that state and log are of one moment: the session's
 * row is held. */
static int
one_session(struct db *db, void *arg, struct err *e)
{
	struct one *o = arg;
	struct trade_session s;

	if (db_found(trade_session_lock(db, o->c->env->a, o->session, &s, e),
	    "Session", e) == -1)
		return -1;
	return trade_paper_replay(db, o->c->env->a, o->session, o->from,
	    o->until, &o->r, e);
}

static int
run_one(struct call *c, struct one *o, struct err *e)
{
	o->c = c;
	if (db_txn(c->env->db, c->env->a, one_session, o, e) == -1)
		return -1;
	print(c, &o->r);
	c->differs |= !o->r.same;
	return 0;
}

static int
whole_day(struct call *c, struct utc day, struct err *e)
{
	const int64_t day_us = INT64_C(86400) * US_PER_S;
	struct rows rows;

	if (trade_paper_hash_of_day(c->env->db, c->env->a, day,
	    (struct utc){ day.us + day_us }, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_paper_hash *h = ROW(&rows,
		    struct trade_paper_hash, i);
		struct one o = { .session = h->session_id, .from = h->seq };

		/* the day that is now is compared with what is in force */
		if (day.us + day_us <= clock_now().us)
			o.until.us = day.us + day_us - 1;
		if (run_one(c, &o, e) == -1)
			return -1;
	}
	if (rows.n == 0)
		str_add(&c->out, "No session of that day has a hash.\n");
	return 0;
}

static int
replay(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	struct call c = { .env = env };
	struct one o = { .from = 0 };
	struct err e = { 0 };
	const char *text = NULL;
	struct utc day;
	int rc;

	while (w.i < argc) {
		if (platform_terminal_option(&w, "--from", &text)) {
			if (text == NULL || num_i64(text, strlen(text),
			    &c.from) != NUM_OK)
				return platform_terminal_usage(USAGE);
		} else if (platform_terminal_option(&w, "--json", NULL)) {
			c.json = true;
		} else if (c.word != NULL ||
		    !platform_terminal_word(&w, &c.word)) {
			return platform_terminal_usage(USAGE);
		}
	}
	if (c.word == NULL)
		return platform_terminal_usage(USAGE);
	str_init(&c.out, env->a);
	o.from = c.from;
	if (uuid_parse(c.word, &o.session) == 0)
		rc = run_one(&c, &o, &e);
	else if (strlen(c.word) == 10 && clock_parse(c.word, &day) == 0)
		rc = whole_day(&c, day, &e);
	else
		return platform_terminal_usage(USAGE);
	if (rc == -1)
		return platform_terminal_error(&e);
	rc = platform_terminal_write(&c.out);
	return rc != 0 ? rc : c.differs;
}

const struct command trade_paper_commands[] = {
	{ .name = "trade replay", .usage = "SESSION|DAY [--from INPUT] "
	  "[--json]", .doc = "Recompute paper markets from their logs and "
	  "compare the hashes", .run = replay },
	{ .name = NULL }
};
