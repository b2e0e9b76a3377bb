#!/bin/sh
# SPDX-License-Identifier: MIT
# rules CLAUSES.json... - print RULE("id") for each clause with a phase, sorted: the table of
# ref/base/rule.c.  id, level and phase stand first in a clause, on one line.
set -eu
sed -n 's/^ *{"id": "\([a-z0-9.-]*\)", "level": "[A-Z ]*", "phase": .*/RULE("\1")/p' "$@" |
	LC_ALL=C sort -u
