# SPDX-License-Identifier: MIT
"""The image of the figures, a whole Debian: the same files in every format, by us and by nydusd."""
import hashlib
import os
import pathlib
import tarfile
import urllib.parse

import nydus
import pytest
from conftest import TOP, convert, layers_of, lines_of, peer, root_only, run, tree

FORMATS = ["estargz", "rafs5", "rafs6"]


@pytest.fixture(scope="module")
def python():
    layout = pathlib.Path(os.environ.get("CORPORA", TOP / "build" / "corpora")) / "python"
    if not layout.is_dir():
        pytest.skip("the image python is missing (corpora/make.py python)")
    return layout


@pytest.fixture(scope="module")
def images(python, work):
    """{format: layout}"""
    return {to: convert(python, work / f"python-{to}", f"--to={to}") for to in FORMATS}


@pytest.fixture(scope="module")
def legacy_tree(python, work):
    return tree(f"oci:{python}", work / "store")


def unpacked(layout):
    """{path: SHA-256 of the file or target of the link}, as Python's tar reader sees the layers."""
    found = {}
    for path, _ in layers_of(layout):
        with tarfile.open(path) as tar:
            for entry in tar:
                name = entry.name.strip("./")
                assert "/.wh." not in f"/{name}", "this reads no whiteouts"
                if entry.issym():
                    found[name] = entry.linkname
                elif entry.islnk():
                    found[name] = found[entry.linkname.strip("./")]
                elif entry.isreg():
                    found[name] = hashlib.sha256(tar.extractfile(entry).read()).hexdigest()
    return found


def contents(text):
    """The same of a canonical tree, which escapes names as URLs do."""
    lines = {line["p"]: line for line in lines_of(text)}
    found = {path: line.get("l") or lines[line.get("hl", path)]["d"].removeprefix("sha256:")
             for path, line in lines.items() if line["t"] in ("reg", "symlink")}
    return {urllib.parse.unquote(path): urllib.parse.unquote(what) for path, what in found.items()}


def test_our_tree_is_what_the_layers_hold(python, legacy_tree):
    assert contents(legacy_tree) == unpacked(python)


@pytest.mark.parametrize("to", FORMATS)
def test_every_format_has_the_same_tree(to, images, legacy_tree, work):
    assert tree(f"oci:{images[to]}", work / "store") == legacy_tree


@pytest.mark.parametrize("version", [5, 6])
def test_nydusd_serves_every_file(version, images, legacy_tree, tmp_path, work):
    root_only()
    image, _ = peer("nydus-image"), peer("nydusd")
    boot, blobs = nydus.parts(images[f"rafs{version}"])
    (tmp_path / "checked").write_bytes(boot)
    run(image, "check", "-l", "warn", "-B", tmp_path / "checked")
    with nydus.Nydusd(tmp_path, boot, blobs) as at:
        served = tree(f"dir:{at}", work / "store")
    assert lines_of(served) == lines_of(legacy_tree)
