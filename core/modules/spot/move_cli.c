/*
 * `quincunx moves`: what is moved, step by step, from the terminal.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/auth/auth.h"
#include "modules/platform/platform.h"
#include "modules/spot/move.h"

#define LIST "[--state STATE] [--tenant NAME|ID] [--json]"
#define ONE "ID [--tenant NAME|ID] [--json]"

struct call {
	struct env *env;
	struct platform_terminal_scope scope;
	const char *word, *state;
	struct uuid id;
	struct spot_move m;
};

static int
call_read(struct call *c, struct env *env, int argc, char **argv, bool named,
    const char *usage)
{
	struct option_walk w = { argc, 0, argv };
	struct err e = { 0 };

	*c = (struct call){ .env = env };
	while (w.i < argc && (platform_terminal_scope(&w, &c->scope) ||
	    (!named && platform_terminal_option(&w, "--state", &c->state)) ||
	    (named && c->word == NULL && platform_terminal_word(&w,
	    &c->word))))
		;
	if (w.i != argc || (named && (c->word == NULL ||
	    uuid_parse(c->word, &c->id) == -1)))
		return platform_terminal_usage(usage);
	return platform_terminal_tenant(env, &c->scope, &e) == 0 ? 0 :
	    platform_terminal_error(&e);
}

static void
print(struct str *s, const struct spot_move *m, bool json)
{
	char id[UUID_TEXT];

	if (json) {
		schema_encode(&spot_move_schema, m, s);
		str_addc(s, '\n');
		return;
	}
	str_addf(s, "%s  %-9s %-9s %-11s ", uuid_format(m->id, id), m->kind,
	    m->state, m->step_name);
	str_term(s, m->instance_id, strlen(m->instance_id));
	if (*m->new_instance != '\0') {
		str_add(s, " -> ");
		str_term(s, m->new_instance, strlen(m->new_instance));
	}
	if (*m->error != '\0') {
		str_add(s, "  ");
		str_term(s, m->error, strlen(m->error));
	}
	str_addc(s, '\n');
}

static int
list(struct env *env, int argc, char **argv)
{
	struct spot_move_filter f = { .limit = 200 };
	struct err e = { 0 };
	struct rows rows;
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, false, "moves list " LIST);

	if (rc != 0)
		return rc;
	f.tenant = c.scope.who.tenant_id;
	f.state = c.state;
	if (spot_move_page(env->db, env->a, &f, &rows, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	for (size_t i = 0; i < rows.n; i++)
		print(&s, ROW(&rows, struct spot_move, i), c.scope.json);
	return platform_terminal_write(&s);
}

static void
print_steps(struct str *s, const struct rows *rows)
{
	char at[CLOCK_TEXT];

	for (size_t i = 0; i < rows->n; i++) {
		const struct spot_move_step *x = ROW(rows,
		    struct spot_move_step, i);

		str_addf(s, "  %s  %2lld %-11s #%lld %-8s ",
		    clock_format(x->started_at, at), (long long)x->step,
		    x->name, (long long)x->attempt, x->state);
		str_term(s, x->act, strlen(x->act));
		str_addc(s, ' ');
		str_term(s, x->response.p, strlen(x->response.p));
		if (*x->error != '\0') {
			str_add(s, "  ");
			str_term(s, x->error, strlen(x->error));
		}
		str_addc(s, '\n');
	}
}

static int
show(struct env *env, int argc, char **argv)
{
	struct err e = { 0 };
	struct rows steps;
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, true, "moves show " ONE);

	if (rc != 0)
		return rc;
	if (spot_found(spot_move_by_id(env->db, env->a,
	    c.scope.who.tenant_id, c.id, &c.m, &e), "Move", &e) == -1 ||
	    spot_move_steps(env->db, env->a, c.scope.who.tenant_id, c.id,
	    &steps, &e) == -1)
		return platform_terminal_error(&e);
	c.m.steps = (struct list){ steps.v, steps.n };
	str_init(&s, env->a);
	print(&s, &c.m, c.scope.json);
	if (!c.scope.json)
		print_steps(&s, &steps);
	return platform_terminal_write(&s);
}

static int
cancel_txn(struct db *db, void *arg, struct err *e)
{
	struct call *c = arg;

	if (spot_move_cancel(db, c->env->a, c->scope.who.tenant_id, c->id,
	    c->scope.who.name, &c->m, e) == -1)
		return -1;
	return auth_audit_note(db, c->scope.who.tenant_id, c->scope.who.name,
	    "spot.move.cancel", "spot_move", c->word, NULL, e);
}

static int
resume_txn(struct db *db, void *arg, struct err *e)
{
	struct call *c = arg;

	if (spot_move_resume(db, c->env->a, c->scope.who.tenant_id, c->id,
	    c->scope.who.name, &c->m, e) == -1)
		return -1;
	return auth_audit_note(db, c->scope.who.tenant_id, c->scope.who.name,
	    "spot.move.resume", "spot_move", c->word, NULL, e);
}

static int
act(struct env *env, int argc, char **argv, const char *usage,
    int (*fn)(struct db *, void *, struct err *))
{
	struct err e = { 0 };
	struct str s;
	struct call c;
	int rc = call_read(&c, env, argc, argv, true, usage);

	if (rc != 0)
		return rc;
	if (db_txn(env->db, env->a, fn, &c, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&s, env->a);
	print(&s, &c.m, c.scope.json);
	return platform_terminal_write(&s);
}

static int
cancel(struct env *env, int argc, char **argv)
{
	return act(env, argc, argv, "moves cancel " ONE, cancel_txn);
}

static int
resume(struct env *env, int argc, char **argv)
{
	return act(env, argc, argv, "moves resume " ONE, resume_txn);
}

const struct command spot_move_commands[] = {
	{ "moves", LIST, "Moves of instances, newest first", false, list },
	{ "moves list", LIST, "The same", false, list },
	{ "moves show", ONE, "A move with its steps", false, show },
	{ "moves cancel", ONE, "Withdraws or undoes it", false, cancel },
	{ "moves resume", ONE, "Lets a parked move go on", false, resume },
	{ .name = NULL }
};
