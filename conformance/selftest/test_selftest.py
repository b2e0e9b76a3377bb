# SPDX-License-Identifier: MIT
"""The suite can fail: each fake adapter gets exactly the class that it deserves, and the runner
says so with its exit status."""
import json
import os
import pathlib
import subprocess
import xml.etree.ElementTree as xml

import pytest

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build"))
LAZYCONF = BUILD / "lazyconf"

ASKED = ["SELF-BAD-1", "SELF-BAD-2", "SELF-BASE-1", "SELF-BASE-2", "SELF-EITHER-1",
         "SELF-FEATURE-1", "SELF-SHOULD-1", "SELF-UNPACK-1"]
HONEST = dict.fromkeys(ASKED, "pass") | {"SELF-FEATURE-1": "unsupported"}
BAD = ["SELF-BAD-1", "SELF-BAD-2", "SELF-SHOULD-1"]
GOOD = [i for i in ASKED if i not in BAD + ["SELF-FEATURE-1"]]


def on(ids, word):
    return HONEST | dict.fromkeys(ids, word)


def at(word):
    return on(["SELF-BAD-1"], word)


# What a fake gets where it differs from an honest adapter, and the runner's exit status.
TABLE = {
    "honest": (HONEST, 0),
    "accept-all": (on(BAD, "fail"), 1),
    "reject-all": (on(GOOD, "fail") | dict.fromkeys(BAD, "inconclusive"), 1),
    "unsupported-all": (on(BAD + GOOD, "unsupported"), 0),
    "echo-base": (on(BAD + ["SELF-BASE-2"], "fail"), 1),
    "wrong-tree": (on(GOOD, "fail"), 1),
    "no-tree": (on(["SELF-BASE-1", "SELF-BASE-2", "SELF-EITHER-1"], "fail"), 1),
    "swallow-last-chunk": (on(["SELF-BASE-2"], "fail"), 1),
    "ignores-digest": (on(["SELF-BAD-2"], "fail"), 1),
    "ignores-should": (on(["SELF-SHOULD-1"], "fail"), 0),
    "releases-then-rejects": (on(BAD, "leak-bytes"), 1),
    "wrong-phase": (HONEST, 0),
    "no-phase": (HONEST, 0),
    "wrong-code": (HONEST, 0),
    "lies-about-policy": (on(["SELF-EITHER-1"], "fail"), 1),
    "undeclared-policy": (on(["SELF-EITHER-1"], "fail"), 1),
    "crash": (at("crash"), 1),
    "abort": (at("crash"), 1),
    "silent-1": (at("crash"), 1),
    "traceback": (at("crash"), 1),
    "memory-hog": (at("oom"), 1),
    "large-file": (at("oom"), 1),
    "forks-and-leaves": (HONEST, 0),
    "fork-bomb-limited": (HONEST, 0),
    "writes-outside": (at("escape"), 1),
    "writes-into-canary": (at("escape"), 1),
    "follows-symlink": (at("escape"), 1),
    "changes-mode": (at("escape"), 1),
    "removes-canary": (at("escape"), 1),
    "edits-input": (at("escape"), 1),
    "escapes-and-crashes": (at("escape"), 1),
    "two-documents": (at("harness-error"), 2),
    "two-in-a-line": (at("harness-error"), 2),
    "no-json": (at("harness-error"), 2),
    "empty": (at("harness-error"), 2),
    "not-utf8": (at("harness-error"), 2),
    "unknown-outcome": (at("harness-error"), 2),
    "unknown-phase": (at("harness-error"), 2),
    "adapter-error": (at("harness-error"), 2),
    "huge-stdout": (at("harness-error"), 2),
    "huge-stderr": (HONEST, 0),
    "knows-no-tree": (HONEST, 0),
    "knows-no-phases": (HONEST, 0),
}
ONLY_A = {"exit-mismatch": (at("harness-error"), 2), "exit-77": (at("crash"), 1),
          "closes-stdout": (at("crash"), 1)}
ONLY_B = {"closes-stdout": (at("harness-error"), 2), "stale-seq": (at("harness-error"), 2), "no-seq": (at("harness-error"), 2)}


class Runner:
    """lazyconf run with one fake; what it said and the rows it wrote."""

    def __init__(self, tmp):
        self.tmp = tmp

    def __call__(self, fake, *options, command=None, mode="a"):
        results = self.tmp / "results.jsonl"
        results.unlink(missing_ok=True)
        adapter = self.tmp / "adapter.json"
        adapter.write_text(json.dumps({
            "name": "fake", "serve": True, "data_mib": 256, "missing": "it is ours",
            "command": ["python3", "-SE", str(HERE / "fake.py"), fake]
            if command is None else command}))
        self.done = subprocess.run(
            [LAZYCONF, "run", f"--suite={HERE}", f"--adapter={adapter}", f"--mode={mode}",
             f"--results={results}", *options], capture_output=True, text=True, timeout=300)
        self.status = self.done.returncode
        self.rows = []
        if results.exists():
            self.rows = [json.loads(text) for text in results.read_text().splitlines()]
        return {row["id"]: row["class"] for row in self.rows if "id" in row}

    def row(self, vector):
        return next(row for row in self.rows if row.get("id") == vector)

    def error(self):
        """The only line on stderr, but for the seed."""
        lines = [text for text in self.done.stderr.splitlines() if "seed" not in text]
        assert len(lines) == 1, self.done.stderr
        return lines[0]


@pytest.fixture
def run(tmp_path):
    return Runner(tmp_path)


@pytest.mark.parametrize("mode, fake", [(mode, fake) for mode in "ab" for fake in
                                        TABLE | (ONLY_A if mode == "a" else ONLY_B)])
def test_fake(run, fake, mode):
    want, status = (TABLE | (ONLY_A if mode == "a" else ONLY_B))[fake]
    got = run(fake, mode=mode)
    assert got == want, run.done.stdout + run.done.stderr
    assert run.status == status, run.done.stdout + run.done.stderr
    sums = run.done.stdout.splitlines()[-1]
    assert sums.endswith("skipped") and sum(int(w) for w in sums.split() if w.isdigit()) == 8


@pytest.mark.parametrize("mode", "ab")
@pytest.mark.parametrize("fake", ["hang", "spin"])
def test_hang(run, fake, mode):
    assert run(fake, "--timeout=4s", "SELF-BAD-1", mode=mode) == {"SELF-BAD-1": "hang"}
    assert run.status == 1


def test_random(run):
    """Some of a coin's answers are wrong."""
    got = run("random")
    assert set(got.values()) > {"pass", "unsupported"} and run.status == 1


def test_late(run):
    """A later phase, none, or another clause: a finding, which only --strict counts."""
    for fake, key in (("wrong-phase", "late"), ("no-phase", "late"), ("wrong-code", "other_code")):
        assert run(fake, "--strict") == HONEST
        assert run.status == 1 and run.row("SELF-BAD-1")[key] is True
    run("ignores-should", "--strict")
    assert run.status == 1
    run("knows-no-phases", "--strict")
    assert run.status == 0


@pytest.mark.parametrize("fake, words", [
    ("bad-hello", "not JSON"), ("empty-hello", "nothing"), ("two-hellos", "more than one"),
    ("old-protocol", "protocol 0"), ("nameless", "name"), ("hello-exits-1", "status 1"),
    ("declares-nothing", "declares nothing"), ("hello-crashes", "signal"),
])
def test_no_hello(run, fake, words):
    assert run(fake) == {} and run.status == 2
    assert words in run.error()


def test_slow_hello(run):
    run("slow-hello", "--timeout=300ms")
    assert run.status == 2 and "no answer in" in run.error()


def test_misconfigured(run):
    """Exit 2 and one line: a missing program, adapter, suite, selector, or a wrong option."""
    run("x", command=["no-such-program"])
    assert run.status == 2 and "no-such-program is not installed: it is ours" in run.error()
    for options, words in ((["no-such-vector"], "no vector is"), (["--profile=none"], "nothing is"),
                           (["--mode=c"], "a|b"), (["--suite=/nowhere"], "/nowhere"),
                           (["--adapter=nobody"], "nobody"), (["--gate=/nowhere"], "/nowhere")):
        run("honest", *options)
        assert run.status == 2, options
        assert words in run.error()
    run("x", command=[])
    assert run.status == 2 and "command" in run.error()


def test_seed(run):
    """The same results in any order, one worker or many; the seed is printed."""
    run("accept-all", "--seed=7", "--jobs=1")
    one = run.rows[1:-1]
    assert "seed 7" in run.done.stdout and run.rows[0]["seed"] == 7
    run("accept-all", "--jobs=3")
    assert [dict(row, us=0) for row in one] == [dict(row, us=0) for row in run.rows[1:-1]]


def test_selectors(run):
    for selector, ids in (("oci/plain", ASKED), ("oci", ASKED), ("SELF-BASE-*", ASKED[2:4]),
                          ("self.plain.digest", ["SELF-BAD-2"]), ("SELF-BAD-2", ["SELF-BAD-2"])):
        assert sorted(run("honest", selector)) == ids
    assert sorted(run("honest", "--profile=hostile")) == ["SELF-UNPACK-1"]


def report(*words):
    return subprocess.run([LAZYCONF, "report", *words], capture_output=True, text=True)


def test_gate(run, tmp_path):
    """A gate file excuses exactly what it says, and keeps reasons when it is written anew."""
    gate, results = tmp_path / "fake.lock", tmp_path / "results.jsonl"
    run("ignores-digest")
    assert report("--accept", f"--gate={gate}", results).returncode == 0
    assert "SELF-BAD-2 fail  # not looked at yet\n" in gate.read_text()
    gate.write_text(gate.read_text().replace("not looked at yet", "it has no digests"))
    got = run("ignores-digest", f"--gate={gate}")
    assert run.status == 0 and got == HONEST | {"SELF-BAD-2": "xfail"}
    assert report("--accept", f"--gate={gate}", results).returncode == 0
    assert "# it has no digests" in gate.read_text()
    assert run("honest", f"--gate={gate}")["SELF-BAD-2"] == "xpass" and run.status == 1
    assert run("crash", f"--gate={gate}")["SELF-BAD-1"] == "crash" and run.status == 1
    run("unsupported-all", f"--gate={gate}")
    assert run.status == 1
    text = gate.read_text()
    gate.write_text(text + "SELF-GONE-1 fail  # was once\n")
    assert run("ignores-digest", f"--gate={gate}")["SELF-GONE-1"] == "xpass" and run.status == 1
    gate.write_text(text.replace("verify,unpack", "verify"))
    assert "hello" in run("ignores-digest", f"--gate={gate}") and run.status == 1
    gate.write_text("SELF-BAD-2 fails\n")
    run("honest", f"--gate={gate}")
    assert run.status == 2 and "fake.lock:1" in run.error()


def test_gate_phase(run, tmp_path):
    """Where a gate file says a phase, another one is a difference."""
    gate = tmp_path / "fake.lock"
    gate.write_text("".join(f"{i} fail transport\n" for i in GOOD)
                    + "".join(f"{i} inconclusive\n" for i in BAD))
    run("reject-all", f"--gate={gate}")
    assert run.status == 0, run.done.stdout
    gate.write_text(gate.read_text().replace("SELF-BASE-1 fail transport", "SELF-BASE-1 fail apply"))
    assert run("reject-all", f"--gate={gate}")["SELF-BASE-1"] == "fail" and run.status == 1


def test_hostile_profile(run, tmp_path):
    """In the profile "hostile" no gate file excuses a crash, a hang or an escape."""
    suite = tmp_path / "suite" / "recipes" / "oci"
    suite.mkdir(parents=True)
    text = (HERE / "recipes/oci/plain.rcp").read_text()
    suite.joinpath("plain.rcp").write_text(text.replace("\tbase SELF-BASE-1\n\tdelta \"good -> bad s",
                                           "\tprofile hostile\n\tbase SELF-BASE-1\n\tdelta \"good -> bad s"))
    gate = tmp_path / "fake.lock"
    gate.write_text("SELF-BAD-1 crash\n")
    assert run("crash", f"--gate={gate}")["SELF-BAD-1"] == "xfail" and run.status == 0
    got = run("crash", f"--gate={gate}", f"--suite={suite.parent.parent}")
    assert got["SELF-BAD-1"] == "crash" and run.status == 1


def test_reports(run, tmp_path):
    """TAP, JUnit, Markdown, the page and the badges say the same numbers."""
    run("accept-all", "--format=tap")
    assert "TAP version 14\n1..8\n" in run.done.stdout
    assert run.done.stdout.count("\nnot ok ") == 2 and "# SKIP" in run.done.stdout
    run("accept-all", "--format=junit")
    suite = xml.fromstring(run.done.stdout).find("testsuite")
    assert suite.get("name") == "oci/plain" and suite.get("failures") == "2"
    run("accept-all", "--format=markdown")
    assert "| SELF-BAD-1 | **fail** | accepted |" in run.done.stdout
    run("accept-all", "--format=jsonl")
    assert len([json.loads(text) for text in run.done.stdout.splitlines()]) == 10
    results, page = tmp_path / "results.jsonl", tmp_path / "page.html"
    assert "| oci/plain | **4/7** |" in report(results, results).stdout
    assert report(f"--html={page}", f"--badges={tmp_path}/badges", results).returncode == 0
    text = page.read_text()
    assert 'href="#c0-0">4/7</a>' in text and "SELF-BAD-1" in text and "http-equiv" not in text
    badge = json.loads((tmp_path / "badges/fake-oci.json").read_text())
    assert badge["schemaVersion"] == 1 and badge["message"].startswith("4/6 MUST \u00b7 0/1 SHOULD")
    assert report(tmp_path / "page.html").returncode == 2
    assert report(tmp_path / "nothing").returncode == 2


def test_nothing_stays(run, tmp_path):
    """What a fake leaves in the background is gone when the runner is."""
    if os.geteuid():
        pytest.skip("without PID namespaces a process may leave its group")
    run("fork-bomb-limited")
    left = subprocess.run(["pgrep", "-f", f"{HERE}/fake.py fork-bomb-limited"],
                          capture_output=True, text=True).stdout
    assert left == ""


def test_lint(tmp_path):
    """lint finds a fault of each kind, and none in a suite without."""
    def lint(recipe, clauses):
        (tmp_path / "recipes/oci").mkdir(parents=True, exist_ok=True)
        (tmp_path / "clauses").mkdir(exist_ok=True)
        (tmp_path / "recipes/oci/plain.rcp").write_text(recipe)
        (tmp_path / "clauses/self.json").write_text(clauses)
        (tmp_path / "ref").mkdir(exist_ok=True)
        done = subprocess.run([LAZYCONF, "lint", f"--suite={tmp_path}", f"--ref={tmp_path}/ref",
                               f"--list={tmp_path}/list"], capture_output=True, text=True)
        return done.returncode, done.stdout

    recipe = (HERE / "recipes/oci/plain.rcp").read_text()
    clauses = (HERE / "clauses/self.json").read_text()
    done = subprocess.run([LAZYCONF, "gen", f"--recipes={HERE}/recipes", "--record",
                           f"--list={tmp_path}/list"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    recipe = recipe.replace("either policy.name.absolute", "either local")
    assert "self.plain.good: MUST without a negative vector" in lint(recipe, clauses)[1]
    clauses = clauses.replace('"text": "What is good', '"only": "accept", "text": "What is good')
    assert lint(recipe, clauses) == (0, "4 clauses, 8 vectors, 0 complaints\n")
    for was, now, words in (
            ("clause self.plain.digest", "clause self.plain.nothing", "no clause: self.plain.nothing"),
            ("expect reject structure", "expect reject sometime", "sometime"),
            ("either local", "either policy.nothing", "no policy: policy.nothing"),
            ("base SELF-BASE-2", "base SELF-BAD-1", "its base SELF-BAD-1 is not to be accepted"),
            ("base SELF-BASE-2", "base SELF-GONE-1", "SELF-GONE-1"),
            ('"bad structure', '"worse structure', "SELF-BAD-1: is"),
            ("vector SELF-BASE-2 ", "vector SELF-BASE-3 ", "SELF-BASE-3: not in the list")):
        status, said = lint(recipe.replace(was, now), clauses)
        assert status, (was, now)
        if said:
            assert words in said
    for was, now, words in (('"MUST"', '"must"', "level or role"), (".\"}", "\"}", "no sentence"),
                            ('"phase": "structure", ', "", "without a phase"),
                            ('"level": "MUST", "phase": "chunk-digest"',
                             '"phase": "chunk-digest", "level": "MUST"', "not first"),
                            ("self.plain.digest", "other.plain.digest", "not of the family self"),
                            ("self.plain.digest", "self.plain.zzz", "not sorted")):
        status, said = lint(recipe, clauses.replace(was, now))
        assert status == 1 and words in said
    (tmp_path / "ref").mkdir(exist_ok=True)
    (tmp_path / "ref/x.c").write_text('"self.plain.unknown" "self.plain.good"\n')
    status, said = lint(recipe, clauses)
    assert status == 1 and said.count("names the rule") == 1
