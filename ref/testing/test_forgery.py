# SPDX-License-Identifier: MIT
"""TOCs that lie: one with a blob of somebody else's never feeds the other's image, and `check`
finds one that describes another tree than its tar."""
import gzip
import hashlib
import json
import zlib

import embedded
import pytest
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
    _, toc = read_toc(path.read_bytes())
    entries = {e["name"]: e for e in toc["entries"]}
    for key in ("offset", "digest", "chunkDigest"):
        entries["good"][key] = entries["evil"][key]
    forged = tmp_path / "forged"
    forged_blob = write_forged(forged, path.read_bytes(), toc)
    claim_blob(forged, descriptor["digest"], forged_blob)
    store = f"--store={tmp_path}/store"
    assert run(LAZYPULL, "cat", store, f"oci:{forged}", "/good") == "evil bytes"
    assert run(LAZYPULL, "cat", store, f"oci:{honest}", "/good") == "good bytes"
    assert run(LAZYPULL, "cat", store, f"oci:{forged}", "/good") == "evil bytes"
    assert len(list((tmp_path / "store").glob("devices/*"))) == 2


def write_forged(layout, blob, toc, diffid=None):
    """An image of one layer: @blob with another TOC, which its descriptor vouches for."""
    at, _ = read_toc(blob)
    forged = blob[:at] + toc_member(toc) + blob[-51:]
    digest = "sha256:" + hashlib.sha256(json.dumps(toc).encode()).hexdigest()
    embedded.write_layout(layout, [forged], media_type=GZIP,
                          diff_ids=[diffid or embedded.digest(zlib_all(forged))],
                          annotations=[{TOC_DIGEST: digest}])
    return forged


def set_mode(entries):
    entries["good"]["mode"] = 0o755


def drop_file(entries):
    del entries["evil"]


def add_file(entries):
    entries["zzz"] = {**entries["good"], "name": "zzz"}


def swap_data(entries):
    for key in ("offset", "digest", "chunkDigest"):
        entries["good"][key] = entries["evil"][key]


@pytest.fixture(scope="module")
def honest_blob(work):
    data = Tar().add("evil", b"evil bytes").add("good", b"good bytes").bytes()
    embedded.write_layout(work / "forgery-tar", [data])
    (path, _), = layers_of(convert(work / "forgery-tar", work / "forgery-esgz", "--to=estargz"))
    return path.read_bytes()


@pytest.mark.parametrize("forge, path", [(set_mode, "good"), (drop_file, "evil"),
                                         (add_file, "zzz"), (swap_data, "good")])
def test_check_compares_toc_and_tar(forge, path, honest_blob, tmp_path):
    """The TOC's digest holds, every chunk's digest holds, and yet tar readers see another tree."""
    _, toc = read_toc(honest_blob)
    entries = {e["name"]: e for e in toc["entries"]}
    forge(entries)
    write_forged(tmp_path / "forged", honest_blob, {**toc, "entries": list(entries.values())})
    store = f"--store={tmp_path}/store"
    words = run(LAZYPULL, "check", store, f"oci:{tmp_path}/forged", status=1)
    assert "estargz.toc.tar" in words and f'"p":"{path}"' in words
    assert not list((tmp_path / "store/tmp").glob("*/"))


def test_check_compares_the_diffid(honest_blob, tmp_path):
    _, toc = read_toc(honest_blob)
    write_forged(tmp_path / "same", honest_blob, toc)
    store = f"--store={tmp_path}/store"
    assert "verified" in run(LAZYPULL, "check", store, f"oci:{tmp_path}/same")
    write_forged(tmp_path / "other", honest_blob, toc, diffid=embedded.digest(b"another tar"))
    assert "oci.config.diffid" in run(LAZYPULL, "check", store, f"oci:{tmp_path}/other", status=1)


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
