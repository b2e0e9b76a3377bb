# SPDX-License-Identifier: MIT
"""What programs expect of any file system: who may read, what xattrs do, how data is reached."""
import errno
import gzip
import mmap
import os
import struct
import subprocess

import embedded
import pytest
from conftest import convert, LAZYPULL, root_only, run, Tar
from test_memory import CORPORA
from test_mount import Mount, status
from test_run import PROGRAM

STRANGER = 4242
BIG = bytes(range(256)) * 40_000
BINARY = bytes(range(256))


def acl(*entries):
    """The value of an xattr system.posix_acl_access, version 2."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


# user::rw- user:STRANGER:r-- group::--- mask::r-- other::---
ACL = acl((1, 6, 0), (2, 4, STRANGER), (4, 0, 0), (16, 4, 0), (32, 0, 0))
BIND = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)     # cap_net_bind_service=ep


def xattrs(**values):
    """PAX headers; what is not UTF-8 goes through as tarfile writes bytes."""
    return {f"SCHILY.xattr.{k.replace('__', '.')}": v.decode("utf-8", "surrogateescape")
            for k, v in values.items()}


@pytest.fixture(scope="module")
def image(work):
    root_only()
    (work / "f.c").write_text(PROGRAM)
    run("cc", "-static", "-Os", "-w", "-o", work / "f", work / "f.c")
    program = (work / "f").read_bytes()
    layer = (Tar().add("acl", b"secret", mode=0o640, pax_headers=xattrs(system__posix_acl_access=ACL))
             .add("closed", b"secret", mode=0o640)
             .add("values", pax_headers=xattrs(**{"user.a name": BINARY, "user.empty": b""}))
             .add("p", program, mode=0o755)
             .add("bind", program, mode=0o755, pax_headers=xattrs(security__capability=BIND))
             .add("big", BIG)).bytes()
    embedded.write_layout(work / "fuse", [gzip.compress(layer, mtime=0)],
                          media_type="application/vnd.oci.image.layer.v1.tar+gzip",
                          diff_ids=[embedded.digest(layer)], config={"Entrypoint": ["/p"]})
    return f"oci:{convert(work / 'fuse', work / 'fuse-lazy', '--to=estargz')}"


@pytest.fixture(params=["fuse", "extract"])
def at(request, image, tmp_path):
    tmp_path.chmod(0o755)
    with Mount(tmp_path / "s", image, tmp_path / "at", f"--mount={request.param}") as m:
        yield m.at


def read_as(uid, path):
    """cat by another user, who inherits the directory: it may not walk there."""
    return subprocess.run(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups",
                           "cat", path.name], cwd=path.parent, capture_output=True).stdout


def test_permissions(at):
    assert read_as(STRANGER, at / "acl") == b"secret"
    assert read_as(STRANGER + 1, at / "acl") == b""
    assert read_as(STRANGER, at / "closed") == b""


def test_xattrs(at):
    values = at / "values"
    assert sorted(os.listxattr(values)) == ["user.a name", "user.empty"]
    assert os.getxattr(values, "user.a name") == BINARY and os.getxattr(values, "user.empty") == b""
    assert os.getxattr(at / "bind", "security.capability") == BIND
    assert os.listxattr(at / "closed") == []
    for path in (values, at / "closed"):
        with pytest.raises(OSError) as e:
            os.getxattr(path, "user.none")
        assert e.value.errno == errno.ENODATA


def test_ways_to_read(at):
    """Absent data through mmap, past the page cache, by sendfile and by exec."""
    with open(at / "big", "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
        assert m[5_000_000:5_001_000] == BIG[5_000_000:5_001_000]
    fd = os.open(at / "big", os.O_RDONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, 1 << 20)
    assert os.preadv(fd, [buffer], 1 << 20) == 1 << 20 and buffer[:] == BIG[1 << 20:2 << 20]
    os.close(fd)
    with open(at / "big", "rb") as f, open(os.memfd_create("copy"), "w+b") as to:
        while os.sendfile(to.fileno(), f.fileno(), None, 1 << 20):
            pass
        to.seek(0)
        assert to.read() == BIG
    assert run(at / "p", "x:7", status=7) == ""


@pytest.mark.parametrize("mode", ["fuse", "extract"])
def test_capabilities(image, tmp_path, mode):
    """exec sees them, through the container's overlay."""
    def effective(program):
        out = run(LAZYPULL, "run", f"--store={tmp_path}/s", f"--mount={mode}", "-u", "1234",
                  f"--entrypoint=/{program}", image, "c:/proc/self/status")
        return next(int(line.split()[1], 16) for line in out.splitlines() if line.startswith("CapEff"))
    assert effective("p") == 0
    assert effective("bind") == 1 << 10


def test_memory_of_names(tmp_path):
    """No memory for an inode, how many names the kernel may ever have asked for."""
    root_only()
    corpus = CORPORA / "small-files"
    if not corpus.exists():
        pytest.skip("image small-files is missing (corpora/make.py)")
    store = tmp_path / "s"

    def rss():
        s = status(store)
        return s["keeper_rss_anon_bytes"] + s["worker_rss_anon_bytes"]

    with Mount(store, f"oci:{corpus}", tmp_path / "at", "--mount=fuse") as m:
        before = rss()
        names = run("find", m.at, "-ls").count("\n")
        assert names > 50_000 and rss() - before < 10 * names
        # Directories are told with all attributes: nothing is asked for by name.
        asked = status(store)["mounts"][0]["fuse"]["requests"]
        assert asked < names / 10
