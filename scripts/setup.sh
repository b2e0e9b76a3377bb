#!/bin/sh
# SPDX-License-Identifier: MIT
# setup PROFILE... - install what is missing of Debian's packages, by name: build, check, bench,
# peers.  Quick when all is there.  Where it may not install it prints the command and exits 2.
set -eu

# build: the programs.
build='gcc make pkg-config
	libc6-dev
	libcurl4-openssl-dev
	libssl-dev
	libjansson-dev
	zlib1g-dev libdeflate-dev
	libisal-dev
	libzstd-dev liblz4-dev
	libfuse3-dev fuse3
	libmicrohttpd-dev
	libseccomp-dev
	python3'
# libc6-dev       also the static C library: two images hold a static program of ours
# libcurl4-openssl-dev, libssl-dev   the registry client; SHA-256
# zlib1g-dev      gzip members as a stream; the judge of our inflating
# libdeflate-dev  whole gzip members, twice as fast
# libisal-dev     inflates a legacy layer in half of zlib's time; checkpoints in it
# fuse3           fusermount3, for mounts without root
# libmicrohttpd-dev   the embedded registry
# libseccomp-dev  the sandbox in which foreign metadata is parsed
# python3         makes the table of clause ids, and the images

# check: lint, unit and end-to-end tests.
check="$build"'
	clang libclang-rt-14-dev
	cppcheck shellcheck clang-format
	lcov valgrind
	git binutils
	python3-pytest
	crun runc
	curl openssl zstd
	nginx-light docker-registry
	skopeo umoci libarchive-tools
	erofs-utils attr
	busybox-static iproute2'
# clang, libclang-rt-14-dev   the second compiler, fuzzing, sanitizers
# cppcheck shellcheck clang-format   lint; binutils: nm, for the prefix of symbols
# nginx-light     TLS, HTTP/2 and redirects before the registry; docker-registry: somebody else's
# skopeo umoci libarchive-tools   write images that we read, and read what we write (bsdtar)
# erofs-utils     fsck.erofs judges our trees; attr: getfattr, to compare them
# busybox-static  a root file system of one file; iproute2: namespaces

# bench: images, links, figures.
bench="$build"'
	crun
	dpkg apt
	gnuplot-nox
	iproute2 iptables
	fuse3
	busybox-static'
# crun            starts what is measured; dpkg and apt: the packages that images are made from
# iproute2        namespaces, delay and rate of the link

# peers: what builds and runs the other systems under test (scripts/peers.sh).
peers='golang-go git ca-certificates
	gcc libc6-dev
	containerd runc fuse3
	skopeo umoci erofs-utils docker-registry
	libarchive-tools busybox-static zstd python3
	cmake make perl
	stargz-snapshotter'
# golang-go       builds containerd 2, stargz-snapshotter and our drivers of them; it fetches the
#                 Go that they want; ca-certificates: over TLS
# libarchive-tools busybox-static zstd python3   readers of tar that the conformance suite asks
# cmake, perl     build nydus-image and nydusd with cargo, and the OpenSSL that they bring
# stargz-snapshotter  for its ctr-remote, another writer of eStargz

command -v cargo >/dev/null || peers="$peers cargo-web" # Debian's cargo is too old for its peers

packages_of() {
	case $1 in
	build) echo "$build" ;;
	check) echo "$check" ;;
	bench) echo "$bench" ;;
	peers) echo "$peers" ;;
	*)
		echo "usage: scripts/setup.sh build|check|bench|peers..." >&2
		exit 2
		;;
	esac
}

wanted=
for profile in "${@:-build}"; do
	wanted="$wanted $(packages_of "$profile")"
done
# shellcheck disable=SC2086
wanted=$(printf '%s\n' $wanted | sort -u)

# The packages of $wanted that are not installed.
missing() {
	# shellcheck disable=SC2086
	dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
		sed -n 's/ installed$//p' | sort -u >"$tmp/have"
	echo "$wanted" | comm -23 - "$tmp/have"
}

# May we ask apt for packages, as the images need?
have_lists() {
	set -- /var/lib/apt/lists/*Packages*
	[ -e "$1" ]
}

tmp=$(mktemp -d)
guard=
trap 'rm -rf "$tmp" $guard' EXIT
trap 'exit 1' INT TERM

absent=$wanted
! command -v dpkg-query >/dev/null || absent=$(missing)
if [ -z "$absent" ] && have_lists; then
	exit 0
fi
command="apt-get update"
[ -z "$absent" ] ||
	command="$command && apt-get install -y --no-install-recommends $(echo "$absent" | xargs)"
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
	if [ -z "$absent" ]; then # all is there but the lists, which only new images need
		exit 0
	fi
	echo "scripts/setup.sh: missing packages; as root on Debian 12:" >&2
	echo "$command" >&2
	exit 2
fi

# Servers that come with a package are for tests: they are not to start now.
policy=/usr/sbin/policy-rc.d
if [ -n "$absent" ] && [ ! -e $policy ]; then
	guard=$policy
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
echo "  SETUP $command" >&2
export DEBIAN_FRONTEND=noninteractive
lock='-o DPkg::Lock::Timeout=300'
# shellcheck disable=SC2086
apt-get -qq $lock update >&2
# shellcheck disable=SC2086
[ -z "$absent" ] || apt-get -qq $lock install -y --no-install-recommends $absent >&2
