#!/bin/sh
# SPDX-License-Identifier: MIT
# template.sh - an adapter to begin with: tar layers through GNU tar.  ../docs/PROTOCOL.md
# It cannot tell: phases; whiteouts (files called .wh.NAME here); times of directories that no entry
# names, and of the root, which tar makes now; what only root may make, unless it is run by root.
tree=${TREE:-lazypull tree --digests} # prints the canonical tree of dir:DIRECTORY

say() { # OUTCOME STATUS [MEMBERS]
	printf '{"outcome":"%s"%s}\n' "$1" "${3:+,$3}"
	exit "$2"
}
hello() {
	printf '{"protocol":1,"impl":{"name":"gnu-tar","version":"%s","home":"%s"},' \
		"$(tar --version | sed -n '1s/.* //p')" https://www.gnu.org/software/tar/
	echo '"formats":["oci"],"ops":["verify"],"features":["xattrs"],"policies":{},"tree":true,"phases":false}'
}
quote() { # a message as one JSON string
	tr '\n' ' ' | tr -cd '\40-\176' | cut -c 1-400 | sed 's/[\\"]/\\&/g; s/^/"/; s/ *$/"/'
}

op=${1-} in='' format=''
for arg; do
	case $arg in --in=*) in=${arg#*=} ;; --format=*) format=${arg#*=} ;; esac
done
case $op in
hello) hello; exit 0 ;;
verify) [ "$format" = oci ] || say unsupported 2 ;;
*) say unsupported 2 ;;
esac
[ -r "$in" ] || say error 3
work=$(mktemp -d) || say error 3
trap 'rm -rf "$work"' EXIT
mkdir "$work/out" || say error 3
tar --extract --file="$in" --directory="$work/out" --preserve-permissions --numeric-owner \
	--same-owner --xattrs --xattrs-include='*' 2>"$work/said" || {
	[ $? -gt 2 ] || say reject 1 "\"detail\":$(quote <"$work/said")"
	exit 4 # no verdict: it crashed
}
$tree "dir:$work/out" >"$work/tree" || say error 3
say accept 0 "\"tree_sha256\":\"$(sha256sum <"$work/tree" | cut -d ' ' -f 1)\""
