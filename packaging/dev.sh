#!/bin/bash
# Serves, rebuilds when a source file is saved, and reloads without dropping a
# request. Needs inotifywait (package inotify-tools).
set -u
cd "$(dirname "$0")/.."

make -s -j2 all && packaging/serve.sh start || exit 1
trap 'packaging/serve.sh stop; exit 0' INT TERM
while inotifywait -qq -r -e close_write,move,delete core cgi templates static sql; do
	# A new binary needs a new manager: restart the responder, else SIGHUP.
	old=$(stat -c %Y build/bin/quincunx.fcgi)
	make -s -j2 all || continue
	pid=$(cat var/run/responder.pid)
	if [ "$(stat -c %Y build/bin/quincunx.fcgi)" != "$old" ]; then kill -TERM "$pid"
	else kill -HUP "$pid"; fi
	echo "reloaded"
done
