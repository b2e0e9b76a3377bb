# SPDX-License-Identifier: MIT
"""containerd with stargz-snapshotter reads our images: lazily, and as legacy ones."""
import json

import embedded
import pytest
from conftest import (LAZYPULL, layers_of, lines_of, nearest_seconds, peer, root_only, run, tree,
                      whole_seconds)
from containerd import Stargz


@pytest.fixture(scope="module")
def registry(work):
    (work / "registry").mkdir()
    with embedded.Registry(root=work / "registry", log=work / "registry.log") as r:
        yield r


@pytest.fixture(scope="module")
def daemon(work, registry):
    root_only()
    for name in ("containerd", "stargzd", "ctdrive"):
        peer(name)
    with Stargz(work / "containerd", registry.host) as c:
        yield c


@pytest.fixture(scope="module")
def pushed(zoo_estargz, registry):
    run(LAZYPULL, "push", f"oci:{zoo_estargz}", f"docker://{registry.host}/zoo:estargz")
    return f"{registry.host}/zoo:estargz"


def test_stargz_snapshotter_mounts_it_lazily(daemon, pushed, registry, work, zoo_estargz):
    got = daemon.tree(pushed, *daemon.lazily)
    blobs = {descriptor["digest"]: descriptor["size"] for _, descriptor in layers_of(zoo_estargz)}
    whole = [r for r in registry.log() if r["method"] == "GET" and r["status"] == 200 and
             r["path"].rsplit("/", 1)[1] in blobs]
    assert not whole, "a layer was downloaded as a whole: the lazy path was not used"
    want = tree(f"oci:{zoo_estargz}", work / "store")
    assert whole_seconds(lines_of(got)) == whole_seconds(lines_of(want))


def test_overlayfs_unpacks_it_as_a_legacy_image(daemon, pushed, work, zoo_estargz):
    got = daemon.tree(pushed)
    want = tree(f"oci:{zoo_estargz}", work / "store")
    assert lines_of(got) == lines_of(want)


def test_we_read_what_ctr_remote_converts(daemon, zoo, registry, work):
    """Debian's ctr-remote, the converter of most images that are published."""
    converter, ctr = peer("ctr-remote"), peer("ctr")
    source, target = f"{registry.host}/zoo:legacy", f"{registry.host}/zoo:ctr"
    run(LAZYPULL, "push", f"oci:{zoo}", f"docker://{source}")
    at = ["--address", daemon.dir / "containerd.sock"]
    run(ctr, *at, "images", "pull", "--plain-http", "--snapshotter=overlayfs", source,
        env=daemon.env)
    run(converter, *at, "images", "convert", "--estargz", "--oci", source, target,
        env=daemon.env)
    run(ctr, *at, "images", "push", "--plain-http", target, env=daemon.env)
    inspect = json.loads(run(LAZYPULL, "inspect", "--json", target))
    assert "toc.digest" in json.dumps(inspect)
    got, want = tree(target, work / "store"), tree(f"oci:{zoo}", work / "store")
    assert nearest_seconds(lines_of(got)) == nearest_seconds(lines_of(want))
