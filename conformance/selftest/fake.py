#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fake NAME hello|serve|OP --in=FILE... - an adapter that is wrong in one way.

The input says what an honest adapter answers (recipes/oci/plain.rcp).  A fake does something else,
most of them for "bad structure" only, so that a test sees whom the runner blames.
"""
import hashlib
import json
import os
import pathlib
import signal
import sys

STATUS = {"accept": 0, "reject": 1, "unsupported": 2, "error": 3}
POLICY = "policy.name.absolute"
FAKES = {}


def fake(function):
    """Register do_that as "do-that": called with the question, it returns an answer, or raises
    Said with what it says instead."""
    FAKES[function.__name__.replace("_", "-")] = function
    return function


class Said(Exception):
    """Raw bytes for stdout, and an exit status."""

    def __init__(self, text, status=0):
        self.text, self.status = text, status


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def honest(ask):
    first, _, rest = ask["text"].partition("\n")
    if first.startswith("bad "):
        _, phase, code = first.split()
        return {"outcome": "reject", "phase": phase, "code": code, "detail": "as it says"}
    if ask["op"] == "unpack":
        (pathlib.Path(ask["dest"]) / "a").write_text("a\n")
    return {"outcome": "accept", "tree_sha256": sha256(rest)}


def bad(ask):
    return ask["text"].startswith("bad structure")


def unless_bad(act):
    """A fake that is honest but for "bad structure", where @act happens."""

    def run(ask):
        answer = honest(ask)
        return (act(ask, answer) or answer) if bad(ask) else answer

    return run


def line(answer):
    return (json.dumps(answer) + "\n").encode()


# Answers that are wrong.

FAKES["honest"] = honest


@fake
def accept_all(ask):
    return {"outcome": "accept", "tree_sha256": sha256(ask["text"].partition("\n")[2])}


@fake
def reject_all(ask):
    return {"outcome": "reject", "phase": "transport"}


@fake
def unsupported_all(ask):
    return {"outcome": "unsupported", "detail": "never"}


@fake
def random(ask):
    coin = hashlib.sha256(ask["text"].encode()).digest()[0] & 1
    return accept_all(ask) if coin else reject_all(ask)


@fake
def echo_base(ask):
    return {"outcome": "accept", "tree_sha256": sha256('{"p":"a"}\n')}


@fake
def wrong_tree(ask):
    answer = honest(ask)
    if "tree_sha256" in answer:
        answer["tree_sha256"] = sha256("something else\n")
    return answer


@fake
def no_tree(ask):
    answer = honest(ask)
    answer.pop("tree_sha256", None)
    return answer


@fake
def swallow_last_chunk(ask):
    first, *lines = ask["text"].splitlines(keepends=True)
    return honest({**ask, "text": first + "".join(lines[:1])})


@fake
def ignores_digest(ask):
    return accept_all(ask) if "chunk-digest" in ask["text"] else honest(ask)


@fake
def ignores_should(ask):
    return accept_all(ask) if "bad document" in ask["text"] else honest(ask)


@fake
def releases_then_rejects(ask):
    answer = honest(ask)
    if answer["outcome"] == "reject":
        answer["released"] = 5
    return answer


@fake
def wrong_phase(ask):
    answer = honest(ask)
    if "phase" in answer:
        answer["phase"] = "apply"
    return answer


@fake
def no_phase(ask):
    answer = honest(ask)
    answer.pop("phase", None)
    return answer


@fake
def wrong_code(ask):
    answer = honest(ask)
    if "code" in answer:
        answer["code"] = "self.plain.good"
    return answer


@fake
def lies_about_policy(ask):
    return reject_all(ask) if ask["text"].startswith("either") else honest(ask)


FAKES["undeclared-policy"] = honest

# Programs that break.


def breaks(name):
    def register(act):
        FAKES[name] = unless_bad(act)
        return act

    return register


@breaks("crash")
def _(ask, answer):
    os.kill(os.getpid(), signal.SIGSEGV)
    signal.pause()


@breaks("abort")
def _(ask, answer):
    os.abort()


@breaks("exit-77")
def _(ask, answer):
    raise Said(line(answer), 77)


@breaks("silent-1")
def _(ask, answer):
    raise Said(b"", 1)


@breaks("traceback")
def _(ask, answer):
    raise ValueError("nobody catches this")


@breaks("hang")
def _(ask, answer):
    while True:
        signal.pause()


@breaks("spin")
def _(ask, answer):
    while True:
        pass


@breaks("memory-hog")
def _(ask, answer):
    kept = []
    while True:
        kept.append(bytearray(b"x") * (1 << 24))


@breaks("large-file")
def _(ask, answer):
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    with open(os.environ["TMPDIR"] + "/large", "wb") as f:
        while True:
            f.write(bytes(1 << 20))


@breaks("forks-and-leaves")
def _(ask, answer):
    leave(1)


@breaks("fork-bomb-limited")
def _(ask, answer):
    leave(40)


def leave(n):
    for _ in range(n):
        if not os.fork():
            os.setsid()
            while True:
                signal.pause()


@breaks("closes-stdout")
def _(ask, answer):
    os.close(1)
    if ask["seq"] is None:
        os._exit(STATUS[answer["outcome"]])
    sys.stdin.read()
    os._exit(0)


# Programs that touch what is not theirs.


@breaks("writes-outside")
def _(ask, answer):
    (beside(ask) / "stray").write_text("x")


@breaks("writes-into-canary")
def _(ask, answer):
    (beside(ask) / "canary" / "dir" / "stray").write_text("x")


@breaks("follows-symlink")
def _(ask, answer):
    link = beside(ask) / "dest" / "link"
    link.symlink_to("../canary/file")
    link.write_text("nobody may change THIS\n")


@breaks("changes-mode")
def _(ask, answer):
    (beside(ask) / "canary" / "file").chmod(0o4755)


@breaks("removes-canary")
def _(ask, answer):
    (beside(ask) / "canary" / "link").unlink()


@breaks("edits-input")
def _(ask, answer):
    pathlib.Path(ask["in"]).write_text("good\n")


@breaks("escapes-and-crashes")
def _(ask, answer):
    (beside(ask) / "stray").write_text("x")
    os.abort()


def beside(ask):
    return pathlib.Path(ask["in"]).parent.parent


# Programs that do not speak the protocol.


@breaks("two-documents")
def _(ask, answer):
    raise Said(line(answer) + line(answer), STATUS[answer["outcome"]])


@breaks("two-in-a-line")
def _(ask, answer):
    raise Said(line(answer).strip() * 2 + b"\n", STATUS[answer["outcome"]])


@breaks("no-json")
def _(ask, answer):
    raise Said(b"rejected, I think\n", 1)


@breaks("empty")
def _(ask, answer):
    raise Said(b"", 0)


@breaks("not-utf8")
def _(ask, answer):
    raise Said(b'{"outcome": "reject", "detail": "\xff"}\n', 1)


@breaks("unknown-outcome")
def _(ask, answer):
    raise Said(b'{"outcome": "perhaps"}\n', 1)


@breaks("unknown-phase")
def _(ask, answer):
    answer["phase"] = "later"


@breaks("adapter-error")
def _(ask, answer):
    answer["outcome"] = "error"


@breaks("exit-mismatch")
def _(ask, answer):
    raise Said(line(answer), 0)


@breaks("huge-stdout")
def _(ask, answer):
    for _ in range(17):
        sys.stdout.buffer.write(b" " * (1 << 20))


@breaks("huge-stderr")
def _(ask, answer):
    for _ in range(64):
        sys.stderr.buffer.write(b"e" * (1 << 20))
    sys.stderr.flush()


@breaks("stale-seq")
def _(ask, answer):
    answer["seq"] = (ask["seq"] or 0) - 1


@breaks("no-seq")
def _(ask, answer):
    answer["seq"] = None


# Who it says that it is.

HELLO = {
    "protocol": 1,
    "impl": {"name": "fake", "version": "1", "home": "https://example.com/fake"},
    "formats": ["oci"],
    "ops": ["verify", "unpack"],
    "features": ["clause-ids"],
    "policies": {POLICY: "strip"},
}
HELLOS = {
    "undeclared-policy": line({**HELLO, "policies": {}}),
    "bad-hello": b"hello!\n",
    "empty-hello": b"",
    "two-hellos": line(HELLO) * 2,
    "old-protocol": line({**HELLO, "protocol": 0}),
    "nameless": line({**HELLO, "impl": {}}),
    "declares-nothing": line({**HELLO, "formats": []}),
    "knows-no-tree": line({**HELLO, "tree": False}),
    "knows-no-phases": line({**HELLO, "phases": False}),
}
FAKES.update({name: honest for name in HELLOS if name not in FAKES})
FAKES["knows-no-tree"] = FAKES["no-tree"]
FAKES["knows-no-phases"] = FAKES["no-phase"]


def hello(name):
    if name == "slow-hello":
        signal.pause()
    if name == "hello-exits-1":
        sys.exit(1)
    if name == "hello-crashes":
        os.abort()
    sys.stdout.buffer.write(HELLOS.get(name, line(HELLO)))


FAKES.update({"slow-hello": honest, "hello-exits-1": honest, "hello-crashes": honest})


def question(op, values, seq):
    return {"op": op, "in": values["in"], "dest": values.get("dest"), "seq": seq,
            "text": pathlib.Path(values["in"]).read_text()}


def serve(act):
    for text in sys.stdin:
        o = json.loads(text)
        ask = question(o["op"], {**o["args"], "in": o["in"]}, o["seq"])
        try:
            said = line({"seq": o["seq"], **act(ask)})
        except Said as other:
            said = other.text
            if said[:1] == b"{" and b"}\n{" not in said:
                said = said.replace(b"{", b'{"seq": %d, ' % o["seq"], 1)
            if not said or other.status == 77:
                os._exit(other.status)
        sys.stdout.buffer.write(said)
        sys.stdout.flush()


def main(name, op, *words):
    act = FAKES[name]
    if op == "hello":
        return hello(name)
    if op == "serve":
        return serve(act)
    values = dict(word.lstrip("-").split("=", 1) for word in words)
    try:
        answer = act(question(op, values, None))
        said, status = line(answer), STATUS[answer["outcome"]]
    except Said as other:
        said, status = other.text, other.status
    sys.stdout.buffer.write(said)
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
