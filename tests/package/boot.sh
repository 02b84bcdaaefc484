#!/bin/bash
# Inside a machine of its own, started by its own systemd: one command sets it
# up, what is killed comes back, each web server carries it, all of it comes
# back after a boot, purge leaves nothing that runs; then autopkgtest installs
# it anew and runs debian/tests. Called by room.service, once per boot; the end
# is said in /root/boot.out.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
url=http://127.0.0.1:8080 units="quincunx quincunx-worker quincunx-live"
say() { echo "   $*"; }
is() { [ "$1" = "$2" ] || die "$3: \"$1\" instead of \"$2\""; }
die() { echo "FAILED: $*"; systemctl --no-pager --failed; journalctl -b --no-pager -u 'quincunx*' | tail -n 40; exit 1; }
until_ok() { local end=$((SECONDS + $1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.2; done; }
value() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
active() { local u; for u in $units; do systemctl is-active --quiet "$u" || return 1; done; }
login() { token=$(curl -sS $url/api/auth/login -H 'Content-Type: application/json' \
	-d "{\"email\":\"$(value email </root/admin.json)\",\"password\":\"$(value password </root/admin.json)\"}" | value access_token); [ -n "$token" ] || die login; }
job_done() { [ "$(curl -sS "$url/jobs/$1" -H "Authorization: Bearer $token" | value status)" = succeeded ]; }
a_job() { local id; id=$(curl -sS $url/jobs -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
	-d '{"job_type":"room.echo","user_id":"u","payload":{"n":1}}' | value job_id); until_ok 30 job_done "$id" || die "job $(curl -sS "$url/jobs/$id" -H "Authorization: Bearer $token")"; }

first() {
	local u
	timeout 120 quincunx setup || die "setup: status $?"
	cp /var/lib/quincunx/admin.json /root/
	until_ok 30 curl -fsS -o /dev/null $url/health/ready || die "not ready"
	until_ok 30 active || die "not all services run"
	# shellcheck disable=SC2016
	printf '%s\n' 'argv = [ "/bin/sh", "-c", "cat >/dev/null; echo '"'{}'"'" ];' >/etc/quincunx/exec.d/room.echo.conf
	systemctl reload $units # a job type more
	login
	a_job
	until_ok 30 sh -c 'quincunx doctor --url '$url' | grep -q "^ok *worker *quincunx-worker runs"' || die "$(quincunx doctor)"
	quincunx doctor --url $url || die "doctor"
	say "set up by one command, a job done, the doctor content"
	for u in $units; do kill -9 "$(systemctl show -p MainPID --value "$u")"; done
	sleep 1
	until_ok 60 active || die "what was killed did not come back"
	until_ok 30 curl -fsS -o /dev/null $url/health/ready || die "not ready after kill -9"
	a_job
	systemctl reload $units
	a_job
	say "killed: back, and at work"
	by_web lighttpd lighttpd nginx
	by_web apache apache2 lighttpd
	by_web nginx nginx apache2
	say "lighttpd and Apache carry it too, one word each; nginx again"
}

# What a person does who changes the web server: the old one off, one command.
by_web() { # name unit unit-before
	systemctl disable --quiet --now "$3"
	timeout 120 quincunx setup --web "$1" || die "setup --web $1: status $?"
	systemctl enable --quiet "$2"
	until_ok 30 curl -fsS -o /dev/null $url/health/ready || die "not ready behind $1: $(systemctl status --no-pager "$2")"
	is "$(ls -d /etc/nginx/sites-enabled/quincunx /etc/lighttpd/conf-enabled/90-quincunx.conf \
	    /etc/apache2/sites-enabled/quincunx.conf 2>/dev/null | wc -l)" 1 "sites that are enabled"
	login
	a_job
	until_ok 30 quincunx doctor --url $url || die "doctor behind $1: $(quincunx doctor --url $url)"
}

second() {
	until_ok 60 curl -fsS -o /dev/null $url/health/ready || die "not there after a boot"
	until_ok 60 active || die "not all services run after a boot"
	login
	a_job
	say "booted again: at work by itself"
	apt-get -y purge quincunx quincunx-client >/root/purge.out 2>&1 || die "purge: $(tail -n 20 /root/purge.out)"
	[ -z "$(systemctl --no-legend --all list-units 'quincunx*')" ] || die "$(systemctl --all list-units 'quincunx*')"
	for d in /etc/quincunx /var/lib/quincunx /run/quincunx; do [ ! -e $d ] || die "$d stays"; done
	systemctl is-active --quiet nginx || die "nginx went too"
	say "purged: nothing runs, nothing is left"
	autopkgtest --no-built-binaries --timeout-test=120 /root/quincunx*.deb /root/source/ -- null >/root/autopkgtest.out 2>&1 ||
		die "autopkgtest: status $? $(tail -n 40 /root/autopkgtest.out)"
	say "autopkgtest: installed anew, all of debian/tests passed"
}

if [ -e /root/admin.json ]; then second; else first; fi
echo good
