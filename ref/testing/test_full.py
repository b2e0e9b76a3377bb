# SPDX-License-Identifier: MIT
"""A store on a file system that is full: reads of absent data fail and nothing else does."""
import errno
import os
import random
import select
import subprocess

import embedded
import pytest
from conftest import LAZYPULL, Tar, root_only, run
from test_mount import Mount, status
from test_status import kernel_only

MIB = 1 << 20
FILES = 12


@pytest.fixture(scope="module")
def bodies():
    """Files that no codec makes smaller."""
    return [random.Random(i).randbytes(MIB) for i in range(FILES)]


@pytest.fixture(scope="module")
def host(bodies, work):
    root_only()
    tar = Tar()
    for i, body in enumerate(bodies):
        tar.add(f"f{i}", body)
    plain = tar.bytes()
    embedded.write_layout(work / "full", [plain], diff_ids=[embedded.digest(plain)],
                          media_type="application/vnd.oci.image.layer.v1.tar")
    run(LAZYPULL, "convert", f"oci:{work}/full", f"oci:{work}/full-estargz", "--to=estargz")
    with embedded.Registry(layouts=[f"full={work}/full-estargz"]) as registry:
        yield f"{registry.host}/full"


@pytest.fixture
def disk(tmp_path):
    """A file system of a few MiB."""
    image, at = tmp_path / "disk.img", tmp_path / "disk"
    with open(image, "wb") as f:
        f.truncate(24 * MIB)
    run("mkfs.ext4", "-q", "-m", "0", image)
    at.mkdir()
    if subprocess.run(["mount", "-o", "loop", image, at], capture_output=True).returncode:
        pytest.skip("no loop device to mount")
    yield at
    if subprocess.run(["umount", at], capture_output=True).returncode:
        run("umount", "-l", at)


def fill(at, but):
    """Take all of the file system but @but bytes; the file that does."""
    room = os.statvfs(at)
    path = at / "ballast"
    with open(path, "wb") as f:
        os.posix_fallocate(f.fileno(), 0, room.f_bavail * room.f_frsize - but)
    return path


def read_all(at, bodies):
    """Read every file; how many were right, and the errors of the others."""
    right, errors = 0, []
    for i, body in enumerate(bodies):
        try:
            assert (at / f"f{i}").read_bytes() == body
            right += 1
        except OSError as e:
            errors.append(e.errno)
    return right, errors


def alive(store):
    s = status(store)
    return [s[who] for who in ("keeper", "worker")]


@pytest.mark.parametrize("mode", ["fuse", "kernel"])
def test_full_while_mounted(host, bodies, disk, tmp_path, mode):
    store, mount = disk / "s", f"--mount={mode}"
    if mode == "kernel":
        kernel_only()
    with Mount(store, host, tmp_path / "at", mount, "--prefetch=none") as m:
        first = (m.at / "f0").read_bytes()
        who = alive(store)
        ballast = fill(disk, 4 * MIB)
        right, errors = read_all(m.at, bodies)
        assert 1 <= right < FILES and set(errors) == {errno.ENOSPC if mode == "fuse" else errno.EIO}
        assert read_all(m.at, bodies)[0] >= right, "what is there stays"
        assert (m.at / "f0").read_bytes() == first == bodies[0]
        assert alive(store) == who and all(who)
        ballast.unlink()
        assert read_all(m.at, bodies) == (FILES, [])
        assert alive(store) == who
        end(m, store)  # the next mount's requests are those of another worker
    with Mount(store, host, tmp_path / "at", "--pull=never", mount, "--prefetch=none") as m:
        assert read_all(m.at, bodies) == (FILES, [])
        assert status(store)["fetch"]["requests"] == 0
        end(m, store)


def end(m, store):
    """Unmount, and wait for the keeper, which has the file system open."""
    fd = os.pidfd_open(alive(store)[0])
    run("umount", m.at)
    assert select.select([fd], [], [], 20)[0], "the keeper stays"
    os.close(fd)


def test_full_before(host, bodies, disk, tmp_path):
    """Nothing can be kept: the command says so, and the store is as good as before."""
    store = disk / "s"
    run(LAZYPULL, "ls", f"--store={store}")
    ballast = fill(disk, 0)
    (tmp_path / "at").mkdir()
    err = run(LAZYPULL, "pull", f"--store={store}", host, status=3)
    assert "No space left" in err
    assert "No space left" in run(LAZYPULL, "mount", f"--store={store}", host, tmp_path / "at", status=3)
    ballast.unlink()
    assert not os.listdir(store / "images") and not os.listdir(store / "devices")
    with Mount(store, host, tmp_path / "at", "--mount=fuse", "--prefetch=none") as m:
        assert read_all(m.at, bodies) == (FILES, [])
        end(m, store)
