# SPDX-License-Identifier: MIT
"""containerd with nydus-snapshotter and nydusd runs our Nydus images, lazily."""
import random

import embedded
import pytest
from conftest import (LAZYPULL, TOP, Tar, convert, layers_of, lines_of, peer, root_only, run, tree)
from containerd import Nydus


@pytest.fixture(scope="module")
def registry(work):
    (work / "nydus-registry").mkdir()
    with embedded.Registry(root=work / "nydus-registry", log=work / "nydus-registry.log") as r:
        yield r


@pytest.fixture(scope="module")
def daemon(work, registry):
    root_only()
    for name in ("containerd", "containerd-nydus-grpc", "nydusd", "nydus-image", "ctdrive"):
        peer(name)
    with Nydus(work / "ctd-nydus", registry.host) as c:
        yield c


@pytest.fixture(scope="module")
def program(work):
    """A program, and beside it what it does not read."""
    run("cc", "-static", "-Os", "-o", work / "hello", TOP / "corpora" / "hello.c")
    layer = Tar().add("hello", (work / "hello").read_bytes(), mode=0o755)
    for name in "dev", "proc", "sys":
        layer.add(f"{name}/", kind=b"5")
    layer.add("unread", random.Random(1).randbytes(8 << 20))
    embedded.write_layout(work / "program", [layer.bytes()], config={"Cmd": ["/hello"]})
    return work / "program"


def pushed(source, version, registry, work):
    """An image of ours in the registry, and its layout."""
    layout = convert(source, work / f"{source.name}-rafs{version}", f"--to=rafs{version}")
    image = f"{registry.host}/{source.name}:rafs{version}"
    run(LAZYPULL, "push", f"oci:{layout}", f"docker://{image}")
    return image, layout


@pytest.mark.parametrize("version", [5, 6])
def test_it_runs(version, daemon, program, registry, work):
    image, layout = pushed(program, version, registry, work)
    (_, blob), (_, boot) = layers_of(layout)
    others = daemon.serving()
    daemon.drive(*daemon.lazily, "-want", "hello from /hello, 2 arguments\n", "run", image,
                 "/hello", "a", "b")
    assert len(daemon.serving()) == len(others) + 1, "no nydusd serves the image"
    assert boot["digest"] in daemon.content()
    assert blob["digest"] not in daemon.content()
    reads = [r for r in registry.log() if r["method"] == "GET" and
             r["path"].endswith(blob["digest"])]
    assert {r["status"] for r in reads} == {206}
    assert sum(r["body_bytes"] for r in reads) < blob["size"] / 4


@pytest.mark.parametrize("version", [5, 6])
def test_it_is_mounted_as_we_see_it(version, daemon, zoo, registry, work):
    image, _ = pushed(zoo, version, registry, work)
    got = daemon.tree(image, *daemon.lazily)
    assert lines_of(got) == lines_of(tree(f"oci:{zoo}", work / "store"))
