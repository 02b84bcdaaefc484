#!/bin/bash
# The whole of Quincunx from a checkout: private MariaDB, responders, worker and
# nginx, all under var/, none of it outside.
# usage: packaging/serve.sh run|start|stop|status|logs   (PORT="8080 8081")
set -u
cd "$(dirname "$0")/.."
TOP=$PWD VAR=$PWD/var BIN=$PWD/build/bin
RUN=$VAR/run ETC=$VAR/etc SECRETS=$VAR/secrets LOG=$VAR/log
PORT=${PORT:-8080}
PORTS=${PORT//,/ }
EMAIL=${ADMIN_EMAIL:-admin@localhost.localdomain}
QX=("$BIN/quincunx" -c "$ETC/quincunx.conf")

say() { printf '%s\n' "$*" >&2; }
die() { say "quincunx: $*"; exit 1; }
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }

# ---- who we are ---------------------------------------------------------------

# As root: become SUDO_USER or nobody, after giving var/ to that user.
drop_root() {
	[ "$(id -u)" = 0 ] || return 0
	local user=${SUDO_USER:-nobody}
	[ "$user" != root ] || user=nobody
	local uid gid
	uid=$(id -u "$user") gid=$(id -g "$user")
	mkdir -p "$VAR"
	if ! setpriv --reuid="$uid" --regid="$gid" --clear-groups \
	    test -x "$BIN/quincunx" 2>/dev/null; then
		say "quincunx: $TOP cannot be reached by $user, so everything runs as root."
		say "          Put the checkout where $user can read it (/srv, /opt) to avoid this."
		export QX_AS_ROOT=1
		return 0
	fi
	[ "$(stat -c %u "$VAR")" = "$uid" ] || chown -RhP "$uid:$gid" "$VAR"
	exec setpriv --reuid="$uid" --regid="$gid" --clear-groups \
	    env HOME="$VAR" PORT="$PORTS" "$0" "$@"
}

# ---- small things -----------------------------------------------------------------

alive() { # pid: running and not a zombie
	local s
	s=$(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null) && [ "${s%% *}" != Z ]
}

until_ok() { # seconds command...: polls until the command succeeds
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.02
	done
}

random_text() { head -c 64 /dev/urandom | base64 -w0 | tr -dc A-Za-z0-9 | head -c "$1"; }

write_secret() { # name text: once, readable by the service user only
	[ -s "$SECRETS/$1" ] && return 0
	(umask 077; printf '%s\n' "$2" >"$SECRETS/$1.new" && mv "$SECRETS/$1.new" "$SECRETS/$1")
}

check_ports() {
	local p holder
	for p in $PORTS; do
		case $p in *[!0-9]* | '') die "PORT: \"$p\" is not a port number" ;; esac
		[ "$p" -ge 1024 ] && [ "$p" -le 65535 ] ||
			die "PORT: $p is not between 1024 and 65535"
		if (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
			holder=$(ss -Hltnp "sport = :$p" 2>/dev/null | grep -o '"[^"]*",pid=[0-9]*' | head -n 1)
			die "port $p is taken${holder:+ by $holder}; stop that or choose another: make run PORT=8090"
		fi
	done
}

# ---- configuration -------------------------------------------------------------------

make_dirs() {
	umask 027
	mkdir -p "$VAR" "$RUN/nginx" "$ETC" "$LOG" || die "cannot write $VAR"
	(umask 077; mkdir -p "$SECRETS")
	[ ${#RUN} -le 90 ] || die "the path of this checkout is too long for unix sockets; move it"
}

make_secrets() {
	write_secret encryption_key "$("$BIN/quincunx" config --new-key)"
	write_secret jwt_secret "$(random_text 48)"
	write_secret audit_key "$("$BIN/quincunx" config --new-key)"
	write_secret db_password "$(random_text 32)"
	write_secret db_migrate_password "$(random_text 32)"
	local sock="unix_socket=$RUN/mysqld.sock"
	write_secret database_url "mysql://quincunx:$(cat "$SECRETS/db_password")@localhost/quincunx?$sock"
	write_secret migrate_url "mysql://quincunx_migrate:$(cat "$SECRETS/db_migrate_password")@localhost/quincunx?$sock"
}

# Written anew at each start: paths move with the checkout. Settings of your
# own belong into var/etc/quincunx.conf.d/*.conf.
make_conf() {
	mkdir -p "$ETC/quincunx.conf.d"
	cat >"$ETC/quincunx.conf" <<-EOF
	# Written by packaging/serve.sh; put changes into quincunx.conf.d/*.conf
	base = { dir = "$VAR"; sql_dir = "$TOP/sql"; template_dir = "$TOP/templates"; static_dir = "$TOP/static"; };
	database = { url_file = "$SECRETS/database_url"; migrate_url_file = "$SECRETS/migrate_url"; };
	auth = {
	  jwt_secret_file = "$SECRETS/jwt_secret";
	  encryption_key_file = "$SECRETS/encryption_key";
	  audit_key_file = "$SECRETS/audit_key";
	};
	EOF
	"${QX[@]}" config --check >/dev/null || die "the configuration is not usable"
}

make_nginx() {
	local p listen=()
	for p in $PORTS; do listen+=(--listen "127.0.0.1:$p"); done
	"${QX[@]}" site nginx "${listen[@]}" >"$ETC/site.conf" || die "no site for nginx"
	cat >"$ETC/nginx.conf" <<-EOF
	${QX_AS_ROOT:+user root;}
	worker_processes 2; daemon off; pid $RUN/nginx.pid; error_log $LOG/nginx.error.log warn;
	events { worker_connections 8192; }
	http {
	  include /etc/nginx/mime.types; default_type application/octet-stream;
	  access_log off; server_tokens off;
	  client_body_temp_path $RUN/nginx/body; proxy_temp_path $RUN/nginx/proxy;
	  fastcgi_temp_path $RUN/nginx/fastcgi; uwsgi_temp_path $RUN/nginx/uwsgi;
	  scgi_temp_path $RUN/nginx/scgi;
	  include $ETC/site.conf;
	}
	EOF
	nginx -t -q -e "$LOG/nginx.error.log" -p "$RUN/nginx" -c "$ETC/nginx.conf" ||
		die "nginx refuses its configuration"
}

# ---- processes --------------------------------------------------------------------------

declare -A PID
ORDER=()

launch() { # name command...: in a session of its own, so that Ctrl-C is ours
	local name=$1
	shift
	setsid "$@" >>"$LOG/$name.out" 2>&1 </dev/null 9>&- &
	PID[$name]=$!
	echo $! >"$RUN/$name.pid"
	ORDER+=("$name")
}

running() { [ -n "${PID[$1]:-}" ] && alive "${PID[$1]}"; }

start_mariadb() {
	local as=()
	[ "$(id -u)" != 0 ] || as=(--user=root)
	if [ ! -d "$VAR/mysql/mysql" ]; then
		say "making a private MariaDB under var/mysql ..."
		rm -rf "$VAR/mysql"
		mariadb-install-db --no-defaults "${as[@]}" --datadir="$VAR/mysql" \
		    --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve \
		    >"$LOG/install-db.log" 2>&1 || die "mariadb-install-db failed, see var/log/install-db.log"
	fi
	launch mariadb mariadbd --no-defaults "${as[@]}" --datadir="$VAR/mysql" \
	    --socket="$RUN/mysqld.sock" --pid-file="$RUN/mysqld.pid" --skip-networking \
	    --skip-name-resolve --innodb-flush-log-at-trx-commit=1 \
	    --innodb-buffer-pool-size=128M --innodb-log-file-size=48M \
	    --character-set-server=utf8mb4 --performance-schema=OFF --skip-log-bin
	until_ok 60 mariadb-admin --no-defaults -uroot -S "$RUN/mysqld.sock" ping ||
		die "MariaDB did not start, see var/log/mariadb.out"
}

sql() { mariadb --no-defaults -uroot -S "$RUN/mysqld.sock" -N -B -e "$1"; }

make_accounts() {
	local app migrate
	app=$(cat "$SECRETS/db_password") migrate=$(cat "$SECRETS/db_migrate_password")
	sql "CREATE DATABASE IF NOT EXISTS quincunx CHARACTER SET utf8mb4;
	CREATE USER IF NOT EXISTS quincunx@localhost IDENTIFIED BY '$app';
	CREATE USER IF NOT EXISTS quincunx_migrate@localhost IDENTIFIED BY '$migrate';
	GRANT SELECT, INSERT, UPDATE, DELETE ON quincunx.* TO quincunx@localhost;
	GRANT PROCESS ON *.* TO quincunx@localhost;
	GRANT ALL ON quincunx.* TO quincunx_migrate@localhost;" || die "cannot make the database accounts"
}

# Processes of a part: those of its group that name our directories or write
# our log (nginx's children). A number that is somebody else's by now is left
# alone.
members() { # name: by its pid file, also when the first of them is dead
	local pid
	pid=$(cat "$RUN/$1.pid" 2>/dev/null) && [ -n "$pid" ] || return 0
	for pid in $(pgrep -g "$pid"); do
		# shellcheck disable=SC2012
		{ tr '\0' ' ' <"/proc/$pid/cmdline"; ls -l "/proc/$pid/fd"; } 2>/dev/null |
			grep -qF -e "$RUN/" -e "$ETC/" -e "$LOG/" && echo "$pid"
	done
}

none_left() { [ -z "$(members "$1")" ]; }

# What a killed supervisor left behind went on serving; whoever comes next ends
# it.
end_orphans() {
	local name pids
	for name in worker nginx live responder mariadb; do
		pids=$(members "$name")
		[ -n "$pids" ] || continue
		kill -TERM "$(cat "$RUN/$name.pid")" 2>/dev/null || kill -TERM $pids
		until_ok 35 none_left "$name" || kill -KILL $(members "$name") 2>/dev/null
		rm -f "$RUN/$name.pid"
	done
}

start_all() {
	make_dirs
	exec 9>"$RUN/serve.lock"
	flock -n 9 || die "already running (make status, make stop)"
	end_orphans
	trap 'stop_all; exit 130' INT TERM HUP	# what we start, we stop
	trap 'stop_all' EXIT
	check_ports
	make_secrets
	start_mariadb
	[ -e "$VAR/mysql/quincunx/db_migration.frm" ] || make_accounts
	make_conf
	"${QX[@]}" migrate >>"$LOG/migrate.out" 2>&1 || die "migration failed: $(tail -n 1 "$LOG/migrate.out")"
	make_nginx
	[ -s "$VAR/admin.json" ] || first_admin
	launch responder "$BIN/quincunx.fcgi" -c "$ETC/quincunx.conf" --listen
	until_ok 20 test -S "$RUN/api.sock" -a -S "$RUN/control.sock" -a -S "$RUN/slow.sock" ||
		die "the responders did not start: $(tail -n 2 "$LOG/responder.out")"
	launch live "$BIN/quincunx-live" -c "$ETC/quincunx.conf"
	until_ok 20 test -S "$RUN/live.sock" || die "the gateway did not start: $(tail -n 2 "$LOG/live.out")"
	launch nginx nginx -e "$LOG/nginx.error.log" -p "$RUN/nginx" -c "$ETC/nginx.conf"
	set -- $PORTS
	until_ok 20 curl -fsS -o /dev/null "http://127.0.0.1:$1/health/live" ||
		die "no answer on port $1: $(tail -n 2 "$LOG/responder.out" "$LOG/nginx.error.log")"
	launch worker "$BIN/quincunx-worker" -c "$ETC/quincunx.conf"
	until_ok 20 test -S "$RUN/bell.dispatch" || die "the worker did not start: $(tail -n 2 "$LOG/worker.out")"
	set_url "http://127.0.0.1:$1"
	echo $$ >"$RUN/serve.pid"
	: >"$RUN/ready"
}

first_admin() {
	set -- $PORTS
	"${QX[@]}" admin init --email "$EMAIL" --url "http://127.0.0.1:$1" --out "$VAR/admin.json" ||
		die "cannot make the first admin"
	[ "${DEMO:-yes}" = no ] || "${QX[@]}" demo make >>"$LOG/migrate.out" 2>&1 ||
		say "not all of the demonstration: $(tail -n 1 "$LOG/migrate.out")"
}

set_url() { # the port may have changed since the file was made
	grep -q "\"$1\"" "$VAR/admin.json" ||
		sed -i "s#\"url\": *\"[^\"]*\"#\"url\": \"$1\"#" "$VAR/admin.json"
}

stop_all() {
	trap '' INT TERM HUP
	rm -f "$RUN/ready"
	local i name
	for ((i = ${#ORDER[@]} - 1; i >= 0; i--)); do
		name=${ORDER[i]}
		running "$name" || continue
		kill -TERM "${PID[$name]}" 2>/dev/null
		wait_gone "${PID[$name]}" || kill -KILL -- "-${PID[$name]}" 2>/dev/null
		rm -f "$RUN/$name.pid"
	done
	rm -f "$RUN/serve.pid"
}

wait_gone() {
	local end=$(($(now_ms) + 35000))
	while alive "$1"; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# A part that ends by itself is started again, at most once in two seconds.
watch_parts() {
	while :; do
		sleep 1 9>&- &
		wait $!
		running responder || { say "responder ended, starting it again"; revive responder "$BIN/quincunx.fcgi" -c "$ETC/quincunx.conf" --listen; }
		running worker || { say "worker ended, starting it again"; revive worker "$BIN/quincunx-worker" -c "$ETC/quincunx.conf"; }
		running live || { say "the gateway ended, starting it again"; revive live "$BIN/quincunx-live" -c "$ETC/quincunx.conf"; }
		running nginx || { say "nginx ended, starting it again"; revive nginx nginx -e "$LOG/nginx.error.log" -p "$RUN/nginx" -c "$ETC/nginx.conf"; }
		running mariadb || { say "MariaDB ended, starting it again"; unset 'PID[mariadb]'; start_mariadb; }
	done
}

revive() {
	local name=$1 i kept=()
	for i in "${ORDER[@]}"; do [ "$i" = "$name" ] || kept+=("$i"); done
	ORDER=("${kept[@]}")
	# children that outlived it hold its sockets (nginx)
	kill -KILL $(members "$name") 2>/dev/null
	sleep 1
	launch "$@"
}

show() {
	say ""
	say "  Quincunx is at  $(sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' "$VAR/admin.json")/ui"
	say "  log in as       $(sed -n 's/.*"email": *"\([^"]*\)".*/\1/p' "$VAR/admin.json")"
	say "  password        $(sed -n 's/.*"password": *"\([^"]*\)".*/\1/p' "$VAR/admin.json")   (var/admin.json)"
	say "  ready after     $(($(now_ms) - T0)) ms"
	say ""
}

serve_pid() { # the supervisor, if it is one of ours
	local pid
	pid=$(cat "$RUN/serve.pid" 2>/dev/null) && [ -n "$pid" ] && alive "$pid" &&
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q serve.sh && echo "$pid"
}

T0=$(now_ms)
case ${1:-} in
run)
	[ -x "$BIN/quincunx" ] || die "build first: make"
	drop_root "$@"
	start_all
	show
	say "  Ctrl-C stops everything."
	watch_parts
	;;
start)
	[ -z "$(serve_pid)" ] || { say "already running (pid $(serve_pid))"; exit 0; }
	mkdir -p "$LOG" && rm -f "$RUN/ready"
	setsid "$0" run >"$LOG/run.log" 2>&1 </dev/null &
	up=$!
	until [ -e "$RUN/ready" ]; do
		alive "$up" || { cat "$LOG/run.log" >&2; exit 1; }
		sleep 0.05
	done
	show
	;;
stop)
	pid=$(serve_pid) || { end_orphans; say "not running"; exit 0; }
	kill -TERM "$pid"
	wait_gone "$pid" || die "pid $pid does not end"
	say "stopped"
	;;
status)
	pid=$(serve_pid) || { say "not running"; exit 3; }
	for f in mariadb responder worker live nginx; do
		p=$(cat "$RUN/$f.pid" 2>/dev/null)
		if [ -n "$p" ] && alive "$p"; then printf '%-10s running  %s\n' $f "$p"
		else printf '%-10s down\n' $f; fi
	done
	curl -fsS "$(sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' "$VAR/admin.json")/health" && echo
	;;
logs)
	exec tail -n "${LINES_SHOWN:-40}" -F "$LOG"/*.log "$LOG"/*.out
	;;
*)
	say "usage: packaging/serve.sh run|start|stop|status|logs"
	exit 2
	;;
esac
