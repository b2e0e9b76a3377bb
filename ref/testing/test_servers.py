# SPDX-License-Identifier: MIT
"""Other people's servers: Debian's docker-registry; TLS, HTTP/2 and redirects through nginx."""
import json
import shutil

import embedded
import pytest
from conftest import LAZYPULL, lines_of, nearest_seconds, peer, root_only, run, tree
from servers import DockerRegistry, Nginx


@pytest.fixture(scope="module")
def want(zoo, work):
    return tree(f"oci:{zoo}", work / "servers-store")


@pytest.fixture(scope="module")
def root(work, zoo, zoo_estargz):
    path = work / "servers"
    path.mkdir()
    (path / "legacy").symlink_to(zoo)
    (path / "estargz").symlink_to(zoo_estargz)
    return path


@pytest.mark.parametrize("layout", ["zoo", "zoo_estargz"])
def test_docker_registry(layout, want, tmp_path, request):
    peer("docker-registry")
    layout = request.getfixturevalue(layout)
    store = f"--store={tmp_path}/store"
    with DockerRegistry(tmp_path) as r:
        run(LAZYPULL, "push", f"oci:{layout}", f"{r.host}/a/zoo:one")
        assert tree(f"{r.host}/a/zoo:one", tmp_path / "store") == want
        # a name in another repository: its blobs are mounted; and a push of what is there
        run(LAZYPULL, "push", f"{r.host}/a/zoo:one", f"{r.host}/b/zoo:two")
        run(LAZYPULL, "push", f"oci:{layout}", f"{r.host}/a/zoo:one")
        assert tree(f"{r.host}/b/zoo:two", tmp_path / "store") == want
        run(LAZYPULL, "convert", f"{r.host}/a/zoo:one", f"{r.host}/c:esgz", "--to=estargz")
        assert tree(f"{r.host}/c:esgz", tmp_path / "store") == want
        assert run(LAZYPULL, "pull", store, f"{r.host}/c:none", status=3).count("404")


@pytest.mark.parametrize("http2", [True, False], ids=["http2", "http1"])
@pytest.mark.parametrize("image", ["legacy", "estargz"])
def test_tls_and_redirects_across_hosts(image, http2, root, want, tmp_path):
    """The storage host answers 400 when it is sent the registry's Authorization."""
    peer("nginx")
    front = Nginx(tmp_path, http2)
    knobs = ["redirect", "basic=user:secret"]
    options = [f"--storage-url={front.storage_url}"]
    with embedded.Registry(root, knobs=knobs, options=options) as r, front.serve(r):
        got = tree(f"{front.host}/{image}:latest", tmp_path / "store", f"--ca-file={front.ca}",
                   "--creds=user:secret")
        assert got == want
    seen = front.log()
    assert {line[0] for line in seen if line[2] == "206" or line[2] == "200"} >= {"127.0.0.2"}
    protocols = {"HTTP/2.0" if http2 else "HTTP/1.1"}
    if image == "legacy":  # a stream has a connection of its own
        protocols.add("HTTP/1.1")
    assert {line[1] for line in seen} == protocols
    assert not [line for line in seen if line[2] == "400"]


def test_push_over_tls(zoo, want, tmp_path):
    peer("nginx")
    front, root = Nginx(tmp_path), tmp_path / "root"
    root.mkdir()
    with embedded.Registry(root) as r, front.serve(r):
        ca = f"--ca-file={front.ca}"
        run(LAZYPULL, "push", ca, f"oci:{zoo}", f"{front.host}/pushed:1")
        assert tree(f"{front.host}/pushed:1", tmp_path / "store", ca) == want


def test_certificates_are_checked(root, tmp_path):
    """A server that the named authority does not vouch for, and one without TLS."""
    peer("nginx")
    (tmp_path / "other").mkdir()
    front, other = Nginx(tmp_path), Nginx(tmp_path / "other")
    store = f"--store={tmp_path}/store"
    with embedded.Registry(root) as r, front.serve(r):
        words = run(LAZYPULL, "pull", store, f"--ca-file={other.ca}", f"{front.host}/legacy",
                    status=3)
        assert "certificate" in words
        assert run(LAZYPULL, "pull", store, f"--ca-file={front.ca}",
                   f"localhost:{r.port}/legacy", status=3)
    assert not list((tmp_path / "store").glob("images/*/image.json"))


@pytest.mark.parametrize("words, kind", [
    (["--format=v2s2"], "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    (["--format=oci", "--dest-compress-format=zstd"], "application/vnd.oci.image.layer.v1.tar+zstd"),
], ids=["v2s2", "zstd"])
def test_images_of_skopeo(words, kind, zoo, want, tmp_path):
    """Docker schema 2 and zstd layers, as skopeo pushes them."""
    skopeo = peer("skopeo")
    (tmp_path / "root").mkdir()
    with embedded.Registry(tmp_path / "root") as r:
        run(skopeo, "copy", "-q", "--dest-tls-verify=false", *words, f"oci:{zoo}:latest",
            f"docker://{r.host}/zoo:1")
        inspect = json.loads(run(LAZYPULL, "inspect", "--json", f"{r.host}/zoo:1"))
        assert kind in json.dumps(inspect)
        assert tree(f"{r.host}/zoo:1", tmp_path / "store") == want
        lazy = tmp_path / "lazy"
        run(LAZYPULL, "convert", f"{r.host}/zoo:1", f"oci:{lazy}", "--to=estargz")
        assert tree(f"oci:{lazy}", tmp_path / "store") == want


def test_image_of_umoci(zoo, tmp_path):
    """A layer that umoci made of what changed: whiteouts, a changed mode, a new file."""
    root_only()
    umoci = peer("umoci")
    layout, bundle = tmp_path / "layout", tmp_path / "bundle"
    run("cp", "-a", zoo, layout)
    run(umoci, "unpack", "--image", f"{layout}:latest", bundle)
    rootfs = bundle / "rootfs"
    (rootfs / "gone/b").unlink()
    shutil.rmtree(rootfs / "opaque")
    (rootfs / "d/small").chmod(0o700)
    (rootfs / "made").mkdir()
    (rootfs / "made/by-umoci").write_text("new" * 5000)
    run(umoci, "repack", "--image", f"{layout}:changed", bundle)
    trees = [nearest_seconds(lines_of(tree(image, tmp_path / "store")))
             for image in (f"oci:{layout}:changed", f"dir:{rootfs}")]
    for line in trees[0]:  # umoci unpacks no empty attribute, and does not miss it
        line.get("x", {}).pop("user.empty", None)
    assert trees[0] == trees[1]
