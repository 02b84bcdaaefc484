#!/bin/sh
# Installs what is missing for one purpose, or prints the exact command.
# usage: packaging/deps.sh run|dev|test|bench|deb|room|container
set -eu
run="gcc make libc6-dev pkg-config libfcgi-dev libjson-c-dev libmariadb-dev libssl-dev
 libconfig-dev libcurl4-openssl-dev libexpat1-dev libarchive-dev zlib1g-dev libargon2-dev
 libcrypt-dev libhiredis-dev libwebsockets-dev tzdata mariadb-server nginx-light
 util-linux curl ca-certificates"
test="$run libcmocka-dev lighttpd lighttpd-mod-openssl apache2 libapache2-mod-fcgid
 spawn-fcgi openssl groff-base python3 python3-jsonschema prometheus clang clang-format
 libclang-rt-14-dev redis-server wrk chromium"
bench="$test libmariadb-dev-compat lcov php8.2-fpm php8.2-mysql php8.2-opcache python3-fastapi uvicorn
 python3-uvloop python3-httptools python3-sqlalchemy python3-mysqldb
 python3-jose python3-cryptography beanstalkd python3-celery python3-redis"
dev="$run inotify-tools"
deb="$run debhelper dpkg-dev fakeroot"
room="$deb lintian debootstrap systemd systemd-container zstd prometheus python3-yaml"
container="$room podman buildah runc"
command -v npm >/dev/null || container="$container npm" # nodejs of others brings its own
case ${1:-run} in
run) want=$run ;;
test) want=$test ;;
bench) want=$bench ;;
dev) want=$dev ;;
deb) want=$deb ;;
room) want=$room ;;
container) want=$container ;;
*) echo "usage: $0 run|dev|test|bench|deb|room|container" >&2; exit 2 ;;
esac
missing=
for p in $want; do
	s=$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true)
	[ "$s" = "install ok installed" ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
install="apt-get -o DPkg::Lock::Timeout=400 install -y --no-install-recommends$missing"
echo "installing:$missing" >&2
if [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	sudo=sudo
else
	echo "These packages are needed. Run this as root, then try again:" >&2
	echo "  apt-get update && $install" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get -o DPkg::Lock::Timeout=400 update -qq >&2
$sudo env DEBIAN_FRONTEND=noninteractive $install >&2
