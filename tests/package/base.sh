# Sourced: the base system of the clean rooms, a minimal Debian 12 made by
# debootstrap once, in $room/base.tar.zst.
# shellcheck shell=bash
base() {
	[ -s "$room/base.tar.zst" ] && return 0
	rm -rf "$room/new" && mkdir -p "$room/new" "$room/apt/partial"
	local mirror
	mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
	debootstrap --variant=minbase bookworm "$room/new" "${mirror:-http://deb.debian.org/debian}" >"$room/debootstrap.log" 2>&1 ||
		{ tail -n 20 "$room/debootstrap.log"; return 1; }
	[ ! -e /etc/apt/sources.list.d/debian.sources ] || {
		rm -f "$room/new/etc/apt/sources.list"
		cp /etc/apt/sources.list.d/debian.sources "$room/new/etc/apt/sources.list.d/"
	}
	cp /etc/resolv.conf "$room/new/etc/resolv.conf"
	printf '#!/bin/sh\nexit 101\n' >"$room/new/usr/sbin/policy-rc.d"
	chmod 755 "$room/new/usr/sbin/policy-rc.d"
	echo force-unsafe-io >"$room/new/etc/dpkg/dpkg.cfg.d/room"
	printf 'APT::Install-Recommends "false";\nDPkg::Lock::Timeout "60";\nBinary::apt::APT::Keep-Downloaded-Packages "true";\n' \
	    >"$room/new/etc/apt/apt.conf.d/90room"
	chroot "$room/new" apt-get -qq update
	chroot "$room/new" apt-get -qq -y upgrade >/dev/null 2>&1
	chroot "$room/new" apt-get clean
	tar -C "$room/new" -c . | zstd -q -3 >"$room/base.tar.zst.part"
	mv "$room/base.tar.zst.part" "$room/base.tar.zst"
	rm -rf "$room/new"
}
