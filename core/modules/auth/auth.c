/*
 * Identity: tenants, users, sessions, API keys, roles, and the audit trail.
 * This file gathers the module's tables and has no functions. Read the nouns
 * in this order: user, password, session, access, role, apikey, audit.
 */
#include "db/table.h"
#include "modules/auth/access.h"
#include "modules/auth/apikey.h"
#include "modules/auth/audit.h"
#include "modules/auth/auth.h"
#include "modules/auth/cookie.h"
#include "modules/auth/invite.h"
#include "modules/auth/password.h"
#include "modules/auth/secret.h"
#include "modules/auth/session.h"
#include "modules/auth/tenant.h"

static const struct setting setting_rows[] = {
	SETTING(struct auth_conf, jwt_secret, "auth.jwt_secret",
	    .flags = SET_SECRET, .def = "", .env = "JWT_SECRET_KEY",
	    .doc = "Keys that sign access tokens: a secret of at least 32 "
	    "bytes, or kid:alg:base64 (HS256, EdDSA), the first signs"),
	SETTING(struct auth_conf, jwt_legacy_secret,
	    "auth.jwt_legacy_secret", .flags = SET_SECRET, .def = "",
	    .doc = "Secret of the backend being replaced; its HS256 tokens "
	    "are honoured until the date below"),
	SETTING(struct auth_conf, jwt_legacy_until, "auth.jwt_legacy_until",
	    .def = "", .doc = "Date until which old tokens are honoured"),
	SETTING(struct auth_conf, encryption_key, "auth.encryption_key",
	    .flags = SET_SECRET, .def = "", .env = "ENCRYPTION_KEY",
	    .doc = "Key ring for secrets at rest: id:base64 of 32 bytes, the "
	    "first seals; a Fernet key is accepted"),
	SETTING(struct auth_conf, audit_key, "auth.audit_key",
	    .flags = SET_SECRET, .def = "",
	    .doc = "Secret that seals the audit trail; empty: one made by "
	    "the installation and sealed with the key ring"),
	SETTING(struct auth_conf, registration, "auth.registration",
	    .def = "auto", .oneof = ONEOF("auto", "open", "invite", "off"),
	    .doc = "Who may register: auto is open until an admin exists, "
	    "then by invitation"),
	SETTING(struct auth_conf, access_minutes, "auth.access_minutes",
	    .def = "60", .min = 1, .max = 1440, .unit = "minutes",
	    .env = "ACCESS_TOKEN_EXPIRE_MINUTES",
	    .doc = "How long an access token lives"),
	SETTING(struct auth_conf, refresh_idle_days,
	    "auth.refresh_idle_days", .def = "14", .min = 1, .max = 365,
	    .unit = "days", .doc = "A session not refreshed so long ends"),
	SETTING(struct auth_conf, refresh_max_days, "auth.refresh_max_days",
	    .def = "90", .min = 1, .max = 3650, .unit = "days",
	    .doc = "A session ends after so long in any case"),
	SETTING(struct auth_conf, reset_minutes, "auth.reset_minutes",
	    .def = "30", .min = 1, .max = 1440, .unit = "minutes",
	    .doc = "How long a reset link may be used"),
	SETTING(struct auth_conf, password_min, "auth.password_min",
	    .def = "8", .min = 8, .max = 128, .unit = "characters",
	    .doc = "Shortest password accepted"),
	SETTING(struct auth_conf, argon2_memory_kib,
	    "auth.argon2_memory_kib", .def = "19456", .min = 64,
	    .max = 1048576, .unit = "KiB",
	    .doc = "Memory of one password hash"),
	SETTING(struct auth_conf, argon2_passes, "auth.argon2_passes",
	    .def = "2", .min = 1, .max = 100, .unit = "passes",
	    .doc = "Passes of one password hash"),
	SETTING(struct auth_conf, argon2_lanes, "auth.argon2_lanes",
	    .def = "1", .min = 1, .max = 16, .unit = "lanes",
	    .doc = "Lanes of one password hash"),
	SETTING(struct auth_conf, password_parallel,
	    "auth.password_parallel", .def = "4", .min = 1, .max = 64,
	    .unit = "hashes",
	    .doc = "Password hashes at once on this host; beyond it 503"),
	SETTING(struct auth_conf, lock_after, "auth.lock_after",
	    .def = "5", .min = 1, .max = 100, .unit = "failures",
	    .doc = "Failed logins of an account before it backs off"),
	SETTING_END
};
const struct settings auth_settings = {
	.name = "auth", .size = sizeof(struct auth_conf), .rows = setting_rows
};

/* A role "*" has everybody. Dangerous acts also need a fresh password: their
 * routes say so with R_STEP_UP. */
static const struct permission permissions[] = {
	{ "auth:self", "See and change oneself and one's sessions", "*",
	    false },
	{ "auth:keys", "Have API keys of one's own",
	    "admin operator trader analyst agent client lab", true },
	{ "auth:users", "Manage users and invitations of the tenant",
	    "admin", true },
	{ "auth:roles", "Manage roles of the tenant", "admin", true },
	{ "auth:audit", "Read and verify the audit trail", "admin auditor",
	    false },
	{ "auth:tenants", "Manage tenants of the installation", "", true },
	{ NULL, NULL, NULL, false }
};

static const struct table tables[] = {
	{ .name = "auth_tenant", .row = &auth_tenant_schema,
	    .snapshot = SNAP_FULL },
	{ .name = "auth_user", .row = &auth_user_row_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "auth_role", .row = &auth_role_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "auth_session", .row = &auth_session_schema,
	    .tenant_column = "tenant_id", .retention_days = 7,
	    .retention_column = "expires_at", .snapshot = SNAP_NEVER },
	{ .name = "auth_attempt", .row = &auth_attempt_schema,
	    .retention_days = 2, .retention_column = "last_at",
	    .snapshot = SNAP_NEVER },
	{ .name = "auth_revocation", .row = &auth_revocation_schema,
	    .retention_days = 1, .retention_column = "expires_at",
	    .snapshot = SNAP_NEVER },
	{ .name = "auth_epoch", .snapshot = SNAP_NEVER },
	{ .name = "auth_apikey", .row = &auth_apikey_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "auth_invite", .row = &auth_invite_schema,
	    .tenant_column = "tenant_id", .retention_days = 30,
	    .retention_column = "expires_at", .snapshot = SNAP_NEVER },
	{ .name = "auth_reset", .row = &auth_reset_schema,
	    .retention_days = 1, .retention_column = "expires_at",
	    .snapshot = SNAP_NEVER },
	{ .name = "auth_secret", .row = &auth_secret_schema,
	    .snapshot = SNAP_FULL,
	    .sealed = (const char *const[]){ "value", NULL } },
	{ .name = "auth_audit", .row = &auth_audit_schema,
	    .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "auth_audit_head", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

static const struct exchange people = { .noun = "auth.user",
    .doc = "People with the hashes of their old passwords",
    .row = &auth_user_file_schema, .put = auth_user_import,
    .all = &auth_user_export, .whole = true };

static const struct metric *const refused[] = { &auth_refused_total, NULL };
static const struct metric *const *const metrics[] = { refused, NULL };

const struct module auth_module = {
	.name = "auth",
	.doc = "Who may do what: tenants, users, sessions, keys, roles, audit",
	.tables = (const struct table *const[]){ tables, NULL },
	.queries = (const struct query *const *const[]){
		auth_tenant_queries, auth_user_queries, auth_session_queries,
		auth_password_queries, auth_invite_queries,
		auth_revocation_queries, auth_role_queries, auth_apikey_queries,
		auth_secret_queries, auth_audit_queries, NULL },
	.routes = (const struct route *const[]){
		auth_session_routes, auth_user_routes, auth_password_routes,
		auth_apikey_routes, auth_invite_routes, auth_role_routes,
		auth_tenant_routes, auth_audit_routes, auth_access_routes,
		auth_cookie_routes, NULL },
	.pages = (const struct page *const[]){ auth_pages, NULL },
	.settings = (const struct settings *const[]){ &auth_settings, NULL },
	.permissions = permissions,
	.metrics = metrics,
	.exchanges = (const struct exchange *const[]){ &people, NULL },
	.commands = (const struct command *const[]){ auth_user_commands,
		auth_apikey_commands, auth_audit_commands, NULL }
};
