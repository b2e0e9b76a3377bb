# SPDX-License-Identifier: MIT
"""Images of Nydus: by nydus-image from tars, and from a bootstrap with its blobs."""
import gzip
import hashlib
import io
import tarfile

import embedded
from conftest import peer, run

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
        run(image, "create", "-l", "warn", "--prefetch-policy", "fs", "--blob", work / "blob",
            "--bootstrap", work / "boot", "--whiteout-spec", "none", "--fs-version", version,
            "--type", "tar-rafs", *options, work / f"{i}.tar", input=prefetch)
        blobs.append((work / "blob").read_bytes())
        boots.append(work / f"{hashlib.sha256(blobs[-1]).hexdigest()}")
        (work / "boot").rename(boots[-1])
    run(image, "merge", "-l", "warn", "--prefetch-policy", "fs", "--bootstrap", work / "merged",
        *boots, input=prefetch)
    return (work / "merged").read_bytes(), blobs
