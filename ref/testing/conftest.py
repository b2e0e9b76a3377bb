# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: the programs, a zoo of an image, a registry, peers."""
import gzip
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", TOP / "build"))
LAZYPULL = str(BUILD / "lazypull")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
PEERS = CACHE / "lazypull" / "peers" / "bin"

os.environ.setdefault("LAZYBENCH", str(BUILD / "lazybench"))
sys.path.insert(0, str(TOP / "bench" / "testing"))
import embedded  # noqa: E402

MTIME = 1_600_000_000


def run(*argv, status=0, **more):
    """Run a command to its end; its stdout.  Any other exit status fails the test."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == status, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if status == 0 else done.stderr


def peer(name):
    """The path of a program of somebody else's, or the test is skipped by its name."""
    path = PEERS / name
    if path.exists():
        return str(path)
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is missing (make peers)")
    return found


def root_only():
    if os.geteuid() != 0:
        pytest.skip("not root")


def kernel_only():
    """What --mount=kernel needs of it."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 14):
        pytest.skip("pre-content events: this kernel is older than 6.14")


class Tar:
    """A tar that is written entry by entry, as bytes."""

    def __init__(self, form=tarfile.PAX_FORMAT):
        self.file = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.file, mode="w", format=form)

    def add(self, name, data=b"", kind=tarfile.REGTYPE, **more):
        info = tarfile.TarInfo(name)
        info.type, info.size, info.mtime = kind, len(data), MTIME
        info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
        for key, value in more.items():
            setattr(info, key, value)
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def bytes(self):
        self.tar.close()
        return self.file.getvalue()


def zoo_layers():
    """Two layers with one of everything that a layer may hold."""
    low = (Tar().add("d/", kind=tarfile.DIRTYPE, uid=7, gid=8)
           .add("d/small", b"hello\n", mode=0o4755)
           .add("d/empty")
           .add("d/big", bytes(range(256)) * 40_000)      # 10 MB: three chunks
           .add("d/link", kind=tarfile.SYMTYPE, mode=0o777,
                linkname="../nowhere/" + "x" * 200)
           .add("d/hard", kind=tarfile.LNKTYPE, mode=0o4755, linkname="d/small")
           .add("fifo", kind=tarfile.FIFOTYPE, mode=0o600)
           .add("null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
           .add("disk", kind=tarfile.BLKTYPE, devmajor=259, devminor=300)
           .add("n" * 250, b"a name of 250 bytes")
           .add("caps", b"#!", mode=0o755, pax_headers={
               "SCHILY.xattr.user.a": "v", "SCHILY.xattr.user.empty": "", "mtime": "1600000000.5"})
           .add("gone/", kind=tarfile.DIRTYPE).add("gone/a", b"a").add("gone/b", b"b")
           .add("opaque/", kind=tarfile.DIRTYPE).add("opaque/old", b"old")
           .add("kept", b"below"))
    for depth in range(1, 51):
        low.add("/".join(["deep"] * depth) + "/", kind=tarfile.DIRTYPE)
    low.add("deep/" * 50 + "file", b"deep")
    high = (Tar().add("gone/", kind=tarfile.DIRTYPE).add("gone/.wh.a")
            .add("opaque/", kind=tarfile.DIRTYPE).add("opaque/.wh..wh..opq").add("opaque/new", b"new")
            .add("d/", kind=tarfile.DIRTYPE, uid=7, gid=8)
            .add("d/small", b"another\n").add(".wh.kept").add("d/é", "é".encode()))
    return [low.bytes(), high.bytes()]


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="session")
def zoo(work):
    """A layout with the zoo as gzip layers."""
    layout = work / "zoo"
    layers = [gzip.compress(b, 6, mtime=0) for b in zoo_layers()]
    embedded.write_layout(layout, layers,
                          media_type="application/vnd.oci.image.layer.v1.tar+gzip",
                          diff_ids=[embedded.digest(b) for b in zoo_layers()])
    return layout


def convert(source, target, *options):
    """Convert a layout into a new one; its path."""
    run(LAZYPULL, "convert", f"oci:{source}", f"oci:{target}", *options)
    return target


@pytest.fixture(scope="session")
def zoo_estargz(zoo, work):
    return convert(zoo, work / "zoo-estargz", "--to=estargz")


def layers_of(layout):
    """[(path of the blob, descriptor)] of a layout's only image."""
    index = json.loads((layout / "index.json").read_text())
    blobs = layout / "blobs" / "sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    return [(blobs / d["digest"][7:], d) for d in manifest["layers"]]


def tree(image, store, *options):
    """The canonical tree of an image or a directory, with the digests of its files."""
    return run(LAZYPULL, "tree", f"--store={store}", "--digests", *options, image)


def lines_of(text):
    """A tree as objects: without the root, whose time each tool makes up, and without the files
    that only a legacy reader of eStargz sees."""
    own = {"", ".prefetch.landmark", ".no.prefetch.landmark", "stargz.index.json"}
    return [line for line in map(json.loads, text.splitlines()) if line["p"] not in own]


def whole_seconds(lines):
    """For tools that round times down."""
    return [{**line, "mt": line["mt"] - line["mt"] % 1_000_000_000} for line in lines]


def nearest_seconds(lines):
    """For tools in Go, whose tar writer rounds times to the nearest second."""
    return [{**line, "mt": (line["mt"] + 500_000_000) // 1_000_000_000} for line in lines]
