/*
 * Replay: the paper market of a session once more from a hashed state, by its
 * log. Refused: a log with a gap (retention took the inputs). Each input's
 * mark and each hash is compared, so that the first input that went otherwise
 * is named.
 */
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/papers.h"

#define LOG struct trade_paper_log

static const struct field replay_fields[] = {
#define F(m, ...) FIELD(struct trade_paper_replay, m, __VA_ARGS__)
	F(session_id, .doc = "Session"), F(from, .doc = "From this input"),
	F(to, .doc = "To this one"), F(inputs, .doc = "Inputs replayed"),
	F(fills, .doc = "Fills they gave"),
	F(hashes, .doc = "Hashes compared"), F(same, .doc = "All equal"),
	F(differs_at, .doc = "First input that differs; 0: none"),
	F(detail, .doc = "In words"), FIELD_END
#undef F
};
const struct schema trade_paper_replay_schema = {
	.name = "PaperReplay", .doc = "What a replay found",
	.size = sizeof(struct trade_paper_replay), .fields = replay_fields
};

struct replay {
	struct db *db;
	struct arena *a;		/* for good */
	struct arena *rows;		/* of one page of the log */
	struct uuid session;
	struct trade_paper p;
	struct rows page;
	size_t i;			/* next row of the page */
	int64_t seq, to;		/* last row read; where it ends */
	struct trade_paper_replay *out;
};

/* The next row of the log, NULL at the end. */
static int
next(struct replay *r, const LOG **g, struct err *e)
{
	*g = NULL;
	if (r->i == r->page.n && r->seq < r->to) {
		if (trade_paper_log_page(r->db, r->rows, r->session, r->seq,
		    r->to, &r->page, e) == -1)
			return -1;
		r->i = 0;
		if (r->page.n == 0 || ROW(&r->page, LOG, 0)->seq !=
		    r->seq + 1)
			return err_set(e, 410, "log_gone", "The log begins "
			    "after input %lld", (long long)r->seq);
	}
	if (r->i == r->page.n)
		return 0;
	*g = ROW(&r->page, LOG, r->i++);
	r->seq = (*g)->seq;
	return 0;
}

static int
differs(struct replay *r, int64_t seq, const char *what)
{
	if (r->out->same) {
		r->out->same = false;
		r->out->differs_at = seq;
		r->out->detail = what;
	}
	return 0;
}

static int
begin(struct replay *r, const LOG *g, struct err *e)
{
	struct trade_paper_input in;
	int64_t seq = g->seq;
	uint64_t seen;

	if (schema_decode_json(&trade_paper_input_schema, g->body,
	    strlen(g->body), "log", false, r->rows, &in,
	    &seen, e) == -1)
		return err_set(e, 500, "log", "Input %lld cannot be read",
		    (long long)g->seq);
	r->out->inputs++;
	trade_paper_begin(&r->p, &in);
	if (in.seq != seq || in.parent != g->parent || in.step != g->step)
		return differs(r, seq, "It came at another time");
	return 0;
}

static void
compare(struct replay *r, const LOG *g)
{
	if (g->mark.n != 8 || memcmp(g->mark.p, r->p.mark, 8) != 0)
		differs(r, g->seq, "Its effects, or what it was, differ");
}

/* Inputs that came while another was at work, at this point of it. */
static int
between(struct replay *r, int64_t parent, int64_t step, struct err *e)
{
	const LOG *g;

	for (;;) {
		if (next(r, &g, e) == -1)
			return -1;
		if (g == NULL)
			return 0;
		if (g->parent != parent || g->step != step) {
			r->i--;
			r->seq--;
			return 0;
		}
		if (begin(r, g, e) == -1)
			return -1;
		compare(r, g);
	}
}

static int
one_input(struct replay *r, const LOG *given, struct err *e)
{
	const LOG g = *given;
	struct trade_paper_effect f;
	int64_t steps = 0;

	if (begin(r, &g, e) == -1)
		return -1;
	while (trade_paper_step(&r->p, &f)) {
		r->out->fills += f.what == PAPER_FILL;
		if (between(r, g.seq, ++steps, e) == -1)
			return -1;
	}
	compare(r, &g);
	return 0;
}

/* Inputs up to `to`. */
static int
run_to(struct replay *r, int64_t to, struct err *e)
{
	const LOG *g;

	r->to = to;
	while (r->out->same) {
		if (next(r, &g, e) == -1)
			return -1;
		if (g == NULL)
			return 0;
		if (one_input(r, g, e) == -1)
			return -1;
		if (r->i == r->page.n) {
			arena_reset(r->rows);
			r->page.n = r->i = 0;
		}
	}
	return 0;
}

static void
compare_state(struct replay *r, const void *hash, int64_t seq)
{
	uint8_t sum[32];

	trade_paper_hash(&r->p, sum);
	r->out->hashes++;
	if (memcmp(sum, hash, 32) != 0)
		differs(r, seq, "The state after it differs");
}

/* The state in force, against which the end is compared. */
static int
in_force(struct replay *r, struct trade_paper *now, struct err *e)
{
	struct trade_paper_row row;
	struct rows lines;
	struct str text;

	if (db_found(trade_paper_row_get(r->db, r->a, r->session, &row, e),
	    "Paper market", e) == -1 || trade_paper_line_all(r->db, r->a,
	    r->session, &lines, e) == -1)
		return -1;
	str_init(&text, r->a);
	str_add(&text, row.head);
	for (size_t i = 0; i < lines.n; i++)
		str_add(&text, ROW(&lines, struct trade_paper_line, i)->line);
	return trade_paper_read(now, r->a, text.p) == 0 ? 0 : err_set(e, 500,
	    "paper_state", "The state of the paper market cannot be read");
}

static int
all(struct replay *r, int64_t from, struct utc until, struct err *e)
{
	struct trade_paper_hash h;
	struct trade_paper now;
	uint8_t sum[32];
	int rc;

	if (db_found(trade_paper_hash_next(r->db, r->a, r->session, from, &h,
	    e), "Hash", e) == -1 || in_force(r, &now, e) == -1)
		return -1;
	if (trade_paper_read(&r->p, r->a, h.state) == -1)
		return err_set(e, 500, "paper_state", "The state of input "
		    "%lld cannot be read", (long long)h.seq);
	r->out->from = r->seq = h.seq;
	compare_state(r, h.hash.p, h.seq);
	while (r->out->same) {
		rc = trade_paper_hash_next(r->db, r->a, r->session, r->seq +
		    1, &h, e);
		if (rc == -1)
			return -1;
		if (rc == 1 || (until.us != 0 && h.at.us > until.us))
			break;
		if (run_to(r, h.seq, e) == -1)
			return -1;
		if (r->out->same)
			compare_state(r, h.hash.p, h.seq);
	}
	if (!r->out->same || until.us != 0)
		return 0;
	if (run_to(r, now.seq, e) == -1)
		return -1;
	trade_paper_hash(&now, sum);
	if (r->out->same)
		compare_state(r, sum, now.seq);
	return 0;
}

int
trade_paper_replay(struct db *db, struct arena *a, struct uuid session,
    int64_t from, struct utc until, struct trade_paper_replay *out,
    struct err *e)
{
	struct replay r = { .db = db, .a = a, .session = session,
	    .rows = arena_new((size_t)1 << 28), .out = out };
	int rc;

	*out = (struct trade_paper_replay){ .session_id = session,
	    .same = true, .detail = "" };
	rc = all(&r, from, until, e);
	out->to = r.seq;
	arena_free(r.rows);
	return rc;
}
