#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seal NAME hello|serve - an adapter that takes what it knows and refuses every other byte, but for
one thing that is wrong with it.  `lazyconf sweep` must find exactly that."""
import hashlib
import json
import os
import pathlib
import sys

KNOWN = [b'good\n{"p":"a"}\n', b'good\n{"p":"a"}\n{"p":"b"}\n']
HELLO = {"protocol": 1, "impl": {"name": "seal", "version": "1"}, "formats": ["oci"],
         "ops": ["verify"], "features": [], "policies": {}}


def accept(text):
    return {"outcome": "accept", "tree_sha256": hashlib.sha256(text).hexdigest()}


def seal(name, text):
    known = [k for k in KNOWN if k == text]
    if known or name == "takes-all":
        return accept(text)
    if name == "skips-byte-4":  # the newline behind "good"
        known = [k for k in KNOWN if k == text[:4] + b"\n" + text[5:]]
    if name == "skips-the-end":
        known = [k for k in KNOWN if k == text + b"\n"]
    if known:
        return accept(known[0])
    if text.startswith(b"Good"):  # bit 5 of the first byte
        if name == "crashes":
            os.abort()
        if name == "leaks":
            return {"outcome": "reject", "released": 1}
        if name == "errs":
            return {"outcome": "error", "detail": "who knows"}
        if name == "escapes":
            pathlib.Path("../canary/file").write_text("x")
    return {"outcome": "reject"}


def main(name, op):
    if op == "hello":
        print(json.dumps(HELLO))
        return
    for line in sys.stdin:
        ask = json.loads(line)
        if name == "answers-twice" and ask["seq"] == 3:
            print(json.dumps({"seq": 3, "outcome": "reject"}))
        answer = seal(name, pathlib.Path(ask["in"]).read_bytes())
        print(json.dumps({"seq": ask["seq"], **answer}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
