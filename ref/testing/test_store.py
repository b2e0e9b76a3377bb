# SPDX-License-Identifier: MIT
"""What a store keeps: prune by quota and last use; check finds what was damaged, and mends it."""
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
    assert prune(store, f"--max-bytes={disk(store) + MIB}") == []
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


def check(store, status=0):
    """What `check` finds in the store: (lines of what is damaged, the sums)."""
    done = subprocess.run([LAZYPULL, "check", f"--store={store}", "--json"], capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    *lines, sums = [json.loads(line) for line in done.stdout.splitlines()]
    return lines, sums


def flip(path, at=-40):
    """Change one byte of a file; a negative place counts from its end."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    with open(path, "r+b") as f:
        f.write(data)


def cut(path, _=0):
    with open(path, "r+b") as f:
        f.truncate(path.stat().st_size - 4096)


def grow(path, _=0):
    with open(path, "r+b") as f:
        f.truncate(path.stat().st_size + 4096)


def double(path, _=0):
    path.write_bytes(2 * path.read_bytes())


def remove(path, _=0):
    path.unlink()


DAMAGE = {    # how, in which file, which rules are told, is something fetched again
    "data": (flip, "devices/*/data", 100, ["store.device.chunk"], True),
    "data-end": (flip, "devices/*/data", -4000, ["store.device.chunk"], True),
    "data-cut": (cut, "devices/*/data", 0, ["store.device.data", "store.device.chunk"], True),
    "data-long": (grow, "devices/*/data", 0, ["store.device.data"], False),
    "data-gone": (remove, "devices/*/data", 0, ["store.device.data", "store.device.chunk"], True),
    "ready": (flip, "devices/*/ready", 70, ["store.device.ready"], False),
    "ready-gone": (remove, "devices/*/ready", 0, ["store.device.ready"], False),
    "table": (flip, "devices/*/table", 100, ["store.table.digest", "store.image.device"], True),
    "table-gone": (remove, "devices/*/table", 0, [None, "store.image.device"], True),
    "meta": (flip, "images/*/meta.erofs", 2000, ["store.image.meta"], True),
    "meta-gone": (remove, "images/*/meta.erofs", 0, [None], True),
    "config": (flip, "images/*/config.json", 5, ["store.image.config"], True),
    "manifest": (flip, "images/*/manifest.json", 5, ["store.image.manifest"], True),
    "image": (double, "images/*/image.json", 0, ["store.image.json"], True),
    "image-gone": (remove, "images/*/image.json", 0, [None], True),
    "names": (flip, "names.json", 0, ["store.names.json"], True),
}


@pytest.fixture(scope="module")
def filled(host, work):
    """A store with ab, complete, and nobody that has it open."""
    store = work / "filled"
    pull(store, host, "ab")
    return store


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found_and_mended(host, filled, tmp_path, what):
    how, where, at, rules, fetched = DAMAGE[what]
    store, mount = tmp_path / "s", tmp_path / "at"
    run("cp", "-a", filled, store)
    assert check(store)[1]["found"] == 0
    path = sorted(store.glob(where))[0]
    how(path, at)
    lines, sums = check(store, status=1)
    assert sums["found"] == len(lines) and sums["left"] == 0
    assert [line["rule"] for line in lines] == rules
    assert all(line["remedy"] and line["message"] for line in lines)
    assert check(store)[1]["found"] == 0
    with Mount(store, f"{host}/ab", mount, "--prefetch=none"):
        assert (mount / "a").read_bytes() == body("a") and (mount / "b").read_bytes() == body("b")
        if not fetched:
            assert status(store)["fetch"]["requests"] == 0
        end(store, mount)
    assert check(store)[1]["chunks"] > 0


def test_what_is_mounted_is_not_taken_away(host, tmp_path):
    store, at = tmp_path / "s", tmp_path / "at"
    pull(store, host, "a")
    with Mount(store, f"{host}/a", at, "--pull=never"):
        sums = check(store)[1]
        assert sums["found"] == 0 and sums["devices"] == sums["images"] == 1 and sums["bytes"] == len(body("a"))
        flip(next(store.glob("images/*/config.json")), 5)
        lines, sums = check(store, status=1)
        assert sums["left"] == 1 and lines[0]["remedy"] is None
        assert (at / "a").read_bytes() == body("a")
        end(store, at)
    lines, sums = check(store, status=1)
    assert sums["left"] == 0 and lines[0]["remedy"]
    text = run(LAZYPULL, "check", f"--store={store}")
    assert text.startswith("0 images, 1 devices, ")
