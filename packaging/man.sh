#!/bin/sh
# Manual pages, and completion for bash, from what the programs say about
# themselves.
# usage: packaging/man.sh BINDIR OUTDIR
set -eu
mkdir -p "$2"
for page in $("$1/quincunx" man); do
	"$1/quincunx" man "$page" >"$2/$page"
done
# the client's page needs its interpreter
[ ! -x /usr/bin/python3 ] || {
	echo '.TH QUINCUNX\-CLIENT 1 "" "Quincunx" "User commands"'
	echo '.SH NAME'
	echo 'quincunx\-client \- enqueue jobs, work them, follow events'
	echo '.SH DESCRIPTION'
	echo '.nf'
	/usr/bin/python3 -B packaging/client/quincunx.py --help | sed -e 's/\\/\\\\/g' -e 's/-/\\-/g' -e 's/^\([.'"'"']\)/\\\&\1/'
	echo '.fi'
} >"$2/quincunx-client.1"
"$1/quincunx" completion bash >"$2/quincunx.bash"
