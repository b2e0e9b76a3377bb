# SPDX-License-Identifier: MIT
"""Images of Nydus: by nydus-image from tars, and from a bootstrap with its blobs."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

import embedded
from conftest import layers_of, peer, run

BLOB = "application/vnd.oci.image.layer.nydus.blob.v1"
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
NOTE = "containerd.io/snapshot/nydus-"


def boot_layer(boot):
    """The tar of a bootstrap layer."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folder = tarfile.TarInfo("image")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        entry = tarfile.TarInfo("image/image.boot")
        entry.size, entry.mode = len(boot), 0o444
        tar.addfile(entry, io.BytesIO(boot))
    return file.getvalue()


def write_layout(layout, boot, blobs, version, config=None):
    """An OCI layout of the image with this bootstrap and these blobs, as bytes."""
    tar = boot_layer(boot)
    embedded.write_layout(
        layout, [*blobs, gzip.compress(tar, 6, mtime=0)],
        media_type=[BLOB] * len(blobs) + [GZIP],
        diff_ids=[embedded.digest(b) for b in [*blobs, tar]],
        annotations=[{NOTE + "blob": "true"}] * len(blobs)
        + [{NOTE + "bootstrap": "true", NOTE + "fs-version": str(version)}], config=config)
    return layout


def rewrite(layout, change):
    """The layout, after change was called with its only manifest."""
    index = json.loads((layout / "index.json").read_text())
    entry = index["manifests"][0]
    manifest = json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_text())
    change(manifest)
    entry |= embedded.write_blob(layout, json.dumps(manifest).encode())
    (layout / "index.json").write_text(json.dumps(index))
    return layout


def with_numbers(data):
    """The tar with numbers in the device fields of fifos: nydus-image reads them."""
    out = bytearray(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for entry in tar:
            if entry.type == tarfile.FIFOTYPE:
                at = entry.offset_data - 512
                out[at + 329:at + 345] = b"0000000\0" * 2
                out[at + 148:at + 156] = b" " * 8
                out[at + 148:at + 156] = b"%06o\0 " % sum(out[at:at + 512])
    return bytes(out)


def create(work, tars, version, *options, prefetch="/\n"):
    """Each tar a blob with its bootstrap inside, and the merged bootstrap, as the converters of
    containerd do it; the bootstrap, and the blobs as bytes."""
    image = peer("nydus-image")
    boots, blobs = [], []
    work.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(tars):
        (work / f"{i}.tar").write_bytes(with_numbers(data))
        (work / "blob").unlink(missing_ok=True)       # nydus-image does not truncate it
        run(image, "create", "-l", "warn", "--prefetch-policy", "fs", "--blob", work / "blob",
            "--bootstrap", work / "boot", "--whiteout-spec", "none", "--fs-version", version,
            "--type", "tar-rafs", *options, work / f"{i}.tar", input=prefetch)
        blobs.append((work / "blob").read_bytes())
        boots.append(work / f"{hashlib.sha256(blobs[-1]).hexdigest()}")
        (work / "boot").rename(boots[-1])
    run(image, "merge", "-l", "warn", "--prefetch-policy", "fs", "--bootstrap", work / "merged",
        *boots, input=prefetch)
    return (work / "merged").read_bytes(), blobs


class Nydusd:
    """An image served by nydusd, for a with statement; blobs by name in a directory."""

    def __init__(self, work, boot, blobs):
        self.at, self.cache = work / "nydusd-mount", work / "nydusd-cache"
        store = work / "nydusd-blobs"
        for path in self.at, self.cache, store:
            path.mkdir(parents=True)
        for blob in blobs:
            (store / hashlib.sha256(blob).hexdigest()).write_bytes(blob)
        (work / "boot").write_bytes(boot)
        (work / "config.json").write_text(json.dumps({
            "device": {"backend": {"type": "localfs", "config": {"dir": str(store)}},
                       "cache": {"type": "blobcache", "config": {"work_dir": str(self.cache)}}},
            "mode": "direct", "enable_xattr": True,
            "digest_validate": boot.startswith(b"SFAR")}))       # of v6 nydusd validates nothing
        self.argv = [peer("nydusd"), "fuse", "--config", work / "config.json", "--bootstrap",
                     work / "boot", "--mountpoint", self.at, "--apisock", work / "api.sock",
                     "--rlimit-nofile", "0", "--log-level", "warn"]

    def __enter__(self):
        self.process = subprocess.Popen([str(a) for a in self.argv], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        while not os.path.ismount(self.at):
            assert self.process.poll() is None, self.process.stdout.read()
            os.sched_yield()
        return self.at

    def __exit__(self, *why):
        subprocess.run(["umount", "-l", self.at], capture_output=True)
        self.process.kill()  # asked to end, it sometimes waits for what umount took from it
        self.process.wait(timeout=30)
        self.process.stdout.close()


def parts(layout):
    """The bootstrap and the blobs of a layout's only image, as bytes."""
    *blobs, last = [path for path, _ in layers_of(layout)]
    with tarfile.open(last) as tar:
        boot = tar.extractfile("image/image.boot").read()
    return boot, [path.read_bytes() for path in blobs]


def inner_boot(blob):
    """The bootstrap at the end of a layer's blob."""
    name, end = "", len(blob)
    while name != "image.boot":
        header = blob[end - 512:end]
        name, size = header[:100].rstrip(b"\0").decode(), int(header[124:135], 8)
        end -= 512 + size
    data = blob[end:end + size]
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        data = subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return data


def converter(work, tars, version, *options, prefetch=None, chunk_dict=None):
    """What the converters of containerd make of tars: the merged bootstrap, and the blobs with
    a bootstrap inside each; without the chunks of the bootstrap chunk_dict."""
    image, boots, blobs = peer("nydus-image"), [], []
    known = ["--chunk-dict", f"bootstrap={chunk_dict}"] if chunk_dict else []
    policy = ["--prefetch-policy", "fs"] if prefetch else []
    toc = ["--features", "blob-toc"] if version == 6 else []
    work.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(tars):
        (work / f"{i}.tar").write_bytes(with_numbers(data))
        (work / "blob").unlink(missing_ok=True)
        run(image, "create", "-l", "warn", *policy, "--blob", work / "blob", "--blob-inline-meta",
            "--whiteout-spec", "none", "--fs-version", version, "--type", "tar-rafs", *toc, *known,
            *options, work / f"{i}.tar", input=prefetch)
        blobs.append((work / "blob").read_bytes())
        boots.append(work / hashlib.sha256(blobs[-1]).hexdigest())
        boots[-1].write_bytes(inner_boot(blobs[-1]))
    run(image, "merge", "-l", "warn", *policy, *known, "--bootstrap", work / "merged", *boots,
        input=prefetch)
    return (work / "merged").read_bytes(), blobs
