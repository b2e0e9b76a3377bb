# SPDX-License-Identifier: MIT
"""image - the documents of an image, and its layout."""
import hashlib
import json
import os

OCI = "application/vnd.oci.image."


def put(blobs, document):
    """A JSON document as a blob: its digest and size."""
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def architecture():
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def write_image(recipe, layers, layout):
    blobs, date = os.path.join(layout, "blobs/sha256"), "2023-01-01T00:00:00Z"
    names = [layer.name for layer in recipe.layers]
    process = {"Env": recipe.env, "Cmd": recipe.cmd, "WorkingDir": recipe.workdir}
    config = put(blobs, {
        "created": date, "architecture": architecture(), "os": "linux",
        "config": {k: v for k, v in process.items() if v},
        "rootfs": {"type": "layers", "diff_ids": [d["diff_id"] for d in layers]},
        "history": [{"created": date, "created_by": f"{recipe.name}.recipe: layer {n}"}
                    for n in names]})
    manifest = put(blobs, {
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
        "config": {"mediaType": OCI + "config.v1+json", **config},
        "layers": [{"mediaType": OCI + "layer.v1.tar+gzip", "digest": d["digest"],
                    "size": d["size"]} for d in layers]})
    index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
        {"mediaType": OCI + "manifest.v1+json", **manifest,
         "annotations": {"org.opencontainers.image.ref.name": "latest"}}]}
    for name, document in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", index)):
        with open(os.path.join(layout, name), "w", encoding="utf-8") as f:
            json.dump(document, f, sort_keys=True, separators=(",", ":"))
    return manifest["digest"]
