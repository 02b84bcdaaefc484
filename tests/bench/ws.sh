#!/bin/bash
# Fan-out benchmark: the gateway beside node ws and the bare epoll floor, same
# machine, same load, in turn. Prints CPU per message and its ratio to node ws,
# singly and with four events per tick, latency and memory per connection.
# usage: tests/bench/ws.sh [CONNECTIONS,... [REPETITIONS [SECONDS]]]
set -eu
cd "$(dirname "$0")/../.."
peers=${SHARED:-../shared}/peers
[ -d "$peers/ws" ] || { echo "bench-ws: no peers at $peers (set SHARED)" >&2; exit 1; }
command -v npm >/dev/null || { echo "bench-ws: the peer needs node and npm" >&2; exit 1; }
scratch=$(mktemp -d /tmp/qxw.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cp -R "$peers/ws" "$scratch/ws"
chmod -R u+w "$scratch"
make -s -C "$scratch/ws" epws >/dev/null
mkdir -p "$scratch/node"
cp "$peers/node/ws.mjs" "$scratch/node/"
version=$(sed -n '/"node_modules\/ws"/{n;s/.*"version": "\([^"]*\)".*/\1/p}' "$peers/node/package-lock.json")
(cd "$scratch/node" && npm install --silent --ignore-scripts --no-audit --no-fund --prefix . "ws@${version:-8}" >/dev/null)
chmod -R a+rX "$scratch"
/usr/bin/python3 -BP tests/bench/ws.py "$scratch" "$PWD" "${QX_BIN:-$PWD/build/bin}" "${BUILD:-$PWD/build}/tests/bench/wsfan" \
    "${1:-1000,5000}" "${2:-3}" "${3:-5}"
