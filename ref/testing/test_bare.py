# SPDX-License-Identifier: MIT
"""rafs:FILE[,DIR]: what nydus-image leaves in a directory, as an image."""
import json
import os
import shutil
import subprocess

import embedded
import nydus
import pytest
from conftest import (LAZYPULL, TOP, layers_of, lines_of, peer, root_only, run, tree, whole_seconds,
                      zoo_layers)

GOLDEN = TOP / "ref" / "testing" / "golden"


def place(work, boot, blobs):
    """A bootstrap and a folder of blobs; their name."""
    folder = work / "blobs"
    folder.mkdir(parents=True)
    for blob in blobs:
        (folder / embedded.digest(blob)[7:]).write_bytes(blob)
    (work / "boot").write_bytes(boot)
    return f"rafs:{work}/boot,{folder}"


@pytest.fixture(params=[5, 6])
def golden(request, tmp_path):
    return place(tmp_path / "golden", (GOLDEN / f"nydus-v{request.param}.boot").read_bytes(),
                 [(GOLDEN / f"nydus-v{request.param}.blob").read_bytes()])


@pytest.fixture
def source(tmp_path):
    layout = tmp_path / "source"
    embedded.write_layout(layout, [(GOLDEN / "in-nydus.tar").read_bytes()])
    return layout


def test_it_is_its_tar(golden, source, tmp_path):
    store = tmp_path / "store"
    assert lines_of(tree(golden, store)) == lines_of(tree(f"oci:{source}", store))
    assert run(LAZYPULL, "cat", f"--store={store}", golden, "/small").endswith("hello\n")
    assert "2 layers verified" in run(LAZYPULL, "check", f"--store={store}", golden)
    found = json.loads(run(LAZYPULL, "inspect", "--json", golden))
    assert found["kind"] == "nydus" and found["architecture"]
    assert [layer["format"] for layer in found["layers"]] == ["rafs", "rafs"]


def test_blobs_beside_the_bootstrap(golden, source, tmp_path):
    boot, folder = golden[5:].split(",")
    shutil.copy(boot, f"{folder}/boot")
    store = tmp_path / "store"
    want = lines_of(tree(f"oci:{source}", store))
    assert lines_of(tree(f"rafs:{folder}/boot", store)) == want
    bare = subprocess.run([LAZYPULL, "tree", f"--store={store}", "--digests", "rafs:boot"],
                          cwd=folder, capture_output=True, text=True, check=True)
    assert lines_of(bare.stdout) == want


@pytest.mark.parametrize("to", ["oci", "estargz", "rafs5", "rafs6", None])
def test_it_converts(to, golden, source, tmp_path):
    """Copied as it is, too, it is an image that stands by itself."""
    run(LAZYPULL, "convert", golden, f"oci:{tmp_path}/out", *([f"--to={to}"] if to else []),
        f"--store={tmp_path}/store")
    assert lines_of(tree(f"oci:{tmp_path}/out", tmp_path / "store")) == lines_of(
        tree(f"oci:{source}", tmp_path / "store"))
    assert "verified" in run(LAZYPULL, "check", f"--store={tmp_path}/store", f"oci:{tmp_path}/out")


def test_it_is_a_dictionary(source, tmp_path):
    boot, blob = ((GOLDEN / f"nydus-v6.{kind}").read_bytes() for kind in ("boot", "blob"))
    name = place(tmp_path / "golden", boot, [blob])
    run(LAZYPULL, "convert", f"oci:{source}", f"oci:{tmp_path}/out", "--to=rafs6",
        "--digester=sha256", "--chunk-size=4096", f"--chunk-dict={name}")
    assert [path.read_bytes() for path, _ in layers_of(tmp_path / "out")][1] == blob
    assert lines_of(tree(f"oci:{tmp_path}/out", tmp_path / "store")) == lines_of(
        tree(f"oci:{source}", tmp_path / "store"))


def test_it_mounts(golden, source, tmp_path):
    """From another folder, by a relative name; the keeper and the worker have folders of theirs."""
    root_only()
    at, store = tmp_path / "mnt", tmp_path / "store"
    at.mkdir()
    boot, folder = golden[5:].split(",")
    name = f"rafs:{os.path.relpath(boot, tmp_path)},{os.path.relpath(folder, tmp_path)}"
    subprocess.run([LAZYPULL, "mount", f"--store={store}", "--mount=fuse", name, at], cwd=tmp_path,
                   check=True)
    try:
        assert lines_of(tree(f"dir:{at}", store)) == lines_of(tree(f"oci:{source}", store))
    finally:
        run(LAZYPULL, "umount", at)


def test_a_layout_by_a_relative_name_mounts(source, tmp_path):
    root_only()
    at, store = tmp_path / "mnt", tmp_path / "store"
    at.mkdir()
    run(LAZYPULL, "convert", f"oci:{source}", f"oci:{tmp_path}/lazy", "--to=rafs6")
    subprocess.run([LAZYPULL, "mount", f"--store={store}", "--mount=fuse", "oci:lazy", at],
                   cwd=tmp_path, check=True)
    try:
        assert lines_of(tree(f"dir:{at}", store)) == lines_of(tree(f"oci:{source}", store))
    finally:
        run(LAZYPULL, "umount", at)


def test_a_blob_that_is_missing_or_damaged(golden, tmp_path):
    boot, folder = golden[5:].split(",")
    path = next(os.scandir(folder)).path
    data = bytearray(open(path, "rb").read())
    store = f"--store={tmp_path}/store"
    os.unlink(path)
    assert "rafs.blob.missing" in run(LAZYPULL, "tree", store, golden, status=1)
    data[5361] ^= 1                                   # of "hello"
    with open(path, "wb") as file:
        file.write(data)
    assert "layer.chunk.digest" in run(LAZYPULL, "cat", store, golden, "/small", status=1)
    assert "layer.chunk.digest" in run(LAZYPULL, "check", store, golden, status=1)


def test_what_is_none(golden, tmp_path):
    boot, folder = golden[5:].split(",")
    assert "no such" in run(LAZYPULL, "inspect", f"rafs:{tmp_path}/none", status=3)
    assert "no such" in run(LAZYPULL, "inspect", f"rafs:{boot},{tmp_path}/none", status=3)
    (tmp_path / "text").write_text("no bootstrap\n" * 1000)
    assert "rafs.boot" in run(LAZYPULL, "inspect", f"rafs:{tmp_path}/text", status=1)
    os.mkfifo(tmp_path / "fifo")
    assert "oci.layout.file" in run(LAZYPULL, "inspect", f"rafs:{tmp_path}/fifo", status=1)
    with open(tmp_path / "large", "wb") as file:
        file.truncate((512 << 20) + 1)
    assert "image.bare.size" in run(LAZYPULL, "inspect", f"rafs:{tmp_path}/large", status=1)


@pytest.mark.parametrize("version,options", [(5, ()), (6, ()), (6, ("--features", "blob-toc"))],
                         ids=["v5", "v6", "v6-toc"])
def test_what_nydus_image_leaves_in_a_folder(version, options, zoo, tmp_path):
    """One layer, blobs called as nydus-image calls them: with a table of contents, by no digest."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "in.tar").write_bytes(nydus.with_numbers(zoo_layers()[0]))
    embedded.write_layout(tmp_path / "zoo", zoo_layers()[:1])
    run(peer("nydus-image"), "create", "-l", "warn", "--blob-dir", tmp_path / "blobs",
        "--bootstrap", tmp_path / "boot", "--whiteout-spec", "none", "--fs-version", version,
        "--type", "tar-rafs", *options, tmp_path / "in.tar")
    name, store = f"rafs:{tmp_path}/boot,{tmp_path}/blobs", tmp_path / "store"
    want = whole_seconds(lines_of(tree(f"oci:{tmp_path}/zoo", store)))
    assert lines_of(tree(name, store)) == want
    assert "verified" in run(LAZYPULL, "check", f"--store={store}", name)
