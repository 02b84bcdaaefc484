/*
 * Every path that the first source document's original served is served here
 * under its own name, or is on the list of those that are not, which the
 * README explains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/route.h"
#include "module.h"

static const char *const served[] = {
	"GET /health", "POST /api/v1/evaluate", "POST /api/v1/auth/register",
	"POST /api/v1/auth/login", "GET /api/v1/auth/profile",
	"GET /api/v1/auth/verify", "GET /api/v1/client/accounts",
	"DELETE /api/v1/client/accounts/{}", "GET /api/v1/client/dashboard",
	"GET /api/v1/client/summary", "GET /api/v1/client/costs/export",
	"POST /api/v1/onboarding/create",
	"POST /api/v1/onboarding/connect/credentials",
	"GET /api/v1/onboarding/template/{}",
	"POST /api/v1/onboarding/{}/verify",
	"GET /api/v1/onboarding/{}/discovery",
	"POST /api/v1/onboarding/{}/rediscover",
	"GET /api/v1/onboarding/{}/dashboard-summary",
	"GET /api/v1/governance/audit", "GET /api/v1/governance/unauthorized",
	"POST /api/v1/governance/scan",
	"POST /api/v1/governance/instances/apply",
	"GET /api/v1/approvals/pending", "POST /api/v1/approvals/{}/approve",
	"POST /api/v1/approvals/{}/reject", "GET /api/v1/waste",
	"POST /api/v1/waste/scan", "GET /api/v1/pipeline/funnel",
	"GET /api/v1/pipeline/status", "GET /api/v1/storage/unmapped-volumes",
	"GET /api/v1/storage/ami-snapshots", "GET /api/v1/metrics/activity",
	"GET /api/v1/metrics/live", "GET /api/v1/metrics/active-instances",
	"GET /api/v1/metrics/risk-detected",
	"GET /api/v1/metrics/cost-savings",
	"GET /api/v1/metrics/optimization-rate",
	"GET /api/v1/metrics/system-load", "GET /api/v1/metrics/performance",
	"GET /api/v1/metrics/system/health", "GET /api/v1/lab/instances",
	"GET /api/v1/lab/instances/{}", "GET /api/v1/lab/models",
	"POST /api/v1/lab/models/upload",
	"POST /api/v1/lab/models/{}/activate", "GET /api/v1/lab/accounts",
	"POST /api/v1/lab/evaluate", "GET /api/v1/ai/list",
	"POST /api/v1/ai/upload", "POST /api/v1/ai/{}/deploy",
	"GET /api/v1/admin/health/overview",
	"GET /api/v1/admin/logs/all/recent", "GET /api/v1/admin/stats",
	"GET /api/v1/admin/clients", "GET /api/v1/admin/users", NULL
};

/* Not there on purpose: see "Paths of the first document" in the README. */
static const char *const left_out[] = {
	"/api/v1/storage/volumes/cleanup",
	"/api/v1/storage/snapshots/cleanup", "/api/v1/ai/scan",
	"/api/v1/ai/{}/graduate", "/api/v1/ai/{}/archive",
	"/api/v1/lab/instances/{}/assign-model",
	"/api/v1/lab/instances/{}/pipeline-mode",
	"/api/v1/lab/instances/{}/shadow-mode",
	"/api/v1/lab/instances/{}/pipeline-status",
	"/api/v1/lab/models/{}/accept", "/api/v1/lab/models/{}/graduate",
	"/api/v1/lab/models/{}/enable", "/api/v1/lab/models/{}/reject",
	"/api/v1/lab/validate", "/api/v1/lab/optimize/{}",
	"/api/v1/admin/health/run-checks", "/api/v1/admin/logs/{}",
	"/api/v1/admin/logs/cleanup", "/api/v1/admin/system/spot-status",
	"/api/v1/admin/system/rebalance", NULL
};

/* "/a/{id:uuid}/b" is "/a/{}/b". */
static void
bare(const char *path, char *out, size_t n)
{
	size_t k = 0;

	for (const char *p = path; *p != '\0' && k + 3 < n; p++) {
		out[k++] = *p;
		if (*p != '{')
			continue;
		p = strchr(p, '}');
		out[k++] = '}';
	}
	out[k] = '\0';
}

static bool
same(enum method m, const char *path, const char *want)
{
	char text[300], place[250];

	bare(path, place, sizeof(place));
	snprintf(text, sizeof(text), "%s %s", method_name(m), place);
	return strcmp(text, want) == 0 || strcmp(place, want) == 0;
}

static bool
there(const char *want)
{
	for (const struct module *const *m = modules; *m != NULL; m++)
		for (size_t i = 0; (*m)->routes != NULL &&
		    (*m)->routes[i] != NULL; i++)
			for (const struct route *r = (*m)->routes[i];
			    r->id != NULL; r++) {
				if (same(r->method, r->path, want))
					return true;
				for (size_t k = 0; r->aliases != NULL &&
				    r->aliases[k].path != NULL; k++)
					if (same(r->method,
					    r->aliases[k].path, want))
						return true;
			}
	return false;
}

static void
test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; served[i] != NULL; i++)
		if (!there(served[i]))
			fail_msg("%s is not served", served[i]);
	for (size_t i = 0; left_out[i] != NULL; i++)
		if (there(left_out[i]))
			fail_msg("%s is served: take it off the lists here "
			    "and in the README", left_out[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_paths) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
