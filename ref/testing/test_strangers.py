# SPDX-License-Identifier: MIT
"""Strangers read what we write, and we read what strangers write."""
import json
import subprocess

import embedded
import pytest
from conftest import (LAZYPULL, convert, layers_of, lines_of, peer, root_only, run, tree,
                      whole_seconds, zoo_layers)

TOC_DIGEST = "containerd.io/snapshot/stargz/toc.digest"
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


@pytest.fixture(scope="module")
def store(work):
    return work / "store"


@pytest.fixture(scope="module")
def zoo_tree(zoo, store):
    return tree(f"oci:{zoo}", store)


def test_estargz_is_the_same_tree(zoo_estargz, store, zoo_tree):
    assert tree(f"oci:{zoo_estargz}", store) == zoo_tree


def test_go_library_verifies_our_estargz(zoo_estargz):
    for blob, descriptor in layers_of(zoo_estargz):
        out = run(peer("esgz"), "verify", blob, descriptor["annotations"][TOC_DIGEST])
        assert "files verified" in out


@pytest.mark.parametrize("options", [[], ["-chunk-size", "4096"], ["-min-chunk-size", "50000"],
                                     ["-workers", "1"], ["-level", "1"]], ids=" ".join)
def test_we_read_what_the_go_library_writes(options, work, store, zoo_tree):
    esgz = peer("esgz")
    layout, blobs, notes, diffids = work / f"go{len(options)}{options[-1:]}", [], [], []
    for i, data in enumerate(zoo_layers()):
        (work / "in.tar").write_bytes(data)
        toc, diffid = run(esgz, "build", *options, work / "in.tar", work / "out").split()
        blobs.append((work / "out").read_bytes())
        notes.append({TOC_DIGEST: toc})
        diffids.append(diffid)
    embedded.write_layout(layout, blobs, media_type=GZIP, diff_ids=diffids, annotations=notes)
    # Go rounds times to seconds: of the zoo, one is not whole.
    assert tree(f"oci:{layout}", store) == zoo_tree.replace("1600000000500000000",
                                                           "1600000001000000000")
    assert "2 layers verified" in run(LAZYPULL, "check", f"--store={store}", f"oci:{layout}")


def test_skopeo_copies_and_umoci_unpacks(zoo, zoo_estargz, work, store):
    root_only()
    umoci, skopeo = peer("umoci"), peer("skopeo")
    for name, layout in (("legacy", zoo), ("estargz", zoo_estargz)):
        run(skopeo, "copy", f"oci:{layout}:latest", f"oci:{work}/skopeo-{name}:latest")
        run(umoci, "unpack", "--image", f"{work}/skopeo-{name}:latest", work / f"umoci-{name}")
    trees = [lines_of(tree(f"dir:{work}/umoci-{name}/rootfs", store))
             for name in ("legacy", "estargz")]
    assert trees[0] == trees[1]


@pytest.mark.parametrize("tool", ["tar", "bsdtar"])
@pytest.mark.parametrize("form", ["ustar", "pax", "gnu"])
def test_tars_of_other_writers(tool, form, work, store):
    root_only()
    if (tool, form) == ("bsdtar", "gnu"):
        form = "gnutar"
    source = work / f"{tool}-{form}"
    source.mkdir()
    (source / "sub").mkdir()
    (source / "sub" / "file").write_bytes(b"content" * 1000)
    (source / "hard").hardlink_to(source / "sub" / "file")
    (source / "link").symlink_to("sub/file")
    if form != "ustar":
        (source / ("n" * 200)).write_text("long")
    subprocess.run([peer(tool), "-C", source, f"--format={form}", "-cf", work / "w.tar", "."],
                   check=True)
    data = (work / "w.tar").read_bytes()
    layout = work / f"layout-{tool}-{form}"
    embedded.write_layout(layout, [data])
    want = tree(f"dir:{source}", store)
    got = lines_of(tree(f"oci:{layout}", store))
    if form == "pax":
        assert got == lines_of(want)
    else:
        assert got == whole_seconds(lines_of(want))


def test_fsck_accepts_the_merged_tree(zoo_estargz, work):
    own = work / "fsck-store"
    run(LAZYPULL, "pull", f"--store={own}", f"oci:{zoo_estargz}")
    meta = next(own.glob("images/*/meta.erofs"))
    image = json.loads((meta.parent / "image.json").read_text())
    devices = [f"--device={own}/{layer['device']}/data" for layer in image["layers"]]
    assert run(peer("fsck.erofs"), *devices, meta) == ""


def test_zstd_and_plain_layers(work, zoo, store, zoo_tree):
    for word in ("zstd", "none", "gzip"):
        layout = convert(zoo, work / f"oci-{word}", "--to=oci", f"--compressor={word}")
        assert tree(f"oci:{layout}", store) == zoo_tree


def test_check_accepts_what_is_whole(zoo, zoo_estargz, store):
    for layout, layers in ((zoo, 2), (zoo_estargz, 2)):
        assert f"{layers} layers verified" in run(LAZYPULL, "check", f"--store={store}",
                                                  f"oci:{layout}")
    assert not [p for p in (store / "tmp").iterdir() if p.is_dir()]
