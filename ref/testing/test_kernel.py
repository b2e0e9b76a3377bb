# SPDX-License-Identifier: MIT
"""--mount=kernel: EROFS over devices behind the gate, and the three processes that must not lie."""
import errno
import os
import pathlib
import signal
import subprocess
import threading

import embedded
import pytest
from conftest import LAZYPULL, Tar, convert, kernel_only, root_only, run
from test_mount import BIG, Mount, status, until

COUNT, BYTES = 60, 200_000   # files of the image below, each of a chunk of its own


def body(i):
    return bytes([i + 1]) * BYTES


@pytest.fixture(scope="module", autouse=True)
def possible():
    """Linux 6.14, root, and a store on a file system with pre-content events."""
    root_only()
    kernel_only()


@pytest.fixture(scope="module")
def host(zoo, zoo_estargz, many):
    layouts = [f"legacy={zoo}", f"lazy={zoo_estargz}", f"many={many}"]
    with embedded.Registry(layouts=layouts) as registry:
        yield registry.host


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """An eStargz image of COUNT files that are fetched one by one."""
    top, tar = tmp_path_factory.mktemp("many"), Tar()
    for i in range(COUNT):
        tar.add(f"f{i:02}", body(i))
    (top / "plain").mkdir()
    embedded.write_layout(top / "plain", [tar.bytes()])
    return convert(top / "plain", top / "estargz", "--to=estargz")


def kernel(store, image, at, *options):
    return Mount(store, image, at, "--mount=kernel", "--prefetch=none", *options)


def kill(store, who):
    """Kill it, once it is there; its process id."""
    until(lambda: status(store)[who])
    pid = status(store)[who]
    if pid:
        os.kill(pid, signal.SIGKILL)
    return pid


def gate(store):
    return status(store)["mounts"][0]["gate"]


def test_it_is_the_kernel(host, tmp_path):
    """Reads of what is absent raise events, and reads of a complete device none."""
    store = tmp_path / "s"
    with kernel(store, f"{host}/lazy", tmp_path / "at") as m:
        line = next(l for l in open("/proc/mounts") if f" {m.at} " in l)
        assert line.split()[2] == "erofs" and "/store/images/" in line
        assert status(store)["mounts"][0]["mode"] == "kernel"
        assert (m.at / "d" / "big").read_bytes() == BIG
        assert gate(store)["events"] > 0 and gate(store)["waited"] > 0
        for path in m.at.rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.read_bytes()
        # All is there: the marks go, and nobody is asked again.
        until(lambda: all(d["ready_chunks"] == d["chunks"] for d in status(store)["mounts"][0]["devices"]))
        before = gate(store)["events"]
        subprocess.run(["sh", "-c", "echo 1 >/proc/sys/vm/drop_caches"], check=True)
        assert (m.at / "d" / "big").read_bytes() == BIG
        assert gate(store)["events"] == before


def test_two_images_one_device(host, tmp_path):
    """Two mounts of one partly filled device, one of FUSE, another command beside them."""
    store = tmp_path / "s"
    with kernel(store, f"{host}/lazy", tmp_path / "a") as a:
        assert (a.at / "d" / "small").read_bytes() == b"another\n"
        with kernel(store, f"{host}/lazy", tmp_path / "b") as b, \
                Mount(store, f"{host}/lazy", tmp_path / "c", "--prefetch=none") as c:
            assert (b.at / "d" / "big").read_bytes() == BIG
            assert (c.at / "d" / "big").read_bytes() == BIG
            assert run(LAZYPULL, "cat", f"--store={store}", f"{host}/lazy", "d/small") == "another\n"
            run(LAZYPULL, "umount", b.at)
        assert (a.at / "d" / "big").read_bytes() == BIG
        run(LAZYPULL, "umount", a.at)
    keeper = status(store)["keeper"]
    until(lambda: not keeper or not pathlib.Path(f"/proc/{keeper}").exists())


def test_nothing_left(host, tmp_path):
    """After umount: no process, no super block, no mark (another open is not held)."""
    store = tmp_path / "s"
    with kernel(store, f"{host}/many", tmp_path / "at") as m:
        s = status(store)
        assert (m.at / "f00").read_bytes() == body(0)
        run(LAZYPULL, "umount", m.at)
        pids = [s["watchdog"], s["keeper"], s["worker"]]
        until(lambda: not any(pathlib.Path(f"/proc/{p}").exists() for p in pids))
    assert not [f for f in (store / "tmp").iterdir() if f.is_dir()]
    data = next(d for d in (store / "devices").glob("*/data") if d.stat().st_size > BYTES)
    assert data.read_bytes()[-4096:] == bytes(4096)      # absent, and read without anybody's leave


def test_sigterm(host, tmp_path):
    """It unmounts and ends; while somebody still has a file open, reads of the absent are EIO."""
    store = tmp_path / "s"
    with kernel(store, f"{host}/many", tmp_path / "at") as m:
        s = status(store)
        held = os.open(m.at / "f40", os.O_RDONLY)
        os.kill(s["keeper"], signal.SIGTERM)
        until(lambda: str(m.at) not in open("/proc/mounts").read())
        with pytest.raises(OSError) as e:
            os.read(held, 4096)
        assert e.value.errno == errno.EIO
        assert pathlib.Path(f"/proc/{s['keeper']}").exists()
        os.close(held)
        until(lambda: not pathlib.Path(f"/proc/{s['watchdog']}").exists())


@pytest.mark.parametrize("who", ["worker", "keeper", "watchdog"])
def test_killed_at_any_moment(host, tmp_path, who):
    """A process dies after every other file: what is read is right, or an error; then it is right."""
    store, errors = tmp_path / "s", 0
    with kernel(store, f"{host}/many", tmp_path / "at") as m:
        for i in range(COUNT):
            if i % 2:
                kill(store, who)
            try:
                assert (m.at / f"f{i:02}").read_bytes() == body(i)
            except OSError as e:
                assert e.errno == errno.EIO
                errors += 1
        for i in range(COUNT):
            assert (m.at / f"f{i:02}").read_bytes() == body(i)
        assert errors < COUNT // 2
        assert status(store)["mounts"][0]["mode"] == "kernel"
        run(LAZYPULL, "umount", m.at)


@pytest.mark.parametrize("who", ["keeper", "watchdog"])
def test_killed_when_all_is_there(host, tmp_path, who):
    """Marks that stood over a device when it became complete are the next keeper's to drop."""
    store = tmp_path / "s"
    with kernel(store, f"{host}/many", tmp_path / "at") as m:
        pid = status(store)[who]
        for i in range(COUNT):
            assert (m.at / f"f{i:02}").read_bytes() == body(i)
        os.kill(pid, signal.SIGKILL)
        until(lambda: status(store)[who] not in (0, pid))
        subprocess.run(["sh", "-c", "echo 1 >/proc/sys/vm/drop_caches"], check=True)
        for i in range(COUNT):
            assert (m.at / f"f{i:02}").read_bytes() == body(i)
        run(LAZYPULL, "umount", m.at)


def test_killed_while_a_reader_waits(zoo_estargz, tmp_path):
    """The registry holds its answer; the keeper dies meanwhile: the reader gets no zeros."""
    store = tmp_path / "s"
    with embedded.Registry(layouts=[f"lazy={zoo_estargz}"], knobs=["delay=300"]) as registry, \
            kernel(store, f"{registry.host}/lazy", tmp_path / "at") as m:
        got = []

        def read():
            try:
                got.append((m.at / "d" / "big").read_bytes())
            except OSError as e:
                got.append(e.errno)

        reader = threading.Thread(target=read)
        reader.start()
        until(lambda: gate(store)["waited"] > 0)
        kill(store, "keeper")
        reader.join(30)
        assert got in ([BIG], [errno.EIO])
        assert (m.at / "d" / "big").read_bytes() == BIG


def test_another_program(host, tmp_path):
    """SIGHUP starts the program that is at its path by now, under the mount."""
    store = tmp_path / "s"
    with kernel(store, f"{host}/many", tmp_path / "at") as m:
        assert (m.at / "f00").read_bytes() == body(0)
        before = status(store)
        os.kill(before["watchdog"], signal.SIGHUP)
        until(lambda: status(store)["keeper"] not in (0, before["keeper"]))
        assert status(store)["watchdog"] == before["watchdog"]
        for i in range(COUNT):
            assert (m.at / f"f{i:02}").read_bytes() == body(i)


def test_registry_gone(zoo_estargz, tmp_path):
    store = tmp_path / "s"
    with embedded.Registry(layouts=[f"lazy={zoo_estargz}"]) as registry:
        mounted = kernel(store, f"{registry.host}/lazy", tmp_path / "at", "--read-timeout=1s")
    with mounted as m:
        with pytest.raises(OSError) as e:
            (m.at / "d" / "big").read_bytes()
        assert e.value.errno == errno.EIO and gate(store)["failed"] > 0


def test_thirty_two_at_once(host, tmp_path):
    """One keeper, 32 mounts made by 32 commands at a time, unmounted in another order."""
    store = tmp_path / "s"
    ats = [tmp_path / f"at{i}" for i in range(32)]
    for at in ats:
        at.mkdir()
    try:
        commands = [subprocess.Popen([LAZYPULL, "mount", f"--store={store}", "--mount=kernel",
                                      f"{host}/{'many' if i % 2 else 'lazy'}", at])
                    for i, at in enumerate(ats)]
        assert [c.wait(60) for c in commands] == [0] * 32
        assert len(status(store)["mounts"]) == 32
        for i, at in enumerate(ats):
            if i % 2:
                assert (at / f"f{i:02}").read_bytes() == body(i)
            else:
                assert (at / "d" / "big").read_bytes() == BIG
        watchdog = status(store)["watchdog"]
        for at in ats[::-1]:
            run(LAZYPULL, "umount", at)
        until(lambda: not pathlib.Path(f"/proc/{watchdog}").exists())
    finally:
        subprocess.run(["umount", "-l", *ats], capture_output=True)


def test_store_that_cannot(host, tmp_path):
    """On tmpfs there are no events: kernel is refused with the reason, auto takes FUSE and says so."""
    at = tmp_path / "tmpfs"
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", at], check=True)
    try:
        (tmp_path / "at").mkdir()
        err = run(LAZYPULL, "mount", f"--store={at}/s", "--mount=kernel", f"{host}/lazy",
                  tmp_path / "at", status=1)
        assert "pre-content" in err
        with Mount(f"{at}/s", f"{host}/lazy", tmp_path / "at", "--mount=auto") as m:
            assert status(f"{at}/s")["mounts"][0]["mode"] == "fuse"
            assert (m.at / "d" / "big").read_bytes() == BIG
            run(LAZYPULL, "umount", m.at)
        s = status(f"{at}/s")
        until(lambda: not s["watchdog"] or not pathlib.Path(f"/proc/{s['watchdog']}").exists())
    finally:
        subprocess.run(["umount", "-l", at], check=True)
