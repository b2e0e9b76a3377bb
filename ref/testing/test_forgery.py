# SPDX-License-Identifier: MIT
"""Two images that name one blob: the one with a TOC of its own never feeds the other."""
import gzip
import hashlib
import json
import zlib

import embedded
from conftest import LAZYPULL, Tar, convert, layers_of, run

TOC_DIGEST = "containerd.io/snapshot/stargz/toc.digest"
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


def read_toc(blob):
    at = int(blob[-51 + 16:-51 + 32], 16)
    tar = zlib.decompressobj(31).decompress(blob[at:])
    return at, json.loads(tar[512:512 + int(tar[124:135], 8)])


def test_a_forged_toc_has_a_device_of_its_own(work, tmp_path):
    """The same stored bytes, once with the honest table and once with a table that puts "evil"
    where "good" belongs: the honest image must not see it, whoever came first."""
    source = tmp_path / "source"
    data = Tar().add("evil", b"evil bytes").add("good", b"good bytes").bytes()
    embedded.write_layout(source, [data])
    honest = convert(source, tmp_path / "honest", "--to=estargz")
    (path, descriptor), = layers_of(honest)
    blob = path.read_bytes()
    at, toc = read_toc(blob)
    entries = {e["name"]: e for e in toc["entries"]}
    for key in ("offset", "digest", "chunkDigest"):
        entries["good"][key] = entries["evil"][key]
    forged_blob = blob[:at] + toc_member(toc) + blob[-51:]
    forged = tmp_path / "forged"
    digest = "sha256:" + hashlib.sha256(json.dumps(toc).encode()).hexdigest()
    plain = zlib_all(forged_blob)
    embedded.write_layout(forged, [forged_blob], media_type=GZIP, diff_ids=[embedded.digest(plain)],
                          annotations=[{TOC_DIGEST: digest}])
    claim_blob(forged, descriptor["digest"], forged_blob)
    store = f"--store={tmp_path}/store"
    assert run(LAZYPULL, "cat", store, f"oci:{forged}", "/good") == "evil bytes"
    assert run(LAZYPULL, "cat", store, f"oci:{honest}", "/good") == "good bytes"
    assert run(LAZYPULL, "cat", store, f"oci:{forged}", "/good") == "evil bytes"
    assert len(list((tmp_path / "store").glob("devices/*"))) == 2


def toc_member(toc):
    """The TOC as a tar in one gzip member."""
    return gzip.compress(Tar().add("stargz.index.json", json.dumps(toc).encode()).bytes(), mtime=0)


def zlib_all(data):
    """What all members of a gzip file hold."""
    out = b""
    while data:
        member = zlib.decompressobj(31)
        out += member.decompress(data)
        data = member.unused_data
    return out


def claim_blob(layout, digest, data):
    """Let a layout's manifest claim that @data is the blob @digest, as a lazy reader cannot see."""
    index = json.loads((layout / "index.json").read_text())
    blobs = layout / "blobs" / "sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    manifest["layers"][0]["digest"] = digest
    (blobs / digest[7:]).write_bytes(data)
    text = json.dumps(manifest).encode()
    index["manifests"][0].update(embedded.write_blob(layout, text))
    (layout / "index.json").write_text(json.dumps(index))
