#!/bin/sh
# SPDX-License-Identifier: MIT
# lint - everything a machine can say about style.
set -eu
# File names in this tree have no spaces: that is one of the rules.
# shellcheck disable=SC2046
set -- $(find ref bench conformance -name '*.[ch]' | sort)

shellcheck scripts/*.sh
awk 'FNR <= 2 && /SPDX-License-Identifier/ { spdx[FILENAME] = 1 }
     FNR == 3 && !spdx[FILENAME] { print FILENAME ": no SPDX line"; bad = 1 }
     length > 100 { print FILENAME ":" FNR ": " length " columns"; bad = 1 }
     END { exit bad }' "$@" scripts/*.sh scripts/*.py
if grep -nE '\b(sprintf|strcpy|strcat|strtok|atoi|atol|gets|alloca)\(' "$@"; then exit 1; fi
if grep -nE '\bgoto\b' "$@"; then exit 1; fi
if grep -rnE '^[[:space:]]*#[[:space:]]*if' --include='*.c' ref bench conformance; then exit 1; fi
scripts/layers.sh
"${B:-build}/lazyconf" lint --clauses
python3 scripts/budget.py "$@"
for h; do
	case $h in *.h) ;; *) continue ;; esac
	"${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-function -Werror \
		-Iref -Ibench -Iconformance -isystem /usr/include/fuse3 -x c -fsyntax-only "$h"
done
# It does not know the cleanup attribute, TAILQ_FOREACH, nor objects that outlive what borrows
# them: the compilers and the sanitizers of `make asan` do.
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	--suppress=memleak --suppress=autoVariables --suppress=AssignmentAddressToInteger \
	--suppress=uninitvar:ref/layer/group.c --suppress=ctuuninitvar:ref/fetch/range.c \
	--suppress=missingIncludeSystem --error-exitcode=1 -Iref -Ibuild ref bench conformance
if [ "$(go env GOVERSION 2>/dev/null | sed 's/^go1\.\([0-9]*\).*/\1/')" -ge 26 ] 2>/dev/null; then
	for mod in bench/system/go/*/go.mod conformance/adapters/*/go.mod; do
		dir=$(dirname "$mod")
		[ -z "$(gofmt -l "$dir")" ] || { gofmt -d "$dir"; exit 1; }
		(cd "$dir" && go vet ./...)
	done
else
	echo "  SKIP  vet of programs in Go: needs Go 1.26 in PATH"
fi
echo "  PASS  lint"
