# SPDX-License-Identifier: MIT
"""lazybench run and report, with a lazypull that only pretends and faults that are planted.

What matters most: a run that was not what it claims never becomes a number.
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from embedded import LAZYBENCH, write_layout  # noqa: E402

FAKE = pathlib.Path(__file__).parent / "fake_lazypull.py"
LAYER = random.Random(2).randbytes(6 << 20)
LINE = {"kind": "line", "text": "hello"}

if os.geteuid() != 0:
    pytest.skip("a cold start needs root", allow_module_level=True)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpora")
    for name, argv, ready in [("tiny", ["hello"], LINE), ("hello", ["hello"], LINE),
                              ("web", ["serve", "18571"],
                               {"kind": "http", "port": 18571, "path": "/"})]:
        (path / name).mkdir()
        write_layout(path / name, [LAYER if name == "tiny" else b"small"])
        (path / f"{name}.json").write_text(json.dumps({"name": name, "tag": "latest", "tasks": [
            {"name": "first", "argv": argv, "env": [], "ready": ready}]}))
    return path


@pytest.fixture
def bench(corpora, tmp_path):
    """Run lazybench run; gives (status, stderr, lines of the results file)."""

    def go(*args, fault="", check=True):
        env = dict(os.environ, FAKE_FAULT=fault, FAKE_COUNT=str(tmp_path / "count"))
        done = subprocess.run(
            [LAZYBENCH, "run", f"--lazypull={FAKE}", f"--corpora={corpora}",
             f"--work={tmp_path}/work", f"--results={tmp_path}/results", *args],
            capture_output=True, text=True, env=env, timeout=300)
        files = sorted((tmp_path / "results").glob("*/*.jsonl"))
        lines = [json.loads(line) for line in files[-1].read_text().splitlines()] if files else []
        assert not check or done.returncode == 0, done.stderr
        return done, lines, files

    return go


TWO = ["--system=ref/oci/extract", "--system=ref/estargz/fuse"]


def runs(lines, system=""):
    return [line for line in lines if line["kind"] == "run" and line["cell"].endswith(system)]


def test_smoke(bench):
    done, lines, files = bench("--smoke", *TWO, "tiny")
    session = lines[0]
    assert session["kind"] == "session" and session["n"] == 5 and session["warmup"] == 1
    assert [c["name"] for c in session["cells"]] == [
        "tiny/first ref/oci/extract", "tiny/first ref/estargz/fuse", "hello/first control"]
    assert len(runs(lines)) == 3 * 6
    assert [line["why"] for line in runs(lines) if not line["valid"]] == []
    assert sum(line["warmup"] for line in runs(lines)) == 3
    one = runs(lines, "ref/estargz/fuse")[0]
    assert one["net"]["pull"] == {"requests": 2, "body_bytes": one["net"]["pull"]["body_bytes"]}
    assert 100 < one["net"]["pull"]["body_bytes"] < 2000
    phase = one["phase_ns"]
    assert phase["pull"] > 0 and phase["ready"] >= phase["pull"] + phase["create"] + phase["run"]
    cold = one["cold"]
    assert cold["store_entries"] == cold["witness_resident"] == 0 < cold["witness_pages"]
    assert cold["blob_pages"] == cold["blob_resident"] > (6 << 20) / 4096
    assert runs(lines, "ref/oci/extract")[0]["net"]["pull"]["body_bytes"] > 6 << 20
    assert runs(lines, "control")[0]["net"]["pull"]["requests"] == 0
    assert (files[0].parent / "env.json").exists()
    assert files[0].parent.name == session["fingerprint"]
    # smoke prints no percentile
    table = [row for row in done.stdout.splitlines() if row.startswith("| ref/")]
    assert len(table) == 2 and all("| 5 | 0 | - / - | - / - | - / - | - | - |" in r for r in table)


def test_order_is_shuffled_and_seeded(bench):
    orders = []
    for seed in ("7", "7", "8"):
        _, lines, _ = bench("-n6", "--warmup=0", f"--seed={seed}", *TWO, "tiny")
        orders.append([(line["round"], line["cell"]) for line in runs(lines)])
        time.sleep(1.1)  # the next file's name
    assert orders[0] == orders[1] != orders[2]
    firsts = {r: c for r, c in reversed(orders[0])}
    assert len(set(firsts.values())) > 1


@pytest.mark.parametrize("fault,why", [
    ("crash", "ended with status 7 before it was ready; last words: it crashed"),
    ("wrong-output", "its output is not what the reference run wrote"),
    ("hang", "timeout"),
    ("silent", 'it did not say when it was at "rootfs"'),
    ("late-events", '"rootfs" came too early'),
    ("fallback", "fallback: it fetched"),
])
def test_faults_never_become_numbers(bench, fault, why):
    done, lines, _ = bench("-n3", "--warmup=0", "--timeout=2s", *TWO, "tiny", fault=f"fuse:{fault}")
    bad = runs(lines, "ref/estargz/fuse")
    assert len(bad) == 3 and all(not line["valid"] for line in bad)
    assert all(line["why"].startswith(why) for line in bad), bad[0]["why"]
    assert all(line["valid"] for line in runs(lines, "ref/oci/extract"))
    row = next(r for r in done.stdout.splitlines() if r.startswith("| ref/estargz/fuse"))
    assert row.startswith("| ref/estargz/fuse | 0 | 3 | failed: ")


def test_a_failing_cell_is_given_up(bench):
    _, lines, _ = bench("-n10", "--warmup=0", *TWO, "tiny", fault="fuse:sometimes")
    assert [line["valid"] for line in runs(lines, "ref/estargz/fuse")] == [True] * 3 + [False] * 3
    assert len(runs(lines, "ref/oci/extract")) == 10


def test_what_is_left_behind_is_ended(bench):
    _, lines, _ = bench("-n1", "--warmup=0", *TWO, "tiny", fault="fuse:leftover")
    assert [line["told"] for line in runs(lines, "ref/estargz/fuse")] == [1]


def test_a_workload_that_does_not_run_is_no_measurement(bench):
    done, lines, _ = bench("-n1", *TWO, "tiny", fault="any:crash", check=False)
    assert done.returncode == 3 and "reference run" in done.stderr and not lines


def test_http_readiness(bench):
    _, lines, _ = bench("-n2", "--warmup=0", *TWO, "web")
    assert all(line["valid"] for line in runs(lines))
    phase = runs(lines, "ref/oci/extract")[0]["phase_ns"]
    assert phase["run"] > 1_000_000 and phase["exit"] > phase["ready"]


def test_slower_is_seen(bench):
    _, lines, files = bench("-n6", "--warmup=0", *TWO, "tiny", fault="fuse:slow")
    report = subprocess.run([LAZYBENCH, "report", "--json", files[-1]], check=True,
                            capture_output=True, text=True)
    rows = {r["system"]: r for r in json.loads(report.stdout)["rows"]}
    slow, base = (rows[s] for s in ("ref/estargz/fuse", "ref/oci/extract"))
    assert slow["phase_ns"]["run"]["p50"]["value"] > 200_000_000
    assert slow["phase_ns"]["ready"]["p95"] is None and slow["pairs"] == 6
    assert slow["ratio_ppm"]["low"] > 1_500_000 and base["ratio_ppm"] is None
    data = subprocess.run([LAZYBENCH, "report", "--data", files[-1]], check=True,
                          capture_output=True, text=True).stdout.splitlines()
    assert data[0].split("\t")[:5] == ["# image", "task", "system", "n", "statistic"]
    rows = [line for line in data[1:] if line]  # two empty lines part the images, for gnuplot
    assert len(rows) == 3 and all(row.split("\t")[4] == "p50" for row in rows)


def test_resume(bench, tmp_path, corpora):
    args = [LAZYBENCH, "run", f"--lazypull={FAKE}", f"--corpora={corpora}",
            f"--work={tmp_path}/work", f"--results={tmp_path}/results", "-n6", "--warmup=0", *TWO,
            "tiny"]
    first = subprocess.Popen(args, stderr=subprocess.PIPE, text=True)
    for line in first.stderr:
        if line.startswith("round 2/"):
            break
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stderr.close()
    path, = (tmp_path / "results").glob("*/*.jsonl")
    with path.open("a") as f:
        f.write('{"half a line')
    _, lines, files = bench(f"--resume={path}")
    assert files == [path]
    seen = [(line["round"], line["cell"]) for line in runs(lines)]
    assert len(seen) == len(set(seen)) == 18 and all(line["valid"] for line in runs(lines))


@pytest.mark.parametrize("args,status", [
    (["--system=none", "tiny"], 2), (["--experiment=none"], 2), (["nothing"], 3),
    (["--resume=/nothing"], 3), (["--timeout=x"], 2),
])
def test_what_cannot_be_run(bench, args, status):
    done, _, _ = bench(*args, check=False)
    assert done.returncode == status, done.stderr


def test_gate_has_its_place():
    gate = [LAZYBENCH, "gate"]
    assert subprocess.run(gate, capture_output=True).returncode == 2
    assert subprocess.run([*gate, "--base=a", "--head=b"], capture_output=True).returncode == 3


def test_lists(corpora):
    systems = subprocess.run([LAZYBENCH, "systems", "--json", "--lazypull=/nothing",
                              "--peers=/nothing"], check=True,
                             capture_output=True, text=True).stdout.splitlines()
    assert all(not json.loads(line)["ready"] for line in systems) and len(systems) == 19
    tasks = subprocess.run([LAZYBENCH, "workloads", "--json", f"--corpora={corpora}"], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    assert json.loads(tasks[-1]) == {"image": "web", "task": "first", "recorded": True,
                                     "ready": "http 127.0.0.1:18571/"}
