#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tars.py TOOL hello|serve|verify|unpack... - readers of tar layers that unpack into a directory.

What comes out is the answer: the canonical tree of the directory.  A whiteout is for them a file
as any other.
"""
import errno
import os
import pathlib
import sys
import tarfile
import time

import layer
import tool
import treetext
from reader import Reader, start
from protocol import Reject, Unsupported

def unpacked(unpack):
    """A reader that calls unpack(request, work, out) and looks at what is in out."""
    def ask(request, work):
        with tool.destination(request.args.get("dest"), work) as (out, begin):
            unpack(request, work, out)
            return told(out, begin)
    return ask


def told(out, begin):
    """The tree, or None where a path is longer than the kernel's paths: some tools go on there."""
    try:
        return treetext.text(out, (begin, time.time_ns()))
    except OSError as why:
        if why.errno != errno.ENAMETOOLONG:
            raise
        return None


def refuse_zstd(request):
    """Of a tool without zstd this says nothing about the layer."""
    with open(request.input(), "rb") as file:
        if layer.compression(file.read(4)) == "+zstd":
            raise Unsupported("no zstd")


def gnu_tar(request, work, out):
    tool.run(work, request.program, "--extract", "--file", request.input(), "--directory", out,
             "--preserve-permissions", "--same-owner", "--numeric-owner", "--xattrs",
             "--xattrs-include=*", reject=(1, 2))


def bsdtar(request, work, out):
    tool.run(work, request.program, "-x", "-p", "-f", request.input(), "-C", out, "--numeric-owner",
             "--xattrs", "--acls")


def busybox(request, work, out):
    """It looks for gzip by itself in files of 512 bytes and more only."""
    refuse_zstd(request)
    with open(request.input(), "rb") as file:
        unpack = ["-z"] if layer.compression(file.read(4)) else []
    tool.run(work, request.program, "tar", "-x", "-p", *unpack, "-f", request.input(), "-C", out,
             "--numeric-owner")


def python_tarfile(request, _, out):
    refuse_zstd(request)
    try:
        with tarfile.open(request.input(), "r:*") as tar:
            tar.extractall(out, numeric_owner=True, filter="fully_trusted")
    except (MemoryError, RecursionError):
        os.abort()
    except Exception as why:        # of any class: a library says no with what it happens to raise
        raise Reject(f"{type(why).__name__}: {why}") from why


def umoci(request, work):
    refuse_zstd(request)
    begin = work.stat().st_mtime_ns
    layer.write_layout(work / "layout", pathlib.Path(request.input()).read_bytes(), request.args)
    tool.run(work, request.program, "unpack", "--image", work / "layout:latest", work / "bundle")
    return told(work / "bundle" / "rootfs", begin)


def policies(parent, absolute, unknown):
    """What a tar does with names and xattrs; all ignore a size on links."""
    return {"policy.name.parent": parent, "policy.name.absolute": absolute,
            "policy.size.on-links": "ignore", "policy.xattr.unknown-prefix": unknown}


def reader(unpack, program, version, home, features, policy):
    return Reader(unpacked(unpack), program, version, home, ("oci",), features,
                  ("verify", "unpack"), policy)


VERSION = ("--version",)
READERS = {
    "gnu-tar": reader(gnu_tar, "tar", VERSION, "https://www.gnu.org/software/tar/", ("xattrs",),
                      policies("refuse", "strip", "drop")),
    "bsdtar": reader(bsdtar, "bsdtar", VERSION, "https://libarchive.org/", ("xattrs",),
                     policies("refuse", "strip", "refuse")),
    "busybox-tar": reader(busybox, "busybox", (), "https://busybox.net/", (),
                          policies("strip", "strip", "drop")),
    "python-tarfile": reader(python_tarfile, "python3", VERSION,
                             "https://docs.python.org/3/library/tarfile.html", (),
                             policies("follow", "follow", "drop")),
    "umoci": Reader(umoci, "umoci", VERSION, "https://umo.ci/", ("oci",), ("xattrs",),
                    policies=policies("strip", "strip", "drop"), claims=True),
}

if __name__ == "__main__":
    sys.exit(start(READERS))
