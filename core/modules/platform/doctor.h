/*
 * `quincunx doctor`: what is wrong with this installation, each with one
 * remedy. Asks what the services ask at their start and in /health, and looks
 * at what only the host can tell: sockets, directories, certificate, site.
 */
#ifndef PLATFORM_DOCTOR_H
#define PLATFORM_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/vec.h"
#include "db/env.h"
#include "db/table.h"

struct err;
struct str;

enum platform_doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_BAD };

struct platform_finding {
	const char *name;		/* "database" */
	enum platform_doctor_state state;
	const char *detail;		/* what was found, one line */
	const char *remedy;		/* what to do; NULL when ok */
};
struct platform_findings {
	struct arena *a;
	VEC(struct platform_finding) list;
};

/* ---- pure ------------------------------------------------------------------ */

/* Adds one; the detail is copied and made one line. The remedy is the name's
 * own unless given. */
void platform_doctor_add(struct platform_findings *, const char *name,
    enum platform_doctor_state, const char *detail, const char *remedy);
/* Remedy of a check by its name; a general one for names it does not know. */
const char *platform_doctor_remedy(const char *name);
/* Lines of db_check_server() as findings "clock" and "database settings". */
void platform_doctor_server(struct platform_findings *, const char *lines);
/* Lines of a fresh site that the installed one lacks; places where it listens
 * and its names do not count. *first: one of them, NULL if none. */
size_t platform_doctor_site_differs(struct arena *, const char *fresh,
    const char *installed, const char **first);
/* The web server that a site is for, by its text; NULL: cannot tell. */
const char *platform_doctor_site_server(const char *text);
enum platform_doctor_state platform_doctor_worst(
    const struct platform_findings *);
void platform_doctor_text(const struct platform_findings *, bool colour,
    struct str *);
void platform_doctor_json(const struct platform_findings *, struct str *);

/* ---- looking ------------------------------------------------------------------ */

/* site: file of the installed site, NULL = where setup puts it. url: where the
 * web server answers, NULL = http.public_url. */
void platform_doctor_look(struct env *, const char *site, const char *url,
    struct platform_findings *);
/* What the doctor says when a program cannot even start; exit status. */
int platform_doctor_unbooted(const struct err *, int argc, char **argv);

extern const struct command platform_doctor_commands[];

#endif
