/*
 * Topics as bits: what a client follows and may see are sets of declared
 * events, so that matching an event costs one test. Names of the documents
 * stand for the events that carry them as seed_type. Pure.
 */
#include <string.h>

#include "app/live.h"
#include "base/err.h"
#include "events/event.h"
#include "module.h"

struct live_bits
live_and(struct live_bits a, struct live_bits b)
{
	for (size_t i = 0; i < LIVE_WORDS; i++)
		a.w[i] &= b.w[i];
	return a;
}

struct live_bits
live_or(struct live_bits a, struct live_bits b)
{
	for (size_t i = 0; i < LIVE_WORDS; i++)
		a.w[i] |= b.w[i];
	return a;
}

struct live_bits
live_without(struct live_bits a, struct live_bits b)
{
	for (size_t i = 0; i < LIVE_WORDS; i++)
		a.w[i] &= ~b.w[i];
	return a;
}

bool
live_none(const struct live_bits *b)
{
	uint64_t any = 0;

	for (size_t i = 0; i < LIVE_WORDS; i++)
		any |= b->w[i];
	return any == 0;
}

size_t
live_count(const struct live_bits *b)
{
	size_t n = 0;

	for (size_t i = 0; i < LIVE_WORDS; i++)
		n += (size_t)__builtin_popcountll(b->w[i]);
	return n;
}

int
live_topics_open(struct live_topics *t, struct arena *a,
    const struct module *const *mods, struct err *e)
{
	memset(t, 0, sizeof(*t));
	t->v = arena_array(a, LIVE_TOPICS, sizeof(*t->v));
	for (; *mods != NULL; mods++) {
		const struct event *const *set = (*mods)->events;

		for (; set != NULL && *set != NULL; set++)
			for (const struct event *ev = *set; ev->name != NULL;
			    ev++) {
				if (t->n == LIVE_TOPICS)
					return err_set(e, 500, "topics",
					    "more than %d topics", LIVE_TOPICS);
				if (ev->flags & EV_ALL)
					live_set(&t->all, t->n);
				t->v[t->n++] = ev;
			}
	}
	return 0;
}

int
live_topic_find(const struct live_topics *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i]->name, name) == 0)
			return (int)i;
	return -1;
}

/* ---- names of the documents ------------------------------------------------ */

/* Subscriptions and the types they stand for; a type stands for itself. */
static const struct alias {
	const char *name;
	const char *const *types;
} aliases[] = {
#define T(...) (const char *const[]){ __VA_ARGS__, NULL }
	{ "agents_only", T("agent_status", "coordination_event") },
	{ "metrics_only", T("metrics", "performance_data") },
	{ "alerts_only", T("system_alert", "health_status") },
	{ "tasks_only", T("task_update", "optimization_result") },
#undef T
	{ NULL, NULL }
};

const char *const live_subscriptions[] = {
	"all", "agents_only", "metrics_only", "alerts_only", "tasks_only",
	NULL
};

/* Types of all five documents: a subscription to one that no enabled module
 * publishes is good, and silent. */
static const char *const types[] = {
	"agent_status", "coordination_event", "metrics", "performance_data",
	"system_alert", "health_status", "task_update", "optimization_result",
	"system_status", "trading_signals", "job_updates", "market_data",
	"signal", "prediction", "sentiment", "settings_update",
	"system_broadcast", "log", "status", "gossip", "timeline", "meta",
	"data_window", "processing_metrics", "resource_profile",
	"federation_update", "meta_update", "simulation_state",
	"engine.insight", "telemetry", "whatif.result", NULL
};

static void
add_type(const struct live_topics *t, const char *type, struct live_bits *out)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->seed_type != NULL &&
		    strcmp(t->v[i]->seed_type, type) == 0)
			live_set(out, i);
}

static bool
is_document_name(const struct live_topics *t, const char *name,
    struct live_bits *out)
{
	bool found = false;

	for (const struct alias *al = aliases; al->name != NULL; al++)
		if (strcmp(al->name, name) == 0) {
			for (size_t i = 0; al->types[i] != NULL; i++)
				add_type(t, al->types[i], out);
			return true;
		}
	for (size_t i = 0; types[i] != NULL && !found; i++)
		found = strcmp(types[i], name) == 0;
	add_type(t, name, out);
	return found || !live_none(out);
}

int
live_topic_match(const struct live_topics *t, const char *name,
    struct live_bits *out, bool *single)
{
	size_t n = strlen(name);
	bool every = strcmp(name, "*") == 0 || strcmp(name, "all") == 0;
	int i = live_topic_find(t, name);

	memset(out, 0, sizeof(*out));
	*single = i >= 0;
	if (i >= 0) {
		live_set(out, (size_t)i);
		return 0;
	}
	if (!every && (n < 3 || strcmp(name + n - 2, ".*") != 0))
		return is_document_name(t, name, out) ? 0 : -1;
	for (size_t k = 0; k < t->n; k++)
		if (every || strncmp(t->v[k]->name, name, n - 1) == 0)
			live_set(out, k);
	return every || !live_none(out) ? 0 : -1;
}

const char *
live_type(const struct event *ev)
{
	return ev->seed_type != NULL ? ev->seed_type : ev->name;
}
