# SPDX-License-Identifier: MIT
"""Contests with others, one round of each experiment: every job is done, and is a number."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from embedded import HERE, LAZYBENCH  # noqa: E402

CORPORA = pathlib.Path(os.environ.get("CORPORA", HERE / "build" / "corpora"))

if os.geteuid() != 0:
    pytest.skip("containerd needs root", allow_module_level=True)


def peers_are_there():
    lines = subprocess.run([LAZYBENCH, "systems", "--json"], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return next(s["ready"] for s in map(json.loads, lines) if s["name"] == "containerd")


@pytest.fixture
def contest(tmp_path):
    """Run one round of an experiment: its results as lines, and where they are."""
    if not peers_are_there():
        pytest.skip("containerd is missing (make peers)")
    for image in ("hello", "small-files"):
        if not (CORPORA / f"{image}.json").exists():
            pytest.skip(f"image {image} is missing (corpora/make.py)")
    # the layout's blobs are linked: the work must be on their file system
    work = LAZYBENCH.rsplit("/", 1)[0] + "/test-contests"

    def run(experiment, *options, status=0):
        done = subprocess.run([LAZYBENCH, "run", f"--experiment={experiment}", "-n1", "--warmup=0",
                               f"--corpora={CORPORA}", f"--work={work}", f"--results={tmp_path}",
                               *options, "hello"], timeout=600)
        assert done.returncode == status
        path, = tmp_path.glob("*/*.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()], path

    return run


@pytest.mark.parametrize("experiment,contests", [
    ("convert", {"convert-9", "convert-6", "pull", "toc"}),
    ("economy", {"optimised", "unoptimised", "memory", "memory-files"}),
    ("nydus", {"write6-zstd", "write6-lz4", "write5-zstd", "open", "serve6", "serve5",
               "serve6-list", "serve5-list", "files"}),
    # not "import", there is no python in hello; nor those of the small files, which take minutes
    ("scan", {"find", "cat", "random", "marked", "missing-nydusd", "missing-stargz", "start",
              "start-list"}),
])
def test_one_round(contest, experiment, contests):
    (_, *done), path = contest(experiment, *(f"--contest={c}" for c in contests))
    cells = {line["cell"] for line in done}
    assert cells == {f"{c} {s}" for c in contests for s in ("ours", "theirs")}
    assert [line["why"] for line in done if not line["valid"]] == []
    report = subprocess.run([LAZYBENCH, "report", "--json", path], check=True,
                            capture_output=True, text=True)
    rows = json.loads(report.stdout)["rows"]
    assert {row["contest"] for row in rows} == contests
    assert all(row["n"] == 1 and row["holds"] != "not measured" for row in rows)


def test_one_contest_alone(contest):
    (first, *done), _ = contest("convert", "--contest=pull")
    assert {line["contest"] for line in done} == {"pull"} == set(first["contests"])
    assert {bar["contest"] for bar in first["bars"]} == {"pull"}
    contest("convert", "--contest=nope", status=2)
