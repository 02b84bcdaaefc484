#!/bin/bash
# Runs inside the clean room, as root of a machine of its own.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
url=http://127.0.0.1:8080

say() { echo "   $*"; }
die() { echo "FAILED: $*" >&2; tail -n 30 /tmp/*.out 2>/dev/null >&2; exit 1; }
until_ok() { # seconds command...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}
is() { [ "$1" = "$2" ] || die "${3:-value}: \"$1\" instead of \"$2\""; }
sql() { mariadb -N -B -e "$1"; }
value() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
as_user() { setpriv --reuid=quincunx --regid=quincunx --init-groups "$@"; }
api() { curl -sS --max-time 20 "$@"; }

start_mariadb() {
	install -d -o mysql -g mysql /run/mysqld
	mariadbd --user=mysql --skip-log-error --innodb-flush-log-at-trx-commit=1 >/tmp/mariadb.out 2>&1 &
	until_ok 30 mariadb -e 'SELECT 1' || die "MariaDB did not start"
}

start_services() {
	(exec setpriv --reuid=quincunx --regid=quincunx --init-groups /usr/lib/quincunx/quincunx.fcgi --listen -c /etc/quincunx/quincunx.conf >/tmp/fcgi.out 2>&1) &
	fcgi=$!
	(exec setpriv --reuid=quincunx --regid=quincunx --init-groups /usr/lib/quincunx/quincunx-worker -c /etc/quincunx/quincunx.conf >/tmp/worker.out 2>&1) &
	worker=$!
	(exec setpriv --reuid=quincunx --regid=quincunx --init-groups /usr/lib/quincunx/quincunx-live -c /etc/quincunx/quincunx.conf >/tmp/live.out 2>&1) &
	live=$!
	[ -s /run/nginx.pid ] || nginx
	until_ok 30 curl -fsS -o /dev/null $url/health/ready || die "not ready: $(api $url/health)"
}

stop_services() {
	kill -TERM $fcgi $worker $live
	wait $fcgi $worker $live 2>/dev/null || true
}

login() {
	local email password
	email=$(value email </tmp/admin.json) password=$(value password </tmp/admin.json)
	token=$(api $url/api/auth/login -H 'Content-Type: application/json' \
	    -d "{\"email\":\"$email\",\"password\":\"$password\"}" | value access_token)
	[ -n "$token" ] || die "no login"
}

job_done() { [ "$(api "$url/jobs/$1" -H "Authorization: Bearer $token" | value status)" = succeeded ]; }
a_job() { # an exec type of the package's own place, done by the worker
	local id
	id=$(api $url/jobs -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
	    -d '{"job_type":"room.echo","user_id":"u","payload":{"n":1}}' | value job_id)
	[ -n "$id" ] || die "no job was accepted"
	until_ok 30 job_done "$id" || die "job: $(api "$url/jobs/$id" -H "Authorization: Bearer $token")"
}

exec_type() { # a program of this host as a job type
cat >/etc/quincunx/exec.d/room.echo.conf <<'END'
argv = [ "/bin/sh", "-c", "cat >/dev/null; echo '{\"result\":1}'" ];
END
chmod 644 /etc/quincunx/exec.d/room.echo.conf
}

# ---- install --------------------------------------------------------------------
find / -xdev \( -path /proc -o -path /tmp -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/log -o -path /run \) -prune -o -print |
	sort >/tmp/before
t=$SECONDS
apt-get -qq -y -o APT::Install-Recommends=false install mariadb-server nginx-light curl logrotate procps spawn-fcgi >/tmp/apt.out 2>&1 || die apt
find / -xdev \( -path /proc -o -path /tmp -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/log -o -path /run -o -path /var/lib/mysql \) -prune -o -print |
	sort >/tmp/before
apt-get -qq -y install /tmp/this.deb /tmp/client.deb >/tmp/install.out 2>&1 || die "apt-get install"
grep -q 'quincunx setup' /tmp/install.out || die "the next step is not told"
id quincunx >/dev/null || die "no user"
is "$(stat -c %U:%G:%a /run/quincunx/web)" quincunx:www-data:2750 "socket directory"
is "$(stat -c %U:%a /var/lib/quincunx)" quincunx:750 "state directory"
quincunx --version >/dev/null || die "no program in PATH"
quincunx-client --help >/dev/null || die "no client"
if quincunx setup >/tmp/setup0.out 2>&1; then die "setup without a database succeeded"; fi
grep -q 'MariaDB does not answer' /tmp/setup0.out || die "$(cat /tmp/setup0.out)"
[ ! -e /etc/quincunx/quincunx.conf.d/10-setup.conf ] || die "half a setup is in force"
say "installed, $((SECONDS - t)) s"

# ---- one further command ----------------------------------------------------------
start_mariadb
t=$SECONDS
quincunx setup >/tmp/setup.out 2>&1 || die "setup: $(cat /tmp/setup.out)"
say "set up, $((SECONDS - t)) s"
for f in encryption_key jwt_secret audit_key database_url; do
	is "$(stat -c %U:%G:%a /etc/quincunx/secrets/$f)" root:quincunx:640 "secret $f"
done
is "$(stat -c %U:%G:%a /etc/quincunx/secrets/migrate_url)" root:root:600 migrate_url
is "$(stat -c %U:%a /var/lib/quincunx/admin.json)" quincunx:600 admin.json
is "$(sql "SELECT plugin FROM mysql.user WHERE user = 'quincunx'")" unix_socket "login of the service"
is "$(as_user mariadb -N -B quincunx -e 'CREATE TABLE x (n INT)' 2>&1 | grep -c denied)" 1 "DDL by the service user"
exec_type
cp /var/lib/quincunx/admin.json /tmp/admin.json
start_services
login
a_job
if ps -eo user=,args= | grep '/usr/lib/quincunx/' | grep -v grep | grep -v '^quincunx '; then die "a process of ours is not the service user's"; fi
is "$(stat -c %G:%a /run/quincunx/web/api.sock)" www-data:660 "socket"
cp /etc/quincunx/secrets/encryption_key /tmp/key
quincunx setup >/tmp/setup2.out 2>&1 || die "setup again"
cmp -s /tmp/key /etc/quincunx/secrets/encryption_key || die "setup made another key"
login
say "nginx, login, job: good; set up twice is the same"

# ---- a humble host: spawn-fcgi and cron instead of managers -------------------------------
stop_services
rm /etc/nginx/sites-enabled/quincunx
cp /tmp/single.conf /etc/nginx/sites-enabled/single
# as the head of that file says
start=$(sed -n '/^#	QUINCUNX_CONF/,/quincunx.fcgi$/{s/^#	//;s|/usr/local|/usr|;p}' /tmp/single.conf)
sh -c "${start/ -- / -P /tmp/spawn.pid -- }" >/tmp/spawn.out 2>&1 || die "spawn-fcgi"
nginx -s reload
until_ok 30 curl -fsS -o /dev/null $url/health/ready || die "not ready behind spawn-fcgi: $(api $url/health)"
crontab=/etc/cron.d/quincunx
grep -qE '^\* \* \* \* \*	quincunx	' $crontab || die "no line of the service user in $crontab"
mapfile -t variables < <(grep -E '^[A-Z]+=' $crontab)
(exec env -i HOME=/var/lib/quincunx LOGNAME=quincunx "${variables[@]}" setpriv --reuid=quincunx --regid=quincunx --init-groups \
    /bin/sh -c "$(sed -n 's/^\* \* \* \* \*	quincunx	//p' $crontab)" >/tmp/cron.out 2>&1) &
cron=$!
login
a_job
pkill -TERM -P $cron || true
wait $cron 2>/dev/null || true
xargs kill -TERM </tmp/spawn.pid
rm /etc/nginx/sites-enabled/single
ln -s /etc/quincunx/sites/nginx.conf /etc/nginx/sites-enabled/quincunx
nginx -s reload
start_services
login
say "spawn-fcgi and cron instead of managers: login, job: good"

# ---- what a service user could plant -----------------------------------------------
mkdir -m 700 /root/victim && echo precious >/root/victim/file && chmod 600 /root/victim/file
victim() { stat -c '%n %U:%G %a %s %Y' /root/victim /root/victim/file; cat /root/victim/file; ls /root/victim; }
victim >/tmp/victim
head -c 3000 /dev/zero | tr '\0' x >/tmp/big.log && chown quincunx: /tmp/big.log && chmod 644 /tmp/big.log
as_user sh -c 'ln -s /root/victim /var/lib/quincunx/dir; ln -s /root/victim/file /var/log/quincunx/evil.log
	cp /tmp/big.log /var/log/quincunx/router.log.1 2>/dev/null
	mv /var/lib/quincunx/admin.json /var/lib/quincunx/admin.kept; ln -s /root/victim/file /var/lib/quincunx/admin.json
	ln -sfn /root/victim /run/quincunx/planted; ln -sfn /root/victim /var/log/quincunx/sub'
logrotate -f /etc/logrotate.d/quincunx >/tmp/rotate.out 2>&1 || true
cmp -s <(victim) /tmp/victim || die "logrotate followed a link: $(victim)"
ls /var/log/quincunx/*.log.1 >/dev/null 2>&1 || die "nothing was rotated: $(cat /tmp/rotate.out)"

# ---- upgrade, interrupted ------------------------------------------------------------
echo '# mine' >>/etc/quincunx/quincunx.conf
echo '# by hand' >>/etc/quincunx/sites/nginx.conf
dpkg --force-confold --unpack /tmp/next.deb >/tmp/unpack.out 2>&1 || die unpack
# killed before the first step: its maintainer script waits for a lock that is ours
exec 8>/run/quincunx-setup.lock
flock 8
setsid dpkg --force-confold --configure quincunx >/tmp/configure0.out 2>&1 8>&- &
dpkg_pid=$!
until_ok 30 pgrep -s $dpkg_pid -x flock || die "the maintainer script did not come to its lock: $(cat /tmp/configure0.out)"
kill -KILL -- -$dpkg_pid
wait $dpkg_pid 2>/dev/null || true
exec 8>&-
is "$(dpkg-query -W -f '${db:Status-Status}' quincunx)" half-configured "state after kill -9 of the maintainer script"
login
# and in the middle of a migration
setsid dpkg --force-confold --configure quincunx >/tmp/configure1.out 2>&1 &
dpkg_pid=$!
sleeping() { [ "$(sql "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '/* migration 9000/2%'")" = 1 ]; }
until_ok 30 sleeping || die "the migration did not come to its slow step: $(cat /tmp/configure1.out)"
kill -KILL -- -$dpkg_pid
wait $dpkg_pid 2>/dev/null || true
say "upgrade killed in the middle of a migration"
login
a_job
dpkg --force-confold --configure -a >/tmp/configure2.out 2>&1 || die "dpkg --configure -a: $(cat /tmp/configure2.out)"
is "$(sql 'SELECT COUNT(*), SUM(added) FROM quincunx.platform_upgrade_test')" "1	7" "rows of the migration"
is "$(sql 'SELECT COUNT(*) FROM quincunx.db_migration WHERE version = 9000 AND finished IS NOT NULL')" 3 "ledger"
grep -q '^# mine' /etc/quincunx/quincunx.conf || die "the conffile was replaced"
grep -q '^# by hand' /etc/quincunx/sites/nginx.conf || die "the site was replaced"
cmp -s <(victim) /tmp/victim || die "an upgrade followed a link: $(victim)"
is "$(dpkg-query -W -f '${db:Status-Abbrev}' quincunx)" "ii " "state of the package"
as_user sh -c 'rm /var/lib/quincunx/admin.json; mv /var/lib/quincunx/admin.kept /var/lib/quincunx/admin.json'
# the programs of the version before are still running, on the new schema
login
a_job
say "resumed by dpkg --configure -a; the old programs work on the new schema"
stop_services
start_services
login
a_job
is "$(quincunx migrate --status 2>/dev/null | grep -c -v applied || true)" 1 "migrations left"

# ---- backup, remove, purge ------------------------------------------------------------
echo 'a good long passphrase' >/tmp/phrase && chmod 600 /tmp/phrase
quincunx -o backup.passphrase_file=/tmp/phrase backup - >/root/all.qxb 2>/tmp/backup.out || die "backup: $(cat /tmp/backup.out)"
jobs=$(sql 'SELECT COUNT(*) FROM quincunx.jobs_job')
stop_services
apt-get -qq -y remove quincunx >/tmp/remove.out 2>&1 || die remove
[ ! -e /etc/nginx/sites-enabled/quincunx ] || die "the site is still there"
[ -e /etc/quincunx/secrets/encryption_key ] || die "remove took the secrets"
nginx -t -q || die "nginx is broken after remove"
as_user ln -sfn /root/victim /var/lib/quincunx/again
apt-get -qq -y purge quincunx quincunx-client >/tmp/purge.out 2>&1 || die purge
cmp -s <(victim) /tmp/victim || die "purge followed a link: $(victim)"
is "$(sql "SHOW DATABASES LIKE 'quincunx'")" "" "database"
is "$(sql "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'quincunx%'")" 0 "database account"
if getent passwd quincunx; then die "the user is still there: $(cat /tmp/purge.out; ps -u quincunx -o pid,args)"; fi
apt-get -qq -y autoremove --purge >/tmp/autoremove.out 2>&1 || true
left=$(find / -xdev \( -path /proc -o -path /tmp -o -path /var/cache -o -path /var/log/apt -o -path /var/log/dpkg.log -o -path /root \) -prune -o -name '*quincunx*' -print)
[ -z "$left" ] || die "left behind: $left"
left=$(find /run /var/lib /etc /usr -xdev -nouser -o -nogroup | head -n 5)
[ -z "$left" ] || die "files without an owner: $left"
say "removed and purged: nothing is left"

# ---- a new host from the backup ---------------------------------------------------------
apt-get -qq -y install /tmp/this.deb >/tmp/install2.out 2>&1 || die "install again"
if quincunx setup --restore /root/all.qxb --passphrase-file /tmp/phrase >/tmp/restore1.out 2>&1; then die "an older version restored"; fi
grep -q 'install that version first' /tmp/restore1.out || die "older version: $(cat /tmp/restore1.out)"
is "$(sql "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'quincunx'")" 0 "tables after a refused restore"
apt-get -qq -y install /tmp/next.deb >/tmp/install3.out 2>&1 || die "install the newer version"
echo 'another long passphrase' >/tmp/wrong && chmod 600 /tmp/wrong
if quincunx setup --restore /root/all.qxb --passphrase-file /tmp/wrong >/tmp/restore2.out 2>&1; then die "a wrong passphrase"; fi
grep -q 'wrong passphrase' /tmp/restore2.out || die "wrong passphrase: $(cat /tmp/restore2.out)"
quincunx setup --restore /root/all.qxb --passphrase-file /tmp/phrase >/tmp/restore.out 2>&1 || die "restore: $(cat /tmp/restore.out)"
cmp -s /tmp/key /etc/quincunx/secrets/encryption_key || die "the key did not come back"
is "$(sql 'SELECT COUNT(*) FROM quincunx.jobs_job')" "$jobs" "jobs after restore"
is "$(sql 'SELECT epoch FROM quincunx.platform_installation')" 2 epoch
exec_type
start_services
quincunx installation >/tmp/who.out && grep -q 'not confirmed' /tmp/who.out || die "nobody is asked to confirm"
login
a_job
say "restored on a new host"
echo complete >/tmp/complete
