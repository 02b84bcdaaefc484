#!/bin/bash
# What a person does: clone, make start, the README's curl lines, stop. In a
# clone of HEAD, on a free port, with the README itself as the script.
set -u
cd "$(dirname "$0")/../.."
top=$PWD work=$(mktemp -d /tmp/qxr.XXXXXX) fails=0 passed=0
chmod 755 "$work"
ok() { if eval "$2"; then passed=$((passed + 1)); echo "run   ok    $1"; else fails=$((fails + 1)); echo "run   FAIL  $1"; fi; }
finish() {
	[ ! -d "$work/clone" ] || (cd "$work/clone" && make -s stop >/dev/null 2>&1)
	rm -rf "$work"
}
trap finish EXIT
git clone -q "$top" "$work/clone" || exit 1
cd "$work/clone"
port=$(/usr/bin/python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')

make start PORT="$port" >"$work/start" 2>&1
ok "make start" "[ $? = 0 ]" || cat "$work/start"
ok "login is a file of its owner only" '[ "$(stat -c %a var/admin.json)" = 600 ]'
make -s status >"$work/status" 2>&1
ok "status lists what runs" 'grep -q "responder *running" "$work/status"'
ok "a busy port is named" '! PORT=$port packaging/serve.sh run >"$work/busy" 2>&1 && grep -q -e "$port" -e "already running" "$work/busy"'

# The lines between ```sh and ``` under "First steps with curl".
awk '/^## First steps with curl/ { on = 1 } on && /^```sh/ { code = 1; next } /^```/ { if (code) exit } code' README.md >"$work/steps.sh"
bash "$work/steps.sh" >"$work/steps.out" 2>&1
ok "instances are seen" 'grep -q "\"instance_id\":\"i-" "$work/steps.out"'
ok "prices are seen" 'grep -q "\"saving_percent\":" "$work/steps.out"'
ok "a decision with reasons" 'grep -qE "\"decision\":\"(STAY|SWITCH|DRAIN|EVACUATE)\".*\"reasons\":\[\"" "$work/steps.out"'
ok "/docs is there" 'curl -fsS "http://127.0.0.1:$port/docs" | grep -q "<title"'
ok "demo reset takes the demonstration out" 'build/bin/quincunx -c var/etc/quincunx.conf demo reset | grep -q "instances are gone" && build/bin/quincunx -c var/etc/quincunx.conf demo reset | grep -q "there is no demonstration account"'
if [ "$(id -u)" = 0 ]; then
	ok "nothing runs as root" '! ps -o user= -p "$(cat var/run/*.pid | paste -sd,)" | grep -q root'
fi

make -s stop >/dev/null 2>&1
ok "make stop ends everything" '! pgrep -f "$work/clone" >/dev/null'
start=$(date +%s%N)
make -s start PORT="$port" >/dev/null 2>&1
ok "second start" "[ $? = 0 ]"
echo "run         second start took $((($(date +%s%N) - start) / 1000000)) ms, make included"
# Whatever is killed by hand comes back, also the web server, whose children
# outlive it, and the supervisor, whose parts do.
one_nginx() { [ "$(cat var/run/nginx.pid)" != "$1" ] && kill -0 "$(cat var/run/nginx.pid)" && [ -z "$(pgrep -g "$1")" ]; } 2>/dev/null
old=$(cat var/run/nginx.pid)
kill -9 "$old"
for _ in $(seq 150); do one_nginx "$old" && break; sleep 0.2; done
ok "nginx comes back alone" 'one_nginx "$old"'
for _ in $(seq 150); do curl -fsS -o /dev/null "http://127.0.0.1:$port/health" 2>/dev/null && break; sleep 0.2; done
kill -9 "$(cat var/run/serve.pid)"
make -s start PORT="$port" >"$work/again" 2>&1
ok "start after the supervisor was killed" "[ $? = 0 ]" || cat "$work/again"
ok "one worker, one responder" '[ "$(pgrep -fxc "$work/clone/build/bin/quincunx.fcgi.*" -P "$(cat var/run/serve.pid)")" = 1 ] && [ "$(pgrep -fc "quincunx-worker -c $work/clone" -P "$(cat var/run/serve.pid)")" = 1 ]'
kill -9 "$(cat var/run/serve.pid)"
make -s stop >/dev/null 2>&1
ok "stop ends what a killed supervisor left" '! pgrep -f "$work/clone/build/bin|$work/clone/var/mysql" >/dev/null'
ok "only var/ and build/ were touched" '[ -z "$(git status --porcelain)" ]'
[ $fails = 0 ] || { tail -n 30 "$work/steps.out" "$work/start" "$work"/clone/var/log/*.out; }
echo "$passed passed, $fails failed"
[ $fails = 0 ]
