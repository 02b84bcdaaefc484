/*
 * Events of scans. Refuses to repeat what was told: a credential that is
 * known to be bad stays quiet.
 */
#include <string.h>

#include "base/random.h"
#include "modules/spot/scan_event.h"

struct progress {
	struct uuid scan, account_id;
	const char *kind;
	int64_t done, complete, total;
	double coverage;
};
#define P struct progress
static const struct field progress_fields[] = {
	FIELD(P, scan, .doc = "Scan"),
	FIELD(P, account_id, .doc = "Account"),
	FIELD(P, kind, .doc = "inventory, fleet or prices"),
	FIELD(P, done, .doc = "Shards that ended"),
	FIELD(P, complete, .doc = "Those that saw everything"),
	FIELD(P, total, .doc = "Shards"),
	FIELD(P, coverage, .doc = "complete / total"),
	FIELD_END
};
#undef P
static const struct schema progress_schema = {
	.name = "SpotScanProgress", .doc = "How far a scan is",
	.size = sizeof(struct progress), .fields = progress_fields
};

struct change {
	struct uuid scan, account_id;
	int64_t instances, added, changed, gone;
	double coverage;
};
#define C struct change
static const struct field change_fields[] = {
	FIELD(C, scan, .doc = "Scan"),
	FIELD(C, account_id, .doc = "Account"),
	FIELD(C, instances, .doc = "Instances seen"),
	FIELD(C, added, .doc = "New ones"),
	FIELD(C, changed, .doc = "Changed ones"),
	FIELD(C, gone, .doc = "Those that went away"),
	FIELD(C, coverage, .doc = "Share of the shards that saw everything"),
	FIELD_END
};
#undef C
static const struct schema change_schema = {
	.name = "SpotInventoryChange", .doc = "What a scan changed",
	.size = sizeof(struct change), .fields = change_fields
};

struct failing {
	struct uuid account_id;
	const char *name, *state, *missing, *error;
};
#define F struct failing
static const struct field failing_fields[] = {
	FIELD(F, account_id, .doc = "Account"),
	FIELD(F, name, .doc = "Its label"),
	FIELD(F, state, .doc = "ok, denied, invalid or expired"),
	FIELD(F, missing, .doc = "Rights it lacks, with commas"),
	FIELD(F, error, .doc = "What the cloud said"),
	FIELD_END
};
#undef F
static const struct schema failing_schema = {
	.name = "SpotCredentialState", .doc = "State of a credential",
	.size = sizeof(struct failing), .fields = failing_fields
};

enum { PROGRESS, CHANGED, CREDENTIAL };
const struct event spot_scan_events[] = {
	[PROGRESS] = { .name = "spot.scan_progress", .doc = "A scan got "
	    "further", .payload = &progress_schema,
	    .permission = "spot:read", .flags = EV_STATE,
	    .seed_type = "scan_progress" },
	[CHANGED] = { .name = "spot.inventory_changed", .doc = "A scan found "
	    "instances that are new, changed or gone",
	    .payload = &change_schema, .permission = "spot:read",
	    .seed_type = "inventory_changed" },
	[CREDENTIAL] = { .name = "spot.credential_state", .doc = "The cloud "
	    "accepts or refuses an account's credentials",
	    .payload = &failing_schema, .permission = "spot:read",
	    .flags = EV_STATE, .seed_type = "credential_state" },
	EVENT_END
};

static int
tell(struct db *db, int which, struct uuid tenant, struct uuid about,
    const void *payload, struct err *e)
{
	char id[UUID_TEXT];

	return event_publish(db, &spot_scan_events[which], tenant,
	    uuid_format(about, id), 0, payload, e);
}

int
spot_scan_progress(struct db *db, const struct spot_scan *s, int64_t done,
    int64_t whole, int64_t total, struct err *e)
{
	struct progress p = { s->id, s->account_id, s->kind, done, whole,
	    total, total > 0 ? (double)whole / (double)total : 0 };

	return tell(db, PROGRESS, s->tenant_id, s->id, &p, e);
}

int
spot_scan_tell(struct db *db, const struct spot_scan *s, struct err *e)
{
	struct change c = { s->id, s->account_id, s->instances, s->added,
	    s->changed, s->gone, s->coverage };

	return tell(db, CHANGED, s->tenant_id, s->account_id, &c, e);
}

int
spot_credential_failed(struct db *db, const struct spot_account *x,
    const char *state, const char *error, struct utc now, struct err *e)
{
	struct failing f = { x->id, x->name, state, "", error };

	if (spot_credential_state(db, x->id, state, error, now, e) == -1)
		return -1;
	if (x->credential_state != NULL && strcmp(x->credential_state,
	    state) == 0)
		return 0;
	return tell(db, CREDENTIAL, x->tenant_id, x->id, &f, e);
}

int
spot_credential_tell(struct db *db, const struct spot_account *x,
    const char *state, const char *missing, struct err *e)
{
	struct failing f = { x->id, x->name, state, missing, "" };

	return tell(db, CREDENTIAL, x->tenant_id, x->id, &f, e);
}
