#!/bin/bash
# Serves, rebuilds when a source file is saved, and reloads without dropping a
# request. Needs inotifywait (package inotify-tools).
set -u
cd "$(dirname "$0")/.."

make -s -j2 all && packaging/serve.sh start || exit 1
trap 'packaging/serve.sh stop; exit 0' INT TERM
while inotifywait -qq -r -e close_write,move,delete core cgi templates static sql; do
	# A new binary needs a new manager: both are started again, else SIGHUP.
	old=$(stat -c %Y build/bin/quincunx.fcgi)
	make -s -j2 all || continue
	if [ "$(stat -c %Y build/bin/quincunx.fcgi)" != "$old" ]; then sig=TERM; else sig=HUP; fi
	for part in responder worker live; do kill -$sig "$(cat var/run/$part.pid)"; done
	echo "reloaded"
done
