#!/bin/sh
# Manual pages from what the programs say about themselves.
# usage: packaging/man.sh BINDIR OUTDIR
set -eu
mkdir -p "$2"
{
	echo '.TH QUINCUNX 1 "" "Quincunx" "User commands"'
	echo '.SH NAME'
	echo 'quincunx \\- operate an installation of Quincunx'
	echo '.SH SYNOPSIS'
	echo '.B quincunx'
	echo '[\\-c FILE] [\\-o KEY=VALUE] COMMAND ...'
	echo '.SH COMMANDS'
	"$1/quincunx" help | sed -e 's/\\/\\\\/g' -e 's/-/\\-/g' | awk '
	/^usage/ || /^$/ { next }
	/^[a-z]+: / { sub(/: /, " (", $0); printf ".SS %s)\n", $0; next }
	/^  [a-z]/ { sub(/^ +/, ""); printf ".TP\n.B \\&%s\n", $0; next }
	{ sub(/^ +/, ""); printf "\\&%s\n", $0 }'
	echo '.SH FILES'
	echo '.I /etc/quincunx/quincunx.conf'
} >"$2/quincunx.1"
{
	echo '.TH QUINCUNX\-CLIENT 1 "" "Quincunx" "User commands"'
	echo '.SH NAME'
	echo 'quincunx\-client \- enqueue jobs, work them, follow events'
	echo '.SH DESCRIPTION'
	echo '.nf'
	/usr/bin/python3 -B packaging/client/quincunx.py --help | sed -e 's/\\/\\\\/g' -e 's/-/\\-/g' -e 's/^\([.'"'"']\)/\\\&\1/'
	echo '.fi'
} >"$2/quincunx-client.1"
