# SPDX-License-Identifier: MIT
"""tree - the files of an image while it is made, and a layer of them as a tar.gz."""
import copy
import gzip
import hashlib
import io
import os
import subprocess
import tarfile
import tempfile

EPOCH = 1672531200  # 2023-01-01: the time of all that no package dates


class Node:
    """One file: a tar header without name, and the bytes of a regular file."""

    def __init__(self, kind, mode, data=b"", target="", mtime=EPOCH):
        self.info = tarfile.TarInfo()
        self.info.type, self.info.mode, self.info.mtime = kind, mode, mtime
        self.info.linkname, self.info.size = target, len(data)
        self.data = data

    @classmethod
    def of_member(cls, member, data):
        node = cls(member.type, member.mode, data, member.linkname, int(member.mtime))
        node.info.uid, node.info.gid = member.uid, member.gid
        node.info.devmajor, node.info.devminor = member.devmajor, member.devminor
        return node


class Tree:
    """Layers, the lowest first; each maps a path without "/" in front to its node."""

    def __init__(self):
        self.layers = []

    def look(self, path):
        for layer in reversed(self.layers):
            if path in layer:
                return layer[path]
        return None

    def real(self, path):
        """PATH with the links in its directories followed, as dpkg does (usrmerge)."""
        parts, at = [p for p in path.split("/") if p not in ("", ".")], ""
        for part in parts[:-1]:
            at = f"{at}/{part}" if at else part
            for _ in range(8):
                node = self.look(at)
                if not node or node.info.type != tarfile.SYMTYPE:
                    break
                target = node.info.linkname
                at = os.path.normpath(target if target.startswith("/")
                                      else os.path.join(os.path.dirname(at), target)).lstrip("/")
        return f"{at}/{parts[-1]}" if at else parts[-1] if parts else ""

    def add(self, path, node):
        path, top = self.real(path), self.layers[-1]
        if not path:
            return
        have = self.look(path)
        if node.info.type == tarfile.DIRTYPE and have:
            if have.info.type == tarfile.DIRTYPE:
                top.setdefault(path, have)  # the first package that has a directory owns it
            return
        if parent := os.path.dirname(path):
            self.add(parent, self.look(parent) or Node(tarfile.DIRTYPE, 0o755))
        top[path] = node

    def add_tar(self, blob):
        with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
            for member in tar:
                if member.islnk():  # two names, one node
                    self.add(member.name, self.look(self.real(member.linkname)))
                    continue
                data = tar.extractfile(member).read() if member.isreg() else b""
                self.add(member.name, Node.of_member(member, data))

    def run_ldconfig(self):
        """The cache of the dynamic linker, by the image's own ldconfig."""
        with tempfile.TemporaryDirectory() as root:
            for path in sorted({p for layer in self.layers for p in layer}):
                node, to = self.look(path), os.path.join(root, path)
                wanted = ".so" in path or path == "usr/sbin/ldconfig" or "/" not in path
                if node.info.type == tarfile.DIRTYPE:
                    os.makedirs(to, exist_ok=True)
                elif wanted and node.info.type == tarfile.SYMTYPE:
                    os.symlink(node.info.linkname, to)
                elif wanted and node.info.type == tarfile.REGTYPE:
                    with open(to, "wb") as f:
                        f.write(node.data)
            ldconfig = os.path.join(root, "usr/sbin/ldconfig")
            os.chmod(ldconfig, 0o755)
            subprocess.run([ldconfig, "-i", "-X", "-r", root], check=True)
            with open(os.path.join(root, "etc/ld.so.cache"), "rb") as f:
                self.add("etc/ld.so.cache", Node(tarfile.REGTYPE, 0o644, f.read()))


class Counting:
    """A file to write to, with a digest of what was written."""

    def __init__(self, to):
        self.to, self.digest, self.bytes = to, hashlib.sha256(), 0

    def write(self, data):
        self.digest.update(data)
        self.bytes += len(data)
        return self.to.write(data)

    def flush(self):
        self.to.flush()


def write_layer(layer, path):
    """LAYER as a gzip -6 tar, sorted by name: its digests and sizes."""
    seen = {}
    with open(path, "wb") as f:
        stored = Counting(f)
        with gzip.GzipFile("", "wb", 6, stored, mtime=0) as packed:
            plain = Counting(packed)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT,
                              bufsize=1 << 20) as tar:
                for name in sorted(layer):
                    node = layer[name]
                    info = copy.copy(node.info)
                    info.name = name
                    if first := seen.get(id(node)):
                        info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
                    elif info.type == tarfile.REGTYPE:
                        seen[id(node)] = name
                    tar.addfile(info, io.BytesIO(node.data) if info.size else None)
    return {"digest": "sha256:" + stored.digest.hexdigest(), "size": stored.bytes,
            "diff_id": "sha256:" + plain.digest.hexdigest(), "plain": plain.bytes,
            "entries": len(layer)}
