/*
 * Manual pages in man(7): one writer for programs, one for the settings.
 * Text is escaped whatever it holds, so that no sentence of a table can be
 * taken for a request.
 */
#include <inttypes.h>
#include <string.h>

#include "app/manual.h"
#include "base/arena.h"
#include "base/str.h"
#include "conf/conf.h"
#include "module.h"

/* A character beyond ASCII by its number: pages are ASCII only. Returns its
 * last byte. */
static const char *
add_unicode(struct str *s, const char *p)
{
	unsigned char c = (unsigned char)*p;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	unsigned code = c & (0x3fu >> more);

	for (; more > 0 && ((unsigned char)p[1] & 0xc0) == 0x80; more--)
		code = code << 6 | ((unsigned char)*++p & 0x3fu);
	str_addf(s, "\\[u%04X]", code);
	return p;
}

static void
add_text(struct str *s, const char *text)
{
	if (*text == '.' || *text == '\'')
		str_add(s, "\\&");
	for (; *text != '\0'; text++)
		if (*text == '\\')
			str_add(s, "\\e");
		else if (*text == '-')
			str_add(s, "\\-");
		else if (*text == '\n')
			str_add(s, "\n\\&");
		else if (*text == '`')
			str_add(s, "\\(ga");
		else if (*text == '^')
			str_add(s, "\\(ha");
		else if (*text == '~')
			str_add(s, "\\(ti");
		else if (*text == '"')
			str_add(s, "\\(dq");
		else if (*text == '\'')
			str_add(s, "\\(aq");
		else if ((*text == '/' || *text == ',') && text[1] > ' ')
			str_addf(s, "%c\\:", *text);	/* long ones break */
		else if ((unsigned char)*text >= 0x80)
			text = add_unicode(s, text);
		else if ((unsigned char)*text >= 0x20)
			str_addc(s, *text);
}

static void
add_line(struct str *s, const char *request, const char *text)
{
	str_add(s, request);
	add_text(s, text);
	str_addc(s, '\n');
}

static void
add_item(struct str *s, const char *name, const char *usage, const char *doc)
{
	str_add(s, ".TP\n\\fB");
	add_text(s, name);
	str_add(s, "\\fR");
	if (usage != NULL && *usage != '\0') {
		str_addc(s, ' ');
		add_text(s, usage);
	}
	str_addc(s, '\n');
	add_text(s, doc);
	str_add(s, ".\n");
}

static void
add_items(struct str *s, const char *title, const struct manual_option *o)
{
	if (o == NULL)
		return;
	add_line(s, ".SH ", title);
	for (; o->name != NULL; o++)
		add_item(s, o->name, NULL, o->doc);
}

static void
add_head(struct str *s, const char *name, const char *section,
    const char *doc)
{
	str_add(s, ".TH \"");
	for (const char *p = name; *p != '\0'; p++)
		if (*p == '-')
			str_add(s, "\\-");
		else
			str_addc(s, *p >= 'a' && *p <= 'z' ?
			    (char)(*p - 'a' + 'A') : *p);
	str_addf(s, "\" %s \"\" \"Quincunx %s\" \"%s\"\n"
	    ".ad l\n.nh\n.SH NAME\n", section,
	    QX_VERSION, *section == '1' ? "User commands" :
	    *section == '5' ? "File formats" : "System administration");
	add_text(s, name);
	str_add(s, " \\- ");
	add_text(s, doc);
	str_addc(s, '\n');
}

static void
add_commands(const struct module *const *mods, struct str *s)
{
	const struct command *c;

	str_add(s, ".SH COMMANDS\n");
	for (int g = 0; manual_groups[g].title != NULL; g++) {
		add_line(s, ".SS ", manual_groups[g].title);
		for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
			if (manual_group_of(c->name) == g)
				add_item(s, c->name, c->usage, c->doc);
	}
	str_add(s, ".SS More\n");
	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
		if (manual_group_of(c->name) == -1)
			add_item(s, c->name, c->usage, c->doc);
}

static void
add_examples(struct str *s)
{
	str_add(s, ".SH EXAMPLES\n");
	for (const struct manual_example *x = manual_examples;
	    x->command != NULL; x++) {
		str_add(s, ".TP\n\\fBquincunx ");
		add_text(s, x->line);
		str_add(s, "\\fR\n");
		add_text(s, x->doc);
		str_add(s, ".\n");
	}
}

/* ---- settings --------------------------------------------------------------- */

static void
add_bounds(struct str *s, const struct setting *o)
{
	if (o->unit != NULL) {
		str_add(s, ", in ");
		add_text(s, o->unit);
	}
	if (o->min != 0 || o->max != 0)
		str_addf(s, ", from %s%" PRId64 " to %" PRId64,
		    o->min < 0 ? "\\" : "", o->min, o->max);
	for (const char *const *w = o->oneof; w != NULL && *w != NULL; w++) {
		str_add(s, w == o->oneof ? "; one of " : ", ");
		add_text(s, **w != '\0' ? *w : "nothing");
	}
	str_add(s, ".\n");
	if (o->def != NULL && *o->def != '\0' && !(o->flags & SET_SECRET)) {
		str_add(s, "Default: ");
		add_text(s, o->def);
		str_add(s, ".\n");
	}
	if (o->env != NULL) {
		str_add(s, "Variable ");
		add_text(s, o->env);
		str_add(s, ".\n");
	}
	if (o->flags & SET_REQUIRED)
		str_add(s, "Required.\n");
	if (o->flags & SET_SECRET) {
		str_add(s, "A secret; may be read from the file that ");
		add_text(s, o->path);
		str_add(s, "_file names.\n");
	}
}

/* prefixes: "worker. jobs.", or NULL for all. */
static bool
wanted(const char *path, const char *prefixes)
{
	if (prefixes == NULL)
		return true;
	while (*prefixes != '\0') {
		size_t n = strcspn(prefixes, " ");

		if (strncmp(path, prefixes, n) == 0)
			return true;
		prefixes += n + strspn(prefixes + n, " ");
	}
	return false;
}

static void
add_settings(const struct settings *const *groups, const char *prefixes,
    struct str *s)
{
	str_add(s, ".SH SETTINGS\n");
	for (; *groups != NULL; groups++)
		for (const struct setting *o = (*groups)->rows; o->path; o++) {
			if (!wanted(o->path, prefixes))
				continue;
			str_add(s, ".TP\n\\fB");
			add_text(s, o->path);
			str_add(s, "\\fR\n");
			add_text(s, o->doc != NULL ? o->doc : o->path);
			add_bounds(s, o);
		}
}

static void
conf_page(const struct settings *const *groups, struct str *s)
{
	add_head(s, "quincunx.conf", "5", "settings of Quincunx");
	str_add(s, ".SH DESCRIPTION\n"
	    "The file is in the format of libconfig: groups in braces, "
	    "\\fIname = value;\\fR.\n"
	    "A setting is taken from its default, then this file, then the "
	    ".conf files of the directory\n"
	    "\\fIquincunx.conf.d\\fR in order of their names, then the "
	    "environment, then \\fB\\-o\\fR options: the last one counts.\n"
	    "Every setting also answers to the variable QUINCUNX_ and its "
	    "path in capitals, with underscores for dots.\n"
	    "Unknown names and values out of bounds are refused, with file "
	    "and line.\n.PP\n"
	    "\\fBquincunx config \\-\\-check\\fR checks it, "
	    "\\fBquincunx config \\-\\-effective\\fR shows what is in force "
	    "and where it comes from,\n"
	    "\\fBquincunx config \\-\\-sample=conf\\fR prints a commented "
	    "file. Services read it again on SIGHUP.\n");
	add_settings(groups, NULL, s);
	str_add(s, ".SH EXAMPLES\n.nf\n"
	    "database:\n{\n"
	    "\turl = \\(dqmysql://quincunx@localhost/quincunx\\(dq;\n};\n"
	    ".fi\n.SH SEE ALSO\n.BR quincunx (1)\n");
}

static void
add_see(const char *see, struct str *s)
{
	str_add(s, ".SH SEE ALSO\n");
	add_text(s, see);
	str_addc(s, '\n');
}

static void
program_page(const struct manual_program *p, const struct module *const *mods,
    const struct settings *const *groups, struct str *s)
{
	add_head(s, p->name, p->section, p->doc);
	str_add(s, ".SH SYNOPSIS\n\\fB");
	add_text(s, p->name);
	str_add(s, "\\fR ");
	add_text(s, p->synopsis);
	str_add(s, "\n.SH DESCRIPTION\n");
	for (const char *const *t = p->text; *t != NULL; t++) {
		if (t != p->text)
			str_add(s, ".PP\n");
		add_text(s, *t);
		str_addc(s, '\n');
	}
	add_items(s, "OPTIONS", p->options);
	if (*p->section == '1')
		add_commands(mods, s);
	add_items(s, "SIGNALS", p->signals);
	if (p->settings != NULL)
		add_settings(groups, p->settings, s);
	if (*p->section == '1') {
		add_items(s, "EXIT STATUS", manual_exits);
		add_examples(s);
	} else
		str_add(s, ".SH EXIT STATUS\n0 when it ended as asked, 1 when "
		    "it failed: a line on stderr and in the log says why.\n");
	str_add(s, ".SH FILES\n.TP\n.I /etc/quincunx/quincunx.conf\n"
	    "Configuration of a packaged installation.\n");
	add_see(p->see, s);
}

/* "quincunx-worker" and "quincunx-worker.8". */
static bool
named(const char *asked, const char *name, const char *section)
{
	size_t n = strlen(name);

	return strncmp(asked, name, n) == 0 && (asked[n] == '\0' ||
	    (asked[n] == '.' && strcmp(asked + n + 1, section) == 0));
}

bool
manual_page(const char *name, const struct module *const *mods,
    const struct settings *const *groups, struct str *s)
{
	if (named(name, "quincunx.conf", "5")) {
		conf_page(groups, s);
		return true;
	}
	for (const struct manual_program *p = manual_programs; p->name; p++)
		if (named(name, p->name, p->section)) {
			program_page(p, mods, groups, s);
			return true;
		}
	return false;
}
