#!/bin/sh
# SPDX-License-Identifier: MIT
# rules CLAUSES.json... - print RULE("id") for each clause, sorted: ref/base/rule.c's table.
set -eu
sed -n 's/.*"id": "\([a-z0-9.-]*\)".*/RULE("\1")/p' "$@" | LC_ALL=C sort -u
