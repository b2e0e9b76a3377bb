# SPDX-License-Identifier: MIT
"""Nydus images that are an index of legacy layers: zran, made by nydus-image."""
import gzip
import hashlib
import io
import os
import pathlib
import struct
import subprocess
import tarfile

import embedded
import nydus
import pytest
from conftest import LAZYPULL, TOP, Tar, layers_of, lines_of, peer, root_only, run, tree
from test_chunk_dict import noise


def layers():
    """Two layers, of several contexts, and one of two gzip members."""
    low = Tar().add("a/", kind=tarfile.DIRTYPE).add("a/big", noise(1, 3_000_000))
    low.add("a/text", b"a line of words\n" * 200_000).add("a/empty", b"")
    for i in range(50):
        low.add(f"a/f{i:02d}", noise(i, 3000) + b"x" * 5000)
    high = Tar().add("b/", kind=tarfile.DIRTYPE).add("b/twice", noise(1, 3_000_000))
    high.add("a/f07", noise("new", 5000)).add("b/l", kind=tarfile.LNKTYPE, linkname="b/twice")
    return [low.bytes(), high.bytes()]


def zran(work, packed):
    """The merged bootstrap, and the blobs with contexts, of gzip'ed layers."""
    image, metas = peer("nydus-image"), []
    work.mkdir(parents=True, exist_ok=True)
    boots = []
    for i, data in enumerate(packed):
        (work / f"{i}.tar.gz").write_bytes(data)
        run(image, "create", "-l", "warn", "--type", "targz-ref", "--blob", work / f"meta-{i}",
            "--bootstrap", work / f"boot-{i}", "--fs-version", 6, "--whiteout-spec", "none",
            work / f"{i}.tar.gz")
        metas.append((work / f"meta-{i}").read_bytes())
        boots.append(work / hashlib.sha256(data).hexdigest())
        (work / f"boot-{i}").rename(boots[-1])
    run(image, "merge", "-l", "warn", "--bootstrap", work / "merged", *boots)
    return (work / "merged").read_bytes(), metas


def as_image(layout, boot, metas, packed):
    """As nydusify lays it out: the legacy layers beside, named by annotations alone."""
    nydus.write_layout(layout, boot, metas, 6)
    for data in packed:
        embedded.write_blob(layout, data)

    def name(manifest):
        for layer, data in zip(manifest["layers"], packed):
            layer["annotations"][nydus.NOTE + "ref"] = embedded.digest(data)

    return nydus.rewrite(layout, name)


@pytest.fixture(scope="module")
def image(work):
    at = work / "zran"
    plain = layers()
    packed = [gzip.compress(plain[0], 6, mtime=0),
              gzip.compress(plain[1][:1_000_448], 9, mtime=0)
              + gzip.compress(plain[1][1_000_448:], 1, mtime=0)]
    boot, metas = zran(at / "made", packed)
    embedded.write_layout(at / "source", plain)
    return at / "source", as_image(at / "image", boot, metas, packed), (boot, metas, packed)


def timeless(name, store):
    """The tree: nydus-image 2.2.0 leaves times out of such images."""
    return [{k: v for k, v in line.items() if k != "mt"} for line in lines_of(tree(name, store))]


def test_the_tree_is_the_layers(image, tmp_path):
    source, layout, _ = image
    store = tmp_path / "store"
    assert timeless(f"oci:{layout}", store) == timeless(f"oci:{source}", store)
    assert "verified" in run(LAZYPULL, "check", f"--store={store}", f"oci:{layout}")


def test_it_is_mounted_lazily(image, tmp_path):
    """From a registry: metadata, and then ranges of the legacy layers."""
    root_only()
    source, layout, (_, _, packed) = image
    store, at = tmp_path / "store", tmp_path / "at"
    at.mkdir()
    with embedded.Registry(tmp_path / "registry", log=tmp_path / "log") as registry:
        name = f"docker://{registry.host}/x:1"
        run(LAZYPULL, "convert", f"oci:{layout}", name)
        before = len(registry.log())
        run(LAZYPULL, "mount", f"--store={store}", "--background=off", name, at)
        try:
            assert (at / "a/f07").read_bytes() == noise("new", 5000)
            gets = [line for line in registry.log()[before:] if line["method"] == "GET"]
            layer = embedded.digest(packed[1])
            assert any(layer in line["path"] and line["status"] == 206 for line in gets)
            assert not any(embedded.digest(packed[0]) in line["path"] for line in gets)
            assert timeless(f"dir:{at}", store) == timeless(f"oci:{source}", store)
        finally:
            run(LAZYPULL, "umount", at)


@pytest.mark.parametrize("target", ["oci", "estargz", "rafs5", "rafs6"])
def test_conversions_keep_the_tree(target, image, tmp_path):
    source, layout, _ = image
    store = tmp_path / "store"
    run(LAZYPULL, "convert", f"--store={store}", f"oci:{layout}", f"oci:{tmp_path}/out",
        f"--to={target}")
    assert timeless(f"oci:{tmp_path}/out", store) == timeless(f"oci:{source}", store)


def test_contexts_that_are_nowhere_are_missed(image, tmp_path):
    boot, metas, packed = image[2]
    other = as_image(tmp_path / "other", boot, [metas[0], b"something else"], packed)
    failed = run(LAZYPULL, "tree", f"--store={tmp_path}/store", f"oci:{other}", status=1)
    assert "rafs.blob.missing" in failed


def test_a_changed_layer_is_refused(image, tmp_path):
    """Chunks are compared, whatever lies around them."""
    boot, metas, packed = image[2]
    layout = as_image(tmp_path / "changed", boot, metas, packed)
    path = layout / "blobs" / "sha256" / hashlib.sha256(packed[0]).hexdigest()
    data = bytearray(packed[0])
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    failed = run(LAZYPULL, "tree", "--digests", f"--store={tmp_path}/store", f"oci:{layout}",
                 status=1)
    assert "layer.chunk.digest" in failed or "codec" in failed


def plain_contexts(meta):
    """The contexts of a blob as they lie beside a bootstrap: plain, up to a block, their header."""
    header = meta[-4096:]
    stored, plain = struct.unpack_from("<QQ", header, 24)
    info = meta[:stored]
    if stored != plain:
        info = subprocess.run(["zstd", "-dc"], input=info, capture_output=True, check=True).stdout
    return info + bytes(-len(info) % 4096) + header


def with_copies(layout, made, change=lambda data: None):
    """The image with the contexts in its last layer too, as nydusify puts them."""
    boot, metas, packed = made
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        files = [("image/image.boot", boot)] + [
            (f"image/{hashlib.sha256(data).hexdigest()}.blob.meta", plain_contexts(meta))
            for meta, data in zip(metas, packed)]
        for name, data in files:
            data = bytearray(data)
            if name.endswith(".meta"):
                change(data)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o444
            tar.addfile(entry, io.BytesIO(bytes(data)))
    last = gzip.compress(file.getvalue(), 6, mtime=0)
    as_image(layout, boot, metas, packed)
    old = layers_of(layout)
    embedded.write_layout(
        layout, [*metas, last], media_type=[d["mediaType"] for _, d in old],
        diff_ids=[embedded.digest(data) for data in [*metas, file.getvalue()]],
        annotations=[d["annotations"] for _, d in old])
    return layout


@pytest.mark.parametrize("at", [None, 3, 24 * 55 + 8, -4096 + 12, -1])
def test_copies_of_the_contexts_are_compared(at, image, tmp_path):
    """nydusd goes by them, if they are there; features of the header, later ones, aside."""
    def change(data):
        if at is not None:
            data[at] ^= 1

    layout = with_copies(tmp_path / "image", image[2], change)
    said = run(LAZYPULL, "check", f"--store={tmp_path}/store", f"oci:{layout}",
               status=0 if at is None else 1)
    assert ("verified" if at is None else "rafs6.info.copy") in said


def test_a_whole_debian(work):
    """Chunks of a byte, of which records say that they are stored in none, among them."""
    corpus = pathlib.Path(os.environ.get("CORPORA", TOP / "build" / "corpora")) / "python"
    if not corpus.is_dir():
        pytest.skip("the image python is missing (corpora/make.py python)")
    packed = [path.read_bytes() for path, _ in layers_of(corpus)]
    boot, metas = zran(work / "debian", packed)
    layout = as_image(work / "debian" / "image", boot, metas, packed)
    assert timeless(f"oci:{layout}", work / "store") == timeless(f"oci:{corpus}", work / "store")
