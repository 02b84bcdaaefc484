#!/bin/bash
# Runs test programs one after another, prints a line each and the log of
# those that fail, and a total that CI reads.
# usage: tests/harness/run.sh TIER PROGRAM...
set -u
tier=$1
shift
passed=0 failed=0 cases=0 bad=()
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:handle_segv=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
one() { # program: its output, status and time into the log folder
	local name start=$(date +%s%N)
	name=$(basename "$1")
	timeout -k 10 "${TEST_TIMEOUT:-600}" "$1" >"$log/$name" 2>&1 </dev/null
	local rc=$?
	# Scenarios with real servers and deadlines: a busy machine gets a second
	# try, and the first failure is shown all the same.
	if [ $rc != 0 ] && [ "${RETRY:-0}" = 1 ]; then
		grep -E '^\[  (ERROR|FAILED)|^\[   LINE|^ERROR' "$log/$name" | head -n 20 >"$log/$name.first"
		timeout -k 10 "${TEST_TIMEOUT:-600}" "$1" >"$log/$name" 2>&1 </dev/null
		rc=$?
	fi
	echo "$rc $((($(date +%s%N) - start) / 1000000))" >"$log/$name.rc"
}
report() {
	local name rc ms n
	name=$(basename "$1")
	read -r rc ms <"$log/$name.rc"
	n=$(grep -c '^\[       OK \]' "$log/$name")
	cases=$((cases + n))
	if [ "$rc" = 0 ]; then
		passed=$((passed + 1))
		printf '%-5s %-32s ok    %4d cases %7d ms\n' "$tier" "$name" "$n" "$ms"
		grep '^not run' "$log/$name"
		[ ! -e "$log/$name.first" ] || { echo "      at the second try; first:"; cat "$log/$name.first"; }
	else
		failed=$((failed + 1))
		bad+=("$name")
		printf '%-5s %-32s FAILED (status %d)  %7d ms\n' "$tier" "$name" "$rc" "$ms"
		grep -E '^\[  (ERROR|FAILED)|^\[   LINE' "$log/$name" | head -n 20
		tail -n "${TEST_TAIL:-120}" "$log/$name"
	fi
}
for t in "$@"; do # JOBS at a time, reported in order
	while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-1}" ]; do wait -n; done
	one "$t" &
	[ "${JOBS:-1}" -gt 1 ] || { wait; report "$t"; }
done
wait
[ "${JOBS:-1}" -le 1 ] || for t in "$@"; do report "$t"; done
printf '%s: %d programs, %d cases\n' "$tier" $((passed + failed)) "$cases"
echo "$passed passed, $failed failed"
[ $failed = 0 ] || { echo "failed: ${bad[*]}"; exit 1; }
