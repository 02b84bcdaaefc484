/*
 * The dashboard in a real browser: a whole stack, and browser.py against it.
 * It gets the page rows, so that a new page is opened, judged and photographed
 * without a word in the test. Screenshots: build/screenshots.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/random.h"
#include "base/str.h"
#include "http/page.h"
#include "module.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

#include <cmocka.h>

static struct stack st;
static pid_t live;

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(stack_path(&st, name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* [{"path":…,"title":…,"public":…}] of all rows that have an address. */
static const char *
rows(void)
{
	struct str s;

	str_init(&s, st.a);
	str_addc(&s, '[');
	for (size_t m = 0; modules[m] != NULL; m++) {
		const struct page *const *set = modules[m]->pages;

		for (; set != NULL && *set != NULL; set++)
			for (const struct page *p = *set; p->path != NULL;
			    p++) {
				if (p->flags & PAGE_INNER)
					continue;
				str_add(&s, s.len > 1 ? ",{\"path\":" :
				    "{\"path\":");
				str_json(&s, p->path);
				str_add(&s, ",\"title\":");
				str_json(&s, p->title);
				str_addf(&s, ",\"public\":%s}", p->flags &
				    PAGE_PUBLIC ? "true" : "false");
			}
	}
	str_addc(&s, ']');
	return s.p;
}

/* What no route makes: a plan that waits, and a decision. */
static void
waiting_rows(void)
{
	mariadb_sql(st.db, "INSERT INTO platform_decision (id, tenant_id, "
	    "module, kind, subject, subject_id, chosen, reason, refused, "
	    "inputs, expected, created_at) SELECT UNHEX("
	    "'0190000000007000800000000000000d'), id, 'spot', 'move', "
	    "'instance', 'i-<b>1</b>', 'STAY', '<img src=x onerror=alert(1)>'"
	    ", '[{\"pool\":\"<script>alert(2)</script>\"}]', '{}', '{}', "
	    "UTC_TIMESTAMP(6) FROM auth_tenant LIMIT 1");
	mariadb_sql(st.db, "INSERT INTO platform_approval (id, tenant_id, "
	    "module, kind, title, subject, subject_id, risk, plan, digest, "
	    "author, state, expires_at, created_at) SELECT UNHEX("
	    "'0190000000007000800000000000000a'), id, 'spot', 'move', "
	    "'Move <script>alert(3)</script>', 'instance', "
	    "'javascript:alert(4)', 'low', '{}', UNHEX("
	    "'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	    "'), 'a program', 'pending', UTC_TIMESTAMP(6) + INTERVAL 1 DAY, "
	    "UTC_TIMESTAMP(6) FROM auth_tenant LIMIT 1");
}

static int
setup(void **state)
{
	(void)state;
	mkdir("build", 0755);
	mkdir("build/screenshots", 0777);
	(void)!chmod("build/screenshots", 0777);
	(void)!system("rm -f build/screenshots/*.png");
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .worker = true });
	live = stack_launch(&st, "live", (const char *[]){
	    http_text(&st, "%s/quincunx-live", stack_bin()), "-c", st.conf,
	    NULL });
	waiting_rows();
	put("pages.json", rows());
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stack_end(&live, SIGTERM);
	stack_stop(&st);
	return 0;
}

static void
test_browser(void **state)
{
	/* under the sanitizers each page once: what it looks like is known */
	bool quick = strstr(stack_bin(), "/san/") != NULL;
	char pid[16];
	const char *argv[] = { "/usr/bin/python3", "-B",
	    "tests/e2e/browser.py", "--url", st.base, "--email", st.email,
	    "--password", st.password, "--pages",
	    stack_path(&st, "pages.json"), "--shots", "build/screenshots",
	    "--live", pid, quick ? "--quick" : NULL, NULL };
	pid_t child;
	int status;

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)live);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		stack_logs(&st);
		fail_msg("browser.py: status %d", status);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_browser) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
