#!/bin/bash
# `make test`: lint, the plain build, every tier, and the tiers again under
# AddressSanitizer and UndefinedBehaviorSanitizer. Goes on after a failure and
# says at the end what failed.
set -u
cd "$(dirname "$0")/.."
jobs=$(nproc)
status=()
step() {
	local name=$1 start=$SECONDS
	shift
	echo "== $name"
	if "$@"; then status+=("ok     $name ($((SECONDS - start)) s)")
	else status+=("FAILED $name ($((SECONDS - start)) s)"); fi
}
SAN=address,undefined
step "build (gcc, warnings are errors)" make -s -j"$jobs" WERROR=1 all
step "lint" make -s lint
step "fake EC2" make -s check-fake
step "backtests against the reference" make -s check-reference
step "unit tests" make -s -j"$jobs" check
step "host tests" make -s -j"$jobs" check-host
step "database tests" make -s -j"$jobs" JOBS=2 check-db
# The packages compile with flags of their own: beside tests that wait more than they compute.
nice -n 19 make -s deb >/dev/null 2>&1 &
ahead=$!
step "end to end" make -s -j"$jobs" JOBS=2 check-e2e
step "chaos" make -s ROUNDS="${ROUNDS:-21}" SEED="${SEED:-1}" chaos
step "fresh clone" tests/e2e/run.sh
wait "$ahead"
step "packages" make -s check-package
step "build with sanitizers" make -s -j"$jobs" SAN=$SAN all
step "unit tests with sanitizers" make -s -j"$jobs" SAN=$SAN check
step "host tests with sanitizers" make -s -j"$jobs" SAN=$SAN check-host
step "database tests with sanitizers" make -s -j"$jobs" SAN=$SAN JOBS=2 check-db
step "end to end with sanitizers" make -s -j"$jobs" SAN=$SAN JOBS=2 check-e2e
echo
printf '%s\n' "${status[@]}"
failed=$(printf '%s\n' "${status[@]}" | grep -c '^FAILED')
echo "$((${#status[@]} - failed)) passed, $failed failed"
[ "$failed" = 0 ]
