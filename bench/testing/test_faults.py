# SPDX-License-Identifier: MIT
"""lazybench run --experiment=faults, a short one of each fault on a small image: nobody gets a wrong
byte, nobody waits for ever, nothing is left; and a planted lie is found."""
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tarfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from embedded import HERE, LAZYBENCH, write_layout  # noqa: E402

CORPORA = pathlib.Path(os.environ.get("CORPORA", HERE / "build" / "corpora"))
LAZYPULL = pathlib.Path(LAZYBENCH).with_name("lazypull")
FAULTS = ("worker", "keeper", "watchdog", "away", "gone", "bytes", "bodies", "token", "full", "record",
          "device", "mounts", "processes")
STRIKES = {"worker": 20, "keeper": 5, "watchdog": 2}
FILES, BYTES = 30, 100_000      # of each of two layers

if os.geteuid() != 0:
    pytest.skip("killing keepers and making file systems needs root", allow_module_level=True)


def layer(name, files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """An image of two layers whose files are fetched one by one, and a program that says hello."""
    if not (CORPORA / "hello.json").exists():
        pytest.skip("image hello is missing (corpora/make.py)")
    path, chance = tmp_path_factory.mktemp("corpora"), random.Random(3)
    hello = subprocess.run([LAZYPULL, "cat", f"--store={path}/store", f"oci:{CORPORA}/hello", "hello"],
                           check=True, capture_output=True).stdout
    some = [{f"{i:02}": chance.randbytes(BYTES) for i in range(FILES)} for _ in range(2)]
    (path / "small").mkdir()
    write_layout(path / "small", [layer("a", some[0]), layer("b", {"hello": hello, **some[1]})])
    (path / "small.json").write_text(json.dumps({"name": "small", "tag": "latest", "tasks": [
        {"name": "hello", "argv": ["/b/hello"], "env": [], "ready": {"kind": "line", "text": "hello"}}]}))
    return path


def start(corpora, top, mode, faults, *options):
    """One round of some faults."""
    contests = [f"--contest={fault}-{mode}" for fault in faults]
    return subprocess.Popen([LAZYBENCH, "run", "--experiment=faults", "-n1", f"--corpora={corpora}",
                             f"--work={top}/work", f"--results={top}/results", *contests, *options,
                             "small"], stderr=subprocess.PIPE, text=True)


def rows(process, top):
    """(row of the report, line of the results) by contest."""
    _, words = process.communicate(timeout=300)
    assert process.returncode == 0, words
    print(words)
    path, = (top / "results").glob("*/*.jsonl")
    report = subprocess.run([LAZYBENCH, "report", "--json", path], check=True, capture_output=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    return {row["contest"]: (row, line) for row in json.loads(report.stdout)["rows"] for line in lines
            if line["contest"] == row["contest"]}


@pytest.fixture(scope="module")
def done(corpora, tmp_path_factory):
    """All of them, by both ways to mount at the same time: much of it is waiting."""
    top = {mode: tmp_path_factory.mktemp(mode) for mode in ("kernel", "fuse")}
    running = {mode: start(corpora, top[mode], mode, FAULTS) for mode in top}
    return {name: row for mode in top for name, row in rows(running[mode], top[mode]).items()}


@pytest.mark.parametrize("mode", ["kernel", "fuse"])
@pytest.mark.parametrize("fault", FAULTS)
def test_fault(done, fault, mode):
    row, line = done[f"{fault}-{mode}"]
    if not line["valid"] and "did not mend" in line["why"]:
        pytest.skip(line["why"])
    if mode == "kernel" and tuple(map(int, os.uname().release.split(".")[:2])) < (6, 14):
        pytest.skip("pre-content events: this kernel is older than 6.14")
    assert row["holds"] == "yes", json.dumps(line)
    assert row["count"]["files"] > 2 * FILES
    assert row["count"]["strikes"] == STRIKES.get(fault, 0)
    assert set(row["zero"].values()) == {0}


LIAR = """#!{python}
import glob, os, subprocess, sys
a = sys.argv[1:]
if a[0] == "umount":
    os.mkdir(os.path.dirname(a[1]) + "/store/tmp/forgotten")
b = [x.replace("fuse", "extract") for x in a if x != "--pull=never"]
status = subprocess.call(["{lazypull}", *b])
if a[0] == "mount" and "--mount=fuse" in a:
    for path in glob.glob(a[1].split("=")[1] + "/layers/*/a/00"):
        with open(path, "r+b") as f:
            f.write(b"lies")
sys.exit(status)
"""


def test_it_can_fail(corpora, tmp_path):
    """A lazypull that shows wrong bytes, and forgets a directory, does not hold."""
    liar = tmp_path / "liar"
    liar.write_text(LIAR.format(python=sys.executable, lazypull=LAZYPULL))
    liar.chmod(0o755)
    found = rows(start(corpora, tmp_path, "fuse", ["token"], f"--lazypull={liar}"), tmp_path)
    row, _ = found["token-fuse"]
    assert row["holds"] == "no" and row["zero"]["left"] == 1
    assert 3 <= row["zero"]["wrong_bytes"] <= 12
    assert row["zero"]["hung"] == row["zero"]["refused"] == row["zero"]["odd_errors"] == 0
