#!/bin/sh
# SPDX-License-Identifier: MIT
# peers - bring the real tools that lazypull is held against, by their package managers, into
# the user's cache.  Quick when they are there; what it cannot bring it names.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lazypull/peers
export GOBIN="$cache/bin" GOFLAGS=-trimpath
export GOTOOLCHAIN=local
containerd=github.com/containerd/containerd/v2/cmd
version=v2.4.2
nydus=2.2.0
snapshotter=github.com/containerd/nydus-snapshotter/cmd/containerd-nydus-grpc
snapshotter_version=v0.16.1
go_least=26 # containerd and stargz-snapshotter want Go 1.26
arch=$(dpkg --print-architecture 2>/dev/null || echo amd64)
toolchain=golang.org/toolchain@v0.0.1-go1.26.6.linux-$arch

"$top/scripts/setup.sh" peers
mkdir -p "$GOBIN"

go_minor() { "$1" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p'; }

# Debian's Go is older than the peers want: it fetches the newer one as a module.
go=$(command -v go || echo go)
if [ "$(go_minor "$go" || echo 0)" -lt "$go_least" ]; then
	(cd / && "$go" mod download "$toolchain")
	root=$("$go" env GOMODCACHE)/$toolchain
	chmod -R u+wx "$root/bin" "$root/pkg/tool"
	go=$root/bin/go
fi

# bring NAME COMMAND...: unless NAME of this version is there, run COMMAND.
bring() {
	name=$1 stamp=$cache/$1.stamp
	shift
	if [ -x "$GOBIN/$name" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$*" ]; then
		return
	fi
	echo "  PEER  $name"
	"$@" && printf '%s\n' "$*" >"$stamp"
}

for name in containerd ctr containerd-shim-runc-v2; do
	bring $name "$go" install $containerd/$name@$version
done

# build PACKAGE VERSION: what `go install` refuses, as a module's go.mod excludes versions.
build() {
	tmp=$(mktemp -d) status=0
	(cd "$tmp" && "$go" mod init peer && "$go" get "$1@$2" && "$go" build -o "$GOBIN/" "$1") \
		2>"$tmp/log" || status=$?
	[ $status -eq 0 ] || cat "$tmp/log" >&2
	rm -rf "$tmp"
	return $status
}
bring containerd-nydus-grpc build $snapshotter $snapshotter_version

# nydus VERSION: nydus-image and nydusd, out of one package.
nydus() {
	tmp=$(mktemp -d)
	CARGO_TARGET_DIR=$tmp cargo install nydus-rs --quiet --locked --version "$1" --root "$tmp/root" &&
		install -m 755 "$tmp/root/bin/nydusd" "$tmp/root/bin/nydus-image" "$GOBIN"
	status=$?
	rm -rf "$tmp"
	return $status
}
bring nydus-image nydus "$nydus"

for mod in "$top"/bench/system/go/*/go.mod "$top"/conformance/adapters/*/go.mod; do
	dir=$(dirname "$mod")/
	name=$(basename "$dir")
	sum=$(cat "$dir"*.go "$dir"go.mod "$dir"go.sum | sha256sum | cut -c1-16)
	bring "$name" sh -c "cd '$dir' && '$go' install . # $sum"
done
