#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""treetext.py DIR - print the canonical tree of a directory: what a tool unpacked, or a mount.

Written from docs/PROTOCOL.md alone: it shares nothing with `lazypull tree`, which it checks.
"""
import base64
import hashlib
import os
import stat
import sys

KINDS = {stat.S_IFREG: "reg", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFCHR: "char",
         stat.S_IFBLK: "block", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
OVERLAY = b"trusted.overlay.", b"user.overlay."
OPAQUE = b"trusted.overlay.opaque", b"user.overlay.opaque"
KEPT = (b"user.", b"trusted.", b"security.", b"system.posix_acl_access",
        b"system.posix_acl_default")
PLAIN = frozenset(range(0x20, 0x7f)) - frozenset(b'"\\%')
PART = 1 << 20


def quoted(raw):
    """Bytes as a JSON string, what is not plain ASCII as %XX."""
    return '"' + "".join(chr(c) if c in PLAIN else f"%{c:02X}" for c in raw) + '"'


def paths():
    """All paths below the working directory, raw bytes, sorted; that itself is b""."""
    found, todo = [b""], [b""]
    while todo:
        base = todo.pop()
        with os.scandir(base or b".") as entries:
            for entry in entries:
                path = os.path.join(base, entry.name)
                found.append(path)
                if entry.is_dir(follow_symlinks=False):
                    todo.append(path)
    return sorted(found)


def xattrs(path):
    """(the x field or "", is it an opaque directory?)"""
    names = sorted(os.fsencode(n) for n in os.listxattr(path, follow_symlinks=False))
    opaque, items = False, []
    for name in names:
        value = os.getxattr(path, name, follow_symlinks=False)
        if name.startswith(OVERLAY):
            opaque = opaque or (name in OPAQUE and value == b"y")
        elif name.startswith(KEPT):
            items.append(quoted(name) + ':"' + base64.b64encode(value).decode() + '"')
    return ',"x":{' + ",".join(items) + "}" if items else "", opaque


def digest(path):
    """SHA-256 of a file's bytes."""
    total = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while part := file.read(PART):
            total.update(part)
    return total.hexdigest()


class Lines:
    """The lines of a tree, one after the other: a later hard link names the first."""

    def __init__(self, times=None):
        self.times, self.first = times, {}

    def time(self, status):
        """mtime; 0 where nobody gave one but the unpacking itself."""
        made_up = self.times and self.times[0] <= status.st_mtime_ns <= self.times[1]
        return 0 if made_up else status.st_mtime_ns

    def line(self, path):
        full = path or b"."
        status = os.lstat(full)
        kind = KINDS[stat.S_IFMT(status.st_mode)]
        if kind == "char" and status.st_rdev == 0:
            return '{"p":' + quoted(path) + ',"t":"whiteout"}'
        text = f'{{"p":{quoted(path)},"t":"{kind}","m":{stat.S_IMODE(status.st_mode)}'
        text += f',"u":{status.st_uid},"g":{status.st_gid}'
        text += f',"s":{status.st_size}' if kind == "reg" else ""
        text += f',"mt":{self.time(status)}'
        if kind in ("char", "block"):
            text += f',"dev":"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"'
        first = path
        if kind != "dir" and status.st_nlink > 1:
            first = self.first.setdefault((status.st_dev, status.st_ino), path)
        text += f',"hl":{quoted(first)}' if first != path else ""
        text += f',"l":{quoted(os.readlink(full))}' if kind == "symlink" else ""
        more, opaque = xattrs(full)
        text += more + (',"o":true' if opaque else "")
        text += f',"d":"sha256:{digest(full)}"' if kind == "reg" and first == path else ""
        return text + "}"


def text(root, times=None):
    """The canonical tree below root, digests included.

    times: (from, to) in nanoseconds, when root was unpacked or mounted: a time within them is
    nobody's and printed as 0.
    """
    before = os.open(".", os.O_PATH | os.O_DIRECTORY)
    try:
        os.chdir(root)      # a path in it may be as long as paths can be
        lines = Lines(times)
        return "".join(lines.line(path) + "\n" for path in paths())
    finally:
        os.fchdir(before)
        os.close(before)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: treetext.py DIR")
    sys.stdout.write(text(sys.argv[1]))
