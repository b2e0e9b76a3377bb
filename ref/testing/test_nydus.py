# SPDX-License-Identifier: MIT
"""Images of Nydus: strangers' images are read, whole, and as what they were made from."""
import pathlib

import embedded
import nydus
import pytest
from conftest import LAZYPULL, TOP, lines_of, run, tree, whole_seconds, zoo_layers

GOLDEN = TOP / "ref" / "testing" / "golden"


@pytest.fixture(scope="module")
def store(work):
    return work / "nydus-store"


@pytest.fixture(scope="module")
def zoo_tree(zoo, store):
    """nydus-image drops fractions of seconds in tars."""
    return whole_seconds(lines_of(tree(f"oci:{zoo}", store)))


def wrapped(work, version, blob=None, boot=None):
    boot = boot or (GOLDEN / f"nydus-v{version}.boot").read_bytes()
    return nydus.write_layout(work, boot, [blob or (GOLDEN / f"nydus-v{version}.blob").read_bytes()],
                              version)


@pytest.mark.parametrize("version", [5, 6])
def test_golden_is_its_tar(version, tmp_path):
    embedded.write_layout(tmp_path / "tar", [(GOLDEN / "in-nydus.tar").read_bytes()])
    layout = wrapped(tmp_path / "nydus", version)
    store = tmp_path / "store"
    assert lines_of(tree(f"oci:{layout}", store)) == lines_of(tree(f"oci:{tmp_path}/tar", store))


@pytest.mark.parametrize("digester", ["sha256", "blake3"])
@pytest.mark.parametrize("compressor", ["none", "lz4_block", "zstd"])
@pytest.mark.parametrize("version,options", [(5, ()), (5, ("--aligned-chunk",)), (6, ()),
                                             (6, ("--features", "blob-toc"))],
                         ids=["v5", "v5-aligned", "v6", "v6-toc"])
def test_we_read_what_nydus_image_writes(version, options, compressor, digester, tmp_path, store,
                                         zoo_tree):
    boot, blobs = nydus.create(tmp_path / "work", zoo_layers(), version, "--compressor", compressor,
                               "--digester", digester, *options)
    layout = nydus.write_layout(tmp_path / "image", boot, blobs, version)
    assert lines_of(tree(f"oci:{layout}", store)) == zoo_tree


@pytest.mark.parametrize("version", [5, 6])
def test_a_changed_byte_of_the_blob_is_refused(version, tmp_path):
    blob = bytearray((GOLDEN / f"nydus-v{version}.blob").read_bytes())
    layout = wrapped(tmp_path / "image", version)
    path = next(p for p in (layout / "blobs" / "sha256").iterdir() if p.read_bytes() == bytes(blob))
    blob[5361] ^= 1                                   # of "hello"
    path.write_bytes(blob)
    failed = run(LAZYPULL, "cat", f"--store={tmp_path}/store", f"oci:{layout}", "/small", status=1)
    assert "layer.chunk.digest" in failed


@pytest.mark.parametrize("version", [5, 6])
def test_a_changed_byte_of_the_bootstrap_layer_is_refused(version, tmp_path):
    layout = wrapped(tmp_path / "image", version)
    paths = {p: p.read_bytes() for p in pathlib.Path(layout / "blobs" / "sha256").iterdir()}
    path, data = next((p, d) for p, d in paths.items() if d.startswith(b"\x1f\x8b"))
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    failed = run(LAZYPULL, "tree", f"--store={tmp_path}/store", f"oci:{layout}", status=1)
    assert "oci.layer.digest" in failed or "codec.gzip" in failed


def test_a_bootstrap_of_another_image_is_refused(tmp_path):
    layout = wrapped(tmp_path / "image", 6, blob=b"another")
    failed = run(LAZYPULL, "tree", f"--store={tmp_path}/store", f"oci:{layout}", status=1)
    assert "rafs.blob.missing" in failed
