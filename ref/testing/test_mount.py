# SPDX-License-Identifier: MIT
"""mount, umount, status, and the keeper behind them: what is served, and what when things die."""
import errno
import gzip
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import embedded
import pytest
from conftest import LAZYPULL, lines_of, root_only, run, Tar, tree


BIG = bytes(range(256)) * 40_000


def status(store):
    return json.loads(run(LAZYPULL, "status", "--json", f"--store={store}"))


def until(check, seconds=20):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


class Mount:
    """An image at a directory, for a with statement; unmounted at its end, whatever happens.

    By FUSE, unless an option says otherwise.
    """

    def __init__(self, store, image, at, *options):
        self.store, self.at = store, at
        at.mkdir(exist_ok=True)
        run(LAZYPULL, "mount", f"--store={store}", "--mount=fuse", *options, image, at)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        subprocess.run(["umount", "-l", self.at], capture_output=True)


@pytest.fixture(scope="module")
def host(zoo, zoo_estargz):
    root_only()
    layouts = [f"legacy={zoo}", f"lazy={zoo_estargz}"]
    with embedded.Registry(layouts=layouts) as registry:
        yield registry.host


@pytest.mark.parametrize("mode", ["kernel", "fuse", "extract"])
@pytest.mark.parametrize("image", ["legacy", "lazy"])
def test_tree(host, tmp_path, image, mode):
    """What is mounted is what the image says, also its times, links, xattrs and digests."""
    store, name = tmp_path / "s", f"{host}/{image}"
    with Mount(store, name, tmp_path / "at", f"--mount={mode}") as m:
        mounted = lines_of(tree(f"dir:{m.at}", store))
        said = lines_of(tree(name, store))
        assert mounted == said
        assert "cannot" not in run(LAZYPULL, "umount", m.at)
        assert not os.listdir(m.at)


@pytest.mark.parametrize("mode", ["fuse", "extract"])
def test_one_layer(tmp_path, mode):
    """An overlay that has nothing to lay over anything."""
    root_only()
    layer = Tar().add("d/", kind=b"5").add("d/f", b"x").bytes()
    embedded.write_layout(tmp_path / "one", [gzip.compress(layer, mtime=0)],
                          media_type="application/vnd.oci.image.layer.v1.tar+gzip",
                          diff_ids=[embedded.digest(layer)])
    with Mount(tmp_path / "s", f"oci:{tmp_path}/one", tmp_path / "at", f"--mount={mode}") as m:
        assert os.listdir(m.at) == ["d"] and (m.at / "d" / "f").read_text() == "x"


def test_names_are_the_images(tmp_path):
    """The store puts nothing into an unpacked layer, not even where a name of its own would be."""
    root_only()
    (tmp_path / "image").mkdir()
    embedded.write_layout(tmp_path / "image", [Tar().add("unsettled", b"low").add("a").bytes(),
                                               Tar().add("unsettled", b"mine").bytes()])
    with Mount(tmp_path / "s", f"oci:{tmp_path}/image", tmp_path / "at", "--mount=extract") as m:
        assert sorted(os.listdir(m.at)) == ["a", "unsettled"]
        assert (m.at / "unsettled").read_bytes() == b"mine"
        until(lambda: not os.listdir(tmp_path / "s" / "unsettled"))
        assert (m.at / "unsettled").read_bytes() == b"mine"


def test_read_only_and_harmless(host, tmp_path):
    with Mount(tmp_path / "s", f"{host}/lazy", tmp_path / "at") as m:
        with pytest.raises(OSError) as e:
            (m.at / "d" / "small").write_text("x")
        assert e.value.errno == errno.EROFS
        flags = next(l.split()[5] for l in open("/proc/self/mountinfo") if f" {m.at} " in l)
        assert {"ro", "nosuid", "nodev"} <= set(flags.split(","))


def test_status_and_end(host, tmp_path):
    store = tmp_path / "s"
    assert status(store)["keeper"] == 0
    with Mount(store, f"{host}/lazy", tmp_path / "at", "--prefetch=none") as m:
        data = (m.at / "d" / "big").read_bytes()
        assert data == bytes(range(256)) * 40_000
        s = status(store)
        keeper = s["keeper"]
        assert s["mounts"][0]["at"] == str(m.at) and s["mounts"][0]["mode"] == "fuse"
        assert s["mounts"][0]["name"] == f"docker://{host}/lazy:latest"
        assert sum(d["ready_bytes"] for d in s["mounts"][0]["devices"]) >= len(data)
        assert s["fetch"]["requests"] > 0 and s["fetch"]["body_bytes"] > 0
        assert 0 < s["keeper_rss_anon_bytes"] + s["worker_rss_anon_bytes"] < 6 << 20
        assert "big" not in run(LAZYPULL, "status", f"--store={store}")
        run(LAZYPULL, "umount", m.at)
    until(lambda: not pathlib.Path(f"/proc/{keeper}").exists())
    assert status(store)["keeper"] == 0


def test_what_was_fetched_stays(host, tmp_path):
    """After the keeper has ended, the next one serves from the store, without the registry."""
    store, at = tmp_path / "s", tmp_path / "at"
    with Mount(store, f"{host}/lazy", at) as m:
        small = (m.at / "d" / "small").read_bytes()
        keeper = status(store)["keeper"]
        run(LAZYPULL, "umount", at)
    until(lambda: not pathlib.Path(f"/proc/{keeper}").exists())
    with Mount(store, f"{host}/lazy", at, "--prefetch=none", "--pull=never") as m:
        assert (m.at / "d" / "small").read_bytes() == small
        assert status(store)["fetch"]["requests"] == 0


def test_two_mounts_one_keeper(host, tmp_path):
    store = tmp_path / "s"
    with Mount(store, f"{host}/lazy", tmp_path / "a"), Mount(store, f"{host}/lazy", tmp_path / "b"):
        s = status(store)
        assert len(s["mounts"]) == 2
        a, b = (m["devices"] for m in s["mounts"])
        assert a == b
        (tmp_path / "a" / "d" / "big").read_bytes()
        a, b = (m["devices"] for m in status(store)["mounts"])
        assert a == b and any(d["ready_chunks"] for d in a)
        err = run(LAZYPULL, "keeper", f"--store={store}", status=2)
        assert f"process {s['keeper']}" in err


def test_umount_is_only_for_ours(tmp_path):
    err = run(LAZYPULL, "umount", tmp_path, status=1)
    assert "no mount of lazypull" in err
    run(LAZYPULL, "umount", tmp_path / "nothing", status=3)


def test_busy(host, tmp_path):
    with Mount(tmp_path / "s", f"{host}/lazy", tmp_path / "at") as m:
        with open(m.at / "d" / "small") as f:
            run(LAZYPULL, "umount", m.at, status=3)
            run(LAZYPULL, "umount", "-l", m.at)
            assert f.read() == "another\n"


def test_sigterm_unmounts(host, tmp_path):
    store = tmp_path / "s"
    with Mount(store, f"{host}/lazy", tmp_path / "at") as m:
        keeper = status(store)["keeper"]
        os.kill(keeper, signal.SIGTERM)
        until(lambda: not pathlib.Path(f"/proc/{keeper}").exists())
        assert not os.path.ismount(m.at) and not os.listdir(m.at)


def test_keeper_killed(host, tmp_path):
    """Readers get an error; a new keeper serves the same store."""
    store, at = tmp_path / "s", tmp_path / "at"
    with Mount(store, f"{host}/lazy", at) as m:
        os.kill(status(store)["keeper"], signal.SIGKILL)
        with pytest.raises(OSError) as e:
            (m.at / "d" / "big").read_bytes()
        assert e.value.errno in (errno.ENOTCONN, errno.ECONNABORTED)
    with Mount(store, f"{host}/lazy", tmp_path / "again") as m:
        assert (m.at / "d" / "big").read_bytes() == BIG


def test_worker_killed(host, tmp_path):
    """The next worker goes on; a reader notices nothing."""
    store = tmp_path / "s"
    with Mount(store, f"{host}/lazy", tmp_path / "at", "--prefetch=none") as m:
        assert (m.at / "d" / "small").read_bytes() == b"another\n"
        worker = status(store)["worker"]
        os.kill(worker, signal.SIGKILL)
        assert (m.at / "d" / "big").read_bytes() == BIG
        assert status(store)["worker"] not in (0, worker)


def test_registry_gone(zoo_estargz, tmp_path):
    store = tmp_path / "s"
    with embedded.Registry(layouts=[f"lazy={zoo_estargz}"]) as registry:
        image = f"{registry.host}/lazy"
        mounted = Mount(store, image, tmp_path / "at", "--prefetch=none", "--read-timeout=1s")
    with mounted as m:
        start = time.monotonic()
        with pytest.raises(OSError) as e:
            (m.at / "d" / "big").read_bytes()
        assert e.value.errno == errno.EIO and time.monotonic() - start < 20


def connect(store):
    """A connection to the store's keeper, which is found by its lock (a dead one's may remain)."""
    keeper = f"{status(store)['keeper']}\n"
    for lock in pathlib.Path("/run/lazypull").glob("*/keeper.lock"):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(20)
        if lock.read_text() == keeper and not s.connect_ex(str(lock.with_name("keeper.sock"))):
            return s
        s.close()
    raise AssertionError("no keeper listens")


@pytest.mark.parametrize("message", [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"op": 5}', b'{"op": "nothing"}', b'{"op": "mount"}',
    b'{"op": "mount", "image": "sha256:00", "prefetch": "none", "read_timeout_ns": 1}',
    b'{"op": "mount", "image": "sha256:' + b"0" * 64 + b'", "prefetch": "none", "read_timeout_ns": 1}',
    b'{"op": "mount", "image": "sha256:' + b"0" * 64 + b'", "prefetch": "some", "read_timeout_ns": 1}',
    b'{"op": "mount", "image": "sha256:' + b"0" * 64 + b'", "prefetch": "none", '
    b'"read_timeout_ns": 1, "descriptors": ["list"]}',
    b'{"op": "ping"' + b" " * 70_000 + b"}", b'{"a":' * 100 + b"1" + b"}" * 100])
def test_bad_requests(host, tmp_path, message):
    """The keeper answers with an error, or hangs up, and goes on."""
    store = tmp_path / "s"
    with Mount(store, f"{host}/lazy", tmp_path / "at") as m:
        s = connect(store)
        s.send(message)
        answer = s.recv(65536)
        assert not answer or "error" in json.loads(answer)
        s.close()
        s = connect(store)
        s.send(b'{"op": "ping"}')
        assert json.loads(s.recv(65536))["keeper"] > 0
        s.close()
        assert (m.at / "d" / "small").read_bytes() == b"another\n"
