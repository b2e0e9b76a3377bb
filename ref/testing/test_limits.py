# SPDX-License-Identifier: MIT
"""Limits: how many connections a registry sees, and what a rate holds back and what not."""
import json
import os

import embedded
import pytest
from conftest import LAZYPULL, Tar, convert, root_only, run, tree


@pytest.fixture(scope="module")
def noise(work):
    """An image of four layers that do not compress: 4 MB each."""
    layout = work / "noise"
    embedded.write_layout(layout, [Tar().add(f"file{i}", os.urandom(4_000_000)).bytes()
                                   for i in range(4)])
    return layout


@pytest.fixture(scope="module")
def noise_estargz(noise, work):
    return convert(noise, work / "noise-estargz", "--to=estargz")


def most_at_once(log):
    """Requests for data that the registry was answering at the same time."""
    data = [r for r in log if r["kind"] == "blob" and r["body_bytes"] > 100_000]
    events = sorted([(r["begin_ns"], 1) for r in data] + [(r["end_ns"], -1) for r in data])
    now = most = 0
    for _, step in events:
        now += step
        most = max(most, now)
    return most


@pytest.mark.parametrize("image", ["noise", "noise_estargz"])
def test_connections(image, request, tmp_path):
    layout = request.getfixturevalue(image)
    want = tree(f"oci:{layout}", tmp_path / "other")
    with embedded.Registry(layouts=[f"n={layout}"], knobs=["delay=20"], log=tmp_path / "log") as r:
        run(LAZYPULL, "pull", "--complete", f"--store={tmp_path}/store", "--max-connections=2",
            f"{r.host}/n:latest")
        assert most_at_once(r.log()) <= 2
        assert tree(f"{r.host}/n:latest", tmp_path / "store") == want


def test_reads_are_free_of_the_rate(noise_estargz, tmp_path):
    """A fill at 1 kB a second takes hours; a read does not wait for it."""
    root_only()
    store, at = tmp_path / "store", tmp_path / "at"
    at.mkdir()
    with embedded.Registry(layouts=[f"n={noise_estargz}"]) as r:
        run(LAZYPULL, "mount", f"--store={store}", "--mount=fuse", "--background=on",
            "--limit-rate=1k", f"{r.host}/n:latest", at)
        try:
            for i in range(3):
                assert len((at / f"file{i}").read_bytes()) == 4_000_000
            mounts = json.loads(run(LAZYPULL, "status", f"--store={store}", "--json"))["mounts"]
            ready = sum(d["ready_bytes"] for d in mounts[0]["devices"])
            assert 12_000_000 <= ready < 16_000_000 and mounts[0]["background"]
        finally:
            run(LAZYPULL, "umount", at)


@pytest.mark.parametrize("option", ["--max-connections=1", "--max-connections=65",
                                    "--limit-rate=100", "--limit-rate=fast"])
def test_limits_that_make_no_sense(option, noise, tmp_path):
    words = run(LAZYPULL, "pull", f"--store={tmp_path}/store", option, f"oci:{noise}", status=2)
    assert option.split("=")[0] in words
