#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""streams.py READER hello|serve|verify... - decompressors: is this stream whole?"""
import gzip
import hashlib
import subprocess
import sys
import tempfile
import zlib

import tool
from reader import Reader, start
from protocol import Reject

PART = 1 << 20
WARNING = 2         # of gzip: it decompressed, and something lies behind


def plain(read):
    """The answer's member: the digest of what read(n) gives."""
    total = hashlib.sha256()
    while part := read(PART):
        total.update(part)
    return {"plain_sha256": total.hexdigest()}


def piped(*words, good=(0,)):
    """A reader that runs a decompressor between the stream and us."""
    def ask(request, work):
        with open(request.input(), "rb") as source, tempfile.TemporaryFile(dir=work) as out, \
                subprocess.Popen([request.program, *words], stdin=source, stderr=out,
                                 stdout=subprocess.PIPE, **tool.options(work)) as child:
            got = plain(child.stdout.read)
            tool.verdict(child.wait(), tool.said(out), good)
        return got
    return ask


def python_gzip(request, _):
    try:
        with gzip.open(request.input()) as file:
            return plain(file.read)
    except (OSError, EOFError, zlib.error) as why:
        raise Reject(f"{type(why).__name__}: {why}") from why


VERSION = ("--version",)


def reader(ask, program, home, kind):
    return Reader(ask, program, VERSION, home, (kind,), tree=False)


READERS = {
    "gnu-gzip": reader(piped("-dc", good=(0, WARNING)), "gzip",
                       "https://www.gnu.org/software/gzip/", "gzip"),
    "python-gzip": reader(python_gzip, "python3", "https://docs.python.org/3/library/gzip.html",
                          "gzip"),
    "zstd": reader(piped("-dcq"), "zstd", "https://facebook.github.io/zstd/", "zstd"),
}

if __name__ == "__main__":
    sys.exit(start(READERS))
