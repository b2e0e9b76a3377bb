#!/bin/sh
# SPDX-License-Identifier: MIT
# dist-conformance BUILD - one archive of the conformance suite for people without this repository:
# BUILD/lazyconf-VERSION.tar.gz, the same bytes from the same commit.
set -eu
build=$1
version=$("$build/lazyconf" --version | cut -d' ' -f2)
name=lazyconf-$version
stage=$build/dist/$name
suite=conformance

rm -rf "$stage"
mkdir -p "$stage/adapters/lazypull" "$stage/vectors"
cp "$build/lazyconf-static" "$stage/lazyconf"
cp -r $suite/clauses $suite/recipes $suite/lists $suite/docs "$stage/"
cp $suite/adapters/template.sh "$stage/adapters/"
cp $suite/adapters/lazypull/adapter.json "$stage/adapters/lazypull/"
cp $suite/docs/dist.md "$stage/README.md"
rm "$stage/docs/dist.md"
cp LICENSE "$stage/LICENSE"
cp $suite/LICENSE-vectors "$stage/"
"$build/lazyconf" gen --out="$stage/vectors" >/dev/null
find "$stage/vectors" -size +1024k -delete # lazyconf makes them when it needs them
printf '%s\n%s\n' "$version" "$(git rev-parse HEAD)" >"$stage/VERSION"
(cd "$stage" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs -d '\n' sha256sum) \
	>"$stage.sums"
mv "$stage.sums" "$stage/SHA256SUMS"
tar -C "$build/dist" --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX \
	--mtime="@$(git log -1 --format=%ct)" -cf - "$name" | gzip -9n >"$build/$name.tar.gz"
echo "$build/$name.tar.gz"
