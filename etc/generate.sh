#!/bin/bash
# Writes the samples that the programs print themselves: settings and the
# sites of the three web servers with and without TLS.
# usage: etc/generate.sh [--check]	--check only compares, and says what differs
set -u
cd "$(dirname "$0")/.."
bin=${QX_BIN:-build/bin}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/etc/nginx" "$tmp/etc/lighttpd" "$tmp/etc/apache2"
cat >"$tmp/quincunx.conf" <<END
base = { dir = "$tmp/var"; };
fcgi = { api = { listen = "/run/quincunx/api.sock"; };
  slow = { listen = "/run/quincunx/slow.sock"; };
  control = { listen = "/run/quincunx/control.sock"; }; };
live = { listen = "/run/quincunx/live.sock"; };
END
qx() { "$bin/quincunx" -c "$tmp/quincunx.conf" "$@"; }
tls=/etc/quincunx/tls
qx config --sample=conf >"$tmp/etc/quincunx.conf" &&
	qx config --sample=env >"$tmp/etc/quincunx.env" || exit 1
for s in nginx lighttpd apache; do
	d=$tmp/etc/${s/#apache/apache2}
	qx site $s --listen 80 >"$d/quincunx.conf" &&
		qx site $s --listen 443 --tls $tls/cert.pem:$tls/key.pem \
		    >"$d/quincunx-tls.conf" || exit 1
done
qx site nginx --listen 80 --old 127.0.0.1:8000 >"$tmp/etc/nginx-strangler.conf" || exit 1
if [ "${1:-}" = --check ]; then
	rc=0
	for f in $(cd "$tmp/etc" && find . -type f); do
		diff -u "etc/$f" "$tmp/etc/$f" || { echo "etc/$f is stale: run etc/generate.sh"; rc=1; }
	done
	exit $rc
fi
cp -R "$tmp/etc/." etc/
