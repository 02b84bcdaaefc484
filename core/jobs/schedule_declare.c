/*
 * Schedules that the modules declare, as rows of the installation. An
 * operator's pause stays; one that no module declares any more is paused, and
 * goes on when it is declared again.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/schedule_inner.h"
#include "module.h"

#define GONE "no enabled module declares it"

static const struct uuid installation;

static const char *
or_default(const char *s, const char *def)
{
	return s != NULL ? s : def;
}

static struct schedule_row
row_of(const struct schedule *s, struct utc now)
{
	return (struct schedule_row){ .id = uuid_new(), .name = s->name,
	    .declared = true, .spec = s->spec,
	    .zone = or_default(s->zone, "UTC"), .gap = "shift",
	    .fold = "first", .misfire = or_default(s->misfire, "latest"),
	    .window_s = 3600, .max_catchup = 10,
	    .overlap = or_default(s->overlap, "skip"),
	    .jitter_ms = s->jitter_ms, .type = s->job, .payload = "{}",
	    .queue = "", .priority = "normal", .fault = "", .version = 1,
	    .created_by = "", .created_at = now, .updated_at = now };
}

static bool
differs(const struct schedule_row *a, const struct schedule_row *b)
{
	return strcmp(a->spec, b->spec) != 0 ||
	    strcmp(a->zone, b->zone) != 0 ||
	    strcmp(a->misfire, b->misfire) != 0 ||
	    strcmp(a->overlap, b->overlap) != 0 ||
	    strcmp(a->type, b->type) != 0 ||
	    a->jitter_ms != b->jitter_ms;
}

static int
declare(struct db *db, struct arena *a, const struct schedule *s,
    struct utc now, struct err *e)
{
	struct schedule_row want = row_of(s, now), is;
	int rc = schedule_by_name(db, a, installation, s->name, &is, e);

	if (rc == -1 || schedule_check(&want, 0, now, e) == -1)
		return -1;
	if (rc == 1)
		return schedule_insert(db, &want, e);
	if (!differs(&is, &want) && *is.fault == '\0')
		return 0;
	want.id = is.id;
	want.version = is.version;
	want.paused = is.paused && *is.fault == '\0';
	if (!differs(&is, &want))
		want.next_at = is.next_at;
	return schedule_update(db, &want, e);
}

static bool
declared_by(const struct module *const *mods, const char *name)
{
	for (; *mods != NULL; mods++)
		for (const struct schedule *const *l = (*mods)->schedules;
		    l != NULL && *l != NULL; l++)
			for (const struct schedule *s = *l; s->name != NULL;
			    s++)
				if (strcmp(s->name, name) == 0)
					return true;
	return false;
}

static int
pause_gone(struct db *db, struct arena *a, const struct module *const *mods,
    struct err *e)
{
	struct rows rows;

	if (schedule_page(db, a, installation, installation, 10000, &rows,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct schedule_row *r = ROW(&rows,
		    struct schedule_row, i);

		if (!r->paused && !declared_by(mods, r->name) &&
		    schedule_fault(db, r->id, GONE, e) == -1)
			return -1;
	}
	return 0;
}

struct all {
	struct arena *a;
	const struct module *const *mods;
	struct utc now;
};

static int
declare_all(struct db *db, void *arg, struct err *e)
{
	struct all *w = arg;

	for (const struct module *const *m = w->mods; *m != NULL; m++)
		for (const struct schedule *const *l = (*m)->schedules;
		    l != NULL && *l != NULL; l++)
			for (const struct schedule *s = *l; s->name != NULL;
			    s++)
				if (declare(db, w->a, s, w->now, e) == -1)
					return -1;
	return pause_gone(db, w->a, w->mods, e);
}

int
schedule_declare(struct db *db, struct arena *a,
    const struct module *const *mods, struct utc now, struct err *e)
{
	struct all w = { a, mods, now };

	return db_txn(db, a, declare_all, &w, e);
}
