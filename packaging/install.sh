#!/bin/sh
# `make install`: puts files under $DESTDIR$PREFIX and $DESTDIR$SYSCONF. Paths
# in units, crontab and configuration become those of PREFIX.
set -eu
cd "$(dirname "$0")/.."
root=${DESTDIR:-}${PREFIX:=/usr/local}
etc=${DESTDIR:-}${SYSCONF:=/etc}
unitdir=${DESTDIR:-}${UNITDIR:-$PREFIX/lib/systemd/system}
lib=$root/lib/quincunx share=$root/share/quincunx doc=$root/share/doc/quincunx

put() { # mode from to: with the paths of this prefix
	sed -e "s|/usr/local|$PREFIX|g" -e "s|/etc/quincunx|$SYSCONF/quincunx|g" "$2" >"$3.new"
	chmod "$1" "$3.new"
	mv "$3.new" "$3"
}
keep() { # mode from to: unless it is there
	[ -e "$3" ] || put "$@"
}

install -d "$lib" "$root/bin" "$share" "$unitdir" \
    "$root/lib/sysusers.d" "$root/lib/tmpfiles.d" \
    "$etc/quincunx/quincunx.conf.d" "$etc/logrotate.d" "$etc/cron.d"
# shellcheck disable=SC2086
install -m 755 $BIN "$lib"
put 755 packaging/setup.sh "$lib/quincunx-setup"
ln -sf ../lib/quincunx/quincunx "$root/bin/quincunx"
for d in sql static templates; do
	[ ! -d $d ] || cp -R $d "$share/"
done
for d in etc packaging/prometheus packaging/grafana; do
	[ ! -d $d ] || { install -d "$doc/examples" && cp -R $d "$doc/examples/"; }
done
rm -f "$doc/examples/etc/generate.sh"
for f in packaging/systemd/*; do put 644 "$f" "$unitdir/${f##*/}"; done
put 644 packaging/sysusers.d/quincunx.conf "$root/lib/sysusers.d/quincunx.conf"
put 644 packaging/tmpfiles.d/quincunx.conf "$root/lib/tmpfiles.d/quincunx.conf"
keep 644 packaging/quincunx.conf "$etc/quincunx/quincunx.conf"
keep 644 packaging/cron.d/quincunx "$etc/cron.d/quincunx"
keep 644 packaging/logrotate.d/quincunx "$etc/logrotate.d/quincunx"
# manual pages, where they were made
for f in build/man/*.[158]; do
	[ -e "$f" ] || continue
	install -d "$root/share/man/man${f##*.}"
	install -m 644 "$f" "$root/share/man/man${f##*.}/"
done
if [ -e build/man/quincunx.bash ]; then
	install -d "$root/share/bash-completion/completions"
	install -m 644 build/man/quincunx.bash "$root/share/bash-completion/completions/quincunx"
fi
