#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clauses CLAUSE.json... - fail where one is malformed, or where ref/ names one that is absent."""
import json
import pathlib
import re
import sys

KEYS = {"id", "level", "phase", "source", "text"}
LEVELS = {"MUST", "SHOULD", "MAY"}
PHASES = set("""transport container footer toc-parse toc-digest structure path-policy
chunk-digest decompress apply limits""".split())
ID = re.compile(r"[a-z][a-z0-9]*(\.[a-z0-9]+(-[a-z0-9]+)*){2,}")
known, bad = set(), 0


def complain(text):
    global bad
    print(f"  FAIL  {text}")
    bad = 1


for path in map(pathlib.Path, sys.argv[1:]):
    if path.name == "policies.json":
        continue
    clauses = json.loads(path.read_text())
    ids = [c["id"] for c in clauses]
    if ids != sorted(set(ids)):
        complain(f"{path}: ids are not sorted, or one stands twice")
    for c in clauses:
        if set(c) - {"policy"} != KEYS or c["level"] not in LEVELS or c["phase"] not in PHASES:
            complain(f"{path}: {c['id']}: keys, level or phase")
        if not ID.fullmatch(c["id"]) or c["id"].split(".")[0] != path.stem:
            complain(f"{path}: {c['id']}: not {path.stem}.area.rule")
    known.update(ids)

families = "|".join(sorted({k.split(".")[0] for k in known}))
# Media types, hosts and names of files look like clause ids and are none.
other = re.compile(r".*\.(tar|gzip|zstd|com|toc)")
literal = re.compile(rf'"((?:{families})\.[a-z0-9-]+\.[a-z0-9.-]+)"')
for path in sorted(pathlib.Path("ref").rglob("*.[ch]")):
    for rule in literal.findall(path.read_text()):
        if ID.fullmatch(rule) and rule not in known and not other.fullmatch(rule):
            complain(f"{path}: names the rule {rule}, which no clause has")
sys.exit(bad)
