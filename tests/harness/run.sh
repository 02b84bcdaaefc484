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
for t in "$@"; do
	name=$(basename "$t")
	start=$(date +%s%N)
	timeout -k 10 "${TEST_TIMEOUT:-600}" "$t" >"$log/$name" 2>&1 </dev/null
	rc=$?
	ms=$((($(date +%s%N) - start) / 1000000))
	n=$(grep -c '^\[       OK \]' "$log/$name")
	cases=$((cases + n))
	if [ $rc = 0 ]; then
		passed=$((passed + 1))
		printf '%-5s %-32s ok    %4d cases %7d ms\n' "$tier" "$name" "$n" "$ms"
		grep '^not run' "$log/$name"
	else
		failed=$((failed + 1))
		bad+=("$name")
		printf '%-5s %-32s FAILED (status %d)  %7d ms\n' "$tier" "$name" $rc "$ms"
		tail -n "${TEST_TAIL:-120}" "$log/$name"
	fi
done
printf '%s: %d programs, %d cases\n' "$tier" $((passed + failed)) "$cases"
echo "$passed passed, $failed failed"
[ $failed = 0 ] || { echo "failed: ${bad[*]}"; exit 1; }
