/*
 * Commands on the audit trail. `audit verify` exits 1 and names the row when
 * the chain is broken.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "db/table.h"
#include "modules/auth/audit.h"
#include "modules/auth/option.h"

static int
verify_audit(struct env *env, struct arena *a, int argc, char **argv)
{
	bool json = auth_flag(&argc, argv, "--json");
	struct auth_audit_report r;
	struct err e = { 0 };
	struct str s;

	if (auth_audit_verify(env, a, &r, &e) == -1)
		return auth_complain(&e);
	str_init(&s, a);
	if (json)
		schema_encode(&auth_audit_report_schema, &r, &s);
	else
		str_addf(&s, "%s (%lld rows, %lld anchors)", r.message,
		    (long long)r.checked, (long long)r.anchors);
	printf("%s\n", s.p);
	return r.ok ? 0 : 1;
}

static void
print_row(struct arena *a, const struct auth_audit_row *r, bool json)
{
	char when[CLOCK_TEXT];
	struct str s;

	str_init(&s, a);
	if (json)
		schema_encode(&auth_audit_schema, r, &s);
	else {
		str_addf(&s, "%s  ", clock_format(r->at, when));
		str_term(&s, r->actor, strlen(r->actor));
		str_addf(&s, "  %s  %lld  ", r->action, (long long)r->status);
		if (r->target_id != NULL)
			str_term(&s, r->target_id, strlen(r->target_id));
	}
	printf("%s\n", s.p);
}

static int
list_audit(struct env *env, struct arena *a, int argc, char **argv)
{
	bool json = auth_flag(&argc, argv, "--json");
	const char *limit = auth_option(&argc, argv, "--limit");
	struct auth_audit_filter f = { .limit = 50 };
	struct rows rows;
	struct err e = { 0 };

	f.action = auth_option(&argc, argv, "--action");
	f.actor = auth_option(&argc, argv, "--actor");
	if (argc != 0 || (limit != NULL && (num_i64(limit, strlen(limit),
	    &f.limit) != NUM_OK || f.limit < 1 || f.limit > 10000))) {
		fprintf(stderr, "usage: audit list [--action A] [--actor N] "
		    "[--limit 1..10000] [--json]\n");
		return 2;
	}
	do {
		if (auth_audit_page(env->db, a, &f, &rows, &f.before,
		    &e) == -1)
			return auth_complain(&e);
		for (size_t i = 0; i < rows.n; i++)
			print_row(a, ROW(&rows, struct auth_audit_row, i),
			    json);
		f.limit -= (int64_t)rows.n;
	} while (f.limit > 0 && !uuid_is_nil(f.before));
	return 0;
}

AUTH_COMMAND(audit_verify, verify_audit)
AUTH_COMMAND(audit_list, list_audit)

const struct command auth_audit_commands[] = {
	{ "audit verify", "[--json]", "Verify the sealed chain and its anchors",
	    false, audit_verify },
	{ "audit list", "[--action A] [--actor N] [--limit N] [--json]",
	    "Newest rows of the audit trail", false, audit_list },
	{ NULL, NULL, NULL, false, NULL }
};
