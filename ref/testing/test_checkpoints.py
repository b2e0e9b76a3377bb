# SPDX-License-Identifier: MIT
"""A legacy layer that was pulled and lost its bytes is fetched again in parts, not as a whole."""
import gzip
import random
import subprocess
from pathlib import Path

import embedded
import pytest
from conftest import LAZYPULL, Tar, run

FILES = {f"f{i}": random.Random(i).randbytes(2 << 20).hex().encode() for i in range(8)}
FRAME = 4 << 20    # plain bytes between checkpoints


def zstd(data):
    """One frame for each 4 MiB, as parallel writers make them."""
    return b"".join(subprocess.run(["zstd", "-c"], input=data[at:at + FRAME], capture_output=True,
                                   check=True).stdout for at in range(0, len(data), FRAME))


ENCODE = {"": bytes, "+gzip": lambda data: gzip.compress(data, 6, mtime=0), "+zstd": zstd}


def lose(store):
    """Forget that any byte of the store's devices is there, and the bytes."""
    link = next(p for p in Path("/run/lazypull").glob("*/store") if str(p.readlink()) == str(store))
    for live in link.parent.glob("live.*"):
        live.unlink()
    for device in (store / "devices").iterdir():
        (device / "ready").unlink()
        size = (device / "data").stat().st_size
        (device / "data").write_bytes(b"")
        with open(device / "data", "r+b") as file:
            file.truncate(size)


@pytest.mark.parametrize("suffix", ENCODE)
def test_lost_bytes_come_in_parts(suffix, tmp_path):
    tar = Tar()
    for name, body in FILES.items():
        tar.add(name, body)
    blob = ENCODE[suffix](tar.bytes())
    embedded.write_layout(tmp_path / "root/image", [blob], diff_ids=[embedded.digest(tar.bytes())],
                          media_type=f"application/vnd.oci.image.layer.v1.tar{suffix}")
    store, log = tmp_path / "store", tmp_path / "log"
    with embedded.Registry(root=tmp_path / "root", log=log) as registry:
        image = f"{registry.host}/image:latest"
        run(LAZYPULL, "pull", f"--store={store}", image)
        lose(store)
        before = len(registry.log())
        for name in ("f6", "f1"):
            got = subprocess.run([LAZYPULL, "cat", f"--store={store}", image, f"/{name}"],
                                 capture_output=True, check=True).stdout
            assert got == FILES[name]
        lines = registry.log()[before:]
    fetched = sum(x["body_bytes"] for x in lines if embedded.digest(blob) in x["path"])
    # Two files of eight, each perhaps in two frames of nine; ranges may take some bytes between.
    assert len(blob) * 0.2 < fetched < len(blob) * 0.6
