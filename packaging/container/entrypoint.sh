#!/bin/sh
# The roles of the container. Settings come from the environment and from
# files of secrets (…_FILE); see quincunx config --sample=env.
set -eu
lib=/usr/lib/quincunx conf=/etc/quincunx/quincunx.conf
[ -d /run/quincunx/web ] || mkdir -m 0750 /run/quincunx/web 2>/dev/null || true
cd /usr/share/quincunx
case ${1:-responder} in
responder) exec $lib/quincunx.fcgi -c $conf --listen ;;
worker | live | schedule | sweep | discover)
	role=$1
	shift
	exec $lib/quincunx-"$role" -c $conf "$@"
	;;
host) # first process of what the others share; reaps what they leave
	trap 'exit 0' TERM INT
	while :; do
		sleep 3600 &
		wait $! || true
	done
	;;
web)
	mkdir -p /run/quincunx/nginx
	quincunx -c $conf site nginx --listen "${LISTEN:-8080}" --standalone /run/quincunx/nginx >/run/quincunx/nginx.conf
	exec nginx -e stderr -p /run/quincunx/nginx -c /run/quincunx/nginx.conf
	;;
migrate) # waits for a database that is just starting
	n=0
	until out=$(quincunx -c $conf migrate 2>&1); do
		n=$((n + 1))
		case $out in *"database is not available"*) ;; *) echo "$out" >&2; exit 1 ;; esac
		[ $n -lt 60 ] || { echo "$out" >&2; exit 1; }
		sleep 2
	done
	echo "$out" | tail -n 1
	[ -z "${ADMIN_EMAIL:-}" ] || quincunx -c $conf admin init --email "$ADMIN_EMAIL" \
	    --url "${QUINCUNX_HTTP_PUBLIC_URL:-http://127.0.0.1:8080}" --out /var/lib/quincunx/admin.json
	;;
*) exec quincunx -c $conf "$@" ;;
esac
