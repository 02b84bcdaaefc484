#!/bin/bash
# The queue beside beanstalkd with a durable log (bench-queue-core), and beside BullMQ and Celery too (bench-queue).
# usage: tests/bench/queue.sh core [JOBS [PROCESSES [BATCH]]] | all [REPS]
set -eu
cd "$(dirname "$0")/../.."
peers=${SHARED:-../shared}/peers
[ -e "$peers/queue/bsd.c" ] || { echo "bench-queue: no peers in $peers (SHARED)" >&2; exit 1; }
scratch=$(mktemp -d /tmp/qxb.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cp -R "$peers/queue" "$peers/node" "$peers/perflib.py" "$scratch/"
mkdir "$scratch/run"
gcc -O2 -std=gnu11 -w -o "$scratch/bsd" "$scratch/queue/bsd.c"
# A server with fsync at each write, filled and drained by two workers.
cat >"$scratch/bsd.sh" <<'END'
#!/bin/bash
set -eu
cd "$(dirname "$0")"
log=$(mktemp -d log.XXXXXX)
port=$((20000 + $$ % 10000))
beanstalkd -l 127.0.0.1 -p $port -b "$log" -f 0 & pid=$!
trap 'kill $pid; rm -rf "$log"' EXIT
for _ in $(seq 100); do ./bsd $port put 1 >/dev/null 2>&1 && break; sleep 0.1; done
echo "beanstalkd, fsync at each write:"
./bsd $port put "$1"
before=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
./bsd $port work 2 "$1"
echo "server_cpu_ms_per_1000=$(awk -v b="$before" -v n="$1" '{ print ($14 + $15 - b) * 10 * 1000 / n }' /proc/$pid/stat)"
END
chmod +x "$scratch/bsd.sh"
what=$1; shift
if [ "$what" = core ]; then
	"$scratch/bsd.sh" "${1:-40000}"
	build/tests/bench/queue "$@"
	exit
fi
for p in node npm redis-server beanstalkd; do
	command -v $p >/dev/null || { echo "bench-queue: $p is not installed" >&2; exit 1; }
done
pin() { sed -n "s/.*\"$1\": *\"[^0-9]*\([0-9.]*\)\".*/\1/p" "$scratch/node/package.json" | head -1; }
want="bullmq@$(pin bullmq) ioredis@$(pin ioredis)"
rm -f "$scratch/node/package.json" "$scratch/node/package-lock.json"
(cd "$scratch/node" && npm install --silent --ignore-scripts --no-audit --no-fund --prefix . $want >/dev/null)
/usr/bin/python3 -B tests/bench/queue.py "$scratch" "${1:-3}"
