#!/bin/bash
# Discovery benchmark: 10,000 instances over 17 regions from the fake EC2 into
# a private MariaDB. Prints wall time, CPU, peak memory, instances and shards
# against the goals (10 s, 64 MiB); fails when an instance is missing.
# usage: tests/bench/discover.sh [INSTANCES [REGIONS]]
set -eu
cd "$(dirname "$0")/../.."
# -P: http.py beside it is not the library of that name
exec /usr/bin/python3 -BP tests/bench/discover.py "$PWD" "${QX_BIN:-$PWD/build/bin}" "${1:-10000}" "${2:-17}"
