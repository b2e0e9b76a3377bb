# SPDX-License-Identifier: MIT
"""A layer as it comes: its compression, and an OCI layout of an image with nothing else in it."""
import gzip
import hashlib
import json
import re
import subprocess
import zlib

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar"
NOT_KNOWN = "sha256:" + "0" * 64
NAME = re.compile("[a-z0-9]+:[0-9a-zA-Z]+")   # of a digest that can be a path


def compression(data):
    """The suffix of a layer's media type."""
    if data.startswith(b"\x1f\x8b"):
        return "+gzip"
    return "+zstd" if data[:4] in (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18") else ""


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def diff_id(data):
    """The digest of a layer's tar; of one that does not decompress no tool has to know it."""
    kind = compression(data)
    try:
        if kind == "+gzip":
            return digest(gzip.decompress(data))
        if kind == "+zstd":
            return digest(subprocess.run(["zstd", "-dc"], input=data, capture_output=True,
                                         check=True).stdout)
    except (OSError, EOFError, zlib.error, subprocess.CalledProcessError):
        return NOT_KNOWN
    return digest(data)


def write_blob(layout, data, claimed=None):
    """Store a blob, under the digest that is claimed of it; the claim, or its digest, and size."""
    name = claimed or digest(data)
    if NAME.fullmatch(name):
        path = layout / "blobs" / name.replace(":", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return {"digest": name, "size": len(data)}


def described(layout, data, args, media_type):
    """Store a blob; its descriptor with what the arguments claim of it."""
    return {"mediaType": args.get("media_type") or media_type,
            "digest": write_blob(layout, data, args.get("digest"))["digest"],
            "size": int(args.get("size") or len(data))}


def write_index(layout, entry):
    """The layout's two documents: index.json with this descriptor as the image "latest"."""
    entry = {**entry, "annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def write_layout(layout, data, args):
    """An OCI layout of an image of this layer, of which the arguments claim what they claim."""
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": [args.get("diff_id") or diff_id(data)]}}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG,
                           **write_blob(layout, json.dumps(config).encode())},
                "layers": [described(layout, data, args, TAR + compression(data))]}
    write_index(layout, {"mediaType": MANIFEST,
                         **write_blob(layout, json.dumps(manifest).encode())})
