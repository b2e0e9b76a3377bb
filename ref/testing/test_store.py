# SPDX-License-Identifier: MIT
"""What a store keeps: prune by quota and last use."""
import json
import os
import random
import select
import subprocess

import embedded
import pytest
from conftest import LAZYPULL, Tar, root_only, run
from test_mount import Mount, status

MIB = 1 << 20


def body(name):
    return random.Random(name).randbytes(2 * MIB)


@pytest.fixture(scope="module")
def host(work):
    """Images a, b, c of one layer each and ab of a's and b's, as eStargz."""
    root_only()
    tars = {name: Tar().add(name, body(name)).bytes() for name in "abc"}
    layouts = []
    for name in ("a", "b", "c", "ab"):
        layers = [tars[n] for n in name]
        embedded.write_layout(work / f"tar-{name}", layers)
        run(LAZYPULL, "convert", f"oci:{work}/tar-{name}", f"oci:{work}/star-{name}", "--to=estargz")
        layouts.append(f"{name}={work}/star-{name}")
    with embedded.Registry(layouts=layouts) as registry:
        yield registry.host


def end(store, at):
    """Unmount, and wait for the keeper's end."""
    fd = os.pidfd_open(status(store)["keeper"])
    run(LAZYPULL, "umount", at)
    assert select.select([fd], [], [], 20)[0], "the keeper stays"
    os.close(fd)


def images(store):
    """The names of the store's images, as the registry has them."""
    lines = run(LAZYPULL, "ls", f"--store={store}", "--json").splitlines()
    return sorted(json.loads(line)["name"].split("/")[-1].split(":")[0] for line in lines)


def disk(store):
    """What du says of the images and their data."""
    there = [d for room in ("devices", "layers", "images", "unpacked") for d in (store / room).iterdir()]
    return sum(int(line.split()[0]) for line in run("du", "-s", "-B1", *there).splitlines())


def pull(store, host, *names):
    for name in names:
        run(LAZYPULL, "pull", "--complete", f"--store={store}", f"{host}/{name}")


def prune(store, *options):
    lines = run(LAZYPULL, "prune", f"--store={store}", "--json", *options).splitlines()
    return [json.loads(line)["removed"].split("/")[0] for line in lines]


def test_quota_removes_the_longest_unused(host, tmp_path):
    """A mount makes an image recent, also for who comes after its keeper has ended."""
    store, at = tmp_path / "s", tmp_path / "at"
    pull(store, host, "a", "b", "c")
    assert prune(store, f"--max-bytes={disk(store)}") == []
    with Mount(store, f"{host}/a", at):
        end(store, at)
    limit = disk(store) - MIB
    assert sorted(prune(store, f"--max-bytes={limit}")) == ["devices", "images"]
    assert images(store) == ["a", "c"] and disk(store) <= limit
    assert prune(store, "--max-bytes=3M") and images(store) == ["a"]
    with Mount(store, f"{host}/a", at, "--pull=never", "--prefetch=none"):
        assert (at / "a").read_bytes() == body("a")
        assert status(store)["fetch"]["requests"] == 0
    assert prune(store) and images(store) == [] and not os.listdir(store / "devices")


def test_what_others_need_stays(host, tmp_path):
    """A device goes with the last image that names it, and with no mount on it."""
    store, at = tmp_path / "s", tmp_path / "at"
    pull(store, host, "a", "ab")
    assert len(os.listdir(store / "devices")) == 2
    assert prune(store, f"--max-bytes={disk(store) - 1}") == ["images"] and images(store) == ["ab"]
    pull(store, host, "c")
    with Mount(store, f"{host}/ab", at, "--pull=never") as m:
        done = subprocess.run([LAZYPULL, "prune", f"--store={store}", "--max-bytes=1"],
                              capture_output=True, text=True)
        assert done.returncode == 0 and "in use" in done.stderr
        assert images(store) == ["ab"]
        assert (m.at / "a").read_bytes() == body("a") and (m.at / "b").read_bytes() == body("b")
        end(store, at)
    assert sorted(prune(store, "--max-bytes=1")) == ["devices", "devices", "images"]


def test_unpacked_images_have_a_time_too(host, tmp_path):
    store, at = tmp_path / "s", tmp_path / "at"
    for name in "ab":
        run(LAZYPULL, "pull", "--mount=extract", f"--store={store}", f"{host}/{name}")
    with Mount(store, f"{host}/a", at, "--mount=extract", "--pull=never"):
        assert prune(store, "--max-bytes=1") == ["unpacked", "layers"]
        assert (at / "a").read_bytes() == body("a")
    assert images(store) == ["a"]
    run(LAZYPULL, "pull", "--mount=extract", f"--store={store}", f"{host}/b")
    with Mount(store, f"{host}/a", at, "--mount=extract", "--pull=never"):
        pass
    assert prune(store, "--max-bytes=3M") and images(store) == ["a"]


def test_dangling_only(host, tmp_path):
    store = tmp_path / "s"
    pull(store, host, "a")
    orphan = store / "devices" / ("0" * 64)
    orphan.mkdir()
    (store / "devices" / "README").write_text("not ours")
    assert prune(store, "--dangling") == ["devices"] and not orphan.exists()
    assert images(store) == ["a"] and (store / "devices" / "README").exists()
