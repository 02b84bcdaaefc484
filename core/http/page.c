/*
 * Verification of page rows. Rendering comes with the dashboard; until then
 * no module has a page, and a row that names a missing template is refused.
 */
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "conf/base.h"
#include "http/page.h"
#include "http/serve.h"

static bool
route_known(const struct http *h, const char *id)
{
	for (size_t i = 0; i < h->nroutes; i++)
		if (strcmp(h->routes[i]->id, id) == 0)
			return true;
	return false;
}

static void
page_check(struct http *h, const struct page *p, struct str *faults,
    size_t *n)
{
	const struct base_conf *cf = conf_get(h->env->conf, &base_settings);
	const char *file = arena_printf(h->env->a, "%s/%s", cf->template_dir,
	    p->template);

	if (strncmp(p->path, "/ui/", 4) != 0 || access(file, R_OK) != 0) {
		str_addf(faults, "\n  %s: template %s", p->path, p->template);
		(*n)++;
	}
	for (size_t i = 0; p->loads != NULL && p->loads[i] != NULL; i++)
		if (!route_known(h, p->loads[i])) {
			str_addf(faults, "\n  %s: route %s", p->path,
			    p->loads[i]);
			(*n)++;
		}
}

int
pages_open(struct http *h, struct str *faults, size_t *n)
{
	for (size_t m = 0; h->env->modules[m] != NULL; m++) {
		const struct page *const *set = h->env->modules[m]->pages;

		for (; set != NULL && *set != NULL; set++)
			for (const struct page *p = *set; p->path != NULL; p++)
				page_check(h, p, faults, n);
	}
	return 0;
}
