# SPDX-License-Identifier: MIT
"""A bad registry: what can be retried succeeds, the rest is a clear error; nothing wrong is kept."""
import json
import os
import subprocess

import embedded
import pytest
from conftest import LAZYPULL, layers_of, run, tree


@pytest.fixture(scope="module")
def root(work, zoo, zoo_estargz):
    """A registry's folder with the zoo as repositories "legacy" and "estargz"."""
    path = work / "faults"
    path.mkdir()
    (path / "legacy").symlink_to(zoo)
    (path / "estargz").symlink_to(zoo_estargz)
    return path


@pytest.fixture(scope="module")
def want(zoo, work):
    return tree(f"oci:{zoo}", work / "faults-store")


HARMLESS = {
    "every second request is a 500": ["fail-500=2"],
    "every second request is a 429 with Retry-After": ["fail-429=2"],
    "every second body is short": ["short-body=2"],
    "every second connection is reset": ["reset=2"],
    "whole blobs for ranges": ["whole"],
    "redirects to another host": ["redirect"],
    "redirects whose URLs expire": ["redirect", "url-ttl=1"],
    "HEAD is forbidden": ["head=403"],
    "tokens": ["token"],
    "tokens that last two requests": ["token", "token-uses=2"],
    "a password": ["basic=user:secret"],
}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("image", ["legacy", "estargz"])
def test_harmless(name, image, root, want, tmp_path):
    options = ["--creds=user:secret"] if name == "a password" else []
    with embedded.Registry(root=root, knobs=HARMLESS[name], log=tmp_path / "log") as r:
        assert tree(f"{r.host}/{image}:latest", tmp_path / "store", *options) == want


def blob_requests(registry):
    return [r for r in registry.log() if r["kind"] == "blob" and r["method"] == "GET"]


MIRRORS = {
    "every body is short": ["short-body=1"],
    "every connection is reset": ["reset=1"],
    "everything is a 500": ["fail-500=1"],
    "tokens of its own": ["token", "token-uses=1", "short-body=2"],
}


@pytest.mark.parametrize("name", MIRRORS)
@pytest.mark.parametrize("image", ["legacy", "estargz"])
def test_a_mirror_that_fails_in_the_middle(name, image, root, want, tmp_path):
    """The rest comes from the registry; what the mirror has sent does not come again."""
    with (embedded.Registry(root=root, log=tmp_path / "log") as r,
          embedded.Registry(root=root, knobs=MIRRORS[name], log=tmp_path / "mirror-log") as m):
        assert tree(f"{r.host}/{image}:latest", tmp_path / "store", f"--mirror={m.url}") == want
        rest, asked = blob_requests(r), m.log()
    assert asked and rest
    layers = [d["digest"] for _, d in layers_of(root / image)]
    got = [q["range"] for q in rest if any(d in q["path"] for d in layers)]
    if "short" in name or "reset" in name:
        assert got and all(r and not r.startswith("bytes=0-") for r in got)


def test_a_mirror_with_wrong_bytes(root, zoo_estargz, tmp_path):
    """A chunk that is wrong there is fetched from the registry."""
    blob, descriptor = layers_of(zoo_estargz)[1]
    toc = json.loads(run("python3", "-c", TOC, blob))
    entry = next(e for e in toc["entries"] if e["name"] == "opaque/new")
    knob = f"corrupt={descriptor['digest']}:{entry['offset'] + 14}"
    with (embedded.Registry(root=root, log=tmp_path / "log") as r,
          embedded.Registry(root=root, knobs=[knob]) as m):
        run(LAZYPULL, "pull", "--complete", f"--store={tmp_path}/store", f"--mirror={m.url}",
            f"{r.host}/estargz:latest")
        assert len(blob_requests(r)) == 1


def fails(tmp_path, argv, *words, status=(1, 3)):
    """The command ends with such a status, a line with one of the words, and keeps nothing."""
    done = subprocess.run([LAZYPULL, *argv, f"--store={tmp_path}/store"], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode in status, done.stderr
    assert any(word in done.stderr for word in words), done.stderr
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "store").glob("images/*/image.json"))
    assert not [p for p in (tmp_path / "store").glob("tmp/*") if p.is_dir()]


@pytest.mark.parametrize("image", ["legacy", "estargz"])
@pytest.mark.parametrize("knob, word", [("fail-500=1", "500"), ("fail-429=1", "429"),
                                        ("short-body=1", ""), ("reset=1", "")])
def test_hopeless(knob, word, image, root, tmp_path):
    with embedded.Registry(root=root, knobs=[knob]) as r:
        fails(tmp_path, ["pull", f"{r.host}/{image}:latest"], word, status=(3,))


def test_shifted_ranges_are_refused(root, tmp_path):
    with embedded.Registry(root=root, knobs=["shifted-range"]) as r:
        fails(tmp_path, ["pull", f"{r.host}/estargz:latest"], "registry.range")


def test_wrong_password(root, tmp_path):
    with embedded.Registry(root=root, knobs=["basic=user:secret"]) as r:
        fails(tmp_path, ["pull", f"{r.host}/estargz:latest", "--creds=user:wrong"], "401",
              status=(3,))


def test_missing_tag(root, tmp_path):
    with embedded.Registry(root=root) as r:
        fails(tmp_path, ["pull", f"{r.host}/estargz:none"], "404", status=(3,))


def flip(root, tmp_path, digest, at, image, *words):
    with embedded.Registry(root=root, knobs=[f"corrupt={digest}:{at}"]) as r:
        fails(tmp_path, ["pull", "--complete", f"{r.host}/{image}:latest"], *words, status=(1,))


def documents(layout):
    index = json.loads((layout / "index.json").read_text())
    manifest = index["manifests"][0]["digest"]
    blob = layout / "blobs" / "sha256" / manifest[7:]
    return manifest, json.loads(blob.read_text())["config"]["digest"]


def test_flipped_documents(root, zoo, tmp_path):
    manifest, config = documents(zoo)
    for digest, rule in ((manifest, "oci.manifest.digest"), (config, "oci.config.digest")):
        flip(root, tmp_path, digest, 7, "legacy", rule, "oci.manifest", "registry.blob")


def test_flipped_legacy_blob(root, zoo, tmp_path):
    _, descriptor = layers_of(zoo)[0]
    for at in (0, 5, 100, descriptor["size"] // 2, descriptor["size"] - 1):
        flip(root, tmp_path, descriptor["digest"], at, "legacy", "oci.layer.digest", "codec.", "tar.")


def test_flipped_footer_and_toc(root, zoo_estargz, tmp_path):
    blob, descriptor = layers_of(zoo_estargz)[1]
    toc = int(blob.read_bytes()[-51 + 16:-51 + 32], 16)
    for back in (1, 10, 30, 51):
        flip(root, tmp_path, descriptor["digest"], descriptor["size"] - back, "estargz",
             "estargz.footer")
    for at in (0, 20, 100, (descriptor["size"] - toc) // 2):
        flip(root, tmp_path, descriptor["digest"], toc + at, "estargz", "estargz.", "codec.",
             "tar.")


def test_flipped_chunk(root, zoo_estargz, tmp_path, want):
    """Pulling is lazy and succeeds; the one file cannot be read, the others can."""
    blob, descriptor = layers_of(zoo_estargz)[1]
    toc = json.loads(run("python3", "-c", TOC, blob))
    entry = next(e for e in toc["entries"] if e["name"] == "opaque/new")
    store = f"--store={tmp_path}/store"
    with embedded.Registry(root=root, knobs=[f"corrupt={descriptor['digest']}:{entry['offset'] + 14}"]
                           ) as r:
        image = f"{r.host}/estargz:latest"
        run(LAZYPULL, "pull", store, image)
        words = run(LAZYPULL, "cat", store, image, "/opaque/new", status=1)
        assert "layer.chunk.digest" in words or "codec." in words
        assert run(LAZYPULL, "cat", store, image, "/d/small") == "another\n"
    with embedded.Registry(root=root) as r:  # nothing wrong was kept: an honest registry heals it
        assert run(LAZYPULL, "cat", store, f"{r.host}/estargz:latest", "/opaque/new") == "new"


TOC = """
import gzip, sys, zlib
data = open(sys.argv[1], "rb").read()
at = int(data[-51 + 16:-51 + 32], 16)
tar = zlib.decompressobj(31).decompress(data[at:])
size = int(tar[124:135], 8)
sys.stdout.write(tar[512:512 + size].decode())
"""


def test_check_finds_a_flip_that_no_chunk_covers(root, zoo_estargz, tmp_path):
    """At the end of a member lie bytes that lazy reading never looks at: its length."""
    blob, descriptor = layers_of(zoo_estargz)[0]
    toc = json.loads(run("python3", "-c", TOC, blob))
    first = min(e["offset"] for e in toc["entries"] if e.get("offset"))
    with embedded.Registry(root=root, knobs=[f"corrupt={descriptor['digest']}:{first - 3}"]) as r:
        image = f"{r.host}/estargz:latest"
        run(LAZYPULL, "pull", "--complete", f"--store={tmp_path}/store", image)
        words = run(LAZYPULL, "check", f"--store={tmp_path}/store", image, status=1)
        # who hashes the blob and who inflates it run side by side: the first to notice says so
        assert "codec.gzip.length" in words or "oci.layer.digest" in words


def test_flipped_store(zoo_estargz, tmp_path):
    """A byte changed behind our back, in each file that is trusted by its digest."""
    image, store = f"oci:{zoo_estargz}", tmp_path / "store"
    run(LAZYPULL, "pull", f"--store={store}", image)
    for pattern, rule in (("images/*/meta.erofs", "store.image.meta"),
                          ("images/*/config.json", "store.image.config"),
                          ("devices/*/table", "store.table")):
        path = sorted(store.glob(pattern))[0]
        whole = path.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            words = run(LAZYPULL, "cat", f"--store={store}", image, "/d/small", status=1)
            assert rule in words
        path.write_bytes(whole)
    assert run(LAZYPULL, "cat", f"--store={store}", image, "/d/small") == "another\n"
