# SPDX-License-Identifier: MIT
"""The archive for people without this repository: the same twice, whole, and it runs by itself."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", TOP / "build"))


def make(build):
    """The archive, made in a build directory that shares our objects."""
    build.mkdir()
    for program in ("lazyconf", "lazyconf-static"):
        shutil.copy(BUILD / program, build / program)
    done = subprocess.run([TOP / "scripts" / "dist-conformance.sh", build], cwd=TOP, timeout=300,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    subprocess.run(["make", "-s", f"B={BUILD}", f"{BUILD}/lazyconf", f"{BUILD}/lazyconf-static"],
                   cwd=TOP, check=True, timeout=600)
    old = os.umask(0o077)
    first = make(tmp_path_factory.mktemp("dist") / "a")
    os.umask(0o022)
    second = make(tmp_path_factory.mktemp("dist") / "b")
    os.umask(old)
    return first, second


@pytest.fixture(scope="module")
def unpacked(archives, tmp_path_factory):
    at = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archives[0]) as t:
        t.extractall(at)
    (top,) = at.iterdir()
    return top


def test_reproducible(archives):
    a, b = (hashlib.sha256(p.read_bytes()).hexdigest() for p in archives)
    assert a == b


def test_sums(unpacked):
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=unpacked,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    listed = {line.split("  ./", 1)[1] for line in (unpacked / "SHA256SUMS").read_text().splitlines()}
    found = {str(p.relative_to(unpacked)) for p in unpacked.rglob("*") if p.is_file()}
    assert listed == found - {"SHA256SUMS"}


def test_runs_alone(unpacked, tmp_path):
    program = tmp_path / "adapter.json"
    program.write_text('{"name": "x", "command": ["%s/lazypull", "adapter"], "serve": true}' % BUILD)
    results = tmp_path / "results"
    done = subprocess.run([unpacked / "lazyconf", "run", "--suite=.", f"--adapter={program}",
                           f"--results={results}", "gzip/member"],
                          cwd=unpacked, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and " 0 failed, " in done.stdout.splitlines()[-1], done.stdout + done.stderr
    suite = json.loads(results.read_text().splitlines()[0])["suite"]
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=TOP, check=True,
                            capture_output=True, text=True).stdout.strip()
    assert suite["commit"] == commit and suite["version"] == "0.1.0"
    linked = subprocess.run(["ldd", unpacked / "lazyconf"], capture_output=True, text=True)
    assert "not a dynamic executable" in linked.stderr + linked.stdout or "statically" in linked.stdout
