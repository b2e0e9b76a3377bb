#!/bin/sh
# SPDX-License-Identifier: MIT
# sum FILE... - show each file but its last line ("N passed, N failed, N skipped"), add those up,
# print the sums as the last line; fail if a test failed or a file has no such line.
set -eu
passed=0 failed=0 skipped=0
sums='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
for f; do
	sed '$d' "$f"
	line=$(tail -n 1 "$f" | grep -E "$sums" | tr -dc '0-9 ' || :)
	[ -n "$line" ] || { tail -n 1 "$f"; line="0 1 0"; }
	# shellcheck disable=SC2086
	set -- $line
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
