#!/bin/sh
# SPDX-License-Identifier: MIT
# run-pytest REPORT FOLDER... - run the end-to-end tests; print what was skipped and the sums.
set -eu
report=$1
shift
rm -f "$report"
python3 -m pytest -q -rs -p no:cacheprovider --junitxml="$report" "$@" || :
python3 - "$report" <<'END'
import sys
import xml.etree.ElementTree as xml

try:
    suite = xml.parse(sys.argv[1]).getroot().find("testsuite")
    total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
    failed = int(suite.get("failures")) + int(suite.get("errors"))
except (OSError, xml.ParseError):
    total, skipped, failed = 1, 0, 1  # it did not even begin
print(f"{total - failed - skipped} passed, {failed} failed, {skipped} skipped")
END
