/*
 * Moves against MariaDB and a cloud in this process, with a ledger of its own
 * in memory that outlives a killed worker: the saga is killed before and after
 * every call it makes, loses the database at its statements, meets what goes
 * wrong in a group, and leaves exactly one replacement, the group as it was,
 * no orphan, and nothing of anybody else's touched.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "modules/auth/auth.h"
#include "modules/platform/approval.h"
#include "modules/platform/switch.h"
#include "modules/spot/account.h"
#include "modules/spot/conf.h"
#include "modules/spot/move_inner.h"
#include "modules/spot/spot.h"
#include "net/net.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/step.h"

#include <cmocka.h>	/* last: it takes the name fail() */

#define DB "test_spot_move"
#define KEY "a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="
#define REGION "us-east-1"

static const struct module *const mods[] = { &auth_module,
    &platform_module, &spot_module, NULL };
static const struct settings *const all_settings[] = { &base_settings,
    &spot_settings, &spot_move_settings, &net_settings, &auth_settings, NULL };

static struct arena *a;
static struct env env;
static struct err err;
static struct principal one = { .kind = PRINCIPAL_USER, .name = "one",
    .user_id = { { 1 } } };
static struct spot_account acc;

/* ---- a cloud ---------------------------------------------------------------------- */

enum { MACHINES = 64, LINES = 400 };

struct machine {
	char id[24], type[24], az[24], token[65], asg[32], state[16];
	char tags[600], shape[700];
	bool member, healthy, protected;
	struct utc launched;
	int ended;			/* times it was told to end */
};
struct cloud {
	struct machine m[MACHINES];
	int n, launched;
	struct { bool there; int64_t min, max, desired; char zones[64],
	    suspended[64]; } group;
	char log[LINES][96];
	int lines;
	/* what goes wrong */
	int calls, kill_at;		/* the n-th call … */
	bool kill_after;		/* … before or after its effect */
	bool full, revoked, sick, slow;
	char stack[64], stack_status[64], user_data[32];
	int volumes;			/* of each machine */
	int lost_answer;		/* the n-th change answers nothing */
	int changes, gone_at, stop_at;	/* at the n-th call */
};
static struct cloud *fake;		/* shared with the workers */

static void press_stop(void);

__attribute__((format(printf, 1, 2))) static void
note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake->log[fake->lines++ % LINES], sizeof(fake->log[0]), fmt,
	    ap);
	va_end(ap);
}

static int
enter(struct err *e)
{
	fake->calls++;
	if (fake->calls == fake->kill_at && !fake->kill_after)
		raise(SIGKILL);
	if (fake->calls == fake->gone_at) {
		fake->group.there = false;
		for (int i = 0; i < fake->n; i++)
			if (fake->m[i].member) {
				strcpy(fake->m[i].state, "terminated");
				fake->m[i].member = false;
			}
	}
	if (!fake->revoked)
		return 0;
	return err_set(e, 401, "aws_auth", "The key was revoked");
}

static int
leave(struct err *e, bool change)
{
	if (fake->calls == fake->kill_at && fake->kill_after)
		raise(SIGKILL);
	if (fake->calls == fake->stop_at)
		press_stop();
	if (change && ++fake->changes == fake->lost_answer)
		return err_set(e, 503, "aws_transient", "No answer");
	return 0;
}

static struct machine *
machine(const char *id)
{
	for (int i = 0; i < fake->n; i++)
		if (strcmp(fake->m[i].id, id) == 0)
			return &fake->m[i];
	return NULL;
}

static bool
runs(const struct machine *m)
{
	return strcmp(m->state, "running") == 0;
}

static struct machine *
add_machine(const char *type, const char *az, const char *asg,
    const char *tags)
{
	struct machine *m = &fake->m[fake->n++];

	*m = (struct machine){ .healthy = true, .member = *asg != '\0',
	    .launched = clock_now() };
	snprintf(m->id, sizeof(m->id), "i-%016x", fake->n);
	snprintf(m->type, sizeof(m->type), "%s", type);
	snprintf(m->az, sizeof(m->az), "%s", az);
	snprintf(m->asg, sizeof(m->asg), "%s", asg);
	snprintf(m->tags, sizeof(m->tags), "%s", tags);
	strcpy(m->state, "running");
	return m;
}

static const char *
tags_text(const struct spot_launch *l)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '{');
	for (size_t i = 0; i < l->ntags; i++) {
		str_add(&s, i > 0 ? "," : "");
		str_json(&s, l->tags[i].name);
		str_addc(&s, ':');
		str_json(&s, l->tags[i].value);
	}
	str_addc(&s, '}');
	return s.p;
}

static int
fake_launch(struct spot_access *x, struct arena *to,
    const struct spot_launch *l, struct spot_launched *out, struct err *e)
{
	char shape[700];
	struct machine *m = NULL;

	(void)x, (void)to;
	*out = (struct spot_launched){ .instance_id = "" };
	if (enter(e) == -1)
		return -1;
	if (spot_launch_problem(l) != NULL)
		return err_set(e, 500, "aws_bug", "%s",
		    spot_launch_problem(l));
	if (l->dry_run)
		return leave(e, false);
	snprintf(shape, sizeof(shape), "%s %s %s %s %zu %s %s %s %s %s",
	    l->places[0].type, l->places[0].az, l->places[0].subnet,
	    l->lifecycle, l->nplaces, tags_text(l), l->image_id,
	    l->security_groups[0] != NULL ? l->security_groups[0] : "-",
	    l->profile, l->user_data != NULL ? l->user_data : "-");
	for (int i = 0; i < fake->n; i++)
		if (strcmp(fake->m[i].token, l->token) == 0)
			m = &fake->m[i];
	if (m != NULL && strcmp(m->shape, shape) != 0)
		return err_set(e, 400, "aws_mismatch", "Other parameters");
	if (m == NULL && fake->full) {
		note("full %s", l->lifecycle);
		return err_set(e, 409, "aws_capacity", "No capacity");
	}
	if (m == NULL) {
		m = add_machine(l->places[0].type, l->places[0].az, "",
		    tags_text(l));
		snprintf(m->token, sizeof(m->token), "%s", l->token);
		snprintf(m->shape, sizeof(m->shape), "%s", shape);
		fake->launched++;
		note("launch %s", m->id);
	}
	*out = (struct spot_launched){ .instance_id = m->id, .type = m->type,
	    .az = m->az, .lifecycle = l->lifecycle, .token = m->token };
	return leave(e, true);
}

static int
fake_terminate(struct spot_access *x, struct arena *to,
    const struct spot_ids *ids, bool dry, struct err *e)
{
	(void)x, (void)to;
	if (enter(e) == -1)
		return -1;
	for (size_t i = 0; i < ids->n && !dry; i++) {
		struct machine *m = machine(ids->ids[i]);

		if (m == NULL)
			return err_set(e, 400, "aws_gone", "No such instance");
		m->ended++;
		strcpy(m->state, "terminated");
		m->member = false;
		note("terminate %s", m->id);
	}
	return leave(e, true);
}

static bool
wanted(const struct spot_find *f, const struct machine *m)
{
	bool id = f->n == 0;

	for (size_t i = 0; i < f->n; i++)
		id = id || strcmp(f->ids[i], m->id) == 0;
	if (!id || (!f->dead && !runs(m)))
		return false;
	return f->tag == NULL || strstr(m->tags, arena_printf(a,
	    "\"%s\":\"%s\"", f->tag, f->value)) != NULL;
}

static int
fake_describe(struct spot_access *x, struct arena *to,
    const struct spot_find *f, struct list *out, struct err *e)
{
	struct ec2_instance *v = arena_array(to, MACHINES, sizeof(*v));
	size_t n = 0;

	(void)x;
	if (enter(e) == -1)
		return -1;
	for (int i = 0; i < fake->n; i++) {
		struct machine *m = &fake->m[i];

		if (wanted(f, m))
			v[n++] = (struct ec2_instance){ .instance_id = m->id,
			    .instance_type = m->type, .az = m->az,
			    .state = m->state, .lifecycle = "spot",
			    .asg = m->member ? m->asg : "", .tags = m->tags,
			    .token = m->token, .launched_at = m->launched,
			    .image_id = "ami-1", .subnet_id = "subnet-1",
			    .groups = "sg-1,sg-2", .profile = "arn:role",
			    .key_name = "", .volumes = fake->volumes,
			    .vpc_id = "vpc-1", .architecture = "x86_64" };
	}
	*out = (struct list){ v, n };
	return leave(e, false);
}

static int
fake_user_data(struct spot_access *x, struct arena *to, const char *region,
    const char *id, const char **text, struct err *e)
{
	(void)x, (void)region, (void)id;
	if (enter(e) == -1)
		return -1;
	*text = arena_strdup(to, fake->user_data);
	if (*fake->user_data != '?')
		return leave(e, false);
	return leave(e, false) == -1 ? -1 : err_set(e, 502, "aws_denied",
	    "AWS: AccessDenied");
}

static int
fake_status(struct spot_access *x, struct arena *to,
    const struct spot_ids *ids, struct list *out, struct err *e)
{
	struct spot_status *v = arena_array(to, ids->n, sizeof(*v));
	size_t n = 0;

	(void)x;
	if (enter(e) == -1)
		return -1;
	for (size_t i = 0; i < ids->n; i++) {
		struct machine *m = machine(ids->ids[i]);
		bool ok = m != NULL && runs(m) && !fake->sick;

		if (m != NULL)
			v[n++] = (struct spot_status){ .instance_id = m->id,
			    .az = m->az, .state = m->state, .ok = ok,
			    .system = ok ? "ok" : "initializing",
			    .instance = ok ? "ok" : "initializing",
			    .event = "" };
	}
	*out = (struct list){ v, n };
	return leave(e, false);
}

static int
fake_tag(struct spot_access *x, struct arena *to, const struct spot_ids *ids,
    const struct pair *p, size_t n, struct err *e)
{
	struct machine *m;
	char *at;

	(void)x, (void)to, (void)n;
	if (enter(e) == -1)
		return -1;
	m = machine(ids->ids[0]);
	if (m == NULL || !runs(m))
		return err_set(e, 400, "aws_gone", "No such instance");
	/* the value in place; it is shorter */
	at = strstr(m->tags, p->name);
	if (at != NULL) {
		char rest[600];
		char *from = at + strlen(p->name) + 3;

		snprintf(rest, sizeof(rest), "%s", strchr(from, '"'));
		snprintf(from, sizeof(m->tags) - (size_t)(from - m->tags),
		    "%s%s", p->value, rest);
	}
	note("tag %s", m->id);
	return leave(e, true);
}

static int
no_group(struct err *e)
{
	return err_set(e, 400, "aws_gone", "No such group");
}

static int
fake_group(struct spot_access *x, struct arena *to, const char *region,
    const char *name, struct spot_group *out, struct err *e)
{
	struct spot_member *v = arena_array(to, MACHINES, sizeof(*v));
	size_t n = 0;

	(void)x, (void)region;
	if (enter(e) == -1)
		return -1;
	if (!fake->group.there)
		return leave(e, false) == -1 ? -1 : 1;
	for (int i = 0; i < fake->n; i++) {
		struct machine *m = &fake->m[i];

		if (m->member)
			v[n++] = (struct spot_member){ .instance_id = m->id,
			    .type = m->type, .az = m->az,
			    .state = runs(m) && (!fake->slow ||
			    *m->token == '\0') ? "InService" : "Pending", .healthy = m->healthy,
			    .protected = m->protected, .template_id = "lt-1",
			    .template_version = "1" };
	}
	*out = (struct spot_group){ .name = name, .arn = "",
	    .min = fake->group.min, .max = fake->group.max,
	    .desired = fake->group.desired, .health_type = "EC2",
	    .suspended = fake->group.suspended, .status = "",
	    .zones = fake->group.zones, .subnets = "subnet-1",
	    .template_id = "lt-1", .template_version = "1",
	    .stack_id = arena_strdup(to, fake->stack),
	    .tags = "{}", .members = { v, n } };
	return leave(e, false);
}

static int
fake_stack(struct spot_access *x, struct arena *to, const char *region,
    const char *id, const char **status, struct err *e)
{
	(void)x, (void)region, (void)id;
	if (enter(e) == -1)
		return -1;
	*status = arena_strdup(to, fake->stack_status);
	if (*fake->stack_status != '?')
		return leave(e, false);
	return leave(e, false) == -1 ? -1 : err_set(e, 502, "aws_denied",
	    "AWS: AccessDenied");
}

static int
fake_resize(struct spot_access *x, struct arena *to, const char *region,
    const char *name, const struct spot_resize *r, struct err *e)
{
	(void)x, (void)to, (void)region, (void)name;
	if (enter(e) == -1)
		return -1;
	if (!fake->group.there)
		return no_group(e);
	if (r->max != SPOT_KEEP)
		fake->group.max = r->max;
	if (r->desired != SPOT_KEEP)
		fake->group.desired = r->desired;
	note("resize max %lld desired %lld", (long long)r->max,
	    (long long)r->desired);
	return leave(e, true);
}

static int
fake_attach(struct spot_access *x, struct arena *to, const char *name,
    const struct spot_ids *ids, struct err *e)
{
	struct machine *m;

	(void)x, (void)to;
	if (enter(e) == -1)
		return -1;
	m = machine(ids->ids[0]);
	if (!fake->group.there || m == NULL)
		return no_group(e);
	if (m->member || fake->group.desired + 1 > fake->group.max)
		return err_set(e, 400, "aws_state", m->member ?
		    "Is a member" : "Above the maximum");
	m->member = true;
	snprintf(m->asg, sizeof(m->asg), "%s", name);
	fake->group.desired++;
	note("attach %s", m->id);
	return leave(e, true);
}

static int
out_of_group(struct machine *m, bool decrement, struct err *e)
{
	if (!fake->group.there || m == NULL || !m->member)
		return err_set(e, 400, "aws_gone", "Not in the group");
	if (decrement && fake->group.desired <= fake->group.min)
		return err_set(e, 400, "aws_state", "At the minimum");
	m->member = false;
	if (decrement)
		fake->group.desired--;
	return 0;
}

static int
fake_detach(struct spot_access *x, struct arena *to, const char *name,
    const struct spot_ids *ids, bool decrement, struct err *e)
{
	(void)x, (void)to, (void)name;
	if (enter(e) == -1 || out_of_group(machine(ids->ids[0]), decrement,
	    e) == -1)
		return -1;
	note("detach %s", ids->ids[0]);
	return leave(e, true);
}

static int
fake_end_in_group(struct spot_access *x, struct arena *to,
    const char *region, const char *id, bool decrement, struct err *e)
{
	struct machine *m;

	(void)x, (void)to, (void)region;
	if (enter(e) == -1)
		return -1;
	m = machine(id);
	if (out_of_group(m, decrement, e) == -1)
		return -1;
	m->ended++;
	strcpy(m->state, "terminated");
	note("end %s", id);
	return leave(e, true);
}

static const struct spot_acts acts = { .launch = fake_launch,
    .terminate = fake_terminate, .describe = fake_describe,
    .user_data = fake_user_data, .status = fake_status, .tag = fake_tag, .group = fake_group,
    .stack = fake_stack, .group_resize = fake_resize, .attach = fake_attach,
    .detach = fake_detach, .terminate_in_group = fake_end_in_group };

/* ---- the fixture ------------------------------------------------------------------ */

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

static int64_t
number(const char *sql)
{
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

static void
boot(void)
{
	const char *over[] = { "spot.move_poll=0", "spot.sim_boot=0", "spot.orphan_after=0",
	    "spot.launches_per_hour=100000",
	    "spot.launches_per_hour_all=100000",
	    "spot.spend_per_day=10000000",
	    "spot.spend_per_day_all=10000000", NULL };
	char *const none[] = { NULL };
	struct keyring *ring;
	struct conf *conf;

	env = (struct env){ .a = arena_new(64 << 20), .modules = mods,
	    .program = "test", .process = uuid_new() };
	good(conf_load(&conf, env.a, all_settings, &(struct conf_source){
	    .file = "/none", .env = none, .overrides = over }, &err));
	env.conf = conf;
	good(keyring_open(&ring, env.a, KEY, &err));
	env.keys = ring;
	good(net_open(&env.net, env.a, conf_get(conf, &net_settings), NULL,
	    &err));
	env.db = mariadb_open(env.a, DB);
}

static int
setup(void **state)
{
	struct spot_connect n = { .name = "fleet",
	    .connection_method = "simulated" };

	(void)state;
	a = arena_new((size_t)512 << 20);
	fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fake == MAP_FAILED || !mariadb_start())
		return -1;
	mariadb_migrated(DB, NULL);
	boot();
	one.tenant_id = uuid_new();
	mariadb_sql(DB, arena_printf(a, "INSERT INTO auth_tenant (id, name, "
	    "active, created_at, updated_at) VALUES (X'%s', 'one', 1, "
	    "NOW(6), NOW(6))", mariadb_hex(a, one.tenant_id)));
	good(spot_account_make(&env, a, &one, &n, clock_now(), &acc, &err));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	db_close(env.db);
	arena_free(env.a);
	arena_free(a);
	return 0;
}

/* A group of three, at its maximum, and three machines of other people. */
static int
fresh(void **state)
{
	(void)state;
	memset(fake, 0, sizeof(*fake));
	mariadb_sql(DB, "DELETE FROM spot_move; DELETE FROM spot_move_group; "
	    "DELETE FROM spot_budget; UPDATE platform_switch SET stopped = 0; "
	    "UPDATE spot_credential SET state = 'ok'; "
	    "UPDATE platform_installation SET epoch = 1, restored_at = NULL, "
	    "confirmed_at = NULL; "
	    "DELETE FROM events_outbox; DELETE FROM jobs_ready; "
	    "DELETE FROM jobs_delayed; DELETE FROM jobs_unique; "
	    "DELETE FROM jobs_attempt; DELETE FROM jobs_job");
	fake->group.there = true;
	fake->group.min = 1;
	fake->group.max = fake->group.desired = 3;
	strcpy(fake->group.zones, "us-east-1a,us-east-1b");
	for (int i = 0; i < 3; i++)
		add_machine("m5.large", "us-east-1a", "web",
		    "{\"Name\":\"w\",\"aws:x\":\"y\"}");
	return 0;
}

#define OLD (fake->m[0].id)

static const struct spot_move_pool pools[] = {
	{ .az = "us-east-1b", .instance_type = "m5.large",
	  .price = { DEC_ONE / 25 } },
	{ .az = "us-east-1a", .instance_type = "c5.large",
	  .price = { DEC_ONE / 20 } },
	{ .az = "us-east-1a", .instance_type = "m5.large",
	  .lifecycle = "on-demand", .price = { DEC_ONE / 10 } }
};

static struct spot_move_new
wish(const char *kind, const char *target)
{
	return (struct spot_move_new){ .env = &env,
	    .tenant = one.tenant_id, .account = acc.id, .kind = kind,
	    .reason = "test", .region = REGION, .target = target,
	    .pools = pools, .npools = 3, .by = &one };
}

static int
reserve_txn(struct db *db, void *arg, struct err *e)
{
	return spot_move_reserve(db, a, arg, e);
}

static int
propose_txn(struct db *db, void *arg, struct err *e)
{
	return spot_move_propose(db, a, arg, e);
}

static struct uuid
reserve(struct spot_move_new *n)
{
	good(db_txn(env.db, a, reserve_txn, n, &err));
	return n->id;
}

static struct spot_move
move(struct uuid id)
{
	struct spot_move m;

	good(spot_move_by_id(env.db, a, one.tenant_id, id, &m, &err));
	return m;
}

/* The dispatcher's part: the move's job is running, under a new token. */
static struct job_ctx
claim(struct uuid id, struct db *db)
{
	struct spot_move m = move(id);

	mariadb_sql(DB, arena_printf(a, "UPDATE jobs_job SET state = 5, "
	    "token = token + 1 WHERE id = X'%s' AND state < 10",
	    mariadb_hex(a, m.job_id)));
	return (struct job_ctx){ .env = &env, .a = a, .db = db,
	    .tenant = one.tenant_id, .id = m.job_id, .attempt = 1,
	    .tries = 50, .type = "spot.move", .token = number(arena_printf(a,
	    "SELECT token FROM jobs_job WHERE id = X'%s'",
	    mariadb_hex(a, m.job_id))) };
}

static enum job_rc
work(struct uuid id)
{
	struct job_ctx c = claim(id, env.db);

	return spot_move_run(&c, id, &acts);
}

static bool
open_move(const struct spot_move *m)
{
	return m->ended_at.us == 0 && strcmp(m->state, "parked") != 0;
}

/* Runs until it is over; tries that fail are tried again. */
static struct spot_move
finish(struct uuid id)
{
	struct spot_move m = move(id);

	for (int i = 0; i < 100 && open_move(&m); i++) {
		(void)work(id);
		m = move(id);
	}
	if (open_move(&m))
		fail_msg("still %s at %s: %s %s", m.state, m.step_name,
		    m.error_code, m.error);
	return m;
}

static struct spot_swept
sweep(void)
{
	struct spot_swept s;

	good(spot_move_sweep(&env, a, &acts, &s, &err));
	assert_int_equal(s.failed, 0);
	return s;
}

static int
running(void)
{
	int n = 0;

	for (int i = 0; i < fake->n; i++)
		n += runs(&fake->m[i]);
	return n;
}

static int
members(void)
{
	int n = 0;

	for (int i = 0; i < fake->n; i++)
		n += fake->m[i].member && runs(&fake->m[i]);
	return n;
}

static void
told(const char *what)
{
	fprintf(stderr, "%s\n", what);
	for (int i = 0; i < fake->lines && i < LINES; i++)
		fprintf(stderr, "  %s\n", fake->log[i]);
}

#define MUST(x) do { if (!(x)) { told(what); \
	fail_msg("%s: %s", what, #x); } } while (0)

/* What holds however the move went. */
static void
whole(const char *what)
{
	MUST(fake->group.max == 3);
	MUST(fake->group.desired == 3);
	MUST(members() == 3);
	MUST(running() == 3);
	for (int i = 1; i < 3; i++)
		MUST(fake->m[i].ended == 0);
	MUST(number("SELECT COUNT(*) FROM spot_move_group") == 0);
}

static void
swapped(const char *what, const struct spot_move *m)
{
	MUST(strcmp(m->state, "succeeded") == 0);
	whole(what);
	MUST(!runs(&fake->m[0]));
	MUST(fake->m[0].ended == 1);
	MUST(machine(m->new_instance) != NULL && machine(
	    m->new_instance)->member);
}

static void
unchanged(const char *what, const struct spot_move *m)
{
	MUST(strcmp(m->state, "failed") == 0 ||
	    strcmp(m->state, "cancelled") == 0);
	whole(what);
	MUST(fake->m[0].ended == 0);
}

/* ---- the plain ways ---------------------------------------------------------------- */

static void
a_member_is_replaced(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct uuid id = reserve(&n);
	struct spot_move m;
	struct rows steps;

	(void)state;
	assert_string_equal(n.state, "ready");
	m = finish(id);
	swapped("plain", &m);
	assert_string_equal(m.new_pool, "us-east-1b:m5.large");
	assert_int_equal(fake->launched, 1);
	good(spot_move_steps(env.db, a, one.tenant_id, id, &steps, &err));
	assert_int_equal(steps.n, 10);
	assert_string_equal(ROW(&steps, struct spot_move_step, 1)->token,
	    machine(m.new_instance)->token);
	/* its people's tags are copied, the cloud's own are not */
	assert_non_null(strstr(machine(m.new_instance)->tags,
	    "\"Name\":\"w\""));
	assert_null(strstr(machine(m.new_instance)->tags, "aws:x"));
	/* the tag is handed over: no sweep looks at it again */
	assert_non_null(strstr(machine(m.new_instance)->tags,
	    "\"quincunx:move\":\"kept\""));
	assert_int_equal(sweep().ended, 0);
	assert_int_equal(number("SELECT COUNT(*) FROM platform_decision "
	    "WHERE kind = 'move' AND outcome = 'succeeded'"), 1);
}

static void
one_of_one(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct spot_move m;

	(void)state;
	fake->m[1].member = fake->m[2].member = false;
	fake->group.min = fake->group.max = fake->group.desired = 1;
	m = finish(reserve(&n));
	assert_string_equal(m.state, "succeeded");
	assert_int_equal(fake->group.max, 1);
	assert_int_equal(fake->group.desired, 1);
	assert_int_equal(members(), 1);
}

static void
a_machine_of_its_own(void **state)
{
	struct machine *lone = add_machine("m5.large", "us-east-1a", "", "{}");
	struct spot_move_new n = wish("replace", lone->id);
	struct spot_move m = finish(reserve(&n));

	(void)state;
	assert_string_equal(m.state, "succeeded");
	assert_false(runs(lone));
	assert_true(runs(machine(m.new_instance)));
	assert_int_equal(sweep().ended, 0);
	assert_true(runs(machine(m.new_instance)));
	assert_int_equal(members(), 3);
}

/* Made without a template: a copy with all that its shape has, the same at
 * each send; and what cannot be copied is refused. */
static void
a_copy(void **state)
{
	struct machine *lone = add_machine("m5.large", "us-east-1a", "", "{}");
	struct spot_move_new n = wish("replace", lone->id);
	struct spot_move m;

	(void)state;
	snprintf(fake->user_data, sizeof(fake->user_data), "IyEvYmluL3No");
	fake->volumes = 2;
	m = finish(reserve(&n));
	assert_string_equal(m.error_code, "own_volumes");
	fake->volumes = 1;
	snprintf(fake->user_data, sizeof(fake->user_data), "?");
	n = wish("replace", lone->id);
	m = finish(reserve(&n));
	assert_string_equal(m.error_code, "no_template");
	assert_int_equal(fake->launched, 0);
	snprintf(fake->user_data, sizeof(fake->user_data), "IyEvYmluL3No");
	n = wish("replace", lone->id);
	fake->changes = 0;
	fake->lost_answer = 1;		/* of the launch: it is sent again */
	m = finish(reserve(&n));
	assert_string_equal(m.state, "succeeded");
	assert_int_equal(fake->launched, 1);
	assert_non_null(strstr(machine(m.new_instance)->shape,
	    "ami-1 sg-1 arn:role IyEvYmluL3No"));
	/* it may hold secrets */
	assert_int_equal(number("SELECT COUNT(*) FROM spot_move WHERE places "
	    "LIKE '%IyEvYmlu%' OR plan LIKE '%IyEvYmlu%'") + number("SELECT "
	    "COUNT(*) FROM spot_move_step WHERE request LIKE '%IyEvYmlu%'"),
	    0);
}

static void
kinds(void **state)
{
	struct machine *lone = add_machine("m5.large", "us-east-1a", "", "{}");
	struct spot_move_new t = wish("terminate", OLD),
	    l = wish("launch", lone->id), d = wish("drain", lone->id);
	struct spot_move m = finish(reserve(&t));

	(void)state;
	assert_string_equal(m.state, "succeeded");
	assert_int_equal(fake->group.desired, 2);
	m = finish(reserve(&l));
	assert_string_equal(m.state, "succeeded");
	assert_true(runs(lone) && runs(machine(m.new_instance)));
	/* the standby takes over */
	d = wish("replace", fake->m[1].id);
	d.adopt = m.new_instance;
	d.urgent = true;
	m = finish(reserve(&d));
	assert_string_equal(m.state, "succeeded");
	assert_int_equal(fake->launched, 1);
	assert_true(machine(m.new_instance)->member);
}

/* ---- killed at every call ------------------------------------------------------------ */

struct worker {
	struct uuid id;
};

static int
worker(void *arg)
{
	struct worker *w = arg;
	struct job_ctx c;

	db_forget(env.db);
	env.db = mariadb_open(env.a, DB);
	c = claim(w->id, env.db);
	(void)spot_move_run(&c, w->id, &acts);
	db_close(env.db);
	return 0;
}

/* A worker is killed at its k-th call; others finish the move. */
static bool
killed_at(int k, bool after, const char *kind)
{
	struct spot_move_new n;
	struct worker w;
	struct spot_move m;
	const char *what = arena_printf(a, "%s killed %s call %d", kind,
	    after ? "after" : "before", k);
	int rc;

	fresh(NULL);
	n = wish("replace", OLD);
	w.id = reserve(&n);
	fake->kill_at = k;
	fake->kill_after = after;
	if (strcmp(kind, "back") == 0)
		fake->slow = true;	/* never serves: all is undone */
	if (fake->slow)
		mariadb_sql(DB, "UPDATE spot_move SET deadline = NOW(6) + "
		    "INTERVAL 1 HOUR");
	rc = forked_wait(forked(worker, &w));
	fake->kill_at = 0;
	if (fake->slow)
		mariadb_sql(DB, "UPDATE spot_move SET deadline = NOW(6) - "
		    "INTERVAL 1 SECOND WHERE step = 5 OR step > 10");
	m = move(w.id);
	for (int i = 0; i < 100 && open_move(&m); i++) {
		(void)work(w.id);
		if (fake->slow)
			mariadb_sql(DB, "UPDATE spot_move SET deadline = "
			    "NOW(6) - INTERVAL 1 SECOND WHERE step = 5");
		m = move(w.id);
	}
	if (fake->slow)
		unchanged(what, &m);
	else
		swapped(what, &m);
	MUST(fake->launched <= 1);
	(void)sweep();
	whole(what);
	return rc == 1000 + SIGKILL;
}

static void
killed_anywhere(void **state)
{
	int k = 1, kills = 0;
	bool hit = true;

	(void)state;
	for (; hit; k++) {
		hit = killed_at(k, false, "forward");
		kills += hit;
		if (hit)
			kills += killed_at(k, true, "forward");
	}
	assert_true(kills >= 20);
	for (k = 1, hit = true; hit; k++) {
		hit = killed_at(k, k % 2 == 0, "back");
		kills += hit;
	}
	print_message("%d kills\n", kills);
}

/* ---- the database is lost ------------------------------------------------------------- */

static void
lost_statements(void **state)
{
	static const enum step_fault faults[] = { FAULT_CUT_BEFORE,
	    FAULT_CUT_AFTER, FAULT_DEADLOCK };
	size_t hits = 0;

	(void)state;
	for (size_t f = 0; f < 3; f++)
		for (size_t n = 1 + f; n < 1000; n += 11) {
			struct spot_move_new x;
			struct job_ctx c;
			struct uuid id;
			struct spot_move m;
			const char *what = arena_printf(a, "fault %zu at "
			    "statement %zu", f, n);
			size_t sent;

			fresh(NULL);
			x = wish("replace", OLD);
			id = reserve(&x);
			c = claim(id, env.db);
			step_fault(n, faults[f]);
			(void)spot_move_run(&c, id, &acts);
			sent = step_sent();
			step_fault(0, FAULT_NONE);
			m = finish(id);
			swapped(what, &m);
			MUST(fake->launched == 1);
			if (sent < n)
				break;
			hits++;
		}
	print_message("%zu faults\n", hits);
	assert_true(hits >= 20);
}

/* ---- answers that are lost ------------------------------------------------------------- */

static void
lost_answers(void **state)
{
	(void)state;
	for (int k = 1; k <= 6; k++) {
		struct spot_move_new n;
		struct spot_move m;
		const char *what = arena_printf(a, "answer %d lost", k);

		fresh(NULL);
		fake->lost_answer = k;
		n = wish("replace", OLD);
		m = finish(reserve(&n));
		swapped(what, &m);
		MUST(fake->launched == 1);
	}
}

/* ---- what can go wrong outside ---------------------------------------------------------- */

static void
no_room_anywhere(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct spot_move m;

	(void)state;
	fake->full = true;
	m = finish(reserve(&n));
	unchanged("full", &m);
	assert_string_equal(m.error_code, "no_capacity");
	/* spot pools together, then on demand; each once */
	assert_int_equal(fake->lines, 2);
	assert_string_equal(fake->log[1], "full on-demand");
	/* the money was not spent */
	assert_int_equal(number("SELECT SUM(spend * 1000) FROM spot_budget"),
	    0);
}

/* A group whose stack is being changed is not touched; one whose stack cannot
 * be seen neither, unless the machine goes anyway. */
static void
a_stack_that_changes(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct spot_move m;

	(void)state;
	snprintf(fake->stack, sizeof(fake->stack), "arn:stack");
	snprintf(fake->stack_status, sizeof(fake->stack_status),
	    "UPDATE_ROLLBACK_IN_PROGRESS");
	m = finish(reserve(&n));
	assert_string_equal(m.state, "failed");
	assert_string_equal(m.error_code, "stack_busy");
	snprintf(fake->stack_status, sizeof(fake->stack_status), "?");
	n = wish("replace", OLD);
	m = finish(reserve(&n));
	assert_string_equal(m.error_code, "stack_unseen");
	assert_int_equal(fake->launched, 0);
	/* at rest */
	snprintf(fake->stack_status, sizeof(fake->stack_status),
	    "UPDATE_COMPLETE");
	n = wish("replace", OLD);
	m = finish(reserve(&n));
	swapped("stack at rest", &m);
}

/* Under notice the machine goes whatever we may see. */
static void
a_stack_unseen_under_notice(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct spot_move m;

	(void)state;
	snprintf(fake->stack, sizeof(fake->stack), "arn:stack");
	snprintf(fake->stack_status, sizeof(fake->stack_status), "?");
	n.urgent = true;
	m = finish(reserve(&n));
	swapped("stack unseen", &m);
}

static void
the_group_goes_away(void **state)
{
	(void)state;
	for (int k = 1; k < 30; k++) {
		struct spot_move_new n;
		struct spot_move m;
		int all;

		fresh(NULL);
		fake->gone_at = k;
		n = wish("replace", OLD);
		m = finish(reserve(&n));
		all = fake->calls;
		fake->gone_at = 0;
		(void)sweep();
		if (running() != (all >= k ? 0 : 3)) {
			told("gone");
			fail_msg("gone at call %d of %d: %d run, %s %s", k,
			    all, running(), m.state, m.error);
		}
		if (all < k)
			return;
	}
}

static void
never_healthy(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct uuid id = reserve(&n);
	struct spot_move m;

	(void)state;
	fake->slow = true;
	(void)work(id);
	m = move(id);
	assert_int_equal(m.step, SM_SERVE);
	assert_int_equal(fake->group.max, 4);
	mariadb_sql(DB, "UPDATE spot_move SET deadline = NOW(6)");
	m = finish(id);
	unchanged("never serves", &m);
	assert_string_equal(m.error_code, "deadline");
	assert_int_equal(fake->launched, 1);
}

static void
under_notice_it_hurries(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct spot_move m;

	(void)state;
	n.urgent = true;
	n.deadline = (struct utc){ clock_now().us + 20 * US_PER_S };
	fake->sick = true;	/* its checks never pass in time */
	m = finish(reserve(&n));
	swapped("hurried", &m);
}

static void
the_old_one_dies_first(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct uuid id = reserve(&n);
	struct spot_move m;

	(void)state;
	fake->slow = true;
	(void)work(id);		/* attached, waits for service */
	fake->slow = false;
	strcpy(fake->m[0].state, "terminated");
	fake->m[0].member = false;
	m = finish(id);
	assert_string_equal(m.state, "succeeded");
	whole("died first");
}

static void
revoked(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct spot_move_new n;
		struct uuid id;
		struct spot_move m;

		fresh(NULL);
		n = wish("replace", OLD);
		id = reserve(&n);
		if (k == 1) {
			fake->slow = true;
			(void)work(id);
			fake->slow = false;
		}
		fake->revoked = true;
		m = finish(id);
		assert_string_equal(m.state, "parked");
		assert_string_equal(m.error_code, "aws_auth");
		assert_int_equal(number("SELECT COUNT(*) FROM "
		    "spot_credential WHERE state = 'invalid'"), 1);
		/* nothing goes on by itself, and nobody is told again */
		good(spot_move_upkeep(&env, a, &err));
		assert_string_equal(move(id).state, "parked");
		fake->revoked = false;
		mariadb_sql(DB, "UPDATE spot_credential SET state = 'ok', "
		    "checked_at = NOW(6) + INTERVAL 1 SECOND");
		good(spot_move_upkeep(&env, a, &err));
		m = finish(id);
		swapped("credentials are back", &m);
		assert_int_equal(number("SELECT COUNT(*) FROM events_outbox "
		    "WHERE body LIKE '%move.parked%'"), 1);
	}
}

/* ---- two at once ------------------------------------------------------------------------ */

static void
two_workers(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct uuid id = reserve(&n);
	struct job_ctx stale = claim(id, env.db), now = claim(id, env.db);
	struct spot_move m;

	(void)state;
	assert_int_equal(spot_move_run(&stale, id, &acts), JOB_RETRY);
	assert_string_equal(stale.err.code, "job_lost");
	assert_int_equal(fake->lines, 0);
	(void)spot_move_run(&now, id, &acts);
	m = finish(id);
	swapped("two workers", &m);
	assert_int_equal(fake->launched, 1);
	/* a second wish for the instance joins the first */
	fresh(NULL);
	n = wish("replace", OLD);
	id = reserve(&n);
	n = wish("replace", OLD);
	n.urgent = true;
	assert_true(uuid_equal(reserve(&n), id));
	assert_true(n.existing && move(id).urgent);
	m = finish(id);
	swapped("joined", &m);
}

/* Two members of one group, step by step in turns: the room is given back by
 * the last. */
static void
two_in_a_group(void **state)
{
	struct spot_move_new x = wish("replace", OLD),
	    y = wish("replace", fake->m[1].id);
	struct uuid p = reserve(&x), q = reserve(&y);
	struct spot_move m, k;
	int64_t room;

	(void)state;
	fake->slow = true;
	(void)work(p);
	(void)work(q);
	room = fake->group.max;
	assert_true(room >= 5);
	fake->slow = false;
	m = finish(p);
	assert_string_equal(m.state, "succeeded");
	assert_int_equal(fake->group.max, room);
	k = finish(q);
	assert_string_equal(k.state, "succeeded");
	assert_int_equal(fake->group.max, 3);
	assert_int_equal(fake->group.desired, 3);
	assert_int_equal(members(), 3);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_move_group"), 0);
}

/* ---- the stop switch --------------------------------------------------------------------- */

static void
press_stop(void)
{
	mariadb_sql(DB, "UPDATE platform_switch SET stopped = 1, "
	    "changed_by = 'test'");
	note("STOP");
}

/* From the stop on nothing is launched, attached or ended but what the move
 * had made itself. */
static void
nothing_after_stop(const char *what)
{
	bool stop = false;

	for (int i = 0; i < fake->lines; i++) {
		const char *l = fake->log[i];

		if (strcmp(l, "STOP") == 0)
			stop = true;
		else if (stop) {
			MUST(strncmp(l, "launch", 6) != 0);
			MUST(strncmp(l, "attach", 6) != 0);
			MUST(strncmp(l, "end", 3) != 0);
		}
	}
}

static void
stopped_anywhere(void **state)
{
	(void)state;
	for (int k = 1; k < 40; k++) {
		struct spot_move_new n;
		struct spot_move m;
		const char *what = arena_printf(a, "stopped at call %d", k);

		fresh(NULL);
		fake->stop_at = k;
		n = wish("replace", OLD);
		m = finish(reserve(&n));
		if (strcmp(m.state, "succeeded") == 0)
			swapped(what, &m);
		else
			unchanged(what, &m);
		nothing_after_stop(what);
		if (fake->calls < k)
			break;
	}
	fresh(NULL);
	press_stop();
	{
		struct spot_move_new n = wish("replace", OLD);

		reserve(&n);
		assert_string_equal(n.state, "refused");
		assert_string_equal(n.code, "stopped");
		assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 0);
		assert_int_equal(number("SELECT COUNT(*) FROM spot_move "
		    "WHERE state = 'refused' AND error <> ''"), 1);
	}
}

/* ---- caps ---------------------------------------------------------------------------------- */

static void
caps(void **state)
{
	struct spot_budget b = { .account_id = acc.id,
	    .tenant_id = one.tenant_id, .max_launches = 2,
	    .max_spend = { -DEC_ONE } };
	struct spot_move_new n;
	struct uuid nil = { { 0 } };

	(void)state;
	good(spot_budget_limit(env.db, a, &b, &err));
	for (int i = 0; i < 3; i++) {
		n = wish("replace", fake->m[i].id);
		reserve(&n);
	}
	assert_string_equal(n.state, "refused");
	assert_string_equal(n.code, "cap_launches");
	b.max_launches = -1;
	b.max_spend = (struct dec){ 5 * DEC_ONE };
	good(spot_budget_limit(env.db, a, &b, &err));
	n = wish("replace", fake->m[2].id);
	n.urgent = true;	/* a cap holds for what is urgent too */
	reserve(&n);
	assert_string_equal(n.code, "cap_spend");
	/* of the installation; what the account gave is given back */
	b = (struct spot_budget){ .max_launches = 2,
	    .max_spend = { -DEC_ONE } };
	good(spot_budget_limit(env.db, a, &b, &err));
	b = (struct spot_budget){ .account_id = acc.id,
	    .tenant_id = one.tenant_id, .max_launches = -1,
	    .max_spend = { -DEC_ONE } };
	good(spot_budget_limit(env.db, a, &b, &err));
	n = wish("replace", fake->m[2].id);
	reserve(&n);
	assert_string_equal(n.code, "cap_launches");
	good(spot_budget_get(env.db, a, one.tenant_id, acc.id, &b, &err));
	assert_int_equal(b.launches, 2);
	good(spot_budget_get(env.db, a, nil, nil, &b, &err));
	assert_int_equal(b.launches, 2);
}

/* ---- approvals ------------------------------------------------------------------------------ */

static struct platform_approval inbox;

static int
approve_txn(struct db *db, void *arg, struct err *e)
{
	static const char *const all[] = { "*", NULL };
	struct principal boss = { .kind = PRINCIPAL_USER, .name = "boss",
	    .user_id = { { 2 } }, .permissions = all };
	struct platform_verdict v = { inbox.id, *(bool *)arg, "",
	    inbox.plan_digest };

	boss.tenant_id = one.tenant_id;
	return platform_approval_decide(db, a, &boss, &v, clock_now(), &inbox,
	    e);
}

static int
start_txn(struct db *db, void *arg, struct err *e)
{
	struct spot_move m;

	return spot_move_start(&env, db, a, one.tenant_id,
	    *(struct uuid *)arg, "one", &m, e);
}

static struct uuid
proposal(void)
{
	struct spot_move_new n = wish("replace", OLD);

	n.approve = true;
	n.risk = RISK_MEDIUM;
	good(db_txn(env.db, a, propose_txn, &n, &err));
	good(platform_approval_by_id(env.db, a, one.tenant_id,
	    move(n.id).approval_id, &inbox, &err));
	return n.id;
}

static void
approvals(void **state)
{
	struct uuid id = proposal(), second;
	struct spot_move m;
	bool yes = true, no = false;

	(void)state;
	assert_int_equal(db_txn(env.db, a, start_txn, &id, &err), -1);
	assert_string_equal(err.code, "not_approved");
	err_clear(&err);
	good(spot_move_upkeep(&env, a, &err));
	assert_string_equal(move(id).state, "proposed");
	assert_int_equal(fake->calls, 0);
	second = proposal();	/* the older plan is moot */
	assert_string_equal(move(id).state, "cancelled");
	good(db_txn(env.db, a, approve_txn, &yes, &err));
	/* another plan than the one that was approved */
	mariadb_sql(DB, arena_printf(a, "UPDATE spot_move SET image_id = "
	    "'ami-evil' WHERE id = X'%s'", mariadb_hex(a, second)));
	good(spot_move_upkeep(&env, a, &err));
	m = move(second);
	assert_string_equal(m.state, "cancelled");
	assert_int_equal(fake->calls, 0);
	id = proposal();
	good(db_txn(env.db, a, approve_txn, &yes, &err));
	good(spot_move_upkeep(&env, a, &err));
	m = finish(id);
	swapped("approved", &m);
	fresh(NULL);
	id = proposal();
	good(db_txn(env.db, a, approve_txn, &no, &err));
	good(spot_move_upkeep(&env, a, &err));
	assert_string_equal(move(id).state, "cancelled");
}

static int
cancel_txn(struct db *db, void *arg, struct err *e)
{
	struct spot_move m;

	return spot_move_cancel(db, a, one.tenant_id, *(struct uuid *)arg,
	    "one", &m, e);
}

static void
cancelled(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct uuid id = reserve(&n);
	struct spot_move m;
	int64_t instances;

	(void)state;
	fake->slow = true;
	(void)work(id);
	assert_int_equal(spot_account_remove(&env, a, &one, acc.id,
	    &instances, &err), -1);
	assert_string_equal(err.code, "moves_run");
	err_clear(&err);
	good(db_txn(env.db, a, cancel_txn, &id, &err));
	fake->slow = false;
	m = finish(id);
	unchanged("cancelled", &m);
	assert_string_equal(m.state, "cancelled");
	assert_int_equal(db_txn(env.db, a, cancel_txn, &id, &err), -1);
	assert_string_equal(err.code, "over");
	err_clear(&err);
}

/* ---- the sweep --------------------------------------------------------------------------- */

static const char *
our_tags(const char *installation, int epoch, struct uuid id)
{
	char text[UUID_TEXT];

	return arena_printf(a, "{\"quincunx:installation\":\"%s\","
	    "\"quincunx:epoch\":\"%d\",\"quincunx:move\":\"%s\"}",
	    installation, epoch, uuid_format(id, text));
}

static void
orphans(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct uuid id = reserve(&n);
	struct platform_installation who;
	char self[UUID_TEXT], other[UUID_TEXT];
	struct machine *lost, *theirs, *old_epoch, *unknown, *live;
	struct spot_move_new x = wish("replace", fake->m[1].id);
	struct spot_swept s;

	(void)state;
	fake->full = true;
	(void)finish(id);		/* failed: what it made is an orphan */
	good(platform_installation(env.db, a, &who, &err));
	uuid_format(who.id, self);
	uuid_format(uuid_new(), other);
	lost = add_machine("m5.large", "us-east-1a", "", our_tags(self, 1,
	    id));
	theirs = add_machine("m5.large", "us-east-1a", "", our_tags(other, 1,
	    id));
	old_epoch = add_machine("m5.large", "us-east-1a", "", our_tags(self,
	    7, id));
	unknown = add_machine("m5.large", "us-east-1a", "", our_tags(self, 1,
	    uuid_new()));
	live = add_machine("m5.large", "us-east-1a", "", our_tags(self, 1,
	    reserve(&x)));
	/* a restore that nobody has confirmed: nothing at all */
	mariadb_sql(DB, "UPDATE platform_installation SET restored_at = "
	    "NOW(6)");
	assert_int_equal(sweep().ended, 0);
	mariadb_sql(DB, "UPDATE platform_installation SET confirmed_at = "
	    "NOW(6)");
	press_stop();
	assert_int_equal(sweep().ended, 0);
	mariadb_sql(DB, "UPDATE platform_switch SET stopped = 0");
	s = sweep();
	assert_int_equal(s.ended, 1);
	assert_int_equal(s.unknown, 1);
	assert_false(runs(lost));
	assert_true(runs(theirs) && runs(old_epoch) && runs(unknown) &&
	    runs(live));
	assert_int_equal(number("SELECT COUNT(*) FROM events_outbox WHERE "
	    "body LIKE '%move.orphan_removed%'"), 1);
	/* the backup was older than the moves: their rows are missing */
	lost = add_machine("m5.large", "us-east-1a", "", our_tags(self, 1,
	    id));
	mariadb_sql(DB, arena_printf(a, "DELETE FROM spot_move WHERE id = "
	    "X'%s'", mariadb_hex(a, id)));
	s = sweep();
	assert_int_equal(s.ended, 0);
	assert_true(runs(lost));
	/* and with another epoch not even those of a known move */
	mariadb_sql(DB, "UPDATE spot_move SET state = 'failed', ended_at = "
	    "NOW(6); UPDATE platform_installation SET epoch = 2");
	assert_int_equal(sweep().ended, 0);
	assert_true(runs(live));
}

static void
a_raised_group_is_put_right(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct uuid id = reserve(&n);
	struct spot_swept s;

	(void)state;
	fake->slow = true;
	(void)work(id);
	assert_int_equal(fake->group.max, 4);
	assert_int_equal(sweep().restored, 0);	/* it lives */
	/* long over its deadline, and nobody works at it */
	mariadb_sql(DB, "UPDATE spot_move SET deadline = NOW(6) - INTERVAL 1 "
	    "SECOND, state = 'failed', ended_at = NOW(6), holds = 0");
	s = sweep();
	assert_int_equal(s.restored, 1);
	assert_int_equal(fake->group.max, 3);
	/* what somebody else has set stays */
	mariadb_sql(DB, arena_printf(a, "INSERT INTO spot_move_group VALUES "
	    "(X'%s', '" REGION "', 'web', X'%s', 2, 9, NOW(6))", mariadb_hex(a, acc.id),
	    mariadb_hex(a, one.tenant_id)));
	assert_int_equal(sweep().restored, 0);
	assert_int_equal(fake->group.max, 3);
}

static void
nobody_works_at_it(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct uuid id = reserve(&n);
	struct spot_move m;

	(void)state;
	mariadb_sql(DB, "DELETE FROM jobs_ready; DELETE FROM jobs_unique; "
	    "DELETE FROM jobs_job; UPDATE spot_move SET wakes_at = NOW(6) - "
	    "INTERVAL 1 HOUR");
	good(spot_move_upkeep(&env, a, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 1);
	m = finish(id);
	swapped("woken", &m);
}

static void
refused_plans(void **state)
{
	struct spot_move_new n = wish("replace", OLD);
	struct spot_move m;

	(void)state;
	strcpy(fake->group.suspended, "Launch");
	m = finish(reserve(&n));
	unchanged("suspended", &m);
	assert_string_equal(m.error_code, "suspended");
	fresh(NULL);
	fake->m[0].protected = true;
	n = wish("replace", OLD);
	m = finish(reserve(&n));
	assert_string_equal(m.error_code, "protected");
	assert_int_equal(fake->lines, 0);
	fresh(NULL);
	strcpy(fake->group.zones, "us-east-1f");
	n = wish("replace", OLD);
	m = finish(reserve(&n));
	assert_string_equal(m.error_code, "no_place");
	n = wish("replace", "i-none");
	m = finish(reserve(&n));
	assert_string_equal(m.error_code, "target_gone");
}

/* ---- the simulated cloud ------------------------------------------------------------------ */

/* What runs there, in a group or in none. */
static struct ec2_instance
simulated(struct spot_access *x, bool in_group)
{
	struct spot_find f = { .region = REGION };
	struct ec2_instance *v;
	struct list l;

	good(spot_acts_simulated.describe(x, a, &f, &l, &err));
	v = l.items;
	for (size_t i = 0; i < l.n; i++)
		if (strcmp(v[i].state, "running") == 0 &&
		    (*v[i].asg != '\0') == in_group &&
		    strcmp(v[i].lifecycle, "spot") == 0)
			return v[i];
	fail_msg("no such instance");
	return v[0];
}

static void
the_simulated_cloud(void **state)
{
	struct spot_access x;
	const char *provider;

	(void)state;
	good(spot_move_enter(&env, a, one.tenant_id, acc.id, &x, &provider,
	    &err));
	for (int k = 0; k < 2; k++) {
		struct ec2_instance old = simulated(&x, k == 0);
		struct spot_move_pool p = { .az = old.az,
		    .instance_type = old.instance_type,
		    .lifecycle = "on-demand", .price = { DEC_ONE } };
		struct spot_move_new n = wish("replace", old.instance_id);
		struct spot_group before, after;
		const struct spot_member *gone;
		struct spot_find f = { .region = REGION, .n = 1,
		    .dead = true };
		struct spot_move m;
		struct list l;
		struct uuid id;

		n.pools = &p;
		n.npools = 1;
		if (k == 0)
			assert_int_equal(spot_acts_simulated.group(&x, a,
			    REGION, old.asg, &before, &err), 0);
		id = reserve(&n);
		m = move(id);
		for (int i = 0; i < 600 && open_move(&m); i++) {
			struct job_ctx c = claim(id, env.db);

			(void)spot_move_run(&c, id, NULL);
			m = move(id);
			nap_ms(50);
		}
		if (strcmp(m.state, "succeeded") != 0)
			fail_msg("%s at %s: %s %s", m.state, m.step_name,
			    m.error_code, m.error);
		f.ids = &m.new_instance;
		good(spot_acts_simulated.describe(&x, a, &f, &l, &err));
		assert_string_equal(((struct ec2_instance *)l.items)->state,
		    "running");
		if (k == 1)
			continue;
		assert_int_equal(spot_acts_simulated.group(&x, a, REGION,
		    old.asg, &after, &err), 0);
		assert_int_equal(after.max, before.max);
		assert_int_equal(after.desired, before.desired);
		assert_non_null(spot_move_member(&after, m.new_instance));
		gone = spot_move_member(&after, old.instance_id);
		assert_true(gone == NULL || strncmp(gone->state, "Terminat",
		    8) == 0);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
		T(a_member_is_replaced), T(one_of_one),
		T(a_machine_of_its_own), T(a_copy), T(kinds), T(killed_anywhere),
		T(lost_statements), T(lost_answers), T(no_room_anywhere),
		T(a_stack_that_changes),
		T(a_stack_unseen_under_notice), T(the_group_goes_away), T(never_healthy),
		T(under_notice_it_hurries), T(the_old_one_dies_first),
		T(revoked), T(two_workers), T(two_in_a_group),
		T(stopped_anywhere), T(caps), T(approvals), T(cancelled),
		T(orphans), T(a_raised_group_is_put_right),
		T(nobody_works_at_it), T(refused_plans),
		T(the_simulated_cloud)
	};

	return cmocka_run_group_tests_name("spot_move", tests, setup,
	    teardown);
}
