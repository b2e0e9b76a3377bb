# SPDX-License-Identifier: MIT
"""The embedded registry as a context manager, for end-to-end tests.

    with Registry(root=tmp_path, knobs=["redirect"]) as r:
        subprocess.run([..., f"{r.host}/python:latest"])
        print(r.log())
"""
import hashlib
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parents[2]
LAZYBENCH = os.environ.get("LAZYBENCH", str(HERE / "build" / "lazybench"))
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    def __init__(self, root=None, layouts=(), knobs=(), log=None, options=()):
        self.argv = [LAZYBENCH, "registry", *options]
        if root:
            self.argv += ["--root", str(root)]
        for text in layouts:
            self.argv += ["--layout", text]
        for text in knobs:
            self.argv += ["--knob", text]
        self.log_path = log
        if log:
            self.argv += ["--log", str(log)]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.url, self.port, self.storage = ready["url"], ready["port"], ready.get("storage")
        self.host = self.url.split("//")[1]
        return self

    def __exit__(self, *why):
        self.process.terminate()
        status = self.process.wait(timeout=30)
        self.process.stdout.close()
        assert status == 0 or why[0], f"registry ended with {status}"

    def log(self):
        return [json.loads(line) for line in pathlib.Path(self.log_path).read_text().splitlines()]


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write_blob(layout, data):
    path = layout / "blobs" / "sha256" / digest(data)[7:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"digest": digest(data), "size": len(data)}


def write_layout(layout, layers, tag="latest", media_type="application/vnd.oci.image.layer.v1.tar",
                 diff_ids=None, annotations=None, config=None):
    """An OCI layout of one image with these bytes as layers; returns its manifest's bytes.

    media_type: of all layers, or a list.  diff_ids: of layers that are compressed.  annotations:
    a dict for each layer.  config: what to run.
    """
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": config or {}, "rootfs": {
        "type": "layers", "diff_ids": diff_ids or [digest(b) for b in layers]}}).encode()
    types = [media_type] * len(layers) if isinstance(media_type, str) else media_type
    notes = [{"annotations": a} for a in annotations] if annotations else [{} for _ in layers]
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   **write_blob(layout, config)},
        "layers": [{"mediaType": kind, **write_blob(layout, b), **note}
                   for kind, b, note in zip(types, layers, notes)],
    }).encode()
    entry = {"mediaType": MANIFEST, **write_blob(layout, manifest),
             "annotations": {"org.opencontainers.image.ref.name": tag}}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return manifest
