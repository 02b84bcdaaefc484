/*
 * From the segment into the table. An error path only notes (platform_error_
 * log); the loop writes. Refuses new kinds beyond ERROR_KINDS. Invariant: a
 * count is reported to the segment only after its transaction committed, so
 * that a lost commit answer may count twice but never loses.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/redact.h"
#include "crypto/crypto.h"
#include "modules/platform/error.h"
#include "modules/platform/sample.h"
#include "modules/platform/setting.h"

const struct metric platform_error_dropped = { "error_kinds_dropped_total",
	"Kinds of errors for which the table had no room", METRIC_COUNTER,
	{ NULL, NULL } };

enum { NEW, REGRESSED };
const struct event platform_error_events[] = {
	[NEW] = { .name = "error.new", .doc = "A kind of error that nobody "
	    "has seen before", .payload = &platform_error_schema,
	    .permission = "system:logs", .flags = EV_ALL },
	[REGRESSED] = { .name = "error.regressed", .doc = "A resolved error "
	    "came back", .payload = &platform_error_schema,
	    .permission = "system:logs", .flags = EV_ALL },
	EVENT_END
};

/* ---- noting ---------------------------------------------------------------------- */

static const char *
text_of(const struct kv *kv, size_t n, const char *key, const char *otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(kv[i].key, key) == 0 && kv[i].v.type == VT_STR &&
		    kv[i].v.s.n > 0)
			return kv[i].v.s.p;
	return otherwise;
}

void
platform_error_log(const char *component, const char *msg,
    const struct kv *kv, size_t n)
{
	const char *place = text_of(kv, n, "route", text_of(kv, n, "type",
	    text_of(kv, n, "loop", text_of(kv, n, "program", component))));
	const char *code = text_of(kv, n, "error", text_of(kv, n, "code", ""));
	const char *why = text_of(kv, n, "cause", text_of(kv, n, "detail",
	    ""));
	char cause[200], message[400];

	redact_copy(why, cause, sizeof(cause));
	snprintf(message, sizeof(message), "%s%s%s", msg,
	    cause[0] != '\0' ? ": " : "", cause);
	shm_fault_note(place, code, message, cause, log_request_id());
}

/* ---- writing ---------------------------------------------------------------------- */

struct uuid
platform_error_id(const char *place, const char *code, const char *message)
{
	char text[512];
	uint8_t digest[SHA256_LEN];
	struct uuid id;
	int n = snprintf(text, sizeof(text), "%s\n%s\n%s", place, code,
	    message);

	crypto_sha256(text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) -
	    1, digest);
	memcpy(id.b, digest, sizeof(id.b));
	return id;
}

struct drain {
	struct arena *a;
	const struct shm_fault *f;
	bool full;
};

/* About the installation: its own stream, told to whoever may read logs. */
static int
tell(struct db *db, int which, const struct platform_error *x, struct err *e)
{
	char id[UUID_TEXT];

	return event_publish(db, &platform_error_events[which],
	    (struct uuid){ { 0 } }, uuid_format(x->id, id), x->version, x, e);
}

static int
insert(struct db *db, struct platform_error *x, const struct shm_fault *f,
    int64_t n, struct err *e)
{
	x->place = f->place;
	x->code = f->code;
	x->message = f->message;
	x->status = "open";
	x->status_by = "";
	x->first_at = f->first;
	x->count = n;
	x->version = 1;
	if (platform_error_insert(db, x, e) == -1)
		return -1;
	return tell(db, NEW, x, e);
}

static int
write_one(struct db *db, void *arg, struct err *e)
{
	struct drain *d = arg;
	const struct shm_fault *f = d->f;
	struct uuid id = platform_error_id(f->place, f->code, f->message);
	struct platform_error x = { .count = 0 };
	int64_t n = (int64_t)(f->count - f->reported);
	bool back;
	int rc = platform_error_by_id(db, d->a, id, true, &x, e);

	if (rc == -1)
		return -1;
	if (rc == 1 && d->full) {
		metric_add(&platform_error_dropped, 0, 0, 1);
		return 0;
	}
	back = rc == 0 && strcmp(x.status, "resolved") == 0 &&
	    f->last.us > x.status_at.us;
	x.id = id;
	x.cause = f->cause;
	x.host = platform_host_name();
	x.request_id = f->request_id;
	x.last_at.us = f->last.us > x.last_at.us ? f->last.us : x.last_at.us;
	if (rc == 1)
		return insert(db, &x, f, n, e);
	x.count += n;
	x.version++;
	if (back) {
		x.status = "open";
		x.status_at = f->last;
		x.status_by = "";
		x.regressions++;
	}
	if (platform_error_update(db, &x, e) == -1)
		return -1;
	return back ? tell(db, REGRESSED, &x, e) : 0;
}

int
platform_error_drain(struct env *env, struct arena *a, size_t *written,
    struct err *e)
{
	struct shm_fault *f = arena_array(a, SHM_FAULTS, sizeof(*f));
	size_t n = shm_faults(env->shm, f, SHM_FAULTS);
	struct drain d = { .a = a };
	int64_t kinds = -1;

	*written = 0;
	for (size_t i = 0; i < n; i++) {
		if (f[i].count == f[i].reported) {
			shm_fault_reported(env->shm, &f[i]);
			continue;
		}
		if (kinds == -1 && platform_error_count(env->db, a, &kinds,
		    e) == -1)
			return -1;
		d.f = &f[i];
		d.full = kinds >= ERROR_KINDS;
		if (db_txn(env->db, a, write_one, &d, e) == -1)
			return -1;
		shm_fault_reported(env->shm, &f[i]);
		++*written;
		kinds++;
	}
	return 0;
}

int
platform_error_set(struct db *db, struct arena *a, struct uuid id,
    const char *status, const char *by, struct utc now,
    struct platform_error *out, struct err *e)
{
	if (db_found(platform_error_by_id(db, a, id, true, out, e), "Error",
	    e) == -1)
		return -1;
	out->status = status;
	out->status_at = now;
	out->status_by = by;
	out->version++;
	return platform_error_update(db, out, e);
}
