#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""erofs.py READER hello|serve|verify... - erofs-utils and the kernel as readers of EROFS and
of RAFS v6, which is EROFS with its data in devices.

The kernel gets valid file systems only: it answers nothing without --verdict=accept.
"""
import errno
import os
import pathlib
import platform
import struct
import subprocess
import sys

import tool
import treetext
from reader import Reader, start
from protocol import Reject, Unsupported

HOME = "https://erofs.docs.kernel.org/"
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8

SUPER = 1024                # of EROFS; that of RAFS lies 128 bytes behind it
CHUNK = struct.Struct("<32sIIIIQQQII")
CHUNK_COMPRESSED = 1
ZSTD, NONE = 3, 0


def chunks(boot):
    """The chunk table of a bootstrap: (blob, compressed?, size, offset, offset in the device)."""
    at, size = struct.unpack_from("<QQ", boot, SUPER + 128 + 24)
    for record in CHUNK.iter_unpack(boot[at:at + size]):
        _, blob, flags, stored, _, offset, device_offset, _, _, _ = record
        yield blob, flags & CHUNK_COMPRESSED, stored, offset, device_offset


def compressors(boot):
    """The compressor of each blob, from the blob table."""
    at, size = struct.unpack_from("<QI", boot, SUPER + 128 + 8)
    return [struct.unpack_from("<I", boot, at + i * 256 + 76)[0] for i in range(size // 256)]


def plain(data, compressor):
    if compressor == NONE:
        return data
    if compressor != ZSTD:
        raise Unsupported("only zstd chunks can be laid out for a device")
    return subprocess.run(["zstd", "-dc"], input=data, capture_output=True,
                          check=True).stdout


def blobs(request):
    return [pathlib.Path(request.inputs[role]) for role in request.blobs()]


def devices(request, work):
    """The devices of the file system: of EROFS as they come; of RAFS each blob's chunks, plain, at
    their addresses."""
    if request.format == "erofs":
        return blobs(request)
    boot = pathlib.Path(request.input()).read_bytes()
    kinds = compressors(boot)
    paths = [work / f"device{i}" for i in range(len(kinds))]
    data = [path.read_bytes() for path in blobs(request)]
    for path in paths:
        path.touch()
    for blob, compressed, size, offset, at in chunks(boot):
        stored = data[blob][offset:offset + size]
        with open(paths[blob], "r+b") as device:
            device.seek(at)
            device.write(plain(stored, kinds[blob]) if compressed else stored)
    for path in paths:
        os.truncate(path, -(-path.stat().st_size // 4096) * 4096)
    return paths


def refuse_parts(request):
    """Of names without the devices that have the contents these readers tell no tree."""
    with open(request.input(), "rb") as file:
        head = file.read(SUPER + 128)
    count = head[SUPER + 86:SUPER + 88]
    if len(head) == SUPER + 128 and int.from_bytes(count, "little") > len(request.blobs()):
        raise Unsupported("its devices are not there")


def run(work, program, *argv):
    """Of erofs-utils: whatever they exit with, an errno as a rule, is a no."""
    return tool.run(work, program, *argv, reject=range(1, 256))


def fsck(request, work):
    """fsck.erofs reads all there is; of RAFS the metadata only, as its blobs are no devices."""
    if request.format != "erofs":
        run(work, request.program, *options(blobs(request)), request.input())
        return None
    refuse_parts(request)
    out = work / "out"
    text = run(work, request.program, f"--extract={out}", *options(devices(request, work)),
               request.input())
    if not out.exists():        # it found the superblock wrong, and exits with 0
        raise Reject(text)
    return treetext.text(out) if out.is_dir() else None


def options(paths):
    return [f"--device={path}" for path in paths]


def dump(request, work):
    run(work, request.program, "-S", *options(blobs(request)), request.input())


def mount(paths, at):
    """Mount a file system with its devices: out of files, or out of loop devices if the kernel
    cannot take files from where they lie."""
    data = ",".join(f"device={path}" for path in paths[1:])
    tool.mount(paths[0], at, "erofs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, data)


def mount_loops(paths, at):
    """The loop devices go away with the mount."""
    loops = [tool.output("losetup", "--find", "--show", "--read-only", path) for path in paths]
    try:
        mount(loops, at)
    finally:
        tool.output("losetup", "--detach", *loops)


def kernel(request, work):
    refuse_parts(request)
    at = work / "mount"
    at.mkdir()
    paths = [request.input(), *devices(request, work)]
    try:
        try:
            mount(paths, at)
        except OSError as why:
            if why.errno != errno.ENOTBLK:
                raise
            mount_loops(paths, at)
        return treetext.text(at)
    except OSError as why:
        raise Reject(str(why)) from why
    finally:
        tool.umount(at)


VERSION = ("-V",)
READERS = {
    "fsck-erofs": Reader(fsck, "fsck.erofs", VERSION, HOME, ("erofs",), ("whiteouts",)),
    "fsck-erofs-rafs6": Reader(fsck, "fsck.erofs", VERSION, HOME, ("rafs6",),
                               ("blake3", "lz4", "xattrs", "zran"), tree=False),
    "dump-erofs": Reader(dump, "dump.erofs", VERSION, HOME, ("erofs", "rafs6"),
                         ("blake3", "lz4", "whiteouts", "xattrs", "zran"), tree=False),
    "kernel-erofs": Reader(kernel, "mount", platform.release(), HOME, ("erofs", "rafs6"),
                           ("blake3", "whiteouts", "xattrs"), verdicts=("accept",)),
}

if __name__ == "__main__":
    sys.exit(start(READERS))
