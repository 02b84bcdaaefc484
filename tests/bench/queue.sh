#!/bin/bash
# The queue's core beside beanstalkd with a durable log, same machine, in turn.
# usage: tests/bench/queue.sh [JOBS [PROCESSES [BATCH]]]
set -eu
cd "$(dirname "$0")/../.."
peers=${SHARED:-../shared}/peers/queue
scratch=$(mktemp -d /tmp/qxb.XXXXXX)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$scratch"' EXIT
if [ -e "$peers/bsd.c" ] && command -v beanstalkd >/dev/null; then
	gcc -O2 -std=gnu11 -w -o "$scratch/bsd" "$peers/bsd.c"
	mkdir "$scratch/log"
	port=$((20000 + $$ % 10000))
	beanstalkd -l 127.0.0.1 -p $port -b "$scratch/log" -f 0 & pid=$!
	for _ in $(seq 100); do "$scratch/bsd" $port put 1 >/dev/null 2>&1 && break; sleep 0.1; done
	echo "beanstalkd, fsync at each write:"
	"$scratch/bsd" $port put "${1:-40000}"
	"$scratch/bsd" $port work 2 "${1:-40000}"
	kill "$pid"; wait "$pid" 2>/dev/null || true; pid=
else
	echo "beanstalkd: not run (package beanstalkd, SHARED=$peers)"
fi
build/tests/bench/queue "$@"
