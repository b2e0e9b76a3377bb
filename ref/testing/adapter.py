# SPDX-License-Identifier: MIT
"""`lazypull adapter` for tests: asked once, or served; and a valid input of each format."""
import gzip
import hashlib
import json
import pathlib
import struct
import subprocess
import tarfile
import zlib

from conftest import LAZYPULL, Tar

GOLDEN = pathlib.Path(__file__).parent / "golden"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
OUTCOMES = "accept", "reject", "unsupported", "error"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def once(op, *words, **more):
    """(exit status, stdout) of mode A."""
    done = subprocess.run([LAZYPULL, "adapter", op, *map(str, words)], capture_output=True,
                          text=True, timeout=60, check=False, **more)
    return done.returncode, done.stdout


class Serve:
    """Mode B, as a context manager."""

    def __enter__(self):
        self.process = subprocess.Popen([LAZYPULL, "adapter", "serve"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.seq = 0
        return self

    def __exit__(self, *why):
        self.process.stdin.close()
        rest, status = self.process.stdout.read(), self.process.wait(timeout=60)
        self.process.stdout.close()
        assert why[0] or (status, rest) == (0, b""), (status, rest)

    def line(self, data):
        """The answer to a line, whatever is in it."""
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()
        text = self.process.stdout.readline()
        assert text, "it died"
        return json.loads(text)

    def ask(self, op, form=None, inputs=None, flags=(), **args):
        self.seq += 1
        files = {role: str(path) for role, path in (inputs or {}).items()}
        asked = {"seq": self.seq, "op": op, "format": form, "inputs": files, "args": args,
                 "flags": list(flags)}
        if files:
            asked["in"] = next(iter(files.values()))
        got = self.line(json.dumps(asked).encode())
        assert got.pop("seq") == self.seq
        return got

    def anon_kib(self):
        """What it has in memory of its own."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("RssAnon:")[1].split()[0])


def zstd_raw(data):
    """A zstd frame of one raw block, with its size and without a checksum."""
    head = b"\x28\xb5\x2f\xfd" + b"\xa0" + struct.pack("<I", len(data))
    return head + struct.pack("<I", len(data) << 3 | 1)[:3] + data


def toc_digest(blob):
    """What a manifest would say of the TOC of an eStargz blob."""
    tar = zlib.decompressobj(31).decompress(blob[int(blob[-51 + 16:-51 + 32], 16):])
    return "sha256:" + sha256(tar[512:512 + int(tar[124:135], 8)])


def small_tar():
    return (Tar(tarfile.USTAR_FORMAT).add("./", kind=tarfile.DIRTYPE)
            .add("d/", kind=tarfile.DIRTYPE).add("d/a", b"hello\n")
            .add("d/.wh.gone").add("l", kind=tarfile.SYMTYPE, linkname="d/a", mode=0o777).bytes())


def documents():
    digest = "sha256:" + sha256(b"blob")
    config = {"architecture": "amd64", "os": "linux",
              "rootfs": {"type": "layers", "diff_ids": [digest]}}
    described = {"mediaType": CONFIG, "digest": digest, "size": 4}
    layer = {**described, "mediaType": LAYER}
    platform = {"os": "linux", "architecture": "amd64"}
    return {
        "manifest": {"schemaVersion": 2, "mediaType": MANIFEST, "config": described,
                     "layers": [layer]},
        "index": {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            {**described, "mediaType": MANIFEST, "platform": platform}]},
        "config": config, "layout": {"imageLayoutVersion": "1.0.0"}, "descriptor": layer,
    }


class Vector:
    """An input of a format: its blobs by role, and what is claimed of them."""

    def __init__(self, form, inputs, **args):
        self.form, self.inputs, self.args = form, inputs, args

    def write(self, folder):
        """The inputs as files: {role: path}."""
        for role, data in self.inputs.items():
            (folder / role).write_bytes(data)
        return {role: folder / role for role in self.inputs}

    def words(self, folder):
        """The same as a command line."""
        (_, first), *others = self.write(folder).items()
        return [f"--in={first}", f"--format={self.form}", *(f"--{k}={v}" for k, v in others),
                *(f"--{k}={v}" for k, v in self.args.items())]


def vectors():
    """A valid input of each format, by name."""
    tar, blob = small_tar(), (GOLDEN / "multi-chunk4.esgz").read_bytes()
    rafs = {n: {"bootstrap": (GOLDEN / f"nydus-v{n}.boot").read_bytes(),
                "blob": (GOLDEN / f"nydus-v{n}.blob").read_bytes()} for n in (5, 6)}
    return {
        "oci": Vector("oci", {"layer": tar}, diff_id="sha256:" + sha256(tar)),
        "oci-gzip": Vector("oci", {"layer": gzip.compress(tar, mtime=0)}),
        "oci-zstd": Vector("oci", {"layer": zstd_raw(tar)}),
        "estargz": Vector("estargz", {"layer": blob}, toc_digest=toc_digest(blob)),
        "zstdchunked": Vector("zstdchunked",
                              {"layer": (GOLDEN / "multi-chunk4.zstdchunked").read_bytes()}),
        "rafs5": Vector("rafs5", rafs[5]),
        "rafs6": Vector("rafs6", rafs[6]),
        "erofs": Vector("erofs", {"document": rafs[6]["bootstrap"]}),
        "gzip": Vector("gzip", {"document": gzip.compress(b"hello\n" * 9, mtime=0)}),
        "zstd": Vector("zstd", {"document": zstd_raw(b"hello\n")}),
        **{name: Vector(name, {"document": json.dumps(document).encode()})
           for name, document in documents().items()},
    }
