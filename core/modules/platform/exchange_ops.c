/*
 * Import in batches: a batch is one transaction that also records how far the
 * file has come, so a killed import goes on where it was and no row counts
 * twice. A refused row is undone alone. Dry runs do everything and keep
 * nothing. A noun that wants files whole has them in one transaction, which a
 * refused row undoes.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "module.h"
#include "modules/platform/exchange.h"

enum { BATCH_CAP = 768 << 20 };

struct item {
	void *row;
	int64_t line;
	bool refused;			/* by the schema; told already */
	const char *msg, *member;
};

struct batch {
	struct import_job *job;
	struct arena *a;
	struct item v[IMPORT_BATCH];
	size_t n;
	struct platform_import after;	/* progress with this batch */
};

const struct exchange *
platform_exchange_find(const struct module *const *mods, const char *noun)
{
	for (; *mods != NULL; mods++)
		for (const struct exchange *const *x = (*mods)->exchanges;
		    x != NULL && *x != NULL; x++)
			if (strcmp((*x)->noun, noun) == 0)
				return *x;
	return NULL;
}

/* ["row","price"] becomes "price". */
static const char *
member_of_loc(struct arena *a, const char *loc)
{
	const char *p = strchr(loc, ',');
	struct str s;

	str_init(&s, a);
	for (; p != NULL && *p != '\0'; p++)
		if (*p == ',')
			str_add(&s, s.len > 0 ? "." : "");
		else if (strchr("[]\" ", *p) == NULL)
			str_addc(&s, *p);
	return s.p;
}

/* Why a row was refused, kept until its batch is committed. */
static void
item_refuse(struct batch *b, struct item *it, const struct err *e)
{
	it->refused = true;
	if (e->nfields > 0) {
		it->member = member_of_loc(b->a, e->fields[0].loc);
		it->msg = arena_strdup(b->a, e->fields[0].msg);
		return;
	}
	it->member = "";
	it->msg = arena_strdup(b->a, e->detail);
}

struct put {
	struct batch *b;
	struct item *it;
	bool changed;
};

static int
put_row(struct db *db, void *arg, struct err *e)
{
	struct put *p = arg;
	const struct import_job *j = p->b->job;

	p->changed = false;
	return j->x->put(db, p->b->a, j->tenant, p->it->row, &p->changed, e);
}

static int
put_item(struct batch *b, struct db *db, struct item *it, struct err *e)
{
	struct put p = { b, it, false };

	if (it->refused && it->row == NULL) {
		b->after.failed++;
		return 0;
	}
	it->refused = false;		/* a second attempt */
	if (db_savepoint(db, put_row, &p, e) == -1) {
		if (db_retryable(e) || e->status >= 500)
			return -1;
		item_refuse(b, it, e);
		err_clear(e);
		b->after.failed++;
		return 0;
	}
	if (p.changed)
		b->after.changed++;
	else
		b->after.unchanged++;
	return 0;
}

static int
put_items(struct batch *b, struct db *db, struct err *e)
{
	for (size_t i = 0; i < b->n; i++) {
		if (put_item(b, db, &b->v[i], e) == -1)
			return -1;
		b->after.line = b->v[i].line;
	}
	b->after.updated_at = clock_now();
	return 0;
}

/* Undoes the transaction on purpose. */
static int
keep_nothing(struct err *e)
{
	return err_set(e, 409, "dry_run", "nothing is kept");
}

static int
kept_nothing(struct err *e)
{
	if (e->code == NULL || strcmp(e->code, "dry_run") != 0)
		return -1;
	err_clear(e);
	return 0;
}

static int
batch_txn(struct db *db, void *arg, struct err *e)
{
	struct batch *b = arg;

	b->after = b->job->done;
	if (put_items(b, db, e) == -1)
		return -1;
	return b->job->dry_run ? keep_nothing(e) :
	    platform_import_put(db, &b->after, e);
}

/* Refused rows behind the line that was told last. */
static void
tell(const struct batch *b, int64_t *told)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].line <= *told)
			continue;
		*told = b->v[i].line;
		if (b->v[i].refused)
			b->job->bad(b->job->arg, b->v[i].line, b->v[i].member,
			    b->v[i].msg);
	}
}

static int
batch_run(struct batch *b, struct err *e)
{
	struct import_job *j = b->job;
	int64_t told = 0;

	if (db_txn(j->env->db, b->a, batch_txn, b, e) == -1 &&
	    kept_nothing(e) == -1)
		return -1;
	j->done = b->after;
	tell(b, &told);
	return 0;
}

/* Fills the batch: 0 more to come, 1 the file is at its end, -1. */
static int
batch_read(struct batch *b, struct source *s, struct err *e)
{
	const struct import_job *j = b->job;

	b->n = 0;
	while (b->n < IMPORT_BATCH && arena_used(b->a) < BATCH_CAP / 4) {
		struct item *it = &b->v[b->n];
		int rc;

		*it = (struct item){ .row = arena_alloc(b->a,
		    j->x->row->size) };
		rc = platform_source_next(s, b->a, j->x->row, it->row,
		    &it->line, e);
		if (rc == 1 || rc == -1)
			return rc;
		if (it->line <= j->resumed_at) {
			err_clear(e);
			continue;
		}
		if (rc == 2) {
			item_refuse(b, it, e);
			it->row = NULL;
			err_clear(e);
		}
		b->n++;
	}
	return 0;
}

/* Where a former run of the same file stopped, if it did not end. */
static int
resume(struct import_job *j, struct arena *a, struct err *e)
{
	struct platform_import was;
	int rc;

	if (j->dry_run)
		return 0;
	rc = platform_import_get(j->env->db, a, j->done.digest, j->x->noun,
	    j->done.tenant, &was, e);
	if (rc == -1)
		return -1;
	if (rc == 1 || was.finished)
		return 0;
	j->done.line = j->resumed_at = was.line;
	j->done.changed = was.changed;
	j->done.unchanged = was.unchanged;
	j->done.failed = was.failed;
	return 0;
}

static int
import_all(struct import_job *j, struct source *s, struct batch *b,
    struct err *e)
{
	int end = 0;

	while (end == 0) {
		end = batch_read(b, s, e);
		/* A file that breaks off: what was read before it counts. */
		if (b->n > 0) {
			struct err first = *e;

			err_clear(e);
			if (batch_run(b, e) == -1)
				return -1;
			*e = first;
		}
		arena_reset(b->a);
	}
	if (end == -1)
		return -1;
	j->done.finished = true;
	j->done.updated_at = clock_now();
	return j->dry_run ? 0 : platform_import_put(j->env->db, &j->done, e);
}

/* ---- whole files ----------------------------------------------------------------- */

struct whole {
	struct batch *b;
	struct arena *open;		/* of the source of this attempt */
	int64_t told;			/* rows are told once, attempts aside */
};

static int
whole_rows(struct whole *w, struct db *db, struct err *e)
{
	struct batch *b = w->b;
	uint8_t digest[32];
	struct source *s;
	int end = 0;

	if (platform_source_open(&s, w->open, b->job->path, digest, e) == -1)
		return -1;
	while (end == 0) {
		struct arena_mark m = arena_mark(b->a);

		end = batch_read(b, s, e);
		if (end == -1 || put_items(b, db, e) == -1)
			return -1;
		tell(b, &w->told);
		arena_rewind(b->a, m);
	}
	b->after.finished = true;
	return b->job->dry_run || b->after.failed > 0 ? keep_nothing(e) :
	    platform_import_put(db, &b->after, e);
}

static int
whole_txn(struct db *db, void *arg, struct err *e)
{
	struct whole *w = arg;
	int rc;

	w->b->after = w->b->job->done;
	w->open = arena_new(BATCH_CAP);
	rc = whole_rows(w, db, e);
	arena_free(w->open);
	return rc;
}

static int
import_whole(struct import_job *j, struct batch *b, struct err *e)
{
	struct whole w = { .b = b };
	int rc = db_txn(j->env->db, b->a, whole_txn, &w, e);

	if (rc == -1)
		rc = kept_nothing(e);
	j->done.line = b->after.line;
	if (rc == -1)
		return -1;
	j->done = b->after;
	if (j->done.failed > 0 && !j->dry_run)
		j->done.changed = 0;
	return 0;
}

int
platform_import_run(struct import_job *j, struct err *e)
{
	struct arena *a = j->env->a;
	uint8_t *digest = arena_alloc(a, 32);
	struct uuid *tenant = arena_memdup(a, &j->tenant, sizeof(j->tenant));
	struct batch *b = arena_alloc(a, sizeof(*b));
	struct source *s;
	int rc;

	if (j->x->global)
		*tenant = (struct uuid){ { 0 } };
	if (platform_source_open(&s, a, j->path, digest, e) == -1)
		return -1;
	j->done = (struct platform_import){ .digest = { digest, 32 },
	    .noun = j->x->noun, .tenant = { tenant, 16 } };
	if (resume(j, a, e) == -1)
		return -1;
	b->job = j;
	b->a = arena_new(BATCH_CAP);
	rc = j->x->whole ? import_whole(j, b, e) : import_all(j, s, b, e);
	arena_free(b->a);
	return rc;
}

/* ---- export --------------------------------------------------------------------- */

struct export {
	struct sink *sink;
	int64_t n;
};

static int
export_row(void *arg, const void *row, struct err *e)
{
	struct export *x = arg;

	x->n++;
	return platform_sink_row(x->sink, row, e);
}

int
platform_export_run(struct env *env, const struct exchange *x,
    struct uuid tenant, const char *path, int64_t *rows, struct err *e)
{
	/* The rows have an arena of their own: the sink rewinds its own. */
	struct arena *a = arena_new(64 << 20);
	struct export out = { NULL, 0 };
	int rc;

	if (platform_sink_open(&out.sink, env->a, path, x->row, e) == -1) {
		arena_free(a);
		return -1;
	}
	rc = x->global ?
	    db_each(env->db, a, x->all, NO_ARGS, export_row, &out, e) :
	    db_each(env->db, a, x->all, ARGS(V(tenant)), export_row, &out, e);
	if (rc == 0)
		rc = platform_sink_close(out.sink, e);
	else
		platform_sink_abort(out.sink);
	arena_free(a);
	*rows = out.n;
	return rc;
}
