# SPDX-License-Identifier: MIT
"""`lazyconf sweep` finds what a reader does not look at, and nothing else."""
import json
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build"))
FIRST = "SELF-BASE-1"
CHANGES = 15 * 9
# The second vector cut in the middle is the first.
CUT = "SELF-BASE-2 layer cut-other 15  # the first vector\n"


class Sweep:
    def __init__(self, tmp):
        self.tmp = tmp

    def __call__(self, name, *options, listed=None):
        adapter = self.tmp / "adapter.json"
        adapter.write_text(json.dumps({
            "name": "seal", "serve": True, "data_mib": 256, "missing": "it is ours",
            "command": ["python3", "-SE", str(HERE / "seal.py"), name]}))
        if listed is not None:
            (self.tmp / "listed").write_text(listed)
            options = (*options, f"--uncovered={self.tmp / 'listed'}")
        done = subprocess.run(
            [BUILD / "lazyconf", "sweep", f"--suite={HERE}", f"--adapter={adapter}", "--jobs=1",
             *options], capture_output=True, text=True, timeout=300)
        self.text = done.stdout + done.stderr
        self.faults = [s.split("FAIL")[1].strip() for s in self.text.splitlines() if "FAIL" in s]
        return done.returncode


@pytest.fixture
def sweep(tmp_path):
    return Sweep(tmp_path)


def test_sealed(sweep):
    """All but one change of both bases are refused: 15 and 25 bytes, 9 changes each."""
    assert sweep("sealed", listed=CUT) == 0, sweep.text
    assert "360 inputs" in sweep.text and "100.0 % are covered" in sweep.text
    assert not sweep.faults


@pytest.mark.parametrize("what, n", [("bits", 120), ("cuts", 15), ("both", 135)])
def test_what(sweep, what, n):
    assert sweep("sealed", f"--what={what}", FIRST) == 0
    assert f"\n{n} inputs" in sweep.text and f"refused {n}," in sweep.text


@pytest.mark.parametrize("name, fault", [
    ("skips-byte-4", "SELF-BASE-1 layer bytes 4-4: same, listed: refused"),
    ("skips-the-end", "SELF-BASE-1 layer cut to 14-14: cut-same, listed: refused"),
    ("crashes", "SELF-BASE-1, layer bit 5: crash: killed by Aborted"),
    ("leaks", "SELF-BASE-1, layer bit 5: leak-bytes: bytes were given out before it refused"),
    ("errs", "SELF-BASE-1, layer bit 5: error: who knows"),
])
def test_fault(sweep, name, fault):
    """One thing is wrong: it is found, the change is named, and it is the only one."""
    assert sweep(name, FIRST) == 1
    assert sweep.faults == [fault]
    assert f"{CHANGES} inputs" in sweep.text


def test_escape(sweep):
    assert sweep("escapes", FIRST) == 1
    assert len(sweep.faults) == 1 and "escape" in sweep.faults[0]


def test_answers_twice(sweep):
    assert sweep("answers-twice", FIRST) == 1
    assert "harness-error: answer to question 3, not to 4" in sweep.faults[0]


def test_another_tree(sweep):
    assert sweep("takes-all", FIRST) == 1
    assert sweep.faults == ["SELF-BASE-1 layer bytes 0-14: other, listed: refused",
                            "SELF-BASE-1 layer cut to 0-14: cut-other, listed: refused"]
    assert "0.0 % are covered" in sweep.text


@pytest.mark.parametrize("listed, status, fault", [
    ("SELF-BASE-1 layer same 4  # a newline\n", 0, None),
    ("SELF-BASE-1 layer same 4\n", 1, "without a reason"),
    ("SELF-BASE-1 layer same 4  # not looked at yet\n", 1, "without a reason"),
    ("SELF-BASE-1 layer other 4  # why\n", 1, "4-4: same, listed: other"),
    ("SELF-BASE-1 layer same 4-5  # why\n", 1, "5-5: refused, listed: same"),
    ("SELF-BASE-1 layer cut-same 4  # why\nSELF-BASE-1 layer same 4  # why\n", 1,
     "cut to 4-4: refused, listed: cut-same"),
    ("SELF-BASE-1 layer same 4-\n", 2, None), ("SELF-BASE-1 layer 4\n", 2, None),
    ("SELF-BASE-1 layer same 5-4\n", 2, None), ("SELF-BASE-1 layer same 4 5\n", 2, None),
    ("SELF-BASE-1\n", 2, None),
])
def test_listed(sweep, listed, status, fault):
    assert sweep("skips-byte-4", FIRST, listed=listed) == status, sweep.text
    assert len(sweep.faults) == (fault is not None)
    assert not fault or fault in sweep.faults[0]


def test_stale(sweep):
    """A line of a vector that is gone: found when everything is swept."""
    listed = "GONE-1 layer same 4  # why\n"
    assert sweep("sealed", FIRST, listed=CUT + listed) == 0
    assert sweep("sealed", listed=CUT + listed) == 1 and "listed and not swept" in sweep.faults[0]


def test_only_listed(sweep):
    assert sweep("sealed", "--listed", listed=CUT) == 0
    assert "seal: 1 vectors" in sweep.text and "\n225 inputs" in sweep.text
    assert sweep("sealed", "--listed", listed="") == 2


def test_sample(sweep):
    """A sample is the same again; what it does not try is not missed."""
    listed = "SELF-BASE-1 layer same 4  # why\nSELF-BASE-2 layer same 4  # why\n"
    said = set()
    for _ in range(2):
        assert sweep("skips-byte-4", "--sample=40", "--seed=7", listed=listed) == 0, sweep.text
        said.add(next(s.split(":")[1] for s in sweep.text.splitlines() if " inputs in" in s))
    assert len(said) == 1 and not sweep.faults


def test_write(sweep, tmp_path):
    """A file that is written is what the next run wants; reasons stay with their bytes."""
    too = "SELF-BASE-2 layer same 4  # too\n" + CUT
    listed = "SELF-BASE-1 layer same 3-4  # a newline\n" + too
    assert sweep("skips-byte-4", f"--write={tmp_path / 'new'}", FIRST, listed=listed) == 0
    lines = (tmp_path / "new").read_text().partition("\n")[2]
    assert lines == "SELF-BASE-1 layer same 4  # a newline\n" + too
    assert sweep("skips-byte-4", listed=(tmp_path / "new").read_text()) == 0
    assert sweep("takes-all", f"--write={tmp_path / 'new'}", FIRST) == 0
    assert "SELF-BASE-1 layer other 0-14  # not looked at yet" in (tmp_path / "new").read_text()


def test_usage(sweep):
    """Nothing to do is never a success."""
    assert sweep("sealed", "SELF-BAD-1") == 2
    assert sweep("sealed", "--write=x", "--sample=3") == 2
    assert sweep("sealed", "--what=bits", listed="") == 0
    assert sweep("sealed", f"--uncovered={HERE / 'none'}") == 2
