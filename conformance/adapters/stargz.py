#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stargz.py stargz-fuse hello|serve|verify... - stargz-snapshotter's file system as a reader of
eStargz: mount a layer and read everything."""
import sys

import daemon
import treetext
from reader import Reader, start

NO_TIME = -62_135_596_800 * 1_000_000_000       # Go's: of a directory that no entry names


def mounted(request, work):
    at = work / "mount"
    at.mkdir()
    argv = [request.program, request.input(), at, work / "cache"]
    if "toc_digest" in request.args:
        argv.append(request.args["toc_digest"])
    with daemon.served(work, argv, at):
        return treetext.text(at, (NO_TIME, NO_TIME))


READERS = {
    "stargz-fuse": Reader(mounted, "stargzmount", ("-version",),
                          "https://github.com/containerd/stargz-snapshotter",
                          ("estargz", "zstdchunked"), ("whiteouts", "xattrs"),
                          policies={"policy.xattr.overlay": "keep",
                                    "policy.xattr.unknown-prefix": "drop"}),
}

if __name__ == "__main__":
    sys.exit(start(READERS))
