# SPDX-License-Identifier: MIT
"""What a keeper tells about itself: accounts, waits by file, Prometheus's text."""
import json
import os
import re
import tarfile
import time

import embedded
import pytest
from conftest import LAZYPULL, Tar, kernel_only, root_only, run
from test_mount import Mount, status

BIG = bytes(range(256)) * 8_000
SMALL = b"small" * 1000


@pytest.fixture(scope="module")
def layout(work):
    root_only()
    tar = Tar().add("d/", kind=tarfile.DIRTYPE).add("big", BIG).add("d/small", SMALL).add("empty")
    embedded.write_layout(work / "status", [tar.bytes()])
    run(LAZYPULL, "convert", f"oci:{work}/status", f"oci:{work}/status-star", "--to=estargz", "--chunk-size=64k")
    return work / "status-star"


@pytest.fixture
def registry(layout, tmp_path):
    with embedded.Registry(layouts=[f"i={layout}"]) as registry:
        yield registry


def waits(store):
    return json.loads(run(LAZYPULL, "status", "--waits", "--json", f"--store={store}"))["mounts"][0]


@pytest.mark.parametrize("mode", ["fuse", "kernel"])
def test_which_file_made_me_wait(registry, tmp_path, mode):
    store = tmp_path / "s"
    if mode == "kernel":
        kernel_only()
    with Mount(store, f"{registry.host}/i", tmp_path / "at", f"--mount={mode}", "--prefetch=none") as m:
        assert waits(store)["last_waits"] == [] and waits(store)["waits"] == 0
        before = time.monotonic_ns()
        with open(m.at / "big", "rb", buffering=0) as f:
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            assert os.pread(f.fileno(), 4096, 1 << 20) == BIG[1 << 20:][:4096]
            first = waits(store)
            assert os.pread(f.fileno(), 4096, 1 << 20) == BIG[1 << 20:][:4096]
        after = time.monotonic_ns()
        [one] = first["last_waits"]
        assert one["path"] == "big" and one["offset"] <= 1 << 20 < one["offset"] + one["bytes"]
        assert before < one["at_ns"] < one["at_ns"] + one["wait_ns"] < after and not one["failed"]
        assert first["waits"] == 1 and first["wait_ns"] == one["wait_ns"]
        assert waits(store)["last_waits"] == [one], "what is there makes nobody wait"
        assert "last_waits" not in status(store)["mounts"][0]
        text = run(LAZYPULL, "status", "--waits", f"--store={store}")
        assert re.search(r"^ +[0-9.]+ ms +\d+ bytes at \d+ of big$", text, re.M)


def test_failed_waits(layout, tmp_path):
    store = tmp_path / "s"
    with embedded.Registry(layouts=[f"i={layout}"]) as registry:
        m = Mount(store, f"{registry.host}/i", tmp_path / "at", "--mount=fuse", "--prefetch=none", "--read-timeout=1s")
    with m:
        with pytest.raises(OSError):
            (m.at / "d" / "small").read_bytes()
        assert {(w["path"], w["failed"]) for w in waits(store)["last_waits"]} == {("d/small", True)}
        assert status(store)["mounts"][0]["failures"] > 0


def account(store):
    """The devices of the first mount, and what all fetched."""
    s = status(store)
    return s["mounts"][0]["devices"], s["fetch"]


def test_accounts_of_a_device(registry, tmp_path):
    """Each byte is counted once, by what it was fetched for; disk is what the file takes."""
    store = tmp_path / "s"
    kinds = ("demand", "prefetch", "background")
    with Mount(store, f"{registry.host}/i", tmp_path / "at", "--mount=fuse", "--prefetch=none") as m:
        [before], _ = account(store)
        assert [before[f"{k}_{what}"] for k in kinds for what in ("requests", "bytes")] == [0] * 6
        assert (m.at / "big").read_bytes() == BIG
        [d], fetch = account(store)
        assert d["demand_requests"] == fetch["demand_fetches"] > 0
        assert d["demand_bytes"] == fetch["stored_bytes"] > 0
        assert d["background_requests"] == d["prefetch_bytes"] == 0
        data = store / d["device"] / "data"
        assert d["disk_bytes"] == data.stat().st_blocks * 512 >= d["ready_bytes"] >= len(BIG)
        assert d["disk_bytes"] > before["disk_bytes"]
    with Mount(tmp_path / "t", f"{registry.host}/i", tmp_path / "at", "--mount=fuse", "--prefetch=none", "--background=on"):
        end = time.monotonic() + 20
        while True:
            [d], _ = account(tmp_path / "t")
            if d["ready_chunks"] == d["chunks"]:
                break
            assert time.monotonic() < end, "it is not filled"
        assert d["background_requests"] > 0 and d["background_bytes"] > 0
        assert d["demand_requests"] == 0


SAMPLE = re.compile(r'(lazypull_[a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\d+(?:\.\d+)?)$')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """{(name, labels): value}; the format's rules are asserted."""
    samples, types, current = {}, {}, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current = line.split()[2]
            assert current not in types and line.split(" ", 3)[3]
        elif line.startswith("# TYPE "):
            assert line.split()[2] == current
            types[current] = line.split()[3]
        else:
            name, labels, value = SAMPLE.match(line).groups()
            assert name == current, "samples of a name stand together, behind its type"
            undo = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
            pairs = frozenset((k, re.sub(r"\\.", lambda m: undo[m[0]], v))
                              for k, v in LABEL.findall(labels or ""))
            assert (name, pairs) not in samples
            samples[name, pairs] = float(value)
    assert all(t == ("counter" if name.endswith("_total") else "gauge") for name, t in types.items())
    return samples


def value(samples, metric, /, **labels):
    """The only sample of that name with these labels."""
    [v] = [v for (n, have), v in samples.items() if n == f"lazypull_{metric}" and labels.items() <= set(have)]
    return v


def prometheus(store):
    return parse(run(LAZYPULL, "status", "--prometheus", f"--store={store}"))


def test_prometheus(registry, tmp_path):
    store, image = tmp_path / "s", f"{registry.host}/i"
    none = prometheus(store)
    assert none == {("lazypull_keeper_up", frozenset()): 0, ("lazypull_worker_up", frozenset()): 0}
    odd, plain = tmp_path / 'an "odd"\n\\place', tmp_path / "at"
    with Mount(store, image, odd, "--mount=fuse", "--prefetch=none"), Mount(store, image, plain, "--prefetch=none"):
        (odd / "big").read_bytes()
        got, [device] = prometheus(store), account(store)[0]
        assert value(got, "keeper_up") == value(got, "worker_up") == 1
        assert value(got, "mount_reads_total", at=str(odd)) > 0
        assert value(got, "mount_waits_total", at=str(odd), name=f"docker://{image}:latest") > 0
        assert 0 < value(got, "mount_wait_seconds_total", at=str(odd)) < 60
        assert value(got, "mount_waits_total", at=str(plain)) == 0
        assert value(got, "mount_failures_total", at=str(odd)) == 0
        assert value(got, "device_ready_bytes", device=device["device"]) == device["ready_bytes"]
        assert value(got, "device_disk_bytes") == device["disk_bytes"]
        assert value(got, "device_fetched_bytes_total", kind="demand") == device["demand_bytes"]
        assert value(got, "device_fetches_total", kind="background") == 0
        assert value(got, "registry_requests_total") > 0
