#!/bin/bash
# `make deb`: the source as git sees it (or as it lies here) below build/deb,
# with packaging/debian as debian/; dpkg-buildpackage; the packages into
# build/. What was compiled there before is used again.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD src=build/deb/quincunx
mkdir -p $src
find $src -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
if git rev-parse --git-dir >/dev/null 2>&1; then git ls-files -z --cached --others --exclude-standard
else find . -path ./build -prune -o -path ./var -prune -o -type f -print0; fi |
	while IFS= read -r -d '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done |
	tar -c --null -T - | tar -x -C $src
cp -R packaging/debian $src/debian
have=$(cd $src && dpkg-parsechangelog -S Version)
[ "$have" = "$VERSION" ] || (cd $src && {
	printf 'quincunx (%s) unstable; urgency=medium\n\n  * Built from the tree.\n\n' "$VERSION"
	printf ' -- Quincunx maintainers <maintainers@quincunx.invalid>  %s\n\n' "$(date -R -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")"
	cat debian/changelog
} >debian/changelog.new && mv debian/changelog.new debian/changelog)
rm -f build/deb/*.deb build/deb/*.changes build/deb/*.buildinfo
(cd $src && export MAKEFLAGS="-j$(nproc)" && unset BUILD SAN COV &&
	dpkg-buildpackage -us -uc -b -nc >../build.log 2>&1) || { tail -n 40 build/deb/build.log >&2; exit 1; }
rm -f build/quincunx*.deb
cp build/deb/*.deb build/
(cd "$top" && ls build/quincunx*.deb)
