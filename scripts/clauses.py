#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clauses CLAUSE.json... - fail where one is malformed, or where ref/ names one that is absent."""
import json
import pathlib
import re
import sys

KEYS = {"id", "level", "source", "text"}
MORE = {"phase", "role", "only", "policy", "untestable"}
LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"}
PHASES = set("""transport container footer toc-parse toc-digest structure path-policy
chunk-digest decompress apply limits document""".split())
ROLES = {"reader", "writer", "registry"}
# What scripts/rules.sh looks for.
HEAD = re.compile(r'^ *\{"id": "[a-z0-9.-]*", "level": "[A-Z ]*", "phase": ', re.M)
ID = re.compile(r"[a-z][a-z0-9]*(\.[a-z0-9]+(-[a-z0-9]+)*){2,}")
known, phased, bad = set(), set(), 0


def complain(text):
    global bad
    print(f"  FAIL  {text}")
    bad = 1


def fault(c):
    """What is wrong with the clause, or nothing."""
    if not KEYS <= set(c) <= KEYS | MORE:
        return f"members: {sorted((KEYS - set(c)) | (set(c) - KEYS - MORE))}"
    if not all(isinstance(v, str) and v.strip() == v != "" for v in c.values()):
        return "a member is no text, or empty"
    if c["level"] not in LEVELS or c.get("role", "reader") not in ROLES:
        return "level or role"
    if c.get("phase", "structure") not in PHASES or c.get("only", "accept") != "accept":
        return "phase or only"
    if c.get("role", "reader") == "reader" and "phase" not in c:
        return "a reader's clause without a phase"
    if not c["text"].endswith("."):
        return "the text is no sentence"
    return None


def read(path):
    text = path.read_text()
    clauses = json.loads(text)
    if len(HEAD.findall(text)) != sum("phase" in c for c in clauses):
        complain(f"{path}: id, level and phase are not first in a clause, on one line")
    ids = [c.get("id", "") for c in clauses]
    if ids != sorted(set(ids)):
        complain(f"{path}: ids are not sorted, or one stands twice")
    for c in clauses:
        family = c.get("id", "").split(".")
        if fault(c):
            complain(f"{path}: {c.get('id')}: {fault(c)}")
        if not ID.fullmatch(c.get("id", "")) or path.stem not in (family[0], "-".join(family[:2])):
            complain(f"{path}: {c.get('id')}: not of the family {path.stem}")
    if known & set(ids):
        complain(f"{path}: {sorted(known & set(ids))} stand in another file too")
    known.update(ids)
    phased.update(c["id"] for c in clauses if "phase" in c)


for path in map(pathlib.Path, sys.argv[1:]):
    if path.name != "policies.json":
        read(path)

families = "|".join(sorted({k.split(".")[0] for k in known}))
# Media types, hosts and names of files look like clause ids and are none.
other = re.compile(r".*\.(tar|gzip|zstd|com|toc)")
literal = re.compile(rf'"((?:{families})\.[a-z0-9-]+\.[a-z0-9.-]+)"')
for path in sorted(pathlib.Path("ref").rglob("*.[ch]")):
    for rule in literal.findall(path.read_text()):
        if ID.fullmatch(rule) and rule not in phased and not other.fullmatch(rule):
            complain(f"{path}: names the rule {rule}, which no clause with a phase has")
sys.exit(bad)
