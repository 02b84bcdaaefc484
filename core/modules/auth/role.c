/*
 * Sets of permission names and the builtin roles. Pure: no database, clock or
 * network. Refuses nothing itself; says what a set grants. Invariant: a meet
 * never grants what one of its sides does not.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "db/table.h"
#include "modules/auth/role.h"

const struct auth_builtin auth_builtins[] = {
	{ "super_admin", "Runs the installation: everything, all tenants" },
	{ "admin", "Everything inside its own tenant" },
	{ "operator", "Controls accounts, components and schedules" },
	{ "trader", "Places orders" },
	{ "analyst", "Reads, and runs jobs that only compute" },
	{ "viewer", "Reads" },
	{ "auditor", "Reads, and reads the audit trail" },
	{ "agent", "A program that works for a tenant" },
	{ "client", "A customer with its own data, no platform rights" },
	{ "user", "A person without any other role" },
	{ "lab", "Tries models on data of its tenant" },
	{ NULL, NULL }
};

/* ---- names -------------------------------------------------------------- */

struct list
auth_names_split(struct arena *a, const char *text)
{
	VEC(const char *) v = { 0 };

	for (const char *p = text; p != NULL && *p != '\0'; ) {
		size_t n = strcspn(p, ",");

		if (n > 0)
			*VEC_ADD(a, &v) = arena_strndup(a, p, n);
		p += n + (p[n] == ',');
	}
	return (struct list){ v.v, v.n };
}

const char *
auth_names_join(struct arena *a, struct list names)
{
	const char *const *v = names.items;
	struct str s;

	str_init(&s, a);
	for (size_t i = 0; i < names.n; i++) {
		if (strchr(v[i], ',') != NULL)
			return NULL;
		if (*v[i] == '\0' || auth_names_has(s.p, v[i]))
			continue;
		if (s.len > 0)
			str_addc(&s, ',');
		str_add(&s, v[i]);
	}
	return s.p;
}

bool
auth_names_has(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = text; p != NULL && *p != '\0'; ) {
		size_t n = strcspn(p, ",");

		if (n == len && memcmp(p, name, n) == 0)
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

/* ---- sets --------------------------------------------------------------- */

struct set {
	const char **v;
	size_t n, cap;
};

static bool
set_has(const struct set *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], name) == 0)
			return true;
	return false;
}

static void
set_add(struct arena *a, struct set *s, const char *name)
{
	if (!set_has(s, name))
		*VEC_ADD(a, s) = name;
}

static const char *const *
set_end(struct arena *a, struct set *s)
{
	*VEC_ADD(a, s) = NULL;
	return s->v;
}

const char *const *
auth_set_of(struct arena *a, struct list names)
{
	const char *const *v = names.items;
	struct set s = { 0 };

	for (size_t i = 0; i < names.n; i++)
		set_add(a, &s, v[i]);
	return set_end(a, &s);
}

bool
auth_set_grants(const char *const *set, const char *permission)
{
	struct principal p = { .kind = PRINCIPAL_SYSTEM, .permissions = set };

	return principal_may(&p, permission);
}

bool
auth_set_covers(const char *const *set, const char *const *want)
{
	for (; want != NULL && *want != NULL; want++)
		if (!auth_set_grants(set, *want))
			return false;
	return true;
}

/* Adds the members of `from` that `limit` grants; a NULL limit grants all. */
static void
set_take(struct arena *a, struct set *s, const char *const *from,
    const char *const *limit)
{
	for (; from != NULL && *from != NULL; from++)
		if (limit == NULL || auth_set_grants(limit, *from))
			set_add(a, s, *from);
}

const char *const *
auth_set_join(struct arena *a, const char *const *x, const char *const *y)
{
	struct set s = { 0 };

	set_take(a, &s, x, NULL);
	set_take(a, &s, y, NULL);
	return set_end(a, &s);
}

const char *const *
auth_set_meet(struct arena *a, const char *const *x, const char *const *y)
{
	static const char *const nothing[] = { NULL };
	struct set s = { 0 };

	set_take(a, &s, x, y != NULL ? y : nothing);
	set_take(a, &s, y, x != NULL ? x : nothing);
	return set_end(a, &s);
}

/* ---- builtin roles ------------------------------------------------------ */

const struct auth_builtin *
auth_builtin_find(const char *name)
{
	for (const struct auth_builtin *b = auth_builtins; b->name != NULL; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

struct uuid
auth_builtin_id(const char *name)
{
	static const char domain[] = "quincunx builtin role ";
	char text[sizeof(domain) + 32] = "";
	uint8_t digest[SHA256_LEN];
	struct uuid id;

	memcpy(text, domain, sizeof(domain) - 1);
	strncat(text, name, 32);
	crypto_sha256(text, strlen(text), digest);
	memcpy(id.b, digest, sizeof(id.b));
	id.b[6] = (uint8_t)(0x80 | (id.b[6] & 0x0f));	/* version 8 */
	id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
	return id;
}

/* Is the word in a list separated by spaces? */
static bool
word_in(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (words != NULL && *words != '\0') {
		size_t n = strcspn(words, " ");

		if (n == len && memcmp(words, word, n) == 0)
			return true;
		words += n + (words[n] == ' ');
	}
	return false;
}

const char *const *
auth_builtin_set(struct arena *a, const struct module *const *mods,
    const char *name)
{
	struct set s = { 0 };

	if (strcmp(name, "super_admin") == 0) {
		set_add(a, &s, "*");
		return set_end(a, &s);
	}
	for (; *mods != NULL; mods++) {
		const struct permission *p = (*mods)->permissions;

		for (; p != NULL && p->name != NULL; p++)
			if (word_in(p->roles, name) || word_in(p->roles, "*"))
				set_add(a, &s, p->name);
	}
	return set_end(a, &s);
}

bool
auth_permission_known(const struct module *const *mods, const char *name)
{
	const char *const one[] = { name, NULL };

	if (strcmp(name, "*") == 0)
		return true;
	for (; *mods != NULL; mods++) {
		const struct permission *p = (*mods)->permissions;

		for (; p != NULL && p->name != NULL; p++)
			if (auth_set_grants(one, p->name))
				return true;
	}
	return false;
}
