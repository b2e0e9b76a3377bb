# SPDX-License-Identifier: MIT
"""Nydus images whose manifest does not list all blobs: an annotation names the others."""
import json

import embedded
import nydus
import pytest
from conftest import LAZYPULL, convert, layers_of, lines_of, root_only, run, tree
from test_chunk_dict import REFERENCES, layers


def with_references(layout, ids):
    """The image with another annotation on its last layer."""
    return nydus.rewrite(layout, lambda manifest: manifest["layers"][-1]["annotations"].update(
        {REFERENCES: ids}))


@pytest.fixture(scope="module", params=[5, 6])
def image(request, work):
    """The source, the image without what it borrows in its manifest, and what that is."""
    at = work / f"borrowed-{request.param}"
    for version in 1, 2:
        embedded.write_layout(at / f"source-{version}", layers(version))
    first = convert(at / "source-1", at / "first", f"--to=rafs{request.param}")
    whole = convert(at / "source-2", at / "whole", f"--to=rafs{request.param}",
                    f"--chunk-dict=oci:{first}")
    boot, blobs = nydus.parts(whole)
    lent = nydus.parts(first)[1]
    layout = nydus.write_layout(at / "image", boot, [b for b in blobs if b not in lent],
                                request.param)
    for blob in lent:
        embedded.write_blob(layout, blob)
    ids = [embedded.digest(blob)[7:] for blob in lent]
    return at / "source-2", with_references(layout, json.dumps(ids)), ids


def test_it_is_read_and_checked(image, tmp_path):
    source, layout, _ = image
    store = tmp_path / "store"
    assert lines_of(tree(f"oci:{layout}", store)) == lines_of(tree(f"oci:{source}", store))
    assert "verified" in run(LAZYPULL, "check", f"--store={store}", f"oci:{layout}")


def test_a_copy_has_what_is_borrowed(image, tmp_path):
    source, layout, _ = image
    store = tmp_path / "store"
    with embedded.Registry(tmp_path / "registry", log=tmp_path / "log") as registry:
        name = f"docker://{registry.host}/x:1"
        run(LAZYPULL, "convert", f"oci:{layout}", name)
        run(LAZYPULL, "convert", name, f"oci:{tmp_path}/back")
        assert lines_of(tree(name, store)) == lines_of(tree(f"oci:{source}", store))
    assert lines_of(tree(f"oci:{tmp_path}/back", store)) == lines_of(tree(f"oci:{source}", store))


@pytest.mark.parametrize("knob", ["head=405", "head=403", "whole", "redirect", "token"])
def test_how_long_they_are_any_registry_says(knob, image, tmp_path):
    """Where HEAD is refused, one byte is asked for, and how many there are."""
    source, layout, _ = image
    store, root = tmp_path / "store", tmp_path / "registry"
    with embedded.Registry(root, log=tmp_path / "log") as registry:
        run(LAZYPULL, "convert", f"oci:{layout}", f"docker://{registry.host}/x:1")
    with embedded.Registry(root, knobs=[knob], log=tmp_path / "log") as registry:
        name = f"docker://{registry.host}/x:1"
        assert lines_of(tree(name, store)) == lines_of(tree(f"oci:{source}", store))


def test_it_is_mounted_lazily(image, tmp_path):
    root_only()
    source, layout, _ = image
    store, at = tmp_path / "store", tmp_path / "at"
    at.mkdir()
    with embedded.Registry(tmp_path / "registry", log=tmp_path / "log") as registry:
        name = f"docker://{registry.host}/x:1"
        run(LAZYPULL, "convert", f"oci:{layout}", name)
        run(LAZYPULL, "mount", f"--store={store}", name, at)
        try:
            assert lines_of(tree(f"dir:{at}", store)) == lines_of(tree(f"oci:{source}", store))
        finally:
            run(LAZYPULL, "umount", at)


def test_a_blob_that_is_nowhere_is_missed(image, tmp_path):
    _, layout, ids = image
    boot, blobs = nydus.parts(layout)
    alone = with_references(nydus.write_layout(tmp_path / "alone", boot, blobs, 6),
                            json.dumps(ids))
    assert "rafs.blob.missing" in run(LAZYPULL, "tree", f"--store={tmp_path}/store",
                                      f"oci:{alone}", status=1)


@pytest.mark.parametrize("ids", ["", "{}", "[1]", '["00"]', '["' + "g" * 64 + '"]',
                                 '["' + "A" * 64 + '"]', json.dumps(["0" * 64] * 255)],
                         ids=["empty", "object", "number", "short", "letters", "upper", "many"])
def test_a_list_that_is_none_is_refused(ids, image, tmp_path):
    boot, blobs = nydus.parts(image[1])
    bad = with_references(nydus.write_layout(tmp_path / "bad", boot, blobs, 6), ids)
    failed = run(LAZYPULL, "tree", f"--store={tmp_path}/store", f"oci:{bad}", status=1)
    assert "image.borrowed.list" in failed, failed


def test_it_is_a_dictionary_too(image, tmp_path):
    source, layout, ids = image
    version = "5" if nydus.parts(layout)[0].startswith(b"SFAR") else "6"
    again = convert(source, tmp_path / "again", f"--to=rafs{version}",
                    f"--chunk-dict=oci:{layout}")
    assert lines_of(tree(f"oci:{again}", tmp_path / "store")) == lines_of(
        tree(f"oci:{source}", tmp_path / "store"))
    assert set(ids) <= {path.name for path, _ in layers_of(again)}
