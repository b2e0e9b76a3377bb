#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""documents.py skopeo hello|serve|verify... - readers of OCI's documents, in a layout made around
the one that is judged.

What a document refers to is not there, unless the vector brings it as a blob: a reader that asks
for it, or a server for it, has accepted the document.
"""
import json
import pathlib
import sys

import layer
import tool
from reader import Reader, start
from protocol import Reject

INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY_CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
WENT_ON = "no such file or directory", "dial tcp"


def manifest_of(layout, config):
    """The descriptor of a manifest with these bytes as the descriptor of its configuration."""
    text = f'{{"schemaVersion":2,"mediaType":"{layer.MANIFEST}","config":'.encode() + config \
        + b',"layers":[]}'
    return {"mediaType": layer.MANIFEST, **layer.write_blob(layout, text)}


def write_layout(layout, request, document):
    """A layout in which the document has the place of its kind."""
    layout.mkdir()
    kind, config = request.format, document
    if kind != "descriptor":
        config = json.dumps({"mediaType": layer.CONFIG, **layer.write_blob(
            layout, document if kind == "config" else EMPTY_CONFIG)}).encode()
    entry = manifest_of(layout, config)
    if kind in ("manifest", "index"):
        entry = layer.described(layout, document, request.args,
                                layer.MANIFEST if kind == "manifest" else INDEX)
    layer.write_index(layout, entry)
    if kind == "layout":
        (layout / "oci-layout").write_bytes(document)


def claimed(document):
    """The digest in a descriptor, if one can be read from it."""
    try:
        name = json.loads(document)["digest"]
    except (KeyError, TypeError, ValueError):
        return None
    return name if isinstance(name, str) else None


def skopeo(request, work):
    document = pathlib.Path(request.input()).read_bytes()
    layout = work / "layout"
    write_layout(layout, request, document)
    for role in request.blobs():
        layer.write_blob(layout, pathlib.Path(request.inputs[role]).read_bytes(),
                         claimed(document))
    copy = "copy", "--all", f"oci:{layout}:latest", f"dir:{work}/dir"
    inspect = "inspect", f"oci:{layout}:latest"
    try:
        tool.run(work, request.program, "--insecure-policy", f"--tmpdir={work}",
                 *(inspect if request.format == "config" else copy))
    except Reject as why:
        if not any(words in str(why) for words in WENT_ON):
            raise


READERS = {
    "skopeo": Reader(skopeo, "skopeo", ("--version",), "https://github.com/containers/skopeo",
                     ("manifest", "index", "config", "descriptor", "layout"),
                     policies={"policy.json.duplicate-key": "last"}, tree=False, claims=True),
}

if __name__ == "__main__":
    sys.exit(start(READERS))
