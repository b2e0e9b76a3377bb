# SPDX-License-Identifier: MIT
"""docs/PROTOCOL.md for adapters in Python: an implementation is a hello and a judge.

hello() is the document, judge(request) returns the canonical tree, further members of the answer,
or None; or it raises Reject or Unsupported.  Whatever else it raises is an error of the adapter.
"""
import dataclasses
import hashlib
import json
import pathlib
import re
import sys

EXITS = {"accept": 0, "reject": 1, "unsupported": 2, "error": 3}
ROLES = "layer", "bootstrap", "blob", "document"
LINE_MAX = 16 << 20     # bytes of a question
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
DETAIL_MAX = 400        # characters of somebody's message that an answer repeats


class Reject(Exception):
    """The implementation refuses the input: its own words."""


class Unsupported(Exception):
    """The implementation has no way to be asked this."""


@dataclasses.dataclass
class Request:
    op: str
    format: str
    args: dict
    inputs: dict        # path by role, in the order of the vector; the first may be "in"
    flags: list = dataclasses.field(default_factory=list)
    program: str = ""   # the path of the implementation's program

    def input(self):
        """The path of the first input."""
        return next(iter(self.inputs.values()))

    def blobs(self):
        """Roles of the inputs blob, blob1, blob2 and so on, in their order."""
        found = [role for role in self.inputs if role.rstrip("0123456789") == "blob"]
        return sorted(found, key=lambda role: int(role[len("blob"):] or 0))


def clean(text):
    """Somebody's message as one short line of what can be printed."""
    line = " ".join(COLOUR.sub("", text).split())[:DETAIL_MAX]
    return "".join(c if c.isprintable() else "?" for c in line)


def told(tree, out):
    """The digest of a tree, which is written to a file if somebody wants it."""
    if out:
        pathlib.Path(out).write_text(tree, encoding="ascii")
    return hashlib.sha256(tree.encode()).hexdigest()


def answer(hello, judge, request):
    """The answer to a request, as a document."""
    try:
        if request.op not in hello()["ops"]:
            raise Unsupported(f"no {request.op}")
        got = judge(request) or {}
        if isinstance(got, str):
            got = {"tree_sha256": told(got, request.args.get("out"))}
    except Reject as why:
        return {"outcome": "reject", "detail": clean(str(why))}
    except Unsupported as why:
        return {"outcome": "unsupported", "detail": clean(str(why))}
    except Exception as why:            # whatever it is, it is ours
        return {"outcome": "error", "detail": clean(f"{type(why).__name__}: {why}")}
    return {"outcome": "accept", **got}


def request_of(words):
    """OP --in=FILE --format=F [--ROLE=FILE...] [--NAME=VALUE...] [--flag=FLAG...] as a request."""
    given, flags = {}, []
    for word in words[1:]:
        name, value = word.removeprefix("--").split("=", 1)
        if name == "flag":
            flags.append(value)
        else:
            given[name] = value
    roles = [name for name in given if name == "in" or name.rstrip("0123456789") in ROLES]
    inputs = {name: given.pop(name) for name in roles}
    return Request(words[0], given.pop("format"), given, inputs, flags)


def parsed(line):
    """(seq, request) of a line; (None, None) if it is no question.  Members of JSON objects have no
    order: "in" tells the first input."""
    try:
        asked = json.loads(line)
        given = sorted(asked.get("inputs", {}).items(), key=lambda one: one[1] != asked["in"])
        return asked["seq"], Request(asked["op"], asked["format"], asked.get("args", {}),
                                     dict(given) or {"in": asked["in"]}, asked.get("flags", []))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None, None


def serve(hello, judge):
    """Answer lines until there are no more."""
    while line := sys.stdin.buffer.readline(LINE_MAX):
        whole = line.endswith(b"\n")
        while not line.endswith(b"\n") and (line := sys.stdin.buffer.readline(LINE_MAX)):
            whole = False
        seq, request = parsed(line) if whole else (None, None)
        got = answer(hello, judge, request) if request else {"outcome": "error",
                                                            "detail": "no question"}
        print(json.dumps({"seq": seq, **got}), flush=True)


def main(hello, judge, argv):
    """Do what the command line says; the exit status."""
    if argv == ["hello"]:
        print(json.dumps(hello()))
        return 0
    if argv == ["serve"]:
        serve(hello, judge)
        return 0
    try:
        request = request_of(argv)
    except (IndexError, KeyError, ValueError):
        print("usage: hello | serve | verify|unpack --in=FILE --format=F [--NAME=VALUE...]",
              file=sys.stderr)
        return EXITS["error"]
    got = answer(hello, judge, request)
    print(json.dumps(got))
    return EXITS[got["outcome"]]
