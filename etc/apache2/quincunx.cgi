#!/bin/sh
# What suexec starts: names the configuration, then becomes the program.
QUINCUNX_CONF=/etc/quincunx/quincunx.conf
export QUINCUNX_CONF
exec /usr/local/lib/quincunx/quincunx.fcgi
