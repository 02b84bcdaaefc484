#!/bin/sh
# `make image`: the container image of the package in build/, from a directory
# that has nothing else in it.
# usage: packaging/image.sh VERSION [BASE [OPTION-OF-BUILD...]]
set -eu
cd "$(dirname "$0")/.."
version=$1 base=${2:-}
shift; [ $# = 0 ] || shift
rm -rf build/image && mkdir -p build/image
cp packaging/container/Containerfile packaging/container/entrypoint.sh build/quincunx_"$version"_*.deb build/image/
# shellcheck disable=SC2086
${DOCKER:-podman} build -t "localhost/quincunx:$version" ${base:+--build-arg BASE="$base"} "$@" \
    -f build/image/Containerfile build/image
