#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rafs.py READER hello|serve|verify... - nydus-image and nydusd as readers of RAFS.

Blobs lie in a directory under the digests that are claimed of them.
"""
import json
import pathlib
import sys
import tarfile
import time

import daemon
import layer
import tool
import treetext
from reader import Reader, start
from protocol import Reject, Unsupported

SECOND = 1_000_000_000
VERSION = "2.2.0"       # scripts/peers.sh; a build from the registry does not know its own


def names(request):
    """(path, name) of each blob: the digits of the digest that is claimed of it, or of its own."""
    for role in request.blobs():
        path = pathlib.Path(request.inputs[role])
        name = request.args.get(f"{role}_digest") or layer.digest(path.read_bytes())
        yield path, name.split(":")[-1]


def store_blobs(store, request):
    """The blobs by name, in a directory."""
    store.mkdir()
    for path, name in names(request):
        if name.isalnum():
            (store / name).symlink_to(path)
    return store


def bootstrap(request, work):
    """The bootstrap: the first input, or what is in it if that is a layer.  It is called like the
    last blob: nydus takes that blob's id from it, of images that do not rule this out."""
    path = pathlib.Path(request.input())
    data = path.read_bytes()
    if layer.compression(data) == "+gzip" or data[257:262] == b"ustar":
        try:
            with tarfile.open(path) as tar:
                data = tar.extractfile("image/image.boot").read()
        except Exception as why:        # of any class, tarfile is not what is asked here
            raise Reject(f"no bootstrap in the layer: {why}") from why
    known = [name for _, name in names(request) if name.isalnum()]
    boot = work / "boot" / (known[-1] if known else "image.boot")
    boot.parent.mkdir()
    boot.write_bytes(data)
    return boot


def config(work, store, validate, version):
    """nydusd's configuration, its second version.  Of v6 it validates chunks alone: asked for more
    it does not mount."""
    document = {
        "version": 2,
        "backend": {"type": "localfs", "localfs": {"dir": str(store)}},
        "cache": {"type": "blobcache", "validate": validate,
                  "filecache": {"work_dir": str(work / "cache")}},
        "rafs": {"mode": "direct", "enable_xattr": True,
                 "validate": validate and version == "rafs5"}}
    (work / "cache").mkdir()
    (work / "config.json").write_text(json.dumps(document))
    return work / "config.json"


def nydusd(validate):
    """A mount.  Its root has the time of the daemon's start, in whole seconds: nobody's."""
    def judge(request, work):
        begin = work.stat().st_mtime_ns // SECOND * SECOND
        at = work / "mount"
        at.mkdir()
        store = store_blobs(work / "blobs", request)
        argv = [request.program, "fuse", "--config",
                config(work, store, validate, request.format), "--bootstrap",
                bootstrap(request, work), "--mountpoint", at, "--apisock", work / "api.sock",
                "--rlimit-nofile", "0", "--log-level", "warn"]
        with daemon.served(work, argv, at):
            return treetext.text(at, (begin, time.time_ns()))
    return judge


def check(request, work):
    tool.run(work, request.program, "check", "--log-level", "warn", bootstrap(request, work))


def check_with_blobs(request, work):
    store = store_blobs(work / "blobs", request)
    tool.run(work, request.program, "check", "--log-level", "warn", "--config",
             config(work, store, True, request.format), bootstrap(request, work))


def inspect(request, work):
    tool.run(work, request.program, "inspect", "--log-level", "warn", "--request", "stats",
             bootstrap(request, work))


def unpack(request, work):
    """nydus-image makes a tar of it, without the root; GNU tar unpacks that."""
    blobs = request.blobs()
    if len(blobs) > 1:
        raise Unsupported("unpack takes one blob")
    blob = ["--blob", request.inputs[blobs[0]]] if blobs else []
    tool.run(work, request.program, "unpack", "--log-level", "warn", "--bootstrap",
             bootstrap(request, work), *blob, "--output", work / "tar")
    with tool.destination(request.args.get("dest"), work) as (out, begin):
        try:
            tool.run(work, "tar", "-xpf", work / "tar", "-C", out, "--numeric-owner",
                     "--same-owner", "--xattrs", "--xattrs-include=*", reject=(1, 2))
        except Reject:          # it took the image, and made no tar of it
            return None
        return treetext.text(out, (begin, time.time_ns()))


POLICIES = {"policy.xattr.overlay": "keep", "policy.xattr.unknown-prefix": "drop"}


def reader(ask, program, has_tree):
    return Reader(ask, program, VERSION, "https://nydus.dev/", ("rafs5", "rafs6"),
                  ("blake3", "lz4", "xattrs", "zran"), policies=POLICIES, tree=has_tree)


READERS = {
    "nydus-image-check": reader(check, "nydus-image", False),
    "nydus-image-check-blobs": reader(check_with_blobs, "nydus-image", False),
    "nydus-image-inspect": reader(inspect, "nydus-image", False),
    "nydus-image-unpack": reader(unpack, "nydus-image", True),
    "nydusd": reader(nydusd(False), "nydusd", True),
    "nydusd-validate": reader(nydusd(True), "nydusd", True),
}

if __name__ == "__main__":
    sys.exit(start(READERS))
