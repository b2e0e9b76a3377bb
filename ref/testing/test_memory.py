# SPDX-License-Identifier: MIT
"""Memory stays within its limit, whatever the size of a layer or of a file in it."""
import gzip
import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile

import embedded
import pytest
from conftest import LAZYPULL, TOP, run

CORPORA = pathlib.Path(os.environ.get("CORPORA", TOP / "build" / "corpora"))
LIMIT_KIB = 64 << 10
PIECE = bytes(64 << 20)


# What the kernel tells of a child begins with the size of whoever forked it: that must be small.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_kib(*argv):
    """The most memory that a command, or a child of its, had resident at once."""
    return int(run(sys.executable, "-c", MEASURE, *argv))


@pytest.fixture(scope="module")
def large(work):
    """A legacy image whose only layer is one file of LAZYPULL_TEST_LARGE_MIB (1 GiB) zeros."""
    pieces = int(os.environ.get("LAZYPULL_TEST_LARGE_MIB", 1024)) // 64
    info = tarfile.TarInfo("zeros")
    info.size = pieces * len(PIECE)
    head, tail = info.tobuf(tarfile.PAX_FORMAT), bytes(1024)
    diffid = hashlib.sha256(head)
    for _ in range(pieces):
        diffid.update(PIECE)
    diffid.update(tail)
    member = gzip.compress(PIECE, 1, mtime=0)
    blob = gzip.compress(head, mtime=0) + member * pieces + gzip.compress(tail, mtime=0)
    layout = work / "large"
    embedded.write_layout(layout, [blob], diff_ids=["sha256:" + diffid.hexdigest()],
                          media_type="application/vnd.oci.image.layer.v1.tar+gzip")
    return layout


def test_a_large_layer(large, tmp_path):
    store = f"--store={tmp_path}/store"
    assert peak_kib(LAZYPULL, "pull", store, f"oci:{large}") < LIMIT_KIB
    lazy = tmp_path / "lazy"
    assert peak_kib(LAZYPULL, "convert", f"oci:{large}", f"oci:{lazy}", "--to=estargz") < LIMIT_KIB
    subprocess.run(["rm", "-rf", tmp_path / "store"], check=True)
    assert peak_kib(LAZYPULL, "pull", "--complete", store, f"oci:{lazy}") < LIMIT_KIB
    assert peak_kib(LAZYPULL, "cat", store, f"oci:{lazy}", "/zeros") < LIMIT_KIB
    subprocess.run(["rm", "-rf", tmp_path / "store"], check=True)


@pytest.mark.parametrize("version", [5, 6])
def test_a_large_layer_of_nydus(version, large, tmp_path):
    store, nydus = f"--store={tmp_path}/store", tmp_path / "nydus"
    assert peak_kib(LAZYPULL, "convert", f"oci:{large}", f"oci:{nydus}",
                    f"--to=rafs{version}") < LIMIT_KIB
    assert peak_kib(LAZYPULL, "check", store, f"oci:{nydus}") < LIMIT_KIB
    assert peak_kib(LAZYPULL, "convert", store, f"oci:{nydus}", f"oci:{tmp_path}/back",
                    "--to=oci", "--compressor=zstd") < LIMIT_KIB
    subprocess.run(["rm", "-rf", tmp_path / "store", tmp_path / "back"], check=True)


@pytest.mark.parametrize("version", [5, 6])
def test_many_files_of_nydus(version, tmp_path):
    """50 000 files, a chunk each: 256 bytes for an entry, 256 for a chunk."""
    corpus = CORPORA / "small-files"
    if not corpus.exists():
        pytest.skip("image small-files is missing (corpora/make.py)")
    limit = LIMIT_KIB + 2 * 50_000 * 256 // 1024
    store, nydus = f"--store={tmp_path}/store", tmp_path / "nydus"
    assert peak_kib(LAZYPULL, "convert", f"oci:{corpus}", f"oci:{nydus}",
                    f"--to=rafs{version}") < limit
    assert peak_kib(LAZYPULL, "pull", store, f"oci:{nydus}") < limit
    assert peak_kib(LAZYPULL, "check", store, f"oci:{nydus}") < limit
