#!/bin/sh
# quincunx-setup, run as `quincunx setup`: makes a working service of an
# installed package, and may be run again at any time: what is there is kept.
#
# What root does here happens in places that only root can write
# (/etc/quincunx, the web server's directory, MariaDB). Everything in a
# directory of the service user is done by a process of that user, so that no
# link of its making leads root anywhere.
set -eu
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
ETC=/etc/quincunx
LIB=/usr/local/lib/quincunx
CONF=$ETC/quincunx.conf READY=$ETC/quincunx.conf.d/10-setup.conf
SECRETS=$ETC/secrets SITES=$ETC/sites
SOCKET=${QUINCUNX_SETUP_SOCKET:-/run/mysqld/mysqld.sock}
email=admin@localhost.localdomain listen= name= tls= web= url= migrate_file= restore= phrase= start=yes mode=setup

say() { printf '%s\n' "$*" >&2; }
die() { say "quincunx setup: $*"; exit 1; }
usage() {
	cat <<-END
	usage: quincunx setup [OPTION]...
	  --web nginx|lighttpd|apache|none  web server (the one that is installed)
	  --listen [ADDR:]PORT              where the site listens (127.0.0.1:8080; with --tls 443)
	  --server-name NAME                name of the site
	  --tls CERT:KEY                    PEM files
	  --email ADDRESS                   login of the first admin
	  --database URL_FILE               file with mysql://user:password@host/name of a database that
	                                    is there already; without it one is made on the local MariaDB
	  --migrate-database URL_FILE       account there that may change the schema
	  --no-start                        does not start services
	  --migrate                         schema only (each start of a service does this)
	  --restore FILE                    everything from a backup of another host, instead of a new installation
	  --passphrase-file FILE            what it was sealed with
	  --upgrade                         schema and site, after new files were installed
	  --remove-site                     takes the site away again
	END
}
while [ $# -gt 0 ]; do
	case $1 in
	--web | --listen | --server-name | --tls | --email | --database | --migrate-database | --restore | --passphrase-file)
		[ $# -ge 2 ] || die "$1 needs a value" ;;
	esac
	case $1 in
	--web) web=$2; shift ;;
	--listen) listen=$2; shift ;;
	--server-name) name=$2; shift ;;
	--tls) tls=$2; shift ;;
	--email) email=$2; shift ;;
	--database) url=$2; shift ;;
	--migrate-database) migrate_file=$2; shift ;;
	--restore) restore=$2; shift ;;
	--passphrase-file) phrase=$2; shift ;;
	--no-start) start=no ;;
	--migrate | --upgrade | --remove-site) mode=${1#--} ;;
	--help | -h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || die "run this as root"
case $web in '' | nginx | lighttpd | apache | none) ;; *) die "--web nginx, lighttpd, apache or none" ;; esac
case $listen$name$tls in *[!A-Za-z0-9._:/@*\[\]-]*) die "a value has characters that do not belong into a site" ;; esac

# One at a time; /run belongs to root.
exec 9>/run/quincunx-setup.lock
flock 9
release() { exec 9>&-; } # a service that starts runs --migrate, which waits for the lock

# ---- helpers --------------------------------------------------------------------

as_user() { # the programs, as the service user, with nothing of root's environment
	env -i PATH="$PATH" HOME=/var/lib/quincunx setpriv --reuid=quincunx --regid=quincunx \
	    --init-groups --no-new-privs -- "$@" 9>&-
}
qx() { as_user "$LIB/quincunx" -c "$CONF" "$@"; }

# Root's own run of the program: touches no directory but its own, and may use
# the account that changes the schema.
qx_root() {
	rooms=$(mktemp -d /run/quincunx-setup.XXXXXX)
	rc=0
	env -i PATH="$PATH" "$LIB/quincunx" -c "$CONF" -o service.user= -o "base.run_dir=$rooms" \
	    -o log.dir= -o "database.migrate_url_file=$SECRETS/migrate_url" "$@" 9>&- || rc=$?
	rm -rf "$rooms"
	return $rc
}

write_file() { # mode group path, text on stdin: whole or not at all
	cat >"$3.new"
	chown "root:$2" "$3.new"
	chmod "$1" "$3.new"
	mv "$3.new" "$3"
}

secret() { # name mode group, text on stdin: once
	[ ! -s "$SECRETS/$1" ] || { cat >/dev/null; return 0; }
	(umask 077 && write_file "$2" "$3" "$SECRETS/$1")
}

key() { head -c 32 /dev/urandom | base64 -w0; echo; }
sql() { mariadb --no-defaults --socket="$SOCKET" --user=root -N -B -e "$1"; }

# ---- parts ----------------------------------------------------------------------

make_account() {
	if [ -d /run/systemd/system ] || command -v systemd-sysusers >/dev/null; then
		systemd-sysusers quincunx.conf
		systemd-tmpfiles --create quincunx.conf || say "quincunx setup: systemd-tmpfiles complained"
	fi
	id quincunx >/dev/null 2>&1 || die "the user quincunx does not exist: useradd --system quincunx"
	[ -d /run/quincunx ] || { # without systemd-tmpfiles; inside first, while it is root's
		mkdir -m 0700 /run/quincunx
		install -d -m 2750 -o quincunx -g www-data /run/quincunx/web
		chown quincunx:quincunx /run/quincunx
		chmod 0711 /run/quincunx
	}
	install -d -m 0755 "$ETC" "$ETC/quincunx.conf.d" "$SITES" "$ETC/exec.d"
	install -d -m 0750 -g quincunx "$SECRETS"
}

make_secrets() {
	key | secret encryption_key 640 quincunx
	key | secret jwt_secret 640 quincunx
	key | secret audit_key 640 quincunx
}

# On the local server the service user logs in by being that user: there is
# no password that could leak. It may not change the schema; root may.
make_database() {
	if [ -n "$url" ]; then
		secret database_url 640 quincunx <"$url"
		secret migrate_url 600 root <"${migrate_file:-$url}"
		return 0
	fi
	[ ! -s "$SECRETS/database_url" ] || [ -e "$ETC/database-made" ] || return 0
	command -v mariadb >/dev/null || die "the client of MariaDB is missing: apt-get install mariadb-client"
	sql 'SELECT 1' >/dev/null 2>&1 || die "MariaDB does not answer to root at $SOCKET:
  apt-get install mariadb-server, start it, and run this again; or name another: --database FILE"
	sql "CREATE DATABASE IF NOT EXISTS quincunx CHARACTER SET utf8mb4;
	CREATE USER IF NOT EXISTS quincunx@localhost IDENTIFIED VIA unix_socket;
	GRANT SELECT, INSERT, UPDATE, DELETE, SHOW VIEW ON quincunx.* TO quincunx@localhost;
	GRANT PROCESS ON *.* TO quincunx@localhost;"
	echo "mysql://quincunx@localhost/quincunx?unix_socket=$SOCKET" | secret database_url 640 quincunx
	echo "mysql://root@localhost/quincunx?unix_socket=$SOCKET" | secret migrate_url 600 root
	: >"$ETC/database-made"
}

migrate() {
	rc=0
	out=$(qx_root migrate 2>&1) || rc=$?
	[ $rc = 0 ] || {
		say "$out"
		case $out in *"database is not available"*) return 75 ;; esac
		return 1
	}
	[ "$mode" = migrate ] || say "$(echo "$out" | tail -n 1)"
}

make_admin() {
	qx admin init --email "$email" --url "$1" --out /var/lib/quincunx/admin.json
}

# Proved before anything is touched; the keys of the backup come with it, the
# key that signs tokens does not.
restore_all() {
	services=
	[ ! -e "$READY" ] || [ ! -d /run/systemd/system ] || services="quincunx quincunx-live quincunx-worker"
	# shellcheck disable=SC2086
	[ -z "$services" ] || systemctl stop $services
	qx_root ${phrase:+-o "backup.passphrase_file=$phrase"} -o "database.url_file=$SECRETS/database_url" \
	    restore --secrets "$SECRETS" - <"$restore" || {
		release
		# shellcheck disable=SC2086
		[ -z "$services" ] || systemctl start $services || true
		die "nothing was restored"
	}
	chgrp quincunx "$SECRETS/encryption_key" "$SECRETS/audit_key"
	chmod 640 "$SECRETS/encryption_key" "$SECRETS/audit_key"
}

# The settings become visible last: until then units and cron do nothing.
make_conf() {
	write_file 644 root "$READY" <<-END
	# Written by \`quincunx setup\`.
	database = { url_file = "$SECRETS/database_url"; };
	auth = {
	  jwt_secret_file = "$SECRETS/jwt_secret";
	  encryption_key_file = "$SECRETS/encryption_key";
	  audit_key_file = "$SECRETS/audit_key";
	};
	END
}

# ---- the site -------------------------------------------------------------------

choose_web() {
	[ -z "$web" ] || return 0
	for w in nginx lighttpd apache2; do
		command -v $w >/dev/null && { web=${w%2}; return 0; }
	done
	web=none found=
	say "quincunx setup: no web server here (apt-get install nginx); run this again when there is one"
}

# Remembered, so that an upgrade prints the same site with what is new in it,
# and one word changes one thing. That there is no web server is not.
site_words() {
	given_web=$web given_listen=$listen given_name=$name given_tls=$tls
	[ ! -s "$SITES/options" ] || . "$SITES/options"
	[ -z "$given_tls" ] || [ -n "$tls" ] || listen= # from http to https: its port
	web=${given_web:-$web} listen=${given_listen:-$listen} name=${given_name:-$name} tls=${given_tls:-$tls}
	choose_web
	[ -n "$listen" ] || { [ -n "$tls" ] && listen=443 || listen=127.0.0.1:8080; }
	printf "web='%s' listen='%s' name='%s' tls='%s'\n" "${found-$web}" "$listen" "$name" "$tls" |
		write_file 644 root "$SITES/options"
	scheme=http host=${name:-${listen%:*}}
	[ -z "$tls" ] || scheme=https
	case $listen in *:*) ;; *) host=${name:-localhost} ;; esac
	public=$scheme://$host:${listen##*:}
}

print_site() {
	qx site "$web" --listen "$listen" ${name:+--server-name "$name"} ${tls:+--tls "$tls"}
}

# A site that somebody changed by hand is left alone.
make_site() {
	[ "$web" != none ] || { remove_site; return 0; }
	f=$SITES/$web.conf
	print_site | write_file 644 root "$f.print"
	if [ -e "$f" ] && ! sha256sum -c --status "$f.sum" 2>/dev/null; then
		say "quincunx setup: $f was changed by hand and stays; the new one is $f.print"
	else
		mv "$f.print" "$f"
		sha256sum "$f" >"$f.sum"
	fi
	case $web in
	nginx) link_site /etc/nginx/sites-enabled/quincunx "$f" ;;
	lighttpd) link_site /etc/lighttpd/conf-enabled/90-quincunx.conf "$f" ;;
	apache)
		for m in proxy proxy_fcgi proxy_http setenvif reqtimeout env; do
			a2enmod -q "$m" >/dev/null 2>&1 || true
		done
		link_site /etc/apache2/sites-enabled/quincunx.conf "$f"
		;;
	esac
}

link_site() { # link file
	[ -d "${1%/*}" ] || { say "quincunx setup: ${1%/*} is missing; include $2 yourself"; return 0; }
	[ ! -e "$1" ] || [ -L "$1" ] || die "$1 is a file of somebody else"
	ln -sfn "$2" "$1"
	test_web || { rm -f "$1"; die "$web refuses its configuration with $2 (see above); the site was taken out again"; }
	remove_site "$1" # of the web server before: it lets go of the port first
	reload_web "$web" reload-or-restart
}

test_web() {
	case $web in
	nginx) nginx -t -q ;;
	lighttpd) lighttpd -tt -f /etc/lighttpd/lighttpd.conf ;;
	apache) apache2ctl -t ;;
	esac
}

reload_web() { # name verb
	unit=$1
	[ "$1" != apache ] || unit=apache2
	if [ -d /run/systemd/system ]; then systemctl "$2" "$unit" || true
	elif [ "$1" = nginx ] && [ -s /run/nginx.pid ]; then nginx -s reload || true
	elif command -v invoke-rc.d >/dev/null; then invoke-rc.d --quiet "$unit" reload || true
	fi
}

start_services() {
	[ $start = yes ] && [ -d /run/systemd/system ] || return 0
	release
	systemctl daemon-reload
	systemctl enable --quiet --now quincunx.socket quincunx-live.socket
	systemctl enable --quiet quincunx quincunx-live quincunx-worker
	systemctl restart quincunx quincunx-live quincunx-worker
}

remove_site() { # all of them, or all but one
	for l in /etc/nginx/sites-enabled/quincunx /etc/lighttpd/conf-enabled/90-quincunx.conf \
	    /etc/apache2/sites-enabled/quincunx.conf; do
		[ "$l" != "${1:-}" ] || continue
		case $(readlink "$l" 2>/dev/null) in "$SITES"/*) rm -f "$l" ;; *) continue ;; esac
		gone=$(basename "$(readlink -m "$l/../..")")
		reload_web "${gone%2}" try-reload-or-restart
	done
}

# ---- what was asked for -----------------------------------------------------------

case $mode in
remove-site)
	remove_site
	exit 0
	;;
migrate | upgrade)
	[ -e "$READY" ] || exit 0
	[ "$mode" = migrate ] || make_account
	migrate || exit $?
	[ "$mode" = migrate ] || { site_words && make_site; }
	exit 0
	;;
esac
make_account
make_database
[ -z "$restore" ] || restore_all
make_secrets
site_words
fresh=yes
[ ! -e "$READY" ] || fresh=no
make_conf
migrate || { [ $fresh = no ] || rm -f "$READY"; die "the schema could not be made"; }
make_admin "$public"
make_site
start_services
say ""
say "  Quincunx is set up: $public"
if [ -n "$restore" ]; then say "  restored            look at what runs in the cloud, then: quincunx installation confirm"
else say "  first login         /var/lib/quincunx/admin.json"; fi
[ "$start" = yes ] && [ -d /run/systemd/system ] || say "  without systemd     cron works the queue; the responders are started by
                      setpriv --reuid=quincunx --regid=quincunx --init-groups $LIB/quincunx.fcgi -c $CONF --listen"
[ ! -e "$ETC/database-made" ] || say "  purge               drops the database; touch $ETC/keep-database keeps it"
say "  backup              quincunx -o backup.passphrase_file=FILE backup - >quincunx.qxb"
