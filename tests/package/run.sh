#!/bin/bash
# The packages in a clean room: built, checked by lintian, then installed,
# used, upgraded, interrupted, purged in a minimal Debian of its own (private
# mounts, processes and network). The base system and what apt fetched stay
# under build/room, so that only the first run needs a mirror.
# usage: tests/package/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
room=$PWD/build/room root=$PWD/build/room/root
. tests/package/base.sh
packages="mariadb-server nginx-light curl logrotate procps spawn-fcgi"
machine="systemd systemd-sysv dbus lighttpd apache2 autopkgtest dpkg-dev" # beside them, to boot it

# What only the machine can give (root, namespaces, a mirror) is said, not
# failed: a package can be missing, a right cannot be installed.
not_run() {
	echo "not run: $*"
	exit 0
}
[ "$(id -u)" = 0 ] || not_run "the package test makes a chroot, which only root can do: sudo make check-package"
unshare -m -p -n -f true 2>/dev/null || not_run "this machine gives no private namespaces (unshare -m -p -n)"
packaging/deps.sh room

step() { local t=$SECONDS; echo "-- $1"; shift; "$@"; echo "   $((SECONDS - t)) s"; }

check_units() {
	local u f
	for u in build/deb/quincunx/debian/quincunx/lib/systemd/system/*.service; do
		f=$(systemd-analyze security --offline=true "$u" 2>/dev/null | tail -n 1)
		echo "   ${f#*for }"
		[ "$(echo "$f" | grep -oE '[0-9]+\.[0-9]')" \< 2.1 ] || { echo "$u is exposed: more than 2.0"; return 1; }
	done
}

# Version 0.1.1 is 0.1.0 with a migration more: slow enough to be interrupted.
next_version() {
	rm -rf "$room/next" && dpkg-deb -R build/quincunx_*_*.deb "$room/next"
	sed -i 's/^Version: .*/&.1/' "$room/next/DEBIAN/control"
	cat >"$room/next/usr/share/quincunx/sql/9000_platform_upgrade.sql" <<-'END'
	-- step
	CREATE TABLE platform_upgrade_test (n INT NOT NULL PRIMARY KEY, slept INT NOT NULL) ENGINE=InnoDB
	-- step
	INSERT INTO platform_upgrade_test (n, slept) SELECT 1, SLEEP(4)
	-- step
	ALTER TABLE platform_upgrade_test ADD COLUMN added INT NOT NULL DEFAULT 7
	END
	echo '# 0.1.1' >>"$room/next/etc/quincunx/quincunx.conf"
	dpkg-deb -Znone --root-owner-group -b "$room/next" "$root/tmp/next.deb" >/dev/null
}

unpack() {
	rm -rf "$root" && mkdir -p "$root"
	zstd -q -d <"$room/base.tar.zst" | tar -C "$root" -x
	cp build/quincunx_*_*.deb "$root/tmp/this.deb"
	cp build/quincunx-client_*.deb "$root/tmp/client.deb"
	cp tests/package/inside.sh "$root/tmp/inside.sh"
	cp etc/nginx/quincunx-single.conf "$root/tmp/single.conf"
	next_version
}

fetch() { # everything that will be installed, into the cache
	mkdir -p "$room/apt/partial"
	# shellcheck disable=SC2086
	download $packages && download $packages $machine # alone, logrotate takes cron
}
download() {
	unshare -m --propagation private sh -c 'mount --bind "$1/apt" "$1/root/var/cache/apt/archives"
		shift; exec chroot "$0" apt-get -qq -y --download-only install "$@"' \
	    "$root" "$room" /tmp/this.deb /tmp/client.deb "$@" >/dev/null
}

inside() {
	unshare -m -p -n -f --propagation private --kill-child sh -c '
		mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/run" && mount --bind "$1/apt" "$0/var/cache/apt/archives"
		ip link set lo up 2>/dev/null || nsenter --net=/proc/self/ns/net true
		exec chroot "$0" /bin/bash /tmp/inside.sh' "$root" "$room"
}

# The same room as a machine: its own systemd starts what the package says.
machine() {
	unpack
	rm -f "$root/usr/sbin/policy-rc.d"
	# shellcheck disable=SC2086
	unshare -m -p -f --propagation private sh -c 'mount -t proc proc "$1/proc"
		mount --bind "$0/apt" "$1/var/cache/apt/archives"; root=$1; shift
		exec chroot "$root" apt-get -qq -y install "$@"' \
	    "$room" "$root" $packages $machine /tmp/this.deb /tmp/client.deb >"$room/machine.log" 2>&1
	cp tests/package/boot.sh "$root/root/boot.sh"
	for w in lighttpd apache2; do chroot "$root" systemctl --quiet disable $w; done # port 80 is nginx's
	cp build/quincunx*_*.deb "$root/root/"
	mkdir "$root/root/source" && cp -R packaging/debian "$root/root/source/"
	cat >"$root/etc/systemd/system/room.service" <<-'END'
	[Unit]
	After=mariadb.service nginx.service
	[Service]
	Type=oneshot
	ExecStart=/bin/bash /root/boot.sh
	ExecStopPost=/bin/systemctl --no-block poweroff
	StandardOutput=append:/root/boot.out
	StandardError=inherit
	TimeoutStartSec=240
	[Install]
	WantedBy=multi-user.target
	END
	ln -sf /etc/systemd/system/room.service "$root/etc/systemd/system/multi-user.target.wants/"
	boots 1 || not_run "systemd does not boot in a room of this machine ($room/boot.log)"
	boots 2
}
boots() { # how often "good" must stand there after this one
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 timeout 300 systemd-nspawn -q --register=no --keep-unit --private-network \
	    -D "$root" --boot </dev/null >"$room/boot.log" 2>&1 || true
	[ -e "$root/root/boot.out" ] || return 1
	[ "$(grep -c '^good' "$root/root/boot.out")" = "$1" ] || { cat "$root/root/boot.out"; exit 1; }
	grep '^   ' "$root/root/boot.out" | tail -n 2
}

step "container, compose, chart" /usr/bin/python3 -B tests/package/deploy.py
step "packages" make -s deb
step "lintian" lintian --tag-display-limit 0 --fail-on error,warning build/deb/*.changes
step "units" check_units
step "base system" base || not_run "no base system could be made (debootstrap: is there a mirror?)"
step "room" unpack
step "fetch" fetch || { ls "$room"/apt/*.deb >/dev/null && echo "   no mirror: with what is there"; }
step "install, use, upgrade, purge" inside
[ -s "$root/tmp/complete" ] || { echo "the room did not come to its end"; exit 1; }
step "under systemd" machine
rm -rf "$root" "$room/next"
echo "package: all good"
