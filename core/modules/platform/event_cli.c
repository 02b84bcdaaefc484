/*
 * `quincunx events`: follow the stream of the whole installation, and decide
 * about rows that could not be relayed. Text from events is never shown raw.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/event.h"
#include "modules/platform/terminal.h"

enum { ROWS = 50, NAP_MS = 200, RELAY_EVERY = 5, PAGE = 500, CAP = 64 << 20 };

/* ---- tail ------------------------------------------------------------------------ */

struct tail {
	struct env *env;
	const char *const *topics;
	struct uuid tenant;
	bool one_tenant, json;
	int64_t pos;
};

static void
print_json(struct str *out, const struct event_row *row,
    const struct event_item *it)
{
	char id[UUID_TEXT];

	str_addf(out, "{\"pos\":%lld,\"tenant\":\"%s\",\"event\":",
	    (long long)row->pos, uuid_format(row->tenant_id, id));
	schema_encode(&event_item_schema, it, out);
	str_add(out, "}\n");
}

static void
print_text(struct str *out, const struct event_row *row,
    const struct event_item *it)
{
	char id[UUID_TEXT], at[CLOCK_TEXT];

	str_addf(out, "%-27s %s #%lld ", clock_format(it->at, at),
	    uuid_is_nil(row->tenant_id) ? "installation" :
	    uuid_format(row->tenant_id, id), (long long)it->off);
	str_term(out, it->topic, strlen(it->topic));
	str_addc(out, ' ');
	str_term(out, it->entity, strlen(it->entity));
	str_addc(out, ' ');
	str_term(out, it->data.p, strlen(it->data.p));
	str_addc(out, '\n');
}

static int
print_row(struct tail *t, struct str *out, const struct event_row *row,
    struct err *e)
{
	struct rows items;

	t->pos = row->pos;
	if (t->one_tenant && !uuid_equal(t->tenant, row->tenant_id))
		return 0;
	if (event_unpack(out->a, row, &items, e) == -1)
		return -1;
	for (size_t i = 0; i < items.n; i++) {
		const struct event_item *it = ROW(&items, struct event_item,
		    i);

		if (event_topic_matches(t->topics, it->topic))
			(t->json ? print_json : print_text)(out, row, it);
	}
	return 0;
}

/* What there is now; *n rows were read. */
static int
tail_step(struct tail *t, size_t *n, struct err *e)
{
	struct arena *a = arena_new(CAP);
	struct rows rows;
	struct str out;
	int rc;

	str_init(&out, a);
	rc = event_follow(t->env->db, a, t->pos, ROWS, &rows, e);
	*n = rc == 0 ? rows.n : 0;
	for (size_t i = 0; i < *n && rc == 0; i++)
		rc = print_row(t, &out, ROW(&rows, struct event_row, i), e);
	if (rc == 0 && out.len > 0 && (platform_terminal_write(&out) != 0 ||
	    fflush(stdout) != 0))
		rc = err_set(e, 500, "output", "Cannot write");
	arena_free(a);
	return rc;
}

static int
tail_run(struct tail *t, bool once)
{
	const struct timespec nap = { .tv_nsec = NAP_MS * 1000000L };
	struct err e = { 0 };
	size_t n;

	for (int i = 0;; i++) {
		if (i % RELAY_EVERY == 0 &&
		    platform_event_relay(t->env, &e) == -1)
			return platform_terminal_error(&e);
		do
			if (tail_step(t, &n, &e) == -1)
				return platform_terminal_error(&e);
		while (n > 0);
		if (once)
			return 0;
		nanosleep(&nap, NULL);
	}
}

static int
tail(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	struct tail t = { .env = env };
	const char *topics = NULL, *since = NULL, *tenant = NULL;
	struct err e = { 0 };
	bool once = false, more = true;

	while (more) {
		bool json = platform_terminal_option(&w, "--json", NULL),
		    last = platform_terminal_option(&w, "--once", NULL);

		t.json = t.json || json;
		once = once || last;
		more = json || last ||
		    platform_terminal_option(&w, "--topics", &topics) ||
		    platform_terminal_option(&w, "--since", &since) ||
		    platform_terminal_option(&w, "--tenant", &tenant);
	}
	if (w.i != argc || platform_event_topics(env->a, topics, &t.topics) ||
	    (since != NULL && num_i64(since, strlen(since), &t.pos) !=
	    NUM_OK) || (tenant != NULL && uuid_parse(tenant, &t.tenant)))
		return platform_terminal_usage("events tail [--topics A,B.*] "
		    "[--since POSITION] [--tenant ID] [--once] [--json]");
	t.one_tenant = tenant != NULL;
	if (since == NULL && event_position(env->db, &t.pos, &e) == -1)
		return platform_terminal_error(&e);
	return tail_run(&t, once);
}

/* ---- dead rows --------------------------------------------------------------------- */

static void
print_dead(struct str *out, const struct platform_event_dead *d, bool json)
{
	char id[UUID_TEXT], at[CLOCK_TEXT];

	if (json)
		schema_encode(&platform_event_dead_schema, d, out);
	else {
		str_addf(out, "%lld  %s  %s  %lld events  ",
		    (long long)d->id, uuid_format(d->tenant_id, id),
		    clock_format(d->set_aside, at), (long long)d->n);
		str_term(out, d->reason, strlen(d->reason));
		str_add(out, "\n    ");
		str_term(out, d->body, strnlen(d->body, 200));
	}
	str_addc(out, '\n');
}

static int
dead_list(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	bool json = platform_terminal_option(&w, "--json", NULL);
	struct err e = { 0 };
	int64_t after = 0;
	struct rows rows;

	if (w.i != argc)
		return platform_terminal_usage("events dead list [--json]");
	do {
		struct arena *a = arena_new(CAP);
		struct str out;

		str_init(&out, a);
		if (platform_event_dead_page(env->db, a, after, PAGE, &rows,
		    &e) == -1)
			return platform_terminal_error(&e);
		for (size_t i = 0; i < rows.n; i++) {
			const struct platform_event_dead *d = ROW(&rows,
			    struct platform_event_dead, i);

			print_dead(&out, d, json);
			after = d->id;
		}
		if (platform_terminal_write(&out) != 0)
			return 1;
		arena_free(a);
	} while (rows.n == PAGE);
	return 0;
}

typedef int act_fn(struct db *, struct arena *, int64_t, struct err *);

static int
dead_all(struct env *env, act_fn *act, int64_t *n, struct err *e)
{
	struct utc start = clock_now();
	struct rows rows;
	int64_t after = 0;
	int rc = 0;

	do {
		struct arena *a = arena_new(CAP);

		if (platform_event_dead_page(env->db, a, after, PAGE, &rows,
		    e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n && rc == 0; i++, (*n)++) {
			const struct platform_event_dead *d = ROW(&rows,
			    struct platform_event_dead, i);

			/* what comes back while we replay is not ours */
			if (d->set_aside.us > start.us)
				break;
			after = d->id;
			rc = act(env->db, a, after, e);
		}
		arena_free(a);
	} while (rows.n == PAGE && rc == 0);
	return rc;
}

static int
dead_act(struct env *env, int argc, char **argv, act_fn *act,
    const char *usage)
{
	struct err e = { 0 };
	int64_t id, n = 0;

	if (argc == 1 && strcmp(argv[0], "--all") == 0) {
		if (dead_all(env, act, &n, &e) == -1)
			return platform_terminal_error(&e);
		printf("%lld\n", (long long)n);
		return 0;
	}
	for (int i = 0; i < argc; i++)
		if (num_i64(argv[i], strlen(argv[i]), &id) != NUM_OK)
			return platform_terminal_usage(usage);
	if (argc == 0)
		return platform_terminal_usage(usage);
	for (int i = 0; i < argc; i++) {
		num_i64(argv[i], strlen(argv[i]), &id);
		if (act(env->db, env->a, id, &e) == -1)
			return platform_terminal_error(&e);
	}
	return 0;
}

static int
dead_replay(struct env *env, int argc, char **argv)
{
	return dead_act(env, argc, argv, platform_event_replay,
	    "events dead replay ID...|--all");
}

static int
dead_drop(struct env *env, int argc, char **argv)
{
	return dead_act(env, argc, argv, platform_event_drop,
	    "events dead drop ID...|--all");
}

static int
restored(struct env *env, int argc, char **argv)
{
	struct err e = { 0 };

	(void)argv;
	if (argc != 0)
		return platform_terminal_usage("events restored");
	return event_restored(env->db, &e) == -1 ?
	    platform_terminal_error(&e) : 0;
}

const struct command platform_event_commands[] = {
	{ "events tail", "[--topics A,B.*] [--since POSITION] [--tenant ID] "
	  "[--once] [--json]", "Follows the events of all tenants", false,
	  tail },
	{ "events dead list", "[--json]", "Events that could not be relayed",
	  false, dead_list },
	{ "events dead replay", "ID...|--all", "Puts them into the outbox "
	  "again", false, dead_replay },
	{ "events dead drop", "ID...|--all", "Deletes them", false,
	  dead_drop },
	{ "events restored", "", "After the database came back from a "
	  "backup: tells all clients to load their state anew", false,
	  restored },
	{ .name = NULL }
};
