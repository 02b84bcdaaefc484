#!/bin/bash
# House rules that a machine can hold: layers, module shape, headers that
# compile alone, banned functions, lengths, root paths, symbol prefixes,
# generated samples. Prints every breach; status 1 if there is one.
set -u
cd "$(dirname "$0")/../.."
bad=0
say() { echo "lint: $*"; bad=1; }

# ---- top level
for f in $(git ls-files | cut -d/ -f1 | sort -u); do
	case $f in .* | Makefile | README.md | cgi | core | templates | sql | etc | static | tests | packaging) ;;
	*) say "top level: $f does not belong there" ;; esac
done

# ---- layers: a file includes its own layer and lower ones
layers="base math conf crypto schema shm proc net db events jobs http modules app"
rank() { case $1 in base | math) echo 1 ;; conf | crypto) echo 2 ;; schema) echo 3 ;; shm) echo 4 ;; proc) echo 5 ;; net) echo 6 ;;
	db) echo 7 ;; events) echo 8 ;; jobs) echo 9 ;; http) echo 10 ;; modules) echo 11 ;; app) echo 12 ;; *) echo 0 ;; esac; }
mrank() { case $1 in auth) echo 1 ;; platform) echo 2 ;; memory) echo 3 ;; learn) echo 4 ;; spot | trade | swarm) echo 5 ;; *) echo 0 ;; esac; }
while IFS=: read -r file inc; do
	own=$(echo "$file" | cut -d/ -f2) to=${inc%%/*}
	[ "$to" = "$inc" ] && continue
	[ "$(rank "$to")" -le "$(rank "$own")" ] || say "$file: layer $own includes $inc"
	if [ "$to" = modules ] && [ "$own" = modules ]; then
		m=$(echo "$file" | cut -d/ -f3) n=$(echo "$inc" | cut -d/ -f2)
		case $n in *.h) continue ;; esac
		[ "$m" = "$n" ] || [ "$file" = core/modules/modules.c ] || {
			[ "$inc" = "modules/$n/$n.h" ] || say "$file: reaches into module $n ($inc)"
			[ "$(mrank "$n")" -lt "$(mrank "$m")" ] || say "$file: module $m includes $n"
		}
	fi
done < <(grep -RnoE '#include "[a-z]+/[^"]+"' core --include=*.c --include=*.h |
	sed -E 's/^([^:]+):[0-9]+:#include "([^"]+)"/\1:\2/')

# ---- modules[] is named in cgi/ and tests/ only
grep -RnwE 'modules\[\]|extern .* modules' core --include=*.c --include=*.h | grep -v -e core/module.h -e core/modules/modules.c -e '^[^:]*:[0-9]*: \*' -e '/\*' && say "modules[] named in core"

# ---- shape of a noun: which facet may call what
for f in $(git ls-files 'core/modules/*/*_http.c'); do
	grep -nE '\bdb_(one|all|exec|each|exec_many|txn|begin|commit)\(|struct query ' "$f" | sed "s|^|$f:|" | grep . && say "$f: SQL in a handler file"
done
for f in $(git ls-files 'core/modules/*/*_sql.c' 'core/modules/*/*_ops.c'); do
	grep -nE '#include "http/|struct ctx\b' "$f" | sed "s|^|$f:|" | grep . && say "$f: HTTP below the handlers"
done
for f in $(git ls-files 'core/modules/*/*_ops.c'); do
	grep -nE 'struct query [a-z]' "$f" | grep -v extern | sed "s|^|$f:|" | grep . && say "$f: SQL text outside _sql.c"
done
for f in $(git ls-files 'core/modules/*/*.c' | grep -vE '_(http|sql|ops|jobs|wire|file|cli)\.c$'); do
	m=$(basename "$(dirname "$f")")
	[ "$f" = core/modules/modules.c ] && continue
	if [ "$(basename "$f")" = "$m.c" ]; then
		grep -qE '^[a-z_]+\(' "$f" && say "$f: tables only, no functions"
	else
		grep -nE '\b(db_(one|all|exec|exec_many|each|begin|commit|txn|open)|net_(http|run|open)|clock_now|open|fopen|socket)\(' "$f" | sed "s|^|$f:|" | grep . && say "$f: a pure file does I/O"
	fi
done

# ---- every query is in a list, so that it is prepared by a test and timed
for f in $(git ls-files 'core/modules/*/*_sql.c'); do
	for q in $(sed -nE 's/^(static )?const struct query ([A-Za-z_0-9]+) = .*/\2/p' "$f"); do
		grep -qE "&$q *(,|\})" "$f" || say "$f: query $q is in no list"
	done
done

# ---- banned functions and words
git ls-files 'core/*.[ch]' 'cgi/*.c' | xargs grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|rand|srand|gmtime|localtime|ctime|asctime|alloca|longjmp|setjmp|strtok|tmpnam|mktemp)\(' | grep -v 'str_' && say "banned function"
git ls-files 'core/*.c' | grep -v '^core/base/' | xargs grep -nE '\b(malloc|calloc|realloc|free)\(' && say "memory outside core/base"
git ls-files 'core/*.c' | xargs grep -nE '\bexit\(' && say "exit below main"
git ls-files 'core/*.[ch]' 'cgi/*.c' 'sql/*' 'packaging/*' 'templates/*' 'static/*' | xargs grep -nE '\b(TODO|FIXME|XXX)\b' && say "left-over mark"
git ls-files 'core/*.[ch]' 'cgi/*.c' 'tests/*.[ch]' | xargs grep -nE '^[^"]*[^:"/]//' | grep -vE '/\*|^[^:]*:[0-9]*: \*' && say "// comment"
git ls-files 'static/*.js' 'templates/*' 'static/*.html' | xargs -r grep -nE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTMLUnsafe|\beval\(|new Function' | grep . && say "markup or code from text"
git ls-files 'templates/*.html' 'static/*.html' | xargs -r grep -nE '<script>|<script [^>]*>[^<]|<style|[ "]style="|[ "]on[a-z]+="|href="javascript:' | grep . && say "code or style inside a page"
git ls-files 'tests/*.c' | grep -v harness | xargs grep -nE '\b(sleep|usleep)\(' | grep . && say "sleep in a test: poll for readiness"

# ---- lengths
for f in $(git ls-files 'core/*.c' 'core/*.h'); do
	n=$(wc -l <"$f"); [ "$n" -le 600 ] || say "$f has $n lines (600)"
done
for f in $(git ls-files 'cgi/*.c'); do
	n=$(wc -l <"$f"); [ "$n" -le 80 ] || say "$f has $n lines (80)"
done
git ls-files 'core/*.c' 'core/*.h' | while read -r f; do
	awk -v f="$f" 'length($0) > 100 { printf "%s:%d: %d columns\n", f, NR, length($0) }' "$f"
done | grep . && say "lines over 100 columns"
for f in $(git ls-files 'core/*.c'); do
	awk -v f="$f" '/^\{/ { start = NR } /^\}/ && start { if (NR - start > 61) printf "%s:%d: function of %d lines\n", f, start, NR - start - 1; start = 0 }' "$f"
done | grep . && say "functions over 60 lines"

# ---- every header compiles alone
inc=$(pkg-config --cflags fcgi hiredis json-c libmariadb libcurl expat 2>/dev/null)
for h in $(git ls-files 'core/*.h'); do
	printf '#include "%s"\n' "${h#core/}" |
	gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Icore $inc -x c -fsyntax-only - 2>"${TMPDIR:-/tmp}/lint.$$" || say "$h does not compile alone"
	[ ! -s "${TMPDIR:-/tmp}/lint.$$" ] || { cat "${TMPDIR:-/tmp}/lint.$$"; say "$h warns"; }
done
rm -f "${TMPDIR:-/tmp}/lint.$$"

# ---- extern symbols of a module begin with its name
for m in auth platform spot; do
	for o in build/obj/core/modules/$m/*.o; do
		[ -e "$o" ] || continue
		nm -g --defined-only "$o" | awk '{ print $3 }' | grep -vE "^(__|${m}_)" | sed "s|^|$o: |" | grep .
	done
done | grep . && say "symbols without their module's name"

# ---- generated samples are up to date
if [ -x build/bin/quincunx ]; then
	for pair in conf:quincunx.conf env:quincunx.env; do
		f=etc/${pair#*:}
		[ -e "$f" ] || { say "$f is missing"; continue; }
		build/bin/quincunx config --sample="${pair%%:*}" 2>/dev/null | cmp -s - "$f" || say "$f differs from quincunx config --sample=${pair%%:*}"
	done
fi
[ $bad = 0 ] && echo "lint: clean"
exit $bad
