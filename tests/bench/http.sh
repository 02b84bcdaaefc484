#!/bin/bash
# HTTP benchmark: Quincunx beside the peers, same machine, same MariaDB, same
# nginx, in turn. Prints CPU-seconds per 1000 requests and the ratios.
# usage: tests/bench/http.sh [SECONDS [REPETITIONS [CONNECTIONS]]]
set -eu
cd "$(dirname "$0")/../.."
peers=${SHARED:-../shared}/peers
[ -d "$peers/http" ] || { echo "bench-http: no peers at $peers (set SHARED)" >&2; exit 1; }
scratch=$(mktemp -d /tmp/qxb.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cp -R "$peers/." "$scratch/"
chmod -R u+w "$scratch"
mkdir -p "$scratch/run"
make -s -C "$scratch/http" >/dev/null
cp tests/bench/load.lua "$scratch/http/load.lua"
chmod 755 "$scratch" "$scratch/run"
/usr/bin/python3 -B tests/bench/peers.py "$scratch" "$PWD" "${1:-4}" "${2:-3}" "${3:-16}"
