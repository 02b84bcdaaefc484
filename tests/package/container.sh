#!/bin/bash
# The container file and the compose file, run: the image is built from the
# package and a Debian of debootstrap (no registry is asked), a MariaDB of
# Debian stands in for the official image, and compose.py starts what the
# compose file says. What is made stays below build/room/podman.
# usage: tests/package/container.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
room=$PWD/build/room
. tests/package/base.sh
not_run() { echo "not run: $*"; exit 0; }
[ "$(id -u)" = 0 ] || not_run "containers are made by root here: sudo make check-container"
step() { local t=$SECONDS; echo "-- $1"; shift; "$@"; echo "   $((SECONDS - t)) s"; }

# An engine of its own: storage, state and configuration of this host are not touched.
mkdir -p "$room/podman"
cat >"$room/podman/containers.conf" <<'END'
[containers]
default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
END
printf '{"default": [{"type": "insecureAcceptAnything"}]}' >"$room/podman/policy.json"
cat >"$room/podman/storage.conf" <<END
[storage]
driver = "${STORAGE_DRIVER:-overlay}"
graphroot = "$room/podman/storage"
runroot = "/run/quincunx-check-podman"
END
export CONTAINERS_CONF=$room/podman/containers.conf CONTAINERS_STORAGE_CONF=$room/podman/storage.conf

base_image() {
	podman image exists localhost/room:1 || zstd -q -d <"$room/base.tar.zst" | podman import -q - localhost/room:1 >/dev/null
}

image() {
	make -s deb >/dev/null
	packaging/image.sh "$(sed -n 's/^VERSION := //p' Makefile)" localhost/room:1 --network host --isolation chroot \
	    >"$room/image.log" 2>&1 || { tail -n 20 "$room/image.log"; return 1; }
}

# What the compose file needs of docker.io/library/mariadb: its variables and its health check.
database() {
	mkdir -p "$room/mariadb"
	cat >"$room/mariadb/entrypoint" <<'END'
#!/bin/sh
set -e
[ -d /var/lib/mysql/mysql ] || {
	mariadb-install-db --user=mysql --skip-test-db >/dev/null
	printf "CREATE DATABASE %s;\nGRANT ALL ON %s.* TO %s@'%%' IDENTIFIED BY '%s';\n" "$MARIADB_DATABASE" "$MARIADB_DATABASE" \
	    "$MARIADB_USER" "$(cat "$MARIADB_PASSWORD_FILE")" >/var/lib/mysql/first.sql
	chown mysql /var/lib/mysql/first.sql
	set -- "$@" --init-file=/var/lib/mysql/first.sql
}
install -d -o mysql /run/mysqld
exec mariadbd --user=mysql --bind-address=0.0.0.0 "$@"
END
	printf '#!/bin/sh\nexec mariadb -e "SELECT 1 FROM information_schema.schemata"\n' >"$room/mariadb/healthcheck.sh"
	cat >"$room/mariadb/Containerfile" <<'END'
FROM localhost/room:1
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mariadb-server && rm -rf /var/lib/mysql/*
COPY --chmod=755 entrypoint healthcheck.sh /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/entrypoint"]
END
	podman build -q --layers --network host --isolation chroot \
	    -t localhost/room-mariadb:1 "$room/mariadb" >"$room/mariadb.log" 2>&1 || { tail -n 20 "$room/mariadb.log"; return 1; }
}

step "chart" /usr/bin/python3 -B tests/package/deploy.py --all
step "base system" base || not_run "no base system could be made (debootstrap: is there a mirror?)"
step "base image" base_image || not_run "podman does not work on this machine"
step "image" image
step "database" database
step "compose" /usr/bin/python3 -B tests/package/compose.py "$room/podman" docker.io/library/mariadb:10.11=localhost/room-mariadb:1
echo "container: all good"
