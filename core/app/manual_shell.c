/*
 * Completion for bash, from the names and usages of the commands: words of a
 * command's name, its options, alternatives in its usage, files elsewhere.
 */
#include <ctype.h>
#include <string.h>

#include "app/manual.h"
#include "base/str.h"
#include "module.h"

static bool
mark(char c)
{
	return c != '\0' && strchr("[]|. ,()", c) != NULL;
}

/* Options and lower-case alternatives of a usage, in words. Lower case is
 * what is typed as it stands; capitals stand for something else. */
static void
add_words(struct str *s, const char *usage)
{
	const char *p = usage, *from;
	size_t n;

	while (*p != '\0') {
		while (mark(*p))
			p++;
		from = p;
		while (*p != '\0' && !mark(*p) && *p != '=')
			p++;
		n = (size_t)(p - from);
		if (*p == '=') {
			/* "--sample=conf": the word ends after the sign */
			p += 1;
			n++;
		}
		if (n > 0 && (from[0] == '-' ? n > 2 :
		    islower((unsigned char)from[0]))) {
			bool plain = true;

			for (size_t i = 0; i < n; i++)
				plain = plain && (islower((unsigned char)from[i]) ||
				    from[i] == '-' || from[i] == '_' ||
				    from[i] == '=');
			if (plain) {
				str_addc(s, ' ');
				str_addn(s, from, n);
			}
		}
	}
}

static void
add_seconds(const struct module *const *mods, const char *first, size_t n,
    struct str *s)
{
	const struct command *c;

	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
		if (strncmp(c->name, first, n) == 0 && c->name[n] == ' ')
			str_addf(s, " %s", c->name + n + 1);
}

/* True for the first command with this first word. */
static bool
first_of_word(const struct module *const *mods, const struct command *of)
{
	const struct command *c;
	size_t n = strcspn(of->name, " ");

	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL && c != of; )
		if (strncmp(c->name, of->name, n) == 0 &&
		    (c->name[n] == ' ' || c->name[n] == '\0'))
			return false;
	return true;
}

void
manual_bash(const struct module *const *mods, struct str *s)
{
	const struct command *c;

	str_add(s, "# bash completion for quincunx; "
	    "made by `quincunx completion bash`\n"
	    "_quincunx()\n{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} i=1 one= two= words=\n"
	    "\twhile [ \"$i\" -lt \"$COMP_CWORD\" ]; do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n"
	    "\t\t-c | -o) i=$((i + 1)) ;;\n"
	    "\t\t-*) ;;\n"
	    "\t\t*) if [ -z \"$one\" ]; then one=${COMP_WORDS[i]}\n"
	    "\t\t\telif [ -z \"$two\" ]; then two=${COMP_WORDS[i]}; fi ;;\n"
	    "\t\tesac\n"
	    "\t\ti=$((i + 1))\n"
	    "\tdone\n"
	    "\tcase \"$one $two\" in\n"
	    "\t' ') words='-c -o --help --version");
	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
		if (first_of_word(mods, c)) {
			str_addc(s, ' ');
			str_addn(s, c->name, strcspn(c->name, " "));
		}
	str_add(s, "' ;;\n\t'man ') words='quincunx.conf");
	for (const struct manual_program *p = manual_programs; p->name; p++)
		str_addf(s, " %s", p->name);
	str_add(s, "' ;;\n\t'help ') words='");
	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
		if (first_of_word(mods, c)) {
			str_addn(s, c->name, strcspn(c->name, " "));
			str_addc(s, ' ');
		}
	str_add(s, "' ;;\n");
	/* two words before one: the longer name is the better match */
	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
		if (strchr(c->name, ' ') != NULL) {
			str_addf(s, "\t'%s') words='--help", c->name);
			add_words(s, c->usage);
			str_add(s, "' ;;\n");
		}
	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
		if (first_of_word(mods, c)) {
			size_t n = strcspn(c->name, " ");

			str_addf(s, "\t'%.*s '*) words='--help", (int)n,
			    c->name);
			add_seconds(mods, c->name, n, s);
			if (c->name[n] == '\0')
				add_words(s, c->usage);
			str_add(s, "' ;;\n");
		}
	str_add(s, "\tesac\n"
	    "\tcase $cur in\n"
	    "\t*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
	    "\tesac\n"
	    "}\n"
	    "complete -o default -F _quincunx quincunx\n");
}
