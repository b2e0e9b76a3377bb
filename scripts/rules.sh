#!/bin/sh
# SPDX-License-Identifier: MIT
# rules CLAUSES.json... - print RULE("id", "phase") for each clause with a phase, sorted: the table
# of ref/base/rule.c.  id, level and phase stand first in a clause, on one line.
set -eu
id='{"id": "\([a-z0-9.-]*\)", "level": "[A-Z ]*"'
sed -n "s/^ *$id, \"phase\": \"\([a-z-]*\)\".*/RULE(\"\1\", \"\2\")/p" "$@" | LC_ALL=C sort -u
